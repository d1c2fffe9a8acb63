package server_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/internal/testenv"
)

// said is one answer on a connection.
type said struct {
	status int
	header http.Header
	body   string
}

// converse writes to one connection by hand and reads every answer until the node closes it, which it must.
func converse(t testing.TB, e *testenv.Env, raw string) []said {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(e.Client.Base(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	go io.WriteString(conn, raw) // the node may close before it has read all
	var list []said
	for in := bufio.NewReader(conn); ; {
		if _, err := in.Peek(1); err != nil {
			if timeout, is := err.(net.Error); is && timeout.Timeout() {
				t.Errorf("the connection stays open after %.60q", raw)
			}
			return list
		}
		answer, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Errorf("after %.60q: an answer that does not read: %v", raw, err)
			return list
		}
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			body = append(body, "(cut)"...)
		}
		list = append(list, said{answer.StatusCode, answer.Header, string(body)})
	}
}

// request writes a request by hand, with its length where it has a body. Whatever follows it on the connection is the next one's.
func request(method, path, token, body string, headers ...string) string {
	text := method + " " + path + " HTTP/1.1\r\nHost: x\r\n"
	if token != "" {
		text += "Authorization: Bearer " + token + "\r\n"
	}
	if body != "" {
		text += fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	for _, h := range headers {
		text += h + "\r\n"
	}
	return text + "\r\n" + body
}

const (
	chats   = "/v1/chat/completions"
	closing = "Connection: close"
)

func statuses(list []said) (out []int) {
	for _, a := range list {
		out = append(out, a.status)
	}
	return out
}

// TestARequestHasOneLength: what frames a body in two ways, or hides how, is refused, and what follows it is not read.
func TestARequestHasOneLength(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	_, key := e.Grant(t, "", testenv.Tokens(100_000, nil))
	length := fmt.Sprintf("Content-Length: %d", len(testenv.Hello))
	chunks := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(testenv.Hello), testenv.Hello)
	for name, c := range map[string]struct{ headers, body string }{
		"a length and chunks":            {length + "\r\nTransfer-Encoding: chunked", chunks},
		"chunks and a length":            {"Transfer-Encoding: chunked\r\n" + length, chunks},
		"chunks alone":                   {"Transfer-Encoding: chunked", chunks},
		"two lengths":                    {length + "\r\nContent-Length: 2", testenv.Hello},
		"two lengths, the short first":   {"Content-Length: 2\r\n" + length, testenv.Hello},
		"a list of lengths":              {length + ", " + length[16:], testenv.Hello},
		"a signed length":                {strings.Replace(length, ": ", ": +", 1), testenv.Hello},
		"a length in hexadecimal":        {"Content-Length: 0x4f", testenv.Hello},
		"a negative length":              {"Content-Length: -1", testenv.Hello},
		"chunks twice":                   {"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", chunks},
		"chunks in a list":               {"Transfer-Encoding: identity, chunked", chunks},
		"another coding":                 {"Transfer-Encoding: identity\r\n" + length, testenv.Hello},
		"a space before the colon":       {"Transfer-Encoding : chunked\r\n" + length, chunks},
		"a length with such a space":     {strings.Replace(length, ":", " :", 1), testenv.Hello},
		"a control character before it":  {"Transfer-Encoding: \x0bchunked\r\n" + length, chunks},
		"white space around, upper case": {"transfer-encoding: \t CHUNKED \r\n" + length, chunks},
		"behind a bare line feed":        {"X: y\nTransfer-Encoding: chunked\r\n" + length, chunks},
		"behind a bare return":           {"X: y\rTransfer-Encoding: chunked\r\n" + length, chunks},
		"an extension of a chunk":        {"Transfer-Encoding: chunked", strings.Replace(chunks, "\r\n", ";a=b\r\n", 1)},
	} {
		raw := "POST " + chats + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + key + "\r\nContent-Type: application/json\r\n" + c.headers + "\r\n\r\n" + c.body
		list := converse(t, e, raw+request("GET", "/v1/models", key, "", closing))
		if len(list) != 1 || list[0].status != 400 && list[0].status != 501 {
			t.Errorf("%s: %v", name, statuses(list))
		}
	}
	if calls := e.Model.Calls(); calls != 0 {
		t.Errorf("%d of these reached the model", calls)
	}
	// The same with one length is served, and so is what follows it.
	if list := converse(t, e, request("POST", chats, key, testenv.Hello)+request("GET", "/v1/models", key, "", closing)); !slices.Equal(statuses(list), []int{200, 200}) {
		t.Errorf("with one length: %v", statuses(list))
	}
	// What HTTP/1.0 would frame in another way is not followed by anything.
	old := strings.Replace(request("POST", chats, key, testenv.Hello, "Connection: keep-alive", "Transfer-Encoding: chunked"), "HTTP/1.1", "HTTP/1.0", 1)
	if list := converse(t, e, old+request("GET", "/v1/models", key, "", closing)); len(list) != 1 {
		t.Errorf("after a request of HTTP/1.0: %v", statuses(list))
	}
}

