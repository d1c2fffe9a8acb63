package examine_test

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"narthex/internal/airlock"
	"narthex/internal/artefact"
	"narthex/internal/disclosure"
	"narthex/internal/examine"
	"narthex/internal/inspect"
	"narthex/internal/twin"
)

const (
	high, wide = 96, 64
	plant      = "the-canary-of-the-model"
)

// heldWeights are two matrices and a bias, of a width that weights have.
func heldWeights() []inspect.Tensor {
	r := rand.New(rand.NewPCG(5, 5))
	draw := func(n int) (all []float32) {
		for range n {
			all = append(all, float32(r.NormFloat64()*0.05))
		}
		return all
	}
	return []inspect.Tensor{{Name: "up", Sizes: []int{high, wide}, Values: draw(high * wide)}, {Name: "down", Sizes: []int{wide, high}, Values: draw(high * wide)}, {Name: "bias", Sizes: []int{wide}, Values: draw(wide)}}
}

// numbers makes a tensor of values, rounded to a type.
func numbers(name string, kind twin.Type, values []float32, shape ...int) twin.Tensor {
	if shape == nil {
		shape = []int{len(values)}
	}
	t := twin.Tensor{Name: name, Type: kind, Shape: shape}
	for _, v := range values {
		bits := math.Float32bits(v)
		if kind == twin.BF16 {
			t.Data = binary.LittleEndian.AppendUint16(t.Data, uint16((bits+0x7fff+bits>>16&1)>>16))
		} else {
			t.Data = binary.LittleEndian.AppendUint32(t.Data, bits)
		}
	}
	return t
}

// lookAt gives the rules that an artefact of tensors fires.
func lookAt(t *testing.T, tensors ...twin.Tensor) (rules []string) {
	t.Helper()
	form, err := artefact.Canonical(twin.Write(tensors), disclosure.Standard().Bytes)
	if err != nil {
		t.Fatal(err)
	}
	task := airlock.Task{Look: true, Held: []string{plant}, Files: []airlock.Raw{{Name: "a.safetensors", Kind: string(artefact.Kind), Data: form}}}
	answer, err := examine.Do(task, inspect.Held{Tensors: heldWeights()})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range answer.Findings {
		if f.File != "a.safetensors" {
			t.Errorf("a finding of %q", f.File)
		}
		rules = append(rules, f.Kind+" "+f.Rule)
	}
	return rules
}

func noise(seed uint64, n int) (all []float32) {
	r := rand.New(rand.NewPCG(seed, 9))
	for range n {
		all = append(all, float32(r.NormFloat64()*0.05))
	}
	return all
}

// TestWeightsInAnArtefactAreFound: a probe that is a row or a column of the weights, in whatever unit, and values in whatever order.
func TestWeightsInAnArtefactAreFound(t *testing.T) {
	up := heldWeights()[0].Values
	row, column := up[7*wide:8*wide], make([]float32, high)
	for i := range column {
		column[i] = up[i*wide+3]
	}
	scaled := make([]float32, wide)
	for i, v := range row {
		scaled[i] = v*3.7 + 0.01
	}
	reversed := slices.Clone(row)
	slices.Reverse(reversed)
	block := make([]float32, 0, 16*16) // a corner, turned round
	for column := range 16 {
		for row := range 16 {
			block = append(block, up[row*wide+column])
		}
	}
	shuffled := slices.Clone(up[:20*wide])
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	for name, c := range map[string]struct {
		tensor twin.Tensor
		rule   string
	}{
		"a row":                    {numbers("probe", twin.F32, row), "artefact/weights"},
		"a row in BF16":            {numbers("probe", twin.BF16, row), "artefact/weights"},
		"a row in another unit":    {numbers("probe", twin.F32, scaled), "artefact/weights"},
		"a row backwards":          {numbers("probe", twin.F32, reversed), "artefact/weights"},
		"a column":                 {numbers("probe", twin.F32, column), "artefact/weights"},
		"a corner turned round":    {numbers("probe", twin.F32, block, 16, 16), "artefact/weights"},
		"a row as a column":        {numbers("probe", twin.F32, beside(row), wide, 2), "artefact/weights"},
		"the bias":                 {numbers("probe", twin.F32, heldWeights()[2].Values), "artefact/weights"},
		"values in another order":  {numbers("probe", twin.F32, shuffled), "artefact/among"},
		"a row in a large adapter": {numbers("probe", twin.F32, slices.Concat(noise(1, 5000), row, noise(2, 5000))), "artefact/weights"},
	} {
		if rules := lookAt(t, numbers("other", twin.F32, noise(3, 100)), c.tensor); !slices.Contains(rules, "weights "+c.rule) {
			t.Errorf("%s: it finds %v", name, rules)
		}
	}
}

