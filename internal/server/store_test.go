package server_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/server"
	"narthex/internal/store"
	"narthex/internal/store/postgres"
	"narthex/internal/store/sqlite"
	"narthex/internal/testenv"
	"narthex/internal/testenv/pgtest"
)

// onBoth runs a test on SQLite, whose URL is empty, and on PostgreSQL.
func onBoth(t *testing.T, test func(t *testing.T, url string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, "") })
	t.Run("postgres", func(t *testing.T) { test(t, pgtest.Start(t).Database(t)) })
}

// beside opens the store of a node that runs, as a second node could if nothing refused it.
func beside(t *testing.T, e *testenv.Env) store.Store {
	t.Helper()
	var s store.Store
	var err error
	if url := e.Config().Store; url != "" {
		s, err = postgres.Open(t.Context(), url, postgres.UnlockedForTests(), postgres.Handover(1))
	} else {
		s, err = sqlite.Open(t.Context(), filepath.Join(e.Dir, "data"), sqlite.UnlockedForTests())
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// log keeps what a node logs.
type log struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), what)
}

func TestANodeThatLosesItsStoreEndsEveryStreamAndServesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		logged := &log{}
		e := testenv.New(t, testenv.Options{Store: url, Log: logged})
		grant, key := e.Grant(t, "", testenv.Tokens(1e6, nil))
		started := make(chan struct{})
		e.Model.Handle(func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprint(w, `data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}`+"\n\n")
			http.NewResponseController(w).Flush()
			close(started)
			<-r.Context().Done() // the node lets go
		})
		ended := make(chan string, 1)
		go func() {
			_, body, _ := e.Chat(context.Background(), key, strings.Replace(testenv.Hello, `{"model"`, `{"stream":true,"model"`, 1))
			ended <- body
		}()
		<-started
		other := beside(t, e)
		// On SQLite a node finds out by its next change, on PostgreSQL also without one.
		if url == "" {
			if _, err := e.People["ada"].Mint(t.Context(), grant.ID, client.Mint{Label: "x"}); !narthex.IsKind(err, narthex.Unavailable) {
				t.Errorf("a change said %v", err)
			}
		}
		if body := <-ended; strings.Contains(body, "[DONE]") {
			t.Errorf("the stream had a last word: %s", body)
		}
		for _, path := range []string{"/v1/ledger", "/v1/models", "/", "/v1/nothing"} {
			status, body := get(t, e.Client.Base()+path)
			if status != http.StatusServiceUnavailable || !strings.Contains(body, "no longer holds its store") {
				t.Errorf("%s answers %d %s", path, status, body)
			}
		}
		if status, _ := get(t, "http://"+e.Node.OpsAddress()+"/healthz"); status != http.StatusServiceUnavailable {
			t.Errorf("it says that it is well: %d", status)
		}
		for range 100 { // it is logged once everything has been ended
			if logged.count("level=ERROR") > 0 {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		if n := logged.count("level=ERROR"); n != 1 || logged.count("no longer holds its store: another") != 1 {
			t.Errorf("it logged %d errors", n)
		}
		if err := e.Node.Close(); err != nil {
			t.Error(err)
		}
		if err := other.Close(); err != nil {
			t.Error(err)
		}
		e.Start(t)
		if report := verified(t, e); len(report.Open) != 0 {
			t.Errorf("%d calls are open", len(report.Open))
		}
	})
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

func TestASecondNodeOnOneStoreIsRefused(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		e := testenv.New(t, testenv.Options{Store: url})
		second := e.Config()
		if url != "" {
			second.Data = filepath.Join(t.TempDir(), "data") // of its own: the store is what they would share
		}
		node, err := server.Start(t.Context(), second)
		if err == nil {
			node.Close()
			t.Fatal("a second node started")
		}
		if public := narthex.AsError(err); public.Kind != narthex.Conflict || !strings.Contains(public.Public, "Another narthex node holds this store") {
			t.Errorf("it was refused with %v", err)
		}
		verified(t, e) // and the first goes on
	})
}

// TestTheStoresPasswordIsNeverLogged starts and stops a node whose database has one, and fails to start another.
func TestTheStoresPasswordIsNeverLogged(t *testing.T) {
	const canary = "pass-word-canary"
	logged := &log{}
	pg := pgtest.Start(t)
	withPassword := strings.Replace(pg.Database(t), "narthex@", "narthex:"+canary+"@", 1)
	e := testenv.New(t, testenv.Options{Store: withPassword, Log: logged})
	e.Tampered = true // its database is gone at the end
	_, key := e.Grant(t, "", testenv.Tokens(1000, nil))
	pg.Kill(t)
	if status, body, err := e.Chat(t.Context(), key, testenv.Hello); err != nil || status != http.StatusServiceUnavailable || strings.Contains(body, canary) {
		t.Errorf("without a database it answers %d %s %v", status, body, err)
	}
	_ = e.Node.Close()
	if node, err := server.Start(t.Context(), e.Config()); err == nil {
		node.Close()
		t.Error("a node started without its database")
	} else if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), canary) {
		t.Errorf("the password is in %v", err)
	}
	if logged.count(canary) != 0 {
		t.Error("the password was logged")
	}
}
