package storetest_test

import (
	"testing"

	"narthex/internal/store"
	"narthex/internal/store/memory"
	"narthex/internal/store/sqlite"
	"narthex/internal/store/storetest"
)

func TestEveryStoreKeepsTheContract(t *testing.T) {
	dir := map[store.Store]string{}
	openSQLite := func(t *testing.T, at string) store.Store {
		s, err := sqlite.Open(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		dir[s] = at
		return s
	}
	t.Run("sqlite", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) store.Store { return openSQLite(t, t.TempDir()) }, func(t *testing.T, s store.Store) store.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			return openSQLite(t, dir[s])
		})
	})
	t.Run("memory", func(t *testing.T) {
		storetest.Run(t, func(*testing.T) store.Store { return memory.New() }, nil)
	})
	t.Run("with faults that never come", func(t *testing.T) {
		storetest.Run(t, func(*testing.T) store.Store { return &storetest.Faults{Inner: memory.New()} }, nil)
	})
}
