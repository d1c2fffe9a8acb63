package inspect

import (
	"bytes"
	"slices"
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
	if most := len(b) / 8; cap(all) == 0 && most > 0 {
		all = make([]written, 0, most)
	}
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

// ways are the ways in which a number may carry a byte, in the order in which carried gives them.
var ways = [...]struct {
	name string
	base int // in which programs list bytes so; 0 where none does
}{
	{"numbers", 10}, {"numbers of base 16", 16}, {"numbers of base 8", 8}, {"numbers of base 2", 2},
	{"digits turned round", 10}, {"digits of base 8 turned round", 8},
	{"tenths", 0}, {"hundredths", 0}, {"thousandths", 0}, {"ten-thousandths", 0},
	{"last three digits of four", 0}, {"last two digits of four", 0}, {"first three digits", 0},
	{"parts of 256", 0}, {"parts of 255", 0}, {"parts of 128", 0},
}

// nothing is what carries nothing.
const nothing = -1

// carried gives the byte that a number carries in each way, or nothing.
func (w *written) carried() (of [len(ways)]int16) {
	for i := range of {
		of[i] = nothing
	}
	of[1], of[2], of[3] = w.hex, w.octal, w.binary
	if !w.decimal {
		return of
	}
	if w.n <= 6 {
		v := w.digits
		for power := int(w.behind); power <= 4 && v <= 255; power++ {
			of[[...]int{0, 6, 7, 8, 9}[power]] = int16(v)
			v *= 10
		}
	}
	if w.behind == 0 && w.n <= 3 {
		of[4] = turnedRound(w, 10)
		if w.n == 3 {
			of[5] = turnedRound(w, 8)
		}
	}
	if v := w.digits; v > 0 {
		for v >= 10_000 { // its first four digits that are no leading zeros
			v /= 10
		}
		for v < 1000 {
			v *= 10
		}
		of[10], of[11], of[12] = small(v%1000), int16(v%100), small(v/10)
	}
	if w.behind >= 1 && w.behind <= 12 {
		if v := float64(w.digits) / tens[w.behind]; v < 2 {
			of[13], of[14], of[15] = small(int64(v*256+0.5)), small(int64(v*255+0.5)), small(int64(v*128+0.5))
		}
	}
	return of
}

var tens = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12}

// turnedRound gives a number of up to three digits that was written from its last digit on.
func turnedRound(w *written, base int64) int16 {
	v, rest := int64(0), w.digits
	for range w.n {
		if rest%10 >= base {
			return nothing
		}
		v, rest = v*base+rest%10, rest/10
	}
	return small(v)
}

func small(v int64) int16 {
	if v > 255 {
		return nothing
	}
	return int16(v)
}

// apartAt is how many bytes may stand between two numbers of a list: a few words.
const apartAt = 56

// wordy says whether the numbers of a piece are what words give whose letters were turned into digits: there are few beside what is none. A list
// that was turned is numbers for the most part.
func wordy(p piece, all []written) bool {
	digits := 0
	for i := range all {
		digits += int(all[i].end - all[i].at)
	}
	return slices.Contains(p.within, "rot47") && 3*digits < len(p.bytes)
}

// numbers reads the numbers of a text as bytes, and finds lists of bytes.
func (l *look) numbers(p piece) {
	all := numbersOf(l.written[:0], p.bytes)
	l.written = all
	if len(all) < gram {
		return
	}
	for _, way := range ways {
		if p.faint && slices.Contains(p.within, way.name) {
			return // numbers of numbers are found where they stand
		}
	}
	var outs [len(ways)][]byte
	var lists [len(ways)]byteList
	loud := !p.faint && !p.said && !wordy(p, all)
	for i := range all {
		w := &all[i]
		fresh := i > 0 && w.at-all[i-1].end > apartAt
		for way, v := range w.carried() {
			if v >= 0 {
				outs[way] = append(outs[way], byte(v))
			}
			if loud && ways[way].base > 0 {
				loud = !lists[way].take(w, v, fresh, way, p.drawn)
			}
		}
	}
	for way := range ways {
		loud = loud && !lists[way].ends(way, p.drawn)
	}
	if !loud && !p.faint && !p.said && !wordy(p, all) {
		l.find(p, int(all[0].at), Encoded, "odd: numbers that are bytes", "a run of its numbers is spread as the bytes of a text or of compressed or encrypted data are")
	}
	for way, out := range outs {
		if len(out) >= gram {
			child := p.under(ways[way].name, int(all[0].at), out)
			child.faint = true
			l.push(child)
		}
	}
	var behind []byte
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

// byteList is a list of numbers that stand close together, of which a few may be broken.
type byteList struct {
	bytes            []byte
	gone             int // numbers in a row that carry nothing
	threes, lettered int // how many have three digits, or two of base 16 with letters among them
}

// take takes in the next number, and says whether a list that ends before it is one of bytes.
func (b *byteList) take(w *written, v int16, fresh bool, way int, drawn bool) (found bool) {
	if fresh || len(b.bytes) == 512 {
		found = b.ends(way, drawn)
	}
	if v < 0 {
		if b.gone++; b.gone > 5 {
			return b.ends(way, drawn) || found
		}
		return found
	}
	b.gone = 0
	b.bytes = append(b.bytes, byte(v))
	if w.n == 3 {
		b.threes++
	} else if w.n == 2 && !w.decimal {
		b.lettered++
	}
	return found
}

// ends begins another list, and says whether the one that ends is of bytes.
func (b *byteList) ends(way int, drawn bool) bool {
	fewest := 24
	if base := ways[way].base; way == 0 || base == 8 && b.threes == len(b.bytes) || base == 16 && b.lettered >= 3 {
		fewest = 16
	}
	if drawn {
		fewest = 32
	}
	found := len(b.bytes) >= fewest && bytesLike(b.bytes)
	*b = byteList{bytes: b.bytes[:0]}
	return found
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
