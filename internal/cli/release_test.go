package cli_test

import (
	"context"
	"crypto/rand"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"narthex"
	"narthex/internal/sandbox"
	"narthex/internal/testenv"
)

// leaving is a platform on which every job leaves files, and ada at a command line with a key that lets them.
func leaving(t *testing.T, files map[string]string, find ...narthex.Finding) (*testenv.Env, *typist) {
	t.Helper()
	options, _ := testenv.Beside(t, testenv.Options{}, func(_ context.Context, _ sandbox.Job, out string, _, _ io.Writer) sandbox.Ended {
		for name, data := range files {
			if err := os.WriteFile(filepath.Join(out, name), []byte(data), 0o600); err != nil {
				return sandbox.Ended{Class: sandbox.Failed}
			}
		}
		return sandbox.Ended{Class: sandbox.Done}
	}, find...)
	e := testenv.New(t, options)
	_, key := e.Grant(t, "", append(testenv.JobTerms(), testenv.Tokens(10, nil))...)
	ada := at(t)
	ada.env["NARTHEX_KEY"], ada.env["NARTHEX_URL"] = key, e.Client.Base()
	return e, ada
}

// folder writes a folder of files below a new one.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const aStudy = "name: a-study\ncommand: [/study/run]\noutputs:\n  - {name: table.csv, kind: csv, says: a table}\n  - {name: words.txt, kind: text, says: words}\n  - {name: other.json, kind: json, says: never written}\n"

// ran hands the study in, waits for it, and gives the job.
func ran(t *testing.T, ada *typist) string {
	t.Helper()
	study := folder(t, map[string]string{"run": "#!\nrun\n", "study.yaml": aStudy, "lib/a.py": "x = 1\n", ".git/config": "x", "lib/__pycache__/a.pyc": "x"})
	code, out, err := ada.run("job", "submit", study, "--asset", "model", "--environment", "box")
	if code != 0 || !strings.Contains(err, "left out: .git, lib/__pycache__") || !strings.Contains(out, "reserved: 10 minutes of processor time") || strings.Contains(out, "config") {
		t.Fatalf("it exits %d and says\n%s%s", code, out, err)
	}
	return strings.SplitN(out, "\n", 2)[0]
}

const tells = "singular values of four layers, computed from the weights"

