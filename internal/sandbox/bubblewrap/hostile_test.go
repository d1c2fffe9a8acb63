package bubblewrap_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"narthex"
	"narthex/internal/sandbox"
	"narthex/internal/sandbox/bubblewrap"
	"narthex/internal/sandbox/sandboxtest"
)

// tools stand before a hostile script: attempt says in /out/report how what it was given ended.
const tools = `import ctypes, errno, json, os, signal, socket, sys, time
libc = ctypes.CDLL(None, use_errno=True)
report = {}
def attempt(name, do):
    try:
        report[name] = str(do())
    except OSError as e:
        report[name] = errno.errorcode.get(e.errno, repr(e))
    except Exception as e:
        report[name] = type(e).__name__
    json.dump(report, open('/out/report', 'w'))
def call(number, *args):
    if libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) for a in args]) < 0:
        raise OSError(ctypes.get_errno(), 'refused')
    return 'done'
def in_child(do):
    pid = os.fork()
    if pid == 0:
        do()
        os._exit(0)
    status = os.waitpid(pid, 0)[1]
    return signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else 'lived'
`

// reported runs a script of attempts to its end, and gives what became of each.
func reported(t *testing.T, d *bubblewrap.Driver, script string) map[string]string {
	t.Helper()
	id := "reports"
	if ended := sandboxtest.Ended(t, d, sandboxtest.Job(t, id, tools+script)); ended.Class != sandbox.Done {
		t.Fatalf("the attempts ended as %+v: %s", ended, sandboxtest.Read(t, d, id, "stderr"))
	}
	report := map[string]string{}
	sandboxtest.Must(t, json.Unmarshal([]byte(sandboxtest.Read(t, d, id, "report")), &report))
	sandboxtest.Must(t, d.Remove(t.Context(), id))
	return report
}

// same compares what became of attempts.
func same(t *testing.T, got, want map[string]string) {
	t.Helper()
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s: %s, want %s", name, got[name], want[name])
		}
	}
	for name := range got {
		if _, known := want[name]; !known {
			t.Errorf("%s: %s, and nobody expects it", name, got[name])
		}
	}
}

func TestAJobSeesNothingOfTheHost(t *testing.T) {
	d := open(t)
	t.Setenv("NARTHEX_SECRET", "environment-canary")
	got := reported(t, d, fmt.Sprintf(`
attempt('environment', lambda: sorted(k for k in os.environ if k not in ('PATH', 'HOME', 'TMPDIR', 'LANG', 'PWD', 'PYTHONDONTWRITEBYTECODE', 'PYTHONNOUSERSITE', 'OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS')))
def held(fd):
    try:
        os.fstat(fd)
        return True
    except OSError:
        return False
attempt('descriptors', lambda: [fd for fd in range(1024) if held(fd)])
for name in '/proc/1/environ /proc/self/environ /proc/kallsyms /sys/kernel /etc/passwd /etc/hostname /root /home /var /tmp /run /work /mnt /dev/kmsg /dev/tty /dev/shm /dev/pts /dev/kvm %[1]s'.split():
    attempt(name, lambda: os.stat(name))
attempt('a list of the root', lambda: os.listdir('/'))
attempt('what the stub is', lambda: open('/stub', 'rb').read())
attempt('the terminal', lambda: any(os.isatty(fd) for fd in range(3)))
attempt('its name', lambda: os.uname().nodename)
attempt('its number', lambda: (os.getuid(), os.getgid(), os.getresuid()[2]))
attempt('its first process', lambda: os.getppid())
attempt('a process of the host', lambda: os.kill(%[2]d, 0))
attempt('no new privileges', lambda: libc.prctl(39, 0, 0, 0, 0))
class Caps(ctypes.Structure):
    _fields_ = [('v', ctypes.c_uint32 * 6)]
def caps():
    head, data = (ctypes.c_uint32 * 2)(0x20080522, 0), Caps()
    libc.capget(head, ctypes.byref(data))
    return list(data.v)
attempt('capabilities', caps)
attempt('a capability to be had', lambda: sum(libc.prctl(23, n, 0, 0, 0) for n in range(41)))
attempt('core dumps', lambda: __import__('resource').getrlimit(4))
`, d.Dir(), os.Getpid()))
	want := map[string]string{"environment": "[]", "descriptors": "[0, 1, 2]", "a list of the root": "EACCES", "what the stub is": "EACCES", "the terminal": "False", "its name": "job",
		"its number": "(65534, 65534, 65534)", "its first process": "1", "a process of the host": "ESRCH", "no new privileges": "1", "capabilities": "[0, 0, 0, 0, 0, 0]",
		"a capability to be had": "0", "core dumps": "(0, 0)"}
	for name := range strings.FieldsSeq("/proc/1/environ /proc/self/environ /proc/kallsyms /sys/kernel /etc/passwd /etc/hostname /root /home /var /tmp /run /work /mnt /dev/kmsg /dev/tty /dev/shm /dev/pts /dev/kvm " + d.Dir()) {
		want[name] = "ENOENT"
	}
	if d.Bounds().Landlock == 0 {
		delete(want, "a list of the root")
		delete(got, "a list of the root")
		want["what the stub is"] = got["what the stub is"]
	}
	same(t, got, want)
}

