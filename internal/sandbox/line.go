package sandbox

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
)

// frame is a line of a traceback that names a place: Python's `  File "/study/a.py", line 3, in f` or Go's `	/home/me/a.go:3 +0x1d`.
const frame = `^(?:  File "([^"]+)", line ([0-9]{1,9})(?:, in .*)?|\t(\S+\.go):([0-9]{1,9})(?: \+0x[0-9a-f]+)?)$`

// LineOf finds where a study failed: the innermost frame of the last traceback in what it printed that names a file of the study and a
// line which that file has. Lines holds the study's files, as a/b.py, and how many lines each has. Nothing else comes out, so that
// whatever was printed, the answer is one of as many as there are lines, or none ("" and 0).
//
// A Python traceback has its innermost frame last, a Go panic first. A Go file is found by the longest end of its path that is a file
// of the study, since the paths are of where it was built.
func LineOf(stderr []byte, lines map[string]int) (file string, line int) {
	pattern := regexp.MustCompile(frame)
	inGo := false // a frame of the last panic was taken: those that called it follow
	for text := range bytes.Lines(stderr) {
		text = bytes.TrimRight(text, "\r\n")
		if bytes.HasPrefix(text, []byte("panic: ")) || bytes.HasPrefix(text, []byte("fatal error: ")) || bytes.HasPrefix(text, []byte("Traceback ")) {
			inGo = false
		}
		found := pattern.FindSubmatch(text)
		if found == nil {
			continue
		}
		name, number := string(found[1]), found[2]
		if name == "" {
			if inGo {
				continue
			}
			name, number = string(found[3]), found[4]
		}
		of := within(name, lines)
		at, err := strconv.Atoi(string(number))
		if of == "" || err != nil || at < 1 || at > lines[of] {
			continue
		}
		file, line, inGo = of, at, len(found[3]) > 0
	}
	return file, line
}

// within gives the file of the study that a path names, or "".
func within(name string, lines map[string]int) string {
	if inside, is := strings.CutPrefix(name, "/study/"); is {
		if _, known := lines[inside]; known {
			return inside
		}
		return ""
	}
	if !strings.HasSuffix(name, ".go") {
		return ""
	}
	for rest := strings.TrimPrefix(name, "/"); rest != ""; _, rest, _ = strings.Cut(rest, "/") {
		if _, known := lines[rest]; known {
			return rest
		}
	}
	return ""
}
