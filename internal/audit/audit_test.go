package audit_test

import (
	"testing"
	"time"

	"narthex"
	"narthex/internal/audit"
	"narthex/internal/lab"
	"narthex/internal/store"
	"narthex/internal/testenv"
	"narthex/ledger"
)

// TestAnHonestHistoryHasNoDifferences: whatever happens through the doors, the tables are what the entries say, and every
// decision follows again.
func TestAnHonestHistoryHasNoDifferences(t *testing.T) {
	e := history(t, testenv.Options{})
	report, err := e.People["lea"].Audit(t.Context(), false)
	must(t, err)
	if len(report.Differences) != 0 || report.Untold != 0 || report.Erased != 0 {
		show(t, report.Differences)
		t.Errorf("%d differences in the running node, %d untold", len(report.Differences), report.Untold)
	}
	s, key := stopped(t, e)
	report = audited(t, s, key)
	if len(report.Differences) != 0 || report.Size < 200 || report.Opened != report.Size {
		show(t, report.Differences)
		t.Errorf("%d differences in the stopped node's %d entries", len(report.Differences), report.Size)
	}
	for _, table := range store.Tables() {
		switch table {
		case store.Entries, store.Openings, store.Tiles, store.Snapshots, store.Notices:
			continue
		}
		if report.Rows[string(table)] == 0 {
			t.Errorf("no row of %s was compared", table)
		}
	}
	must(t, s.View(t.Context(), func(r store.Reader) error {
		again, err := audit.ReplayStore(r)
		if again.Differs() || len(again.Missing) > 0 || again.Allowed == 0 || again.Denied == 0 || again.Unread == 0 {
			show(t, again.Impossible)
			for _, d := range again.Differences {
				t.Error(d.InWords())
			}
			t.Errorf("%+v", again)
		}
		return err
	}))
}

// TestEveryTypeOfEntryIsFolded folds an entry of each type, with fields that say nothing of use: a ledger may hold any of them,
// and none ends the node.
func TestEveryTypeOfEntryIsFolded(t *testing.T) {
	for _, kind := range narthex.EntryTypes() {
		entry := narthex.Entry{Type: kind, At: time.Unix(1_900_000_000, 0).UTC()}
		for _, name := range kind.Fields() {
			entry.Fields = append(entry.Fields, narthex.TextField(name, "x"))
		}
		record, opening, err := ledger.Seal(entry, [32]byte{})
		must(t, err)
		replay, err := audit.NewReplay(nothing{})
		must(t, err)
		func() {
			defer func() {
				if said := recover(); said != nil {
					t.Errorf("%s panics: %v", kind, said)
				}
			}()
			if err := replay.Entry(0, record, opening); err != nil {
				t.Errorf("%s: %v", kind, err)
			}
		}()
	}
}

// nothing has none of the documents that entries name.
type nothing struct{}

func (nothing) Agreement(narthex.Digest) (*narthex.Agreement, error) { return nil, nil }
func (nothing) Directory(narthex.Digest) (lab.Files, error)          { return nil, nil }
