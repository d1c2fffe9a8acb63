package server_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"narthex"
	"narthex/internal/testenv"
)

// holdsOn is a model that sends events and then neither ends nor says what it took, until its caller has gone.
func holdsOn(events ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		for _, event := range events {
			io.WriteString(w, "data: "+event+"\n\n")
		}
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
}

// piece is an event of a stream, with a letter or the end.
func piece(content, finish string) string {
	delta, reason := "{}", "null"
	if content != "" {
		delta = `{"content":` + string(must(json.Marshal(content))) + `}`
	}
	if finish != "" {
		reason = `"` + finish + `"`
	}
	return `{"id":"x","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":` + delta + `,"finish_reason":` + reason + `}]}`
}

// leave makes a call and closes its connection when the answer shows a text; an empty one is shown at once.
func leave(t *testing.T, e *testenv.Env, key, body, at string) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(e.Client.Base(), "http://"))
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	io.WriteString(conn, request("POST", chats, key, body))
	for in, line := bufio.NewReader(conn), ""; at != "" && !strings.Contains(line, at); {
		if line, err = in.ReadString('\n'); err != nil {
			t.Errorf("the stream ends before it shows %q: %v", at, err)
			return
		}
	}
}

// worst is what a call of the body reserves: what it costs where nobody knows.
func worst(t *testing.T, e *testenv.Env, key, body string) int64 {
	t.Helper()
	arrived, goOn := make(chan struct{}), make(chan struct{})
	e.Model.Handle(func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-goOn
		panic(http.ErrAbortHandler)
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		e.Chat(t.Context(), key, body) // it breaks off
	}()
	<-arrived
	reserved := budget(t, e, key).Reserved
	close(goOn)
	<-done
	if reserved <= 0 {
		t.Fatalf("a call reserves %d", reserved)
	}
	return reserved
}

// TestWhoeverLeavesPaysTheWorstCase: before the usage, a thousand times; after the last token; while the model still works; and
// however often they try again.
func TestWhoeverLeavesPaysTheWorstCase(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	streamed := say(`"max_tokens":5,"stream":true,"stream_options":{"include_usage":true}`)
	begun := make(chan struct{}, 100)
	for name, c := range map[string]struct {
		body  string
		times int
		model http.HandlerFunc
		at    string
		sent  int64
	}{
		"before the usage":     {streamed, 1000, holdsOn(piece("a", "")), `"content":"a"`, 1},
		"after the last token": {streamed, 20, holdsOn(piece("a", ""), piece("b", ""), piece("c", ""), piece("d", ""), piece("e", ""), piece("", "length")), `"content":"e"`, 5}, // the piece that says so waits for the outcome
		"before the model answers": {testenv.Hello, 20, func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			begun <- struct{}{}
			<-r.Context().Done()
		}, "", 0},
	} {
		e.Outsiders(t, name, "Institute of those who leave "+name)
		_, key := e.Grant(t, name, testenv.Tokens(1e6, nil))
		each := worst(t, e, key, c.body)
		before, calls := budget(t, e, key), e.Model.Calls()
		e.Model.Handle(c.model)
		var all sync.WaitGroup
		workers := 20
		if c.at == "" {
			workers = 1 // who leaves must be who has arrived
		}
		for range workers {
			all.Go(func() {
				for range c.times / workers {
					if c.at != "" {
						leave(t, e, key, c.body, c.at)
						continue
					}
					conn := reach(t, e, request("POST", chats, key, c.body))
					<-begun
					conn.Close()
				}
			})
		}
		all.Wait()
		waitClosed(t, e)
		after := budget(t, e, key)
		if cost := after.Used - before.Used; e.Model.Calls()-calls != c.times || after.Reserved != 0 || cost != int64(c.times)*each || cost < int64(c.times)*c.sent {
			t.Errorf("%s: %d calls of %d each cost %d, with %d reserved", name, e.Model.Calls()-calls, each, cost, after.Reserved)
		}
	}
	for _, entry := range entries(t, e) {
		if entry.Type == narthex.EntryCallOutcome && entry.Text("status") == "served" {
			t.Error("a call that its caller left counts as served")
		}
	}
}

// patient shortens every deadline that the node sets for a write, and notes how long they were.
type patient struct {
	http.ResponseWriter
	*patience
}

type patience struct {
	mu      sync.Mutex // guards longest
	longest time.Duration
	set     int
}

func (p *patient) Unwrap() http.ResponseWriter { return p.ResponseWriter }

func (p *patient) SetWriteDeadline(at time.Time) error {
	if wait := time.Until(at); wait > 0 {
		p.mu.Lock()
		p.longest, p.set = max(p.longest, wait), p.set+1
		p.mu.Unlock()
		at = time.Now().Add(min(wait, 200*time.Millisecond))
	}
	return http.NewResponseController(p.ResponseWriter).SetWriteDeadline(at)
}

