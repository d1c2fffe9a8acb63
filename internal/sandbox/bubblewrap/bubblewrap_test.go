package bubblewrap_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"narthex"
	"narthex/internal/sandbox"
	"narthex/internal/sandbox/bubblewrap"
	"narthex/internal/sandbox/sandboxtest"
)

// TestMain is also the programs that tests begin: a child to be confined, and a node to be killed.
func TestMain(m *testing.M) {
	switch {
	case len(os.Args) > 2 && os.Args[1] == "confined":
		os.Exit(confined(os.Args[2]))
	case len(os.Args) > 2 && os.Args[1] == "node":
		os.Exit(node(os.Args[2:]))
	}
	os.Exit(m.Run())
}

func open(t testing.TB) *bubblewrap.Driver {
	t.Helper()
	d, err := bubblewrap.Open(t.Context(), bubblewrap.Config{Dir: t.TempDir()})
	sandboxtest.Must(t, err)
	t.Cleanup(func() { sandboxtest.Must(t, d.Close()) })
	return d
}

func TestBubblewrapKeepsTheContract(t *testing.T) {
	sandboxtest.Run(t, func(t *testing.T) sandbox.Driver { return open(t) })
}

// TestAllOfItHoldsForAnotherUser runs the other tests of this package again, as a user who may not write to a cgroup.
func TestAllOfItHoldsForAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		return // it is another user already
	}
	dir := t.TempDir()
	program := copyOf(t, dir)
	cmd := exec.CommandContext(t.Context(), program, "-test.run", "^(TestBubblewrapKeepsTheContract|TestAJob.*|TestAHostile.*|TestAFull.*|TestNothing.*|TestWhat.*|TestHonest.*|TestAChild.*|TestAKilled.*)$")
	cmd.Env = []string{"TMPDIR=" + dir, "PATH=/usr/bin:/bin"}
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}, Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread() // the signal is for the end of the thread
	defer runtime.UnlockOSThread()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// copyOf puts this program where any user can run it.
func copyOf(t testing.TB, dir string) string {
	t.Helper()
	sandboxtest.Must(t, os.Chmod(filepath.Dir(dir), 0o755))
	sandboxtest.Must(t, os.Chmod(dir, 0o777))
	text, err := os.ReadFile("/proc/self/exe")
	sandboxtest.Must(t, err)
	program := filepath.Join(dir, "program")
	sandboxtest.Must(t, os.WriteFile(program, text, 0o755))
	return program
}

func TestWithoutBubblewrapTheDriverSaysWhatToInstall(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := bubblewrap.Open(t.Context(), bubblewrap.Config{Dir: t.TempDir()})
	if !narthex.IsKind(err, narthex.Unavailable) || !strings.Contains(narthex.AsError(err).Public, "apt-get install bubblewrap") {
		t.Errorf("%v", err)
	}
}

func TestABubblewrapThatMakesNoSandboxIsRefused(t *testing.T) {
	dir := t.TempDir()
	for name, script := range map[string]string{"fails": "#!/bin/sh\necho no namespaces >&2\nexit 1\n", "says nothing and waits": "#!/bin/sh\nexec /usr/bin/sleep 600\n"} {
		sandboxtest.Must(t, os.WriteFile(filepath.Join(dir, "bwrap"), []byte(script), 0o755))
		sandboxtest.Must(t, os.Chmod(filepath.Dir(dir), 0o755))
		sandboxtest.Must(t, os.Chmod(dir, 0o755))
		t.Setenv("PATH", dir)
		ctx, stop := context.WithTimeout(t.Context(), 2*time.Second)
		defer stop()
		_, err := bubblewrap.Open(ctx, bubblewrap.Config{Dir: t.TempDir()})
		if !narthex.IsKind(err, narthex.Unavailable) || name == "fails" && !strings.Contains(err.Error(), "no namespaces") {
			t.Errorf("one that %s: %v", name, err)
		}
	}
}

func TestTwoNodesDoNotShareAFolder(t *testing.T) {
	d := open(t)
	if _, err := bubblewrap.Open(t.Context(), bubblewrap.Config{Dir: d.Dir()}); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("%v", err)
	}
}

