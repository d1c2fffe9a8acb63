// Package bubblewrap runs jobs on this host, each in a sandbox that Debian's bubblewrap makes.
//
// It promises the contract of package sandbox. A job is in user, process, network, IPC, host name, mount and cgroup namespaces of its
// own, as a number that is nobody's, without a capability and without a way to gain one. Its root is read-only: /usr and its links, what
// /etc says of alternatives, five devices and those that the job was given, /asset and /study, and where it is one of ours its program; there is no /proc and no /sys, since what they show is the host's. /scratch
// and /out are in memory and held to their bytes and files. A filter of system calls, Landlock where the kernel has it, limits of each
// process and a cgroup of them all, where one can be written to, hold the rest; Bounds says which. Where no cgroup can be written to,
// the driver looks at the job every few hundredths of a second and ends it.
//
// What is printed goes through pipes to files of the node's, and is cut at Limits.Out; the job goes on, and what it prints then is lost.
// A job ends with the node: bubblewrap dies with the thread that began it, and every process of the job with bubblewrap's. What an
// earlier node left is ended and wiped at Open.
//
// A node that is root begins jobs as a user of their own, who may open a device where its node's mode lets everyone. The files of the asset and the study must then be readable for everyone, in a
// folder that need not be. A node that is not root is in the kernel's eyes the user of its jobs, which see none of its files.
//
// It trusts the host's kernel, bubblewrap, and the folders that its caller names. Read next: start, for how a sandbox is made; stub.go,
// for what a job begins as.
package bubblewrap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"narthex"
	"narthex/internal/sandbox"
)

// looks is the time between two looks at what runs.
const looks = 30 * time.Millisecond

// Config says where a driver works.
type Config struct {
	// Dir is a folder of this driver alone, on a disk; it is made where absent. What jobs print is kept there.
	Dir string
}

// Driver is bubblewrap on this host.
type Driver struct {
	dir     string
	program string
	root    bool
	groups  groups
	bounds  Bounds
	filter  []byte // of system calls, the same for every sandbox
	lock    *os.File
	mu      sync.Mutex      // guards what follows
	jobs    map[string]*job // those that were begun and not removed
	seats   int             // how many were made
	spare   *seat           // one that is ready, or nil
	closed  bool
	filling sync.WaitGroup // who makes a spare
}

var _ sandbox.Driver = (*Driver)(nil)

