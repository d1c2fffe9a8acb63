package server_test

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"narthex/client"
	"narthex/internal/lab"
	"narthex/internal/testenv"
	"narthex/internal/testenv/stacks"
)

// watched stands before the node and puts in order when it finished each write to a stream and when it acknowledged a lock.
type watched struct {
	order        atomic.Int64
	last         atomic.Int64 // the last write or flush of a stream that was finished
	acknowledged atomic.Int64 // the answer to the lock, or 0
	streams      atomic.Int64
	locking      atomic.Bool   // from when on the held streams keep their writes
	held         chan struct{} // takes one for each write that is held
	release      chan struct{} // closed when held writes may go on
}

// each is how many streams there are for one whose writes are held.
const each = 100

func (o *watched) front(node http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/api/locks":
			node.ServeHTTP(&acknowledging{w, o}, r)
		case "/v1/chat/completions":
			node.ServeHTTP(&observed{w, o, o.streams.Add(1)%each == 0}, r)
		default:
			node.ServeHTTP(w, r)
		}
	})
}

// observed is a stream's writer. Order is taken when a write is over, so that one in progress counts.
type observed struct {
	http.ResponseWriter
	*watched
	holds bool
}

func (w *observed) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *observed) Write(data []byte) (int, error) {
	if w.holds && w.locking.Load() {
		select {
		case w.held <- struct{}{}:
		default:
		}
		<-w.release
	}
	defer w.over()
	return w.ResponseWriter.Write(data)
}

func (w *observed) FlushError() error {
	defer w.over()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

func (w *observed) over() {
	for at := w.order.Add(1); ; {
		if last := w.last.Load(); last >= at || w.last.CompareAndSwap(last, at) {
			return
		}
	}
}

// acknowledging is the writer of the lock's answer.
type acknowledging struct {
	http.ResponseWriter
	*watched
}

func (w *acknowledging) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *acknowledging) WriteHeader(status int) {
	w.acknowledged.CompareAndSwap(0, w.order.Add(1))
	w.ResponseWriter.WriteHeader(status)
}

// endless gives a lab whose streams do not end by themselves.
func endless(files lab.Files) {
	files["assets/model.yaml"] = bytes.Replace(files["assets/model.yaml"], []byte("context: 1000"), []byte("context: 1000000"), 1)
	files["pathways/test.yaml"] = bytes.Replace(files["pathways/test.yaml"], []byte("max_tokens: {default: 100, least: 1, most: 1000}"), []byte("max_tokens: {default: 900000, least: 1, most: 900000}"), 1)
}

// paced is a model that says a first letter at once and one more for each that it takes from pace, and ends when pace is closed.
func paced(pace <-chan struct{}) http.HandlerFunc {
	const letter = `data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}` + "\n\n"
	const end = `data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\n\ndata: [DONE]\n\n"
	return func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		for more := true; more; {
			io.WriteString(w, letter)
			if http.NewResponseController(w).Flush() != nil {
				return
			}
			select {
			case _, more = <-pace:
			case <-r.Context().Done():
				return
			}
		}
		io.WriteString(w, end)
	}
}

// TestRigALockEndsAThousandStreams: each ends without a last word, and no write to any of them is finished after the lock's
// answer began, those included that were in progress when the lock came.
func TestRigALockEndsAThousandStreams(t *testing.T) {
	const streams = 1000
	o := &watched{held: make(chan struct{}, streams), release: make(chan struct{})}
	e := testenv.New(t, testenv.Options{Files: endless, Front: o.front})
	grant, key := e.Grant(t, "", testenv.Tokens(1e9, limits{"max_tokens": number(900_000)}))
	pace := make(chan struct{})
	e.Model.Handle(paced(pace))
	transport := &http.Transport{MaxIdleConnsPerHost: streams}
	defer transport.CloseIdleConnections()
	var started, ended sync.WaitGroup
	started.Add(streams)
	var cut, words, whole atomic.Int64
	for range streams {
		ended.Go(func() {
			once := sync.OnceFunc(started.Done)
			defer once()
			request, _ := http.NewRequest(http.MethodPost, e.Client.Base()+"/v1/chat/completions", strings.NewReader(say(`"stream":true,"max_tokens":900000`)))
			request.Header.Set("Authorization", "Bearer "+key)
			request.Header.Set("Content-Type", "application/json")
			answer, err := transport.RoundTrip(request)
			if err != nil || answer.StatusCode != 200 {
				t.Errorf("a stream did not begin: %v", err)
				return
			}
			defer answer.Body.Close()
			for in := bufio.NewReader(answer.Body); ; once() {
				line, err := in.ReadString('\n')
				if strings.Contains(line, "[DONE]") {
					words.Add(1)
				}
				if err == io.EOF {
					whole.Add(1)
				}
				if err != nil {
					cut.Add(1)
					return
				}
			}
		})
	}
	started.Wait()
	over := make(chan struct{})
	go feed(pace, over, &o.acknowledged, 20*streams)
	o.locking.Store(true)
	<-o.held // a write is in progress
	go func() {
		for waits := false; !waits && o.acknowledged.Load() == 0; time.Sleep(time.Millisecond) {
			var err error
			if waits, err = stacks.Waits("gateway/live.cut"); err != nil {
				t.Error(err)
				break
			}
		}
		close(o.release)
	}()
	result, err := e.People["sam"].Lock(t.Context(), client.LockRequest{Subject: "grant", Target: string(grant.ID), Reason: "incident"})
	if err != nil {
		t.Fatal(err)
	}
	ended.Wait()
	close(over)
	if result.Streams != streams || cut.Load() != streams || whole.Load() != 0 || words.Load() != 0 {
		t.Errorf("%d of %d streams were cut, %d ended, %d of them as if whole, %d with a last word", result.Streams, streams, cut.Load(), whole.Load(), words.Load())
	}
	// Every stream has ended, so no write is left to come.
	if last, at := o.last.Load(), o.acknowledged.Load(); at == 0 || last > at {
		t.Errorf("the lock was acknowledged at %d and a write to a stream was over at %d", at, last)
	}
	if status, body, err := e.Chat(t.Context(), key, testenv.Hello); err != nil || status != 403 || !strings.Contains(body, "incident") {
		t.Errorf("the next call: %d %s %v", status, body, err)
	}
	waitClosed(t, e)
}

// feed paces the model until over, and as many letters more after the lock was acknowledged as would show in a stream that was not cut;
// then it lets such a stream end, with its last word.
func feed(pace chan<- struct{}, over <-chan struct{}, acknowledged *atomic.Int64, more int) {
	defer close(pace)
	for more > 0 {
		select {
		case pace <- struct{}{}:
			if acknowledged.Load() != 0 {
				more--
			}
		case <-over:
			return
		}
	}
}
