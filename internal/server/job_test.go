package server_test

import (
	"bytes"
	"context"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/airlock"
	"narthex/internal/lab"
	"narthex/internal/sandbox"
	"narthex/internal/sandbox/fake"
	"narthex/internal/server"
	"narthex/internal/testenv"
)

// hall is a node on which jobs are functions.
type hall struct {
	*testenv.Env
	key   string
	grant narthex.Grant
	asset string          // the folder of the model's bytes
	files func(lab.Files) // makes the lab directory of one without bytes; where a test changes it
}

// openHall opens a lab whose model has bytes, and a grant that lets jobs run beside them.
func openHall(t *testing.T, play fake.Play, find ...narthex.Finding) *hall {
	t.Helper()
	return openHallWith(t, play, func(c *server.Config) { c.Host.Examiner = testenv.Here{Find: find} })
}

func openHallWith(t *testing.T, play fake.Play, with func(*server.Config)) *hall {
	t.Helper()
	options, asset := testenv.Beside(t, testenv.Options{Config: with, Files: func(files lab.Files) {
		files["environments/theirs.yaml"] = []byte("name: theirs\ntitle: a box for others\nroot: /\nlimits: {memory_mb: 64, wall_minutes: 30, cpus: 1, processes: 8, scratch_mb: 8, out_mb: 8}\npathways: [other]\n")
		files["pathways/other.yaml"] = bytes.Replace(files["pathways/test.yaml"], []byte("name: test\n"), []byte("name: other\n"), 1)
	}}, play)
	env := testenv.New(t, options)
	h := &hall{Env: env, asset: asset}
	h.grant, h.key = env.Grant(t, "", append([]narthex.Term{testenv.Tokens(1000, nil)}, testenv.JobTerms()...)...)
	return h
}

const studyYAML = "name: a-study\ncommand: [/study/run]\noutputs:\n  - {name: table.csv, kind: csv, says: a table}\n  - {name: words.txt, kind: text, says: words}\n"

// studyFiles is a small study.
func studyFiles(more ...client.StudyFile) []client.StudyFile {
	files := append([]client.StudyFile{{Path: "run", Data: []byte("#!\nrun\n")}, {Path: "study.yaml", Data: []byte(studyYAML)}}, more...)
	slices.SortFunc(files, func(a, b client.StudyFile) int { return strings.Compare(a.Path, b.Path) })
	return files
}

// holder is ada with her key.
func (h *hall) holder() *client.Client { return h.Client.With(h.key) }

// submit hands the small study in.
func (h *hall) submit(t *testing.T) narthex.Job {
	t.Helper()
	job, err := h.holder().SubmitJob(t.Context(), client.SubmitJob{Asset: "model", Environment: "box", Files: studyFiles()})
	if err != nil {
		t.Fatal(err)
	}
	return job
}

// over waits for a job's end.
func (h *hall) over(t *testing.T, id narthex.JobID) client.JobView {
	t.Helper()
	return h.overAs(t, h.holder(), id)
}

// overAs waits for the end of another holder's job.
func (h *hall) overAs(t *testing.T, holder *client.Client, id narthex.JobID) client.JobView {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		job, err := holder.Job(t.Context(), id)
		if err != nil && !narthex.IsKind(err, narthex.Exhausted) {
			t.Fatal(err)
		}
		if err == nil && job.State.Over() {
			return job
		}
	}
	t.Fatal("the job does not end")
	return client.JobView{}
}

// leaves gives a job that leaves files.
func leaves(files map[string]string) fake.Play {
	return func(_ context.Context, _ sandbox.Job, out string, _, _ io.Writer) sandbox.Ended {
		for _, name := range slices.Sorted(maps.Keys(files)) {
			if err := os.WriteFile(filepath.Join(out, name), []byte(files[name]), 0o600); err != nil {
				return sandbox.Ended{Class: sandbox.Failed}
			}
		}
		return sandbox.Ended{Class: sandbox.Done, CPU: 61 * time.Second}
	}
}

const context20 = "singular values of four layers, computed from the weights"