func TestAJobWritesOnlyItsOwnFolders(t *testing.T) {
	got := reported(t, open(t), `
for name in '/asset/weights /study/main.py /usr/bin/python3 /dev/null /etc/alternatives/awk'.split():
    attempt('over ' + name, lambda: os.open(name, os.O_WRONLY | os.O_TRUNC) and None)
    attempt('mode of ' + name, lambda: os.chmod(name, 0o777))
    attempt('without ' + name, lambda: os.unlink(name))
for name in '/ /asset /study /usr /dev /etc /bin'.split():
    attempt('into ' + name, lambda: open(os.path.join(name, 'new'), 'w'))
    attempt('folder in ' + name, lambda: os.mkdir(os.path.join(name, 'newfolder')))
for name in '/scratch /out'.split():
    attempt('into ' + name, lambda: open(os.path.join(name, 'new'), 'w').write('x'))
attempt('a device', lambda: os.mknod('/scratch/device', 0o60600, os.makedev(254, 0)))
attempt('a pipe', lambda: os.mkfifo('/scratch/pipe'))
attempt('setuid', lambda: os.chmod('/scratch/new', 0o4755))
`)
	for name, result := range got {
		switch name {
		case "into /scratch", "into /out":
			if result != "1" {
				t.Errorf("%s: %s", name, result)
			}
		case "a pipe", "setuid":
			if result != "None" {
				t.Errorf("%s: %s", name, result)
			}
		case "over /dev/null":
		default:
			if !slices.Contains([]string{"EROFS", "EACCES", "EPERM", "EBUSY"}, result) {
				t.Errorf("%s: %s", name, result)
			}
		}
	}
	if len(got) != 34 {
		t.Errorf("%d attempts", len(got))
	}
}

func TestAJobHasNoNetwork(t *testing.T) {
	name := fmt.Sprintf("narthex-sandbox-%d", os.Getpid())
	listener, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	sandboxtest.Must(t, err)
	sandboxtest.Must(t, errors.Join(unix.Bind(listener, &unix.SockaddrUnix{Name: "@" + name}), unix.Listen(listener, 8)))
	got := reported(t, open(t), fmt.Sprintf(`
def sock(family, kind):
    return socket.socket(family, kind) and 'made'
for family in 'AF_INET AF_INET6 AF_UNIX AF_NETLINK AF_PACKET AF_VSOCK AF_ALG AF_BLUETOOTH'.split():
    for kind in 'SOCK_STREAM SOCK_DGRAM SOCK_RAW'.split():
        attempt(family + ' ' + kind, lambda: sock(getattr(socket, family), getattr(socket, kind)))
attempt('a name of the host', lambda: socket.getaddrinfo('localhost', 80))
def abstract():
    s = socket.socket(socket.AF_UNIX)
    s.connect('\0' + '%s')
    return 'reached'
attempt('a socket of the host', abstract)
attempt('a pair of its own', lambda: len(socket.socketpair()))
attempt('a pair of another kind', lambda: len(socket.socketpair(socket.AF_INET6)))
`, name))
	if _, _, err := unix.Accept(listener); !errors.Is(err, unix.EAGAIN) {
		t.Errorf("the host's socket was reached: %v", err)
	}
	sandboxtest.Must(t, unix.Close(listener))
	for name, result := range got {
		want := "EPERM"
		switch name {
		case "a name of the host":
			want = result
			if !slices.Contains([]string{"EPERM", "gaierror", "-3", "-2", "-8", "-11"}, result) && !strings.Contains(result, "gaierror") {
				t.Errorf("%s: %s", name, result)
			}
		case "a pair of its own":
			want = "2"
		}
		if result != want {
			t.Errorf("%s: %s", name, result)
		}
	}
	if len(got) != 28 {
		t.Errorf("%d attempts", len(got))
	}
}

