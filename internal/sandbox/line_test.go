package sandbox_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"narthex/internal/sandbox"
)

func TestAFailureNamesOnlyAPlaceInTheStudy(t *testing.T) {
	lines := map[string]int{"main.py": 40, "lib/probe.py": 9, "cmd/main.go": 30}
	python := "Traceback (most recent call last):\n  File \"/study/main.py\", line 12, in <module>\n    probe.run()\n  File \"/study/lib/probe.py\", line 9, in run\n    json.loads(s)\n  File \"/usr/lib/python3.11/json/__init__.py\", line 346, in loads\nValueError: secret\n"
	for name, c := range map[string]struct {
		stderr, file string
		line         int
	}{
		"the innermost frame of the study":   {python, "lib/probe.py", 9},
		"the last traceback":                 {python + "\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"/study/main.py\", line 14, in <module>\nKeyError\n", "main.py", 14},
		"a syntax error has no function":     {"  File \"/study/main.py\", line 3\n    def\n", "main.py", 3},
		"a Go panic, its first frame":        {"panic: secret\n\ngoroutine 1 [running]:\nmain.probe(...)\n\t/home/me/study/cmd/main.go:21\nmain.main()\n\t/home/me/study/cmd/main.go:7 +0x1d\nexit status 2\n", "cmd/main.go", 21},
		"a line that the file does not have": {"  File \"/study/main.py\", line 41, in x\n", "", 0},
		"a line of none":                     {"  File \"/study/main.py\", line 0, in x\n", "", 0},
		"a number beyond numbers":            {"  File \"/study/main.py\", line 99999999999999999999, in x\n", "", 0},
		"a file that is not the study's":     {"  File \"/study/../asset/w.py\", line 3, in x\n  File \"/asset/main.py\", line 3, in x\n  File \"main.py\", line 3, in x\n", "", 0},
		"an odd place in the line":           {"say   File \"/study/main.py\", line 3, in x\n", "", 0},
		"nothing printed":                    {"", "", 0},
	} {
		if file, line := sandbox.LineOf([]byte(c.stderr), lines); file != c.file || line != c.line {
			t.Errorf("%s: %s:%d, want %s:%d", name, file, line, c.file, c.line)
		}
	}
}

func TestNothingPrintedComesOutAsAPlace(t *testing.T) {
	lines := map[string]int{"main.py": 5, "a.go": 2}
	pieces := []string{"  File \"/study/", "main.py", "a.go", "\", line ", "\t/x/", ":", "3", "7", "secret", "\n", ", in f", "panic: ", "\x00", "é"}
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOf(rapid.SampledFrom(pieces)).Draw(t, "text"), "")
		file, line := sandbox.LineOf([]byte(text), lines)
		if file == "" && line == 0 {
			return
		}
		if most, known := lines[file]; !known || line < 1 || line > most {
			t.Fatalf("%s:%d of %q", file, line, text)
		}
	})
}
