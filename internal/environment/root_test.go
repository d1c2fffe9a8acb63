package environment_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"narthex"
	"narthex/internal/environment"
)

// root makes a root as Debian's are: programs, libraries under several names, and links that end nowhere.
func root(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"usr/bin/python3.11": "program", "usr/lib/libc.so.6.1": "library", "usr/share/a b": "", "etc/passwd": "not seen", "etc/alternatives/README": "what they are"} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755), os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{"usr/bin/python3": "python3.11", "usr/lib/libc.so.6": "libc.so.6.1", "usr/lib/ssl": "/etc/ssl", "etc/alternatives/awk": "/usr/bin/mawk", "lib": "usr/lib"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "usr/bin/python3.11"), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestARootIsReadAsJobsSeeIt: links and programs are in the digest; times, and what no job sees, are not.
func TestARootIsReadAsJobsSeeIt(t *testing.T) {
	dir := root(t)
	at := func(name string) string { return filepath.Join(dir, name) }
	want, err := environment.ReadRoot(t.Context(), dir)
	if err != nil || want.Files != 8 || want.Bytes != int64(len("program")+len("library")+len("what they are")) {
		t.Fatalf("it is read as %+v: %v", want, err)
	}
	long := time.Now().Add(-999 * time.Hour)
	for what, change := range map[string]func() error{
		"another time":    func() error { return os.Chtimes(at("usr/lib/libc.so.6.1"), long, long) },
		"what is beside":  func() error { return os.WriteFile(at("etc/passwd"), []byte("other"), 0o644) },
		"an empty folder": func() error { return os.Mkdir(at("usr/games"), 0o755) },
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if got, err := environment.ReadRoot(t.Context(), dir); err != nil || got != want {
			t.Errorf("%s: it is read as %+v: %v", what, got, err)
		}
	}
	if other, err := environment.ReadRoot(t.Context(), root(t)); err != nil || other != want {
		t.Errorf("another copy is read as %+v: %v", other, err)
	}
	for what, change := range map[string]func() error{
		"a byte": func() error { return os.WriteFile(at("usr/lib/libc.so.6.1"), []byte("librarz"), 0o644) },
		"a link": func() error {
			return errors.Join(os.Remove(at("usr/bin/python3")), os.Symlink("python3.12", at("usr/bin/python3")))
		},
		"a link of the alternatives":  func() error { return os.Remove(at("etc/alternatives/awk")) },
		"a program that is none more": func() error { return os.Chmod(at("usr/bin/python3.11"), 0o644) },
	} {
		before, err := environment.ReadRoot(t.Context(), dir)
		if err == nil {
			err = change()
		}
		if err != nil {
			t.Fatal(err)
		}
		if after, err := environment.ReadRoot(t.Context(), dir); err != nil || after.Digest == before.Digest {
			t.Errorf("%s: the digest stays the same: %v", what, err)
		}
	}
}

// TestAMarkTellsThatSomebodyWrote, also where size and time are put back.
func TestAMarkTellsThatSomebodyWrote(t *testing.T) {
	dir := root(t)
	name := filepath.Join(dir, "usr/lib/libc.so.6.1")
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	before, err := environment.MarkRoot(t.Context(), dir)
	again, wrong := environment.MarkRoot(t.Context(), dir)
	if err != nil || wrong != nil || before != again {
		t.Fatalf("it is another mark each time: %v", errors.Join(err, wrong))
	}
	time.Sleep(20 * time.Millisecond) // the kernel's clock has steps
	if err := errors.Join(os.WriteFile(name, []byte("librarz"), 0o644), os.Chtimes(name, info.ModTime(), info.ModTime())); err != nil {
		t.Fatal(err)
	}
	if after, err := environment.MarkRoot(t.Context(), dir); err != nil || after == before {
		t.Errorf("the mark stays: %v", err)
	}
}

