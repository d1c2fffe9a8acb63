package audit_test

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"narthex"
	"narthex/internal/audit"
	"narthex/internal/journal"
	"narthex/internal/store"
	"narthex/internal/testenv"
	"narthex/ledger"
)

// erase removes the openings that an entry lists, as they stand in a store.
func erase(t testing.TB, s store.Store, indexes map[uint64]bool) {
	t.Helper()
	must(t, s.Update(t.Context(), func(tx store.Tx) error {
		rows, err := tx.Scan(store.Openings, store.Span{Limit: 100_000})
		if err != nil {
			return err
		}
		for _, row := range rows {
			var first uint64
			if _, err := fmt.Sscanf(row.Key, "%x", &first); err != nil {
				return err
			}
			records, err := tx.Get(store.Entries, row.Key)
			if err != nil {
				return err
			}
			size := first + uint64(len(records)/len(ledger.Record{}))
			var run []byte
			err = journal.EachEntry(tx, first, size, func(index uint64, _ ledger.Record, o ledger.Opening) error {
				if indexes[index] || o.Type == "" {
					run = append(run, 0)
					return nil
				}
				run = appendText(run, string(o.Type))
				run = binary.AppendUvarint(append(run, o.Seed[:]...), uint64(len(o.Fields)))
				for _, field := range o.Fields {
					run = appendText(run, field.Value)
				}
				return nil
			})
			if err != nil {
				return err
			}
			if err := tx.Put(store.Openings, row.Key, run); err != nil {
				return err
			}
		}
		return nil
	}))
}

func appendText(out []byte, text string) []byte {
	return append(binary.AppendUvarint(out, uint64(len(text))), text...)
}

// signerOf gives the key of a node's ledger.
func signerOf(t testing.TB, e *testenv.Env) note.Signer {
	t.Helper()
	secret, err := os.ReadFile(filepath.Join(e.Config().Data, "ledger.key"))
	must(t, err)
	signer, err := note.NewSigner(strings.TrimSpace(string(secret)))
	must(t, err)
	return signer
}

// appendEntry adds an entry to a stopped node's ledger.
func appendEntry(t testing.TB, e *testenv.Env, s store.Store, kind narthex.EntryType, fields ...narthex.Field) {
	t.Helper()
	j, err := journal.Open(t.Context(), s, journal.Config{Clock: e.Clock.Now, Random: rand.Reader, Signer: signerOf(t, e)})
	must(t, err)
	must(t, j.Update(t.Context(), func(tx *journal.Tx) error { _, err := tx.Append(kind, fields...); return err }))
	must(t, j.Close())
}

// TestWhatWasErasedIsNoDifference: openings that an entry lists as erased are counted, and what hangs on them cannot be told;
// an opening that no entry lists, and the rows of everyone else, are told as before.
func TestWhatWasErasedIsNoDifference(t *testing.T) {
	e := history(t, testenv.Options{})
	e.Tampered = true
	ada := e.People["ada"].ID
	s, key := stopped(t, e)
	about, indexes, other := map[uint64]bool{}, []uint64{}, uint64(0)
	must(t, s.View(t.Context(), func(r store.Reader) error {
		head, err := journal.ReadHead(r)
		must(t, err)
		return journal.EachEntry(r, 0, head.Size, func(index uint64, _ ledger.Record, o ledger.Opening) error {
			form, err := json.Marshal(o)
			if strings.Contains(string(form), string(ada)) {
				about[index], indexes = true, append(indexes, index)
			} else if o.Type == narthex.EntryLockSet {
				other = index
			}
			return err
		})
	}))
	erase(t, s, about)
	if report := audited(t, s, key); len(report.Differences) < len(about) || report.Erased != 0 {
		t.Errorf("%d openings are absent, no entry says so, and there are %d differences", len(about), len(report.Differences))
	}
	list, err := json.Marshal(indexes)
	must(t, err)
	appendEntry(t, e, s, narthex.EntryOpeningsErased, narthex.TextField("person", ada), narthex.TextField("by", e.People["carol"].ID), narthex.TextField("reason", "asked"), narthex.CanonicalField("entries", string(list)))
	report := audited(t, s, key)
	if len(report.Differences) != 0 || report.Erased != uint64(len(indexes)) || report.Untold == 0 {
		show(t, report.Differences)
		t.Errorf("after the erasure: %d differences, %d erased of %d, %d untold", len(report.Differences), report.Erased, len(indexes), report.Untold)
	}
	must(t, s.View(t.Context(), func(r store.Reader) error {
		again, err := audit.ReplayStore(r)
		if again.Differs() || again.Untold == 0 || again.Allowed == 0 {
			t.Errorf("%+v", again)
		}
		return err
	}))
	frozen := freeze(t, s)
	second, its := e.People["ada2"].ID, narthex.GrantID("")
	for _, row := range frozen[store.Grants] {
		if bytes.Contains(row.Value, []byte(second)) {
			its = narthex.GrantID(row.Key)
		}
	}
	person, err := frozen.Get(store.People, string(second))
	must(t, err)
	changed := altered{frozen, store.People, string(second), []byte(strings.Replace(string(person), "suspended", "active", 1))}
	if report := compared(t, changed, key); len(report.Differences) != 1 || report.Differences[0].Key != string(second) {
		show(t, report.Differences)
		t.Error("somebody else's row was changed, and that is not told")
	}
	for _, table := range []store.Table{store.Accounts, store.Keys, store.Sessions, store.Signers, store.Grants, store.Engagements} {
		for _, row := range frozen[table] {
			if !bytes.Contains(row.Value, []byte(second)) && (table != store.Accounts || row.Key != string(its)) {
				continue
			}
			named := append(bytes.Clone(row.Value[:len(row.Value)-1]), []byte(`,"label":"`+string(ada)+`","used":-1,"revoked":true,"ended":true,"state":"closed","revoked_at":"2026-01-01T00:00:00Z","budgets":null}`)...)
			if report := compared(t, altered{frozen, table, row.Key, named}, key); len(report.Differences) == 0 {
				t.Errorf("%s %s was changed and names who was erased, and that is not told", table, row.Key)
			}
		}
	}
	erase(t, s, map[uint64]bool{other: true})
	found := false
	for _, d := range audited(t, s, key).Differences {
		found = found || d.What == "opening_missing" && d.Entry != nil && *d.Entry == other
	}
	if !found {
		t.Error("an opening is absent that no entry lists, and that is not told")
	}
}