// Open makes a driver, once a sandbox was seen to stand. Where bubblewrap is missing, or may not make namespaces, it is Unavailable and
// says what to do.
func Open(ctx context.Context, c Config) (*Driver, error) {
	program, err := exec.LookPath("bwrap")
	if err != nil {
		return nil, narthex.Unavailablef("There is no bubblewrap, which jobs need. Install it where they run: apt-get install bubblewrap.").Because(err)
	}
	if !filepath.IsAbs(c.Dir) {
		return nil, narthex.Invalidf("The folder for jobs is an absolute path; state it.").For("dir")
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("the folder for jobs: %w", err)
	}
	d := &Driver{dir: c.Dir, program: program, root: os.Geteuid() == 0, filter: filter(nil), jobs: map[string]*job{}}
	if d.lock, err = os.OpenFile(filepath.Join(c.Dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return nil, fmt.Errorf("the folder for jobs: %w", err)
	}
	if err := unix.Flock(int(d.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(narthex.Conflictf("Another node uses this folder for jobs; give each its own.").Because(err), d.lock.Close())
	}
	d.groups = findGroups(c.Dir)
	d.bounds = Bounds{Memory: Watched, CPU: Watched, Files: Watched, Landlock: landlock()}
	if d.groups.version > 0 {
		d.bounds.Groups, d.bounds.Memory = "cgroup v"+strconv.Itoa(d.groups.version), Kernel
	}
	if d.root {
		d.bounds.Files = Kernel
	}
	if err := errors.Join(d.groups.sweep(), d.sweep()); err != nil {
		return nil, errors.Join(fmt.Errorf("what an earlier node left of its jobs: %w", err), d.Close())
	}
	if err := d.probe(ctx); err != nil {
		return nil, errors.Join(narthex.Unavailablef("Bubblewrap is installed and could not make a sandbox. Allow unprivileged user namespaces where jobs run: sysctl -w user.max_user_namespaces=10000, and kernel.unprivileged_userns_clone=1 where the kernel has it.").Because(err), d.Close())
	}
	return d, nil
}

// Bounds says how jobs are held on this host.
func (d *Driver) Bounds() Bounds { return d.bounds }

// Dir is the driver's folder.
func (d *Driver) Dir() string { return d.dir }

// Groups are the folders of the cgroups that jobs are in, one a controller or one for all; none where they are watched.
func (d *Driver) Groups() []string {
	return slices.Compact(slices.Sorted(maps.Values(d.groups.folders)))
}

// Close ends every job and wipes what is left.
func (d *Driver) Close() error {
	d.mu.Lock()
	ids, spare := maps.Clone(d.jobs), d.spare
	d.spare, d.closed = nil, true
	d.mu.Unlock()
	d.filling.Wait()
	var err error
	if spare != nil {
		err = spare.leave()
	}
	for id := range ids {
		err = errors.Join(err, d.Remove(context.Background(), id))
	}
	for _, folder := range d.groups.folders {
		err = errors.Join(err, empty(folder))
	}
	return errors.Join(err, d.lock.Close())
}

// sweep removes the folders of jobs that an earlier process left.
func (d *Driver) sweep() error {
	entries, err := os.ReadDir(d.dir)
	for _, entry := range entries {
		if entry.IsDir() {
			err = errors.Join(err, os.RemoveAll(filepath.Join(d.dir, entry.Name())))
		}
	}
	return err
}

// job is one that was begun.
type job struct {
	sandbox.Job
	dir     string
	run     *running
	group   group
	printed sync.WaitGroup
	over    chan struct{} // closed when no process is left and answer is set
	cleared chan struct{} // closed when its group is gone too
	answer  sandbox.Ended
	err     error // of the host, and not of the job

	cpu   time.Duration // the most that a look saw
	begun bool          // guarded by the driver
	mu    sync.Mutex
	class sandbox.Class // why it was ended, if it was; guarded by mu
	held  sync.RWMutex  // by who collects, against who removes
	gone  bool          // guarded by held
}

// Submit begins a job.
func (d *Driver) Submit(ctx context.Context, j sandbox.Job) (err error) {
	if err := j.Check(); err != nil {
		return err
	}
	if d.root {
		for field, folder := range map[string]string{"asset": j.Asset, "study": j.Study, "against": j.Against} {
			if folder == "" {
				continue
			}
			if err := openToAll(folder); err != nil {
				return narthex.Invalidf("A node that is root runs jobs as a user of their own, for whom every file of a job's folders must be readable; change their modes, or run the node as another user.").For(field).Because(err)
			}
		}
	}
	begun := &job{Job: j, dir: filepath.Join(d.dir, j.ID), over: make(chan struct{}), cleared: make(chan struct{})}
	d.mu.Lock()
	_, known := d.jobs[j.ID]
	if !known {
		d.jobs[j.ID] = begun
	}
	d.mu.Unlock()
	if known {
		return narthex.Conflictf("A job with this id was begun before; give each its own.").For("id")
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.forget(begun))
		}
	}()
	if err := os.Mkdir(begun.dir, 0o700); err != nil {
		return err
	}
	stdout, err := begun.print("stdout")
	if err != nil {
		return err
	}
	stderr, err := begun.print("stderr")
	if err != nil {
		return errors.Join(err, stdout.Close())
	}
	at, err := d.take(j.Limits)
	if err == nil {
		begun.group = at.group
		begun.run, err = d.start(ctx, at, d.boxOf(j, stdout, stderr))
	}
	_, _ = stdout.Close(), stderr.Close() // they are the job's
	if err != nil {
		return err
	}
	d.mu.Lock()
	begun.begun = true
	d.mu.Unlock()
	go func() {
		defer close(begun.cleared)
		begun.keep()
		d.refill()
	}()
	return nil
}

// forget drops a job that did not begin, or that was removed.
func (d *Driver) forget(j *job) (err error) {
	if j.run == nil && j.group != nil {
		err = j.group.remove()
	}
	err = errors.Join(err, os.RemoveAll(j.dir))
	d.mu.Lock()
	delete(d.jobs, j.ID)
	d.mu.Unlock()
	return err
}

