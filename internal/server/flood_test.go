package server_test

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/store"
	"narthex/internal/store/disk"
	"narthex/internal/store/storetest"
	"narthex/internal/testenv"
)

// flooded sends requests from many sides at once until as many have been answered, and says how many answers had the status.
func flooded(t *testing.T, e *testenv.Env, n int, request func() (*http.Request, error), status int) int {
	t.Helper()
	var left, found atomic.Int64
	left.Store(int64(n))
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				asked, err := request()
				if err != nil {
					t.Error(err)
					return
				}
				answer, err := http.DefaultClient.Do(asked)
				if err != nil {
					t.Error(err)
					return
				}
				answer.Body.Close()
				if answer.StatusCode == status {
					found.Add(1)
				}
			}
		})
	}
	wg.Wait()
	return int(found.Load())
}

// asks gives a chat call with a key, or with none, and what else stands in the header.
func asks(e *testenv.Env, key, body string, more ...string) func() (*http.Request, error) {
	return func() (*http.Request, error) {
		r, err := http.NewRequest(http.MethodPost, e.Client.Base()+"/v1/chat/completions", strings.NewReader(body))
		if err != nil {
			return nil, err
		}
		r.Header.Set("Content-Type", "application/json")
		if key != "" {
			r.Header.Set("Authorization", "Bearer "+key)
		}
		for _, name := range more {
			r.Header.Set(name, "x")
		}
		return r, nil
	}
}

