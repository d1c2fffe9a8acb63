package audit

import (
	"slices"

	"narthex"
	"narthex/internal/agreement"
	"narthex/internal/book"
	"narthex/internal/store"
	"narthex/internal/workflow"
)

// joined adds a member who accepted to the engagement's grant, where it is in force.
func (s *step) joined(engagement narthex.EngagementID, by narthex.PersonID) {
	for id, g := range s.Grants {
		if g.Engagement == engagement && !g.Ended && !slices.Contains(g.Persons, by) {
			g.Persons = append(slices.Clone(g.Persons), by)
			s.Grants[id] = g
			s.hold(book.Subject("person", by), id)
		}
	}
}

// keeps holds the acceptances that an activation keeps to those of the engagement that it amends, under an agreement that bound them
// to the same.
func (s *step) keeps(event workflow.Event, e narthex.Engagement) error {
	if len(event.Kept) == 0 {
		return nil
	}
	was, err := s.engagement(e.Application.Amends, s.Cases[e.Application.Amends])
	if err != nil {
		return err
	}
	made, err := s.docs.agreement(e.Agreement)
	if err != nil {
		return err
	}
	if was == nil || made == nil {
		return nil // a difference of its own
	}
	before, err := s.docs.agreement(was.Agreement)
	if err != nil || before == nil {
		return err
	}
	alike, err := agreement.BindAlike(*before, *made)
	if err != nil {
		return err
	}
	e.Joined = nil // as it was before
	keepable := workflow.Keepable(*was, e)
	for _, kept := range event.Kept {
		if !alike || !slices.Contains(keepable, kept) {
			s.impossible(store.Engagements, string(e.ID), "an acceptance that is kept of someone who did not accept, or of another text")
		}
	}
	return nil
}
