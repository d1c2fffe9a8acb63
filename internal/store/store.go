// Package store is the transactional contract under everything that Narthex remembers: named tables of keys and values, two
// verbs, no SQL.
//
// It promises that an Update happens wholly and durably or not at all, that a View sees one committed state, and that keys
// come back in byte order. When a commit's outcome cannot be known, the error is ErrUnknown: the caller must read back before
// it believes anything. One process holds a store at a time: each that opens it raises a number, every Update reads it in its
// own transaction, and where it is another's it commits nothing and returns ErrLost. Once lost, a store stays lost.
//
// A store is trusted to keep what it acknowledged and for nothing else: it never authorises, never defaults and never reads
// the clock, and what it returns is checked against the ledger. Drivers live in sqlite, postgres and memory; storetest
// holds each of them to this contract. Read next: journal, the one writer.
package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Table is one of the closed list of tables.
type Table string

const (
	Meta        Table = "meta"        // the head of the ledger, the directory in force
	Files       Table = "files"       // lab directories by digest
	People      Table = "people"      // by person
	Orgs        Table = "orgs"        // by organisation
	Logins      Table = "logins"      // by fingerprint of the log-in key
	Invites     Table = "invites"     // by digest of the one-time code
	Sessions    Table = "sessions"    // by digest of the session's token
	Signers     Table = "signers"     // by fingerprint of the signing key
	Engagements Table = "engagements" // by engagement, as folded
	Events      Table = "events"      // by engagement and number
	Agreements  Table = "agreements"  // by digest
	Grants      Table = "grants"      // by grant
	Holdings    Table = "holdings"    // grants by person, organisation and asset
	Accounts    Table = "accounts"    // what was used, by grant or key
	Keys        Table = "keys"        // by digest of the token
	KeyNames    Table = "key_names"   // by grant and key, the digest of its token
	Locks       Table = "locks"       // by subject and target
	LockNames   Table = "lock_names"  // by lock
	Entries     Table = "entries"     // by index of the first of a run, the records
	Openings    Table = "openings"    // by index of the first of a run, the openings
	Tiles       Table = "tiles"       // by level and index
	Public      Table = "public"      // by index, the entries whose openings are published
	Snapshots   Table = "snapshots"   // by size, what the tables held when that many entries were folded
	Reads       Table = "reads"       // by engagement and entry, the entries that tell who read what of it
	Notices     Table = "notices"     // what people and webhooks were told or are to be; see book.Notice
	Passkeys    Table = "passkeys"    // by digest of the credential, what is known of a passkey beside its signer
	Jobs        Table = "jobs"        // by job
	Releases    Table = "releases"    // by release
	Rules       Table = "rules"       // by standing rule
	Blobs       Table = "blobs"       // by digest and number, the pieces of frozen files; see book.Blob
	Outsides    Table = "outsides"    // by engagement, the outside document that is bound to its agreement
	Listings    Table = "listings"    // by list and place, what stands in it; all of it follows from the other tables
)

// Tables lists every table.
func Tables() []Table {
	return []Table{Meta, Files, People, Orgs, Logins, Invites, Sessions, Signers, Engagements, Events, Agreements, Grants,
		Holdings, Accounts, Keys, KeyNames, Locks, LockNames, Entries, Openings, Tiles, Public, Snapshots, Reads, Notices, Listings, Passkeys, Outsides, Jobs, Releases, Rules, Blobs}
}

// AtOnce is how many rows of a table somebody reads at once who goes through all of it: the usual number, and few of one whose rows
// are large.
func (t Table) AtOnce(usual int) int {
	switch t {
	case Outsides:
		return 4
	case Blobs:
		return 16
	}
	return usual
}

// ErrUnknown says that a commit may or may not have happened.
var ErrUnknown = errors.New("the outcome of the commit is unknown")

// ErrLost says that this process no longer holds the store: another has opened it, or it cannot be reached. Nothing was done
// and nothing will be.
var ErrLost = errors.New("this process no longer holds the store")

// ErrUnsynced says that the disk did not confirm what was written last. It may be lost although it can be read, so nobody may
// rely on reading it back, and the store is lost to this process until it is opened again.
var ErrUnsynced = errors.New("the disk did not confirm what was written")

// ErrDamaged says that what is stored cannot be what was written.
var ErrDamaged = errors.New("the stored data is damaged")

// Row is a key and its value.
type Row struct {
	Key   string
	Value []byte
}

// Span is the half-open range of keys from From to To, in byte order; an empty To is unbounded. Reverse gives the last keys
// first. Limit bounds the rows; 0 gives none. From is text, and so is To but for one byte 0xff that may end it, which stands
// above every key that begins with what is before it.
type Span struct {
	From, To string
	Reverse  bool
	Limit    int
}

// Prefix gives the span of every key that begins with prefix.
func Prefix(prefix string, limit int) Span {
	return Span{From: prefix, To: prefix + "\xff", Limit: limit}
}

// Check refuses bounds that no key can be compared with.
func (s Span) Check() error {
	if !isText(s.From) || !isText(strings.TrimSuffix(s.To, "\xff")) {
		return errors.New("scan: a bound is not text")
	}
	return nil
}

// Scrubber is a store whose files may still hold, where nothing reads it, what rows held before. Scrub writes them anew without
// it and returns when that is done; changes wait meanwhile, and readings may.
type Scrubber interface {
	Scrub(ctx context.Context) error
}

// CheckRow refuses what no store holds: a key that is empty or not text, a value that is nil.
func CheckRow(table Table, key string, value []byte) error {
	if value == nil || !IsKey(key) {
		return fmt.Errorf("put into %s: the key or the value is missing, or the key is not text", table)
	}
	return nil
}

// IsKey says whether a store may hold key; under any other nothing stands.
func IsKey(key string) bool { return key != "" && isText(key) }

// isText says whether s is what every database takes as text: UTF-8 without NUL.
func isText(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }

// Reader sees one committed state. Values belong to the caller.
type Reader interface {
	// Get gives the value under key, or nil where there is none.
	Get(table Table, key string) ([]byte, error)
	// Scan gives the rows of a span in order.
	Scan(table Table, span Span) ([]Row, error)
}

// Tx sees its own writes. It is good until its function returns.
type Tx interface {
	Reader
	// Put sets the value under key; a nil value is an error.
	Put(table Table, key string, value []byte) error
	// Delete removes key, or does nothing where it is absent.
	Delete(table Table, key string) error
}

// Store is a database. View may run beside an Update; Updates run one after the other.
type Store interface {
	View(ctx context.Context, read func(Reader) error) error
	// Update commits what change did when it returns nil, and nothing when it returns an error, which is passed on.
	// Change may run more than once, each time on a state of its own, and the last run counts.
	Update(ctx context.Context, change func(Tx) error) error
	// Lost is closed when this process no longer holds the store, after ErrUnsynced and after Close too. It is nil for a store
	// that nobody else can hold.
	Lost() <-chan struct{}
	// Close gives the store up for the next to open.
	Close() error
}
