package environment

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"narthex"
)

// Host is what a host has of the packages that an environment states, by what Debian's package manager noted of them.
type Host struct {
	// Digest is over the packages and all that they depend on: the name, architecture and version of each, and the sums that came with it of
	// its files. A file that was changed behind the package manager is not in it.
	Digest   narthex.Digest
	Packages int
	Lacks    []string // those stated that are not installed, in the order in which they are stated
}

// Dpkg is where Debian's package manager keeps what it knows.
const Dpkg = "/var/lib/dpkg"

// ReadHost reads what a host has of packages. Where the system is none of Debian's it is Unavailable.
func ReadHost(dpkg string, packages []string) (Host, error) {
	text, err := os.ReadFile(filepath.Join(dpkg, "status"))
	if err != nil {
		return Host{}, narthex.Unavailablef("This host does not say which packages it has, as Debian's do, so it cannot be known whether those of the environment are here. Build a root for it: `narthex environment build`.").Because(err)
	}
	installed, provided := readStatus(string(text))
	host := Host{}
	reached := map[string]bool{}
	var reach func(name string)
	reach = func(name string) {
		if reached[name] {
			return
		}
		if _, is := installed[name]; !is {
			for _, provider := range provided[name] {
				reach(provider)
			}
			return
		}
		reached[name] = true
		for _, one := range installed[name] {
			for _, needed := range one.needs {
				reach(needed)
			}
		}
	}
	for _, name := range packages {
		if _, is := installed[name]; !is {
			host.Lacks = append(host.Lacks, name)
		}
		reach(name)
	}
	var lines []string
	for name := range reached {
		for _, one := range installed[name] {
			sums, err := readSums(dpkg, name, one.architecture)
			if err != nil {
				return Host{}, err
			}
			lines = append(lines, fmt.Sprintf("%s %s %s %x\n", name, one.architecture, one.version, sha256.Sum256(sums)))
		}
	}
	slices.Sort(lines)
	host.Packages, host.Digest = len(lines), narthex.MakeDigest(sha256.Sum256([]byte(strings.Join(lines, ""))))
	return host, nil
}

// installed is a package that is installed.
type installed struct {
	architecture, version string
	needs                 []string // names of packages, or of what packages provide
}

// readStatus reads the list of packages, and gives those that are installed by name, and the names of those that provide something.
func readStatus(text string) (map[string][]installed, map[string][]string) {
	found, provided := map[string][]installed{}, map[string][]string{}
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		field := map[string]string{}
		for line := range strings.SplitSeq(paragraph, "\n") {
			if name, value, is := strings.Cut(line, ": "); is && !strings.HasPrefix(line, " ") {
				field[name] = strings.TrimSpace(value)
			}
		}
		name := field["Package"]
		if name == "" || !strings.HasSuffix(field["Status"], " installed") {
			continue
		}
		found[name] = append(found[name], installed{field["Architecture"], field["Version"], append(namesIn(field["Pre-Depends"]), namesIn(field["Depends"])...)})
		for _, what := range namesIn(field["Provides"]) {
			provided[what] = append(provided[what], name)
		}
	}
	return found, provided
}

// namesIn gives the names in a list of packages, without versions and architectures, alternatives among them.
func namesIn(list string) (names []string) {
	for one := range strings.FieldsFuncSeq(list, func(r rune) bool { return r == ',' || r == '|' }) {
		name, _, _ := strings.Cut(strings.TrimSpace(one), " ")
		name, _, _ = strings.Cut(name, ":")
		if name, _, _ = strings.Cut(name, "("); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// readSums gives the sums of a package's files; a package without files has none.
func readSums(dpkg, name, architecture string) ([]byte, error) {
	for _, file := range []string{name + ":" + architecture, name} {
		sums, err := os.ReadFile(filepath.Join(dpkg, "info", file+".md5sums"))
		if !errors.Is(err, fs.ErrNotExist) {
			return sums, err
		}
	}
	return nil, nil
}
