// Package postgres is the store on a PostgreSQL server.
//
// It promises the contract of package store; that a commit which returned is on the server's disk (a server with fsync,
// full_page_writes or synchronous_commit off is refused); that one node holds the database at a time, a second one being
// refused; and that a node which can no longer hear the server loses the store within a second. A commit whose answer did not
// come is store.ErrUnknown and never tried again here; until it is certain that its transaction has ended, nothing is read.
// No message holds the password.
//
// It trusts the server to be what its URL names and to do what it says it does. Off loopback that takes a verified
// certificate. It must reach the server itself: behind something that shares connections out, the lock means nothing. What
// stands in the tables the ledger's verifier reads again. Read next: store, hold.go, tx.go.
package postgres

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"narthex"
	"narthex/internal/store"
	"narthex/internal/store/schema"
)

// Store is an open database.
type Store struct {
	options options
	config  *pgx.ConnConfig
	readers *pgxpool.Pool
	turn    chan struct{}
	writer  *pgx.Conn // nil while there is none; owned by whoever has the turn
	hold    *pgx.Conn // has the advisory lock; owned by beat once that runs
	number  int64     // by which this process holds the store
	taken   bool      // that the number may be marked as released at the end

	unsettled atomic.Int64 // which commit of unknown outcome may still be under way; 0 for none
	unknowns  atomic.Int64 // how many there were

	held    context.Context // ends when the hold is lost
	lose    context.CancelFunc
	beating sync.WaitGroup // of beat, which ends with held
}

// Option changes how a database is opened.
type Option func(*options)

type options struct {
	unlocked       bool
	version        int64
	handover       time.Duration
	every, timeout time.Duration // of the heartbeat
	stall          time.Duration // how long the server keeps a transaction whose next statement does not come
}

// Handover is how long Open waits where the last to hold the store did not give it up, so that it has certainly noticed. It is
// two seconds where it is not set; less is for tests.
func Handover(wait time.Duration) Option { return func(o *options) { o.handover = wait } }

// Heartbeat is how often the hold is looked at and how long the answer may take, half a second each where it is not set.
// Together they stay below the handover.
func Heartbeat(every, timeout time.Duration) Option {
	return func(o *options) { o.every, o.timeout = every, timeout }
}

// UnlockedForTests opens the database although another process may hold it. It is for tests of what then happens.
func UnlockedForTests() Option { return func(o *options) { o.unlocked = true } }

const (
	mostReaders = 8
	// patience is how long one transaction of the writer may take.
	patience = 30 * time.Second
)

// Open opens the database that a URL names, postgres://user@host:port/database, making the tables where there are none. The
// password comes from the URL, PGPASSWORD or a passfile.
func Open(ctx context.Context, url string, choices ...Option) (*Store, error) {
	s := &Store{turn: make(chan struct{}, 1),
		options: options{version: schema.Latest, handover: 2 * time.Second, every: 500 * time.Millisecond, timeout: 500 * time.Millisecond, stall: 5 * time.Second}}
	for _, choose := range choices {
		choose(&s.options)
	}
	s.held, s.lose = context.WithCancel(context.Background())
	var err error
	if s.config, err = read(url); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(told(err), s.Close())
	}
	return s, nil
}

// read takes the URL apart. What the library says of a URL that it cannot read may hold the password, and is dropped.
func read(url string) (*pgx.ConnConfig, error) {
	bad := narthex.Invalidf("store is not a URL of a PostgreSQL database: write postgres://user@host:port/database, and give the password in PGPASSWORD or a passfile.").For("store")
	if !strings.HasPrefix(url, "postgres://") && !strings.HasPrefix(url, "postgresql://") {
		return nil, bad
	}
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, bad
	}
	if !private(config.Host, config.TLSConfig != nil && !config.TLSConfig.InsecureSkipVerify) {
		return nil, unverified()
	}
	for _, other := range config.Fallbacks {
		if !private(other.Host, other.TLSConfig != nil && !other.TLSConfig.InsecureSkipVerify) {
			return nil, unverified()
		}
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 10 * time.Second
	}
	config.RuntimeParams["application_name"] = "narthex"
	return config, nil
}

func unverified() error {
	return narthex.Invalidf("store is off loopback, so everything stored would cross a network to a server that nobody has checked: add sslmode=verify-full to the URL, and sslrootcert where the certificate is of your own authority.").For("store")
}

// private says whether what is sent to host is read there only.
func private(host string, verified bool) bool {
	ip := net.ParseIP(host)
	return verified || strings.HasPrefix(host, "/") || ip != nil && ip.IsLoopback()
}

func (s *Store) open(ctx context.Context) error {
	var err error
	if s.hold, err = pgx.ConnectConfig(ctx, s.config); err != nil {
		return err
	}
	if err := sound(ctx, s.hold); err != nil {
		return err
	}
	if err := s.takeLock(ctx); err != nil {
		return err
	}
	if err := s.migrate(ctx); err != nil {
		return err
	}
	pool, err := pgxpool.ParseConfig("")
	if err != nil {
		return err
	}
	pool.ConnConfig, pool.MaxConns = s.config.Copy(), mostReaders
	if s.readers, err = pgxpool.NewWithConfig(context.WithoutCancel(ctx), pool); err != nil {
		return err
	}
	return s.takeOver(ctx)
}

// sound refuses a server that does not keep what it acknowledges, or orders text by something else than its bytes.
func sound(ctx context.Context, conn *pgx.Conn) error {
	for setting, good := range map[string][]string{
		"fsync": {"on"}, "full_page_writes": {"on"}, "synchronous_commit": {"on", "remote_apply"}, "server_encoding": {"UTF8"},
	} {
		var is string
		if err := conn.QueryRow(ctx, "SELECT current_setting($1)", setting).Scan(&is); err != nil {
			return err
		}
		if is != good[0] && is != good[len(good)-1] {
			return narthex.Conflictf("The PostgreSQL server has %s set to %s, so it would not keep what it acknowledged, or not as it was. Set it to %s and start again.", setting, is, good[0])
		}
	}
	return nil
}

func (s *Store) migrate(ctx context.Context) error {
	db := stdlib.OpenDB(*s.config.Copy())
	return errors.Join(schema.Migrate(ctx, db, schema.PostgreSQL(), s.options.version), db.Close())
}

// Close ends the store after the Update that runs, and gives it up.
func (s *Store) Close() error {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	errs := []error{s.release(ctx)}
	s.lose() // no beat runs after it, and no Update
	s.beating.Wait()
	if s.readers != nil {
		s.readers.Close()
	}
	for _, conn := range []*pgx.Conn{s.writer, s.hold} {
		if conn != nil {
			errs = append(errs, conn.Close(ctx))
		}
	}
	s.writer, s.hold = nil, nil
	return errors.Join(errs...)
}

var _ store.Store = (*Store)(nil)
