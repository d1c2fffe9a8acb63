package server_test

import (
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"narthex"
	"narthex/client"
	"narthex/internal/store"
	"narthex/internal/store/storetest"
	"narthex/internal/testenv"
)

// signing is the ledger's key, whose n-th signature can be made to fail, alone or with all after it.
type signing struct {
	note.Signer
	calls, fail atomic.Int64 // fail is which one, or 0
	all         atomic.Bool
}

func (s *signing) plan(n int64, all bool) {
	s.fail.Store(0)
	s.calls.Store(0)
	s.all.Store(all)
	s.fail.Store(n)
}

func (s *signing) fired() bool { n := s.fail.Load(); return n > 0 && s.calls.Load() >= n }

func (s *signing) Sign(text []byte) ([]byte, error) {
	if n, fail := s.calls.Add(1), s.fail.Load(); fail > 0 && (n == fail || s.all.Load() && n > fail) {
		return nil, errors.New("planned: the key does not sign")
	}
	return s.Signer.Sign(text)
}

// TestRigSignerFaultsByNumber fails the n-th signature of the ledger's key, for every n, over the life of a call, a mint and an
// application, alone or with all after it: what is refused was not done, nothing reaches the model that is not recorded and
// promised, and the node serves on when the key signs again.
func TestRigSignerFaultsByNumber(t *testing.T) { onBoth(t, signerFaults) }

func signerFaults(t *testing.T, url string) {
	signer, under := &signing{}, &storetest.Faults{}
	e := testenv.New(t, testenv.Options{Store: url, Wrap: func(s store.Store) store.Store { under.Inner = s; return under },
		Sign: func(s note.Signer) note.Signer { signer.Signer = s; return signer }})
	grant, key := e.Grant(t, "", testenv.Tokens(1e8, nil))
	e.Model.Handle(testenv.Answer("canar", 7, 5))
	ada := e.People["ada"]
	// many counts what there is of what an act makes.
	acts := map[string]struct {
		act  func() bool
		many func() int
	}{
		"a whole answer": {func() bool { return chatRecorded(t, e, under, key, testenv.Hello, "canar") }, nil},
		"a stream": {func() bool {
			return chatRecorded(t, e, under, key, strings.Replace(testenv.Hello, `{"model"`, `{"stream":true,"model"`, 1), `"finish_reason":"stop"`)
		}, nil},
		"a mint": {func() bool {
			_, err := ada.Mint(t.Context(), grant.ID, client.Mint{Label: "x"})
			return err == nil
		}, func() int {
			view, err := ada.Client.Grant(t.Context(), grant.ID)
			if err != nil {
				t.Fatal(err)
			}
			return len(view.Keys)
		}},
		"a draft": {func() bool {
			_, err := ada.Draft(t.Context(), client.Draft{Pathway: "test", Title: "x", Answers: map[string]string{"why": "x"}, Terms: []narthex.Term{testenv.Tokens(5, nil)}})
			return err == nil
		}, func() int {
			list, err := ada.Engagements(t.Context(), client.Page{})
			if err != nil {
				t.Fatal(err)
			}
			return len(list.Engagements)
		}},
	}
	for name, a := range acts {
		for _, all := range []bool{false, true} {
			for n := int64(1); ; n++ {
				before, asked := 0, e.Model.Calls()
				if a.many != nil {
					before = a.many()
				}
				signer.plan(n, all)
				done := a.act()
				fired := signer.fired()
				signer.plan(0, false)
				if a.many != nil && (a.many() > before) != done {
					t.Errorf("%s, signature %d: it was told %v, and there are %d after %d", name, n, done, a.many(), before)
				}
				if a.many == nil && n <= 2 && fired && e.Model.Calls() != asked {
					t.Errorf("%s, signature %d: the model was asked without an entry or without its promise", name, n)
				}
				withdrawDrafts(t, ada.Client)
				if !fired {
					if !done {
						t.Errorf("%s: failed without a fault", name)
					}
					break
				}
				if n > 50 {
					t.Fatalf("%s does not end", name)
				}
			}
		}
	}
	signer.plan(1, true)
	if status, body, err := e.Chat(t.Context(), key, say(`"max_tokens":5000`)); err != nil || status != http.StatusServiceUnavailable {
		t.Errorf("a denial that cannot be recorded answers %d %s %v", status, body, err)
	}
	signer.plan(0, false)
	waitClosed(t, e)
	report := verified(t, e)
	if intents, outcomes := report.ByType[narthex.EntryCallIntent], report.ByType[narthex.EntryCallOutcome]; intents != outcomes || intents < 6 {
		t.Errorf("%d intents and %d outcomes", intents, outcomes)
	}
	if b := budget(t, e, key); b.Reserved != 0 || b.Used == 0 {
		t.Errorf("after all faults the budget stands at %+v", b)
	}
}
