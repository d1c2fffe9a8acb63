package workflow_test

import (
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/internal/workflow"
)

func TestOnePersonNeverApprovesAlone(t *testing.T) {
	a := application()
	a.Reviews = []narthex.ReviewRule{{Role: narthex.Security, Quorum: 1}, {Role: narthex.Security, Quorum: 1}}
	l := draftOf(t, a).inReview().approve(sec, narthex.Security)
	if workflow.Approved(l.e) {
		t.Error("one vote met two rules for one role")
	}
}

func TestSubmitLooksAtTheTextThatIsSubmitted(t *testing.T) {
	empty := application()
	empty.Terms = nil
	l := draftOf(t, empty)
	if err := l.try(ada, workflow.Event{Command: workflow.Submit, Application: application()}, workflow.Facts{}); err == nil {
		t.Errorf("an application with %d terms is %s, on the strength of another text", len(l.e.Application.Terms), l.e.State)
	}
}

func TestADraftThatWasNeverSubmittedStaysItsAuthors(t *testing.T) {
	l := draft(t).does(ada, workflow.Event{Command: workflow.Withdraw})
	for name, p := range map[string]narthex.Person{"programme": pro, "security": sec, "official": ora, "auditor": aud} {
		if workflow.MayRead(l.e, p) {
			t.Errorf("%s reads a draft that was withdrawn unsubmitted", name)
		}
	}
}

func TestNobodyAppliesInAnothersName(t *testing.T) {
	l := &life{t: t}
	if err := l.try(oleg, workflow.Event{Command: workflow.Draft, Application: application()}, workflow.Facts{}); err == nil {
		t.Error("oleg drafted as ada")
	}
	claimed := application()
	claimed.Org = south
	if err := l.try(ada, workflow.Event{Command: workflow.Draft, Application: claimed}, workflow.Facts{}); err == nil {
		t.Error("ada drafted for an organisation that is not hers")
	}
	l = draft(t)
	if err := l.try(ben, workflow.Event{Command: workflow.Edit, Application: claimed}, workflow.Facts{}); err == nil {
		t.Error("an edit moved the engagement to another organisation, whose official would sign")
	}
}

func TestAWriteWithoutATextIsRefusedInWords(t *testing.T) {
	foreign := application()
	foreign.Engagement = other
	applicant := application()
	applicant.Applicant = ben.ID
	for name, a := range map[string]*narthex.Application{"none": nil, "another engagement's": foreign, "another applicant's": applicant} {
		l := draft(t)
		if err := l.try(ada, workflow.Event{Command: workflow.Edit, Application: a}, workflow.Facts{}); err == nil || narthex.IsKind(err, narthex.Internal) {
			t.Errorf("%s: want words for the caller, got %v", name, err)
		}
	}
}

func TestAnUnlockByNobodyKnowsWhomIsRefused(t *testing.T) {
	l := at(t, narthex.Active).does(sec, workflow.Event{Command: workflow.Lock})
	if err := l.try(sec, workflow.Event{Command: workflow.Unlock}, workflow.Facts{}); err == nil {
		t.Error("the locker unlocked, because the facts did not say who locked")
	}
	free := at(t, narthex.Active)
	if err := free.try(sec, workflow.Event{Command: workflow.Unlock}, workflow.Facts{LockedBy: cus.ID}); err == nil {
		t.Error("what is not locked was unlocked")
	}
}

func TestASignatureIsTheSignersOwn(t *testing.T) {
	l := at(t, narthex.Offered)
	if err := l.try(sig, signature(ada, narthex.PartyLab, deal), workflow.Facts{}); err == nil {
		t.Error("sig brought a signature that names ada as signer")
	}
}

func TestAPersonWithoutAnIdentifierHasNoPart(t *testing.T) {
	nobody := sec
	nobody.ID = ""
	l := at(t, narthex.InReview)
	if err := l.try(nobody, workflow.Event{Command: workflow.Approve, As: narthex.Security, Saw: l.e.Digest}, workflow.Facts{}); err == nil {
		t.Error("a vote was cast by no one")
	}
}

func TestAnUnknownCommandIsNotRepeated(t *testing.T) {
	_, err := workflow.Decide(at(t, narthex.Draft).e, workflow.Event{Command: "<script>"}, ada, workflow.Facts{})
	if err == nil || err.Public == "" || strings.Contains(err.Public, "<script>") {
		t.Errorf("want a refusal without what came from outside, got %v", err)
	}
}

