package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"narthex"
	"narthex/internal/lab"
	"narthex/internal/store"
	"narthex/internal/testenv"
)

// from gives a client whose calls come from an address of this machine.
func from(address string) *http.Client {
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	return &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext}}
}

// TestEachCallIsDecidedOnItsOwnContext: calls of one key at one instant that differ in where they come from and in what they ask
// have each their own answer, in whatever order they come.
func TestEachCallIsDecidedOnItsOwnContext(t *testing.T) {
	clock := &testenv.Clock{}
	e := testenv.New(t, testenv.Options{Clock: clock})
	_, key := e.Grant(t, "", testenv.Tokens(1e6, limits{"networks": names("127.0.0.1/32")}))
	clock.Stop(time.Now().UTC().Add(time.Second))
	clients := map[string]*http.Client{"127.0.0.1": from("127.0.0.1"), "127.0.0.2": from("127.0.0.2")}
	var all sync.WaitGroup
	for range 20 {
		for address, client := range clients {
			for _, most := range []string{"6", "7"} {
				all.Go(func() {
					ask, _ := http.NewRequest(http.MethodPost, e.Client.Base()+chats, strings.NewReader(say(`"max_tokens":`+most)))
					ask.Header = http.Header{"Authorization": {"Bearer " + key}, "Content-Type": {"application/json"}, "X-Forwarded-For": {"127.0.0.1"}, "Forwarded": {"for=127.0.0.1"}}
					answer, err := client.Do(ask)
					if err != nil {
						t.Error(err)
						return
					}
					defer answer.Body.Close()
					body, _ := io.ReadAll(answer.Body)
					want, says := 200, "hello"
					if most == "7" {
						want, says = 403, "no-seven"
					}
					if address != "127.0.0.1" {
						want, says = 403, `"limit":"networks"`
					}
					if answer.StatusCode != want || !strings.Contains(string(body), says) {
						t.Errorf("from %s with max_tokens %s: %d %s", address, most, answer.StatusCode, body)
					}
				})
			}
		}
	}
	all.Wait()
	for _, entry := range entries(t, e) {
		facts := entry.Field("facts")
		switch entry.Type {
		case narthex.EntryCallIntent:
			if !strings.Contains(facts, "127.0.0.1") {
				t.Errorf("a call was admitted with the facts %s", facts)
			}
		case narthex.EntryCallDenied:
			if other := strings.Contains(entry.Field("reasons"), "networks"); other != strings.Contains(facts, "127.0.0.2") {
				t.Errorf("a call was denied for %s with the facts %s", entry.Field("reasons"), facts)
			}
		}
	}
}

// TestADecisionIsOfOneDirectory: while directories that allow and that forbid come into force by turns, each call is decided by
// the one that its entry names, which is the one in force at its place in the ledger.
func TestADecisionIsOfOneDirectory(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	_, key := e.Grant(t, "", testenv.Tokens(1e8, nil))
	files, err := testenv.Files(e.Model.URL)
	if err != nil {
		t.Fatal(err)
	}
	allows := files.Digest()
	var over atomic.Bool
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			for !over.Load() {
				e.Chat(context.Background(), key, testenv.Hello) // served, denied or cut: the ledger says by what
			}
		})
	}
	var forbids narthex.Digest
	for range 4 {
		forbidAll(t, e)
		state, err := e.People["carol"].Lab(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		forbids = state.InForce
		if _, err = e.People["carol"].Propose(t.Context(), files); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"carol", "dan"} {
			if _, err := e.People[name].ApproveLab(t.Context(), allows); err != nil {
				t.Fatal(err)
			}
		}
	}
	over.Store(true)
	all.Wait()
	waitClosed(t, e)
	inForce, seen := allows, map[narthex.EntryType]int{}
	for _, entry := range entries(t, e) {
		switch entry.Type {
		case narthex.EntryDirectoryInForce:
			inForce = narthex.Digest(entry.Text("directory"))
		case narthex.EntryCallIntent, narthex.EntryCallDenied:
			by := narthex.Digest(entry.Text("directory"))
			want := map[narthex.EntryType]narthex.Digest{narthex.EntryCallIntent: allows, narthex.EntryCallDenied: forbids}[entry.Type]
			if by != want || by != inForce {
				t.Errorf("%s by %s while %s is in force; %s allows and %s forbids", entry.Type, by.Short(), inForce.Short(), allows.Short(), forbids.Short())
			}
			seen[entry.Type]++
		}
	}
	if seen[narthex.EntryCallIntent] == 0 || seen[narthex.EntryCallDenied] == 0 {
		t.Errorf("the calls were %v", seen)
	}
}

