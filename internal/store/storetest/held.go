package storetest

import (
	"context"
	"errors"
	"testing"

	"narthex"
	"narthex/internal/store"
)

// kept is the contract of stores that are kept and held.
var kept = map[string]func(*testing.T, Opener){
	"what was committed is there after opening again":       reopened,
	"a second node is refused":                              secondRefused,
	"whoever wakes after its lease commits nothing":         fenced,
	"whoever wakes inside an update overwrites nobody":      fencedInside,
	"a store that was closed is lost and can be had by all": closedLost,
}

func reopened(t *testing.T, open Opener) {
	for _, value := range []string{"1", "2", "3"} {
		s := open.open(t, false)
		if value != "1" {
			expect(t, s, "a", string(rune(value[0]-1)))
		}
		put(t, s, "a", value)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func secondRefused(t *testing.T, open Opener) {
	first := open.open(t, false)
	put(t, first, "a", "1")
	second, err := open(t.Context(), false)
	if err == nil {
		second.Close()
		t.Fatal("a second handle opened")
	}
	if !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("a second handle was refused with %v", err)
	}
	put(t, first, "a", "2") // and the first goes on
	expect(t, first, "a", "2")
}

// Paused is a store whose Updates wait, before they do anything, until its channel is closed: a process that stands still.
type Paused struct {
	store.Store
	Until <-chan struct{}
}

// Update waits and then runs.
func (p Paused) Update(ctx context.Context, change func(store.Tx) error) error {
	<-p.Until
	return p.Store.Update(ctx, change)
}

func fenced(t *testing.T, open Opener) {
	first := open.open(t, false)
	put(t, first, "a", "1")
	wake, done := make(chan struct{}), make(chan error)
	paused := Paused{first, wake}
	go func() {
		done <- paused.Update(context.Background(), func(tx store.Tx) error { return tx.Put(store.People, "a", []byte("first")) })
	}()
	second := open.open(t, true)
	put(t, second, "a", "second")
	close(wake)
	if err := <-done; !errors.Is(err, store.ErrLost) {
		t.Fatalf("the one that woke got %v", err)
	}
	expect(t, second, "a", "second")
	<-first.Lost()
	for range 2 {
		if err := first.Update(t.Context(), func(tx store.Tx) error { return tx.Put(store.People, "b", []byte("first")) }); !errors.Is(err, store.ErrLost) {
			t.Errorf("once lost it said %v", err)
		}
	}
	put(t, second, "b", "second")
	if err := first.Close(); err != nil {
		t.Errorf("to close a lost store is %v", err)
	}
	put(t, second, "b", "again")
	expect(t, second, "b", "again")
}

// fencedInside: the first stands still inside an Update while a second wants to open. Whatever the database makes of that, the
// second sees all that the first committed, and the first commits nothing once the second has opened.
func fencedInside(t *testing.T, open Opener) {
	first := open.open(t, false)
	put(t, first, "a", "1")
	inside, leave, done := make(chan struct{}, 9), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- first.Update(context.Background(), func(tx store.Tx) error {
			inside <- struct{}{}
			<-leave
			return tx.Put(store.People, "a", []byte("first"))
		})
	}()
	<-inside
	opened := make(chan store.Store, 1)
	go func() {
		second, err := open(context.Background(), true)
		if err != nil {
			t.Error(err)
		}
		opened <- second
	}()
	close(leave)
	err := <-done
	second := <-opened
	if second == nil {
		return
	}
	t.Cleanup(func() { _ = second.Close() })
	want := "first"
	if err != nil {
		want = "1"
	}
	expect(t, second, "a", want)
	put(t, second, "a", "second")
	if err := first.Update(t.Context(), func(tx store.Tx) error { return tx.Put(store.People, "a", []byte("first")) }); !errors.Is(err, store.ErrLost) {
		t.Errorf("after another opened it said %v", err)
	}
	expect(t, second, "a", "second")
}

func closedLost(t *testing.T, open Opener) {
	first := open.open(t, false)
	put(t, first, "a", "1")
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	<-first.Lost()
	if err := first.Update(t.Context(), func(tx store.Tx) error { return tx.Put(store.People, "a", []byte("2")) }); !errors.Is(err, store.ErrLost) {
		t.Errorf("a closed store said %v", err)
	}
	if first.View(t.Context(), func(store.Reader) error { return nil }) == nil {
		t.Error("a closed store could be read")
	}
	expect(t, open.open(t, false), "a", "1")
}
