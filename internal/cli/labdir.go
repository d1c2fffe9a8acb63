package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/internal/lab"
)

func (a *app) init() *cobra.Command {
	var name, origin string
	c := a.command(leaf{
		use: "init DIR", short: "Write a new lab directory to begin with",
		long: `Write a lab directory: the lab's people and roles, its assets, pathways, clauses, environments and guardrails, as files to
edit and keep in git. It loads without problems and holds placeholders; nothing of it takes effect before two custodians approve it.

The origin names the lab's ledger for ever: a host name of yours. On a terminal, what no flag says is asked.`,
		example: "narthex init lab\nnarthex init lab --name 'A Lab' --origin ledger.lab.org",
		run:     func(_ context.Context, args []string) error { return a.initDir(args[0], name, origin) }})
	c.Flags().StringVar(&name, "name", "", "the lab's name")
	c.Flags().StringVar(&origin, "origin", "", "the name of the lab's ledger, such as ledger.lab.org")
	return c
}

func (a *app) initDir(dir, name, origin string) error {
	files, err := lab.Template()
	if err != nil {
		return err
	}
	for _, set := range []struct{ value, field, question string }{
		{name, "name", "The lab's name, or nothing to write it later:"},
		{origin, "origin", "The ledger's name for ever, such as ledger.lab.org, or nothing to write it later:"},
	} {
		if set.value == "" && a.interactive() {
			if set.value, err = a.ask(set.question); err != nil {
				return err
			}
		}
		if set.value != "" {
			files["lab.yaml"] = setField(files["lab.yaml"], set.field, set.value)
		}
	}
	if _, problems := lab.Load(files); len(problems) > 0 {
		return problem(narthex.Invalid, "give another --name or --origin; nothing was written", "%s", problems[0].Message)
	}
	if err := files.Write(dir); err != nil {
		return err
	}
	out := map[string]any{"dir": dir, "files": len(files), "digest": files.Digest()}
	return a.show(out, func(p *page) {
		p.line("wrote a lab directory of %d files to %s", len(files), dir)
		p.heading("Next")
		p.line("  1. write your people, assets and pathways into its files")
		p.line("  2. narthex check %s", dir)
		p.line("  3. narthex serve --lab %s --data DATA   # prints a one-time code for each custodian", dir)
	})
}

// setField sets a field of the first level in a YAML text of ours to a string.
func setField(data []byte, field, value string) []byte {
	quoted, err := json.Marshal(value)
	if err != nil {
		return data
	}
	lines := strings.Split(string(data), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, field+":") {
			lines[i] = field + ": " + string(quoted)
		}
	}
	return []byte(strings.Join(lines, "\n"))
}

// checked is what a check of a directory found.
type checked struct {
	Dir      string         `json:"dir"`
	Digest   narthex.Digest `json:"digest"`
	Problems []lab.Problem  `json:"problems"`
	Unready  []string       `json:"unready"`
}

func (a *app) check() *cobra.Command {
	return a.command(leaf{
		use: "check [DIR]", short: "Check a lab directory and show what it would allow",
		long: `Check every file of a lab directory, here or in DIR, without a node. Every problem is shown at once, with its place. A
directory without problems is shown as what each pathway would allow, with the digest that custodians approve.`,
		example: "narthex check lab\nnarthex check lab --json",
		run:     func(_ context.Context, args []string) error { return a.checkDir(dirOf(args)) }})
}

func dirOf(args []string) string {
	if len(args) == 0 {
		return "."
	}
	return args[0]
}

func (a *app) checkDir(dir string) error {
	files, err := lab.ReadDir(dir)
	if err != nil {
		return err
	}
	directory, problems := lab.Load(files)
	found := checked{Dir: dir, Digest: files.Digest(), Problems: append([]lab.Problem{}, problems...), Unready: []string{}}
	if len(problems) == 0 {
		found.Unready = append(found.Unready, directory.Unready(a.env.Getenv)...)
	}
	err = a.show(found, func(p *page) {
		if len(problems) > 0 {
			p.document(problems.Render(files))
			return
		}
		p.document(directory.Table())
		p.blank()
		p.line("digest  %s", found.Digest)
		if len(found.Unready) > 0 {
			p.heading("Before it can be served")
		}
		for _, missing := range found.Unready {
			p.line("  %s", missing)
		}
	})
	if err == nil && len(problems) > 0 {
		err = wrongDirectory(dir, problems)
	}
	return err
}

func wrongDirectory(dir string, problems lab.Problems) error {
	count := "one problem"
	if len(problems) > 1 {
		count = fmt.Sprintf("%d problems", len(problems))
	}
	return problem(narthex.Invalid, "correct what is shown and run `narthex check` again", "the lab directory %s has %s", dir, count)
}