// TestACallKeepsTheVersionThatItWasDecidedOn: a directory that gives the model's name another version ends what runs, and the
// entries and the upstream name the version that each call was decided on.
func TestACallKeepsTheVersionThatItWasDecidedOn(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	_, key := e.Grant(t, "", testenv.Tokens(1e6, nil))
	var mu sync.Mutex
	var asked []string
	note := func(r *http.Request) {
		var body struct{ Model string }
		data, _ := io.ReadAll(r.Body)
		json.Unmarshal(data, &body)
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, body.Model)
	}
	e.Model.Handle(func(w http.ResponseWriter, r *http.Request) {
		note(r)
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, "data: "+piece("a", "")+"\n\n")
		w.(http.Flusher).Flush()
		digest := propose(t, e, e.People["carol"].Client, func(f lab.Files) {
			f["assets/model.yaml"] = bytes.Replace(f["assets/model.yaml"], []byte("default: final"), []byte("default: early"), 1)
		})
		for _, name := range []string{"carol", "dan"} {
			if _, err := e.People[name].ApproveLab(context.Background(), digest); err != nil {
				t.Error(err)
			}
		}
		io.WriteString(w, "data: "+piece("canary", "stop")+"\n\ndata: [DONE]\n\n")
	})
	if _, body, _ := e.Chat(t.Context(), key, say(`"max_tokens":5,"stream":true`)); strings.Contains(body, "canary") || strings.Contains(body, "[DONE]") {
		t.Errorf("what was decided by the directory before goes on: %s", body)
	}
	e.Model.Handle(func(w http.ResponseWriter, r *http.Request) {
		note(r)
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"id":"x","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}`)
	})
	if status, body, err := e.Chat(t.Context(), key, testenv.Hello); err != nil || status != 200 {
		t.Errorf("after it: %d %s %v", status, body, err)
	}
	var versions []string
	for _, entry := range entries(t, e) {
		if entry.Type == narthex.EntryCallIntent {
			versions = append(versions, entry.Text("version"))
		}
	}
	if !slices.Equal(versions, []string{"final", "early"}) || !slices.Equal(asked, []string{"upstream-final", "upstream-early"}) {
		t.Errorf("the entries name the versions %v and the upstream was asked for %v", versions, asked)
	}
}

// TestNoCheckIsTurnedOffAtRunTime: not by the directory on disk, nor by one person, nor by what the environment says; what
// changes a rule is an entry with two names.
func TestNoCheckIsTurnedOffAtRunTime(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	_, key := e.Grant(t, "", testenv.Tokens(1e6, nil))
	held := func(when string) {
		t.Helper()
		if status, body, err := e.Chat(t.Context(), key, say(`"max_tokens":7`)); err != nil || status != 403 || !strings.Contains(body, "no-seven") {
			t.Errorf("%s: %d %s %v", when, status, body, err)
		}
	}
	held("at first")
	on := filepath.Join(e.Dir, "lab")
	if err := os.Remove(filepath.Join(on, "guardrails", "test.cedar")); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(on, "lab.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(on, "lab.yaml"), append(text, "single_custodian: true\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	held("with the rule gone from disk")
	for _, name := range []string{"NARTHEX_INSECURE", "NARTHEX_GUARDRAILS", "NARTHEX_DEBUG", "NARTHEX_LISTEN"} {
		t.Setenv(name, "off")
	}
	held("with the environment changed")
	digest := propose(t, e, e.People["carol"].Client, func(f lab.Files) { delete(f, "guardrails/test.cedar") })
	held("with a directory proposed")
	if _, err := e.People["carol"].ApproveLab(t.Context(), digest); err != nil {
		t.Fatal(err)
	}
	held("with one approval")
	if err := e.Node.Close(); err != nil {
		t.Fatal(err)
	}
	e.Start(t)
	held("after a start")
	if _, err := e.People["dan"].ApproveLab(t.Context(), digest); err != nil {
		t.Fatal(err)
	}
	if status, body, err := e.Chat(t.Context(), key, say(`"max_tokens":7`)); err != nil || status != 200 {
		t.Errorf("with two approvals: %d %s %v", status, body, err)
	}
	by := map[string]bool{}
	for _, entry := range entries(t, e) {
		if entry.Type == narthex.EntryDirectoryApproved && entry.Text("directory") == string(digest) {
			by[entry.Text("by")] = true
		}
	}
	if len(by) != 2 {
		t.Errorf("the ledger names %d people for it", len(by))
	}
}

// stuck is a store that answers nobody while it is stuck.
type stuck struct {
	store.Store
	until atomic.Pointer[chan struct{}]
}

func (s *stuck) wait(ctx context.Context) error {
	if until := s.until.Load(); until != nil {
		select {
		case <-*until:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (s *stuck) View(ctx context.Context, read func(store.Reader) error) error {
	if err := s.wait(ctx); err != nil {
		return err
	}
	return s.Store.View(ctx, read)
}

func (s *stuck) Update(ctx context.Context, change func(store.Tx) error) error {
	if err := s.wait(ctx); err != nil {
		return err
	}
	return s.Store.Update(ctx, change)
}

// TestWhatCannotBeDecidedIsNotServed: while what decisions rest on does not answer, nothing reaches the model, however long it is
// asked; when it answers again, calls are served.
func TestWhatCannotBeDecidedIsNotServed(t *testing.T) {
	under := &stuck{}
	e := testenv.New(t, testenv.Options{Wrap: func(s store.Store) store.Store { under.Store = s; return under }})
	_, key := e.Grant(t, "", testenv.Tokens(1e6, nil))
	until := make(chan struct{})
	under.until.Store(&until)
	before := e.Model.Calls()
	for _, body := range []string{testenv.Hello, say(`"max_tokens":5,"stream":true`)} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		if status, answer, err := e.Chat(ctx, key, body); err == nil && status < 400 {
			t.Errorf("with nothing to decide by: %d %s", status, answer)
		}
		cancel()
	}
	if calls := e.Model.Calls() - before; calls != 0 {
		t.Errorf("%d calls reached the model undecided", calls)
	}
	under.until.Store(nil)
	close(until)
	if status, body, err := e.Chat(t.Context(), key, testenv.Hello); err != nil || status != 200 {
		t.Errorf("when it answers again: %d %s %v", status, body, err)
	}
	waitClosed(t, e)
}
