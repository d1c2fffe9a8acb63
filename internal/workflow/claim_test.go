package workflow_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"narthex"
	"narthex/internal/workflow"
)

func claiming(as narthex.Role) workflow.Event { return workflow.Event{Command: workflow.Claim, As: as} }

// claimed is in review, with claims of security and legal.
func claimed(t testing.TB) *life {
	return draft(t).inReview().does(sec, claiming(narthex.Security)).does(leg, claiming(narthex.Legal))
}

// A claim gives nothing and takes nothing: whoever may do something may do it with and without, with the same outcome.
func TestAClaimGivesNothingAndTakesNothing(t *testing.T) {
	people := []narthex.Person{ada, ben, ora, sam, sec, sec2, leg, own, pro, cus, sig, aud}
	text := variants(people, ada)[0] // what the attempts are on
	plain := draftOf(t, text).inReview()
	held := draftOf(t, text).inReview().does(sec, claiming(narthex.Security)).does(leg, claiming(narthex.Legal))
	said := func(l *life, p narthex.Person, ask workflow.Event) string {
		event, refused := workflow.Decide(l.e, ask, p, workflow.Facts{OwnsAsset: true, HalfPassed: true})
		if refused != nil {
			return refused.Error()
		}
		event.Seq, event.At = l.e.Events+1, l.now()
		after, err := workflow.Apply(l.e, event)
		if err != nil {
			return err.Error()
		}
		return fmt.Sprint(after.State, after.Digest, len(after.Votes), len(after.Notes), after.Counter == nil, workflow.Approved(after))
	}
	asked, voted := 0, 0
	for _, p := range people {
		for _, ask := range attempts(people, ada, p) {
			if slices.Contains([]workflow.Command{workflow.Claim, workflow.Unclaim, workflow.Entrust}, ask.Command) {
				continue
			}
			if asked++; strings.HasPrefix(said(plain, p, ask), string(narthex.InReview)) && ask.Command == workflow.Approve {
				voted++
			}
			if without, with := said(plain, p, ask), said(held, p, ask); without != with {
				t.Errorf("%s by %s: %q, and with claims %q", ask.Command, p.ID, without, with)
			}
		}
		if without, with := workflow.TaskOf(plain.e, p, true, true), workflow.TaskOf(held.e, p, true, true); without != with {
			t.Errorf("%s should %q, and with claims %q", p.ID, without, with)
		}
	}
	if asked < 100 || voted < 4 {
		t.Errorf("only %d attempts, of which %d are votes that count", asked, voted)
	}
}

func TestAClaimIsForWhoMayReview(t *testing.T) {
	for _, r := range []struct {
		name  string
		life  *life
		p     narthex.Person
		ask   workflow.Event
		facts workflow.Facts
		want  narthex.Kind
	}{
		{"an author", draft(t).inReview(), sam, claiming(narthex.Security), workflow.Facts{}, narthex.Refused},
		{"a role that is not held", draft(t).inReview(), sec, claiming(narthex.Legal), workflow.Facts{}, narthex.Refused},
		{"a role that is not asked", draft(t).inReview(), heir, claiming(narthex.Sponsor), workflow.Facts{}, narthex.Refused},
		{"what another claimed", claimed(t), sec2, claiming(narthex.Security), workflow.Facts{}, narthex.Conflict},
		{"a second time", claimed(t), sec, claiming(narthex.Security), workflow.Facts{}, narthex.Conflict},
		{"after the vote", draft(t).inReview().approve(sec, narthex.Security), sec, claiming(narthex.Security), workflow.Facts{}, narthex.Conflict},
		{"given by a reviewer", draft(t).inReview(), sec, workflow.Event{Command: workflow.Entrust, As: narthex.Legal, Person: leg.ID}, workflow.Facts{Other: leg}, narthex.Refused},
		{"given to an author", draft(t).inReview(), pro, workflow.Event{Command: workflow.Entrust, As: narthex.Security, Person: sam.ID}, workflow.Facts{Other: sam}, narthex.Refused},
		{"given without the role", draft(t).inReview(), pro, workflow.Event{Command: workflow.Entrust, As: narthex.Legal, Person: sec.ID}, workflow.Facts{Other: sec}, narthex.Refused},
		{"given to nobody", draft(t).inReview(), pro, workflow.Event{Command: workflow.Entrust, As: narthex.Legal, Person: leg.ID}, workflow.Facts{}, narthex.Invalid},
		{"another's, taken by a reviewer", claimed(t), sec2, workflow.Event{Command: workflow.Unclaim, As: narthex.Security}, workflow.Facts{}, narthex.Conflict},
	} {
		if err := r.life.try(r.p, r.ask, r.facts); !narthex.IsKind(err, r.want) {
			t.Errorf("%s: %v", r.name, err)
		}
	}
	l := claimed(t).does(sec, workflow.Event{Command: workflow.Unclaim, As: narthex.Security})
	if len(l.e.Claims) != 1 || l.e.Claims[0].By != leg.ID {
		t.Errorf("after one gave theirs back: %+v", l.e.Claims)
	}
	l.does(pro, workflow.Event{Command: workflow.Unclaim, As: narthex.Legal})
	if err := l.try(pro, workflow.Event{Command: workflow.Entrust, As: narthex.Security, Person: sec2.ID}, workflow.Facts{Other: sec2}); err != nil || len(l.e.Claims) != 1 || l.e.Claims[0].Given != pro.ID {
		t.Errorf("given by the programme: %v, %+v", err, l.e.Claims)
	}
}

