package server_test

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"narthex/client"
	"narthex/internal/testenv"
)

// TestARefusalNamesWhatItIsAbout: the field, the clause, and of a lock its reason's code and its identifier.
func TestARefusalNamesWhatItIsAbout(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	grant, key := e.Grant(t, "", testenv.Tokens(1000, limits{"max_tokens": number(5)}))
	clause := `"clause":"2@` + string(grant.Agreement) + `"`
	for name, c := range map[string]struct {
		path, body string
		says       []string
	}{
		"log-probabilities that are not given": {"/v1/chat/completions", say(`"max_tokens":3,"logprobs":true`), []string{`"code":"not_granted"`, `"param":"logprobs"`, clause}},
		"a system message":                     {"/v1/chat/completions", `{"model":"model","messages":[{"role":"system","content":"x"},{"role":"user","content":"x"}]}`, []string{`"param":"messages"`, clause}},
		"raw completion":                       {"/v1/completions", `{"model":"model","prompt":"x","max_tokens":3}`, []string{`"param":"prompt"`, clause}},
		"a length by its newer name":           {"/v1/chat/completions", say(`"max_completion_tokens":6`), []string{`"param":"max_completion_tokens"`, `"limit":"max_tokens"`, `"allowed":"5"`, `"asked":"6"`}},
	} {
		status, body, err := e.Post(t.Context(), c.path, key, c.body)
		if err != nil || status != 403 {
			t.Errorf("%s: %d %v", name, status, err)
		}
		for _, says := range c.says {
			if !strings.Contains(body, says) {
				t.Errorf("%s: %s is not in %s", name, says, body)
			}
		}
	}
	locked, err := e.People["sam"].Lock(t.Context(), client.LockRequest{Subject: "grant", Target: string(grant.ID), Reason: "incident", Note: "a note for the holder"})
	if err != nil {
		t.Fatal(err)
	}
	status, body, err := e.Chat(t.Context(), key, testenv.Hello)
	if err != nil || status != 403 || !strings.Contains(body, `"reason":"incident"`) || !strings.Contains(body, `"lock":"`+string(locked.Lock.ID)+`"`) || strings.Contains(body, `"allowed"`) {
		t.Errorf("a locked grant answers %d %s %v", status, body, err)
	}
}

// fragile breaks with a panic when something is written, as a fault of ours would.
type fragile struct{ http.ResponseWriter }

func (f fragile) Unwrap() http.ResponseWriter { return f.ResponseWriter }
func (f fragile) Write([]byte) (int, error)   { panic("a fault of ours") }

// TestAFaultInTheMiddleOfACallLeavesItNotOpen: what it could have taken is charged at once, and nothing stays reserved.
func TestAFaultInTheMiddleOfACallLeavesItNotOpen(t *testing.T) {
	var breaks atomic.Bool
	e := testenv.New(t, testenv.Options{Front: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if breaks.Load() {
				w = fragile{w}
			}
			next.ServeHTTP(w, r)
		})
	}})
	_, key := e.Grant(t, "", testenv.Tokens(1000, nil))
	e.Model.Handle(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, `data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}`+"\n\n")
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	breaks.Store(true)
	if status, body, err := e.Chat(t.Context(), key, say(`"max_tokens":5,"stream":true`)); err == nil && status == 200 && body != "" {
		t.Errorf("a broken node answers %s", body)
	}
	breaks.Store(false)
	if b := budget(t, e, key); b.Reserved != 0 || b.Used < 12 {
		t.Errorf("%d are reserved and %d used after a fault in the middle of a call", b.Reserved, b.Used)
	}
	if report := verified(t, e); len(report.Open) != 0 {
		t.Errorf("%d calls are open", len(report.Open))
	}
}
