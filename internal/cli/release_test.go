package cli_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"
	"pgregory.net/rapid"

	"narthex"
	"narthex/client"
	"narthex/internal/airlock"
	"narthex/internal/cli"
	"narthex/internal/sandbox"
	"narthex/internal/testenv"
)

// leaving is a platform on which every job leaves files, and ada at a command line with a key that lets them.
func leaving(t *testing.T, files map[string]string, find ...narthex.Finding) (*testenv.Env, *typist) {
	t.Helper()
	return leavingThrough(t, nil, files, find...)
}

// leavingThrough is the same with something between the listener and the node.
func leavingThrough(t *testing.T, front func(http.Handler) http.Handler, files map[string]string, find ...narthex.Finding) (*testenv.Env, *typist) {
	t.Helper()
	options, _ := testenv.Beside(t, testenv.Options{Front: front}, func(_ context.Context, _ sandbox.Job, out string, _, _ io.Writer) sandbox.Ended {
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
	olga.good("release", "view", release, "--file", "table.csv") // one of two
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
	anyone.bad("is empty", "release", "verify", table, "--record", record, "--key", "")
	ada.bad("is empty", "release", "fetch", release, "--out", filepath.Join(t.TempDir(), "again"), "--key", "")
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
	if err := os.WriteFile(forged, append(data, '}'), 0o600); err != nil {
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

// asked hands the study in and asks for its table, and gives the release.
func asked(t *testing.T, ada *typist) string {
	t.Helper()
	job := ran(t, ada)
	ada.good("job", "show", job, "--wait")
	return strings.SplitN(ada.good("release", "new", job, "--context", "table.csv="+tells), "\n", 2)[0]
}

// TestReviewersWhoDifferAreBothAskedAgain: each is shown what the other said, and it waits for both until they agree.
func TestReviewersWhoDifferAreBothAskedAgain(t *testing.T) {
	e, ada := leaving(t, map[string]string{"table.csv": "a,b\n0,1\n"})
	release := asked(t, ada)
	olga, sam, lea := seat(t, e, "olga"), seat(t, e, "sam"), seat(t, e, "lea")
	for _, p := range []*typist{olga, sam} {
		p.good("release", "view", release)
	}
	lea.bad("no such thing, or none that you may see", "release", "view", release)
	lea.bad("not been shown", "release", "vote", release, "--release-all")
	if out := lea.good("work") + lea.good("release", "review"); strings.Contains(out, release) {
		t.Errorf("it waits for someone who does not decide\n%s", out)
	}
	olga.good("release", "vote", release, "--release-all")
	if out := sam.good("release", "vote", release, "--refuse-all", "--comment", "too few", "--note", "of two layers"); !strings.Contains(out, "you and another reviewer differ") {
		t.Errorf("it says\n%s", out)
	}
	for _, p := range []*typist{olga, sam} {
		if out := p.good("work"); !strings.Contains(out, release) {
			t.Errorf("it does not wait\n%s", out)
		}
	}
	if out := olga.good("release", "view", release); !strings.Contains(out, "too few") || !strings.Contains(out, "of two layers") || !strings.Contains(out, "refuse   table.csv") {
		t.Errorf("she is shown\n%s", out)
	}
	if out := olga.good("release", "vote", release, "--refuse", "table.csv"); !strings.Contains(out, "it is refused") {
		t.Errorf("it says\n%s", out)
	}
	if own := ada.good("release", "show", release); !strings.Contains(own, "too few") || strings.Contains(own, "of two layers") || !strings.Contains(own, "narthex release new job_") {
		t.Errorf("the author is shown\n%s", own)
	}
	ada.bad("cannot be done with it now", "release", "withdraw", release)
	if out := ada.good("release", "list"); !strings.Contains(out, "refused") {
		t.Errorf("the list is\n%s", out)
	}
}

// TestNoMoreThanWasShownIsRemembered: a vote on a package of which something was not shown names the digest.
func TestNoMoreThanWasShownIsRemembered(t *testing.T) {
	var long strings.Builder
	for i := range 300 {
		fmt.Fprintf(&long, "%d,%d\n", i, i)
	}
	e, ada := leaving(t, map[string]string{"table.csv": "a,b\n" + long.String()})
	release, olga := asked(t, ada), seat(t, e, "olga")
	out := olga.good("release", "view", release)
	if !strings.Contains(out, "   200  198,198\n") || strings.Contains(out, "   201  ") || !strings.Contains(out, "lines 1 to 200 of 301; go on with --file table.csv --from 201") {
		t.Errorf("she is shown\n%s", out)
	}
	olga.bad("you have not been shown", "release", "vote", release, "--release-all")
	if out := olga.good("release", "view", release, "--file", "table.csv", "--from", "300"); !strings.Contains(out, "   301  299,299\n") {
		t.Errorf("she is shown\n%s", out)
	}
	olga.bad("you have not been shown", "release", "vote", release, "--release-all")
	olga.bad("no part of a file", "release", "view", release, "--lines", "5001")
	saw := find(t, out, `package  (sha256:[0-9a-f]{64})`)[len("package  "):]
	olga.good("release", "vote", release, "--release-all", "--saw", saw)
	sam := seat(t, e, "sam")
	sam.good("release", "view", release, "--lines", "400")
	sam.good("release", "vote", release, "--release-all")
}

// meddler stands before a node and changes what it says of a release.
type meddler struct {
	change atomic.Pointer[func(*client.ReleasePackage)]
}

func (m *meddler) set(change func(*client.ReleasePackage)) { m.change.Store(&change) }

func (m *meddler) front(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		change := m.change.Load()
		if change == nil || !strings.Contains(r.URL.Path, "/releases/") || r.Method != "GET" {
			next.ServeHTTP(w, r)
			return
		}
		var pack client.ReleasePackage
		answer := &held{ResponseWriter: w}
		next.ServeHTTP(answer, r)
		if err := json.Unmarshal(answer.body.Bytes(), &pack); err != nil || len(pack.Files) == 0 {
			panic(fmt.Sprint("the node answers ", answer.body.String(), err))
		}
		(*change)(&pack)
		w.Header().Del("Content-Length")
		json.NewEncoder(w).Encode(pack)
	})
}

// held keeps an answer back.
type held struct {
	http.ResponseWriter
	body bytes.Buffer
}

func (h *held) WriteHeader(int)                {}
func (h *held) Write(data []byte) (int, error) { return h.body.Write(data) }
func (h *held) Unwrap() http.ResponseWriter    { return h.ResponseWriter }

// TestAReviewerIsShownThePackageThatTheVoteNames: a node that shows other bytes under its digest is found out.
func TestAReviewerIsShownThePackageThatTheVoteNames(t *testing.T) {
	m := &meddler{}
	e, ada := leavingThrough(t, m.front, map[string]string{"table.csv": "a,b\n0,1\n"})
	release, olga := asked(t, ada), seat(t, e, "olga")
	for what, change := range map[string]func(*client.ReleasePackage){
		"other bytes": func(p *client.ReleasePackage) { p.Files[0].Data = []byte("a,b\n") },
		"other bytes with their digest": func(p *client.ReleasePackage) {
			p.Files[0].Data = []byte("a,b\n")
			p.Release.Files[0].Digest = digestOf("a,b\n")
		},
		"another context":     func(p *client.ReleasePackage) { p.Release.Files[0].Context = tells + "!" },
		"a file less":         func(p *client.ReleasePackage) { p.Files = nil },
		"another name":        func(p *client.ReleasePackage) { p.Files[0].Path = "other.csv" },
		"a name that leaves":  func(p *client.ReleasePackage) { named(p, "../table.csv") },
		"a name of an option": func(p *client.ReleasePackage) { named(p, "-rf.csv") },
	} {
		m.set(change)
		out := filepath.Join(t.TempDir(), "look")
		if code, _, err := olga.run("release", "view", release, "--out", out); code != narthex.Refused.Facts().Exit || !strings.Contains(err, "other files than the package has") {
			t.Errorf("%s: exits %d: %s", what, code, err)
		}
		if _, err := os.Lstat(out); err == nil {
			t.Errorf("%s: something was written", what)
		}
		olga.bad("you have not been shown", "release", "vote", release, "--release-all")
	}
}

// named gives the first file another name, everywhere.
func named(p *client.ReleasePackage, name string) {
	p.Files[0].Path, p.Release.Files[0].Name = name, name
	digest, err := airlock.PackageDigest(p.Release.Files)
	if err != nil {
		panic(err)
	}
	p.Release.Package = digest
}

func digestOf(text string) narthex.Digest {
	return narthex.MakeDigest(sha256.Sum256([]byte(text)))
}

// TestNothingIsWrittenThatTheRecordDoesNotHold: what a node gives in the place of what was released is not kept.
func TestNothingIsWrittenThatTheRecordDoesNotHold(t *testing.T) {
	m := &meddler{}
	e, ada := leavingThrough(t, m.front, map[string]string{"table.csv": "a,b\n0,1\n"})
	release := asked(t, ada)
	for _, name := range []string{"olga", "sam"} {
		p := seat(t, e, name)
		p.good("release", "view", release)
		p.good("release", "vote", release, "--release-all")
	}
	forged := func(change func(*narthex.Release)) func(*client.ReleasePackage) {
		return func(p *client.ReleasePackage) {
			change(&p.Release)
			p.Files[0].Path = p.Release.Files[0].Name
			secret, key, err := note.GenerateKey(rand.Reader, "ledger.test-lab.test")
			if err != nil {
				panic(err)
			}
			signer, err := note.NewSigner(secret)
			if err != nil {
				panic(err)
			}
			if p.Record, err = airlock.Record(p.Release, narthex.Job{ID: p.Release.Job}, key, signer.Sign); err != nil {
				panic(err)
			}
		}
	}
	for what, row := range map[string]struct {
		change func(*client.ReleasePackage)
		says   string
		key    bool
	}{
		"other bytes":     {func(p *client.ReleasePackage) { p.Files[0].Data = []byte("a,b\n") }, "table.csv is not the file that the record holds", false},
		"another name":    {func(p *client.ReleasePackage) { p.Files[0].Path = "other.csv" }, "other.csv is not the file that the record holds", false},
		"a file more":     {func(p *client.ReleasePackage) { p.Files = append(p.Files, p.Files[0]) }, "of other files", false},
		"no record":       {func(p *client.ReleasePackage) { p.Record = nil }, "no record of a release", false},
		"a key of theirs": {forged(func(*narthex.Release) {}), "not signed by that key", true},
		"another release": {forged(func(r *narthex.Release) { r.ID = "rel_1" }), "of another release", false},
		"a path":          {forged(func(r *narthex.Release) { r.Files[0].Name = "../table.csv" }), "a name that none of a release has", false},
		"the record's":    {forged(func(r *narthex.Release) { r.Files[0].Name = "record.json" }), "a name that none of a release has", false},
	} {
		m.set(row.change)
		out := filepath.Join(t.TempDir(), "results")
		args := []string{"release", "fetch", release, "--out", out}
		if row.key {
			args = append(args, "--key", e.Node.LogKey())
		}
		ada.bad(row.says, args...)
		if _, err := os.Lstat(out); err == nil {
			t.Errorf("%s: something was written", what)
		}
	}
}

// TestWhatAReviewerReadsIsAllThatThereIs: printable ASCII alone, from which the text is got back and no other text.
func TestWhatAReviewerReadsIsAllThatThereIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
			rapid.StringOf(rapid.SampledFrom([]rune(`\u{}20 byteA`+"\n\u202e\u200b\ufffd")))).Draw(t, "text")
		shown := cli.Visible(text)
		for _, r := range shown {
			if (r < ' ' || r > '~') && r != '\n' {
				t.Fatalf("%q is shown as %q", text, shown)
			}
		}
		if back := unescaped(t, shown); back != text {
			t.Fatalf("%q is shown as %q, which reads as %q", text, shown, back)
		}
	})
	for text, want := range map[string]string{"a\u202eb": `a\u{202E}b`, "x \n": "x\\u{20}\n", "\xff": `\u{byte FF}`, `\u{41}`: `\u{5C}u{41}`, "\x1b[2J": `\u{1B}[2J`, "a\tb": `a\u{9}b`, "naïve": `na\u{EF}ve`} {
		if got := cli.Visible(text); got != want {
			t.Errorf("%q is shown as %q", text, got)
		}
	}
}

