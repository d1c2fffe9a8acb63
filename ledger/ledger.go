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
	"crypto/sha512"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

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
	return time.UnixMilli(int64(binary.BigEndian.Uint64(r[2:10]))).UTC()
}

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
	if millis := binary.BigEndian.Uint64(r[2:10]); millis > uint64(latest.UnixMilli()) {
		return Record{}, fmt.Errorf("read record: its time is out of range")
	}
	return r, nil
}

var latest = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

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
	root := opening.root()
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
	text, err := narthex.Field{Name: name, Value: o.Field(name)}.ReadText()
	if err != nil {
		return ""
	}
	return text
}

// leaves gives the leaves of the opening's tree in out, which must have room.
func (o Opening) leaves(out []Hash) []Hash {
	var block [64]byte
	buf := make([]byte, 0, 512)
	typeField := narthex.TextField("type", o.Type)
	for i := 0; i <= len(o.Fields); i++ {
		if i%4 == 0 {
			block = saltBlock(o.Seed, i/4)
		}
		field := typeField
		if i > 0 {
			field = o.Fields[i-1]
		}
		out = append(out, fieldLeaf(buf, block[i%4*16:i%4*16+16], field))
	}
	return out
}

// saltBlock gives the four salts of a block.
func saltBlock(seed [32]byte, block int) [64]byte {
	var data [33]byte
	copy(data[:], seed[:])
	data[32] = byte(block)
	return sha512.Sum512(data[:])
}

func fieldLeaf(buf, salt []byte, field narthex.Field) Hash {
	buf = append(append(buf[:0], 0), salt...)
	buf = binary.BigEndian.AppendUint16(buf, uint16(len(field.Name)))
	buf = append(append(buf, field.Name...), field.Value...)
	return sha256.Sum256(buf)
}

func node(left, right Hash) Hash {
	var data [65]byte
	data[0] = 1
	copy(data[1:33], left[:])
	copy(data[33:], right[:])
	return sha256.Sum256(data[:])
}

func (o Opening) root() Hash {
	var room [16]Hash
	return treeRoot(o.leaves(room[:0]))
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

// FieldProof shows one field of an entry and nothing of the others.
type FieldProof struct {
	Field narthex.Field `json:"field"`
	Index int           `json:"index"` // 0 is the type
	Count int           `json:"count"` // leaves of the entry's tree
	Salt  []byte        `json:"salt"`
	Path  [][]byte      `json:"path"` // from the leaf up
}

// OpenField makes the proof of one field, "type" included.
func (o Opening) OpenField(name string) (FieldProof, error) {
	fields := append([]narthex.Field{narthex.TextField("type", o.Type)}, o.Fields...)
	for i, field := range fields {
		if field.Name != name {
			continue
		}
		block := saltBlock(o.Seed, i/4)
		proof := FieldProof{Field: field, Index: i, Count: len(fields), Salt: block[i%4*16 : i%4*16+16]}
		for _, hash := range path(o.leaves(nil), i) {
			proof.Path = append(proof.Path, hash[:])
		}
		return proof, nil
	}
	return FieldProof{}, fmt.Errorf("open field: the entry has no field of that name")
}

func path(leaves []Hash, i int) []Hash {
	if len(leaves) == 1 {
		return nil
	}
	if k := split(len(leaves)); i < k {
		return append(path(leaves[:k], i), treeRoot(leaves[k:]))
	} else {
		return append(path(leaves[k:], i-k), treeRoot(leaves[:k]))
	}
}

// Verify says whether the field is the record's.
func (p FieldProof) Verify(r Record) error {
	if p.Index < 0 || p.Index >= p.Count || p.Count > 64 || len(p.Salt) != 16 {
		return fmt.Errorf("check field: the proof has not the right shape")
	}
	hash, rest, err := climb(fieldLeaf(nil, p.Salt, p.Field), p.Path, p.Index, p.Count)
	if err != nil {
		return err
	}
	if len(rest) != 0 || hash != r.Root() {
		return fmt.Errorf("check field: it is not the record's")
	}
	return nil
}

// climb follows a path up a tree of count leaves.
func climb(leaf Hash, path [][]byte, i, count int) (Hash, [][]byte, error) {
	if count == 1 {
		return leaf, path, nil
	}
	k := split(count)
	left := i < k
	below, at := k, i
	if !left {
		below, at = count-k, i-k
	}
	hash, rest, err := climb(leaf, path, at, below)
	if err != nil {
		return Hash{}, nil, err
	}
	if len(rest) == 0 || len(rest[0]) != 32 {
		return Hash{}, nil, fmt.Errorf("check field: the path is too short")
	}
	if left {
		return node(hash, Hash(rest[0])), rest[1:], nil
	}
	return node(Hash(rest[0]), hash), rest[1:], nil
}

type openingJSON struct {
	Type   narthex.EntryType `json:"type"`
	Seed   []byte            `json:"seed"`
	Fields []jsontext.Value  `json:"fields"` // values, in the order of the type's fields
}

// MarshalJSON writes the type, the seed in base64 and the values in order.
func (o Opening) MarshalJSON() ([]byte, error) {
	form := openingJSON{Type: o.Type, Seed: o.Seed[:], Fields: []jsontext.Value{}}
	for _, field := range o.Fields {
		form.Fields = append(form.Fields, jsontext.Value(field.Value))
	}
	return json.Marshal(form)
}

// UnmarshalJSON reads what MarshalJSON writes and refuses a type or a number of fields that the vocabulary has not.
func (o *Opening) UnmarshalJSON(data []byte) error {
	var form openingJSON
	if err := strict(data, &form); err != nil {
		return fmt.Errorf("read opening: %w", err)
	}
	names := form.Type.Fields()
	if form.Type.Class() == 0 || len(names) != len(form.Fields) || len(form.Seed) != 32 {
		return fmt.Errorf("read opening: its type, seed or number of fields is not one of ours")
	}
	read := Opening{Type: form.Type, Seed: [32]byte(form.Seed)}
	for i, name := range names {
		read.Fields = append(read.Fields, narthex.Field{Name: name, Value: string(form.Fields[i])})
	}
	*o = read
	return nil
}