// node begins a job and waits: a node to be killed.
func node(args []string) int {
	ctx := context.Background()
	d, err := bubblewrap.Open(ctx, bubblewrap.Config{Dir: args[0]})
	if err == nil {
		err = d.Submit(ctx, sandbox.Job{ID: "orphan", Root: "/", Command: []string{"/usr/bin/python3", "-I", "/study/main.py", args[3]}, Asset: args[1], Study: args[2], Lines: map[string]int{},
			Limits: sandbox.Limits{Wall: time.Hour, CPU: time.Hour, Memory: 256 << 20, Scratch: 1 << 20, Out: 1 << 20, Processes: 16, Files: 100}})
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("begun")
	select {}
}

func TestAKilledNodeTakesItsJobsWithIt(t *testing.T) {
	dir := t.TempDir()
	job := sandboxtest.Job(t, "orphan", "import os, time\nos.fork()\nif os.fork() == 0:\n    os.setsid()\ntime.sleep(600)\n")
	w := word(&job)
	program, err := os.Executable()
	sandboxtest.Must(t, err)
	cmd := exec.CommandContext(t.Context(), program, "node", dir, job.Asset, job.Study, w)
	out, err := cmd.StdoutPipe()
	sandboxtest.Must(t, err)
	sandboxtest.Must(t, cmd.Start())
	said := make([]byte, len("begun\n"))
	if _, err := io.ReadFull(out, said); err != nil || string(said) != "begun\n" {
		rest, _ := io.ReadAll(out)
		t.Fatalf("%s%s %v", said, rest, err)
	}
	within(t, "the job runs", func() bool { return alive(t, w) >= 7 }) // the node, bubblewrap twice, and four of the job
	sandboxtest.Must(t, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
	within(t, "no process is left", func() bool { return alive(t, w) == 0 })
	d, err := bubblewrap.Open(t.Context(), bubblewrap.Config{Dir: dir})
	sandboxtest.Must(t, err)
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 || left[0].Name() != "lock" {
		t.Errorf("%v, %v", left, err)
	}
	if ended, err := d.Watch(t.Context(), "orphan"); err != nil || ended.Class != sandbox.Lost {
		t.Errorf("%+v, %v", ended, err)
	}
	sandboxtest.Must(t, d.Close())
}

// TestAKilledNodesGroupsAreEmptied puts a process into a group of a job, as if it had outlived its node.
func TestAKilledNodesGroupsAreEmptied(t *testing.T) {
	d, err := bubblewrap.Open(t.Context(), bubblewrap.Config{Dir: t.TempDir()})
	sandboxtest.Must(t, err)
	groups := d.Groups()
	sandboxtest.Must(t, d.Close())
	if d.Bounds().Groups == "" {
		if len(groups) != 0 {
			t.Errorf("%v", groups)
		}
		return
	}
	left := exec.Command("/usr/bin/sleep", "600")
	sandboxtest.Must(t, left.Start())
	for _, folder := range groups {
		at := filepath.Join(folder, "left")
		sandboxtest.Must(t, os.MkdirAll(at, 0o755))
		sandboxtest.Must(t, os.WriteFile(filepath.Join(at, "cgroup.procs"), []byte(strconv.Itoa(left.Process.Pid)), 0o644))
	}
	ended := make(chan error, 1)
	go func() { ended <- left.Wait() }()
	again, err := bubblewrap.Open(t.Context(), bubblewrap.Config{Dir: d.Dir()})
	sandboxtest.Must(t, err)
	sandboxtest.Must(t, again.Close())
	if err := <-ended; err == nil || left.ProcessState.Sys().(syscall.WaitStatus).Signal() != unix.SIGKILL {
		t.Errorf("it ended with %v", err)
	}
	for _, folder := range groups {
		if _, err := os.Stat(folder); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left: %v", folder, err)
		}
	}
}

func TestAJobComputesWithNumpy(t *testing.T) {
	d := open(t)
	job := sandboxtest.Job(t, "numpy", "import numpy\nopen('/out/values', 'w').write(' '.join('%.3f' % v for v in numpy.linalg.svd(numpy.diag([3.0, 2.0, 1.0]))[1]))\n")
	if ended := sandboxtest.Ended(t, d, job); ended.Class != sandbox.Done {
		t.Fatalf("%+v %s", ended, sandboxtest.Read(t, d, "numpy", "stderr"))
	}
	if text := sandboxtest.Read(t, d, "numpy", "values"); text != "3.000 2.000 1.000" {
		t.Errorf("%q", text)
	}
}

func TestAJobWithoutItsCommandFails(t *testing.T) {
	job := sandboxtest.Job(t, "none", sandboxtest.Ends)
	job.Command = []string{"/usr/bin/none-such"}
	if ended := sandboxtest.Ended(t, open(t), job); ended.Class != sandbox.Failed {
		t.Errorf("%+v", ended)
	}
}

// confined is a child.
func confined(what string) int {
	switch what {
	case "copies":
		if _, err := io.Copy(os.Stdout, os.Stdin); err != nil {
			return 1
		}
	case "looks":
		var open []int
		for fd := range 1024 {
			var s unix.Stat_t
			if unix.Fstat(fd, &s) == nil && (fd < 3 || !internal(fd)) {
				open = append(open, fd)
			}
		}
		fmt.Println("descriptors", open, "environment", os.Environ())
		for _, name := range []string{"/usr", "/etc", "/proc", "/asset", "/study", "/scratch", "/out", "/tmp", "/stub"} {
			if _, err := os.ReadFile(name); !errors.Is(err, os.ErrNotExist) && !errors.Is(err, os.ErrPermission) {
				fmt.Println(name, err)
			}
		}
		for _, name := range os.Args[3:] {
			text, err := os.ReadFile(name)
			fmt.Println(string(text), err)
			if err := os.WriteFile(name, nil, 0o644); err == nil {
				fmt.Println("written to", name)
			}
		}
		if fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0); err == nil {
			fmt.Println("a socket", fd)
		}
		if err := os.WriteFile("/new", nil, 0o644); err == nil {
			fmt.Println("a file")
		}
		if _, err := os.StartProcess("/program", []string{"/program", "confined", "fails"}, &os.ProcAttr{}); err != nil {
			fmt.Println("no process", err)
		}
	case "prints":
		for {
			if _, err := os.Stdout.Write(make([]byte, 1<<16)); err != nil {
				return 1
			}
		}
	case "sleeps":
		time.Sleep(time.Hour)
	case "computes":
		for n := 0; ; n++ {
			runtime.KeepAlive(n)
		}
	case "takes memory":
		var all [][]byte
		for {
			all = append(all, slices.Repeat([]byte{1}, 1<<20))
			runtime.KeepAlive(all)
			time.Sleep(time.Millisecond)
		}
	case "fails":
		return 3
	case "panics":
		panic("secret")
	}
	return 0
}

