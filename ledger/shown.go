package ledger

import (
	"errors"
	"time"

	"narthex"
)

// ShownEntry is an entry with its place in the log, of which some fields are shown; each other stands as the hash that it has in
// the entry's tree. So every field has its line, and no path is needed to any of them.
type ShownEntry struct {
	Index  uint64      `json:"index"`
	Record []byte      `json:"record"`
	Leaves []ShownLeaf `json:"leaves"` // the type, then the type's fields in order
	Proof  [][]byte    `json:"proof"`  // RFC 6962, in the tree of a checkpoint that is given beside it
}

// ShownLeaf is one leaf of an entry's tree: a value with its salt, or the hash of what is withheld.
type ShownLeaf struct {
	Name     string `json:"name"`
	Value    string `json:"value,omitempty"` // canonical JSON, as text
	Salt     []byte `json:"salt,omitempty"`
	Withheld []byte `json:"withheld,omitempty"`
}

// Show gives an entry with its inclusion in the tree of that size, all of its fields but those for which withhold says so. The
// type is always shown.
func (o Opening) Show(tiles Tiles, index, size uint64, record Record, withhold func(field string) bool) (ShownEntry, error) {
	hashes, err := Prove(tiles, index, size)
	if err != nil {
		return ShownEntry{}, err
	}
	shown := ShownEntry{Index: index, Record: record[:], Proof: [][]byte{}}
	for _, hash := range hashes {
		shown.Proof = append(shown.Proof, hash[:])
	}
	h := newHasher()
	for i, field := range append([]narthex.Field{narthex.TextField("type", o.Type)}, o.Fields...) {
		salt := h.saltBlock(&o.Seed, i/4)[i%4*16 : i%4*16+16]
		leaf := ShownLeaf{Name: field.Name, Value: field.Value, Salt: append([]byte{}, salt...)}
		if i > 0 && withhold(field.Name) {
			leaf = ShownLeaf{Name: field.Name, Withheld: h.leaf(nil, leaf.Salt, field.Name, field.Value)}
		}
		shown.Leaves = append(shown.Leaves, leaf)
	}
	return shown, nil
}

// Type gives the type that an entry shows.
func (e ShownEntry) Type() narthex.EntryType { return narthex.EntryType(e.Text("type")) }

// Text gives the string that a shown field holds, or "" where it is withheld, absent or no string.
func (e ShownEntry) Text(name string) string {
	for _, leaf := range e.Leaves {
		if leaf.Name == name && leaf.Value != "" {
			text, _ := narthex.Field{Name: name, Value: leaf.Value}.ReadText()
			return text
		}
	}
	return ""
}

// Hides says whether a field is withheld.
func (e ShownEntry) Hides(name string) bool {
	for _, leaf := range e.Leaves {
		if leaf.Name == name {
			return leaf.Withheld != nil
		}
	}
	return false
}

// Stands says whether the entry is in the log of a checkpoint, whose signature the caller has checked, and has the fields that its
// type has, with these values and these hashes. It gives the entry's time.
func (e ShownEntry) Stands(c Checkpoint) (time.Time, error) {
	record, err := ParseRecord(e.Record)
	if err != nil {
		return time.Time{}, err
	}
	proof, err := hashes(e.Proof)
	if err != nil {
		return time.Time{}, err
	}
	if err := CheckInclusion(record, e.Index, c.Size, c.Root, proof); err != nil {
		return time.Time{}, errors.New("it does not stand in the log that the checkpoint signed")
	}
	names := append([]string{"type"}, e.Type().Fields()...)
	if e.Type().Class() != record.Class() || len(names) != len(e.Leaves) {
		return time.Time{}, errors.New("its type is not one of the record's class, or has not as many fields")
	}
	leaves, h := make([]Hash, len(names)), newHasher()
	for i, leaf := range e.Leaves {
		shown := leaf.Value != "" && len(leaf.Salt) == 16 && leaf.Withheld == nil
		withheld := i > 0 && leaf.Value == "" && leaf.Salt == nil && len(leaf.Withheld) == len(Hash{})
		switch {
		case leaf.Name != names[i]:
			return time.Time{}, errors.New("a field has another name than its type gives it")
		case shown:
			leaves[i] = Hash(h.leaf(nil, leaf.Salt, leaf.Name, leaf.Value))
		case withheld:
			leaves[i] = Hash(leaf.Withheld)
		default:
			return time.Time{}, errors.New("a field is neither shown nor withheld")
		}
	}
	if treeRoot(leaves) != record.Root() {
		return time.Time{}, errors.New("what it says is not what was recorded")
	}
	return record.Time(), nil
}
