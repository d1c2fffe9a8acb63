package inspect

import (
	"math/bits"
	"slices"
	"strconv"
)

// Texts are compared by their letters and digits alone, without case: what stands between them, and how they are broken into lines,
// changes nothing. Letters that rot13 exchanges count as one, and runs are compared forth and back, so that neither rot13 nor reversing
// needs a second look.
const (
	gram     = 8  // letters of a piece of a canary
	sure     = 16 // letters of a canary's piece that must be there where any eight of it are words
	farthest = 10 // letters between one letter of a canary and the next, where others stand between
	printed  = 24 // letters of a run that has a fingerprint
	spread   = 27 // of so many runs at least one is kept: any 50 letters that are shared hold one
	various  = 7  // how many distinct letters a run has at least that says anything
)

// folds gives each letter and digit its number, from 1, and all else 0.
var folds = folded()

func folded() (table [256]uint8) {
	for c := range table {
		switch {
		case c >= 'a' && c <= 'z':
			table[c] = uint8(1 + (c-'a')%13)
		case c >= 'A' && c <= 'Z':
			table[c] = uint8(1 + (c-'A')%13)
		case c >= '0' && c <= '9':
			table[c] = uint8(14 + c - '0')
		}
	}
	return table
}

// letters gives a text's letters and digits, in small letters.
func letters(text []byte) (out []byte) {
	for _, c := range text {
		if folds[c] != 0 {
			if c >= 'A' && c <= 'Z' {
				c |= 0x20
			}
			out = append(out, c)
		}
	}
	return out
}

// canaries are marks, by their grams.
type canaries struct {
	marks [][]byte // their letters
	grams map[uint64][]place
	maybe [1 << 10]uint64 // a bit for each gram
	pairs [64]uint64      // a bit for each two letters in a row, forth and back
	rare  [][]bool        // whether a gram is enough alone, by mark and place
}

func newCanaries(marks []string) canaries {
	c := canaries{grams: map[uint64][]place{}}
	for _, mark := range marks {
		text := letters([]byte(mark))
		if len(text) == 0 {
			continue
		}
		run := len(c.marks)
		c.marks = append(c.marks, text)
		c.rare = append(c.rare, nil)
		for at := range max(1, len(text)-gram+1) {
			part := text[at:min(at+gram, len(text))]
			c.rare[run] = append(c.rare[run], rare(part) || len(text) < sure)
			back := slices.Clone(part)
			slices.Reverse(back)
			for i, way := range [][]byte{part, back} {
				key := packedGram(way)
				c.grams[key] = append(c.grams[key], place{run, at})
				word, bit := c.spot(key)
				c.maybe[word] |= bit
				for i := range len(way) - 1 {
					c.pairs[folds[way[i]]] |= 1 << folds[way[i+1]]
				}
				if i == 0 && string(back) == string(part) {
					break
				}
			}
		}
	}
	return c
}

// rare says whether eight letters are no part of words: they hold a digit beside letters, or read as no language.
func rare(part []byte) bool {
	digits, cost, prev := 0, 0, 0
	for _, c := range part {
		if sign[c] == digit {
			digits++
			prev = 0
			continue
		}
		cost += int(costs[prev*32+int(sign[c])])
		prev = int(sign[c])
	}
	return digits > 1 || digits == 0 && cost > 13*len(part)
}

func packedGram(part []byte) (key uint64) {
	for _, c := range part {
		key = key<<6 | uint64(folds[c])
	}
	return key
}

func (c *canaries) spot(key uint64) (word int, bit uint64) {
	mixed := key * 0x9e3779b97f4a7c15 >> 48
	return int(mixed >> 6), 1 << (mixed & 63)
}

// place is where a gram stands: in which mark, and from which of its letters.
type place struct{ run, at int }

// holds says whether the eight letters are those of a mark at a place, in one of the ways that a gram stands for.
func (c *canaries) holds(p place, seen []byte) bool {
	mark := c.marks[p.run][p.at:]
	mark = mark[:min(gram, len(mark))]
	for _, turn := range []bool{false, true} {
		for _, back := range []bool{false, true} {
			same := true
			for i := range mark {
				s := seen[i]
				if back {
					s = seen[len(mark)-1-i]
				}
				if s |= 0x20 & (s >> 1); turn && s >= 'a' && s <= 'z' {
					s = 'a' + (s-'a'+13)%26
				}
				same = same && s == mark[i]
			}
			if same {
				return true
			}
		}
	}
	return false
}

