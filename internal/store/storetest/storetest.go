// Package storetest holds every store to the contract of package store, and makes stores fail on purpose.
//
// It promises that a driver which passes Run keeps the contract as far as one process can see; durability has rigs of its own.
// It is for tests only. Read next: Faults, for failing the n-th call.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"narthex/internal/store"
)

// Opener opens one store, made empty by who gave it; beside opens it although another handle may hold it.
type Opener func(ctx context.Context, beside bool) (store.Store, error)

// Driver is a kind of store that is held to the contract.
type Driver struct {
	Make func(t *testing.T) Opener
	Kept bool // what was committed is there after opening again, and one handle holds it at a time
}

// With gives the driver with every store that it opens behind a wrapper.
func (d Driver) With(wrap func(store.Store) store.Store) Driver {
	return Driver{Kept: d.Kept, Make: func(t *testing.T) Opener {
		open := d.Make(t)
		return func(ctx context.Context, beside bool) (store.Store, error) {
			s, err := open(ctx, beside)
			if err != nil {
				return nil, err
			}
			return wrap(s), nil
		}
	}}
}

// open opens a store and closes it at the test's end.
func (o Opener) open(t *testing.T, beside bool) store.Store {
	t.Helper()
	s, err := o(t.Context(), beside)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // a test may have closed it
	return s
}

// Run holds a driver to the contract, with an empty store for each part of it.
func Run(t *testing.T, d Driver) {
	for name, hold := range contract {
		t.Run(name, func(t *testing.T) { hold(t, d.Make(t).open(t, false)) })
	}
	if !d.Kept {
		return
	}
	for name, hold := range kept {
		t.Run(name, func(t *testing.T) { hold(t, d.Make(t)) })
	}
}

var contract = map[string]func(*testing.T, store.Store){
	"an absent key is nil":                    func(t *testing.T, s store.Store) { expect(t, s, "a", "") },
	"a committed put is seen":                 func(t *testing.T, s store.Store) { put(t, s, "a", "1"); expect(t, s, "a", "1") },
	"a put replaces":                          func(t *testing.T, s store.Store) { put(t, s, "a", "1"); put(t, s, "a", "2"); expect(t, s, "a", "2") },
	"an error undoes everything":              undone,
	"a panic undoes everything":               panicked,
	"a transaction sees its own writes":       ownWrites,
	"a scan gives a span in byte order":       scanned,
	"a value that is nil is refused":          nilRefused,
	"a caller may change what it got":         cloned,
	"tables do not mix":                       apart,
	"a view sees one state beside an update":  isolated,
	"updates run one after the other":         serial,
	"a cancelled context starts nothing":      cancelled,
	"an empty value is a value":               emptyValue,
	"deleting what is absent does nothing":    deleteAbsent,
	"a key may hold any text that is not nul": oddKeys,
	"a key that is no text is refused":        noText,
	"keys come in the order of their bytes":   byteOrder,
	"a bound above every key of a beginning":  prefixes,
	"a large value comes back whole":          large,
	"ten thousand rows are scanned":           many,
	"a change runs on a state of its own":     ownState,
	"an update cancelled while it waits":      cancelledWaiting,
	"a transaction deletes what it put":       putDeleted,
	"it is not lost":                          notLost,
}

func put(t *testing.T, s store.Store, key, value string) {
	t.Helper()
	if err := s.Update(t.Context(), func(tx store.Tx) error { return tx.Put(store.People, key, []byte(value)) }); err != nil {
		t.Fatal(err)
	}
}

