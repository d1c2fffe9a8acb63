package bubblewrap

import (
	"context"
	"encoding/json"
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
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"narthex/internal/sandbox"
)

// Descriptors of bubblewrap, beside the gate of the stub.
const (
	argsFD = gateFD + 1 + iota
	infoFD
	stubFD
	filterFD
	programFD
)

// Numbers of the user and group that a job is: inside, and on the host where the node is root. Debian gives the second to nobody.
const (
	insideID  = 65534
	outsideID = 65432
)

// box is what one sandbox is made of.
type box struct {
	shown   []shown
	links   [][2]string // what the link is to, and where it stands
	own     []own
	env     []string // name, value, name, value
	asks    []int    // the kinds of control requests that may be made
	program []byte   // a program that stands at /program, where it is not nil
	command []string
	at      string // the working folder
	limits  []limit
	stdin   *os.File // or nothing
	stdout  *os.File
	stderr  *os.File // or nothing
}

// shown is a folder or file of the host that is seen inside.
type shown struct {
	host, inside string
	folder       bool
	as           binding
}

// binding is how something of the host is seen inside. The zero binding is read-only.
type binding int

const (
	readOnly binding = iota
	readWrite
	asDevice // a device node, which can be opened
)

// option is bubblewrap's.
func (b binding) option() string {
	return [...]string{"--ro-bind", "--bind", "--dev-bind"}[b]
}

// own is a folder of the sandbox's own, in memory.
type own struct {
	path  string
	bytes int64
	files int
}

// running is a sandbox that stands and waits to be let go, or runs.
type running struct {
	first int // a file that is the sandbox's first process: with it all the others end
	gate  *os.File
	own   []*os.File // its own folders, held: what is in them is there after its end
	pid   int        // of the first process, until it has ended
	ended chan struct{}
	state *os.ProcessState // of bubblewrap, after ended

	mu    sync.Mutex
	class sandbox.Class // why it was ended, if it was; guarded by mu
}

// start makes a sandbox at a seat and returns when it stands. The seat is used up.
func (d *Driver) start(ctx context.Context, at *seat, b box) (_ *running, err error) {
	used := false
	defer func() {
		if !used {
			close(at.do)
		}
	}()
	var open []*os.File // everything that is not the running's
	defer func() {
		for _, f := range open {
			_ = f.Close()
		}
	}()
	pipe := func() (r, w *os.File) {
		if err == nil {
			r, w, err = os.Pipe()
			open = append(open, r, w)
		}
		return r, w
	}
	argsR, argsW := pipe()
	infoR, infoW := pipe()
	if err != nil {
		return nil, err
	}
	gate, theirs, err := newGate()
	if err != nil {
		return nil, err
	}
	open = append(open, gate, theirs)
	hold := func(name string, content []byte) *os.File {
		f, failed := memory(name, content)
		if failed != nil {
			err = failed
			return nil
		}
		open = append(open, f)
		return f
	}
	program, err := inside(d.bounds.Landlock, b.limits, b.left())
	if err != nil {
		return nil, err
	}
	calls := d.filter
	if len(b.asks) > 0 {
		calls = filter(b.asks)
	}
	files := []*os.File{theirs, argsR, infoW, hold("stub", program), hold("filter", calls)}
	if b.program != nil {
		files = append(files, hold("program", b.program))
	}
	if err != nil {
		return nil, err
	}
	cmd := d.command(b, files)
	run := &running{first: -1, ended: make(chan struct{})}
	started := make(chan error, 1)
	at.group.place(cmd.SysProcAttr)
	used = true
	at.do <- func() {
		if d.root {
			if err := stage(b.shown); err != nil {
				started <- err
				return
			}
		}
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		started <- nil
		_ = cmd.Wait() // what it says is in the state
		run.state = cmd.ProcessState
		close(run.ended)
	}
	if err := <-started; err != nil {
		return nil, err
	}
	for _, f := range []*os.File{theirs, argsR, infoW} { // what is the child's now, so that its end is heard
		_ = f.Close()
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ctx.Err())
			run.kill()
			_ = cmd.Process.Kill()
			<-run.ended
			run.close()
		}
	}()
	if _, err := argsW.WriteString(strings.Join(b.arguments(d.root), "\x00") + "\x00"); err != nil {
		return nil, err
	}
	_ = argsW.Close()
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	defer stop()
	var info struct {
		Pid int `json:"child-pid"`
	}
	if said, err := io.ReadAll(infoR); err != nil || json.Unmarshal(said, &info) != nil || info.Pid <= 0 {
		return nil, errors.Join(errNotStanding, err)
	}
	run.pid = info.Pid
	if run.first, err = unix.PidfdOpen(run.pid, 0); err != nil {
		return nil, errors.Join(errNotStanding, err)
	}
	if n, err := gate.Read(make([]byte, 1)); n != 1 {
		return nil, errors.Join(errNotStanding, err)
	}
	for _, o := range b.own {
		f, err := os.Open(filepath.Join("/proc", strconv.Itoa(run.pid), "root", o.path))
		if err != nil {
			return nil, err
		}
		run.own = append(run.own, f)
		if d.bounds.Files == Kernel {
			if err := boundFiles(f, o.files); err != nil {
				return nil, err
			}
		}
	}
	run.gate = gate
	open = slices.DeleteFunc(open, func(f *os.File) bool { return f == gate })
	return run, nil
}

