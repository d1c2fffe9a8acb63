// Package cli is the command line: what people of a lab, researchers and auditors type.
//
// It promises that a command does one thing and says what it did; that every failure is one line of what happened and why, a
// hint of what to do next, and an exit code by the kind of error; that --json prints one JSON document and nothing else; that
// a vote, a signature and an approval carry the digest of what was shown; that secrets stand in files of mode 0600, are never
// arguments where a file or the environment will do, and are printed only by the command that is asked for one; and that
// nothing which an outsider wrote can move the terminal's cursor or hide a word.
//
// It trusts its user and their files. It trusts a node for its answers, and checks what can be checked: digests of what is
// signed, signatures of checkpoints, proofs of entries. Read next: fail.go for what a failure looks like, home.go for what is
// kept, connect.go for how a node is reached; then a file for each family of commands.
package cli

import (
	"context"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
	"narthex/internal/audit"
	"narthex/ledger"
)

// Env is everything that a run gets from outside. What is a function below is the node's side; a nil one is a command that
// this build does not have.
type Env struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	Now            func() time.Time
	Version        string
	Serve          func(context.Context, ServeFlags) error
	Demo           func(context.Context, DemoFlags) error
	// VerifyDir checks the ledger in the data directory of a node that does not run. An empty key means the directory's own;
	// since are checkpoints that the ledger must go on from. The text says where the key came from.
	VerifyDir func(ctx context.Context, dir, key string, since ...string) (ledger.Report, string, error)
	// AuditDir and ReplayDir do the same for an audit and a replay.
	AuditDir  func(ctx context.Context, dir string) (client.Audit, error)
	ReplayDir func(ctx context.Context, dir string) (audit.Replayed, error)
	// RestoreLedger states that a database which is behind its anchor is the one to go on with, and gives how many entries
	// had been published and how many there are.
	RestoreLedger func(ctx context.Context, at StoreFlags, reason string) (published, size uint64, err error)
	// RotateKey changes the log's key and gives the keys before and after.
	RotateKey func(ctx context.Context, at StoreFlags) (before, after string, err error)
	// Backup writes what a store holds and gives the number of rows; RestoreBackup fills an empty one.
	Backup        func(ctx context.Context, at StoreFlags, w io.Writer) (uint64, error)
	RestoreBackup func(ctx context.Context, at StoreFlags, r io.Reader) (uint64, error)
	// Witness runs a witness until the context ends.
	Witness func(ctx context.Context, f WitnessFlags) error
	// NewWitness makes a witness's folder and gives its verifier key.
	NewWitness func(dir, name string) (string, error)
	// FeedWitness shows a witness the latest checkpoint of a log and gives it with the signature of the witness.
	FeedWitness func(ctx context.Context, address, key string, log ledger.Source) (checkpoint string, err error)
}

// Run runs one command and gives its exit code: 0, or that of the kind of error.
func Run(ctx context.Context, args []string, env Env) int {
	a := &app{env: env}
	root := a.root()
	root.SetArgs(args)
	command, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	if !a.begun {
		err = usage(command, err)
	}
	a.json = a.json || slices.Contains(args, "--json")
	return a.fail(command, err)
}

// app is one run.
type app struct {
	env     Env
	profile string
	url     string
	json    bool
	begun   bool // whether the command's own work began; before that an error is about its use
}

