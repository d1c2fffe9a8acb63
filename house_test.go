package narthex_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// levels is the house: imports point down, never up, and two of one level never import each other but where said.
var levels = map[string]int{
	"narthex":        0,
	"narthex/ledger": 1, "narthex/client": 1, "narthex/internal/durable": 1, "narthex/internal/backup": 2, "narthex/internal/canon": 1, "narthex/internal/order": 1, "narthex/internal/wire": 1, "narthex/internal/passkey": 2, "narthex/internal/visa": 2, "narthex/internal/stamp": 2, "narthex/internal/upstream": 2, "narthex/policy": 1, "narthex/internal/horizon": 1, "narthex/internal/disclosure": 1, "narthex/internal/inspect/sketch": 1, "narthex/internal/inspect/find": 2, "narthex/internal/inspect/values": 3, "narthex/internal/inspect": 4, "narthex/internal/workflow": 2, "narthex/internal/airlock": 3, "narthex/internal/examine": 5, "narthex/internal/twin": 1, "narthex/internal/listing": 3, "narthex/internal/notice": 4, "narthex/internal/report": 3,
	"narthex/internal/artefact": 2, "narthex/internal/environment": 1, "narthex/internal/document": 2, "narthex/internal/study": 3, "narthex/internal/measure": 3, "narthex/internal/cells": 1, "narthex/internal/noise": 1, "narthex/worker": 10, "narthex/internal/query": 2, "narthex/internal/engine": 2, "narthex/internal/release": 1, "narthex/internal/release/mkrelease": 10,
	"narthex/internal/agreement": 3, "narthex/internal/statement": 4, "narthex/internal/evidence": 4, "narthex/internal/witness": 3, "narthex/internal/lab": 4,
	"narthex/internal/store": 1, "narthex/internal/store/schema": 2, "narthex/internal/store/sqlite": 3, "narthex/internal/store/postgres": 3, "narthex/internal/store/memory": 2, "narthex/internal/store/storetest": 2, "narthex/internal/store/disk": 2,
	"narthex/internal/sandbox": 2, "narthex/internal/sandbox/bubblewrap": 3, "narthex/internal/sandbox/debian": 3, "narthex/internal/sandbox/fake": 3, "narthex/internal/sandbox/sandboxtest": 3,
	"narthex/internal/journal": 3, "narthex/internal/book": 5,
	"narthex/internal/gateway/live": 4, "narthex/internal/gateway/model": 4, "narthex/internal/openlog": 5, "narthex/internal/audit": 6, "narthex/internal/courier": 6, "narthex/internal/gateway": 6, "narthex/internal/identity": 6,
	"narthex/internal/office": 7, "narthex/internal/api": 8, "narthex/internal/server": 9, "narthex/internal/cli": 9,
	"narthex/internal/testenv/pgtest": 1, "narthex/internal/testenv/mailtest": 1, "narthex/internal/testenv/stacks": 1, "narthex/internal/testenv/rig": 1, "narthex/internal/testenv/authenticator": 1, "narthex/internal/testenv": 10, "narthex/demo/minilab": 1, "narthex/demo": 10, "narthex/cmd/narthex": 11,
	"narthex/demo/minilab/gencorpus": 11, "narthex/internal/agreement/fonts/cut": 11, "narthex/demo/minilab/pack": 11, "narthex/demo/minilab/data/code/corpus": 11,
}

// pure packages do no I/O, read no clock and draw no randomness.
var pure = []string{"narthex", "narthex/internal/passkey", "narthex/policy", "narthex/ledger", "narthex/internal/workflow", "narthex/internal/report", "narthex/internal/statement", "narthex/internal/evidence", "narthex/internal/listing", "narthex/internal/notice", "narthex/internal/horizon", "narthex/internal/disclosure", "narthex/internal/inspect/sketch", "narthex/internal/inspect/find", "narthex/internal/inspect/values", "narthex/internal/inspect", "narthex/internal/airlock", "narthex/internal/document", "narthex/internal/study", "narthex/internal/measure", "narthex/internal/cells", "narthex/internal/noise", "narthex/internal/query", "narthex/internal/twin", "narthex/internal/artefact", "narthex/internal/canon", "narthex/internal/order", "narthex/internal/gateway/model"}

var forbidden = map[string][]string{ // import: the only packages that may have it
	"database/sql": {"narthex/internal/store/schema", "narthex/internal/store/sqlite", "narthex/internal/store/postgres", "narthex/worker"},
	"os/exec":      {"narthex/internal/sandbox/bubblewrap", "narthex/internal/sandbox/debian", "narthex/demo/minilab/gencorpus", "narthex/internal/testenv/pgtest", "narthex/internal/testenv/mailtest"},
	"math/rand":    {}, "unsafe": {}, "C": {},
}

// house visits every file of the product.
func house(t *testing.T, visit func(pkg, file string, imports []string, text string)) {
	t.Helper()
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (strings.HasPrefix(entry.Name(), ".") && name != "." || name == "test" || name == "bin" || name == "dist") {
			return fs.SkipDir
		}
		if entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ImportsOnly)
		if err != nil {
			return err
		}
		var imports []string
		for _, spec := range parsed.Imports {
			p, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			imports = append(imports, p)
		}
		visit(path.Join("narthex", filepath.ToSlash(filepath.Dir(name))), name, imports, string(text))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestImportsPointDown(t *testing.T) {
	house(t, func(pkg, file string, imports []string, _ string) {
		level, known := levels[pkg]
		if !known {
			t.Errorf("%s: package %s has no level in the house", file, pkg)
		}
		for _, p := range imports {
			if strings.HasPrefix(p, "narthex") && levels[p] >= level {
				t.Errorf("%s imports %s, which is not below it", file, p)
			}
			if pkg == "narthex" && strings.Contains(p, ".") {
				t.Errorf("%s: the vocabulary has the standard library only, and imports %s", file, p)
			}
			if only, bound := forbidden[p]; bound && !slices.Contains(only, pkg) {
				t.Errorf("%s imports %s", file, p)
			}
		}
	})
}

