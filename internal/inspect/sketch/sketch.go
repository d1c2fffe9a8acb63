// Package sketch is what is kept of the files of a release so that every later package of the asset can be compared with it: of tables the
// counts, beside prints of the words that they stand beside, and of every file the words that read as no language.
//
// It promises that what is kept is read back as it was, that a sketch has one form, and that anything else is refused. A print is 64 bits
// of a digest: equal words have equal prints, and that other words have the same one makes at most a finding too many. It is pure, and
// trusts nothing of what it reads. Read next: package values, which makes sketches of tables and compares them.
package sketch

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"slices"
	"strings"
)

// File is the sketch of one file.
type File struct {
	Name    string
	Columns []Column
	Records []Record
	Words   []byte // that read as no language
}

// Column is a column of counts: by group, and added.
type Column struct {
	Name   uint64    // the print of its name
	Groups []uint64  // the prints of its groups, ascending
	Values []float64 // of each group
	Sum    float64   // without rows of totals
	Total  float64   // the largest of those, or 0
	Rows   int       // that are added
}

// Record is a table whose rows are told apart by one of its columns.
type Record struct {
	Names  uint64   // the print of the names of all its columns
	Keys   []uint64 // the prints of what tells the rows apart, ascending
	Traits []Trait
}

// Trait is a column that says of what kind each row is.
type Trait struct {
	Kinds []uint64 // the prints of its name and each of its words
	Of    []int    // the kind of each key, as its place in Kinds
}

// Print gives the print of words.
func Print(words ...string) uint64 {
	sum := sha256.Sum256([]byte(strings.Join(words, "\x00")))
	return binary.BigEndian.Uint64(sum[:])
}

// Join gives the print of what two prints stand for together, in their order.
func Join(a, b uint64) uint64 {
	b ^= bits.RotateLeft64(a, 31) * 0x9e3779b97f4a7c15
	b ^= b >> 29
	return b * 0xbf58476d1ce4e5b9
}

const version = 1

// Bytes gives the one form of sketches.
func Bytes(files []File) []byte {
	out := []byte{version}
	count := func(n int) { out = binary.AppendUvarint(out, uint64(n)) }
	prints := func(list []uint64) {
		count(len(list))
		for _, p := range list {
			out = binary.BigEndian.AppendUint64(out, p)
		}
	}
	number := func(v float64) { out = binary.AppendUvarint(out, bits.ReverseBytes64(math.Float64bits(v))) } // whole numbers are short so
	count(len(files))
	for _, f := range files {
		count(len(f.Name))
		out = append(out, f.Name...)
		count(len(f.Columns))
		for i, c := range f.Columns {
			out = binary.BigEndian.AppendUint64(out, c.Name)
			if i > 0 && slices.Equal(c.Groups, f.Columns[i-1].Groups) { // columns of one table have the same groups
				count(0)
			} else {
				prints(c.Groups)
			}
			for _, v := range c.Values {
				number(v)
			}
			number(c.Sum)
			number(c.Total)
			count(c.Rows)
		}
		count(len(f.Records))
		for _, r := range f.Records {
			out = binary.BigEndian.AppendUint64(out, r.Names)
			prints(r.Keys)
			count(len(r.Traits))
			for _, t := range r.Traits {
				prints(t.Kinds)
				for _, kind := range t.Of {
					count(kind)
				}
			}
		}
		count(len(f.Words))
		out = append(out, f.Words...)
	}
	return out
}

// reader reads a sketch; the first thing that is not as it must be makes all of it refused.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) take(n int) []byte {
	if r.bad || n < 0 || n > len(r.rest) {
		r.bad = true
		return nil
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 || n > 1 && r.rest[n-1] == 0 { // one form a number
		r.bad = true
		return 0
	}
	r.take(n)
	return v
}

// count reads how many things follow, of least bytes each or more.
func (r *reader) count(least int) int {
	v := r.uvarint()
	if v > uint64(len(r.rest)/max(1, least)) && least > 0 || v > math.MaxInt32 {
		r.bad = true
		return 0
	}
	return int(v)
}

func (r *reader) print() uint64 {
	b := r.take(8)
	if r.bad {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

func (r *reader) prints() []uint64 {
	list := make([]uint64, r.count(8))
	for i := range list {
		list[i] = r.print()
	}
	return list
}

func (r *reader) ascending() []uint64 {
	list := r.prints()
	for i := range list {
		r.bad = r.bad || i > 0 && list[i-1] >= list[i]
	}
	return list
}

func (r *reader) number() float64 {
	v := math.Float64frombits(bits.ReverseBytes64(r.uvarint()))
	r.bad = r.bad || math.IsNaN(v) || math.IsInf(v, 0)
	return v
}

func (r *reader) column(before []uint64) Column {
	c := Column{Name: r.print()}
	if c.Groups = r.ascending(); len(c.Groups) == 0 {
		c.Groups = before
	}
	r.bad = r.bad || len(c.Groups) == 0 || len(c.Groups) > len(r.rest)
	if r.bad {
		return c
	}
	c.Values = make([]float64, len(c.Groups))
	for i := range c.Values {
		c.Values[i] = r.number()
	}
	c.Sum, c.Total, c.Rows = r.number(), r.number(), r.count(0)
	return c
}

func (r *reader) record() Record {
	made := Record{Names: r.print(), Keys: r.ascending()}
	for range r.count(1) {
		t := Trait{Kinds: r.prints()}
		if r.bad || len(made.Keys) > len(r.rest) {
			r.bad = true
			return made
		}
		t.Of = make([]int, len(made.Keys))
		for i := range t.Of {
			t.Of[i] = r.count(0)
			r.bad = r.bad || t.Of[i] >= len(t.Kinds)
		}
		made.Traits = append(made.Traits, t)
	}
	return made
}

// Read reads sketches in their one form. What it makes has at most some 30 times as many bytes.
func Read(data []byte) ([]File, error) {
	r := &reader{rest: data}
	if v := r.take(1); r.bad || v[0] != version {
		return nil, errors.New("read a sketch: it is of another kind")
	}
	files := []File{}
	for range r.count(4) {
		f := File{Name: string(r.take(r.count(1)))}
		var before []uint64
		for range r.count(12) {
			c := r.column(before)
			before = c.Groups
			f.Columns = append(f.Columns, c)
		}
		for range r.count(10) {
			f.Records = append(f.Records, r.record())
		}
		if f.Words = slices.Clone(r.take(r.count(1))); r.bad {
			break
		}
		files = append(files, f)
	}
	if r.bad || len(r.rest) > 0 || !slices.Equal(Bytes(files), data) {
		return nil, errors.New("read a sketch: it is not in its form")
	}
	return files, nil
}
