// Package store is the transactional contract under everything that Narthex remembers: named tables of keys and values, two
// verbs, no SQL.
//
// It promises that an Update happens wholly and durably or not at all, that a View sees one committed state, and that keys
// come back in byte order. When a commit's outcome cannot be known, the error is ErrUnknown: the caller must read back before
// it believes anything.
//
// A store is trusted to keep what it acknowledged and for nothing else: it never authorises, never defaults and never reads
// the clock, and what it returns is checked against the ledger. Drivers live in sqlite and memory; storetest holds each of
// them to this contract. Read next: journal, the one writer.
package store

import (
	"context"
	"errors"
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
)

// Tables lists every table.
func Tables() []Table {
	return []Table{Meta, Files, People, Orgs, Logins, Invites, Sessions, Signers, Engagements, Events, Agreements, Grants,
		Holdings, Accounts, Keys, KeyNames, Locks, LockNames, Entries, Openings, Tiles, Public}
}

// ErrUnknown says that a commit may or may not have happened.
var ErrUnknown = errors.New("the outcome of the commit is unknown")

// ErrDamaged says that what is stored cannot be what was written.
var ErrDamaged = errors.New("the stored data is damaged")

// Row is a key and its value.
type Row struct {
	Key   string
	Value []byte
}

// Span is the half-open range of keys from From to To, in byte order; an empty To is unbounded. Reverse gives the last keys
// first. Limit bounds the rows; 0 gives none.
type Span struct {
	From, To string
	Reverse  bool
	Limit    int
}

// Prefix gives the span of every key that begins with prefix.
func Prefix(prefix string, limit int) Span {
	return Span{From: prefix, To: prefix + "\xff", Limit: limit}
}

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
	Update(ctx context.Context, change func(Tx) error) error
	Close() error
}
