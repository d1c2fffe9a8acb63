package server_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/lab"
	"narthex/internal/server"
	"narthex/internal/testenv"
)

// send makes a request by hand, so that nothing cleans it up on the way, and gives the status line, headers and body.
func send(t testing.TB, e *testenv.Env, raw string) string {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(e.Client.Base(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(3 * time.Second))
	if _, err := io.WriteString(conn, raw); err != nil {
		return ""
	}
	answer, _ := io.ReadAll(conn) // closed by the other side, one way or another
	return string(answer)
}

// plain takes what differs between any two answers out of one.
func plain(answer string) string {
	lines := strings.Split(answer, "\r\n")
	for i, line := range lines {
		for _, varying := range []string{"X-Request-Id:", "Narthex-Receipt:", "Date:"} {
			if strings.HasPrefix(line, varying) {
				lines[i] = varying
			}
		}
		if at := strings.Index(line, `"request_id":"req_`); at >= 0 {
			lines[i] = line[:at]
		}
	}
	return strings.Join(lines, "\n")
}

func post(key, path, body string, headers ...string) string {
	more := ""
	for _, h := range headers {
		more += h + "\r\n"
	}
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nConnection: close\r\n%sContent-Length: %d\r\n\r\n%s", path, key, more, len(body), body)
}

func TestEveryRouteIsInTheTableAndNothingElseAnswers(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	_, key := e.Grant(t, "", testenv.Tokens(1000, nil))
	other := map[string]string{"someone": key, "insider": key, "holder": session(t, e, "ada"), "specialist": session(t, e, "ada")} // a good credential of the wrong kind, by right
	routes := e.Node.Routes()
	known := map[string]bool{}
	for _, r := range routes {
		if r.Right == "" || r.Says == "" || known[r.Method+" "+r.Path] {
			t.Errorf("%s %s has no right, says nothing, or stands twice", r.Method, r.Path)
		}
		known[r.Method+" "+r.Path] = true
		ask := func(credential string) int {
			request, err := http.NewRequest(r.Method, e.Client.Base()+strings.NewReplacer("{", "", "}", "").Replace(r.Path), strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Content-Type", "application/json")
			if credential != "" {
				request.Header.Set("Authorization", "Bearer "+credential)
			}
			answer, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			return answer.StatusCode
		}
		wrong, needs := other[string(r.Right)]
		if needs == (r.Right == "anyone") {
			t.Errorf("%s %s has the right %s, which is none", r.Method, r.Path, r.Right)
		}
		if needs && ask(wrong) != 401 {
			t.Errorf("%s %s is for %s and answers a credential of another kind with %d", r.Method, r.Path, r.Right, ask(wrong))
		}
		bringsOne := r.Path == "/api/redeem" || r.Path == "/api/login" || r.Path == "/api/opinions/redeem" // the credential is in the body
		if status := ask(""); (r.Right != "anyone" || bringsOne) != (status == 401) {
			t.Errorf("%s %s without a credential answers %d, and its right is %s", r.Method, r.Path, status, r.Right)
		}
	}
	segments := []string{"api", "v1", "ledger", "admin", "debug", "pprof", "metrics", "healthz", "engagements", "people", "chat", "completions", "models", "lab", "..", ".", "", "%2e%2e", "a b", "vars", "config", "status", "key", "openapi.json", "OPENAPI.JSON", "eng_aaaaaaaaaaaaaaaaaaaaaaaaaa"}
	wander(t, e.Node.Handler(), routes2(routes), segments)
}

// wander asks a handler for 100,000 generated methods and paths: what stands in the table answers, and nothing else.
func wander(t *testing.T, handler http.Handler, rows []rowOf, segments []string) {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 1))
	methods := []string{"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "get", "CONNECT", "PROPFIND"}
	tried, found := 0, 0
	for tried < 100_000 {
		var path strings.Builder
		for range 1 + random.IntN(5) {
			path.WriteString("/" + segments[random.IntN(len(segments))])
		}
		method := methods[random.IntN(len(methods))]
		request, err := http.NewRequest(method, "http://x", nil)
		if err != nil {
			continue
		}
		request.RequestURI = path.String()
		if request.URL, err = url.ParseRequestURI(strings.ReplaceAll(path.String(), " ", "%20")); err != nil {
			continue
		}
		tried++
		status := answer(handler, request)
		is := listed(rows, method, path.String())
		if is {
			found++
		}
		if is != (status != 404) {
			t.Fatalf("seed %d: %s %q answers %d", seed, method, path.String(), status)
		}
	}
	if found == 0 || found > tried/2 {
		t.Errorf("seed %d: %d of %d paths were routes", seed, found, tried)
	}
}

type rowOf struct{ method, path string }

func routes2[T any](routes []T) []rowOf {
	var rows []rowOf
	for _, r := range routes {
		v := reflect.ValueOf(r)
		rows = append(rows, rowOf{v.FieldByName("Method").String(), v.FieldByName("Path").String()})
	}
	return rows
}

// listed says, in another way than the router, whether the table has a row for the path.
func listed(rows []rowOf, method, path string) bool {
	for _, r := range rows {
		want, have := strings.Split(r.path, "/"), strings.Split(path, "/")
		fits := r.method == method && len(want) == len(have) && !strings.ContainsAny(path, "% ")
		for i := 0; fits && i < len(want); i++ {
			argument := strings.HasPrefix(want[i], "{") && have[i] != "" && have[i] != "." && have[i] != ".."
			fits = argument || want[i] == have[i]
		}
		if fits {
			return true
		}
	}
	return false
}

type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(status int) {
	if d.status == 0 {
		d.status = status
	}
}

func answer(h http.Handler, r *http.Request) int {
	w := &discard{header: http.Header{}}
	h.ServeHTTP(w, r)
	return max(w.status, 1)
}

func TestWhatIsHiddenLooksLikeWhatIsNotThere(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	_, key := e.Grant(t, "", testenv.Tokens(1000, nil), testenv.Term("model.checkpoints", map[narthex.LimitName]narthex.Value{"checkpoints": narthex.NamesValue("early")}))
	ask := func(model string) string {
		return plain(send(t, e, post(key, "/v1/chat/completions", `{"model":"`+model+`","max_tokens":3,"messages":[{"role":"user","content":"hi"}]}`)))
	}
	absent := ask("absent")
	if !strings.Contains(absent, "404") {
		t.Fatalf("what is not there answers %s", absent)
	}
	for _, name := range []string{"hidden", "hidden@final", "model@middle", "model@absent", "Model", "model ", "mod\u0435l", "model\u200d", "m\u00f6del", "model@early@early", "../model", "model%00"} {
		if got := ask(name); got != absent {
			t.Errorf("%q answers\n%s\nand what is not there\n%s", name, got, absent)
		}
	}
	e.Outsiders(t, "2", "Second")
	grant, second := e.Grant(t, "2", testenv.Tokens(1000, nil), testenv.Term("model.base", nil))
	raw := func(model string) string {
		return plain(send(t, e, post(second, "/v1/completions", `{"model":"`+model+`","max_tokens":3,"prompt":"hi"}`)))
	}
	if got, absent := raw("hidden"), raw("absent"); got != absent || !strings.Contains(absent, "404") {
		t.Errorf("a hidden model's completions answer\n%s\nand what is not there\n%s", got, absent)
	}
	request, err := e.Client.With(second).Do(t.Context(), "POST", "/v1/chat/completions", json.RawMessage(testenv.Hello))
	if err != nil || request.StatusCode != 200 {
		t.Fatalf("a call of somebody else: %v", err)
	}
	request.Body.Close()
	call := request.Header.Get("Narthex-Call")
	view, err := e.Client.With(second).OwnGrant(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	locked, err := e.People["sam"].Lock(t.Context(), client.LockRequest{Subject: "asset", Target: "hidden", Reason: "safety"})
	if err != nil {
		t.Fatal(err)
	}
	// Each is somebody else's and beside it one that is not there, in the path or in the body, as ada or her key asks for them.
	ada, own := e.People["ada"].Client, e.Client.With(key)
	none := func(id string) string { return id[:len(id)-5] + "aaaaa" }
	lock := func(subject narthex.LockSubject, target string) any {
		return client.LockRequest{Subject: subject, Target: target, Reason: "safety"}
	}
	engagement, person, keyID, lockID := string(grant.Engagement), string(e.People["ada2"].ID), string(view.Keys[0].ID), string(locked.Lock.ID)
	type asked struct {
		path string
		in   any
	}
	for name, c := range map[string]struct {
		by            *client.Client
		method        string
		there, absent asked
	}{
		"a grant":              {ada, "GET", asked{"/api/grants/" + string(grant.ID), nil}, asked{"/api/grants/" + none(string(grant.ID)), nil}},
		"an engagement":        {ada, "GET", asked{"/api/engagements/" + engagement, nil}, asked{"/api/engagements/" + none(engagement), nil}},
		"an agreement":         {ada, "GET", asked{"/api/engagements/" + engagement + "/agreement", nil}, asked{"/api/engagements/" + none(engagement) + "/agreement", nil}},
		"an engagement's end":  {ada, "POST", asked{"/api/engagements/" + engagement + "/end", client.Command{Reason: "x"}}, asked{"/api/engagements/" + none(engagement) + "/end", client.Command{Reason: "x"}}},
		"a grant's new key":    {ada, "POST", asked{"/api/grants/" + string(grant.ID) + "/keys", client.Mint{Label: "x"}}, asked{"/api/grants/" + none(string(grant.ID)) + "/keys", client.Mint{Label: "x"}}},
		"a key":                {ada, "POST", asked{"/api/keys/" + keyID + "/revoke", struct{}{}}, asked{"/api/keys/" + none(keyID) + "/revoke", struct{}{}}},
		"a lock":               {ada, "POST", asked{"/api/locks/" + lockID + "/lift", struct{}{}}, asked{"/api/locks/" + none(lockID) + "/lift", struct{}{}}},
		"a person":             {ada, "POST", asked{"/api/people/" + person + "/suspend", client.PersonChange{Reason: "x"}}, asked{"/api/people/" + none(person) + "/suspend", client.PersonChange{Reason: "x"}}},
		"a grant to lock":      {ada, "POST", asked{"/api/locks", lock("grant", string(grant.ID))}, asked{"/api/locks", lock("grant", none(string(grant.ID)))}},
		"a person to lock":     {ada, "POST", asked{"/api/locks", lock("person", person)}, asked{"/api/locks", lock("person", none(person))}},
		"a hidden asset":       {ada, "POST", asked{"/api/locks", lock("asset", "hidden")}, asked{"/api/locks", lock("asset", "absent")}},
		"a call's own receipt": {own, "GET", asked{"/v1/receipts/" + call, nil}, asked{"/v1/receipts/call_999999999", nil}},
	} {
		said := func(a asked) string {
			answer, err := c.by.Do(t.Context(), c.method, a.path, a.in)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			body, err := io.ReadAll(answer.Body)
			if err != nil {
				t.Fatal(err)
			}
			for _, varying := range []string{"X-Request-Id", "Narthex-Receipt", "Date"} {
				answer.Header.Del(varying)
			}
			text, _, _ := strings.Cut(string(body), `"request_id"`)
			return fmt.Sprint(answer.StatusCode, answer.Header, text)
		}
		if there, absent := said(c.there), said(c.absent); there != absent || strings.HasPrefix(there, "2") {
			t.Errorf("%s of somebody else: %s; one that is not there: %s", name, there, absent)
		}
	}
}

// TestNoCredentialButTheRightOneIsTaken holds the rows of channel token.
func TestNoCredentialButTheRightOneIsTaken(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	_, key := e.Grant(t, "", testenv.Tokens(100_000, nil))
	body := testenv.Hello
	base := plain(send(t, e, "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"))
	if !strings.HasPrefix(base, "HTTP/1.1 401") {
		t.Fatalf("without a credential: %s", base)
	}
	for name, token := range map[string]string{"cut to 40": key[:40], "cut to 20": key[:20], "cut by one": key[:len(key)-1], "longer": key + "a", "a space before": " " + key, "a space inside": key[:20] + " " + key[20:],
		"upper case": strings.ToUpper(key), "quoted": "x' OR '1'='1", "empty": "", "another kind": "ns_" + key[3:], "one letter changed": key[:10] + string(key[10]^1) + key[11:], "its own hash": strings.Repeat("ab", 32)} {
		if got := plain(send(t, e, post(token, "/v1/chat/completions", body))); got != base {
			t.Errorf("a token that is %s: %s", name, got)
		}
	}
	for name, headers := range map[string][]string{"two headers": {"Authorization: Bearer wrong"}, "an X-Api-Key": {"X-Api-Key: x"}, "an Api-Key": {"Api-Key: x"}, "a cookie": {"Cookie: a=b"}} {
		if got := send(t, e, post(key, "/v1/chat/completions", body, headers...)); !strings.HasPrefix(got, "HTTP/1.1 400") || !strings.Contains(got, "two_credentials") {
			t.Errorf("a key and %s: %s", name, got)
		}
	}
	if got := send(t, e, post(key, "/v1/chat/completions?api_key=x", body)); !strings.Contains(got, "two_credentials") {
		t.Errorf("a key and one in the query: %s", got)
	}
	session, err := e.Client.Login(t.Context(), e.People["ada"].Login)
	if err != nil {
		t.Fatal(err)
	}
	if got := plain(send(t, e, post(session.Token, "/v1/chat/completions", body))); got != base {
		t.Errorf("a session's token at the door: %s", got)
	}
	if answer, err := e.Client.With(key).Do(t.Context(), "GET", "/api/whoami", nil); err != nil || answer.StatusCode != 401 {
		t.Errorf("an API key at the API: %v", err)
	}
}

// TestBadRequestsAreRefusedAndRecorded holds the rows of channels http and json, and checks that nothing of them reaches the model.
func TestBadRequestsAreRefusedAndRecorded(t *testing.T) {
	var log bytes.Buffer
	e := testenv.New(t, testenv.Options{Log: &log})
	_, key := e.Grant(t, "", testenv.Tokens(100_000, nil))
	before := verified(t, e).ByType[narthex.EntryCallDenied]
	messages := `"messages":[{"role":"user","content":"canary-prompt"}]`
	bodies := map[string]string{
		"a duplicate key":           `{"model":"model","model":"hidden",` + messages + `}`,
		"another case":              `{"model":"model","Model":"hidden",` + messages + `}`,
		"an escaped duplicate":      `{"\u006dodel":"hidden","model":"model",` + messages + `}`,
		"a second document":         `{"model":"model",` + messages + `}{}`,
		"text after it":             `{"model":"model",` + messages + `} x`,
		"a lone surrogate":          `{"model":"model","messages":[{"role":"user","content":"\ud800"}]}`,
		"invalid UTF-8":             "{\"model\":\"model\",\"messages\":[{\"role\":\"user\",\"content\":\"\xff\"}]}",
		"a huge number":             `{"model":"model","max_tokens":1e400,` + messages + `}`,
		"a minus zero":              `{"model":"model","max_tokens":-0,` + messages + `}`,
		"a fraction":                `{"model":"model","max_tokens":1.0,` + messages + `}`,
		"an exponent":               `{"model":"model","max_tokens":1e2,` + messages + `}`,
		"a negative number":         `{"model":"model","max_tokens":-5,` + messages + `}`,
		"NaN":                       `{"model":"model","temperature":NaN,` + messages + `}`,
		"a comment":                 `{"model":"model",/**/` + messages + `}`,
		"a trailing comma":          `{"model":"model",` + messages + `,}`,
		"single quotes":             `{'model':'model'}`,
		"deep nesting":              `{"model":"model","stop":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `,` + messages + `}`,
		"an unknown field":          `{"model":"model","__proto__":{},` + messages + `}`,
		"a field of another api":    `{"model":"model","best_of":2,` + messages + `}`,
		"a wrong type":              `{"model":5,` + messages + `}`,
		"functions":                 `{"model":"model","functions":[],` + messages + `}`,
		"an image":                  `{"model":"model","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"http://x"}}]}]}`,
		"nothing":                   ``,
		"an empty object":           `{}`,
		"both kinds of max_tokens":  `{"model":"model","max_tokens":1,"max_completion_tokens":2,` + messages + `}`,
		"a body over the limit":     `{"model":"model","messages":[{"role":"user","content":"` + strings.Repeat("a", 2<<20) + `"}]}`,
		"a prompt over the context": `{"model":"model","messages":[{"role":"user","content":"` + strings.Repeat("a", 2000) + `"}]}`,
	}
	for name, body := range bodies {
		status, answer, err := e.Chat(t.Context(), key, body)
		if err != nil || status != 400 || strings.Contains(answer, "canary") {
			t.Errorf("%s: %d %s %v", name, status, answer, err)
		}
	}
	raw := map[string]string{
		"gzip":                   post(key, "/v1/chat/completions", testenv.Hello, "Content-Encoding: gzip"),
		"another type":           strings.Replace(post(key, "/v1/chat/completions", testenv.Hello), "application/json", "text/plain", 1),
		"two lengths":            strings.Replace(post(key, "/v1/chat/completions", testenv.Hello), "Connection: close", "Connection: close\r\nContent-Length: 3", 1),
		"a length and chunks":    strings.Replace(post(key, "/v1/chat/completions", testenv.Hello), "Connection: close", "Connection: close\r\nTransfer-Encoding: chunked", 1),
		"an obfuscated coding":   strings.Replace(post(key, "/v1/chat/completions", testenv.Hello), "Connection: close", "Connection: close\r\nTransfer-Encoding : chunked", 1),
		"an upgrade":             post(key, "/v1/chat/completions", testenv.Hello, "Upgrade: websocket"),
		"a double slash":         post(key, "//v1//chat/completions", testenv.Hello),
		"a dot segment":          post(key, "/v1/./chat/completions", testenv.Hello),
		"a trailing slash":       post(key, "/v1/chat/completions/", testenv.Hello),
		"an escape":              post(key, "/v1/chat%2fcompletions", testenv.Hello),
		"an absolute target":     post(key, "http://other/v1/chat/completions", testenv.Hello),
		"another method":         strings.Replace(post(key, "/v1/chat/completions", testenv.Hello), "POST", "PUT", 1),
		"a method in lower case": strings.Replace(post(key, "/v1/chat/completions", testenv.Hello), "POST", "post", 1),
		"an override":            strings.Replace(post(key, "/v1/models", ""), "Connection", "X-HTTP-Method-Override: GET\r\nConnection", 1),
		"an older API":           post(key, "/v1/engines/model/completions", testenv.Hello),
		"files":                  post(key, "/v1/files", testenv.Hello),
		"embeddings":             post(key, "/v1/embeddings", testenv.Hello),
		"responses":              post(key, "/v1/responses", testenv.Hello),
	}
	for name, request := range raw {
		if got := send(t, e, request); strings.HasPrefix(got, "HTTP/1.1 2") {
			t.Errorf("%s: %s", name, got)
		}
	}
	if calls := e.Model.Calls(); calls != 0 {
		t.Errorf("%d of these reached the model", calls)
	}
	if denied := verified(t, e).ByType[narthex.EntryCallDenied] - before; denied < len(bodies) {
		t.Errorf("%d of %d bad bodies are in the ledger", denied, len(bodies))
	}
	if b := budget(t, e, key); b.Used != 0 || b.Reserved != 0 {
		t.Errorf("they cost %+v", b)
	}
	if strings.Contains(log.String(), "canary") || strings.Contains(log.String(), key) || strings.Contains(log.String(), testenv.Credential) {
		t.Error("the log holds a prompt or a credential")
	}
}

// TestABadUpstreamCostsTheWorstCaseAndTellsNothing holds the rows of a model that is down, slow, lying or malicious.
func TestABadUpstreamCostsTheWorstCaseAndTellsNothing(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	_, key := e.Grant(t, "", testenv.Tokens(1_000_000, nil))
	whole := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, body)
		}
	}
	completion := func(usage string) string {
		return `{"id":"x","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":` + usage + `}`
	}
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		served  bool
		worst   bool
	}{
		"an honest one":           {testenv.Answer("hi", 3, 2), true, false},
		"a negative usage":        {whole(completion(`{"prompt_tokens":-5,"completion_tokens":1,"total_tokens":-4}`)), true, true},
		"no usage":                {whole(completion(`null`)), true, true},
		"a usage that is a text":  {whole(completion(`"none"`)), true, true},
		"a usage beyond what was": {whole(completion(`{"prompt_tokens":9999999,"completion_tokens":1,"total_tokens":10000000}`)), true, true},
		"an error with a secret": {func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, `{"error":{"message":"canary-secret"}}`, 500)
		}, false, true},
		"no JSON":                 {whole("canary-secret"), false, true},
		"more choices than asked": {whole(strings.Replace(completion(`null`), `"choices":[`, `"choices":[{"index":1,"message":{"role":"assistant","content":"canary-secret"},"finish_reason":"stop"},`, 1)), false, true},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/canary-secret", 302)
		}, false, true},
		"one that refuses": {func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, `{"error":{"message":"canary-secret"}}`, 429)
		}, false, true},
		"one that breaks off":      {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, false, true},
		"reasoning that is hidden": {whole(strings.Replace(completion(`null`), `"content":"hi"`, `"content":"hi","reasoning_content":"canary-secret"`, 1)), true, true},
	} {
		e.Model.Handle(c.handler)
		before := budget(t, e, key)
		status, body, err := e.Chat(t.Context(), key, testenv.Hello)
		after := budget(t, e, key)
		if err != nil || (status == 200) != c.served || strings.Contains(body, "canary-secret") {
			t.Errorf("%s: %d %s %v", name, status, body, err)
		}
		if cost := after.Used - before.Used; after.Reserved != 0 || c.worst && cost < 12 || !c.worst && cost != 5 {
			t.Errorf("%s cost %d", name, cost)
		}
	}
	e.Model.Handle(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, `data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}`+"\n\n")
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	streamed := strings.Replace(testenv.Hello, `{"model"`, `{"stream":true,"model"`, 1)
	_, body, _ := e.Chat(t.Context(), key, streamed)
	if strings.Contains(body, "[DONE]") {
		t.Errorf("a stream that broke off has a last word: %s", body)
	}
	e.Model.Close()
	for _, request := range []string{testenv.Hello, streamed} {
		before := budget(t, e, key)
		status, body, err := e.Chat(t.Context(), key, request)
		if after := budget(t, e, key); err != nil || status != 503 || after.Used-before.Used < 12 || after.Reserved != 0 {
			t.Errorf("one that is down: %d %s %v, and it cost %d", status, body, err, after.Used-before.Used)
		}
	}
	if report := verified(t, e); len(report.Open) != 0 {
		t.Errorf("%d calls are open", len(report.Open))
	}
}