// TestARequestInsideAnotherIsItsOwnOrNone: it is read as part of a body, or as a request with its own credential, decision and
// entry, and never with those of the one before it.
func TestARequestInsideAnotherIsItsOwnOrNone(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	_, key := e.Grant(t, "", testenv.Tokens(100_000, nil))
	e.Outsiders(t, "2", "Second")
	_, second := e.Grant(t, "2", testenv.Tokens(100_000, nil))
	wrong := key[:10] + string(key[10]^1) + key[11:]
	inner := request("POST", chats, key, testenv.Hello, closing)
	for name, c := range map[string]struct {
		raw     string
		want    []int
		intents int
	}{
		"the body of one that is refused for its body": {request("POST", chats, key, inner, closing), []int{400}, 0},
		"the body of one without a credential":         {request("POST", chats, "", inner, closing), []int{401}, 0},
		"the body of one with a wrong one":             {request("POST", chats, wrong, inner, closing), []int{401}, 0},
		"the body of one that is not there":            {request("POST", "/v1/absent", key, inner, closing), []int{404}, 0},
		"the body of a reading":                        {request("GET", "/v1/models", key, inner, closing), []int{200}, 0},
		"a large body of one without a credential":     {request("POST", chats, "", strings.Repeat(" ", 1<<20)+inner, closing), []int{401}, 0},
		"behind one, with a key of its own":            {request("POST", chats, key, testenv.Hello) + request("POST", chats, second, testenv.Hello, closing), []int{200, 200}, 2},
		"behind one, without a credential":             {request("POST", chats, key, testenv.Hello) + request("POST", chats, "", testenv.Hello, closing), []int{200, 401}, 1},
		"behind one, with a wrong one":                 {request("POST", chats, key, testenv.Hello) + request("POST", chats, wrong, testenv.Hello, closing), []int{200, 401}, 1},
		"behind one without, with a key":               {request("GET", "/api/whoami", "", "") + request("POST", chats, key, testenv.Hello, closing), []int{401, 200}, 1},
	} {
		before := verified(t, e).ByType
		list := converse(t, e, c.raw)
		after := verified(t, e).ByType
		if intents := after[narthex.EntryCallIntent] - before[narthex.EntryCallIntent]; !slices.Equal(statuses(list), c.want) || intents != c.intents {
			t.Errorf("%s: %v and %d calls, not %v and %d", name, statuses(list), intents, c.want, c.intents)
		}
	}
	for name, k := range map[string]string{"one": key, "the other": second} {
		used := budget(t, e, k).Used
		if calls := map[string]int64{"one": 4, "the other": 1}[name]; used != calls*12 {
			t.Errorf("%s paid %d for %d calls of its own", name, used, calls)
		}
	}
}

