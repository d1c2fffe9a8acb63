package ledger_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"narthex"
)

// TestTheSpecificationListsEveryType: the table at the end of docs/ledger.md is that of the vocabulary.
func TestTheSpecificationListsEveryType(t *testing.T) {
	path := filepath.Join("..", "docs", "ledger.md")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const header = "| type | class | public | fields |\n|---|---|---|---|\n"
	text, _, found := strings.Cut(string(data), header)
	if !found {
		t.Fatal("the specification has no table of types")
	}
	var table strings.Builder
	for _, kind := range narthex.EntryTypes() {
		public := ""
		if kind.Public() {
			public = "public"
		}
		fmt.Fprintf(&table, "| %s | %d | %s | %s |\n", kind, kind.Class(), public, strings.Join(kind.Fields(), ", "))
	}
	want := text + header + table.String()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(data) != want {
		t.Error("docs/ledger.md lists other types than the vocabulary; run this test with -update")
	}
}
