package inspect

import (
	"bytes"
	"slices"
	"strconv"
	"unicode/utf8"
)

// encoding writes bytes with letters of an alphabet, so many bits to a letter. Letters that are in none are passed over.
type encoding struct {
	name    string
	bits    int
	letters string
	alike   string // pairs of letters: the first is read as the second
	cased   bool   // whether a capital is another letter
}

// encodings are those that are read whatever stands between their letters, and wherever their groups begin.
var encodings = []encoding{
	{"base64", 6, capitals + smalls + digits + "+/", "-+_/,/", true},
	{"base64 of crypt", 6, "./" + digits + capitals + smalls, "", true},
	{"base64 of bcrypt", 6, "./" + capitals + smalls + digits, "", true},
	{"xxencode", 6, "+-" + digits + capitals + smalls, "", true},
	{"uuencode", 6, "`!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_", "", true},
	{"base32", 5, capitals + "234567", "", false},
	{"base32hex", 5, digits + "ABCDEFGHIJKLMNOPQRSTUV", "", false},
	{"base32 of Crockford", 5, digits + "ABCDEFGHJKMNPQRSTVWXYZ", "O0I1L1", false},
	{"z-base-32", 5, "ybndrfg8ejkmcpqxot1uwisza345h769", "", false},
	{"base16", 4, digits + "ABCDEF", "", false},
	{"base8", 3, "01234567", "", true},
	{"base4", 2, "ACGT", "", false},
	{"base2", 1, "01", "", true},
}

// fives are the encodings of four bytes by five letters.
var fives = []encoding{
	{"ascii85", 0, "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstu", "", true},
	{"base85", 0, digits + capitals + smalls + "!#$%&()*+-;<=>?@^_`{|}~", "", true},
	{"z85", 0, digits + smalls + capitals + ".-:+=^!/*?&<>()[]{}@%$#", "", true},
}

const (
	capitals = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	smalls   = "abcdefghijklmnopqrstuvwxyz"
	digits   = "0123456789"
	none     = 0xff
	phased   = 16 << 10 // up to how many letters it is tried where the groups begin
)

// reader reads an encoding.
type reader struct {
	encoding
	value [256]uint8 // of a letter; none where it is no letter
}

var readers, fiveReaders = reading(encodings), reading(fives)

func reading(of []encoding) (all []reader) {
	for _, e := range of {
		r := reader{encoding: e}
		for c := range r.value {
			r.value[c] = none
		}
		put := func(c byte, value uint8) {
			r.value[c] = value
			if !e.cased && folds[c] > 0 && sign[c] < digit {
				r.value[c^0x20] = value
			}
		}
		for i := range len(e.letters) {
			put(e.letters[i], uint8(i))
		}
		for i := 0; i < len(e.alike); i += 2 {
			put(e.alike[i], r.value[e.alike[i+1]])
		}
		all = append(all, r)
	}
	return all
}

// fits says whether at least seven in eight of the letters of a text are the encoding's.
func (r *reader) fits(counts *[256]int) bool {
	mine, all := 0, 0
	for c, n := range counts {
		if c <= ' ' || c == '=' || c == 0x7f {
			continue
		}
		all += n
		if r.value[c] != none {
			mine += n
		}
	}
	if all > 4096 { // where so many letters are others, it is another encoding
		return mine*16 >= all*15
	}
	return mine >= 8 && mine*8 >= all*7
}

// read gives the bytes, where the first group begins so many letters from the start.
func (r *reader) read(text []byte, skip int) []byte {
	out := make([]byte, 0, len(text)*max(r.bits, 1)/8+8)
	var word uint32
	n := 0
	for _, c := range text {
		v := r.value[c]
		if v == none {
			continue
		}
		if skip > 0 {
			skip--
			continue
		}
		word = word<<r.bits | uint32(v)
		if n += r.bits; n >= 8 {
			n -= 8
			out = append(out, byte(word>>n))
		}
	}
	return out
}