// budget gives a budget of the grant.
func (h *hall) budget(t *testing.T, attribute narthex.AttributeName, limit narthex.LimitName) client.BudgetView {
	t.Helper()
	view, err := h.holder().OwnGrant(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range view.Budgets {
		if b.Attribute == attribute && b.Limit == limit {
			return b
		}
	}
	t.Fatalf("no budget %s of %s", limit, attribute)
	return client.BudgetView{}
}

func TestAStudyRunsAndItsResultsLeaveByTwoPeople(t *testing.T) {
	h := openHall(t, leaves(map[string]string{"table.csv": "layer,value\n0,1.23456\n", "words.txt": "four layers \n", "secret.bin": "\x00"}))
	job := h.over(t, h.submit(t).ID)
	if job.State != narthex.JobDone || job.Package == nil || len(job.Package.Files) != 2 || job.End.CPUMinutes != 2 || job.End.WallMinutes != 1 {
		t.Fatalf("the job ended as %+v, %+v, with %+v", job.State, job.End, job.Package)
	}
	cpu := h.budget(t, "weights.compute", "cpu_hours")
	if cpu.Allowed != 60 || cpu.Used != 2 || cpu.Reserved != 0 || cpu.Unit != "cpu_minutes" {
		t.Errorf("of processor time there is %+v", cpu)
	}
	outcome := h.budget(t, "weights.compute", "bytes_out").Used
	if outcome != job.Plan.OutcomeBytes || outcome < 4 {
		t.Errorf("the end of a job was charged %d bytes", outcome)
	}
	asked, err := h.holder().SubmitRelease(t.Context(), client.SubmitRelease{Job: job.ID, Files: []client.WantedFile{{Name: "table.csv", Context: context20}, {Name: "words.txt", Context: context20}}})
	if err != nil {
		t.Fatal(err)
	}
	if b := h.budget(t, "output.release", "bytes_out"); b.Reserved != asked.Charge || b.Used != 0 || asked.Charge < 10 {
		t.Errorf("a charge of %d is reserved as %+v", asked.Charge, b)
	}
	if _, err := h.holder().FetchRelease(t.Context(), asked.ID); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("what nobody reviewed is given out: %v", err)
	}
	first := h.review(t, "olga", asked.ID)
	if string(first.Files[0].Data) != "layer,value\n0,1.235\n" {
		t.Errorf("the reviewer sees %q", first.Files[0].Data)
	}
	if r := h.vote(t, "olga", first, narthex.VerdictRelease); r.State != narthex.ReleaseSubmitted {
		t.Errorf("one vote makes it %s", r.State)
	}
	second := h.review(t, "sam", asked.ID)
	if len(second.Release.Votes) != 0 {
		t.Error("the second reviewer sees the first one's vote")
	}
	if r := h.vote(t, "sam", second, narthex.VerdictRelease); r.State != narthex.ReleaseReleased {
		t.Errorf("two votes make it %s", r.State)
	}
	got, err := h.holder().FetchRelease(t.Context(), asked.ID)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range got.Files {
		if !bytes.Equal(f.Data, second.Files[i].Data) {
			t.Errorf("%s is not the file that was reviewed", f.Path)
		}
	}
	statement, err := airlock.OpenRecord(got.Record, h.Node.LogKey())
	if err != nil || statement.Predicate.Study != job.Plan.Study || statement.Predicate.AssetDigest != job.Plan.AssetDigest || len(statement.Predicate.Reviewers) != 2 {
		t.Errorf("the record says %+v; %v", statement, err)
	}
	if name, holds := statement.Holds(got.Files[0].Data); !holds || name != "table.csv" {
		t.Error("the record does not hold the file")
	}
	if b := h.budget(t, "output.release", "bytes_out"); b.Reserved != 0 || b.Used != asked.Charge {
		t.Errorf("a release of %d is settled as %+v", asked.Charge, b)
	}
	if b := h.budget(t, "weights.compute", "bytes_out"); b.Used != asked.Charge+outcome {
		t.Errorf("a release of %d is settled as %+v", asked.Charge, b)
	}
	left, err := h.People["sam"].Horizon(t.Context(), "model")
	if err != nil || left.Lifetime == nil || left.Lifetime.Used != asked.Charge+outcome {
		t.Errorf("the asset's account says %+v; %v", left.Lifetime, err)
	}
}

