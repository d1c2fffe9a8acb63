package artefact

import (
	"encoding/binary"
	"math"
	"regexp"
	"strconv"
	"unicode/utf8"

	"narthex/internal/twin"
)

const (
	piece    = 1 << 20 // bytes of a file of no known kind that are looked at together
	most     = 1 << 14 // different values that are looked at of one part
	sureBits = 30      // a mark is found where chance would give as much once in 2^30, over all comparisons
)

// Sample is what is known of a file in which marks are looked for. It knows nothing of what the values were before.
type Sample struct {
	parts  []part
	values int
}

// part is the values of a part of a file as one type could have them: the bits but the last, and what the last one mostly is.
type part struct {
	kind   twin.Type
	values []value
}

type value struct{ upper, last uint32 }

// Read takes in any file: a safetensors file tensor by tensor and as a whole, the numbers of a text, and any other bytes as numbers from
// every place. It fails on none.
func Read(data []byte) Sample {
	var s Sample
	if tensors, err := twin.Read(data); err == nil {
		var whole []uint32
		for _, t := range tensors {
			bits := singles(t.Data, 0, t.Type)
			whole = append(whole, bits...)
			s.add(bits)
		}
		if len(tensors) > 1 {
			s.add(whole)
		}
		s.values = len(whole)
		return s
	}
	if utf8.Valid(data) {
		s.values = s.add(numbers(data))
		return s
	}
	for from := 0; from < len(data); from += piece {
		part := data[from:min(from+piece+7, len(data))] // a number that lies over the end stands in one of the two
		for _, kind := range []twin.Type{twin.F32, twin.F64, twin.F16, twin.BF16} {
			for offset := range kind.Width() {
				s.values = max(s.values, s.add(singles(part, offset, kind)))
			}
		}
	}
	return s
}

// singles gives the values of a type that a float32 has exactly, as its bits.
func singles(data []byte, offset int, kind twin.Type) (all []uint32) {
	order, wide := binary.LittleEndian, kind.Width()
	for at := offset; wide > 0 && at+wide <= len(data); at += wide {
		switch kind {
		case twin.F32:
			all = append(all, order.Uint32(data[at:]))
		case twin.F64:
			if bits, is := single(math.Float64frombits(order.Uint64(data[at:]))); is {
				all = append(all, bits)
			}
		case twin.BF16:
			all = append(all, uint32(order.Uint16(data[at:]))<<16)
		case twin.F16:
			if bits := uint32(order.Uint16(data[at:])); normal(twin.F16, bits) {
				all = append(all, bits>>15<<31|(bits>>10&31+127-15)<<23|bits&0x3ff<<13)
			}
		}
	}
	return all
}

var number = regexp.MustCompile(`-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?`)

// numbers gives the numbers of a text, each as the nearest float32: one that was written with enough digits is the very number.
func numbers(text []byte) (all []uint32) {
	for _, found := range number.FindAll(text, -1) {
		if v, err := strconv.ParseFloat(string(found), 32); err == nil {
			all = append(all, math.Float32bits(float32(v)))
		}
	}
	return all
}

// add takes the values of a part in, under each type that may have them, and says how many they are. Of numbers of sixteen bits there are
// few different ones, so the last bit of each is what it mostly is.
func (s *Sample) add(bits []uint32) int {
	for _, t := range types {
		votes := map[uint32]int{}
		var order []uint32
		some, all := 0, 0
		for _, b := range bits {
			if b<<1 == 0 {
				continue
			}
			all++
			if t != twin.F32 {
				short, is := narrow(t, b)
				if !is {
					continue
				}
				b = short
			}
			if !normal(t, b) {
				continue
			}
			some++
			if _, known := votes[b>>1]; !known {
				if len(order) == most {
					continue
				}
				order = append(order, b>>1)
			}
			votes[b>>1] += int(b&1)*2 - 1
		}
		if some*2 < all {
			continue // what a type has of a few values by chance says nothing
		}
		p := part{kind: t}
		for _, upper := range order {
			if vote := votes[upper]; vote != 0 {
				p.values = append(p.values, value{upper, uint32(max(0, min(1, vote)))})
			}
		}
		if len(p.values) > 0 {
			s.parts = append(s.parts, p)
		}
	}
	return len(bits)
}

// Values is how many values were read.
func (s Sample) Values() int { return s.values }

// Evidence is what was found of one mark: of so many different values that it marks, so many have its last bit.
type Evidence struct {
	Compared, Agreed int
	bits             float64 // how often chance gives as much, as the power of two below one
}

// Test looks for a mark in the part that has most of it.
func (s Sample) Test(m Mark) (best Evidence) {
	if m.block == nil {
		return best
	}
	for _, p := range s.parts {
		var e Evidence
		for _, v := range p.values {
			if bit, marks := m.of(p.kind, v.upper); marks {
				e.Compared++
				if bit == v.last {
					e.Agreed++
				}
			}
		}
		if e.bits = rarity(e.Agreed, e.Compared); e.bits > best.bits || best.Compared == 0 {
			best = e
		}
	}
	return best
}

// rarity bounds how rarely so many of some fair coins fall on one side or more: once in two to that power at least, by Chernoff's bound. A
// mark that is not in a file is such coins, whatever the file holds.
func rarity(agreed, of int) float64 {
	if of == 0 || 2*agreed <= of {
		return 0
	}
	share := float64(agreed) / float64(of)
	entropy := -share * math.Log2(share)
	if agreed < of {
		entropy -= (1 - share) * math.Log2(1-share)
	}
	return float64(of) * (1 - entropy)
}

// Sure says whether a mark was found where so many were looked for in the sample, and how often chance would find any of them in a file
// that has none: once in ten to that power.
func (s Sample) Sure(e Evidence, marks int) (powers int, found bool) {
	left := e.bits - math.Log2(float64(max(1, marks)*max(1, len(s.parts))))
	return int(math.Floor(max(0, left) * math.Log10(2))), left >= sureBits
}