// five gives the bytes of an encoding by fives.
func (r *reader) five(text []byte, skip int) []byte {
	out := make([]byte, 0, len(text)*4/5+8)
	var word uint64
	n := 0
	for _, c := range text {
		v := r.value[c]
		if v == none {
			if c == 'z' && n == 0 && r.name == "ascii85" {
				out = append(out, 0, 0, 0, 0)
			}
			continue
		}
		if skip > 0 {
			skip--
			continue
		}
		word = word*85 + uint64(v)
		if n++; n == 5 {
			out = append(out, byte(word>>24), byte(word>>16), byte(word>>8), byte(word))
			word, n = 0, 0
		}
	}
	if n > 1 {
		for i := n; i < 5; i++ {
			word = word*85 + 84
		}
		out = append(out, []byte{byte(word >> 24), byte(word >> 16), byte(word >> 8)}[:n-1]...)
	}
	return out
}

// reads says whether bytes are a text, but for some noise.
func reads(b []byte) bool {
	strange := 0
	for i := 0; i < len(b) && strange*8 <= len(b); {
		c := b[i]
		if c >= ' ' && c < 0x7f || c == '\n' || c == '\t' || c == '\r' {
			i++
			continue
		}
		if c >= 0xc2 {
			if _, n := utf8.DecodeRune(b[i:]); n > 1 {
				i += n
				continue
			}
		}
		strange++
		i++
	}
	return strange*8 <= len(b)
}

// readable gives the runs of letters in bytes that are no text as a whole: what noise left of one.
func readable(b []byte) (out []byte) {
	run := 0
	for i := 0; i <= len(b); i++ {
		if i < len(b) && b[i] >= ' ' && b[i] < 0x7f {
			run++
			continue
		}
		if run >= 16 {
			out = append(append(out, b[i-run:i]...), '\n')
		}
		run = 0
	}
	return out
}

// under gives the piece that a decoding of a part gave.
func (p piece) under(name string, at int, out []byte) piece {
	child := piece{file: p.file, line: p.line, within: append(slices.Clone(p.within), name), bytes: out, depth: p.depth + 1, said: p.said, faint: p.faint, drawn: p.drawn}
	if len(p.within) == 0 {
		child.line = 1 + bytes.Count(p.bytes[:at], []byte("\n"))
	}
	return child
}

// unfold puts on the queue what the decodings of a text give.
func (l *look) unfold(p piece, words odd) {
	if p.depth >= deepest || p.drawn && p.depth > 1 || p.faint && p.depth == 0 && !mixed(p.bytes) {
		return // what is still encoded reads as no language, which is a finding
	}
	l.numbers(p)
	for _, r := range words.shorts {
		joined := p.under("short words together", r.from, nil)
		joined.depth--
		joined.faint = p.faint || !r.alike
		for _, c := range p.bytes[r.from:r.to] {
			if folds[c] != 0 {
				joined.bytes = append(joined.bytes, c)
			}
		}
		l.push(joined)
	}
	most := 32 // what is in more of them is in words.tokens
	if p.faint || p.joined {
		most = 8
	}
	for _, r := range words.regions[:min(len(words.regions), most)] {
		from, to := r.from, r.to
		for from > 0 && p.bytes[from-1] > ' ' {
			from--
		}
		for to < len(p.bytes) && p.bytes[to] > ' ' {
			to++
		}
		l.region(p, from, p.bytes[from:to], r.sure && !p.faint && !p.joined && !p.drawn)
	}
	if len(words.tokens) >= 12 {
		l.region(p, 0, words.tokens, false)
	}
	if !p.faint {
		l.escapes(p)
	}
}

// escapes reads single letters that are written otherwise, and finds where many of them are.
func (l *look) escapes(p piece) {
	if p.turns == 0 && !p.faint && p.depth < deepest {
		if digitsTurned(p.bytes) {
			child := p.under("rot47", 0, rot47(p.bytes))
			child.listed, child.turns = true, 1
			l.push(child)
		}
		if bytes.Count(p.bytes, []byte("x0")) >= gram {
			child := p.under("reversed", 0, reversed(p.bytes))
			child.listed, child.turns = true, 1
			l.push(child)
		}
	}
	for _, e := range escapes {
		if out, dense := e.read(p.bytes); out != nil {
			child := p.under(e.name, 0, out)
			child.faint, child.joined = p.faint || p.listed, p.joined
			l.push(child)
			if dense && !p.said && !p.drawn {
				l.find(p, 0, Encoded, "odd: escapes", "letters one after the other are written by their numbers ("+e.name+"), as nobody needs to")
			}
		}
	}
}