func TestAJobMayNotCall(t *testing.T) {
	type attempt struct {
		number uintptr
		args   []int
	}
	attempts := map[string]attempt{
		"trace":                   {unix.SYS_PTRACE, []int{0, 0, 0, 0}},
		"another's memory":        {unix.SYS_PROCESS_VM_READV, []int{1, 0, 0, 0, 0, 0}},
		"another's descriptors":   {unix.SYS_PIDFD_GETFD, []int{0, 0, 0}},
		"a mount":                 {unix.SYS_MOUNT, []int{0, 0, 0, 0, 0}},
		"an unmount":              {unix.SYS_UMOUNT2, []int{0, 0}},
		"a new mount":             {unix.SYS_FSOPEN, []int{0, 0}},
		"a tree of mounts":        {unix.SYS_OPEN_TREE, []int{0, 0, 0}},
		"another root":            {unix.SYS_CHROOT, []int{0}},
		"a new user namespace":    {unix.SYS_UNSHARE, []int{unix.CLONE_NEWUSER}},
		"a child in one":          {unix.SYS_CLONE, []int{unix.CLONE_NEWUSER | int(unix.SIGCHLD), 0, 0, 0, 0}},
		"another's namespace":     {unix.SYS_SETNS, []int{0, 0}},
		"a module":                {unix.SYS_INIT_MODULE, []int{0, 0, 0}},
		"a module's file":         {unix.SYS_FINIT_MODULE, []int{0, 0, 0}},
		"a new kernel":            {unix.SYS_KEXEC_LOAD, []int{0, 0, 0, 0}},
		"a key":                   {unix.SYS_ADD_KEY, []int{0, 0, 0, 0, 0}},
		"keys":                    {unix.SYS_KEYCTL, []int{0, 0}},
		"a program of the kernel": {unix.SYS_BPF, []int{0, 0, 0}},
		"counters":                {unix.SYS_PERF_EVENT_OPEN, []int{0, 0, 0, 0, 0}},
		"faults":                  {unix.SYS_USERFAULTFD, []int{0}},
		"rings":                   {unix.SYS_IO_URING_SETUP, []int{1, 0}},
		"memory without a name":   {unix.SYS_MEMFD_CREATE, []int{0, 0}},
		"shared memory":           {unix.SYS_SHMGET, []int{0, 4096, 0o1600}},
		"a filter of its own":     {unix.SYS_SECCOMP, []int{1, 0, 0}},
		"files by handle":         {unix.SYS_OPEN_BY_HANDLE_AT, []int{0, 0, 0}},
		"another personality":     {unix.SYS_PERSONALITY, []int{0x0040000}},
		"a dump":                  {unix.SYS_PRCTL, []int{unix.PR_SET_DUMPABLE, 1, 0, 0, 0}},
		"another number":          {unix.SYS_SETUID, []int{0}},
		"typing at a terminal":    {unix.SYS_IOCTL, []int{0, unix.TIOCSTI, 0}},
		"a limit up":              {unix.SYS_PRLIMIT64, []int{0, unix.RLIMIT_NOFILE, 1, 0}},
		"the clock":               {unix.SYS_CLOCK_SETTIME, []int{0, 0}},
		"a number that is none":   {1 << 20, nil},
	}
	var script strings.Builder
	for name, a := range attempts {
		args, err := json.Marshal(append([]int{int(a.number)}, a.args...))
		sandboxtest.Must(t, err)
		fmt.Fprintf(&script, "attempt(%q, lambda: call(*%s))\n", name, args)
	}
	fmt.Fprintf(&script, "attempt('clone3', lambda: call(%d, 0, 0))\n", unix.SYS_CLONE3)
	script.WriteString(`import resource
attempt('descriptors up', lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (1 << 16, 1 << 16)))
more = (ctypes.c_uint64 * 2)(1 << 16, 1 << 16)
attempt('descriptors up by the old call', lambda: call(OLD, 7, ctypes.addressof(more)))
`)
	want := map[string]string{"clone3": "ENOSYS", "descriptors up": "PermissionError", "descriptors up by the old call": "EPERM"}
	text := strings.ReplaceAll(script.String(), "OLD", fmt.Sprint(uintptr(unix.SYS_SETRLIMIT)))
	if foreign != "" {
		text += foreign
		want["a call of x32"], want["a call of 32 bits"] = "SIGSYS", "SIGSYS"
	}
	for name := range attempts {
		want[name] = "EPERM"
	}
	got := reported(t, open(t), text)
	if slices.Contains([]string{"EPERM", "ValueError"}, got["descriptors up"]) {
		want["descriptors up"] = got["descriptors up"] // Python's own word for it
	}
	same(t, got, want)
}

