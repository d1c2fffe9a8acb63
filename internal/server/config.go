// Package server makes a running node of a configuration: store, journal, ledger's key, lab directory, listeners.
//
// It promises that a node which cannot hold its promises does not start: a missing or damaged key, a damaged database or
// approved directory, a listener that would show secrets to a network, a setting that is half given. It says which and what
// to do. It answers nothing before it is ready, and when it stops it ends what it serves.
//
// It trusts its machine. Read next: Config for every setting, start.go for the order of a start.
package server

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"time"

	"golang.org/x/mod/sumdb/note"

	"narthex"
	"narthex/internal/passkey"
	"narthex/internal/stamp"
	"narthex/internal/store"
)

// Config is every setting of a node. There is no other, and none is read from the environment but the credentials that
// assets name.
type Config struct {
	// Lab is the lab directory. It is read for the first approval and to show what differs later; the node runs from the
	// approved copy in its store. It may be empty once the lab is open.
	Lab string
	// Data is the directory that holds the ledger's key, and the store where that is SQLite; mode 0700. It is made where it is missing.
	Data string
	// Store is the URL of the PostgreSQL database that holds the store, postgres://user@host:port/database; empty for SQLite in
	// Data. Its password may be in it, or in PGPASSWORD or a passfile. It is never printed.
	Store string
	// Handover is how long a node on PostgreSQL waits where the last one did not give the store up; 0 for the two seconds after
	// which that has certainly noticed. Less is for tests.
	Handover time.Duration
	// Anchor is the file, outside the database, that holds the last published checkpoint; empty for the data directory's name
	// and ".anchor". It belongs on another volume than the database.
	Anchor string
	// Listen is the public listener's address, such as 127.0.0.1:8080. Off loopback, TLS must be set.
	Listen string
	// Notices is the file that names the mail server and the webhooks that notices go to; empty for none, and then people read
	// theirs with `narthex notices` alone.
	Notices string
	// Devices is the file in which the host states the devices that jobs may have; empty for none.
	Devices string
	// Ops is the operators' listener, for health and metrics, on loopback always; empty for none.
	Ops string
	// TLSCert and TLSKey are files of a certificate and its key, both or neither.
	TLSCert, TLSKey string
	// BehindTLSProxy says that something before the node ends TLS and nobody else reaches it.
	BehindTLSProxy bool
	// Passkeys is where the node's pages are: the relying party of passkeys and the origins that they come from. The zero Site takes
	// no passkey.
	Passkeys passkey.Site
	// Timestamp names a time-stamping authority for signatures on agreements. The zero Settings stamp nothing.
	Timestamp stamp.Settings
	// Demo marks the store as a demonstration's; such a store is refused without it, and any other with it.
	Demo bool

	// Version is the program's own. The ledger states it with Program, and a store that a newer one served is refused; a
	// version that is not of the form 0.4.0 comes before every one that is.
	Version string
	// Program is the SHA-256 of the program's file, for the ledger; empty where a test is the program.
	Program narthex.Digest
	// Self is the program's own file, which looks into what jobs leave in a sandbox of its own; empty where a test is the program.
	Self string
	// Host stands in for this host's sandbox in tests; nil for bubblewrap.
	Host *Host
	// OlderVersion is why an older version than the store was served by starts on it; the reason is published. It is empty
	// otherwise.
	OlderVersion string

	Getenv func(string) string
	Clock  func() time.Time
	Random io.Reader
	Log    *slog.Logger
	// Inception is told the digest and each custodian's one-time code, on an empty store.
	Inception func(digest narthex.Digest, codes map[string]string)
	// Wrap lets a test stand between the node and its store.
	Wrap func(store.Store) store.Store
	// Sign lets a test stand between the node and the ledger's key.
	Sign func(note.Signer) note.Signer
	// Front lets a test stand between the public listener and the node.
	Front func(http.Handler) http.Handler
}

// anchor is the anchor's path.
func (c Config) anchor() string {
	if c.Anchor != "" {
		return c.Anchor
	}
	return filepath.Clean(c.Data) + ".anchor"
}

// check refuses a configuration that is incomplete or unsafe, naming the setting.
func (c Config) check() error {
	switch {
	case c.Data == "":
		return narthex.Invalidf("data is not set: name a directory for the store and the ledger's key.").For("data")
	case c.Passkeys.Check() != nil:
		return narthex.AsError(c.Passkeys.Check()).For("passkeys")
	case c.Handover < 0:
		return narthex.Invalidf("handover is negative.").For("handover")
	case c.Listen == "":
		return narthex.Invalidf("listen is not set: name an address, such as 127.0.0.1:8080.").For("listen")
	case (c.TLSCert == "") != (c.TLSKey == ""):
		return narthex.Invalidf("tls_cert and tls_key are set together or not at all.").For("tls_cert")
	case c.TLSCert != "" && c.BehindTLSProxy:
		return narthex.Invalidf("behind_tls_proxy and tls_cert exclude each other.").For("behind_tls_proxy")
	case c.Getenv == nil || c.Clock == nil || c.Random == nil || c.Log == nil || c.Inception == nil || c.Version == "":
		return narthex.Invalidf("the node's surroundings (environment, clock, randomness, log, version) are not all set.")
	case !isLoopback(c.Listen) && c.Demo:
		return narthex.Invalidf("a demonstration listens on loopback only.").For("listen")
	case !isLoopback(c.Listen) && c.TLSCert == "" && !c.BehindTLSProxy:
		return narthex.Invalidf("listen is off loopback, so keys would cross a network in the clear: set tls_cert and tls_key, or behind_tls_proxy where something before the node ends TLS.").For("listen")
	case c.Ops != "" && !isLoopback(c.Ops):
		return narthex.Invalidf("ops is the operators' listener and stays on loopback.").For("ops")
	}
	return nil
}

// isLoopback says whether an address names loopback by its number; a name could be anywhere.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