// TestNoSecondProtocolIsSpoken: no route upgrades, tunnels or speaks HTTP/2, and what follows such a request is no protocol of
// another kind.
func TestNoSecondProtocolIsSpoken(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	_, key := e.Grant(t, "", testenv.Tokens(100_000, nil))
	const frame = "\x81\x85\x00\x00\x00\x00hello"
	const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"
	for _, r := range e.Node.Routes() {
		path := strings.NewReplacer("{", "", "}", "", "...", "").Replace(r.Path)
		for name, upgrade := range map[string][]string{
			"websocket": {"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="},
			"h2c":       {"Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"},
			"TLS":       {"Connection: Upgrade", "Upgrade: TLS/1.2"},
		} {
			list := converse(t, e, request(r.Method, path, key, "", upgrade...)+map[string]string{"websocket": frame, "h2c": preface, "TLS": "\x16\x03\x01"}[name]+"\r\n\r\n")
			if len(list) == 0 || list[0].status != 404 || len(list) > 1 && list[1].status != 400 && list[1].status != 505 || len(list) > 2 {
				t.Errorf("%s %s to %s: %v", r.Method, r.Path, name, statuses(list))
			}
		}
	}
	_, model, _ := strings.Cut(e.Model.URL, "//")
	for name, raw := range map[string]string{
		"HTTP/2 from the first byte": preface,
		"a tunnel":                   "CONNECT " + model + " HTTP/1.1\r\nHost: " + model + "\r\nAuthorization: Bearer " + key + "\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		"a tunnel to a path":         "CONNECT /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + key + "\r\nConnection: close\r\n\r\n",
		"a proxy's request":          request("GET", e.Model.URL+"/", key, "", closing),
		"one to us by its whole URL": request("GET", e.Client.Base()+"/v1/models", key, "", closing),
		"TLS":                        "\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n",
		"an asterisk":                request("OPTIONS", "*", key, "", closing),
	} {
		for _, a := range converse(t, e, raw) {
			if a.status < 400 && name != "an asterisk" || a.status == 101 {
				t.Errorf("%s is answered with %d %s", name, a.status, a.body)
			}
		}
	}
	if calls := e.Model.Calls(); calls != 0 {
		t.Errorf("%d of these reached the model", calls)
	}
}

