package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/ledger"
)

// StoreFlags says which node's store an operator means.
type StoreFlags struct {
	Data   string // the data directory
	Store  string // the URL of a PostgreSQL database, or empty for SQLite in Data; may hold a password
	Anchor string // the anchor's file, or empty for the data directory's name and .anchor
}

func (f *StoreFlags) flags(c *cobra.Command) {
	c.Flags().StringVar(&f.Data, "data", "", "the node's data directory")
	c.Flags().StringVar(&f.Store, "store", "", "the node's PostgreSQL database, postgres://user@host/database; empty for SQLite in --data")
	c.Flags().StringVar(&f.Anchor, "anchor", "", "the anchor's file (else DATA.anchor)")
}

func (a *app) rotateKey() *cobra.Command {
	var at StoreFlags
	c := a.command(leaf{
		use: "rotate-key", short: "Change the ledger's key, with an entry that both keys sign",
		long: `Change the key that signs the ledger, on the node's machine and while the node does not run. The entry is public, and verifiers
that hold the old key follow it. Tell witnesses the new key (narthex witness serve --log, given again), and keep the new
ledger.key where your backups of keys are.`,
		example: "narthex ledger rotate-key --data /var/lib/narthex",
		run: func(ctx context.Context, _ []string) error {
			if a.env.RotateKey == nil {
				return a.notBuilt("change a ledger's key")
			}
			before, after, err := a.env.RotateKey(ctx, at)
			if err != nil {
				return err
			}
			out := struct {
				Before string `json:"before"`
				After  string `json:"after"`
			}{before, after}
			return a.show(out, func(p *page) {
				p.line("the ledger's key was changed, as an entry that both keys sign; start the node")
				p.fields([2]string{"before", before}, [2]string{"after", after})
			})
		}})
	at.flags(c)
	return c
}

func (a *app) backup() *cobra.Command {
	var at StoreFlags
	c := a.command(leaf{
		use: "backup FILE", short: "Write everything that a node's store holds to a new file, while it serves",
		long: `Write everything that a node's store holds, as it is at one moment, to a new file. The node may run. The ledger's key and anchor
are not in it: keep ledger.key and mark.key apart, and the anchor where it is. The file holds people's names and what they agreed.`,
		example: "narthex backup /backups/2026-11-25.narthex --data /var/lib/narthex",
		run:     func(ctx context.Context, args []string) error { return a.writeBackup(ctx, at, args[0]) }})
	at.flags(c)
	return c
}

func (a *app) writeBackup(ctx context.Context, at StoreFlags, path string) error {
	if a.env.Backup == nil {
		return a.notBuilt("back up a store")
	}
	if _, err := os.Lstat(path); err == nil {
		return problem(narthex.Conflict, "name a new file, so that nothing is overwritten", "%s is there already", path)
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".backup-*")
	if err != nil {
		return fileError("written", path, err)
	}
	rows, err := a.env.Backup(ctx, at, file)
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return a.show(rowCount{rows}, func(p *page) { p.line("wrote %s: %d rows", path, rows) })
}

type rowCount struct {
	Rows uint64 `json:"rows"`
}

func (a *app) restore() *cobra.Command {
	var at StoreFlags
	c := a.command(leaf{
		use: "restore FILE", short: "Fill an empty store from a backup",
		long: `Fill an empty store, of either kind, from a backup: all of it or nothing. Then put ledger.key and ledger.pub into the data
directory from where you keep them, and start the node. A backup is older than what was published last, so the node asks for
a statement first: narthex ledger restore.`,
		example: "narthex restore /backups/2026-11-25.narthex --data /var/lib/narthex-new",
		run: func(ctx context.Context, args []string) error {
			if a.env.RestoreBackup == nil {
				return a.notBuilt("restore a backup")
			}
			file, err := os.Open(args[0])
			if err != nil {
				return fileError("read", args[0], err)
			}
			defer file.Close()
			rows, err := a.env.RestoreBackup(ctx, at, file)
			if err != nil {
				return err
			}
			return a.show(rowCount{rows}, func(p *page) {
				p.line("filled the store: %d rows; put ledger.key and ledger.pub into the data directory, then start the node", rows)
			})
		}})
	at.flags(c)
	return c
}

// ledgerRestore is for the operators of the node's machine.
func (a *app) ledgerRestore() *cobra.Command {
	var at StoreFlags
	var reason string
	c := a.command(leaf{
		use: "restore", short: "State that an older database is the one to go on with",
		long: `A node whose database is behind its anchor, or whose anchor is missing, does not start: it may be an old copy, put back by
mistake or on purpose. Where it is the latest that there is, say so with this command, on the node's machine and while the node
does not run. The statement is an entry of the ledger that anyone can read. Whoever holds a later checkpoint, a witness among
them, still finds that history was lost: tell them why.`,
		example: "narthex ledger restore --data /var/lib/narthex --reason \"the disk failed; this is last night's backup\"",
		run: func(ctx context.Context, _ []string) error {
			if a.env.RestoreLedger == nil {
				return a.notBuilt("restore a ledger")
			}
			published, size, err := a.env.RestoreLedger(ctx, at, reason)
			if err != nil {
				return err
			}
			out := struct {
				Published uint64 `json:"published"`
				Size      uint64 `json:"size"`
			}{published, size}
			return a.show(out, func(p *page) {
				p.line("stated, as an entry of the ledger; start the node")
				p.fields([2]string{"had been published", strconv.FormatUint(published, 10)}, [2]string{"the database holds", strconv.FormatUint(size, 10)})
			})
		}})
	at.flags(c)
	c.Flags().StringVar(&reason, "reason", "", "what happened, for everyone to read")
	return c
}