func TestExpiryIsExactAndTimeNeverGoesBack(t *testing.T) {
	clock := &testenv.Clock{}
	e := testenv.New(t, testenv.Options{Clock: clock})
	grant, key := e.Grant(t, "", testenv.Tokens(1_000_000, nil))
	status, body, err := e.Chat(t.Context(), key, testenv.Hello)
	if err != nil || status != 200 {
		t.Fatalf("%d %s %v", status, body, err)
	}
	clock.Move(-time.Hour)
	if status, body, _ := e.Chat(t.Context(), key, testenv.Hello); status != 503 {
		t.Errorf("with the clock an hour behind its own ledger: %d %s", status, body)
	}
	clock.Move(time.Hour)
	clock.Move(-3 * time.Second)
	if status, body, _ := e.Chat(t.Context(), key, testenv.Hello); status != 200 {
		t.Errorf("with the clock three seconds behind: %d %s", status, body)
	}
	clock.Move(time.Until(grant.NotAfter) + time.Hour)
	if status, body, _ := e.Chat(t.Context(), key, testenv.Hello); status != 403 || !strings.Contains(body, `"code":"expired"`) {
		t.Errorf("after the end: %d %s", status, body)
	}
	if _, err := e.Client.With(key).OwnGrant(t.Context()); err != nil {
		t.Errorf("the key of a grant that is over does not show it: %v", err)
	}
}

