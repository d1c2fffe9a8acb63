package bubblewrap_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"narthex/internal/sandbox"
	"narthex/internal/sandbox/sandboxtest"
)

// asks is a study that makes control requests and says what came of each: refused by the filter (EPERM), by Landlock (EACCES), or asked of a
// driver that has no such request.
const asks = `import errno, fcntl, os, sys
out = []
for name in ('/dev/gpu0', '/dev/null', '/study/main.py'):
    try:
        fd = os.open(name, os.O_RDONLY)
    except OSError as e:
        out.append(name + ' open ' + errno.errorcode[e.errno])
        continue
    for request in (0xC0044601, 0x4600, 0x4701, 0x5412):
        try:
            fcntl.ioctl(fd, request, b'\0' * 8)
            out.append('%s %#x done' % (name, request))
        except OSError as e:
            out.append('%s %#x %s' % (name, request, errno.errorcode[e.errno]))
open('/out/asked', 'w').write('\n'.join(out))
`

// TestAJobMayNotAskDevicesOfOthers: control requests of the kinds that a device states reach its driver, those of other kinds reach nothing,
// and a job without a device makes none.
func TestAJobMayNotAskDevicesOfOthers(t *testing.T) {
	d := open(t)
	node := sandbox.Device{Name: "gpu0", Kind: "gpu", Paths: []sandbox.DevicePath{{Host: "/dev/zero", Inside: "/dev/gpu0", Write: true}}, Requests: []int{0x46}, Wipe: []string{"/usr/bin/true"}}
	silent := node
	silent.Requests = nil
	for id, c := range map[string]struct {
		devices []sandbox.Device
		want    map[string]string
	}{
		"given":  {[]sandbox.Device{node}, map[string]string{"/dev/gpu0 0xc0044601": "ENOTTY", "/dev/gpu0 0x4600": "ENOTTY", "/dev/gpu0 0x4701": "EPERM", "/dev/gpu0 0x5412": "EPERM", "/dev/null 0x4701": "EPERM"}},
		"silent": {[]sandbox.Device{silent}, map[string]string{"/dev/gpu0 0xc0044601": "EPERM", "/dev/gpu0 0x4600": "EPERM"}},
		"none":   {nil, map[string]string{"/dev/gpu0 open": "ENOENT", "/dev/null 0xc0044601": "EPERM", "/study/main.py 0x4600": "EPERM"}},
	} {
		job := sandboxtest.Job(t, id, asks)
		job.Devices = c.devices
		if ended := sandboxtest.Ended(t, d, job); ended.Class != sandbox.Done {
			t.Fatalf("%s: %+v %s", id, ended, sandboxtest.Read(t, d, id, "stderr"))
		}
		said := map[string]string{}
		for line := range strings.Lines(sandboxtest.Read(t, d, id, "asked")) {
			at := strings.LastIndex(strings.TrimSpace(line), " ")
			said[line[:at]] = strings.TrimSpace(line[at:])
		}
		for what, want := range c.want {
			if said[what] != want {
				t.Errorf("%s: %s gives %q and not %s: %v", id, what, said[what], want, said)
			}
		}
	}
}

// TestAJobUsesADeviceNode: a node can be opened, read and mapped, and files beside it are found by who looks for libraries and cannot be
// changed.
func TestAJobUsesADeviceNode(t *testing.T) {
	d := open(t)
	dir := t.TempDir()
	sandboxtest.Must(t, os.Chmod(filepath.Dir(dir), 0o755))
	sandboxtest.Must(t, os.Chmod(dir, 0o755))
	library := filepath.Join(dir, "library")
	sandboxtest.Must(t, os.WriteFile(library, []byte("code"), 0o666))
	device := sandbox.Device{Name: "gpu0", Kind: "gpu", Paths: []sandbox.DevicePath{{Host: "/dev/zero", Inside: "/dev/gpu0", Write: true}, {Host: dir, Inside: "/device/lib"}}, Wipe: []string{"/usr/bin/true"}}
	job := sandboxtest.Job(t, "node", `import mmap, os
fd = os.open('/dev/gpu0', os.O_RDWR)
said = [os.read(fd, 2).hex(), str(os.write(fd, b'abc')), mmap.mmap(fd, 4096)[:2].hex(), open('/device/lib/library').read(), os.environ['LD_LIBRARY_PATH']]
for name in ('/device/lib/library', '/device/lib/new', '/device/new', '/dev/new'):
    try:
        open(name, 'w')
        said.append(name)
    except OSError:
        pass
open('/out/said', 'w').write(' '.join(said))
`)
	job.Devices = []sandbox.Device{device}
	if ended := sandboxtest.Ended(t, d, job); ended.Class != sandbox.Done {
		t.Fatalf("%+v %s", ended, sandboxtest.Read(t, d, "node", "stderr"))
	}
	if said := sandboxtest.Read(t, d, "node", "said"); said != "0000 3 0000 code /device" {
		t.Errorf("%q", said)
	}
	if text, err := os.ReadFile(library); err != nil || string(text) != "code" {
		t.Errorf("the library is %q, %v", text, err)
	}
}

// TestNothingOfAWipeIsLeft: it has nothing of the node's environment, and what it began ends with it.
func TestNothingOfAWipeIsLeft(t *testing.T) {
	t.Setenv("MODEL_KEY", "secret")
	dir := t.TempDir()
	device := sandboxtest.Device(t, "gpu0", true)
	w := "4711.5"
	device.Wipe = []string{"/bin/sh", "-c", "env > " + dir + "/env; sleep " + w + " & "}
	sandboxtest.Must(t, open(t).Wipe(t.Context(), device))
	text, err := os.ReadFile(dir + "/env")
	if err != nil || strings.Contains(string(text), "secret") || !strings.Contains(string(text), "PATH=") {
		t.Errorf("it has %q, %v", text, err)
	}
	within(t, "no process is left", func() bool { return alive(t, w) == 0 })
}

// TestNothingOfAJobIsFoundInItsDevice: a mark that a job leaves in what a device keeps is gone with the wipe, and there without it.
func TestNothingOfAJobIsFoundInItsDevice(t *testing.T) {
	d := open(t)
	device := sandboxtest.Device(t, "gpu0", true)
	device.Wipe = []string{"/usr/bin/truncate", "-s", "0", device.Paths[0].Host}
	leaves, looks := "open('/dev/gpu0', 'r+').write('the mark of a job')\n", "open('/out/found', 'w').write(open('/dev/gpu0').read())\n"
	run := func(id, script string) {
		t.Helper()
		job := sandboxtest.Job(t, id, script)
		job.Devices = []sandbox.Device{device}
		if ended := sandboxtest.Ended(t, d, job); ended.Class != sandbox.Done {
			t.Fatalf("%+v %s", ended, sandboxtest.Read(t, d, id, "stderr"))
		}
	}
	run("leaves", leaves)
	run("unwiped", looks)
	if found := sandboxtest.Read(t, d, "unwiped", "found"); found != "the mark of a job" {
		t.Errorf("without a wipe it finds %q", found)
	}
	sandboxtest.Must(t, d.Wipe(t.Context(), device))
	run("wiped", looks)
	if found := sandboxtest.Read(t, d, "wiped", "found"); found != "" {
		t.Errorf("after a wipe it finds %q", found)
	}
}
