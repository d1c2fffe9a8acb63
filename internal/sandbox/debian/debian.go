// Package debian builds the root of an environment from packages of Debian, by the apt and the dpkg of this host.
//
// It promises the same root for the same packages, whoever builds it, when and where: each file is laid as its package has it, a program or
// none, readable for everyone, in a root that is one of its own. No script of a package is run, and nothing that such a script would make is
// there but the links that the set states. Of a package that is laid below /usr and /etc/alternatives is kept: nothing else is seen by a job.
// A root is put in its place when it is whole, and never in the place of another.
//
// It trusts apt, which holds each package to the signature of its archive, dpkg and the kernel. Where packages are taken from a folder, it trusts
// whoever filled that, and says of each what it was. Read next: Build; environment.ReadRoot, which gives the digest.
package debian

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"narthex"
	"narthex/internal/durable"
	"narthex/internal/environment"
)

// Lock is what a root was built of, in full: who builds of the same packages builds the same root.
type Lock struct {
	Environment narthex.EnvironmentName `json:"environment"`
	Debian      narthex.DebianSet       `json:"debian"`
	Packages    []Package               `json:"packages"` // by name and architecture
	Root        environment.Folder      `json:"root"`
}

// Package is one package that was laid.
type Package struct {
	Name         string         `json:"name"`
	Architecture string         `json:"architecture"`
	Version      string         `json:"version"`
	Digest       narthex.Digest `json:"digest"` // of its file
	Bytes        int64          `json:"bytes"`
}

// Choices are how a root is built.
type Choices struct {
	From string // a folder of packages, in whose place apt is not asked; empty to fetch them
	Lock *Lock  // what must be built again, or nil
}

// LockOf is where the lock of a root lies, beside it.
func LockOf(root string) string { return root + ".lock" }

// Build builds the root of an environment in a folder that is not there yet, writes its lock beside it, and gives that. Where the root is there
// and is the one that is built, it changes nothing; where it is another it is a Conflict.
func Build(ctx context.Context, e narthex.Environment, c Choices) (lock Lock, err error) {
	if e.Debian == nil || e.Root == "/" || e.Root == "" {
		return lock, narthex.Invalidf("The environment does not state what its root is built of; state debian, and a folder as root.").For("debian")
	}
	parent := filepath.Dir(e.Root)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return lock, narthex.Invalidf("The folder in which the root is to lie cannot be made; check root, and that you may write there.").For("root").Because(err)
	}
	work, err := os.MkdirTemp(parent, ".narthex-build-")
	if err != nil {
		return lock, narthex.Invalidf("Nothing can be written beside the root; check root, and that you may write there.").For("root").Because(err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	from := c.From
	if from == "" {
		if from, err = fetch(ctx, *e.Debian, work); err != nil {
			return lock, err
		}
	}
	files, packages, err := list(ctx, from)
	if err != nil {
		return lock, err
	}
	lock = Lock{Environment: e.Name, Debian: *e.Debian, Packages: packages}
	if err := lock.check(c.Lock); err != nil {
		return lock, err
	}
	made := filepath.Join(work, "root")
	if err := lay(ctx, made, files, e.Debian.Links); err != nil {
		return lock, err
	}
	if lock.Root, err = environment.ReadRoot(ctx, made); err != nil {
		return lock, err
	}
	return lock, lock.place(ctx, made, e.Root)
}

// check holds packages to what the set states, and to those of a lock.
func (l Lock) check(want *Lock) error {
	for _, name := range l.Debian.Packages {
		if !slices.ContainsFunc(l.Packages, func(p Package) bool { return p.Name == name }) {
			return narthex.Invalidf("The package %s is not among those that were found; check its name, or add its file.", name).For("debian.packages")
		}
	}
	if want == nil {
		return nil
	}
	for _, p := range want.Packages {
		if !slices.Contains(l.Packages, p) {
			return narthex.Conflictf("The package %s %s of the lock is not there as it was, so another root would come of it. State a snapshot, or take the files that the lock names.", p.Name, p.Version).For("lock")
		}
	}
	if len(want.Packages) != len(l.Packages) {
		return narthex.Conflictf("There are %d packages, and the lock has %d, so another root would come of it. State a snapshot, or take the files that the lock names.", len(l.Packages), len(want.Packages)).For("lock")
	}
	return nil
}

// place puts a root that is whole where it belongs, with its lock.
func (l Lock) place(ctx context.Context, made, root string) error {
	if _, err := os.Lstat(root); err == nil {
		there, err := environment.ReadRoot(ctx, root)
		if err != nil || there != l.Root {
			return narthex.Conflictf("There is another root at %s, which jobs may use, so it was left. State another folder as root, such as one with a date in its name.", root).For("root").Because(err)
		}
		return l.write(root)
	}
	if err := os.Rename(made, root); err != nil {
		return narthex.Conflictf("The root could not be put in its place; see whether somebody else builds it.").For("root").Because(err)
	}
	return errors.Join(l.write(root), durable.SyncDir(filepath.Dir(root)))
}

func (l Lock) write(root string) error {
	text, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return err
	}
	return durable.WriteFile(LockOf(root), append(text, '\n'), 0o644)
}

// list gives the packages of a folder with their files, in order of their names.
func list(ctx context.Context, dir string) (files []string, packages []Package, err error) {
	found, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil || len(found) == 0 {
		return nil, nil, narthex.Invalidf("The folder holds no package, which is a file that ends in .deb; name another.").For("from").Because(err)
	}
	type one struct {
		Package
		file string
	}
	var all []one
	for _, file := range found {
		said, err := run(ctx, "dpkg-deb", "--show", "--showformat=${Package}\t${Architecture}\t${Version}", file)
		if err != nil {
			return nil, nil, err
		}
		fields := strings.Split(said, "\t")
		if len(fields) != 3 {
			return nil, nil, narthex.Invalidf("%s does not say which package it is; fetch it again.", filepath.Base(file)).For("from")
		}
		p := one{Package{Name: fields[0], Architecture: fields[1], Version: fields[2]}, file}
		if p.Digest, p.Bytes, err = sumOf(file); err != nil {
			return nil, nil, err
		}
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b one) int { return strings.Compare(a.Name+" "+a.Architecture, b.Name+" "+b.Architecture) })
	for i, p := range all {
		if i > 0 && p.Name == all[i-1].Name && p.Architecture == all[i-1].Architecture {
			return nil, nil, narthex.Invalidf("The package %s is there twice; take one of its files away.", p.Name).For("from")
		}
		files, packages = append(files, p.file), append(packages, p.Package)
	}
	return files, packages, nil
}

func sumOf(name string) (narthex.Digest, int64, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", 0, err
	}
	defer func() { _ = f.Close() }()
	sum := sha256.New()
	size, err := io.Copy(sum, f)
	if err != nil {
		return "", 0, fmt.Errorf("read a package: %w", err)
	}
	return narthex.MakeDigest([32]byte(sum.Sum(nil))), size, nil
}
