package durable_test

import (
	"os"
	"path/filepath"
	"testing"

	"narthex/internal/durable"
)

func TestAFileIsReplacedWholeWithItsMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	for _, content := range []string{"a long first content", "short"} {
		// What a write that was cut off left behind is open to everyone and longer than what comes.
		if err := os.WriteFile(path+".new", []byte("left behind, and longer than both"), 0o666); err != nil {
			t.Fatal(err)
		}
		if err := durable.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		info, statErr := os.Stat(path)
		if err != nil || statErr != nil || string(data) != content || info.Mode().Perm() != 0o600 {
			t.Errorf("it holds %q, mode %v (%v, %v)", data, info.Mode(), err, statErr)
		}
		if _, err := os.Stat(path + ".new"); err == nil {
			t.Error("the file beside it stayed")
		}
	}
}

func TestWhatCannotBeWrittenChangesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	if err := durable.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path+".new", 0o700); err != nil { // nothing can be written there
		t.Fatal(err)
	}
	if durable.WriteFile(path, []byte("new"), 0o600) == nil {
		t.Error("a write that could not be made said that it was")
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "old" {
		t.Errorf("it holds %q, %v", data, err)
	}
}
