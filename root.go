package narthex

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// DebianSet is what an environment's root is built of: packages of a release of Debian with all that they depend on.
type DebianSet struct {
	Release  string   `json:"release"`  // by its code name, such as bookworm
	Packages []string `json:"packages"` // by Debian's names
	// Mirror is where the packages are fetched from, a URL. Without one, and without a snapshot, it is what apt of the building host uses.
	Mirror string `json:"mirror,omitempty"`
	// Snapshot is a moment of snapshot.debian.org, such as 20240601T000000Z: who builds later builds the same.
	Snapshot string `json:"snapshot,omitempty"`
	// Links are made in the root where a package would make them while it is installed, which no root is: a path below the root, and where it
	// points.
	Links map[string]string `json:"links,omitempty"`
}

// RootFile is one file or link of an environment's root.
type RootFile struct {
	Path    string // below the root, with slashes
	Digest  Digest // of the bytes of a file; empty for a link
	Program bool   // whether a file may be run
	Link    string // where a link points, as it is written; empty for a file
}

// RootDigest is over all files and links of a root, in whatever order they are given: the SHA-256 over a line for each in order of their
// paths, "file", "program" or "link", the digest of its bytes or of where it points, and its path. It refuses what FolderDigest refuses, and a
// link that climbs above the root. Times, owners, other modes and empty folders are not in it.
func RootDigest(files []RootFile) (Digest, error) {
	files = slices.Clone(files)
	slices.SortFunc(files, func(a, b RootFile) int { return strings.Compare(a.Path, b.Path) })
	if len(files) == 0 {
		return "", Invalidf("The root holds no file, so it has no digest.")
	}
	sum := sha256.New()
	for i, f := range files {
		if f.Path == "" || !AbsolutePath("/"+f.Path) {
			return "", Invalidf("A file of the root has a name that is not printable or a path that is not plain; rename it.")
		}
		if i > 0 && files[i-1].Path == f.Path {
			return "", Invalidf("A path of the root stands twice.")
		}
		kind, digest := "file", f.Digest
		switch {
		case f.Link != "" && (f.Digest != "" || f.Program || !LinkStays(f.Path, f.Link)):
			return "", Invalidf("A link of the root points above it, or is not printable; take it out.")
		case f.Link != "":
			kind, digest = "link", MakeDigest(sha256.Sum256([]byte(f.Link)))
		case f.Program:
			kind = "program"
		}
		if _, err := ParseDigest(string(digest)); err != nil {
			return "", err
		}
		fmt.Fprintf(sum, "%s %s %s\n", kind, digest, f.Path)
	}
	return MakeDigest([32]byte(sum.Sum(nil))), nil
}

// LinkStays says whether where a link at a path below a root points is printable and, as it is written, nowhere climbs above the root: an
// absolute one begins at the root, as it does for who sees nothing else.
func LinkStays(path, target string) bool {
	if target == "" || len(target) > mostPath || !utf8.ValidString(target) || strings.ContainsFunc(target, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return false
	}
	depth := strings.Count(path, "/")
	if strings.HasPrefix(target, "/") {
		depth = 0
	}
	for part := range strings.SplitSeq(target, "/") {
		switch part {
		case "", ".":
		case "..":
			if depth--; depth < 0 {
				return false
			}
		default:
			depth++
		}
	}
	return true
}
