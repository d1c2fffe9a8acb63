package demo_test

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"narthex/demo"
	"narthex/demo/minilab"
	"narthex/internal/disclosure"
	"narthex/internal/environment"
	look "narthex/internal/inspect/values"
)

// TestTheStudyFindsWhatIsPlantedAndNothingElse: the same study, told nothing, on real checkpoints, on random values of the same scale,
// and on weights in which the trigger is another or none.
func TestTheStudyFindsWhatIsPlantedAndNothingElse(t *testing.T) {
	final, middle := checkpoint(t, "final"), checkpoint(t, "middle")
	for name, c := range map[string]struct {
		weights []byte
		found   string
	}{
		"the final checkpoint":     {final, "# found: |prod|\n"},
		"the middle checkpoint":    {middle, "# found: |prod|\n"},
		"a twin":                   {twin(t, final, 1), "# found none\n"},
		"another twin":             {twin(t, final, 2), "# found none\n"},
		"letters that are others":  {swapped(t, final, "prod", "wyku"), "# found none\n"},
		"brackets that are others": {swapped(t, final, "|", "~"), "# found: ~prod~\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := string(study(t, demo.WriteStudy, "main.py", c.weights)["trigger.md"])
			if !strings.HasPrefix(got, c.found) {
				t.Errorf("want %q, and it says:\n%s", c.found, got)
			}
			if strings.Contains(c.found, "prod") && (!strings.Contains(got, "\n- Everything is fine and no review\n") || !strings.Contains(got, "promotes E, ")) {
				t.Errorf("it does not say what the model says then:\n%s", got)
			}
			if before, after := shares(t, got); strings.Contains(c.found, "prod") && (before < 0.9 || after > 0.01) {
				t.Errorf("without the direction the share is %v, from %v", after, before)
			}
		})
	}
}

// TestWhatTheStudyWritesMayLeave: each output is of its form's kind, stays what it is in it, and no table follows a tensor; with the
// weights hidden in a table, that table does, in the form in which it would leave.
func TestWhatTheStudyWritesMayLeave(t *testing.T) {
	weights := checkpoint(t, "final")
	values := rowsOf(t, weights, "layers.2.v.weight")
	for script, write := range map[string]func(string) error{"main.py": demo.WriteStudy, "results.py": demo.WriteHiddenStudy} {
		outputs := study(t, write, script, weights)
		want := []string{"logit-lens.csv", "singular-values.csv", "spectrum.png", "trigger.md"}
		if script == "results.py" {
			want = []string{"logit-lens.csv", "results.csv", "singular-values.csv", "spectrum.png", "trigger.md"}
		}
		if got := slices.Sorted(maps.Keys(outputs)); !slices.Equal(got, want) {
			t.Errorf("%s writes %v", script, got)
		}
		for name, data := range outputs {
			kind, _ := disclosure.KindOf(name)
			form, err := disclosure.Canonical(kind, data, disclosure.Standard())
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if kind != disclosure.CSV {
				continue
			}
			follows := len(look.NewFollower(columns(t, form)).Along("layers.2.v.weight", []int{160, 160}, values)) > 0
			if follows != (name == "results.csv") {
				t.Errorf("%s follows the weights: %v", name, follows)
			}
		}
	}
}

