package server_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"narthex"
	"narthex/client"
	"narthex/internal/lab"
	"narthex/internal/sandbox"
	"narthex/internal/sandbox/bubblewrap"
	"narthex/internal/sandbox/fake"
	"narthex/internal/server"
	"narthex/internal/testenv"
)

// shop is a node whose host has devices, beside two assets, of which each has one job at a time.
type shop struct {
	*hall
	stage *stage

	mu    sync.Mutex // guards what follows
	wiped []string   // the devices, as they were wiped
	fails bool       // wiping does
}

// wipes plays that a device is wiped.
func (s *shop) wipes(ctx context.Context, d sandbox.Device) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wiped = append(s.wiped, d.Name)
	if s.fails {
		return errors.New("it does not answer")
	}
	return ctx.Err()
}

func (s *shop) times() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.wiped)
}

// failing says whether wiping fails from now on.
func (s *shop) failing(yes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fails = yes
}

// openShop opens a lab whose host has so many devices.
func openShop(t *testing.T, devices int, hours float64) *shop {
	t.Helper()
	s := &shop{stage: &stage{}}
	stated := "devices:\n"
	for i := range devices {
		stated += fmt.Sprintf("  - {name: gpu%d, kind: gpu, paths: [{path: /dev/zero, at: /dev/gpu%d, write: true}], wipe: [/usr/bin/true]}\n", i, i)
	}
	file := filepath.Join(t.TempDir(), "devices.yaml")
	if err := os.WriteFile(file, []byte(stated), 0o644); err != nil {
		t.Fatal(err)
	}
	options, asset := testenv.Beside(t, testenv.Options{
		Config: func(c *server.Config) {
			if devices > 0 {
				c.Devices = file
			}
			c.Host.Driver.(*fake.Driver).Wiping = s.wipes
		},
		Files: func(files lab.Files) {
			files["assets/second.yaml"] = bytes.Replace(files["assets/model.yaml"], []byte("name: model\n"), []byte("name: second\n"), 1)
			files["environments/gpubox.yaml"] = []byte("name: gpubox\ntitle: a box with a device\nroot: /\ndevice: gpu\ndevices: 1\nlimits: {memory_mb: 64, wall_minutes: 60, cpus: 1, processes: 8, scratch_mb: 8, out_mb: 8}\npathways: [any]\n")
			test := strings.ReplaceAll(string(files["pathways/test.yaml"]), "cpu_hours: {default: 1, least: 0, most: 100}", "cpu_hours: {default: 1, least: 0, most: 100}, gpu_hours: {default: 0, least: 0, most: 100}")
			test = strings.ReplaceAll(test, "{attribute: weights.compute, assets: [model],", "{attribute: weights.compute, assets: [model, second],")
			files["pathways/test.yaml"] = []byte(strings.ReplaceAll(test, "{attribute: output.release, assets: [model],", "{attribute: output.release, assets: [model, second],"))
		}}, s.stage.play)
	env := testenv.New(t, options)
	s.hall = &hall{Env: env, asset: asset}
	s.grant, s.key = s.open(t, "", hours)
	return s
}

// open gives a grant for jobs beside both assets, with so many hours of devices beside each.
func (s *shop) open(t *testing.T, who string, hours float64) (narthex.Grant, string) {
	t.Helper()
	terms := []narthex.Term{testenv.Tokens(1000, nil)}
	for _, asset := range []narthex.AssetName{"model", "second"} {
		for _, term := range testenv.JobTerms() {
			term.Asset = asset
			if term.Attribute == "weights.compute" {
				term.Limits["gpu_hours"] = narthex.NumberValue(hours)
			}
			terms = append(terms, term)
		}
	}
	return s.Grant(t, who, terms...)
}

// hand hands a job in beside an asset, with devices; fewer than none asks for the environment's usual.
func (s *shop) hand(t *testing.T, asset string, devices int64, minutes int64) (narthex.Job, error) {
	t.Helper()
	in := client.SubmitJob{Asset: asset, Environment: "gpubox", Files: studyFiles(), WallMinutes: minutes}
	if devices >= 0 {
		in.Devices = &devices
	}
	return s.holder().SubmitJob(t.Context(), in)
}

// gpu gives what the grant's budget of devices says beside the model.
func (s *shop) gpu(t *testing.T) client.BudgetView {
	t.Helper()
	return s.budget(t, "weights.compute", "gpu_hours")
}