// review looks at a release as one of its reviewers.
func (h *hall) review(t *testing.T, name string, id narthex.ReleaseID) client.ReleasePackage {
	t.Helper()
	seen, err := h.People[name].Release(t.Context(), id)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return seen
}

// verdicts gives the same verdict on every file.
func verdicts(r narthex.Release, v narthex.Verdict) []narthex.FileVerdict {
	var list []narthex.FileVerdict
	for _, f := range r.Files {
		list = append(list, narthex.FileVerdict{File: f.Name, Verdict: v})
	}
	return list
}

// vote votes on what was seen.
func (h *hall) vote(t *testing.T, name string, seen client.ReleasePackage, v narthex.Verdict) narthex.Release {
	t.Helper()
	r, err := h.People[name].VoteRelease(t.Context(), seen.Release.ID, client.VoteRelease{Saw: seen.Release.Package, Verdicts: verdicts(seen.Release, v)})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return r
}

// TestAJobAndAReleaseAreExplained: what would be decided of the least job and the least release is said as the door decides it.
func TestAJobAndAReleaseAreExplained(t *testing.T) {
	h := openHall(t, leaves(nil))
	ask := func(attribute narthex.AttributeName, asset string) client.Explanation {
		t.Helper()
		said, err := h.People["sam"].Explain(t.Context(), h.grant.ID, client.Explain{Attribute: attribute, Asset: asset})
		if err != nil {
			t.Fatal(err)
		}
		return said
	}
	for _, attribute := range []narthex.AttributeName{"weights.compute", "output.release"} {
		if said := ask(attribute, "model"); !said.Allowed || len(said.Reasons) == 0 || said.Reasons[0].Attribute != attribute {
			t.Errorf("%s: %+v", attribute, said)
		}
		hidden, absent := ask(attribute, "hidden"), ask(attribute, "absent")
		if hidden.Allowed || hidden.Says != absent.Says || hidden.Code != absent.Code {
			t.Errorf("%s: a hidden asset is told from an absent one: %+v %+v", attribute, hidden, absent)
		}
	}
	if said := ask("weights.compute", "model@early"); said.Allowed {
		t.Errorf("a checkpoint that is not granted: %+v", said)
	}
}

