// Package sandboxtest holds every driver to the contract of package sandbox.
//
// It promises that a driver which passes Run keeps the contract as far as an honest job can see; what a hostile one tries is each
// driver's own to refuse, and has tests there. It is for tests only. Read next: Run.
package sandboxtest

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/internal/sandbox"
)

// Maker makes a driver with no job, which is gone at the test's end.
type Maker func(t *testing.T) sandbox.Driver

// Scripts are the studies of the suite, in Python: a driver that cannot run it plays them by their first line.
const (
	Ends   = "# ends\nimport os\nw = open('/asset/weights').read()\nopen('/out/result.txt', 'w').write('read ' + w)\nprint('to stdout')\n"
	Fails  = "# fails\nimport sys\nprint('to stderr', file=sys.stderr)\nraise ValueError('secret')\n"
	Sleeps = "# sleeps\nimport time\nopen('/out/early', 'w').write('x')\ntime.sleep(600)\n"
	Uses   = "# uses\nimport os\nseen = sorted(n for n in os.listdir('/dev') if n.startswith('gpu'))\nheld = open('/dev/gpu0').read(6) if 'gpu0' in seen else ''\ntry:\n    open('/dev/gpu0', 'r+').write('w')\n    held += ' written'\nexcept OSError:\n    pass\nopen('/out/seen', 'w').write(' '.join(seen + [held]).strip())\n"
	Prints = "# prints\nimport sys\nfor i in range(64):\n    sys.stdout.write('x' * 65536)\nopen('/out/after', 'w').write('x')\n"
)

// Deadline is how long a test waits for what comes within a second.
const Deadline = time.Minute

// Job makes a job of a script, with limits that an honest one never meets.
func Job(t testing.TB, id, script string) sandbox.Job {
	t.Helper()
	dir := t.TempDir()
	Must(t, os.Chmod(dir, 0o755))
	for name, text := range map[string]string{"asset/weights": "1 2 3", "study/main.py": script} {
		Must(t, os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755))
		Must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	return sandbox.Job{ID: id, Root: "/", Command: []string{"/usr/bin/python3", "-I", "/study/main.py"}, Asset: filepath.Join(dir, "asset"), Study: filepath.Join(dir, "study"),
		Lines:  map[string]int{"main.py": strings.Count(script, "\n")},
		Limits: sandbox.Limits{Wall: Deadline, CPU: Deadline, Memory: 512 << 20, Scratch: 8 << 20, Out: 1 << 20, Processes: 32, Files: 100}}
}

// Device makes a stand-in for a device: a file that holds six letters, and a program that wipes it well.
func Device(t testing.TB, name string, write bool) sandbox.Device {
	t.Helper()
	dir := t.TempDir()
	Must(t, os.Chmod(dir, 0o755))
	at := filepath.Join(dir, "node")
	Must(t, os.WriteFile(at, []byte("memory"), 0o666))
	Must(t, os.Chmod(at, 0o666))
	return sandbox.Device{Name: name, Kind: "gpu", Paths: []sandbox.DevicePath{{Host: at, Inside: "/dev/" + name, Write: write}}, Wipe: []string{"/usr/bin/true"}}
}

// Must ends the test at an error.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Ended submits a job and waits for its end.
func Ended(t testing.TB, d sandbox.Driver, job sandbox.Job) sandbox.Ended {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 2*Deadline)
	defer stop()
	Must(t, d.Submit(ctx, job))
	ended, err := d.Watch(ctx, job.ID)
	Must(t, err)
	return ended
}

// Read gives a file of what a job left: of /out, or stdout or stderr.
func Read(t testing.TB, d sandbox.Driver, id, name string) (text string) {
	t.Helper()
	Must(t, d.Collect(t.Context(), id, func(left sandbox.Left) error {
		root := left.Out
		if name == "stdout" || name == "stderr" {
			root = left.Printed
		}
		f, err := root.Open(name)
		if err != nil {
			return err
		}
		all, err := io.ReadAll(f)
		text = string(all)
		return errors.Join(err, f.Close())
	}))
	return text
}

// Run holds a driver to the contract.
func Run(t *testing.T, make Maker) {
	for name, hold := range contract {
		t.Run(name, func(t *testing.T) { hold(t, make(t)) })
	}
}

