package narthex

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"
)

// EnvironmentName names an environment of jobs, such as python-numpy.
type EnvironmentName string

// DeviceKind names a kind of device that a host has and jobs compute on, such as gpu. What of it a job uses is counted in [GPUMinutes],
// whatever the kind.
type DeviceKind string

// MostDevices is how many devices a job has at most.
const MostDevices = 64

// JobLimits bounds one job. Each is above zero; the zero JobLimits lets no job run.
type JobLimits struct {
	MemoryMB    int64 `json:"memory_mb"`    // of all its processes and its scratch space together, in MiB; 16 to 1,048,576
	WallMinutes int64 `json:"wall_minutes"` // from its start to its end; 1 to 10,080, which is a week
	CPUs        int64 `json:"cpus"`         // processors at once; 1 to 256
	Processes   int64 `json:"processes"`    // and threads at once; 1 to 4,096
	ScratchMB   int64 `json:"scratch_mb"`   // below /scratch, in MiB; 1 to 65,536, and not more than MemoryMB
	OutMB       int64 `json:"out_mb"`       // below /out, in MiB; 1 to 1,024, and not more than MemoryMB
}

// Environment is what a job runs in, beside what it studies: a root of files that it reads and cannot change, and limits. The zero
// Environment is none, and nobody may use it.
type Environment struct {
	Name  EnvironmentName `json:"name"`
	Title string          `json:"title"` // in one line, for who chooses
	// Root is a folder of the node's host, absolute. Where it is "/", jobs see the host's /usr and nothing else of it.
	Root string `json:"root"`
	// Digest is the root's, by [RootDigest]; none where the root is the host's.
	Digest Digest `json:"digest,omitempty"`
	// Debian is what the root is built of, where it is built.
	Debian *DebianSet `json:"debian,omitempty"`
	// Command is what the command of every job begins with: an absolute path within the environment, and arguments. Where it is nil the
	// study states all of its command.
	Command []string `json:"command,omitempty"`
	// Computes is the attribute whose program, which is ours, runs in it and does what a request asks. Where it is empty studies run in it.
	Computes AttributeName `json:"computes,omitempty"`
	Limits   JobLimits     `json:"limits"`
	// Device is the kind of device that jobs in it may have, such as gpu; empty for none. Devices is how many a job has that asks for no
	// number, 0 to [MostDevices].
	Device  DeviceKind `json:"device,omitempty"`
	Devices int64      `json:"devices,omitempty"`
	// Packages are those of the host that the environment is made of, by Debian's names, where the root is the host's. A node without one of
	// them runs no job in it, and what a job saw of them when it was handed in is what it finds when it starts.
	Packages []string `json:"packages,omitempty"`
	// Pathways are those whose grants may use it, or [AnyPathway] alone. Without one nobody may.
	Pathways []PathwayName `json:"pathways"`
}

// AnyPathway stands for every pathway where an environment says who may use it.
const AnyPathway PathwayName = "any"

// Allows says whether a grant that came through a pathway may use the environment.
func (e Environment) Allows(pathway PathwayName) bool {
	return e.Name != "" && pathway != "" && (slices.Contains(e.Pathways, pathway) || slices.Equal(e.Pathways, []PathwayName{AnyPathway}))
}

// Runs gives what a job in the environment runs, given the command that its study states, which may be nil where the environment's own
// is whole. It refuses a command that does not begin as the environment's, and none at all.
func (e Environment) Runs(command []string) ([]string, error) {
	switch {
	case len(command) == 0 && len(e.Command) == 0:
		return nil, Invalidf("The study states no command, and the environment has none of its own; state it in study.yaml.").For("command")
	case len(command) == 0:
		return slices.Clone(e.Command), nil
	case len(command) < len(e.Command) || !slices.Equal(command[:len(e.Command)], e.Command):
		return nil, Invalidf("In this environment a command begins with %s; change it in study.yaml, or choose another environment.", strings.Join(e.Command, " ")).For("command")
	}
	return slices.Clone(command), nil
}

// mostPath is how long a path is at most, in bytes.
const mostPath = 1024

// AbsolutePath says whether a path is absolute and has one spelling: no empty part, no . and no .., no slash at its end but where it is
// the root, printable characters only, at most 1,024 bytes of UTF-8.
func AbsolutePath(path string) bool {
	rest, is := strings.CutPrefix(path, "/")
	if !is || len(path) > mostPath || !utf8.ValidString(path) || strings.ContainsFunc(path, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return false
	}
	if rest == "" {
		return true
	}
	for part := range strings.SplitSeq(rest, "/") {
		if part == "" || part == "." || part == ".." {
			return false
		}
	}
	return true
}

// FolderFile is one file of a folder: its path below it, with slashes, and the digest of its bytes.
type FolderFile struct {
	Path   string
	Digest Digest
}

// FolderDigest is over all files of a folder, in whatever order they are given: the SHA-256 over a line a file in order of their
// paths, each the 64 digits of the file's SHA-256, two spaces, its path and a line end, which is what sha256sum prints. It refuses no
// file at all, a path that stands twice, is absolute, not in its one spelling or not printable, and a digest that is none. Modes, times
// and empty folders are not in it.
func FolderDigest(files []FolderFile) (Digest, error) {
	files = slices.Clone(files)
	sort.Slice(files, func(a, b int) bool { return files[a].Path < files[b].Path })
	if len(files) == 0 {
		return "", Invalidf("The folder holds no file, so it has no digest.")
	}
	sum := sha256.New()
	for i, file := range files {
		if file.Path == "" || !AbsolutePath("/"+file.Path) {
			return "", Invalidf("A file of the folder has a name that is not printable or a path that is not plain; rename it.")
		}
		if i > 0 && files[i-1].Path == file.Path {
			return "", Invalidf("A path of the folder stands twice.")
		}
		if _, err := ParseDigest(string(file.Digest)); err != nil {
			return "", err
		}
		fmt.Fprintf(sum, "%s  %s\n", strings.TrimPrefix(string(file.Digest), "sha256:"), file.Path)
	}
	return MakeDigest([32]byte(sum.Sum(nil))), nil
}
