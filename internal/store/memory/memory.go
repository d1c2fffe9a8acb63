// Package memory is a store that forgets when the process ends: for tests and for looking at things.
//
// It promises the contract of package store but durability. It trusts its process. Read next: storetest.
package memory

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"narthex/internal/store"
)

// Store keeps tables in memory.
type Store struct {
	mu     sync.RWMutex // orders Updates and lets Views see one state
	tables map[store.Table]map[string][]byte
}

// New gives an empty store.
func New() *Store {
	tables := map[store.Table]map[string][]byte{}
	for _, t := range store.Tables() {
		tables[t] = map[string][]byte{}
	}
	return &Store{tables: tables}
}

// View runs read on the committed state.
func (s *Store) View(ctx context.Context, read func(store.Reader) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return read(&tx{base: s.tables})
}

// Update runs change and keeps what it did when it returns nil.
func (s *Store) Update(ctx context.Context, change func(store.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &tx{base: s.tables, changed: map[store.Table]map[string][]byte{}}
	if err := change(t); err != nil {
		return err
	}
	for table, rows := range t.changed {
		for key, value := range rows {
			if value == nil {
				delete(s.tables[table], key)
				continue
			}
			s.tables[table][key] = value
		}
	}
	return nil
}

// Lost is nil: nobody else can hold it.
func (s *Store) Lost() <-chan struct{} { return nil }

// Close does nothing.
func (s *Store) Close() error { return nil }

type tx struct {
	base    map[store.Table]map[string][]byte
	changed map[store.Table]map[string][]byte // nil values are deletions
}

func (t *tx) Get(table store.Table, key string) ([]byte, error) {
	if value, here := t.changed[table][key]; here {
		return slices.Clone(value), nil
	}
	return slices.Clone(t.base[table][key]), nil
}

func (t *tx) Scan(table store.Table, span store.Span) ([]store.Row, error) {
	if err := span.Check(); err != nil {
		return nil, err
	}
	rows := maps.Clone(t.base[table])
	maps.Copy(rows, t.changed[table])
	var found []store.Row
	for key, value := range rows {
		if value != nil && key >= span.From && (span.To == "" || key < span.To) {
			found = append(found, store.Row{Key: key, Value: slices.Clone(value)})
		}
	}
	slices.SortFunc(found, func(a, b store.Row) int { return strings.Compare(a.Key, b.Key) })
	if span.Reverse {
		slices.Reverse(found)
	}
	return found[:min(len(found), span.Limit)], nil
}

func (t *tx) Put(table store.Table, key string, value []byte) error {
	if err := store.CheckRow(table, key, value); err != nil {
		return err
	}
	t.set(table, key, slices.Clone(value))
	return nil
}

func (t *tx) Delete(table store.Table, key string) error {
	t.set(table, key, nil)
	return nil
}

func (t *tx) set(table store.Table, key string, value []byte) {
	if t.changed[table] == nil {
		t.changed[table] = map[string][]byte{}
	}
	t.changed[table][key] = value
}