// TestTheTimeOfDevicesIsReservedAndSettled, for jobs that end, are cancelled before and while they run, and are lost: devices times minutes,
// each begun one whole.
func TestTheTimeOfDevicesIsReservedAndSettled(t *testing.T) {
	s := openShop(t, 2, 1)
	used := int64(0)
	check := func(what string, reserved int64) {
		t.Helper()
		if b := s.gpu(t); b.Allowed != 60 || b.Used != used || b.Reserved != reserved || b.Unit != "gpu_minutes" {
			t.Errorf("%s: of devices there is %+v, and not %d used and %d reserved", what, b, used, reserved)
		}
	}
	done := s.over(t, must(s.hand(t, "model", 2, 5)).ID)
	if used += 2; done.State != narthex.JobDone || done.Plan.Devices != 2 || done.Plan.Device != "gpu" || done.Plan.GPUMinutes != 10 || done.End.WallMinutes != 1 || done.End.GPUMinutes != 2 {
		t.Errorf("it ended as %+v of %+v", done.End, done.Plan)
	}
	check("done", 0)
	s.stage.on.Store(1)
	runs := must(s.hand(t, "model", -1, 7))
	until(t, "the job runs", func() bool { return s.stage.began.Load() == 1 })
	waits := must(s.hand(t, "model", 2, 4))
	check("one runs, one waits", 7+8)
	must(s.holder().CancelJob(t.Context(), waits.ID))
	check("one runs", 7)
	must(s.holder().CancelJob(t.Context(), runs.ID))
	if over := s.over(t, runs.ID); over.State != narthex.JobCancelled || over.End.GPUMinutes != 1 || over.Plan.Devices != 1 {
		t.Errorf("it ended as %+v of %+v", over.End, over.Plan)
	}
	used++
	check("both were cancelled", 0)
	s.stage.on.Store(0)
	if none := s.over(t, must(s.hand(t, "model", 0, 5)).ID); none.Plan.Devices != 0 || none.Plan.Device != "" || none.Plan.GPUMinutes != 0 {
		t.Errorf("a job that wants none has %+v", none.Plan)
	}
	check("a job without", 0)
}

// TestAJobHasNoMoreDevicesThanItMay: what the host does not have is said at once, what the term does not give is denied with its clause, and
// nothing is reserved.
func TestAJobHasNoMoreDevicesThanItMay(t *testing.T) {
	s := openShop(t, 2, 1)
	if _, err := s.hand(t, "model", 3, 5); !narthex.IsKind(err, narthex.Invalid) || narthex.AsError(err).Param != "devices" || !strings.Contains(narthex.AsError(err).Public, "has 2") {
		t.Errorf("more than the host has: %v", err)
	}
	one := int64(1)
	if _, err := s.holder().SubmitJob(t.Context(), client.SubmitJob{Asset: "model", Environment: "box", Files: studyFiles(), Devices: &one}); !narthex.IsKind(err, narthex.Invalid) || narthex.AsError(err).Param != "devices" {
		t.Errorf("in an environment without: %v", err)
	}
	if _, err := s.hand(t, "model", 65, 1); !narthex.IsKind(err, narthex.Invalid) {
		t.Errorf("more than anybody has: %v", err)
	}
	denied := func(what string, err error) {
		t.Helper()
		if e := narthex.AsError(err); err == nil || e.Code != "budget_exhausted" || e.Reason == nil || e.Reason.Limit != "gpu_hours" || e.Reason.Clause == "" {
			t.Errorf("%s: %v", what, err)
		}
	}
	s.stage.on.Store(1)
	must(s.hand(t, "model", 2, 20))
	_, err := s.hand(t, "model", 2, 11)
	denied("more than the term gives", err)
	if _, err := s.hand(t, "model", 2, 10); err != nil {
		t.Errorf("as much as the term gives: %v", err)
	}
	if b := s.gpu(t); b.Reserved != 60 {
		t.Errorf("of devices there is %+v", b)
	}
	s.Outsiders(t, "none", "Institute of none")
	_, s.key = s.open(t, "none", 0)
	_, err = s.hand(t, "model", 1, 1)
	denied("a term that gives none", err)
	if _, err := s.hand(t, "second", 0, 1); err != nil {
		t.Errorf("without a device: %v", err)
	}
}

