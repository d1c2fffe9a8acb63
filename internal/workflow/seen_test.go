package workflow_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/internal/workflow"
)

// three is decided by two of security and one of legal.
func three(t *testing.T) *life {
	a := application()
	a.Reviews = []narthex.ReviewRule{{Role: narthex.Security, Quorum: 2}, {Role: narthex.Legal, Quorum: 1}}
	return draftOf(t, a).inReview()
}

var sec2 = insider(18, "sec2", narthex.Security)

func TestAReviewerSeesNoVoteBeforeTheirOwn(t *testing.T) {
	l := three(t).approve(sec, narthex.Security)
	for name, p := range map[string]narthex.Person{"legal": leg, "a second of security": sec2, "the applicant": ada, "the sponsor, who holds every role": sam, "the official": ora} {
		if seen := workflow.Seen(l.e, p); len(seen.Votes) != 0 {
			t.Errorf("%s sees %+v", name, seen.Votes)
		}
		if awaited := workflow.AwaitedBy(l.e, p); !slices.Equal(awaited, []narthex.Role{narthex.Security, narthex.Legal}) {
			t.Errorf("%s sees that %v are awaited, which tells who has voted", name, awaited)
		}
	}
	l.approve(leg, narthex.Legal)
	if seen := workflow.Seen(l.e, leg); len(seen.Votes) != 2 {
		t.Errorf("who has voted sees %d votes of 2: there is nothing to consolidate", len(seen.Votes))
	}
	if seen := workflow.Seen(l.e, sec2); len(seen.Votes) != 0 {
		t.Error("a reviewer sees votes before their own, once two have voted")
	}
	if awaited := workflow.AwaitedBy(l.e, leg); !slices.Equal(awaited, []narthex.Role{narthex.Security}) {
		t.Errorf("who has voted sees that %v are awaited", awaited)
	}
	l.approve(sec2, narthex.Security).system(workflow.Event{Command: workflow.Offer, Agreement: deal})
	if seen := workflow.Seen(l.e, ada); len(seen.Votes) != 3 {
		t.Errorf("when it is decided the applicant sees %d votes of 3", len(seen.Votes))
	}
}

func TestAPrivateCommentIsForThoseWhoJudge(t *testing.T) {
	l := three(t).does(sec, workflow.Event{Command: workflow.Comment, Text: "for us", Private: true}).does(pro, workflow.Event{Command: workflow.Comment, Text: "for all"}).
		does(ada, workflow.Event{Command: workflow.Comment, Text: "of mine"})
	reads := func(p narthex.Person) string {
		var texts []string
		for _, n := range workflow.Seen(l.e, p).Notes {
			texts = append(texts, n.Text)
		}
		return strings.Join(texts, ", ")
	}
	for name, p := range map[string]narthex.Person{"the applicant": ada, "a member": ben, "the sponsor": sam, "the official": ora, "a reviewer before their vote": leg} {
		if got := reads(p); got != "for all, of mine" {
			t.Errorf("%s reads %q", name, got)
		}
	}
	for name, p := range map[string]narthex.Person{"who wrote it": sec, "the programme": pro} {
		if got := reads(p); got != "for us, for all, of mine" {
			t.Errorf("%s reads %q", name, got)
		}
	}
	l.approve(leg, narthex.Legal)
	if got := reads(leg); got != "for us, for all, of mine" {
		t.Errorf("a reviewer after their vote reads %q", got)
	}
	if err := l.try(ada, workflow.Event{Command: workflow.Comment, Text: "so", Private: true}, workflow.Facts{}); err == nil {
		t.Error("an author wrote what other authors cannot read")
	}
	if err := l.try(sam, workflow.Event{Command: workflow.Comment, Text: "so", Private: true}, workflow.Facts{}); err == nil {
		t.Error("the sponsor, who is an author, wrote to the judges alone")
	}
}