// WitnessFlags is what `narthex witness serve` was told.
type WitnessFlags struct {
	Dir    string
	Listen string
	Logs   []string // verifier keys
}

func (a *app) witness() *cobra.Command {
	return a.group("witness", "Run a witness: sign that you have seen a lab's ledger grow, and nothing else", a.witnessNew(), a.witnessServe(), a.witnessFeed())
}

func (a *app) witnessNew() *cobra.Command {
	var name string
	c := a.command(leaf{
		use: "new DIR", short: "Make a witness's folder with a fresh key",
		example: "narthex witness new ./witness --name witness.institute.example",
		run: func(_ context.Context, args []string) error {
			if a.env.NewWitness == nil {
				return a.notBuilt("make a witness")
			}
			key, err := a.env.NewWitness(args[0], name)
			if err != nil {
				return err
			}
			out := struct {
				Key string `json:"key"`
			}{key}
			return a.show(out, func(p *page) {
				p.line("%s", key)
				p.line("give this key and the witness's address to the lab, for lab.yaml; start it with: narthex witness serve %s --log LOG_KEY", args[0])
			})
		}})
	c.Flags().StringVar(&name, "name", "", "the witness's name for ever, such as a host name of yours")
	return c
}

func (a *app) witnessServe() *cobra.Command {
	var f WitnessFlags
	c := a.command(leaf{
		use: "serve DIR", short: "Run a witness",
		long: `Run a witness of the logs whose verifier keys are given, until it is interrupted: it answers POST /add-checkpoint as
c2sp.org/tlog-witness says, with cosignature/v1. It never signs two trees of one log of which neither begins with the other, and
what it signs is on its disk first: keep its folder. Off loopback, stand something before it that ends TLS. A log that changed
its key is given twice, with the old and the new key.`,
		example: "narthex witness serve ./witness --log ledger.lab.example+49736494+AepK…",
		run: func(ctx context.Context, args []string) error {
			if a.env.Witness == nil {
				return a.notBuilt("run a witness")
			}
			f.Dir = args[0]
			return a.env.Witness(ctx, f)
		}})
	c.Flags().StringVar(&f.Listen, "listen", "127.0.0.1:8090", "the address to answer at")
	c.Flags().StringArrayVar(&f.Logs, "log", nil, "a log's verifier key, name+hash+key; once for each")
	return c
}

func (a *app) witnessFeed() *cobra.Command {
	var at, key, out string
	c := a.command(leaf{
		use: "feed LEDGER", short: "Show a witness a ledger's latest checkpoint, and get its signature",
		long: `Show a witness the latest checkpoint of a ledger, with the proof that the ledger grew from what the witness signed last, and print
the checkpoint with the witness's signature. LEDGER is the address of a running lab's ledger or a folder with the files of one.
Anyone may do it, for any log that the witness knows: a lab's node does it by itself for the witnesses of its directory.`,
		example: "narthex witness feed https://narthex.lab.example/ledger --witness https://witness.institute.example --key witness.institute.example+… --out seen.checkpoint",
		run: func(ctx context.Context, args []string) error {
			if a.env.FeedWitness == nil {
				return a.notBuilt("ask a witness")
			}
			return withSource(ctx, args[0], func(log ledger.Source) error {
				checkpoint, err := a.env.FeedWitness(ctx, at, key, log)
				if err != nil || out == "" {
					if err == nil {
						_, err = a.env.Stdout.Write([]byte(checkpoint))
					}
					return err
				}
				if err := newFile(out, []byte(checkpoint), 0o644); err != nil {
					return err
				}
				a.say("wrote %s, signed by the witness", out)
				return nil
			})
		}})
	c.Flags().StringVar(&at, "witness", "", "the witness's address")
	c.Flags().StringVar(&key, "key", "", "the witness's verifier key, name+hash+key")
	c.Flags().StringVar(&out, "out", "", "write the checkpoint to this new file (else to standard output)")
	return c
}

// withSource reads the ledger at an address or in a folder.
func withSource(ctx context.Context, name string, read func(ledger.Source) error) error {
	if isAddress(name) {
		source, err := published(ctx, name)
		if err != nil {
			return err
		}
		return read(source)
	}
	root, err := os.OpenRoot(name)
	if err != nil {
		return fileError("read", name, err)
	}
	defer root.Close()
	return read(folder{root}.file)
}
