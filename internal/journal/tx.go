package journal

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"narthex"
	"narthex/internal/store"
	"narthex/ledger"
)

// Tx is one change inside an Update, or one reading inside a View. It is good until its function returns. Rows that it hands
// out are shared and must not be changed: put a copy.
type Tx struct {
	reader store.Reader
	batch  *batch // nil in a View
	now    time.Time
	undo   []func()
}

// Now is the one time of this change: that of its entries, in UTC, to the millisecond in an Update.
func (tx *Tx) Now() time.Time { return tx.now }

// Size is how many entries the ledger holds, those of this change included.
func (tx *Tx) Size() uint64 { return tx.batch.first + uint64(len(tx.batch.records)) }

// Reader reads the stored rows below the typed ones; it does not see this change.
func (tx *Tx) Reader() store.Reader { return tx.reader }

// Append adds an entry to the ledger and gives its index.
func (tx *Tx) Append(kind narthex.EntryType, fields ...narthex.Field) (uint64, error) {
	var seed [32]byte
	if _, err := io.ReadFull(tx.batch.random, seed[:]); err != nil {
		return 0, fmt.Errorf("draw an entry's seed: %w", err)
	}
	record, opening, err := ledger.Seal(narthex.Entry{Type: kind, At: tx.now, Fields: fields}, seed)
	if err != nil {
		return 0, err
	}
	b, n := tx.batch, len(tx.batch.records)
	tx.undo = append(tx.undo, func() { b.records, b.openings = b.records[:n], b.openings[:n] })
	b.records, b.openings = append(b.records, record), append(b.openings, opening)
	return b.first + uint64(n), nil
}

// AppendIntent adds the intent of a call, which stays open until AppendOutcome.
func (tx *Tx) AppendIntent(fields ...narthex.Field) (uint64, error) {
	index, err := tx.Append(narthex.EntryCallIntent, fields...)
	if err != nil {
		return 0, err
	}
	b, n := tx.batch, len(tx.batch.opened)
	tx.undo = append(tx.undo, func() { b.opened = b.opened[:n] })
	b.opened = append(b.opened, index)
	return index, nil
}

// AppendOutcome closes the call whose intent stands at index. A call that is not open is a Conflict: each has one outcome.
func (tx *Tx) AppendOutcome(intent uint64, fields ...narthex.Field) (uint64, error) {
	b := tx.batch
	if b.isClosed[intent] || !b.state.open[intent] && !slices.Contains(b.opened, intent) {
		return 0, narthex.Conflictf("The call is closed already.")
	}
	index, err := tx.Append(narthex.EntryCallOutcome, append([]narthex.Field{narthex.TextField("call", narthex.MakeCallID(intent))}, fields...)...)
	if err != nil {
		return 0, err
	}
	tx.undo = append(tx.undo, func() { delete(b.isClosed, intent) })
	b.isClosed[intent] = true
	return index, nil
}

// Erase takes away what the entries at those indexes say, when the change commits. Their records stay, and so does every proof
// of them. An entry of this change, and one whose opening is public, is refused.
func (tx *Tx) Erase(indexes ...uint64) error {
	b, n := tx.batch, len(tx.batch.erased)
	for _, index := range indexes {
		if index >= b.first {
			return fmt.Errorf("erase entry %d: it is none that stands", index)
		}
	}
	tx.undo = append(tx.undo, func() { b.erased = b.erased[:n] })
	b.erased = append(b.erased, indexes...)
	return nil
}

// Get gives the row under key, or nil where there is none.
func Get[T any](tx *Tx, table store.Table, key string) (*T, error) {
	if tx.batch != nil {
		if row, here := tx.batch.rows[rowKey{table, key}]; here {
			return cast[T](row)
		}
		if row, here := tx.batch.hot.get(table, key); here {
			return cast[T](row)
		}
	}
	value, err := tx.reader.Get(table, key)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", table, err)
	}
	row, err := decode[T](table, value)
	if err == nil && tx.batch != nil {
		tx.batch.hot.learn(table, key, row)
	}
	return row, err
}

