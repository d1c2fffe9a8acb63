// Package sqlite is the embedded store: one SQLite file in WAL mode with synchronous=FULL, so that a commit that returned
// survives a power cut on a disk that honours fsync.
//
// It promises the contract of package store, one writing process at a time (a second one is refused at Open), and an error
// that wraps store.ErrDamaged for a file that is not a sound database of ours.
//
// It trusts the file system to do what fsync says. It does not trust the file's content beyond its shape: the ledger's
// verifier reads it again. Read next: store, journal.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"
	"golang.org/x/sys/unix"

	"narthex"
	"narthex/internal/store"
)

// schema is the version of the tables, kept in the file's user_version.
const schema = 1

// FileName is the database's name inside a data directory.
const FileName = "narthex.db"

// Store is an open database.
type Store struct {
	options options
	lock    *os.File
	readers *sql.DB
	db      *sql.DB
	writer  *sql.Conn // used by one Update at a time
	turn    chan struct{}
	stmts   map[string]*sql.Stmt // of writer; owned by whoever has the turn
}

// Option changes how a database is opened.
type Option func(*options)

type options struct {
	vfs string
}

// VFS names a file system of SQLite, registered before, that the database is on; without it that is the machine's.
func VFS(name string) Option { return func(o *options) { o.vfs = name } }

// Open opens the database in dir, which must exist, making an empty one where there is none.
func Open(ctx context.Context, dir string, choices ...Option) (*Store, error) {
	var o options
	for _, choose := range choices {
		choose(&o)
	}
	lock, err := takeLock(filepath.Join(dir, "narthex.lock"))
	if err != nil {
		return nil, err
	}
	s := &Store{options: o, lock: lock, turn: make(chan struct{}, 1), stmts: map[string]*sql.Stmt{}}
	if err := s.open(ctx, filepath.Join(dir, FileName)); err != nil {
		return nil, errors.Join(damaged(err), s.Close())
	}
	return s, nil
}

func takeLock(path string) (*os.File, error) {
	lock, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, narthex.Unavailablef("The data directory cannot be written; check that it exists and belongs to this user.").Because(err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(narthex.Conflictf("Another narthex process holds this data directory. Stop it first; a second node on one store is refused.").Because(err), lock.Close())
	}
	return lock, nil
}

func (s *Store) open(ctx context.Context, path string) error {
	// The file is made with its final mode before SQLite sees it: its WAL takes the same mode.
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	if s.db, err = driver.Open(s.uri(path) + "_pragma=busy_timeout(10000)&_pragma=journal_mode(wal)&_pragma=synchronous(full)&_pragma=cell_size_check(on)"); err != nil {
		return err
	}
	s.db.SetMaxOpenConns(1)
	if s.writer, err = s.db.Conn(ctx); err != nil {
		return err
	}
	if err := s.migrate(ctx); err != nil {
		return err
	}
	if s.readers, err = driver.Open(s.uri(path) + "mode=ro&_pragma=busy_timeout(10000)&_pragma=query_only(on)"); err != nil {
		return err
	}
	s.readers.SetMaxOpenConns(8)
	s.readers.SetMaxIdleConns(8)
	return syncDir(filepath.Dir(path))
}

// uri gives the database's address, to which the parameters of a connection are added.
func (s *Store) uri(path string) string {
	uri := "file:" + escape(path) + "?"
	if s.options.vfs != "" {
		uri += "vfs=" + s.options.vfs + "&"
	}
	return uri
}

// escape keeps a path's special characters from being read as parts of a URI.
func escape(path string) string {
	return strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (s *Store) migrate(ctx context.Context) error {
	var version int
	if err := s.writer.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	switch {
	case version == schema:
		return s.checkTables(ctx)
	case version != 0:
		return narthex.Conflictf("The database was written by another version of narthex; start the version that wrote it, or a later one.")
	}
	var text strings.Builder
	text.WriteString("BEGIN IMMEDIATE;")
	for _, table := range store.Tables() {
		fmt.Fprintf(&text, "CREATE TABLE %s (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;", table)
	}
	fmt.Fprintf(&text, "PRAGMA user_version = %d; COMMIT;", schema)
	_, err := s.writer.ExecContext(ctx, text.String())
	return err
}

// checkTables reads one row of every table: a file with a damaged header or root pages is found at the start.
func (s *Store) checkTables(ctx context.Context) error {
	for _, table := range store.Tables() {
		var key string
		err := s.writer.QueryRowContext(ctx, "SELECT key FROM "+string(table)+" LIMIT 1").Scan(&key)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("%w: read table %s: %w", store.ErrDamaged, table, err)
		}
	}
	return nil
}

// damaged marks the errors by which SQLite says that the file is not a sound database.
func damaged(err error) error {
	for _, code := range []sqlite3.ErrorCode{sqlite3.CORRUPT, sqlite3.NOTADB, sqlite3.FORMAT} {
		if errors.Is(err, code) {
			return fmt.Errorf("%w: %w", store.ErrDamaged, err)
		}
	}
	return err
}

// Close ends the store; what was acknowledged is safe before it and without it.
func (s *Store) Close() error {
	var errs []error
	for _, stmt := range s.stmts {
		errs = append(errs, stmt.Close())
	}
	if s.writer != nil {
		errs = append(errs, s.writer.Close())
	}
	for _, db := range []*sql.DB{s.readers, s.db} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(append(errs, s.lock.Close())...)
}