func TestALockReachesWhateverItIsOn(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	grant, key := e.Grant(t, "", testenv.Tokens(1_000_000, nil))
	view, err := e.Client.With(key).OwnGrant(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for subject, target := range map[narthex.LockSubject]string{"grant": string(grant.ID), "engagement": string(grant.Engagement), "org": string(grant.Org), "person": string(grant.Persons[0]), "key": string(view.Keys[0].ID), "asset": "model"} {
		locked, err := e.People["sam"].Lock(t.Context(), client.LockRequest{Subject: subject, Target: target, Reason: "safety"})
		if err != nil {
			t.Fatal(err)
		}
		if status, body, _ := e.Chat(t.Context(), key, testenv.Hello); status != 403 || !strings.Contains(body, "safety") || !strings.Contains(body, "Carol") {
			t.Errorf("with the %s locked: %d %s", subject, status, body)
		}
		if _, err := e.People["carol"].Unlock(t.Context(), locked.Lock.ID); err != nil {
			t.Fatal(err)
		}
		if status, body, _ := e.Chat(t.Context(), key, testenv.Hello); status != 200 {
			t.Errorf("with the %s unlocked: %d %s", subject, status, body)
		}
	}
	if _, err := e.People["ada"].Lock(t.Context(), client.LockRequest{Subject: "asset", Target: "model", Reason: "safety"}); !narthex.IsKind(err, narthex.Withheld) {
		t.Errorf("an outsider's lock: %v", err)
	}
	if _, err := e.People["carol"].Suspend(t.Context(), grant.Persons[0], "left"); err != nil {
		t.Fatal(err)
	}
	if status, _, _ := e.Chat(t.Context(), key, testenv.Hello); status != 403 {
		t.Errorf("a suspended person's key: %d", status)
	}
	if _, err := e.People["ada"].WhoAmI(t.Context()); !narthex.IsKind(err, narthex.Unauthenticated) {
		t.Errorf("a suspended person's session: %v", err)
	}
}

// TestAnAgentsKeyIsNarrower: it cannot be wider than the grant, and holds its own budget too.
func TestAnAgentsKeyIsNarrower(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	grant, _ := e.Grant(t, "", testenv.Tokens(100_000, map[narthex.LimitName]narthex.Value{"actor_kinds": narthex.NamesValue("human", "agent")}))
	ada := e.People["ada"]
	agent := map[narthex.LimitName]narthex.Value{"actor_kinds": narthex.NamesValue("agent"), "tokens": narthex.NumberValue(40)}
	if _, err := ada.Mint(t.Context(), grant.ID, client.Mint{Label: "bot", Actor: narthex.Agent}); !narthex.IsKind(err, narthex.Invalid) {
		t.Errorf("an agent's key without terms: %v", err)
	}
	wide := []narthex.Term{testenv.Tokens(200_000, nil)}
	if _, err := ada.Mint(t.Context(), grant.ID, client.Mint{Label: "bot", Actor: narthex.Agent, Terms: wide}); !narthex.IsKind(err, narthex.Refused) {
		t.Errorf("a key wider than its grant: %v", err)
	}
	minted, err := ada.Mint(t.Context(), grant.ID, client.Mint{Label: "bot", Actor: narthex.Agent, Terms: []narthex.Term{testenv.Term("model.sample", agent)}, Hours: 1})
	if err != nil {
		t.Fatal(err)
	}
	if status, body, _ := e.Chat(t.Context(), minted.Token, testenv.Hello); status != 200 {
		t.Errorf("within its terms: %d %s", status, body)
	}
	if status, body, _ := e.Chat(t.Context(), minted.Token, strings.Replace(testenv.Hello, `"max_tokens":5`, `"max_tokens":60`, 1)); status != 429 {
		t.Errorf("beyond its own budget: %d %s", status, body)
	}
}

func TestNothingAnswersBeforeInceptionButLogInAndApproval(t *testing.T) {
	files, err := testenv.Files("http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := files.Write(filepath.Join(dir, "lab")); err != nil {
		t.Fatal(err)
	}
	var codes map[string]string
	node, err := server.Start(t.Context(), server.Config{Lab: filepath.Join(dir, "lab"), Data: filepath.Join(dir, "data"), Listen: "127.0.0.1:0", Version: "test", Clock: time.Now, Random: zero{},
		Getenv: func(string) string { return "x" }, Log: slog.New(slog.DiscardHandler), Inception: func(_ narthex.Digest, c map[string]string) { codes = c }})
	if err == nil {
		defer node.Close()
	} else {
		t.Fatal(err)
	}
	if len(codes) != 2 {
		t.Fatalf("%d codes for two custodians", len(codes))
	}
	for _, r := range node.Routes() {
		request, err := http.NewRequest(r.Method, "http://"+node.Address()+strings.NewReplacer("{", "", "}", "").Replace(r.Path), strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if (answer.StatusCode != 404) != r.Early {
			t.Errorf("%s %s answers %d before inception", r.Method, r.Path, answer.StatusCode)
		}
	}
}

// zero is randomness for a node that nobody will use: a counter, so that codes differ.
type zero struct{}

var counter byte

func (zero) Read(p []byte) (int, error) {
	for i := range p {
		counter++
		p[i] = counter
	}
	return len(p), nil
}

func TestADirectoryTakesEffectOnlyWhenTwoApproveIt(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	_, key := e.Grant(t, "", testenv.Tokens(100_000, nil))
	files, err := lab.ReadDir(filepath.Join(e.Dir, "lab"))
	if err != nil {
		t.Fatal(err)
	}
	files["guardrails/test.cedar"] = []byte("@id(\"nothing-at-all\")\nforbid (principal, action, resource);\n")
	carol, dan := e.People["carol"], e.People["dan"]
	state, err := carol.Propose(t.Context(), files)
	if err != nil || state.Proposed != files.Digest() || !strings.Contains(state.Diff, "nothing-at-all") {
		t.Fatalf("%+v %v", state, err)
	}
	served := func() bool { status, _, _ := e.Chat(t.Context(), key, testenv.Hello); return status == 200 }
	if _, err := e.People["sam"].ApproveLab(t.Context(), files.Digest()); !narthex.IsKind(err, narthex.Refused) {
		t.Errorf("someone who is no custodian approved: %v", err)
	}
	if _, err := carol.ApproveLab(t.Context(), files.Digest()); err != nil {
		t.Fatal(err)
	}
	if _, err := carol.ApproveLab(t.Context(), files.Digest()); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("one custodian approved twice: %v", err)
	}
	if !served() {
		t.Error("a directory that one approved is in force")
	}
	if _, err := dan.ApproveLab(t.Context(), state.InForce); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("another digest was approved: %v", err)
	}
	if _, err := dan.ApproveLab(t.Context(), files.Digest()); err != nil {
		t.Fatal(err)
	}
	if served() {
		t.Error("a directory that two approved is not in force")
	}
	if err := e.Node.Close(); err != nil {
		t.Fatal(err)
	}
	e.Start(t)
	if served() {
		t.Error("after a start the old directory is in force")
	}
	delete(files, "clauses/purpose.md")
	if _, err := carol.Propose(t.Context(), files); !narthex.IsKind(err, narthex.Invalid) {
		t.Errorf("a directory with problems was taken: %v", err)
	}
}