// prints are the fingerprints of texts.
type prints struct {
	names []string
	of    map[uint64]int32 // the text that has it first
	maybe []uint64         // a bit for each of them
	shift int
}

// The hash is the product of two sums of the letters' values, one by rising and one by falling powers of base.
const base = 0x5851f42d4c957f2d

var (
	inverse  = inverted(base)
	entering = power(base, printed-1)
	leaving  = power(base, printed)
	letterAs = drawnValues()
)

func inverted(of uint64) uint64 {
	x := of // right to 3 bits; each round doubles them
	for range 5 {
		x *= 2 - of*x
	}
	return x
}

func power(of uint64, n int) uint64 {
	p := uint64(1)
	for range n {
		p *= of
	}
	return p
}

func drawnValues() (table [32]uint64) {
	for i := range table {
		x := uint64(i+1) * 0x9e3779b97f4a7c15
		x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
		x = (x ^ x>>27) * 0x94d049bb133111eb
		table[i] = x ^ x>>31
	}
	table[0] = 0
	return table
}

// roll is the hash of the last letters of a text, the same forth and back.
type roll struct{ forth, back uint64 }

// add takes a letter in and one out, and gives the hash of those between.
func (r *roll) add(letter, gone uint8) uint64 {
	in, off := letterAs[letter], letterAs[gone]
	r.forth = r.forth*base + in - off*leaving
	r.back = (r.back-off)*inverse + in*entering
	h := r.forth * r.back
	return h ^ h>>32
}

func newPrints(texts []Text) prints {
	p := prints{of: map[uint64]int32{}}
	for number, text := range texts {
		p.names = append(p.names, text.Name)
		kept := make([]uint8, printed)
		for _, c := range text.Bytes {
			if folds[c] != 0 {
				kept = append(kept, folds[c])
			}
		}
		var window [spread]uint64
		n, last := 0, ^uint64(0)
		var hash roll
		for i := printed; i < len(kept); i++ {
			h := hash.add(kept[i], kept[i-printed])
			if i < 2*printed-1 {
				continue
			}
			if !diverse(kept[i-printed+1 : i+1]) {
				h = ^uint64(0)
			}
			window[n%spread] = h
			if n++; n < spread {
				continue
			}
			if h := slices.Min(window[:]); h != last && h != ^uint64(0) {
				if _, is := p.of[h]; !is {
					p.of[h] = int32(number)
				}
				last = h
			}
		}
	}
	p.shift = 64 - max(10, bits.Len(uint(len(p.of)))+4)
	p.maybe = make([]uint64, 1<<(64-p.shift)/64)
	for h := range p.of {
		word, bit := p.spot(h)
		p.maybe[word] |= bit
	}
	return p
}

func (p *prints) spot(h uint64) (word uint64, bit uint64) {
	mixed := h * 0x9e3779b97f4a7c15 >> p.shift
	return mixed >> 6, 1 << (mixed & 63)
}

// needles looks for canaries and for protected text.
func (l *look) needles(p piece) {
	if cap(l.letters) < len(p.bytes)+printed {
		l.letters = make([]uint8, len(p.bytes)+len(p.bytes)/4+printed)
	}
	kept, n := l.letters[:len(p.bytes)+printed], printed // the letters' numbers, behind as many that are none
	for _, b := range p.bytes {
		kept[n] = folds[b]
		if folds[b] != 0 {
			n++
		}
	}
	kept = kept[:n]
	if len(l.prints.of) > 0 {
		l.protected(p, kept)
	}
	if len(l.canaries.marks) == 0 {
		return
	}
	c := &l.canaries
	var key uint64
	inRow, last := 0, place{-1, 0}
	for i, s := range kept[printed:] {
		key = (key<<6 | uint64(s)) & (1<<48 - 1)
		if word, bit := c.spot(key); c.maybe[word]&bit != 0 && i+1 >= gram && c.grams[key] != nil {
			at, seen := l.nth(p, i+1)
			l.mark(p, at, seen, c.grams[key], &inRow, &last)
		}
	}
	if !p.faint && p.depth == 0 {
		l.strided(p)
	}
}

