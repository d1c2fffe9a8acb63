package ledger_test

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"narthex"
	"narthex/ledger"
)

// rotated is the story of a log that began under key q, went to r, and whose checkpoint the signers given sign.
func rotated(t *testing.T, change func(index uint64, fields []narthex.Field) []narthex.Field, signer note.Signer, also ...note.Signer) string {
	t.Helper()
	before, oldKey := newKey(t, "q")
	after, key := newKey(t, "r")
	entries := story()
	entries[0] = with(narthex.EntryInception, 0, texts{"log_key": oldKey})
	index := uint64(len(entries))
	fields, err := ledger.Rotation(origin, index, oldKey, before, key, after)
	if err != nil {
		t.Fatal(err)
	}
	e := with(narthex.EntryLogKeyRotated, int(index), nil)
	e.Fields = change(index, fields)
	s := seal(t, append(entries, e))
	var tree ledger.Tree
	tree.Append(s.records...)
	checkpoint, err := ledger.SignCheckpoint(signer, tree.Size(), tree.Root(), also...)
	if err != nil {
		t.Fatal(err)
	}
	return s.exportUnder(t, key, checkpoint)
}

func unchanged(_ uint64, fields []narthex.Field) []narthex.Field { return fields }

func TestARotationIsFollowedFromTheOldKeyAndFromTheNew(t *testing.T) {
	before, oldKey := newKey(t, "q")
	after, key := newKey(t, "r")
	for _, export := range []string{rotated(t, unchanged, after), rotated(t, unchanged, after, before)} {
		for _, held := range []string{oldKey, key} {
			if report, err := ledger.Verify(strings.NewReader(export), held); err != nil || report.ByType[narthex.EntryLogKeyRotated] != 1 {
				t.Errorf("under %s: %v", held, err)
			}
		}
	}
}

func TestARotationThatOneKeyDidNotSignIsNone(t *testing.T) {
	before, oldKey := newKey(t, "q")
	after, key := newKey(t, "r")
	other, otherKey := newKey(t, "x")
	forge := func(index uint64, oldKey string, old note.Signer, newKey string, new note.Signer) []narthex.Field {
		fields, err := ledger.Rotation(origin, index, oldKey, old, newKey, new)
		if err != nil {
			t.Fatal(err)
		}
		return fields
	}
	for name, change := range map[string]func(uint64, []narthex.Field) []narthex.Field{
		"signed by a stranger for the old key": func(i uint64, _ []narthex.Field) []narthex.Field { return forge(i, oldKey, other, key, after) },
		"signed by a stranger for the new key": func(i uint64, _ []narthex.Field) []narthex.Field { return forge(i, oldKey, before, key, other) },
		"from a key that was not the log's":    func(i uint64, _ []narthex.Field) []narthex.Field { return forge(i, otherKey, other, key, after) },
		"of another place in the log":          func(i uint64, _ []narthex.Field) []narthex.Field { return forge(i+1, oldKey, before, key, after) },
		"with its signatures exchanged": func(_ uint64, f []narthex.Field) []narthex.Field {
			return []narthex.Field{f[0], f[1], {Name: f[2].Name, Value: f[3].Value}, {Name: f[3].Name, Value: f[2].Value}}
		},
		"to another key": func(_ uint64, f []narthex.Field) []narthex.Field {
			f = slices.Clone(f)
			f[1] = narthex.TextField("new_key", otherKey)
			return f
		},
	} {
		for _, held := range []string{oldKey, key} {
			if _, err := ledger.Verify(strings.NewReader(rotated(t, change, after, before, other)), held); err == nil {
				t.Errorf("%s verifies", name)
			}
		}
	}
	if _, err := ledger.Verify(strings.NewReader(rotated(t, unchanged, before)), oldKey); err == nil {
		t.Error("after a rotation the old key alone still signs")
	}
	if _, err := ledger.Verify(strings.NewReader(rotated(t, unchanged, after, other)), otherKey); err == nil {
		t.Error("a key that no rotation leads from verifies")
	}
}
