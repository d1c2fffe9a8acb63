package workflow_test

import (
	"testing"
	"time"

	"narthex"
	"narthex/internal/workflow"
)

// refusable is in review on a pathway with two grounds to refuse it.
func refusable(t testing.TB) *life {
	text := application()
	text.Refusals = &narthex.RefusalRule{Grounds: []string{"not held", "secret"}, Alternative: true, MediationDays: 5}
	return draftOf(t, text).inReview()
}

// declining is a refusal of what refusable asks.
func declining(ground, alternative string) workflow.Event {
	text := application()
	text.Refusals = &narthex.RefusalRule{Grounds: []string{"not held", "secret"}, Alternative: true, MediationDays: 5}
	return workflow.Event{Command: workflow.Decline, As: narthex.Security, Saw: textOf(text), Text: "We have none.", Refusal: &narthex.Refusal{Ground: ground, Alternative: alternative, MediateBy: start.AddDate(0, 0, 60)}}
}

// TestARefusalNamesOneOfThePathwaysGroundsAndAnotherWay: by decision and by fold.
func TestARefusalNamesOneOfThePathwaysGroundsAndAnotherWay(t *testing.T) {
	bare := declining("not held", "Ask for less.")
	bare.Refusal = nil
	for what, c := range map[string]struct {
		event workflow.Event
		kind  narthex.Kind
	}{
		"no ground":         {bare, narthex.Refused},
		"another ground":    {declining("we would rather not", "Ask for less."), narthex.Refused},
		"an empty ground":   {declining("", "Ask for less."), narthex.Refused},
		"no other way":      {declining("not held", " "), narthex.Invalid},
		"both grounds":      {declining("not held, secret", "Ask for less."), narthex.Refused},
		"its case is other": {declining("Not held", "Ask for less."), narthex.Refused},
	} {
		l := refusable(t)
		if l.forged(sec, c.event) == nil {
			t.Errorf("%s: the fold takes it", what)
		}
		if err := l.try(sec, c.event, workflow.Facts{}); !narthex.IsKind(err, c.kind) {
			t.Errorf("%s: %v", what, err)
		}
	}
	l := refusable(t).does(sec, declining("secret", "Ask for less."))
	if l.e.State != narthex.Declined || l.e.Refusal == nil || l.e.Refusal.Ground != "secret" {
		t.Errorf("it is %s: %+v", l.e.State, l.e.Refusal)
	}
	words := at(t, narthex.InReview)
	grounded := declining("not held", "Ask for less.")
	grounded.Saw = words.e.Digest
	if err := words.try(sec, grounded, workflow.Facts{}); !narthex.IsKind(err, narthex.Invalid) || words.forged(sec, grounded) == nil {
		t.Errorf("a ground where the pathway has none: %v", err)
	}
}

// TestMediationIsAskedForOnceAndInItsTime: by the applicant, of a refusal under such a rule.
func TestMediationIsAskedForOnceAndInItsTime(t *testing.T) {
	ask := workflow.Event{Command: workflow.Mediate, Text: "The grounds are not those."}
	l := refusable(t).does(sec, declining("secret", "Ask for less."))
	until := l.e.Refusal.MediateBy
	for what, r := range map[string]struct {
		l    *life
		by   narthex.Person
		at   time.Time
		text string
	}{
		"when its time is over": {l, ada, until, "so"}, "long after": {l, ada, until.Add(time.Hour), "so"}, "by the lab": {l, sec, until.Add(-1), "so"}, "without words": {l, ada, until.Add(-1), " "},
		"at no time": {l, ada, time.Time{}, "so"}, "of a refusal in words": {at(t, narthex.Declined), ada, until.Add(-1), "so"},
	} {
		if err := r.l.try(r.by, workflow.Event{Command: workflow.Mediate, Text: r.text}, workflow.Facts{Now: r.at}); err == nil {
			t.Errorf("%s: it is asked for", what)
		}
	}
	late := ask
	late.Seq, late.By, late.At = l.e.Events+1, ada.ID, until
	if _, err := workflow.Apply(l.e, late); err == nil {
		t.Error("the fold takes it when its time is over")
	}
	before := *l.e.Refusal
	if err := l.try(ada, ask, workflow.Facts{Now: until.Add(-1)}); err != nil {
		t.Fatal(err)
	}
	if l.e.Refusal.Mediation == nil || before.Mediation != nil || l.e.State != narthex.Declined {
		t.Errorf("it stands as %+v, and is %s", l.e.Refusal, l.e.State)
	}
	if err := l.try(ada, ask, workflow.Facts{Now: until.Add(-1)}); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("a second time: %v", err)
	}
}
