package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"narthex/internal/store"
)

// mostTries bounds how often an Update begins again because the server could not order it.
const mostTries = 10

// View runs read inside one read transaction.
func (s *Store) View(ctx context.Context, read func(store.Reader) error) error {
	if err := s.settle(ctx); err != nil {
		return told(err)
	}
	tx, err := s.readers.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return told(err)
	}
	defer tx.Rollback(ctx) // where the connection is gone so is the transaction
	return read(reader{ctx, tx})
}

// Update runs change inside a serializable transaction, from the start again where the server could not order it beside
// another. A COMMIT without an answer is store.ErrUnknown.
func (s *Store) Update(ctx context.Context, change func(store.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for try := 1; ; try++ {
		if s.held.Err() != nil {
			return store.ErrLost
		}
		err := s.try(change)
		if !again(err) || try == mostTries {
			return told(err)
		}
	}
}

// try runs one transaction. The caller's context no longer ends it: it is short, and its end must be known. It ends with the
// hold.
func (s *Store) try(change func(store.Tx) error) error {
	ctx, cancel := context.WithTimeout(s.held, patience)
	defer cancel()
	err := s.settle(ctx)
	if err == nil {
		err = s.begin(ctx)
	}
	if err == nil {
		w := &writer{reader: reader{ctx, s.writer}, conn: s.writer}
		err = run(w, change)
	}
	if err != nil {
		s.rollback(ctx)
		return s.lostOr(err)
	}
	return s.commit(ctx)
}

// begin starts a transaction that holds the lease's row, and looks whether the lease is still this process's.
func (s *Store) begin(ctx context.Context) error {
	if err := s.connect(ctx); err != nil {
		return err
	}
	b := &pgx.Batch{}
	b.Queue("BEGIN ISOLATION LEVEL SERIALIZABLE")
	var number int64
	b.Queue("SELECT number FROM lease FOR NO KEY UPDATE").QueryRow(func(row pgx.Row) error { return row.Scan(&number) })
	if err := s.writer.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if number != s.number {
		s.lose()
		return store.ErrLost
	}
	return nil
}

// connect gives the writer a connection where it has none. What it commits waits for the disk, whatever the server's files
// say by then, and a transaction that stands still is ended by the server.
func (s *Store) connect(ctx context.Context) error {
	if s.writer != nil && !s.writer.IsClosed() {
		return nil
	}
	config := s.config.Copy()
	if config.RuntimeParams["synchronous_commit"] != "remote_apply" {
		config.RuntimeParams["synchronous_commit"] = "on"
	}
	config.RuntimeParams["idle_in_transaction_session_timeout"] = fmt.Sprint(s.options.stall.Milliseconds())
	var err error
	s.writer, err = pgx.ConnectConfig(ctx, config)
	return err
}

// run turns a panic of change into an error, so that the transaction is always ended.
func run(w *writer, change func(store.Tx) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("change panicked: %v", r)
		}
	}()
	if err := change(w); err != nil {
		return err
	}
	return w.flush()
}

// rollback ends a transaction; where that fails the connection is dropped, and the transaction with it.
func (s *Store) rollback(ctx context.Context) {
	if s.writer == nil || s.writer.IsClosed() {
		return
	}
	if _, err := s.writer.Exec(ctx, "ROLLBACK"); err != nil {
		s.drop()
	}
}

func (s *Store) drop() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = s.writer.Close(ctx) // without a word to the server, which may not be there
	s.writer = nil
}

// commit ends the transaction. It failed for certain only where the server said so and lives to say more.
func (s *Store) commit(ctx context.Context) error {
	tag, err := s.writer.Exec(ctx, "COMMIT")
	if err == nil && tag.String() == "COMMIT" {
		return nil
	}
	if err == nil {
		return errors.New("commit: the server had given the transaction up")
	}
	if refused(err) {
		return fmt.Errorf("commit: %w", err)
	}
	s.drop()
	s.unsettled.Store(s.unknowns.Add(1))
	return s.lostOr(fmt.Errorf("commit: %w: %w", store.ErrUnknown, err))
}

// lostOr says that the hold was lost where that is why something failed.
func (s *Store) lostOr(err error) error {
	if s.held.Err() != nil && !errors.Is(err, store.ErrLost) {
		return fmt.Errorf("%w: %w", store.ErrLost, err)
	}
	return err
}
