package lab

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"narthex"
	"narthex/internal/document"
)

// publicationReview is the clause on the review of manuscripts.
const publicationReview narthex.ClauseName = "publication-review"

// PublicationOf reads what an agreement says of the review of manuscripts, as it was signed; nil where it has no such clause. A
// clause that does not read is an error, never no clause. One that was signed before it had answer_days answers in as many days
// as it reviews.
func PublicationOf(a narthex.Agreement) (*narthex.PublicationClause, error) {
	at := slices.IndexFunc(a.Clauses, func(c narthex.AgreedClause) bool { return c.Name == publicationReview })
	if at < 0 {
		return nil, nil
	}
	agreed := a.Clauses[at]
	out := &narthex.PublicationClause{Number: agreed.Number}
	values := map[string]string{"answer_days": agreed.Values["review_days"]}
	for name, value := range agreed.Values {
		values[name] = value
	}
	for name, into := range map[string]*int{"review_days": &out.ReviewDays, "extension_days": &out.ExtensionDays, "embargo_days": &out.EmbargoDays, "answer_days": &out.AnswerDays} {
		n, ok := whole(values[name])
		if !ok || n > 3650 {
			return nil, fmt.Errorf("read the agreement's clause %s: %s is no number of days", publicationReview, name)
		}
		*into = int(n)
	}
	grounds, mediator := values["grounds"], values["mediator"]
	if out.ReviewDays < 1 || out.AnswerDays < 1 || grounds == "" || mediator != "yes" && mediator != "no" {
		return nil, fmt.Errorf("read the agreement's clause %s: it has no days, no grounds, or does not say whether there is a mediator", publicationReview)
	}
	out.Grounds, out.Mediator = strings.Split(grounds, ", "), mediator == "yes"
	return out, nil
}

// ManuscriptDue gives when the review of a manuscript ends that comes in at t. One that applies redactions of an earlier one
// and differs in nothing else keeps its end, or has the days of an answer where fewer are left.
func (c Calendar) ManuscriptDue(clause narthex.PublicationClause, replaces *narthex.Manuscript, t time.Time) time.Time {
	if replaces == nil {
		return c.Add(t, clause.ReviewDays)
	}
	due := c.Add(t, clause.AnswerDays)
	if replaces.Cleared == nil && replaces.Due.After(due) {
		due = replaces.Due
	}
	if replaces.Paused() {
		if resumed := c.ResumedDue(*replaces, t); resumed.After(due) {
			due = resumed
		}
	}
	return due
}

// ResumedDue gives the end of a review whose clock stands and goes on at t: it moves on by the business days that the pause
// took, one that was begun counted whole.
func (c Calendar) ResumedDue(m narthex.Manuscript, t time.Time) time.Time {
	return c.Add(m.Due, c.Touched(m.Pauses[len(m.Pauses)-1].Said.At, t))
}

// CalendarOf reads the calendar of a lab directory, whatever else of it this version would refuse.
func CalendarOf(files Files) (Calendar, error) {
	file, _, problems := document.Read[labFile]("lab.yaml", 0, files["lab.yaml"])
	if len(problems) > 0 {
		return Calendar{}, problems
	}
	return Calendar{file.Holidays}, nil
}
