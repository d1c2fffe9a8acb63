package workflow_test

import (
	"slices"
	"testing"

	jsonv2 "github.com/go-json-experiment/json"

	"narthex"
	"narthex/internal/workflow"
)

// A row of the list of attempts against the workflow, for each that the machine alone can answer.

func refusedAs(t *testing.T, l *life, p narthex.Person, draft workflow.Event, kind narthex.Kind) {
	t.Helper()
	err := l.try(p, draft, workflow.Facts{OwnsAsset: true})
	if err == nil || !narthex.IsKind(err, kind) {
		t.Errorf("want %s, got %v", kind, err)
	}
}

func vote1(l *life, as narthex.Role) workflow.Event {
	return workflow.Event{Command: workflow.Approve, As: as, Saw: l.e.Digest, Text: "so"}
}

func TestWFL01ApproveYourOwnApplication(t *testing.T) {
	l := at(t, narthex.InReview)
	refusedAs(t, l, ada, vote1(l, narthex.Security), narthex.Refused)
	hired := withID(insider(0, "ada", narthex.Roles()...), ada.ID)
	for _, command := range []workflow.Command{workflow.Approve, workflow.Decline, workflow.Return} {
		ask := vote1(l, narthex.Security)
		ask.Command = command
		refusedAs(t, l, hired, ask, narthex.Refused)
	}
}

func TestWFL02ApproveWhereYouAreMemberOrSponsor(t *testing.T) {
	l := at(t, narthex.InReview)
	refusedAs(t, l, sam, vote1(l, narthex.Legal), narthex.Refused)
	refusedAs(t, l, withID(insider(0, "ben", narthex.Roles()...), ben.ID), vote1(l, narthex.Security), narthex.Refused)
}

func TestWFL04LeaveApproveAndRejoin(t *testing.T) {
	without := application()
	without.Sponsor, without.Members = "", nil
	l := draft(t).does(ada, workflow.Event{Command: workflow.Edit, Application: without}).inReview()
	refusedAs(t, l, sam, vote1(l, narthex.Security), narthex.Refused)
	l.does(sec, workflow.Event{Command: workflow.Return, As: narthex.Security, Text: "why?"})
	l.does(ada, workflow.Event{Command: workflow.Revise, Application: application()}).system(workflow.Event{Command: workflow.Assign})
	refusedAs(t, l, sam, vote1(l, narthex.Security), narthex.Refused)
}

func TestWFL05OnePersonIsCountedOnce(t *testing.T) {
	both := insider(50, "both", narthex.Security, narthex.Legal)
	l := at(t, narthex.InReview).approve(both, narthex.Security)
	for _, as := range []narthex.Role{narthex.Security, narthex.Legal} {
		refusedAs(t, l, both, vote1(l, as), narthex.Conflict)
	}
	if workflow.Approved(l.e) || !slices.Equal(workflow.Missing(l.e), []narthex.Role{narthex.Legal}) {
		t.Errorf("one person fills the seats of two: %v is missing", workflow.Missing(l.e))
	}
}

func TestWFL07EditAfterTheFirstApproval(t *testing.T) {
	l := at(t, narthex.InReview).approve(sec, narthex.Security)
	longer := application()
	longer.Days = 60
	refusedAs(t, l, ada, workflow.Event{Command: workflow.Edit, Application: longer}, narthex.Conflict)
	refusedAs(t, l, ada, workflow.Event{Command: workflow.Revise, Application: longer}, narthex.Conflict)
	seen := vote1(l, narthex.Legal)
	l.does(leg, workflow.Event{Command: workflow.Return, As: narthex.Legal, Text: "How long?"})
	l.does(ada, workflow.Event{Command: workflow.Revise, Application: longer}).system(workflow.Event{Command: workflow.Assign})
	if len(l.e.Votes) != 0 || l.e.Round != 2 || workflow.Approved(l.e) {
		t.Errorf("votes %v are kept in round %d", l.e.Votes, l.e.Round)
	}
	refusedAs(t, l, leg, seen, narthex.Conflict)
	l.approve(leg, narthex.Legal)
	if err := l.trySystem(workflow.Event{Command: workflow.Offer, Agreement: deal}); err == nil {
		t.Error("the first round's approval carried over")
	}
}

