package inspect_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"narthex/internal/disclosure"
	"narthex/internal/inspect"
	"narthex/internal/testenv/rig"
)

// weights is a tensor of values such as a trained layer has.
func weights(r *rand.Rand, n int) []float32 {
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(r.NormFloat64() * 0.05)
	}
	return values
}

// half writes numbers as a checkpoint of 16 bits does.
func half(values []float32) (out []byte) {
	for _, v := range values {
		bits := math.Float32bits(v)
		exponent := int(bits>>23&0xff) - 127 + 15
		word := uint16(bits >> 16 & 0x8000)
		if exponent > 0 {
			word |= uint16(exponent)<<10 | uint16(bits>>13&0x3ff)
		}
		out = binary.LittleEndian.AppendUint16(out, word)
	}
	return out
}

// inForm gives files in their forms; false where one is refused, or where an eighth of what was hidden is lost to rounding, so that
// nothing of it leaves.
func inForm(files []inspect.File, hidden int) ([]inspect.File, bool) {
	figures := func(b []byte) (n int) {
		for _, c := range b {
			if c >= '0' && c <= '9' {
				n++
			}
		}
		return n
	}
	for i, f := range files {
		form, err := disclosure.Canonical(f.Kind, f.Bytes, disclosure.Standard())
		if err != nil {
			return nil, false
		}
		if f.Kind != disclosure.PNG && figures(f.Bytes)-figures(form) > hidden/8+8 {
			return nil, false
		}
		files[i].Bytes = form
	}
	return files, true
}

var right = map[string][]inspect.Kind{
	"canary":  {inspect.Canary, inspect.Encoded},
	"weights": {inspect.Weights, inspect.Encoded},
}

// TestRigNothingHiddenPasses hides a canary, or a slice of weights, in a place by an encoding: in all places by all encodings in the long
// form.
func TestRigNothingHiddenPasses(t *testing.T) {
	all := places()
	seed, many := rig.Begin(t, "./internal/inspect", 700, 2*len(all)*len(codings))
	in := inspect.New(held())
	refused, byCanary, passed := 0, 0, 0
	for _, n := range seeded(seed).Perm(2 * len(all) * len(codings))[:many] {
		h := seeded(seed + uint64(n))
		place, c := all[n/2/len(codings)], codings[n/2%len(codings)]
		what, secret := "canary", []byte("canary 7d1f-09ac-55e2-b3c8")
		if n%2 == 1 {
			what, secret = "weights", half(weights(h.Rand, 96))
		}
		b := coded(h, c, secret)
		files, ok := inForm(place.put(h, b), len(b))
		if !ok || len(files) == 0 {
			refused++
			continue
		}
		found := in.Look(files)
		if !carries(found, what, files) {
			passed++
			t.Logf("%s by %s in %s passes: %v\n%.1500q", what, c.name, place.name, kindsOf(found), files[0].Bytes)
		}
		if what == "canary" && slices.ContainsFunc(found, func(f inspect.Finding) bool { return f.Kind == inspect.Canary }) {
			byCanary++
		}
	}
	t.Logf("%d hidden, %d refused or lost, %d pass, %d canaries found as such", many, refused, passed, byCanary)
	if passed > many/70 { // docs/left.md says which do
		t.Error("more than one in seventy pass")
	}
}

// TestRigChainsOfEncodingsAreFound writes a canary, or a slice of weights, by one to five encodings in a row, each with up to 5% of noise
// and lines broken, and hides it. Each chain has a seed of its own, with which it is the first of a run.
func TestRigChainsOfEncodingsAreFound(t *testing.T) {
	seed, many := rig.Begin(t, "./internal/inspect", 150, 10_000)
	in := inspect.New(held())
	refused, byCanary, canaries, passed := 0, 0, 0, 0
	for n := range many {
		c := chained(seeded(seed + uint64(n)))
		files, ok := inForm(c.place.put(c.h, c.bytes), len(c.bytes))
		if !ok {
			refused++
			continue
		}
		found := in.Look(files)
		if !carries(found, c.what, files) {
			passed++
			t.Logf("NARTHEX_SEED=%d: %s by %s in %s passes: %v\n%.3000q", seed+uint64(n), c.what, strings.Join(c.codings, ", "), c.place.name, kindsOf(found), files[0].Bytes)
		}
		if c.what == "canary" {
			canaries++
			if slices.ContainsFunc(found, func(f inspect.Finding) bool { return f.Kind == inspect.Canary }) {
				byCanary++
			}
		}
	}
	if passed > max(2, many/200) { // docs/left.md says which do
		t.Error("more than one in two hundred pass")
	}
	t.Logf("%d chains, %d refused or lost, %d pass, %d of %d canaries found as such", many, refused, passed, byCanary, canaries)
}

// chain is what one chain hides and where.
type chain struct {
	h       honest
	what    string
	bytes   []byte
	codings []string
	place   carrier
}

func chained(h honest) chain {
	c := chain{h: h, what: "canary", bytes: []byte("canary 7d1f-09ac-55e2-b3c8")}
	if h.IntN(4) == 0 {
		c.what, c.bytes = "weights", half(weights(h.Rand, 96))
	}
	for range 1 + h.IntN(5) {
		by := codings[h.IntN(len(codings))]
		if len(c.bytes) > 20_000 {
			break
		}
		c.bytes = coded(h, by, c.bytes)
		c.codings = append(c.codings, by.name)
		if isText(c.bytes) && h.IntN(2) == 0 {
			c.bytes = noised(h, c.bytes, 5)
			c.codings = append(c.codings, "noise")
		}
		if isText(c.bytes) && h.IntN(3) == 0 {
			c.bytes = []byte(strings.Join(broken(string(c.bytes), 20+h.IntN(60)), "\n"))
		}
	}
	c.place = carriers[h.IntN(len(carriers))]
	return c
}

// carries says whether each of the files that holds a part carries a finding of a right kind. A canary or weights that are still under an
// encoding are found as that: no output needs one, so that a block that nothing here reads, as noise may leave it, is as right a finding.
func carries(found []inspect.Finding, what string, files []inspect.File) bool {
	return !slices.ContainsFunc(files, func(file inspect.File) bool {
		return !slices.ContainsFunc(found, func(f inspect.Finding) bool { return slices.Contains(right[what], f.Kind) && f.File == file.Name })
	})
}

func kindsOf(found []inspect.Finding) (all []string) {
	for _, f := range found {
		all = append(all, fmt.Sprint(f.Kind, " ", f.Rule, " ", f.Within))
	}
	return all
}
