package server_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/airlock"
	"narthex/internal/gateway"
	"narthex/internal/lab"
	"narthex/internal/sandbox"
	"narthex/internal/server"
	"narthex/internal/store"
	"narthex/internal/testenv"
)

// stage plays jobs that leave two files, or that go on until they are ended.
type stage struct {
	on, began, ended atomic.Int32 // whether jobs go on; how many of these began, and were ended
}

var results = map[string]string{"table.csv": "layer,value\n0,1.23456\n", "words.txt": "four layers\n"}

func (s *stage) play(ctx context.Context, job sandbox.Job, out string, stdout, stderr io.Writer) sandbox.Ended {
	if s.on.Load() == 0 {
		return leaves(results)(ctx, job, out, stdout, stderr)
	}
	s.began.Add(1)
	<-ctx.Done()
	s.ended.Add(1)
	return sandbox.Ended{CPU: 90 * time.Second}
}

// until waits for something.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it does not come about that %s", what)
		}
	}
}

// asks asks for both files of a job.
func (h *hall) asks(t *testing.T, job narthex.JobID) (narthex.Release, error) {
	t.Helper()
	return h.holder().SubmitRelease(t.Context(), client.SubmitRelease{Job: job, Files: []client.WantedFile{{Name: "table.csv", Context: context20}, {Name: "words.txt", Context: context20}}})
}

// released has a job's files released.
func (h *hall) released(t *testing.T) narthex.Release {
	t.Helper()
	r := must(h.asks(t, h.over(t, h.submit(t).ID).ID))
	for _, name := range []string{"olga", "sam"} {
		h.vote(t, name, h.review(t, name, r.ID), narthex.VerdictRelease)
	}
	return r
}

// TestWhateverStopsAKeyEndsItsJobsAndReleases: a job that runs is ended, one that waits does not begin, what waits to leave is withdrawn, what
// was released is not given out, and what was reserved comes back. What ends the stop brings none of it back.
func TestWhateverStopsAKeyEndsItsJobsAndReleases(t *testing.T) {
	for _, name := range []string{"person", "org", "grant", "engagement", "key", "asset", "silent person", "silent key", "word", "revoke", "end", "suspend"} {
		t.Run(name, func(t *testing.T) {
			s := &stage{}
			h := openHall(t, s.play)
			if name == "word" {
				h.Authorise(t, "otto", "ada", 30)
				h.grant, h.key = h.Grant(t, "", testenv.Tokens(1000, nil),
					testenv.Term("weights.compute", map[narthex.LimitName]narthex.Value{"cpu_hours": narthex.NumberValue(1), "wall_minutes": narthex.NumberValue(20), "memory_mb": narthex.NumberValue(64), "bytes_out": narthex.NumberValue(400)}),
					testenv.Term("output.release", map[narthex.LimitName]narthex.Value{"artefacts": narthex.NamesValue("table", "text"), "bytes_out": narthex.NumberValue(400)}))
			}
			view := must(h.holder().OwnGrant(t.Context()))
			minted := must(h.People["ada"].Mint(t.Context(), h.grant.ID, client.Mint{Label: "another"}))
			out := h.released(t)
			pending := must(h.asks(t, h.over(t, h.submit(t).ID).ID))
			s.on.Store(1)
			runs := h.submit(t)
			until(t, "the job runs", func() bool { return s.began.Load() == 1 })
			waits := h.submit(t)
			targets := map[string]string{"grant": string(h.grant.ID), "engagement": string(h.grant.Engagement), "key": string(view.Keys[0].ID), "person": string(h.grant.Persons[0]), "org": string(h.grant.Org), "asset": "model"}
			subject := strings.TrimPrefix(name, "silent ")
			var locked client.Locked
			var err error
			switch name {
			case "word":
				_, err = h.People["otto"].Unauthorise(t.Context(), h.grant.Persons[0])
			case "revoke":
				_, err = h.People["ada"].RevokeKey(t.Context(), view.Keys[0].ID)
			case "end":
				_, err = h.People["ada"].Command(t.Context(), h.grant.Engagement, "end", client.Command{Text: "done"})
			case "suspend":
				_, err = h.People["carol"].Suspend(t.Context(), h.grant.Persons[0], "left")
			default:
				in := client.LockRequest{Subject: narthex.LockSubject(subject), Target: targets[subject], Reason: "legal_order"}
				if subject != name {
					in.SilentUntil = time.Now().Add(72 * time.Hour).Truncate(time.Second)
				}
				locked, err = h.People["sam"].Lock(t.Context(), in)
			}
			if err != nil {
				t.Fatal(err)
			}
			until(t, "the job is ended", func() bool { return s.ended.Load() == 1 })
			until(t, "the release is withdrawn", func() bool {
				r, err := h.People["olga"].Release(t.Context(), pending.ID)
				return err == nil && r.Release.State == narthex.ReleaseWithdrawn
			})
			if _, err := h.holder().FetchRelease(t.Context(), out.ID); err == nil {
				t.Error("what was released is still given out")
			}
			if name == "silent person" {
				_, told := h.holder().FetchRelease(t.Context(), out.ID)
				if problem := narthex.AsError(told); problem.Kind != narthex.Unauthenticated {
					t.Errorf("a lock of which nobody may tell is told as %v", told)
				}
			}
			if locked.Lock.ID != "" {
				if _, err := h.People["carol"].Unlock(t.Context(), locked.Lock.ID); err != nil {
					t.Fatal(err)
				}
			}
			key := h.key
			if name == "revoke" {
				key = minted.Token
			}
			if name == "end" || name == "suspend" {
				if began := s.began.Load(); began != 1 {
					t.Errorf("%d jobs began", began)
				}
				return
			}
			ada := h.Client.With(key)
			if name == "word" {
				h.Authorise(t, "otto", "ada", 30)
			}
			for id, want := range map[narthex.JobID]bool{runs.ID: true, waits.ID: false} {
				until(t, "the jobs are over", func() bool { job, err := ada.Job(t.Context(), id); return err == nil && job.State.Over() })
				if job := must(ada.Job(t.Context(), id)); job.State != narthex.JobCancelled || (job.End != nil) != want {
					t.Errorf("the job is %s, %+v", job.State, job.End)
				}
			}
			if began := s.began.Load(); began != 1 {
				t.Errorf("%d jobs began", began)
			}
			for _, b := range must(ada.OwnGrant(t.Context())).Budgets {
				if b.Reserved != 0 {
					t.Errorf("%d of %s are reserved still", b.Reserved, b.Limit)
				}
			}
			if r := must(ada.OwnRelease(t.Context(), pending.ID)); r.State != narthex.ReleaseWithdrawn {
				t.Errorf("the release is %s", r.State)
			}
		})
	}
}

