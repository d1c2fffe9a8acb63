package server_test

import (
	"strings"
	"testing"

	"narthex"
	"narthex/client"
	"narthex/internal/testenv"
)

func offer(t *testing.T, e *testenv.Env, view client.EngagementView) client.EngagementView {
	t.Helper()
	view = must(e.People["ada"].Command(t.Context(), view.Engagement.ID, "submit", client.Command{}))
	view = approve(t, e, "olga", narthex.AssetOwner, view)
	return approve(t, e, "sam", narthex.Security, view)
}

// tokensOf gives what is used of the budget for life of a grant.
func tokensOf(t *testing.T, e *testenv.Env, id narthex.GrantID) client.BudgetView {
	t.Helper()
	for _, b := range must(e.People["ada"].Client.Grant(t.Context(), id)).Budgets {
		if b.Limit == "tokens" && b.Holder == string(id) {
			return b
		}
	}
	t.Fatal("no budget of tokens")
	return client.BudgetView{}
}

// TestAnAmendmentTakesThePlaceOfWhatItAmendsWithItsLastSignatureAlone, and refills nothing.
func TestAnAmendmentTakesThePlaceOfWhatItAmendsWithItsLastSignatureAlone(t *testing.T) {
	onBoth(t, amended)
}

func amended(t *testing.T, url string) {
	e := testenv.New(t, testenv.Options{Store: url})
	grant, key := e.Grant(t, "", testenv.Tokens(100, nil))
	ada := e.People["ada"]
	if got := answers(t, e, key); got != "served" {
		t.Fatal(got)
	}
	used := tokensOf(t, e, grant.ID).Used
	if used == 0 {
		t.Fatal("nothing was used")
	}
	view := must(ada.Amend(t.Context(), grant.Engagement, client.Amend{Days: 120}))
	if a := view.Engagement.Application; a.Amends != grant.Engagement || a.Days != 120 || len(a.Terms) != 1 || view.Engagement.State != narthex.Draft {
		t.Errorf("the draft is %+v", a)
	}
	view = offer(t, e, view)
	made := must(ada.Client.Agreement(t.Context(), view.Engagement.ID))
	if a := made.Agreement.Amends; a == nil || a.Grant != grant.ID || a.Agreement != grant.Agreement || !strings.Contains(made.Markdown, string(grant.ID)) {
		t.Errorf("the agreement does not say what it amends: %+v", a)
	}
	must(ada.Sign(t, view.Engagement.ID, narthex.PartyResearcher))
	must(e.People["otto"].Sign(t, view.Engagement.ID, narthex.PartyInstitution))
	if got := answers(t, e, key); got != "served" {
		t.Errorf("before the last signature: %s", got)
	}
	used = tokensOf(t, e, grant.ID).Used
	after := must(e.People["dan"].Sign(t, view.Engagement.ID, narthex.PartyLab)).Engagement
	if status, body, err := e.Chat(t.Context(), key, testenv.Hello); err != nil || status != 403 || !strings.Contains(body, `"ended"`) {
		t.Errorf("a key of the grant that was amended: %d %s %v", status, body, err)
	}
	old := must(ada.Engagement(t.Context(), grant.Engagement)).Engagement
	if old.State != narthex.Ending || old.Reason != "amended by "+string(after.ID) || !must(ada.Client.Grant(t.Context(), grant.ID)).Grant.Ended {
		t.Errorf("what was amended is %s: %s", old.State, old.Reason)
	}
	if b := tokensOf(t, e, after.Grant); b.Used != used || b.Allowed != 100 {
		t.Errorf("it begins with %d of %d used, and %d were", b.Used, b.Allowed, used)
	}
	fresh := must(ada.Mint(t.Context(), after.Grant, client.Mint{Label: "new"})).Token
	served := 0
	for ; served < 100 && answers(t, e, fresh) == "served"; served++ {
	}
	if b := tokensOf(t, e, after.Grant); b.Used+b.Reserved > 100 || served == 0 || served == 100 {
		t.Errorf("after %d calls more %d of 100 are used", served, b.Used)
	}
}

