package workflow_test

import (
	"slices"
	"testing"

	"narthex"
	"narthex/internal/workflow"
)

func joins(saw narthex.Digest) workflow.Event {
	return workflow.Event{Command: workflow.Join, Saw: saw}
}

// TestAMemberAcceptsForThemselves: nobody does it for them, and what they accepted falls with its text.
func TestAMemberAcceptsForThemselves(t *testing.T) {
	for _, state := range []narthex.State{narthex.Submitted, narthex.InReview, narthex.Returned, narthex.Offered, narthex.Active} {
		l := at(t, state)
		for name, p := range cast {
			if name == "ben" {
				continue
			}
			if err := l.try(p, joins(workflow.ToAccept(l.e)), workflow.Facts{}); err == nil {
				t.Errorf("%s accepts for ben where it is %s", name, state)
			}
		}
		if err := l.try(ben, joins(stale), workflow.Facts{}); !narthex.IsKind(err, narthex.Conflict) {
			t.Errorf("%s: another text is accepted: %v", state, err)
		}
		l.does(ben, joins(workflow.ToAccept(l.e)))
		if err := l.try(ben, joins(workflow.ToAccept(l.e)), workflow.Facts{}); !narthex.IsKind(err, narthex.Conflict) {
			t.Errorf("%s: it is accepted twice: %v", state, err)
		}
		if !slices.Equal(workflow.Holders(l.e), []narthex.PersonID{ada.ID, ben.ID}) {
			t.Errorf("%s: the grant is for %v", state, workflow.Holders(l.e))
		}
	}
	for _, state := range []narthex.State{narthex.Draft, narthex.Declined, narthex.Withdrawn, narthex.Ending, narthex.Closed} {
		l := at(t, state)
		if err := l.try(ben, joins(workflow.ToAccept(l.e)), workflow.Facts{}); err == nil {
			t.Errorf("it is accepted where it is %s", state)
		}
	}
	l := at(t, narthex.Active)
	if !slices.Equal(workflow.Holders(l.e), []narthex.PersonID{ada.ID}) {
		t.Errorf("signed by the applicant alone, the grant is for %v", workflow.Holders(l.e))
	}
	l.does(ben, workflow.Event{Command: workflow.Leave})
	if err := l.try(ben, joins(deal), workflow.Facts{}); err == nil {
		t.Error("who left accepts")
	}
}

func TestAnAcceptanceFallsWithItsText(t *testing.T) {
	l := at(t, narthex.Returned)
	l.does(ben, joins(l.e.Digest)).does(ada, workflow.Event{Command: workflow.Revise, Application: application(), Text: "So."})
	if !workflow.HasJoined(l.e, ben.ID) {
		t.Error("an answer in words alone takes an acceptance away")
	}
	l = at(t, narthex.Returned)
	l.does(ben, joins(l.e.Digest)).does(ada, workflow.Event{Command: workflow.Revise, Application: narrower(application())})
	if workflow.HasJoined(l.e, ben.ID) {
		t.Error("an acceptance stands on another text")
	}
	l = draft(t).inReview()
	l.does(ben, joins(l.e.Digest)).countered()
	l.does(ada, workflow.Event{Command: workflow.Accept, Saw: l.e.Counter.Digest})
	if workflow.HasJoined(l.e, ben.ID) {
		t.Error("an acceptance stands on the text of a counter-offer")
	}
}

// TestWhatAnAmendmentKeepsIsOfItsMembers: an activation takes over no acceptance of anybody else, and none where nothing is amended.
func TestWhatAnAmendmentKeepsIsOfItsMembers(t *testing.T) {
	amending := func() *life {
		a := application()
		a.Amends = other
		return draftOf(t, a).signed()
	}
	activate := func(l *life, kept ...narthex.Joined) error {
		return l.trySystem(workflow.Event{Command: workflow.Activate, Grant: grant, Kept: kept})
	}
	bens := narthex.Joined{By: ben.ID, At: start, Saw: stale}
	if l := amending(); activate(l, bens) != nil || !slices.Contains(workflow.Holders(l.e), ben.ID) {
		t.Errorf("a kept acceptance makes it %v's", workflow.Holders(l.e))
	}
	for what, kept := range map[string][]narthex.Joined{
		"of who is no member": {{By: cal.ID, At: start, Saw: stale}}, "of the applicant": {{By: ada.ID, At: start, Saw: stale}}, "twice": {bens, bens}, "of no text": {{By: ben.ID, At: start}}, "of later": {{By: ben.ID, At: start.AddDate(1, 0, 0), Saw: stale}}} {
		if activate(amending(), kept...) == nil {
			t.Errorf("an acceptance is kept %s", what)
		}
	}
	if activate(draft(t).signed(), bens) == nil {
		t.Error("an acceptance is kept where nothing is amended")
	}
}
