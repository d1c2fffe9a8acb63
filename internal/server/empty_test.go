package server_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"narthex"
	"narthex/internal/server"
	"narthex/internal/testenv"
	"narthex/internal/testenv/pgtest"
)

// TestAnEmptyStoreWhereALedgerWasIsRefused: the database is gone, then the anchor too; no new ledger begins under the old key,
// and none begins without a lab directory. With the database back the node goes on.
func TestAnEmptyStoreWhereALedgerWasIsRefused(t *testing.T) {
	pg := pgtest.Start(t)
	for name, store := range map[string]struct{ url, empty string }{"sqlite": {}, "postgres": {pg.Database(t), pg.Database(t)}} {
		t.Run(name, func(t *testing.T) {
			e := testenv.New(t, testenv.Options{Store: store.url})
			if err := e.Node.Close(); err != nil {
				t.Fatal(err)
			}
			data, anchor := e.Config().Data, filepath.Clean(e.Config().Data)+".anchor"
			kept := files(t, data)
			published, err := os.ReadFile(anchor)
			if err != nil {
				t.Fatal(err)
			}
			put(t, data, nil)
			config := e.Config()
			config.Store = store.empty
			refused := func(what, says string) {
				t.Helper()
				node, err := server.Start(t.Context(), config)
				if err == nil {
					node.Close()
					t.Fatalf("%s: a new ledger begins", what)
				}
				if public := narthex.AsError(err).Public; !strings.Contains(public, "empty") || !strings.Contains(public, says) {
					t.Errorf("%s: %v", what, err)
				}
			}
			refused("without the database", "there was a ledger")
			if now, err := os.ReadFile(anchor); err != nil || string(now) != string(published) {
				t.Errorf("the anchor is another: %v", err)
			}
			if err := os.Remove(anchor); err != nil {
				t.Fatal(err)
			}
			refused("without database and anchor", "there was a ledger")
			config.Lab = ""
			refused("without a lab directory", "no lab directory")
			if err := os.WriteFile(anchor, published, 0o600); err != nil {
				t.Fatal(err)
			}
			put(t, data, kept)
			e.Start(t)
			verified(t, e)
		})
	}
}