// expect looks for value under key; an empty value means that nothing is there.
func expect(t *testing.T, s store.Store, key, value string) {
	t.Helper()
	err := s.View(t.Context(), func(r store.Reader) error {
		got, err := r.Get(store.People, key)
		if err == nil && (string(got) != value || (got == nil) != (value == "")) {
			t.Errorf("under %q stands %q, want %q", key, got, value)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func undone(t *testing.T, s store.Store) {
	no := errors.New("no")
	err := s.Update(t.Context(), func(tx store.Tx) error { return errors.Join(tx.Put(store.People, "a", []byte("1")), no) })
	if !errors.Is(err, no) {
		t.Fatalf("the error came back as %v", err)
	}
	expect(t, s, "a", "")
	put(t, s, "b", "1")
	expect(t, s, "b", "1")
}

func panicked(t *testing.T, s store.Store) {
	func() {
		defer func() { _ = recover() }()
		_ = s.Update(t.Context(), func(tx store.Tx) error {
			if err := tx.Put(store.People, "a", []byte("1")); err != nil {
				return err
			}
			panic("planned")
		})
	}()
	expect(t, s, "a", "")
	put(t, s, "b", "1")
}

func ownWrites(t *testing.T, s store.Store) {
	put(t, s, "a", "1")
	err := s.Update(t.Context(), func(tx store.Tx) error {
		if err := errors.Join(tx.Put(store.People, "b", []byte("2")), tx.Delete(store.People, "a")); err != nil {
			return err
		}
		rows, err := tx.Scan(store.People, store.Span{Limit: 9})
		if err == nil && (len(rows) != 1 || rows[0].Key != "b") {
			return fmt.Errorf("saw %v", rows)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func scanned(t *testing.T, s store.Store) {
	for _, key := range []string{"b", "a", "ab", "c", "B"} {
		put(t, s, key, "v"+key)
	}
	for _, c := range []struct {
		span store.Span
		want string
	}{
		{store.Span{Limit: 9}, "[B a ab b c]"},
		{store.Span{From: "a", To: "b", Limit: 9}, "[a ab]"},
		{store.Span{From: "a", Limit: 2}, "[a ab]"},
		{store.Span{To: "b", Reverse: true, Limit: 1}, "[ab]"},
		{store.Span{Limit: 0}, "[]"},
		{store.Prefix("a", 9), "[a ab]"},
	} {
		err := s.View(t.Context(), func(r store.Reader) error {
			rows, err := r.Scan(store.People, c.span)
			keys := []string{}
			for _, row := range rows {
				keys = append(keys, row.Key)
			}
			if fmt.Sprint(keys) != c.want {
				t.Errorf("%+v gave %v, want %s", c.span, keys, c.want)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func nilRefused(t *testing.T, s store.Store) {
	if s.Update(t.Context(), func(tx store.Tx) error { return tx.Put(store.People, "a", nil) }) == nil {
		t.Error("nil was taken as a value")
	}
}

func cloned(t *testing.T, s store.Store) {
	put(t, s, "a", "1")
	err := s.View(t.Context(), func(r store.Reader) error {
		got, err := r.Get(store.People, "a")
		got[0] = 'x'
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, s, "a", "1")
}

func apart(t *testing.T, s store.Store) {
	put(t, s, "a", "1")
	err := s.View(t.Context(), func(r store.Reader) error {
		for _, table := range store.Tables() {
			if got, err := r.Get(table, "a"); err != nil || (got != nil) != (table == store.People) {
				t.Errorf("table %s holds %q, %v", table, got, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func isolated(t *testing.T, s store.Store) {
	put(t, s, "a", "1")
	put(t, s, "b", "1")
	done := make(chan error)
	go func() {
		for i := range 50 {
			v := []byte(fmt.Sprint(i))
			if err := s.Update(context.Background(), func(tx store.Tx) error {
				return errors.Join(tx.Put(store.People, "a", v), tx.Put(store.People, "b", v))
			}); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for range 50 {
		err := s.View(t.Context(), func(r store.Reader) error {
			a, errA := r.Get(store.People, "a")
			b, errB := r.Get(store.People, "b")
			if string(a) != string(b) {
				t.Errorf("one view saw %q and %q", a, b)
			}
			return errors.Join(errA, errB)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func serial(t *testing.T, s store.Store) {
	put(t, s, "n", "0")
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			err := s.Update(context.Background(), func(tx store.Tx) error {
				got, err := tx.Get(store.People, "n")
				var n int
				if _, scanErr := fmt.Sscan(string(got), &n); scanErr != nil {
					return scanErr
				}
				return errors.Join(err, tx.Put(store.People, "n", []byte(fmt.Sprint(n+1))))
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	expect(t, s, "n", "20")
}

func cancelled(t *testing.T, s store.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s.Update(ctx, func(tx store.Tx) error { return tx.Put(store.People, "a", []byte("1")) }) == nil {
		t.Error("an update ran under a cancelled context")
	}
	expect(t, s, "a", "")
}

func emptyValue(t *testing.T, s store.Store) {
	put(t, s, "a", "")
	err := s.View(t.Context(), func(r store.Reader) error {
		got, getErr := r.Get(store.People, "a")
		rows, err := r.Scan(store.People, store.Span{Limit: 2})
		if len(rows) != 1 || got == nil || len(got) != 0 {
			t.Errorf("an empty value came back as %v and %v", got, rows)
		}
		return errors.Join(err, getErr)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func deleteAbsent(t *testing.T, s store.Store) {
	if err := s.Update(t.Context(), func(tx store.Tx) error { return tx.Delete(store.People, "a") }); err != nil {
		t.Error(err)
	}
}

func oddKeys(t *testing.T, s store.Store) {
	for _, key := range []string{"'; DROP TABLE people; --", "%", "_", "ü", "a/b", " "} {
		put(t, s, key, "1")
		expect(t, s, key, "1")
	}
}
