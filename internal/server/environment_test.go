package server_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/environment"
	"narthex/internal/lab"
	"narthex/internal/server"
	"narthex/internal/testenv"
)

const limitsOfBox = "limits: {memory_mb: 64, wall_minutes: 60, cpus: 1, processes: 8, scratch_mb: 8, out_mb: 8}\npathways: [any]\n"

// rootedHall is a hall with an environment "rooted" whose root is a folder with a program and a link, and that folder.
func rootedHall(t *testing.T, s *stage, log *written) (*hall, string) {
	t.Helper()
	root := t.TempDir()
	err := errors.Join(os.MkdirAll(filepath.Join(root, "usr/bin"), 0o755), os.WriteFile(filepath.Join(root, "usr/bin/tool"), []byte("a program"), 0o755), os.Symlink("tool", filepath.Join(root, "usr/bin/t")))
	if err != nil {
		t.Fatal(err)
	}
	folder := must(environment.ReadRoot(t.Context(), root))
	options, asset := testenv.Beside(t, testenv.Options{Files: func(files lab.Files) {
		files["environments/rooted.yaml"] = []byte("name: rooted\ntitle: a root of its own\nroot: " + root + "\ndigest: " + string(folder.Digest) + "\n" + limitsOfBox)
		files["environments/odd.yaml"] = []byte("name: odd\ntitle: of what is not here\nroot: /\npackages: [dpkg, no-such-package]\n" + limitsOfBox)
		files["environments/held.yaml"] = []byte("name: held\ntitle: of what is here\nroot: /\npackages: [dpkg]\n" + limitsOfBox)
	}, Config: func(c *server.Config) { c.Log = slog.New(slog.NewTextHandler(log, nil)) }}, s.play)
	h := &hall{Env: testenv.New(t, options), asset: asset}
	h.grant, h.key = h.Grant(t, "", append([]narthex.Term{testenv.Tokens(1000, nil)}, testenv.JobTerms()...)...)
	return h, root
}

func (h *hall) submitIn(t *testing.T, environment narthex.EnvironmentName) (narthex.Job, error) {
	t.Helper()
	return h.holder().SubmitJob(t.Context(), client.SubmitJob{Asset: "model", Environment: environment, Files: studyFiles()})
}

// TestARootThatIsAnotherRefusesTheJob: one byte of it, between the job's being taken and its start, with the size and the time put back. The job
// costs nothing, the operator is told, other environments go on; and once the root is mended, so does this one.
func TestARootThatIsAnotherRefusesTheJob(t *testing.T) {
	var log written
	s := &stage{}
	h, root := rootedHall(t, s, &log)
	first := h.over(t, must(h.submitIn(t, "rooted")).ID)
	if first.State != narthex.JobDone || first.Plan.Root == "" {
		t.Fatalf("the job is %s, and its plan %+v", first.State, first.Plan)
	}
	was := h.budget(t, "weights.compute", "cpu_hours")
	s.on.Store(1)
	runs := must(h.submitIn(t, "box"))
	until(t, "a job is beside the asset", func() bool { return s.began.Load() == 1 })
	waits := must(h.submitIn(t, "rooted"))
	name := filepath.Join(root, "usr/bin/tool")
	info := must(os.Stat(name))
	write := func(text string) {
		t.Helper()
		if err := errors.Join(os.WriteFile(name, []byte(text), 0o755), os.Chtimes(name, info.ModTime(), info.ModTime())); err != nil {
			t.Fatal(err)
		}
	}
	write("b program")
	s.on.Store(0)
	must(h.holder().CancelJob(t.Context(), runs.ID))
	job := h.over(t, waits.ID)
	if job.State != narthex.JobCancelled || job.End != nil || !job.StartedAt.IsZero() {
		t.Errorf("the job is %s: %+v", job.State, job.End)
	}
	until(t, "what was reserved is back", func() bool { return h.budget(t, "weights.compute", "cpu_hours").Reserved == 0 })
	if b := h.budget(t, "weights.compute", "cpu_hours"); b.Used > was.Used+2 { // of the one that was cancelled while it ran
		t.Errorf("%d minutes were used, and %d before", b.Used, was.Used)
	}
	if !strings.Contains(log.text(), "level=ERROR msg=\"no job begins in an environment") || !strings.Contains(log.text(), "environment=rooted") {
		t.Errorf("the operator is told %s", log.text())
	}
	if _, err := h.submitIn(t, "rooted"); !narthex.IsKind(err, narthex.Unavailable) || !strings.Contains(narthex.AsError(err).Public, "not the one that the lab approved") {
		t.Errorf("another job of it: %v", err)
	}
	if job := h.over(t, must(h.submitIn(t, "box")).ID); job.State != narthex.JobDone {
		t.Errorf("in another environment the job is %s", job.State)
	}
	write("a program")
	if job := h.over(t, must(h.submitIn(t, "rooted")).ID); job.State != narthex.JobDone || job.Plan.Root != first.Plan.Root {
		t.Errorf("once it is mended the job is %s", job.State)
	}
}

