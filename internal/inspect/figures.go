package inspect

import (
	"bytes"
	"math"
	"slices"
	"strconv"
)

// written is a number as it is written: its digits without a point, and how many stand behind it.
type written struct {
	at, end int32
	digits  int64
	n       int16 // how many digits there are
	behind  int16
	hex     int16 // what the letters say in base 16; -1 where they are more than two, or a number with a point
	octal   int16 // the same in base 8, of up to three
	binary  int16 // in base 2, of up to eight
	decimal bool
	marked  bool // it has 0x before it
	bits    bool // it is a number of base 2 of five digits or more
}

// numbersOf adds the numbers of a text, and what could be a byte in another base, in order.
func numbersOf(all []written, b []byte) []written {
	for i := 0; i < len(b); {
		if sign[b[i]] != digit && (base16[b[i]] == false) || i > 0 && (sign[b[i-1]] != 0 || b[i-1] == '.') {
			i++
			continue
		}
		w := written{at: int32(i), decimal: true}
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
			if w.n = min(w.n+1, 1<<14); w.n <= 15 && w.decimal {
				w.digits = w.digits*10 + int64(v)
			}
			if point >= 0 {
				w.behind = min(w.behind+1, 1<<14)
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
		w.end = int32(i)
		w.bits = !w.marked && i-start >= 5 && len(bytes.Trim(b[start:i], "01")) == 0 && bytes.Count(b[start:i], []byte("1")) > 1 && bytes.IndexByte(b[start:i], '0') >= 0
		w.hex, w.octal, w.binary = -1, -1, -1
		if point < 0 && i-start <= 2 {
			w.hex = int16(hex)
		}
		if point < 0 && !w.marked && i-start <= 3 && octal < 256 {
			w.octal = int16(octal)
		}
		if point < 0 && !w.marked && i-start <= 8 && binary < 256 {
			w.binary = int16(binary)
		}
		all = append(all, w)
	}
	return all
}

// carried are the ways in which a number may carry a byte; below zero where it carries none.
var carried = []struct {
	name string
	of   func(w *written) int
	base int // in which programs list bytes so; 0 where none does
}{
	{"numbers", func(w *written) int { return whole(w, 0) }, 10},
	{"numbers of base 16", func(w *written) int { return int(w.hex) }, 16},
	{"numbers of base 8", func(w *written) int { return int(w.octal) }, 8},
	{"numbers of base 2", func(w *written) int { return int(w.binary) }, 2},
	{"digits turned round", func(w *written) int { return turnedRound(w, 10) }, 10},
	{"digits of base 8 turned round", func(w *written) int { return turnedRound(w, 8) }, 8},
	{"tenths", func(w *written) int { return whole(w, 1) }, 0},
	{"hundredths", func(w *written) int { return whole(w, 2) }, 0},
	{"thousandths", func(w *written) int { return whole(w, 3) }, 0},
	{"ten-thousandths", func(w *written) int { return whole(w, 4) }, 0},
	{"last three digits of four", func(w *written) int { return small(lead(w) % 1000) }, 0},
	{"last two digits of four", func(w *written) int { return lead(w) % 100 }, 0},
	{"first three digits", func(w *written) int { return small(lead(w) / 10) }, 0},
	{"parts of 256", func(w *written) int { return part(w, 256) }, 0},
	{"parts of 255", func(w *written) int { return part(w, 255) }, 0},
	{"parts of 128", func(w *written) int { return part(w, 128) }, 0},
}

// turnedRound gives a number of up to three digits that was written from its last digit on.
func turnedRound(w *written, base int) int {
	if !w.decimal || w.behind > 0 || w.n > 3 || base == 8 && w.n < 3 {
		return -1
	}
	v, rest := 0, int(w.digits)
	for range w.n {
		if rest%10 >= base {
			return -1
		}
		v, rest = v*base+rest%10, rest/10
	}
	return small(v)
}

func small(v int) int {
	if v > 255 {
		return -1
	}
	return v
}

// whole gives the number times a power of ten, where that is whole.
func whole(w *written, power int) int {
	if !w.decimal || int(w.behind) > power || w.n > 6 {
		return -1
	}
	v := w.digits
	for range power - int(w.behind) {
		v *= 10
	}
	return small(int(min(v, 1<<20)))
}

// lead gives the first four digits that are no leading zeros.
func lead(w *written) int {
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
func part(w *written, of float64) int {
	if !w.decimal || w.behind < 1 || w.behind > 12 {
		return -1
	}
	return small(int(math.Round(float64(w.digits) / math.Pow10(int(w.behind)) * of)))
}

// apartAt is how many bytes may stand between two numbers of a list: a few words.
const apartAt = 56

// numbers reads the numbers of a text as bytes, and finds lists of bytes.
func (l *look) numbers(p piece) {
	all := numbersOf(l.written[:0], p.bytes)
	l.written = all
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
	for _, c := range carried {
		out := make([]byte, 0, len(all))
		for i := range all {
			if v := c.of(&all[i]); v >= 0 {
				out = append(out, byte(v))
			}
		}
		if len(out) < gram {
			continue
		}
		child := p.under(c.name, int(all[0].at), out)
		child.faint = true
		l.push(child)
		if c.base == 0 || !loud {
			continue
		}
		// A list is of numbers that stand close together; a few of its numbers may be broken.
		list, gone, start, threes, lettered := list[:0], 0, 0, 0, 0
		ends := func() {
			fewest := 24
			if c.name == "numbers" || threes == len(list) && c.base == 8 || lettered >= 3 && c.base == 16 {
				fewest = 16
			}
			if loud && len(list) >= fewest && bytesLike(list) && (!p.drawn || len(list) >= 32) {
				l.find(p, start, Encoded, "odd: numbers that are bytes", "a run of "+strconv.Itoa(len(list))+" numbers is spread as the bytes of a text or of compressed or encrypted data are")
				loud = false
			}
			list, gone, threes, lettered = list[:0], 0, 0, 0
		}
		for i := range all {
			w := &all[i]
			if i > 0 && w.at-all[i-1].end > apartAt || len(list) == 512 {
				ends()
			}
			if v := c.of(w); v >= 0 {
				if len(list) == 0 {
					start = int(w.at)
				}
				if list, gone = append(list, byte(v)), 0; w.n == 3 {
					threes++
				} else if w.n == 2 && !w.decimal {
					lettered++
				}
			} else if gone++; gone > 5 {
				ends()
			}
		}
		ends()
	}
	marked, bits, zeros, wide, even, paired, lengthy, spelt := 0, 0, 0, 0, 0, 0, 0, 0
	leads := map[string]bool{}
	for i := range all {
		w := &all[i]
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
			if w.n >= 8 {
				lengthy++
				leads[string(p.bytes[w.at:w.at+3])] = true
				if d := p.bytes[w.at:w.end]; letterly(d) || letterly(d[1:]) {
					spelt++
				}
			}
			if w.n%2 == 0 {
				even++
				if letterPairs(p.bytes[w.at:w.end]) {
					paired++
				}
			}
		}
	}
	if lengthy >= 6 && spelt*10 >= lengthy*7 && len(leads)*2 >= lengthy && !p.faint && !p.said && !p.drawn {
		l.find(p, int(all[0].at), Encoded, "odd: numbers that are bytes", "it lists long numbers whose digits, two by two, are letters in base 16")
	} else if (marked >= 12 || bits >= 6 && bits*2 >= wide || zeros >= 8 || paired >= 8 && paired*20 >= even*17) && !p.faint && !p.said && (!p.drawn || max(marked, bits, zeros) >= 16) {
		l.find(p, int(all[0].at), Encoded, "odd: numbers that are bytes", "it lists numbers as programs write bytes, in base 16, base 8 or base 2")
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
		child := p.under("digits by three", int(all[0].at), out)
		child.faint = true
		l.push(child)
	}
	if len(behind) >= 16 {
		l.region(p, int(all[0].at), behind, false)
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

// letterly says whether four in five of the pairs of digits are letters in base 16.
func letterly(digits []byte) bool {
	n := 0
	for i := 0; i+2 <= len(digits); i += 2 {
		if letterPairs(digits[i : i+2]) {
			n++
		}
	}
	return n*5 >= len(digits)/2*4
}

// bytesLike says whether numbers up to 255 are spread as the letters of an encoding or a text, or as bytes drawn by lot are, and are in
// no order.
func bytesLike(b []byte) bool {
	if full := bytes.ReplaceAll(b, []byte{0}, nil); len(full)*5 < len(b)*4 {
		b = full // as of letters of two or four bytes
	}
	if len(b) < 16 || slices.IsSorted(b) {
		return false
	}
	var counts [256]int
	var bins [8]int
	word, print, distinct, figures, spaces := 0, 0, 0, 0, 0
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
		if sign[c] == digit {
			figures++
		} else if c == ' ' || c == ',' {
			spaces++
		}
		if i > 0 && c > b[i-1] {
			rises++
		} else if i > 0 && c < b[i-1] {
			falls++
		}
	}
	n := len(b)
	if n >= 24 && spaces*12 >= n && figures*2 >= n && (spaces+figures)*8 >= n*7 {
		return true // numbers of numbers
	}
	if min(rises, falls)*8 < n || distinct < 8 {
		return false
	}
	if word*100 >= n*92 && n >= 24 || distinct >= 10 && (print*100 >= n*96 || print*100 >= n*80 && word*100 >= n*68) || n >= 32 && (print*100 >= n*80 || word*100 >= n*62 && print*100 >= n*78) {
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
	return n >= 24 && empty <= 2 && distinct*2 >= min(n, 48) && high*6 > n && high*6 < 5*n && bins[6]+bins[7] > 0
}
