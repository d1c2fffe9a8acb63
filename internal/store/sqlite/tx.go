package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"narthex/internal/store"
)

// View runs read inside one read transaction.
func (s *Store) View(ctx context.Context, read func(store.Reader) error) error {
	return view(ctx, s.readers, read)
}

func view(ctx context.Context, db *sql.DB, read func(store.Reader) error) error {
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return damaged(err)
	}
	// A page of a list asks the same some hundred times: each text is prepared once, and ends with the transaction.
	stmts := map[string]*sql.Stmt{}
	err = read(reader{ctx, func(text string) (*sql.Stmt, error) {
		return prepareOnce(ctx, stmts, tx, text)
	}})
	return damaged(errors.Join(err, tx.Rollback()))
}

// Update runs change inside the one write transaction. A failed COMMIT is store.ErrUnknown. So is one in which a sync failed,
// even where SQLite made do without it, and store.ErrUnsynced besides.
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
	if s.hold.Err() != nil {
		return context.Cause(s.hold)
	}
	// From here on the caller's context no longer ends the work: a transaction is short and its end must be known.
	ctx = context.WithoutCancel(ctx)
	if err := s.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return damaged(fmt.Errorf("begin: %w", err))
	}
	err := s.held(ctx)
	if err == nil {
		err = run(writer{reader{ctx, s.prepared}, s}, change)
	}
	if err != nil {
		return damaged(errors.Join(err, s.rollback(ctx)))
	}
	if err := errors.Join(s.exec(ctx, "COMMIT"), s.unsynced()); err != nil {
		return damaged(errors.Join(fmt.Errorf("commit: %w: %w", store.ErrUnknown, err), s.rollback(ctx)))
	}
	return nil
}

// run turns a panic of change into an error, so that the transaction is always ended.
func run(w writer, change func(store.Tx) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("change panicked: %v", r)
		}
	}()
	return change(w)
}

// rollback ends a transaction that SQLite may have ended already.
func (s *Store) rollback(ctx context.Context) error {
	_, err := s.writer.ExecContext(ctx, "ROLLBACK")
	if err == nil || errors.Is(err, sqlite3.ERROR) { // no transaction is active
		return nil
	}
	return fmt.Errorf("roll back: %w", err)
}

func (s *Store) exec(ctx context.Context, text string) error {
	stmt, err := s.statement(ctx, text)
	if err != nil {
		return err
	}
	_, err = stmt.ExecContext(ctx)
	return err
}

// statement gives the prepared form of a text; the texts are few and ours.
func (s *Store) statement(ctx context.Context, text string) (*sql.Stmt, error) {
	return prepareOnce(ctx, s.stmts, s.writer, text)
}

func (s *Store) prepared(text string) (*sql.Stmt, error) {
	return s.statement(context.Background(), text)
}

// preparer is a connection or a transaction.
type preparer interface {
	PrepareContext(ctx context.Context, text string) (*sql.Stmt, error)
}

// prepareOnce gives the statement of a text, which known keeps.
func prepareOnce(ctx context.Context, known map[string]*sql.Stmt, by preparer, text string) (*sql.Stmt, error) {
	if stmt, is := known[text]; is {
		return stmt, nil
	}
	stmt, err := by.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	known[text] = stmt
	return stmt, nil
}

type reader struct {
	ctx     context.Context
	prepare func(text string) (*sql.Stmt, error)
}

func (r reader) Get(table store.Table, key string) ([]byte, error) {
	if !store.IsKey(key) {
		return nil, nil
	}
	rows, err := r.query("SELECT key, value FROM "+string(table)+" WHERE key = $1", key)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return rows[0].Value, nil
}

func (r reader) Scan(table store.Table, span store.Span) ([]store.Row, error) {
	if err := span.Check(); err != nil {
		return nil, err
	}
	text, args := "SELECT key, value FROM "+string(table)+" WHERE key >= $1", []any{span.From}
	if span.To != "" {
		text, args = text+" AND key < $2 ORDER BY key", append(args, span.To)
	} else {
		text += " ORDER BY key"
	}
	if span.Reverse {
		text += " DESC"
	}
	return r.query(fmt.Sprintf("%s LIMIT $%d", text, len(args)+1), append(args, span.Limit)...)
}

func (r reader) query(text string, args ...any) ([]store.Row, error) {
	prepared, err := r.prepare(text)
	if err != nil {
		return nil, err
	}
	rows, err := prepared.QueryContext(r.ctx, args...)
	if err != nil {
		return nil, err
	}
	var found []store.Row
	for rows.Next() {
		var row store.Row
		if err := rows.Scan(&row.Key, &row.Value); err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		found = append(found, row)
	}
	return found, errors.Join(rows.Err(), rows.Close())
}

type writer struct {
	reader
	store *Store
}

func (w writer) Put(table store.Table, key string, value []byte) error {
	if err := store.CheckRow(table, key, value); err != nil {
		return err
	}
	return w.exec("INSERT INTO "+string(table)+" (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value", key, value)
}

func (w writer) Delete(table store.Table, key string) error {
	return w.exec("DELETE FROM "+string(table)+" WHERE key = $1", key)
}

func (w writer) exec(text string, args ...any) error {
	stmt, err := w.store.statement(w.ctx, text)
	if err != nil {
		return err
	}
	_, err = stmt.ExecContext(w.ctx, args...)
	return err
}
