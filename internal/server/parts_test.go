package server_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"narthex"
	"narthex/client"
	"narthex/internal/testenv"
)

// told gives an answer without what differs between any two.
func told(list []said) string {
	for _, a := range list {
		for _, varying := range []string{"X-Request-Id", "Narthex-Receipt", "Date"} {
			a.header.Del(varying)
		}
		for at := strings.Index(a.body, `"request_id":"req_`); at >= 0; at = -1 {
			a.body = a.body[:at]
		}
		return fmt.Sprint(a.status, a.header, a.body, len(list))
	}
	return "nothing"
}

// TestNoPartIsToBeHad: a range is no way to less of a thing than the whole, nor to its size, and nothing offers one.
func TestNoPartIsToBeHad(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	grant, key := e.Grant(t, "", testenv.Tokens(100_000, nil))
	ada, lea := session(t, e, "ada"), session(t, e, "lea")
	for _, c := range []struct{ method, path, token, body string }{
		{"GET", "/v1/models", key, ""}, {"GET", "/openapi.json", "", ""}, {"GET", "/ledger/checkpoint", "", ""}, {"GET", "/ledger/tile/0/000.p/1", "", ""}, {"GET", "/ledger/openings/0", "", ""},
		{"GET", "/api/grants/" + string(grant.ID), ada, ""}, {"GET", "/api/engagements/" + string(grant.Engagement) + "/agreement", ada, ""}, {"GET", "/api/ledger/proof/0", lea, ""},
		{"GET", "/api/grants/grt_aaaaaaaaaaaaaaaaaaaaaaaaaa", ada, ""}, {"POST", chats, key, strings.Replace(testenv.Hello, `"model":"model"`, `"model":"hidden"`, 1)},
	} {
		whole := converse(t, e, request(c.method, c.path, c.token, c.body, closing))
		want := told(whole)
		for _, header := range []string{"Range: bytes=0-0", "Range: bytes=5-", "Range: bytes=-1", "Range: bytes=0-0,2-3", "Range: bytes=99999999-", "Range: rows=1-2", "Range: bytes=0-0\r\nIf-Range: *"} {
			part := converse(t, e, request(c.method, c.path, c.token, c.body, header, closing))
			for _, a := range part {
				if a.status == 206 || a.status == 416 || a.header.Get("Accept-Ranges") != "" || a.header.Get("Content-Range") != "" {
					t.Errorf("%s %s with %q: %d %v", c.method, c.path, header, a.status, a.header)
				}
			}
			if got := told(part); got != want && c.path != "/ledger/checkpoint" { // which grows
				t.Errorf("%s %s with %q:\n%s\nand without\n%s", c.method, c.path, header, got, want)
			}
		}
	}
}