// digitsTurned says whether a text has a run of letters such as lists of numbers are under rot47, which are no words: digits are then the
// first letters and two signs, and what stands between numbers a few others.
func digitsTurned(b []byte) bool {
	const half = 24 // letters; two halves one after the other are looked at together
	var now, before [5]int
	n := 0
	for _, c := range b {
		if c <= ' ' {
			continue
		}
		now[turnedDigits[c]]++
		if n++; n == half {
			digits, signs := now[1]+now[2]+before[1]+before[2], now[2]+before[2]
			all := digits + now[3] + before[3]
			if signs > 2 {
				all += now[4] + before[4] // no words have those signs
			}
			if digits*4 >= 2*half && all*100 >= 2*half*78 {
				return true
			}
			now, before, n = [5]int{}, now, 0
		}
	}
	return false
}

// turnedDigits tells digits under rot47, 1 and 2 where they are signs, from what may stand between them, 3, and the capitals of base 16, 4.
var turnedDigits = func() (table [256]uint8) {
	for kind, letters := range []string{1: "abcdefgh", 2: "_`", 3: "iI-TURFjl[]234567", 4: "pqrstu"} {
		for i := range len(letters) {
			table[letters[i]] = uint8(kind)
		}
	}
	return table
}()

// mixed says whether letters that were put together are such as an encoding has, digits and capitals among them, and not as prose, whose
// words begin in small letters.
func mixed(b []byte) bool {
	small, large, figures := 0, 0, 0
	for _, c := range b {
		switch {
		case c >= 'a' && c <= 'z':
			small++
		case c >= 'A' && c <= 'Z':
			large++
		case sign[c] == digit:
			figures++
		}
	}
	all := small + large + figures
	return all*4 >= len(b)*3 && figures*12 >= all && figures*16 <= all*15 && (figures*8 >= all*3 || large*5 >= all)
}

// region reads odd words by every encoding that their letters fit. Where they are surely odd they are also turned twice, and read from
// wherever a group may begin.
func (l *look) region(p piece, at int, text []byte, sure bool) {
	var counts [256]int
	signs := 0
	for _, c := range text {
		counts[c]++
		if c > ' ' && sign[c] == 0 {
			signs++
		}
	}
	child := func(name string, out []byte) {
		c := p.under(name, at, out)
		c.said, c.faint = p.said || sure, !sure
		l.push(c)
	}
	for phase := range 8 {
		if phase > 0 && (len(text) > phased || !sure && (len(text) > 512 || p.faint || p.joined || p.drawn || p.turns > 0)) {
			break
		}
		for i := range readers {
			r := &readers[i]
			// Groups begin anew after as many letters as have a whole number of bytes.
			if phase >= []int{0, 8, 4, 8, 2, 8, 4}[r.bits] || !r.fits(&counts) {
				continue
			}
			source := text
			if r.bits == 4 && counts['x'] > 3 {
				source = bytes.ReplaceAll(bytes.ReplaceAll(source, []byte("0x"), []byte(" ")), []byte(`\x`), []byte(" "))
			}
			if r.name == "uuencode" {
				source = lengths(source)
			}
			child(r.name, r.read(source, phase))
		}
		for i := range fiveReaders {
			if r := &fiveReaders[i]; phase < 5 && r.fits(&counts) && (len(text) <= 512 || signs*16 >= len(text)) {
				child(r.name, r.five(text, phase))
			}
		}
	}
	for _, t := range turns {
		if len(text) > phased {
			break // it is a finding, and what it holds would be looked at too often
		}
		if p.turns > 0 && (!sure || p.turns > 1) || len(p.within) > 0 && p.within[len(p.within)-1] == t.name {
			continue
		}
		c := p.under(t.name, at, t.read(text))
		c.said, c.faint, c.turns = p.said || sure, !sure, p.turns+1
		l.push(c)
	}
}

// lengths leaves out the letter at the start of each line that says how long it is.
func lengths(text []byte) (out []byte) {
	for line := range bytes.Lines(text) {
		out = append(out, line[1:]...)
	}
	return out
}

// turning exchanges letters of a text, or turns it round. Nothing of a text says whether one did.
type turning struct {
	name string
	read func([]byte) []byte
}

var turns = []turning{
	{"reversed", reversed},
	{"rot13", func(b []byte) []byte {
		out := slices.Clone(b)
		for i, c := range out {
			if sign[c] >= 1 && sign[c] < digit {
				out[i] = c&0x60 + 1 + (c&31+12)%26
			}
		}
		return out
	}},
	{"rot47", rot47},
}