func TestWFL08ApprovedFormUnderAnotherEngagement(t *testing.T) {
	l := at(t, narthex.InReview)
	copied := application()
	copied.Engagement = other
	twin := draftOf(t, copied).inReview()
	refusedAs(t, twin, sec, workflow.Event{Command: workflow.Approve, As: narthex.Security, Saw: l.e.Digest}, narthex.Conflict)
}

func TestWFL10SkipAState(t *testing.T) {
	l := at(t, narthex.Submitted)
	refusedAs(t, l, ada, signature(ada, narthex.PartyResearcher, deal), narthex.Conflict)
	for _, state := range []narthex.State{narthex.Draft, narthex.Submitted, narthex.InReview, narthex.Returned} {
		for _, ask := range []workflow.Event{{Command: workflow.Activate, Grant: grant}, {Command: workflow.Offer, Agreement: deal}} {
			if err := at(t, state).trySystem(ask); err == nil {
				t.Errorf("%s in %s", ask.Command, state)
			}
		}
	}
}

func TestWFL11AStateInTheBody(t *testing.T) {
	for _, body := range []string{`{"command":"edit","state":"approved"}`, `{"command":"edit","State":"active"}`, `{"command":"edit","application":{"state":"approved"}}`} {
		var event workflow.Event
		if jsonv2.Unmarshal([]byte(body), &event, jsonv2.RejectUnknownMembers(true)) == nil {
			t.Errorf("%s is read", body)
		}
	}
}

func TestWFL13WriteYourselfIntoTheReview(t *testing.T) {
	mine := application()
	mine.Reviews = append(mine.Reviews, narthex.ReviewRule{Role: narthex.Custodian, Quorum: 1})
	l := draft(t).does(sam, workflow.Event{Command: workflow.Edit, Application: mine}).inReview()
	refusedAs(t, l, sam, vote1(l, narthex.Custodian), narthex.Refused)
	refusedAs(t, l, sec, vote1(l, narthex.Custodian), narthex.Refused)
}

func TestWFL14ARoleNamedLikeAnother(t *testing.T) {
	for _, like := range []narthex.Role{"securit", "security2", "Security", "security ", ""} {
		near := insider(60, "near", like, narthex.Auditor)
		l := at(t, narthex.InReview)
		refusedAs(t, l, near, vote1(l, like), narthex.Refused)
		refusedAs(t, l, near, vote1(l, narthex.Security), narthex.Refused)
	}
}

func TestWFL16VoteBeforeOpeningOrAfterTheEnd(t *testing.T) {
	for _, state := range narthex.States() {
		if state == narthex.InReview || state == narthex.Draft {
			continue
		}
		l := at(t, state)
		refusedAs(t, l, sec, vote1(l, narthex.Security), narthex.Conflict)
	}
	l := draft(t)
	refusedAs(t, l, sec, vote1(l, narthex.Security), narthex.Withheld)
}

func TestWFL19AnEngagementOfOthers(t *testing.T) {
	for _, p := range []narthex.Person{cal, oleg, own} {
		for _, state := range narthex.States() {
			l := at(t, state)
			if workflow.MayRead(l.e, p) {
				t.Errorf("%s reads it in %s", p.ID, state)
			}
			refusedAs(t, l, p, vote1(l, narthex.Security), narthex.Withheld)
		}
	}
}

func TestWFL20ExtendWithoutReview(t *testing.T) {
	longer := application()
	longer.Days = 3650
	for _, state := range []narthex.State{narthex.Offered, narthex.Active, narthex.Ending, narthex.Closed} {
		for _, command := range []workflow.Command{workflow.Edit, workflow.Revise, workflow.Draft} {
			l := at(t, state)
			refusedAs(t, l, ada, workflow.Event{Command: command, Application: longer}, narthex.Conflict)
			if l.e.Application.Days != application().Days {
				t.Errorf("%s in %s changed the days", command, state)
			}
		}
	}
}

func TestWFL22EditWithARightThatOnlyReads(t *testing.T) {
	l := at(t, narthex.Returned)
	for _, p := range []narthex.Person{aud, sec, leg, pro, sig, ora} {
		if !workflow.MayRead(l.e, p) {
			t.Errorf("%s cannot even read", p.ID)
		}
		refusedAs(t, l, p, workflow.Event{Command: workflow.Revise, Application: application()}, narthex.Refused)
	}
	left := application()
	left.Members = nil
	gone := draft(t).does(ada, workflow.Event{Command: workflow.Edit, Application: left})
	refusedAs(t, gone, ben, workflow.Event{Command: workflow.Edit, Application: application()}, narthex.Refused)
}