// errNotStanding is a sandbox that was not made.
var errNotStanding = errors.New("bubblewrap made no sandbox")

// left is what Landlock leaves of a box.
func (b box) left() []opened {
	left := []opened{{"/dev", useDevices}}
	for _, s := range b.shown {
		if strings.HasPrefix(s.inside, "/dev/") { // what is left of /dev is left of it
			continue
		}
		rights := uint64(readFile)
		if s.folder {
			rights = readFolder
		}
		if s.as != readOnly {
			rights |= unix.LANDLOCK_ACCESS_FS_WRITE_FILE
		}
		left = append(left, opened{s.inside, rights})
	}
	for _, o := range b.own {
		left = append(left, opened{o.path, ownFolder})
	}
	if b.program != nil {
		left = append(left, opened{"/program", readFile})
	}
	return left
}

// command is bubblewrap, which waits for its other arguments.
func (d *Driver) command(b box, files []*os.File) *exec.Cmd {
	cmd := exec.Command(d.program, slices.Concat([]string{"--args", strconv.Itoa(argsFD), "--", "/stub"}, b.command)...)
	cmd.Env = []string{} // its first process inside keeps it
	cmd.Stdout, cmd.ExtraFiles = b.stdout, files
	if b.stdin != nil { // no file is the null device, and a nil file would be no descriptor
		cmd.Stdin = b.stdin
	}
	if b.stderr != nil {
		cmd.Stderr = b.stderr
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if d.root {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: outsideID, Gid: outsideID}
	}
	return cmd
}

// arguments are bubblewrap's.
func (b box) arguments(root bool) []string {
	args := []string{"--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup",
		"--uid", strconv.Itoa(insideID), "--gid", strconv.Itoa(insideID), "--hostname", "job", "--new-session", "--die-with-parent", "--cap-drop", "ALL", "--clearenv",
		"--info-fd", strconv.Itoa(infoFD), "--seccomp", strconv.Itoa(filterFD), "--perms", "0555", "--file", strconv.Itoa(stubFD), "/stub"}
	for i, s := range b.shown {
		from := s.host
		if root {
			from = staged(i)
		}
		args = append(args, s.as.option(), from, s.inside)
	}
	for _, l := range b.links {
		args = append(args, "--symlink", l[0], l[1])
	}
	for _, device := range sandbox.EveryJobs() {
		args = append(args, "--dev-bind", device, device)
	}
	for _, o := range b.own {
		args = append(args, "--perms", "0700", "--size", strconv.FormatInt(o.bytes, 10), "--tmpfs", o.path)
	}
	for pair := range slices.Chunk(b.env, 2) {
		args = append(args, "--setenv", pair[0], pair[1])
	}
	if b.program != nil {
		args = append(args, "--perms", "0555", "--file", strconv.Itoa(programFD), "/program")
	}
	return append(args, "--remount-ro", "/", "--chdir", b.at)
}