// alive counts the processes of this host that were begun with a word among their arguments.
func alive(t testing.TB, word string) (n int) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	sandboxtest.Must(t, err)
	for _, entry := range entries {
		text, _ := os.ReadFile(filepath.Join("/proc", entry.Name(), "cmdline"))
		if slices.Contains(strings.Split(string(text), "\x00"), word) {
			n++
		}
	}
	return n
}

// word gives a job an argument by which its processes are known.
func word(job *sandbox.Job) string {
	w := fmt.Sprintf("canary-%s-%d-%d", job.ID, os.Getpid(), time.Now().UnixNano())
	job.Command = append(job.Command, w)
	return w
}

// hostile are jobs that want more than they have, and how each ends.
var hostile = map[string]struct {
	script string
	limits func(*sandbox.Limits)
	class  sandbox.Class
}{
	"forks without end": {"import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass\n",
		func(l *sandbox.Limits) { l.Wall = 2 * time.Second }, sandbox.OutOfTime},
	"takes memory": {"import time\nall = []\nwhile True:\n    all.append(b'x' * (1 << 20))\n    time.sleep(0.001)\n",
		func(l *sandbox.Limits) { l.Memory = 128 << 20 }, sandbox.OutOfMemory},
	"takes memory in children": {"import os, time\nfor i in range(8):\n    if os.fork() == 0:\n        all = b'x' * (40 << 20)\n        time.sleep(600)\ntime.sleep(600)\n",
		func(l *sandbox.Limits) { l.Memory = 128 << 20 }, sandbox.OutOfMemory},
	"fills memory by files": {"import time\nf = open('/scratch/f', 'wb')\nwhile True:\n    f.write(b'x' * (1 << 20))\n    time.sleep(0.001)\n",
		func(l *sandbox.Limits) { l.Memory, l.Scratch = 128<<20, 1<<30 }, sandbox.OutOfMemory},
	"fills /scratch":              {"f = open('/scratch/f', 'wb')\nwhile True:\n    f.write(b'x' * 4096)\n", func(*sandbox.Limits) {}, sandbox.OutOfSpace},
	"fills /out":                  {"f = open('/out/f', 'wb')\nwhile True:\n    f.write(b'x' * 4096)\n", func(*sandbox.Limits) {}, sandbox.OutOfSpace},
	"fills /out with small files": {"import os\ni = 0\nwhile True:\n    os.write(os.open('/out/%d' % (i % 500), os.O_CREAT | os.O_WRONLY), b'x')\n    i += 1\n", func(l *sandbox.Limits) { l.Files = 1 << 20 }, sandbox.OutOfSpace},
	"makes files": {"import time\ni = 0\nwhile True:\n    open('/scratch/%d' % i, 'w')\n    i += 1\n    time.sleep(0.0005)\n",
		func(l *sandbox.Limits) { l.Files = 200 }, sandbox.OutOfSpace},
	"sleeps": {"import time, signal\nfor s in range(1, 65):\n    try:\n        signal.signal(s, signal.SIG_IGN)\n    except (OSError, ValueError):\n        pass\ntime.sleep(600)\n",
		func(l *sandbox.Limits) { l.Wall = time.Second }, sandbox.OutOfTime},
	"computes": {"while True:\n    pass\n", func(l *sandbox.Limits) { l.CPU = time.Second }, sandbox.OutOfTime},
	"computes in children": {"import os\nfor i in range(3):\n    os.fork()\nwhile True:\n    pass\n",
		func(l *sandbox.Limits) { l.CPU = time.Second }, sandbox.OutOfTime},
	"is ended by itself":           {"import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n", func(*sandbox.Limits) {}, sandbox.Failed},
	"says that it was out of time": {"import os\nos._exit(152)\n", func(*sandbox.Limits) {}, sandbox.Failed},
	"ends its first process":       {"import os, signal\ntry:\n    os.kill(1, signal.SIGKILL)\nexcept OSError:\n    pass\n", func(*sandbox.Limits) {}, sandbox.Done},
}

