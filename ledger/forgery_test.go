package ledger_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"narthex"
	"narthex/ledger"
)

// lineForm is an entry's line, for forgeries that are consistent in themselves.
type lineForm struct {
	Index   int64           `json:"index"`
	Record  []byte          `json:"record"`
	Leaf    []byte          `json:"leaf"`
	Opening json.RawMessage `json:"opening,omitempty"`
}

func forge(t *testing.T, text string, change func(*lineForm)) string {
	t.Helper()
	var form lineForm
	if err := json.Unmarshal([]byte(text), &form); err != nil {
		t.Fatal(err)
	}
	change(&form)
	out, err := json.Marshal(form)
	if err != nil {
		t.Fatal(err)
	}
	return string(out) + "\n"
}

func TestForgeriesThatFitTogetherAreFoundByTheCheckpoint(t *testing.T) {
	export, key := honest(t)
	lines := linesOf(export)
	reseal := func(form *lineForm, record ledger.Record) {
		leaf := record.Leaf()
		form.Record, form.Leaf = record[:], leaf[:]
	}
	for index, e := range story() {
		forged, opening, err := ledger.Seal(e, seed(index+1000))
		if err != nil {
			t.Fatal(err)
		}
		edited := slices.Clone(lines)
		edited[index+1] = forge(t, lines[index+1], func(form *lineForm) {
			reseal(form, forged)
			if form.Opening != nil {
				form.Opening, _ = opening.MarshalJSON()
			}
		})
		if got := tampered(t, fmt.Sprint("entry ", index, " sealed anew"), strings.Join(edited, ""), key); got != -1 {
			t.Errorf("entry %d sealed anew: the verifier names %d, and cannot know", index, got)
		}
		edited[index+1] = forge(t, lines[index+1], func(form *lineForm) { reseal(form, forged) })
		if got := tampered(t, "a record of another seed", strings.Join(edited, ""), key); index != withheld && got != int64(index) {
			t.Errorf("a record that entry %d does not open: the verifier names %d", index, got)
		}
	}
	swapped := slices.Clone(lines)
	first, second := place(t, story(), narthex.EntryCallIntent, 0)+1, place(t, story(), narthex.EntryCallIntent, 1)+1
	swapped[first] = forge(t, lines[first], func(form *lineForm) {
		other := lineForm{}
		if err := json.Unmarshal([]byte(lines[second]), &other); err != nil {
			t.Fatal(err)
		}
		form.Opening = other.Opening
	})
	if got := tampered(t, "another entry's opening", strings.Join(swapped, ""), key); got != int64(first-1) {
		t.Errorf("another entry's opening in %d: the verifier names %d", first-1, got)
	}
}

// TestAnInnerNodeIsNoEntry offers one line for two entries: the two hashes below their inner node in place of a record.
func TestAnInnerNodeIsNoEntry(t *testing.T) {
	export, key := honest(t)
	lines := linesOf(export)
	leaves := leavesOf(seal(t, story()).records)
	inner := nodeOf(leaves[0], leaves[1])
	for what, record := range map[string][]byte{"two hashes": slices.Concat(leaves[0][:], leaves[1][:]), "a node's bytes": slices.Concat([]byte{1}, leaves[0][:], leaves[1][:])} {
		forged := forge(t, lines[1], func(form *lineForm) { form.Record, form.Leaf, form.Opening = record, inner[:], nil })
		if got := tampered(t, what, strings.Join(slices.Concat(lines[:1], []string{forged}, lines[3:]), ""), key); got != 0 {
			t.Errorf("%s as entry 0: the verifier names %d", what, got)
		}
	}
}

func TestRecordsOfAnotherVersionOrClassAreNamed(t *testing.T) {
	export, key := honest(t)
	lines := linesOf(export)
	for what, spoil := range map[string]func([]byte) []byte{
		"version 2":    func(r []byte) []byte { r[0] = 2; return r },
		"class 0":      func(r []byte) []byte { r[1] = 0; return r },
		"class 9":      func(r []byte) []byte { r[1] = 9; return r },
		"the year 1e5": func(r []byte) []byte { r[2] = 1; return r },
		"41 bytes":     func(r []byte) []byte { return r[:41] },
		"43 bytes":     func(r []byte) []byte { return append(r, 0) },
	} {
		edited := slices.Clone(lines)
		edited[withheld+1] = forge(t, lines[withheld+1], func(form *lineForm) {
			form.Record = spoil(form.Record)
			leaf := leavesOf([]ledger.Record{ledger.Record(append(form.Record, 0)[:42])})[0]
			form.Leaf = leaf[:]
		})
		if got := tampered(t, what, strings.Join(edited, ""), key); got != withheld {
			t.Errorf("a record of %s: the verifier names %d", what, got)
		}
	}
}

func TestALogUnderAnotherKeyOrCheckpointIsRefused(t *testing.T) {
	s := seal(t, story())
	export, key := s.export(t)
	signer, _ := newKey(t, "r")
	stranger, other := newKey(t, "q")
	for _, wrong := range []string{other, "", "x", strings.Replace(key, "lab", "lob", 1)} {
		if _, err := ledger.Verify(strings.NewReader(export), wrong); err == nil {
			t.Errorf("the key %q verified", wrong)
		}
	}
	root := naive(leavesOf(s.records))
	size := uint64(len(s.records))
	for what, c := range map[string]struct {
		size uint64
		root ledger.Hash
		by   int
	}{
		"a size too small":        {size - 1, root, 0},
		"a size too great":        {size + 1, root, 0},
		"another root":            {size, ledger.Hash{}, 0},
		"an earlier tree":         {size - 1, naive(leavesOf(s.records[:size-1])), 0},
		"the signature of others": {size, root, 1},
	} {
		checkpoint, err := ledger.SignCheckpoint(signer, c.size, c.root)
		if c.by == 1 {
			checkpoint, err = ledger.SignCheckpoint(stranger, c.size, c.root)
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := tampered(t, what, s.exportUnder(t, key, checkpoint), key); got != -1 {
			t.Errorf("a checkpoint with %s: the verifier names %d", what, got)
		}
	}
	good, err := ledger.SignCheckpoint(signer, size, root)
	if err != nil {
		t.Fatal(err)
	}
	tampered(t, "another key stated", s.exportUnder(t, other, good), key)
	if stated, _, err := ledger.Stated(strings.NewReader(export)); err != nil || stated != key {
		t.Errorf("the export states the key %q: %v", stated, err)
	}
	if _, _, err := ledger.Stated(strings.NewReader("{}\n")); err == nil {
		t.Error("a key was read from a line that is no header")
	}
}