// TestAStudyFromTheCommandLineToACheckedFile: from a folder to files that anyone can check, by people who type.
func TestAStudyFromTheCommandLineToACheckedFile(t *testing.T) {
	e, ada := leaving(t, map[string]string{"table.csv": "layer,value\n0,1.23456\n", "words.txt": "four layers\n"}, narthex.Finding{Kind: "encoded", Rule: "the rule", File: "words.txt", Line: 1, Within: []string{"hex"}, Says: "odd letters"})
	if out := ada.good("job", "environments"); !strings.Contains(out, "a box") {
		t.Errorf("the environments are\n%s", out)
	}
	job := ran(t, ada)
	shown := ada.good("job", "show", job, "--wait")
	for _, line := range []string{"stands     it is done", "table.csv", "other.json  it was not written", "narthex release new " + job} {
		if !strings.Contains(shown, line) {
			t.Errorf("%q does not stand in\n%s", line, shown)
		}
	}
	if out := ada.good("job", "list"); !strings.Contains(out, job) {
		t.Errorf("the jobs are\n%s", out)
	}
	ada.bad("has no file", "release", "new", job, "--context", "absent.csv="+tells)
	ada.bad("narthex job show", "release", "new", job)
	contexts := filepath.Join(t.TempDir(), "contexts.yaml")
	if err := os.WriteFile(contexts, []byte("table.csv: "+tells+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	asked := ada.good("release", "new", job, "--contexts", contexts, "--context", "words.txt="+tells)
	release := strings.SplitN(asked, "\n", 2)[0]
	if !strings.Contains(asked, "the look at them found: encoded 1") {
		t.Errorf("it says\n%s", asked)
	}
	if own := ada.good("release", "show", release); !strings.Contains(own, "encoded") || strings.Contains(own, "odd letters") || strings.Contains(own, "the rule") {
		t.Errorf("the author is shown\n%s", own)
	}
	ada.bad("release is submitted", "release", "fetch", release, "--out", filepath.Join(t.TempDir(), "early"))

	olga, sam := seat(t, e, "olga"), seat(t, e, "sam")
	if out := olga.good("work"); !strings.Contains(out, "review release") || !strings.Contains(out, "narthex release view "+release) {
		t.Errorf("what waits is\n%s", out)
	}
	if out := olga.good("release", "review"); !strings.Contains(out, release) || !strings.Contains(out, "encoded 1") {
		t.Errorf("what wants to leave is\n%s", out)
	}
	olga.bad("you have not been shown", "release", "vote", release, "--release-all")
	seen := olga.good("release", "view", release)
	for _, line := range []string{"encoded  the rule  words.txt:1  hex", "odd letters", "     2  0,1.235", tells} {
		if !strings.Contains(seen, line) {
			t.Errorf("%q does not stand in\n%s", line, seen)
		}
	}
	olga.bad("says one thing of each file", "release", "vote", release, "--release", "table.csv")
	olga.bad("says two things", "release", "vote", release, "--release-all", "--refuse", "table.csv")
	olga.bad("has no file", "release", "vote", release, "--release", "table.csv", "--release", "words.txt", "--refuse", "x")
	olga.bad("says what is to be changed", "release", "return", release)
	if out := olga.good("release", "return", release, "--comment", "which layers?"); !strings.Contains(out, "it is returned") {
		t.Errorf("it says\n%s", out)
	}
	if own := ada.good("release", "show", release); !strings.Contains(own, "which layers?") {
		t.Errorf("the author is shown\n%s", own)
	}
	ada.bad("no file would stay", "release", "edit", release, "--drop", "table.csv", "--drop", "words.txt")
	ada.bad("nothing is to change", "release", "edit", release)
	ada.good("release", "edit", release, "--drop", "words.txt", "--context", "table.csv="+tells+" 0 to 3")
	olga.bad("changed", "release", "vote", release, "--release-all")
	olga.good("release", "view", release)
	olga.good("release", "vote", release, "--release-all", "--note", "fine")
	if out := olga.good("work"); strings.Contains(out, release) {
		t.Errorf("it still waits for who voted\n%s", out)
	}
	look := filepath.Join(t.TempDir(), "look")
	if out := sam.good("release", "view", release, "--out", look); strings.Contains(out, "fine") {
		t.Errorf("the second reviewer is shown\n%s", out)
	}
	if data, err := os.ReadFile(filepath.Join(look, "table.csv.txt")); err != nil || !strings.HasPrefix(string(data), "layer,value\n") {
		t.Errorf("what was written is %q; %v", data, err)
	}
	if out := sam.good("release", "vote", release, "--release", "table.csv"); !strings.Contains(out, "it is released") {
		t.Errorf("it says\n%s", out)
	}

	results := filepath.Join(t.TempDir(), "results")
	if out := ada.good("release", "fetch", release, "--out", results, "--key", e.Node.LogKey()); !strings.Contains(out, "reviewed by 2 people") {
		t.Errorf("it says\n%s", out)
	}
	ada.bad("is there already", "release", "fetch", release, "--out", results)
	table, record := filepath.Join(results, "table.csv"), filepath.Join(results, "record.json")
	anyone := at(t)
	if out := anyone.good("release", "verify", table, "--record", record); !strings.Contains(out, "the key as stated by the record") {
		t.Errorf("it says\n%s", out)
	}
	if out := anyone.good("release", "verify", table, "--record", record, "--key", e.Node.LogKey()); !strings.Contains(out, "checked with  the key that you gave") || !strings.Contains(out, "asset owner, security") {
		t.Errorf("it says\n%s", out)
	}
	anyone.bad("not signed by that key", "release", "verify", table, "--record", record, "--key", otherKey(t))
	anyone.bad("is none of the files", "release", "verify", contexts, "--record", record)
	forged := filepath.Join(t.TempDir(), "forged.json")
	data, err := os.ReadFile(record)
	if err == nil {
		err = os.WriteFile(forged, []byte(strings.Replace(string(data), `"payload":"e`, `"payload":"f`, 1)), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	anyone.bad("no record of a release", "release", "verify", table, "--record", forged)
}

// otherKey is the verifier key of another lab.
func otherKey(t *testing.T) string {
	t.Helper()
	_, key, err := note.GenerateKey(rand.Reader, "other.example")
	if err != nil {
		t.Fatal(err)
	}
	return key
}
