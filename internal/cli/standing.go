package cli

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
)

func (a *app) standing() *cobra.Command {
	return a.group("standing", "What grants rest on: training, affiliation, screening, recertification",
		a.command(leaf{
			use: "show [PERSON]", short: "Show what is recorded of a person: yours, where you name nobody",
			long:    "Show what is recorded of a person's training, affiliation, screening and recertifications, from when and until when, and by\nwhom. PERSON is an identifier or an address. What a grant rests on, and what of it lapses next, is in `narthex grant show`.",
			example: "narthex standing show\nnarthex standing show ada@uni.example",
			run: func(ctx context.Context, args []string) error {
				c, p, err := a.member()
				if err != nil {
					return err
				}
				id := p.Person
				if len(args) > 0 {
					if id, err = findPerson(ctx, c, args[0]); err != nil {
						return err
					}
				}
				view, err := c.Standing(ctx, id)
				if err != nil {
					return err
				}
				return a.writeStanding(view)
			}}),
		a.recordStanding(), a.takeBackStanding(), a.recertify("state", "State that an engagement's purpose and people are still so",
			`State, as its applicant, that an engagement's purpose and people are still those of the application that was agreed. It counts when
the sponsor or an official of your organisation confirms it, and then for the days that the agreement says. If they are not, hand
the grant back: `+"`narthex grant hand-back`.", (*client.Client).State),
		a.recertify("confirm", "Confirm what the applicant stated",
			`Confirm, as the sponsor or as an official of the applicant's organisation, that an engagement's purpose and people are still those
that were agreed. The applicant states it first.`, (*client.Client).Confirm))
}

func (a *app) writeStanding(view client.StandingView) error {
	t := newTable("KIND", "OF", "FROM", "UNTIL", "BY", "NOTE")
	for _, s := range view.Standings {
		var from, until, by string
		if !s.From.IsZero() {
			from, until, by = day(s.From), day(s.Until), cmp.Or(view.People[string(s.By)], string(s.By))
		}
		t.row(string(s.Kind), s.Name, from, until, by, standingNote(s))
	}
	return a.list(view, t, "nothing is recorded of "+view.Name+"; what a grant rests on is in `narthex grant show`")
}

func standingNote(s narthex.Standing) string {
	var notes []string
	if !s.StatedAt.IsZero() {
		notes = append(notes, "stated "+day(s.StatedAt)+", to be confirmed")
	}
	if !s.WithdrawnAt.IsZero() {
		notes = append(notes, "taken back "+day(s.WithdrawnAt))
	}
	return strings.Join(notes, "; ")
}

func (a *app) recordStanding() *cobra.Command {
	var from, until string
	c := a.command(leaf{
		use: "record PERSON KIND [NAME]", short: "Record a training, a screening or an affiliation",
		long: `Record that a person has taken a training, passed a screening, or belongs to their organisation. Grants that rest on it serve from the
next call on. Training and screening are recorded by the lab's programme or security, an affiliation by an official of the person's
own organisation, and nobody's by themselves. NAME is the course or the level as the pathway writes it under rests_on. An agreement
may count a word for fewer days than it lasts.`,
		example: "narthex standing record ada@uni.example training secure-handling --from 2026-02-01\nnarthex standing record ada@uni.example affiliation --until 2026-12-31",
		run: func(ctx context.Context, args []string) error {
			in := client.RecordStanding{Kind: narthex.StandingKind(args[1])}
			if len(args) > 2 {
				in.Name = args[2]
			}
			for _, at := range []struct {
				text, flag string
				into       *time.Time
			}{{from, "--from", &in.From}, {until, "--until", &in.Until}} {
				if at.text == "" {
					continue
				}
				t, err := time.Parse(time.DateOnly, at.text)
				if err != nil {
					return problem(narthex.Invalid, "as in "+at.flag+" 2026-03-01", "%s takes a day", at.flag)
				}
				*at.into = t
			}
			c, _, err := a.member()
			if err != nil {
				return err
			}
			id, err := findPerson(ctx, c, args[0])
			if err != nil {
				return err
			}
			view, err := c.RecordStanding(ctx, id, in)
			if err != nil {
				return err
			}
			return a.show(view, func(p *page) {
				s := narthex.FindStanding(view.Standings, in.Kind, in.Name)
				p.line("recorded the %s of %s, from %s until before %s", spacedName(in.Kind, in.Name), view.Name, day(s.From), day(s.Until))
			})
		}})
	c.Flags().StringVar(&from, "from", "", "the day from which it holds; today where it is left out")
	c.Flags().StringVar(&until, "until", "", "the day on which it ends; a year after the first where it is left out")
	return c
}

