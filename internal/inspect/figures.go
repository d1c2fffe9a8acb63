package inspect

import (
	"bytes"
	"math"
	"slices"
	"strconv"
)

// written is a number as it is written: its digits without a point, and how many stand behind it.
type written struct {
	at, end int
	digits  int64
	n       int // how many digits there are
	behind  int
	hex     int // what the letters say in base 16; -1 where they are more than two, or a number with a point
	octal   int // the same in base 8, of up to three
	binary  int // in base 2, of up to eight
	decimal bool
	marked  bool // it has 0x before it
	bits    bool // it is a number of base 2 of five digits or more
}

// numbersOf gives the numbers of a text, and what could be a byte in another base, in order.
func numbersOf(b []byte) (all []written) {
	for i := 0; i < len(b); {
		if sign[b[i]] != digit && (base16[b[i]] == false) || i > 0 && (sign[b[i-1]] != 0 || b[i-1] == '.') {
			i++
			continue
		}
		w := written{at: i, decimal: true}
		if b[i] == '0' && i+2 < len(b) && b[i+1]|0x20 == 'x' && base16[b[i+2]] {
			w.marked, w.decimal = true, false
			i += 2
		}
		start, point := i, -1
		hex, octal, binary := 0, 0, 0
		for ; i < len(b); i++ {
			c := b[i]
			if c == '.' && point < 0 && i+1 < len(b) && sign[b[i+1]] == digit && w.decimal {
				point = i
				continue
			}
			v := int(c - '0')
			if sign[c] != digit {
				if !base16[c] {
					break
				}
				v, w.decimal = int(c|0x20-'a')+10, false
			}
			if w.n++; w.n <= 15 && w.decimal {
				w.digits = w.digits*10 + int64(v)
			}
			if point >= 0 {
				w.behind++
			}
			hex = min(hex<<4|v, 1<<20)
			if octal = octal<<3 | v; v > 7 || octal > 255 {
				octal = 1 << 20
			}
			if binary = binary<<1 | v; v > 1 || binary > 255 {
				binary = 1 << 20
			}
		}
		if i < len(b) && sign[b[i]] != 0 {
			for i < len(b) && sign[b[i]] != 0 {
				i++
			}
			continue
		}
		w.end = i
		w.bits = !w.marked && i-start >= 5 && len(bytes.Trim(b[start:i], "01")) == 0 && bytes.Count(b[start:i], []byte("1")) > 1 && bytes.IndexByte(b[start:i], '0') >= 0
		w.hex, w.octal, w.binary = -1, -1, -1
		if point < 0 && i-start <= 2 {
			w.hex = hex
		}
		if point < 0 && !w.marked && i-start <= 3 && octal < 256 {
			w.octal = octal
		}
		if point < 0 && !w.marked && i-start <= 8 && binary < 256 {
			w.binary = binary
		}
		all = append(all, w)
	}
	return all
}

// carried are the ways in which a number may carry a byte; below zero where it carries none.
var carried = []struct {
	name string
	of   func(w written) int
}{
	{"numbers", func(w written) int { return whole(w, 0) }},
	{"numbers of base 16", func(w written) int { return w.hex }},
	{"numbers of base 8", func(w written) int { return w.octal }},
	{"numbers of base 2", func(w written) int { return w.binary }},
	{"digits turned round", func(w written) int {
		if !w.decimal || w.behind > 0 || w.n > 3 {
			return -1
		}
		v, rest := 0, int(w.digits)
		for range w.n {
			v, rest = v*10+rest%10, rest/10
		}
		return small(v)
	}},
	{"tenths", func(w written) int { return whole(w, 1) }},
	{"hundredths", func(w written) int { return whole(w, 2) }},
	{"thousandths", func(w written) int { return whole(w, 3) }},
	{"ten-thousandths", func(w written) int { return whole(w, 4) }},
	{"last three digits of four", func(w written) int { return small(lead(w) % 1000) }},
	{"last two digits of four", func(w written) int { return lead(w) % 100 }},
	{"first three digits", func(w written) int { return small(lead(w) / 10) }},
	{"parts of 256", func(w written) int { return part(w, 256) }},
	{"parts of 255", func(w written) int { return part(w, 255) }},
	{"parts of 128", func(w written) int { return part(w, 128) }},
}

func small(v int) int {
	if v > 255 {
		return -1
	}
	return v
}

// whole gives the number times a power of ten, where that is whole.
func whole(w written, power int) int {
	if !w.decimal || w.behind > power || w.n > 6 {
		return -1
	}
	v := w.digits
	for range power - w.behind {
		v *= 10
	}
	return small(int(min(v, 1<<20)))
}

// lead gives the first four digits that are no leading zeros.
func lead(w written) int {
	v := w.digits
	if !w.decimal || v == 0 {
		return -1
	}
	for v >= 10_000 {
		v /= 10
	}
	for v < 1000 {
		v *= 10
	}
	return int(v)
}

// part gives the number as so many parts of one.
func part(w written, of float64) int {
	if !w.decimal || w.behind < 1 || w.behind > 12 {
		return -1
	}
	return small(int(math.Round(float64(w.digits) / math.Pow10(w.behind) * of)))
}

