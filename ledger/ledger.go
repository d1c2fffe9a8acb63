// Package ledger is the log that the lab, the researcher and an auditor can each check without trusting the others.
//
// # What it is for
//
// Every decision and every use is an entry. What is published of an entry is a [Record] of 42 bytes: a version (1), a class
// (1 governance, 2 use), the time in Unix milliseconds (8 bytes, big endian) and a root (32 bytes). The root is that of a
// small Merkle tree over the entry's fields, each salted, so that a field can be shown alone with its path, and records
// without their openings tell nothing but when something happened.
//
// # The root of an entry
//
// The leaves are the field "type" (the entry's type, a JSON string) and then the type's fields in order. With H for SHA-256,
// | for concatenation and N16 for a length in two bytes, big endian:
//
//	salt i = the i-th 16 bytes of SHA-512(seed | 0) | SHA-512(seed | 1) | … (the counter is one byte)
//	leaf i = H(0x00 | salt i | N16(name) | name | value)       value is canonical JSON (RFC 8785)
//	node   = H(0x01 | left | right)                            the shape of the tree is that of RFC 6962
//
// An [Opening] is the seed with the type and the fields.
//
// # The log
//
// The log is the Merkle tree of RFC 6962 over the records: a leaf is H(0x00 | record). A checkpoint is a C2SP tlog-checkpoint:
// a signed note of three lines, the origin, the size in decimal and the root in base64.
//
// # What it promises
//
// A changed, missing, added, moved or repeated byte of an export is found by [Verify], which names the entry wherever the
// change is one entry's. Nothing here does I/O beyond the readers and writers it is given, reads a clock or draws randomness.
//
// # What it trusts
//
// The verifier trusts the key that it is given, SHA-256 and Ed25519, and nothing else: not the export's own word for its key.
// Read next: Verify for the rules that it checks, tree.go for tiles and proofs.
package ledger

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"narthex"
)

// Hash is a SHA-256.
type Hash = [32]byte

// recordVersion is the first byte of every record.
const recordVersion = 1

// Record is a published entry.
type Record [42]byte

// Class gives the class of the entry.
func (r Record) Class() narthex.EntryClass { return narthex.EntryClass(r[1]) }

// Time gives when it happened, in UTC, to the millisecond.
func (r Record) Time() time.Time {
	return time.UnixMilli(int64(r.millis())).UTC()
}

func (r Record) millis() uint64 { return binary.BigEndian.Uint64(r[2:10]) }

// Root gives the root of the tree over its fields.
func (r Record) Root() Hash { return Hash(r[10:]) }

// Leaf gives the record's leaf in the log's tree.
func (r Record) Leaf() Hash {
	var data [1 + len(r)]byte
	copy(data[1:], r[:])
	return sha256.Sum256(data[:])
}

// ParseRecord reads a record and refuses one of another length, version or class, or of a time before 1970 or after 9999.
func ParseRecord(data []byte) (Record, error) {
	if len(data) != len(Record{}) {
		return Record{}, fmt.Errorf("read record: it has %d bytes and not %d", len(data), len(Record{}))
	}
	r := Record(data)
	if r[0] != recordVersion || r.Class() != narthex.GovernanceEntry && r.Class() != narthex.UseEntry {
		return Record{}, fmt.Errorf("read record: its version or class is unknown")
	}
	if r.millis() > latestMillis {
		return Record{}, fmt.Errorf("read record: its time is out of range")
	}
	return r, nil
}

var latest = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

const latestMillis = 253402300799000 // of latest

// Opening is what an entry says. Whoever holds it can check it against the record, and nobody else can guess it.
type Opening struct {
	Type   narthex.EntryType
	Seed   [32]byte
	Fields []narthex.Field
}

// Seal makes the record of an entry and its opening. The seed must be fresh randomness.
func Seal(entry narthex.Entry, seed [32]byte) (Record, Opening, error) {
	if err := entry.Check(); err != nil {
		return Record{}, Opening{}, err
	}
	millis := entry.At.UnixMilli()
	if millis < 0 || entry.At.After(latest) {
		return Record{}, Opening{}, fmt.Errorf("seal entry: its time is out of range")
	}
	opening := Opening{Type: entry.Type, Seed: seed, Fields: entry.Fields}
	return record(opening, millis), opening, nil
}

