package environment_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"narthex"
	"narthex/internal/environment"
)

func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "a"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"a/b": "one", "c": "three", ".d": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestAFolderIsReadWhole(t *testing.T) {
	dir := folder(t)
	got, err := environment.ReadFolder(t.Context(), dir)
	digest := func(text string) narthex.Digest { return narthex.MakeDigest(sha256.Sum256([]byte(text))) }
	want, wrong := narthex.FolderDigest([]narthex.FolderFile{{Path: "c", Digest: digest("three")}, {Path: "a/b", Digest: digest("one")}, {Path: ".d", Digest: digest("")}})
	if err != nil || wrong != nil || got != (environment.Folder{Digest: want, Files: 3, Bytes: 8}) {
		t.Errorf("it is read as %+v, want %s: %v", got, want, errors.Join(err, wrong))
	}
	for what, change := range map[string]func() error{
		"another byte": func() error { return os.WriteFile(filepath.Join(dir, "c"), []byte("thref"), 0o644) },
		"another name": func() error { return os.Rename(filepath.Join(dir, "c"), filepath.Join(dir, "e")) },
		"a file more":  func() error { return os.WriteFile(filepath.Join(dir, "f"), nil, 0o644) },
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if after, err := environment.ReadFolder(t.Context(), dir); err != nil || after.Digest == got.Digest {
			t.Errorf("%s: the digest stays the same: %v", what, err)
		}
	}
}

func TestAFolderOfMoreThanPlainFilesIsRefused(t *testing.T) {
	for name, change := range map[string]func(dir string) error{
		"a link out of it":   func(dir string) error { return os.Symlink("/etc/passwd", filepath.Join(dir, "x")) },
		"a link inside":      func(dir string) error { return os.Symlink("c", filepath.Join(dir, "x")) },
		"a link to a folder": func(dir string) error { return os.Symlink("a", filepath.Join(dir, "x")) },
		"a pipe":             func(dir string) error { return syscall.Mkfifo(filepath.Join(dir, "x"), 0o644) },
		"a line end":         func(dir string) error { return os.WriteFile(filepath.Join(dir, "x\ny"), nil, 0o644) },
		"nothing": func(dir string) error {
			return errors.Join(os.RemoveAll(dir), os.MkdirAll(filepath.Join(dir, "a"), 0o755))
		},
		"no folder": func(dir string) error { return os.RemoveAll(dir) },
		"a file":    func(dir string) error { return errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o644)) },
	} {
		dir := folder(t)
		if err := change(dir); err != nil {
			t.Fatal(err)
		}
		if got, err := environment.ReadFolder(t.Context(), dir); !narthex.IsKind(err, narthex.Invalid) || got != (environment.Folder{}) {
			t.Errorf("%s: it is read as %+v: %v", name, got, err)
		}
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := environment.ReadFolder(ended, folder(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("it is read after its end: %v", err)
	}
}