// TestAnAmendmentThatComesToNaughtChangesNothing: declined, withdrawn, locked, or of what has ended.
func TestAnAmendmentThatComesToNaughtChangesNothing(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	e.Outsiders(t, "2", "Second")
	grant, key := e.Grant(t, "", testenv.Tokens(1e6, nil))
	ada := e.People["ada"]
	stays := func(when string) {
		t.Helper()
		if got := answers(t, e, key); got != "served" || must(ada.Client.Grant(t.Context(), grant.ID)).Grant.Ended {
			t.Errorf("%s: %s", when, got)
		}
	}
	for name, kind := range map[string]narthex.Kind{"otto": narthex.Refused, "carol": narthex.Refused, "ada2": narthex.Withheld, "otto2": narthex.Withheld} {
		if _, err := e.People[name].Amend(t.Context(), grant.Engagement, client.Amend{Days: 3}); !narthex.IsKind(err, kind) {
			t.Errorf("%s amends: %v", name, err)
		}
	}
	if _, err := ada.Amend(t.Context(), grant.Engagement, client.Amend{Days: 10_000}); !narthex.IsKind(err, narthex.Invalid) {
		t.Errorf("more days than the pathway gives: %v", err)
	}
	declined := must(ada.Amend(t.Context(), grant.Engagement, client.Amend{Days: 30}))
	declined = must(ada.Command(t.Context(), declined.Engagement.ID, "submit", client.Command{}))
	must(e.People["sam"].Command(t.Context(), declined.Engagement.ID, "decline", client.Command{As: narthex.Security, Saw: declined.Engagement.Digest, Text: "no"}))
	stays("declined")
	withdrawn := offer(t, e, must(ada.Amend(t.Context(), grant.Engagement, client.Amend{Days: 31})))
	must(ada.Command(t.Context(), withdrawn.Engagement.ID, "withdraw", client.Command{Text: "not now"}))
	stays("withdrawn")

	// An approval of what is amended is none of the amendment, and the amendment's text is its own.
	first := offer(t, e, must(ada.Amend(t.Context(), grant.Engagement, client.Amend{Days: 32})))
	second := offer(t, e, must(ada.Amend(t.Context(), grant.Engagement, client.Amend{Days: 33})))
	for _, view := range []client.EngagementView{first, second} {
		must(ada.Sign(t, view.Engagement.ID, narthex.PartyResearcher))
		must(e.People["otto"].Sign(t, view.Engagement.ID, narthex.PartyInstitution))
	}
	lock := must(e.People["carol"].Lock(t.Context(), client.LockRequest{Subject: "grant", Target: string(grant.ID), Reason: "safety"}))
	if _, err := e.People["dan"].Sign(t, first.Engagement.ID, narthex.PartyLab); !narthex.IsKind(err, narthex.Conflict) || !strings.Contains(err.Error(), "lock") {
		t.Errorf("an amendment slips from under a lock: %v", err)
	}
	must(e.People["sam"].Unlock(t.Context(), lock.Lock.ID))
	stays("locked and unlocked")
	must(e.People["dan"].Sign(t, first.Engagement.ID, narthex.PartyLab))
	if _, err := e.People["dan"].Sign(t, second.Engagement.ID, narthex.PartyLab); !narthex.IsKind(err, narthex.Conflict) || !strings.Contains(err.Error(), "in force no longer") {
		t.Errorf("it is amended twice: %v", err)
	}
	if _, err := ada.Amend(t.Context(), grant.Engagement, client.Amend{Days: 34}); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("what has ended is amended: %v", err)
	}
}

// TestWhoHadAPartInWhatIsAmendedDecidesOnNeither: the sponsor of before decides on no amendment, though it names another.
func TestWhoHadAPartInWhatIsAmendedDecidesOnNeither(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	grant, _, _ := team(t, e)
	draft := client.Draft{Pathway: "test", Title: "without them", Answers: map[string]string{"why": "to see"}, Terms: []narthex.Term{testenv.Tokens(1e6, nil)}}
	view := must(e.People["ada"].Amend(t.Context(), grant.Engagement, client.Amend{Draft: &draft}))
	view = must(e.People["ada"].Command(t.Context(), view.Engagement.ID, "submit", client.Command{}))
	if view.Engagement.Application.Sponsor != "" {
		t.Fatal("it names a sponsor")
	}
	if _, err := e.People["paul"].Command(t.Context(), view.Engagement.ID, "approve", client.Command{As: narthex.Security, Saw: view.Engagement.Digest}); !narthex.IsKind(err, narthex.Refused) {
		t.Errorf("the sponsor of before approves: %v", err)
	}
}

// TestARenewalNeedsNoRoomTwiceAndMakesNone: of an asset of which two grants may carry all that may ever leave, one is renewed with what it used
// counted once, and a third finds no more room than before.
func TestARenewalNeedsNoRoomTwiceAndMakesNone(t *testing.T) {
	e := testenv.New(t, leakLab("4000000", "[behav, bulk]", "1"))
	e.Outsiders(t, "2", "Second")
	e.Outsiders(t, "3", "Third")
	grant, key := e.Grant(t, "", scored(1e6)...)
	e.Grant(t, "2", scored(1e6)...)
	for range 3 {
		if got := answers(t, e, key); got != "served" {
			t.Fatal(got)
		}
	}
	view := offer(t, e, must(e.People["ada"].Amend(t.Context(), grant.Engagement, client.Amend{Days: 90})))
	for _, s := range []struct {
		name  string
		party narthex.PartyRole
	}{{"ada", narthex.PartyResearcher}, {"otto", narthex.PartyInstitution}, {"dan", narthex.PartyLab}} {
		view = must(e.People[s.name].Sign(t, view.Engagement.ID, s.party))
	}
	if view.Engagement.State != narthex.Active {
		t.Fatalf("it is %s", view.Engagement.State)
	}
	_, handed := handIn(t, e, "3", scored(1e6)...)
	if err := approveBoth(t, e, handed); !narthex.IsKind(err, narthex.Conflict) || !strings.Contains(err.Error(), "lifetime_bytes") {
		t.Errorf("a third is offered: %v", err)
	}
	must(e.People["ada"].Command(t.Context(), view.Engagement.ID, "end", client.Command{Text: "done"}))
	if err := failed(e.People["sam"].Command(t.Context(), handed.Engagement.ID, "approve", client.Command{As: narthex.Security, Saw: handed.Engagement.Digest})); err != nil {
		t.Errorf("with the renewal ended, a third is not offered: %v", err)
	}
}