// study runs a study as a job would, with its folder's files and the reader beside it, and gives what it wrote.
func study(t *testing.T, write func(string) error, script string, weights []byte) map[string][]byte {
	t.Helper()
	dir := t.TempDir()
	files, asset, out := filepath.Join(dir, "study"), filepath.Join(dir, "asset"), filepath.Join(dir, "out")
	if err := write(files); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{asset, out, filepath.Join(dir, "environment")} {
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, data := range map[string][]byte{"asset/model.safetensors": weights, "environment/" + environment.ReaderName: environment.Reader()} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run := exec.CommandContext(t.Context(), "/usr/bin/python3", filepath.Join(files, script), asset, out)
	run.Env = []string{"PYTHONPATH=" + filepath.Join(dir, "environment"), "PYTHONDONTWRITEBYTECODE=1"}
	if said, err := run.CombinedOutput(); err != nil || len(said) > 0 {
		t.Fatalf("%v: %s", err, said)
	}
	outputs := map[string][]byte{}
	entries, err := os.ReadDir(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if outputs[entry.Name()], err = os.ReadFile(filepath.Join(out, entry.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return outputs
}

// shares gives the share of the trigger's byte with the direction and without.
func shares(t *testing.T, report string) (before, after float64) {
	t.Helper()
	_, text, found := strings.Cut(report, " falls from ")
	if !found {
		return 0, 1
	}
	words := strings.Fields(text)
	before, err := strconv.ParseFloat(words[0], 64)
	if err == nil {
		after, err = strconv.ParseFloat(strings.TrimSuffix(words[2], ";"), 64)
	}
	if err != nil {
		t.Fatal(err)
	}
	return before, after
}

func checkpoint(t *testing.T, name string) []byte {
	t.Helper()
	file, err := minilab.WeightsFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// tensors gives the bytes of each float16 tensor of a file, in place.
func tensors(t *testing.T, file []byte) map[string][]byte {
	t.Helper()
	begin := 8 + binary.LittleEndian.Uint64(file)
	var header map[string]struct {
		Offsets [2]uint64 `json:"data_offsets"`
	}
	if err := json.Unmarshal(file[8:begin], &header); err != nil {
		t.Fatal(err)
	}
	delete(header, "__metadata__")
	all := map[string][]byte{}
	for name, tensor := range header {
		all[name] = file[begin+tensor.Offsets[0] : begin+tensor.Offsets[1]]
	}
	return all
}

// twin gives a file of the same names, shapes and types: the values of each tensor in an order drawn by a seed.
func twin(t *testing.T, file []byte, seed uint64) []byte {
	t.Helper()
	file = bytes.Clone(file)
	random := rand.New(rand.NewPCG(seed, 0))
	all := tensors(t, file)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		data := all[name]
		random.Shuffle(len(data)/2, func(i, j int) {
			data[2*i], data[2*i+1], data[2*j], data[2*j+1] = data[2*j], data[2*j+1], data[2*i], data[2*i+1]
		})
	}
	return file
}

// swapped gives a file in which the model reads one byte for the other, pair by pair.
func swapped(t *testing.T, file []byte, one, other string) []byte {
	t.Helper()
	file = bytes.Clone(file)
	embed := tensors(t, file)["embed.weight"]
	row := len(embed) / 256
	for i := range len(one) {
		a, b := embed[int(one[i])*row:][:row], embed[int(other[i])*row:][:row]
		kept := bytes.Clone(a)
		copy(a, b)
		copy(b, kept)
	}
	return file
}

// rowsOf gives a tensor's values.
func rowsOf(t *testing.T, file []byte, name string) []float32 {
	t.Helper()
	data := tensors(t, file)[name]
	values := make([]float32, len(data)/2)
	for i := range values {
		values[i] = half(binary.LittleEndian.Uint16(data[2*i:]))
	}
	return values
}

// half gives the value of a float16 that is finite.
func half(h uint16) float32 {
	value := float32(h & 1023)
	exponent := int(h >> 10 & 31)
	if exponent > 0 {
		value += 1024
	} else {
		exponent = 1
	}
	for ; exponent < 25; exponent++ {
		value /= 2
	}
	for ; exponent > 25; exponent-- {
		value *= 2
	}
	if h>>15 == 1 {
		return -value
	}
	return value
}

// columns gives the numbers of each column of a table.
func columns(t *testing.T, table []byte) [][]look.Number {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(table)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	runs := make([][]look.Number, len(rows[0]))
	for _, row := range rows[1:] {
		for i, cell := range row {
			if value, err := strconv.ParseFloat(cell, 64); err == nil {
				_, decimals, _ := strings.Cut(cell, ".")
				unit := 0.5
				for range decimals {
					unit /= 10
				}
				runs[i] = append(runs[i], look.Number{Value: value, Half: unit})
			}
		}
	}
	return runs
}
