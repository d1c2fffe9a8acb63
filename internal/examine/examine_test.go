package examine_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"narthex/internal/airlock"
	"narthex/internal/examine"
	"narthex/internal/twin"
)

// TestTheTwinsOfAFolder: they follow from the folder's digest, and nothing of another file is in what is said.
func TestTheTwinsOfAFolder(t *testing.T) {
	dir := t.TempDir()
	data := make([]byte, 4*64)
	for i := range data {
		data[i] = byte(i * 7 % 60)
	}
	weights := twin.Write([]twin.Tensor{{Name: "w", Type: twin.F32, Shape: []int{64}, Data: data}})
	for name, data := range map[string][]byte{"b/model.safetensors": weights, "a.safetensors": weights, "config.json": []byte(`{"recipe":"secret"}`)} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	made := func(digest string) (string, airlock.Twins) {
		t.Helper()
		var out bytes.Buffer
		if err := examine.Run([]string{examine.TwinWord, dir, digest}, nil, &out); err != nil {
			t.Fatal(err)
		}
		read, err := airlock.ReadTwins(out.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		return out.String(), read
	}
	said, one := made("sha256:1")
	if len(one.Files) != 2 || one.Files[0].Name != "a.safetensors" || one.Files[1].Name != "b/model.safetensors" || one.Others != 1 {
		t.Fatalf("they are %+v", one)
	}
	if strings.Contains(said, "secret") || strings.Contains(said, "config") || bytes.Contains(one.Files[0].Data, data[:16]) || bytes.Equal(one.Files[0].Data, one.Files[1].Data) {
		t.Error("they tell more than names, shapes, types and scale")
	}
	again, _ := made("sha256:1")
	if other, _ := made("sha256:2"); said != again || said == other {
		t.Error("they do not follow from the digest")
	}
	if err := os.WriteFile(filepath.Join(dir, "a.safetensors"), weights[:len(weights)-1], 0o644); err != nil {
		t.Fatal(err)
	}
	if err := examine.Run([]string{examine.TwinWord, dir, "sha256:1"}, nil, &bytes.Buffer{}); err == nil {
		t.Error("weights that are damaged have a twin")
	}
}