// apartAt is how many bytes may stand between two numbers of a list: a few words.
const apartAt = 56

// numbers reads the numbers of a text as bytes, and finds lists of bytes.
func (l *look) numbers(p piece) {
	all := numbersOf(p.bytes)
	if len(all) < gram {
		return
	}
	for _, c := range carried {
		if slices.Contains(p.within, c.name) && p.faint {
			return // numbers of numbers are found where they stand
		}
	}
	loud := !p.faint && !p.said
	var list, behind []byte
	for way, c := range carried {
		out := make([]byte, 0, len(all))
		for _, w := range all {
			if v := c.of(w); v >= 0 {
				out = append(out, byte(v))
			}
		}
		if len(out) < gram {
			continue
		}
		child := p.under(c.name, all[0].at, out)
		child.faint = true
		l.push(child)
		if way >= 5 || !loud { // those that a list may be of
			continue
		}
		// A list is of numbers that stand close together; a few of its numbers may be broken.
		list, gone, start := list[:0], 0, 0
		ends := func() {
			if loud && bytesLike(list) {
				l.find(p, start, Encoded, "odd: numbers that are bytes", "a run of "+strconv.Itoa(len(list))+" numbers is spread as the bytes of a text or of compressed or encrypted data are")
				loud = false
			}
			list, gone = list[:0], 0
		}
		for i, w := range all {
			if i > 0 && w.at-all[i-1].end > apartAt || len(list) == 512 {
				ends()
			}
			if v := c.of(w); v >= 0 {
				if len(list) == 0 {
					start = w.at
				}
				list, gone = append(list, byte(v)), 0
			} else if gone++; gone > 5 {
				ends()
			}
		}
		ends()
	}
	marked, bits, zeros, wide, even, paired := 0, 0, 0, 0, 0, 0
	for _, w := range all {
		if w.marked {
			marked++
		}
		if w.bits {
			bits++
		}
		if w.n >= 5 && w.behind == 0 {
			wide++
		}
		if w.n == 3 && p.bytes[w.at] == '0' && w.behind == 0 {
			zeros++
		}
		if w.decimal && w.behind == 0 && w.n >= 6 {
			behind = append(behind, p.bytes[w.at:w.end]...)
			if w.n%2 == 0 {
				even++
				if letterPairs(p.bytes[w.at:w.end]) {
					paired++
				}
			}
		}
	}
	if (marked >= 12 || bits >= 6 && bits*2 >= wide || zeros >= 8 || paired >= 8 && paired*20 >= even*17) && !p.faint && !p.said {
		l.find(p, all[0].at, Encoded, "odd: numbers that are bytes", "it lists numbers as programs write bytes, in base 16, base 8 or base 2")
	}
	for skip := range 3 {
		if len(behind) < 24 {
			break
		}
		var out []byte
		for i := skip; i+3 <= len(behind); i += 3 {
			if v := int(behind[i]-'0')*100 + int(behind[i+1]-'0')*10 + int(behind[i+2]-'0'); v < 256 {
				out = append(out, byte(v))
			}
		}
		child := p.under("digits by three", all[0].at, out)
		child.faint = true
		l.push(child)
	}
	if len(behind) >= 16 {
		l.region(p, all[0].at, behind, false)
	}
}

// letterPairs says whether digits, two by two, are letters in base 16.
func letterPairs(digits []byte) bool {
	for i := 0; i < len(digits); i += 2 {
		if digits[i] < '2' || digits[i] > '7' {
			return false
		}
	}
	return true
}

// bytesLike says whether numbers up to 255 are spread as the letters of an encoding or a text, or as bytes drawn by lot are, and are in
// no order.
func bytesLike(b []byte) bool {
	if full := bytes.ReplaceAll(b, []byte{0}, nil); len(full)*5 < len(b)*4 {
		b = full // as of letters of two or four bytes
	}
	if len(b) < 24 || slices.IsSorted(b) {
		return false
	}
	var counts [256]int
	var bins [8]int
	word, print, distinct := 0, 0, 0
	rises, falls := 0, 0
	for i, c := range b {
		if counts[c]++; counts[c] == 1 {
			distinct++
		}
		bins[c>>5]++
		if folds[c] != 0 || c == ' ' || c == '+' || c == '/' || c == '=' {
			word++
		}
		if c >= 32 && c < 127 {
			print++
		}
		if i > 0 && c > b[i-1] {
			rises++
		} else if i > 0 && c < b[i-1] {
			falls++
		}
	}
	if n := len(b); min(rises, falls)*8 < n || distinct < 8 {
		return false
	}
	n := len(b)
	if word*100 >= n*92 || print*100 >= n*96 && distinct >= 10 || n >= 32 && (print*100 >= n*80 || word*100 >= n*62 && print*100 >= n*78) {
		return true // measured numbers are mostly small
	}
	// Bytes of numbers or drawn by lot: many have the highest bit, and hardly an eighth of the range is empty.
	empty, high := 0, 0
	for i, k := range bins {
		if k == 0 {
			empty++
		}
		if i >= 4 {
			high += k
		}
	}
	return empty <= 2 && distinct*2 >= min(n, 48) && high*6 > n && high*6 < 5*n && bins[6]+bins[7] > 0
}
