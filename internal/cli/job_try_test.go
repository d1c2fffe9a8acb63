package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"narthex"
	"narthex/demo"
	"narthex/demo/minilab"
	"narthex/internal/environment"
	"narthex/internal/lab"
	"narthex/internal/testenv"
)

// trying is ada at a command line with a key of a lab whose model is minim's final checkpoint.
func trying(t *testing.T) *typist {
	t.Helper()
	asset := t.TempDir()
	files, err := minilab.Checkpoint("final")
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(asset, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	folder, err := environment.ReadFolder(t.Context(), asset)
	if err != nil {
		t.Fatal(err)
	}
	options, small := testenv.Beside(t, testenv.Options{}, nil)
	was, err := environment.ReadFolder(t.Context(), small)
	if err != nil {
		t.Fatal(err)
	}
	change := options.Files
	options.Files = func(files lab.Files) {
		change(files)
		model := strings.Replace(string(files["assets/model.yaml"]), small, asset, 1)
		files["assets/model.yaml"] = []byte(strings.Replace(model, string(was.Digest), string(folder.Digest), 1))
		files["environments/python.yaml"] = []byte("name: python\ntitle: Python\nroot: /\ncommand: [/usr/bin/python3]\nlimits: {memory_mb: 700, wall_minutes: 5, cpus: 1, processes: 16, scratch_mb: 8, out_mb: 8}\npackages: [python3-numpy]\npathways: [any]\n")
		files["environments/odd.yaml"] = []byte("name: odd\ntitle: odd\nroot: /\nlimits: {memory_mb: 64, wall_minutes: 5, cpus: 1, processes: 16, scratch_mb: 8, out_mb: 8}\npackages: [no-such-package]\npathways: [any]\n")
	}
	e := testenv.New(t, options)
	_, key := e.Grant(t, "", append(testenv.JobTerms(), testenv.Tokens(10, nil))...)
	ada := at(t)
	ada.env["NARTHEX_KEY"], ada.env["NARTHEX_URL"] = key, e.Client.Base()
	return ada
}

// TestTheStudyOfTheDemonstrationIsTried: in a real sandbox, beside random values, the study finds nothing planted, and its researcher sees
// all of it and what the airlock says; with weights hidden in a table, the same look finds them.
func TestTheStudyOfTheDemonstrationIsTried(t *testing.T) {
	ada := trying(t)
	study := filepath.Join(t.TempDir(), "study")
	if err := demo.WriteStudy(study); err != nil {
		t.Fatal(err)
	}
	out := ada.good("job", "try", study, "--asset", "model@final", "--environment", "python")
	for _, line := range []string{"the mock twin of model@final: model.safetensors, with random values; without 1 file of another kind", "it ended by itself, without an error", "    # found none",
		"Wrote singular-values.csv", "What would leave, each file in its form", "spectrum.png", "a release of all of them is charged "} {
		if !strings.Contains(out, line) {
			t.Errorf("%q does not stand in\n%s", line, out)
		}
	}
	hidden := filepath.Join(t.TempDir(), "study")
	if err := demo.WriteHiddenStudy(hidden); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Forms    []struct{ Name string }
		Findings []narthex.Finding
		Charge   int64 `json:"charge_bytes"`
	}
	if err := json.Unmarshal([]byte(ada.good("job", "try", hidden, "--asset", "model", "--environment", "python", "--json")), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Forms) != 5 || got.Charge < 100 || !slices.ContainsFunc(got.Findings, func(f narthex.Finding) bool { return f.Kind == "weights" && f.File == "results.csv" }) {
		t.Errorf("of weights that are hidden it says %+v", got)
	}
	left, err := filepath.Glob(filepath.Join(os.TempDir(), "narthex-try-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("it leaves %v; %v", left, err)
	}
}

// TestAStudyThatShouldNotBeHandedIn: what went wrong is shown whole and safe, and the exit says so.
func TestAStudyThatShouldNotBeHandedIn(t *testing.T) {
	ada := trying(t)
	try := func(script string) (string, string) {
		t.Helper()
		dir := folder(t, map[string]string{"main.py": script, "study.yaml": "name: a-study\ncommand: [/usr/bin/python3, /study/main.py]\noutputs:\n  - {name: table.csv, kind: csv, says: a table}\n  - {name: words.txt, kind: text, says: words}\n"})
		code, out, err := ada.run("job", "try", dir, "--asset", "model", "--environment", "python", "--minutes", "1", "--memory-mb", "200")
		if code != 2 {
			t.Errorf("it exits %d and says\n%s%s", code, out, err)
		}
		return out, err
	}
	holds := func(text string, lines ...string) {
		t.Helper()
		for _, line := range lines {
			if !strings.Contains(text, line) {
				t.Errorf("%q does not stand in\n%s", line, text)
			}
		}
		if strings.Contains(text, "\x1b") {
			t.Errorf("a terminal obeys\n%q", text)
		}
	}
	out, err := try("print('\\x1b[2Jhello')\nopen('/out/table.csv', 'w').write('a,b\\n1\\n')\nopen('/out/odd\\x1bname', 'w').write('x')\nimport os\nos.mkdir(b'/out/d\\xff')\nopen(b'/out/d\\xff/f', 'w').write('x')\nos.symlink('/etc/passwd', '/out/linked')\nos.mkfifo('/out/pipe')\n")
	holds(out, `    \u{1B}[2Jhello`, `Wrote odd\u{1B}name, which study.yaml does not declare, so it never leaves`, `Wrote d\u{byte FF}, which`, "Wrote linked, which study.yaml does not declare, so it never leaves, 0 bytes\n    (no plain file", "Wrote pipe", "words.txt  it was not written", "table.csv  it is not what its kind says")
	holds(err, "2 files that study.yaml declares could not leave", "hint: ")
	out, err = try("import sys\nprint('deep', file=sys.stderr)\nopen('/asset/config.json')\n")
	holds(out, "    deep", "FileNotFoundError", "it ended with an error at main.py, line 3")
	holds(err, "at main.py, line 3", "a twin is without 1 file of which none is made")
	if _, said, _ := strings.Cut(out, "Wrote "); said != "" {
		t.Errorf("it wrote %s", said)
	}
	out, err = try("import socket\nopen('/out/words.txt', 'w').write('four layers\\n')\nsocket.create_connection(('127.0.0.1', 1))\n")
	holds(out, "line 3", "    four layers", "words.txt")

	code, _, said := ada.run("job", "try", folder(t, map[string]string{"study.yaml": aStudy}), "--asset", "model", "--environment", "odd")
	if code == 0 || !strings.Contains(said, "this machine lacks no-such-package") || !strings.Contains(said, "hint: apt-get install no-such-package") {
		t.Errorf("it exits %d and says %s", code, said)
	}
	for hint, args := range map[string][]string{"--asset": {"--environment", "python"}, "--environment": {"--asset", "model"}, "`narthex job environments` lists": {"--asset", "model", "--environment", "none"}, "say from 1 to 5": {"--asset", "model", "--environment", "python", "--minutes", "6"}} {
		dir := folder(t, map[string]string{"study.yaml": aStudy})
		if code, _, said := ada.run(append([]string{"job", "try", dir}, args...)...); code != 2 || !strings.Contains(said, hint) {
			t.Errorf("%v: it exits %d and says %s", args, code, said)
		}
	}
}
