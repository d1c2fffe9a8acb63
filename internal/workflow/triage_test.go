package workflow_test

import (
	"fmt"
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

// Nothing that a rule does is a vote: what it says falls with the text and is for those who judge.
func TestARuleCastsNoVote(t *testing.T) {
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

// askingThree asks for security, legal and the programme.
func askingThree() *narthex.Application {
	a := application()
	a.Reviews = append(a.Reviews, narthex.ReviewRule{Role: narthex.Programme, Quorum: 1})
	return a
}

// standsIn is a rule that stands in for a role's approval of the text as it stands.
func (l *life) standsIn(as narthex.Role) error {
	return l.trySystem(workflow.Event{Command: workflow.Triage, Triaged: &narthex.Triaged{Rule: "usual-" + string(as), Directory: l.e.Application.Directory, At: l.now(), Approve: as, Saw: l.e.Digest}})
}

// A rule stands in for one role where two people of others approve, of the very text, and for no owner.
func TestARuleStandsInForOneRoleBesideTwoPeople(t *testing.T) {
	l := draftOf(t, askingThree()).inReview()
	for name, change := range map[string]func(*narthex.Triaged){
		"another text":             func(d *narthex.Triaged) { d.Saw = stale },
		"no text":                  func(d *narthex.Triaged) { d.Saw = "" },
		"another directory":        func(d *narthex.Triaged) { d.Directory = deal },
		"no rule":                  func(d *narthex.Triaged) { d.Rule = "" },
		"a role that is not asked": func(d *narthex.Triaged) { d.Approve = narthex.Signatory },
		"and a flag":               func(d *narthex.Triaged) { d.Flag = "so" },
	} {
		did := &narthex.Triaged{Rule: "usual", Directory: l.e.Application.Directory, At: l.now(), Approve: narthex.Security, Saw: l.e.Digest}
		change(did)
		if l.trySystem(workflow.Event{Command: workflow.Triage, Triaged: did}) == nil {
			t.Errorf("a rule approved: %s", name)
		}
	}
	if err := l.standsIn(narthex.Security); err != nil {
		t.Fatal(err)
	}
	if l.standsIn(narthex.Security) == nil || l.standsIn(narthex.Legal) == nil {
		t.Error("a rule stands in a second time, or for one of the last two people")
	}
	if workflow.Approved(l.e) || len(l.e.Votes) != 0 {
		t.Error("a rule approves by itself")
	}
	l.approve(sec, narthex.Security).approve(leg, narthex.Legal)
	if workflow.Approved(l.e) || l.trySystem(workflow.Event{Command: workflow.Offer, Agreement: deal}) == nil {
		t.Error("a vote in the role of the rule counts in another's place")
	}
	l.approve(pro, narthex.Programme)
	if !workflow.Approved(l.e) || len(workflow.Missing(l.e)) != 0 {
		t.Error("with two people of the other roles it is not approved")
	}
	if draft(t).inReview().standsIn(narthex.Security) == nil {
		t.Error("a rule leaves one person")
	}
	forged := draft(t).inReview().approve(leg, narthex.Legal).e // as no event makes it
	forged.Triage = []narthex.Triaged{{Rule: "usual", Approve: narthex.Security, Saw: forged.Digest}}
	if workflow.Approved(forged) {
		t.Error("one person and a rule approve")
	}
	owned := askingThree()
	owned.Reviews[0].Role = narthex.AssetOwner
	if draftOf(t, owned).inReview().standsIn(narthex.AssetOwner) == nil {
		t.Error("a rule approves in an owner's place")
	}
}

// Its approval falls with the text, keeps nobody from a vote or a decline, and is not for those who ask to know.
func TestARulesApprovalFallsWithTheText(t *testing.T) {
	stands := func() *life {
		l := draftOf(t, askingThree()).inReview()
		if err := l.standsIn(narthex.Security); err != nil {
			t.Fatal(err)
		}
		return l
	}
	awaits := func(l *life, p narthex.Person) string { return fmt.Sprint(workflow.AwaitedBy(l.e, p)) }
	l := stands()
	if got := awaits(l, ada); got != "[security legal programme]" {
		t.Errorf("the applicant sees that a rule approved: it waits for %s", got)
	}
	if got := awaits(l, leg); got != "[legal programme]" {
		t.Errorf("a reviewer sees that it waits for %s", got)
	}
	if task := workflow.TaskOf(l.e, sec, false, false); task != "" {
		t.Errorf("the role for which a rule stands in should %q", task)
	}
	for name, told := range map[string]workflow.Telling{"the applicant": workflow.Tells(l.e, ada, l.events[3]), "the official": workflow.Tells(l.e, ora, l.events[3])} {
		if told != "" {
			t.Errorf("%s is told %q of a rule", name, told)
		}
	}
	l.does(sec, workflow.Event{Command: workflow.Decline, As: narthex.Security, Saw: l.e.Digest, Text: "no"})
	again := askingThree()
	again.Days = 31
	for name, anew := range map[string]*life{
		"another text":    stands().does(leg, workflow.Event{Command: workflow.Return, As: narthex.Legal, Text: "Why?"}).does(ada, workflow.Event{Command: workflow.Revise, Application: again}),
		"the same text":   stands().does(leg, workflow.Event{Command: workflow.Return, As: narthex.Legal, Text: "Why?"}).does(ada, workflow.Event{Command: workflow.Revise, Application: askingThree()}),
		"a counter-offer": stands().countered().does(ada, workflow.Event{Command: workflow.Accept, Saw: textOf(narrower(askingThree()))}),
	} {
		anew.system(workflow.Event{Command: workflow.Assign, Due: start.AddDate(0, 0, 20)})
		for p, as := range map[string]narthex.Role{"leg": narthex.Legal, "pro": narthex.Programme} {
			anew.approve(cast[p], as)
		}
		if offered := anew.trySystem(workflow.Event{Command: workflow.Offer, Agreement: deal}) == nil; offered != (name == "a counter-offer") { // which was security's own approval
			t.Errorf("%s: offered is %t without security", name, offered)
		}
	}
}

// A rule that approves and does not state what is usual never holds, whatever a file says.
func TestARuleApprovesOnlyWhatIsUsual(t *testing.T) {
	good := workflow.TriageFacts{Standard: true, HorizonHeld: true, KnownOrg: true, Days: 30}
	for _, c := range []struct {
		name string
		when narthex.TriageWhen
		want bool
	}{
		{"both", narthex.TriageWhen{Standard: yes(), HorizonHeld: yes()}, true},
		{"nothing of the size", narthex.TriageWhen{Standard: yes()}, false},
		{"nothing of the terms", narthex.TriageWhen{HorizonHeld: yes()}, false},
		{"the contrary", narthex.TriageWhen{Standard: no(), HorizonHeld: yes()}, false},
		{"something else", narthex.TriageWhen{KnownOrg: yes()}, false},
	} {
		rules := []narthex.TriageRule{{Name: "a", When: c.when, Then: narthex.TriageThen{Approve: narthex.Security}}}
		if got := len(workflow.TriageOf(rules, good)) == 1; got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
		if len(workflow.TriageOf(rules, workflow.TriageFacts{})) != 0 {
			t.Errorf("%s holds of nothing", c.name)
		}
	}
}
