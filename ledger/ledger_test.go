package ledger_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"pgregory.net/rapid"

	"narthex"
	"narthex/ledger"
)

var update = flag.Bool("update", false, "write the golden files anew")

var start = time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)

func entryOf(kind narthex.EntryType, n int) narthex.Entry {
	e := narthex.Entry{Type: kind, At: start.Add(time.Duration(n) * time.Millisecond)}
	for i, name := range kind.Fields() {
		e.Fields = append(e.Fields, narthex.TextField(name, fmt.Sprintf("v%d <&>\n\"é", i)))
	}
	return e
}

func seed(n int) [32]byte { return sha256.Sum256([]byte(fmt.Sprint("seed", n))) }

func TestEncodingsOfEveryEntryTypeStay(t *testing.T) {
	got := map[string]string{}
	for i, kind := range narthex.EntryTypes() {
		record, opening, err := ledger.Seal(entryOf(kind, i), seed(i))
		if err != nil {
			t.Fatal(err)
		}
		form, err := json.Marshal(opening)
		if err != nil {
			t.Fatal(err)
		}
		got[string(kind)] = fmt.Sprintf("%x %s", record, form)
	}
	path := filepath.Join("testdata", "golden.json")
	if *update {
		data, _ := json.MarshalIndent(got, "", "  ")
		if err := os.WriteFile(path, append(data, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the encodings changed; verifiers in the world would not read them")
	}
}

func TestAFieldIsShownAloneAndOnlyAsItWas(t *testing.T) {
	record, opening, err := ledger.Seal(entryOf(narthex.EntryCallIntent, 1), seed(1))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append([]string{"type"}, narthex.EntryCallIntent.Fields()...) {
		proof, err := opening.OpenField(name)
		if err != nil || proof.Verify(record) != nil {
			t.Fatalf("%s: %v, %v", name, err, proof.Verify(record))
		}
		for what, spoil := range map[string]func(p *ledger.FieldProof){
			"another value":  func(p *ledger.FieldProof) { p.Field.Value = `"x"` },
			"another name":   func(p *ledger.FieldProof) { p.Field.Name += "x" },
			"another place":  func(p *ledger.FieldProof) { p.Index = (p.Index + 1) % p.Count },
			"a longer path":  func(p *ledger.FieldProof) { p.Path = append(p.Path, make([]byte, 32)) },
			"a shorter path": func(p *ledger.FieldProof) { p.Path = p.Path[1:] },
			"another salt":   func(p *ledger.FieldProof) { p.Salt = make([]byte, 16) },
			"no leaves":      func(p *ledger.FieldProof) { p.Count = 0 },
		} {
			wrong := proof
			wrong.Path = append([][]byte{}, proof.Path...)
			if spoil(&wrong); wrong.Verify(record) == nil {
				t.Errorf("%s: %s was accepted", name, what)
			}
		}
	}
}

func TestRecordsOfOneMomentTellNothingApart(t *testing.T) {
	denied, _, _ := ledger.Seal(entryOf(narthex.EntryCallDenied, 1), seed(1))
	read, _, _ := ledger.Seal(entryOf(narthex.EntryCallRead, 1), seed(2))
	if !bytes.Equal(denied[:10], read[:10]) {
		t.Error("two records of use at one moment differ before the root")
	}
}

// naive is RFC 6962's tree hash as its text has it.
func naive(records []ledger.Record) [32]byte {
	switch len(records) {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return sha256.Sum256(append([]byte{0}, records[0][:]...))
	}
	k := 1
	for k*2 < len(records) {
		k *= 2
	}
	left, right := naive(records[:k]), naive(records[k:])
	return sha256.Sum256(append(append([]byte{1}, left[:]...), right[:]...))
}

type tiles map[string][]byte

func (s tiles) Tile(level int, index uint64) ([]byte, error) {
	data, here := s[fmt.Sprint(level, "/", index)]
	if !here {
		return nil, fmt.Errorf("there is no tile %d/%d", level, index)
	}
	return data, nil
}

func TestTreeIsThatOfRFC6962HoweverItGrows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stored := tiles{}
		tree := &ledger.Tree{}
		var all []ledger.Record
		for range rapid.IntRange(1, 6).Draw(t, "batches") {
			batch := make([]ledger.Record, rapid.IntRange(0, 300).Draw(t, "size"))
			for i := range batch {
				batch[i][11] = byte(len(all) + i)
				batch[i][12] = byte((len(all) + i) >> 8)
			}
			all = append(all, batch...)
			tree = tree.Clone()
			for _, tile := range tree.Append(batch...) {
				stored[fmt.Sprint(tile.Level, "/", tile.Index)] = tile.Data
			}
			if tree.Root() != naive(all) {
				t.Fatalf("the root of %d records is wrong", len(all))
			}
			again, err := ledger.OpenTree(tree.Size(), stored.Tile)
			if err != nil || again.Root() != tree.Root() {
				t.Fatalf("the tree of %d records is not the one its tiles give: %v", len(all), err)
			}
		}
		if len(all) == 0 {
			return
		}
		size := uint64(len(all))
		index := rapid.Uint64Range(0, size-1).Draw(t, "index")
		proof, err := ledger.Prove(stored, index, size)
		if err != nil || ledger.CheckInclusion(all[index], index, size, tree.Root(), proof) != nil {
			t.Fatalf("entry %d of %d is not proven: %v", index, size, err)
		}
		if ledger.CheckInclusion(all[index], (index+1)%(size+1), size, tree.Root(), proof) == nil {
			t.Fatal("the proof holds for another place")
		}
		older := rapid.Uint64Range(1, size).Draw(t, "older")
		consistency, err := ledger.ProveConsistency(stored, older, size)
		if err != nil || ledger.CheckConsistency(older, naive(all[:older]), size, tree.Root(), consistency) != nil {
			t.Fatalf("%d is not shown to begin %d: %v", older, size, err)
		}
		if older < size && ledger.CheckConsistency(older, naive(all[1:older+1]), size, tree.Root(), consistency) == nil {
			t.Fatal("another beginning was accepted")
		}
	})
}

