package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"narthex/client"
	"narthex/internal/testenv"
)

// scoring answers with as many tokens as it is asked for, each "a" with its log-probability, whole or as a stream.
func scoring(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		Stream bool
		N      int
		Most   int `json:"max_tokens"`
	}
	if err := json.NewDecoder(r.Body).Decode(&ask); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	scores := func(n int) string {
		return `{"content":[` + strings.TrimSuffix(strings.Repeat(`{"token":"a","logprob":-1,"bytes":null,"top_logprobs":[]},`, n), ",") + `]}`
	}
	usage := fmt.Sprintf(`{"prompt_tokens":7,"completion_tokens":%d,"total_tokens":%d}`, ask.Most, 7+ask.Most)
	if !ask.Stream {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"id":"x","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":%q},"logprobs":%s,"finish_reason":"stop"}],"usage":%s}`,
			strings.Repeat("a", ask.Most), scores(ask.Most), usage)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	for range ask.Most {
		fmt.Fprintf(w, `data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"a"},"logprobs":%s,"finish_reason":null}]}`+"\n\n", scores(1))
	}
	fmt.Fprint(w, `data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`+"\n\n")
	fmt.Fprintf(w, `data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":%s}`+"\n\ndata: [DONE]\n\n", usage)
}

// scoredCall asks so many tokens with log-probabilities; under the terms of scored each carries 15 bits.
func scoredCall(tokens int, more string) string {
	return say(fmt.Sprintf(`"max_tokens":%d,"logprobs":true%s`, tokens, more))
}

// account gives the model's account as the lab sees it.
func account(t testing.TB, e *testenv.Env) client.Lifetime {
	t.Helper()
	view := must(e.People["sam"].Horizon(context.Background(), "model"))
	if view.Lifetime == nil {
		t.Fatal("the lab sees no account")
	}
	return *view.Lifetime
}

// ruleOf puts another lifetime_bytes of the model in force.
func ruleOf(t *testing.T, e *testenv.Env, leak string, lifetime int) {
	t.Helper()
	files := must(testenv.Files(e.Model.URL))
	leakLab(fmt.Sprint(lifetime), leak, "1").Files(files)
	state := must(e.People["olga"].Propose(t.Context(), files))
	for _, name := range []string{"carol", "dan"} {
		must(e.People[name].ApproveLab(t.Context(), state.Proposed))
	}
}