var contract = map[string]func(t *testing.T, d sandbox.Driver){
	"a job reads, writes and prints": func(t *testing.T, d sandbox.Driver) {
		ended := Ended(t, d, Job(t, "a", Ends))
		if ended.Class != sandbox.Done || ended.File != "" || ended.Line != 0 || ended.Wall <= 0 {
			t.Fatalf("%+v", ended)
		}
		if text := Read(t, d, "a", "result.txt"); text != "read 1 2 3" {
			t.Errorf("/out has %q", text)
		}
		if text := Read(t, d, "a", "stdout"); text != "to stdout\n" {
			t.Errorf("stdout has %q", text)
		}
		again, err := d.Watch(t.Context(), "a")
		if err != nil || again != ended {
			t.Errorf("the second time it is %+v, %v", again, err)
		}
	},
	"a failure names a place and nothing else": func(t *testing.T, d sandbox.Driver) {
		ended := Ended(t, d, Job(t, "a", Fails))
		if ended.Class != sandbox.Failed || ended.File != "main.py" || ended.Line != 4 {
			t.Fatalf("%+v", ended)
		}
		if text := Read(t, d, "a", "stderr"); !strings.Contains(text, "to stderr") {
			t.Errorf("stderr has %q", text)
		}
		job := Job(t, "b", Fails)
		job.Lines = map[string]int{}
		if ended := Ended(t, d, job); ended.Class != sandbox.Failed || ended.File != "" || ended.Line != 0 {
			t.Errorf("with no file listed: %+v", ended)
		}
	},
	"a job that is cancelled leaves what it wrote": func(t *testing.T, d sandbox.Driver) {
		Must(t, d.Submit(t.Context(), Job(t, "a", Sleeps)))
		if err := d.Collect(t.Context(), "a", func(sandbox.Left) error { return nil }); !narthex.IsKind(err, narthex.Conflict) {
			t.Errorf("while it runs, collecting gives %v", err)
		}
		soon, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		if _, err := d.Watch(soon, "a"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("while it runs, watching for a second gives %v", err)
		}
		Must(t, d.Cancel(t.Context(), "a"))
		ended, err := d.Watch(t.Context(), "a")
		if err != nil || ended.Class != sandbox.Cancelled {
			t.Errorf("%+v, %v", ended, err)
		}
		if text := Read(t, d, "a", "early"); text != "x" {
			t.Errorf("/out has %q", text)
		}
		Must(t, d.Cancel(t.Context(), "a"))
	},
	"a job ends at its deadline": func(t *testing.T, d sandbox.Driver) {
		job := Job(t, "a", Sleeps)
		job.Limits.Wall = time.Second
		if ended := Ended(t, d, job); ended.Class != sandbox.OutOfTime || ended.Wall < time.Second {
			t.Errorf("%+v", ended)
		}
	},
	"what is printed is cut, and the job goes on": func(t *testing.T, d sandbox.Driver) {
		if ended := Ended(t, d, Job(t, "a", Prints)); ended.Class != sandbox.Done {
			t.Fatalf("%+v", ended)
		}
		if text := Read(t, d, "a", "stdout"); len(text) != 1<<20 {
			t.Errorf("%d bytes were kept", len(text))
		}
		if text := Read(t, d, "a", "after"); text != "x" {
			t.Errorf("/out has %q", text)
		}
	},
	"what is removed is not there": func(t *testing.T, d sandbox.Driver) {
		Must(t, d.Submit(t.Context(), Job(t, "a", Sleeps)))
		Must(t, d.Remove(t.Context(), "a"))
		Must(t, d.Remove(t.Context(), "a"))
		if err := d.Collect(t.Context(), "a", func(sandbox.Left) error { return nil }); !narthex.IsKind(err, narthex.Conflict) {
			t.Errorf("collecting gives %v", err)
		}
		if ended, err := d.Watch(t.Context(), "a"); err != nil || ended.Class != sandbox.Lost {
			t.Errorf("%+v, %v", ended, err)
		}
		if ended := Ended(t, d, Job(t, "a", Ends)); ended.Class != sandbox.Done {
			t.Errorf("the id is free again: %+v", ended)
		}
	},
	"a job that nobody has is lost": func(t *testing.T, d sandbox.Driver) {
		if ended, err := d.Watch(t.Context(), "a"); err != nil || ended.Class != sandbox.Lost {
			t.Errorf("%+v, %v", ended, err)
		}
		Must(t, errors.Join(d.Cancel(t.Context(), "a"), d.Remove(t.Context(), "a")))
	},
	"a job sees the devices that it was given, and no others": func(t *testing.T, d sandbox.Driver) {
		for id, c := range map[string]struct {
			devices []sandbox.Device
			seen    string
		}{
			"none":  {nil, ""},
			"read":  {[]sandbox.Device{Device(t, "gpu0", false)}, "gpu0 memory"},
			"write": {[]sandbox.Device{Device(t, "gpu0", true)}, "gpu0 memory written"},
			"two":   {[]sandbox.Device{Device(t, "gpu0", false), Device(t, "gpu1", false)}, "gpu0 gpu1 memory"},
		} {
			job := Job(t, id, Uses)
			job.Devices = c.devices
			if ended := Ended(t, d, job); ended.Class != sandbox.Done {
				t.Fatalf("%s: %+v %s", id, ended, Read(t, d, id, "stderr"))
			}
			if seen := Read(t, d, id, "seen"); seen != c.seen {
				t.Errorf("with %s it sees %q", id, seen)
			}
		}
	},
	"a device is wiped, or it is said that it was not": func(t *testing.T, d sandbox.Driver) {
		device := Device(t, "gpu0", true)
		Must(t, d.Wipe(t.Context(), device))
		device.Wipe = []string{"/usr/bin/false"}
		if err := d.Wipe(t.Context(), device); err == nil {
			t.Error("a wipe that failed is said to be well")
		}
		device.Wipe = []string{"/usr/bin/true"}
		over, stop := context.WithCancel(t.Context())
		stop()
		if err := d.Wipe(over, device); err == nil {
			t.Error("a wipe that did not run is said to be well")
		}
	},
	"an id is used once": func(t *testing.T, d sandbox.Driver) {
		Must(t, d.Submit(t.Context(), Job(t, "a", Ends)))
		if err := d.Submit(t.Context(), Job(t, "a", Ends)); !narthex.IsKind(err, narthex.Conflict) {
			t.Errorf("the second is %v", err)
		}
		if ended, err := d.Watch(t.Context(), "a"); err != nil || ended.Class != sandbox.Done {
			t.Errorf("the first is %+v, %v", ended, err)
		}
	},
	"a device that is half stated is refused": func(t *testing.T, d sandbox.Driver) {
		for what, change := range map[string]func(*sandbox.Device){
			"no name": func(d *sandbox.Device) { d.Name = "" }, "no kind": func(d *sandbox.Device) { d.Kind = "" }, "no paths": func(d *sandbox.Device) { d.Paths = nil },
			"no wipe": func(d *sandbox.Device) { d.Wipe = nil }, "a wipe by name": func(d *sandbox.Device) { d.Wipe = []string{"true"} },
			"a path elsewhere":       func(d *sandbox.Device) { d.Paths[0].Inside = "/asset/x" },
			"a path upwards":         func(d *sandbox.Device) { d.Paths[0].Inside = "/dev/../usr" },
			"a device of every job":  func(d *sandbox.Device) { d.Paths[0].Inside = "/dev/null" },
			"requests of a terminal": func(d *sandbox.Device) { d.Requests = []int{0x54} },
			"requests of no kind":    func(d *sandbox.Device) { d.Requests = []int{256} },
		} {
			job := Job(t, "a", Ends)
			job.Devices = []sandbox.Device{Device(t, "gpu0", true)}
			change(&job.Devices[0])
			if err := d.Submit(t.Context(), job); !narthex.IsKind(err, narthex.Invalid) {
				t.Errorf("%s: %v", what, err)
			}
		}
		job := Job(t, "a", Ends)
		job.Devices = []sandbox.Device{Device(t, "gpu0", true), Device(t, "gpu0", true)}
		if err := d.Submit(t.Context(), job); !narthex.IsKind(err, narthex.Invalid) {
			t.Errorf("a device twice: %v", err)
		}
	},
	"nothing may be unset": func(t *testing.T, d sandbox.Driver) {
		for field, unset := range map[string]func(*sandbox.Job){
			"id": func(j *sandbox.Job) { j.ID = "" }, "id ": func(j *sandbox.Job) { j.ID = "../a" }, "root": func(j *sandbox.Job) { j.Root = "" },
			"command": func(j *sandbox.Job) { j.Command = nil }, "command ": func(j *sandbox.Job) { j.Command = []string{"python3"} },
			"asset": func(j *sandbox.Job) { j.Asset = "" }, "study": func(j *sandbox.Job) { j.Study = "study" }, "lines": func(j *sandbox.Job) { j.Lines = nil },
			"wall": func(j *sandbox.Job) { j.Limits.Wall = 0 }, "cpu": func(j *sandbox.Job) { j.Limits.CPU = 0 }, "memory": func(j *sandbox.Job) { j.Limits.Memory = 0 },
			"scratch": func(j *sandbox.Job) { j.Limits.Scratch = 0 }, "out": func(j *sandbox.Job) { j.Limits.Out = -1 },
			"processes": func(j *sandbox.Job) { j.Limits.Processes = 0 }, "files": func(j *sandbox.Job) { j.Limits.Files = 0 },
		} {
			job := Job(t, "a", Ends)
			unset(&job)
			if err := d.Submit(t.Context(), job); !narthex.IsKind(err, narthex.Invalid) || narthex.AsError(err).Param != strings.TrimSpace(field) {
				t.Errorf("without %s: %v", field, err)
			}
		}
	},
}
