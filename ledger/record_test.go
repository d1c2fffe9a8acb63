package ledger_test

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"narthex"
	"narthex/ledger"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden is one published test vector: an opening as an export writes it, and its record and leaf in hexadecimal.
type golden struct {
	Type    narthex.EntryType `json:"type"`
	Record  string            `json:"record"`
	Leaf    string            `json:"leaf"`
	Opening string            `json:"opening"`
}

func TestEncodingsOfEveryEntryTypeStay(t *testing.T) {
	var got []golden
	for i, kind := range narthex.EntryTypes() {
		record, opening, err := ledger.Seal(entryOf(kind, i), seed(i))
		if err != nil {
			t.Fatal(err)
		}
		form, err := opening.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		leaf := record.Leaf()
		got = append(got, golden{kind, hex.EncodeToString(record[:]), hex.EncodeToString(leaf[:]), string(form)})
	}
	path := filepath.Join("testdata", "golden.json")
	if *update {
		data, err := json.MarshalIndent(got, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(data, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var want []golden
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the encodings changed; verifiers in the world would not read them")
	}
	for _, g := range want {
		var opening ledger.Opening
		if err := opening.UnmarshalJSON([]byte(g.Opening)); err != nil {
			t.Errorf("%s: the opening does not read: %v", g.Type, err)
		}
		raw, _ := hex.DecodeString(g.Record)
		record, err := ledger.ParseRecord(raw)
		if err != nil || opening.Opens(record) != nil {
			t.Errorf("%s: the opening is not the record's: %v", g.Type, err)
		}
	}
}

// rootByTheComment computes an entry's root from nothing but the package comment.
func rootByTheComment(o ledger.Opening) ledger.Hash {
	var salts []byte
	for i := byte(0); i < 4; i++ {
		block := sha512.Sum512(append(slices.Clone(o.Seed[:]), i))
		salts = append(salts, block[:]...)
	}
	fields := append([]narthex.Field{{Name: "type", Value: `"` + string(o.Type) + `"`}}, o.Fields...)
	var leaves []ledger.Hash
	for i, f := range fields {
		data := append([]byte{0}, salts[16*i:16*i+16]...)
		data = append(data, byte(len(f.Name)>>8), byte(len(f.Name)))
		leaves = append(leaves, sha256.Sum256(append(data, f.Name+f.Value...)))
	}
	return naive(leaves)
}

func TestRecordIsWhatThePackageCommentSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := narthex.Entry{Type: rapid.SampledFrom(narthex.EntryTypes()).Draw(t, "type"), At: time.UnixMilli(rapid.Int64Range(0, 1<<42).Draw(t, "at")).UTC()}
		for _, name := range e.Type.Fields() {
			e.Fields = append(e.Fields, narthex.TextField(name, rapid.String().Draw(t, name)))
		}
		s := [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "seed"))
		record, opening, err := ledger.Seal(e, s)
		if err != nil {
			t.Fatal(err)
		}
		if record.Root() != rootByTheComment(opening) || record.Class() != e.Type.Class() || !record.Time().Equal(e.At) || record[0] != 1 {
			t.Fatalf("the record of %s is not that of the comment", e.Type)
		}
		if record.Leaf() != leavesOf([]ledger.Record{record})[0] {
			t.Fatal("the leaf is not RFC 6962's")
		}
		form, err := opening.MarshalJSON()
		var read ledger.Opening
		if err != nil || read.UnmarshalJSON(form) != nil || read.Opens(record) != nil {
			t.Fatalf("the opening does not survive its JSON form: %v", err)
		}
	})
}