// TestAnEnvironmentWhosePackagesAreMissingIsNotOffered: who asks is told which and what installs them; the rest serves.
func TestAnEnvironmentWhosePackagesAreMissingIsNotOffered(t *testing.T) {
	var log written
	h, _ := rootedHall(t, &stage{}, &log)
	unready := map[narthex.EnvironmentName]string{}
	for _, e := range must(h.holder().Environments(t.Context())).Environments {
		unready[e.Name] = e.Unready
	}
	if len(unready) != 4 || unready["rooted"] != "" || unready["box"] != "" || unready["held"] != "" || !strings.Contains(unready["odd"], "apt-get install no-such-package") {
		t.Errorf("they are unready for %q", unready)
	}
	if _, err := h.submitIn(t, "odd"); !narthex.IsKind(err, narthex.Unavailable) || !strings.Contains(narthex.AsError(err).Public, "no-such-package") {
		t.Errorf("a job of it: %v", err)
	}
	if !strings.Contains(log.text(), "apt-get install no-such-package") {
		t.Error("the log does not say what is missing")
	}
	held := h.over(t, must(h.submitIn(t, "held")).ID)
	box := h.over(t, must(h.submitIn(t, "box")).ID)
	if held.State != narthex.JobDone || held.Plan.Root == "" || box.State != narthex.JobDone || box.Plan.Root != "" {
		t.Errorf("jobs are %s of %q and %s of %q", held.State, held.Plan.Root, box.State, box.Plan.Root)
	}
}

// TestAnEnvironmentIsSeenWithoutANewStart: a node whose directory has none takes no job, and does once one is in force; what is taken out again
// takes none.
func TestAnEnvironmentIsSeenWithoutANewStart(t *testing.T) {
	s := &stage{}
	options, asset := testenv.Beside(t, testenv.Options{}, s.play)
	all := options.Files
	without := func(files lab.Files) {
		all(files)
		delete(files, "environments/box.yaml")
	}
	options.Files = without
	h := &hall{Env: testenv.New(t, options), asset: asset}
	h.grant, h.key = h.Grant(t, "", append([]narthex.Term{testenv.Tokens(1000, nil)}, testenv.JobTerms()...)...)
	if _, err := h.submitIn(t, "box"); !narthex.IsKind(err, narthex.Unavailable) || !strings.Contains(narthex.AsError(err).Public, "has no environment") {
		t.Errorf("without an environment: %v", err)
	}
	adopt := func(change func(lab.Files)) {
		t.Helper()
		digest := propose(t, h.Env, h.People["carol"].Client, change)
		for _, name := range []string{"carol", "dan"} {
			must(h.People[name].ApproveLab(t.Context(), digest))
		}
	}
	adopt(all)
	var job narthex.Job
	until(t, "a job is taken", func() (taken bool) {
		var err error
		job, err = h.submitIn(t, "box")
		if err != nil && !narthex.IsKind(err, narthex.Unavailable) {
			t.Fatal(err)
		}
		time.Sleep(200 * time.Millisecond)
		return err == nil
	})
	if job := h.over(t, job.ID); job.State != narthex.JobDone {
		t.Errorf("the job is %s", job.State)
	}
	adopt(without)
	if _, err := h.submitIn(t, "box"); !narthex.IsKind(err, narthex.Invalid) {
		t.Errorf("of an environment that is gone: %v", err)
	}
}

// TestWithoutBubblewrapTheRestServes, and who asks for a job is told what is missing.
func TestWithoutBubblewrapTheRestServes(t *testing.T) {
	options, asset := testenv.Beside(t, testenv.Options{Config: func(c *server.Config) { c.Host = nil }}, (&stage{}).play)
	t.Setenv("PATH", t.TempDir())
	h := &hall{Env: testenv.New(t, options), asset: asset}
	h.grant, h.key = h.Grant(t, "", append([]narthex.Term{testenv.Tokens(1000, nil)}, testenv.JobTerms()...)...)
	if _, err := h.submitIn(t, "box"); !narthex.IsKind(err, narthex.Unavailable) || !strings.Contains(narthex.AsError(err).Public, "apt-get install bubblewrap") {
		t.Errorf("a job: %v", err)
	}
	if list := must(h.holder().Environments(t.Context())); len(list.Environments) != 1 || !strings.Contains(list.Environments[0].Unready, "bubblewrap") {
		t.Errorf("the environments are %+v", list.Environments)
	}
	if status, text, err := h.Chat(t.Context(), h.key, `{"model":"model","max_tokens":3,"messages":[{"role":"user","content":"a"}]}`); err != nil || status != 200 {
		t.Errorf("a call of the model: %d %s %v", status, text, err)
	}
}
