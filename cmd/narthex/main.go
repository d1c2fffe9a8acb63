// Narthex gives people who do not work at a lab the access that was agreed, and nothing else. `narthex --help` says how.
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"syscall"
	"time"

	"golang.org/x/term"

	"narthex"
	"narthex/demo"
	"narthex/internal/cli"
	"narthex/internal/examine"
	"narthex/internal/passkey"
	"narthex/internal/server"
	"narthex/internal/stamp"
	"narthex/internal/witness"
	"narthex/ledger"
)

// version is set by the build; this one comes before every release.
var version = "dev"

// processors is the fewest that Go is given: one of them waits with every commit for the disk, and another may wait with a
// checkpoint of the store.
const processors = 4

func main() {
	if len(os.Args) > 1 && os.Args[1] == examine.Word { // confined, and nothing else
		if err := examine.Run(os.Args[2:], os.Stdin, os.Stdout); err != nil {
			os.Exit(1)
		}
		return
	}
	runtime.GOMAXPROCS(max(processors, runtime.GOMAXPROCS(0)))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(cli.Run(ctx, os.Args[1:], cli.Env{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, Now: time.Now, Version: version,
		Serve: serve, Demo: runDemo, VerifyDir: server.VerifyDir, AuditDir: server.AuditDir, ReplayDir: server.ReplayDir, RestoreLedger: restoreLedger, Witness: runWitness,
		RotateKey: func(ctx context.Context, f cli.StoreFlags) (string, string, error) {
			return server.RotateKey(ctx, at(f))
		},
		Backup: func(ctx context.Context, f cli.StoreFlags, w io.Writer) (uint64, error) {
			return server.Backup(ctx, at(f), w)
		},
		RestoreBackup: func(ctx context.Context, f cli.StoreFlags, r io.Reader) (uint64, error) {
			return server.RestoreBackup(ctx, at(f), r)
		},
		NewWitness:  func(dir, name string) (string, error) { return witness.New(dir, name, rand.Reader) },
		FeedWitness: feedWitness}))
}

func config(level slog.Level) server.Config {
	return server.Config{Version: version, Getenv: os.Getenv, Clock: time.Now, Random: rand.Reader, Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))}
}

// serve runs a node until the process is told to end.
func serve(ctx context.Context, f cli.ServeFlags) error {
	server.Tune(os.Getenv)
	c := config(slog.LevelInfo)
	c.Lab, c.Data, c.Store, c.Anchor, c.Listen, c.Ops, c.TLSCert, c.TLSKey, c.BehindTLSProxy = f.Lab, f.Data, f.Store, f.Anchor, f.Listen, f.Ops, f.TLSCert, f.TLSKey, f.BehindTLSProxy
	var err error
	if c.Program, c.Self, err = program(); err != nil {
		return err
	}
	c.OlderVersion, c.Notices, c.Devices = f.OlderVersion, f.Notices, f.Devices
	c.Passkeys = passkey.Site{Party: f.PasskeyParty, Origins: f.PasskeyOrigins}
	c.Timestamp = stamp.Settings{URL: f.TimestampURL, CA: f.TimestampCA, Require: f.TimestampRequire}
	c.OlderVersion = f.OlderVersion
	c.Inception = func(digest narthex.Digest, codes map[string]string) {
		fmt.Printf("The store is empty. The lab opens when its custodians have approved the directory's digest:\n  %s\nGive each their one-time code; they run `narthex login --url … --code …`, `narthex lab diff` and `narthex lab approve --digest …`.\n", digest)
		for _, handle := range slices.Sorted(maps.Keys(codes)) {
			fmt.Printf("  %-20s %s\n", handle, codes[handle])
		}
	}
	node, err := server.Start(ctx, c)
	if err != nil {
		return err
	}
	c.Log.Info("listening", "address", node.Address(), "operators", node.OpsAddress(), "ledger_key", node.LogKey())
	<-ctx.Done()
	return node.Close()
}

// at is the configuration of a node that an operator's command is about.
func at(f cli.StoreFlags) server.Config {
	c := config(slog.LevelWarn)
	c.Data, c.Store, c.Anchor = f.Data, f.Store, f.Anchor
	return c
}

func restoreLedger(ctx context.Context, f cli.StoreFlags, reason string) (published, size uint64, err error) {
	found, err := server.RestoreLedger(ctx, at(f), reason)
	return found.AnchorSize, found.Size, err
}

// runWitness runs a witness until the process is told to end.
func runWitness(ctx context.Context, f cli.WitnessFlags) error {
	log := config(slog.LevelInfo).Log
	return witness.Run(ctx, f.Dir, f.Logs, f.Listen, time.Now, log)
}

// runDemo runs the demonstration, with a node of this same program.
func runDemo(ctx context.Context, f cli.DemoFlags) error {
	server.Tune(os.Getenv)
	digest, self, err := program()
	if err != nil {
		return err
	}
	start := func(ctx context.Context, lab, data, listen string, clock func() time.Time, inception func(narthex.Digest, map[string]string)) (demo.Node, error) {
		c := config(slog.LevelError)
		c.Program, c.Self, c.Lab, c.Data, c.Listen, c.Demo, c.Clock, c.Inception = digest, self, lab, data, listen, true, clock, inception
		return server.Start(ctx, c)
	}
	colour := term.IsTerminal(int(os.Stdout.Fd())) && os.Getenv("NO_COLOR") == ""
	return demo.Run(ctx, demo.Options{Dir: f.Dir, Info: f.Info, Once: f.Once, Walk: f.Walk, Ahead: f.Ahead, Out: os.Stdout, Colour: colour, PID: os.Getpid(), Version: version, Start: start})
}

// feedWitness asks a witness for its signature over a log's latest checkpoint.
func feedWitness(ctx context.Context, address, key string, log ledger.Source) (string, error) {
	remote, err := witness.NewRemote(address, key)
	if err != nil {
		return "", narthex.Invalidf("The witness's address is https:// and a host, or http:// on loopback, and its key name+hash+key.").For("witness").Because(err)
	}
	return witness.Feed(ctx, remote, log)
}
