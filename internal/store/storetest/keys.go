package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"narthex/internal/store"
)

// write puts rows in one Update.
func write(t *testing.T, s store.Store, keys ...string) {
	t.Helper()
	err := s.Update(t.Context(), func(tx store.Tx) error {
		for _, key := range keys {
			if err := tx.Put(store.People, key, []byte("v"+key)); err != nil {
				return fmt.Errorf("put %q: %w", key, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// scan gives the keys of a span.
func scan(t *testing.T, s store.Store, span store.Span) (keys []string) {
	t.Helper()
	err := s.View(t.Context(), func(r store.Reader) error {
		rows, err := r.Scan(store.People, span)
		for _, row := range rows {
			keys = append(keys, row.Key)
			if string(row.Value) != "v"+row.Key {
				t.Errorf("under %q stands %q", row.Key, row.Value)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func noText(t *testing.T, s store.Store) {
	for _, key := range []string{"", "a\x00", "\x00", "a\x00b", "\xff", "a\xc3"} {
		if s.Update(t.Context(), func(tx store.Tx) error { return tx.Put(store.People, key, []byte("1")) }) == nil {
			t.Errorf("%q was taken as a key", key)
		}
		err := s.Update(t.Context(), func(tx store.Tx) error {
			got, err := tx.Get(store.People, key)
			if got != nil {
				t.Errorf("under %q stands %q", key, got)
			}
			return errors.Join(err, tx.Delete(store.People, key))
		})
		if err != nil {
			t.Errorf("to look for %q or delete it is %v", key, err)
		}
	}
	for _, span := range []store.Span{{From: "\xff", Limit: 1}, {To: "a\x00", Limit: 1}, {To: "\xff\xff", Limit: 1}, {To: "\xffa", Limit: 1}} {
		if s.View(t.Context(), func(r store.Reader) error { _, err := r.Scan(store.People, span); return err }) == nil {
			t.Errorf("%q to %q was taken as bounds", span.From, span.To)
		}
	}
}

func byteOrder(t *testing.T, s store.Store) {
	keys := []string{"a", "A", "b", "B", "aa", "aB", "Ab", "ä", "Ä", "z", "é", "e\u0301", "ß", "ss", "日本", "\U0001f600", "\uffff", "\U0010ffff", "_", "-", " ", "a b", "a-b", "ab", "10", "9", "\x01", "~", "\x7f", "\u0080", "i", "I", "ı", "İ"}
	write(t, s, keys...)
	slices.Sort(keys)
	if got := scan(t, s, store.Span{Limit: 99}); !slices.Equal(got, keys) {
		t.Errorf("in order came %q, want %q", got, keys)
	}
	for i, key := range keys {
		if got := scan(t, s, store.Span{From: key, Limit: 99}); !slices.Equal(got, keys[i:]) {
			t.Errorf("from %q on came %q", key, got)
		}
		if got := scan(t, s, store.Span{To: key, Limit: 99}); !slices.Equal(got, keys[:i]) {
			t.Errorf("below %q came %q", key, got)
		}
	}
	slices.Reverse(keys)
	if got := scan(t, s, store.Span{Reverse: true, Limit: 99}); !slices.Equal(got, keys) {
		t.Errorf("backwards came %q, want %q", got, keys)
	}
}

func prefixes(t *testing.T, s store.Store) {
	write(t, s, "a", "a/", "a/b", "a/\U0010ffff", "a/\U0010ffffb", "a0", "b", "\uD7FF", "\uD7FFz", "\ue000", "\U0010ffff", "\U0010ffffz")
	for prefix, want := range map[string][]string{
		"a/":           {"a/", "a/b", "a/\U0010ffff", "a/\U0010ffffb"},
		"":             {"a", "a/", "a/b", "a/\U0010ffff", "a/\U0010ffffb", "a0", "b", "\uD7FF", "\uD7FFz", "\ue000", "\U0010ffff", "\U0010ffffz"},
		"\uD7FF":       {"\uD7FF", "\uD7FFz"},
		"\U0010ffff":   {"\U0010ffff", "\U0010ffffz"},
		"a/\U0010ffff": {"a/\U0010ffff", "a/\U0010ffffb"},
		"c":            nil,
	} {
		if got := scan(t, s, store.Prefix(prefix, 99)); !slices.Equal(got, want) {
			t.Errorf("with the beginning %q came %q, want %q", prefix, got, want)
		}
	}
}

func large(t *testing.T, s store.Store) {
	value := bytes.Repeat([]byte{0, 1, 2, 0xff, '\''}, 1<<20/5)
	if err := s.Update(t.Context(), func(tx store.Tx) error {
		if err := tx.Put(store.People, "a", value); err != nil {
			return err
		}
		got, err := tx.Get(store.People, "a")
		if !bytes.Equal(got, value) {
			t.Error("inside the transaction it is another")
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	expect(t, s, "a", string(value))
}

func many(t *testing.T, s store.Store) {
	var keys []string
	for i := range 10_000 {
		keys = append(keys, fmt.Sprintf("%05d", i))
	}
	write(t, s, keys...)
	if got := scan(t, s, store.Span{Limit: 20_000}); !slices.Equal(got, keys) {
		t.Errorf("%d rows came of %d", len(got), len(keys))
	}
	if got := scan(t, s, store.Span{From: "05000", To: "05010", Limit: 20_000}); !slices.Equal(got, keys[5000:5010]) {
		t.Errorf("a span from the middle gave %q", got)
	}
	if got := scan(t, s, store.Span{Reverse: true, Limit: 3}); !slices.Equal(got, []string{"09999", "09998", "09997"}) {
		t.Errorf("the last three are %q", got)
	}
}

// ownState: however often a change runs, it sees what was committed and what it did itself in this run, and nothing else.
func ownState(t *testing.T, s store.Store) {
	put(t, s, "a", "1")
	err := s.Update(t.Context(), func(tx store.Tx) error {
		a, errA := tx.Get(store.People, "a")
		b, errB := tx.Get(store.People, "b")
		if string(a) != "1" || b != nil {
			return fmt.Errorf("a run began with %q and %q", a, b)
		}
		return errors.Join(errA, errB, tx.Put(store.People, "b", []byte("1")), tx.Delete(store.People, "a"))
	})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, s, "a", "")
	expect(t, s, "b", "1")
}

// cancelledWaiting: an Update that waits for its turn ends with its context and does nothing.
func cancelledWaiting(t *testing.T, s store.Store) {
	inside, leave, done := make(chan struct{}, 2), make(chan struct{}), make(chan error)
	go func() {
		done <- s.Update(context.Background(), func(tx store.Tx) error {
			inside <- struct{}{}
			<-leave
			return tx.Put(store.People, "a", []byte("1"))
		})
	}()
	<-inside
	ctx, cancel := context.WithCancel(t.Context())
	waiting := make(chan error)
	go func() {
		waiting <- s.Update(ctx, func(tx store.Tx) error { return tx.Put(store.People, "b", []byte("1")) })
	}()
	cancel()
	close(leave)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	expect(t, s, "a", "1")
	if err := <-waiting; err == nil {
		expect(t, s, "b", "1") // it had its turn before it was cancelled
	} else {
		expect(t, s, "b", "")
	}
}

func putDeleted(t *testing.T, s store.Store) {
	err := s.Update(t.Context(), func(tx store.Tx) error {
		if err := errors.Join(tx.Put(store.People, "a", []byte("1")), tx.Delete(store.People, "a"), tx.Put(store.People, "b", []byte("1")), tx.Put(store.People, "b", []byte("2"))); err != nil {
			return err
		}
		got, err := tx.Get(store.People, "a")
		if got != nil {
			return fmt.Errorf("what was deleted is %q", got)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, s, "a", "")
	expect(t, s, "b", "2")
}

func notLost(t *testing.T, s store.Store) {
	put(t, s, "a", "1")
	select {
	case <-s.Lost():
		t.Error("a store that nobody else holds is lost")
	default:
	}
}
