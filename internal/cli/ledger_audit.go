package cli

import (
	"context"
	"maps"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
	"narthex/internal/audit"
)

func (a *app) ledgerAudit() *cobra.Command {
	var dir string
	var last bool
	c := a.command(leaf{
		use: "audit", short: "Hold the tables to what the ledger's entries say, for auditors and custodians",
		long: `Fold every entry into what the tables must hold and compare the two, row by row: an entry without its effect, an effect
without its entry, budgets that were not counted as recorded. A node does so by itself: of what is new at its start, and of all
within the hour; --last shows what it found. With --dir, audit the data directory of a node that is stopped or was killed.

What hangs on openings that were erased is counted and is no difference. Names, addresses, labels and notes are in no entry and
are not compared.`,
		example: "narthex ledger audit\nnarthex ledger audit --last\nnarthex ledger audit --dir /var/lib/narthex --json",
		run: func(ctx context.Context, _ []string) error {
			if dir != "" && last {
				return problem(narthex.Invalid, "leave one of them out", "--last is what a running node found, and --dir a stopped one's data")
			}
			report, err := a.auditOf(ctx, dir, last)
			if err != nil {
				return err
			}
			if err := a.show(report, func(p *page) { writeAudit(p, report) }); err != nil {
				return err
			}
			if n := len(report.Differences) + report.More; n > 0 {
				return problem(narthex.Conflict, "keep the data as it is; `narthex ledger verify` says whether the entries are whole, and a backup has the rows as they were", "the tables are not what the ledger's entries say: %d differences", n)
			}
			return nil
		}})
	c.Flags().StringVar(&dir, "dir", "", "the data directory of a node that does not run")
	c.Flags().BoolVar(&last, "last", false, "show what the node found the last time")
	return c
}

func (a *app) auditOf(ctx context.Context, dir string, last bool) (client.Audit, error) {
	if dir != "" {
		if a.env.AuditDir == nil {
			return client.Audit{}, a.notBuilt("audit a data directory")
		}
		return a.env.AuditDir(ctx, dir)
	}
	c, _, err := a.member()
	if err != nil {
		return client.Audit{}, err
	}
	return c.Audit(ctx, last)
}

func writeAudit(p *page, r client.Audit) {
	if len(r.Differences) == 0 {
		p.line("the tables are what the ledger's entries say")
	}
	fields := [][2]string{{"entries", strconv.FormatUint(r.Size, 10)}, {"opened", strconv.FormatUint(r.Opened, 10)}, {"erased", strconv.FormatUint(r.Erased, 10)},
		{"cannot be told", strconv.Itoa(r.Untold)}, {"calls open", strconv.Itoa(r.OpenCalls)}, {"differences", strconv.Itoa(len(r.Differences) + r.More)}}
	if !r.At.IsZero() {
		fields = append(fields, [2]string{"audited", day(r.At)})
	}
	if r.Snapshot > 0 {
		fields = append(fields, [2]string{"from the snapshot of", strconv.FormatUint(r.Snapshot, 10) + " entries"})
	}
	p.fields(fields...)
	if len(r.Rows) > 0 {
		p.blank()
		t := newTable("TABLE", "ROWS")
		for _, name := range slices.Sorted(maps.Keys(r.Rows)) {
			t.row(name, strconv.Itoa(r.Rows[name]))
		}
		p.table(t)
	}
	for _, d := range r.Differences {
		p.line("%s", audit.InWords(d))
	}
	if r.More > 0 {
		p.line("and %d more", r.More)
	}
}
