package audit

import (
	"narthex"
	"narthex/internal/book"
	"narthex/internal/canon"
	"narthex/internal/lab"
	"narthex/internal/store"
	"narthex/internal/workflow"
)

// clocked holds what an event does to the clock of a manuscript to what was signed: the clause, and the calendar of the lab
// directory that the agreement names. Where a document is not at hand there is nothing to hold it to.
func (s *step) clocked(before narthex.Engagement, event workflow.Event) error {
	if event.Publication == nil {
		return nil
	}
	a, err := s.docs.agreement(before.Agreement)
	if err != nil || a == nil {
		return err
	}
	directory, err := s.docs.directory(a.Directory)
	if err != nil || directory == nil {
		return err
	}
	clause, err := lab.PublicationOf(*a)
	wrong := err != nil || !event.Due.Equal(book.ManuscriptDue(clause, directory.Calendar, before, event))
	if in := event.Publication.Submitted; in != nil && !wrong {
		signed, err := canon.Digest(clause)
		if err != nil {
			return err
		}
		used, err := canon.Digest(in.Clause)
		if err != nil {
			return err
		}
		wrong = signed != used
	}
	if wrong {
		s.impossible(store.Events, eventKey(before.ID, event.Seq), "a clock of a manuscript that is not what was signed")
	}
	return nil
}
