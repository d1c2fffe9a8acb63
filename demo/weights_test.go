package demo_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"narthex/demo"
	"narthex/demo/minilab"
	"narthex/internal/environment"
	"narthex/internal/lab"
)

// TestTheBytesForJobsAreThoseThatWereApproved: each checkpoint lies in a folder of its own, of the digest that the lab directory states,
// and nobody may write to its files.
func TestTheBytesForJobsAreThoseThatWereApproved(t *testing.T) {
	dir := t.TempDir()
	if err := demo.Run(t.Context(), demo.Options{Dir: dir, Walk: true, Out: io.Discard, Version: "test", Start: start}); err != nil {
		t.Fatal(err)
	}
	files, err := lab.ReadDir(filepath.Join(dir, "lab"))
	if err != nil {
		t.Fatal(err)
	}
	d, problems := lab.Load(files)
	if len(problems) > 0 || len(d.Environments) != 3 {
		t.Fatalf("%d environments: %v", len(d.Environments), problems)
	}
	for _, v := range d.Assets["minim-1"].Versions {
		read, err := environment.ReadFolder(t.Context(), v.Folder)
		if err != nil || read.Digest != v.Digest || read.Files != 2 {
			t.Errorf("%s is %+v, and the directory states %s: %v", v.Name, read, v.Digest, err)
		}
		want, wrong := minilab.WeightsFile(string(v.Name))
		path := filepath.Join(v.Folder, "model.safetensors")
		if got, err := os.ReadFile(path); err != nil || wrong != nil || string(got) != string(want) {
			t.Errorf("%s holds other bytes than the checkpoint: %v, %v", path, err, wrong)
		}
		if about, err := os.Stat(path); err != nil || about.Mode().Perm() != 0o444 {
			t.Errorf("%s may be written to: %v", path, err)
		}
	}
}