// TestADeviceHasOneJobAtATime, which sees it; another waits for it, one that needs none passes, and before the next has it it is wiped.
func TestADeviceHasOneJobAtATime(t *testing.T) {
	s := openShop(t, 1, 1)
	until(t, "the device was wiped before any job", func() bool { return s.times() == 1 })
	s.stage.on.Store(1)
	first := must(s.hand(t, "model", 1, 5))
	until(t, "the first runs", func() bool { return s.stage.began.Load() == 1 })
	second := must(s.hand(t, "second", 1, 5))
	third := must(s.hand(t, "second", 0, 5))
	until(t, "one without a device runs", func() bool { return s.stage.began.Load() == 2 })
	if job := must(s.holder().Job(t.Context(), third.ID)); job.State != narthex.JobRunning {
		t.Errorf("it is %s", job.State)
	}
	must(s.holder().CancelJob(t.Context(), third.ID))
	s.over(t, third.ID)
	if job := must(s.holder().Job(t.Context(), second.ID)); job.State != narthex.JobQueued || job.Place != 1 {
		t.Errorf("while the device is taken the second is %s at %d", job.State, job.Place)
	}
	must(s.holder().CancelJob(t.Context(), first.ID))
	until(t, "the second runs", func() bool { return s.stage.began.Load() == 3 })
	if n := s.times(); n != 2 {
		t.Errorf("the device was wiped %d times", n)
	}
}

// TestADeviceThatIsNotWipedIsOutOfUse until somebody looked, across a restart too; jobs wait for it, and others do not.
func TestADeviceThatIsNotWipedIsOutOfUse(t *testing.T) {
	s := openShop(t, 1, 1)
	until(t, "the device was wiped before any job", func() bool { return s.times() == 1 })
	s.failing(true)
	s.over(t, must(s.hand(t, "model", 1, 5)).ID)
	mark := filepath.Join(s.Dir, "data", "devices", "gpu0")
	until(t, "it is said", func() bool {
		text, err := os.ReadFile(mark)
		return err == nil && strings.Contains(string(text), "does not answer")
	})
	listed := func() client.EnvironmentView {
		for _, e := range must(s.holder().Environments(t.Context())).Environments {
			if e.Name == "gpubox" {
				return e
			}
		}
		return client.EnvironmentView{}
	}
	until(t, "it is listed", func() bool { e := listed(); return e.OnHost == 1 && e.OutOfUse == 1 && e.Device == "gpu" })
	s.failing(false)
	waits := must(s.hand(t, "model", 1, 5))
	s.over(t, must(s.hand(t, "second", 0, 5)).ID)
	if err := s.Node.Close(); err != nil {
		t.Fatal(err)
	}
	s.Start(t)
	until(t, "it is listed after a restart", func() bool { return listed().OutOfUse == 1 })
	s.over(t, must(s.hand(t, "second", 0, 5)).ID)
	if job := must(s.holder().Job(t.Context(), waits.ID)); job.State != narthex.JobQueued || s.times() != 2 {
		t.Errorf("nobody looked, and the job is %s after %d wipes", job.State, s.times())
	}
	if err := os.Remove(mark); err != nil {
		t.Fatal(err)
	}
	if job := s.over(t, waits.ID); job.State != narthex.JobDone {
		t.Errorf("somebody looked, and the job is %s", job.State)
	}
	until(t, "it is wiped when somebody looked, and after the job", func() bool { return s.times() == 4 })
	if n := listed().OutOfUse; n != 0 {
		t.Errorf("%d are out of use", n)
	}
}

// clinging is a driver that cannot say that all of a job is gone.
type clinging struct{ sandbox.Driver }

func (c clinging) Remove(ctx context.Context, id string) error {
	return errors.Join(c.Driver.Remove(ctx, id), errors.New("a process is left"))
}

// TestADeviceOfAJobThatIsNotGoneIsOutOfUse: what is left of the job may still have it.
func TestADeviceOfAJobThatIsNotGoneIsOutOfUse(t *testing.T) {
	s := openShop(t, 1, 1)
	if err := s.Node.Close(); err != nil {
		t.Fatal(err)
	}
	s.Reconfigure(func(c *server.Config) { c.Host.Driver = clinging{c.Host.Driver} })
	s.Start(t)
	s.over(t, must(s.hand(t, "model", 1, 5)).ID)
	until(t, "it is said", func() bool {
		text, err := os.ReadFile(filepath.Join(s.Dir, "data", "devices", "gpu0"))
		return err == nil && strings.Contains(string(text), "a process is left")
	})
}