// TestTheAssetsAccountIsSharedByAllGrants: what calls carry is reserved at the worst and settled as used, of one account that every
// grant shares, whatever its own budgets have left. A rule that is lowered binds at the next call, nothing refills the account, and
// who is refused learns that it is full and nothing more.
func TestTheAssetsAccountIsSharedByAllGrants(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		o := leakLab("1000000000", "[behav, bulk]", "1")
		o.Store = url
		e := testenv.New(t, o)
		e.Model.Handle(scoring)
		e.Outsiders(t, "2", "Second")
		first, key := e.Grant(t, "", scored(1e6)...)
		_, other := e.Grant(t, "2", scored(1e6)...)
		call := func(key, body string) (int, string) {
			t.Helper()
			status, text, err := e.Chat(t.Context(), key, body)
			if err != nil {
				t.Fatal(err)
			}
			return status, text
		}
		served := func(key, body string, used int64) {
			t.Helper()
			if status, text := call(key, body); status != http.StatusOK {
				t.Fatalf("%d %s", status, text)
			}
			if is := account(t, e); is.Used != used || is.Reserved != 0 || is.Left != max(0, is.Allowed-used) {
				t.Fatalf("after it the account stands at %+v, and not at %d", is, used)
			}
		}
		served(key, scoredCall(8, ""), 15)                 // 8 × 15 bits
		served(other, scoredCall(9, `,"stream":true`), 32) // 135 bits are 17 bytes
		served(other, testenv.Hello, 32)                   // text is not charged
		e.Model.Handle(testenv.Answer("aaaa", 7, 4))       // it tells no log-probabilities
		served(key, scoredCall(8, ""), 32)                 // what was reserved and not used comes back
		e.Model.Handle(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusInternalServerError) })
		if status, _ := call(key, scoredCall(8, "")); status == http.StatusOK || account(t, e).Used != 47 {
			t.Fatalf("a call of unknown use left the account at %+v", account(t, e))
		}
		e.Model.Handle(scoring)

		ruleOf(t, e, "[behav, bulk]", 62)
		before := e.Model.Calls()
		status, text := call(other, scoredCall(9, ""))
		if status != http.StatusTooManyRequests || e.Model.Calls() != before {
			t.Fatalf("beyond the rule: %d %s", status, text)
		}
		for _, part := range []string{`"code":"lifetime_exhausted"`, `"limit":"lifetime_bytes"`, "bytes of model leave", `"allowed":"62"`, `"asked":"17"`, `"param":"logprobs"`, "it can raise the rule"} {
			if !strings.Contains(text, part) {
				t.Errorf("the refusal does not hold %s: %s", part, text)
			}
		}
		said, _, _ := strings.Cut(text, `"request_id"`) // which is drawn, and may hold anything
		for _, part := range []string{"47", `"15"`, " 15 "} {
			if strings.Contains(said, part) {
				t.Errorf("the refusal tells what others used: %s", text)
			}
		}
		if view := must(e.Client.With(other).OwnGrant(t.Context())); strings.Contains(fmt.Sprintf("%+v", view.Budgets), "lifetime") {
			t.Errorf("a holder is shown the account: %+v", view.Budgets)
		}
		served(key, scoredCall(8, ""), 62) // the last bytes
		served(other, testenv.Hello, 62)

		// A lock lifted, another key, an end and a new grant refill nothing; neither does a start.
		locked := must(e.People["sam"].Lock(t.Context(), client.LockRequest{Subject: "asset", Target: "model", Reason: "legal_order"}))
		must(e.People["carol"].Unlock(t.Context(), locked.Lock.ID))
		must(e.People["ada"].Command(t.Context(), first.Engagement, "end", client.Command{Text: "done"}))
		ruleOf(t, e, "[behav, bulk]", 2_000_000_000)
		_, third := e.Grant(t, "", scored(1e6)...)
		ruleOf(t, e, "[behav, bulk]", 61)
		for range 2 {
			for _, key := range []string{other, third} {
				if status, text := call(key, scoredCall(1, "")); status != http.StatusTooManyRequests || !strings.Contains(text, "lifetime_exhausted") {
					t.Errorf("with nothing left: %d %s", status, text)
				}
			}
			if is := account(t, e); is.Allowed != 61 || is.Used != 62 || is.Reserved != 0 || is.Left != 0 {
				t.Errorf("the account stands at %+v", is)
			}
			if err := e.Node.Close(); err != nil {
				t.Fatal(err)
			}
			e.Start(t)
		}
		ruleOf(t, e, "[behav, bulk]", 64)
		served(third, scoredCall(1, ""), 64)
	})
}

