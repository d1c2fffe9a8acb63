package twin

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Records are JSON lines, a record a line: files that end in .jsonl, or in .jsonl.gz where they are packed. The twin of such a file has
// records of the same fields, and of the corpus nothing else: of each field its name, where at least half of the records have it; the kind
// that most of its values are of; and of texts the order of their length, as a power of two. How many records there are is not told, and of
// fewer than eight nothing is. Texts are words of letters that no language puts together, drawn from the seed.
const (
	twinRecords = 200
	fewRecords  = 8
	fewLengths  = 32 // values of which a length is told
	usualLength = 64
	mostLength  = 4096
	mostDepth   = 8     // of what lies in a record
	mostFields  = 10000 // names of one object that are counted
	mostField   = 64    // bytes of a name
	labelLength = 32    // up to which a text is one of a few labels, so that records can be put together by it
	labels      = 8
	odd         = "jkqvwxyz"
)

// IsRecords says whether a file is of JSON lines, by its name.
func IsRecords(name string) bool { return strings.HasSuffix(strings.TrimSuffix(name, ".gz"), ".jsonl") }

// Unpacked gives the bytes of a file whose name may say that it is packed, most at most; more is an error.
func Unpacked(name string, data []byte, most int64) ([]byte, error) {
	if !strings.HasSuffix(name, ".gz") {
		return data, nil
	}
	in, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	out, err := io.ReadAll(io.LimitReader(in, most+1))
	if err == nil && int64(len(out)) > most {
		err = errors.New("unpack: it is larger than what is read")
	}
	return out, err
}

// Said gives what the values of JSON lines say, without their fields' names: texts as a reader of them has them, each on a line. A line that
// does not read is given as it is.
func Said(lines []byte) []byte {
	out := make([]byte, 0, len(lines))
	for line := range bytes.Lines(lines) {
		before := len(out)
		in := jsontext.NewDecoder(bytes.NewReader(line), jsontext.AllowDuplicateNames(true))
		var err error
		for err == nil {
			kind, n := in.StackIndex(in.StackDepth())
			name := kind == '{' && n%2 == 0
			var token jsontext.Token
			if token, err = in.ReadToken(); err == nil && !name && (token.Kind() == '"' || token.Kind() == '0') {
				out = append(append(out, token.String()...), '\n')
			}
		}
		if !errors.Is(err, io.EOF) {
			out = append(out[:before], line...)
		}
	}
	return out
}

