package cli

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
)

func (a *app) lock() *cobra.Command {
	var in client.LockRequest
	var reason string
	c := a.command(leaf{
		use: "lock SUBJECT TARGET", short: "Stop something at once: when the command returns, every live call on it has ended",
		long: `Stop a person, org, engagement, grant, key, asset or region at once. When the command returns, every live call that it concerns has
ended. Whoever is locked out is told the reason and the note, and where to appeal. Lifting a lock takes another person.

TARGET is an identifier, or an asset's name, or a person's handle or address. A region is a country's two letters: the lock
stops everyone from outside who works there, and everyone of whom it is not known where they work.
Reasons: ` + joined(narthex.LockReasons()),
		example:  "narthex lock grant grt_… --reason suspected_exfiltration --note 'odd volume since noon'\nnarthex lock person ada@uni.example --reason compromised_credential\nnarthex lock region us --reason legal_order\nnarthex lock list",
		complete: append([]string{"list"}, asText(narthex.LockSubjects())...),
		run: func(ctx context.Context, args []string) error {
			in.Subject, in.Target, in.Reason = narthex.LockSubject(args[0]), args[1], narthex.LockReason(reason)
			return a.lockOne(ctx, in)
		}})
	c.Flags().StringVar(&reason, "reason", "", "why, one of the list")
	c.Flags().StringVar(&in.Note, "note", "", "in your words, for the one locked out")
	oneOf(c, "reason", narthex.LockReasons())
	c.AddCommand(a.command(leaf{use: "list", short: "List the locks in force", example: "narthex lock list",
		run: func(ctx context.Context, _ []string) error { return a.lockList(ctx) }}))
	return c
}

func asText[S ~string](values []S) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out
}

func (a *app) lockOne(ctx context.Context, in client.LockRequest) error {
	if !slices.Contains(narthex.LockSubjects(), in.Subject) {
		return problem(narthex.Invalid, "lock one of: "+joined(narthex.LockSubjects()), "there is no such kind of thing to lock")
	}
	if !slices.Contains(narthex.LockReasons(), in.Reason) {
		return problem(narthex.Invalid, "give one with --reason: "+joined(narthex.LockReasons()), "a lock has a reason of the list")
	}
	c, _, err := a.member()
	if err != nil {
		return err
	}
	if in.Subject == "person" {
		person, err := findPerson(ctx, c, in.Target)
		if err != nil {
			return err
		}
		in.Target = string(person)
	}
	locked, err := c.Lock(ctx, in)
	if err != nil {
		return err
	}
	return a.show(locked, func(p *page) {
		p.line("locked %s %s: %s", locked.Lock.Subject, locked.Lock.Target, locked.Lock.ID)
		p.line("live calls ended: %d", locked.Streams)
		p.line("another person of security, or a custodian, lifts it with: narthex unlock %s", locked.Lock.ID)
	})
}

func (a *app) lockList(ctx context.Context) error {
	c, _, err := a.member()
	if err != nil {
		return err
	}
	list, err := c.Locks(ctx)
	if err != nil {
		return err
	}
	t := newTable("ID", "SUBJECT", "TARGET", "REASON", "SINCE", "NOTE")
	for _, l := range list.Locks {
		t.row(string(l.ID), string(l.Subject), l.Target, string(l.Reason), day(l.At), l.Note)
	}
	return a.list(list, t, "nothing is locked; `narthex lock SUBJECT TARGET --reason CODE` stops something at once")
}

func (a *app) unlock() *cobra.Command {
	return a.command(leaf{
		use: "unlock LOCK", short: "Lift a lock that someone else set",
		example: "narthex lock list\nnarthex unlock lck_…",
		run: func(ctx context.Context, args []string) error {
			id, err := parseID[narthex.LockID](args[0], "`narthex lock list` shows identifiers")
			if err != nil {
				return err
			}
			c, _, err := a.member()
			if err != nil {
				return err
			}
			lifted, err := c.Unlock(ctx, id)
			if err != nil {
				return err
			}
			return a.show(lifted, func(p *page) { p.line("lifted %s on %s %s", lifted.ID, lifted.Subject, lifted.Target) })
		}})
}