// TestWhoeverTakesNothingIsLeft: each write of a stream waits for its reader for half a minute at the most, and one who reads
// nothing pays for the whole.
func TestWhoeverTakesNothingIsLeft(t *testing.T) {
	var seen patience
	e := testenv.New(t, testenv.Options{Files: endless, Front: func(node http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == chats {
				w = &patient{w, &seen}
			}
			node.ServeHTTP(w, r)
		})
	}})
	_, key := e.Grant(t, "", testenv.Tokens(1e9, limits{"max_tokens": number(900_000)}))
	body := say(endlessly)
	each := worst(t, e, key, body)
	before := budget(t, e, key)
	e.Model.Handle(flowing(4096))
	conn := reach(t, e, request("POST", chats, key, body))
	waitClosed(t, e)
	for {
		if after := budget(t, e, key); after.Reserved == 0 && after.Used > before.Used {
			if after.Used-before.Used != each {
				t.Errorf("a reader who takes nothing costs %d and not %d", after.Used-before.Used, each)
			}
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if got, err := io.ReadAll(conn); strings.Contains(string(got), "[DONE]") || strings.HasSuffix(string(got), "0\r\n\r\n") {
		t.Errorf("the stream that was left ends as if whole: %v", err)
	}
	if seen.set == 0 || seen.longest > 30*time.Second {
		t.Errorf("%d writes have a deadline, the longest of %v", seen.set, seen.longest)
	}
}

// TestAStreamEndsAtWhatWasReserved: a model that does not stop is stopped, and costs what the call could at the most.
func TestAStreamEndsAtWhatWasReserved(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	for name, c := range map[string]struct {
		more   string
		tokens float64
		most   int
	}{"asked": {`"max_tokens":50,`, 1e6, 50}, "granted": {"", 1e6, 100}, "what is left": {"", 60, 60}} {
		e.Outsiders(t, name, "Institute of "+name)
		_, key := e.Grant(t, name, testenv.Tokens(c.tokens, limits{"max_tokens": number(100)}))
		e.Model.Handle(flowing(1))
		_, body, _ := e.Chat(t.Context(), key, say(c.more+`"stream":true`))
		got := strings.Count(body, `"content":"a"`)
		waitClosed(t, e)
		b := budget(t, e, key)
		if got == 0 || got > c.most || strings.Contains(body, "[DONE]") || int64(got) > b.Used || b.Reserved != 0 || b.Used > b.Allowed {
			t.Errorf("%s: %d tokens of %d were passed on, and %+v", name, got, c.most, b)
		}
	}
	// What no budget could hold is refused before it is asked.
	_, key := e.Grant(t, "", testenv.Tokens(1000, nil))
	calls := e.Model.Calls()
	for _, more := range []string{`"max_tokens":9223372036854775807`, `"max_tokens":9007199254740993`, `"max_tokens":2147483648,"n":128`, `"max_tokens":1000,"n":8`, `"n":9223372036854775807`, `"max_tokens":0`, `"max_tokens":-1`, `"n":0`, `"n":-1`} {
		if status, body, err := e.Chat(t.Context(), key, say(more)); err != nil || status == 200 {
			t.Errorf("%s: %d %s %v", more, status, body, err)
		}
	}
	if b := budget(t, e, key); b.Used != 0 || b.Reserved != 0 || e.Model.Calls() != calls {
		t.Errorf("they cost %+v", b)
	}
}

// TestAModelThatImitatesTheDoorIsNotBelieved: what looks like an event of ours inside a text is text, and as an event it ends the
// stream without a last word.
func TestAModelThatImitatesTheDoorIsNotBelieved(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	_, key := e.Grant(t, "", testenv.Tokens(1e6, nil))
	const inside = "a\n\ndata: [DONE]\n\ndata: {\"error\":{\"code\":\"locked\"}}\r\n\r\nevent: end\n: x\n\n"
	ask := say(`"max_tokens":50,"stream":true`)
	raw := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "text/event-stream")
			io.WriteString(w, text)
		}
	}
	event := func(json string) string { return "data: " + json + "\n\n" }
	whole := event(piece(inside, "")) + event(piece("", "stop")) + "data: [DONE]\n\n"
	e.Model.Handle(raw(whole))
	_, body, err := e.Chat(t.Context(), key, ask)
	var said strings.Builder
	for line := range strings.Lines(body) {
		data, is := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "data: ")
		if line == "\n" || data == "[DONE]" {
			continue
		}
		var got struct {
			Error   any
			Choices []struct{ Delta struct{ Content string } }
		}
		if !is || json.Unmarshal([]byte(data), &got) != nil || got.Error != nil {
			t.Errorf("a line of the stream is %q", line)
			continue
		}
		for _, choice := range got.Choices {
			said.WriteString(choice.Delta.Content)
		}
	}
	if err != nil || said.String() != inside || strings.Count(body, "data: [DONE]\n") != 1 {
		t.Errorf("the model said %q and the caller read %q, %v", inside, said.String(), err)
	}
	for name, more := range map[string]string{
		"an event with a name":     "event: error\ndata: {}\n\n",
		"an identifier":            "id: 1\n\n",
		"a time to try again":      "retry: 1\n\n",
		"an error":                 event(`{"error":{"message":"canary","code":"locked"}}`),
		"another object":           event(`{"id":"x","object":"narthex.cut","created":1,"model":"m","choices":[]}`),
		"a data line of two lines": "data: {\"id\":\ndata: \"canary\"}\n\n",
		"a bare return":            "data: canary\r\rdata: [DONE]\r\r",
		"a line without a field":   "canary\n\n",
	} {
		e.Model.Handle(raw(event(piece("a", "")) + more + event(piece("", "stop")) + "data: [DONE]\n\n"))
		if _, body, _ := e.Chat(t.Context(), key, ask); strings.Contains(body, "canary") || strings.Contains(body, "[DONE]") || strings.Contains(body, "event:") || strings.Contains(body, "narthex.cut") {
			t.Errorf("%s: %s", name, body)
		}
	}
	for name, text := range map[string]string{"the end twice": whole + whole, "more after the end": whole + "data: canary\n\n"} {
		e.Model.Handle(raw(text))
		if _, body, _ := e.Chat(t.Context(), key, ask); strings.Contains(body, "canary") || strings.Count(body, "data: [DONE]\n") != 1 {
			t.Errorf("%s: %s", name, body)
		}
	}
	if fmt.Sprint(verified(t, e).Open) != "[]" {
		t.Error("calls are open")
	}
}
