package bubblewrap

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"narthex/internal/sandbox"
)

// By is who holds a bound.
type By string

const (
	Kernel  By = "kernel"  // it cannot be gone over
	Watched By = "watched" // looked at every few hundredths of a second, and the job ended when it went over
)

// Bounds says how jobs are held on this host.
type Bounds struct {
	Groups   string // "cgroup v1", "cgroup v2", or "" where none can be written to
	Memory   By     // of a whole job. Watched, memory that processes share and none maps is not seen, though each is held to twice the limit
	CPU      By     // always watched; each process is also held to the limit by the kernel
	Files    By     // in /scratch and /out
	Landlock int    // the version that the kernel has, 0 where it has none
}

// group is how the processes of one sandbox are bounded and counted together.
type group interface {
	// enter puts this thread into the group, and place what is begun with attr: one or the other, as the kernel has it.
	enter() error
	place(attr *syscall.SysProcAttr)
	bound(l sandbox.Limits) error
	// used is the time on processors and the memory of all processes, and whether the kernel ended one for want of memory.
	used(first int, own []*os.File) (cpu time.Duration, memory int64, outOfMemory bool, err error)
	remove() error
}

// groups makes groups.
type groups struct {
	version int               // of cgroups, 0 for none
	folders map[string]string // for each controller, the folder of this driver
}

// controllers that a host has all of, or none is used.
func controllers(version int) []string {
	if version == 1 {
		return []string{"memory", "pids", "cpu", "cpuacct"}
	}
	return []string{"memory", "pids", "cpu"}
}

// findGroups finds the cgroups that this process may make groups in: of version 1, else of version 2 with the controllers given on.
// Owner tells the groups of drivers apart.
func findGroups(owner string) groups {
	digest := sha256.Sum256([]byte(owner))
	return groupsIn(readMounts(), readOwn(), "narthex-"+hex.EncodeToString(digest[:6]), tell)
}

// tell writes to a file of a group.
func tell(file, text string) error { return os.WriteFile(file, []byte(text), 0o644) }

// groupsIn finds them in mounts, below this process's own groups, and writes to their files by tell.
func groupsIn(mounts map[string]mount, own map[string]string, name string, tell func(file, text string) error) groups {
	for _, version := range []int{1, 2} {
		g := groups{version: version, folders: map[string]string{}}
		for _, controller := range controllers(version) {
			key := controller
			if version == 2 {
				key = ""
			}
			mount, mounted := mounts[key]
			if !mounted {
				break
			}
			inside, below := strings.CutPrefix(strings.TrimSuffix(own[key], "/"+aside), strings.TrimSuffix(mount.root, "/"))
			if !below {
				inside = "/"
			}
			g.folders[controller] = filepath.Join(mount.at, inside, name)
		}
		if len(g.folders) < len(controllers(version)) {
			continue
		}
		if g.usable(tell) {
			return g
		}
		for _, folder := range g.folders {
			_ = os.Remove(folder) // those that were made
		}
	}
	return groups{}
}

// usable makes the driver's folders and says whether they bound anything.
func (g groups) usable(tell func(file, text string) error) bool {
	for controller, folder := range g.folders {
		if err := os.Mkdir(folder, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return false
		}
		if g.version == 1 {
			continue
		}
		for _, at := range []string{filepath.Dir(folder), folder} {
			if !giveOn(at, controller, tell) {
				return false
			}
		}
	}
	return true
}

// aside is the group below its own into which a process goes that gives controllers on: of version 2, but for its root, no group does that
// which has processes of its own. Who began it gave it that group for this (systemd: Delegate=yes).
const aside = "narthex-node"

// giveOn gives a controller of version 2 on to the groups below one. Where this process is in the way it goes aside; where others are, it goes
// back, and the groups are of no use.
func giveOn(at, controller string, tell func(file, text string) error) bool {
	give := func() error { return tell(filepath.Join(at, "cgroup.subtree_control"), "+"+controller) }
	if err := give(); !errors.Is(err, unix.EBUSY) {
		return err == nil
	}
	leaf := filepath.Join(at, aside)
	if err := os.Mkdir(leaf, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return false
	}
	const self = "0"
	if err := tell(filepath.Join(leaf, "cgroup.procs"), self); err == nil {
		if give() == nil {
			return true
		}
		_ = tell(filepath.Join(at, "cgroup.procs"), self) // where it was; where it cannot it is as well held as before
	}
	_ = os.Remove(leaf)
	return false
}

