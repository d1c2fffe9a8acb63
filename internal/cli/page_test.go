package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"narthex"
	"narthex/client"
	"narthex/internal/cli"
)

func TestNothingFromOutsideMovesTheCursorOrHides(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(t, "text")
		shown := cli.Printable(text)
		for _, r := range shown {
			if !unicode.IsGraphic(r) {
				t.Fatalf("%q is shown as %q", text, shown)
			}
		}
		if !utf8.ValidString(shown) && utf8.ValidString(text) {
			t.Fatalf("%q became invalid", text)
		}
	})
	for text, want := range map[string]string{"Zoë 東京 é": "Zoë 東京 é", "a\nb": "a⟦U+000A⟧b", "\u009b31m": "⟦U+009B⟧31m", "a\u202eb": "a⟦U+202E⟧b", "\u200b": "⟦U+200B⟧", "\U000E0041": "⟦U+E0041⟧"} {
		if got := cli.Printable(text); got != want {
			t.Errorf("%q is shown as %q", text, got)
		}
	}
}

// run runs a command against a node that answers people.
func run(t *testing.T, stdout interface{ Write([]byte) (int, error) }, env map[string]string, people client.PathwayList, args ...string) (int, string) {
	t.Helper()
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { json.NewEncoder(w).Encode(people) }))
	defer node.Close()
	home := t.TempDir()
	var stderr bytes.Buffer
	code := cli.Run(context.Background(), append(args, "--url", node.URL), cli.Env{Stdin: strings.NewReader(""), Stdout: stdout, Stderr: &stderr, Now: func() time.Time { return noon },
		Getenv: func(name string) string {
			if name == "NARTHEX_HOME" {
				return home
			}
			return env[name]
		}})
	return code, stderr.String()
}

func onePathway(title string) client.PathwayList {
	return client.PathwayList{Pathways: []narthex.Pathway{{Name: "credits", Title: title}}}
}

func TestJSONReadsBackAndHoldsNothingThatATerminalObeys(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		title := rapid.String().Draw(r, "title")
		var out bytes.Buffer
		code, stderr := run(t, &out, nil, onePathway(title), "pathways", "--json")
		var back client.PathwayList
		if err := json.Unmarshal(out.Bytes(), &back); code != 0 || err != nil || back.Pathways[0].Title != title {
			r.Fatalf("%q came back as %+v: %d %v %s", title, back.Pathways, code, err, stderr)
		}
		for _, c := range out.String() {
			if c != '\n' && !unicode.IsGraphic(c) {
				r.Fatalf("%q is written with %U", title, c)
			}
		}
	})
}

// terminal takes what is written and says that it is a terminal.
type terminal struct {
	bytes.Buffer
	fd uintptr
}

func (t *terminal) Fd() uintptr { return t.fd }

func TestColourIsForTerminalsOnly(t *testing.T) {
	pty, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer pty.Close()
	for name, row := range map[string]struct {
		env      map[string]string
		coloured bool
	}{
		"a terminal":       {nil, true},
		"NO_COLOR":         {map[string]string{"NO_COLOR": "1"}, false},
		"a dumb terminal":  {map[string]string{"TERM": "dumb"}, false},
		"a usual terminal": {map[string]string{"TERM": "xterm"}, true},
	} {
		out := &terminal{fd: pty.Fd()}
		code, stderr := run(t, out, row.env, onePathway("Credits"), "pathways")
		if coloured := strings.Contains(out.String(), "\x1b["); code != 0 || coloured != row.coloured {
			t.Errorf("%s: colour is %v: %q %s", name, coloured, out.String(), stderr)
		}
	}
	var pipe bytes.Buffer
	if code, stderr := run(t, &pipe, nil, onePathway("Credits"), "pathways"); code != 0 || strings.Contains(pipe.String(), "\x1b") {
		t.Errorf("a pipe gets %q %s", pipe.String(), stderr)
	}
}

// broken is a pipe whose reader has gone.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestWhatCouldNotBeWrittenIsAnError(t *testing.T) {
	for _, args := range [][]string{{"pathways"}, {"pathways", "--json"}} {
		if code, _ := run(t, broken{}, nil, onePathway("Credits"), args...); code == 0 {
			t.Errorf("%v succeeds with nowhere to write", args)
		}
	}
}

func TestAnInterruptedCommandSaysSo(t *testing.T) {
	stopped, cancel := context.WithCancel(context.Background())
	cancel()
	var stderr bytes.Buffer
	code := cli.Run(stopped, []string{"pathways", "--url", "http://127.0.0.1:1"}, cli.Env{Stdin: strings.NewReader(""), Stdout: &stderr, Stderr: &stderr, Now: time.Now,
		Getenv: func(name string) string { return map[string]string{"NARTHEX_HOME": "nowhere"}[name] }})
	if code != 1 || !strings.HasPrefix(stderr.String(), "error: interrupted") {
		t.Errorf("it exits with %d and says %q", code, stderr.String())
	}
}

func TestABuildWithoutANodeSaysSo(t *testing.T) {
	for _, args := range [][]string{{"serve"}, {"demo"}, {"ledger", "verify", "--dir", "."}} {
		var stderr bytes.Buffer
		code := cli.Run(context.Background(), args, cli.Env{Stdin: strings.NewReader(""), Stdout: &stderr, Stderr: &stderr, Now: time.Now, Getenv: func(string) string { return "" }})
		if code != narthex.Unavailable.Facts().Exit || !strings.Contains(stderr.String(), "hint: use a full build") {
			t.Errorf("%v exits with %d and says %q", args, code, stderr.String())
		}
	}
}
