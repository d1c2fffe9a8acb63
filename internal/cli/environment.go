package cli

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/internal/environment"
	"narthex/internal/lab"
	"narthex/internal/sandbox/debian"
)

func (a *app) environment() *cobra.Command {
	return a.group("environment", "The roots that jobs run in, on this machine", a.environmentBuild(),
		a.command(leaf{
			use: "digest ROOT", short: "Print the digest of a root that jobs are to run in",
			long: `Read every file and link of what jobs see of a root, usr and etc/alternatives, and print their digest, for the field digest of an
environment beside its root. Whether a file is a program is part of it; times, owners and what no job sees are not.`,
			example: "narthex environment digest /srv/roots/python-numpy",
			run:     func(ctx context.Context, args []string) error { return a.rootDigest(ctx, args[0]) }}))
}

// buildFlags is how a root is built.
type buildFlags struct{ lab, from, lock, root string }

func (a *app) environmentBuild() *cobra.Command {
	var in buildFlags
	c := a.command(leaf{
		use: "build NAME|FILE", short: "Build the root of an environment from packages of Debian",
		long: `Build the folder that an environment states as its root from the set that it states as debian, print its digest, and write what it
was built of beside it, in ROOT.lock. The environment is a file of a lab directory, or the name of one in --lab.

apt finds and fetches the packages and all that they depend on, from where this host's come from or from the mirror or the snapshot of
the set, and holds each to the signature of its archive. No script of a package runs: a link that one would make stands under links. A
root that is there is left; state another folder for another one. With --from, packages are taken from a folder and apt is not asked.
With --lock, anything but the packages of an earlier build is refused. The same packages are the same digest, everywhere.`,
		example: "narthex environment build python-numpy --lab ./lab\nnarthex environment build ./lab/environments/python-numpy.yaml --from ./debs --lock ./python-numpy.lock",
		run:     func(ctx context.Context, args []string) error { return a.buildRoot(ctx, args[0], in) }})
	f := c.Flags()
	f.StringVar(&in.lab, "lab", ".", "the lab directory in which NAME is")
	f.StringVar(&in.from, "from", "", "a folder of .deb files, in whose place apt is not asked")
	f.StringVar(&in.lock, "lock", "", "the lock of an earlier build, which is to be built again")
	f.StringVar(&in.root, "root", "", "another folder to build in than the environment states, as on another machine")
	return c
}

func (a *app) buildRoot(ctx context.Context, named string, in buildFlags) error {
	file := named
	if !strings.ContainsRune(named, '/') && !strings.HasSuffix(named, ".yaml") {
		file = filepath.Join(in.lab, "environments", named+".yaml")
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return fileError("read", file, err)
	}
	e, problems, err := lab.ReadEnvironment(file, data)
	if err != nil {
		return err
	}
	if len(problems) > 0 {
		return problem(narthex.Invalid, "mend it; `narthex check` shows all that is wrong of a lab directory", "%s", problems[0])
	}
	choices := debian.Choices{From: in.from}
	if in.root != "" {
		if e.Root, err = filepath.Abs(in.root); err != nil {
			return err
		}
	}
	if in.lock != "" {
		text, err := os.ReadFile(in.lock)
		if err != nil {
			return fileError("read", in.lock, err)
		}
		choices.Lock = &debian.Lock{}
		if err := json.Unmarshal(text, choices.Lock); err != nil || len(choices.Lock.Packages) == 0 {
			return problem(narthex.Invalid, "name the file ROOT.lock that a build wrote", "%s is no lock of a build", in.lock)
		}
	}
	lock, err := debian.Build(ctx, e, choices)
	if err != nil {
		return err
	}
	return a.show(lock, func(p *page) {
		p.line("%s", lock.Root.Digest)
		a.say("%s of %s in %s, %d bytes; %s says which packages", count(lock.Root.Files, "file"), count(len(lock.Packages), "package"), e.Root, lock.Root.Bytes, debian.LockOf(e.Root))
		if e.Digest != lock.Root.Digest {
			a.say("the environment does not state this digest yet; write it into %s, and propose the lab directory", file)
		}
	})
}

func (a *app) rootDigest(ctx context.Context, dir string) error {
	root, err := environment.ReadRoot(ctx, dir)
	if err != nil {
		return err
	}
	return a.show(root, func(p *page) {
		p.line("%s", root.Digest)
		a.say("%d files and links, %d bytes", root.Files, root.Bytes)
	})
}