// internal says whether a descriptor is of Go's own: it waits for files with it.
func internal(fd int) bool {
	link, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
	return err == nil && strings.HasPrefix(link, "anon_inode:")
}

// child is one that this program plays.
func child(t testing.TB, what string) sandbox.Child {
	t.Helper()
	return sandbox.Child{Path: copyOf(t, t.TempDir()), Args: []string{"confined", what}, Output: 1 << 20, Memory: 256 << 20, Processes: 32, CPU: sandboxtest.Deadline, Wall: sandboxtest.Deadline}
}

func TestAChildReadsItsInputAndWritesItsOutput(t *testing.T) {
	c := child(t, "copies")
	c.Stdin = []byte("hostile bytes")
	if out, err := open(t).Confined(t.Context(), c); err != nil || string(out) != "hostile bytes" {
		t.Errorf("%q, %v", out, err)
	}
}

func TestAChildSeesNothingElse(t *testing.T) {
	c := child(t, "looks")
	shown := filepath.Join(t.TempDir(), "shown")
	sandboxtest.Must(t, os.WriteFile(shown, []byte("shown"), 0o666))
	c.ReadOnly, c.Args = []string{shown}, append(c.Args, shown)
	out, err := open(t).Confined(t.Context(), c)
	want := "descriptors [0 1 2] environment [PWD=/]\nshown <nil>\n"
	if err != nil || string(out) != want {
		t.Errorf("%s, %v", out, err)
	}
}

func TestAChildThatDoesNotFinishIsAClass(t *testing.T) {
	d := open(t)
	for what, c := range map[string]struct {
		class sandbox.Class
		limit func(*sandbox.Child)
	}{
		"fails":        {sandbox.Failed, func(*sandbox.Child) {}},
		"panics":       {sandbox.Failed, func(*sandbox.Child) {}},
		"prints":       {sandbox.OutOfSpace, func(*sandbox.Child) {}},
		"sleeps":       {sandbox.OutOfTime, func(c *sandbox.Child) { c.Wall = time.Second }},
		"computes":     {sandbox.OutOfTime, func(c *sandbox.Child) { c.CPU = time.Second }},
		"takes memory": {sandbox.OutOfMemory, func(c *sandbox.Child) { c.Memory = 96 << 20 }},
	} {
		run := child(t, what)
		c.limit(&run)
		out, err := d.Confined(t.Context(), run)
		var fault *sandbox.Fault
		if !errors.As(err, &fault) || fault.Class != c.class || len(out) != 0 || strings.Contains(err.Error(), "secret") {
			t.Errorf("one that %s: %d bytes, %v", what, len(out), err)
		}
	}
	for _, unset := range []func(*sandbox.Child){func(c *sandbox.Child) { c.Path = "program" }, func(c *sandbox.Child) { c.Output = 0 }, func(c *sandbox.Child) { c.Memory = 0 },
		func(c *sandbox.Child) { c.Processes = 0 }, func(c *sandbox.Child) { c.CPU = 0 }, func(c *sandbox.Child) { c.Wall = 0 }} {
		run := child(t, "copies")
		unset(&run)
		if _, err := d.Confined(t.Context(), run); !narthex.IsKind(err, narthex.Invalid) {
			t.Errorf("%v", err)
		}
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Second)
	defer stop()
	if _, err := d.Confined(ctx, child(t, "sleeps")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("of a caller who went: %v", err)
	}
}
