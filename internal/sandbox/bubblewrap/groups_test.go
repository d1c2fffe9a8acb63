package bubblewrap

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// kernel is what the kernel's documentation says of groups of version 2 (admin-guide/cgroup-v2: "No Internal Process Constraint", "Top-down
// Constraint"): a controller is given on by a group that has it, and, but for the root, by none with processes; and no process goes into a
// group that gives any on. Others is how many processes besides this one are in a group.
type kernel struct {
	root   string
	self   string
	others map[string]int
	gives  map[string][]string
}

func (k *kernel) has(at, controller string) bool {
	return at == k.root || slices.Contains(k.gives[filepath.Dir(at)], controller)
}

func (k *kernel) tell(file, text string) error {
	at := filepath.Dir(file)
	if _, err := os.Stat(at); err != nil {
		return fs.ErrNotExist
	}
	switch filepath.Base(file) {
	case "cgroup.subtree_control":
		controller := strings.TrimPrefix(text, "+")
		if !k.has(at, controller) {
			return unix.ENOENT
		}
		if at != k.root && (k.self == at || k.others[at] > 0) {
			return unix.EBUSY
		}
		k.gives[at] = append(k.gives[at], controller)
	case "cgroup.procs":
		if at != k.root && len(k.gives[at]) > 0 {
			return unix.EBUSY
		}
		k.self = at
	}
	return nil
}

// TestANodeGoesAsideForItsGroups: in a group of its own it gives the controllers on from beside, and finds them again; where others are in that
// group it stays where it was, and jobs are watched.
func TestANodeGoesAsideForItsGroups(t *testing.T) {
	for name, c := range map[string]struct {
		own    string
		others int
		used   bool
		self   string
	}{
		"in the root":             {"/", 3, true, "/"},
		"in a group of its own":   {"/unit.service", 0, true, "/unit.service/narthex-node"},
		"begun there once more":   {"/unit.service/narthex-node", 0, true, "/unit.service/narthex-node"},
		"in a group with a shell": {"/unit.service", 1, false, "/unit.service"},
	} {
		root := t.TempDir()
		k := &kernel{root: root, self: filepath.Join(root, c.own), others: map[string]int{filepath.Join(root, "/unit.service"): c.others, root: c.others}, gives: map[string][]string{}}
		if err := os.MkdirAll(k.self, 0o755); err != nil {
			t.Fatal(err)
		}
		k.gives[root] = []string{"memory", "pids", "cpu"} // as systemd does for who asks for them
		g := groupsIn(map[string]mount{"": {root, "/"}}, map[string]string{"": c.own}, "narthex-1", k.tell)
		if (g.version == 2) != c.used || k.self != filepath.Join(root, c.self) {
			t.Errorf("%s: version %d is used, and the node is in %s", name, g.version, k.self)
		}
		if c.used {
			for controller, folder := range g.folders {
				if !k.has(filepath.Join(folder, "1"), controller) {
					t.Errorf("%s: a job's group has no %s", name, controller)
				}
			}
		}
		if _, err := os.Stat(filepath.Join(root, "unit.service", aside)); !c.used && err == nil {
			t.Errorf("%s: it leaves a group behind", name)
		}
	}
}

// TestAControllerThatIsNotGivenIsNotUsed: a host whose root keeps one of them bounds nothing by groups.
func TestAControllerThatIsNotGivenIsNotUsed(t *testing.T) {
	root := t.TempDir()
	own := filepath.Join(root, "unit.service")
	if err := os.Mkdir(own, 0o755); err != nil {
		t.Fatal(err)
	}
	k := &kernel{root: root, self: own, others: map[string]int{}, gives: map[string][]string{root: {"memory", "cpu"}}}
	if g := groupsIn(map[string]mount{"": {root, "/"}}, map[string]string{"": "/unit.service"}, "narthex-1", k.tell); g.version != 0 {
		t.Errorf("without pids version %d is used", g.version)
	}
}

// TestTheKernelsOwnGroupsOfVersion2 begins a process in a real group, which has no controllers here or any, has the kernel say what it used, and
// ends all of it, with what it began. It needs a mount of version 2 and the right to make groups in it.
func TestTheKernelsOwnGroupsOfVersion2(t *testing.T) {
	at, mounted := readMounts()[""]
	if !mounted {
		t.Skip("this host has no groups of version 2")
	}
	folder, err := os.MkdirTemp(at.at, "narthex-test-")
	if err != nil {
		t.Skip("no group of version 2 can be made here")
	}
	defer func() {
		if err := empty(folder); err != nil {
			t.Error(err)
		}
	}()
	made, err := groups{version: 2, folders: map[string]string{"memory": folder}}.make("1")
	if err != nil {
		t.Fatal(err)
	}
	c := made.(*cgroup)
	run := exec.Command("/bin/sh", "-c", "sleep 60 & sleep 60 & i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; wait")
	run.SysProcAttr = &syscall.SysProcAttr{}
	made.place(run.SysProcAttr)
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = run.Wait() }()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		pids, err := os.ReadFile(filepath.Join(folder, "1", "cgroup.procs"))
		used, failed := c.number("cpu.stat", "usage_usec ")
		if err != nil || failed != nil {
			t.Fatal(err, failed)
		}
		if strings.Count(string(pids), "\n") == 3 && used > 10_000 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the group has %q and used %d µs", pids, used)
		}
	}
	if err := made.remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(folder, "1")); err == nil {
		t.Error("the group is there still")
	}
}