// Records gives the twin of a file of JSON lines under a seed. Lines that do not read are left out.
func Records(name string, data []byte, seed uint64) ([]byte, error) {
	const most = 1 << 30
	text, err := Unpacked(name, data, most)
	if err != nil {
		return nil, fmt.Errorf("make a twin: %w", err)
	}
	all := &shape{}
	for line := range bytes.Lines(text) {
		in := jsontext.NewDecoder(bytes.NewReader(line), jsontext.AllowDuplicateNames(true))
		if value, err := in.ReadValue(); err == nil {
			all.see(value, 0)
		}
	}
	var out []byte
	draw := stream(seed)
	for range twinRecords {
		if all.seen < fewRecords {
			break
		}
		out = append(all.draw(out, &draw, seed), '\n')
	}
	if !strings.HasSuffix(name, ".gz") {
		return out, nil
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err = w.Write(out)
	err = errors.Join(err, w.Close())
	return packed.Bytes(), err
}

// shape is what the values at one place of all records have in common.
type shape struct {
	seen    int
	kinds   [kinds]int
	letters int // of the texts together
	fields  map[string]*shape
	order   []string // of the fields, as they were first seen
	items   *shape
}

// The kinds of values, those first that win where two are as many.
const (
	text = iota
	whole
	real
	truth
	object
	list
	kinds
)

// see takes a value in.
func (s *shape) see(value jsontext.Value, depth int) {
	s.seen++
	switch value.Kind() {
	case '"':
		if said, err := jsontext.AppendUnquote(nil, value); err == nil {
			s.kinds[text]++
			s.letters += len(said)
		}
	case '0':
		if bytes.ContainsAny(value, ".eE") {
			s.kinds[real]++
		} else {
			s.kinds[whole]++
		}
	case 't', 'f':
		s.kinds[truth]++
	case '{', '[':
		s.within(value, depth)
	}
}

// within takes in what lies in an object or a list.
func (s *shape) within(value jsontext.Value, depth int) {
	in := jsontext.NewDecoder(bytes.NewReader(value), jsontext.AllowDuplicateNames(true))
	open, err := in.ReadToken()
	if err != nil || depth == mostDepth {
		return
	}
	if open.Kind() == '[' {
		s.kinds[list]++
		if s.items == nil {
			s.items = &shape{}
		}
	} else {
		s.kinds[object]++
	}
	for in.PeekKind() != ']' && in.PeekKind() != '}' {
		into := s.items
		if open.Kind() == '{' {
			name, err := in.ReadToken()
			if err != nil {
				return
			}
			into = s.field(name.String())
		}
		inner, err := in.ReadValue()
		if err != nil {
			return
		}
		if into != nil {
			into.see(inner, depth+1)
		}
	}
}

// field gives the shape of a field, or nil where there are too many.
func (s *shape) field(name string) *shape {
	if s.fields == nil {
		s.fields = map[string]*shape{}
	}
	if f := s.fields[name]; f != nil || len(s.fields) == mostFields {
		return f
	}
	s.fields[name] = &shape{}
	s.order = append(s.order, name)
	return s.fields[name]
}

// draw writes a value of the shape.
func (s *shape) draw(out []byte, random *stream, seed uint64) []byte {
	kind := 0
	for k, n := range s.kinds {
		if n > s.kinds[kind] {
			kind = k
		}
	}
	switch {
	case s.kinds[kind] == 0:
		return append(out, "null"...)
	case kind == text:
		return s.words(out, random, seed)
	case kind == whole:
		return strconv.AppendUint(out, random.next()%1000, 10)
	case kind == real:
		return strconv.AppendFloat(out, float64(random.next()%1000)/1000, 'f', 3, 64)
	case kind == truth:
		return strconv.AppendBool(out, random.next()%2 == 0)
	case kind == list:
		out = append(out, '[')
		for i := range 1 + random.next()%4 {
			if i > 0 {
				out = append(out, ',')
			}
			out = s.items.draw(out, random, seed)
		}
		return append(out, ']')
	}
	out = append(out, '{')
	some := false
	for at, name := range s.order {
		f := s.fields[name]
		if f.seen*2 < s.kinds[object] || f.seen < fewRecords || len(name) > mostField {
			continue // a name that few have may be what somebody wrote
		}
		quoted, err := jsontext.AppendQuote(nil, name)
		if err != nil {
			continue
		}
		if some {
			out = append(out, ',')
		}
		some = true
		out = f.draw(append(append(out, quoted...), ':'), random, seed^mix(uint64(at+1)))
	}
	return append(out, '}')
}

// words writes a text of the order of length of those that were seen.
func (s *shape) words(out []byte, random *stream, seed uint64) []byte {
	length := usualLength
	if s.kinds[text] >= fewLengths {
		length = min(mostLength, 1<<max(0, bits.Len(uint(s.letters/s.kinds[text]*2/3)))) // the nearest power of two, about
	}
	if length <= labelLength {
		of := stream(mix(seed + random.next()%labels))
		random = &of
	} else {
		length = length/2 + int(random.next()%uint64(length))
	}
	out = append(out, '"')
	word := 2 + int(random.next()%8)
	for range length {
		if word == 0 && length > labelLength {
			out, word = append(out, ' '), 2+int(random.next()%8)
			continue
		}
		out, word = append(out, odd[random.next()%uint64(len(odd))]), word-1
	}
	return append(out, '"')
}