func TestAHostileJobEndsAtItsLimit(t *testing.T) {
	d := open(t)
	for name, h := range hostile {
		t.Run(name, func(t *testing.T) {
			job := sandboxtest.Job(t, strings.ToLower(strings.Map(func(r rune) rune {
				if r == ' ' || r == '/' {
					return '-'
				}
				return r
			}, name)), h.script)
			h.limits(&job.Limits)
			w := word(&job)
			ended := sandboxtest.Ended(t, d, job)
			if ended.Class != h.class {
				t.Errorf("%+v, want %s; %s", ended, h.class, sandboxtest.Read(t, d, job.ID, "stderr"))
			}
			if job.Limits.Wall == sandboxtest.Deadline && ended.Wall >= job.Limits.Wall {
				t.Errorf("only the clock on the wall ended it: %+v", ended)
			}
			if n := alive(t, w); n != 0 {
				t.Errorf("%d processes are left", n)
			}
		})
	}
}

func TestAFullFolderHoldsNoMoreThanItsLimit(t *testing.T) {
	got := reported(t, open(t), `
def fill(name):
    n = 0
    try:
        with open(name, 'wb', buffering=0) as f:
            while True:
                n += f.write(b'x' * 4096)
    except OSError as e:
        os.unlink(name)
        return '%d %s' % (n + 65536 >> 20, errno.errorcode[e.errno])
attempt('/scratch', lambda: fill('/scratch/f'))
attempt('/out', lambda: fill('/out/f'))
def forks():
    n = 0
    try:
        while True:
            if os.fork() == 0:
                time.sleep(600)
            n += 1
    except OSError as e:
        return '%s %s' % (n <= 32, errno.errorcode[e.errno])
attempt('processes', forks)
`)
	same(t, got, map[string]string{"/scratch": "8 ENOSPC", "/out": "1 ENOSPC", "processes": "True EAGAIN"})
}

func TestGigabytesThatArePrintedFillNoDisk(t *testing.T) {
	d := open(t)
	job := sandboxtest.Job(t, "prints", "import os\nfor i in range(1024):\n    os.write(1, b'x' * (1 << 20))\n    os.write(2, b'y' * (1 << 20))\n")
	if ended := sandboxtest.Ended(t, d, job); ended.Class != sandbox.Done {
		t.Errorf("%+v", ended)
	}
	for _, name := range []string{"stdout", "stderr"} {
		if n := len(sandboxtest.Read(t, d, "prints", name)); n != 1<<20 {
			t.Errorf("%d bytes of %s were kept", n, name)
		}
	}
}

func TestNothingThatAJobBeganIsLeft(t *testing.T) {
	d := open(t)
	daemon := "import os, sys, time\nfor i in range(2):\n    if os.fork():\n        os.wait() if i == 0 else None\n        break\n    os.setsid()\nelse:\n    for s in range(3):\n        os.close(s)\n    time.sleep(600)\nif len(sys.argv) > 2 and os.getpid() == 2:\n    time.sleep(600)\n"
	ends := sandboxtest.Job(t, "ends", daemon)
	w := word(&ends)
	if ended := sandboxtest.Ended(t, d, ends); ended.Class != sandbox.Done {
		t.Errorf("%+v", ended)
	}
	if n := alive(t, w); n != 0 {
		t.Errorf("%d processes are left at the end", n)
	}
	stays := sandboxtest.Job(t, "stays", daemon)
	w = word(&stays)
	stays.Command = append(stays.Command, "stay")
	sandboxtest.Must(t, d.Submit(t.Context(), stays))
	within(t, "the daemon runs", func() bool { return alive(t, w) >= 3 }) // bubblewrap twice, the job and its daemon
	sandboxtest.Must(t, d.Cancel(t.Context(), "stays"))
	if n := alive(t, w); n != 0 {
		t.Errorf("%d processes are left after it was cancelled", n)
	}
}