// Who may not see a vote or a private comment learns of it by nothing else either: the view before it is the view after it.
func TestWhatIsNotShownLeavesNoTrace(t *testing.T) {
	l := three(t).does(pro, workflow.Event{Command: workflow.Comment, Text: "for all"})
	hidden := func(what string, people map[string]narthex.Person, happens func()) {
		t.Helper()
		before, tasks := map[string]narthex.Digest{}, map[string]workflow.Task{}
		for name, p := range people {
			before[name], tasks[name] = digest(t, workflow.Seen(l.e, p)), workflow.TaskOf(l.e, p, true, true)
		}
		happens()
		for name, p := range people {
			if seen := workflow.Seen(l.e, p); digest(t, seen) != before[name] {
				t.Errorf("%s sees that there was %s: %d events, the last at %s", name, what, seen.Events, seen.ChangedAt)
			}
			if task := workflow.TaskOf(l.e, p, true, true); task != tasks[name] {
				t.Errorf("%s should %q, and after %s %q", name, tasks[name], what, task)
			}
		}
	}
	third := insider(19, "sec3", narthex.Security)
	closed := map[string]narthex.Person{"the applicant": ada, "a member": ben, "the sponsor": sam, "the official": ora, "legal": leg, "a third of security": third}
	hidden("a private comment", closed, func() { l.does(pro, workflow.Event{Command: workflow.Comment, Text: "for us", Private: true}) })
	hidden("a vote", closed, func() { l.approve(sec, narthex.Security) })
	hidden("the last vote of a role", closed, func() { l.approve(sec2, narthex.Security) })
	l.does(leg, workflow.Event{Command: workflow.Return, As: narthex.Legal, Text: "Why?"})
	hidden("a private comment on what was returned", closed, func() { l.does(pro, workflow.Event{Command: workflow.Comment, Text: "for us again", Private: true}) })
}

// A reviewer opens nothing by sending an application back: a vote of theirs is still to come.
func TestAReturnOpensNothingToWhoIsToVote(t *testing.T) {
	l := draft(t).inReview().does(sec, workflow.Event{Command: workflow.Comment, Text: "for us", Private: true}).
		does(leg, workflow.Event{Command: workflow.Return, As: narthex.Legal, Text: "Why?"})
	if notes := workflow.Seen(l.e, leg).Notes; len(notes) != 1 {
		t.Errorf("who returned it without a vote reads %+v", notes)
	}
	if notes := workflow.Seen(l.e, pro).Notes; len(notes) != 2 {
		t.Errorf("the programme reads %+v", notes)
	}
	l = draft(t).inReview().countered()
	if c := workflow.Seen(l.e, leg).Counter; c != nil {
		t.Errorf("a reviewer sees before their vote that %s approves the text of a counter-offer", c.By)
	}
	for name, p := range map[string]narthex.Person{"who made it": sec, "the applicant": ada, "the programme": pro} {
		if workflow.Seen(l.e, p).Counter == nil {
			t.Errorf("%s does not see the counter-offer", name)
		}
	}
}

func TestSeeingChangesNothing(t *testing.T) {
	l := three(t).does(sec, workflow.Event{Command: workflow.Comment, Text: "for us", Private: true}).approve(sec, narthex.Security)
	before := digest(t, l.e)
	for _, p := range cast {
		workflow.Seen(l.e, p)
		workflow.AwaitedBy(l.e, p)
	}
	if digest(t, l.e) != before {
		t.Error("an engagement is another one after it was looked at")
	}
}

