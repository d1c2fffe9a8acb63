package cli

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"
)

// ledgerRestore is for the operators of the node's machine.
func (a *app) ledgerRestore() *cobra.Command {
	var data, anchor, reason string
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
			published, size, err := a.env.RestoreLedger(ctx, data, anchor, reason)
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
	c.Flags().StringVar(&data, "data", "", "the data directory of a node that does not run")
	c.Flags().StringVar(&anchor, "anchor", "", "the anchor's file (else DATA.anchor)")
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
	return a.group("witness", "Run a witness: sign that you have seen a lab's ledger grow, and nothing else", a.witnessNew(), a.witnessServe())
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