func (a *app) takeBackStanding() *cobra.Command {
	return a.command(leaf{
		use: "withdraw PERSON KIND [NAME]", short: "Take a standing back at once",
		long: `Take a training, a screening, an affiliation or a recertification back. Grants that rest on it stop at their next call. Whoever may record it
may do so, and the lab's programme, security and custodians. NAME is the course or the level, or the engagement of a recertification.
It also ends what a signature or an authorisation of before stands for, until it is recorded anew.`,
		example: "narthex standing withdraw ada@uni.example affiliation\nnarthex standing withdraw ada@uni.example recertification eng_…",
		run: func(ctx context.Context, args []string) error {
			in := client.TakeBackStanding{Kind: narthex.StandingKind(args[1])}
			if len(args) > 2 {
				in.Name = args[2]
			}
			c, _, err := a.member()
			if err != nil {
				return err
			}
			id, err := findPerson(ctx, c, args[0])
			if err != nil {
				return err
			}
			if err := a.confirm("Take the " + spacedName(in.Kind, in.Name) + " of " + args[0] + " back?"); err != nil {
				return err
			}
			view, err := c.TakeBackStanding(ctx, id, in)
			if err != nil {
				return err
			}
			return a.show(view, func(p *page) {
				p.line("took back the %s of %s; what rests on it stops at the next call", spacedName(in.Kind, in.Name), view.Name)
			})
		}})
}

// recertify is one of the two acts of a recertification, on the application as it stands.
func (a *app) recertify(use, short, long string, act func(*client.Client, context.Context, narthex.EngagementID, client.Recertify) (client.StandingView, error)) *cobra.Command {
	return a.command(leaf{
		use: use + " ENGAGEMENT", short: short, long: long,
		example: "narthex standing " + use + " eng_…",
		run: func(ctx context.Context, args []string) error {
			id, err := parseID[narthex.EngagementID](args[0], "`narthex engagements list` shows identifiers")
			if err != nil {
				return err
			}
			c, _, err := a.member()
			if err != nil {
				return err
			}
			e, err := c.Engagement(ctx, id)
			if err != nil {
				return err
			}
			view, err := act(c, ctx, id, client.Recertify{Saw: e.Engagement.Digest})
			if err != nil {
				return err
			}
			return a.show(view, func(p *page) {
				s := narthex.FindStanding(view.Standings, narthex.Recertification, string(id))
				if !s.StatedAt.IsZero() {
					p.line("stated for %s; it counts when the sponsor or an official of your organisation confirms it: `narthex standing confirm %s`", e.Engagement.Application.Title, id)
					return
				}
				p.line("recertified %s until before %s", e.Engagement.Application.Title, day(s.Until))
			})
		}})
}

func spacedName(kind narthex.StandingKind, name string) string {
	return strings.TrimSpace(string(kind) + " " + name)
}

// restTable lists what a grant rests on: what does not hold first, then what lapses next.
func restTable(rests []client.RestView) *table {
	t := newTable("CLAUSE", "WHAT", "OF", "STATE", "UNTIL", "RENEWED BY")
	for _, r := range rests {
		state, until := "holds", ""
		if !r.Holds {
			state = "does not hold"
		}
		if !r.Stated.IsZero() {
			state += ", stated"
		}
		if !r.Until.IsZero() {
			until = day(r.Until)
		}
		t.row(r.Clause, spacedName(r.Kind, r.Name), r.Who, state, until, r.Renews)
	}
	return t
}

func restInWords(r client.RestView) string {
	what := spacedName(r.Kind, r.Name) + " of " + r.Who
	switch {
	case r.Until.IsZero():
		return what + " is missing"
	case r.Holds:
		return what + " lapses " + day(r.Until)
	}
	return what + " lapsed " + day(r.Until)
}

// standingNext is the command line that renews what lapses.
func standingNext(item client.WorkItem) string {
	r := item.Lapses
	switch {
	case r == nil:
		return "narthex grant show"
	case r.Kind == narthex.Recertification && r.Stated.IsZero():
		return "narthex standing state " + string(item.Engagement)
	case r.Kind == narthex.Recertification:
		return "narthex standing confirm " + string(item.Engagement)
	}
	return strings.TrimSpace("narthex standing record " + string(r.Person) + " " + spacedName(r.Kind, r.Name))
}
