package narthex_test

import (
	"crypto/sha256"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"narthex"
)

// TestAFolderHasOneDigest: in any order of its files the same, and the one that sha256sum and sort give.
func TestAFolderHasOneDigest(t *testing.T) {
	dir := t.TempDir()
	texts := map[string]string{"config.json": "{}", "a/b": "one", "a.b": "two", "A": "", "word with space": "three"}
	var files []narthex.FolderFile
	for name, text := range texts {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		files = append(files, narthex.FolderFile{Path: name, Digest: narthex.MakeDigest(sha256.Sum256([]byte(text)))})
	}
	run := exec.CommandContext(t.Context(), "/bin/sh", "-c", `find . -type f | sed 's|^\./||' | LC_ALL=C sort | tr '\n' '\0' | xargs -0 sha256sum | sha256sum`)
	run.Dir = dir
	said, err := run.Output()
	if err != nil {
		t.Fatal(err)
	}
	want := "sha256:" + strings.Fields(string(said))[0]
	for range 2 {
		if got, err := narthex.FolderDigest(files); err != nil || string(got) != want {
			t.Errorf("the digest is %s, want %s: %v", got, want, err)
		}
		slices.Reverse(files)
	}
}

func TestAFolderThatCouldBeReadInTwoWaysHasNoDigest(t *testing.T) {
	some := narthex.MakeDigest([32]byte{1})
	for name, files := range map[string][]narthex.FolderFile{
		"none":         nil,
		"no path":      {{"", some}},
		"absolute":     {{"/a", some}},
		"above":        {{"../a", some}},
		"a point":      {{"a/./b", some}},
		"a folder":     {{"a/", some}},
		"a line end":   {{"a\nb", some}},
		"no UTF-8":     {{"a\xff", some}},
		"twice":        {{"a", some}, {"b", some}, {"a", some}},
		"no digest":    {{"a", ""}},
		"other digits": {{"a", narthex.Digest(strings.ToUpper(string(some)))}},
	} {
		if got, err := narthex.FolderDigest(files); err == nil || got != "" {
			t.Errorf("%s: it has the digest %s", name, got)
		}
	}
}

func TestAnEnvironmentIsForWhomItSays(t *testing.T) {
	for _, c := range []struct {
		environment narthex.Environment
		pathway     narthex.PathwayName
		may         bool
	}{
		{narthex.Environment{}, "a", false},
		{narthex.Environment{Name: "e"}, "a", false},
		{narthex.Environment{Pathways: []narthex.PathwayName{narthex.AnyPathway}}, "a", false},
		{narthex.Environment{Name: "e", Pathways: []narthex.PathwayName{narthex.AnyPathway}}, "a", true},
		{narthex.Environment{Name: "e", Pathways: []narthex.PathwayName{narthex.AnyPathway}}, "", false},
		{narthex.Environment{Name: "e", Pathways: []narthex.PathwayName{"a", narthex.AnyPathway}}, "b", false},
		{narthex.Environment{Name: "e", Pathways: []narthex.PathwayName{"b", "a"}}, "a", true},
	} {
		if c.environment.Allows(c.pathway) != c.may {
			t.Errorf("%+v allows %q: %v", c.environment, c.pathway, !c.may)
		}
	}
}

func TestACommandBeginsAsTheEnvironmentSays(t *testing.T) {
	python := narthex.Environment{Command: []string{"/usr/bin/python3", "-I"}}
	for _, c := range []struct {
		environment   narthex.Environment
		command, want []string
	}{
		{narthex.Environment{}, nil, nil},
		{narthex.Environment{}, []string{"/study/a"}, []string{"/study/a"}},
		{python, nil, []string{"/usr/bin/python3", "-I"}},
		{python, []string{"/usr/bin/python3", "-I", "/study/a.py"}, []string{"/usr/bin/python3", "-I", "/study/a.py"}},
		{python, []string{"/usr/bin/python3"}, nil},
		{python, []string{"/usr/bin/python3", "/study/a.py", "-I"}, nil},
		{python, []string{"/study/a"}, nil},
	} {
		got, err := c.environment.Runs(c.command)
		if !slices.Equal(got, c.want) || (err == nil) != (c.want != nil) {
			t.Errorf("%v in %v runs %v, want %v: %v", c.command, c.environment.Command, got, c.want, err)
		}
	}
}

func TestAPathHasOneSpelling(t *testing.T) {
	for path, is := range map[string]bool{"/": true, "/usr": true, "/srv/größe 1/x": true, "": false, "usr": false, "//": false, "/usr/": false, "/a//b": false,
		"/a/../b": false, "/a/.": false, "/..": false, "/a\n": false, "/a\x00": false, "/\u202e": false, "/a\xff": false, "/" + strings.Repeat("a", 1024): false} {
		if narthex.AbsolutePath(path) != is {
			t.Errorf("%q is an absolute path of one spelling: %v", path, !is)
		}
	}
}