func TestProofsOfNoShapeAreRefused(t *testing.T) {
	for _, c := range []struct{ index, size uint64 }{{0, 0}, {1, 1}, {0, 1 << 63}, {1 << 63, 1 << 63}} {
		if ledger.CheckInclusion(ledger.Record{}, c.index, c.size, [32]byte{}, nil) == nil {
			t.Errorf("inclusion of %d in %d was accepted", c.index, c.size)
		}
		if _, err := ledger.Prove(tiles{}, c.index, c.size); err == nil {
			t.Errorf("inclusion of %d in %d was proven", c.index, c.size)
		}
		if ledger.CheckConsistency(c.index, [32]byte{}, c.size, [32]byte{}, make([][32]byte, 3)) == nil && c.index != c.size {
			t.Errorf("consistency of %d and %d was accepted", c.index, c.size)
		}
	}
}

// small makes an export with every kind of entry that a log begins with.
func small(t testing.TB, spoil func([]narthex.Entry) []narthex.Entry) (string, string) {
	t.Helper()
	signerKey, key, err := ledger.NewKey(strings.NewReader(strings.Repeat("r", 99)), "lab.example/ledger")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(signerKey)
	if err != nil {
		t.Fatal(err)
	}
	entries := story()
	if spoil != nil {
		entries = spoil(entries)
	}
	tree := &ledger.Tree{}
	var records []ledger.Record
	var openings []ledger.Opening
	for i, e := range entries {
		record, opening, err := ledger.Seal(e, seed(i))
		if err != nil {
			t.Fatal(err)
		}
		records, openings = append(records, record), append(openings, opening)
	}
	tree.Append(records...)
	checkpoint, err := ledger.SignCheckpoint(signer, tree.Size(), tree.Root())
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	exporter, err := ledger.NewExporter(&out, key, checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	for i, record := range records {
		opening := &openings[i]
		if i == 9 && openings[i].Type == narthex.EntryCallRead {
			opening = nil
		}
		if err := exporter.Entry(record, opening); err != nil {
			t.Fatal(err)
		}
	}
	if err := exporter.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String(), key
}

// with makes an entry with the given texts for its first fields.
func with(kind narthex.EntryType, n int, texts map[string]string) narthex.Entry {
	e := entryOf(kind, n)
	for i, field := range e.Fields {
		if text, given := texts[field.Name]; given {
			e.Fields[i] = narthex.TextField(field.Name, text)
		}
	}
	return e
}

func story() []narthex.Entry {
	changed := func(n int, command, by string) narthex.Entry {
		return with(narthex.EntryEngagementChanged, n, map[string]string{"engagement": "e", "command": command, "by": by})
	}
	signed := func(n int, party string) narthex.Entry {
		return with(narthex.EntryAgreementSigned, n, map[string]string{"agreement": "a", "party": party})
	}
	entries := []narthex.Entry{entryOf(narthex.EntryInception, 0), changed(1, "submit", "ada"), changed(2, "approve", "bo"), changed(3, "approve", "cy"),
		signed(4, "researcher"), signed(5, "lab"), with(narthex.EntryGrantActive, 6, map[string]string{"engagement": "e", "agreement": "a"})}
	for n := 7; n < 13; n += 3 {
		entries = append(entries, entryOf(narthex.EntryCallIntent, n), with(narthex.EntryCallOutcome, n+1, map[string]string{"call": fmt.Sprint("call_", len(entries))}), entryOf(narthex.EntryCallRead, n+2))
	}
	return append(entries, entryOf(narthex.EntryCallIntent, 40))
}

func TestAnHonestExportVerifies(t *testing.T) {
	export, key := small(t, nil)
	report, err := ledger.Verify(strings.NewReader(export), key)
	if err != nil {
		t.Fatal(err)
	}
	if report.Size != uint64(len(story())) || report.Opened >= report.Size || len(report.Open) != 1 || report.Origin != "lab.example/ledger" {
		t.Errorf("the report says %+v", report)
	}
}

// TestEveryFlippedBitIsFoundAndItsEntryNamed flips every bit of an export.
func TestEveryFlippedBitIsFoundAndItsEntryNamed(t *testing.T) {
	export, key := small(t, nil)
	lineOf := int64(-1)
	for at := range len(export) {
		for bit := range 8 {
			flipped := []byte(export)
			flipped[at] ^= 1 << bit
			_, err := ledger.Verify(bytes.NewReader(flipped), key)
			tamper, is := err.(*ledger.TamperError)
			if !is {
				t.Fatalf("bit %d of byte %d: %v", bit, at, err)
			}
			inEntry := lineOf >= 0 && lineOf < int64(len(story()))
			if inEntry && tamper.Index != lineOf && export[at] != '\n' {
				t.Fatalf("bit %d of byte %d is in entry %d, and the verifier names %d: %v", bit, at, lineOf, tamper.Index, err)
			}
		}
		if export[at] == '\n' {
			lineOf++
		}
	}
}

func TestEditsOfWholeLinesAreFound(t *testing.T) {
	export, key := small(t, nil)
	lines := strings.SplitAfter(strings.TrimSuffix(export, "\n"), "\n")
	lines[len(lines)-1] += "\n"
	try := func(what string, edited []string) {
		if _, err := ledger.Verify(strings.NewReader(strings.Join(edited, "")), key); err == nil {
			t.Errorf("%s was not found", what)
		}
	}
	for i := range lines {
		try(fmt.Sprint("line ", i, " deleted"), append(append([]string{}, lines[:i]...), lines[i+1:]...))
		try(fmt.Sprint("line ", i, " doubled"), append(append(append([]string{}, lines[:i+1]...), lines[i]), lines[i+1:]...))
		try(fmt.Sprint("cut after line ", i), lines[:i])
		if i > 0 {
			swapped := append([]string{}, lines...)
			swapped[i-1], swapped[i] = swapped[i], swapped[i-1]
			try(fmt.Sprint("line ", i, " swapped"), swapped)
		}
	}
	try("a line after the end", append(append([]string{}, lines...), "{}\n"))
	other, otherKey := small(t, func(e []narthex.Entry) []narthex.Entry { return e[:9] })
	_, _ = other, otherKey
	try("another log's beginning", append(strings.SplitAfter(other, "\n")[:5], lines[5:]...))
}

func TestStoriesThatCannotBeAreFound(t *testing.T) {
	drop := func(i int) func([]narthex.Entry) []narthex.Entry {
		return func(e []narthex.Entry) []narthex.Entry { return append(e[:i:i], e[i+1:]...) }
	}
	for what, spoil := range map[string]func([]narthex.Entry) []narthex.Entry{
		"no inception":            drop(0),
		"no application":          drop(1),
		"one approval":            drop(2),
		"no signature of the lab": drop(5),
		"one signature":           drop(4),
		"the same approver twice": func(e []narthex.Entry) []narthex.Entry { e[3] = e[2]; return e },
		"an outcome without a call": func(e []narthex.Entry) []narthex.Entry {
			return append(e, with(narthex.EntryCallOutcome, 50, map[string]string{"call": "call_3"}))
		},
		"two outcomes of a call": func(e []narthex.Entry) []narthex.Entry {
			return append(e, with(narthex.EntryCallOutcome, 50, map[string]string{"call": "call_7"}))
		},
		"a second inception":  func(e []narthex.Entry) []narthex.Entry { return append(e, entryOf(narthex.EntryInception, 50)) },
		"time that goes back": func(e []narthex.Entry) []narthex.Entry { return append(e, entryOf(narthex.EntryCallIntent, 1)) },
		"an edit after the approvals": func(e []narthex.Entry) []narthex.Entry {
			edit := with(narthex.EntryEngagementChanged, 3, map[string]string{"engagement": "e", "command": "revise", "by": "ada"})
			return append(append(append([]narthex.Entry{}, e[:4]...), edit), e[4:]...)
		},
	} {
		export, key := small(t, spoil)
		if _, err := ledger.Verify(strings.NewReader(export), key); err == nil {
			t.Errorf("%s was not found", what)
		}
	}
}

func TestAnotherLabsKeyVerifiesNothing(t *testing.T) {
	export, key := small(t, nil)
	_, other, err := ledger.NewKey(strings.NewReader(strings.Repeat("q", 99)), "lab.example/ledger")
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{other, "", "x", strings.Replace(key, "lab", "lob", 1)} {
		if _, err := ledger.Verify(strings.NewReader(export), wrong); err == nil {
			t.Errorf("the key %q verified", wrong)
		}
	}
}

func FuzzVerify(f *testing.F) {
	export, key := small(f, nil)
	f.Add(export)
	f.Add(export[:len(export)/2])
	f.Fuzz(func(t *testing.T, data string) {
		if _, err := ledger.Verify(strings.NewReader(data), key); err == nil && data != export {
			t.Error("something else than the export verified")
		}
	})
}

func FuzzParseRecord(f *testing.F) {
	record, _, _ := ledger.Seal(entryOf(narthex.EntryCallRead, 1), seed(1))
	f.Add(record[:])
	f.Fuzz(func(t *testing.T, data []byte) {
		if r, err := ledger.ParseRecord(data); err == nil && !bytes.Equal(r[:], data) {
			t.Error("a record read is not the bytes it was read from")
		}
	})
}

func FuzzOpenCheckpoint(f *testing.F) {
	export, key := small(f, nil)
	var head struct{ Checkpoint string }
	if err := json.Unmarshal([]byte(export[:strings.IndexByte(export, '\n')]), &head); err != nil {
		f.Fatal(err)
	}
	f.Add(head.Checkpoint)
	f.Fuzz(func(t *testing.T, text string) {
		if c, err := ledger.OpenCheckpoint(text, key); err == nil && c.Size != uint64(len(story())) {
			t.Error("a checkpoint that nobody signed was opened")
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	e := entryOf(narthex.EntryCallIntent, 1)
	for b.Loop() {
		if _, _, err := ledger.Seal(e, [32]byte{1}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	export, key := small(b, nil)
	for b.Loop() {
		if _, err := ledger.Verify(strings.NewReader(export), key); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*len(story()))/b.Elapsed().Seconds(), "entries/s")
}
