package values

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"narthex/internal/inspect/find"
)

// TestWhatIsPassedOverInBytesHoldsNoWeights compares the runs that are looked at with those of all numbers of a piece.
func TestWhatIsPassedOverInBytesHoldsNoWeights(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	some := 0
	for range 300 {
		var data []byte
		for len(data) < 600 {
			for range 12 + r.IntN(30) {
				v := r.NormFloat64() * math.Ldexp(1, r.IntN(60)-30)
				switch kind := r.IntN(8); kind {
				case 0:
					data = append(data, 0, 0)
				case 1:
					data = append(data, byte(r.Uint32()))
				case 2, 3:
					data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(r.NormFloat64())))
				case 4:
					data = binary.BigEndian.AppendUint64(data, math.Float64bits(v))
				default:
					data = binary.LittleEndian.AppendUint16(data, uint16(r.Uint32N(1<<14)+1<<13))
				}
				if r.IntN(3) > 0 { // some of a kind
					for range 14 {
						data = append(data, data[max(0, len(data)-1-r.IntN(4)):]...)
						data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(r.NormFloat64())))
					}
				}
			}
		}
		var l lane
		for _, l.layout = range layouts() {
			for from := range l.width {
				var all, looked [][]Number
				l.read(data[from:])
				l.plainNeighbours(func(n []Number) { all = append(all, slices.Clone(n)) })
				l.stretches(data[from:], func(part []byte) {
					l.read(part)
					l.neighbours(func(n []Number) { looked = append(looked, slices.Clone(n)) })
				})
				some += len(all)
				if !slices.EqualFunc(all, looked, func(a, b []Number) bool { return slices.Equal(a, b) }) {
					t.Fatalf("%s from %d: %d runs, of which %d are looked at", l.name, from, len(all), len(looked))
				}
			}
		}
	}
	if some < 1000 {
		t.Errorf("only %d runs", some)
	}
}

// TestShortBytesAreLookedAt takes pieces of every length from none, of which some are shorter than a number.
func TestShortBytesAreLookedAt(t *testing.T) {
	held := []Tensor{{Name: "w", Sizes: []int{16}, Values: make([]float32, 16)}}
	for i := range held[0].Values {
		held[0].Values[i] = float32(i*i%7) + 0.25*float32(i)
	}
	var data []byte
	for _, v := range held[0].Values[:window] {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	for n := range len(data) + 1 {
		found := Weights([]find.Piece{{File: "a", Bytes: data[:n]}}, held)
		if is := slices.ContainsFunc(found, func(f Finding) bool { return f.Rule == "weights/values" }); is != (n == len(data)) {
			t.Errorf("%d bytes of %d: %v", n, len(data), found)
		}
	}
}

// plainNeighbours gives the same runs as neighbours, by the definition: every number that is in a window of twelve of which none is
// strange and nine are within seven octaves of the largest.
func (l lane) plainNeighbours(add func([]Number)) {
	in := make([]bool, len(l.values))
	for i := range len(l.values) - window + 1 {
		top, alike, all := int8(-octaves), 0, true
		for k := i; k < i+window; k++ {
			top, all = max(top, l.octaves[k]), all && (l.octaves[k] != strange || l.values[k] == 0)
		}
		for k := i; k < i+window; k++ {
			if l.octaves[k] > top-spread {
				alike++
			}
		}
		if all && alike >= 9 {
			for k := i; k < i+window; k++ {
				in[k] = true
			}
		}
	}
	var run []Number
	for i := range in {
		if in[i] {
			run = append(run, floating(l.values[i], l.mantissa))
		}
		if len(run) > 0 && (!in[i] || i+1 == len(in)) {
			add(run)
			run = nil
		}
	}
}
