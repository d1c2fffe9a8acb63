package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"narthex/internal/store"
)

// ErrPlanned is what a planned fault returns.
var ErrPlanned = errors.New("planned fault")

// Faults is a store whose calls can be made to fail by number. Calls are counted over View, Update, and every operation
// inside them, and over each commit.
type Faults struct {
	Inner store.Store
	calls atomic.Int64
	fail  atomic.Int64 // the call that fails, or 0
	mode  atomic.Int32
}

// Mode is how the chosen call fails.
type Mode int32

const (
	// Before fails the call before it does anything.
	Before Mode = iota
	// After does it, then says that it failed; a commit so treated has an unknown outcome.
	After
)

// Plan makes the n-th call from now fail, once. With n of 0 nothing fails.
func (f *Faults) Plan(n int64, mode Mode) {
	f.calls.Store(0)
	f.mode.Store(int32(mode))
	f.fail.Store(n)
}

// Calls says how many calls there were since the last Plan.
func (f *Faults) Calls() int64 { return f.calls.Load() }

// Fired says whether the planned fault has happened.
func (f *Faults) Fired() bool { n := f.fail.Load(); return n > 0 && f.calls.Load() >= n }

// step runs one call, failing it where it is the planned one.
func (f *Faults) step(what string, do func() error) error {
	n := f.calls.Add(1)
	if n != f.fail.Load() {
		return do()
	}
	planned := fmt.Errorf("%s, call %d: %w", what, n, ErrPlanned)
	if Mode(f.mode.Load()) == After {
		return errors.Join(do(), planned)
	}
	return planned
}

// View counts as a call, and so does each read in it.
func (f *Faults) View(ctx context.Context, read func(store.Reader) error) error {
	return f.step("view", func() error {
		return f.Inner.View(ctx, func(r store.Reader) error { return read(faultyReader{f, r}) })
	})
}

// Update counts as a call, and so do each operation in it and its commit. A commit that fails after is ErrUnknown.
func (f *Faults) Update(ctx context.Context, change func(store.Tx) error) error {
	committed := false
	err := f.step("begin", func() error {
		err := f.Inner.Update(ctx, func(tx store.Tx) error {
			if err := change(faultyTx{faultyReader{f, tx}, tx}); err != nil {
				return err
			}
			if Mode(f.mode.Load()) == Before {
				return f.step("commit", func() error { return nil })
			}
			return nil
		})
		committed = err == nil
		return err
	})
	if !committed {
		return err
	}
	if err == nil && Mode(f.mode.Load()) == After {
		err = f.step("commit", func() error { return nil })
	}
	if err != nil {
		return errors.Join(store.ErrUnknown, err)
	}
	return nil
}

// Lost is the inner store's.
func (f *Faults) Lost() <-chan struct{} { return f.Inner.Lost() }

// Close closes the inner store.
func (f *Faults) Close() error { return f.Inner.Close() }

type faultyReader struct {
	faults *Faults
	inner  store.Reader
}

func (r faultyReader) Get(table store.Table, key string) (value []byte, err error) {
	err = r.faults.step("get "+string(table), func() error { value, err = r.inner.Get(table, key); return err })
	return value, err
}

func (r faultyReader) Scan(table store.Table, span store.Span) (rows []store.Row, err error) {
	err = r.faults.step("scan "+string(table), func() error { rows, err = r.inner.Scan(table, span); return err })
	return rows, err
}

type faultyTx struct {
	faultyReader
	tx store.Tx
}

func (t faultyTx) Put(table store.Table, key string, value []byte) error {
	return t.faults.step("put "+string(table), func() error { return t.tx.Put(table, key, value) })
}

func (t faultyTx) Delete(table store.Table, key string) error {
	return t.faults.step("delete "+string(table), func() error { return t.tx.Delete(table, key) })
}
