package sqlite

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"

	"github.com/ncruces/go-sqlite3/driver"

	"narthex"
	"narthex/internal/store"
)

// Looker reads a database beside the process that holds it, and changes nothing.
type Looker struct{ readers *sql.DB }

// Look opens the database in dir for reading.
func Look(_ context.Context, dir string) (*Looker, error) {
	path := filepath.Join(dir, FileName)
	if _, err := os.Stat(path); err != nil {
		return nil, narthex.Invalidf("There is no database in that directory; is it a node's data directory?").For("data").Because(err)
	}
	readers, err := driver.Open("file:" + escape(path) + "?mode=rw&_pragma=busy_timeout(10000)&_pragma=query_only(on)")
	if err != nil {
		return nil, damaged(err)
	}
	return &Looker{readers}, nil
}

// View runs read inside one read transaction.
func (l *Looker) View(ctx context.Context, read func(store.Reader) error) error {
	return view(ctx, l.readers, read)
}

// Close ends the reading.
func (l *Looker) Close() error { return l.readers.Close() }
