package ledger_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"narthex"
	"narthex/ledger"
)

func TestAnHonestExportVerifies(t *testing.T) {
	export, key := honest(t)
	report, err := ledger.Verify(strings.NewReader(export), key)
	if err != nil {
		t.Fatal(err)
	}
	entries := story()
	var want ledger.Report
	want.Origin, want.Size, want.Opened = origin, uint64(len(entries)), uint64(len(entries)-1)
	want.First, want.Last = entries[0].At, entries[len(entries)-1].At
	want.Open = []narthex.CallID{narthex.CallID(fmt.Sprint("call_", len(entries)-1))}
	want.ByType = map[narthex.EntryType]int{}
	for i, e := range entries {
		if e.Type.Class() == narthex.UseEntry {
			want.Use++
		} else {
			want.Governance++
		}
		if i != withheld {
			want.ByType[e.Type]++
		}
	}
	want.Root = fmt.Sprintf("%x", naive(leavesOf(seal(t, entries).records)))
	want.Key = key
	_, want.Checkpoint, _ = strings.Cut(export, `"checkpoint":"`)
	want.Checkpoint, _, _ = strings.Cut(want.Checkpoint, `"}`)
	want.Checkpoint = strings.ReplaceAll(want.Checkpoint, `\n`, "\n")
	if fmt.Sprintf("%+v", report) != fmt.Sprintf("%+v", want) {
		t.Errorf("the report says\n%+v and not\n%+v", report, want)
	}
	if len(want.ByType) != len(narthex.EntryTypes())-2 { // but a rotation, and the one that is withheld
		t.Errorf("the story has %d types of entry", len(want.ByType))
	}
}

// TestWhatAVisitWasGivenMayBeKept compares every opening with the one that was sealed only after the last was read.
func TestWhatAVisitWasGivenMayBeKept(t *testing.T) {
	s := seal(t, story())
	s.openings[withheld] = nil
	export, key := s.export(t)
	var kept []*ledger.Opening
	_, err := ledger.VerifyEach(strings.NewReader(export), key, func(index uint64, record ledger.Record, opening *ledger.Opening) error {
		if index != uint64(len(kept)) || record != s.records[index] {
			t.Errorf("entry %d was given out of its order, or with another record", index)
		}
		kept = append(kept, opening)
		return nil
	})
	if err != nil || len(kept) != len(s.records) {
		t.Fatalf("%d entries were given: %v", len(kept), err)
	}
	for i, opening := range kept {
		if !reflect.DeepEqual(opening, s.openings[i]) {
			t.Errorf("entry %d was given as %v and is %v", i, opening, s.openings[i])
		}
	}
}

// TestTheExportFormatStays holds a whole export, the published vector for verifiers that others write.
func TestTheExportFormatStays(t *testing.T) {
	export, key := honest(t)
	for name, got := range map[string]string{"export.jsonl": export, "export.key": key + "\n"} {
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want, err := os.ReadFile(path); err != nil || string(want) != got {
			t.Errorf("%s is not what is written now; verifiers in the world would not read it: %v", name, err)
		}
	}
}

func TestAnEmptyLogVerifies(t *testing.T) {
	export, key := sealed{}.export(t)
	if report, err := ledger.Verify(strings.NewReader(export), key); err != nil || report.Size != 0 || report.Root != knownRoots[0] {
		t.Errorf("%+v, %v", report, err)
	}
}

