package server_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"narthex/internal/testenv"
)

// TestAnAnswerThatIsDoneWaitsForNothingMore: a model that said that it is done, and keeps its connection open, holds nothing of
// the answer back.
func TestAnAnswerThatIsDoneWaitsForNothingMore(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	_, key := e.Grant(t, "", testenv.Tokens(1e6, nil))
	gone := make(chan struct{})
	defer close(gone)
	e.Model.Handle(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		for _, event := range []string{piece("a", ""), piece("", "stop"), `{"id":"x","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}`, "[DONE]"} {
			io.WriteString(w, "data: "+event+"\n\n")
		}
		http.NewResponseController(w).Flush()
		select {
		case <-gone:
		case <-r.Context().Done():
		}
	})
	answered := make(chan string, 1)
	go func() {
		_, text, _ := e.Chat(t.Context(), key, strings.Replace(testenv.Hello, `{"model"`, `{"stream":true,"model"`, 1))
		answered <- text
	}()
	select {
	case text := <-answered:
		if !strings.HasSuffix(text, "data: [DONE]\n\n") {
			t.Errorf("it ends without its end: %s", text)
		}
	case <-time.After(20 * time.Second):
		t.Error("the answer is done, and its end does not come")
	}
}