// nth gives where the n-th letter of a piece stands, from 1, and the last eight up to it.
func (l *look) nth(p piece, n int) (at int, seen [gram]byte) {
	for i, b := range p.bytes {
		if folds[b] == 0 {
			continue
		}
		copy(seen[:], seen[1:])
		seen[gram-1] = b
		if n--; n == 0 {
			return i, seen
		}
	}
	return 0, seen
}

// protected looks for runs of texts.
func (l *look) protected(p piece, kept []uint8) {
	f := &l.prints
	var hash roll
	hits, text := 0, int32(-1)
	for i := printed; i < len(kept); i++ {
		h := hash.add(kept[i], kept[i-printed])
		if word, bit := f.spot(h); f.maybe[word]&bit == 0 || i < 2*printed-1 {
			continue
		}
		if known, is := f.of[h]; is && known != text && hits < shown && diverse(kept[i-printed+1:i+1]) {
			text, hits = known, hits+1
			at, _ := l.nth(p, i-printed+1)
			l.find(p, at, Protected, "protected: shared run", "it shares a run of "+strconv.Itoa(printed)+" letters and digits or more with the text that is held back as "+strconv.Quote(f.names[known]))
		}
	}
}

// diverse says whether letters are various enough to be known by.
func diverse(letters []uint8) bool {
	var set uint32
	for _, s := range letters {
		set |= 1 << s
	}
	return bits.OnesCount32(set) >= various
}

// mark takes in that a text may hold a gram of a canary.
func (l *look) mark(p piece, at int, seen [gram]byte, places []place, inRow *int, last *place) {
	c := &l.canaries
	for _, one := range places {
		if !c.holds(one, seen[:]) {
			continue
		}
		if one.run == last.run && (one.at == last.at+1 || one.at == last.at-1) {
			*inRow++
		} else {
			*inRow = 1
		}
		*last = one
		if c.rare[one.run][one.at] || *inRow > sure-gram {
			l.find(p, at, Canary, "canary: mark "+strconv.Itoa(one.run+1), "it holds a piece of a mark that was planted to be found, the "+strconv.Itoa(one.run+1)+". of those that are held")
			return
		}
	}
}

// strided looks for canaries whose letters stand each so many bytes after another. Of four places in a row along a stride it looks at
// one, which is enough for eight.
func (l *look) strided(p piece) {
	c, b := &l.canaries, p.bytes
	if len(c.marks) == 0 {
		return
	}
	for stride := 2; stride <= farthest; stride++ {
		for from := 0; from+stride < len(b); from += 4 * stride {
			for at := from; at < min(from+stride, len(b)-stride); at++ {
				if c.pairs[folds[b[at]]]>>folds[b[at+stride]]&1 != 0 {
					l.along(p, at, stride)
				}
			}
		}
	}
}

// along looks for a canary along a stride, around a place.
func (l *look) along(p piece, at, stride int) {
	c, b := &l.canaries, p.bytes
	first, last := at, at+stride
	for n := 1; n < gram && first-stride >= 0 && c.pairs[folds[b[first-stride]]]>>folds[b[first]]&1 != 0; n++ {
		first -= stride
	}
	for n := 1; n < gram && last+stride < len(b) && c.pairs[folds[b[last]]]>>folds[b[last+stride]]&1 != 0; n++ {
		last += stride
	}
	if last-first < (gram-1)*stride {
		return
	}
	inRow, before := 0, place{-1, 0}
	for i := first; i+(gram-1)*stride <= last; i += stride {
		var seen [gram]byte
		for n := range seen {
			seen[n] = b[i+n*stride]
		}
		key := packedGram(seen[:])
		if word, bit := c.spot(key); c.maybe[word]&bit != 0 {
			apart := p
			apart.within = append(slices.Clone(p.within), "every "+strconv.Itoa(stride)+". character")
			apart.line = max(p.line, 1)
			l.mark(apart, i, seen, c.grams[key], &inRow, &before)
		}
	}
}
