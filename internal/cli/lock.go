package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
)

func (a *app) lock() *cobra.Command {
	var in client.LockRequest
	var reason, silent string
	c := a.command(leaf{
		use: "lock SUBJECT TARGET", short: "Stop something at once: when the command returns, every live call on it has ended",
		long: `Stop a person, org, engagement, grant, key, asset, region or nationality at once. When the command returns, every live call that it
concerns has ended. Whoever is locked out is told the reason and the note, and where to appeal, and someone else looks at the lock
by a date. Lifting it takes another person. Where a legal order forbids to tell, --silent-until says until when nobody is told.

TARGET is an identifier, or an asset's name, or a person's handle or address. A region or a nationality is a country's two letters:
the lock stops everyone from outside who works there, or is its national, and everyone of whom that is not known.
A lock that reaches access under a safe harbour has a reason that its agreement lists; one on a key or an asset has any.
Reasons: ` + joined(narthex.LockReasons()),
		example:  "narthex lock grant grt_… --reason suspected_exfiltration --note 'odd volume since noon'\nnarthex lock person ada@uni.example --reason compromised_credential\nnarthex lock region us --reason legal_order\nnarthex lock engagement eng_… --reason legal_order --silent-until 2027-01-31\nnarthex lock list",
		complete: append([]string{"list", "appeal", "review", "silence"}, asText(narthex.LockSubjects())...),
		run: func(ctx context.Context, args []string) error {
			in.Subject, in.Target, in.Reason = narthex.LockSubject(args[0]), args[1], narthex.LockReason(reason)
			if silent != "" {
				var err error
				if in.SilentUntil, err = instant("silent-until", silent); err != nil {
					return err
				}
			}
			return a.lockOne(ctx, in)
		}})
	c.Flags().StringVar(&reason, "reason", "", "why, one of the list")
	c.Flags().StringVar(&in.Note, "note", "", "in your words, for the one locked out")
	c.Flags().StringVar(&silent, "silent-until", "", "until when a legal order forbids to tell of it, such as 2027-01-31")
	oneOf(c, "reason", narthex.LockReasons())
	c.AddCommand(a.lockAppeal(), a.lockReview(), a.lockSilence(), a.command(leaf{use: "list", short: "List the locks in force that you may know of: of those outside the lab, what stops them", example: "narthex lock list",
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
	if in.Reason == "" {
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
		if locked.Lock.Silent(a.now()) {
			p.line("nobody whom it stops is told before %s", day(locked.Lock.SilentUntil))
		}
		if !locked.Lock.ReviewBy.IsZero() {
			p.line("someone else looks at it by %s: narthex lock review %s", day(locked.Lock.ReviewBy), locked.Lock.ID)
		}
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
	t := newTable("ID", "SUBJECT", "TARGET", "REASON", "SINCE", "REVIEW BY", "APPEALS", "SILENT UNTIL", "NOTE")
	for _, l := range list.Locks {
		review, silent := "", ""
		if !l.ReviewBy.IsZero() {
			review = day(l.ReviewBy)
		}
		if !l.SilentUntil.IsZero() {
			silent = day(l.SilentUntil)
		}
		appeals := ""
		switch {
		case l.Open():
			appeals = "open"
		case len(l.Appeals) > 0:
			appeals = "answered"
		}
		t.row(string(l.ID), string(l.Subject), l.Target, string(l.Reason), day(l.At), review, appeals, silent, l.Note)
	}
	return a.list(list, t, "nothing is locked; `narthex lock SUBJECT TARGET --reason CODE` stops something at once")
}

// instant reads a flag's day or instant.
func instant(flag, text string) (time.Time, error) {
	for _, form := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(form, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, problem(narthex.Invalid, "give it such as 2027-01-31, or 2027-01-31T12:00:00Z", "--%s is no day", flag)
}

const lockNext = "`narthex lock list` shows identifiers"

func (a *app) lockAppeal() *cobra.Command {
	var in client.LockAppeal
	var byKey bool
	var person string
	c := a.command(leaf{
		use: "appeal LOCK", short: "Appeal against a lock that stops you, once for each side",
		long: `Say why a lock is wrong. Someone who did not set it answers by a date, and the answer stands with the lock. The people of one
organisation appeal once. With --key, the API key in NARTHEX_KEY hands it in: that works while its grant is locked, and without a
log-in. An official of the institution can hand it in for a colleague, and the lab's programme, with --for, for whom the lock keeps out.`,
		example: "narthex lock appeal lck_… --text 'the volume was the agreed load test of 3 May'\nNARTHEX_KEY=nx_… narthex lock appeal lck_… --key --url https://narthex.lab.example --text '…'",
		run: func(ctx context.Context, args []string) error {
			id, err := parseID[narthex.LockID](args[0], lockNext)
			if err != nil {
				return err
			}
			if in.Text == "" {
				return problem(narthex.Invalid, "give it with --text", "an appeal says why the lock is wrong")
			}
			lock, err := a.appeal(ctx, id, in, byKey, person)
			if err != nil {
				return err
			}
			return a.show(lock, func(p *page) {
				p.line("appealed against %s; it is answered by %s", lock.ID, day(lock.ReviewBy))
			})
		}})
	c.Flags().StringVar(&in.Text, "text", "", "why the lock is wrong")
	c.Flags().StringVar(&person, "for", "", "the person whom the lock keeps out, where the programme hands it in")
	c.Flags().BoolVar(&byKey, "key", false, "hand it in with the API key in NARTHEX_KEY")
	return c
}

func (a *app) appeal(ctx context.Context, id narthex.LockID, in client.LockAppeal, byKey bool, person string) (narthex.Lock, error) {
	if byKey {
		key := a.env.Getenv("NARTHEX_KEY")
		if key == "" || person != "" {
			return narthex.Lock{}, problem(narthex.Invalid, "set NARTHEX_KEY to the API key, and leave out --for", "with --key, the API key in NARTHEX_KEY hands in its own appeal")
		}
		c, err := a.visitor()
		if err != nil {
			return narthex.Lock{}, err
		}
		return c.With(key).AppealWithKey(ctx, client.KeyAppeal{Lock: id, Text: in.Text})
	}
	c, _, err := a.member()
	if err != nil {
		return narthex.Lock{}, err
	}
	if person != "" {
		if in.For, err = findPerson(ctx, c, person); err != nil {
			return narthex.Lock{}, err
		}
	}
	return c.AppealLock(ctx, id, in)
}

func (a *app) lockReview() *cobra.Command {
	var in client.ReviewLock
	var outcome string
	c := a.command(leaf{
		use: "review LOCK", short: "Look at a lock that someone else set: it stays, or is lifted, and its appeals are answered",
		example: "narthex lock review lck_… --outcome upheld --text 'the key was found on a public page'\nnarthex lock review lck_… --outcome lifted --text 'it was the agreed load test'",
		run: func(ctx context.Context, args []string) error {
			id, err := parseID[narthex.LockID](args[0], lockNext)
			if err != nil {
				return err
			}
			in.Outcome = narthex.LockOutcome(outcome)
			c, _, err := a.member()
			if err != nil {
				return err
			}
			lock, err := c.ReviewLock(ctx, id, in)
			if err != nil {
				return err
			}
			return a.show(lock, func(p *page) { p.line("%s is %s; whom it stops can read why", lock.ID, in.Outcome) })
		}})
	c.Flags().StringVar(&outcome, "outcome", "", "upheld or lifted")
	c.Flags().StringVar(&in.Text, "text", "", "why")
	oneOf(c, "outcome", []narthex.LockOutcome{narthex.LockUpheld, narthex.LockWasLifted})
	return c
}

func (a *app) lockSilence() *cobra.Command {
	var until string
	c := a.command(leaf{
		use: "silence LOCK", short: "Say until when nobody may tell of a lock under a legal order, or end that",
		example: "narthex lock silence lck_… --until 2027-06-30\nnarthex lock silence lck_… --until 2026-01-01  # in the past: they are told now",
		run: func(ctx context.Context, args []string) error {
			id, err := parseID[narthex.LockID](args[0], lockNext)
			if err != nil {
				return err
			}
			at, err := instant("until", until)
			if err != nil {
				return err
			}
			c, _, err := a.member()
			if err != nil {
				return err
			}
			lock, err := c.SilenceLock(ctx, id, client.LockSilence{Until: at})
			if err != nil {
				return err
			}
			return a.show(lock, func(p *page) { p.line("%s is silent until %s", lock.ID, day(lock.SilentUntil)) })
		}})
	c.Flags().StringVar(&until, "until", "", "a day, such as 2027-06-30")
	return c
}

// writeLocks shows the locks that stop something: why, since when, by when they are looked at, and how to appeal.
func writeLocks(p *page, locks []narthex.Lock) {
	for _, l := range locks {
		line := fmt.Sprintf("%s %s, %s, since %s. %s", l.Subject, l.Target, words([]narthex.LockReason{l.Reason}), day(l.At), l.Note)
		p.mark("locked:", red, strings.TrimSpace(line))
		if !l.ReviewBy.IsZero() {
			p.line("  someone who did not set it looks at it by %s", day(l.ReviewBy))
		}
		for _, r := range l.Reviews {
			p.line("  %s on %s: %s", r.Outcome, day(r.At), r.Text)
		}
		if len(l.Appeals) == 0 {
			p.line("  to appeal, once: narthex lock appeal %s --text '…'", l.ID)
		} else {
			p.line("  appealed on %s", day(l.Appeals[len(l.Appeals)-1].At))
		}
	}
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