func reversed(b []byte) []byte {
	out := slices.Clone(b)
	slices.Reverse(out)
	return out
}

func rot47(b []byte) []byte {
	out := slices.Clone(b)
	for i, c := range out {
		if c > ' ' && c < 0x7f {
			out[i] = '!' + (c-'!'+47)%94
		}
	}
	return out
}

// escapes are the ways to write single letters in a text otherwise: nil where there is none, and whether many stand close together.
var escapes = []struct {
	name string
	read func([]byte) (out []byte, dense bool)
}{
	{"URL", func(b []byte) ([]byte, bool) { return escaped(b, '%', 2) }},
	{"quoted-printable", func(b []byte) ([]byte, bool) {
		if bytes.IndexByte(b, '=') < 0 {
			return nil, false
		}
		return escaped(bytes.ReplaceAll(b, []byte("=\n"), nil), '=', 2)
	}},
	{"HTML", func(b []byte) ([]byte, bool) { return escaped(b, '&', 0) }},
	{"escapes", func(b []byte) ([]byte, bool) { return escaped(b, '\\', 0) }},
}

// escaped reads what stands behind a mark in a text, by so many digits of base 16 or as it is written behind that mark.
func escaped(b []byte, mark byte, wide int) (out []byte, dense bool) {
	if bytes.IndexByte(b, mark) < 0 {
		return nil, false
	}
	out = make([]byte, 0, len(b))
	n, close, plain, before := 0, 0, 0, -8
	for i := 0; i < len(b); {
		next := bytes.IndexByte(b[i:], mark)
		if next < 0 {
			out = append(out, b[i:]...)
			break
		}
		out = append(out, b[i:i+next]...)
		i += next
		value, size := rune(-1), 0
		switch mark {
		case '&':
			value, size = entity(b[i:])
		case '\\':
			value, size = slash(b[i:])
		default:
			value, size = number(b[i+1:], 16, wide, wide), 1+wide
		}
		if value < 0 {
			out = append(out, mark)
			i++
			continue
		}
		if i-before <= 2 && (mark != '\\' || size > 2) {
			close++
		}
		if before = i + size; size > 3 {
			plain++ // it is no escape that programs write
		}
		if n++; value < 0x100 && mark != '&' {
			out = append(out, byte(value))
		} else {
			out = utf8.AppendRune(out, value)
		}
		i += size
	}
	if n == 0 {
		return nil, false
	}
	return out, close >= 8 || plain >= 12
}

// number reads digits of a base at the start of a text, from least to most of them; -1 where there are fewer.
func number(b []byte, base rune, least, most int) rune {
	v, n := rune(0), 0
	for n < min(most, len(b)) {
		c := rune(b[n])
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			c = 99
		}
		if c >= base || v > 0x10ffff {
			break
		}
		v = v*base + c
		n++
	}
	if n < least {
		return -1
	}
	return v
}

// entity reads a character as HTML names it.
func entity(b []byte) (rune, int) {
	end := bytes.IndexByte(b[:min(len(b), 12)], ';')
	if end < 2 {
		return -1, 0
	}
	name := string(b[1:end])
	if name[0] == '#' {
		base, text := 10, name[1:]
		if text != "" && text[0]|0x20 == 'x' {
			base, text = 16, text[1:]
		}
		v, err := strconv.ParseUint(text, base, 21)
		if err != nil {
			return -1, 0
		}
		return rune(v), end + 1
	}
	for _, one := range []struct {
		name string
		is   rune
	}{{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}, {"nbsp", ' '}} {
		if name == one.name {
			return one.is, end + 1
		}
	}
	return -1, 0
}

// slash reads a character as programs escape it.
func slash(b []byte) (rune, int) {
	if len(b) < 2 {
		return -1, 0
	}
	switch b[1] {
	case 'n', 't', 'r', 'b', 'f':
		return '\n', 2
	case '"', '\\', '/', '\'':
		return rune(b[1]), 2
	case 'x':
		return number(b[2:], 16, 2, 2), 4
	case 'u':
		return number(b[2:], 16, 4, 4), 6
	case 'U':
		return number(b[2:], 16, 8, 8), 10
	}
	return number(b[1:], 8, 3, 3), 4
}
