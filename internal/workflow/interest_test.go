package workflow_test

import (
	"testing"

	"narthex"
	"narthex/internal/workflow"
)

// tied is a person with an interest in somebody, or in an organisation.
func tied(p narthex.Person, i narthex.Interest) narthex.Person {
	p.Interests = []narthex.Interest{i}
	return p
}

// TestWhoHasAnInterestDecidesNothing: in the applicant, a member or their organisation, whatever the role; in others it is nothing.
func TestWhoHasAnInterestDecidesNothing(t *testing.T) {
	judging := []workflow.Part{workflow.Reviewer, workflow.Programme, workflow.Guard, workflow.Auditor, workflow.Examiner}
	for _, state := range states() {
		if state == "" {
			continue
		}
		e := at(t, state).e
		for name, p := range map[string]narthex.Person{"sec": sec, "leg": leg, "pro": pro, "cus": cus, "sig": sig, "aud": aud, "sam's heir": heir} {
			for whom, i := range map[string]narthex.Interest{"the applicant": {Person: ada.ID}, "a member": {Person: ben.ID}, "the organisation": {Org: north}} {
				for _, part := range workflow.PartsOf(e, tied(p, i)) {
					if part == workflow.Signer {
						t.Errorf("%s, tied to %s, signs where it is %s", name, whom, state)
					}
					for _, judge := range judging {
						if part == judge {
							t.Errorf("%s, tied to %s, is its %s where it is %s", name, whom, part, state)
						}
					}
				}
			}
			for whom, i := range map[string]narthex.Interest{"a colleague": {Person: cal.ID}, "another organisation": {Org: south}, "nobody": {}} {
				if len(workflow.PartsOf(e, tied(p, i))) != len(workflow.PartsOf(e, p)) {
					t.Errorf("%s, tied to %s, may not do what they may", name, whom)
				}
			}
		}
	}
	l := draft(t).inReview()
	err := l.try(tied(sec, narthex.Interest{Org: north}), workflow.Event{Command: workflow.Approve, As: narthex.Security, Saw: l.e.Digest}, workflow.Facts{})
	if !narthex.IsKind(err, narthex.Refused) && !narthex.IsKind(err, narthex.Withheld) {
		t.Errorf("a vote with an interest: %v", err)
	}
}

// TestAVoteFallsWithAnInterest, and what rests on it: the quorum is open again, and no signature stands on the agreement of before.
func TestAVoteFallsWithAnInterest(t *testing.T) {
	l := draft(t).inReview().approve(sec, narthex.Security).approve(leg, narthex.Legal)
	if !l.e.Votes[0].NoInterest || !l.events[len(l.events)-1].NoInterest {
		t.Error("a vote does not declare that there is no interest")
	}
	if err := l.try(cus, workflow.Event{Command: workflow.Recuse}, workflow.Facts{}); err == nil {
		t.Error("who did not vote recuses themselves")
	}
	l.does(sec, workflow.Event{Command: workflow.Recuse})
	if workflow.Approved(l.e) || len(l.e.Votes) != 1 || l.e.Votes[0].By != leg.ID {
		t.Errorf("the votes are %+v", l.e.Votes)
	}
	l = draft(t).offered()
	l.does(ben, joins(deal)).does(ada, signature(ada, narthex.PartyResearcher, deal)).does(leg, workflow.Event{Command: workflow.Recuse})
	if l.e.State != narthex.InReview || l.e.Agreement != "" || len(l.e.Signatures) > 0 || len(l.e.Joined) > 0 || workflow.Approved(l.e) || !l.e.DecidedAt.IsZero() {
		t.Errorf("after an approval fell: %+v", l.e)
	}
	if err := l.trySystem(workflow.Event{Command: workflow.Offer, Agreement: deal}); err == nil {
		t.Error("it is offered without the approval")
	}
	// Nobody from outside, and nobody who is still to vote, sees that there is an interest.
	fell := l.events[len(l.events)-1]
	for name, p := range map[string]narthex.Person{"ada": ada, "ben": ben, "ora": ora, "sam": sam, "heir": heir} {
		if told := workflow.Tells(l.e, p, fell); told != "" {
			t.Errorf("%s sees that leg has an interest", name)
		}
	}
	if told := workflow.Tells(l.e, pro, fell); told == "" {
		t.Error("the programme does not see it")
	}
}
