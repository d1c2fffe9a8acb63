package sqlite_test

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"
	"golang.org/x/mod/sumdb/note"

	"narthex"
	"narthex/internal/journal"
	"narthex/internal/office"
	"narthex/internal/store"
	"narthex/internal/store/sqlite"
	"narthex/internal/store/storetest"
	"narthex/ledger"
)

// update makes the golden database of version 1 anew: go test ./internal/store/sqlite -run OfVersion1 -update. A golden database
// of a version that was released is never made anew.
var update = flag.Bool("update", false, "make the golden database anew")

const (
	golden     = "testdata/version1.db"
	goldenKey  = "testdata/version1.key"        // of its ledger
	goldenHead = "testdata/version1.checkpoint" // of its ledger, as it was written
)

// makeGolden writes a database of version 1 with a ledger: rows beside entries, many in one commit and one in one.
func makeGolden(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	s, err := sqlite.Open(t.Context(), dir, sqlite.Version(1))
	must(t, err)
	secret, public, err := ledger.NewKey(rand.Reader, "golden.example/ledger")
	must(t, err)
	signer, err := note.NewSigner(secret)
	must(t, err)
	j, err := journal.Open(t.Context(), s, journal.Config{Clock: time.Now, Random: rand.Reader, Signer: signer})
	must(t, err)
	must(t, j.Update(t.Context(), func(tx *journal.Tx) error { return entry(tx, narthex.EntryInception, 1, public) }))
	for i := range 12 {
		must(t, j.Update(t.Context(), func(tx *journal.Tx) error {
			if err := journal.Put(tx, store.Accounts, fmt.Sprint(i), &struct{ Used int }{i}); err != nil {
				return err
			}
			return entry(tx, narthex.EntryCallRead, 1+20*(i%3), "x")
		}))
	}
	must(t, j.Close())
	var head journal.Head
	must(t, s.View(t.Context(), func(r store.Reader) (err error) { head, err = journal.ReadHead(r); return err }))
	must(t, s.Close())
	must(t, os.MkdirAll("testdata", 0o755))
	data, err := os.ReadFile(filepath.Join(dir, sqlite.FileName))
	must(t, err)
	for name, text := range map[string]string{golden: string(data), goldenKey: public + "\n", goldenHead: head.Checkpoint} {
		must(t, os.WriteFile(name, []byte(text), 0o644))
	}
}

// entry appends n entries of a type with one text in every field.
func entry(tx *journal.Tx, kind narthex.EntryType, n int, text string) error {
	for range n {
		var fields []narthex.Field
		for _, name := range kind.Fields() {
			fields = append(fields, narthex.TextField(name, text))
		}
		if _, err := tx.Append(kind, fields...); err != nil {
			return err
		}
	}
	return nil
}

// copyGolden gives a directory with a copy of the golden database.
func copyGolden(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(golden)
	must(t, err)
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, sqlite.FileName), data, 0o600))
	return dir
}

// whole holds a store to the golden ledger: it verifies to the same tree head, and the rows are there.
func whole(t *testing.T, s store.Store) {
	t.Helper()
	key, err := os.ReadFile(goldenKey)
	must(t, err)
	want, err := os.ReadFile(goldenHead)
	must(t, err)
	must(t, s.View(t.Context(), func(r store.Reader) error {
		head, err := journal.ReadHead(r)
		if err != nil {
			return err
		}
		if head.Checkpoint != string(want) {
			t.Errorf("the checkpoint became\n%swant\n%s", head.Checkpoint, want)
		}
		in, out := io.Pipe()
		go func() { out.CloseWithError(office.ExportFrom(r, strings.TrimSpace(string(key)), out)) }()
		report, err := ledger.Verify(in, strings.TrimSpace(string(key)))
		if err == nil && report.Size != head.Size {
			t.Errorf("%d entries verify of %d", report.Size, head.Size)
		}
		if err != nil {
			return err
		}
		rows, err := r.Scan(store.Accounts, store.Span{Limit: 99})
		if len(rows) != 12 {
			t.Errorf("%d rows of 12 are there", len(rows))
		}
		return err
	}))
}

func TestADatabaseOfVersion1IsUpgradedAndVerifies(t *testing.T) {
	if *update {
		makeGolden(t)
	}
	dir := copyGolden(t)
	old, err := sqlite.Open(t.Context(), dir, sqlite.Version(1))
	must(t, err)
	whole(t, old)
	must(t, old.Close())
	s, err := sqlite.Open(t.Context(), dir)
	must(t, err)
	whole(t, s)
	must(t, s.Update(t.Context(), func(tx store.Tx) error { return tx.Put(store.Snapshots, "a", []byte("1")) }))
	must(t, s.Close())
}

// TestRigAnUpgradeThatIsCutIsMadeLater cuts the opening of a database, empty or of version 1, at a step that SQLite is asked
// for, and at all that follow, as when the process ends there. Opened again it is whole. NARTHEX_RIG=long cuts at each step;
// the short form draws some of an empty database's.
func TestRigAnUpgradeThatIsCutIsMadeLater(t *testing.T) {
	draw, long := storetest.Rig(t)
	for name, place := range map[string]func(*testing.T) string{"an empty one": func(t *testing.T) string { return t.TempDir() }, "of version 1": copyGolden} {
		t.Run(name, func(t *testing.T) {
			cuts, step := 0, func() int { return 1 }
			if name == "an empty one" && !long {
				step = func() int { return 1 + draw.IntN(9) }
			}
			for n := step(); ; n += step() {
				dir, steps := place(t), 0
				ctx, cut := context.WithCancel(t.Context())
				s, err := sqlite.Open(ctx, dir, sqlite.Connect(func(c *sqlite3.Conn) error {
					return c.SetAuthorizer(func(sqlite3.AuthorizerActionCode, string, string, string, string) sqlite3.AuthorizerReturnCode {
						if steps++; steps >= n {
							cut()
							return sqlite3.AUTH_DENY
						}
						return sqlite3.AUTH_OK
					})
				}))
				cut()
				if err == nil {
					_ = s.Close() // to give it up is cut already
					break
				}
				cuts++
				again, err := sqlite.Open(t.Context(), dir)
				if err != nil {
					t.Fatalf("cut at step %d it does not open again: %v", n, err)
				}
				if name == "of version 1" {
					whole(t, again)
				}
				must(t, again.Close())
				if got := tables(t, dir); got != wanted() {
					t.Errorf("cut at step %d it has the tables %s", n, got)
				}
			}
			t.Logf("cut at %d steps", cuts)
			if cuts < 20 {
				t.Errorf("only %d steps were cut", cuts)
			}
		})
	}
}
