package server_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"narthex"
	"narthex/client"
	"narthex/internal/server"
	"narthex/internal/store"
	"narthex/internal/testenv"
)

// edit puts a value where one stood, behind the ledger's back, and gives the one that stood there.
func edit(t *testing.T, s store.Store, table store.Table, key string, change func([]byte) []byte) (before []byte) {
	t.Helper()
	err := s.Update(t.Context(), func(tx store.Tx) (err error) {
		if before, err = tx.Get(table, key); err != nil || before == nil {
			return fmt.Errorf("there is no row %s in %s: %w", key, table, err)
		}
		return tx.Put(table, key, change(bytes.Clone(before)))
	})
	if err != nil {
		t.Fatal(err)
	}
	return before
}

// as gives back a value that stood there.
func as(before []byte) func([]byte) []byte { return func([]byte) []byte { return before } }

// editStopped edits the store of a node that does not run.
func editStopped(t *testing.T, e *testenv.Env, table store.Table, key string, change func([]byte) []byte) (before []byte) {
	t.Helper()
	s := beside(t, e)
	before = edit(t, s, table, key, change)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return before
}

func differsIn(list []client.Difference, table store.Table, key string) bool {
	return slices.ContainsFunc(list, func(d client.Difference) bool { return d.Table == string(table) && d.Key == key })
}

// TestAGrantThatWasEditedIsFound: whoever has the database gives a grant a later end and no entry. The running node's audit names
// it, and no node starts on it, so that nothing is served by it.
func TestAGrantThatWasEditedIsFound(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		var raw store.Store
		e := testenv.New(t, testenv.Options{Store: url, Wrap: func(s store.Store) store.Store { raw = s; return s }})
		grant, key := e.Grant(t, "", testenv.Tokens(1000, nil))
		longer := func(row []byte) []byte {
			year := fmt.Sprint(grant.NotAfter.UTC().Year())
			return bytes.Replace(row, []byte(`"not_after":"`+year), []byte(`"not_after":"`+fmt.Sprint(grant.NotAfter.UTC().Year()+9)), 1)
		}
		before := edit(t, raw, store.Grants, string(grant.ID), longer)
		report, err := e.People["lea"].Audit(t.Context(), false)
		if err != nil || !differsIn(report.Differences, store.Grants, string(grant.ID)) {
			t.Errorf("the running node finds %v, %v", report.Differences, err)
		}
		if last, err := e.People["carol"].Audit(t.Context(), true); err != nil || len(last.Differences) == 0 {
			t.Errorf("it is not told to others: %v", err)
		}
		if status, body, err := e.Chat(t.Context(), key, testenv.Hello); err != nil || status != 503 || !strings.Contains(body, "audit_differences") {
			t.Errorf("on a grant that was edited: %d %s %v", status, body, err)
		}
		edit(t, raw, store.Grants, string(grant.ID), as(before))
		if report, err = e.People["lea"].Audit(t.Context(), false); err != nil || len(report.Differences) != 0 {
			t.Errorf("put right while it runs: %v, %v", report.Differences, err)
		}
		if status, body, err := e.Chat(t.Context(), key, testenv.Hello); err != nil || status != 200 {
			t.Errorf("put right while it runs: %d %s %v", status, body, err)
		}
		edit(t, raw, store.Grants, string(grant.ID), longer)
		if err := e.Node.Close(); err != nil {
			t.Fatal(err)
		}
		node, err := server.Start(t.Context(), e.Config())
		if err == nil {
			node.Close()
			t.Fatal("a node starts on a grant that was edited")
		}
		if public := narthex.AsError(err); public.Kind != narthex.Conflict || !strings.Contains(public.Public, string(grant.ID)) {
			t.Errorf("it is refused with %v", err)
		}
		editStopped(t, e, store.Grants, string(grant.ID), as(before))
		e.Start(t)
		if status, body, err := e.Chat(t.Context(), key, testenv.Hello); err != nil || status != 200 {
			t.Errorf("put right: %d %s %v", status, body, err)
		}
	})
}

// TestAChangedLedgerIsFound changes a bit of each kind of row that the ledger itself stands in, of the oldest and of the latest:
// no node starts where the tree's edge, its head, the list of public entries, or an entry since the last snapshot is another;
// and what is older the audit of all entries finds, which every node makes soon after its start and then within the hour.
func TestAChangedLedgerIsFound(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		e := testenv.New(t, testenv.Options{Store: url})
		_, key := e.Grant(t, "", testenv.Tokens(1e6, nil))
		for range 140 { // more than one tile of entries
			if status, body, err := e.Chat(t.Context(), key, testenv.Hello); err != nil || status != 200 {
				t.Fatal(status, body, err)
			}
		}
		if err := e.Node.Close(); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			table  store.Table
			latest bool
			starts bool // whether a node may
		}{
			{store.Tiles, true, false}, {store.Tiles, false, true}, {store.Meta, false, false}, {store.Public, true, false}, {store.Public, false, false},
			{store.Entries, true, true}, {store.Entries, false, true}, {store.Openings, true, true}, {store.Openings, false, true},
		} {
			what := fmt.Sprintf("a row of %s, the latest: %v", c.table, c.latest)
			key := "head"
			if c.table != store.Meta {
				key = keyAt(t, e, c.table, c.latest)
			}
			before := editStopped(t, e, c.table, key, func(row []byte) []byte { row[len(row)/2] ^= 1; return row })
			node, err := server.Start(t.Context(), e.Config())
			if err == nil && !c.starts || err != nil && !narthex.IsKind(err, narthex.Conflict) {
				t.Errorf("%s: a start says %v", what, err)
			}
			if err == nil {
				if err := node.Close(); err != nil {
					t.Fatal(err)
				}
				e.Start(t)
				report, err := e.People["lea"].Audit(t.Context(), false)
				if err != nil || len(report.Differences) == 0 {
					t.Errorf("%s: the audit finds nothing, %v", what, err)
				}
				if err := e.Node.Close(); err != nil {
					t.Fatal(err)
				}
			}
			editStopped(t, e, c.table, key, as(before))
		}
		e.Start(t)
		verified(t, e)
	})
}

// keyAt gives the key of the first row of a table, or of its last.
func keyAt(t *testing.T, e *testenv.Env, table store.Table, last bool) (key string) {
	t.Helper()
	s := beside(t, e)
	defer s.Close()
	err := s.View(t.Context(), func(r store.Reader) error {
		rows, err := r.Scan(table, store.Span{Limit: 1, Reverse: last})
		if err == nil && len(rows) == 1 {
			key = rows[0].Key
		}
		return err
	})
	if err != nil || key == "" {
		t.Fatalf("there is no row in %s: %v", table, err)
	}
	return key
}
