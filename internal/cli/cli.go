// Package cli is the command line: what a person types, what they see, and what they do when it fails.
//
// Its rules: a table aligns; an empty list says what to do next; an error is one line that says what happened and why, and a
// hint where there is one; --json gives what the API gave; colour only on a terminal. A secret is shown once, where it is made.
// Exit codes are those of the kinds of errors in package narthex.
//
// It trusts nothing but the person's own files. It decides nothing: the node does. Read next: profile.go for what is kept.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
	"narthex/ledger"
)

// Env is what surrounds a run: the person's terminal and environment, and the parts of the program that commands start.
type Env struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	Terminal       bool // whether standard output is one
	Version        string

	Serve     func(ctx context.Context, f ServeFlags) error
	Demo      func(ctx context.Context, f DemoFlags) error
	VerifyDir func(ctx context.Context, dir, key string) (ledger.Report, string, error)
}

// ServeFlags is what `narthex serve` takes.
type ServeFlags struct {
	Lab, Data, Listen, Ops, TLSCert, TLSKey string
	BehindTLSProxy                          bool
}

// DemoFlags is what `narthex demo` takes.
type DemoFlags struct {
	Dir, Info string
	Once      bool
}

// app is one run.
type app struct {
	env  Env
	json bool
	url  string
	name string // of the profile
}

// Run runs a command line and gives the exit code.
func Run(ctx context.Context, args []string, env Env) int {
	a := &app{env: env}
	root := a.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	return a.report(err)
}

// report writes an error and gives its exit code.
func (a *app) report(err error) int {
	var tamper *ledger.TamperError
	if errors.As(err, &tamper) {
		fmt.Fprintf(a.env.Stderr, "narthex: the ledger does not verify: %s\n", tamper)
		return narthex.Refused.Facts().Exit
	}
	var public *narthex.Error
	if !errors.As(err, &public) {
		fmt.Fprintf(a.env.Stderr, "narthex: %s\n", strings.TrimSuffix(err.Error(), "."))
		if isUsage(err) {
			fmt.Fprintln(a.env.Stderr, "hint: `narthex --help` lists the commands, and each has a --help with examples")
			return narthex.Invalid.Facts().Exit
		}
		return narthex.Internal.Facts().Exit
	}
	fmt.Fprintf(a.env.Stderr, "narthex: %s\n", public.Public)
	if public.Reason != nil && public.Reason.Clause != "" {
		fmt.Fprintf(a.env.Stderr, "clause: %s\n", public.Reason.Clause)
	}
	if public.Err != nil && (public.Kind == narthex.Internal || public.Kind == narthex.Unavailable || public.Kind == narthex.Conflict) {
		fmt.Fprintf(a.env.Stderr, "cause: %s\n", public.Err)
	}
	if public.Kind == narthex.Unauthenticated {
		fmt.Fprintln(a.env.Stderr, "hint: `narthex login` makes a new session")
	}
	return public.Kind.Facts().Exit
}

// isUsage knows the errors that the command parser makes.
func isUsage(err error) bool {
	for _, start := range []string{"unknown command", "unknown flag", "unknown shorthand", "accepts ", "requires ", "required flag", "invalid argument", "flag needs"} {
		if strings.HasPrefix(err.Error(), start) {
			return true
		}
	}
	return false
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{Use: "narthex", Short: "Access for partial insiders: what was agreed, and nothing else", Version: a.env.Version,
		Long:          "Narthex gives people who do not work at a lab the access that was agreed, and nothing else.\n\nA lab: init, check, serve, lab, people, lock. A researcher: login, pathways, apply, agreement, grant, key. Everyone: ledger.",
		SilenceErrors: true, SilenceUsage: true, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	root.SetIn(a.env.Stdin)
	root.SetOut(a.env.Stdout)
	root.SetErr(a.env.Stderr)
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print what the API answered, as JSON")
	root.PersistentFlags().StringVar(&a.url, "url", "", "address of the node (kept by `narthex login`)")
	root.PersistentFlags().StringVar(&a.name, "profile", "default", "whose keys and session to use")
	root.AddCommand(a.serveCommand(), a.demoCommand(), a.initCommand(), a.checkCommand(), a.labCommand(), a.peopleCommand(), a.signerCommand(), a.loginCommand(), a.logoutCommand(),
		a.whoamiCommand(), a.pathwaysCommand(), a.applyCommand(), a.engagementsCommand(), a.reviewCommand(), a.agreementCommand(), a.grantCommand(), a.keyCommand(), a.lockCommand(), a.unlockCommand(), a.ledgerCommand())
	return root
}

// node gives a client of the node, without a credential.
func (a *app) node() (*client.Client, error) {
	url := a.url
	if url == "" {
		p, err := a.profile()
		if err != nil {
			return nil, err
		}
		url = p.URL
	}
	if url == "" {
		return nil, narthex.Invalidf("No node is named. Give its address with --url, or log in once: `narthex login --url URL --code CODE`.").For("url")
	}
	return client.New(url)
}

// me gives a client with the person's session.
func (a *app) me() (*client.Client, error) {
	p, err := a.profile()
	if err != nil {
		return nil, err
	}
	if p.Session == "" {
		return nil, narthex.UnauthenticatedError()
	}
	node, err := a.node()
	if err != nil {
		return nil, err
	}
	return node.With(p.Session), nil
}

// show prints a value as JSON, or as people read it.
func (a *app) show(value any, people func(w io.Writer)) error {
	if a.json {
		out := json.NewEncoder(a.env.Stdout)
		out.SetIndent("", "  ")
		out.SetEscapeHTML(false)
		return out.Encode(value)
	}
	w := tabwriter.NewWriter(a.env.Stdout, 0, 4, 2, ' ', 0)
	people(w)
	return w.Flush()
}

// row prints the cells of one row of a table.
func row(w io.Writer, cells ...any) {
	texts := make([]string, len(cells))
	for i, c := range cells {
		texts[i] = strings.ReplaceAll(visible(fmt.Sprint(c)), "\t", " ")
	}
	fmt.Fprintln(w, strings.Join(texts, "\t"))
}

// visible makes text from outside harmless to a terminal.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 && r != '\n' || r >= 0x7f && r < 0xa0 || r >= 0x200b && r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '\uFFFD'
		}
		return r
	}, text)
}

// id reads an identifier of an argument.
func id[T any, P interface {
	*T
	UnmarshalText([]byte) error
}](text string) (T, error) {
	var parsed T
	err := P(&parsed).UnmarshalText([]byte(text))
	return parsed, err
}

// leaf makes a command without commands below it.
func leaf(use, short, example string, args cobra.PositionalArgs, run func(ctx context.Context, args []string) error) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Example: example, Args: args, RunE: func(c *cobra.Command, args []string) error { return run(c.Context(), args) }}
}

// group makes a command that has commands below it.
func group(use, short string, below ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(below...)
	return c
}
