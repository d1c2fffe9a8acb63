// Package lab reads a lab directory, the law that a lab gives itself, and checks all of it.
//
// It promises that a directory which loads without problems has one meaning: names are exact and known, values are of their
// kind, every offered attribute has a door that enforces it, every clause's placeholders are filled, and nobody could approve
// alone. Every problem is found at once, with its file, line and column. A directory's digest covers every byte of it.
//
// It trusts no file: what is loaded takes effect only when people approved its digest, elsewhere. Reading needs no secret.
// Read next: load.go for what is checked, check.go for the rules between files, office for how a directory takes effect.
package lab

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"narthex"
	"narthex/internal/document"
)

// Problem is one thing wrong with a lab directory, at its place.
type Problem = document.Problem

// Problems is everything wrong with a lab directory, in the order of its files.
type Problems = document.Problems

// Files is the content of a lab directory by path, with slashes.
type Files map[string][]byte

const (
	// MostBytes is how large all files of a lab directory are together, at most.
	MostBytes = 4 << 20

	mostFile  = 256 << 10
	mostFiles = 1000
)

// oversize gives what is too large in the files, one problem a file at most.
func (f Files) oversize() Problems {
	var problems Problems
	total := 0
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if total += len(f[name]); len(f[name]) > mostFile {
			problems = append(problems, Problem{File: name, Line: 1, Column: 1, Message: fmt.Sprintf("the file is larger than %d bytes", mostFile)})
		}
	}
	if len(f) > mostFiles || total > MostBytes {
		problems = append(problems, Problem{File: "lab.yaml", Line: 1, Column: 1, Message: fmt.Sprintf("a lab directory has at most %d files of %d bytes together", mostFiles, MostBytes)})
	}
	return problems
}

// ReadDir reads the files of a directory: lab.yaml, and those below assets, pathways, clauses, environments and guardrails.
// Names that begin with a dot, and README.md, are not part of it. Links and odd files are refused.
func ReadDir(dir string) (Files, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, narthex.Invalidf("The lab directory cannot be opened; `narthex init DIR` makes one.").Because(err)
	}
	defer root.Close()
	files, total := Files{}, 0
	err = fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name != "." && strings.HasPrefix(path.Base(name), "."):
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		case entry.IsDir() || name == "README.md":
			return nil
		case !entry.Type().IsRegular():
			return narthex.Invalidf("%s is not a plain file; links and devices have no place in a lab directory.", strconv.Quote(name))
		case len(files) >= mostFiles:
			return narthex.Invalidf("The lab directory has more than %d files.", mostFiles)
		}
		data, err := fs.ReadFile(root.FS(), name)
		if total += len(data); err == nil && len(data) > mostFile {
			err = narthex.Invalidf("%s is larger than %d bytes.", strconv.Quote(name), mostFile)
		}
		if err == nil && total > MostBytes {
			err = narthex.Invalidf("The files of the lab directory are larger than %d bytes together.", MostBytes)
		}
		files[name] = data
		return err
	})
	return files, err
}

// Digest covers every path and byte: the SHA-256 over a line for each file in order of its path, each the file's digest, a
// space, its quoted path and a line end.
func (f Files) Digest() narthex.Digest {
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(f)) {
		fmt.Fprintf(sum, "%s %s\n", narthex.MakeDigest(sha256.Sum256(f[name])), strconv.Quote(name))
	}
	return narthex.MakeDigest([32]byte(sum.Sum(nil)))
}

// Write puts the files into a new or empty directory.
func (f Files) Write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return narthex.Invalidf("The directory cannot be made; check the path.").Because(err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		return narthex.Conflictf("The directory is not empty; name a new one, so that nothing is overwritten.").Because(err)
	}
	for _, name := range slices.Sorted(maps.Keys(f)) {
		target := path.Join(dir, name)
		if err := errors.Join(os.MkdirAll(path.Dir(target), 0o755), os.WriteFile(target, f[name], 0o644)); err != nil {
			return fmt.Errorf("write lab directory: %w", err)
		}
	}
	return nil
}

// Diff gives what changed from old to new, file by file, line by line.
func Diff(old, new Files) string {
	var out strings.Builder
	names := slices.Concat(slices.Collect(maps.Keys(old)), slices.Collect(maps.Keys(new)))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		before, had := old[name]
		after, has := new[name]
		switch {
		case had && has && string(before) == string(after):
			continue
		case !had:
			fmt.Fprintf(&out, "+++ %s (new)\n", name)
		case !has:
			fmt.Fprintf(&out, "--- %s (gone)\n", name)
		default:
			fmt.Fprintf(&out, "*** %s\n", name)
		}
		writeLines(&out, lines(before), lines(after))
	}
	return out.String()
}

func lines(data []byte) []string {
	if len(data) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
}

// writeLines writes a longest-common-subsequence difference, without the lines that stayed.
func writeLines(out *strings.Builder, a, b []string) {
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	if len(a)*len(b) > 4_000_000 {
		// Too large to align: show both whole.
		for _, line := range a {
			out.WriteString("- " + line + "\n")
		}
		for _, line := range b {
			out.WriteString("+ " + line + "\n")
		}
		return
	}
	common := make([][]int, len(a)+1)
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if common[i][j] = max(common[i+1][j], common[i][j+1]); a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			}
		}
	}
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			out.WriteString("- " + a[i] + "\n")
			i++
		default:
			out.WriteString("+ " + b[j] + "\n")
			j++
		}
	}
}

func itoa(n int) string { return strconv.Itoa(n) }
