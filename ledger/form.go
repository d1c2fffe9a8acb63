package ledger

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// deepest is how many lists and objects may stand in one another.
const deepest = 64

// strict is base64 in which bytes are written in one way only.
var strict = base64.StdEncoding.Strict()

// form reads JSON that is written in its one form, as docs/ledger.md says, from the front. What is written otherwise makes it
// bad, and what is read from then on means nothing.
type form struct {
	rest []byte
	bad  bool
}

// whole says that all was read and all of it well.
func (f *form) whole() bool { return !f.bad && len(f.rest) == 0 }

func (f *form) fail() { f.bad, f.rest = true, nil }

// has takes the text where it stands next.
func (f *form) has(text string) bool {
	if len(f.rest) < len(text) || string(f.rest[:len(text)]) != text {
		return false
	}
	f.rest = f.rest[len(text):]
	return true
}

// must takes the text, which has to stand next.
func (f *form) must(text string) {
	if !f.has(text) {
		f.fail()
	}
}

// natural takes a whole number from 0 to 2^62-1.
func (f *form) natural() uint64 {
	n, i := uint64(0), 0
	for ; i < len(f.rest) && isDigit(f.rest[i]); i++ {
		if n = n*10 + uint64(f.rest[i]-'0'); n >= 1<<62 {
			f.fail()
			return 0
		}
	}
	if i == 0 || i > 1 && f.rest[0] == '0' {
		f.fail()
		return 0
	}
	f.rest = f.rest[i:]
	return n
}

// bytes takes a string of base64 and gives what it says, appended to into.
func (f *form) bytes(into []byte) []byte {
	if !f.has(`"`) {
		f.fail()
		return nil
	}
	end := bytes.IndexByte(f.rest, '"')
	if end < 0 {
		f.fail()
		return nil
	}
	out, err := strict.AppendDecode(into, f.rest[:end])
	// The decoder leaves line ends out; the length tells.
	if err != nil || base64.StdEncoding.EncodedLen(len(out)-len(into)) != end {
		f.fail()
		return nil
	}
	f.rest = f.rest[end+1:]
	return out
}

// text takes a string and gives it as it is written, quotes included.
func (f *form) text() []byte {
	if len(f.rest) == 0 || f.rest[0] != '"' {
		f.fail()
		return nil
	}
	for i := 1; i < len(f.rest); {
		switch c := f.rest[i]; {
		case c == '"':
			text := f.rest[:i+1]
			f.rest = f.rest[i+1:]
			return text
		case c == '\\':
			n := escape(f.rest[i:])
			if n == 0 {
				f.fail()
				return nil
			}
			i += n
		case c < 0x20:
			f.fail()
			return nil
		case c < utf8.RuneSelf:
			i++
		default:
			r, n := utf8.DecodeRune(f.rest[i:])
			if r == utf8.RuneError && n == 1 {
				f.fail()
				return nil
			}
			i += n
		}
	}
	f.fail()
	return nil
}

// escape gives the length of the escape that data begins with, 0 where it is none that one form has.
func escape(data []byte) int {
	if len(data) >= 2 && bytes.IndexByte([]byte(`"\bfnrt`), data[1]) >= 0 {
		return 2
	}
	if len(data) < 6 || string(data[:4]) != `\u00` || data[4] != '0' && data[4] != '1' {
		return 0
	}
	switch c := data[5]; {
	case c >= '0' && c <= '9' && (data[4] == '1' || c < '8'), c >= 'a' && c <= 'f' && data[4] == '1', data[4] == '0' && (c == 'b' || c == 'e' || c == 'f'):
		return 6
	}
	return 0
}

// value takes a value in canonical form (RFC 8785, whole numbers with all their digits) and gives it as it is written.
func (f *form) value(depth int) []byte {
	start := f.rest
	switch {
	case len(start) == 0 || depth > deepest:
		f.fail()
	case start[0] == '"':
		return f.text()
	case start[0] == '{':
		f.object(depth)
	case start[0] == '[':
		f.list(depth)
	case f.has("true"), f.has("false"), f.has("null"):
	default:
		f.number()
	}
	if f.bad {
		return nil
	}
	return start[:len(start)-len(f.rest)]
}

func (f *form) list(depth int) {
	f.must("[")
	for first := true; !f.bad && !f.has("]"); first = false {
		if !first {
			f.must(",")
		}
		f.value(depth + 1)
	}
}

// object takes an object, whose names must rise.
func (f *form) object(depth int) {
	f.must("{")
	var last []byte
	for !f.bad && !f.has("}") {
		if last != nil {
			f.must(",")
		}
		name := f.text()
		f.must(":")
		f.value(depth + 1)
		if !f.bad && last != nil && compareNames(last, name) >= 0 {
			f.fail()
		}
		last = name
	}
}

// compareNames orders names by their UTF-16 code units.
func compareNames(a, b []byte) int {
	units := func(name []byte) []uint16 { return utf16.Encode([]rune(unquote(name))) }
	if plain(a) && plain(b) {
		return bytes.Compare(a[1:len(a)-1], b[1:len(b)-1])
	}
	return slices.CompareFunc(units(a), units(b), cmp.Compare[uint16])
}

// plain says that a string is ASCII without escapes.
func plain(text []byte) bool {
	for _, c := range text {
		if c >= utf8.RuneSelf || c == '\\' {
			return false
		}
	}
	return true
}

// unquote gives what a string in one form says.
func unquote(text []byte) string {
	var out string
	if json.Unmarshal(text, &out) != nil {
		return ""
	}
	return out
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// number takes a number: a whole one with its digits, any other as RFC 8785 writes it.
func (f *form) number() {
	n, fraction := 0, false
	for ; n < len(f.rest) && bytes.IndexByte([]byte("+-.0123456789e"), f.rest[n]) >= 0; n++ {
		fraction = fraction || f.rest[n] == '.' || f.rest[n] == 'e'
	}
	text := f.rest[:n]
	digits := bytes.TrimPrefix(text, []byte("-"))
	if fraction && !bytes.Equal(shortest(text), text) ||
		!fraction && (len(digits) == 0 || digits[0] == '0' && len(text) > 1 || bytes.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' }) >= 0) {
		f.fail()
		return
	}
	f.rest = f.rest[n:]
}

// shortest writes a number as ECMAScript does, and so RFC 8785; nil where there is none.
func shortest(text []byte) []byte {
	x, err := strconv.ParseFloat(string(text), 64)
	if err != nil || x == 0 {
		return nil
	}
	if size := math.Abs(x); size >= 1e-6 && size < 1e21 {
		return strconv.AppendFloat(nil, x, 'f', -1, 64)
	}
	out := strconv.AppendFloat(nil, x, 'e', -1, 64)
	if n := len(out); n >= 4 && out[n-4] == 'e' && out[n-2] == '0' { // e-09 is written e-9
		out[n-2] = out[n-1]
		out = out[:n-1]
	}
	return out
}
