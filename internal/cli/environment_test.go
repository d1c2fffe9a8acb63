package cli_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"narthex"
	"narthex/internal/environment"
	"narthex/internal/lab"
	"narthex/internal/testenv"
)

const ofABox = "limits: {memory_mb: 700, wall_minutes: 5, cpus: 1, processes: 16, scratch_mb: 8, out_mb: 8}\npathways: [any]\n"

// packed makes a package with one static program, /usr/bin/tool, which writes words to the outputs.
func packed(t *testing.T) (debs string) {
	t.Helper()
	src, tree, debs := t.TempDir(), t.TempDir(), t.TempDir()
	for name, text := range map[string]string{"main.go": "package main\nimport \"os\"\nfunc main() { os.WriteFile(\"/out/words.txt\", []byte(\"of the tool\\n\"), 0o644); os.WriteFile(\"/out/table.csv\", []byte(\"a,b\\n1,2\\n\"), 0o644) }\n", "go.mod": "module example.org/tool\n"} {
		if err := os.WriteFile(filepath.Join(src, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"DEBIAN", "usr/bin"} {
		if err := os.MkdirAll(filepath.Join(tree, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(tree, "DEBIAN/control"), []byte("Package: tool\nVersion: 1\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: of a test\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(tree, "usr/bin/tool"), ".")
	build.Dir, build.Env = src, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	pack := exec.CommandContext(t.Context(), "dpkg-deb", "--root-owner-group", "--build", tree, filepath.Join(debs, "tool.deb"))
	for _, run := range []*exec.Cmd{build, pack} {
		if said, err := run.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, said)
		}
	}
	return debs
}

// TestARootIsBuiltAndTried: from the file of the lab directory to a study that runs in it on a researcher's machine, in a copy with the digest
// that the node states and in no other.
func TestARootIsBuiltAndTried(t *testing.T) {
	debs, dir := packed(t), t.TempDir()
	root := filepath.Join(dir, "root")
	text := "name: tools\ntitle: a tool\nroot: " + root + "\ndebian: {release: bookworm, packages: [tool]}\n" + ofABox
	if err := os.MkdirAll(filepath.Join(dir, "lab/environments"), 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "lab/environments/tools.yaml")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	operator := at(t)
	digest := strings.TrimSpace(operator.good("environment", "build", "tools", "--lab", filepath.Join(dir, "lab"), "--from", debs))
	if found, err := environment.ReadRoot(t.Context(), root); err != nil || string(found.Digest) != digest {
		t.Fatalf("it prints %s, and the root is %+v: %v", digest, found, err)
	}
	if again := strings.TrimSpace(operator.good("environment", "build", file, "--from", debs, "--lock", root+".lock", "--root", filepath.Join(dir, "copy"))); again != digest {
		t.Errorf("built again it is %s", again)
	}
	if said := strings.TrimSpace(operator.good("environment", "digest", filepath.Join(dir, "copy"))); said != digest {
		t.Errorf("the copy is %s", said)
	}
	if code, _, said := operator.run("environment", "build", "none", "--lab", filepath.Join(dir, "lab")); code == 0 || !strings.Contains(said, "none.yaml") {
		t.Errorf("of an environment that is not there it says %d %s", code, said)
	}

	options, _ := testenv.Beside(t, testenv.Options{Files: func(files lab.Files) {
		files["environments/tools.yaml"] = []byte(strings.Replace(text, "debian:", "digest: "+digest+"\ndebian:", 1))
	}}, nil)
	e := testenv.New(t, options)
	_, key := e.Grant(t, "", append(testenv.JobTerms(), testenv.Tokens(10, nil))...)
	ada := at(t)
	ada.env["NARTHEX_KEY"], ada.env["NARTHEX_URL"] = key, e.Client.Base()
	study := folder(t, map[string]string{"study.yaml": "name: a-study\ncommand: [/usr/bin/tool]\noutputs:\n  - {name: table.csv, kind: csv, says: a table}\n  - {name: words.txt, kind: text, says: words}\n"})
	try := []string{"job", "try", study, "--asset", "model", "--environment", "tools"}
	if out := ada.good(append(try, "--root", filepath.Join(dir, "copy"))...); !strings.Contains(out, "of the tool") || !strings.Contains(out, "in a copy of its root, "+narthex.Digest(digest).Short()) {
		t.Errorf("in the copy it says\n%s", out)
	}
	if err := os.WriteFile(filepath.Join(dir, "copy/usr/more"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if code, _, said := ada.run(append(try, "--root", filepath.Join(dir, "copy"))...); code == 0 || !strings.Contains(said, "is not the root of tools") {
		t.Errorf("in another root it says %d %s", code, said)
	}
	if code, _, said := ada.run("job", "try", study, "--asset", "model", "--environment", "box", "--root", root); code == 0 || !strings.Contains(said, "has no root of its own") {
		t.Errorf("of an environment of the host it says %d %s", code, said)
	}
	var list struct{ Environments []struct{ Name, Root string } }
	if err := json.Unmarshal([]byte(ada.good("job", "environments", "--json")), &list); err != nil || len(list.Environments) != 2 || list.Environments[1].Root != digest {
		t.Errorf("they are %+v: %v", list, err)
	}
}

// TestWhatAHostileNodeSaysBoundsATrialAndIsBounded: it has no command of its own run here, and no more memory used than there is.
func TestWhatAHostileNodeSaysBoundsATrialAndIsBounded(t *testing.T) {
	limits := narthex.JobLimits{MemoryMB: 1 << 20, WallMinutes: 5, CPUs: 1, Processes: 16, ScratchMB: 8, OutMB: 8}
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"environments": []any{map[string]any{"name": "box", "title": "a box", "limits": limits, "digest": "", "command": []string{"/usr/bin/env", "of-the-node"}}}})
	}))
	defer node.Close()
	ada := at(t)
	ada.env["NARTHEX_KEY"], ada.env["NARTHEX_URL"] = "nx_key", node.URL
	silent := folder(t, map[string]string{"main.py": "", "study.yaml": "name: a-study\noutputs:\n  - {name: words.txt, kind: text, says: words}\n"})
	if code, out, said := ada.run("job", "try", silent, "--asset", "model", "--environment", "box"); code == 0 || out != "" || !strings.Contains(said, "the node's word alone") || !strings.Contains(said, "/usr/bin/env of-the-node") {
		t.Errorf("of a study without a command it says %d %s %s", code, out, said)
	}
	for name, change := range map[string]func(){"below nothing": func() { limits.ScratchMB = -1 }, "beyond belief": func() { limits.ScratchMB, limits.Processes = 8, 1<<40 }, "no memory": func() { limits.Processes, limits.MemoryMB = 16, 0 }} {
		change()
		if code, _, said := ada.run("job", "try", silent, "--asset", "model", "--environment", "box"); code == 0 || !strings.Contains(said, "limits of the environment that none has") {
			t.Errorf("%s: it says %d %s", name, code, said)
		}
	}
}
