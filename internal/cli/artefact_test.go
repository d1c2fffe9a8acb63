package cli_test

import (
	"context"
	"encoding/binary"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"narthex/client"
	"narthex/internal/lab"
	"narthex/internal/sandbox"
	"narthex/internal/testenv"
	"narthex/internal/twin"
)

const anArtefactStudy = "name: a-study\ncommand: [/study/run]\noutputs:\n  - {name: adapter.safetensors, kind: safetensors, says: an adapter}\n"

// numbered gives an adapter of numbers that stand in no order.
func numbered(n int) []byte {
	state, adapter := uint32(9), twin.Tensor{Name: "down", Type: twin.F32, Shape: []int{n}}
	for range n {
		state = state*1664525 + 1013904223
		adapter.Data = binary.LittleEndian.AppendUint32(adapter.Data, math.Float32bits(float32(state>>8)/(1<<24)-0.5))
	}
	return twin.Write([]twin.Tensor{adapter})
}

// TestAnArtefactFromTheCommandLineToWhomItWasFor: what is said of it at each step, and of a part that was found.
func TestAnArtefactFromTheCommandLineToWhomItWasFor(t *testing.T) {
	options, _ := testenv.Beside(t, testenv.Options{Files: func(files lab.Files) { testenv.Artefacts(t, files) }}, func(_ context.Context, _ sandbox.Job, out string, _, _ io.Writer) sandbox.Ended {
		if os.WriteFile(filepath.Join(out, "adapter.safetensors"), numbered(3000), 0o600) != nil {
			return sandbox.Ended{Class: sandbox.Failed}
		}
		return sandbox.Ended{Class: sandbox.Done}
	})
	e := testenv.New(t, options)
	_, key := e.GrantArtefacts(t, "", 50_000)
	ada := at(t)
	ada.env["NARTHEX_KEY"], ada.env["NARTHEX_URL"] = key, e.Client.Base()
	ada.bad("neither text nor safetensors", "job", "submit", folder(t, map[string]string{"run": "x\n", "study.yaml": anArtefactStudy, "data/b.bin": "\x01"}), "--asset", "model", "--environment", "box")
	ada.bad("vectors/a.csv: below vectors/ there are safetensors and JSON alone", "job", "submit", folder(t, map[string]string{"run": "x\n", "study.yaml": anArtefactStudy, "vectors/a.csv": "1\n"}), "--asset", "model", "--environment", "box")
	job := strings.SplitN(ada.good("job", "submit", folder(t, map[string]string{"run": "x\n", "study.yaml": anArtefactStudy, "vectors/a.json": "[1]\n"}), "--asset", "model", "--environment", "box"), "\n", 2)[0]
	ada.good("job", "show", job, "--wait")
	asked := ada.good("release", "new", job, "--context", "adapter.safetensors="+tells)
	release := strings.SplitN(asked, "\n", 2)[0]
	if !strings.Contains(asked, "wait for 4 people") {
		t.Errorf("it says\n%s", asked)
	}
	for i, name := range []string{"olga", "sam", "paul", "lea"} {
		by := seat(t, e, name)
		seen := by.good("release", "view", release)
		for _, line := range []string{"artefact/size", "an artefact, which no person can check", "down  F32 [3000]  values 3000, zeros 0, from -0.4", "have them written with --out DIR"} {
			if !strings.Contains(seen, line) {
				t.Errorf("%q does not stand in\n%s", line, seen)
			}
		}
		by.bad("you have not been shown", "release", "vote", release, "--release-all")
		look := filepath.Join(t.TempDir(), "look")
		by.good("release", "view", release, "--out", look)
		if data, err := os.ReadFile(filepath.Join(look, "adapter.safetensors")); err != nil || len(data) != len(numbered(3000)) {
			t.Errorf("%d bytes were written: %v", len(data), err)
		}
		if out := by.good("release", "vote", release, "--release-all"); strings.Contains(out, "it is released") != (i == 3) {
			t.Errorf("the vote of %s says\n%s", name, out)
		}
	}
	results := filepath.Join(t.TempDir(), "results")
	ada.good("release", "fetch", release, "--out", results, "--key", e.Node.LogKey())
	adapter := filepath.Join(results, "adapter.safetensors")
	if out := at(t).good("release", "verify", adapter, "--record", filepath.Join(results, "record.json"), "--key", e.Node.LogKey()); !strings.Contains(out, "4 people said that it may leave, and it is marked for its recipient") {
		t.Errorf("it says\n%s", out)
	}
	data, err := os.ReadFile(adapter)
	if err != nil {
		t.Fatal(err)
	}
	part, large := filepath.Join(t.TempDir(), "part.bin"), filepath.Join(t.TempDir(), "large.bin")
	if err := os.WriteFile(part, data[len(data)-401:], 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(large, make([]byte, client.MostTrace+1), 0o600); err != nil {
		t.Fatal(err)
	}
	sam := seat(t, e, "sam")
	found := sam.good("release", "trace", part)
	for _, line := range []string{"adapter.safetensors of " + release, "marked for   " + string(e.People["ada"].ID), "100 of 100 different values", "4 people who voted on it", "taken out"} {
		if !strings.Contains(found, line) {
			t.Errorf("%q does not stand in\n%s", line, found)
		}
	}
	other := filepath.Join(t.TempDir(), "other")
	if err := os.WriteFile(other, numbered(3000), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := sam.good("release", "trace", other); !strings.Contains(out, "no mark was found; that says nothing") || strings.Contains(out, "marked for") {
		t.Errorf("it says\n%s", out)
	}
	sam.bad("larger than what is traced", "release", "trace", large)
	seat(t, e, "olga").bad("role security", "release", "trace", part)
}