// TestWhatAJobSaysElsewhereIsNotTold plants marks in everything that a job writes, and looks for them in all answers, in the log, and in the
// ledger.
func TestWhatAJobSaysElsewhereIsNotTold(t *testing.T) {
	const mark = "mark-of-the-weights"
	var log written
	h := openHallWith(t, func(_ context.Context, _ sandbox.Job, out string, stdout, stderr io.Writer) sandbox.Ended {
		for _, w := range []io.Writer{stdout, stderr} {
			_, _ = io.WriteString(w, mark)
		}
		err := errors.Join(os.WriteFile(filepath.Join(out, "table.csv"), []byte("a,b\n1,2\n"), 0o600), os.WriteFile(filepath.Join(out, mark), []byte(mark), 0o600), os.WriteFile(filepath.Join(out, "words.txt"), []byte("\x00"+mark), 0o600))
		if err != nil {
			return sandbox.Ended{Class: sandbox.Failed}
		}
		return sandbox.Ended{Class: sandbox.Failed, File: mark, Line: 7, CPU: time.Hour * 999, Wall: time.Hour * 999}
	}, func(c *server.Config) {
		c.Host.Examiner, c.Log = testenv.Here{}, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	job := h.over(t, h.submit(t).ID)
	if job.State != narthex.JobFailed || job.End.File != "" || job.End.Line != 0 || job.End.CPUMinutes != job.Plan.CPUMinutes {
		t.Errorf("the job ended as %+v", job.End)
	}
	if len(job.Package.Refused) != 1 || job.Package.Refused[0] != (narthex.RefusedFile{Name: "words.txt", Class: "characters"}) {
		t.Errorf("it left %+v", job.Package)
	}
	release := must(h.holder().SubmitRelease(t.Context(), client.SubmitRelease{Job: job.ID, Files: []client.WantedFile{{Name: "table.csv", Context: context20}}}))
	for what, said := range map[string]any{"job": job, "jobs": must(h.holder().Jobs(t.Context())), "release": release, "releases": must(h.holder().OwnReleases(t.Context()))} {
		text, err := json.Marshal(said)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), mark) {
			t.Errorf("%s tells %s", what, text)
		}
		var told struct {
			Package *narthex.Package
			Files   []narthex.Frozen
			Digest  narthex.Digest `json:"package.digest"`
		}
		_ = json.Unmarshal(text, &told)
		if told.Package != nil {
			told.Files = append(told.Files, told.Package.Files...)
		}
		for _, f := range told.Files {
			if f.Bytes != 0 || f.Digest != "" {
				t.Errorf("%s tells of a file that nobody reviewed %+v", what, f)
			}
		}
	}
	if !job.EndedAt.Equal(job.StartedAt.Add(time.Duration(job.End.WallMinutes) * time.Minute)) {
		t.Errorf("it began at %s and ended at %s", job.StartedAt, job.EndedAt)
	}
	var export bytes.Buffer
	if err := h.People["lea"].Export(t.Context(), &export); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(log.text(), mark) || log.text() == "" {
		t.Error("the log tells what a job wrote, or nothing")
	}
	if strings.Contains(export.String(), mark) || !strings.Contains(export.String(), "job.changed") {
		t.Error("the ledger tells what a job wrote")
	}
}

// written keeps what is written.
type written struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (w *written) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.all.Write(p)
}

func (w *written) text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.all.String()
}

// TestAnEndThatNoJobHasIsALoss: a driver that says nonsense blocks neither the asset nor the node.
func TestAnEndThatNoJobHasIsALoss(t *testing.T) {
	h := openHall(t, func(context.Context, sandbox.Job, string, io.Writer, io.Writer) sandbox.Ended {
		return sandbox.Ended{Class: "of its own"}
	})
	for range 2 {
		job := h.over(t, h.submit(t).ID)
		if job.State != narthex.JobFailed || job.End.Class != "lost" || job.End.CPUMinutes != job.Plan.CPUMinutes {
			t.Errorf("the job ended as %+v", job.End)
		}
	}
	if b := h.budget(t, "weights.compute", "cpu_hours"); b.Reserved != 0 || b.Used != 20 {
		t.Errorf("two jobs of ten minutes that were lost were charged %+v", b)
	}
}

// TestOddOutputsStayWhereTheyAre: links, folders, pipes, holes, second names and large files are refused by a rule; what was not declared
// never leaves.
func TestOddOutputsStayWhereTheyAre(t *testing.T) {
	odd := map[string]func(out, name string) error{
		"link":   func(out, name string) error { return os.Symlink("/etc/passwd", filepath.Join(out, name)) },
		"folder": func(out, name string) error { return os.Mkdir(filepath.Join(out, name), 0o755) },
		"pipe":   func(out, name string) error { return syscall.Mkfifo(filepath.Join(out, name), 0o644) },
		"names": func(out, name string) error {
			return errors.Join(os.WriteFile(filepath.Join(out, name), []byte("a\n"), 0o644), os.Link(filepath.Join(out, name), filepath.Join(out, "other")))
		},
		"holes": func(out, name string) error {
			return errors.Join(os.WriteFile(filepath.Join(out, name), nil, 0o644), os.Truncate(filepath.Join(out, name), 1<<20))
		},
		"large": func(out, name string) error {
			return os.WriteFile(filepath.Join(out, name), make([]byte, 5<<20), 0o644)
		},
		"nothing": func(string, string) error { return nil },
	}
	names := slices.Sorted(func(yield func(string) bool) {
		for name := range odd {
			if !yield(name) {
				return
			}
		}
	})
	h := openHall(t, func(_ context.Context, _ sandbox.Job, out string, _, _ io.Writer) sandbox.Ended {
		for _, name := range names {
			if odd[name](out, name+".txt") != nil {
				return sandbox.Ended{Class: sandbox.OutOfSpace}
			}
		}
		return sandbox.Ended{Class: sandbox.Done}
	})
	text := "name: a-study\ncommand: [/study/run]\noutputs:\n"
	for _, name := range names {
		text += "  - {name: " + name + ".txt, kind: text, says: words}\n"
	}
	job := must(h.holder().SubmitJob(t.Context(), client.SubmitJob{Asset: "model", Environment: "box", Files: []client.StudyFile{{Path: "run", Data: []byte("#!\n")}, {Path: "study.yaml", Data: []byte(text)}}}))
	pack := h.over(t, job.ID).Package
	if pack == nil || len(pack.Files) != 0 || !slices.Equal(pack.Missing, []string{"nothing.txt"}) || len(pack.Refused) != len(odd)-1 {
		t.Fatalf("it left %+v", pack)
	}
	for _, f := range pack.Refused {
		if want := map[string]string{"large.txt": "size"}[f.Name]; f.Class != want && (want != "" || f.Class != "shape") {
			t.Errorf("%s is refused as %s", f.Name, f.Class)
		}
	}
	if _, err := h.asks(t, job.ID); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("nothing may leave, and it is %v", err)
	}
}

