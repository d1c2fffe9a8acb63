package office

import (
	"cmp"
	"context"
	"math"
	"slices"

	"narthex"
	"narthex/client"
	"narthex/internal/book"
	"narthex/internal/journal"
	"narthex/internal/order"
	"narthex/internal/store"
	"narthex/internal/workflow"
	"narthex/ledger"
)

// mostHistory bounds what a history shows of events: the latest. Readings come in pages.
const (
	mostHistory = 1000
	readingPage = 200
)

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
// not to see yet is left out: others' votes where theirs is to come, and who of the lab read it while the review goes on; and of
// manuscripts what they do not see of them. To look is a reading too. The latest readings come with all events; before an entry, the
// readings before it and no event.
func (o *Office) History(ctx context.Context, by narthex.PersonID, id narthex.EngagementID, before *uint64) (client.History, error) {
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
		end := uint64(math.MaxUint64)
		if before != nil {
			end = *before
		} else {
			span := store.Prefix(string(id)+"/", mostHistory)
			span.Reverse = true
			events, err := journal.Scan[workflow.Event](tx, store.Events, span)
			if err != nil {
				return err
			}
			for _, row := range events {
				event := *row.Row
				line := client.HistoryLine{At: event.At, What: string(event.Command), By: event.By, As: event.As}
				switch workflow.Tells(e, p, event) {
				case "":
					continue
				case workflow.TellDates:
					line.By, line.Name, line.As = "", "somebody who may", ""
				default:
					if line.Name, err = name(event.By); err != nil {
						return err
					}
					if event.Triaged != nil {
						line.Name = "the rule " + event.Triaged.Rule
					}
					if event.By == "" && event.Opinion != nil {
						line.Name = specialist(e, event.Opinion.ID)
					}
				}
				out.Lines = append(out.Lines, line)
			}
		}
		events := len(out.Lines)
		var failed error
		read := 0
		var earliest uint64
		err = book.ReadsOf(tx, id, end, readingPage+1, func(index uint64, record ledger.Record, opening ledger.Opening) {
			if read++; read > readingPage {
				out.Earlier = &earliest
				return
			}
			earliest = index
			line := client.HistoryLine{At: record.Time().UTC(), What: "read", Read: "erased", Entry: &index}
			if opening.Type != "" {
				line.Read, line.By = opening.Text("what"), narthex.PersonID(opening.Text("by"))
			}
			if line.Read == string(book.ReadManuscript) && line.By != p.ID && workflow.SightOf(e, p) != workflow.SightWhole {
				return
			}
			invite := narthex.InviteID(line.By)
			asked := workflow.OpinionOf(e, invite) != nil
			if asked && !workflow.SeesOpinions(e, p) {
				return
			}
			if workflow.HidesReaders(e, p) && line.By != p.ID && !slices.Contains(e.Authors, line.By) {
				line.By, line.Name = "", "somebody who may"
			} else if asked {
				line.By, line.Name = "", specialist(e, invite)
			} else if line.Name, err = name(line.By); err != nil {
				failed = err
			}
			out.Lines = append(out.Lines, line)
		})
		if err = cmp.Or(err, failed); err != nil {
			return err
		}
		slices.Reverse(out.Lines[:events]) // both were read from the latest on
		slices.Reverse(out.Lines[events:])
		order.By(out.Lines, func(a, b client.HistoryLine) int { return a.At.Compare(b.At) })
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

// specialist names someone from outside who was asked for an opinion.
func specialist(e narthex.Engagement, id narthex.InviteID) string {
	if o := workflow.OpinionOf(e, id); o != nil {
		return o.Name + ", a specialist"
	}
	return ""
}
