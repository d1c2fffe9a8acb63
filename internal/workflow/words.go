package workflow

import (
	"slices"
	"strings"

	"narthex"
)

// mayNudge lets an applicant ask what keeps a review, once a round, when half of its time has passed.
func mayNudge(e narthex.Engagement, _ Event, _ narthex.Person, facts Facts) *narthex.Error {
	if !e.Nudged.IsZero() {
		return narthex.Conflictf("You have nudged in this round, on %s; the reviewers and the programme see it.", e.Nudged.UTC().Format("2 January 2006"))
	}
	if !facts.HalfPassed {
		return narthex.Conflictf("You can nudge when half of the time has passed; a decision is due on %s.", e.Due.UTC().Format("2 January 2006"))
	}
	return nil
}

// mayComment takes words in; those of an author are for everyone.
func mayComment(e narthex.Engagement, draft Event, p narthex.Person, _ Facts) *narthex.Error {
	if strings.TrimSpace(draft.Text) == "" {
		return narthex.Invalidf("A comment needs words.").For("text")
	}
	if draft.Private && slices.Contains(e.Authors, p.ID) {
		return narthex.Refusedf("Your comments are read by everyone who may read the application; leave private out.").For("private")
	}
	if side := notesBeside(e, p); side >= mostNotes {
		return narthex.Conflictf("There are %d notes from your side already; answer by a revision, or decide.", side)
	}
	return nil
}

// notesBeside counts the notes of the person's side: of the authors, or of everyone else. So neither side takes the other's
// words, nor counts what it does not see.
func notesBeside(e narthex.Engagement, p narthex.Person) int {
	n, author := 0, slices.Contains(e.Authors, p.ID)
	for _, note := range e.Notes {
		if slices.Contains(e.Authors, note.By) == author {
			n++
		}
	}
	return n
}
