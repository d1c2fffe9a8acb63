package cli_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"narthex"
	"narthex/client"
	"narthex/internal/airlock"
	"narthex/internal/lab"
	"narthex/internal/sandbox"
	"narthex/internal/testenv"
)

// TestAStudyIsReadAndApprovedFromTheCommandLine, by two people who type, and one is returned.
func TestAStudyIsReadAndApprovedFromTheCommandLine(t *testing.T) {
	f := &forger{}
	options, _ := testenv.Beside(t, testenv.Options{Front: f.front, Files: func(files lab.Files) {
		files["pathways/test.yaml"] = []byte(strings.Replace(string(files["pathways/test.yaml"]), "clauses:\n", "clauses:\n  - {clause: study-approval}\n", 1))
	}}, func(_ context.Context, _ sandbox.Job, out string, _, _ io.Writer) sandbox.Ended {
		return sandbox.Ended{Class: sandbox.Done}
	})
	e := testenv.New(t, options)
	_, key := e.Grant(t, "", append(testenv.JobTerms(), testenv.Tokens(10, nil))...)
	ada := at(t)
	ada.env["NARTHEX_KEY"], ada.env["NARTHEX_URL"] = key, e.Client.Base()
	job := ran(t, ada)
	if out := ada.good("job", "show", job); !strings.Contains(out, "waits for the approval of 2 people") {
		t.Errorf("its author is told\n%s", out)
	}
	olga, sam := seat(t, e, "olga"), seat(t, e, "sam")
	if out := olga.good("work"); !strings.Contains(out, "review study") || !strings.Contains(out, "narthex job review view "+job) {
		t.Errorf("her work is\n%s", out)
	}
	if out := olga.good("job", "review", "list"); !strings.Contains(out, job) {
		t.Errorf("the list is\n%s", out)
	}
	olga.bad("you have not been shown", "job", "review", "vote", job, "--approve")
	if out := olga.good("job", "review", "view", job, "--file", "run"); !strings.Contains(out, "you were not shown all of it") {
		t.Errorf("of one file she is shown\n%s", out)
	}
	olga.bad("you have not been shown", "job", "review", "vote", job, "--approve")
	olga.bad("no file", "job", "review", "view", job, "--file", "absent")
	olga.bad("no part of a file", "job", "review", "view", job, "--from", "0")
	seen := olga.good("job", "review", "view", job)
	for _, line := range []string{"/study/run", "lib/a.py", "x = 1", "other.json", "never written", "narthex job review vote " + job + " --approve"} {
		if !strings.Contains(seen, line) {
			t.Errorf("she is not shown %q in\n%s", line, seen)
		}
	}
	olga.bad("says one thing", "job", "review", "vote", job)
	olga.bad("says one thing", "job", "review", "vote", job, "--approve", "--return")
	olga.bad("what stands against it", "job", "review", "vote", job, "--return")
	if out := olga.good("job", "review", "vote", job, "--approve", "--note", "fine"); !strings.Contains(out, "it waits for 2 people in all") {
		t.Errorf("she is told\n%s", out)
	}
	look := filepath.Join(t.TempDir(), "look")
	if out := sam.good("job", "review", "view", job, "--out", look); strings.Contains(out, "fine") {
		t.Errorf("the second is shown what the first said:\n%s", out)
	}
	if text, err := os.ReadFile(filepath.Join(look, "lib__a.py.txt")); err != nil || !strings.Contains(string(text), "x = 1") {
		t.Errorf("the folder has %q, %v", text, err)
	}
	if out := sam.good("job", "review", "vote", job, "--approve"); !strings.Contains(out, "it waits for its turn") {
		t.Errorf("he is told\n%s", out)
	}
	if out := ada.good("job", "show", job, "--wait"); !strings.Contains(out, "it is done") || !strings.Contains(out, "it may run") {
		t.Errorf("its author is told\n%s", out)
	}
	second := ran(t, ada)
	sam.good("job", "review", "view", second)
	if out := sam.good("job", "review", "vote", second, "--return", "--comment", "say which layers"); !strings.Contains(out, "does not run") {
		t.Errorf("he is told\n%s", out)
	}
	if out := ada.good("job", "show", second); !strings.Contains(out, "say which layers") || !strings.Contains(out, "came back") {
		t.Errorf("its author is told\n%s", out)
	}
	third := ran(t, ada)
	for what, change := range map[string]func(*client.StudyPackage){
		"other bytes":        func(p *client.StudyPackage) { p.Files[0].Data = []byte("x = 2\n") },
		"a file less":        func(p *client.StudyPackage) { p.Files = p.Files[1:] },
		"a name that leaves": func(p *client.StudyPackage) { p.Files[0].Path = "../a.py" },
		"another command":    func(p *client.StudyPackage) { p.Job.Plan.Command = []string{"/study/other"} },
		"another digest":     func(p *client.StudyPackage) { p.Plan = p.Job.Plan.Study },
	} {
		f.change.Store(&change)
		out := filepath.Join(t.TempDir(), "look")
		if code, _, err := olga.run("job", "review", "view", third, "--out", out); code != narthex.Refused.Facts().Exit || !strings.Contains(err, "another study") {
			t.Errorf("%s: exits %d: %s", what, code, err)
		}
		if _, err := os.Lstat(out); err == nil {
			t.Errorf("%s: something was written", what)
		}
		olga.bad("you have not been shown", "job", "review", "vote", third, "--approve")
	}
	two := func(p *client.StudyPackage) {
		p.Job.Plan.Against, p.Job.Plan.AgainstDigest = "early", p.Job.Plan.AssetDigest
		p.Plan, _ = airlock.PlanDigest(p.Job.Plan) // what does not have one is another study, and is shown to nobody
	}
	f.change.Store(&two)
	if out := olga.good("job", "review", "view", third); !strings.Contains(out, "@early") {
		t.Errorf("of what runs beside two versions she is told\n%s", out)
	}
}

// forger stands before a node and changes what it shows of a study.
type forger struct {
	change atomic.Pointer[func(*client.StudyPackage)]
}

func (f *forger) front(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		change := f.change.Load()
		if change == nil || r.Method != "GET" || !strings.HasPrefix(r.URL.Path, "/api/studies/") {
			next.ServeHTTP(w, r)
			return
		}
		var pack client.StudyPackage
		answer := &held{ResponseWriter: w}
		next.ServeHTTP(answer, r)
		if err := json.Unmarshal(answer.body.Bytes(), &pack); err != nil {
			panic(err)
		}
		(*change)(&pack)
		w.Header().Del("Content-Length")
		json.NewEncoder(w).Encode(pack)
	})
}
