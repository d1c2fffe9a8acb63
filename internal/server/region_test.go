package server_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/testenv"
)

// fromRegion brings in a person of ada's organisation who works in a region, with a grant of their own, and gives their key.
func fromRegion(t *testing.T, e *testenv.Env, suffix, region string) string {
	t.Helper()
	colleague(t, e, suffix, region)
	_, key := e.Grant(t, suffix, testenv.Tokens(1e6, nil))
	return key
}

// A lock on a region stops who works there and who is not known to work elsewhere, live calls too, and nobody of the lab.
func TestALockOnARegionStopsWhoWorksThereAndWhoseIsUnknown(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	began, hold := make(chan string, 8), make(chan struct{})
	e.Model.Handle(testenv.Answer("hello", 7, 5))
	_, french := e.Grant(t, "", testenv.Tokens(1e6, nil))
	keys := map[string]string{"fr": french, "us": fromRegion(t, e, "us", "us"), "": fromRegion(t, e, "nowhere", "")}
	works := func(what string, want map[string]bool) {
		t.Helper()
		for region, key := range keys {
			status, text, err := e.Chat(t.Context(), key, testenv.Hello)
			if err != nil || (status == http.StatusOK) != want[region] || !want[region] && (status != http.StatusForbidden || !strings.Contains(text, `"code":"locked"`)) {
				t.Errorf("%s: from %q: %d %s (%v)", what, region, status, text, err)
			}
		}
	}
	works("before", map[string]bool{"fr": true, "us": true, "": true})

	e.Model.Handle(func(w http.ResponseWriter, r *http.Request) {
		began <- "a call"
		select {
		case <-hold:
			testenv.Answer("hello", 7, 5)(w, r)
		case <-r.Context().Done():
		}
	})
	type ended struct {
		region string
		status int
		err    error
	}
	answers := make(chan ended, len(keys))
	for region, key := range keys {
		go func() {
			status, _, err := e.Chat(t.Context(), key, testenv.Hello)
			answers <- ended{region, status, err}
		}()
	}
	for range keys {
		<-began
	}
	locked, err := e.People["sam"].Lock(t.Context(), client.LockRequest{Subject: narthex.LockRegion, Target: "us", Reason: "legal_order"})
	if err != nil || locked.Streams != 2 {
		t.Fatalf("the lock ended %d live calls of 2: %v", locked.Streams, err)
	}
	for range 2 {
		select {
		case got := <-answers:
			if got.region == "fr" || got.status == http.StatusOK {
				t.Errorf("under the lock the call from %q ended with %d (%v)", got.region, got.status, got.err)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("a call that the lock ended did not end")
		}
	}
	close(hold)
	if got := <-answers; got.region != "fr" || got.status != http.StatusOK {
		t.Errorf("the call from elsewhere: %+v", got)
	}
	e.Model.Handle(testenv.Answer("hello", 7, 5))
	works("under the lock", map[string]bool{"fr": true})
	for who, barred := range map[string]bool{"adaus": true, "adanowhere": true, "ada": false, "sam": false, "carol": false} {
		if _, err := e.People[who].WhoAmI(t.Context()); (err != nil) != barred {
			t.Errorf("%s: %v", who, err)
		}
		if _, err := e.Client.Login(t.Context(), e.People[who].Login); who != "sam" && who != "carol" && (err != nil) != barred {
			t.Errorf("%s logs in: %v", who, err)
		}
	}
	for what, in := range map[string]client.LockRequest{"no region": {Subject: narthex.LockRegion, Reason: "safety"}, "a name": {Subject: narthex.LockRegion, Target: "germany", Reason: "safety"}, "upper case": {Subject: narthex.LockRegion, Target: "US", Reason: "safety"}} {
		if _, err := e.People["sam"].Lock(t.Context(), in); !narthex.IsKind(err, narthex.Invalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	second, err := e.People["sam"].Lock(t.Context(), client.LockRequest{Subject: narthex.LockRegion, Target: "cn", Reason: "legal_order"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.People["sam"].Unlock(t.Context(), locked.Lock.ID); err == nil {
		t.Error("whoever locked lifted the lock")
	}
	if _, err := e.People["carol"].Unlock(t.Context(), locked.Lock.ID); err != nil {
		t.Fatal(err)
	}
	works("under a lock on another region", map[string]bool{"fr": true, "us": true})
	if list, err := e.People["sam"].Locks(t.Context()); err != nil || len(list.Locks) != 1 || list.Locks[0].ID != second.Lock.ID {
		t.Errorf("locks in force: %+v (%v)", list.Locks, err)
	}
	if _, err := e.People["carol"].Unlock(t.Context(), second.Lock.ID); err != nil {
		t.Fatal(err)
	}
	works("after", map[string]bool{"fr": true, "us": true, "": true})
}