// A history that folds is one that could have happened: the fold knows no roles, but it knows who is in the text.
func TestAHistoryThatCouldNotHaveHappenedDoesNotFold(t *testing.T) {
	event := func(by narthex.Person, e workflow.Event) workflow.Event { e.By = by.ID; return e }
	system := narthex.Person{}
	seen := func(l *life, c workflow.Command, as narthex.Role) workflow.Event {
		return workflow.Event{Command: c, As: as, Saw: l.e.Digest, Text: "so"}
	}
	review := at(t, narthex.InReview)
	cases := []struct {
		name  string
		state narthex.State
		event workflow.Event
	}{
		{"an edit by a stranger", narthex.Draft, event(cal, workflow.Event{Command: workflow.Edit, Application: application()})},
		{"a submission by a member", narthex.Draft, event(ben, workflow.Event{Command: workflow.Submit})},
		{"a withdrawal by a reviewer", narthex.InReview, event(sec, workflow.Event{Command: workflow.Withdraw})},
		{"a withdrawal by the system", narthex.InReview, event(system, workflow.Event{Command: workflow.Withdraw})},
		{"an assignment by the applicant", narthex.Submitted, event(ada, workflow.Event{Command: workflow.Assign})},
		{"a return by the sponsor", narthex.InReview, event(sam, seen(review, workflow.Return, narthex.Security))},
		{"a vote by nobody", narthex.InReview, event(system, seen(review, workflow.Approve, narthex.Security))},
		{"a vote in a role that is not asked", narthex.InReview, event(own, seen(review, workflow.Approve, narthex.AssetOwner))},
		{"an activation by a person", narthex.Offered, event(sec, workflow.Event{Command: workflow.Activate, Grant: grant})},
		{"a signature that names another", narthex.Offered, event(sig, signature(ada, narthex.PartyLab, deal))},
		{"a lab signature by the sponsor", narthex.Offered, event(sam, signature(sam, narthex.PartyLab, deal))},
		{"a researcher's signature by another", narthex.Offered, event(sig, signature(sig, narthex.PartyResearcher, deal))},
		{"a signature for an unknown party", narthex.Offered, event(sig, signature(sig, "witness", deal))},
		{"a lock by the applicant", narthex.Active, event(ada, workflow.Event{Command: workflow.Lock})},
		{"a close by the sponsor", narthex.Ending, event(sam, workflow.Event{Command: workflow.Close})},
	}
	for _, c := range cases {
		l := at(t, c.state)
		c.event.Seq = l.e.Events + 1
		if err := l.happen(c.event); err == nil {
			t.Errorf("%s folds", c.name)
		}
	}
	signed := draft(t).signed()
	moved := workflow.Event{Seq: signed.e.Events + 1, By: sec.ID, Command: workflow.Activate, Grant: grant}
	if err := signed.happen(moved); err == nil {
		t.Error("a person's activation folds")
	}
	if _, err := workflow.Apply(narthex.Engagement{}, workflow.Event{Seq: 1, By: ada.ID, At: time.Time{}, Command: workflow.Draft, Application: application()}); err == nil {
		t.Error("an event without a time folds")
	}
}

// An official who is hired by the lab after signing for the institution does not sign for the lab too.
func TestOnePersonSignsForOneParty(t *testing.T) {
	l := at(t, narthex.Offered).does(ora, signature(ora, narthex.PartyInstitution, deal))
	hired := withID(insider(0, "ora", narthex.Signatory), ora.ID)
	if err := l.try(hired, signature(hired, narthex.PartyLab, deal), workflow.Facts{}); err == nil {
		t.Error("ora signed for both sides")
	}
}

// A signatory who decided does not sign for the lab too: one person would do both.
func TestWhoDecidedDoesNotSignForTheLab(t *testing.T) {
	both := withID(insider(0, "sec", narthex.Security, narthex.Signatory), sec.ID)
	l := at(t, narthex.Offered)
	if err := l.try(both, signature(both, narthex.PartyLab, deal), workflow.Facts{}); err == nil {
		t.Error("a reviewer signed for the lab")
	}
	event := signature(both, narthex.PartyLab, deal)
	event.Seq, event.By = l.e.Events+1, both.ID
	if err := l.happen(event); err == nil {
		t.Error("a reviewer's signature for the lab folds")
	}
	l.does(sig, signature(sig, narthex.PartyLab, deal))
}
