package workflow_test

import (
	"testing"

	"narthex"
	"narthex/internal/workflow"
)

// ruled is what a rule of the application's directory says at the next moment of a life.
func (l *life) ruled() *narthex.Triaged {
	return &narthex.Triaged{Rule: "long", Directory: l.e.Application.Directory, At: l.now(), Flag: "It is for long."}
}

func yes() *bool { is := true; return &is }
func no() *bool  { is := false; return &is }

func TestARuleHoldsWhereAllOfItsConditionsDo(t *testing.T) {
	good := workflow.TriageFacts{Standard: true, Authorised: true, KnownOrg: true, HorizonHeld: true, Days: 30, Answers: map[string]string{"use": "research"}, Amendment: narthex.AmendsWithin}
	for _, c := range []struct {
		name string
		when narthex.TriageWhen
		good bool
		zero bool // on facts of which nothing is known
	}{
		{"no condition", narthex.TriageWhen{}, false, false},
		{"standard", narthex.TriageWhen{Standard: yes()}, true, false},
		{"not standard", narthex.TriageWhen{Standard: no()}, false, true},
		{"authorised", narthex.TriageWhen{Authorised: yes()}, true, false},
		{"a new organisation", narthex.TriageWhen{KnownOrg: no()}, false, true},
		{"below the horizon", narthex.TriageWhen{HorizonHeld: no()}, false, true},
		{"so many days", narthex.TriageWhen{DaysAtMost: 30}, true, true},
		{"more days", narthex.TriageWhen{DaysAbove: 30}, false, false},
		{"fewer days", narthex.TriageWhen{DaysAtMost: 29}, false, true},
		{"an answer", narthex.TriageWhen{Answers: map[string][]string{"use": {"product", "research"}}}, true, false},
		{"no such answer", narthex.TriageWhen{NoAnswers: map[string][]string{"use": {"product"}}}, true, true},
		{"an answer that is not to be", narthex.TriageWhen{NoAnswers: map[string][]string{"use": {"research"}}}, false, true},
		{"an amendment within", narthex.TriageWhen{Amendment: narthex.AmendsWithin}, true, false},
		{"an amendment beyond", narthex.TriageWhen{Amendment: narthex.AmendsBeyond}, false, false},
		{"two of which one holds", narthex.TriageWhen{Standard: yes(), DaysAtMost: 1}, false, false},
	} {
		rules := []narthex.TriageRule{{Name: "a", When: c.when}}
		if got := len(workflow.TriageOf(rules, good)) == 1; got != c.good {
			t.Errorf("%s holds: %t", c.name, got)
		}
		if got := len(workflow.TriageOf(rules, workflow.TriageFacts{})) == 1; got != c.zero {
			t.Errorf("%s holds of nothing: %t", c.name, got)
		}
	}
}

// Nothing that a rule does is an approval: what it says falls with the text, is for those who judge, and casts no vote.
func TestARuleApprovesNothing(t *testing.T) {
	says := func(l *life, change func(*narthex.Triaged)) error {
		did := l.ruled()
		change(did)
		return l.trySystem(workflow.Event{Command: workflow.Triage, Triaged: did})
	}
	for name, change := range map[string]func(*narthex.Triaged){
		"of no rule":                      func(d *narthex.Triaged) { d.Rule = "" },
		"of another directory":            func(d *narthex.Triaged) { d.Directory = deal },
		"nothing":                         func(d *narthex.Triaged) { d.Flag = "" },
		"two things":                      func(d *narthex.Triaged) { d.Route = narthex.Legal },
		"a role that was not added":       func(d *narthex.Triaged) { d.Flag, d.Route = "", narthex.AssetOwner },
		"given to the sponsor":            func(d *narthex.Triaged) { d.Flag, d.Assign, d.As = "", sam.ID, narthex.Security },
		"given in a role not asked":       func(d *narthex.Triaged) { d.Flag, d.Assign, d.As = "", own.ID, narthex.AssetOwner },
		"a role beside what is no giving": func(d *narthex.Triaged) { d.As = narthex.Legal },
	} {
		if err := says(draft(t).inReview(), change); err == nil {
			t.Errorf("a rule did what it cannot: %s", name)
		}
	}
	l := draft(t).inReview()
	for _, err := range []error{says(l, func(d *narthex.Triaged) {}), says(l, func(d *narthex.Triaged) { d.Rule, d.Flag, d.Route = "lawyers", "", narthex.Legal }),
		says(l, func(d *narthex.Triaged) { d.Rule, d.Flag, d.Assign, d.As = "sec", "", sec.ID, narthex.Security })} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := says(l, func(d *narthex.Triaged) {}); err == nil {
		t.Error("a rule was applied twice in a round")
	}
	if len(l.e.Votes) != 0 || workflow.Approved(l.e) || len(l.e.Claims) != 1 || len(l.e.Triage) != 3 {
		t.Errorf("after three rules: %+v", l.e)
	}
	l.approve(sec, narthex.Security)
	if err := l.trySystem(workflow.Event{Command: workflow.Offer, Agreement: deal}); err == nil {
		t.Error("with rules it is offered on one person's approval")
	}
	for name, p := range map[string]narthex.Person{"the applicant": ada, "the sponsor": sam, "the official": ora} {
		if seen := workflow.Seen(l.e, p); seen.Triage != nil {
			t.Errorf("%s reads what is for the reviewers: %+v", name, seen.Triage)
		}
	}
	if seen := workflow.Seen(l.e, leg); len(seen.Triage) != 3 {
		t.Errorf("a reviewer reads %+v", seen.Triage)
	}
	if err := l.try(pro, workflow.Event{Command: workflow.Triage, Triaged: l.ruled()}, workflow.Facts{}); err == nil {
		t.Error("a person spoke as a rule")
	}
	l.does(leg, workflow.Event{Command: workflow.Return, As: narthex.Legal, Text: "Why?"}).does(ada, workflow.Event{Command: workflow.Revise, Application: application()})
	if l.e.Triage != nil {
		t.Errorf("what rules said of a text stands on the next: %+v", l.e.Triage)
	}
}