// TestMethodsAndConditionsTellNothing: whatever is asked of what is hidden, and on whatever condition, the answer is that of what
// is not there, byte for byte.
func TestMethodsAndConditionsTellNothing(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	own, key := e.Grant(t, "", testenv.Tokens(100_000, nil))
	e.Outsiders(t, "2", "Second")
	grant, second := e.Grant(t, "2", testenv.Tokens(100_000, nil))
	made, _ := chat(t, e, second, testenv.Hello)
	call := made.Get("Narthex-Call")
	ada := session(t, e, "ada")
	model := func(name string) string {
		return strings.Replace(testenv.Hello, `"model":"model"`, `"model":"`+name+`"`, 1)
	}
	conditions := []string{"", "If-Match: *", "If-Match: \"x\"", "If-None-Match: *", "If-Modified-Since: Wed, 01 Jan 2020 00:00:00 GMT", "If-Unmodified-Since: Wed, 01 Jan 2020 00:00:00 GMT", "If-Range: \"x\"",
		"Origin: https://evil.example\r\nAccess-Control-Request-Method: GET", "Accept: text/html", "TE: trailers", "Max-Forwards: 0", "Expect: 200-ok"}
	for _, method := range []string{"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"} {
		for _, c := range []struct{ token, there, absent, in, without string }{
			{ada, "/api/grants/" + string(grant.ID), "/api/grants/grt_aaaaaaaaaaaaaaaaaaaaaaaaaa", "", ""},
			{ada, "/api/engagements/" + string(grant.Engagement), "/api/engagements/eng_aaaaaaaaaaaaaaaaaaaaaaaaaa", "", ""},
			{ada, "/api/engagements/" + string(grant.Engagement) + "/agreement", "/api/engagements/eng_aaaaaaaaaaaaaaaaaaaaaaaaaa/agreement", "", ""},
			{key, "/v1/receipts/" + call, "/v1/receipts/call_999999999", "", ""},
			{key, chats, chats, model("hidden"), model("absent")},
		} {
			for _, condition := range conditions {
				headers := []string{closing}
				if condition != "" {
					headers = append(headers, condition)
				}
				there, absent := bare(t, e, request(method, c.there, c.token, c.in, headers...)), bare(t, e, request(method, c.absent, c.token, c.without, headers...))
				if there != absent || strings.HasPrefix(there, "HTTP/1.1 2") || strings.HasPrefix(there, "HTTP/1.1 3") || strings.HasPrefix(there, "HTTP/1.1 412") {
					t.Errorf("%s %s on %q:\n%s\nand what is not there\n%s", method, c.there, condition, there, absent)
				}
			}
		}
	}
	// What is one's own answers to its one method, and carries nothing that a condition could be put on.
	for _, header := range converse(t, e, request("GET", "/api/grants/"+string(own.ID), ada, "", closing, "If-None-Match: *")) {
		if header.status != 200 || header.header.Get("Etag") != "" || header.header.Get("Last-Modified") != "" {
			t.Errorf("one's own grant: %d %v", header.status, header.header)
		}
	}
}

// bare gives the bytes that came, without what differs between any two answers.
func bare(t *testing.T, e *testenv.Env, raw string) string { return plain(send(t, e, raw)) }

// TestNoHeaderOfACallerReachesTheModel: what the upstream sees is built, whatever a caller names, and in whatever part of a request.
func TestNoHeaderOfACallerReachesTheModel(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	_, key := e.Grant(t, "", testenv.Tokens(100_000, nil))
	var mu sync.Mutex
	var seen []http.Header
	var hosts []string
	e.Model.Handle(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen, hosts = append(seen, r.Header.Clone()), append(hosts, r.Host+" "+r.RequestURI)
		mu.Unlock()
		testenv.Answer("hello", 7, 5)(w, r)
	})
	_, model, _ := strings.Cut(e.Model.URL, "//")
	for _, headers := range [][]string{
		{"Connection: close, Authorization, X-Grant, Content-Type", "X-Grant: grt_x"},
		{closing, "Proxy-Connection: keep-alive", "Keep-Alive: timeout=5", "TE: trailers", "Trailer: Authorization"},
		{closing, "X-Forwarded-For: 10.0.0.1", "X-Forwarded-Host: evil.example", "Forwarded: for=10.0.0.1", "X-Real-Ip: 10.0.0.1", "Via: 1.1 evil", "X-Request-Id: req_mine", "Narthex-Call: call_1"},
		{closing, "OpenAI-Organization: org", "OpenAI-Beta: assistants=v2", "X-Model: hidden", "Accept: text/html", "User-Agent: evil", "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
	} {
		list := converse(t, e, request("POST", chats, key, testenv.Hello, headers...))
		if !slices.Equal(statuses(list), []int{200}) || list[0].header.Get("X-Request-Id") == "req_mine" || list[0].header.Get("Narthex-Call") == "call_1" {
			t.Errorf("with %q: %v", headers, list)
		}
	}
	want := http.Header{"Authorization": {"Bearer " + testenv.Credential}, "User-Agent": {"narthex"}, "Content-Type": {"application/json"}, "Accept": {"application/json"}}
	for i, header := range seen {
		header.Del("Content-Length")
		if fmt.Sprint(header) != fmt.Sprint(want) || hosts[i] != model+" /v1/chat/completions" {
			t.Errorf("the model saw %v at %s", header, hosts[i])
		}
	}
	if len(seen) != 4 {
		t.Errorf("%d calls reached the model", len(seen))
	}
	// Trailers come with chunks only, and those are refused with all they bring.
	before := verified(t, e).ByType[narthex.EntryCallIntent]
	for _, token := range []string{key, ""} {
		raw := request("POST", chats, token, "", "Content-Type: application/json", "Trailer: Authorization, Narthex-Call", "Transfer-Encoding: chunked") +
			fmt.Sprintf("%x\r\n%s\r\n0\r\nAuthorization: Bearer %s\r\nNarthex-Call: call_1\r\n\r\n", len(testenv.Hello), testenv.Hello, key)
		if list := converse(t, e, raw); len(list) != 1 || list[0].status != 400 {
			t.Errorf("with trailers: %v", list)
		}
	}
	if after := verified(t, e).ByType[narthex.EntryCallIntent]; after != before || len(seen) != 4 {
		t.Errorf("trailers made %d calls", after-before)
	}
}