// unescaped reads what is shown, by its rule alone.
func unescaped(t *rapid.T, shown string) string {
	var out strings.Builder
	for shown != "" {
		before, rest, found := strings.Cut(shown, `\u{`)
		out.WriteString(before)
		if !found {
			break
		}
		number, after, _ := strings.Cut(rest, "}")
		digits, raw := strings.CutPrefix(number, "byte ")
		n, err := strconv.ParseUint(digits, 16, 32)
		if err != nil {
			t.Fatalf("%q: %v", shown, err)
		}
		if raw {
			out.WriteByte(byte(n))
		} else {
			out.WriteString(string(utf8.AppendRune(nil, rune(n))))
		}
		shown = after
	}
	return out.String()
}

// TestAStudyIsBounded: what a node would refuse is not sent.
func TestAStudyIsBounded(t *testing.T) {
	ada := at(t)
	ada.env["NARTHEX_KEY"], ada.env["NARTHEX_URL"] = "nx_key", "http://127.0.0.1:1"
	many := map[string]string{"study.yaml": aStudy}
	for i := range 200 {
		many[fmt.Sprintf("%d.py", i)] = "x = 1\n"
	}
	submit := func(dir string) []string {
		return []string{"job", "submit", dir, "--asset", "model", "--environment", "box"}
	}
	ada.bad("has more than 200 files", submit(folder(t, many))...)
	large := folder(t, map[string]string{"study.yaml": aStudy, "a.bin": "", "b.bin": ""})
	for _, name := range []string{"a.bin", "b.bin"} {
		if err := os.Truncate(filepath.Join(large, name), 8<<20); err != nil {
			t.Fatal(err)
		}
	}
	ada.bad("has more than 16777216 bytes", submit(large)...)
	pipe := folder(t, map[string]string{"study.yaml": aStudy})
	if err := syscall.Mkfifo(filepath.Join(pipe, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	ada.bad("is a link, or no plain file", submit(pipe)...)
	out := folder(t, map[string]string{"study.yaml": aStudy})
	if err := os.Symlink("/etc", filepath.Join(out, "etc")); err != nil {
		t.Fatal(err)
	}
	ada.bad("is a link, or no plain file", submit(out)...)
}

// TestImagesAreWrittenAndNeverShown: and what only says that it is one is text like any other.
func TestImagesAreWrittenAndNeverShown(t *testing.T) {
	m := &meddler{}
	e, ada := leavingThrough(t, m.front, map[string]string{"table.csv": "a,b\n0,1\n"})
	release, olga := asked(t, ada), seat(t, e, "olga")
	picture := func(data string) func(*client.ReleasePackage) {
		return func(p *client.ReleasePackage) {
			p.Files[0].Data, p.Release.Files[0].Kind, p.Release.Files[0].Digest = []byte(data), "png", digestOf(data)
			named(p, "plot.png")
		}
	}
	m.set(picture("\x89PNG\r\n\x1a\nthe rest of it"))
	if out := olga.good("release", "view", release); strings.Contains(out, "the rest of it") || !strings.Contains(out, "an image, which is not shown here") {
		t.Errorf("she is shown\n%s", out)
	}
	olga.bad("you have not been shown", "release", "vote", release, "--release-all")
	look := filepath.Join(t.TempDir(), "look")
	if out := olga.good("release", "view", release, "--out", look); strings.Contains(out, "the rest of it") {
		t.Errorf("she is shown\n%s", out)
	}
	if data, err := os.ReadFile(filepath.Join(look, "plot.png")); err != nil || digestOf(string(data)) != digestOf("\x89PNG\r\n\x1a\nthe rest of it") {
		t.Errorf("what was written is %q; %v", data, err)
	}
	m.set(picture("<svg onload=x>\x1b[2J"))
	look = filepath.Join(t.TempDir(), "look")
	if out := olga.good("release", "view", release, "--out", look); !strings.Contains(out, `<svg onload=x>\u{1B}[2J`) {
		t.Errorf("she is shown\n%s", out)
	}
	if left, err := os.ReadDir(look); err != nil || len(left) != 1 || left[0].Name() != "plot.png.txt" {
		t.Errorf("what was written is %v; %v", left, err)
	}
}
