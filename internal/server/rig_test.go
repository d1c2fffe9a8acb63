package server_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/journal"
	"narthex/internal/server"
	"narthex/internal/store"
	"narthex/internal/store/storetest"
	"narthex/internal/testenv"
	"narthex/ledger"
)

// verified gives the report of the node's whole ledger, read as an auditor does.
func verified(t testing.TB, e *testenv.Env) ledger.Report {
	t.Helper()
	var export bytes.Buffer
	if err := e.People["lea"].Export(t.Context(), &export); err != nil {
		t.Fatal(err)
	}
	report, err := ledger.Verify(&export, e.Node.LogKey())
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// budget gives the sampling budget of a grant.
func budget(t testing.TB, e *testenv.Env, key string) client.BudgetView {
	t.Helper()
	view, err := e.Client.With(key).OwnGrant(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(view.Budgets, func(b client.BudgetView) bool { return b.Attribute == "model.sample" && b.Limit == "tokens" })
	return view.Budgets[at]
}

// TestRigAThousandCallersOnTheLastUnits: room for some of a thousand calls at once, and not one more is served.
func TestRigAThousandCallersOnTheLastUnits(t *testing.T) { onBoth(t, lastUnits) }

func lastUnits(t *testing.T, url string) {
	e := testenv.New(t, testenv.Options{Store: url})
	e.Outsiders(t, "none", "Institute of none")
	_, key := e.Grant(t, "none", testenv.Tokens(1, nil))
	_, body, err := e.Chat(t.Context(), key, testenv.Hello)
	worst := askedIn(t, body, err)
	for _, room := range []int{1, 7, 64} {
		suffix := fmt.Sprint(room)
		e.Outsiders(t, suffix, "Institute "+suffix)
		_, key := e.Grant(t, suffix, testenv.Tokens(float64(room*worst), nil))
		e.Model.Handle(testenv.Answer("hello", worst-5, 5)) // what is reserved is used
		before := e.Model.Calls()
		var served, exhausted, other atomic.Int64
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				switch status, body, err := e.Chat(context.Background(), key, testenv.Hello); {
				case err == nil && status == 200:
					served.Add(1)
				case err == nil && status == 429 && strings.Contains(body, "budget_exhausted"):
					exhausted.Add(1)
				default:
					other.Add(1)
				}
			})
		}
		wg.Wait()
		b := budget(t, e, key)
		if other.Load() != 0 || served.Load()+exhausted.Load() != 1000 || b.Used > b.Allowed || b.Reserved != 0 || b.Left < 0 {
			t.Errorf("with room for %d: %d served, %d exhausted, %d other; %+v", room, served.Load(), exhausted.Load(), other.Load(), b)
		}
		if calls := e.Model.Calls() - before; int64(calls) != served.Load() || served.Load() != int64(room) {
			t.Errorf("with room for %d: %d served and %d reached the model", room, served.Load(), calls)
		}
	}
	if report := verified(t, e); len(report.Open) != 0 {
		t.Errorf("%d calls are open", len(report.Open))
	}
}

// askedIn reads what a call that was refused for its budget would have cost.
func askedIn(t testing.TB, body string, err error) int {
	t.Helper()
	_, rest, found := strings.Cut(body, `"asked":"`)
	digits, _, _ := strings.Cut(rest, `"`)
	n, scanErr := strconv.Atoi(digits)
	if err != nil || !found || scanErr != nil {
		t.Fatalf("the refusal does not say what was asked: %s %v", body, err)
	}
	return n
}

// waitClosed waits until every call has its outcome.
func waitClosed(t testing.TB, e *testenv.Env) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if len(verified(t, e).Open) == 0 {
			return
		}
	}
	t.Error("calls stay open")
}

// TestRigFaultsByNumber fails the n-th call of the store, for every n, over a call's whole life, before and after it did its
// work: nobody is served what is not recorded, and what is recorded adds up.
func TestRigFaultsByNumber(t *testing.T) { onBoth(t, faultsByNumber) }

func faultsByNumber(t *testing.T, url string) {
	faults := &storetest.Faults{}
	o := leakLab("1000000000", "[behav, bulk]", "1")
	o.Store, o.Wrap = url, func(s store.Store) store.Store { faults.Inner = s; return faults }
	e := testenv.New(t, o)
	_, key := e.Grant(t, "", testenv.Tokens(1e7, nil), scored(1)[1])
	streamed := strings.Replace(testenv.Hello, `{"model"`, `{"stream":true,"model"`, 1)
	e.Model.Handle(testenv.Answer("canar", 7, 5))
	acts := map[string]func() (served bool){
		"a whole answer": func() bool { return chatRecorded(t, e, faults, key, testenv.Hello, "canar") },
		"a stream":       func() bool { return chatRecorded(t, e, faults, key, streamed, `"finish_reason":"stop"`) },
		"log-probabilities": func() bool {
			e.Model.Handle(scoring)
			defer e.Model.Handle(testenv.Answer("canar", 7, 5))
			return chatRecorded(t, e, faults, key, scoredCall(5, ""), "aaaaa")
		},
		"a mint": func() bool {
			view, err := e.Client.With(key).OwnGrant(t.Context())
			if err != nil {
				return false
			}
			_, err = e.People["ada"].Mint(t.Context(), view.Grant.ID, client.Mint{Label: "x"})
			return err == nil
		},
		"an application": func() bool {
			ada := e.People["ada"]
			view, err := ada.Draft(t.Context(), client.Draft{Pathway: "test", Title: "x", Answers: map[string]string{"why": "x"}, Terms: []narthex.Term{testenv.Tokens(5, nil)}})
			if err != nil {
				return false
			}
			_, err = ada.Command(t.Context(), view.Engagement.ID, "submit", client.Command{})
			return err == nil
		},
	}
	for name, act := range acts {
		for _, mode := range []storetest.Mode{storetest.Before, storetest.After} {
			for n := int64(1); ; n++ {
				faults.Plan(n, mode)
				served := act()
				fired := faults.Fired()
				faults.Plan(0, mode)
				withdrawDrafts(t, e.People["ada"].Client)
				if !fired {
					if !served {
						t.Errorf("%s: failed without a fault", name)
					}
					break
				}
				if n > 500 {
					t.Fatalf("%s does not end", name)
				}
			}
		}
	}
	waitClosed(t, e)
	report := verified(t, e)
	if report.ByType[narthex.EntryCallIntent] != report.ByType[narthex.EntryCallOutcome] {
		t.Errorf("%d intents and %d outcomes", report.ByType[narthex.EntryCallIntent], report.ByType[narthex.EntryCallOutcome])
	}
	if b := budget(t, e, key); b.Reserved != 0 || b.Used == 0 {
		t.Errorf("after all faults the budget stands at %+v", b)
	}
	if is := account(t, e); is.Reserved != 0 || is.Used == 0 {
		t.Errorf("after all faults the asset's account stands at %+v", is)
	}
}

