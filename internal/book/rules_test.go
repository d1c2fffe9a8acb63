package book_test

import (
	"crypto/rand"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"narthex"
	"narthex/internal/book"
	"narthex/internal/journal"
	"narthex/internal/lab"
	"narthex/internal/store/memory"
	"narthex/ledger"
)

// TestTheRulesInForceAreThoseThatTheStoreNames: of two directories that come into force close together the later stands,
// whichever is taken in last.
func TestTheRulesInForceAreThoseThatTheStoreNames(t *testing.T) {
	key, _, err := ledger.NewKey(rand.Reader, "lab.example/ledger")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(t.Context(), memory.New(), journal.Config{Clock: time.Now, Random: rand.Reader, Signer: signer})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	earlier, later := &book.Rules{Directory: &lab.Directory{Digest: "earlier"}}, &book.Rules{Directory: &lab.Directory{Digest: "later"}}
	err = j.Update(t.Context(), func(tx *journal.Tx) error {
		var fields []narthex.Field
		for _, name := range narthex.EntryInception.Fields() {
			fields = append(fields, narthex.TextField(name, "x"))
		}
		if _, err := tx.Append(narthex.EntryInception, fields...); err != nil {
			return err
		}
		return book.WriteDirectory(tx, &book.Directory{InForce: "later"})
	})
	if err != nil {
		t.Fatal(err)
	}
	var rules book.InForce
	for _, r := range []*book.Rules{later, earlier} {
		rules.Follow(t.Context(), j, r)
	}
	if got, err := rules.Get(); err != nil || got != later {
		t.Errorf("the rules are not those that the store names: %v", err)
	}
}