// TestNobodyListsWhatIsNotTheirs: each list is of one's own, and what is listed is recorded at the door.
func TestNobodyListsWhatIsNotTheirs(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	mine, key := e.Grant(t, "", testenv.Tokens(100_000, nil), testenv.Term("model.checkpoints", limits{"checkpoints": names("early")}))
	e.Outsiders(t, "2", "Second")
	grant, second := e.Grant(t, "2", testenv.Tokens(100_000, nil))
	view, err := e.Client.With(second).OwnGrant(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	theirLock := must(e.People["sam"].Lock(t.Context(), client.LockRequest{Subject: "engagement", Target: string(grant.Engagement), Reason: "safety"})).Lock.ID
	ada := session(t, e, "ada")
	theirs := []string{string(theirLock), string(grant.ID), string(grant.Engagement), string(grant.Org), string(e.People["ada2"].ID), string(view.Keys[0].ID), second, "hidden", "Second", testenv.Credential}
	for _, path := range []string{"/api/people", "/api/grants", "/api/engagements", "/api/signers", "/api/whoami", "/api/lab", "/api/lab?diff=yes", "/api/grants/" + string(mine.ID), "/api/engagements/" + string(mine.Engagement), "/api/pathways", "/api/pathways/test", "/api/locks"} {
		list := converse(t, e, request("GET", path, ada, "", closing))
		if !slices.Equal(statuses(list), []int{200}) {
			t.Errorf("%s: %v", path, list)
			continue
		}
		for _, id := range theirs {
			if strings.Contains(list[0].body, id) {
				t.Errorf("%s lists %s, which is not ada's: %s", path, id, list[0].body)
			}
		}
	}
	must(e.People["carol"].Unlock(t.Context(), theirLock))
	if list := converse(t, e, request("GET", "/api/ledger/export", ada, "", closing)); !slices.Equal(statuses(list), []int{404}) {
		t.Errorf("an export: %v", list)
	}
	before := verified(t, e)
	models := converse(t, e, request("GET", "/v1/models", key, "", closing))
	after := verified(t, e)
	if len(models) != 1 || strings.Count(models[0].body, `"id":`) != 2 || !strings.Contains(models[0].body, `"id":"model"`) || !strings.Contains(models[0].body, `"id":"model@early"`) {
		t.Errorf("the models are %v", models)
	}
	if read := after.ByType[narthex.EntryCallRead] - before.ByType[narthex.EntryCallRead]; read != 1 {
		t.Errorf("the list of models is %d entries", read)
	}
	if _, err := e.People["ada"].RevokeKey(t.Context(), view.Keys[0].ID); !narthex.IsKind(err, narthex.Withheld) {
		t.Errorf("another's key is revoked: %v", err)
	}
	if status, body, err := e.Chat(t.Context(), second, testenv.Hello); err != nil || status != 200 {
		t.Errorf("the key that somebody else tried to revoke: %d %s %v", status, body, err)
	}
}
