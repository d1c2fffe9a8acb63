package server_test

import (
	"slices"
	"strings"
	"testing"

	"narthex"
	"narthex/client"
	"narthex/internal/testenv"
)

// signed has an application signed by every party, in force with the last.
func signedBy(t *testing.T, e *testenv.Env, view client.EngagementView) client.EngagementView {
	t.Helper()
	for _, s := range []struct {
		name  string
		party narthex.PartyRole
	}{{"ada", narthex.PartyResearcher}, {"otto", narthex.PartyInstitution}, {"dan", narthex.PartyLab}} {
		view = must(e.People[s.name].Sign(t, view.Engagement.ID, s.party))
	}
	return view
}

func todo(t *testing.T, e *testenv.Env, name string) []string {
	t.Helper()
	var list []string
	for _, item := range must(e.People[name].Work(t.Context(), client.Page{})).Work {
		list = append(list, item.Do+" "+string(item.Engagement))
	}
	return list
}

// TestAMemberHasNothingOfAGrantBeforeTheyAccept: no signature stands for them; the ledger's own account of it agrees.
func TestAMemberHasNothingOfAGrantBeforeTheyAccept(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		e := testenv.New(t, testenv.Options{Store: url})
		ada := e.People["ada"]
		org := must(ada.WhoAmI(t.Context())).Person.Org
		for _, name := range []string{"ben", "cleo"} {
			e.Join(t, name, must(e.People["otto"].Invite(t.Context(), client.Invite{Name: name, Email: name + "@x.test", Org: org})).Code)
		}
		ben, cleo := e.People["ben"], e.People["cleo"]
		text := client.Draft{Pathway: "test", Title: "a team", Answers: map[string]string{"why": "to see"}, Terms: []narthex.Term{testenv.Tokens(1e6, nil)}, Members: []narthex.PersonID{ben.ID, cleo.ID}}
		view := must(ada.Draft(t.Context(), text))
		id := view.Engagement.ID
		if got := todo(t, e, "ben"); len(got) != 0 {
			t.Errorf("of a draft ben has to do %v", got)
		}
		view = offer(t, e, view)
		if got := todo(t, e, "ben"); !slices.Equal(got, []string{"join " + string(id)}) {
			t.Errorf("ben has to do %v", got)
		}
		if _, err := ben.Command(t.Context(), id, "join", client.Command{Saw: view.Engagement.Digest}); !narthex.IsKind(err, narthex.Conflict) {
			t.Errorf("ben accepts the application where there is an agreement: %v", err)
		}
		must(cleo.Command(t.Context(), id, "join", client.Command{Saw: view.Engagement.Agreement}))
		view = signedBy(t, e, view)
		grant := view.Engagement.Grant
		if got := must(ada.Client.Grant(t.Context(), grant)).Grant.Persons; !slices.Equal(got, []narthex.PersonID{ada.ID, cleo.ID}) {
			t.Errorf("the grant is for %v", got)
		}
		if _, err := ben.Mint(t.Context(), grant, client.Mint{Label: "b"}); !narthex.IsKind(err, narthex.Refused) || !strings.Contains(err.Error(), "engagements join") {
			t.Errorf("ben mints a key: %v", err)
		}
		must(cleo.Mint(t.Context(), grant, client.Mint{Label: "c"}))
		for _, name := range []string{"ada", "otto", "dan", "cleo"} {
			if _, err := e.People[name].Command(t.Context(), id, "join", client.Command{Saw: view.Engagement.Agreement}); err == nil {
				t.Errorf("%s accepts for ben", name)
			}
		}
		must(ben.Command(t.Context(), id, "join", client.Command{Saw: view.Engagement.Agreement}))
		if got := todo(t, e, "ben"); len(got) != 0 {
			t.Errorf("after he accepted ben has to do %v", got)
		}
		if got := answers(t, e, must(ben.Mint(t.Context(), grant, client.Mint{Label: "b"})).Token); got != "served" {
			t.Errorf("ben's key: %s", got)
		}
		if got := must(ada.Client.Grant(t.Context(), grant)).Grant.Persons; len(got) != 3 {
			t.Errorf("the grant is for %v", got)
		}

		// More days ask nothing new of them; other terms do. Who left is not brought back.
		must(cleo.Command(t.Context(), id, "leave", client.Command{}))
		longer := text
		longer.Days = 45
		view = signedBy(t, e, offer(t, e, must(ada.Amend(t.Context(), id, client.Amend{Draft: &longer}))))
		if got := must(ada.Client.Grant(t.Context(), view.Engagement.Grant)).Grant.Persons; !slices.Equal(got, []narthex.PersonID{ada.ID, ben.ID}) {
			t.Errorf("renewed, the grant is for %v", got)
		}
		must(ben.Mint(t.Context(), view.Engagement.Grant, client.Mint{Label: "b"}))
		less := longer
		less.Terms = []narthex.Term{testenv.Tokens(5e5, nil)}
		view = signedBy(t, e, offer(t, e, must(ada.Amend(t.Context(), view.Engagement.ID, client.Amend{Draft: &less}))))
		if got := must(ada.Client.Grant(t.Context(), view.Engagement.Grant)).Grant.Persons; !slices.Equal(got, []narthex.PersonID{ada.ID}) {
			t.Errorf("with other terms, the grant is for %v", got)
		}
		if _, err := ben.Mint(t.Context(), view.Engagement.Grant, client.Mint{Label: "b"}); !narthex.IsKind(err, narthex.Refused) {
			t.Errorf("ben mints a key of other terms: %v", err)
		}
	})
}
