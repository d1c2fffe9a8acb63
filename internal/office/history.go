package office

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"narthex"
	"narthex/client"
	"narthex/internal/book"
	"narthex/internal/journal"
	"narthex/internal/store"
	"narthex/internal/workflow"
	"narthex/ledger"
)

// mostHistory bounds what a history shows of readings, and of events: the latest.
const mostHistory = 1000

// recordRead records that a person read something of an engagement, before they are answered. Who may no longer read it is refused.
func (o *Office) recordRead(ctx context.Context, by narthex.PersonID, id narthex.EngagementID, what book.Read) error {
	return o.act(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		e, err := engagementOf(tx, id)
		if err != nil {
			return err
		}
		if !workflow.MayRead(e, p) {
			return narthex.WithheldError()
		}
		return book.AddRead(tx, id, by, what)
	})
}

// History gives what happened with an engagement and who read it, the earliest first, to someone who may know of it. What they are
// not to see yet is left out: others' votes where theirs is to come, and who of the lab read it while the review goes on. To look is
// a reading too.
func (o *Office) History(ctx context.Context, by narthex.PersonID, id narthex.EngagementID) (client.History, error) {
	var out client.History
	err := o.look(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		out = client.History{Lines: []client.HistoryLine{}}
		e, err := engagementOf(tx, id)
		if err != nil {
			return err
		}
		if !workflow.MayRead(e, p) {
			return narthex.WithheldError()
		}
		names := map[narthex.PersonID]string{}
		name := func(id narthex.PersonID) (string, error) {
			if known, is := names[id]; is || id == "" {
				return known, nil
			}
			person, err := journal.Get[narthex.Person](tx, store.People, string(id))
			if err == nil && person != nil {
				names[id] = person.Name
			}
			return names[id], err
		}
		span := store.Prefix(string(id)+"/", mostHistory)
		span.Reverse = true
		events, err := journal.Scan[workflow.Event](tx, store.Events, span)
		if err != nil {
			return err
		}
		for _, row := range events {
			event := *row.Row
			if !workflow.SeesEvent(e, p, event) {
				continue
			}
			who, err := name(event.By)
			if err != nil {
				return err
			}
			out.Lines = append(out.Lines, client.HistoryLine{At: event.At, What: string(event.Command), By: event.By, Name: who, As: event.As})
		}
		var failed error
		err = book.ReadsOf(tx, id, mostHistory, func(index uint64, record ledger.Record, opening ledger.Opening) {
			if opening.Text("what") == string(book.ReadManuscript) && workflow.SightOf(e, p) == "" {
				return // to them there is none
			}
			line := client.HistoryLine{At: record.Time().UTC(), What: "read", Read: "erased", Entry: &index}
			if opening.Type != "" {
				line.Read, line.By = opening.Text("what"), narthex.PersonID(opening.Text("by"))
			}
			if workflow.HidesReaders(e, p) && line.By != p.ID && !slices.Contains(e.Authors, line.By) {
				line.By, line.Name = "", "somebody who may"
			} else if line.Name, err = name(line.By); err != nil {
				failed = err
			}
			out.Lines = append(out.Lines, line)
		})
		if err = cmp.Or(err, failed); err != nil {
			return err
		}
		slices.SortStableFunc(out.Lines, func(a, b client.HistoryLine) int {
			return cmp.Or(a.At.Compare(b.At), strings.Compare(a.What, b.What))
		})
		return nil
	})
	if err == nil {
		err = o.recordRead(ctx, by, id, book.ReadHistory)
	}
	if err != nil {
		return client.History{}, err
	}
	return out, nil
}
