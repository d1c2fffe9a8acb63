package cli

import (
	"bufio"
	"context"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
	"narthex/internal/evidence"
)

// exportOut is where one's own calls go.
type exportOut struct {
	grant, out string
}

func (a *app) export() *cobra.Command {
	var o exportOut
	c := a.command(leaf{
		use: "export", short: "Get your own calls, and what was decided on each and why",
		long: `Get your own calls under a grant, in the order of the ledger: what each asked, and what was decided, by which clause or for what
reason. What is withheld of one is named, and of other people's calls there is their number. With --out it is written as lines of JSON,
one an entry; without, it is a table. The grant may be left out where you have one.`,
		example: "narthex export\nnarthex export --grant grt_… --out calls.jsonl",
		run:     func(ctx context.Context, _ []string) error { return a.exportCalls(ctx, o) }})
	c.Flags().StringVar(&o.grant, "grant", "", "the grant; may be left out where you have one")
	c.Flags().StringVar(&o.out, "out", "", "write lines of JSON to this new file")
	return c
}

func (a *app) exportCalls(ctx context.Context, o exportOut) error {
	c, _, err := a.member()
	if err != nil {
		return err
	}
	var named []string
	if o.grant != "" {
		named = []string{o.grant}
	}
	id, err := theGrant(ctx, c, named)
	if err != nil {
		return err
	}
	if o.out != "" {
		return a.writeCalls(ctx, c, id, o.out)
	}
	all := client.CallList{Calls: []client.CallLine{}}
	err = eachCall(ctx, c, id, func(page client.CallList) error {
		all.Calls, all.Others, all.Size = append(all.Calls, page.Calls...), all.Others+page.Others, page.Size
		return nil
	})
	if err != nil {
		return err
	}
	t := newTable("WHEN", "CALL", "WHAT", "ON", "CLAUSE OR REASON", "WITHHELD")
	for _, line := range all.Calls {
		t.row(callCells(line)...)
	}
	return a.show(all, func(p *page) {
		if len(t.rows) == 0 {
			p.line("no call of yours under this grant yet")
		} else {
			p.table(t)
		}
		if all.Others > 0 {
			p.line("withheld: %d entries about other people's calls", all.Others)
		}
	})
}

// callCells shows what an entry tells of a call.
func callCells(line client.CallLine) []string {
	what, why := map[narthex.EntryType]string{narthex.EntryCallIntent: "allowed", narthex.EntryCallOutcome: line.Status, narthex.EntryCallDenied: "denied", narthex.EntryCallRead: "looked up " + line.Read}[line.What], line.Clauses
	for _, reason := range line.Reasons {
		clause, _, _ := strings.Cut(reason.Clause, "@")
		why = strings.TrimSpace(why + " " + clause + " " + reason.Says)
	}
	return []string{day(line.At), string(line.Call), what, string(line.Asset), why, strings.Join(line.Withheld, " ")}
}

// eachCall goes through the pages.
func eachCall(ctx context.Context, c *client.Client, id narthex.GrantID, take func(client.CallList) error) error {
	of := client.Page{Limit: 500}
	for {
		page, err := c.Calls(ctx, id, of)
		if err != nil {
			return err
		}
		if err := take(page); err != nil || page.Next == "" {
			return err
		}
		of.After = page.Next
	}
}

// writeCalls writes the lines as they come, and what was withheld as the last.
func (a *app) writeCalls(ctx context.Context, c *client.Client, id narthex.GrantID, path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fileError("written", path, err)
	}
	defer file.Close()
	out, lines, others := bufio.NewWriter(file), 0, 0
	put := func(v any) error {
		line, err := evidence.Line(v)
		if err == nil {
			if _, failed := out.Write(line); failed != nil {
				err = fileError("written", path, failed)
			}
		}
		return err
	}
	err = eachCall(ctx, c, id, func(page client.CallList) error {
		others += page.Others
		for _, line := range page.Calls {
			lines++
			if err := put(line); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = put(map[string]int{"end": lines, "others_withheld": others})
	}
	if err == nil {
		if failed := out.Flush(); failed != nil {
			err = fileError("written", path, failed)
		}
	}
	if err == nil {
		if failed := file.Sync(); failed != nil {
			err = fileError("written", path, failed)
		}
	}
	if err != nil {
		return err
	}
	a.say("wrote %d lines to %s; %d entries about other people's calls are withheld", lines, path, others)
	return nil
}