// TestEveryFlippedBitIsFoundAndItsEntryNamed flips every bit of an export, line feeds included.
func TestEveryFlippedBitIsFoundAndItsEntryNamed(t *testing.T) {
	export, key := honest(t)
	entryAt := make([]int64, len(export)) // the entry whose line a byte is in
	line := int64(-1)
	for at := range len(export) {
		if entryAt[at] = line; export[at] == '\n' {
			line++
		}
	}
	last := line - 1 // the trailer is no entry
	var group sync.WaitGroup
	for worker := range 2 {
		group.Go(func() {
			in := bufio.NewReaderSize(nil, 1<<20) // Verify uses it as its own, so that a flip costs no buffer
			data := []byte(export)
			for at := worker; at < len(data); at += 2 {
				for bit := range 8 {
					data[at] ^= 1 << bit
					in.Reset(bytes.NewReader(data))
					_, err := ledger.Verify(in, key)
					data[at] ^= 1 << bit
					tamper, is := err.(*ledger.TamperError)
					if !is {
						t.Errorf("bit %d of byte %d was not found: %v", bit, at, err)
						return
					}
					if entryAt[at] < last && tamper.Index != entryAt[at] {
						t.Errorf("bit %d of byte %d is in entry %d and the verifier names %d: %v", bit, at, entryAt[at], tamper.Index, err)
						return
					}
				}
			}
		})
	}
	group.Wait()
}

func TestEditsOfWholeLinesAreFoundWhereTheyBegin(t *testing.T) {
	export, key := honest(t)
	lines := linesOf(export)
	trailer := len(lines) - 1
	named := func(what string, want int, edited ...[]string) {
		t.Helper()
		if got := tampered(t, what, strings.Join(slices.Concat(edited...), ""), key); got != int64(want) {
			t.Errorf("%s: the verifier names %d and not %d", what, got, want)
		}
	}
	for i := 1; i < trailer; i++ {
		entry := i - 1
		named(fmt.Sprint("entry ", entry, " deleted"), entry, lines[:i], lines[i+1:])
		named(fmt.Sprint("entry ", entry, " doubled"), entry+1, lines[:i+1], lines[i:])
		named(fmt.Sprint("the log cut before ", entry), entry, lines[:i])
		named(fmt.Sprint("the log cut in the middle of ", entry), entry, lines[:i], []string{lines[i][:len(lines[i])/2]})
		named(fmt.Sprint("the line feed of ", entry, " alone cut"), entry, lines[:i], []string{strings.TrimSuffix(lines[i], "\n")})
		named(fmt.Sprint("a line of nothing before ", entry), entry, lines[:i], []string{"\n"}, lines[i:])
		named(fmt.Sprint("a line of another shape before ", entry), entry, lines[:i], []string{"{}\n"}, lines[i:])
		named(fmt.Sprint("the header before ", entry), entry, lines[:i], lines[:1], lines[i:])
		if i > 1 {
			named(fmt.Sprint("entries swapped at ", entry), entry-1, lines[:i-1], lines[i:i+1], lines[i-1:i], lines[i+1:])
		}
	}
	named("no header", -1, lines[1:])
	named("two headers", 0, lines[:1], lines)
	named("nothing", -1)
	for what, after := range map[string]string{"a line feed": "\n", "a space": " ", "a byte of nothing": "\x00", "a trailer": lines[trailer], "an export": export} {
		named(what+" after the end", -1, lines, []string{after})
	}
	for what, edited := range map[string][]string{
		"no trailer":                        lines[:trailer],
		"a trailer with no line feed":       append(lines[:trailer:trailer], strings.TrimSuffix(lines[trailer], "\n")),
		"a trailer that counts one fewer":   append(lines[:trailer:trailer], fmt.Sprintf("{\"end\":%d}\n", trailer-2)),
		"a trailer that counts one more":    append(lines[:trailer:trailer], fmt.Sprintf("{\"end\":%d}\n", trailer)),
		"the last entry gone and uncounted": append(lines[:trailer-1:trailer-1], fmt.Sprintf("{\"end\":%d}\n", trailer-2)),
		"every entry gone and uncounted":    {lines[0], "{\"end\":0}\n"},
	} {
		tampered(t, what, strings.Join(edited, ""), key)
	}
}