// mount is a hierarchy of cgroups: where it is, and which part of it is there.
type mount struct{ at, root string }

// readMounts gives the mount of each controller of version 1, and of version 2 under "".
func readMounts() map[string]mount {
	out := map[string]mount{}
	text, _ := os.ReadFile("/proc/self/mountinfo") // without it there are none
	for line := range strings.Lines(string(text)) {
		before, after, _ := strings.Cut(line, " - ")
		fields, kind := strings.Fields(before), strings.Fields(after)
		if len(fields) < 5 || len(kind) < 3 {
			continue
		}
		switch kind[0] {
		case "cgroup":
			for option := range strings.SplitSeq(kind[2], ",") {
				out[option] = mount{fields[4], fields[3]}
			}
		case "cgroup2":
			out[""] = mount{fields[4], fields[3]}
		}
	}
	return out
}

// readOwn gives this process's group under each controller of version 1, and of version 2 under "".
func readOwn() map[string]string {
	out := map[string]string{}
	text, _ := os.ReadFile("/proc/self/cgroup") // without it there are none
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		for controller := range strings.SplitSeq(parts[1], ",") {
			out[controller] = parts[2]
		}
	}
	return out
}

// sweep ends what an earlier process of this driver left, and removes its groups.
func (g groups) sweep() error {
	for _, folder := range g.folders {
		entries, err := os.ReadDir(folder)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			if entry.IsDir() {
				if err := empty(filepath.Join(folder, entry.Name())); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// empty ends every process of a group and removes it. What was ended takes a while to be gone.
func empty(folder string) error {
	for wait := time.Millisecond; ; wait *= 2 {
		err := os.Remove(folder)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if wait > 4*time.Second {
			return fmt.Errorf("a group of processes is not empty: %w", err)
		}
		_ = killAll(folder) // of version 2 all at once, also those that begin meanwhile; else one by one
		pids, err := os.ReadFile(filepath.Join(folder, "cgroup.procs"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, field := range bytes.Fields(pids) {
			if pid, err := strconv.Atoi(string(field)); err == nil && pid != os.Getpid() { // a seat's thread is this process
				_ = unix.Kill(pid, unix.SIGKILL)
			}
		}
		time.Sleep(wait)
	}
}

// killAll ends every process of a group at once, where the kernel can.
func killAll(folder string) error {
	f, err := os.OpenFile(filepath.Join(folder, "cgroup.kill"), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString("1")
	return errors.Join(err, f.Close())
}

// make makes a group.
func (g groups) make(name string) (group, error) {
	if g.version == 0 {
		return &counted{}, nil
	}
	made := &cgroup{version: g.version, folders: map[string]string{}}
	for controller, folder := range g.folders {
		folder = filepath.Join(folder, name)
		made.folders[controller] = folder
		if err := os.MkdirAll(folder, 0o755); err != nil { // the driver's folder may have been cleared away while it was empty
			return nil, errors.Join(err, made.remove())
		}
	}
	if g.version == 2 {
		var err error
		if made.held, err = os.Open(made.folders["memory"]); err != nil {
			return nil, errors.Join(err, made.remove())
		}
	}
	return made, nil
}

// setting is what is written to a file of a group.
type setting struct {
	file, value string
	ifThere     bool // some kernels do not have the file
}

// settings bound memory with what would be swapped, and processes (the sandbox's first, bubblewrap's own and the thread of the seat are three more). Of the processors' time a job has as
// much as one process, however many it has: a group's share is so from its beginning.
func settings(version int, controller string, l sandbox.Limits) []setting {
	memory, processes := strconv.FormatInt(l.Memory, 10), strconv.Itoa(l.Processes+3)
	switch controller {
	case "memory":
		if version == 1 {
			return []setting{{"memory.limit_in_bytes", memory, false}, {"memory.memsw.limit_in_bytes", memory, true}}
		}
		return []setting{{"memory.max", memory, false}, {"memory.swap.max", "0", true}, {"memory.oom.group", "1", true}}
	case "pids":
		return []setting{{"pids.max", processes, false}}
	}
	return nil
}

// cgroup is a group that the kernel keeps.
type cgroup struct {
	version int
	folders map[string]string // for each controller
	held    *os.File          // the folder, of version 2
}

func (c *cgroup) enter() error {
	if c.version == 2 {
		return nil // which has no group for one thread
	}
	for _, folder := range c.folders {
		if err := os.WriteFile(filepath.Join(folder, "tasks"), []byte("0"), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (c *cgroup) place(attr *syscall.SysProcAttr) {
	if c.held != nil {
		attr.UseCgroupFD, attr.CgroupFD = true, int(c.held.Fd())
	}
}

func (c *cgroup) bound(l sandbox.Limits) error {
	for controller, folder := range c.folders {
		for _, s := range settings(c.version, controller, l) {
			err := os.WriteFile(filepath.Join(folder, s.file), []byte(s.value), 0o644)
			if err != nil && !(s.ifThere && errors.Is(err, fs.ErrNotExist)) {
				return err
			}
		}
	}
	return nil
}

func (c *cgroup) used(int, []*os.File) (time.Duration, int64, bool, error) {
	var cpu time.Duration
	if c.version == 1 {
		n, err := c.number("cpuacct.usage", "")
		killed, err2 := c.number("memory.oom_control", "oom_kill ")
		cpu = time.Duration(n)
		return cpu, 0, killed > 0, errors.Join(err, err2)
	}
	n, err := c.number("cpu.stat", "usage_usec ")
	killed, err2 := c.number("memory.events", "oom_kill ")
	return time.Duration(n) * time.Microsecond, 0, killed > 0, errors.Join(err, err2)
}

// number reads the number behind a word that begins a line.
func (c *cgroup) number(file, word string) (int64, error) {
	for _, folder := range c.folders {
		text, err := os.ReadFile(filepath.Join(folder, file))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, err
		}
		for line := range strings.Lines(string(text)) {
			if rest, found := strings.CutPrefix(strings.TrimSpace(line), word); found {
				return strconv.ParseInt(rest, 10, 64)
			}
		}
	}
	return 0, fmt.Errorf("a group of processes has no %s", cmp.Or(strings.TrimSpace(word), file))
}

func (c *cgroup) remove() (err error) {
	if c.held != nil {
		err = c.held.Close()
	}
	for _, folder := range c.folders {
		err = errors.Join(err, empty(folder))
	}
	return err
}

// counted is a group that nobody keeps: its processes are looked for, and added up.
type counted struct{ most time.Duration }

func (c *counted) enter() error               { return nil }
func (c *counted) place(*syscall.SysProcAttr) {}
func (c *counted) bound(sandbox.Limits) error { return nil }
func (c *counted) remove() error              { return nil }

// used adds up the processes below the first one. The kernel gives it those whose parents ended, so none is missed. The time of one that
// ended is with its parent when that waited for it; who waits for none is held by the clock on the wall.
func (c *counted) used(first int, own []*os.File) (cpu time.Duration, memory int64, outOfMemory bool, err error) {
	parents, times, err := processes()
	if err != nil {
		return 0, 0, false, err
	}
	for pid := range parents {
		at := pid
		for at != first && at > 1 {
			at = parents[at]
		}
		if at != first {
			continue
		}
		cpu += times[pid]
		memory += memoryOf(pid)
	}
	c.most = max(c.most, cpu)
	for _, f := range own {
		s, err := spaceOf(f)
		if err != nil {
			return 0, 0, false, err
		}
		memory += s.bytes
	}
	return c.most, memory, false, nil
}

// processes gives each process's parent, and its time with that of the children that it waited for.
func processes() (parents map[int]int, times map[int]time.Duration, err error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, nil, err
	}
	parents, times = map[int]int{}, map[int]time.Duration{}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		text, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "stat"))
		if err != nil {
			continue // it has ended
		}
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		if len(fields) < 15 {
			continue
		}
		parents[pid], _ = strconv.Atoi(fields[1])
		const tick = time.Second / 100
		for _, field := range fields[11:15] {
			n, _ := strconv.ParseInt(field, 10, 64)
			times[pid] += time.Duration(n) * tick
		}
	}
	return parents, times, nil
}

// memoryOf is a process's own memory and its part of what it shares, without what is only files.
func memoryOf(pid int) (sum int64) {
	text, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "smaps_rollup")) // one that has ended has none
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) >= 2 && (fields[0] == "Pss_Anon:" || fields[0] == "Pss_Shmem:") {
			n, _ := strconv.ParseInt(fields[1], 10, 64)
			sum += n << 10
		}
	}
	return sum
}
