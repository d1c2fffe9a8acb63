package storetest_test

import (
	"context"
	"testing"
	"time"

	"narthex/internal/store"
	"narthex/internal/store/memory"
	"narthex/internal/store/postgres"
	"narthex/internal/store/sqlite"
	"narthex/internal/store/storetest"
	"narthex/internal/testenv/pgtest"
)

func TestEveryStoreKeepsTheContract(t *testing.T) {
	for name, driver := range map[string]storetest.Driver{
		"memory":   {Make: func(*testing.T) storetest.Opener { return inMemory(memory.New()) }},
		"sqlite":   {Kept: true, Make: func(t *testing.T) storetest.Opener { return onSQLite(t.TempDir()) }},
		"postgres": {Kept: true, Make: emptied(t)},
	} {
		t.Run(name, func(t *testing.T) { storetest.Run(t, driver) })
		t.Run(name+" that runs every change twice", func(t *testing.T) {
			storetest.Run(t, driver.With(func(s store.Store) store.Store { return storetest.Twice{Inner: s} }))
		})
		if name == "postgres" {
			continue // a wrapper that does nothing is held by the others, in less time
		}
		t.Run(name+" with faults that never come", func(t *testing.T) {
			storetest.Run(t, driver.With(func(s store.Store) store.Store { return &storetest.Faults{Inner: s} }))
		})
	}
}

func inMemory(s store.Store) storetest.Opener {
	return func(context.Context, bool) (store.Store, error) { return s, nil }
}

func onSQLite(dir string) storetest.Opener {
	return func(ctx context.Context, beside bool) (store.Store, error) {
		if beside {
			return sqlite.Open(ctx, dir, sqlite.UnlockedForTests())
		}
		return sqlite.Open(ctx, dir)
	}
}

// emptied gives one database again and again, with its tables emptied: to make one takes longer than most of the contract.
func emptied(t *testing.T) func(*testing.T) storetest.Opener {
	t.Helper()
	server := pgtest.Start(t)
	url := server.Database(t)
	if s, err := onPostgreSQL(url)(t.Context(), false); err != nil {
		t.Fatal(err)
	} else if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	empty := "UPDATE lease SET number = 0, released = TRUE;"
	for _, table := range store.Tables() {
		empty += "DELETE FROM " + string(table) + ";"
	}
	return func(t *testing.T) storetest.Opener {
		server.Run(t, url, empty)
		return onPostgreSQL(url)
	}
}

func onPostgreSQL(url string) storetest.Opener {
	return func(ctx context.Context, beside bool) (store.Store, error) {
		// Without a heartbeat: it is the transaction that must find out who holds the store.
		choices := []postgres.Option{postgres.Handover(10 * time.Millisecond), postgres.Heartbeat(time.Hour, time.Hour)}
		if beside {
			choices = append(choices, postgres.UnlockedForTests())
		}
		return postgres.Open(ctx, url, choices...)
	}
}
