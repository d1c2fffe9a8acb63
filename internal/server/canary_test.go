package server_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"narthex/internal/testenv"
)

// logbook is what a node logs.
type logbook struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// TestNoContentStandsInLogsOrTheLedger sends one word wherever a caller or an upstream can put one, served and refused, and looks
// for it in what the node logs and stores, as it is and coded.
func TestNoContentStandsInLogsOrTheLedger(t *testing.T) {
	const word = "canary_b3f1c0ffee"
	var log logbook
	e := testenv.New(t, testenv.Options{Log: &log})
	_, key := e.Grant(t, "", testenv.Tokens(100_000, nil), testenv.Term("model.logprobs", nil))
	for _, body := range []string{
		say(`"max_tokens":5,"stop":"` + word + `"`),
		say(`"temperature":"` + word + `"`),
		say(`"` + word + `":1`),
		say(`"` + word + `":1,"` + word + `":2`),
		say(`"Secret ` + word + `":1`),
		say(`"metadata":{"` + word + `":1}`),
		say(`"logit_bias":{"` + word + `":"` + word + `"}`),
		say(`"tool_choice":"` + word + `"`),
		say(`"user":"` + word + `"`),
		`{"model":"model","messages":[{"role":"user","content":"hi","` + word + `":1}]}`,
		`{"model":"model","messages":[{"role":"` + word + `","content":"hi"}]}`,
		`{"model":"model","messages":[{"role":"user","content":{"` + word + `":"` + word + `"}}]}`,
		`{"model":"model","messages":"` + word + `"}`,
		`{"model":"` + word + `","messages":[{"role":"user","content":"hi"}]}`,
		`{"model":"model","messages":[{"role":"user","content":"` + word + `"}]} ` + word,
		word,
	} {
		_, answer, err := e.Chat(t.Context(), key, body)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(answer, "Secret") {
			t.Errorf("a name that is no plain word is said back: %s", answer)
		}
	}
	const head = `{"object":"chat.completion","created":1,`
	for _, answer := range []string{
		head + `"choices":[{"index":0,"message":{"role":"assistant","content":"` + word + `"},"finish_reason":"stop"}]}`,
		head + `"choices":[{"index":0,"message":{"role":"` + word + `"},"finish_reason":"` + word + `"}]}`,
		head + `"` + word + `":1,"` + word + `":2,"choices":[]}`,
		head + `"choices":[{"index":0,"message":{"content":{"` + word + `":1}},"finish_reason":"stop"}]}`,
		head + `"choices":[{"index":0,"message":{"content":"a"},"logprobs":{"top_logprobs":[{"` + word + `":"` + word + `"}]},"finish_reason":"stop"}]}`,
		`{"error":{"message":"` + word + `","code":"` + word + `"}}`,
		word,
	} {
		for _, status := range []int{200, 400, 500} {
			e.Model.Handle(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.Header().Set("X-Secret", word)
				w.WriteHeader(status)
				w.Write([]byte(answer))
			})
			for _, stream := range []string{"", `,"stream":true`} {
				if _, said, err := e.Chat(t.Context(), key, say(`"max_tokens":50,"logprobs":true`+stream)); err == nil && strings.Contains(said, word) && !strings.Contains(said, `"content":"`+word) {
					t.Errorf("an upstream's word is said: %s", said)
				}
			}
		}
	}
	if err := e.Node.Close(); err != nil {
		t.Fatal(err)
	}
	stored := map[string]string{"the log": log.String()}
	err := filepath.WalkDir(filepath.Join(e.Dir, "data"), func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		stored[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "a call failed") || !strings.Contains(stored[filepath.Join(e.Dir, "data", "narthex.db")], "call.denied") {
		t.Fatal("the node logged or stored nothing, so nothing could be found")
	}
	for name, text := range stored {
		for _, form := range []string{word, hex.EncodeToString([]byte(word)), base64.StdEncoding.EncodeToString([]byte(word))[:20],
			base64.StdEncoding.EncodeToString([]byte("." + word))[4:20], base64.StdEncoding.EncodeToString([]byte(".." + word))[4:20]} {
			if at := strings.Index(text, form); at >= 0 {
				t.Errorf("%s holds it: …%q…", name, text[max(0, at-200):min(len(text), at+60)])
			}
		}
	}
}
