package office

import (
	"slices"

	"narthex"
	"narthex/internal/agreement"
	"narthex/internal/book"
	"narthex/internal/journal"
	"narthex/internal/store"
	"narthex/internal/workflow"
)

// keptOf gives the acceptances that an amendment keeps: of members of both who accepted what is amended and have not left it, where
// the two agreements bind them to the same.
func keptOf(tx *journal.Tx, e narthex.Engagement, made narthex.Agreement) ([]narthex.Joined, error) {
	was, grant, err := replacedBy(tx, e.Application)
	if err != nil || e.Application.Amends == "" || len(was.Joined) == 0 {
		return nil, err
	}
	row, err := journal.Get[book.Agreement](tx, store.Agreements, string(grant.Agreement))
	if err != nil || row == nil {
		return nil, narthex.Unavailablef("The agreement that this amends could not be read.").Because(err)
	}
	alike, err := agreement.BindAlike(row.Agreement, made)
	if err != nil || !alike {
		return nil, err
	}
	return workflow.Keepable(was, e), nil
}

// joined adds a member who accepted to a grant that is in force, and the grant to what they hold.
func joined(tx *journal.Tx, e narthex.Engagement, p narthex.Person) error {
	if e.Grant == "" {
		return nil // it names them when it is made
	}
	grant, err := journal.Get[narthex.Grant](tx, store.Grants, string(e.Grant))
	if err != nil || grant == nil {
		return narthex.Unavailablef("The grant could not be read.").Because(err)
	}
	wider := *grant
	wider.Persons = append(slices.Clone(grant.Persons), p.ID)
	if err := journal.Put(tx, store.Grants, string(wider.ID), &wider); err != nil {
		return err
	}
	return book.AddHolding(tx, book.Subject("person", p.ID), wider.ID)
}
