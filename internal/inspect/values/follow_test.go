package values_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	look "narthex/internal/inspect/values"
)

// printed rounds as a form does, to four digits.
func printed(v float64) look.Number {
	text := strconv.FormatFloat(v, 'e', 3, 64)
	out, _ := strconv.ParseFloat(text, 64)
	exponent, _ := strconv.Atoi(text[slices.Index([]byte(text), 'e')+1:])
	return look.Number{Value: out, Half: 0.5 * math.Pow10(exponent-3)}
}

// weights is a tensor of values such as a trained layer has.
func weights(r *rand.Rand, n int) []float32 {
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(r.NormFloat64() * 0.05)
	}
	return values
}

// TestARunOfWeightsIsFoundInAnyUnit draws a tensor, prints twelve or more neighbours along an axis, and looks for them.
func TestARunOfWeightsIsFoundInAnyUnit(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	sizes := []int{40, 3, 25}
	values := weights(r, 40*3*25)
	missed := 0
	for range 2000 {
		axis := []int{0, 2}[r.IntN(2)]
		long := window
		if r.IntN(4) == 0 {
			long += r.IntN(sizes[axis] - window + 1)
		}
		stride, base := 1, r.IntN(120)*25
		from := r.IntN(sizes[axis] - long + 1)
		if axis == 0 {
			stride, base = 75, r.IntN(75)
		}
		factor, plus := math.Exp(r.NormFloat64()*3)*float64(1-2*r.IntN(2)), 0.0
		if r.IntN(2) == 0 {
			plus = factor * r.NormFloat64() * 0.1
		}
		var run []look.Number
		for range r.IntN(5) {
			run = append(run, printed(r.NormFloat64()))
		}
		start := len(run)
		for i := range long {
			run = append(run, printed(factor*float64(values[base+(from+i)*stride])+plus))
		}
		found := look.NewFollower([][]look.Number{{printed(1)}, run}).Along("w", sizes, values)
		if !slices.ContainsFunc(found, func(m look.Match) bool {
			return m.Run == 1 && m.Axis == axis && m.Tensor == "w" && m.From <= start+long-window && m.To >= start+window
		}) {
			missed++
		}
	}
	if missed > 0 {
		t.Errorf("%d of 2000 runs were not found", missed)
	}
}

const window = 12

func TestWhatFollowsNothingIsNotFound(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	values := weights(r, 300*300)
	copy(values[900:], make([]float32, 600)) // as of a layer that was never trained
	var runs [][]look.Number
	for range 50 {
		noise, rising, falling, flat := []look.Number{}, []look.Number{}, []look.Number{}, []look.Number{}
		sum, size := 0.0, 100.0
		for i := range 200 {
			noise = append(noise, printed(r.NormFloat64()*0.05))
			sum += r.Float64()
			rising = append(rising, printed(sum))
			size *= 0.9 + 0.05*r.Float64()
			falling = append(falling, printed(size))
			flat = append(flat, look.Number{Value: float64(i % 2 * 0), Half: 0.5})
		}
		runs = append(runs, noise, rising, falling, flat, noise[:11])
	}
	if found := look.NewFollower(runs).Along("w", []int{300, 300}, values); len(found) > 0 {
		t.Errorf("%v", found)
	}
	if found := look.NewFollower(nil).Along("w", []int{0}, nil); len(found) > 0 {
		t.Errorf("%v", found)
	}
}

func TestElevenOfThemAreNotClaimed(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	values := weights(r, 100)
	var run []look.Number
	for _, v := range values[7:18] {
		run = append(run, printed(float64(v)))
	}
	if found := look.NewFollower([][]look.Number{run}).Along("w", []int{100}, values); len(found) > 0 {
		t.Errorf("%v", found)
	}
	run = append(run, printed(float64(values[18])))
	if found := look.NewFollower([][]look.Number{run}).Along("w", []int{7}, values); len(found) != 1 || found[0] != (look.Match{Run: 0, From: 0, To: 12, Tensor: "w", Axis: 0}) {
		t.Errorf("%v", found)
	}
}

func BenchmarkAlong(b *testing.B) {
	r := rand.New(rand.NewPCG(7, 8))
	values := weights(r, 1000*1000)
	var run []look.Number
	for range 5000 {
		run = append(run, printed(r.NormFloat64()))
	}
	f := look.NewFollower([][]look.Number{run})
	b.SetBytes(int64(4 * len(values)))
	for b.Loop() {
		f.Along("w", []int{1000, 1000}, values)
	}
}
