package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
)

func (a *app) incidents() *cobra.Command {
	return a.group("incidents", "What went wrong in an engagement: open, list, resolve", a.incidentOpen(), a.incidentResolve(),
		a.command(leaf{use: "list ENGAGEMENT", short: "List an engagement's incidents", example: "narthex incidents list eng_…",
			run: func(ctx context.Context, args []string) error {
				id, c, err := a.engagementNamed(args[0])
				if err != nil {
					return err
				}
				list, err := c.Incidents(ctx, id)
				if err != nil {
					return err
				}
				return a.showIncidents(list)
			}}))
}

func (a *app) engagementNamed(text string) (narthex.EngagementID, *client.Client, error) {
	id, err := parseID[narthex.EngagementID](text, "`narthex engagements list` shows identifiers")
	if err != nil {
		return "", nil, err
	}
	c, _, err := a.member()
	return id, c, err
}

func (a *app) showIncidents(list client.IncidentList) error {
	t := newTable("NUMBER", "KIND", "SEVERITY", "WHEN", "STATE", "ASSETS", "TOLD", "WHAT")
	for _, i := range list.Incidents {
		state := "open"
		if !i.Open() {
			state = words([]narthex.IncidentOutcome{i.Outcome})
		}
		t.row(fmt.Sprint(i.Number), words([]narthex.IncidentKind{i.Kind}), string(i.Severity), day(i.At), state, joined(i.Assets), strings.Join(i.Told, ", "), i.Text)
	}
	return a.list(list, t, "no incident was opened; `narthex incidents open ENGAGEMENT` opens one")
}

func (a *app) incidentOpen() *cobra.Command {
	var in client.OpenIncident
	var kind, severity, at, lock, reason, reportBy string
	var assets []string
	c := a.command(leaf{
		use: "open ENGAGEMENT", short: "Say that something went wrong, either side",
		long: `Open an incident of an engagement: what happened, when, with which assets, how bad it is and who was told. Both sides read it. It holds
the engagement's end back until someone else says what became of it. Whoever may lock can lock with it, in the same entry of the
ledger's history, and the lab can ask for a report by a date.

Kinds: ` + joined(narthex.IncidentKinds()),
		example: "narthex incidents open eng_… --kind credential_exposed --severity high --at 2026-11-24T09:00:00Z --text 'a key stood in a public notebook' --told 'our security team'\n" +
			"narthex incidents open eng_… --kind misuse --severity high --at 2026-11-24 --text '…' --lock grant:grt_… --reason suspected_exfiltration --report-by researcher --report-days 10",
		run: func(ctx context.Context, args []string) error {
			id, c, err := a.engagementNamed(args[0])
			if err != nil {
				return err
			}
			in.Kind, in.Severity, in.ReportBy = narthex.IncidentKind(kind), narthex.Severity(severity), narthex.PartyRole(reportBy)
			if in.At, err = instant("at", at); err != nil {
				return err
			}
			for _, name := range assets {
				in.Assets = append(in.Assets, narthex.AssetName(name))
			}
			if lock != "" {
				subject, target, _ := strings.Cut(lock, ":")
				in.Lock = &client.LockRequest{Subject: narthex.LockSubject(subject), Target: target, Reason: narthex.LockReason(reason)}
			}
			list, err := c.OpenIncident(ctx, id, in)
			if err != nil {
				return err
			}
			return a.showIncidents(list)
		}})
	f := c.Flags()
	f.StringVar(&kind, "kind", "", "what kind, of the list")
	f.StringVar(&severity, "severity", "", "low, moderate, high or critical")
	f.StringVar(&at, "at", "", "when it happened, such as 2026-11-24T09:00:00Z")
	f.StringVar(&in.Text, "text", "", "what happened")
	f.StringArrayVar(&in.Told, "told", nil, "who was told; once for each")
	f.StringArrayVar(&assets, "asset", nil, "an asset that it is about; once for each")
	f.StringVar(&lock, "lock", "", "what to lock with it, such as grant:grt_…")
	f.StringVar(&reason, "reason", "", "the reason of that lock")
	f.StringVar(&reportBy, "report-by", "", "who owes a report: researcher or institution")
	f.IntVar(&in.ReportDays, "report-days", 0, "in how many days")
	oneOf(c, "kind", narthex.IncidentKinds())
	oneOf(c, "severity", narthex.Severities())
	oneOf(c, "reason", narthex.LockReasons())
	return c
}

func (a *app) incidentResolve() *cobra.Command {
	var in client.ResolveIncident
	var outcome string
	c := a.command(leaf{
		use: "resolve ENGAGEMENT NUMBER", short: "Say what became of an incident that someone else opened",
		example: "narthex incidents resolve eng_… 1 --outcome contained --text 'the key was revoked before it was used'",
		run: func(ctx context.Context, args []string) error {
			id, c, err := a.engagementNamed(args[0])
			if err != nil {
				return err
			}
			if in.Number, err = strconv.Atoi(args[1]); err != nil {
				return problem(narthex.Invalid, "`narthex incidents list ENGAGEMENT` shows numbers", "an incident is named by its number")
			}
			in.Outcome = narthex.IncidentOutcome(outcome)
			list, err := c.ResolveIncident(ctx, id, in)
			if err != nil {
				return err
			}
			return a.showIncidents(list)
		}})
	c.Flags().StringVar(&outcome, "outcome", "", "what became of it: "+joined(narthex.IncidentOutcomes()))
	c.Flags().StringVar(&in.Text, "text", "", "what was found")
	oneOf(c, "outcome", narthex.IncidentOutcomes())
	return c
}
