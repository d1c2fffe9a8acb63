// Package release says what a release of narthex is made of, and checks it.
//
// It promises that the same source gives the same files: the bill of materials and the checksums hold no time, no name of a
// machine and nothing drawn. A program that was built in another way than releases are, by another toolchain, or from a
// module that is not in go.sum and in the list of dependencies, makes no release. A release with a changed byte, one that
// fewer than two people signed, and one that is older than what runs are refused.
//
// It trusts the Go toolchain, go.sum and the keys of the people who release. It does not trust the folder that it is shown.
// Read next: Pack, which makes a release of built programs; Verify, which checks one; docs/releases.md for people.
package release

import (
	"crypto/sha256"
	"debug/buildinfo"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"
)

// Source is what a release is made from.
type Source struct {
	Version    string // such as 0.4.0: of three numbers, without anything more
	Root       string // the checkout
	listed     map[string]bool
	sums       map[string]string
	toolchain  string
	components []component
}

// Pack writes the bill of materials and the checksums beside the programs in dist, and refuses programs that were not built
// as a release is.
func Pack(dist string, source Source) error {
	if !IsVersion(source.Version) {
		return fmt.Errorf("pack release: the version %q is not three numbers such as 0.4.0", source.Version)
	}
	if err := source.read(); err != nil {
		return fmt.Errorf("pack release: %w", err)
	}
	programs, err := filepath.Glob(filepath.Join(dist, "narthex-"+source.Version+"-*-*"))
	if err != nil || len(programs) == 0 {
		return errors.Join(fmt.Errorf("pack release: there is no program of version %s in %s", source.Version, dist), err)
	}
	for _, program := range programs {
		if err := source.add(program); err != nil {
			return fmt.Errorf("pack release: %s: %w", filepath.Base(program), err)
		}
	}
	bill, err := source.bill()
	if err != nil {
		return fmt.Errorf("pack release: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dist, billFile(source.Version)), bill, 0o644); err != nil {
		return fmt.Errorf("pack release: %w", err)
	}
	sums, err := Sum(dist)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dist, SumsFile), sums, 0o644)
}

// IsVersion says whether text is the version of a release.
func IsVersion(text string) bool {
	return semver.IsValid("v"+text) && semver.Canonical("v"+text) == "v"+text && semver.Prerelease("v"+text) == ""
}

// read reads what programs are compared with.
func (s *Source) read() error {
	mod, err := os.ReadFile(filepath.Join(s.Root, "go.mod"))
	if err != nil {
		return err
	}
	parsed, err := modfile.Parse("go.mod", mod, nil)
	if err != nil {
		return err
	}
	if parsed.Toolchain == nil {
		return errors.New("go.mod names no toolchain, so nobody could build the same bytes")
	}
	s.toolchain = parsed.Toolchain.Name
	list, err := os.ReadFile(filepath.Join(s.Root, "docs", "dependencies.md"))
	if err != nil {
		return err
	}
	s.listed = listed(list)
	sums, err := os.ReadFile(filepath.Join(s.Root, "go.sum"))
	if err != nil {
		return err
	}
	s.sums = map[string]string{}
	for line := range strings.Lines(string(sums)) {
		if fields := strings.Fields(line); len(fields) == 3 {
			s.sums[fields[0]+" "+fields[1]] = fields[2]
		}
	}
	return nil
}

// MaxProgram is the largest a stripped program may be, in bytes: it is to be fetched and held by people with small machines.
// What most often makes it grow is a library that finds methods by name, for then the linker keeps every method of every type.
const MaxProgram = 40_000_000

// built is how every program of a release is built. A setting that is not here, such as a build tag, is refused.
var built = map[string]string{
	"-buildmode": "exe", "-compiler": "gc", "-trimpath": "true", "CGO_ENABLED": "0", "GOOS": "linux",
	"-gcflags": "narthex/internal/courier=-l",          // the last that the Makefile names; of the others nothing is recorded
	"GOARCH":   "", "GOAMD64": "v1", "GOARM64": "v8.0", // GOARCH is the file's own
}

// add takes a program and its modules into the release.
func (s *Source) add(program string) error {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return err
	}
	if info.GoVersion != s.toolchain {
		return fmt.Errorf("it was built by %s, and go.mod names %s: set GOTOOLCHAIN=%s", info.GoVersion, s.toolchain, s.toolchain)
	}
	for _, setting := range info.Settings {
		want, known := built[setting.Key]
		if !known || want != "" && setting.Value != want {
			return fmt.Errorf("it was built with %s=%s, which no release is: `make release` sets what is needed", setting.Key, setting.Value)
		}
	}
	if !slices.ContainsFunc(info.Settings, func(b debug.BuildSetting) bool { return b.Key == "-trimpath" }) {
		return errors.New("it was built without -trimpath, so it holds the path of a folder")
	}
	data, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	if len(data) > MaxProgram {
		return fmt.Errorf("it has %d bytes, and a program may have %d", len(data), MaxProgram)
	}
	s.components = append(s.components, file(filepath.Base(program), sha256.Sum256(data)))
	for _, module := range info.Deps {
		if err := s.addModule(module); err != nil {
			return err
		}
	}
	return nil
}

// addModule takes a module into the bill, once.
func (s *Source) addModule(module *debug.Module) error {
	name := module.Path + " " + module.Version
	switch {
	case module.Replace != nil:
		return fmt.Errorf("module %s is replaced by another", module.Path)
	case module.Sum == "" || s.sums[name] != module.Sum:
		return fmt.Errorf("module %s is not the one of go.sum", name)
	case !s.listed[name]:
		return fmt.Errorf("module %s has no line in docs/dependencies.md", name)
	}
	if c := library(module); !slices.ContainsFunc(s.components, func(has component) bool { return has.Ref == c.Ref }) {
		s.components = append(s.components, c)
	}
	return nil
}