// TestAStudyIsHeldToItsForm: what is refused of a study is refused before anything is kept, reserved or run.
func TestAStudyIsHeldToItsForm(t *testing.T) {
	s := &stage{}
	h := openHall(t, s.play)
	with := func(path, data string) []client.StudyFile {
		return studyFiles(client.StudyFile{Path: path, Data: []byte(data)})
	}
	many := studyFiles()
	for i := range 199 {
		many = append(many, client.StudyFile{Path: fmt.Sprintf("z%03d", i)})
	}
	for name, files := range map[string][]client.StudyFile{
		"none":                nil,
		"no study.yaml":       {{Path: "run"}},
		"201 files":           many,
		"17 MB":               append(studyFiles(), client.StudyFile{Path: "z1", Data: make([]byte, 9<<20)}, client.StudyFile{Path: "z2", Data: make([]byte, 8<<20)}),
		"a path upwards":      with("../x", "x"),
		"an absolute path":    with("/x", "x"),
		"a hidden path":       with("a/.x", "x"),
		"a file twice":        append(studyFiles(), studyFiles()[1]),
		"in another order":    {studyFiles()[1], studyFiles()[0]},
		"a file in a file":    append(studyFiles(), client.StudyFile{Path: "z"}, client.StudyFile{Path: "z-"}, client.StudyFile{Path: "z/x"}),
		"a pickle":            with("x.bin", "\x80\x04K\x01."),
		"an archive":          with("x.bin", "PK\x03\x04"),
		"a suffix of weights": with("x.pt", "x"),
		"another study.yaml":  {{Path: "run"}, {Path: "study.yaml", Data: []byte("name: x\n")}},
	} {
		_, err := h.holder().SubmitJob(t.Context(), client.SubmitJob{Asset: "model", Environment: "box", Files: files})
		if !narthex.IsKind(err, narthex.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	same := func(a, b client.SubmitJob) {
		t.Helper()
		texts := []string{}
		for _, in := range []client.SubmitJob{a, b} {
			in.Files = studyFiles()
			body, err := json.Marshal(in)
			if err != nil {
				t.Fatal(err)
			}
			status, text, err := h.Post(t.Context(), "/v1/jobs", h.key, string(body))
			if err != nil || status < 400 {
				t.Fatalf("%d %s %v", status, text, err)
			}
			texts = append(texts, fmt.Sprint(status, requests.ReplaceAllString(text, "")))
		}
		if texts[0] != texts[1] {
			t.Errorf("what is for others is answered\n%s\nand what is not there\n%s", texts[0], texts[1])
		}
	}
	same(client.SubmitJob{Asset: "hidden", Environment: "box"}, client.SubmitJob{Asset: "nosuch", Environment: "box"})
	same(client.SubmitJob{Asset: "model@early", Environment: "box"}, client.SubmitJob{Asset: "model@nosuch", Environment: "box"})
	same(client.SubmitJob{Asset: "model", Environment: "theirs", WallMinutes: 61}, client.SubmitJob{Asset: "model", Environment: "nosuch", WallMinutes: 61})
	if jobs := must(h.holder().Jobs(t.Context())); len(jobs.Jobs) != 0 || s.began.Load() != 0 {
		t.Error("something was taken in")
	}
	for _, b := range must(h.holder().OwnGrant(t.Context())).Budgets {
		if b.Used+b.Reserved != 0 {
			t.Errorf("%+v was taken", b)
		}
	}
}

// TestWhatChangedSinceAJobWasTakenDoesNotRun: weights that are others now, a study that is another in the store, an environment that two people
// changed.
func TestWhatChangedSinceAJobWasTakenDoesNotRun(t *testing.T) {
	for name, change := range map[string]func(*hall, store.Store) error{
		"the weights": func(h *hall, _ store.Store) error {
			return os.WriteFile(filepath.Join(h.asset, "weights.bin"), []byte("the weight"), 0o644)
		},
		"the study": func(h *hall, raw store.Store) error {
			h.Tampered = true
			return raw.Update(t.Context(), func(tx store.Tx) error {
				key := string(narthex.MakeDigest(sha256.Sum256([]byte("#!\nrun\n")))) + "/0000"
				row, err := tx.Get(store.Blobs, key)
				if err != nil || row == nil {
					return errors.Join(errors.New("the study is not there"), err)
				}
				return tx.Put(store.Blobs, key, bytes.Replace(row, []byte(`"data":"`), []byte(`"data":"AAAA`), 1))
			})
		},
		"the environment": func(h *hall, _ store.Store) error {
			files := lab.Files{}
			top := os.DirFS(h.Config().Lab)
			err := fs.WalkDir(top, ".", func(name string, entry fs.DirEntry, err error) error {
				if err == nil && !entry.IsDir() {
					files[name], err = fs.ReadFile(top, name)
				}
				return err
			})
			if err != nil {
				return err
			}
			files["environments/box.yaml"] = bytes.Replace(files["environments/box.yaml"], []byte("wall_minutes: 60"), []byte("wall_minutes: 59"), 1)
			state := must(h.People["olga"].Propose(t.Context(), files))
			for _, who := range []string{"carol", "dan"} {
				must(h.People[who].ApproveLab(t.Context(), state.Proposed))
			}
			return nil
		},
	} {
		s := &stage{}
		var raw store.Store
		h := openHallWith(t, s.play, func(c *server.Config) {
			c.Host.Examiner = testenv.Here{}
			c.Wrap = func(s store.Store) store.Store { raw = s; return s }
		})
		s.on.Store(1)
		first := h.submit(t)
		until(t, "the job runs", func() bool { return s.began.Load() == 1 })
		second := h.submit(t)
		if err := change(h, raw); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := h.holder().CancelJob(t.Context(), first.ID); err != nil {
			t.Fatal(err)
		}
		if job := h.over(t, second.ID); job.State != narthex.JobCancelled || job.End != nil || s.began.Load() != 1 {
			t.Errorf("%s: a job on others is %s", name, job.State)
		}
		if b := h.budget(t, "weights.compute", "cpu_hours"); b.Reserved != 0 || b.Used > 10 {
			t.Errorf("%s: of processor time there is %+v", name, b)
		}
	}
}

// TestTheQueueIsBoundedAndNothingIsOverspent: a hundred submissions at once, of which the budget takes six.
func TestTheQueueIsBoundedAndNothingIsOverspent(t *testing.T) {
	s := &stage{}
	h := openHall(t, s.play)
	s.on.Store(1)
	var taken, refused atomic.Int32
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			_, err := h.holder().SubmitJob(t.Context(), client.SubmitJob{Asset: "model", Environment: "box", Files: studyFiles(), WallMinutes: 10})
			switch {
			case err == nil:
				taken.Add(1)
			case narthex.IsKind(err, narthex.Exhausted):
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if b := h.budget(t, "weights.compute", "cpu_hours"); taken.Load() != 6 || refused.Load() != 94 || b.Reserved != 60 {
		t.Errorf("%d were taken, %d refused, and %+v", taken.Load(), refused.Load(), b)
	}
	jobs := must(h.holder().Jobs(t.Context())).Jobs
	places := []int{}
	for _, j := range jobs {
		places = append(places, j.Place)
		if _, err := h.holder().CancelJob(t.Context(), j.ID); err != nil {
			t.Error(err)
		}
	}
	if slices.Sort(places); !slices.Equal(places, []int{0, 1, 2, 3, 4, 5}) {
		t.Errorf("they wait at %v", places)
	}
	for _, j := range jobs {
		h.over(t, j.ID)
	}
	if b := h.budget(t, "weights.compute", "cpu_hours"); b.Reserved != 0 || b.Used > 2 || s.began.Load() != 1 {
		t.Errorf("after all were cancelled %+v, %d began", b, s.began.Load())
	}
	for i := range 17 {
		_, err := h.holder().SubmitJob(t.Context(), client.SubmitJob{Asset: "model", Environment: "box", Files: studyFiles(client.StudyFile{Path: "n", Data: []byte(fmt.Sprint(i))}), WallMinutes: 1})
		if (i == 16) != (codeOf(err) == "too_many_at_once") {
			t.Errorf("job %d of those that wait: %v", i+1, err)
		}
	}
}

// TestHandingInAndCancellingFillsNoDisk: what never begins costs nothing and its study is kept, so that there is an end to it.
func TestHandingInAndCancellingFillsNoDisk(t *testing.T) {
	s := &stage{}
	h := openHall(t, s.play)
	s.on.Store(1)
	first := h.submit(t)
	until(t, "the first runs", func() bool { return s.began.Load() == 1 })
	var last error
	kept := 0
	for ; last == nil && kept < 100; kept++ {
		var job narthex.Job
		if job, last = h.holder().SubmitJob(t.Context(), client.SubmitJob{Asset: "model", Environment: "box", Files: studyFiles(client.StudyFile{Path: "n", Data: []byte(fmt.Sprint(kept))}), WallMinutes: 1}); last != nil {
			break
		}
		must(h.holder().CancelJob(t.Context(), job.ID))
	}
	if kept != 64 || codeOf(last) != "too_many_at_once" {
		t.Errorf("%d studies are kept of jobs that never began: %v", kept, last)
	}
	must(h.holder().CancelJob(t.Context(), first.ID))
}

// dying is a store that takes nothing once it is dead.
type dying struct {
	store.Store
	dead atomic.Bool
}

func (d *dying) wrap(s store.Store) store.Store {
	d.Store = s
	return d
}

func (d *dying) Update(ctx context.Context, change func(store.Tx) error) error {
	if d.dead.Load() {
		return errors.New("dead")
	}
	return d.Store.Update(ctx, change)
}

// TestALostJobIsClosedWhereNoJobRuns: a node ends with a job under way, and the next one cannot run any.
func TestALostJobIsClosedWhereNoJobRuns(t *testing.T) {
	s := &stage{}
	under := &dying{}
	h := openHallWith(t, s.play, func(c *server.Config) {
		c.Host.Examiner = testenv.Here{}
		c.Wrap = under.wrap
	})
	s.on.Store(1)
	job := h.submit(t)
	until(t, "the job runs", func() bool { return s.began.Load() == 1 })
	under.dead.Store(true)
	_ = h.Node.Close() // it could not record how the job ended
	under.dead.Store(false)
	h.Reconfigure(func(c *server.Config) { c.Host = nil })
	t.Setenv("PATH", "")
	h.Start(t)
	ended := h.over(t, job.ID)
	if ended.End == nil || ended.End.Class != "lost" || ended.End.CPUMinutes != 10 {
		t.Errorf("it ended as %+v", ended.End)
	}
	if b := h.budget(t, "weights.compute", "cpu_hours"); b.Reserved != 0 || b.Used != 10 {
		t.Errorf("of processor time there is %+v", b)
	}
	if _, err := h.holder().SubmitJob(t.Context(), client.SubmitJob{Asset: "model", Environment: "box", Files: studyFiles()}); !narthex.IsKind(err, narthex.Unavailable) {
		t.Errorf("a job on a node that runs none: %v", err)
	}
}

// looked keeps what it was asked to look into.
type looked struct {
	testenv.Here
	mu    sync.Mutex
	tasks []airlock.Task
}

func (l *looked) Examine(ctx context.Context, task airlock.Task, versions ...string) (airlock.Answer, error) {
	l.mu.Lock()
	if task.Look {
		l.tasks = append(l.tasks, task)
	}
	l.mu.Unlock()
	return l.Here.Examine(ctx, task, versions...)
}

// TestWhatWaitsIsComparedAndWhatIsDeniedIsNotLookedInto: of two packages that wait, the second is compared with the first; a look is work for
// those whose terms let it leave.
func TestWhatWaitsIsComparedAndWhatIsDeniedIsNotLookedInto(t *testing.T) {
	s, l := &stage{}, &looked{}
	h := openHallWith(t, s.play, func(c *server.Config) { c.Host.Examiner = l })
	first := must(h.asks(t, h.over(t, h.submit(t).ID).ID))
	second := h.over(t, h.submit(t).ID)
	must(h.asks(t, second.ID))
	if len(l.tasks) != 2 || len(l.tasks[0].Earlier) != 0 || len(l.tasks[1].Earlier) != 1 || l.tasks[1].Earlier[0].Release != string(first.ID) {
		t.Fatalf("%d looks, the second beside %+v", len(l.tasks), l.tasks)
	}
	if _, err := h.asks(t, second.ID); !narthex.IsKind(err, narthex.Conflict) || len(l.tasks) != 2 {
		t.Errorf("files that wait already: %v, %d looks", err, len(l.tasks))
	}
	_, h.key = h.Grant(t, "", testenv.Tokens(1000, nil),
		testenv.Term("weights.compute", map[narthex.LimitName]narthex.Value{"cpu_hours": narthex.NumberValue(1), "wall_minutes": narthex.NumberValue(20), "memory_mb": narthex.NumberValue(64), "bytes_out": narthex.NumberValue(500)}),
		testenv.Term("output.release", map[narthex.LimitName]narthex.Value{"artefacts": narthex.NamesValue("table"), "bytes_out": narthex.NumberValue(500)}))
	if _, err := h.asks(t, h.over(t, h.submit(t).ID).ID); err == nil || len(l.tasks) != 2 {
		t.Errorf("nothing may leave: %v, %d looks", err, len(l.tasks))
	}
}

var _ gateway.Examiner = (*looked)(nil)

// blind cannot look into anything.
type blind struct{ testenv.Here }

func (b blind) Examine(ctx context.Context, task airlock.Task, versions ...string) (airlock.Answer, error) {
	if task.Look {
		return airlock.Answer{}, errors.New("canary of the cause")
	}
	return b.Here.Examine(ctx, task, versions...)
}

// TestALookThatEndsBadlyIsAnEntry: what makes it end so may be what a job chose, so that it happened is not without a trace.
func TestALookThatEndsBadlyIsAnEntry(t *testing.T) {
	s := &stage{}
	h := openHallWith(t, s.play, func(c *server.Config) { c.Host.Examiner = blind{} })
	job := h.over(t, h.submit(t).ID)
	before := verified(t, h.Env).ByType[narthex.EntryCallDenied]
	if _, err := h.asks(t, job.ID); !narthex.IsKind(err, narthex.Unavailable) || strings.Contains(err.Error(), "canary") {
		t.Errorf("it says %v", err)
	}
	if denied := verified(t, h.Env).ByType[narthex.EntryCallDenied] - before; denied != 1 {
		t.Errorf("%d entries say so", denied)
	}
	if b := h.budget(t, "output.release", "bytes_out"); b.Reserved != 0 {
		t.Errorf("it holds %+v", b)
	}
}

// slow takes its time over each look, and a twin of its does not come before the test ends.
type slow struct {
	looked
	over chan struct{}
}

func (s *slow) Examine(ctx context.Context, task airlock.Task, versions ...string) (airlock.Answer, error) {
	answer, err := s.looked.Examine(ctx, task, versions...)
	if task.Look {
		time.Sleep(300 * time.Millisecond)
	}
	return answer, err
}

func (s *slow) Twin(ctx context.Context, asset string, digest narthex.Digest) (airlock.Twins, error) {
	<-s.over
	return s.Here.Twin(ctx, asset, digest)
}

// TestNobodyKeepsOthersFromAsking: who asks while somebody else's files are looked at comes after them and is compared with them, and twins
// that are asked for leave room for looks.
func TestNobodyKeepsOthersFromAsking(t *testing.T) {
	s, l := &stage{}, &slow{over: make(chan struct{})}
	h := openHallWith(t, s.play, func(c *server.Config) { c.Host.Examiner = l })
	holder := h.holder()
	var asking sync.WaitGroup
	defer asking.Wait()
	defer close(l.over)
	for range 3 {
		asking.Go(func() { _, _ = holder.Twin(context.WithoutCancel(t.Context()), "model@final") })
	}
	time.Sleep(100 * time.Millisecond)
	var jobs []narthex.JobID
	for range 3 {
		jobs = append(jobs, h.over(t, h.submit(t).ID).ID)
	}
	failed := make([]error, len(jobs))
	var submitted sync.WaitGroup
	for i, job := range jobs {
		submitted.Go(func() { _, failed[i] = h.asks(t, job) })
	}
	submitted.Wait()
	if err := errors.Join(failed...); err != nil {
		t.Fatalf("who asks at the same time is kept from it: %v", err)
	}
	for i, task := range l.tasks {
		if len(task.Earlier) != i {
			t.Errorf("look %d is beside %d", i+1, len(task.Earlier))
		}
	}
}

// TestWhoSaysWhatMayLeave: nobody but two of the lab who are apart from it, may say so still, and saw what stands.
func TestWhoSaysWhatMayLeave(t *testing.T) {
	s := &stage{}
	h := openHall(t, s.play)
	r := must(h.asks(t, h.over(t, h.submit(t).ID).ID))
	for name := range h.People {
		_, err := h.People[name].Release(t.Context(), r.ID)
		if may := slices.Contains([]string{"olga", "sam", "paul"}, name); may != (err == nil) {
			t.Errorf("%s looks: %v", name, err)
		}
		if _, err := h.People[name].VoteRelease(t.Context(), r.ID, client.VoteRelease{Saw: "sha256:" + narthex.Digest(strings.Repeat("0", 64)), Verdicts: verdicts(r, narthex.VerdictRelease)}); err == nil {
			t.Errorf("%s votes on another package", name)
		}
	}
	seen := h.review(t, "olga", r.ID)
	h.vote(t, "olga", seen, narthex.VerdictRelease)
	if _, err := h.People["olga"].VoteRelease(t.Context(), r.ID, client.VoteRelease{Saw: seen.Release.Package, Verdicts: verdicts(seen.Release, narthex.VerdictRelease)}); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("a second vote: %v", err)
	}
	if _, err := h.People["carol"].Suspend(t.Context(), h.People["olga"].ID, "key stolen"); err != nil {
		t.Fatal(err)
	}
	again := h.review(t, "sam", r.ID)
	if got := h.vote(t, "sam", again, narthex.VerdictRelease); got.State != narthex.ReleaseSubmitted || len(got.Votes) != 1 {
		t.Errorf("beside the vote of somebody suspended it is %s, with %d votes", got.State, len(got.Votes))
	}
	if _, err := h.People["sam"].ReturnRelease(t.Context(), r.ID, client.VoteRelease{Saw: again.Release.Package, Comment: "once more"}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.holder().EditRelease(t.Context(), r.ID, client.EditRelease{Files: []client.WantedFile{{Name: "words.txt", Context: context20}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.People["sam"].VoteRelease(t.Context(), r.ID, client.VoteRelease{Saw: again.Release.Package, Verdicts: verdicts(again.Release, narthex.VerdictRelease)}); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("a vote on what was edited since: %v", err)
	}
	h.vote(t, "sam", h.review(t, "sam", r.ID), narthex.VerdictRelease)
	if got := h.vote(t, "paul", h.review(t, "paul", r.ID), narthex.VerdictRelease); got.State != narthex.ReleaseReleased {
		t.Errorf("it is %s", got.State)
	}
	agent := must(h.People["ada"].Mint(t.Context(), h.grant.ID, client.Mint{Label: "narrow", Terms: []narthex.Term{testenv.Tokens(10, nil)}}))
	narrow := h.Client.With(agent.Token)
	if got, err := narrow.FetchRelease(t.Context(), r.ID); err != nil || len(got.Files) != 1 || string(got.Files[0].Data) != results["words.txt"] {
		t.Errorf("another key of the same person fetches %+v, %v", got.Files, err)
	}
}

// TestTheBytesReleasedAreThoseReviewed: rows of frozen files are altered, cut and lengthened behind the node's back, after they were reviewed.
func TestTheBytesReleasedAreThoseReviewed(t *testing.T) {
	for name, alter := range map[string]func(store.Tx, store.Row) error{
		"another byte": func(tx store.Tx, row store.Row) error {
			return tx.Put(store.Blobs, row.Key, bytes.Replace(row.Value, []byte(`"data":"`), []byte(`"data":"AAAA`), 1))
		},
		"another piece": func(tx store.Tx, row store.Row) error {
			return tx.Put(store.Blobs, strings.TrimSuffix(row.Key, "0000")+"0001", row.Value)
		},
		"none": func(tx store.Tx, row store.Row) error { return tx.Delete(store.Blobs, row.Key) },
	} {
		var raw store.Store
		s := &stage{}
		h := openHallWith(t, s.play, func(c *server.Config) {
			c.Host.Examiner = testenv.Here{}
			c.Wrap = func(s store.Store) store.Store { raw = s; return s }
		})
		h.Tampered = true
		r := must(h.asks(t, h.over(t, h.submit(t).ID).ID))
		h.vote(t, "olga", h.review(t, "olga", r.ID), narthex.VerdictRelease)
		seen := h.review(t, "sam", r.ID)
		h.vote(t, "sam", seen, narthex.VerdictRelease)
		err := raw.Update(t.Context(), func(tx store.Tx) error {
			rows, err := tx.Scan(store.Blobs, store.Span{Limit: 16})
			for _, row := range rows {
				err = errors.Join(err, alter(tx, row))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if got, err := h.holder().FetchRelease(t.Context(), r.ID); err == nil {
				for i, f := range got.Files {
					if !bytes.Equal(f.Data, seen.Files[i].Data) {
						t.Errorf("%s: %s is not as it was reviewed", name, f.Path)
					}
				}
			} else if !narthex.IsKind(err, narthex.Unavailable) {
				t.Errorf("%s: %v", name, err)
			}
			if len(must(h.holder().Jobs(t.Context())).Jobs) != 1 { // much is read, so that nothing is remembered
				t.Error("the job is gone")
			}
		}
		if report, err := h.People["lea"].Audit(t.Context(), false); err != nil || len(report.Differences) == 0 {
			t.Errorf("%s: the audit names nothing: %v", name, err)
		}
	}
}

// TestAnAgentTakesNothingOut: an agent's key runs jobs, and neither asks for what they left, nor says more of it, nor fetches it.
func TestAnAgentTakesNothingOut(t *testing.T) {
	s := &stage{}
	h := openHall(t, s.play)
	minted, err := h.People["ada"].Mint(t.Context(), h.grant.ID, client.Mint{Label: "bot", Actor: narthex.Agent, Hours: 1, Terms: []narthex.Term{
		testenv.Term("weights.compute", map[narthex.LimitName]narthex.Value{"cpu_hours": narthex.NumberValue(1), "bytes_out": narthex.NumberValue(1000)}),
		testenv.Term("output.release", map[narthex.LimitName]narthex.Value{"bytes_out": narthex.NumberValue(1000)})}})
	if err != nil {
		t.Fatal(err)
	}
	out := h.released(t)
	job := h.over(t, h.submit(t).ID)
	waits := must(h.asks(t, job.ID))
	person := h.key
	h.key = minted.Token
	if _, err := h.asks(t, job.ID); !narthex.IsKind(err, narthex.Refused) {
		t.Errorf("an agent asks: %v", err)
	}
	if _, err := h.holder().EditRelease(t.Context(), waits.ID, client.EditRelease{Files: []client.WantedFile{{Name: "words.txt", Context: context20}}}); !narthex.IsKind(err, narthex.Refused) {
		t.Errorf("an agent edits: %v", err)
	}
	if _, err := h.holder().FetchRelease(t.Context(), out.ID); !narthex.IsKind(err, narthex.Refused) {
		t.Errorf("an agent fetches: %v", err)
	}
	h.key = person
	must(h.holder().FetchRelease(t.Context(), out.ID))
}

// cutting is a store that dies at a commit: before it, or after it without saying so.
type cutting struct {
	store.Store
	mu    sync.Mutex
	left  int  // commits until it dies; negative for never
	after bool // whether the last one is in the store
}

func (c *cutting) Update(ctx context.Context, change func(store.Tx) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left == 0 {
		return errors.New("dead")
	}
	err := c.Store.Update(ctx, change)
	if c.left > 0 && err == nil {
		if c.left--; c.left == 0 && c.after {
			return fmt.Errorf("dead: %w", store.ErrUnknown)
		}
	}
	return err
}

func (c *cutting) View(ctx context.Context, look func(store.Reader) error) error {
	c.mu.Lock()
	dead := c.left == 0
	c.mu.Unlock()
	if dead {
		return errors.New("dead")
	}
	return c.Store.View(ctx, look)
}

func (c *cutting) set(left int, after bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left, c.after = left, after
}

// TestANodeThatDiesAtAnyCommitLosesAndDoublesNothing goes through the story of a release, and cuts it at each of its commits.
func TestANodeThatDiesAtAnyCommitLosesAndDoublesNothing(t *testing.T) {
	c := &cutting{left: -1}
	s := &stage{}
	h := openHallWith(t, s.play, func(config *server.Config) {
		config.Host.Examiner = testenv.Here{}
		config.Wrap = func(s store.Store) store.Store { c.Store = s; return c }
	})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	story := func() (done bool) {
		job, err := h.holder().SubmitJob(ctx, client.SubmitJob{Asset: "model", Environment: "box", Files: studyFiles(), WallMinutes: 1})
		if err != nil {
			return false
		}
		for over := false; !over; time.Sleep(10 * time.Millisecond) {
			view, err := h.holder().Job(ctx, job.ID)
			if err != nil {
				return false
			}
			over = view.State.Over()
		}
		r, err := h.holder().SubmitRelease(ctx, client.SubmitRelease{Job: job.ID, Files: []client.WantedFile{{Name: "table.csv", Context: context20}}})
		if err != nil {
			return false
		}
		for _, name := range []string{"olga", "sam"} {
			seen, err := h.People[name].Release(ctx, r.ID)
			if err != nil {
				return false
			}
			if _, err := h.People[name].VoteRelease(ctx, r.ID, client.VoteRelease{Saw: seen.Release.Package, Verdicts: verdicts(seen.Release, narthex.VerdictRelease)}); err != nil {
				return false
			}
		}
		_, err = h.holder().FetchRelease(ctx, r.ID)
		return err == nil
	}
	done := false
	for cut := 1; !done; cut++ {
		if cut > 60 {
			t.Fatal("the story does not end")
		}
		c.set(cut, cut%2 == 0)
		done = story()
		c.mu.Lock()
		done = done && c.left != 0
		c.mu.Unlock()
		if !done {
			c.set(0, false)
		}
		_ = h.Node.Close() // it is dead
		c.set(-1, false)
		h.Start(t)
		for _, job := range must(h.holder().Jobs(t.Context())).Jobs {
			h.over(t, job.ID)
		}
		var out, charged int64
		for _, r := range must(h.holder().OwnReleases(t.Context())).Releases {
			if !r.State.Over() {
				r = must(h.holder().WithdrawRelease(t.Context(), r.ID))
			}
			if r.State == narthex.ReleaseWithdrawn {
				out += min(airlock.TriedBytes, r.Charge)
			}
			if r.State == narthex.ReleaseReleased {
				out += r.Charge
				must(h.holder().FetchRelease(t.Context(), r.ID))
			}
		}
		var minutes int64
		for _, job := range must(h.holder().Jobs(t.Context())).Jobs {
			if job.End != nil {
				minutes, charged = minutes+job.End.CPUMinutes, charged+job.Plan.OutcomeBytes
			}
		}
		if b := h.budget(t, "weights.compute", "cpu_hours"); b.Reserved != 0 || b.Used != minutes {
			t.Fatalf("cut at commit %d: jobs took %d minutes, and the account says %+v", cut, minutes, b)
		}
		if b := h.budget(t, "output.release", "bytes_out"); b.Reserved != 0 || b.Used != out {
			t.Fatalf("cut at commit %d: %d bytes were released, and the account says %+v", cut, out, b)
		}
		if b := h.budget(t, "weights.compute", "bytes_out"); b.Reserved != 0 || b.Used != out+charged {
			t.Fatalf("cut at commit %d: %d bytes left, and the account says %+v", cut, out+charged, b)
		}
	}
}

// TestJobsAndReleasesAreCountedAndErased: evidence, the list of calls and the access statement take them, and an erasure takes what is told
// of them and said around them.
func TestJobsAndReleasesAreCountedAndErased(t *testing.T) {
	s := &stage{}
	h := openHall(t, s.play)
	ada, carol := h.People["ada"], h.People["carol"]
	r := must(h.asks(t, h.over(t, h.submit(t).ID).ID))
	seen := h.review(t, "olga", r.ID)
	for _, name := range []string{"olga", "sam"} {
		must(h.People[name].Release(t.Context(), r.ID))
		must(h.People[name].VoteRelease(t.Context(), r.ID, client.VoteRelease{Saw: seen.Release.Package, Verdicts: verdicts(seen.Release, narthex.VerdictRelease), Comment: "canary comment", Note: "canary note"}))
	}
	must(h.holder().FetchRelease(t.Context(), r.ID))
	calls := must(ada.Calls(t.Context(), h.grant.ID, client.Page{Limit: 500}))
	kinds := map[narthex.EntryType]int{}
	for _, line := range calls.Calls {
		kinds[line.What]++
	}
	if calls.Others != 0 || kinds[narthex.EntryJobTaken] != 1 || kinds[narthex.EntryJobChanged] != 2 || kinds[narthex.EntryReleaseTaken] != 1 {
		t.Errorf("of a person's own are listed %v, of others %d", kinds, calls.Others)
	}
	var evidence bytes.Buffer
	if err := ada.Evidence(t.Context(), h.grant.Engagement, &evidence); err != nil {
		t.Error(err)
	}
	must(carol.Command(t.Context(), h.grant.Engagement, "end", client.Command{Text: "left"}))
	must(ada.Meet(t.Context(), h.grant.Engagement, client.CloseOut{Obligation: "personal_data", Evidence: narthex.MakeDigest([32]byte{1}), Text: "deleted"}))
	must(carol.Command(t.Context(), h.grant.Engagement, "close", client.Command{Text: "left"}))
	must(carol.Remove(t.Context(), ada.ID, "left"))
	_, checked := stated(t, h.Env, "carol", h.grant.Engagement, false)
	for _, a := range checked.Statement.Attributes {
		if want := map[narthex.AttributeName]int64{"weights.compute": 2, "output.release": 1}[a.Attribute]; a.Calls != want || (want > 0) != (len(a.Used) > 0) {
			t.Errorf("of %s the statement says %d calls and %v", a.Attribute, a.Calls, a.Used)
		}
	}
	if checked.Statement.Use.Calls != 2 || checked.Statement.Use.Unknown != 0 {
		t.Errorf("the statement counts %+v", checked.Statement.Use)
	}
	if _, err := carol.Erase(t.Context(), ada.ID, "asked for it"); err != nil {
		t.Fatal(err)
	}
	var export bytes.Buffer
	if err := h.People["lea"].Export(t.Context(), &export); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(export.String()) {
		if strings.Contains(line, string(h.grant.ID)) || strings.Contains(line, string(r.ID)) {
			t.Errorf("the ledger still tells of them: %.300s", line)
		}
	}
	if report, err := h.People["lea"].Audit(t.Context(), false); err != nil || len(report.Differences)+report.More != 0 {
		t.Errorf("the audit finds %+v: %v", report.Differences, err)
	}
	if err := h.Node.Close(); err != nil {
		t.Fatal(err)
	}
	gone(t, filepath.Join(h.Dir, "data"), "canary comment", "canary note", context20)
}

// TestMembersSeeEachOthersJobsAndNotTheirReleases, a sponsor reviews nothing of theirs, and who is erased takes what is told of their jobs.
func TestMembersSeeEachOthersJobsAndNotTheirReleases(t *testing.T) {
	s := &stage{}
	h := openHall(t, s.play)
	grant, adas, bens := team(t, h.Env,
		testenv.Term("weights.compute", map[narthex.LimitName]narthex.Value{"cpu_hours": narthex.NumberValue(1), "wall_minutes": narthex.NumberValue(20), "memory_mb": narthex.NumberValue(64), "bytes_out": narthex.NumberValue(400)}),
		testenv.Term("output.release", map[narthex.LimitName]narthex.Value{"artefacts": narthex.NamesValue("table", "text"), "bytes_out": narthex.NumberValue(400)}))
	others, ada := h.key, h.Client.With(adas)
	h.key = bens
	job := h.over(t, h.submit(t).ID)
	r := must(h.asks(t, job.ID))
	if view := must(ada.Job(t.Context(), job.ID)); view.Person != h.People["ben"].ID || len(must(ada.Jobs(t.Context())).Jobs) != 1 {
		t.Error("a member does not see another's job")
	}
	if _, err := ada.OwnRelease(t.Context(), r.ID); !narthex.IsKind(err, narthex.Withheld) || len(must(ada.OwnReleases(t.Context())).Releases) != 0 {
		t.Errorf("a member sees another's release: %v", err)
	}
	if _, err := ada.WithdrawRelease(t.Context(), r.ID); !narthex.IsKind(err, narthex.Withheld) {
		t.Errorf("a member withdraws another's release: %v", err)
	}
	h.key = adas
	if _, err := h.asks(t, job.ID); !narthex.IsKind(err, narthex.Conflict) || strings.Contains(err.Error(), string(r.ID)) {
		t.Errorf("files that wait in another's release: %v", err)
	}
	for name, c := range map[string]*client.Client{"another grant's": h.Client.With(others)} {
		if _, err := c.Job(t.Context(), job.ID); !narthex.IsKind(err, narthex.Withheld) {
			t.Errorf("%s holder sees the job: %v", name, err)
		}
		if _, err := c.CancelJob(t.Context(), job.ID); !narthex.IsKind(err, narthex.Withheld) {
			t.Errorf("%s holder cancels the job: %v", name, err)
		}
	}
	if _, err := h.People["paul"].Release(t.Context(), r.ID); !narthex.IsKind(err, narthex.Withheld) {
		t.Errorf("the sponsor looks at it: %v", err)
	}
	for _, name := range []string{"olga", "sam"} {
		h.vote(t, name, h.review(t, name, r.ID), narthex.VerdictRelease)
	}
	if _, err := ada.FetchRelease(t.Context(), r.ID); !narthex.IsKind(err, narthex.Withheld) {
		t.Errorf("a member fetches another's release: %v", err)
	}
	carol := h.People["carol"]
	must(carol.Remove(t.Context(), h.People["ben"].ID, "left"))
	must(carol.Erase(t.Context(), h.People["ben"].ID, "asked for it"))
	var export bytes.Buffer
	if err := h.People["lea"].Export(t.Context(), &export); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(export.String()) {
		if strings.Contains(line, string(job.ID)) || strings.Contains(line, string(r.ID)) {
			t.Errorf("the ledger still tells of them: %.300s", line)
		}
	}
	if !strings.Contains(export.String(), string(grant.ID)) {
		t.Error("what is others' is gone too")
	}
	if report, err := h.People["lea"].Audit(t.Context(), false); err != nil || len(report.Differences)+report.More != 0 {
		t.Errorf("the audit finds %+v: %v", report.Differences, err)
	}
}