// TestEachLimitOfJobsAdmitsAndRefuses drives each limit of what lets jobs run and results leave through one that is admitted and one that is
// refused, and both attributes through a grant without them.
func TestEachLimitOfJobsAdmitsAndRefuses(t *testing.T) {
	h := openHall(t, leaves(map[string]string{"table.csv": "a,b\n1,2\n", "words.txt": "words\n"}))
	type limits = map[narthex.LimitName]narthex.Value
	n := narthex.NumberValue
	with := func(name string, job, out limits) *client.Client {
		t.Helper()
		h.Outsiders(t, name, "Institute of "+name)
		terms := []narthex.Term{testenv.Tokens(10, nil)}
		if job != nil {
			terms = append(terms, testenv.Term("weights.compute", job), testenv.Term("output.release", out))
		}
		_, key := h.Grant(t, name, terms...)
		return h.Client.With(key)
	}
	jobs := func(more limits) limits {
		all := limits{"cpu_hours": n(1), "wall_minutes": n(20), "memory_mb": n(64), "bytes_out": n(200)}
		maps.Copy(all, more)
		return all
	}
	out := func(more limits) limits {
		all := limits{"artefacts": narthex.NamesValue("table", "text"), "bytes_out": n(200)}
		maps.Copy(all, more)
		return all
	}
	submit := func(c *client.Client, minutes, memory int64) (narthex.Job, error) {
		return c.SubmitJob(t.Context(), client.SubmitJob{Asset: "model", Environment: "box", Files: studyFiles(), WallMinutes: minutes, MemoryMB: memory})
	}
	refused := func(what string, err error, limit narthex.LimitName, code string) {
		t.Helper()
		if e := narthex.AsError(err); err == nil || e.Code != code || limit != "" && (e.Reason == nil || e.Reason.Limit != limit || e.Reason.Clause == "") {
			t.Errorf("%s: %v", what, err)
		}
	}
	for name, c := range map[string]struct {
		job             limits
		minutes, memory int64 // of the job that is refused
		code            string
	}{
		"wall_minutes": {jobs(limits{"wall_minutes": n(5)}), 6, 32, "limit_exceeded"},
		"memory_mb":    {jobs(limits{"memory_mb": n(32)}), 5, 33, "limit_exceeded"},
		"cpu_hours":    {jobs(limits{"cpu_hours": n(0)}), 1, 32, "budget_exhausted"},
		"bytes_out":    {jobs(limits{"bytes_out": n(1)}), 1, 32, "budget_exhausted"},
	} {
		holder := with(name, c.job, out(nil))
		_, err := submit(holder, c.minutes, c.memory)
		refused(name, err, narthex.LimitName(name), c.code)
		if name == "cpu_hours" || name == "bytes_out" {
			continue // of these the smallest job is too much, and the next grant admits one
		}
		if _, err := submit(holder, 5, 32); err != nil {
			t.Errorf("%s: within the limit: %v", name, err)
		}
	}
	for name, c := range map[string]struct {
		out  limits
		file string // that is refused; the other is admitted where there is one
		code string
	}{
		"artefacts": {out(limits{"artefacts": narthex.NamesValue("text")}), "table.csv", "limit_exceeded"},
		"out":       {out(limits{"bytes_out": n(1)}), "words.txt", "budget_exhausted"},
	} {
		holder := with(name, jobs(nil), c.out)
		job, err := submit(holder, 5, 32)
		if err != nil {
			t.Fatal(err)
		}
		h.overAs(t, holder, job.ID)
		ask := func(file string) error {
			_, err := holder.SubmitRelease(t.Context(), client.SubmitRelease{Job: job.ID, Files: []client.WantedFile{{Name: file, Context: context20}}})
			return err
		}
		refused(name, ask(c.file), map[string]narthex.LimitName{"artefacts": "artefacts", "out": "bytes_out"}[name], c.code)
		if name == "artefacts" {
			if err := ask("words.txt"); err != nil {
				t.Errorf("a kind that may leave: %v", err)
			}
		}
	}
	three := with("three", jobs(nil), out(limits{"reviewers": n(3)}))
	job, err := submit(three, 5, 32)
	if err != nil {
		t.Fatal(err)
	}
	h.overAs(t, three, job.ID)
	asked, err := three.SubmitRelease(t.Context(), client.SubmitRelease{Job: job.ID, Files: []client.WantedFile{{Name: "words.txt", Context: context20}}})
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"olga", "sam", "paul"} {
		if r := h.vote(t, name, h.review(t, name, asked.ID), narthex.VerdictRelease); (r.State == narthex.ReleaseReleased) != (i == 2) {
			t.Errorf("%d of three said yes, and it is %s", i+1, r.State)
		}
	}
	bare := with("bare", nil, nil)
	_, err = submit(bare, 5, 32)
	refused("a grant without jobs", err, "", "not_granted")
}

// TestAskingAgainAndAgainIsCounted: who asks and withdraws is told what the look found and how large it is, and pays for that, so it ends.
func TestAskingAgainAndAgainIsCounted(t *testing.T) {
	h := openHall(t, leaves(map[string]string{"table.csv": "layer,value\n0,1.23456\n", "words.txt": "four layers \n"}))
	job := h.over(t, h.submit(t).ID)
	start := h.budget(t, "weights.compute", "bytes_out")
	var last error
	paid, tries := int64(0), 0
	for ; last == nil && tries < 400; tries++ {
		var asked narthex.Release
		if asked, last = h.holder().SubmitRelease(t.Context(), client.SubmitRelease{Job: job.ID, Files: []client.WantedFile{{Name: "table.csv", Context: context20}}}); last != nil {
			break
		}
		paid += min(airlock.TriedBytes, asked.Charge)
		if over := must(h.holder().WithdrawRelease(t.Context(), asked.ID)); over.State != narthex.ReleaseWithdrawn {
			t.Fatalf("it is %s", over.State)
		}
	}
	after := h.budget(t, "weights.compute", "bytes_out")
	if !narthex.IsKind(last, narthex.Exhausted) || after.Reserved != 0 || after.Used != start.Used+paid || tries < 2 {
		t.Errorf("after %d tries for %d bytes the account says %+v: %v", tries, paid, after, last)
	}
}
