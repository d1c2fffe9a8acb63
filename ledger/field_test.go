package ledger_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"narthex"
	"narthex/ledger"
)

func TestAFieldIsShownAloneAndOnlyAsItWas(t *testing.T) {
	for _, kind := range narthex.EntryTypes() {
		record, opening, err := ledger.Seal(entryOf(kind, 1), seed(1))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range append([]string{"type"}, kind.Fields()...) {
			proof, err := opening.OpenField(name)
			if err != nil || proof.Verify(record) != nil {
				t.Fatalf("%s of %s: %v, %v", name, kind, err, proof.Verify(record))
			}
			spoilEach(t, string(kind)+"."+name, record, proof)
		}
	}
}

func spoilEach(t *testing.T, name string, record ledger.Record, proof ledger.FieldProof) {
	t.Helper()
	for what, spoil := range map[string]func(p *ledger.FieldProof){
		"another value": func(p *ledger.FieldProof) { p.Field.Value = `"x"` },
		"another name":  func(p *ledger.FieldProof) { p.Field.Name += "x" },
		"name into the value": func(p *ledger.FieldProof) {
			p.Field = narthex.Field{Name: p.Field.Name[:1], Value: p.Field.Name[1:] + p.Field.Value}
		},
		"another place":        func(p *ledger.FieldProof) { p.Index = (p.Index + 1) % p.Count },
		"a place before all":   func(p *ledger.FieldProof) { p.Index = -1 },
		"a place after all":    func(p *ledger.FieldProof) { p.Index = p.Count },
		"a longer path":        func(p *ledger.FieldProof) { p.Path = append(p.Path, make([]byte, 32)) },
		"a shorter path":       func(p *ledger.FieldProof) { p.Path = p.Path[1:] },
		"no path":              func(p *ledger.FieldProof) { p.Path = nil },
		"a repeated hash":      func(p *ledger.FieldProof) { p.Path = append(p.Path, p.Path[len(p.Path)-1]) },
		"a short hash":         func(p *ledger.FieldProof) { p.Path[0] = p.Path[0][:31] },
		"a long hash":          func(p *ledger.FieldProof) { p.Path[0] = append(slices.Clone(p.Path[0]), 0) },
		"another salt":         func(p *ledger.FieldProof) { p.Salt = make([]byte, 16) },
		"a shorter salt":       func(p *ledger.FieldProof) { p.Salt = p.Salt[:15] },
		"no leaves":            func(p *ledger.FieldProof) { p.Count = 0 },
		"one leaf":             func(p *ledger.FieldProof) { p.Index, p.Count = 0, 1 },
		"more leaves than any": func(p *ledger.FieldProof) { p.Count = 1 << 40 },
		"nothing":              func(p *ledger.FieldProof) { *p = ledger.FieldProof{} },
	} {
		wrong := proof
		wrong.Path = slices.Clone(proof.Path)
		if spoil(&wrong); wrong.Verify(record) == nil {
			t.Errorf("%s: %s was accepted", name, what)
		}
	}
	other := record
	other[41] ^= 1
	if proof.Verify(other) == nil {
		t.Errorf("%s was accepted for another record", name)
	}
}

// TestAFieldProofShowsNoOtherField looks for the seed and for every other value in a proof's JSON form.
func TestAFieldProofShowsNoOtherField(t *testing.T) {
	given := texts{}
	for _, name := range narthex.EntryCallIntent.Fields() {
		given[name] = "secret of " + name
	}
	record, opening, err := ledger.Seal(with(narthex.EntryCallIntent, 1, given), seed(1))
	if err != nil {
		t.Fatal(err)
	}
	proof, err := opening.OpenField("grant")
	if err != nil {
		t.Fatal(err)
	}
	form, err := json.Marshal(proof)
	if err != nil {
		t.Fatal(err)
	}
	whole, _ := opening.MarshalJSON()
	var parts struct{ Seed string }
	if err := json.Unmarshal(whole, &parts); err != nil || parts.Seed == "" {
		t.Fatal("the opening states no seed")
	}
	if strings.Count(string(form), "secret of") != 1 || strings.Contains(string(form), parts.Seed) {
		t.Errorf("the proof shows more than its field: %s", form)
	}
	var read ledger.FieldProof
	if err := json.Unmarshal(form, &read); err != nil || read.Verify(record) != nil {
		t.Errorf("the proof does not survive its JSON form: %v", err)
	}
	if _, err := opening.OpenField("reasons"); err == nil {
		t.Error("a field that the entry has not was opened")
	}
}

// TestAnInnerNodeIsNoField makes, from two hashes of a tree, a field whose bytes are those of their inner node, and shows
// it with the rest of the path. It holds only because leaves and nodes begin with different bytes.
func TestAnInnerNodeIsNoField(t *testing.T) {
	for n := range 1 << 16 {
		record, opening, err := ledger.Seal(with(narthex.EntryLedgerRead, 1, nil), seed(n))
		if err != nil {
			t.Fatal(err)
		}
		first, _ := opening.OpenField("type")
		second, _ := opening.OpenField("by")
		// The two leaves that have one parent: each is the other's first hash.
		pair := append(slices.Clone(second.Path[0]), first.Path[0]...)
		length := int(pair[16])<<8 | int(pair[17])
		if length > 64-18 {
			continue // its bytes have no reading as a field: try the next seed
		}
		forged := ledger.FieldProof{Index: 0, Count: 2, Salt: pair[:16], Path: first.Path[1:],
			Field: narthex.Field{Name: string(pair[18 : 18+length]), Value: string(pair[18+length:])}}
		if forged.Verify(record) == nil {
			t.Error("an inner node was shown as a field")
		}
		top := nodeOf(nodeOf(ledger.Hash(pair[:32]), ledger.Hash(pair[32:])), ledger.Hash(first.Path[1]))
		if top != record.Root() {
			t.Fatal("the forgery is not over the record's own nodes")
		}
		return
	}
	t.Fatal("no seed gave an inner node that reads as a field")
}
