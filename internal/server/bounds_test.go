package server_test

import (
	"testing"

	"narthex"
	"narthex/client"
	"narthex/internal/testenv"
)

func TestAPersonHasSoManySessionsAndTheOldestGivesWay(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	login := func() *client.Client {
		session, err := e.Client.Login(t.Context(), e.People["ada"].Login)
		if err != nil {
			t.Fatal(err)
		}
		return e.Client.With(session.Token)
	}
	first, second := login(), login()
	for range 18 {
		login()
	}
	if _, err := first.WhoAmI(t.Context()); err != nil {
		t.Errorf("the first of twenty sessions: %v", err)
	}
	login()
	if _, err := first.WhoAmI(t.Context()); !narthex.IsKind(err, narthex.Unauthenticated) {
		t.Errorf("the first of twenty-one sessions is open: %v", err)
	}
	if _, err := second.WhoAmI(t.Context()); err != nil {
		t.Errorf("the second of twenty-one sessions: %v", err)
	}
}

func TestAPersonWritesSoManyApplicationsAtOnce(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	var one narthex.EngagementID
	for range 20 {
		one = drafted(t, e).Engagement.ID
	}
	again := client.Draft{Pathway: "test", Title: "one more", Terms: []narthex.Term{testenv.Tokens(1, nil)}}
	if _, err := e.People["ada"].Draft(t.Context(), again); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("a draft beside twenty: %v", err)
	}
	if _, err := e.People["ada"].Command(t.Context(), one, "withdraw", client.Command{}); err != nil {
		t.Fatal(err)
	}
	if _, err := e.People["ada"].Draft(t.Context(), again); err != nil {
		t.Errorf("a draft when one was withdrawn: %v", err)
	}
}
