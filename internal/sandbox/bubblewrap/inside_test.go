package bubblewrap

import (
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"narthex/internal/sandbox"
)

// TestAStubIsWrittenForBothMachines compares pieces with what a disassembler reads as the words beside them.
func TestAStubIsWrittenForBothMachines(t *testing.T) {
	words := func(all ...uint32) (out []byte) {
		for _, w := range all {
			out = binary.LittleEndian.AppendUint32(out, w)
		}
		return out
	}
	arm, amd := arm64(), amd64()
	for what, c := range map[string]struct{ got, want []byte }{
		"mov x0, #7":                       {arm.value(0, 7), words(0xd28000e0, 0xf2a00000, 0xf2c00000, 0xf2e00000)},
		"mov x1, #0x400078":                {arm.value(1, 0x400078), words(0xd2800f01, 0xf2a00801, 0xf2c00001, 0xf2e00001)},
		"mov x0, x0":                       {arm.place(0, last), words(0xaa0003e0)},
		"sub x1, sp, #64":                  {arm.place(1, stack), words(0xd10103e1)},
		"cmp x0, #0; b.lt -76":             {arm.failed(72, false), words(0xf100001f, 0x54fffdab)},
		"cmp x0, #0; b.le -76":             {arm.failed(72, true), words(0xf100001f, 0x54fffdad)},
		"mov rdi, 7":                       {amd.value(0, 7), []byte("\x48\xbf\x07\x00\x00\x00\x00\x00\x00\x00")},
		"mov r10, 7":                       {amd.value(3, 7), []byte("\x49\xba\x07\x00\x00\x00\x00\x00\x00\x00")},
		"mov rdi, rax":                     {amd.place(0, last), []byte("\x48\x89\xc7")},
		"lea rsi, [rsp-64]":                {amd.place(1, stack), []byte("\x48\x8d\x74\x24\xc0")},
		"lea r10, [rsp-64]":                {amd.place(3, stack), []byte("\x4c\x8d\x54\x24\xc0")},
		"test rax, rax; js -81":            {amd.failed(72, false), []byte("\x48\x85\xc0\x0f\x88\xaf\xff\xff\xff")},
		"test rax, rax; jle -81":           {amd.failed(72, true), []byte("\x48\x85\xc0\x0f\x8e\xaf\xff\xff\xff")},
		"a header says the machine, of 64": {assemble(arm, nil, 221, 94)[18:20], []byte{183, 0}},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%s: %x, want %x", what, c.got, c.want)
		}
	}
}

// TestAStubOfWhichACallFailsRunsNothing is run on the host as it is.
func TestAStubOfWhichACallFailsRunsNothing(t *testing.T) {
	m, _ := host()
	for what, c := range map[string]struct {
		calls []call
		code  int
	}{
		"all went well":       {[]call{{unix.SYS_GETPID, nil, true}}, 0},
		"a call failed":       {[]call{{unix.SYS_CLOSE, []any{uint64(99)}, false}}, stubFailed},
		"nothing was read":    {[]call{{unix.SYS_READ, []any{uint64(0), stack, uint64(1)}, true}}, stubFailed},
		"nothing may be read": {[]call{{unix.SYS_READ, []any{uint64(0), stack, uint64(1)}, false}}, 0},
		"what the call before gave is closed, and closed again": {[]call{{unix.SYS_DUP, []any{uint64(0)}, false}, {unix.SYS_CLOSE, []any{last}, false}, {unix.SYS_CLOSE, []any{uint64(3)}, false}}, stubFailed},
	} {
		program := filepath.Join(t.TempDir(), "stub")
		if err := os.WriteFile(program, assemble(m, c.calls, unix.SYS_EXECVE, unix.SYS_EXIT_GROUP), 0o755); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(program, "/usr/bin/echo", "a", "b c")
		out, err := cmd.Output()
		want := ""
		if c.code == 0 {
			want = "a b c\n"
		}
		var ended *exec.ExitError
		if err != nil && !errors.As(err, &ended) || cmd.ProcessState.ExitCode() != c.code || string(out) != want {
			t.Errorf("where %s: %q, %v", what, out, err)
		}
	}
}

// TestGroupsOfVersion2 uses a folder in the place of the kernel's, which shows what is written and read and not that it bounds.
func TestGroupsOfVersion2(t *testing.T) {
	dir := t.TempDir()
	g := groups{version: 2, folders: map[string]string{"memory": dir, "pids": dir, "cpu": dir}}
	made, err := g.make("1")
	if err != nil {
		t.Fatal(err)
	}
	var attr syscall.SysProcAttr
	if made.place(&attr); !attr.UseCgroupFD || made.enter() != nil {
		t.Errorf("%+v", attr)
	}
	at := filepath.Join(dir, "1")
	for _, file := range []string{"memory.swap.max", "memory.oom.group"} {
		if err := os.WriteFile(filepath.Join(at, file), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := made.bound(sandbox.Limits{Memory: 1 << 20, Processes: 5}); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{"memory.max": "1048576", "memory.swap.max": "0", "memory.oom.group": "1", "pids.max": "8"} {
		if text, err := os.ReadFile(filepath.Join(at, file)); err != nil || string(text) != want {
			t.Errorf("%s has %q, %v", file, text, err)
		}
	}
	if _, _, _, err := made.used(1, nil); err == nil {
		t.Error("without its files it says what was used")
	}
	for file, text := range map[string]string{"cpu.stat": "usage_usec 1500000\nuser_usec 7\n", "memory.events": "low 0\noom 3\noom_kill 1\noom_group_kill 1\n"} {
		if err := os.WriteFile(filepath.Join(at, file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if cpu, _, out, err := made.used(1, nil); cpu != 1500*time.Millisecond || !out || err != nil {
		t.Errorf("%s, %v, %v", cpu, out, err)
	}
}

// TestNoCallOfTheListIsOneThatHasTests holds the two parts of the filter apart: a call that is allowed whatever its arguments is never tested.
func TestNoCallOfTheListIsOneThatHasTests(t *testing.T) {
	all := slices.Concat(everywhere(), old())
	for _, c := range tests(nil) {
		if slices.Contains(all, c.number) {
			t.Errorf("call %d is allowed altogether", c.number)
		}
	}
	slices.Sort(all)
	if n := len(slices.Compact(all)); n < 150 || len(filter([]int{0x46, 0})) > 4096*8 {
		t.Errorf("%d calls in %d bytes", n, len(filter([]int{0x46, 0})))
	}
}
