// Package planted plants known mistakes in the ledger and the stores, one at a time, and demands that the rigs find them: a rig
// that does not find an old mistake is no rig.
//
// It promises that no mistake stands in the product, not even switched off: each is a piece of text and what is put in its place
// while a test is built (go build -overlay), so that nobody can ship one by a wrong tag. A mistake whose text is not found
// exactly once, that does not build, or that is found for another reason than its own fails the run; so does a rig that
// fails without one.
//
// It trusts the Go toolchain. Read next: bugs_test.go for the mistakes, docs/rigs.md for the rigs.
package planted_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// bug is a mistake and the rig that must find it.
type bug struct {
	name  string
	class string // of mistakes elsewhere, A to O as docs/rigs.md names them
	what  string // what goes wrong
	file  string
	old   string // stands in the file once
	new   string // stands there instead
	rig   string // the name of the test, or of a part of it
	in    string // its package's folder
	says  string // what it says when it finds this; several, with | between them, where chance decides what is seen first
	slow  bool   // for the long form only
}

// few is how many mistakes the short form plants.
const few = 3

// TestRigPlantedBugs plants a few of the mistakes, drawn by NARTHEX_SEED, and all of them with NARTHEX_RIG=long (`make planted`).
// NARTHEX_BUG names one.
func TestRigPlantedBugs(t *testing.T) {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	y := &yard{root: root, bin: t.TempDir(), sound: map[string]error{}}
	for _, b := range bugs {
		if _, err := y.plant(b); err != nil {
			t.Errorf("%s: %v", b.name, err)
		}
	}
	for _, b := range chosen(t) {
		t.Run(b.name, func(t *testing.T) {
			if err := y.passes(t.Context(), b); err != nil {
				t.Fatalf("without a mistake: %v", err)
			}
			began := time.Now()
			if err := y.finds(t.Context(), b); err != nil {
				t.Errorf("%s: %s is not found: %v", b.file, b.what, err)
			}
			t.Logf("%s by %s in %s; NARTHEX_BUG=%s go test -run '^TestRigPlantedBugs$' -v ./test/planted repeats it", b.class, b.rig, time.Since(began).Round(time.Second), b.name)
		})
	}
}

// chosen gives the mistakes of this run.
func chosen(t *testing.T) []bug {
	if name := os.Getenv("NARTHEX_BUG"); name != "" {
		for _, b := range bugs {
			if b.name == name {
				return []bug{b}
			}
		}
		t.Fatalf("no mistake is named %q", name)
	}
	if os.Getenv("NARTHEX_RIG") == "long" {
		return bugs
	}
	seed := uint64(1)
	if text := os.Getenv("NARTHEX_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("NARTHEX_SEED is no whole number: %v", err)
		}
	}
	t.Logf("NARTHEX_SEED=%d go test -run '^TestRigPlantedBugs$' -v ./test/planted repeats this run", seed)
	quick := slices.DeleteFunc(slices.Clone(bugs), func(b bug) bool { return b.slow })
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(quick), func(i, j int) { quick[i], quick[j] = quick[j], quick[i] })
	return quick[:few]
}

// yard is where tests are built.
type yard struct {
	root  string
	bin   string
	sound map[string]error // what came of a rig without a mistake
}

// plant writes the file with its mistake, and gives the overlay that puts it in place.
func (y *yard) plant(b bug) (overlay string, err error) {
	path := filepath.Join(y.root, filepath.FromSlash(b.file))
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if n := bytes.Count(text, []byte(b.old)); n != 1 {
		return "", fmt.Errorf("its place stands in %s %d times and not once: write the mistake anew", b.file, n)
	}
	dir := filepath.Join(y.bin, b.name)
	changed, overlay := filepath.Join(dir, filepath.Base(path)), filepath.Join(dir, "overlay.json")
	form, err := json.Marshal(map[string]map[string]string{"Replace": {path: changed}})
	if err != nil {
		return "", err
	}
	return overlay, errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(changed, bytes.Replace(text, []byte(b.old), []byte(b.new), 1), 0o644), os.WriteFile(overlay, form, 0o644))
}

// build makes the test program of a package, with an overlay or without one.
func (y *yard) build(ctx context.Context, in, overlay string) (string, error) {
	name := "sound"
	args := []string{"test", "-c"}
	if overlay != "" {
		name, args = filepath.Base(filepath.Dir(overlay)), append(args, "-overlay", overlay)
	}
	program := filepath.Join(y.bin, name+"-"+strings.ReplaceAll(in, "/", "-")+".test")
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	command := exec.CommandContext(ctx, "go", append(args, "-o", program, "./"+in)...)
	command.Dir = y.root
	if out, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("it does not build: %w\n%s", err, out)
	}
	return program, nil
}

// run runs a rig's short form.
func (y *yard) run(ctx context.Context, program string, b bug) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Minute)
	defer cancel()
	var parts []string
	for part := range strings.SplitSeq(b.rig, "/") {
		parts = append(parts, "^"+part+"$")
	}
	command := exec.CommandContext(ctx, program, "-test.v", "-test.timeout", "10m", "-test.run", strings.Join(parts, "/"))
	command.Dir = filepath.Join(y.root, filepath.FromSlash(b.in))
	for _, setting := range os.Environ() {
		if !strings.HasPrefix(setting, "NARTHEX_") {
			command.Env = append(command.Env, setting)
		}
	}
	out, err := command.CombinedOutput()
	return string(out), err
}

// passes says why a rig does not pass without a mistake.
func (y *yard) passes(ctx context.Context, b bug) error {
	key := b.in + " " + b.rig
	if err, known := y.sound[key]; known {
		return err
	}
	program, err := y.build(ctx, b.in, "")
	if err == nil {
		var out string
		if out, err = y.run(ctx, program, b); err != nil || !strings.Contains(out, "--- PASS: "+b.rig+" ") {
			err = fmt.Errorf("%s does not pass: %w\n%s", b.rig, err, tail(out))
		}
	}
	y.sound[key] = err
	return err
}

// finds says why a rig does not find a mistake.
func (y *yard) finds(ctx context.Context, b bug) error {
	overlay, err := y.plant(b)
	if err != nil {
		return err
	}
	program, err := y.build(ctx, b.in, overlay)
	if err != nil {
		return err
	}
	defer os.Remove(program)
	out, err := y.run(ctx, program, b)
	switch {
	case err == nil:
		return fmt.Errorf("%s passes", b.rig)
	case !strings.Contains(out, "--- FAIL: "+b.rig+" "):
		return fmt.Errorf("%s did not come to its end: %w\n%s", b.rig, err, tail(out))
	case !slices.ContainsFunc(strings.Split(b.says, "|"), func(text string) bool { return strings.Contains(out, text) }):
		return fmt.Errorf("%s fails and does not say %q\n%s", b.rig, b.says, tail(out))
	}
	return nil
}

// tail is the end of what a test said.
func tail(out string) string { return out[max(0, len(out)-4000):] }

// TestTheTableOfMistakesIsThatOfTheRun holds docs/rigs.md to the mistakes, in their order.
func TestTheTableOfMistakesIsThatOfTheRun(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "rigs.md"))
	if err != nil {
		t.Fatal(err)
	}
	table := "| mistake | class | what goes wrong | where | found by |\n|---|---|---|---|---|\n"
	for _, b := range bugs {
		table += fmt.Sprintf("| %s | %s | %s | %s | `%s` (%s) |\n", b.name, b.class, b.what, b.file, b.rig, b.in)
	}
	if !strings.Contains(string(text), "\n\n"+table) {
		t.Errorf("docs/rigs.md has another table than\n%s", table)
	}
}