func (a *app) root() *cobra.Command {
	root := a.group("narthex", "Negotiated, recorded access to what a lab holds, for people who do not work there")
	root.Long = `Narthex gives people outside a lab negotiated, recorded access to what the lab holds.

A researcher reads the pathways, applies, signs and uses a key; the lab's people review, sign and lock; an auditor checks
the ledger. Each of them has a log-in: begin with the code that came with your invitation,

  narthex login --url https://narthex.lab.example --code -`
	root.Version = a.env.Version
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetIn(a.env.Stdin)
	root.SetOut(a.env.Stdout)
	root.SetErr(a.env.Stderr)
	flags := root.PersistentFlags()
	flags.StringVar(&a.profile, "profile", "", "which of your log-ins to use (else NARTHEX_PROFILE, else the one in use)")
	flags.StringVar(&a.url, "url", "", "the node's address (else NARTHEX_URL, else the profile's)")
	flags.BoolVar(&a.json, "json", false, "print one JSON document")
	for _, family := range []struct {
		id, title string
		commands  []*cobra.Command
	}{
		{"self", "Who you are:", []*cobra.Command{a.login(), a.logout(), a.whoami(), a.signer(), a.config()}},
		{"use", "Apply, agree, use:", []*cobra.Command{a.pathways(), a.assets(), a.apply(), a.engagements(), a.agreement(), a.grant(), a.key(), a.explain(), a.job(), a.release(), a.publication(), a.obligations(), a.statement(), a.export()}},
		{"decide", "Decide and guard:", []*cobra.Command{a.work(), a.notices(), a.review(), a.opinion(), a.interests(), a.report(), a.people(), a.standing(), a.visas(), a.lab(), a.horizon(), a.lock(), a.unlock(), a.incidents()}},
		{"check", "Check what happened:", []*cobra.Command{a.register(), a.evidence(), a.ledger(), a.replay()}},
		{"run", "Run a node:", []*cobra.Command{a.init(), a.check(), a.environment(), a.serve(), a.backup(), a.restore(), a.witness(), a.demo()}},
		{"other", "More:", []*cobra.Command{a.completion(), a.version()}},
	} {
		root.AddGroup(&cobra.Group{ID: family.id, Title: family.title})
		for _, command := range family.commands {
			command.GroupID = family.id
			root.AddCommand(command)
		}
	}
	root.SetHelpCommandGroupID("other")
	return root
}

// leaf is a command that does something. Its use line says what it takes: a word in capitals is an argument, one in brackets
// may be left out.
type leaf struct {
	use, short, example string
	long                string
	complete            []string // what the first argument may be
	run                 func(ctx context.Context, args []string) error
}

func (a *app) command(l leaf) *cobra.Command {
	c := &cobra.Command{Use: l.use, Short: l.short, Long: l.long, Example: indent(l.example), Args: takes(l.use)}
	c.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) == 0 && l.complete != nil {
			return l.complete, cobra.ShellCompDirectiveNoFileComp
		}
		if strings.Contains(l.use, "FILE") || strings.Contains(l.use, "DIR") {
			return nil, cobra.ShellCompDirectiveDefault
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		a.begun = true
		return a.notYet(c.Context(), l.run(c.Context(), args))
	}
	return c
}

// group is a command that only holds others: alone it prints its help.
func (a *app) group(use, short string, children ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Args: cobra.ArbitraryArgs}
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return c.Help()
		}
		return unknownCommand(c, args[0])
	}
	c.AddCommand(children...)
	return c
}

func unknownCommand(c *cobra.Command, word string) error {
	c.SuggestionsMinimumDistance = 2
	next := "`" + c.CommandPath() + " --help` lists its commands"
	if near := c.SuggestionsFor(word); len(near) > 0 {
		next = "did you mean `" + c.CommandPath() + " " + near[0] + "`?"
	}
	return hinted{narthex.Invalidf("%s has no command %q", c.CommandPath(), word), next}
}

// takes holds the arguments to a use line.
func takes(use string) cobra.PositionalArgs {
	words := strings.Fields(use)[1:]
	least := slices.IndexFunc(words, func(w string) bool { return strings.HasPrefix(w, "[") })
	if least < 0 {
		least = len(words)
	}
	return func(c *cobra.Command, args []string) error {
		if len(args) >= least && len(args) <= len(words) {
			return nil
		}
		return hinted{narthex.Invalidf("%s takes %s, and got %d", c.CommandPath(), argumentsInWords(words), len(args)),
			"`" + c.CommandPath() + " --help` shows examples"}
	}
}

func argumentsInWords(words []string) string {
	if len(words) == 0 {
		return "no arguments"
	}
	return strings.Join(words, " ")
}

func indent(text string) string {
	if text == "" {
		return ""
	}
	return "  " + strings.ReplaceAll(text, "\n", "\n  ")
}

// oneOf holds a flag to a closed list, where it is given, and completes it.
func oneOf[S ~string](c *cobra.Command, flag string, values []S) {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = string(v)
	}
	err := c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
	if err != nil {
		panic(err) // the flag was not defined: a mistake of ours
	}
	before := c.PreRunE
	c.PreRunE = func(c *cobra.Command, args []string) error {
		if f := c.Flag(flag); f.Changed && !slices.Contains(words, f.Value.String()) {
			return problem(narthex.Invalid, "give one with --"+flag+": "+strings.Join(words, ", "), "%q is none that --%s takes", f.Value.String(), flag)
		}
		if before != nil {
			return before(c, args)
		}
		return nil
	}
}

func (a *app) now() time.Time { return a.env.Now().UTC() }
