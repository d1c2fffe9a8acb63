package values

import (
	"encoding/binary"
	"math"
	"slices"
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

// lane is the numbers of bytes in one layout from one place, each with its octave, or strange where no weight is so large or small.
type lane struct {
	layout
	from    int
	values  []float64
	octaves []int8
}

const strange = math.MinInt8

// counts are how often each byte stands at each place of eight.
type counts [8][256]int32

func countsOf(data []byte) *counts {
	c := new(counts)
	for ; len(data) >= 8; data = data[8:] {
		c[0][data[0]]++
		c[1][data[1]]++
		c[2][data[2]]++
		c[3][data[3]]++
		c[4][data[4]]++
		c[5][data[5]]++
		c[6][data[6]]++
		c[7][data[7]]++
	}
	for i, b := range data {
		c[i][b]++
	}
	return c
}

// may says whether numbers in a layout from a place could be spread as weights are, by their highest bytes alone: nineteen in twenty are
// of sizes that weights have, two in five are below zero, and one in five is of the most frequent size.
func (c *counts) may(l layout, from int) bool {
	low, high := 127-octaves, 127+octaves // exponents
	shift := 1                            // of those of eight bits, seven are in the first byte
	switch {
	case l.width == 2 && l.mantissa == 10:
		low, high, shift = 0, 30, -2 // of five, all are
	case l.width == 8:
		low, high, shift = 1023-octaves, 1023+octaves, 4
	}
	top := from
	if l.order == binary.LittleEndian {
		top = from + l.width - 1
	}
	all, some, negative := 0, 0, 0
	var sizes [128]int
	for at := top % l.width; at < 8; at += l.width {
		for b, n := range c[at] {
			all += int(n)
			exponent := b & 0x7f
			if shift < 0 {
				exponent >>= -shift
			} else if exponent < low>>shift || exponent > high>>shift {
				continue
			}
			some += int(n)
			sizes[exponent] += int(n)
			if b >= 0x80 {
				negative += int(n)
			}
		}
	}
	return (some+2)*20 >= all*19 && (negative+2)*50 >= all*19 && (negative-2)*20 <= all*13 && (slices.Max(sizes[:])+2)*6 > all
}

// lanes gives the bytes' numbers in every layout and from every place that a number could begin at: where only is given, in those that it
// says. They last until the next.
func lanes(data []byte, only *counts, visit func(l lane)) {
	l := lane{values: make([]float64, 0, len(data)/2), octaves: make([]int8, 0, len(data)/2)}
	for _, l.layout = range layouts() {
		for l.from = range l.width {
			if only != nil && !only.may(l.layout, l.from) {
				continue
			}
			l.values, l.octaves = l.values[:0], l.octaves[:0]
			for at := l.from; at+l.width <= len(data); at += l.width {
				v := l.value(l.order, data[at:])
				o, is := octave(v)
				if !is {
					o = strange
				}
				l.values, l.octaves = append(l.values, v), append(l.octaves, int8(o))
			}
			visit(l)
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
func (l lane) bell() bool {
	var count [2*octaves + 1]int
	some, negative := 0, 0
	for i, o := range l.octaves {
		if o != strange {
			count[int(o)+octaves]++
			some++
			if l.values[i] < 0 {
				negative++
			}
		}
	}
	if some < fewestRaw || some*20 < len(l.values)*19 || negative*5 < some*2 || negative*5 > some*3 {
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
	var some [256]int
	for _, c := range data {
		some[c]++
	}
	kinds := 0
	for c, n := range some {
		switch v := int8(c); {
		case v >= -16 && v < 16:
			near += n
		case v >= -64 && v < 64:
			wide += n
		default:
			far += n
		}
		if c >= 128 {
			negative += n
		}
		kinds += min(n, 1)
	}
	// Of so many near zero, four in a band of 32 for each three in one of 96, and of none more than one in ten.
	for _, n := range some {
		if n*10 > len(data) {
			return false
		}
	}
	return kinds >= 48 && negative*5 > len(data)*2 && negative*5 < len(data)*3 && near*3 > wide && near*10 > len(data)*2 && wide*4 > far*5
}

// neighbours gives the runs of numbers that could be weights, for comparison with tensors: where of twelve in a row nine have sizes within
// seven octaves of the largest.
func (l lane) neighbours(add func(numbers []Number)) {
	end, plain := 0, 0 // how far numbers have been kept, and how many in a row could be weights
	var numbers []Number
	flush := func() {
		if len(numbers) >= window {
			add(numbers)
		}
		numbers = nil
	}
	for i, o := range l.octaves {
		if o == strange && l.values[i] != 0 {
			plain = 0
			continue
		}
		if plain++; plain < window {
			continue
		}
		top, alike := int8(-octaves), 0
		for _, o := range l.octaves[i-window+1 : i+1] {
			top = max(top, o)
		}
		for _, o := range l.octaves[i-window+1 : i+1] {
			if o > top-spread {
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
		for _, v := range l.values[start : i+1] {
			numbers = append(numbers, floating(v, l.mantissa))
		}
		end = i + 1
	}
	flush()
}
