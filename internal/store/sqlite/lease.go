package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"narthex"
	"narthex/internal/store"
)

// lockName is the file that a node locks while it holds the store.
const lockName = "narthex.lock"

func takeLock(path string) (*os.File, error) {
	lock, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, narthex.Unavailablef("The data directory cannot be written; check that it exists and belongs to this user.").Because(err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(narthex.Conflictf("Another narthex node holds this store. Stop it first; a second node on one store is refused.").Because(err), lock.Close())
	}
	return lock, nil
}

// Still keeps every node off the store in a directory until release is called, without changing anything there. It is a Conflict
// while a node holds it.
func Still(dir string) (release func() error, err error) {
	lock, err := os.Open(filepath.Join(dir, lockName))
	if errors.Is(err, os.ErrNotExist) {
		return func() error { return nil }, nil // no node was ever there
	}
	if err != nil {
		return nil, narthex.Unavailablef("The directory cannot be read; check that it belongs to this user.").Because(err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_SH|unix.LOCK_NB); err != nil {
		return nil, errors.Join(narthex.Conflictf("A node runs on that directory. Stop it first, or verify what it publishes: `narthex ledger verify URL/ledger`."), lock.Close())
	}
	return lock.Close, nil
}

// raise takes the next number of the lease: every Update of whoever held it before commits nothing from now on.
func (s *Store) raise(ctx context.Context) error {
	err := s.writer.QueryRowContext(ctx, "UPDATE lease SET number = number + 1, released = FALSE RETURNING number").Scan(&s.number)
	if err != nil {
		return fmt.Errorf("take the store's lease: %w", err)
	}
	return nil
}

// held says, inside an Update's transaction, that the lease is still this process's.
func (s *Store) held(ctx context.Context) error {
	stmt, err := s.statement(ctx, "SELECT number FROM lease")
	if err != nil {
		return err
	}
	var number int64
	if err := stmt.QueryRowContext(ctx).Scan(&number); err != nil {
		return fmt.Errorf("read the store's lease: %w", err)
	}
	if number != s.number {
		s.lose(store.ErrLost)
		return store.ErrLost
	}
	return nil
}

// release marks the lease as given up.
func (s *Store) release() error {
	if s.number == 0 || s.hold.Err() != nil {
		return nil
	}
	_, err := s.writer.ExecContext(context.Background(), "UPDATE lease SET released = TRUE WHERE number = $1", s.number)
	s.number = 0
	return err
}

// Lost is closed when an Update has found another's number in the lease, when a sync has failed, or the store was closed.
func (s *Store) Lost() <-chan struct{} { return s.hold.Done() }
