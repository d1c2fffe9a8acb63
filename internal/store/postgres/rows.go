package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"narthex/internal/store"
)

// asker is a connection or a transaction.
type asker interface {
	Query(ctx context.Context, text string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, text string, args ...any) pgx.Row
}

type reader struct {
	ctx context.Context
	db  asker
}

func (r reader) Get(table store.Table, key string) ([]byte, error) {
	if !store.IsKey(key) {
		return nil, nil
	}
	var value []byte
	err := r.db.QueryRow(r.ctx, "SELECT value FROM "+string(table)+" WHERE key = $1", key).Scan(&value)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return value, told(err)
}

func (r reader) Scan(table store.Table, span store.Span) ([]store.Row, error) {
	if err := span.Check(); err != nil {
		return nil, err
	}
	text, args := "SELECT key, value FROM "+string(table)+" WHERE key >= $1", []any{span.From}
	if to := above(span.To); to != "" {
		text, args = text+" AND key < $2", append(args, to)
	}
	text += " ORDER BY key"
	if span.Reverse {
		text += " DESC"
	}
	rows, err := r.db.Query(r.ctx, fmt.Sprintf("%s LIMIT $%d", text, len(args)+1), append(args, span.Limit)...)
	if err != nil {
		return nil, told(err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (found store.Row, err error) {
		return found, row.Scan(&found.Key, &found.Value)
	})
	return found, told(err)
}

// above gives the least text that is not below an upper bound: one that ends in 0xff becomes what follows every key with its
// beginning, or "" where nothing does.
func above(to string) string {
	begin, open := strings.CutSuffix(to, "\xff")
	for open && begin != "" {
		last, size := utf8.DecodeLastRuneInString(begin)
		begin = begin[:len(begin)-size]
		switch last {
		case utf8.MaxRune:
		case 0xd7ff:
			return begin + "\ue000" // what lies between is no text
		default:
			return begin + string(last+1)
		}
	}
	return begin
}

// writer keeps changes until something is read or the transaction ends, and sends them together.
type writer struct {
	reader
	conn    *pgx.Conn
	pending pgx.Batch
}

func (w *writer) Get(table store.Table, key string) ([]byte, error) {
	if err := w.flush(); err != nil {
		return nil, err
	}
	return w.reader.Get(table, key)
}

func (w *writer) Scan(table store.Table, span store.Span) ([]store.Row, error) {
	if err := w.flush(); err != nil {
		return nil, err
	}
	return w.reader.Scan(table, span)
}

func (w *writer) Put(table store.Table, key string, value []byte) error {
	if err := store.CheckRow(table, key, value); err != nil {
		return err
	}
	w.pending.Queue("INSERT INTO "+string(table)+" (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value", key, value)
	return nil
}

func (w *writer) Delete(table store.Table, key string) error {
	if store.IsKey(key) {
		w.pending.Queue("DELETE FROM "+string(table)+" WHERE key = $1", key)
	}
	return nil
}

func (w *writer) flush() error {
	if w.pending.Len() == 0 {
		return nil
	}
	pending := w.pending
	w.pending = pgx.Batch{}
	return told(w.conn.SendBatch(w.ctx, &pending).Close())
}
