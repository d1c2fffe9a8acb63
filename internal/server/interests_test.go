package server_test

import (
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/testenv"
)

func tie(kind narthex.InterestKind, person narthex.PersonID, org narthex.OrgID) client.DeclareInterest {
	return client.DeclareInterest{Interest: narthex.Interest{Kind: kind, Person: person, Org: org}}
}

// TestWhoDeclaresAnInterestDecidesNoLonger: a vote falls and the quorum is open, an agreement that rests on it too; and nobody from outside
// reads of it.
func TestWhoDeclaresAnInterestDecidesNoLonger(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		e := testenv.New(t, testenv.Options{Store: url})
		ada, sam, paul := e.People["ada"], e.People["sam"], e.People["paul"]
		org := must(ada.WhoAmI(t.Context())).Person.Org
		view := offer(t, e, must(ada.Draft(t.Context(), holdsAll())))
		id := view.Engagement.ID
		must(ada.Sign(t, id, narthex.PartyResearcher))
		list := must(sam.DeclareInterest(t.Context(), tie("co_author", ada.ID, "")))
		if len(list.Fell) != 1 || list.Fell[0] != id || len(list.Interests) != 1 || list.Interests[0].With == "" {
			t.Errorf("declared: %+v", list)
		}
		view = must(e.People["carol"].Engagement(t.Context(), id))
		if view.Engagement.State != narthex.InReview || view.Engagement.Agreement != "" || len(view.Engagement.Signatures) != 0 || len(view.Engagement.Votes) != 1 {
			t.Errorf("after the vote fell: %+v", view.Engagement)
		}
		if !view.Engagement.Votes[0].NoInterest {
			t.Error("a vote does not declare that there is no interest")
		}
		if _, err := sam.Command(t.Context(), id, "approve", client.Command{As: narthex.Security, Saw: view.Engagement.Digest}); !narthex.IsKind(err, narthex.Refused) || !strings.Contains(err.Error(), "interest") {
			t.Errorf("sam votes again: %v", err)
		}
		for _, name := range []string{"ada", "otto"} {
			for _, line := range must(e.People[name].History(t.Context(), id)).Lines {
				if line.What == "recuse" {
					t.Errorf("%s reads that somebody has an interest", name)
				}
			}
		}
		for _, item := range must(sam.Work(t.Context(), client.Page{})).Work {
			if item.Engagement == id {
				t.Errorf("it waits for sam: %+v", item)
			}
		}
		view = approve(t, e, "paul", narthex.Security, view)
		if view.Engagement.State != narthex.Offered {
			t.Fatalf("with another of security it is %s", view.Engagement.State)
		}

		// The lab's signer who declares one signs nothing, and a signature of theirs makes no grant.
		must(e.People["dan"].Sign(t, id, narthex.PartyLab))
		must(e.People["dan"].DeclareInterest(t.Context(), tie("financial", "", org)))
		must(ada.Sign(t, id, narthex.PartyResearcher))
		if _, err := e.People["otto"].Sign(t, id, narthex.PartyInstitution); !narthex.IsKind(err, narthex.Conflict) {
			t.Errorf("a grant comes of the signature of who has an interest: %v", err)
		}
		must(e.People["dan"].EndInterest(t.Context(), tie("financial", "", org)))
		must(e.People["otto"].Sign(t, id, narthex.PartyInstitution))

		// An interest that is over is none; what is in a stranger, or of no kind, is refused by its field.
		if _, err := sam.EndInterest(t.Context(), tie("co_author", "", org)); !narthex.IsKind(err, narthex.Conflict) {
			t.Errorf("what was not declared ends: %v", err)
		}
		over := tie("funder", "", org)
		over.Interest.Until = time.Now().UTC().Truncate(time.Second).Add(-time.Hour)
		for field, in := range map[string]client.DeclareInterest{"kind": tie("friend", ada.ID, ""), "person": tie("funder", ada.ID, org), "until": over} {
			if _, err := paul.DeclareInterest(t.Context(), in); !narthex.IsKind(err, narthex.Invalid) || narthex.AsError(err).Param != field {
				t.Errorf("%s: %v, of %q", field, err, narthex.AsError(err).Param)
			}
		}
		if _, err := paul.DeclareInterest(t.Context(), tie("funder", sam.ID, "")); !narthex.IsKind(err, narthex.Invalid) {
			t.Errorf("an interest in someone of the lab: %v", err)
		}
		for _, name := range []string{"ada", "otto"} {
			if _, err := e.People[name].Interests(t.Context()); !narthex.IsKind(err, narthex.Withheld) {
				t.Errorf("%s lists interests: %v", name, err)
			}
		}
	})
}

// TestAnInterestInWhoIsErasedGoesWithThem.
func TestAnInterestInWhoIsErasedGoesWithThem(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	e.Outsiders(t, "2", "Second")
	sam, ada2 := e.People["sam"], e.People["ada2"]
	must(sam.DeclareInterest(t.Context(), tie("family", ada2.ID, "")))
	must(sam.DeclareInterest(t.Context(), tie("co_author", e.People["ada"].ID, "")))
	must(e.People["carol"].Remove(t.Context(), ada2.ID, "left"))
	must(e.People["carol"].Erase(t.Context(), ada2.ID, "asked"))
	if list := must(sam.Interests(t.Context())).Interests; len(list) != 1 || list[0].Interest.Person != e.People["ada"].ID {
		t.Errorf("sam's interests are %+v", list)
	}
	if audit := must(e.People["lea"].Audit(t.Context(), false)); len(audit.Differences) > 0 {
		t.Errorf("the tables differ from the ledger: %+v", audit)
	}
}

// TestAnOfferThatFellLeavesTheSumsAsIfItNeverWas, beside another application of the pathway: the audit counts anew, and finds the same.
func TestAnOfferThatFellLeavesTheSumsAsIfItNeverWas(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	submitted(t, e)
	view := submitted(t, e)
	approve(t, e, "olga", narthex.AssetOwner, view)
	approve(t, e, "sam", narthex.Security, view)
	must(e.People["sam"].DeclareInterest(t.Context(), tie("funder", e.People["ada"].ID, "")))
	if state := must(e.People["carol"].Client.Engagement(t.Context(), view.Engagement.ID)).Engagement.State; state != narthex.InReview {
		t.Fatalf("it is %s", state)
	}
	if found := must(e.People["lea"].Audit(t.Context(), false)); len(found.Differences) != 0 {
		t.Errorf("the audit finds %+v", found.Differences)
	}
}