// within waits for what comes soon.
func within(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(sandboxtest.Deadline); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %s", what, sandboxtest.Deadline)
		}
	}
}

func TestWhatAJobLeavesStaysInside(t *testing.T) {
	d := open(t)
	outside := filepath.Join(t.TempDir(), "outside")
	sandboxtest.Must(t, os.WriteFile(outside, []byte("canary"), 0o644))
	job := sandboxtest.Job(t, "leaves", fmt.Sprintf(`import os
os.symlink(%q, '/out/link')
os.symlink('/', '/out/root')
os.symlink('../../../../../../../../..', '/out/up')
os.symlink('loop', '/out/loop')
os.mkfifo('/out/pipe')
open('/out/a\nb', 'w').write('x')
open('/out/' + 'n' * 255, 'w').write('x')
open(b'/out/\xff\x01', 'w').write('x')
open('/out/..\\..\\x', 'w').write('x')
os.link('/out/a\nb', '/out/hard')
with open('/out/sparse', 'w') as f:
    f.truncate(1 << 19)
open('/out/shut', 'w').close()
os.chmod('/out/shut', 0)
os.mkdir('/out/many')
for i in range(100000):
    os.close(os.open('/out/many/%%d' %% i, os.O_CREAT))
deep = os.open('/out', os.O_RDONLY)
for i in range(300):
    os.mkdir('d', dir_fd=deep)
    deep = os.open('d', os.O_RDONLY, dir_fd=deep)
`, outside))
	job.Limits.Files, job.Limits.Memory = 200000, 1<<30
	if ended := sandboxtest.Ended(t, d, job); ended.Class != sandbox.Done {
		t.Fatalf("%+v %s", ended, sandboxtest.Read(t, d, job.ID, "stderr"))
	}
	sandboxtest.Must(t, d.Collect(t.Context(), job.ID, func(left sandbox.Left) error {
		for _, name := range []string{"link", "root", "up", "root/etc/passwd", "up/etc/passwd", "../stdout", "loop"} {
			if f, err := left.Out.Open(name); err == nil {
				t.Errorf("%s leads outside", name)
				_ = f.Close()
			}
		}
		kinds := map[fs.FileMode]int{}
		top, err := fs.ReadDir(left.Out.FS(), ".")
		for _, entry := range top {
			kinds[entry.Type()]++
		}
		if err != nil || kinds[fs.ModeSymlink] != 4 || kinds[fs.ModeNamedPipe] != 1 || kinds[0] != 7 || kinds[fs.ModeDir] != 2 {
			t.Errorf("%v, %v", kinds, err)
		}
		many, err := fs.ReadDir(left.Out.FS(), "many")
		if err != nil || len(many) != 100000 {
			t.Errorf("%d files, %v", len(many), err)
		}
		info, err := left.Out.Lstat("hard")
		if err != nil || info.Size() != 1 {
			t.Errorf("%v, %v", info, err)
		}
		printed, err := fs.ReadDir(left.Printed.FS(), ".")
		if err != nil || len(printed) != 2 {
			t.Errorf("beside it stand %v, %v", printed, err)
		}
		return nil
	}))
	sandboxtest.Must(t, d.Remove(t.Context(), job.ID))
	if text, err := os.ReadFile(outside); err != nil || string(text) != "canary" {
		t.Errorf("what a link led to is %q, %v", text, err)
	}
}