// TestOtherSpellingsOfALineAreRefused keeps what the lines say and changes how they say it.
func TestOtherSpellingsOfALineAreRefused(t *testing.T) {
	export, key := honest(t)
	lines := linesOf(export)
	for what, edit := range map[string][]string{
		"a space":              {`{"index":3`, `{"index": 3`},
		"a carriage return":    {"\n", "\r\n"},
		"a number with dot":    {`{"index":3`, `{"index":3.0`},
		"a number in text":     {`{"index":3`, `{"index":"3"`},
		"a name escaped":       {`{"index"`, `{"ind\u0065x"`},
		"a name in capitals":   {`{"index"`, `{"Index"`},
		"a name twice":         {`{"index":3`, `{"index":3,"index":3`},
		"an unknown name":      {`{"index":3`, `{"more":0,"index":3`},
		"names out of order":   {`{"index":3,`, `{`, `"leaf":`, `"index":3,"leaf":`},
		"a value escaped":      {`"v"`, `"\u0076"`},
		"a type escaped":       {`directory.in_force`, `directory.in\u005fforce`},
		"an opening of null":   {lines[4][strings.Index(lines[4], `"opening"`):], `"opening":null}` + "\n"},
		"another alphabet":     {`"record":"`, `"record":"_`},
		"bytes before it":      {`{"index"`, ` {"index"`},
		"bytes after it":       {"}\n", "}{}\n"},
		"a mark of byte order": {`{"index"`, "\ufeff" + `{"index"`},
	} {
		edited := slices.Clone(lines)
		if edited[4] = strings.NewReplacer(edit...).Replace(lines[4]); edited[4] == lines[4] {
			t.Fatalf("%s edits nothing in %s", what, lines[4])
		}
		if got := tampered(t, what, strings.Join(edited, ""), key); got != 3 {
			t.Errorf("%s in entry 3: the verifier names %d", what, got)
		}
	}
}

// TestRandomEditsAreFound cuts, copies, moves and overwrites spans of an export.
func TestRandomEditsAreFound(t *testing.T) {
	export, key := honest(t)
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.IntRange(0, len(export)-1).Draw(t, "from")
		to := rapid.IntRange(from, min(from+600, len(export))).Draw(t, "to")
		at := rapid.IntRange(0, len(export)).Draw(t, "at")
		var edited string
		switch rapid.SampledFrom([]string{"cut", "copy", "overwrite", "random"}).Draw(t, "edit") {
		case "cut":
			edited = export[:from] + export[to:]
		case "copy":
			edited = export[:at] + export[from:to] + export[at:]
		case "overwrite":
			edited = export[:at] + export[from:to] + export[min(at+to-from, len(export)):]
		case "random":
			edited = export[:from] + string(rapid.SliceOfN(rapid.Byte(), 0, 8).Draw(t, "bytes")) + export[to:]
		}
		if _, err := ledger.Verify(strings.NewReader(edited), key); (err == nil) != (edited == export) {
			t.Fatalf("an edit of bytes %d to %d at %d: %v", from, to, at, err)
		}
	})
}

func TestWhatAPersonReadsOfTampering(t *testing.T) {
	export, key := honest(t)
	lines := linesOf(export)
	_, err := ledger.Verify(strings.NewReader(strings.Join(slices.Concat(lines[:8], lines[9:]), "")), key)
	if err == nil || !strings.HasPrefix(err.Error(), "entry 7: ") || !strings.Contains(err.Error(), "get another") {
		t.Errorf("it says %v", err)
	}
	// What stands in the export is never repeated to the person.
	_, err = ledger.Verify(strings.NewReader(strings.Replace(export, `"index":3`, `"index":3,"canary":1`, 1)), key)
	if err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("it says %v", err)
	}
}

func TestAnExportThatCannotBeWrittenIsAnError(t *testing.T) {
	s := seal(t, story())
	exporter, err := ledger.NewExporter(fullDisk{}, "k", "c")
	for i := 0; err == nil && i < 1000; i++ {
		err = exporter.Entry(s.records[i%len(s.records)], s.openings[i%len(s.records)])
	}
	if err == nil {
		t.Error("a thousand entries were written to a full disk")
	}
	exporter, err = ledger.NewExporter(fullDisk{}, "k", "c")
	if err == nil && exporter.Close() == nil {
		t.Error("an export was closed on a full disk")
	}
}

// fullDisk takes nothing.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("the disk is full") }