func TestThePureDoNoIO(t *testing.T) {
	clock := regexp.MustCompile(`time\.(Now|Since|Until|Sleep|After|NewTimer|Tick)\(`)
	house(t, func(pkg, file string, imports []string, text string) {
		if !slices.Contains(pure, pkg) {
			return
		}
		for _, p := range imports {
			if slices.Contains([]string{"os", "net", "net/http", "crypto/rand", "math/rand/v2", "path/filepath", "io/fs", "log", "log/slog"}, p) {
				t.Errorf("%s imports %s", file, p)
			}
		}
		if clock.MatchString(text) {
			t.Errorf("%s reads the clock", file)
		}
	})
}

func TestTheDemonstrationGoesThroughTheDoor(t *testing.T) {
	house(t, func(pkg, file string, imports []string, _ string) {
		if pkg != "narthex/demo" && !strings.HasPrefix(pkg, "narthex/demo/") {
			return
		}
		for _, p := range imports {
			for _, no := range []string{"store", "workflow", "policy", "gateway", "journal", "office", "server", "identity", "book"} {
				if strings.HasSuffix(p, "/"+no) || strings.Contains(p, "/"+no+"/") && strings.HasPrefix(p, "narthex") {
					t.Errorf("%s imports %s", file, p)
				}
			}
		}
	})
}

func TestNothingRunsBeforeMainAndEveryPackageSaysWhatItIs(t *testing.T) {
	start := regexp.MustCompile(`(?m)^func init\(\)`)
	said := map[string]bool{}
	house(t, func(pkg, file string, _ []string, text string) {
		if start.MatchString(text) {
			t.Errorf("%s has an init", file)
		}
		before, _, _ := strings.Cut(text, "\npackage ")
		said[pkg] = said[pkg] || strings.Contains(before, "// ") || strings.HasPrefix(text, "// ")
	})
	for pkg, says := range said {
		if !says {
			t.Errorf("%s has no package comment", pkg)
		}
	}
}

// TestDocumentsNameWhatExists holds every `package.Symbol` of the two lives to the code.
func TestDocumentsNameWhatExists(t *testing.T) {
	var all strings.Builder
	house(t, func(_, _ string, _ []string, text string) { all.WriteString(text) })
	code := all.String()
	name := regexp.MustCompile("`?\\b(?:[a-z]+)\\.((?:[A-Z][A-Za-z]*\\.)?[A-Z][A-Za-z]*)\\b")
	for _, file := range []string{"docs/life-of-an-engagement.md", "docs/life-of-a-call.md"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range name.FindAllStringSubmatch(string(text), -1) {
			for _, part := range strings.Split(found[1], ".") {
				if !regexp.MustCompile(`(?m)^func (\([a-z]+ \*?[A-Za-z]+\) )?` + part + `[\[(]|^type ` + part + `[ \[]|^\t` + part + `\s`).MatchString(code) {
					t.Errorf("%s names %s, which is not in the code", file, found[1])
				}
			}
		}
	}
}

func TestEveryRigIsInItsTable(t *testing.T) {
	table, err := os.ReadFile("docs/rigs.md")
	if err != nil {
		t.Fatal(err)
	}
	rigs := 0
	err = filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		data, err := os.ReadFile(name)
		for _, found := range regexp.MustCompile(`(?m)^func (TestRig\w+)\(`).FindAllStringSubmatch(string(data), -1) {
			rigs++
			if !strings.Contains(string(table), "`"+found[1]+"`") {
				t.Errorf("%s has no line in docs/rigs.md", found[1])
			}
		}
		return err
	})
	if err != nil || rigs < 15 {
		t.Errorf("%d rigs were found: %v", rigs, err)
	}
}

func TestEveryAttemptHasItsTest(t *testing.T) {
	text, err := os.ReadFile("docs/bypass.md")
	if err != nil {
		t.Fatal(err)
	}
	var tests strings.Builder
	err = filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		data, err := os.ReadFile(name)
		tests.Write(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9]+)`").FindAllStringSubmatch(string(text), -1)
	if len(named) < 30 {
		t.Error("the list names too few tests")
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range append(named, regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9]+)`").FindAllStringSubmatch(string(readme), -1)...) {
		if !strings.Contains(tests.String(), "func "+found[1]+"(") {
			t.Errorf("%s is named and does not exist", found[1])
		}
	}
}

func TestEveryDependencyHasItsLine(t *testing.T) {
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadFile("docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	whys, _, found := strings.Cut(string(list), "## Every module")
	if !found {
		t.Error("docs/dependencies.md has no list of every module")
	}
	for line := range strings.Lines(string(mod)) {
		fields := strings.Fields(line)
		if len(fields) == 2 && strings.HasPrefix(line, "\t") && !strings.Contains(whys, fields[0]) {
			t.Errorf("%s has no line in docs/dependencies.md that says why", fields[0])
		}
	}
}