func TestHonestJobsFinishBesideHostileOnes(t *testing.T) {
	d := open(t)
	var bad []string
	for name, h := range hostile {
		if h.class == sandbox.OutOfTime || h.class == sandbox.OutOfMemory || h.class == sandbox.OutOfSpace {
			job := sandboxtest.Job(t, fmt.Sprintf("bad-%d", len(bad)), h.script)
			h.limits(&job.Limits)
			job.Limits.Wall = min(job.Limits.Wall, 10*time.Second)
			sandboxtest.Must(t, d.Submit(t.Context(), job))
			bad = append(bad, name)
		}
	}
	var all sync.WaitGroup
	for i := range 10 {
		job := sandboxtest.Job(t, fmt.Sprintf("honest-%d", i), "import os, time\nfor name in ('/scratch/same', '/out/same'):\n    assert not os.listdir(os.path.dirname(name))\n    open(name, 'w').write(MINE)\ntime.sleep(0.3)\nfor name in ('/scratch/same', '/out/same'):\n    assert os.listdir(os.path.dirname(name)) == ['same']\n    assert open(name).read() == MINE\n")
		text, err := os.ReadFile(filepath.Join(job.Study, "main.py"))
		sandboxtest.Must(t, err)
		sandboxtest.Must(t, os.WriteFile(filepath.Join(job.Study, "main.py"), bytes.ReplaceAll(text, []byte("MINE"), []byte(fmt.Sprintf("'honest %d'", i))), 0o644))
		sandboxtest.Must(t, d.Submit(t.Context(), job))
		all.Go(func() {
			ended, err := d.Watch(t.Context(), job.ID)
			if err != nil || ended.Class != sandbox.Done {
				t.Errorf("%s: %+v, %v", job.ID, ended, err)
				return
			}
			if text := sandboxtest.Read(t, d, job.ID, "same"); text != fmt.Sprintf("honest %d", i) {
				t.Errorf("%s left %q", job.ID, text)
			}
		})
	}
	all.Wait()
	for i := range bad {
		if ended, err := d.Watch(t.Context(), fmt.Sprintf("bad-%d", i)); err != nil || ended.Class == sandbox.Done || ended.Class == sandbox.Lost {
			t.Errorf("%s: %+v, %v", bad[i], ended, err)
		}
	}
}

func TestNothingOfAJobIsFoundByTheNext(t *testing.T) {
	d := open(t)
	first := sandboxtest.Job(t, "first", tools+"for name in ('/scratch/canary', '/out/canary'):\n    open(name, 'w').write('canary')\nattempt('shared', lambda: call(%d, 77, 4096, 0o1666))\n")
	if ended := sandboxtest.Ended(t, d, first); ended.Class == sandbox.Lost {
		t.Fatalf("%+v", ended)
	}
	got := reported(t, d, `
attempt('folders', lambda: [os.listdir(name) for name in ('/scratch', '/out', '/study')])
found = []
for top in ('/scratch', '/out', '/dev', '/asset', '/study'):
    for folder, _, names in os.walk(top):
        found += [name for name in names if 'canary' in name]
attempt('canaries', lambda: found)
memory = bytearray(64 << 20)
attempt('memory', lambda: any(memory))
`)
	same(t, got, map[string]string{"folders": "[[], [], ['main.py']]", "canaries": "[]", "memory": "False"})
}

func TestWhatIsNotToBeReadIsRefusedToARootsNode(t *testing.T) {
	if os.Geteuid() != 0 {
		return // its jobs read what it reads
	}
	d := open(t)
	job := sandboxtest.Job(t, "a", sandboxtest.Ends)
	sandboxtest.Must(t, os.Chmod(filepath.Join(job.Asset, "weights"), 0o600))
	err := d.Submit(t.Context(), job)
	if !narthex.IsKind(err, narthex.Invalid) || narthex.AsError(err).Param != "asset" {
		t.Errorf("%v", err)
	}
}

func TestAJobIsNobodyOnTheHost(t *testing.T) {
	d := open(t)
	if ended := sandboxtest.Ended(t, d, sandboxtest.Job(t, "a", sandboxtest.Ends)); ended.Class != sandbox.Done {
		t.Fatalf("%+v", ended)
	}
	want := uint32(os.Geteuid())
	if want == 0 {
		want = 65432
	}
	sandboxtest.Must(t, d.Collect(t.Context(), "a", func(left sandbox.Left) error {
		info, err := left.Out.Lstat("result.txt")
		if err == nil && info.Sys().(*syscall.Stat_t).Uid != want {
			t.Errorf("its files are of %d, want %d", info.Sys().(*syscall.Stat_t).Uid, want)
		}
		return err
	}))
}
