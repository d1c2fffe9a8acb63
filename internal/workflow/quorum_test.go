package workflow_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"narthex"
	"narthex/internal/workflow"
)

// However many people of however many roles vote, only as many seats are filled as there are different people.
func TestApprovalTakesAsManyPeopleAsSeats(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		roles := rapid.Permutation(narthex.Roles()).Draw(t, "roles")[:rapid.IntRange(1, 3).Draw(t, "rules")]
		a := application()
		a.Reviews, a.Sponsor = nil, ""
		seats := 0
		for _, role := range roles {
			quorum := rapid.IntRange(1, 3).Draw(t, "quorum")
			a.Reviews = append(a.Reviews, narthex.ReviewRule{Role: role, Quorum: quorum})
			seats += quorum
		}
		l := (&life{t: nil}).mustDraft(a)
		voted := map[narthex.Role]int{}
		for i := range rapid.IntRange(0, 10).Draw(t, "people") {
			p := insider(byte(100+i), "lab", narthex.Roles()...)
			for range 2 {
				as := rapid.SampledFrom(roles).Draw(t, "as")
				if l.try(p, workflow.Event{Command: workflow.Approve, As: as, Saw: l.e.Digest}, workflow.Facts{OwnsAsset: true}) == nil {
					voted[as]++
				}
			}
		}
		full, missing := seats >= 2, []narthex.Role{}
		for _, rule := range a.Reviews {
			if voted[rule.Role] < rule.Quorum {
				full, missing = false, append(missing, rule.Role)
			}
		}
		if workflow.Approved(l.e) != full || !slices.Equal(workflow.Missing(l.e), missing) {
			t.Fatalf("rules %v, votes %v: approved %t, missing %v", a.Reviews, voted, workflow.Approved(l.e), workflow.Missing(l.e))
		}
	})
}

// mustDraft is a life in review, made where no test stands by.
func (l *life) mustDraft(a *narthex.Application) *life {
	for _, step := range []error{
		l.try(ada, workflow.Event{Command: workflow.Draft, Application: a}, workflow.Facts{}),
		l.try(ada, workflow.Event{Command: workflow.Submit}, workflow.Facts{}),
		l.trySystem(workflow.Event{Command: workflow.Assign, Due: start}),
	} {
		if step != nil {
			panic(step)
		}
	}
	return l
}

func TestTheZeroEngagementHasNothing(t *testing.T) {
	var e narthex.Engagement
	if workflow.Approved(e) || workflow.Signed(e) {
		t.Error("nothing is approved or signed")
	}
	e.Application.Reviews = []narthex.ReviewRule{{Role: narthex.Security, Quorum: 1}}
	e.Votes = []narthex.Vote{{By: sec.ID, As: narthex.Security, Approve: true}}
	if workflow.Approved(e) {
		t.Error("one approval is enough")
	}
}

// Only approvals, in the role and on the text that stand, fill a seat.
func TestWhatIsNoApprovalFillsNoSeat(t *testing.T) {
	full := at(t, narthex.InReview).approve(sec, narthex.Security).approve(leg, narthex.Legal).e
	if !workflow.Approved(full) {
		t.Fatal("both have approved")
	}
	for name, spoil := range map[string]func(*narthex.Vote){
		"a decline":                func(v *narthex.Vote) { v.Approve = false },
		"another text":             func(v *narthex.Vote) { v.Saw = stale },
		"another role":             func(v *narthex.Vote) { v.As = narthex.Security },
		"a role that is not asked": func(v *narthex.Vote) { v.As = narthex.Custodian },
	} {
		e := full
		e.Votes = slices.Clone(full.Votes)
		spoil(&e.Votes[1])
		if workflow.Approved(e) || !slices.Equal(workflow.Missing(e), []narthex.Role{narthex.Legal}) {
			t.Errorf("%s fills a seat", name)
		}
	}
}

func TestOnlySignaturesOnTheAgreementCount(t *testing.T) {
	signed := draft(t).signed().e
	if !workflow.Signed(signed) || len(workflow.Unsigned(signed)) != 0 {
		t.Fatal("every party has signed")
	}
	for i, party := range []narthex.PartyRole{narthex.PartyResearcher, narthex.PartyInstitution, narthex.PartyLab} {
		e := signed
		e.Signatures = slices.Clone(signed.Signatures)
		e.Signatures[i].Digest = stale
		if workflow.Signed(e) || !slices.Equal(workflow.Unsigned(e), []narthex.PartyRole{party}) {
			t.Errorf("a signature of the %s on another agreement counts", party)
		}
	}
	signed.Agreement = ""
	for i := range signed.Signatures {
		signed.Signatures[i].Digest = ""
	}
	if workflow.Signed(signed) {
		t.Error("nothing was signed, by all")
	}
}

// A signer is an official of the applicant's organisation, a signatory of the lab, or the applicant, while their party has not signed.
func TestWhoMaySign(t *testing.T) {
	l := at(t, narthex.Offered)
	for name, p := range cast {
		want := slices.Contains([]string{"ada", "ora", "sig"}, name)
		if got := slices.Contains(workflow.PartsOf(l.e, p), workflow.Signer); got != want {
			t.Errorf("%s is a signer: %t", name, got)
		}
	}
	l.does(ora, signature(ora, narthex.PartyInstitution, deal))
	if slices.Contains(workflow.PartsOf(l.e, ora), workflow.Signer) {
		t.Error("ora may sign twice")
	}
}
