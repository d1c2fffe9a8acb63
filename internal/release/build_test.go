package release_test

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/modfile"

	"narthex/internal/release"
)

const root = "../.."

// checkout copies what is kept of the project to a folder, as somebody else would have it: without what was built.
func checkout(t *testing.T, to string, at time.Time) string {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		within, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if slices.Contains([]string{".git", "bin", "dist"}, within) {
				return fs.SkipDir
			}
			return os.MkdirAll(filepath.Join(to, within), 0o755)
		}
		if filepath.Base(filepath.Dir(within)) == "generated" || !entry.Type().IsRegular() {
			return nil
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, within), data, 0o644); err != nil {
			return err
		}
		return os.Chtimes(filepath.Join(to, within), at, at)
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// makeIn runs make in a folder with an environment that holds nothing but where tools and modules lie, and what is added. No
// module is fetched: what a build needs beside those that go.mod names would be missing.
func makeIn(t *testing.T, dir, umask, target string, more ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, "sh", "-c", "umask "+umask+"; exec make "+target)
	command.Dir = dir
	command.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "GOCACHE=" + goEnv(t, "GOCACHE"), "GOMODCACHE=" + goEnv(t, "GOMODCACHE"), "GOPROXY=off"}, more...)
	out, err := command.CombinedOutput()
	return string(out), err
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// TestRigTwoBuildsGiveTheSameBytes makes a release in two folders that differ in all that a builder could differ in. The long
// form does so for every architecture, and the second time from nothing: no file that was compiled before is used.
func TestRigTwoBuildsGiveTheSameBytes(t *testing.T) {
	long := os.Getenv("NARTHEX_RIG") == "long"
	target := "release ARCHES=" + runtime.GOARCH
	if long {
		target = "release"
	}
	one := checkout(t, filepath.Join(t.TempDir(), "one"), time.Now())
	if out, err := makeIn(t, one, "022", target); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	above := t.TempDir()
	two := checkout(t, filepath.Join(above, "another", "longer", "way"), time.Unix(1e9, 0))
	write(t, filepath.Join(above, "go.work"), "go 1.26.0\n")
	other := []string{"GOFLAGS=-tags=netgo,other -ldflags=-X=main.version=9", "GOAMD64=v3", "GOARM64=v9.0", "GOEXPERIMENT=nogreenteagc", "GODEBUG=panicnil=1", "CGO_ENABLED=1", "TZ=Asia/Tokyo", "LANG=de_DE.UTF-8", "USER=eve", "VERSION=9"}
	if long {
		other = append(other, "GOCACHE="+t.TempDir())
	}
	if out, err := makeIn(t, two, "077", target, other...); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	files := same(t, filepath.Join(one, "dist"), filepath.Join(two, "dist"))
	programs := 1
	if long {
		programs = 2
	}
	if len(files) != programs+2 { // the bill and the checksums
		t.Errorf("a release has %v", files)
	}
	program := filepath.Join(one, "dist", "narthex-"+version(t)+"-linux-"+runtime.GOARCH)
	holdsNothingOfItsBuilder(t, program, one, above)
	saysWhatItIs(t, program)
}

func version(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "VERSION"))
	if err != nil || !release.IsVersion(strings.TrimSpace(string(text))) {
		t.Fatalf("VERSION holds %q: %v", text, err)
	}
	return strings.TrimSpace(string(text))
}

// same compares the files of two folders and gives their names.
func same(t *testing.T, one, two string) (names []string) {
	t.Helper()
	for i, dir := range []string{one, two} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			a, errA := os.ReadFile(filepath.Join(one, entry.Name()))
			b, errB := os.ReadFile(filepath.Join(two, entry.Name()))
			if errA != nil || errB != nil || len(a) == 0 || !bytes.Equal(a, b) {
				t.Errorf("%s is not the same in both: %v, %v", entry.Name(), errA, errB)
			}
			if i == 0 {
				names = append(names, entry.Name())
			}
		}
	}
	return names
}

func holdsNothingOfItsBuilder(t *testing.T, program string, dirs ...string) {
	t.Helper()
	data, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range append(dirs, goEnv(t, "GOMODCACHE"), goEnv(t, "GOCACHE")) {
		if bytes.Contains(data, []byte(dir)) {
			t.Errorf("the program holds the path %s", dir)
		}
	}
	if bytes.Contains(data, []byte(".debug_info")) || bytes.Contains(data, []byte(".zdebug_info")) {
		t.Error("the program is not stripped")
	}
}