func TestACounterOfferIsAVoteOnTheTextThatItMakes(t *testing.T) {
	l := draft(t).inReview()
	asked := l.e.Digest
	l.countered()
	c := l.e.Counter
	if l.e.State != narthex.Returned || c == nil || c.Digest == asked || c.Application.Days != 20 || l.e.Application.Days != 30 || len(l.e.Votes) != 0 {
		t.Fatalf("after a counter-offer: %+v", l.e)
	}
	if err := l.try(ada, workflow.Event{Command: workflow.Accept, Saw: asked}, workflow.Facts{}); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("another text was accepted: %v", err)
	}
	if err := l.try(ben, workflow.Event{Command: workflow.Accept, Saw: c.Digest}, workflow.Facts{}); err == nil {
		t.Error("a member accepted for the applicant")
	}
	l.does(ada, workflow.Event{Command: workflow.Accept, Saw: c.Digest}).system(workflow.Event{Command: workflow.Assign, Due: start.AddDate(0, 0, 10)})
	if l.e.Application.Days != 20 || l.e.Digest != c.Digest || l.e.Counter != nil || len(l.e.Votes) != 1 || l.e.Votes[0].By != sec.ID || l.e.Votes[0].Saw != c.Digest {
		t.Fatalf("after its acceptance: %+v", l.e)
	}
	if err := l.try(sec, workflow.Event{Command: workflow.Approve, As: narthex.Security, Saw: l.e.Digest}, workflow.Facts{}); err == nil {
		t.Error("who offered voted a second time")
	}
	if workflow.Approved(l.e) {
		t.Error("a counter-offer alone approves")
	}
	l.approve(leg, narthex.Legal)
	if !workflow.Approved(l.e) {
		t.Error("with legal's approval it is not approved")
	}
}

func TestARevisionTakesTheCounterOfferAway(t *testing.T) {
	l := draft(t).inReview().countered()
	offered := l.e.Counter.Digest
	l.does(ada, workflow.Event{Command: workflow.Revise, Application: application()})
	if l.e.Counter != nil || len(l.e.Votes) != 0 {
		t.Errorf("after a revision: %+v", l.e)
	}
	l.system(workflow.Event{Command: workflow.Assign, Due: start}).does(sec, workflow.Event{Command: workflow.Return, As: narthex.Security, Text: "Why?"})
	if err := l.try(ada, workflow.Event{Command: workflow.Accept, Saw: offered}, workflow.Facts{}); err == nil {
		t.Error("an offer of an earlier round was accepted")
	}
}

func TestACounterOfferRefusalSaysWhy(t *testing.T) {
	review := at(t, narthex.InReview)
	titled, empty := narrower(application()), narrower(application())
	titled.Title, empty.Terms = "Another", nil
	ask := func(a *narthex.Application, text string) workflow.Event {
		return workflow.Event{Command: workflow.Counter, As: narthex.Security, Saw: review.e.Digest, Application: a, Text: text}
	}
	for _, r := range []refusal{
		{"without a reason", review, sec, ask(narrower(application()), " "), workflow.Facts{}, narthex.Invalid, "text", "reason"},
		{"without a text", review, sec, ask(nil, "so"), workflow.Facts{}, narthex.Invalid, "counter", "terms and days"},
		{"another title", review, sec, ask(titled, "so"), workflow.Facts{}, narthex.Invalid, "counter", "terms and days"},
		{"nothing left", review, sec, ask(empty, "so"), workflow.Facts{}, narthex.Invalid, "counter", "decline"},
		{"the same", review, sec, ask(application(), "so"), workflow.Facts{}, narthex.Invalid, "counter", "approve instead"},
		{"terms wrong", review, sec, ask(narrower(application()), "so"), workflow.Facts{TermsWrong: []narthex.Reason{{Code: "not_offered", Says: "It is not offered."}}}, narthex.Refused, "terms", "not offered"},
		{"no offer to accept", at(t, narthex.Returned), ada, workflow.Event{Command: workflow.Accept}, workflow.Facts{}, narthex.Conflict, "", "no counter-offer"},
		{"a nudge too early", review, ada, workflow.Event{Command: workflow.Nudge}, workflow.Facts{}, narthex.Conflict, "", "half of the time"},
		{"a comment of nothing", review, pro, workflow.Event{Command: workflow.Comment, Text: "\n"}, workflow.Facts{}, narthex.Invalid, "text", "words"},
	} {
		r.check(t)
	}
}

func TestANudgeIsOnceARound(t *testing.T) {
	l := draft(t).inReview()
	facts := workflow.Facts{HalfPassed: true}
	if err := l.try(ada, workflow.Event{Command: workflow.Nudge}, facts); err != nil {
		t.Fatal(err)
	}
	if err := l.try(ada, workflow.Event{Command: workflow.Nudge}, facts); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("a second nudge: %v", err)
	}
	l.does(sec, workflow.Event{Command: workflow.Return, As: narthex.Security, Text: "Why?"}).does(ada, workflow.Event{Command: workflow.Revise, Application: application()}).
		system(workflow.Event{Command: workflow.Assign, Due: start.AddDate(0, 0, 20)})
	if err := l.try(ada, workflow.Event{Command: workflow.Nudge}, facts); err != nil {
		t.Errorf("a nudge in the next round: %v", err)
	}
}

