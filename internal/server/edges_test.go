package server_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/server"
	"narthex/internal/testenv"
)

// TestANodeAnswersRightlyFromItsFirstMomentToItsLast: callers who knock without pause while it starts and stops are let in rightly or not at
// all; what was under way when it stopped is served or charged, and nothing is left open.
func TestANodeAnswersRightlyFromItsFirstMomentToItsLast(t *testing.T) {
	e := testenv.New(t, testenv.Options{Files: endless})
	_, key := e.Grant(t, "", testenv.Tokens(1e9, limits{"max_tokens": number(900_000)}))
	wrong := key[:10] + string(key[10]^1) + key[11:]
	if err := e.Node.Close(); err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	config := e.Config()
	config.Listen = free.Addr().String()
	free.Close()
	transport := &http.Transport{DisableKeepAlives: true}
	ask := func(token, path, body string) int { // 0 where nobody answers
		request, _ := http.NewRequest(http.MethodPost, "http://"+config.Listen+path, strings.NewReader(body))
		request.Header = http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}}
		answer, err := transport.RoundTrip(request)
		if err != nil {
			return 0
		}
		defer answer.Body.Close()
		if _, err := io.Copy(io.Discard, answer.Body); err != nil {
			return 0
		}
		return answer.StatusCode
	}
	for round := range 3 {
		var over atomic.Bool
		var served, refused atomic.Int64
		var callers sync.WaitGroup
		for range 4 {
			callers.Go(func() {
				for !over.Load() {
					switch status := ask(key, chats, testenv.Hello); status {
					case 200:
						served.Add(1)
					case 0:
					default:
						t.Errorf("a good key is answered with %d", status)
					}
					if status := ask(wrong, chats, testenv.Hello); status == 401 {
						refused.Add(1)
					} else if status != 0 {
						t.Errorf("a wrong key is answered with %d", status)
					}
					if status := ask(key, "/api/logout", "{}"); status != 0 && status != 401 {
						t.Errorf("a key at the API is answered with %d", status)
					}
				}
			})
		}
		node, err := server.Start(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		for served.Load() < 20 || refused.Load() < 20 {
			time.Sleep(time.Millisecond)
		}
		if round == 0 {
			drained(t, e, node, key, ask)
		} else if err := node.Close(); err != nil {
			t.Error(err)
		}
		over.Store(true)
		callers.Wait()
	}
	// One that does not end by itself is ended, and what was not recorded in time is charged by the next start.
	node, err := server.Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	e.Client = must(client.New("http://" + config.Listen))
	e.Model.Handle(flowing(1))
	conn := reach(t, e, request("POST", chats, key, say(endlessly)))
	begun := make([]byte, 1)
	if _, err := io.ReadFull(conn, begun); err != nil {
		t.Fatal(err)
	}
	go io.Copy(io.Discard, conn)
	node.Close() // it says that not all could be served
	e.Model.Handle(nil)
	e.Start(t)
	waitClosed(t, e)
	if b := budget(t, e, key); b.Reserved != 0 || b.Used < 900_000 {
		t.Errorf("after it the budget stands at %+v", b)
	}
	for _, entry := range entries(t, e) {
		if entry.Type == narthex.EntryCallOutcome && entry.Text("status") == "" {
			t.Error("an outcome says nothing")
		}
	}
}

// drained closes a node while a call waits for the model: nobody new is let in, and the call is served to its end.
func drained(t *testing.T, e *testenv.Env, node *server.Server, key string, ask func(token, path, body string) int) {
	t.Helper()
	arrived, goOn := make(chan struct{}), make(chan struct{})
	e.Model.Handle(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), `"max_tokens":6`) { // the one of below
			close(arrived)
			<-goOn
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		testenv.Answer("hello", 7, 5)(w, r)
	})
	answered, closed := make(chan int, 1), make(chan error, 1)
	go func() { answered <- ask(key, chats, say(`"max_tokens":6`)) }()
	<-arrived
	go func() { closed <- node.Close() }()
	for ask(key, "/api/logout", "{}") != 0 { // until nobody new is let in
	}
	close(goOn)
	if status, err := <-answered, <-closed; status != 200 || err != nil {
		t.Errorf("a call that was under way is answered with %d, and the node ends with %v", status, err)
	}
	e.Model.Handle(nil)
}