// openToAll says whether everyone may read a folder and all in it.
func openToAll(folder string) error {
	return filepath.WalkDir(folder, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if need := fs.FileMode(0o004); info.Mode().IsRegular() && info.Mode()&need != need {
			return fmt.Errorf("%s is not readable for everyone", name)
		}
		if need := fs.FileMode(0o005); info.IsDir() && info.Mode()&need != need {
			return fmt.Errorf("%s is not open to everyone", name)
		}
		return nil
	})
}

// boxOf is a job's sandbox.
func (d *Driver) boxOf(j sandbox.Job, stdout, stderr *os.File) box {
	b := box{
		shown: []shown{{filepath.Join(j.Root, "usr"), "/usr", true, readOnly}, {j.Study, "/study", true, readOnly}},
		links: [][2]string{{"usr/bin", "/bin"}, {"usr/sbin", "/sbin"}, {"usr/lib", "/lib"}, {"usr/lib64", "/lib64"}},
		own:   []own{{"/scratch", j.Limits.Scratch, j.Limits.Files}, {"/out", j.Limits.Out, j.Limits.Files}},
		env: []string{"PATH", "/usr/bin:/bin", "HOME", "/scratch", "TMPDIR", "/scratch", "LANG", "C.UTF-8", "PYTHONDONTWRITEBYTECODE", "1", "PYTHONNOUSERSITE", "1",
			"OMP_NUM_THREADS", "1", "OPENBLAS_NUM_THREADS", "1"},
		command: j.Command, at: "/scratch", stdout: stdout, stderr: stderr,
		limits: d.limitsOf(j.Limits),
	}
	if j.Against == "" {
		b.shown = append(b.shown, shown{j.Asset, "/asset", true, readOnly})
	} else {
		b.shown = append(b.shown, shown{j.Asset, "/asset/A", true, readOnly}, shown{j.Against, "/asset/B", true, readOnly})
	}
	if j.Program != "" {
		b.shown = append(b.shown, shown{j.Program, "/program", false, readOnly})
	}
	if j.Library != "" {
		b.shown, b.env = append(b.shown, shown{j.Library, "/environment", true, readOnly}), append(b.env, "PYTHONPATH", "/environment")
	}
	if alternatives := filepath.Join(j.Root, "etc/alternatives"); isFolder(alternatives) {
		b.shown = append(b.shown, shown{alternatives, "/etc/alternatives", true, readOnly})
	}
	b.give(j.Devices)
	return b
}