// TestWhatOthersTookIsNotExplained: who may not see an asset's account learns nothing of it by asking ever less, which costs nothing and
// leaves no trace; what is more than the rule allows in all is denied, and who may see the account is told what the door would say.
func TestWhatOthersTookIsNotExplained(t *testing.T) {
	e := testenv.New(t, leakLab("1000000000", "[behav, bulk]", "1"))
	e.Model.Handle(scoring)
	e.Outsiders(t, "2", "Second")
	_, key := e.Grant(t, "", scored(1e6)...)
	other, _ := e.Grant(t, "2", scored(1e6)...)
	if status, text, err := e.Chat(t.Context(), key, scoredCall(8, "")); err != nil || status != http.StatusOK {
		t.Fatal(status, text, err)
	}
	ruleOf(t, e, "[behav, bulk]", 17) // of which 2 are left
	ask := func(who string, tokens int) client.Explanation {
		return must(e.People[who].Explain(t.Context(), other.ID, client.Explain{Surface: "chat", Request: scoredCall(tokens, "")}))
	}
	fits, beyond := ask("ada2", 1), ask("ada2", 9)
	if !fits.Allowed || !beyond.Allowed || fits.Says != beyond.Says || !strings.Contains(fits.Says, "where what is left") {
		t.Errorf("what others took is told: %+v and %+v", fits, beyond)
	}
	if in := ask("ada2", 10); in.Allowed || in.Code != "lifetime_exhausted" {
		t.Errorf("more than all of the rule: %+v", in)
	}
	if text := must(e.People["ada2"].Explain(t.Context(), other.ID, client.Explain{Surface: "chat", Request: testenv.Hello})); text.Says != "It would be allowed now." {
		t.Errorf("of text, which is not charged: %+v", text)
	}
	if fits, beyond := ask("sam", 1), ask("sam", 2); !fits.Allowed || strings.Contains(fits.Says, "left") || beyond.Allowed || beyond.Code != "lifetime_exhausted" {
		t.Errorf("who may see the account is told %+v and %+v", fits, beyond)
	}
}

// TestAnAssetThatIsNotBulkHasNoAccount: the log-probabilities of a model that size does not hold carry nothing that is counted.
func TestAnAssetThatIsNotBulkHasNoAccount(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	e.Model.Handle(scoring)
	_, key := e.Grant(t, "", scored(1e6)...)
	if status, text, err := e.Chat(t.Context(), key, scoredCall(8, "")); err != nil || status != http.StatusOK {
		t.Fatal(status, text, err)
	}
	if is := must(e.People["sam"].Horizon(t.Context(), "model")).Lifetime; is != nil {
		t.Errorf("it stands at %+v", *is)
	}
}

// TestRigAThousandCallersOnTheLastBytes: room for some of a thousand calls at once, under two grants whose own budgets hold them all,
// and not one more is served.
func TestRigAThousandCallersOnTheLastBytes(t *testing.T) { onBoth(t, lastBytes) }

func lastBytes(t *testing.T, url string) {
	o := leakLab("1000000000", "[behav, bulk]", "1")
	o.Store = url
	e := testenv.New(t, o)
	e.Model.Handle(scoring)
	e.Outsiders(t, "2", "Second")
	keys := make([]string, 2)
	for i, suffix := range []string{"", "2"} {
		_, keys[i] = e.Grant(t, suffix, scored(1e6)...)
	}
	used := 0
	for _, room := range []int{1, 7, 64} {
		const each = 15
		ruleOf(t, e, "[behav, bulk]", used+room*each+each-1)
		before := e.Model.Calls()
		var served, exhausted, other atomic.Int64
		var wg sync.WaitGroup
		for i := range 1000 {
			wg.Go(func() {
				switch status, body, err := e.Chat(context.Background(), keys[i%2], scoredCall(8, "")); {
				case err == nil && status == http.StatusOK:
					served.Add(1)
				case err == nil && status == http.StatusTooManyRequests && strings.Contains(body, "lifetime_exhausted"):
					exhausted.Add(1)
				default:
					other.Add(1)
				}
			})
		}
		wg.Wait()
		used += room * each
		is := account(t, e)
		if other.Load() != 0 || served.Load() != int64(room) || exhausted.Load() != int64(1000-room) || is.Used != int64(used) || is.Reserved != 0 {
			t.Errorf("with room for %d: %d served, %d exhausted, %d other; %+v", room, served.Load(), exhausted.Load(), other.Load(), is)
		}
		if calls := e.Model.Calls() - before; calls != room {
			t.Errorf("with room for %d: %d reached the model", room, calls)
		}
	}
	if report := verified(t, e); len(report.Open) != 0 {
		t.Errorf("%d calls are open", len(report.Open))
	}
}