// TestALostJobIsChargedForItsDevices: a node ends with a job under way, and the next one closes it as if it had used all.
func TestALostJobIsChargedForItsDevices(t *testing.T) {
	s := openShop(t, 2, 1)
	under := &dying{}
	if err := s.Node.Close(); err != nil {
		t.Fatal(err)
	}
	s.Reconfigure(func(c *server.Config) { c.Wrap = under.wrap })
	s.Start(t)
	s.stage.on.Store(1)
	job := must(s.hand(t, "model", 2, 9))
	until(t, "the job runs", func() bool { return s.stage.began.Load() == 1 })
	under.dead.Store(true)
	_ = s.Node.Close() // it could not record how the job ended
	under.dead.Store(false)
	wiped := s.times()
	s.Start(t)
	if ended := s.over(t, job.ID); ended.End.Class != "lost" || ended.End.GPUMinutes != 18 {
		t.Errorf("it ended as %+v", ended.End)
	}
	if b := s.gpu(t); b.Reserved != 0 || b.Used != 18 {
		t.Errorf("of devices there is %+v", b)
	}
	until(t, "both devices are wiped before anybody has them", func() bool { return s.times() >= wiped+2 })
}

// TestAJobForDevicesThatAreGoneIsOver: a host that begins with fewer of them than a job that waits wants ends it, and gives back what it
// reserved.
func TestAJobForDevicesThatAreGoneIsOver(t *testing.T) {
	s := openShop(t, 2, 1)
	s.stage.on.Store(1)
	must(s.hand(t, "model", 0, 5))
	until(t, "one runs", func() bool { return s.stage.began.Load() == 1 })
	waits := must(s.hand(t, "model", 2, 5))
	if err := s.Node.Close(); err != nil {
		t.Fatal(err)
	}
	s.stage.on.Store(0)
	s.Reconfigure(func(c *server.Config) { c.Devices = "" })
	s.Start(t)
	if job := s.over(t, waits.ID); job.State != narthex.JobCancelled || job.End != nil {
		t.Errorf("it is %s", job.State)
	}
	if b := s.gpu(t); b.Reserved != 0 || b.Used != 0 {
		t.Errorf("of devices there is %+v", b)
	}
}

// TestAFolderOfDevicesThatIsNotOneStopsNoOtherJob: nobody knows then whether a device is out of use, so nobody has it, and what wants none runs.
func TestAFolderOfDevicesThatIsNotOneStopsNoOtherJob(t *testing.T) {
	s := openShop(t, 1, 1)
	s.over(t, must(s.hand(t, "model", 1, 5)).ID)
	until(t, "it is wiped after the job", func() bool { return s.times() == 2 })
	folder := filepath.Join(s.Dir, "data", "devices")
	if err := errors.Join(s.Node.Close(), os.RemoveAll(folder)); err != nil {
		t.Fatal(err)
	}
	s.Start(t)
	if err := errors.Join(os.RemoveAll(folder), os.WriteFile(folder, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	until(t, "it is wiped, or cannot be", func() bool { return s.times() >= 2 })
	s.over(t, must(s.hand(t, "model", 0, 5)).ID)
	waits := must(s.hand(t, "model", 1, 5)) // has the device once, if it was wiped before its folder went
	until(t, "nobody has it", func() bool {
		job := must(s.holder().Job(t.Context(), waits.ID))
		return job.State.Over() || job.State == narthex.JobQueued
	})
	if job := s.over(t, must(s.hand(t, "second", 0, 5)).ID); job.State != narthex.JobDone {
		t.Errorf("a job without a device is %s", job.State)
	}
}

// TestWhatDoesNotBecomeReadyIsLetGo: a driver whose host has no folder for its devices is closed, or no later try could open it.
func TestWhatDoesNotBecomeReadyIsLetGo(t *testing.T) {
	if _, err := exec.LookPath("bwrap"); err != nil {
		t.Fatal("there is no bubblewrap: make setup installs it")
	}
	s := openShop(t, 1, 1)
	data := filepath.Join(s.Dir, "data")
	folder := filepath.Join(data, "devices")
	if err := errors.Join(s.Node.Close(), os.RemoveAll(folder), os.WriteFile(folder, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	s.Reconfigure(func(c *server.Config) { c.Host = nil })
	s.Start(t)
	if _, err := s.hand(t, "model", 0, 5); !narthex.IsKind(err, narthex.Unavailable) {
		t.Errorf("a job: %v", err)
	}
	driver, err := bubblewrap.Open(t.Context(), bubblewrap.Config{Dir: filepath.Join(data, "sandbox")})
	if err != nil {
		t.Fatalf("its folder is held still: %v", err)
	}
	if err := driver.Close(); err != nil {
		t.Error(err)
	}
}