// countOf is how many refusals an entry counts.
func countOf(t *testing.T, e entry) int {
	t.Helper()
	n, err := strconv.Atoi(e.Field("count"))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestAFloodOfRefusalsFillsNoLedger: strangers are counted, an entry a kind and minute; each key's denials are entries up to
// its rate and then counted; and what entries say adds up to what was refused, also where the store runs its changes twice.
func TestAFloodOfRefusalsFillsNoLedger(t *testing.T) {
	const rate = 600 // of one key in a minute
	onBoth(t, func(t *testing.T, url string) {
		clock := &testenv.Clock{}
		e := testenv.New(t, testenv.Options{Store: url, Clock: clock, Wrap: func(s store.Store) store.Store { return storetest.Twice{Inner: s} }})
		_, key := e.Grant(t, "", testenv.Tokens(1e6, nil))
		e.Outsiders(t, "2", "Second")
		_, second := e.Grant(t, "2", testenv.Tokens(1e6, nil))
		clock.Stop(time.Now().Truncate(time.Minute).Add(time.Minute))
		began := time.Now()
		tooMuch := say(`"max_tokens":5000`)
		for _, flood := range []struct {
			what    string
			n       int
			request func() (*http.Request, error)
			status  int
		}{
			{"without a credential", 2000, asks(e, "", testenv.Hello), 401},
			{"with another's", 1000, asks(e, key[:len(key)-4]+"aaaa", testenv.Hello), 401},
			{"with two", 500, asks(e, key, testenv.Hello, "X-Api-Key"), 400},
			{"denied", rate + 400, asks(e, key, tooMuch), 403},
			{"denied beside it", rate + 100, asks(e, second, tooMuch), 403},
		} {
			if n := flooded(t, e, flood.n, flood.request, flood.status); n != flood.n {
				t.Errorf("%s: %d of %d answers are %d", flood.what, n, flood.n, flood.status)
			}
		}
		if err := e.Node.Close(); err != nil {
			t.Fatal(err)
		}
		minutes := 1 + int(time.Since(began)/time.Minute)
		clock.Move(2 * time.Minute)
		clock.Stop(time.Time{})
		e.Start(t)
		denied, counted, counts := 0, map[string]int{}, map[string]int{}
		for _, entry := range entries(t, e) {
			switch entry.Type {
			case narthex.EntryCallDenied:
				denied++
			case narthex.EntryRefusalsCounted:
				counts[entry.Text("kind")]++
				counted[entry.Text("kind")] += countOf(t, entry)
			}
		}
		if denied != 2*rate {
			t.Errorf("%d denials are entries", denied)
		}
		for kind, want := range map[narthex.Kind]int{narthex.Unauthenticated: 3000, narthex.Invalid: 500, narthex.Refused: 500} {
			if counted[kind.String()] != want || counts[kind.String()] > minutes {
				t.Errorf("of %d refusals of kind %s %d are counted, in %d entries and %d minutes", want, kind, counted[kind.String()], counts[kind.String()], minutes)
			}
		}
	})
}

// TestAFullDiskDeniesEverything: while the disk is full nothing reaches the model and nothing is changed, whoever asks, and a
// flood of strangers takes no room; with room again the same node serves, and has counted.
func TestAFullDiskDeniesEverything(t *testing.T) {
	o := &outage{TB: t, dir: t.TempDir(), name: "full"}
	o.disk = disk.New(4096, 1)
	o.disk.Mount(o.name)
	defer disk.Unmount(o.name)
	e := testenv.New(t, testenv.Options{Wrap: o.wrap})
	grant, key := e.Grant(t, "", testenv.Tokens(1e6, nil))
	o.disk.Quota(o.disk.Used())
	for full := 0; full < 3; full++ { // until there is no room in what the files have already, not even for a denial
		for _, body := range []string{testenv.Hello, say(`"max_tokens":5000`)} {
			if status, _, err := e.Chat(t.Context(), key, body); err != nil {
				t.Fatal(err)
			} else if status != http.StatusServiceUnavailable {
				full = -1
			}
		}
		if _, err := e.Client.With(key).Models(t.Context()); err == nil {
			full = -1 // the entry of a list is smaller
		}
	}
	used, asked := o.disk.Used(), e.Model.Calls()
	for _, body := range []string{testenv.Hello, say(`"max_tokens":5,"stream":true`), say(`"max_tokens":5000`), `{"`} {
		if status, answer, err := e.Chat(t.Context(), key, body); err != nil || status != http.StatusServiceUnavailable {
			t.Errorf("%s: %d %s %v", body, status, answer, err)
		}
	}
	_, modelsErr := e.Client.With(key).Models(t.Context())
	_, mintErr := e.People["ada"].Mint(t.Context(), grant.ID, client.Mint{Label: "x"})
	_, lockErr := e.People["sam"].Lock(t.Context(), client.LockRequest{Subject: "asset", Target: "model", Reason: "safety"})
	_, loginErr := e.Client.Login(t.Context(), e.People["ada"].Login)
	for what, err := range map[string]error{"models": modelsErr, "a key": mintErr, "a lock": lockErr, "a log-in": loginErr} {
		if !narthex.IsKind(err, narthex.Unavailable) {
			t.Errorf("%s on a full disk: %v", what, err)
		}
	}
	if n := flooded(t, e, 2000, asks(e, "", testenv.Hello), 401); n != 2000 {
		t.Errorf("%d strangers of 2000 were refused", n)
	}
	if calls := e.Model.Calls() - asked; calls != 0 || o.disk.Used() > used {
		t.Errorf("%d calls reached the model, and the files grew by %d bytes", calls, o.disk.Used()-used)
	}
	o.disk.Quota(-1)
	if status, body, err := e.Chat(t.Context(), key, testenv.Hello); err != nil || status != 200 {
		t.Errorf("with room again: %d %s %v", status, body, err)
	}
	waitClosed(t, e)
	if err := e.Node.Close(); err != nil {
		t.Fatal(err)
	}
	o.audited(e.Node.LogKey())
	e.Start(t)
	counted := 0
	for _, entry := range entries(t, e) {
		if entry.Type == narthex.EntryRefusalsCounted {
			counted += countOf(t, entry)
		}
	}
	if counted != 2000 {
		t.Errorf("%d strangers are counted", counted)
	}
}
