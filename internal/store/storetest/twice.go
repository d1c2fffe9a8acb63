package storetest

import (
	"context"
	"errors"

	"narthex/internal/store"
)

// Twice runs every change of the inner store twice, as a database may that had to begin again: what the first run did is
// undone, and the second counts.
type Twice struct{ Inner store.Store }

var errAgain = errors.New("run it again")

// Update runs change once for nothing and once for good.
func (t Twice) Update(ctx context.Context, change func(store.Tx) error) error {
	err := t.Inner.Update(ctx, func(tx store.Tx) error {
		if err := change(tx); err != nil {
			return err
		}
		return errAgain
	})
	if !errors.Is(err, errAgain) {
		return err
	}
	return t.Inner.Update(ctx, change)
}

// View is the inner store's.
func (t Twice) View(ctx context.Context, read func(store.Reader) error) error {
	return t.Inner.View(ctx, read)
}

// Lost is the inner store's.
func (t Twice) Lost() <-chan struct{} { return t.Inner.Lost() }

// Close closes the inner store.
func (t Twice) Close() error { return t.Inner.Close() }
