package server_test

import (
	"strings"
	"testing"

	"narthex"
	"narthex/client"
	"narthex/internal/testenv"
)

// team is a grant of ada's, with ben of her organisation as a member and paul as its sponsor, and a key of each.
func team(t *testing.T, e *testenv.Env, more ...narthex.Term) (grant narthex.Grant, adas, bens string) {
	t.Helper()
	ada := e.People["ada"]
	org := must(ada.WhoAmI(t.Context())).Person.Org
	e.Join(t, "ben", must(e.People["otto"].Invite(t.Context(), client.Invite{Name: "Ben", Email: "ben@x.test", Org: org})).Code)
	text := client.Draft{Pathway: "test", Title: "a team", Answers: map[string]string{"why": "to see"}, Terms: append([]narthex.Term{testenv.Tokens(1e6, nil)}, more...),
		Members: []narthex.PersonID{e.People["ben"].ID}, Sponsor: e.People["paul"].ID}
	view := must(ada.Draft(t.Context(), text))
	view = must(ada.Command(t.Context(), view.Engagement.ID, "submit", client.Command{}))
	view = approve(t, e, "sam", narthex.Security, view)
	view = approve(t, e, "olga", narthex.AssetOwner, view)
	for _, s := range []struct {
		name  string
		party narthex.PartyRole
	}{{"ada", narthex.PartyResearcher}, {"otto", narthex.PartyInstitution}, {"dan", narthex.PartyLab}} {
		view = must(e.People[s.name].Sign(t, view.Engagement.ID, s.party))
	}
	id := view.Engagement.Grant
	must(e.People["ben"].Command(t.Context(), view.Engagement.ID, "join", client.Command{Saw: view.Engagement.Agreement}))
	adas, bens = must(ada.Mint(t.Context(), id, client.Mint{Label: "a"})).Token, must(e.People["ben"].Mint(t.Context(), id, client.Mint{Label: "b"})).Token
	return must(ada.Client.Grant(t.Context(), id)).Grant, adas, bens
}

// TestWhoLeavesTakesTheirKeysAndNobodyElses.
func TestWhoLeavesTakesTheirKeysAndNobodyElses(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	grant, adas, bens := team(t, e)
	ben := e.People["ben"]
	for _, name := range []string{"ada", "paul", "otto"} {
		if _, err := e.People[name].Command(t.Context(), grant.Engagement, "leave", client.Command{}); !narthex.IsKind(err, narthex.Refused) {
			t.Errorf("%s, who is no member, leaves: %v", name, err)
		}
	}
	if got := answers(t, e, bens); got != "served" {
		t.Fatal(got)
	}
	must(ben.Command(t.Context(), grant.Engagement, "leave", client.Command{}))
	if status, _, err := e.Chat(t.Context(), bens, testenv.Hello); err != nil || status != 401 {
		t.Errorf("a key of someone who left: %d %v", status, err)
	}
	if got := answers(t, e, adas); got != "served" {
		t.Errorf("a key of someone who stays: %s", got)
	}
	if _, err := ben.Mint(t.Context(), grant.ID, client.Mint{Label: "again"}); !narthex.IsKind(err, narthex.Refused) {
		t.Errorf("a new key of someone who left: %v", err)
	}
	if _, err := ben.Command(t.Context(), grant.Engagement, "leave", client.Command{}); !narthex.IsKind(err, narthex.Refused) {
		t.Errorf("they leave twice: %v", err)
	}
}

// TestASponsorIsAskedAndTakesIt: two people, and nobody who decided; the part of the one of before ends.
func TestASponsorIsAskedAndTakesIt(t *testing.T) {
	e := testenv.New(t, testenv.Options{Files: with("  - {handle: sara, name: Sara, email: sara@lab.test, roles: [sponsor], region: de}\n")})
	e.Join(t, "sara", invite(t, e.People["carol"].Client, "sara"))
	grant, _, _ := team(t, e)
	ask := func(by, of string) error {
		_, err := e.People[by].Command(t.Context(), grant.Engagement, "transfer", client.Command{Person: e.People[of].ID})
		return err
	}
	for _, c := range []struct {
		by, of string
		want   narthex.Kind
	}{{"ada", "sam", narthex.Refused}, {"ada", "olga", narthex.Refused}, {"ada", "dan", narthex.Refused}, {"ada", "paul", narthex.Invalid}, {"ada", "ada", narthex.Invalid},
		{"ada", "lea", narthex.Invalid}, {"ben", "sara", narthex.Refused}, {"carol", "sara", narthex.Refused}, {"sara", "sara", narthex.Withheld}} {
		if err := ask(c.by, c.of); !narthex.IsKind(err, c.want) {
			t.Errorf("%s asks %s: %v", c.by, c.of, err)
		}
	}
	if _, err := e.People["sara"].Command(t.Context(), grant.Engagement, "take", client.Command{}); !narthex.IsKind(err, narthex.Withheld) {
		t.Errorf("whom nobody asked takes it: %v", err)
	}
	if err := ask("paul", "sara"); err != nil {
		t.Fatal(err)
	}
	if work := must(e.People["sara"].Work(t.Context(), client.Page{})).Work; len(work) != 1 || work[0].Do != "take" {
		t.Errorf("sara has to do %+v", work)
	}
	view := must(e.People["sara"].Command(t.Context(), grant.Engagement, "take", client.Command{}))
	if view.Engagement.Sponsor != e.People["sara"].ID || view.Engagement.Application.Sponsor != e.People["paul"].ID || view.Engagement.Successor != "" {
		t.Errorf("the sponsor is %s, and the agreed text names %s", view.Engagement.Sponsor, view.Engagement.Application.Sponsor)
	}
	if err := ask("paul", "sara"); !narthex.IsKind(err, narthex.Refused) {
		t.Errorf("the sponsor of before hands it over again: %v", err)
	}
	// Only the one who sponsors it now confirms what its applicant states.
	saw := client.Recertify{Saw: view.Engagement.Digest}
	must(e.People["ada"].State(t.Context(), grant.Engagement, saw))
	if _, err := e.People["paul"].Confirm(t.Context(), grant.Engagement, saw); !narthex.IsKind(err, narthex.Refused) || !strings.Contains(err.Error(), "sponsor") {
		t.Errorf("the sponsor of before confirms: %v", err)
	}
	must(e.People["sara"].Confirm(t.Context(), grant.Engagement, saw))
}