// end ends every process of the sandbox for a reason; the first reason stays. They have ended when attend returns.
func (r *running) end(why sandbox.Class) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.class == "" {
		r.class = why
	}
	r.kill()
}

// kill ends every process, where the first is known.
func (r *running) kill() { _ = unix.PidfdSendSignal(r.first, unix.SIGKILL, nil, 0) }

// attend lets the sandbox go, ends it when its time on the wall is over or a look gives a reason, and returns when no process of it is
// left: what its command left behind is ended too.
func (r *running) attend(wall time.Duration, look func() (sandbox.Class, error)) error {
	if _, err := r.gate.Write([]byte{1}); err != nil {
		r.end(sandbox.Lost)
	}
	deadline, ticker := time.NewTimer(wall), time.NewTicker(looks)
	defer deadline.Stop()
	defer ticker.Stop()
	for running := true; running; {
		select {
		case <-r.ended:
			running = false
		case <-deadline.C:
			r.end(sandbox.OutOfTime)
		case <-ticker.C:
			if why, err := look(); err != nil {
				r.end(sandbox.Lost) // what is not seen is not held
			} else if why != "" {
				r.end(why)
			}
		}
	}
	r.kill()
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(r.first), Events: unix.POLLIN}}, -1)
		if n == 1 {
			_, _ = unix.Wait4(r.pid, nil, unix.WNOHANG, nil) // it is ours to bury where this process is a container's first
			r.pid = -1                                       // the number may be another's now
			return nil
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// why says how the sandbox ended, once no process is left; over is what the last look gave.
func (r *running) why(over sandbox.Class) sandbox.Class {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.class != "":
		return r.class
	case r.state.Success():
		return sandbox.Done
	case !r.state.Exited():
		return sandbox.Lost // bubblewrap itself was ended
	case over != "":
		return over
	}
	return sandbox.Failed
}

// close lets go of what is held. The own folders are gone with it.
func (r *running) close() {
	if r.first >= 0 {
		_ = unix.Close(r.first)
		r.first = -1
	}
	for i := range r.own {
		r.wipe(i)
	}
	if r.gate != nil {
		_ = r.gate.Close()
	}
}

// wipe lets go of one of the own folders: with its last holder it is gone.
func (r *running) wipe(i int) { _ = r.own[i].Close() }

// newGate is a socket at whose other end a stub says that it stands, and waits.
func newGate() (ours, theirs *os.File, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	return os.NewFile(uintptr(pair[0]), "gate"), os.NewFile(uintptr(pair[1]), "gate"), nil
}

// memory is a file that only its descriptor leads to.
func memory(name string, content []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), name)
	if _, err := f.Write(content); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	_, err = f.Seek(0, io.SeekStart)
	return f, err
}

// seat is a thread in a group of its own, which waits for a sandbox to begin. A thread begins one and ends with it, since its children
// are ended when it is, and one that has mounts of its own must not be used for anything else.
type seat struct {
	group group
	do    chan func()
}

// newSeat makes a seat. Where groups are of cgroup v1, the kernel lets whoever goes into one wait for all processors to have rested,
// and whoever begins or ends a process meanwhile too; so the driver keeps one seat that is ready.
func (d *Driver) newSeat() (*seat, error) {
	d.mu.Lock()
	d.seats++
	name := strconv.Itoa(d.seats)
	d.mu.Unlock()
	group, err := d.groups.make(name)
	if err != nil {
		return nil, err
	}
	s := &seat{group: group, do: make(chan func())}
	ready := make(chan error)
	go onThread(func() {
		err := group.enter()
		if err == nil && d.root {
			err = ownMounts()
		}
		ready <- err
		if do, is := <-s.do; is {
			do()
		}
	})
	if err := <-ready; err != nil {
		close(s.do)
		return nil, errors.Join(err, group.remove())
	}
	return s, nil
}

