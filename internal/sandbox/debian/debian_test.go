package debian_test

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"narthex"
	"narthex/internal/environment"
	"narthex/internal/sandbox/debian"
)

// pack makes a package of files; one whose text begins with -> is a link, one that ends in / a folder, and +x a program.
func pack(t *testing.T, into, name, version string, files map[string]string) {
	t.Helper()
	tree := t.TempDir()
	control := fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: of a test\n", name, version)
	must(t, errors.Join(os.Chmod(tree, 0o755), os.Mkdir(filepath.Join(tree, "DEBIAN"), 0o755), os.WriteFile(filepath.Join(tree, "DEBIAN/control"), []byte(control), 0o644)))
	for _, file := range slices.Sorted(maps.Keys(files)) {
		at, text := filepath.Join(tree, file), files[file]
		must(t, os.MkdirAll(filepath.Dir(at), 0o755))
		target, link := strings.CutPrefix(text, "->")
		same, hard := strings.CutPrefix(text, "==")
		text, program := strings.CutPrefix(text, "+x")
		switch {
		case strings.HasSuffix(file, "/"):
			must(t, os.MkdirAll(at, 0o755))
		case link:
			must(t, os.Symlink(target, at))
		case hard:
			must(t, os.Link(filepath.Join(tree, same), at))
		case text == "|":
			must(t, syscall.Mkfifo(at, 0o644))
		default:
			must(t, os.WriteFile(at, []byte(text), 0o600))
			if program {
				must(t, os.Chmod(at, 0o4711))
			}
		}
	}
	said, err := exec.CommandContext(t.Context(), "dpkg-deb", "--root-owner-group", "--build", tree, filepath.Join(into, name+"_"+version+"_all.deb")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// packages makes two packages that belong together.
func packages(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	pack(t, dir, "tool", "1:2.0-1", map[string]string{"usr/bin/tool": "+xa program", "usr/bin/twice": "==usr/bin/tool", "bin/old": "+xold", "etc/tool.conf": "not seen", "usr/share/a b": "", "usr/lib/tool/": ""})
	pack(t, dir, "library", "1.0", map[string]string{"lib/x/lib.so.1.0": "code", "lib/x/lib.so.1": "->lib.so.1.0", "usr/lib/x/blas/libblas.so.3": "blas"})
	return dir
}

func set(root string) narthex.Environment {
	return narthex.Environment{Name: "tools", Root: root, Debian: &narthex.DebianSet{Release: "bookworm", Packages: []string{"tool"}, Links: map[string]string{"usr/lib/x/libblas.so.3": "blas/libblas.so.3"}}}
}

// TestTheSamePackagesAreTheSameRoot, at another time, in another place, by somebody with other habits.
func TestTheSamePackagesAreTheSameRoot(t *testing.T) {
	from := packages(t)
	first := filepath.Join(t.TempDir(), "a", "root")
	lock, err := debian.Build(t.Context(), set(first), debian.Choices{From: from})
	must(t, err)
	if lock.Root.Files != 8 || len(lock.Packages) != 2 || lock.Packages[0].Name != "library" || lock.Packages[1].Version != "1:2.0-1" || lock.Packages[1].Bytes == 0 {
		t.Errorf("the lock is %+v", lock)
	}
	for name, mode := range map[string]fs.FileMode{"usr/bin/tool": 0o755, "usr/bin/twice": 0o755, "usr/bin/old": 0o755, "usr/share/a b": 0o644, "usr/lib/tool": 0o755 | fs.ModeDir, "usr/lib/x/lib.so.1": 0o777 | fs.ModeSymlink, "usr/lib/x/libblas.so.3": 0o777 | fs.ModeSymlink} {
		if info, err := os.Lstat(filepath.Join(first, name)); err != nil || info.Mode() != mode {
			t.Errorf("%s is %v: %v", name, info, err)
		}
	}
	if text, err := os.ReadFile(filepath.Join(first, "usr/lib/x/libblas.so.3")); err != nil || string(text) != "blas" {
		t.Errorf("the link leads to %q: %v", text, err)
	}
	if _, err := os.Lstat(filepath.Join(first, "etc")); err == nil {
		t.Error("what no job sees was laid")
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(first), ".narthex-build-*")); err != nil || len(left) > 0 {
		t.Errorf("the build leaves %v: %v", left, err)
	}
	text, err := os.ReadFile(debian.LockOf(first))
	if err != nil || !strings.Contains(string(text), string(lock.Root.Digest)) || !strings.Contains(string(text), string(lock.Packages[0].Digest)) {
		t.Errorf("the lock that is written says %s: %v", text, err)
	}
	time.Sleep(10 * time.Millisecond)
	was := syscall.Umask(0o077)
	defer syscall.Umask(was)
	second := filepath.Join(t.TempDir(), "root")
	again, err := debian.Build(t.Context(), set(second), debian.Choices{From: from, Lock: &lock})
	if err != nil || again.Root != lock.Root {
		t.Errorf("built again it is %+v, and was %+v: %v", again.Root, lock.Root, err)
	}
	if info, err := os.Stat(filepath.Join(second, "usr/bin")); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("under another mask a folder is %v: %v", info, err)
	}
	if third, err := debian.Build(t.Context(), set(first), debian.Choices{From: from}); err != nil || third.Root != lock.Root {
		t.Errorf("built where it is, it is %+v: %v", third.Root, err)
	}
}

