package postgres

import (
	"context"
	"fmt"
	"time"

	"narthex"
	"narthex/internal/store"
)

// advisory is the lock's number: "narthex" in letters. It is the database's own.
const advisory = 0x6e617274686578

// leaving is how long a node that starts waits for the lock of one that ended just before: the server frees it when it has seen that
// the connection is gone, which a busy one sees late.
const leaving = 3 * time.Second

// takeLock takes the lock that the server frees when the connection ends.
func (s *Store) takeLock(ctx context.Context) error {
	if s.options.unlocked {
		return nil
	}
	for until := time.Now().Add(leaving); ; time.Sleep(20 * time.Millisecond) {
		var ours bool
		if err := s.hold.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", int64(advisory)).Scan(&ours); err != nil || ours {
			return err
		}
		if time.Now().After(until) {
			return narthex.Conflictf("Another narthex node holds this store. Stop it first; a second node on one store is refused.")
		}
	}
}

// takeOver raises the lease's number, so that no Update of whoever held it before commits any more, and where that did not
// give it up waits until it has noticed.
func (s *Store) takeOver(ctx context.Context) error {
	var released bool
	err := s.hold.QueryRow(ctx, `UPDATE lease SET number = lease.number + 1, released = FALSE FROM (SELECT released FROM lease FOR UPDATE) AS before
		RETURNING lease.number, before.released`).Scan(&s.number, &released)
	if err != nil {
		return fmt.Errorf("take the store's lease: %w", err)
	}
	s.beating.Go(s.beat)
	if !released {
		wait := time.NewTimer(s.options.handover)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-s.held.Done():
			return store.ErrLost
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.taken = true
	return nil
}

// beat looks at the hold until it is lost: the server does not answer in time, or the number is another's.
func (s *Store) beat() {
	tick := time.NewTicker(s.options.every)
	defer tick.Stop()
	for {
		select {
		case <-s.held.Done():
			return
		case <-tick.C:
		}
		ctx, cancel := context.WithTimeout(s.held, s.options.timeout)
		var number int64
		err := s.hold.QueryRow(ctx, "SELECT number FROM lease").Scan(&number)
		cancel()
		if err != nil || number != s.number {
			s.lose()
		}
	}
}

// Lost is closed when the hold is lost, or the store was closed.
func (s *Store) Lost() <-chan struct{} { return s.held.Done() }

// release marks the lease as given up, so that the next to open need not wait.
func (s *Store) release(ctx context.Context) error {
	if !s.taken || s.held.Err() != nil {
		return nil
	}
	_, err := s.readers.Exec(ctx, "UPDATE lease SET released = TRUE WHERE number = $1", s.number)
	return told(err)
}

// settle waits until a commit of unknown outcome has one. Its transaction has the lease's row locked until it has ended, so
// whoever gets that lock sees what became of it.
func (s *Store) settle(ctx context.Context) error {
	unsettled := s.unsettled.Load()
	if unsettled == 0 {
		return nil
	}
	if _, err := s.readers.Exec(ctx, "SELECT number FROM lease FOR NO KEY UPDATE"); err != nil {
		return fmt.Errorf("wait for a commit of unknown outcome: %w", err)
	}
	s.unsettled.CompareAndSwap(unsettled, 0)
	return nil
}
