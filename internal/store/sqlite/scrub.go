package sqlite

import (
	"context"
	"errors"
	"fmt"

	"narthex/internal/store"
)

var _ store.Scrubber = (*Store)(nil)

// Scrub writes the database anew: SQLite overwrites what is deleted, but a page may keep, in the room that it does not use, a
// copy of a row that moved to another. It takes about as long as writing the file once, and that much room on the disk besides.
func (s *Store) Scrub(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if s.hold.Err() != nil {
		return context.Cause(s.hold)
	}
	ctx = context.WithoutCancel(ctx) // its end must be known
	if _, err := s.writer.ExecContext(ctx, "VACUUM"); err != nil {
		return damaged(errors.Join(fmt.Errorf("write the database anew: %w", err), s.unsynced()))
	}
	var busy, log, done int
	if err := s.writer.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &log, &done); err != nil {
		return damaged(errors.Join(fmt.Errorf("bring the database up to date: %w", err), s.unsynced()))
	}
	if busy != 0 {
		return errors.New("a reading held the log for too long; what it holds goes when the store is closed")
	}
	return s.unsynced()
}
