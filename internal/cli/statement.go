package cli

import (
	"bytes"
	"context"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
	"narthex/internal/statement"
)

// statementOut is where an access statement goes.
type statementOut struct {
	out, pdf string
	names    bool
}

func (a *app) statement() *cobra.Command {
	var o statementOut
	c := a.command(leaf{
		use: "statement ENGAGEMENT", short: "Issue an access statement: what was asked, given, used and refused",
		long: `Issue the access statement of an engagement, to be cited: what was asked, given, used and refused, by attribute, how deep the access
was, what the lab paid and may hold back, and what it kept of prompts and answers. Its digest stands in the ledger. The file that
--out or --json gives is checked without the lab by "narthex statement verify". It names no person but with --names.`,
		example: "narthex statement eng_…\nnarthex statement eng_… --out statement.json --pdf statement.pdf\nnarthex statement verify statement.json --key ledger.lab.example+…",
		run: func(ctx context.Context, args []string) error {
			id, err := engagementID(args[0])
			if err != nil {
				return err
			}
			return a.issueStatement(ctx, id, o)
		}})
	c.Flags().StringVar(&o.out, "out", "", "write the file with its proof to this new file")
	c.Flags().StringVar(&o.pdf, "pdf", "", "write it as a PDF to this new file")
	c.Flags().BoolVar(&o.names, "names", false, "name the researcher and their team")
	c.AddCommand(a.verifyStatement())
	return c
}

func (a *app) issueStatement(ctx context.Context, id narthex.EngagementID, o statementOut) error {
	c, p, err := a.member()
	if err != nil {
		return err
	}
	data, err := c.Statement(ctx, id, client.StatementRequest{Names: o.names})
	if err != nil {
		return err
	}
	file, err := statement.Read(data)
	if err != nil {
		return err
	}
	if file.Statement.Engagement != id || file.Statement.Origin != p.Origin {
		return problem(narthex.Conflict, "rely on nothing in it, and ask the lab", "the node's statement is of another engagement or lab")
	}
	return a.giveStatement(file, data, o)
}

// giveStatement writes the file, the PDF, or both; in words to the terminal where neither was asked for.
func (a *app) giveStatement(file statement.File, data []byte, o statementOut) error {
	if o.out != "" {
		if err := newFile(o.out, append(bytes.Clone(data), '\n'), 0o644); err != nil {
			return err
		}
		a.say("wrote %s; check it, on any machine, with: narthex statement verify %s --key KEY", o.out, o.out)
	}
	if o.pdf != "" {
		page, err := file.Sheet().PDF()
		if err != nil {
			return err
		}
		if err := newFile(o.pdf, page, 0o644); err != nil {
			return err
		}
		a.say("wrote %s", o.pdf)
	}
	if a.json {
		_, err := a.env.Stdout.Write(append(bytes.Clone(data), '\n'))
		return err
	}
	if o.out != "" || o.pdf != "" {
		a.say("cite it as: %s", file.Citation())
		return nil
	}
	text, err := file.Sheet().Text()
	if err != nil {
		return err
	}
	page := a.page(a.env.Stdout)
	page.document(text)
	page.blank()
	page.line("cite it as: %s", file.Citation())
	return page.err
}

func (a *app) verifyStatement() *cobra.Command {
	var keys []string
	var pdf string
	c := a.command(leaf{
		use: "verify FILE", short: "Check an access statement without a network and without trusting the lab",
		long: `Check an access statement: that the lab issued exactly this one, by an entry that stands in the ledger that it signed. Bring the
ledger's verifier key, from another source than the file; give --key again for each key that the ledger had since its key was changed.
That its figures are true is the lab's word, which whoever may read the ledger whole can count again.`,
		example: "narthex statement verify statement.json --key ledger.lab.example+…\nnarthex statement verify statement.json --key ledger.lab.example+… --pdf statement.pdf",
		run:     func(_ context.Context, args []string) error { return a.checkStatement(args[0], keys, pdf) }})
	c.Flags().StringArrayVar(&keys, "key", nil, "the ledger's verifier key, name+hash+key")
	c.Flags().StringVar(&pdf, "pdf", "", "write the statement that was checked as a PDF to this new file")
	return c
}

func (a *app) checkStatement(path string, keys []string, pdf string) error {
	if len(keys) == 0 {
		return problem(narthex.Invalid, "give the lab's key with --key, from another source than the file", "a statement is not checked with its own word for the key")
	}
	data, err := readFile(path)
	if err != nil {
		return err
	}
	data = bytes.TrimSuffix(data, []byte("\n"))
	checked, err := underAny(keys, func(key string) (statement.Checked, error) { return statement.Verify(data, key) })
	if err != nil {
		return err
	}
	if pdf != "" {
		file, err := statement.Read(data)
		if err != nil {
			return err
		}
		page, err := file.Sheet().PDF()
		if err == nil {
			err = newFile(pdf, page, 0o644)
		}
		if err != nil {
			return err
		}
	}
	return a.show(checked, func(p *page) {
		s := checked.Statement
		p.line("the lab issued exactly this statement: entry %d of the ledger %s of %d entries", checked.Index, checked.Origin, checked.Size)
		p.fields([2]string{"statement", string(checked.Digest)}, [2]string{"issued", day(checked.Issued)}, [2]string{"engagement", string(s.Engagement)}, [2]string{"title", s.Title},
			[2]string{"pathway", string(s.Pathway)}, [2]string{"access", s.Level.Says}, [2]string{"as of", day(s.At)})
	})
}
