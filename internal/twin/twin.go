// Package twin makes the mock twin of a file of weights or of records, on which a study is tried before it runs beside the real one. That of
// weights is a file of the same names, shapes and types, with random values of the same scale.
//
// A twin follows from names, shapes and types, from the mean and the standard deviation of each tensor to two digits, and from the seed:
// two files that have these in common have one twin. So it tells no more of the weights than these do. Of a tensor of a few values mean
// and deviation would nearly be the values, so it has those of 0 and 1. That one of a twin's values is, by chance, one of the original's
// cannot be told from it.
//
// Of JSON lines the twin is of their fields alone: records.go says what it tells.
//
// It is pure, and the same on every machine. It trusts nothing that it reads: safetensors.go says what a file must be. Read next: that.
package twin

import (
	"fmt"
	"hash/fnv"
	"math"
	"strconv"
)

// Twin gives the twin of a safetensors file under a seed. Its metadata is left out. The error is that of [Read], or says that the file
// holds a number that is not finite.
func Twin(safetensors []byte, seed uint64) ([]byte, error) {
	tensors, err := Read(safetensors)
	if err != nil {
		return nil, err
	}
	for i, t := range tensors {
		mean, deviation, finite := t.scale()
		if !finite {
			return nil, fmt.Errorf("make a twin: tensor %d holds a value that is not finite, so it has no scale: say which values it should have, or leave it out", i+1)
		}
		name := fnv.New64a()
		name.Write([]byte(t.Name))
		draw := stream(seed ^ mix(name.Sum64()))
		twin := make([]byte, 0, len(t.Data))
		for range len(t.Data) / t.Type.Width() {
			twin = t.Type.append(twin, mean+float64(deviation*draw.bell()))
		}
		tensors[i].Data = twin
	}
	return Write(tensors), nil
}

// fewest is how many values a tensor has at least whose scale is told.
const fewest = 32

// scale gives mean and standard deviation of a tensor, to two digits. Where all values are alike the deviation is a hundredth of them, or
// a hundredth. A tensor of fewer than [fewest] values has 0 and 1.
func (t Tensor) scale() (mean, deviation float64, finite bool) {
	n := float64(len(t.Data) / t.Type.Width())
	if n == 0 {
		return 0, 0, true
	}
	var sum, squares float64
	t.each(func(v float64) { sum += v })
	mean = sum / n
	t.each(func(v float64) { squares += float64((v - mean) * (v - mean)) })
	deviation = math.Sqrt(squares / n)
	switch {
	case math.IsNaN(deviation) || math.IsInf(deviation, 0) || math.IsInf(mean, 0):
		return 0, 0, false
	case n < fewest:
		return 0, 1, true
	}
	if mean, deviation = two(mean), two(deviation); deviation == 0 {
		deviation = max(math.Abs(mean)/100, 0.01)
	}
	return mean, deviation, true
}

// two rounds to two digits.
func two(v float64) float64 {
	short, err := strconv.ParseFloat(strconv.FormatFloat(v, 'e', 1, 64), 64)
	if err != nil {
		return v
	}
	return short
}

// stream is a source of numbers, SplitMix64.
type stream uint64

func (s *stream) next() uint64 {
	*s += 0x9e3779b97f4a7c15
	return mix(uint64(*s))
}

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// bell gives a number of mean 0 and deviation 1: the sum of eight even ones, at most 4.9 from 0.
func (s *stream) bell() float64 {
	var sum uint64
	for range 2 {
		for bits := s.next(); bits != 0; bits >>= 16 {
			sum += bits & 0xffff
		}
	}
	return (float64(sum) - 4*65535) / (65536 * math.Sqrt(8.0/12))
}