// beside puts noise beside each value, so that they stand in a column.
func beside(values []float32) (all []float32) {
	for i, v := range noise(8, len(values)) {
		all = append(all, values[i], v)
	}
	return all
}

// TestAnHonestArtefactCarriesNoFinding: adapters, probes and vectors of numbers that are nobody's, under the names that tools give them.
func TestAnHonestArtefactCarriesNoFinding(t *testing.T) {
	bad := 0
	for seed := range uint64(40) {
		kind := []twin.Type{twin.F32, twin.BF16}[seed%2]
		n := []int{16, 64, 512, 4096}[seed%4]
		tensors := []twin.Tensor{
			numbers(fmt.Sprintf("base_model.model.model.layers.%d.self_attn.q_proj.lora_A.weight", seed), kind, noise(seed+50, 8*n), 8, n),
			numbers(fmt.Sprintf("base_model.model.model.layers.%d.self_attn.q_proj.lora_B.weight", seed), kind, noise(seed+90, n*8), n, 8),
			numbers("direction", twin.F32, noise(seed, wide)),
		}
		if rules := lookAt(t, tensors...); len(rules) > 0 {
			t.Logf("seed %d: %v", seed, rules)
			bad++
		}
	}
	if bad > 2 {
		t.Errorf("%d of 40 honest artefacts carry a finding", bad)
	}
}

// TestWhatHidesInAnArtefactIsFound: in its names, and in the bytes of its numbers.
func TestWhatHidesInAnArtefactIsFound(t *testing.T) {
	text := make([]float32, 0, 8)
	for part := range slices.Chunk([]byte(plant+" "), 4) {
		text = append(text, math.Float32frombits(binary.LittleEndian.Uint32(part)))
	}
	coded := strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(plant)), "=")
	secret := "AKIA" + "Q3EGRZ7T5VXMNLPA"
	for name, c := range map[string]struct {
		tensor twin.Tensor
		kind   string
	}{
		"a canary as a name":            {numbers(plant, twin.F32, noise(1, 16)), "canary"},
		"a canary as a name, in base64": {numbers(coded, twin.F32, noise(1, 16)), "canary"},
		"a canary as numbers":           {numbers("v", twin.F32, slices.Concat(noise(1, 16), text, noise(2, 16))), "canary"},
		"a credential as a name":        {numbers("key_"+secret, twin.F32, noise(1, 16)), "secret"},
	} {
		if rules := lookAt(t, c.tensor); !slices.ContainsFunc(rules, func(r string) bool { return strings.HasPrefix(r, c.kind+" ") }) {
			t.Errorf("%s: it finds %v", name, rules)
		}
	}
}

// TestAnArtefactThatIsNoneIsNotLookedAt: the look holds a file to its form, as it does for others.
func TestAnArtefactThatIsNoneIsNotLookedAt(t *testing.T) {
	for name, data := range map[string][]byte{"a pickle": []byte("\x80\x04."), "another order": twin.Write([]twin.Tensor{numbers("b", twin.F32, noise(1, 4)), numbers("a", twin.F32, noise(2, 4))})} {
		task := airlock.Task{Look: true, Files: []airlock.Raw{{Name: "a.safetensors", Kind: string(artefact.Kind), Data: data}}}
		if _, err := examine.Do(task, inspect.Held{}); err == nil {
			t.Errorf("%s is looked at", name)
		}
	}
}