// An applicant neither uses up the words of those who judge, nor counts those that they do not see.
func TestEachSideHasCommentsOfItsOwn(t *testing.T) {
	written := func(private int) (l *life, n int) {
		l = draft(t).inReview()
		for range private {
			l.does(pro, workflow.Event{Command: workflow.Comment, Text: "for us", Private: true})
		}
		for n = 0; n < 1000 && l.try(ada, workflow.Event{Command: workflow.Comment, Text: "mine"}, workflow.Facts{}) == nil; n++ {
		}
		return l, n
	}
	l, alone := written(0)
	if _, beside := written(3); alone != beside || alone == 1000 {
		t.Errorf("the applicant writes %d comments, and %d beside three private ones", alone, beside)
	}
	if err := l.try(sec, workflow.Event{Command: workflow.Comment, Text: "ours"}, workflow.Facts{}); err != nil {
		t.Errorf("after all comments of the applicant a reviewer's: %v", err)
	}
}

func TestWorkIsWhatNeedsThePerson(t *testing.T) {
	tasks := func(l *life, late bool) string {
		var all []string
		for _, name := range []string{"ada", "ben", "ora", "sam", "sec", "leg", "own", "pro", "cus", "sig", "aud"} {
			if task := workflow.TaskOf(l.e, cast[name], late, false); task != "" {
				all = append(all, name+" "+string(task))
			}
		}
		return strings.Join(all, ", ")
	}
	signing := at(t, narthex.Offered)
	for _, c := range []struct {
		name string
		life *life
		late bool
		want string
	}{
		{"draft", at(t, narthex.Draft), false, "ada submit"},
		{"submitted", at(t, narthex.Submitted), false, "ben join, pro assign"},
		{"in review", at(t, narthex.InReview), false, "ben join, sec review, leg review"},
		{"one has voted", draft(t).inReview().approve(sec, narthex.Security), false, "ben join, leg review"},
		{"late", at(t, narthex.InReview), true, "ben join, sec review, leg review, pro chase"},
		{"returned", at(t, narthex.Returned), true, "ada answer, ben join"},
		{"offered", signing, false, "ada sign, ben join, ora sign, sig sign"},
		{"half signed", at(t, narthex.Offered).does(ada, signature(ada, narthex.PartyResearcher, deal)), false, "ben join, ora sign, sig sign"},
		{"active", at(t, narthex.Active), true, "ben join"},
		{"active, and ben accepted", at(t, narthex.Active).does(ben, workflow.Event{Command: workflow.Join, Saw: deal}), true, ""},
		{"ending", at(t, narthex.Ending), true, "pro close"},
		{"closed", at(t, narthex.Closed), true, ""},
	} {
		if got := tasks(c.life, c.late); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	owned := application()
	owned.Reviews = []narthex.ReviewRule{{Role: narthex.AssetOwner, Quorum: 1}, {Role: narthex.Legal, Quorum: 1}}
	l := draftOf(t, owned).inReview()
	if workflow.TaskOf(l.e, own, false, false) != "" || workflow.TaskOf(l.e, own, false, true) != workflow.ToReview {
		t.Error("an asset's review does not wait for its owner alone")
	}
}

func TestTheReviewsTimeBeginsWithTheRound(t *testing.T) {
	l := at(t, narthex.InReview)
	if l.e.Since.IsZero() || l.e.Due.Sub(l.e.Since) <= 0 {
		t.Errorf("since %s, due %s", l.e.Since, l.e.Due)
	}
	l.does(sec, workflow.Event{Command: workflow.Return, As: narthex.Security, Text: "Why?"})
	if l.e.Since != (time.Time{}) || l.e.Due != (time.Time{}) {
		t.Errorf("a returned application still has a clock: %s, %s", l.e.Since, l.e.Due)
	}
}