// Put sets the row under key when the change commits.
func Put[T any](tx *Tx, table store.Table, key string, row *T) error {
	return tx.put(table, key, orNil(row), func() (any, error) {
		was, err := Get[T](tx, table, key)
		return orNil(was), err
	})
}

// put is all of Put that is the same for every type.
func (tx *Tx) put(table store.Table, key string, row any, read func() (any, error)) error {
	if tx.batch == nil || row == nil || key == "" {
		return fmt.Errorf("put into %s: outside an update, or without a key or a row", table)
	}
	if follow, has := tx.batch.follow[table]; has {
		was, err := read()
		if err != nil {
			return err
		}
		if err := follow(tx, was, row); err != nil {
			return fmt.Errorf("put into %s: what follows of it: %w", table, err)
		}
	}
	tx.set(rowKey{table, key}, row)
	return nil
}

// orNil gives a row, or nil itself where there is none.
func orNil[T any](row *T) any {
	if row == nil {
		return nil
	}
	return row
}

// Delete removes the row under key when the change commits.
func Delete[T any](tx *Tx, table store.Table, key string) error {
	if tx.batch == nil || tx.batch.follow[table] != nil {
		return fmt.Errorf("delete from %s: outside an update, or of a table whose rows stay", table)
	}
	tx.set(rowKey{table, key}, (*T)(nil))
	return nil
}

func (tx *Tx) set(key rowKey, row any) {
	before, was := tx.batch.rows[key]
	rows := tx.batch.rows
	tx.undo = append(tx.undo, func() {
		if was {
			rows[key] = before
			return
		}
		delete(rows, key)
	})
	rows[key] = row
}

// Item is a row with its key.
type Item[T any] struct {
	Key string
	Row *T
}

// Scan gives the rows of a span in order, those of this change included.
func Scan[T any](tx *Tx, table store.Table, span store.Span) ([]Item[T], error) {
	wide := span
	changed := tx.changed(table, span)
	wide.Limit += len(changed)
	stored, err := tx.reader.Scan(table, wide)
	if err != nil {
		return nil, fmt.Errorf("scan %s: %w", table, err)
	}
	found := map[string]*T{}
	for _, r := range stored {
		if found[r.Key], err = decode[T](table, r.Value); err != nil {
			return nil, err
		}
	}
	for key, row := range changed {
		if found[key], err = cast[T](row); err != nil {
			return nil, err
		}
	}
	keys := slices.Sorted(maps.Keys(found))
	if span.Reverse {
		slices.Reverse(keys)
	}
	items := []Item[T]{}
	for _, key := range keys {
		if found[key] != nil && len(items) < span.Limit {
			items = append(items, Item[T]{key, found[key]})
		}
	}
	return items, nil
}

func (tx *Tx) changed(table store.Table, span store.Span) map[string]any {
	changed := map[string]any{}
	if tx.batch == nil {
		return changed
	}
	for key, row := range tx.batch.rows {
		if key.table == table && key.key >= span.From && (span.To == "" || strings.Compare(key.key, span.To) < 0) {
			changed[key.key] = row
		}
	}
	return changed
}

func decode[T any](table store.Table, value []byte) (*T, error) {
	if value == nil {
		return nil, nil
	}
	row := new(T)
	if err := json.Unmarshal(value, row); err != nil {
		return nil, damaged(table, err)
	}
	return row, nil
}

func damaged(table store.Table, err error) error {
	return fmt.Errorf("read a row of %s: %w: %w", table, store.ErrDamaged, err)
}

func cast[T any](row any) (*T, error) {
	typed, fits := row.(*T)
	if !fits {
		return nil, fmt.Errorf("a row was read as %T but holds %T", typed, row)
	}
	return typed, nil
}

// Peek gives the committed row under key without waiting for the writer.
func Peek[T any](ctx context.Context, j *Journal, table store.Table, key string) (row *T, err error) {
	j.mu.RLock()
	hot, here := j.hot.get(table, key)
	j.mu.RUnlock()
	if here {
		return cast[T](hot)
	}
	err = j.View(ctx, func(tx *Tx) error {
		row, err = Get[T](tx, table, key)
		return err
	})
	return row, err
}