// withdrawDrafts clears away the drafts that a fault or a kill left unsubmitted: a person may have a few only.
func withdrawDrafts(t *testing.T, c *client.Client) {
	t.Helper()
	list, err := c.Engagements(t.Context(), client.Page{})
	if err != nil {
		return // the node is being killed
	}
	for _, view := range list.Engagements {
		if view.State == narthex.Draft {
			_, _ = c.Command(t.Context(), view.ID, "withdraw", client.Command{}) // as above
		}
	}
}

// chatRecorded makes a call and says whether it was served whole, which the word shows. At the moment when it was, the store must
// hold its intent and its outcome, and the answer the promise, whatever fault there was on the way.
func chatRecorded(t *testing.T, e *testenv.Env, faults *storetest.Faults, key, body, word string) bool {
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, e.Client.Base()+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+key)
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if !bytes.Contains(data, []byte(word)) {
		return false
	}
	call := narthex.CallID(answer.Header.Get("Narthex-Call"))
	if promise, promiseErr := ledger.OpenPromise(answer.Header.Get("Narthex-Receipt"), e.Node.LogKey()); promiseErr != nil || promise.ID != string(call) {
		t.Errorf("%q was answered without the promise of it: %v", call, promiseErr)
	}
	if recordErr := served(t.Context(), faults.Inner, call); recordErr != nil {
		t.Errorf("%q was answered with %s and is not recorded: %v", call, data, recordErr)
	}
	return err == nil && answer.StatusCode == 200
}

// served says what a store lacks of a call that was served, read around whatever stands before the store.
func served(ctx context.Context, s store.Store, call narthex.CallID) error {
	intent, err := call.Index()
	if err != nil {
		return err
	}
	return s.View(ctx, func(r store.Reader) error {
		head, err := journal.ReadHead(r)
		if err != nil {
			return err
		}
		if err := journal.EachEntry(r, intent, intent+1, func(_ uint64, _ ledger.Record, opening ledger.Opening) error {
			if opening.Type != narthex.EntryCallIntent {
				return fmt.Errorf("its entry is %s", opening.Type)
			}
			return nil
		}); err != nil {
			return err
		}
		_, _, outcome, found, err := journal.FindOutcome(r, intent, head.Size)
		if err == nil && (!found || outcome.Text("status") != "served") {
			err = fmt.Errorf("its outcome is there: %t, and says %q", found, outcome.Text("status"))
		}
		return err
	})
}

func TestADamagedDatabaseDoesNotStart(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	e.Grant(t, "", testenv.Tokens(1000, nil))
	if err := e.Node.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(e.Dir, "data", "narthex.db")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func([]byte){
		"its header":     func(b []byte) { copy(b, "not a database at all") },
		"its first page": func(b []byte) { clear(b[100:4096]) },
		"its ledger's head": func(b []byte) {
			// The root in the stored checkpoint.
			at := bytes.Index(b, []byte(`\n\n— ledger.test-lab.test`))
			if at < 0 {
				t.Fatal("there is no checkpoint in the file")
			}
			for at = 0; at >= 0 && at < len(b); {
				next := bytes.Index(b[at:], []byte("ledger.test-lab.test\\n"))
				if next < 0 {
					break
				}
				at += next + len("ledger.test-lab.test\\n")
				b[at] = '9'
			}
		},
		"its approved directory": func(b []byte) {
			for at := 0; ; {
				next := bytes.Index(b[at:], []byte(`"lab.yaml":"`))
				if next < 0 {
					break
				}
				at += next + 20
				b[at] ^= 1
			}
		},
	} {
		damaged := bytes.Clone(good)
		spoil(damaged)
		if bytes.Equal(damaged, good) {
			t.Fatalf("%s was not damaged", name)
		}
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		node, err := server.Start(t.Context(), e.Config())
		if err == nil {
			node.Close()
			t.Errorf("a node with damage to %s started", name)
			continue
		}
		if public := narthex.AsError(err); public.Kind == narthex.Internal || !strings.Contains(public.Public, "estore") {
			t.Errorf("damage to %s: the message does not say what to do: %v", name, err)
		}
	}
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	e.Start(t)
}
