package ledger_test

import (
	"bytes"
	"strings"
	"testing"

	"narthex"
	"narthex/ledger"
)

// disclosed gives a disclosure of the named fields of a call's intent in the story, and the log's key.
func disclosed(t testing.TB, names ...string) (data []byte, key string) {
	t.Helper()
	entries := story()
	index := uint64(place(t, entries, narthex.EntryCallIntent, 2))
	log := seal(t, entries)
	signer, key := newKey(t, "r")
	tiles := tileRows{}
	var tree ledger.Tree
	tiles.put(tree.Append(log.records...))
	checkpoint, err := ledger.SignCheckpoint(signer, tree.Size(), tree.Root())
	if err != nil {
		t.Fatal(err)
	}
	proof, err := ledger.Prove(tiles, index, tree.Size())
	if err != nil {
		t.Fatal(err)
	}
	d, err := ledger.NewDisclosure(key, checkpoint, index, log.records[index], proof, *log.openings[index], names...)
	if err != nil {
		t.Fatal(err)
	}
	if data, err = ledger.MarshalDisclosure(d); err != nil {
		t.Fatal(err)
	}
	return data, key
}

// TestADisclosureShowsWhatItNamesAndNothingElse: not the other fields, and no way to guess them.
func TestADisclosureShowsWhatItNamesAndNothingElse(t *testing.T) {
	data, key := disclosed(t, "clauses", "asset")
	shown, err := ledger.VerifyDisclosure(data, key)
	if err != nil {
		t.Fatal(err)
	}
	if shown.Type != narthex.EntryCallIntent || len(shown.Fields) != 2 || shown.Withheld != len(narthex.EntryCallIntent.Fields())-2 {
		t.Errorf("it shows %+v", shown)
	}
	for _, name := range []string{`"seed"`, `"grant"`, `"reserved"`} {
		if bytes.Contains(data, []byte(name)) {
			t.Errorf("%s is in the file", name)
		}
	}
	whole, key := disclosed(t)
	if shown, err = ledger.VerifyDisclosure(whole, key); err != nil || len(shown.Fields) != len(narthex.EntryCallIntent.Fields()) || shown.Withheld != 0 {
		t.Errorf("a disclosure of everything shows %+v: %v", shown, err)
	}
	if !ledger.IsDisclosure(whole) || ledger.IsDisclosure([]byte(`{"format":"narthex receipt v1",`)) {
		t.Error("what is a disclosure is not told from what is none")
	}
}

// TestEveryFlippedBitOfADisclosureIsFound: each bit of the file is under the lab's signature, or makes the file unreadable.
func TestEveryFlippedBitOfADisclosureIsFound(t *testing.T) {
	data, key := disclosed(t, "clauses")
	for i := range data {
		for bit := range 8 {
			spoiled := bytes.Clone(data)
			spoiled[i] ^= 1 << bit
			if _, err := ledger.VerifyDisclosure(spoiled, key); err == nil {
				t.Errorf("bit %d of byte %d is flipped and nothing is found: %.20q", bit, i, data[max(0, i-10):])
			}
		}
	}
	_, other := newKey(t, "s")
	if _, err := ledger.VerifyDisclosure(data, other); err == nil {
		t.Error("it verifies under another key")
	}
}

// TestADisclosureIsOneEntrysFields: none left out in the middle as if it were not there, none twice, none of another entry, and
// the type always.
func TestADisclosureIsOneEntrysFields(t *testing.T) {
	data, key := disclosed(t, "grant", "asset")
	text := string(data)
	begin, fields, _ := strings.Cut(text, `"fields":[`)
	parts := strings.SplitAfter(strings.TrimSuffix(fields, "]}"), "]},")
	if len(parts) != 3 {
		t.Fatalf("%d fields", len(parts))
	}
	for i := range parts {
		parts[i] = strings.TrimSuffix(parts[i], ",")
	}
	for name, list := range map[string][]string{
		"without its type": {parts[1], parts[2]},
		"with nothing":     {},
		"with one twice":   {parts[0], parts[1], parts[1]},
		"in another order": {parts[0], parts[2], parts[1]},
	} {
		if _, err := ledger.VerifyDisclosure([]byte(begin+`"fields":[`+strings.Join(list, ",")+"]}"), key); err == nil {
			t.Errorf("%s it verifies", name)
		}
	}
	if _, err := ledger.VerifyDisclosure([]byte(begin+`"fields":[`+strings.Join(parts[:2], ",")+"]}"), key); err != nil {
		t.Errorf("with one field less it is a smaller disclosure: %v", err)
	}
}
