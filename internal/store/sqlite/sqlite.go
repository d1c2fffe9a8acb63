// Package sqlite is the embedded store: one SQLite file in WAL mode with synchronous=FULL, so that a commit that returned
// survives a power cut on a disk that honours fsync.
//
// It promises the contract of package store, one writing process at a time (a second one is refused at Open), and an error
// that wraps store.ErrDamaged for a file that is not a sound database of ours. After a sync that failed it takes no more
// Updates: the error is store.ErrUnsynced, and the next Open makes the log durable before it reads it. A full disk refuses
// what it cannot hold, and serves again when there is room.
//
// It trusts the file system to do what an fsync says that returned, and the kernel to free the lock of a process only when
// that has ended: so a database that was not closed is taken over at once. It does not trust the file's content beyond its
// shape: the ledger's verifier reads it again. Read next: store, sync.go, lease.go, journal.
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

	"narthex"
	"narthex/internal/durable"
	"narthex/internal/store"
	"narthex/internal/store/schema"
)

// FileName is the database's name inside a data directory.
const FileName = "narthex.db"

// Store is an open database.
type Store struct {
	options options
	system  string   // the file system's name
	lock    *os.File // nil where it was skipped
	readers *sql.DB
	db      *sql.DB
	writer  *sql.Conn // used by one Update at a time
	turn    chan struct{}
	stmts   map[string]*sql.Stmt    // of writer; owned by whoever has the turn
	number  int64                   // by which this process holds the store; 0 until it does
	hold    context.Context         // until the store is lost
	lose    context.CancelCauseFunc // says why
}

// Option changes how a database is opened.
type Option func(*options)

type options struct {
	vfs      string
	pages    int
	unlocked bool
	version  int64                       // that the schema is brought to
	connect  []func(*sqlite3.Conn) error // called with the writer's connection
}

// VFS names a file system of SQLite, registered before, that the database is on; without it that is the machine's.
func VFS(name string) Option { return func(o *options) { o.vfs = name } }

// CheckpointAfter sets how many pages of log SQLite gathers before it brings the database up to date; without it, a thousand.
func CheckpointAfter(pages int) Option { return func(o *options) { o.pages = pages } }

// UnlockedForTests opens the database although another process may hold it. It is for tests of what then happens.
func UnlockedForTests() Option { return func(o *options) { o.unlocked = true } }

// Open opens the database in dir, which must exist, making an empty one where there is none.
func Open(ctx context.Context, dir string, choices ...Option) (*Store, error) {
	s := &Store{options: options{version: schema.Latest, pages: 1000}, turn: make(chan struct{}, 1), stmts: map[string]*sql.Stmt{}}
	s.hold, s.lose = context.WithCancelCause(context.Background())
	for _, choose := range choices {
		choose(&s.options)
	}
	if !s.options.unlocked {
		lock, err := takeLock(filepath.Join(dir, lockName))
		if err != nil {
			return nil, err
		}
		s.lock = lock
	}
	if err := s.open(ctx, filepath.Join(dir, FileName)); err != nil {
		return nil, errors.Join(damaged(err), s.Close())
	}
	return s, nil
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
	if err := s.watch(); err != nil {
		return err
	}
	if !s.options.unlocked { // else another process may be writing it
		if err := s.rewriteLog(path + "-wal"); err != nil {
			return err
		}
	}
	if s.db, err = driver.Open(s.uri(path)+fmt.Sprintf("&_pragma=busy_timeout(10000)&_pragma=journal_mode(wal)&_pragma=synchronous(full)&_pragma=wal_autocheckpoint(%d)&_pragma=cell_size_check(on)&_pragma=secure_delete(on)", s.options.pages), s.options.connect...); err != nil {
		return err
	}
	s.db.SetMaxOpenConns(1)
	if err := s.migrate(ctx); err != nil {
		return err
	}
	if s.writer, err = s.db.Conn(ctx); err != nil {
		return err
	}
	if err := s.checkTables(ctx); err != nil {
		return err
	}
	if s.readers, err = driver.Open(s.uri(path) + "&mode=ro&_pragma=busy_timeout(10000)&_pragma=query_only(on)"); err != nil {
		return err
	}
	s.readers.SetMaxOpenConns(8)
	s.readers.SetMaxIdleConns(8)
	return errors.Join(s.raise(ctx), durable.SyncDir(filepath.Dir(path)), s.unsynced())
}

// uri gives the database's address, to which the parameters of a connection are added.
func (s *Store) uri(path string) string { return "file:" + escape(path) + "?vfs=" + s.system }

// escape keeps a path's special characters from being read as parts of a URI.
func escape(path string) string {
	return strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
}

// migrate reads the file's own table of tables first: what is no database is found before anything is tried.
func (s *Store) migrate(ctx context.Context) error {
	var tables, version int
	if err := s.db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return err
	}
	if err := s.db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	if version != 0 {
		return narthex.Conflictf("The database is of a form from before the first that this narthex can upgrade. Nothing was changed; start the narthex that wrote it.")
	}
	return schema.Migrate(ctx, s.db, schema.SQLite(), s.options.version)
}

// checkTables reads one row of every table: a file with damaged root pages is found at the start.
func (s *Store) checkTables(ctx context.Context) error {
	if s.options.version != schema.Latest {
		return nil // some are still to come
	}
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

// Close ends the store after the Update that runs; what was acknowledged is safe before it and without it.
func (s *Store) Close() error {
	s.turn <- struct{}{}
	errs := []error{s.release()}
	s.lose(store.ErrLost)
	for _, stmt := range s.stmts {
		errs = append(errs, stmt.Close())
	}
	clear(s.stmts)
	if s.writer != nil {
		errs = append(errs, s.writer.Close())
	}
	for _, db := range []*sql.DB{s.readers, s.db} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	<-s.turn
	return errors.Join(errs...)
}
