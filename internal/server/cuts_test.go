package server_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/testenv"
)

const endlessly = `"stream":true,"max_tokens":900000`

// flowing is a model that streams pieces of a size, each as soon as the one before was taken, until its caller has gone.
func flowing(size int) http.HandlerFunc {
	piece := `data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"` + strings.Repeat("a", size) + `"},"finish_reason":null}]}` + "\n\n"
	return func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, piece); err != nil || http.NewResponseController(w).Flush() != nil {
				return
			}
		}
	}
}

// lock locks something as sam.
func lock(t testing.TB, e *testenv.Env, subject narthex.LockSubject, target string) client.Locked {
	t.Helper()
	locked, err := e.People["sam"].Lock(t.Context(), client.LockRequest{Subject: subject, Target: target, Reason: "incident"})
	if err != nil {
		t.Fatal(err)
	}
	return locked
}

// reach opens a connection of a reader whose kernel takes little, and sends a request on it.
func reach(t testing.TB, e *testenv.Env, raw string) net.Conn {
	t.Helper()
	small := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096) })
	}}
	conn, err := small.DialContext(t.Context(), "tcp", strings.TrimPrefix(e.Client.Base(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(conn, raw); err != nil {
		t.Fatal(err)
	}
	return conn
}

// settled waits until what is counted is the same for a while: whoever counts is held up.
func settled(count *atomic.Int64) int64 {
	last, same := int64(-1), 0
	for same < 20 {
		time.Sleep(10 * time.Millisecond)
		if now := count.Load(); now == last && now > 0 {
			same++
		} else {
			last, same = now, 0
		}
	}
	return last
}

// TestALockThrowsAwayWhatIsNotSent: a reader who was slow gets, after the lock's answer, no more than what had left for them, and
// then a reset.
func TestALockThrowsAwayWhatIsNotSent(t *testing.T) {
	var written atomic.Int64
	e := testenv.New(t, testenv.Options{Files: endless, Front: func(node http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { node.ServeHTTP(&counting{w, &written}, r) })
	}})
	grant, key := e.Grant(t, "", testenv.Tokens(1e9, limits{"max_tokens": number(900_000)}))
	e.Model.Handle(flowing(4096))
	written.Store(0)
	conn := reach(t, e, request("POST", chats, key, say(endlessly)))
	if _, err := bufio.NewReaderSize(conn, 16).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	held := settled(&written) // the node's write waits for its reader
	if result := lock(t, e, "grant", string(grant.ID)); result.Streams != 1 {
		t.Fatalf("%d streams were cut", result.Streams)
	}
	rest, err := io.ReadAll(conn)
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the connection ends with %v and not with a reset", err)
	}
	const ours = 64 << 10 // more than the reader's kernel takes
	if held < 3*ours || len(rest) > ours || bytes.Contains(rest, []byte("[DONE]")) {
		t.Errorf("%d bytes were written before the lock and %d were read after it", held, len(rest))
	}
	waitClosed(t, e)
}

// counting counts what is written of a stream.
type counting struct {
	http.ResponseWriter
	bytes *atomic.Int64
}

func (c *counting) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (c *counting) Write(data []byte) (int, error) {
	n, err := c.ResponseWriter.Write(data)
	c.bytes.Add(int64(n))
	return n, err
}