// TestARootThatIsThereIsLeft: another one is not put in its place, and nothing is left of what was built.
func TestARootThatIsThereIsLeft(t *testing.T) {
	from, root := packages(t), filepath.Join(t.TempDir(), "root")
	lock, err := debian.Build(t.Context(), set(root), debian.Choices{From: from})
	must(t, err)
	pack(t, from, "more", "1", map[string]string{"usr/share/more": "more"})
	if _, err := debian.Build(t.Context(), set(root), debian.Choices{From: from}); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("another root: %v", err)
	}
	if there, err := environment.ReadRoot(t.Context(), root); err != nil || there != lock.Root {
		t.Errorf("the root is %+v, and was %+v: %v", there, lock.Root, err)
	}
	entries, err := os.ReadDir(filepath.Dir(root))
	if err != nil || len(entries) != 2 {
		t.Errorf("there are %v: %v", entries, err)
	}
	other := set(filepath.Join(filepath.Dir(root), "other"))
	if _, err := debian.Build(t.Context(), other, debian.Choices{From: from, Lock: &lock}); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("a package more than in the lock: %v", err)
	}
	must(t, os.Remove(filepath.Join(from, "more_1_all.deb")))
	must(t, os.Remove(filepath.Join(from, "library_1.0_all.deb")))
	pack(t, from, "library", "1.0", map[string]string{"lib/x/lib.so.1.0": "other code"})
	if _, err := debian.Build(t.Context(), other, debian.Choices{From: from, Lock: &lock}); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("other bytes under a version of the lock: %v", err)
	}
	if _, err := os.Lstat(other.Root); err == nil {
		t.Error("what is not the lock's was built")
	}
}

func TestPackagesThatMakeNoRootAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		kind  narthex.Kind
	}{
		"a file of another package": {map[string]string{"usr/bin/tool": "mine"}, narthex.Conflict},
		"a file for a folder":       {map[string]string{"usr/bin": "mine"}, narthex.Conflict},
		"a link above":              {map[string]string{"usr/x": "->../../etc/passwd"}, narthex.Invalid},
		"a pipe":                    {map[string]string{"usr/x": "|"}, narthex.Invalid},
		"a name that hides":         {map[string]string{"usr/x\u202ey": ""}, narthex.Invalid},
	} {
		from, root := packages(t), filepath.Join(t.TempDir(), "root")
		pack(t, from, "zz", "1", c.files)
		if _, err := debian.Build(t.Context(), set(root), debian.Choices{From: from}); !narthex.IsKind(err, c.kind) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Lstat(root); err == nil {
			t.Errorf("%s: there is a root", name)
		}
	}
	cut := packages(t)
	file := filepath.Join(cut, "tool_1:2.0-1_all.deb")
	info, err := os.Stat(file)
	must(t, err)
	must(t, os.Truncate(file, info.Size()-40))
	absent := set(filepath.Join(t.TempDir(), "root"))
	absent.Debian.Packages = []string{"tool", "absent"}
	for name, c := range map[string]struct {
		e    narthex.Environment
		from string
	}{"cut": {set(filepath.Join(t.TempDir(), "root")), cut}, "absent": {absent, packages(t)}, "nothing": {set(filepath.Join(t.TempDir(), "root")), t.TempDir()}, "the host's": {set("/"), cut}} {
		if _, err := debian.Build(t.Context(), c.e, debian.Choices{From: c.from}); err == nil {
			t.Errorf("%s: it is built", name)
		}
	}
}

// TestARootThroughALinkWritesNothingElsewhere: a package cannot have another's files written through a link that it brings.
func TestARootThroughALinkWritesNothingElsewhere(t *testing.T) {
	from, root, outside := packages(t), filepath.Join(t.TempDir(), "root"), t.TempDir()
	pack(t, from, "a-link", "1", map[string]string{"usr/share/out": "->" + outside})
	pack(t, from, "b-file", "1", map[string]string{"usr/share/out/x": "written"})
	if _, err := debian.Build(t.Context(), set(root), debian.Choices{From: from}); err == nil {
		t.Error("it is built")
	}
	if entries, err := os.ReadDir(outside); err != nil || len(entries) > 0 {
		t.Errorf("outside of the root there are %v: %v", entries, err)
	}
}