func record(opening Opening, millis int64) Record {
	var r Record
	r[0], r[1] = recordVersion, byte(opening.Type.Class())
	binary.BigEndian.PutUint64(r[2:10], uint64(millis))
	root := newHasher().root(&opening)
	copy(r[10:], root[:])
	return r
}

// Opens says whether the opening is the record's.
func (o Opening) Opens(r Record) error {
	entry := narthex.Entry{Type: o.Type, At: r.Time(), Fields: o.Fields}
	if err := entry.Check(); err != nil {
		return err
	}
	if record(o, r.Time().UnixMilli()) != r {
		return fmt.Errorf("check opening: it is not the record's")
	}
	return nil
}

// Field gives the value of a field, or "" where the entry has none of that name.
func (o Opening) Field(name string) string {
	for _, field := range o.Fields {
		if field.Name == name {
			return field.Value
		}
	}
	return ""
}

// Text gives the string that a field holds, or "" where it holds none.
func (o Opening) Text(name string) string {
	value := o.Field(name)
	if len(value) < 2 || value[0] != '"' || strings.ContainsRune(value, '\\') {
		return unquote([]byte(value))
	}
	return value[1 : len(value)-1]
}

func node(left, right Hash) Hash {
	var data [65]byte
	data[0] = 1
	copy(data[1:33], left[:])
	copy(data[33:], right[:])
	return sha256.Sum256(data[:])
}

// treeRoot gives the RFC 6962 root over leaf hashes; there is at least one.
func treeRoot(leaves []Hash) Hash {
	if len(leaves) == 1 {
		return leaves[0]
	}
	k := split(len(leaves))
	return node(treeRoot(leaves[:k]), treeRoot(leaves[k:]))
}

// split gives the greatest power of two below n.
func split(n int) int {
	k := 1
	for k*2 < n {
		k *= 2
	}
	return k
}

// MarshalJSON writes the type, the seed in base64 and the values in order.
func (o Opening) MarshalJSON() ([]byte, error) {
	out := append([]byte(`{"type":`), narthex.TextField("type", o.Type).Value...)
	out = base64.StdEncoding.AppendEncode(append(out, `,"seed":"`...), o.Seed[:])
	out = append(out, `","fields":[`...)
	for i, field := range o.Fields {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, field.Value...)
	}
	return append(out, "]}"...), nil
}

// UnmarshalJSON reads what MarshalJSON writes and refuses a type or a number of fields that the vocabulary has not, and a
// value that is not in canonical form.
func (o *Opening) UnmarshalJSON(data []byte) error {
	f := form{rest: data}
	read := f.opening(nil)
	if !f.whole() {
		return fmt.Errorf("read opening: it is not written in its one form, or its type, seed or number of fields is not one of ours")
	}
	*o = read
	return nil
}

// opening takes an opening. Its fields are put into room, where they fit.
func (f *form) opening(room []narthex.Field) Opening {
	f.must(`{"type":`)
	blank := blanks[string(f.text())]
	f.must(`,"seed":`)
	o := Opening{Type: blank.Type, Fields: append(room[:0], blank.Fields...)}
	var seedRoom [33]byte
	if seed := f.bytes(seedRoom[:0]); len(seed) == len(o.Seed) {
		copy(o.Seed[:], seed)
	} else {
		f.fail()
	}
	f.must(`,"fields":[`)
	if o.Type == "" {
		f.fail()
	}
	values := string(f.rest) // one string holds them all
	for i := range o.Fields {
		if i > 0 {
			f.must(",")
		}
		start := len(values) - len(f.rest)
		value := f.value(1)
		if f.bad {
			return Opening{}
		}
		o.Fields[i].Value = values[start : start+len(value)]
	}
	f.must("]}")
	return o
}

// blanks is an opening of each type with fields that have names only, by the type as it is written.
var blanks = func() map[string]Opening {
	all := map[string]Opening{}
	for _, kind := range narthex.EntryTypes() {
		blank := Opening{Type: kind}
		for _, name := range kind.Fields() {
			blank.Fields = append(blank.Fields, narthex.Field{Name: name})
		}
		all[narthex.TextField("type", kind).Value] = blank
	}
	return all
}()
