package book

import (
	"time"

	"narthex"
	"narthex/internal/lab"
	"narthex/internal/workflow"
)

// ManuscriptDue gives what an event on a manuscript sets a clock to, by the clause and the calendar that were signed; zero where it
// sets none. The clause is nil where the agreement has none.
func ManuscriptDue(clause *narthex.PublicationClause, calendar lab.Calendar, e narthex.Engagement, event workflow.Event) time.Time {
	h := event.Publication
	if h == nil || clause == nil {
		return time.Time{}
	}
	one := func(number int) *narthex.Manuscript {
		if number < 1 || number > len(e.Manuscripts) {
			return nil
		}
		return &e.Manuscripts[number-1]
	}
	switch m := one(h.Manuscript); {
	case event.Command == workflow.ManuscriptSubmit && h.Submitted != nil:
		var keeps *narthex.Manuscript // whose clock goes on with the new one
		if len(h.Submitted.Applies) > 0 {
			keeps = one(h.Submitted.Replaces)
		}
		return calendar.ManuscriptDue(*clause, keeps, event.At)
	case event.Command == workflow.ManuscriptResume && m != nil && m.Paused():
		return calendar.ResumedDue(*m, event.At)
	case event.Command == workflow.RedactionContest && m != nil && m.Clause != nil:
		return calendar.Add(event.At, m.Clause.AnswerDays)
	}
	return time.Time{}
}
