package cli_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"narthex/client"
	"narthex/internal/audit"
	"narthex/internal/cli"
	"narthex/ledger"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"narthex": narthexMain})
}

// narthexMain is the command line at noon, with a node's side that only says what it was told.
func narthexMain() {
	os.Exit(cli.Run(context.Background(), os.Args[1:], cli.Env{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, Version: "1.2.3",
		Now: func() time.Time { return noon },
		Serve: func(_ context.Context, f cli.ServeFlags) error {
			_, err := fmt.Printf("%+v\n", f)
			return err
		},
		Demo: func(_ context.Context, f cli.DemoFlags) error {
			_, err := fmt.Printf("%+v\n", f)
			return err
		},
		AuditDir: func(_ context.Context, dir string) (client.Audit, error) {
			return client.Audit{Size: 7, Opened: 7, Rows: map[string]int{"people": 3}, Differences: []client.Difference{}}, nil
		},
		ReplayDir: func(_ context.Context, dir string) (audit.Replayed, error) {
			return audit.Replayed{Size: 7, Allowed: 2, Denied: 1, Differences: []audit.Decided{{Call: "call_5", What: "reserved", Recorded: "2", Again: "1"}}}, nil
		},
		VerifyDir: func(_ context.Context, dir, key string, since ...string) (ledger.Report, string, error) {
			file, err := os.Open(filepath.Join(dir, "ledger.jsonl"))
			if err != nil {
				return ledger.Report{}, "", err
			}
			report, err := ledger.Verify(file, key, since...)
			return report, "the key of the test", errors.Join(err, file.Close())
		},
	}))
}

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
			env.Setenv("NARTHEX_HOME", filepath.Join(env.WorkDir, "narthex"))
			return writeLedger(env)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"node": startNode, "shelf": startShelf, "logs": writePublished, "link": link, "exits": exits, "perm": perm},
	})
}

// exits runs a command and holds its exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	if err != nil || neg {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	code := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if code != want {
		ts.Fatalf("it exits with %d and not %d", code, want)
	}
}

// perm holds the rights of a file: perm 0600 FILE.
func perm(ts *testscript.TestScript, neg bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := fmt.Sprintf("%04o", info.Mode().Perm()); got != args[0] || neg {
		ts.Fatalf("%s has the rights %s", args[1], strings.TrimSpace(got))
	}
}

// link points a name at a folder, whatever it pointed at before: link FOLDER NAME.
func link(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 || neg {
		ts.Fatalf("usage: link FOLDER NAME")
	}
	name := ts.MkAbs(args[1])
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		ts.Check(err)
	}
	ts.Check(os.Symlink(ts.MkAbs(args[0]), name))
}