func TestARootThatJobsCannotHaveIsRefused(t *testing.T) {
	for name, change := range map[string]func(dir string) error{
		"no usr": func(dir string) error { return os.RemoveAll(filepath.Join(dir, "usr")) },
		"a link for usr": func(dir string) error {
			return errors.Join(os.Rename(filepath.Join(dir, "usr"), filepath.Join(dir, "u")), os.Symlink("u", filepath.Join(dir, "usr")))
		},
		"a link out for usr": func(dir string) error {
			return errors.Join(os.RemoveAll(filepath.Join(dir, "usr")), os.Symlink("/usr", filepath.Join(dir, "usr")))
		},
		"a link for etc": func(dir string) error {
			return errors.Join(os.RemoveAll(filepath.Join(dir, "etc")), os.Symlink("usr", filepath.Join(dir, "etc")), os.Mkdir(filepath.Join(dir, "usr/alternatives"), 0o755))
		},
		"a link for the alternatives": func(dir string) error {
			return errors.Join(os.RemoveAll(filepath.Join(dir, "etc/alternatives")), os.Symlink("/etc", filepath.Join(dir, "etc/alternatives")))
		},
		"a link above": func(dir string) error { return os.Symlink("../../x", filepath.Join(dir, "usr/x")) },
		"a pipe":       func(dir string) error { return syscall.Mkfifo(filepath.Join(dir, "usr/x"), 0o644) },
		"a line end":   func(dir string) error { return os.WriteFile(filepath.Join(dir, "usr/x\ny"), nil, 0o644) },
		"no file": func(dir string) error {
			return errors.Join(os.RemoveAll(dir), os.MkdirAll(filepath.Join(dir, "usr/bin"), 0o755))
		},
		"nothing": os.RemoveAll,
	} {
		dir := root(t)
		if err := change(dir); err != nil {
			t.Fatal(err)
		}
		if got, err := environment.ReadRoot(t.Context(), dir); !narthex.IsKind(err, narthex.Invalid) || got != (environment.Folder{}) {
			t.Errorf("%s: it is read as %+v: %v", name, got, err)
		}
	}
}

// notes writes what a package manager would of a few packages.
func notes(t *testing.T, change func(status string) string, sums map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	status := `Package: python3
Status: install ok installed
Architecture: amd64
Version: 3.11.2-1
Depends: python3.11 (>= 3.11.2-1~), libpython3-stdlib:any (= 3.11.2-1) | nothing
Description: a language
 Depends: not-this

Package: python3.11
Status: hold ok installed
Architecture: amd64
Version: 3.11.2-6
Pre-Depends: libc

Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.36
Provides: libc (= 2.36)

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1

Package: other
Status: install ok installed
Architecture: all
Version: 1
`
	if change != nil {
		status = change(status)
	}
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "info"), 0o755), os.WriteFile(filepath.Join(dir, "status"), []byte(status), 0o644)); err != nil {
		t.Fatal(err)
	}
	for name, text := range sums {
		if err := os.WriteFile(filepath.Join(dir, "info", name+".md5sums"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestAHostIsKnownByItsPackages: those that are stated and all that they rest on, by version and by the sums of their files.
func TestAHostIsKnownByItsPackages(t *testing.T) {
	sums := map[string]string{"python3": "a", "libc6:amd64": "b"}
	want, err := environment.ReadHost(notes(t, nil, sums), []string{"python3"})
	if err != nil || want.Packages != 3 || len(want.Lacks) != 0 || want.Digest == "" {
		t.Fatalf("it has %+v: %v", want, err)
	}
	for name, c := range map[string]struct {
		from, to string
		same     bool
	}{
		"the package":             {"Version: 3.11.2-1", "Version: 3.11.2-2", false},
		"what it depends on":      {"Version: 3.11.2-6", "Version: 3.11.2-7", false},
		"what provides for that":  {"Version: 2.36", "Version: 2.37", false},
		"another architecture":    {"Architecture: amd64\nVersion: 2.36", "Architecture: arm64\nVersion: 2.36", false},
		"one that nobody depends": {"Architecture: all\nVersion: 1", "Architecture: all\nVersion: 2", true},
	} {
		got, err := environment.ReadHost(notes(t, func(s string) string { return strings.Replace(s, c.from, c.to, 1) }, sums), []string{"python3"})
		if err != nil || (got.Digest == want.Digest) != c.same {
			t.Errorf("%s: %+v: %v", name, got, err)
		}
	}
	if got, err := environment.ReadHost(notes(t, nil, map[string]string{"python3": "a", "libc6:amd64": "c"}), []string{"python3"}); err != nil || got.Digest == want.Digest {
		t.Errorf("other sums: %+v: %v", got, err)
	}
	if got, err := environment.ReadHost(notes(t, nil, sums), []string{"gone", "python3", "absent"}); err != nil || !slices.Equal(got.Lacks, []string{"gone", "absent"}) {
		t.Errorf("it lacks %v: %v", got.Lacks, err)
	}
	if _, err := environment.ReadHost(t.TempDir(), nil); !narthex.IsKind(err, narthex.Unavailable) {
		t.Errorf("a host that says nothing: %v", err)
	}
}
