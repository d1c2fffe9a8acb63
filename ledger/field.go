package ledger

import (
	"errors"
	"fmt"
	"slices"

	"narthex"
)

// FieldProof shows one field of an entry and nothing of the others.
type FieldProof struct {
	Field narthex.Field `json:"field"`
	Index int           `json:"index"` // 0 is the type
	Count int           `json:"count"` // leaves of the entry's tree
	Salt  []byte        `json:"salt"`
	Path  [][]byte      `json:"path"` // from the leaf up
}

// VerifyField reads a field proof in its one form and says what the field of the record is.
func VerifyField(data []byte, r Record) (narthex.Field, error) {
	f := form{rest: data}
	p := f.field()
	if !f.whole() {
		return narthex.Field{}, errors.New("check field: the proof does not read as one")
	}
	return p.Field, p.Verify(r)
}

// field takes a field proof.
func (f *form) field() FieldProof {
	f.must(`{"field":{"name":`)
	name := f.text()
	f.must(`,"value":`)
	p := FieldProof{Field: narthex.Field{Name: unquote(name), Value: unquote(f.text())}}
	f.must(`},"index":`)
	p.Index = int(f.natural())
	f.must(`,"count":`)
	p.Count = int(f.natural())
	f.must(`,"salt":`)
	p.Salt = f.bytes(nil)
	f.must(`,"path":`)
	p.Path = f.hashes()
	f.must("}")
	return p
}

// OpenField makes the proof of one field, "type" included.
func (o Opening) OpenField(name string) (FieldProof, error) {
	fields := append([]narthex.Field{narthex.TextField("type", o.Type)}, o.Fields...)
	for i, field := range fields {
		if field.Name != name {
			continue
		}
		h := newHasher()
		var leaves []Hash
		for leaf := range slices.Chunk(h.leaves(&o), len(Hash{})) {
			leaves = append(leaves, Hash(leaf))
		}
		proof := FieldProof{Field: field, Index: i, Count: len(fields), Salt: h.saltBlock(&o.Seed, i/4)[i%4*16 : i%4*16+16]}
		for _, hash := range path(leaves, i) {
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
	hash, rest, err := climb(Hash(newHasher().leaf(nil, p.Salt, p.Field.Name, p.Field.Value)), p.Path, p.Index, p.Count)
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
