package lab

import (
	"bytes"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"narthex"
	"narthex/internal/document"
)

// checkRoot holds an environment to a root that is known: by its digest, or by the packages of the host that it is of.
func (l *loader) checkRoot(file string, e narthex.Environment) {
	bad := func(path []string, format string, args ...any) { l.at(file, path, format, args...) }
	own := e.Root != "/"
	if _, err := narthex.ParseDigest(string(e.Digest)); own && err != nil {
		bad([]string{"digest"}, "an environment with a root of its own states its digest, sha256: and 64 digits; `narthex environment build` and `narthex environment digest` print it")
	}
	if !own && (e.Digest != "" || e.Debian != nil) {
		bad([]string{"root"}, "where the root is / it is the host's, without digest and debian: state packages, or another folder as root")
	}
	if own && len(e.Packages) > 0 {
		bad([]string{"packages"}, "packages are the host's, where the root is /; those of a root that is built stand under debian")
	}
	if e.Debian != nil {
		for _, wrong := range wrongSet(*e.Debian) {
			bad(append([]string{"debian"}, wrong.path...), "%s", wrong.says)
		}
	}
}

// wrong is what is wrong of a part of a set.
type wrong struct {
	path []string
	says string
}

const mostLinks = 100

// wrongSet says what is wrong of what a root is built of.
func wrongSet(set narthex.DebianSet) (all []wrong) {
	bad := func(says string, path ...string) { all = append(all, wrong{path, says}) }
	if len(set.Release) < 2 || len(set.Release) > 32 || strings.ContainsFunc(set.Release, func(r rune) bool { return r < 'a' || r > 'z' }) {
		bad("release is the code name of a release of Debian, such as bookworm", "release")
	}
	if len(set.Packages) == 0 {
		bad("packages names at least one", "packages")
	}
	for i, name := range set.Packages {
		if !isPackage(name) || slices.Contains(set.Packages[:i], name) || i >= mostPackages {
			bad("packages are at most 100, each once, by Debian's names, such as python3-numpy", "packages", itoa(i))
		}
	}
	if at, err := url.Parse(set.Mirror); set.Mirror != "" && (!oneLine(set.Mirror, mostArgument) || strings.ContainsAny(set.Mirror, " []") || err != nil || at.Host == "" || at.User != nil || !slices.Contains([]string{"http", "https"}, at.Scheme)) {
		bad("a mirror is a URL that begins with http:// or https://, without a password", "mirror")
	}
	if set.Snapshot != "" && (set.Mirror != "" || !isMoment(set.Snapshot)) {
		bad("a snapshot is a moment of snapshot.debian.org, such as 20240601T000000Z, and stands without a mirror", "snapshot")
	}
	if len(set.Links) > mostLinks {
		bad("there are at most 100 links", "links")
	}
	for _, name := range slices.Sorted(maps.Keys(set.Links)) {
		if !strings.HasPrefix(name, "usr/") || !narthex.AbsolutePath("/"+name) || !narthex.LinkStays(name, set.Links[name]) {
			bad("a link is a path below usr/, and where it points within the root", "links", name)
		}
	}
	return all
}

func isMoment(text string) bool {
	const form = "20060102T150405Z"
	at, err := time.Parse(form, text)
	return err == nil && at.Format(form) == text
}

// ReadEnvironment reads one environment from a file of a lab directory, to build its root: all of it may be missing but the name, the root
// and what that is built of.
func ReadEnvironment(name string, data []byte) (narthex.Environment, Problems, error) {
	e, _, problems := document.Read[narthex.Environment](name, 0, bytes.Clone(data))
	if len(problems) > 0 {
		return narthex.Environment{}, problems, nil
	}
	if narthex.CheckName("an environment", string(e.Name)) != nil || !narthex.AbsolutePath(e.Root) || e.Root == "/" || e.Debian == nil {
		return narthex.Environment{}, nil, narthex.Invalidf("There is nothing to build: the environment states no root of its own, or not what that is built of. State root, a folder, and debian, with release and packages.")
	}
	var errs []error
	for _, wrong := range wrongSet(*e.Debian) {
		errs = append(errs, narthex.Invalidf("debian.%s: %s.", strings.Join(wrong.path, "."), wrong.says))
	}
	return e, nil, errors.Join(errs...)
}
