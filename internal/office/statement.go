package office

import (
	"context"
	"slices"
	"time"

	"narthex"
	"narthex/internal/book"
	"narthex/internal/canon"
	"narthex/internal/journal"
	"narthex/internal/statement"
	"narthex/internal/store"
	"narthex/internal/workflow"
	"narthex/ledger"
)

// Statement issues an engagement's access statement, as a file with its proof. One that was issued before, since nothing of the
// engagement has changed, is not issued again. The counting is done beside the writer, one at a time.
func (o *Office) Statement(ctx context.Context, by narthex.PersonID, id narthex.EngagementID, names bool) ([]byte, error) {
	o.stating.Lock()
	defer o.stating.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, narthex.Unavailablef("The request ended before its turn.").Because(err)
	}
	in, size, from, err := o.stated(ctx, by, id, names)
	if err != nil {
		return nil, err
	}
	for ; from < size; from += countedAtOnce {
		err = o.look(ctx, by, func(tx *journal.Tx, _ narthex.Person) error {
			return journal.EachEntry(tx.Reader(), from, min(from+countedAtOnce, size), func(index uint64, record ledger.Record, opening ledger.Opening) error {
				return in.Tally.Entry(index, record.Time(), opening)
			})
		})
		if err != nil {
			return nil, err
		}
	}
	made := statement.Of(in)
	digest, err := canon.Digest(made)
	if err != nil {
		return nil, err
	}
	index, issued := in.Tally.Issued(digest)
	if !issued {
		if index, err = o.issue(ctx, by, id, digest); err != nil {
			return nil, err
		}
	}
	var data []byte
	err = o.look(ctx, by, func(tx *journal.Tx, _ narthex.Person) error {
		head, err := journal.ReadHead(tx.Reader())
		if err != nil {
			return err
		}
		file := statement.NewFile(o.LogKey, head.Checkpoint, digest, made)
		err = journal.EachEntry(tx.Reader(), index, index+1, func(_ uint64, record ledger.Record, opening ledger.Opening) error {
			return file.Entry.Prove(journal.Tiles{Reader: tx.Reader()}, index, head.Size, record, opening)
		})
		if err == nil {
			data, err = file.Marshal()
		}
		return err
	})
	return data, err
}

// countedAtOnce is how many entries are counted before others have their turn, and it is asked again whether the reader is there.
const countedAtOnce = 4096

// issue writes the entry by which a statement of that digest is issued, and gives its index.
func (o *Office) issue(ctx context.Context, by narthex.PersonID, id narthex.EngagementID, digest narthex.Digest) (uint64, error) {
	var last journal.Last
	err := o.act(journal.WithLast(ctx, &last), by, func(tx *journal.Tx, p narthex.Person) error {
		e, err := engagementOf(tx, id)
		if err != nil {
			return err
		}
		_, err = o.apply(tx, e, workflow.Event{Command: workflow.Issue, Saw: digest}, p, workflow.Facts{})
		return err
	})
	return last.Index, err
}

// stated gathers what a statement is made of, but for the entries: those from one index up to another are still to be counted.
func (o *Office) stated(ctx context.Context, by narthex.PersonID, id narthex.EngagementID, names bool) (in statement.Input, size, from uint64, err error) {
	err = o.look(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		e, err := engagementOf(tx, id)
		if err != nil {
			return err
		}
		if !workflow.MayRead(e, p) {
			return narthex.WithheldError()
		}
		if refused := workflow.Open(e, workflow.Issue, p); refused != nil {
			return refused
		}
		rules, err := o.Rules.Get()
		if err != nil {
			return err
		}
		row, err := journal.Get[book.Agreement](tx, store.Agreements, string(e.Agreement))
		if err != nil || row == nil {
			return narthex.Unavailablef("The agreement could not be read.").Because(err)
		}
		in = statement.Input{Engagement: e, Agreement: row.Agreement, Taxonomy: rules.Directory.Taxonomy, Calendar: rules.Directory.Calendar, Tally: statement.NewTally(id, e.Grant, targetsOf(e, row.Agreement.Terms))}
		if in.Asked, err = firstAsked(tx, id); err != nil {
			return err
		}
		if names {
			if in.Names, err = namesOf(tx, workflow.Holders(e)); err != nil {
				return err
			}
		}
		head, err := journal.ReadHead(tx.Reader())
		if err != nil {
			return err
		}
		size = head.Size
		from, err = firstSince(tx, e.CreatedAt, size)
		return err
	})
	return in, size, from, err
}

// targetsOf is what a lock stops the whole access by, or an asset of it.
func targetsOf(e narthex.Engagement, terms []narthex.Term) []string {
	targets := []string{string(e.ID), string(e.Grant), string(e.Application.Org)}
	for _, term := range terms {
		if name := string(term.Asset); !slices.Contains(targets, name) {
			targets = append(targets, name)
		}
	}
	return targets
}

// firstAsked gives the terms of an application as it was first handed in.
func firstAsked(tx *journal.Tx, id narthex.EngagementID) ([]narthex.Term, error) {
	events, err := journal.Scan[workflow.Event](tx, store.Events, store.Prefix(string(id)+"/", 100_000))
	if err != nil {
		return nil, err
	}
	var asked []narthex.Term
	for _, row := range events {
		if row.Row.Application != nil {
			asked = row.Row.Application.Terms
		}
		if row.Row.Command == workflow.Submit {
			break
		}
	}
	return asked, nil
}

func namesOf(tx *journal.Tx, people []narthex.PersonID) ([]string, error) {
	list := []string{}
	for _, id := range people {
		person, err := journal.Get[narthex.Person](tx, store.People, string(id))
		if err != nil || person == nil {
			return nil, narthex.Unavailablef("A person could not be read.").Because(err)
		}
		list = append(list, person.Name)
	}
	return list, nil
}

// firstSince gives the first entry that is no older than a time: times in the ledger never decrease.
func firstSince(tx *journal.Tx, since time.Time, size uint64) (uint64, error) {
	since = since.Truncate(time.Millisecond)
	low, high := uint64(0), size
	for low < high {
		middle := low + (high-low)/2
		older := false
		err := journal.EachEntry(tx.Reader(), middle, middle+1, func(_ uint64, record ledger.Record, _ ledger.Opening) error {
			older = record.Time().Before(since)
			return nil
		})
		if err != nil {
			return 0, err
		}
		if older {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low, nil
}
