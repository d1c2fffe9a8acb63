package audit_test

import (
	"testing"

	"narthex/internal/audit"
	"narthex/internal/store"
	"narthex/internal/testenv"
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
		case store.Entries, store.Openings, store.Tiles, store.Snapshots:
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
