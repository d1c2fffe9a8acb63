package ledger

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"hash"
)

// hasher takes the roots of openings, one after another, with digests and memory that it keeps: where they are made anew for each
// hash, it takes a fifth longer. It is used by one goroutine at a time.
type hasher struct {
	sum256, sum512 hash.Hash
	seed           [33]byte // with the number of a block
	salts          [64]byte // of that block
	field          []byte   // a leaf before it is hashed
	tree           []byte   // a byte to spare, then the leaves' hashes
}

func newHasher() *hasher {
	return &hasher{sum256: sha256.New(), sum512: sha512.New(), field: make([]byte, 0, 256), tree: make([]byte, 0, 1+16*32)}
}

// opens says whether an opening is the record's, of one whose fields are known to be its type's.
func (h *hasher) opens(o *Opening, r Record) bool {
	return o.Type.Class() == r.Class() && h.root(o) == r.Root()
}

// root gives the RFC 6962 root over the opening's leaves. The tree shrinks level by level in place: two neighbours and the byte
// before them, which nobody needs any more, are a node as it is hashed.
func (h *hasher) root(o *Opening) Hash {
	h.leaves(o)
	tree := h.tree
	for n := len(o.Fields) + 1; n > 1; n = (n + 1) / 2 {
		for i := range n / 2 {
			pair := tree[64*i : 64*i+65]
			pair[0] = 1
			h.sum(tree[32*i+1:32*i+1], pair)
		}
		if n%2 == 1 { // the last has no neighbour
			copy(tree[32*(n/2)+1:], tree[32*n-31:32*n+1])
		}
	}
	return Hash(tree[1:])
}

// leaves gives the hashes of the opening's fields, the type before them, one after another, until the next opening. No type has
// a letter that JSON escapes.
func (h *hasher) leaves(o *Opening) []byte {
	h.tree = append(h.tree[:0], 0)
	var salts []byte
	name, value := "type", `"`+string(o.Type)+`"`
	for i := 0; ; i++ {
		if i%4 == 0 {
			salts = h.saltBlock(&o.Seed, i/4)
		}
		h.tree = h.leaf(h.tree, salts[i%4*16:i%4*16+16], name, value)
		if i == len(o.Fields) {
			return h.tree[1:]
		}
		name, value = o.Fields[i].Name, o.Fields[i].Value
	}
}

// saltBlock gives the four salts of a block, which stand until the next is asked for.
func (h *hasher) saltBlock(seed *[32]byte, block int) []byte {
	copy(h.seed[:], seed[:])
	h.seed[32] = byte(block)
	h.sum512.Reset()
	h.sum512.Write(h.seed[:])
	return h.sum512.Sum(h.salts[:0])
}

// leaf appends the hash of a field to into.
func (h *hasher) leaf(into, salt []byte, name, value string) []byte {
	field := append(append(h.field[:0], 0), salt...)
	field = binary.BigEndian.AppendUint16(field, uint16(len(name)))
	h.field = append(append(field, name...), value...)
	return h.sum(into, h.field)
}

// sum appends the SHA-256 of data to into, which may be a part of it.
func (h *hasher) sum(into, data []byte) []byte {
	h.sum256.Reset()
	h.sum256.Write(data)
	return h.sum256.Sum(into)
}
