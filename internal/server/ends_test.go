package server_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/lab"
	"narthex/internal/testenv"
)

// TestAStreamEndsWithTheFirstOfItsRights: when a term, a key or the rules that allowed a call end, nothing more of it is
// written, and the grant says why.
func TestAStreamEndsWithTheFirstOfItsRights(t *testing.T) {
	soon := limits{"not_after": instant(time.Hour)}
	agents := limits{"actor_kinds": names("human", "agent")}
	for name, c := range map[string]struct {
		terms limits
		key   *client.Mint
		code  string
		end   func(*testing.T, *testenv.Env)
	}{
		"a term's end":       {soon, nil, "expired", later(2 * time.Hour)},
		"a key's end":        {nil, &client.Mint{Label: "short", Hours: 1}, "expired", later(2 * time.Hour)},
		"a key's term's end": {agents, &client.Mint{Label: "agent", Actor: narthex.Agent, Terms: []narthex.Term{testenv.Tokens(500, soon)}}, "expired", later(2 * time.Hour)},
		"the rules' end":     {nil, nil, "rules_changed", forbidAll},
	} {
		t.Run(name, func(t *testing.T) {
			e := testenv.New(t, testenv.Options{Clock: &testenv.Clock{}})
			grant, key := e.Grant(t, "", testenv.Tokens(1000, c.terms))
			if c.key != nil {
				minted, err := e.People["ada"].Mint(t.Context(), grant.ID, *c.key)
				if err != nil {
					t.Fatal(err)
				}
				key = minted.Token
			}
			over := make(chan struct{})
			e.Model.Handle(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/event-stream")
				for i := range 3 {
					fmt.Fprintf(w, `data: {"object":"chat.completion.chunk","created":1,"choices":[{"index":0,"delta":{"content":"w%d "},"finish_reason":null}]}`+"\n\n", i)
					w.(http.Flusher).Flush()
					if i == 0 {
						c.end(t, e)
						close(over)
					}
				}
				fmt.Fprint(w, `data: {"object":"chat.completion.chunk","created":1,"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`+"\n\ndata: [DONE]\n\n")
			})
			// The first word may come before the end or be held up by it; no other comes.
			_, body, _ := e.Chat(t.Context(), key, say(`"max_tokens":5,"stream":true`))
			<-over // what ends it may be answered after the stream was cut
			if strings.Contains(body, "w1") || strings.Contains(body, "[DONE]") {
				t.Errorf("it went on: %s", body)
			}
			e.Model.Handle(nil)
			if status, body, err := e.Chat(t.Context(), key, say(`"max_tokens":5`)); err != nil || status == 200 {
				t.Errorf("the next call: %d %s %v", status, body, err)
			}
			view, err := e.Client.With(key).OwnGrant(t.Context())
			if err != nil || len(view.Ended) != 1 || view.Ended[0].Code != c.code {
				t.Errorf("the grant tells of %v, %v", view.Ended, err)
			}
		})
	}
}

func later(by time.Duration) func(*testing.T, *testenv.Env) {
	return func(_ *testing.T, e *testenv.Env) { e.Clock.Move(by) }
}

// forbidAll brings a directory in force that forbids everything.
func forbidAll(t *testing.T, e *testenv.Env) {
	files, err := testenv.Files(e.Model.URL)
	if err != nil {
		t.Error(err)
		return
	}
	files["guardrails/test.cedar"] = []byte("@id(\"all\")\nforbid (principal, action, resource);\n")
	state, err := e.People["carol"].Propose(t.Context(), files)
	for _, name := range []string{"carol", "dan"} {
		if err == nil {
			_, err = e.People[name].ApproveLab(t.Context(), state.Proposed)
		}
	}
	if err != nil {
		t.Error(err)
	}
}

