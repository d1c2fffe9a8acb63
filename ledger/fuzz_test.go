package ledger_test

import (
	"bytes"
	"strings"
	"testing"

	"narthex"
	"narthex/ledger"
)

func FuzzVerify(f *testing.F) {
	export, key := honest(f)
	lines := linesOf(export)
	f.Add(export)
	f.Add(export[:len(export)/2])
	f.Add(lines[0] + "{\"end\":0}\n")
	f.Add(lines[0] + lines[1])
	f.Add("{\"end\":0}\n")
	f.Fuzz(func(t *testing.T, data string) {
		if _, err := ledger.Verify(strings.NewReader(data), key); (err == nil) != (data == export) {
			t.Errorf("something else than the export verified, or the export did not: %v", err)
		}
	})
}

func FuzzParseRecord(f *testing.F) {
	record, _, _ := ledger.Seal(entryOf(narthex.EntryCallRead, 1), seed(1))
	f.Add(record[:])
	f.Add(make([]byte, 42))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ledger.ParseRecord(data)
		if err != nil {
			return
		}
		if !bytes.Equal(r[:], data) || r.Class() != narthex.GovernanceEntry && r.Class() != narthex.UseEntry || r.Time().Year() < 1970 || r.Time().Year() > 9999 {
			t.Error("a record was read that is none, or not as it stands")
		}
	})
}

func FuzzOpenCheckpoint(f *testing.F) {
	signer, key := newKey(f, "r")
	text, err := ledger.SignCheckpoint(signer, 40, ledger.Hash{7})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add(text + "— other AAAAAAAA\n")
	f.Add(strings.Replace(text, "40", "41", 1))
	f.Fuzz(func(t *testing.T, text string) {
		if c, err := ledger.OpenCheckpoint(text, key); err == nil && c != (ledger.Checkpoint{Origin: origin, Size: 40, Root: ledger.Hash{7}}) {
			t.Error("a checkpoint that nobody signed was opened")
		}
		if c, err := ledger.ParseCheckpoint(text); err == nil && c.Size >= 1<<62 {
			t.Error("a size out of range was read")
		}
	})
}

func FuzzOpening(f *testing.F) {
	for i, kind := range narthex.EntryTypes() {
		_, opening, err := ledger.Seal(entryOf(kind, i), seed(i))
		if err != nil {
			f.Fatal(err)
		}
		form, err := opening.MarshalJSON()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(form)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var opening, again ledger.Opening
		if opening.UnmarshalJSON(data) != nil {
			return
		}
		record, sealed, err := ledger.Seal(narthex.Entry{Type: opening.Type, At: start, Fields: opening.Fields}, opening.Seed)
		if err != nil || opening.Opens(record) != nil {
			t.Fatalf("what was read cannot be sealed: %v", err)
		}
		form, err := sealed.MarshalJSON()
		if err != nil || again.UnmarshalJSON(form) != nil || again.Opens(record) != nil {
			t.Errorf("what was read cannot be written and read again: %v", err)
		}
	})
}