func TestEntriesThatBreakTheVocabularyAreNotSealed(t *testing.T) {
	good := func() narthex.Entry { return with(narthex.EntryCallRead, 1, nil) }
	for what, spoil := range map[string]func(*narthex.Entry){
		"an unknown type":      func(e *narthex.Entry) { e.Type = "call.else" },
		"no type":              func(e *narthex.Entry) { e.Type = "" },
		"another type's":       func(e *narthex.Entry) { e.Type = narthex.EntrySessionOpened },
		"a field too few":      func(e *narthex.Entry) { e.Fields = e.Fields[1:] },
		"a field too many":     func(e *narthex.Entry) { e.Fields = append(e.Fields, narthex.NumberField("more", 1)) },
		"fields out of order":  func(e *narthex.Entry) { e.Fields[0], e.Fields[1] = e.Fields[1], e.Fields[0] },
		"a field of no value":  func(e *narthex.Entry) { e.Fields[2].Value = "" },
		"a time before 1970":   func(e *narthex.Entry) { e.At = time.Unix(-1, 0) },
		"no time":              func(e *narthex.Entry) { e.At = time.Time{} },
		"a time after 9999":    func(e *narthex.Entry) { e.At = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"a field named anew":   func(e *narthex.Entry) { e.Fields[1].Name = "Key" },
		"a field twice for it": func(e *narthex.Entry) { e.Fields[1] = e.Fields[0] },
	} {
		e := good()
		if _, _, err := ledger.Seal(e, seed(1)); err != nil {
			t.Fatal(err)
		}
		if spoil(&e); func() error { _, _, err := ledger.Seal(e, seed(1)); return err }() == nil {
			t.Errorf("%s was sealed", what)
		}
	}
}

func TestRecordsOfAnotherFormAreRefused(t *testing.T) {
	record, _, err := ledger.Seal(with(narthex.EntryCallRead, 1, nil), seed(1))
	if err != nil {
		t.Fatal(err)
	}
	inner := nodeOf(ledger.Hash{1}, ledger.Hash{2})
	for what, data := range map[string][]byte{
		"nothing":                  nil,
		"a byte too few":           record[:41],
		"a byte too many":          append(record[:], 0),
		"version 0":                append([]byte{0}, record[1:]...),
		"version 2":                append([]byte{2}, record[1:]...),
		"class 0":                  append([]byte{1, 0}, record[2:]...),
		"class 3":                  append([]byte{1, 3}, record[2:]...),
		"a time before 1970":       append([]byte{1, 2, 0xff}, record[3:]...),
		"a time after 9999":        append([]byte{1, 2, 0x01}, record[3:]...),
		"two hashes of inner node": append(inner[:], inner[:]...),
	} {
		if _, err := ledger.ParseRecord(data); err == nil {
			t.Errorf("%s was read", what)
		}
	}
	if read, err := ledger.ParseRecord(record[:]); err != nil || read != record {
		t.Errorf("the record itself was not read: %v", err)
	}
}

func TestAnOpeningOpensItsOwnRecordOnly(t *testing.T) {
	record, opening, err := ledger.Seal(entryOf(narthex.EntryCallIntent, 1), seed(1))
	if err != nil || opening.Opens(record) != nil {
		t.Fatalf("%v, %v", err, opening.Opens(record))
	}
	for at := range record {
		for bit := range 8 {
			// Bytes 2 to 9 are the time, which the log's leaf holds and the opening does not.
			if 2 <= at && at < 10 {
				continue
			}
			flipped := record
			flipped[at] ^= 1 << bit
			if opening.Opens(flipped) == nil {
				t.Errorf("it opens the record with bit %d of byte %d flipped", bit, at)
			}
		}
	}
	for what, spoil := range map[string]func(*ledger.Opening){
		"another seed":        func(o *ledger.Opening) { o.Seed[31] ^= 1 },
		"another value":       func(o *ledger.Opening) { o.Fields[9].Value += " " },
		"another name":        func(o *ledger.Opening) { o.Fields[0].Name = "grants" },
		"a type of its class": func(o *ledger.Opening) { o.Type = narthex.EntryCallDenied },
		"two values swapped":  func(o *ledger.Opening) { o.Fields[0].Value, o.Fields[1].Value = o.Fields[1].Value, o.Fields[0].Value },
		"a field less":        func(o *ledger.Opening) { o.Fields = o.Fields[:9] },
		"nothing":             func(o *ledger.Opening) { *o = ledger.Opening{} },
	} {
		wrong := opening
		wrong.Fields = slices.Clone(opening.Fields)
		if spoil(&wrong); wrong.Opens(record) == nil {
			t.Errorf("%s opens the record", what)
		}
	}
}

func TestRecordsOfOneMomentTellNothingApart(t *testing.T) {
	denied, _, _ := ledger.Seal(entryOf(narthex.EntryCallDenied, 1), seed(1))
	read, _, _ := ledger.Seal(entryOf(narthex.EntryCallRead, 1), seed(2))
	if [10]byte(denied[:10]) != [10]byte(read[:10]) {
		t.Error("two records of use at one moment differ before the root")
	}
	again, _, _ := ledger.Seal(entryOf(narthex.EntryCallRead, 1), seed(3))
	if read.Root() == again.Root() {
		t.Error("the same entry under two seeds has one root")
	}
}

// TestTextThatImitatesAnEntryStaysText seals names and reasons made to look like line ends, fields and entries.
func TestTextThatImitatesAnEntryStaysText(t *testing.T) {
	for _, text := range []string{"x\ny", "x\x1fy", "x\n{\"index\":1}", `","by":"ada`, "</script><b>", "\u2028\u2029\x00\x7f", `\u0022`, "— " + origin + " AAAA\n\n"} {
		s := seal(t, []narthex.Entry{with(narthex.EntryInception, 0, texts{"lab": text})})
		if got := s.openings[0].Text("lab"); got != text {
			t.Errorf("%q reads back as %q", text, got)
		}
		export, key := s.export(t)
		if n := strings.Count(export, "\n"); n != 3 {
			t.Errorf("an entry with %q makes %d lines", text, n)
		}
		if _, err := ledger.Verify(strings.NewReader(export), key); err != nil {
			t.Errorf("an entry with %q does not verify: %v", text, err)
		}
	}
}

func TestOpeningsOfAnotherFormAreRefused(t *testing.T) {
	_, opening, _ := ledger.Seal(with(narthex.EntryLedgerRead, 1, texts{"by": "x", "what": "y"}), seed(1))
	form, err := opening.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for what, edit := range map[string][2]string{
		"an unknown type":      {`ledger.read`, `ledger.eaten`},
		"a name in upper case": {`"type"`, `"Type"`},
		"an unknown name":      {`{"type"`, `{"more":1,"type"`},
		"a name twice":         {`{"type"`, `{"type":"ledger.read","type"`},
		"a value too many":     {`"y"]`, `"y","z"]`},
		"a value too few":      {`,"y"]`, `]`},
		"bytes after it":       {`]}`, `]}{}`},
		"a short seed":         {base64.StdEncoding.EncodeToString(opening.Seed[:]), "AAAA"},
		"an empty opening":     {string(form), `{}`},
		"null":                 {string(form), `null`},
		"a list":               {string(form), `[]`},
	} {
		text := strings.Replace(string(form), edit[0], edit[1], 1)
		if text == string(form) {
			t.Fatalf("%s edits nothing", what)
		}
		var read ledger.Opening
		if err := read.UnmarshalJSON([]byte(text)); err == nil {
			t.Errorf("%s was read: %s", what, text)
		}
	}
}