// TestALockEndsWhateverRestsOnIt: a stream that is live ends with a lock on its grant, engagement, key, person, organisation or
// asset, with its key's revocation, with its person's suspension and with its engagement's end.
func TestALockEndsWhateverRestsOnIt(t *testing.T) {
	e := testenv.New(t, testenv.Options{Files: endless})
	e.Model.Handle(flowing(1))
	for i, name := range []string{"grant", "engagement", "key", "person", "org", "asset", "revoke", "end", "suspend"} {
		suffix := fmt.Sprint(i)
		e.Outsiders(t, suffix, "Institute "+suffix)
		grant, key := e.Grant(t, suffix, testenv.Tokens(1e9, limits{"max_tokens": number(900_000)}))
		view, err := e.Client.With(key).OwnGrant(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		conn := reach(t, e, request("POST", chats, key, say(endlessly)))
		in := bufio.NewReader(conn)
		for line := ""; !strings.HasPrefix(line, "data: "); {
			if line, err = in.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
		targets := map[string]string{"grant": string(grant.ID), "engagement": string(grant.Engagement), "key": string(view.Keys[0].ID), "person": string(grant.Persons[0]), "org": string(grant.Org), "asset": "model"}
		switch name {
		case "revoke":
			_, err = e.People["ada"+suffix].RevokeKey(t.Context(), view.Keys[0].ID)
		case "end":
			_, err = e.People["ada"+suffix].Command(t.Context(), grant.Engagement, "end", client.Command{Text: "done"})
		case "suspend":
			_, err = e.People["carol"].Suspend(t.Context(), grant.Persons[0], "left")
		default:
			locked := lock(t, e, narthex.LockSubject(name), targets[name])
			if locked.Streams != 1 {
				t.Errorf("the lock on the %s ended %d streams", name, locked.Streams)
			}
			_, err = e.People["carol"].Unlock(t.Context(), locked.Lock.ID) // what was cut stays cut
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if rest, err := io.ReadAll(in); err == nil || bytes.Contains(rest, []byte("[DONE]")) {
			t.Errorf("with %s the stream ends with %v and %.50q", name, err, rest)
		}
	}
	waitClosed(t, e)
}

// TestALockReachesWhateverIsUnderWay: an answer that is waited for, a body that is still coming, an export, and the next request
// on a connection that was open.
func TestALockReachesWhateverIsUnderWay(t *testing.T) {
	reading, goOn := make(chan struct{}), make(chan struct{})
	var blocked atomic.Bool
	e := testenv.New(t, testenv.Options{Front: func(node http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/api/ledger/export" && blocked.Load() {
				w = &holding{ResponseWriter: w, reading: reading, goOn: goOn}
			}
			node.ServeHTTP(w, r)
		})
	}})
	grant, key := e.Grant(t, "", testenv.Tokens(1e6, nil))
	lift := func(l client.Locked) {
		if _, err := e.People["carol"].Unlock(t.Context(), l.Lock.ID); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("an answer", func(t *testing.T) {
		arrived := make(chan struct{})
		e.Model.Handle(func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			close(arrived)
			<-r.Context().Done()
		})
		conn := reach(t, e, request("POST", chats, key, testenv.Hello))
		<-arrived
		locked := lock(t, e, "grant", string(grant.ID))
		if rest, err := io.ReadAll(conn); len(rest) > 0 || locked.Streams != 1 {
			t.Errorf("%d calls were cut, and it reads %q, %v", locked.Streams, rest, err)
		}
		e.Model.Handle(nil)
		lift(locked)
	})
	t.Run("an upload", func(t *testing.T) {
		var locked client.Locked
		before := e.Model.Calls()
		if status := midway(t, e, key, chats, testenv.Hello, func() { locked = lock(t, e, "grant", string(grant.ID)) }); status != 403 || e.Model.Calls() != before {
			t.Errorf("a call whose body came after the lock: %d, and %d calls reached the model", status, e.Model.Calls()-before)
		}
		lift(locked)
	})
	t.Run("an open connection", func(t *testing.T) {
		conn := reach(t, e, request("POST", chats, key, testenv.Hello))
		in := bufio.NewReader(conn)
		next := func() int {
			answer, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			io.Copy(io.Discard, answer.Body)
			return answer.StatusCode
		}
		first := next()
		locked := lock(t, e, "grant", string(grant.ID))
		io.WriteString(conn, request("POST", chats, key, testenv.Hello))
		if second := next(); first != 200 || second != 403 {
			t.Errorf("before the lock %d, and after it on the same connection %d", first, second)
		}
		lift(locked)
	})
	t.Run("an export", func(t *testing.T) {
		holder := e.Client.With(key)
		for range 550 { // more entries than are written at once
			if _, err := holder.OwnGrant(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		blocked.Store(true)
		var out bytes.Buffer
		done := make(chan error, 1)
		go func() { done <- e.People["lea"].Export(context.Background(), &out) }()
		<-reading
		lock(t, e, "person", string(e.People["lea"].ID))
		close(goOn)
		if err := <-done; err == nil || bytes.Contains(out.Bytes(), []byte(`{"end":`)) {
			t.Errorf("an export across a lock on its reader ends with %v after %d bytes", err, out.Len())
		}
	})
}

// holding is a writer that waits at its first write.
type holding struct {
	http.ResponseWriter
	once    sync.Once
	reading chan<- struct{}
	goOn    <-chan struct{}
}

func (h *holding) Unwrap() http.ResponseWriter { return h.ResponseWriter }

func (h *holding) Write(data []byte) (int, error) {
	h.once.Do(func() {
		close(h.reading)
		<-h.goOn
	})
	return h.ResponseWriter.Write(data)
}

// TestNothingIsAdmittedAfterALock: while callers knock without pause, on connections of their own, each that comes after the
// lock's answer is refused, and in the ledger no call of the grant stands behind the lock.
func TestNothingIsAdmittedAfterALock(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	grant, key := e.Grant(t, "", testenv.Tokens(1e9, nil))
	transport := &http.Transport{DisableKeepAlives: true}
	var acknowledged atomic.Bool
	var served, refused, late atomic.Int64
	var callers sync.WaitGroup
	for range 16 {
		callers.Go(func() {
			for refused.Load() < 1000 {
				after := acknowledged.Load()
				ask, _ := http.NewRequest(http.MethodPost, e.Client.Base()+chats, strings.NewReader(testenv.Hello))
				ask.Header = http.Header{"Authorization": {"Bearer " + key}, "Content-Type": {"application/json"}}
				answer, err := transport.RoundTrip(ask)
				status := 0 // cut
				if err == nil {
					if _, err := io.Copy(io.Discard, answer.Body); err == nil {
						status = answer.StatusCode
					}
					answer.Body.Close()
				}
				switch {
				case after && status != 403:
					late.Add(1)
					t.Errorf("a call that began after the lock: %d, %v", status, err)
					return
				case after:
					refused.Add(1)
				case status == 200:
					served.Add(1)
				}
			}
		})
	}
	for served.Load() < 50 {
		time.Sleep(time.Millisecond)
	}
	locked := lock(t, e, "grant", string(grant.ID))
	acknowledged.Store(true)
	callers.Wait()
	if refused.Load() < 1000 || late.Load() != 0 {
		t.Errorf("%d calls were refused after the lock and %d were not", refused.Load(), late.Load())
	}
	waitClosed(t, e)
	behind := false
	for _, entry := range entries(t, e) {
		behind = behind || entry.Type == narthex.EntryLockSet && entry.Text("lock") == string(locked.Lock.ID)
		if behind && entry.Type == narthex.EntryCallIntent {
			t.Error("a call was admitted behind the lock")
		}
	}
	if !behind {
		t.Error("the lock is not in the ledger")
	}
}

// TestALockBetweenDecisionAndServing: the call is admitted and its answer not yet written when the lock comes; not a byte of it is.
func TestALockBetweenDecisionAndServing(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	for i, body := range []string{testenv.Hello, say(`"max_tokens":5,"stream":true`)} {
		suffix := fmt.Sprint(i)
		e.Outsiders(t, suffix, "Institute "+suffix)
		grant, key := e.Grant(t, suffix, testenv.Tokens(1e6, nil))
		e.Model.Handle(func(w http.ResponseWriter, r *http.Request) {
			lock(t, e, "grant", string(grant.ID)) // it is acknowledged before the model says a word
			testenv.Answer("canary", 7, 5)(w, r)
		})
		conn := reach(t, e, request("POST", chats, key, body))
		if got, err := io.ReadAll(conn); err == nil || len(got) > 0 {
			t.Errorf("a lock was acknowledged and then came %q, %v", got, err)
		}
		waitClosed(t, e) // what was cut is recorded after its connection has ended
		e.Model.Handle(nil)
		view, err := e.Client.With(key).OwnGrant(t.Context())
		if err != nil || len(view.Ended) != 1 || view.Ended[0].Code != "locked" {
			t.Errorf("the grant tells of %+v, %v", view.Ended, err)
		}
	}
	// And without a place of its own: calls and a lock at once, many times over.
	for round := range 30 {
		suffix := "r" + fmt.Sprint(round)
		e.Outsiders(t, suffix, "Institute "+suffix)
		grant, key := e.Grant(t, suffix, testenv.Tokens(1e6, nil))
		start := make(chan struct{})
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				<-start
				if status, body, err := e.Chat(context.Background(), key, testenv.Hello); err == nil && status != 200 && !(status == 403 && strings.Contains(body, "incident")) {
					t.Errorf("beside a lock: %d %s", status, body)
				}
			})
		}
		all.Go(func() { <-start; lock(t, e, "grant", string(grant.ID)) })
		close(start)
		all.Wait()
	}
	waitClosed(t, e)
	locked := map[string]bool{}
	for _, entry := range entries(t, e) {
		if entry.Type == narthex.EntryLockSet {
			locked[entry.Text("target")] = true
		}
		if entry.Type == narthex.EntryCallIntent && locked[entry.Text("grant")] {
			t.Error("a call was admitted behind its lock")
		}
	}
}
