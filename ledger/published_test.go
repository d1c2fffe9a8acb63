package ledger_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"narthex"
	"narthex/ledger"
)

// files is a published log, by path.
type files map[string][]byte

func (f files) source(path string) ([]byte, error) {
	data, here := f[path]
	if !here {
		return nil, ledger.ErrAbsent
	}
	return data, nil
}

// publish gives the published form of a log, with exactly the tiles of its checkpoint.
func (s sealed) publish(t testing.TB) (files, string) {
	t.Helper()
	signer, key := newKey(t, "r")
	return s.publishUnder(t, key, signer), key
}

func (s sealed) publishUnder(t testing.TB, key string, signers ...note.Signer) files {
	t.Helper()
	var tree ledger.Tree
	f := files{"key": []byte(key + "\n")}
	for _, tile := range tree.Append(s.records...) {
		f[ledger.TilePath(strconv.Itoa(tile.Level), tile.Index, len(tile.Data)/32)] = tile.Data
	}
	for first := 0; first < len(s.records); first += 256 {
		var bundle []byte
		records := s.records[first:min(first+256, len(s.records))]
		for _, record := range records {
			bundle = append(binary.BigEndian.AppendUint16(bundle, 42), record[:]...)
		}
		f[ledger.TilePath("entries", uint64(first/256), len(records))] = bundle
	}
	var public []string
	for i, opening := range s.openings {
		if opening == nil || !opening.Type.Public() {
			continue
		}
		public = append(public, strconv.Itoa(i))
		form, err := opening.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		f["openings/"+strconv.Itoa(i)] = form
	}
	f["openings"] = []byte(`{"openings":[` + strings.Join(public, ",") + "]}\n")
	checkpoint, err := ledger.SignCheckpoint(signers[0], tree.Size(), tree.Root(), signers[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	f["checkpoint"] = []byte(checkpoint)
	return f
}

// long is a log of n entries at least, calls after the story.
func long(t testing.TB, n int) sealed {
	entries := story()
	entries = append(entries, callsFrom(len(entries), (n-len(entries)+1)/2)...)
	return seal(t, entries[:n]) // the last call may be open
}

func (s sealed) first(n int) sealed { return sealed{s.records[:n], s.openings[:n]} }

// wrongLog gives the index that a verification of a published log names.
func wrongLog(t testing.TB, what string, f files, key string) int64 {
	t.Helper()
	_, err := ledger.VerifyLog(f.source, key)
	var tamper *ledger.TamperError
	if !errors.As(err, &tamper) {
		t.Fatalf("%s was not found: %v", what, err)
	}
	return tamper.Index
}

func TestAPublishedLogVerifiesAtEverySize(t *testing.T) {
	all := long(t, 65536+600)
	for _, size := range []int{1, 2, 3, 30, 255, 256, 257, 511, 512, 513, 65535, 65536, 65537, 65536 + 256, len(all.records)} {
		s := all.first(size)
		f, key := s.publish(t)
		report, err := ledger.VerifyLog(f.source, key)
		if err != nil {
			t.Errorf("a log of %d: %v", size, err)
			continue
		}
		export, _ := s.export(t)
		want, err := ledger.Verify(strings.NewReader(export), key)
		if err != nil {
			t.Fatal(err)
		}
		want.ByType, want.Opened, want.Open = report.ByType, report.Opened, report.Open
		if fmt.Sprintf("%+v", report) != fmt.Sprintf("%+v", want) || report.Opened == 0 {
			t.Errorf("a log of %d: the report says\n%+v and not\n%+v", size, report, want)
		}
	}
}

func TestEveryFileOfAPublishedLogIsNeededAndRead(t *testing.T) {
	f, key := long(t, 600).publish(t)
	at := map[string]int64{"tile/entries/000": 0, "tile/entries/001": 256, "tile/0/000": 0, "tile/0/001": 256, "openings/3": 3}
	for path, data := range f {
		for what, change := range map[string]func(files){
			"missing":        func(f files) { delete(f, path) },
			"empty":          func(f files) { f[path] = nil },
			"cut by a byte":  func(f files) { f[path] = data[:len(data)-1] },
			"a byte longer":  func(f files) { f[path] = append(slices.Clone(data), 0) },
			"a line longer":  func(f files) { f[path] = append(slices.Clone(data), '\n') },
			"twice":          func(f files) { f[path] = slices.Concat(data, data) },
			"without a byte": func(f files) { f[path] = data[1:] },
		} {
			broken := maps.Clone(f)
			change(broken)
			got := wrongLog(t, path+" "+what, broken, key)
			if want, is := at[path]; is && (what == "missing" || what == "empty" || what == "without a byte") && got != want {
				t.Errorf("%s %s: the verifier names %d and not %d", path, what, got, want)
			}
		}
	}
}

// TestAChangeOfOneEntryIsNamed changes one entry of a published log in each way that it can be changed alone.
func TestAChangeOfOneEntryIsNamed(t *testing.T) {
	f, key := long(t, 600).publish(t)
	for _, index := range []int64{0, 3, 17, 255, 256, 300, 511, 512, 599} {
		bundle, tile := ledger.TilePath("entries", uint64(index/256), 256), ledger.TilePath("0", uint64(index/256), 256)
		if index >= 512 {
			bundle, tile = ledger.TilePath("entries", 2, 600-512), ledger.TilePath("0", 2, 600-512)
		}
		for at := range 44 {
			for bit := range 8 {
				broken := maps.Clone(f)
				broken[bundle] = slices.Clone(f[bundle])
				broken[bundle][44*int(index%256)+at] ^= 1 << bit
				if got := wrongLog(t, "a flipped bit", broken, key); got != index {
					t.Fatalf("bit %d of byte %d of entry %d: the verifier names %d", bit, at, index, got)
				}
			}
		}
		broken := maps.Clone(f)
		broken[tile] = slices.Clone(f[tile])
		broken[tile][32*(index%256)+9] ^= 4
		if got := wrongLog(t, "a flipped hash", broken, key); got != index {
			t.Errorf("the hash of entry %d: the verifier names %d", index, got)
		}
	}
}

func TestPublicOpeningsAreRequiredAndAreNoOthers(t *testing.T) {
	s := long(t, 60)
	f, key := s.publish(t)
	form := func(i int) []byte {
		data, err := s.openings[i].MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	inForce, session := 3, 7
	for what, c := range map[string]struct {
		named  int64
		change func(files)
	}{
		"no inception listed":              {0, func(f files) { f["openings"] = []byte("{\"openings\":[3]}\n") }},
		"none listed":                      {0, func(f files) { f["openings"] = []byte("{\"openings\":[]}\n") }},
		"a person's entry published":       {7, func(f files) { f["openings"], f["openings/7"] = []byte("{\"openings\":[0,7]}\n"), form(session) }},
		"another entry's opening":          {3, func(f files) { f["openings/3"] = form(0) }},
		"another opening of a public type": {4, func(f files) { f["openings"], f["openings/4"] = []byte("{\"openings\":[0,4]}\n"), form(inForce) }},
		"a list out of order":              {-1, func(f files) { f["openings"] = []byte("{\"openings\":[3,0]}\n") }},
		"an index twice":                   {-1, func(f files) { f["openings"] = []byte("{\"openings\":[0,0]}\n") }},
		"a list with a space":              {-1, func(f files) { f["openings"] = []byte("{\"openings\": [0]}\n") }},
		"a list of null":                   {-1, func(f files) { f["openings"] = []byte("{\"openings\":null}\n") }},
	} {
		broken := maps.Clone(f)
		c.change(broken)
		if got := wrongLog(t, what, broken, key); got != c.named {
			t.Errorf("%s: the verifier names %d and not %d", what, got, c.named)
		}
	}
	// What a running log lists beyond the checkpoint is newer.
	newer := maps.Clone(f)
	newer["openings"] = []byte(strings.Replace(string(f["openings"]), "]", ",1000]", 1))
	if _, err := ledger.VerifyLog(newer.source, key); err != nil {
		t.Errorf("an entry beyond the checkpoint: %v", err)
	}
}

func TestAPublishedRotationIsFollowed(t *testing.T) {
	before, oldKey := newKey(t, "q")
	after, key := newKey(t, "r")
	_, otherKey := newKey(t, "x")
	entries := story()
	entries[0] = with(narthex.EntryInception, 0, texts{"log_key": oldKey})
	fields, err := ledger.Rotation(origin, uint64(len(entries)), oldKey, before, key, after)
	if err != nil {
		t.Fatal(err)
	}
	e := with(narthex.EntryLogKeyRotated, len(entries), nil)
	e.Fields = fields
	s := seal(t, append(entries, e))
	f := s.publishUnder(t, key, after, before)
	for _, held := range []string{oldKey, key} {
		if report, err := ledger.VerifyLog(f.source, held); err != nil || report.Key != key {
			t.Errorf("under %s: %v", held, err)
		}
	}
	kept := s.first(20).publishUnder(t, oldKey, before)["checkpoint"]
	if _, err := ledger.VerifyLog(f.source, key, string(kept)); err != nil {
		t.Errorf("a checkpoint of before the rotation: %v", err)
	}
	for what, broken := range map[string]files{
		"signed by the old key alone": s.publishUnder(t, key, before),
		"states the old key":          s.publishUnder(t, oldKey, after, before),
	} {
		if got := wrongLog(t, what, broken, oldKey); got != -1 {
			t.Errorf("%s: the verifier names %d", what, got)
		}
	}
	if got := wrongLog(t, "another key", f, otherKey); got != -1 {
		t.Errorf("under another key the verifier names %d", got)
	}
	hidden := maps.Clone(f)
	hidden["openings"] = []byte(strings.Replace(string(f["openings"]), fmt.Sprintf(",%d]", len(entries)), "]", 1))
	if _, err := ledger.VerifyLog(hidden.source, oldKey); err == nil {
		t.Error("a rotation that is not listed is followed")
	}
}

// TestTwoHistoriesAreFoundAtTheFirstExchange shows every holder of a checkpoint every other history, in both forms of a log.
func TestTwoHistoriesAreFoundAtTheFirstExchange(t *testing.T) {
	one := long(t, 300)
	other := sealed{slices.Clone(one.records), slices.Clone(one.openings)}
	const parted = 120
	for i := parted; i < len(other.records); i++ {
		e := with(narthex.EntryCallRead, i, nil)
		record, opening, err := ledger.Seal(e, seed(i+5000))
		if err != nil {
			t.Fatal(err)
		}
		other.records[i], other.openings[i] = record, &opening
	}
	checkpoint := func(s sealed) string { f, _ := s.publish(t); return string(f["checkpoint"]) }
	check := func(s sealed, since ...string) []error {
		f, key := s.publish(t)
		_, log := ledger.VerifyLog(f.source, key, since...)
		export, _ := s.export(t)
		_, file := ledger.Verify(strings.NewReader(export), key, since...)
		return []error{log, file}
	}
	for _, kept := range []int{1, 60, parted, parted + 1, 256, 299, 300} {
		for _, shown := range []int{1, 100, parted, parted + 1, 200, 256, 300} {
			for what, c := range map[string]struct {
				kept, shown sealed
				good        bool
			}{
				"the same history":    {one.first(kept), one.first(shown), kept <= shown},
				"the other history":   {one.first(kept), other.first(shown), kept <= min(shown, parted)},
				"the other way round": {other.first(kept), one.first(shown), kept <= min(shown, parted)},
			} {
				for i, err := range check(c.shown, checkpoint(c.kept)) {
					var tamper *ledger.TamperError
					if c.good && err != nil || !c.good && (!errors.As(err, &tamper) || tamper.Index != -1) {
						t.Errorf("%s, %d kept and %d shown, form %d: %v", what, kept, shown, i, err)
					}
				}
			}
		}
	}
	// One bad checkpoint among good ones is enough, in any order.
	good, bad := checkpoint(one.first(200)), checkpoint(other.first(200))
	for _, since := range [][]string{{good, bad}, {bad, good}, {good, good, bad}} {
		for _, err := range check(one, since...) {
			if err == nil {
				t.Error("a bad checkpoint among good ones is not found")
			}
		}
	}
	stranger, strangerKey := newKey(t, "q")
	foreign := string(one.first(10).publishUnder(t, strangerKey, stranger)["checkpoint"])
	for _, text := range []string{foreign, "", "x", strings.Replace(good, "200", "201", 1)} {
		for _, err := range check(one, text) {
			if err == nil {
				t.Errorf("%q is taken as an earlier checkpoint", text)
			}
		}
	}
}

func TestASourceThatFailsIsNoTampering(t *testing.T) {
	f, key := long(t, 300).publish(t)
	broken := errors.New("the network is down")
	for path := range f {
		_, err := ledger.VerifyLog(func(p string) ([]byte, error) {
			if p == path {
				return nil, broken
			}
			return f.source(p)
		}, key)
		var tamper *ledger.TamperError
		if !errors.Is(err, broken) || errors.As(err, &tamper) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestVerifyingAPublishedLogKeepsNoRecords weighs the heap early and late in a log of many records.
func TestVerifyingAPublishedLogKeepsNoRecords(t *testing.T) {
	s := long(t, 60_000)
	f, key := s.publish(t)
	var early, late uint64
	_, err := ledger.VerifyLog(func(path string) ([]byte, error) {
		switch path {
		case "tile/entries/002":
			early = liveHeap()
		case "tile/entries/230":
			late = liveHeap()
		}
		return f.source(path)
	}, key)
	if err != nil || early == 0 || late == 0 {
		t.Fatal(err)
	}
	if grown := int64(late) - int64(early); grown > 100_000 {
		t.Errorf("verifying 58,000 records kept %d bytes", grown)
	}
	// Its bound on a file holds for every file that there is.
	for path, data := range f {
		if len(data) > ledger.LongestFile || bytes.Contains([]byte(path), []byte("//")) {
			t.Errorf("%s has %d bytes", path, len(data))
		}
	}
}
