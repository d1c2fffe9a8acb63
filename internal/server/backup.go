package server

import (
	"context"
	"errors"
	"io"

	"narthex"
	"narthex/internal/backup"
	"narthex/internal/store"
	"narthex/internal/store/postgres"
	"narthex/internal/store/sqlite"
)

// looker is a store that is only read, beside the node that holds it.
type looker interface {
	View(ctx context.Context, read func(store.Reader) error) error
	Close() error
}

func look(ctx context.Context, config Config) (looker, error) {
	if config.Store == "" {
		return sqlite.Look(ctx, config.Data)
	}
	return postgres.Look(ctx, config.Store)
}

// Backup writes everything that a store holds, as it is at one moment, beside the node that runs on it. It gives the number
// of rows.
func Backup(ctx context.Context, config Config, w io.Writer) (rows uint64, err error) {
	from, err := look(ctx, config)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	err = from.View(ctx, func(r store.Reader) error {
		rows, err = backup.Write(w, r)
		return err
	})
	return rows, damaged(err)
}

// RestoreBackup fills an empty store from a backup: all of it or nothing. The ledger's key is not in it.
func RestoreBackup(ctx context.Context, config Config, r io.Reader) (rows uint64, err error) {
	if err := ownDirectory(config.Data); err != nil {
		return 0, narthex.Invalidf("The data directory cannot be made; check its path and rights.").For("data").Because(err)
	}
	to, err := openStore(ctx, config)
	if err != nil {
		return 0, damaged(err)
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	err = to.Update(ctx, func(tx store.Tx) error {
		if at, seeks := r.(io.Seeker); seeks { // an Update may run again
			if _, err := at.Seek(0, io.SeekStart); err != nil {
				return err
			}
		}
		rows, err = backup.Fill(tx, r)
		return err
	})
	return rows, err
}
