package audit_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"narthex/internal/audit"
	"narthex/internal/store"
)

// TestWhatNoEntryTellsIsSaid: each place that is not compared is of a table that there is, has a reason, and stands in the
// documentation with it.
func TestWhatNoEntryTellsIsSaid(t *testing.T) {
	said, err := os.ReadFile("../../docs/ledger.md")
	must(t, err)
	quoted := func(text string) string {
		if text == "" {
			return "all"
		}
		return "`" + text + "`"
	}
	for _, u := range audit.AllUntold() {
		if u.Why == "" || !slices.Contains(store.Tables(), u.Table) {
			t.Errorf("%+v has no reason or no table", u)
		}
		if line := fmt.Sprintf("| %s | %s | %s | %s |\n", u.Table, quoted(u.Rows), quoted(u.Field), u.Why); !strings.Contains(string(said), line) {
			t.Errorf("docs/ledger.md does not say: %s", line)
		}
	}
}
