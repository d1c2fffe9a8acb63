package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"narthex/client"
)

func (a *app) report() *cobra.Command {
	return a.command(leaf{
		use: "report", short: "Count what became of applications, and how long decisions took",
		long:    "Count what became of applications, for the programme, custodians and auditors: the funnel of each pathway over all time, how\nlong it took from the first submission to a decision, and how long each role took from the beginning of a review to its vote.",
		example: "narthex report\nnarthex report --json",
		run:     func(ctx context.Context, _ []string) error { return a.showReport(ctx) }})
}

func (a *app) showReport(ctx context.Context) error {
	c, _, err := a.member()
	if err != nil {
		return err
	}
	r, err := c.Report(ctx)
	if err != nil {
		return err
	}
	return a.show(r, func(p *page) {
		p.fields([2]string{"at", day(r.At)}, [2]string{"late reviews", fmt.Sprint(r.Overdue)}, [2]string{"partial insiders", fmt.Sprint(r.Insiders)},
			[2]string{"people of the lab", fmt.Sprint(r.Staff)}, [2]string{"insiders each", fmt.Sprint(r.InsidersPerStaff)})
		p.heading("Pathways")
		t := newTable("PATHWAY", "DRAFTS", "SUBMITTED", "OFFERED", "GRANTED", "DECLINED", "WITHDRAWN", "RUNNING", "LATE")
		for _, w := range r.Pathways {
			t.row(string(w.Pathway), fmt.Sprint(w.Drafts), fmt.Sprint(w.Submitted), fmt.Sprint(w.Offered), fmt.Sprint(w.Granted), fmt.Sprint(w.Declined), fmt.Sprint(w.Withdrawn), fmt.Sprint(w.Running), fmt.Sprint(w.Overdue))
		}
		p.table(t)
		writePublicationReport(p, r.Publications)
		if r.Incidents.Open+r.Incidents.Resolved > 0 {
			p.heading("Incidents")
			p.fields([2]string{"open", fmt.Sprint(r.Incidents.Open)}, [2]string{"resolved", fmt.Sprint(r.Incidents.Resolved)})
			for _, kind := range slices.Sorted(maps.Keys(r.Incidents.Kinds)) {
				p.fields([2]string{strings.ReplaceAll(string(kind), "_", " "), fmt.Sprint(r.Incidents.Kinds[kind])})
			}
		}
		p.heading("How long it took")
		t = newTable("PATHWAY", "WHAT", "TIMES", "MEDIAN", "9 OF 10 WITHIN")
		for _, w := range r.Pathways {
			t.row(append([]string{string(w.Pathway), "decision"}, tookCells(w.Decisions)...)...)
			for _, role := range slices.Sorted(maps.Keys(w.Roles)) {
				t.row(append([]string{"", strings.ReplaceAll(string(role), "_", " ")}, tookCells(w.Roles[role])...)...)
			}
		}
		p.table(t)
	})
}

func tookCells(t client.TimesTaken) []string {
	if t.Count == 0 {
		return []string{"0", "", ""}
	}
	return []string{fmt.Sprint(t.Count), hoursInWords(t.MedianHours), hoursInWords(t.P90Hours)}
}

// hoursInWords is a time taken, in hours below two days and in days from there on.
func hoursInWords(h float64) string {
	if h < 48 {
		return fmt.Sprintf("%.1f hours", h)
	}
	return fmt.Sprintf("%.1f days", h/24)
}

func writePublicationReport(p *page, r client.PublicationReport) {
	if r.Manuscripts == 0 {
		return
	}
	p.heading("Manuscripts")
	t := newTable("ALL", "OPEN", "OVERDUE", "CLEARED", "BY SILENCE", "PUBLISHED", "EXTENDED", "REDACTIONS", "APPLIED", "DROPPED", "LAPSED")
	t.row(fmt.Sprint(r.Manuscripts), fmt.Sprint(r.Open), fmt.Sprint(r.Overdue), fmt.Sprint(r.Cleared), fmt.Sprint(r.ClearedBySilence), fmt.Sprint(r.Published), fmt.Sprint(r.Extended),
		fmt.Sprint(r.Redactions), fmt.Sprint(r.Applied), fmt.Sprint(r.Dropped), fmt.Sprint(r.Lapsed))
	p.table(t)
}