// saysWhatItIs holds `narthex version` and the bill of materials to the program.
func saysWhatItIs(t *testing.T, program string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program, "version", "--json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var says struct{ Version, Go string }
	if err := json.Unmarshal(out, &says); err != nil {
		t.Fatal(err)
	}
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	if says.Version != version(t) || says.Go != info.GoVersion {
		t.Errorf("it says %+v", says)
	}
	text, err := os.ReadFile(filepath.Join(filepath.Dir(program), "narthex-"+version(t)+".cdx.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, module := range info.Deps {
		if !bytes.Contains(text, []byte(`"pkg:golang/`+module.Path+"@"+module.Version+`"`)) || !bytes.Contains(text, []byte(module.Sum)) {
			t.Errorf("the bill of materials does not list %s", module.Path)
		}
	}
	if !bytes.Contains(text, []byte(`"specVersion": "1.6"`)) || !bytes.Contains(text, []byte(`"`+info.GoVersion+`"`)) {
		t.Error("the bill of materials does not state its form, or the toolchain")
	}
}

// TestABuildTakesOnlyWhatIsListed changes what a build takes, one way after the other, and then builds.
func TestABuildTakesOnlyWhatIsListed(t *testing.T) {
	// Every module is fetched first, those of other systems too: what is asked below is answered without the network.
	download := exec.CommandContext(t.Context(), "go", "mod", "download")
	download.Dir = root
	if out, err := download.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	dir := checkout(t, t.TempDir(), time.Now())
	for what, c := range map[string]struct{ file, find, put, says string }{
		"a dependency without its line":     {"docs/dependencies.md", "| github.com/spf13/cobra | v1.10.2 |\n", "", "no line for github.com/spf13/cobra v1.10.2"},
		"one of the tests without its line": {"docs/dependencies.md", "| github.com/tidwall/gjson | v1.20.0 |\n", "", "no line for github.com/tidwall/gjson v1.20.0"},
		"a line with another version":       {"docs/dependencies.md", "| github.com/spf13/cobra | v1.10.2 |", "| github.com/spf13/cobra | v1.10.1 |", "a line for github.com/spf13/cobra v1.10.1, which no go.mod names"},
		"a module of the tests replaced":    {"test/openai/go.mod", "go 1.26.0\n", "go 1.26.0\nreplace github.com/tidwall/gjson => ../../evil\n", "replaces github.com/tidwall/gjson"},
		"a module replaced":                 {"go.mod", "go 1.26.0\n", "go 1.26.0\nreplace github.com/valyala/histogram => ./evil\n", "histogram"},
		"another version in go.mod":         {"go.mod", "github.com/spf13/cobra v1.10.2", "github.com/spf13/cobra v1.10.1", "cobra"},
		"another sum in go.sum":             {"go.sum", "golang.org/x/mod v0.42.0 h1:I", "golang.org/x/mod v0.42.0 h1:J", "checksum mismatch"},
		"no sum in go.sum":                  {"go.sum", "golang.org/x/mod v0.42.0 h1:", "golang.org/x/mod v0.42.1 h1:", "missing go.sum entry"},
		"a package of no module of go.mod":  {"internal/release/mkrelease/main.go", "import (\n", "import (\n\t_ \"golang.org/x/perf/benchfmt\"\n", "cannot find module providing package golang.org/x/perf/benchfmt"},
		"no toolchain":                      {"go.mod", "toolchain go1.26.8\n", "", "names no toolchain"},
	} {
		path := filepath.Join(dir, filepath.FromSlash(c.file))
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		after := strings.Replace(string(before), c.find, c.put, 1)
		if after == string(before) {
			t.Fatalf("%s: %s has no %q", what, c.file, c.find)
		}
		write(t, path, after)
		out, err := makeIn(t, dir, "022", "dependencies")
		if err == nil || !strings.Contains(out, c.says) {
			t.Errorf("%s: %v\n%s", what, err, out)
		}
		write(t, path, string(before))
	}
	if out, err := makeIn(t, dir, "022", "dependencies"); err != nil {
		t.Errorf("as it is: %v\n%s", err, out)
	}
	if text, err := os.ReadFile(filepath.Join(root, "Makefile")); err != nil || len(regexp.MustCompile(`(?m)^(build|release): setup dependencies `).FindAll(text, -1)) != 2 {
		t.Errorf("a build or a release does not look at the list first: %v", err)
	}
}

// TestModulesAreThoseOfGoSum checks every unpacked module against go.sum.
func TestModulesAreThoseOfGoSum(t *testing.T) {
	command := exec.CommandContext(t.Context(), "go", "mod", "verify")
	command.Dir = root
	if out, err := command.CombinedOutput(); err != nil || !strings.Contains(string(out), "all modules verified") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestOnlyTheOneBuildIsPacked builds a small program of this module as no release is built.
func TestOnlyTheOneBuildIsPacked(t *testing.T) {
	source := release.Source{Version: "0.4.0", Root: root}
	for what, c := range map[string]struct {
		name string
		args []string
		says string // "" where it is packed
	}{
		"as a release is built":        {"narthex-0.4.0-linux-x", []string{"-trimpath"}, ""},
		"with paths":                   {"narthex-0.4.0-linux-x", nil, "without -trimpath"},
		"with a build tag":             {"narthex-0.4.0-linux-x", []string{"-trimpath", "-tags=planted"}, "-tags=planted"},
		"of one byte more than may be": {"narthex-0.4.0-linux-x", []string{"-trimpath"}, "40000001 bytes"},
		"of another version":           {"narthex-0.3.0-linux-x", []string{"-trimpath"}, "no program of version 0.4.0"},
	} {
		dist := t.TempDir()
		args := append(append([]string{"build", "-buildvcs=false", "-o", filepath.Join(dist, c.name)}, c.args...), "./demo/minilab/gencorpus")
		command := exec.CommandContext(t.Context(), "go", args...)
		command.Dir, command.Env = root, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if what == "of one byte more than may be" {
			if err := os.Truncate(filepath.Join(dist, c.name), release.MaxProgram+1); err != nil {
				t.Fatal(err)
			}
		}
		err := release.Pack(dist, source)
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, version := range []string{"", "dev", "v0.4.0", "0.4", "0.4.0-rc.1", "0.4.0+local"} {
		source.Version = version
		if err := release.Pack(t.TempDir(), source); err == nil {
			t.Errorf("%q is packed", version)
		}
	}
}

// TestTheToolchainIsOne holds the makers of the corpus and of a release to one toolchain.
func TestTheToolchainIsOne(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	mod, err := modfile.Parse("go.mod", text, nil)
	if err != nil {
		t.Fatal(err)
	}
	maker, err := os.ReadFile(filepath.Join(root, "demo", "minilab", "gencorpus", "main.go"))
	if err != nil || mod.Toolchain == nil || !strings.Contains(string(maker), `"`+mod.Toolchain.Name+`"`) {
		t.Errorf("go.mod and the maker of the corpus name two toolchains: %v", err)
	}
}

// TestWhatChecksAChangeHoldsNoSecret reads what runs for a change from anyone: it names no secret and sends nothing anywhere.
// That it needs nothing of its surroundings is held by the builds above, which have none.
func TestWhatChecksAChangeHoldsNoSecret(t *testing.T) {
	secret := regexp.MustCompile(`(?i)secrets?\.|\b[A-Z_]*(TOKEN|PASSWORD|SECRET|CREDENTIAL|API_?KEY)[A-Z_]*\b|git push|gh release|docker (login|push)|npm publish|\bscp\b|\brsync\b|--upload-file|--data`)
	read := 0
	for _, pattern := range []string{".ci/*", "Makefile", "test/*.sh", ".github/*", ".github/*/*", ".gitlab-ci.yml", ".forgejo/*/*"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			info, err := os.Stat(name)
			if err != nil || info.IsDir() {
				continue
			}
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			read++
			if found := secret.FindString(string(text)); found != "" {
				t.Errorf("%s holds %q", name, found)
			}
			if sign := "mkrelease sign"; strings.Contains(string(text), sign) {
				t.Errorf("%s signs a release, which people do", name)
			}
		}
	}
	if read < 3 {
		t.Errorf("only %d files were read", read)
	}
}