// TestReadingsOfOneKeyFillNoLedger: beyond its rate a key reads nothing, and the refusals are counted, not recorded one by one.
func TestReadingsOfOneKeyFillNoLedger(t *testing.T) {
	e := testenv.New(t, testenv.Options{Clock: &testenv.Clock{}})
	_, key := e.Grant(t, "", testenv.Tokens(1000, nil))
	for _, ended := range []bool{false, true} {
		if ended {
			e.Clock.Move(400 * 24 * time.Hour)
		}
		before, err := e.Client.Ledger(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		refused := 0
		holder := e.Client.With(key)
		for range 1300 { // two minutes may be begun
			if _, err := holder.OwnGrant(t.Context()); narthex.IsKind(err, narthex.Exhausted) {
				refused++
			} else if err != nil {
				t.Fatal(err)
			}
		}
		after, err := e.Client.Ledger(t.Context())
		if grown := after.Size - before.Size; err != nil || grown > 1210 || refused < 90 {
			t.Errorf("%d entries and %d refusals of 1300 readings, ended: %v, %v", grown, refused, ended, err)
		}
	}
}

// TestWhatWasNeverSentCostsNothing: the upstream's credential is gone, so it is not asked.
func TestWhatWasNeverSentCostsNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "credential")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	e := testenv.New(t, testenv.Options{Files: func(files lab.Files) {
		files["assets/model.yaml"] = bytes.Replace(files["assets/model.yaml"], []byte("credential_env: MODEL_KEY"), []byte("credential_file: "+file), 1)
	}})
	_, key := e.Grant(t, "", testenv.Tokens(1000, nil))
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{testenv.Hello, say(`"max_tokens":5,"stream":true`)} {
		status, answer, err := e.Chat(t.Context(), key, body)
		if err != nil || status != 503 || !strings.Contains(answer, "nothing was charged") || e.Model.Calls() != 0 {
			t.Errorf("%d %s, %d calls, %v", status, answer, e.Model.Calls(), err)
		}
	}
	if b := budget(t, e, key); b.Used != 0 || b.Reserved != 0 {
		t.Errorf("it cost %d, and %d are kept", b.Used, b.Reserved)
	}
}

// TestANarrowKeySeesNoMoreThanItsTerms: an agent learns nothing of what its grant gives beside.
func TestANarrowKeySeesNoMoreThanItsTerms(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	sample := testenv.Tokens(1000, limits{"actor_kinds": names("human", "agent")})
	grant, whole := e.Grant(t, "", sample, testenv.Term("model.checkpoints", limits{"checkpoints": names("early", "middle")}), testenv.Term("model.seed", nil))
	mint := func(terms ...narthex.Term) string {
		minted, err := e.People["ada"].Mint(t.Context(), grant.ID, client.Mint{Label: "agent", Actor: narthex.Agent, Terms: terms})
		if err != nil {
			t.Fatal(err)
		}
		return minted.Token
	}
	narrow := testenv.Tokens(100, nil)
	for _, c := range []struct {
		key    string
		models []string
		terms  int
	}{
		{whole, []string{`"model"`, `"model@early"`, `"model@middle"`}, 3},
		{mint(narrow), []string{`"model"`}, 1},
	} {
		holder := e.Client.With(c.key)
		list, err := holder.Models(t.Context())
		for _, name := range []string{`"model"`, `"model@early"`, `"model@middle"`} {
			if err != nil || strings.Contains(string(list), `"id":`+name) != slices.Contains(c.models, name) {
				t.Errorf("the models are %s, %v", list, err)
			}
		}
		view, err := holder.OwnGrant(t.Context())
		if err != nil || len(view.Grant.Terms) != c.terms {
			t.Errorf("the grant shows %v, %v", view.Grant.Terms, err)
		}
		for _, b := range view.Budgets {
			if b.Attribute != "model.sample" || b.Holder == string(grant.ID) && b.Limit == "tokens" && b.Allowed != 1000 {
				t.Errorf("a budget is shown as %+v", b)
			}
		}
	}
	key := mint(narrow)
	early := strings.Replace(testenv.Hello, `"model":"model"`, `"model":"model@early"`, 1)
	absent := strings.Replace(testenv.Hello, `"model":"model"`, `"model":"model@never"`, 1)
	for _, body := range []string{early, absent} {
		if status, answer, err := e.Chat(t.Context(), key, body); err != nil || status != 404 || !strings.Contains(answer, "withheld") {
			t.Errorf("%d %s %v", status, answer, err)
		}
	}
	if status, answer, err := e.Chat(t.Context(), whole, early); err != nil || status != 200 {
		t.Errorf("the whole key: %d %s %v", status, answer, err)
	}
}
