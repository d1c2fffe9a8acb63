package inspect

import (
	"encoding/binary"
	"math"
)

// layout is a way in which bytes hold floating-point numbers.
type layout struct {
	name     string
	width    int
	order    binary.ByteOrder
	mantissa int // bits
	value    func(order binary.ByteOrder, data []byte) float64
}

// layouts gives those that weights are kept in.
func layouts() []layout {
	f16 := func(o binary.ByteOrder, d []byte) float64 { return half(o.Uint16(d)) }
	bf16 := func(o binary.ByteOrder, d []byte) float64 {
		return float64(math.Float32frombits(uint32(o.Uint16(d)) << 16))
	}
	f32 := func(o binary.ByteOrder, d []byte) float64 { return float64(math.Float32frombits(o.Uint32(d))) }
	f64 := func(o binary.ByteOrder, d []byte) float64 { return math.Float64frombits(o.Uint64(d)) }
	little, big := binary.LittleEndian, binary.BigEndian
	return []layout{
		{"float16", 2, little, 10, f16}, {"float16, its high byte first", 2, big, 10, f16},
		{"bfloat16", 2, little, 7, bf16}, {"bfloat16, its high byte first", 2, big, 7, bf16},
		{"float32", 4, little, 23, f32}, {"float32, its high byte first", 4, big, 23, f32},
		{"float64", 8, little, 52, f64}, {"float64, its high byte first", 8, big, 52, f64},
	}
}

const (
	fewestRaw = 256 // numbers, for their spread to say something
	octaves   = 24  // below and above one, in which a weight's size may lie
	spread    = 7   // octaves, in which nine of ten weights of a tensor lie, and of twelve neighbours nine
)

// lanes gives the bytes' numbers in every layout and from every place that a number could begin at.
func lanes(data []byte, visit func(l layout, from int, values []float64)) {
	values := make([]float64, 0, len(data)/2)
	for _, l := range layouts() {
		for from := range l.width {
			values = values[:0]
			for at := from; at+l.width <= len(data); at += l.width {
				values = append(values, l.value(l.order, data[at:]))
			}
			visit(l, from, values)
		}
	}
}

// octave gives how large a number is, in powers of two; false for what no weight is.
func octave(v float64) (int, bool) {
	exponent := int(math.Float64bits(v)>>52&2047) - 1023
	return exponent, exponent >= -octaves && exponent <= octaves
}

// floating gives a number that is kept in so many bits and an exponent.
func floating(v float64, mantissa int) Number {
	exponent, _ := octave(v)
	return Number{v, math.Ldexp(1, exponent-mantissa-1)}
}

// bell says whether numbers are spread as weights are: of both signs alike, nine of ten within seven octaves, each octave below the most
// frequent ones holding about half of the next, as where the density around zero is level.
func bell(values []float64) bool {
	var count [2*octaves + 1]int
	some, negative := 0, 0
	for _, v := range values {
		if o, is := octave(v); is {
			count[o+octaves]++
			some++
			if v < 0 {
				negative++
			}
		}
	}
	if some < fewestRaw || some*20 < len(values)*19 || negative*5 < some*2 || negative*5 > some*3 {
		return false
	}
	top := 0
	for o, n := range count {
		if n > count[top] {
			top = o
		}
	}
	near := 0
	for o := max(0, top-spread+3); o < min(len(count), top+3); o++ {
		near += count[o]
	}
	if near*10 < some*9 || top < 4 {
		return false
	}
	below, further := count[top-2], count[top-3]+count[top-4]
	return count[top]*5 > some && count[top]*10 < some*7 && below*20 > some && below*10 < some*3 && further*4 > below && further < 2*below
}

// small says whether bytes are spread as weights of eight bits are: around zero, the more the less far, on both sides alike.
func small(data []byte) bool {
	if len(data) < 4*fewestRaw {
		return false
	}
	var near, wide, far, negative int
	for _, c := range data {
		switch v := int8(c); {
		case v >= -16 && v < 16:
			near++
		case v >= -64 && v < 64:
			wide++
		default:
			far++
		}
		if int8(c) < 0 {
			negative++
		}
	}
	var some [256]int
	kinds := 0
	for _, c := range data {
		if some[c]++; some[c] == 1 {
			kinds++
		}
	}
	// Of so many near zero, four in a band of 32 for each three in one of 96, and of none more than one in ten.
	for _, n := range some {
		if n*10 > len(data) {
			return false
		}
	}
	return kinds >= 48 && negative*5 > len(data)*2 && negative*5 < len(data)*3 && near*3 > wide && near*10 > len(data)*2 && wide*4 > far*5
}

// neighbours gives the runs of numbers in bytes that could be weights, for comparison with tensors: where of twelve in a row nine have
// sizes within seven octaves of the largest.
func neighbours(data []byte, add func(l layout, from int, at []int, numbers []Number)) {
	lanes(data, func(l layout, from int, values []float64) {
		end, plain := 0, 0 // how far numbers have been kept, and how many in a row could be weights
		var places []int
		var numbers []Number
		flush := func() {
			if len(numbers) >= window {
				add(l, from, places, numbers)
			}
			places, numbers = nil, nil
		}
		for i, v := range values {
			if _, is := octave(v); !is && v != 0 {
				plain = 0
				continue
			}
			if plain++; plain < window {
				continue
			}
			top, alike := -octaves, 0
			for _, v := range values[i-window+1 : i+1] {
				o, _ := octave(v)
				top = max(top, o)
			}
			for _, v := range values[i-window+1 : i+1] {
				if o, _ := octave(v); o > top-spread {
					alike++
				}
			}
			if alike < 9 {
				continue
			}
			start := max(end, i-window+1)
			if start > end {
				flush()
			}
			for j := start; j <= i; j++ {
				places = append(places, from+j*l.width)
				numbers = append(numbers, floating(values[j], l.mantissa))
			}
			end = i + 1
		}
		flush()
	})
}
