package demo_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"narthex"
	"narthex/demo"
	"narthex/internal/server"
)

// TestMain takes away the program that tests had built.
func TestMain(m *testing.M) {
	code := m.Run()
	if dir := filepath.Dir(built.path); built.path != "" && os.RemoveAll(dir) != nil {
		code = max(code, 1)
	}
	os.Exit(code)
}

// built is the program that looks into files, confined: a static one, which a test's own need not be.
var built struct {
	once sync.Once
	path string
	err  error
}

// self builds the program once.
func self() string {
	built.once.Do(func() {
		var dir string
		if dir, built.err = os.MkdirTemp("", "narthex-demo-test-*"); built.err != nil {
			return
		}
		built.path = filepath.Join(dir, "narthex")
		build := exec.Command("go", "build", "-o", built.path, "narthex/cmd/narthex")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if said, err := build.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("build the program: %w: %s", err, said)
		}
	})
	if built.err != nil {
		panic(built.err)
	}
	return built.path
}

// start makes a node for the demonstration in the test's own process.
func start(ctx context.Context, lab, data, listen string, clock func() time.Time, inception func(narthex.Digest, map[string]string)) (demo.Node, error) {
	return server.Start(ctx, server.Config{Lab: lab, Data: data, Listen: listen, Demo: true, Version: "test", Self: self(), Getenv: os.Getenv, Clock: clock, Random: rand.Reader,
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})), Inception: inception})
}

func TestTheStoryIsTrueFromBeginningToEnd(t *testing.T) {
	var told bytes.Buffer
	err := demo.Run(t.Context(), demo.Options{Dir: t.TempDir(), Once: true, Out: &told, Version: "test", Start: start})
	if err != nil {
		t.Fatalf("%v\n%s", err, told.String())
	}
	t.Log(told.String())
}

// TestAnApplicationTakesSixActs holds the standard pathway to what it may ask of people: the walk fails where it takes more, or
// where a thing is typed twice.
func TestAnApplicationTakesSixActs(t *testing.T) {
	var told bytes.Buffer
	if err := demo.Run(t.Context(), demo.Options{Dir: t.TempDir(), Walk: true, Out: &told, Version: "test", Start: start}); err != nil {
		t.Fatalf("%v\n%s", err, told.String())
	}
	if !strings.Contains(told.String(), "6 acts of people, 11 things typed, none of them twice") || strings.Contains(told.String(), "signs for the institution") {
		t.Errorf("%s", told.String())
	}
}

// TestWhatMonthsBring: a lapse of training, a manuscript cleared by silence, closeout and the access statement, each step checked.
func TestWhatMonthsBring(t *testing.T) {
	var told bytes.Buffer
	if err := demo.Run(t.Context(), demo.Options{Ahead: true, Out: &told, Version: "test", Start: start}); err != nil {
		t.Fatalf("%v\n%s", err, told.String())
	}
	t.Log(told.String())
	if err := demo.Run(t.Context(), demo.Options{Ahead: true, Dir: t.TempDir(), Out: io.Discard, Version: "test", Start: start}); !narthex.IsKind(err, narthex.Invalid) {
		t.Errorf("it keeps a folder whose clock is ahead: %v", err)
	}
}

// TestASecondStartTellsNoStoryAndWorks: it recovers, makes a fresh grant through the workflow, and writes what scripts need.
func TestASecondStartTellsNoStoryAndWorks(t *testing.T) {
	dir := t.TempDir()
	if err := demo.Run(t.Context(), demo.Options{Dir: dir, Once: true, Out: io.Discard, Version: "test", Start: start}); err != nil {
		t.Fatal(err)
	}
	if err := demo.Run(t.Context(), demo.Options{Dir: dir, Once: true, Out: io.Discard, Version: "test", Start: start}); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("a story that was told is said to be told again: %v", err)
	}
	var told bytes.Buffer
	path := filepath.Join(dir, "info.json")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- demo.Run(ctx, demo.Options{Dir: dir, Info: path, Out: &told, PID: 7, Version: "test", Start: start})
	}()
	var data []byte
	for data == nil {
		select {
		case err := <-done:
			t.Fatalf("it ended: %v", err)
		case <-time.After(20 * time.Millisecond):
			data, _ = os.ReadFile(path) // not there yet
		}
	}
	var about struct {
		BaseURL string `json:"openai_base_url"`
		Key     string `json:"api_key"`
		Ledger  string `json:"ledger_url"`
		LogKey  string `json:"ledger_key"`
		PID     int    `json:"pid"`
	}
	if err := json.Unmarshal(data, &about); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 || about.PID != 7 || !strings.HasSuffix(about.Ledger, "/ledger") || !strings.Contains(about.LogKey, "+") {
		t.Errorf("the info file is %v: %+v %v", info.Mode(), about, err)
	}
	request, err := http.NewRequest(http.MethodPost, about.BaseURL+"/chat/completions", strings.NewReader(`{"model":"minim-1","max_tokens":3,"messages":[{"role":"user","content":"Package "}]}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+about.Key)
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Errorf("the key that it gives does not work: %v", err)
	}
	if answer != nil {
		answer.Body.Close()
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if strings.Contains(told.String(), "two custodians approve") {
		t.Error("a second start tells the story again")
	}
	for _, name := range []string{"people.json", "upstream.key", "data/ledger.key", "data/narthex.db"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v", name, info.Mode(), err)
		}
	}
	if node, err := server.Start(t.Context(), server.Config{Data: filepath.Join(dir, "data"), Listen: "127.0.0.1:0", Version: "test", Getenv: os.Getenv, Clock: time.Now, Random: rand.Reader, Log: slog.New(slog.DiscardHandler), Inception: func(narthex.Digest, map[string]string) {}}); err == nil {
		node.Close()
		t.Error("a node that is no demonstration took its store")
	}
}

func TestAnInfoFileIsNotWrittenThroughALink(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "info.json")
	if err := os.WriteFile(target, []byte("keep"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	if err := demo.Run(t.Context(), demo.Options{Dir: filepath.Join(dir, "state"), Info: link, Out: io.Discard, Version: "test", Start: start}); err == nil {
		t.Error("it wrote through a link")
	}
	if data, err := os.ReadFile(target); err != nil || string(data) != "keep" {
		t.Errorf("the link's target holds %q", data)
	}
	if _, err := os.Stat(filepath.Join(dir, "state")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the story was told before the link was refused: %v", err)
	}
}

// TestAFolderThatIsSomebodysIsLeftAlone: what the demonstration did not make, it does not take away; what a first start that
// broke off left, it does.
func TestAFolderThatIsSomebodysIsLeftAlone(t *testing.T) {
	for _, name := range []string{"lab", "data", "weights"} {
		dir := t.TempDir()
		file := filepath.Join(dir, name, "important")
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		run := func() error {
			return demo.Run(t.Context(), demo.Options{Dir: dir, Once: true, Out: io.Discard, Version: "test", Start: start})
		}
		if err := run(); !narthex.IsKind(err, narthex.Conflict) {
			t.Errorf("a folder with %s: %v", name, err)
		}
		if data, err := os.ReadFile(file); err != nil || string(data) != "mine" {
			t.Fatalf("%s was touched: %q %v", name, data, err)
		}
		if err := os.WriteFile(filepath.Join(dir, "DEMO"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := run(); err != nil {
			t.Errorf("what a start left that broke off, in %s: %v", name, err)
		}
	}
}
