package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"narthex/internal/store"
)

// Looker reads a database beside the node that holds it, and changes nothing.
type Looker struct{ conn *pgx.Conn }

// Look opens the database that a URL names for reading.
func Look(ctx context.Context, url string) (*Looker, error) {
	config, err := read(url)
	if err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, told(err)
	}
	return &Looker{conn}, nil
}

// View runs read inside one read transaction. One View runs at a time.
func (l *Looker) View(ctx context.Context, read func(store.Reader) error) error {
	tx, err := l.conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return told(err)
	}
	defer tx.Rollback(ctx) // where the connection is gone so is the transaction
	return read(reader{ctx, tx})
}

// Close ends the reading.
func (l *Looker) Close() error { return l.conn.Close(context.Background()) }
