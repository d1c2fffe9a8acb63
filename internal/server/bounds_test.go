package server_test

import (
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/store"
	"narthex/internal/testenv"
)

func TestAPersonHasSoManySessionsAndThoseThatAreOverAreDeleted(t *testing.T) {
	var kept store.Store
	clock := &testenv.Clock{}
	e := testenv.New(t, testenv.Options{Clock: clock, Wrap: func(s store.Store) store.Store { kept = s; return s }})
	rows := func() (n int) {
		if err := kept.View(t.Context(), func(r store.Reader) error {
			found, err := r.Scan(store.Sessions, store.Span{Limit: 1000})
			n = len(found)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return n
	}
	login := func(name string) string {
		session, err := e.Client.Login(t.Context(), e.People[name].Login)
		if err != nil {
			t.Fatal(err)
		}
		return session.Token
	}
	first := login("ada")
	var last string
	for range 20 {
		last = login("ada")
	}
	if _, err := e.Client.With(first).WhoAmI(t.Context()); !narthex.IsKind(err, narthex.Unauthenticated) {
		t.Errorf("the first of twenty-one sessions is open: %v", err)
	}
	if _, err := e.Client.With(last).WhoAmI(t.Context()); err != nil {
		t.Errorf("the last of twenty-one sessions: %v", err)
	}
	before := rows()
	clock.Move(13 * time.Hour)
	login("ada")
	if after := rows(); after != before-19 {
		t.Errorf("of %d sessions %d are kept when ada's twenty are over and she has a new one", before, after)
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