// take gives a seat with limits.
func (d *Driver) take(l sandbox.Limits) (*seat, error) {
	d.mu.Lock()
	s := d.spare
	d.spare = nil
	d.mu.Unlock()
	var err error
	if s == nil {
		if s, err = d.newSeat(); err != nil {
			return nil, err
		}
	}
	if err := s.group.bound(l); err != nil {
		return nil, errors.Join(err, s.leave())
	}
	return s, nil
}

// leave gives up a seat that was not used.
func (s *seat) leave() error {
	close(s.do)
	return s.group.remove()
}

// refill makes the seat for the next sandbox.
func (d *Driver) refill() {
	d.mu.Lock()
	enough := d.spare != nil || d.closed
	d.mu.Unlock()
	if enough {
		return
	}
	s, err := d.newSeat()
	if err != nil {
		return // take will try, and say so
	}
	d.mu.Lock()
	if d.spare == nil && !d.closed {
		d.spare, s = s, nil
	}
	d.mu.Unlock()
	if s != nil {
		_ = s.leave() // what is left of a group is removed by the next Open
	}
}

// onThread runs do on a thread that ends with it. The process's first thread is passed over, since the process's view of itself is that
// thread's.
func onThread(do func()) {
	runtime.LockOSThread()
	if unix.Gettid() == unix.Getpid() {
		done := make(chan struct{})
		go onThread(func() { defer close(done); do() })
		<-done
		runtime.UnlockOSThread()
		return
	}
	do()
}

// stageAt is where a root's node puts what a sandbox shows, in mounts that only the one thread sees: the sandbox's user may not be able
// to follow the way to it.
const stageAt = "/mnt"

func staged(i int) string { return filepath.Join(stageAt, strconv.Itoa(i)) }

// ownMounts gives this thread, and what it begins, mounts that nobody else sees, with a place for what a sandbox shows.
func ownMounts() error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("mounts of its own: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("mounts of its own: %w", err)
	}
	if err := unix.Mount("stage", stageAt, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755,size=64k"); err != nil {
		return fmt.Errorf("a folder for what is shown: %w", err)
	}
	return nil
}

// stage puts what is shown where any user can reach it, and nobody but this thread's children sees it.
func stage(all []shown) error {
	for i, s := range all {
		var err error
		if s.folder {
			err = os.Mkdir(staged(i), 0o755)
		} else {
			err = os.WriteFile(staged(i), nil, 0o644)
		}
		if err == nil {
			err = unix.Mount(s.host, staged(i), "", unix.MS_BIND|unix.MS_REC, "")
		}
		if err != nil {
			return fmt.Errorf("what is shown at %s: %w", s.inside, err)
		}
	}
	return nil
}

// boundFiles has the kernel hold a folder in memory to this many files, its own root beside them.
func boundFiles(f *os.File, most int) error {
	fd, err := unix.Fspick(int(f.Fd()), "", unix.FSPICK_EMPTY_PATH|unix.FSPICK_CLOEXEC)
	if err != nil {
		return fmt.Errorf("a bound on files: %w", err)
	}
	defer func() { _ = unix.Close(fd) }()
	if err := unix.FsconfigSetString(fd, "nr_inodes", strconv.Itoa(most+1)); err != nil {
		return fmt.Errorf("a bound on files: %w", err)
	}
	return unix.FsconfigReconfigure(fd)
}

// space is what a folder in memory holds.
type space struct {
	bytes int64
	files int64
	full  bool // no page or no file more
}

func spaceOf(f *os.File) (space, error) {
	var s unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &s); err != nil {
		return space{}, err
	}
	return space{bytes: int64(s.Blocks-s.Bfree) * s.Bsize, files: int64(s.Files - s.Ffree), full: s.Bfree == 0 || s.Ffree == 0}, nil
}
