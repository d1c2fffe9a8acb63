package cli

import (
	"context"

	"github.com/spf13/cobra"

	"narthex"
)

// ServeFlags is what `narthex serve` was told.
type ServeFlags struct {
	Lab              string // the lab directory; may be empty once the lab is open
	Data             string // the directory of the ledger's key, and of the store where that is SQLite
	Store            string // the URL of a PostgreSQL database, or empty for SQLite in Data; may hold a password
	Anchor           string // the file with the last published checkpoint; empty for the data directory's name and .anchor
	Listen           string // the public address
	Notices          string // the file that names the mail server and the webhooks, or empty for none
	Devices          string // the file in which the host states its devices, or empty for none
	Ops              string // the operators' address, or empty for none
	TLSCert          string
	TLSKey           string
	BehindTLSProxy   bool
	PasskeyParty     string // the relying party of passkeys; empty for none
	TimestampURL     string // of a time-stamping authority; empty for none
	TimestampCA      string
	TimestampRequire bool
	PasskeyOrigins   []string // where their pages are
	OlderVersion     string   // why an older version serves a store than did; empty otherwise
}

// DemoFlags is what `narthex demo` was told.
type DemoFlags struct {
	Dir  string // where its state is kept; empty for a folder that goes when it ends
	Info string // a file for scripts, written once it is up; empty for none
	Once bool   // tell the story and end
	Walk bool   // count what an application takes, and end
	// Ahead tells what months bring, by a clock of the demonstration that is moved, and ends.
	Ahead bool
}

func (a *app) notBuilt(what string) error {
	return problem(narthex.Unavailable, "use a full build of narthex", "this build cannot %s", what)
}

func (a *app) serve() *cobra.Command {
	var f ServeFlags
	c := a.command(leaf{
		use: "serve", short: "Run a node",
		long: `Run a node until it is interrupted. On an empty store it prints the lab directory's digest and a one-time code for each
custodian: they log in with "narthex login --code -", look with "narthex lab diff" and approve with "narthex lab approve"; with
the last approval the lab is open. A node that cannot hold its promises does not start, and says why.

The store is a SQLite file in --data, or the PostgreSQL database that --store names; its password comes from PGPASSWORD or a
passfile, or stands in the URL, where others on this machine can see it. One node runs on one store; a second one is refused.

Off loopback the node ends TLS itself (--tls-cert, --tls-key) or stands behind something that does (--behind-tls-proxy).
Credentials of upstreams come from the environment or files, as each asset names them; those of a mail server and of webhooks from
the files that --notices names.`,
		example: "narthex serve --lab lab --data data\nnarthex serve --lab lab --data /var/lib/narthex --listen 0.0.0.0:443 --tls-cert cert.pem --tls-key key.pem --ops 127.0.0.1:9090\nnarthex serve --lab lab --data data --store postgres://narthex@127.0.0.1/narthex",
		run: func(ctx context.Context, _ []string) error {
			if a.env.Serve == nil {
				return a.notBuilt("run a node")
			}
			return a.env.Serve(ctx, f)
		}})
	flags := c.Flags()
	flags.StringVar(&f.Lab, "lab", "", "the lab directory, for the first start and to show what differs later")
	flags.StringVar(&f.Data, "data", "", "the directory of the ledger's key, and of the store where that is SQLite")
	flags.StringVar(&f.Store, "store", "", "a PostgreSQL database, postgres://user@host/database; empty for SQLite in --data")
	flags.StringVar(&f.Anchor, "anchor", "", "the file that keeps the last published checkpoint, best on another volume (else DATA.anchor)")
	flags.StringVar(&f.Listen, "listen", "127.0.0.1:8080", "the address to answer at")
	flags.StringVar(&f.Ops, "ops", "", "the operators' address on loopback, for health and metrics; empty for none")
	flags.StringVar(&f.Notices, "notices", "", "the file that names the mail server and the webhooks that notices go to; docs/notices.md has one; empty for none")
	flags.StringVar(&f.Devices, "devices", "", "the file in which this host states the devices that jobs may have; docs/life-of-a-release.md has one; empty for none")
	flags.StringVar(&f.TLSCert, "tls-cert", "", "a certificate's file")
	flags.StringVar(&f.TLSKey, "tls-key", "", "its key's file")
	flags.BoolVar(&f.BehindTLSProxy, "behind-tls-proxy", false, "something before the node ends TLS and nobody else reaches it")
	flags.StringVar(&f.PasskeyParty, "passkey-party", "", "the host name that passkeys are for; empty to take none")
	flags.StringArrayVar(&f.PasskeyOrigins, "passkey-origin", nil, "an origin of the pages that ask for passkeys, such as https://narthex.lab.example")
	flags.StringVar(&f.TimestampURL, "timestamp-url", "", "a time-stamping authority (RFC 3161) for signatures on agreements; empty for none")
	flags.StringVar(&f.TimestampCA, "timestamp-ca", "", "the file of certificates that its stamps are checked with")
	flags.BoolVar(&f.TimestampRequire, "timestamp-require", false, "take no signature without a stamp")
	flags.StringVar(&f.OlderVersion, "older-version", "", "why this version serves a store that a newer one served; the reason is published in the ledger")
	return c
}

func (a *app) demo() *cobra.Command {
	var f DemoFlags
	c := a.command(leaf{
		use: "demo", short: "Run a miniature lab with a node, and tell its story",
		long:    "Run a miniature lab with a node before it, all on this machine: people of a lab and a researcher take one engagement from the\napplication to the audit, and then there is an API key to try. Nothing in it is secret.",
		example: "narthex demo\nnarthex demo --once\nnarthex demo --walk\nnarthex demo --ahead\nnarthex demo --dir demo --info info.json",
		run: func(ctx context.Context, _ []string) error {
			if a.env.Demo == nil {
				return a.notBuilt("run the demonstration")
			}
			return a.env.Demo(ctx, f)
		}})
	c.Flags().StringVar(&f.Dir, "dir", "", "keep its state there; else it goes when it ends")
	c.Flags().StringVar(&f.Info, "info", "", "write addresses and the API key to this file once it is up")
	c.Flags().BoolVar(&f.Once, "once", false, "tell the story and end")
	c.Flags().BoolVar(&f.Ahead, "ahead", false, "tell what months bring, by a clock of its own that is moved: a lapse, a publication, the closeout; and end")
	c.Flags().BoolVar(&f.Walk, "walk", false, "walk one application to its first call, count acts, fields and waits, and end")
	return c
}