func isFolder(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// limitsOf are what the kernel holds each process to. The first process of a sandbox counts among its processes.
func (d *Driver) limitsOf(l sandbox.Limits) []limit {
	limits := []limit{
		{unix.RLIMIT_CORE, 0}, {unix.RLIMIT_NOFILE, openFiles}, {unix.RLIMIT_MEMLOCK, 0}, {unix.RLIMIT_MSGQUEUE, 0}, {unix.RLIMIT_NICE, 0}, {unix.RLIMIT_RTPRIO, 0},
		{unix.RLIMIT_FSIZE, uint64(l.Scratch + l.Out)}, {unix.RLIMIT_CPU, uint64(l.CPU/time.Second) + 2}, {unix.RLIMIT_NPROC, uint64(l.Processes + 1)},
	}
	if d.bounds.Memory == Watched {
		limits = append(limits, limit{unix.RLIMIT_DATA, 2 * uint64(l.Memory)})
	}
	return limits
}

// print gives a pipe's end, of which what comes is kept in a file up to Limits.Out, and then thrown away.
func (j *job) print(name string) (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(j.dir, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, errors.Join(err, r.Close(), w.Close())
	}
	j.printed.Go(func() {
		_, err := io.CopyN(f, r, j.Limits.Out)
		if err == nil || !errors.Is(err, io.EOF) { // the file is full, or the disk is
			_, _ = io.Copy(io.Discard, r)
		}
		_, _ = f.Close(), r.Close() // what could not be kept is not there
	})
	return w, nil
}

// keep lets a job go, watches it, and says how it ended.
func (j *job) keep() {
	began := time.Now()
	j.err = j.run.attend(j.Limits.Wall, func() (sandbox.Class, error) {
		over, _, err := j.look()
		return over, err
	})
	j.answer.Wall = time.Since(began)
	over, full, err := j.look()
	if over == "" && full {
		over = sandbox.OutOfSpace
	}
	j.answer.CPU = max(j.cpu, j.run.state.UserTime()+j.run.state.SystemTime())
	j.printed.Wait()
	if j.answer.Class = j.run.why(over); j.answer.Class == sandbox.Failed {
		j.answer.File, j.answer.Line = j.place()
	}
	j.err = errors.Join(j.err, err)
	j.run.wipe(0) // /scratch; /out is held for Collect
	close(j.over)
	_ = j.group.remove() // what is left of a group is removed by the next Open
}

// look says which limit a job went over, if any, and whether a folder of its own is full.
func (j *job) look() (over sandbox.Class, full bool, err error) {
	cpu, memory, outOfMemory, err := j.group.used(j.run.pid, j.run.own)
	if err != nil {
		return "", false, err
	}
	j.cpu = max(j.cpu, cpu)
	if cpu > j.Limits.CPU {
		over = sandbox.OutOfTime
	}
	for _, f := range j.run.own {
		s, err := spaceOf(f)
		if err != nil {
			return "", false, err
		}
		full = full || s.full
		if s.files > int64(j.Limits.Files)+1 {
			over = sandbox.OutOfSpace
		}
	}
	if outOfMemory || memory > j.Limits.Memory {
		over = sandbox.OutOfMemory
	}
	return over, full, nil
}

// place finds where the study failed, in the end of what it printed.
func (j *job) place() (string, int) {
	const tail = 1 << 20
	f, err := os.Open(filepath.Join(j.dir, "stderr"))
	if err != nil {
		return "", 0
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err == nil && info.Size() > tail {
		_, _ = f.Seek(-tail, io.SeekEnd) // what cannot be read names no place
	}
	text, _ := io.ReadAll(f)
	return sandbox.LineOf(text, j.Lines)
}

// find gives a job that was begun, or nil.
func (d *Driver) find(id string) *job {
	d.mu.Lock()
	defer d.mu.Unlock()
	if j := d.jobs[id]; j != nil && j.begun {
		return j
	}
	return nil
}

// until waits for a job's end.
func (j *job) until(ctx context.Context) error {
	select {
	case <-j.over:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Watch returns when the job has ended.
func (d *Driver) Watch(ctx context.Context, id string) (sandbox.Ended, error) {
	j := d.find(id)
	if j == nil {
		return sandbox.Ended{Class: sandbox.Lost}, nil
	}
	if err := j.until(ctx); err != nil {
		return sandbox.Ended{}, err
	}
	return j.answer, j.err
}

// Cancel ends a job, and returns when no process of it is left.
func (d *Driver) Cancel(ctx context.Context, id string) error {
	j := d.find(id)
	if j == nil {
		return nil
	}
	select {
	case <-j.over:
		return nil
	default:
	}
	j.run.end(sandbox.Cancelled)
	return j.until(ctx)
}

// Collect opens what an ended job left.
func (d *Driver) Collect(ctx context.Context, id string, into func(sandbox.Left) error) (err error) {
	none := narthex.Conflictf("There is nothing to collect: no such job has ended here. Wait for its end first.").For("id")
	j := d.find(id)
	if j == nil {
		return none
	}
	select {
	case <-j.over:
	default:
		return none
	}
	j.held.RLock() // Remove waits
	defer j.held.RUnlock()
	if j.gone {
		return none
	}
	out, err := os.OpenRoot(fmt.Sprintf("/proc/self/fd/%d", j.run.own[1].Fd()))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	printed, err := os.OpenRoot(j.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, printed.Close()) }()
	return into(sandbox.Left{Out: out, Printed: printed})
}

// Remove ends the job where it runs, and wipes what is left of it.
func (d *Driver) Remove(ctx context.Context, id string) error {
	if err := d.Cancel(ctx, id); err != nil {
		return err
	}
	j := d.find(id)
	if j == nil {
		return nil
	}
	<-j.cleared
	j.held.Lock()
	defer j.held.Unlock()
	if j.gone {
		return nil
	}
	j.gone = true
	j.run.close()
	return d.forget(j)
}