// A claim tells of no vote: it stands as it did when its claimant has voted, and nobody who is to vote, and nobody who asks, sees whose it is.
func TestAClaimTellsOfNoVote(t *testing.T) {
	l := claimed(t)
	looks := func(p narthex.Person) string { return fmt.Sprint(workflow.Seen(l.e, p).Claims) }
	for name, p := range map[string]narthex.Person{"the applicant": ada, "a member": ben, "the sponsor": sam, "the official": ora} {
		if got := workflow.Seen(l.e, p).Claims; got != nil {
			t.Errorf("%s sees claims: %+v", name, got)
		}
	}
	for _, c := range workflow.Seen(l.e, sec2).Claims {
		if c.By != "" || c.Given != "" {
			t.Errorf("who is to vote sees that %s claimed", c.By)
		}
	}
	if c := workflow.Seen(l.e, leg).Claims; c[0].By != "" || c[1].By != leg.ID {
		t.Errorf("legal sees %+v", c)
	}
	if c := workflow.Seen(l.e, pro).Claims; len(c) != 2 || c[0].By != sec.ID {
		t.Errorf("the programme sees %+v", c)
	}
	before := map[string]string{"sec2": looks(sec2), "leg": looks(leg), "pro": looks(pro)}
	hold := workflow.HoldOn(l.e, sec2, false)
	l.approve(sec, narthex.Security)
	for name, p := range map[string]narthex.Person{"sec2": sec2, "leg": leg, "pro": pro} {
		if after := looks(p); after != before[name] {
			t.Errorf("%s sees of claims %s before a vote and %s after", name, before[name], after)
		}
	}
	if hold != workflow.HoldAnother || workflow.HoldOn(l.e, sec2, false) != hold || workflow.HoldOn(l.e, leg, false) != workflow.HoldOwn {
		t.Errorf("a second of security is held by %q", hold)
	}
	for _, event := range l.events {
		if event.Command != workflow.Claim || event.By != sec.ID {
			continue
		}
		if told := workflow.Tells(l.e, ada, event); told != "" {
			t.Error("the applicant's history has a claim")
		}
		if told := workflow.Tells(l.e, sec2, event); told != workflow.TellDates {
			t.Errorf("the history of who is to vote tells of a claim: %q", told)
		}
	}
}

func TestAClaimOutlastsAReturnAndEndsWithTheDecision(t *testing.T) {
	l := claimed(t).does(leg, workflow.Event{Command: workflow.Return, As: narthex.Legal, Text: "Why?"})
	other := application()
	other.Reviews = []narthex.ReviewRule{{Role: narthex.Security, Quorum: 1}, {Role: narthex.AssetOwner, Quorum: 1}}
	l.does(ada, workflow.Event{Command: workflow.Revise, Application: other}).system(workflow.Event{Command: workflow.Assign, Due: start.AddDate(0, 0, 20)})
	if len(l.e.Claims) != 1 || l.e.Claims[0].By != sec.ID {
		t.Errorf("after a revision that asks no more for legal: %+v", l.e.Claims)
	}
	for name, l := range map[string]*life{
		"declined":  claimed(t).does(sec, workflow.Event{Command: workflow.Decline, As: narthex.Security, Saw: claimed(t).e.Digest, Text: "no"}),
		"withdrawn": claimed(t).does(ada, workflow.Event{Command: workflow.Withdraw}),
		"offered":   claimed(t).approve(sec, narthex.Security).approve(leg, narthex.Legal).system(workflow.Event{Command: workflow.Offer, Agreement: deal}),
	} {
		if l.e.Claims != nil {
			t.Errorf("%s: %+v", name, l.e.Claims)
		}
	}
}