// TestAnOddPathIsNoOtherPath: nothing is decoded, cut, folded or followed on the way to a route, and nothing answers beside it.
func TestAnOddPathIsNoOtherPath(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	grant, key := e.Grant(t, "", testenv.Tokens(100_000, nil))
	ada := session(t, e, "ada")
	for _, path := range []string{
		"/v1/models/..%2fadmin", "/v1/%2e%2e/v1/models", "/v1/..;/models", "/v1/..%5cmodels", "/v1/%252e%252e/models", "/v1/x/../models", "/v1/../v1/models",
		"/v1/models%00", "/v1/models%00.json", "/v1/models%0d%0aX:%20y", "/v1%2fmodels", "/v1/%6dodels", "/v1/models%20", "/v1/\xc0\xafmodels", "/v1/models\xc0\x80", "/v1/m\u043edels",
		"//v1//models", "//v1/models", "/v1/./models", "/v1/models/", "/v1/models/.", "/v1\\models", "/v1/models;x=y", "/V1/models", "/v1/Models", "/v1/models#x", "/v1/models,", "/v1/models/model", "/v1/models/model-2",
		"/v1/model", "/v1/modelss", "/api/whoami/", "/api/whoami%2f", "/api/grants/" + string(grant.ID) + "/", "/api/grants/" + string(grant.ID) + "x", "/api/grants/" + string(grant.ID[:len(grant.ID)-1]),
		"/api/grants/" + strings.ToUpper(string(grant.ID)), "/api/grants/" + string(grant.ID) + "%00", "/api/grants/..%2f" + string(grant.ID), "/api/grants/\xc1\x9c" + string(grant.ID),
		"/v1/engines/model/completions", "/v1/responses", "/v1/embeddings", "/v1/batches", "/v1/files", "/v1/files/file-1/content", "/v1/fine_tuning/jobs", "/v1/assistants", "/v1/threads", "/v1/moderations",
		"/v1/images/generations", "/v1/audio/speech", "/v1/realtime", "/v2/chat/completions", "/chat/completions", "/openai/deployments/model/chat/completions", "/v1/messages",
	} {
		for method, body := range map[string]string{"GET": "", "POST": testenv.Hello} {
			for _, token := range []string{key, ada} {
				if token == key && strings.HasPrefix(path, "/api") {
					continue // a route, which takes no key
				}
				list := converse(t, e, request(method, path, token, body, closing))
				if len(list) != 1 || list[0].status != 404 && list[0].status != 400 || list[0].header.Get("Location") != "" || list[0].header.Get("X") != "" {
					t.Errorf("%s %q: %v", method, path, list)
				}
			}
		}
	}
	for name, c := range map[string]struct {
		raw  string
		want int
	}{
		"the name of another in the query":   {request("GET", "/v1/models?x=/healthz", key, "", closing), 400},
		"an empty query":                     {request("GET", "/v1/models?", key, "", closing), 400},
		"a method of another by a header":    {request("POST", "/v1/models", key, "{}", closing, "X-HTTP-Method-Override: GET", "X-Method-Override: GET", "X-HTTP-Method: GET"), 404},
		"a method in lower case":             {request("get", "/v1/models", key, "", closing), 404},
		"a reading where one writes":         {request("GET", chats, key, "", closing), 404},
		"a path of another by a header":      {request("GET", "/v1/absent", key, "", closing, "X-Original-URL: /v1/models", "X-Rewrite-URL: /v1/models", "X-Forwarded-Uri: /v1/models"), 404},
		"a health checker without a key":     {request("GET", "/v1/models", "", "", closing, "User-Agent: kube-probe/1.31"), 401},
		"a health checker of a load's":       {request("GET", "/api/whoami", "", "", closing, "User-Agent: GoogleHC/1.0"), 401},
		"one who says who they are":          {request("GET", "/api/whoami", "", "", closing, "X-Forwarded-User: carol", "X-Remote-User: carol", "X-Forwarded-For: 127.0.0.1", "Forwarded: for=127.0.0.1"), 401},
		"a model by a header alone":          {request("POST", chats, key, `{"messages":[{"role":"user","content":"x"}]}`, closing, "X-Model: model", "OpenAI-Model: model"), 400},
		"a model by the query":               {request("POST", chats+"?model=hidden", key, testenv.Hello, closing), 400},
		"a model by the path":                {request("POST", "/v1/hidden/chat/completions", key, testenv.Hello, closing), 404},
		"a model by header, query and path":  {request("POST", "/v1/hidden/chat/completions?model=other", key, testenv.Hello, closing, "X-Model: third"), 404},
		"a body of another coding":           {request("POST", chats, key, testenv.Hello, closing, "Content-Encoding: gzip"), 400},
		"a body of deflate":                  {request("POST", chats, key, testenv.Hello, closing, "Content-Encoding: deflate"), 400},
		"a body of brotli":                   {request("POST", chats, key, testenv.Hello, closing, "Content-Encoding: br"), 400},
		"a body coded twice":                 {request("POST", chats, key, testenv.Hello, closing, "Content-Encoding: gzip, gzip"), 400},
		"a body coded twice, in two headers": {request("POST", chats, key, testenv.Hello, closing, "Content-Encoding: gzip", "Content-Encoding: gzip"), 400},
		"a body of no coding, said so":       {request("POST", chats, key, testenv.Hello, closing, "Content-Encoding:"), 400},
	} {
		if list := converse(t, e, c.raw); !slices.Equal(statuses(list), []int{c.want}) {
			t.Errorf("%s: %v and not %d", name, list, c.want)
		}
	}
	if calls := e.Model.Calls(); calls != 0 {
		t.Errorf("%d of these reached the model", calls)
	}
}
