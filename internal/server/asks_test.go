package server_test

import (
	"bytes"
	"encoding/json"
	"fmt"

	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"narthex"
	"narthex/client"
	"narthex/internal/lab"
	"narthex/internal/server"
	"narthex/internal/testenv"
)

// TestTheEnvironmentGivesCredentialsAlone: of everything that the environment could say, a node asks for what its assets name.
func TestTheEnvironmentGivesCredentialsAlone(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	_, key := e.Grant(t, "", testenv.Tokens(1000, nil))
	if err := e.Node.Close(); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	asked := map[string]bool{}
	config := e.Config()
	config.Getenv = func(name string) string {
		mu.Lock()
		defer mu.Unlock()
		asked[name] = true
		if name == "MODEL_KEY" {
			return testenv.Credential
		}
		return "0.0.0.0:80"
	}
	node, err := server.Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer node.Close()
	e.Client = must(client.New("http://" + node.Address()))
	if status, body, err := e.Chat(t.Context(), key, testenv.Hello); err != nil || status != 200 {
		t.Errorf("%d %s %v", status, body, err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(asked) != 1 || !asked["MODEL_KEY"] {
		t.Errorf("the node asked the environment for %v", asked)
	}
}

// TestANameIsExact: a role, a subject, a reason, a pathway or an attribute in another case or with a space is none.
func TestANameIsExact(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	grant, _ := e.Grant(t, "", testenv.Tokens(1000, nil))
	view := submitted(t, e)
	sam, ada := session(t, e, "sam"), session(t, e, "ada")
	text := func(value any) string { return string(must(json.Marshal(value))) }
	variants := func(name string) []string {
		return []string{strings.ToUpper(name), strings.ToUpper(name[:1]) + name[1:], name + " ", " " + name, name + "\n", name + "\u200b", strings.Replace(name, "e", "\u0435", 1), name + "\x00", name + "s"}
	}
	for what, c := range map[string]struct {
		token, path, right string
		body               func(name string) string
	}{
		"a role": {sam, "/api/engagements/" + string(view.Engagement.ID) + "/approve", "security", func(n string) string { return text(client.Command{As: narthex.Role(n), Saw: view.Engagement.Digest}) }},
		"a subject": {sam, "/api/locks", "engagement", func(n string) string {
			return text(client.LockRequest{Subject: narthex.LockSubject(n), Target: string(grant.Engagement), Reason: "safety"})
		}},
		"a reason": {sam, "/api/locks", "safety", func(n string) string {
			return text(client.LockRequest{Subject: "engagement", Target: string(grant.Engagement), Reason: narthex.LockReason(n)})
		}},
		"an asset":  {sam, "/api/locks", "model", func(n string) string { return text(client.LockRequest{Subject: "asset", Target: n, Reason: "safety"}) }},
		"a pathway": {ada, "/api/engagements", "test", func(n string) string { return text(client.Draft{Pathway: narthex.PathwayName(n), Title: "x"}) }},
		"a question": {ada, "/api/engagements", "weye", func(n string) string {
			return text(client.Draft{Pathway: "test", Title: "x", Answers: map[string]string{n: "x"}})
		}},
		"an attribute": {ada, "/api/engagements", "model.sample", func(n string) string {
			return text(client.Draft{Pathway: "test", Title: "x", Terms: []narthex.Term{{Attribute: narthex.AttributeName(n), Asset: "model"}}})
		}},
		"a limit": {ada, "/api/engagements", "tokens", func(n string) string {
			return text(client.Draft{Pathway: "test", Title: "x", Terms: []narthex.Term{testenv.Term("model.sample", limits{narthex.LimitName(n): number(5)})}})
		}},
		"an actor": {ada, "/api/grants/" + string(grant.ID) + "/keys", "agent", func(n string) string {
			return text(client.Mint{Label: "x", Actor: narthex.ActorKind(n), Terms: []narthex.Term{testenv.Tokens(5, nil)}})
		}},
	} {
		for _, name := range variants(c.right) {
			if name == c.right {
				continue
			}
			list := converse(t, e, request("POST", c.path, c.token, c.body(name), closing))
			if len(list) != 1 || list[0].status < 400 || list[0].status >= 500 {
				t.Errorf("%s %q: %v", what, name, list)
			}
		}
	}
	after, err := e.People["ada"].Engagement(t.Context(), view.Engagement.ID)
	if err != nil || len(after.Engagement.Votes) != 0 {
		t.Errorf("the votes are %v, %v", after.Engagement.Votes, err)
	}
	for _, role := range variants("security") {
		files, err := testenv.Files("http://127.0.0.1:1")
		if err != nil {
			t.Fatal(err)
		}
		files["lab.yaml"] = bytes.Replace(files["lab.yaml"], []byte("roles: [security]"), []byte(fmt.Sprintf("roles: [%q]", role)), 1)
		if _, problems := lab.Load(files); len(problems) == 0 {
			t.Errorf("a directory with the role %q loads", role)
		}
	}
}

// TestNoAddressOfACallerIsReached: what a caller names is not fetched, and the refusal is the same wherever it leads.
func TestNoAddressOfACallerIsReached(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	_, key := e.Grant(t, "", testenv.Tokens(1e6, nil), testenv.Term("model.tools", nil))
	var reached atomic.Int64
	open, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	go func() {
		for {
			conn, err := open.Accept()
			if err != nil {
				return
			}
			reached.Add(1)
			conn.Close()
		}
	}()
	before := e.Model.Calls()
	for name, form := range map[string]string{
		"an image":         `{"model":"model","max_tokens":5,"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":%q}}]}]}`,
		"a file":           `{"model":"model","max_tokens":5,"messages":[{"role":"user","content":[{"type":"file","file":{"file_url":%q}}]}]}`,
		"a tool's server":  `{"model":"model","max_tokens":5,"messages":[{"role":"user","content":"x"}],"tools":[{"type":"mcp","server_label":"look","server_url":%q}]}`,
		"a web search":     `{"model":"model","max_tokens":5,"messages":[{"role":"user","content":"x"}],"web_search_options":{"site":%q}}`,
		"a webhook":        `{"model":"model","max_tokens":5,"messages":[{"role":"user","content":"x"}],"webhook_url":%q}`,
		"a base URL":       `{"model":"model","max_tokens":5,"messages":[{"role":"user","content":"x"}],"api_base":%q}`,
		"a schema by $ref": `{"model":"model","max_tokens":5,"messages":[{"role":"user","content":"x"}],"response_format":{"type":"json_schema","json_schema":{"$ref":%q}}}`,
	} {
		said := map[string]bool{}
		for _, url := range []string{"http://" + open.Addr().String() + "/x", "http://127.0.0.1:1/x", "http://169.254.169.254/latest/meta-data", "file:///etc/passwd", "http://no-such-host.invalid/", "gopher://127.0.0.1:70/", e.Model.URL} {
			answer := plain(send(t, e, post(key, chats, fmt.Sprintf(form, url))))
			if !strings.HasPrefix(answer, "HTTP/1.1 400") || strings.Contains(answer, url) {
				t.Errorf("%s at %s: %s", name, url, answer)
			}
			said[answer] = true
		}
		if len(said) != 1 {
			t.Errorf("%s is refused in %d ways", name, len(said))
		}
	}
	if reached.Load() != 0 || e.Model.Calls() != before {
		t.Errorf("%d connections were made, and %d calls reached the model", reached.Load(), e.Model.Calls()-before)
	}
}

// TestWhatTogetherShowsMoreIsRefusedInOneCall too, and each refusal is recorded; and what is large or deep is refused unread.
func TestWhatTogetherShowsMoreIsRefusedInOneCall(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	_, one := e.Grant(t, "", testenv.Tokens(1e6, nil), testenv.Term("model.logprobs", nil))
	e.Outsiders(t, "2", "Second")
	_, other := e.Grant(t, "2", testenv.Tokens(1e6, nil), testenv.Term("model.logit_bias", nil))
	before := len(entries(t, e))
	both := say(`"max_tokens":3,"logprobs":true,"top_logprobs":1,"logit_bias":{"1":1}`)
	for _, key := range []string{one, other} {
		if status, body, err := e.Chat(t.Context(), key, both); err != nil || status != 403 {
			t.Errorf("both in one call: %d %s %v", status, body, err)
		}
	}
	for name, body := range map[string]string{
		"100,000 lists in each other":   `{"model":"model","stop":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`,
		"100,000 objects in each other": `{"model":"model","metadata":` + strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000) + `}`,
		"a name of ten megabytes":       `{"` + strings.Repeat("k", 10<<20) + `":1}`,
		"a value of ten megabytes":      `{"model":"` + strings.Repeat("k", 10<<20) + `"}`,
	} {
		list := converse(t, e, request("POST", chats, one, body, closing))
		if len(list) != 1 || list[0].status != 400 {
			t.Errorf("%s: %v", name, list)
		}
	}
	if calls := e.Model.Calls(); calls != 0 {
		t.Errorf("%d of these reached the model", calls)
	}
	denied := 0
	for _, entry := range entries(t, e)[before:] {
		if entry.Type == narthex.EntryCallDenied {
			denied++
		}
	}
	if denied != 6 {
		t.Errorf("%d of 6 refusals are in the ledger", denied)
	}
	if slices.Contains([]bool{budget(t, e, one).Used != 0, budget(t, e, other).Used != 0}, true) {
		t.Error("a refusal cost something")
	}
}
