package workflow

import (
	"slices"

	"narthex"
)

// blind says whether a person must not see how others voted: its authors and their institution while it is in review, and a
// reviewer who has not voted, so that each judges by what was asked and by nothing else.
func blind(e narthex.Engagement, p narthex.Person) bool {
	if e.State != narthex.InReview {
		return false
	}
	return !p.InLab() || slices.Contains(e.Authors, p.ID) || mayReview(e, p) && !hasVoted(&e, p.ID)
}

// Seen gives an engagement as a person sees it who may read it: without votes while they are blind, and without the private
// comments of others where they are, or are an author or from outside. What is left out leaves no trace but its absence.
func Seen(e narthex.Engagement, p narthex.Person) narthex.Engagement {
	closed := blind(e, p)
	if closed {
		e.Votes = nil
	}
	out := !p.InLab() || slices.Contains(e.Authors, p.ID)
	e.Notes = slices.DeleteFunc(slices.Clone(e.Notes), func(n narthex.Note) bool {
		return n.Private && n.By != p.ID && (out || closed)
	})
	return e
}

// AwaitedBy lists the roles whose approval is still to come, as a person sees it: all of them while they are blind.
func AwaitedBy(e narthex.Engagement, p narthex.Person) []narthex.Role {
	if blind(e, p) {
		e.Votes = nil
	}
	return Missing(e)
}

// Task is what an engagement asks of a person now.
type Task string

const (
	ToSubmit Task = "submit" // a draft of theirs
	ToAnswer Task = "answer" // a return or a counter-offer
	ToReview Task = "review"
	ToAssign Task = "assign"
	ToChase  Task = "chase" // a review that is late, by the programme
	ToSign   Task = "sign"
	ToClose  Task = "close"
)

// TaskOf says what an engagement waits for a person to do, or "" where it needs nothing of them: late says that its review
// should have ended, and owns that the person owns an asset among its terms.
func TaskOf(e narthex.Engagement, p narthex.Person, late, owns bool) Task {
	parts := PartsOf(e, p)
	has := func(part Part) bool { return slices.Contains(parts, part) }
	switch {
	case e.State == narthex.Draft && has(Applicant):
		return ToSubmit
	case e.State == narthex.Returned && has(Applicant):
		return ToAnswer
	case e.State == narthex.Submitted && has(Programme):
		return ToAssign
	case e.State == narthex.InReview && has(Reviewer) && !hasVoted(&e, p.ID) && slices.ContainsFunc(Missing(e), func(r narthex.Role) bool {
		return p.Has(r) && (r != narthex.AssetOwner || owns)
	}):
		return ToReview
	case e.State == narthex.InReview && has(Programme) && late:
		return ToChase
	case e.State == narthex.Offered && has(Signer):
		return ToSign
	case e.State == narthex.Ending && has(Programme):
		return ToClose
	}
	return ""
}
