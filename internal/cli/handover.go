package cli

import (
	"context"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
)

func (a *app) handBack() *cobra.Command {
	var reason string
	c := a.command(leaf{
		use: "hand-back [ID]", short: "Hand a grant back before its end, for good",
		long: `Hand a grant back before its end, as its applicant. It ends at once for everyone whom it names, with its keys and every live call, and the
engagement goes to closeout. ID may be left out where you have one grant.`,
		example: "narthex grant hand-back --reason 'the work is done'\nnarthex grant hand-back grt_… --reason 'we found another way'",
		run: func(ctx context.Context, args []string) error {
			if reason == "" {
				return problem(narthex.Invalid, "give it with --reason", "it takes words to hand a grant back")
			}
			return a.leaveBy(ctx, args, "end", reason, "Hand the grant back for good?", "handed back %s; %s goes to closeout")
		}})
	c.Flags().StringVar(&reason, "reason", "", "why, for the record")
	return c
}

func (a *app) leaveGrant() *cobra.Command {
	return a.command(leaf{
		use: "leave [ID]", short: "Leave a team: your keys of the grant end, and the others keep theirs",
		long:    "Leave an engagement of which you are a member. Your keys of its grant end at once, with their live calls, and you have no new ones; the\ngrant goes on for the others. An applicant hands the grant back instead.",
		example: "narthex grant leave\nnarthex grant leave grt_…",
		run: func(ctx context.Context, args []string) error {
			return a.leaveBy(ctx, args, "leave", "", "Leave the team, with your keys?", "left the grant %s of %s; your keys of it are revoked")
		}})
}

// leaveBy gives a command on the engagement of a grant that is named, or the only one.
func (a *app) leaveBy(ctx context.Context, args []string, command, reason, ask, done string) error {
	c, _, err := a.member()
	if err != nil {
		return err
	}
	id, err := theGrant(ctx, c, args)
	if err != nil {
		return err
	}
	grant, err := c.Grant(ctx, id)
	if err != nil {
		return err
	}
	if err := a.confirm(ask); err != nil {
		return err
	}
	view, err := c.Command(ctx, grant.Grant.Engagement, command, client.Command{Text: reason})
	if err != nil {
		return err
	}
	return a.show(view, func(p *page) { p.line(done, id, view.Engagement.ID) })
}

func (a *app) transfer() *cobra.Command {
	var to string
	c := a.command(leaf{
		use: "transfer ID", short: "Ask someone else of the lab to be the sponsor",
		long: `Ask someone else of the lab to be the sponsor of an engagement whose grant is in force, as its applicant or as the sponsor whom it has.
When they take it, ` + "`narthex engagements take`" + `, the part of the one of before ends. Nobody who decided on it or signed for it can take it, and
whoever takes it decides nothing on it any more. The agreement stays as it was signed.`,
		example: "narthex engagements transfer eng_… --to sara@lab.example",
		run: func(ctx context.Context, args []string) error {
			if to == "" {
				return problem(narthex.Invalid, "name them with --to, by identifier or address", "a transfer is to someone")
			}
			id, err := engagementID(args[0])
			if err != nil {
				return err
			}
			c, _, err := a.member()
			if err != nil {
				return err
			}
			person, err := findPerson(ctx, c, to)
			if err != nil {
				return err
			}
			view, err := c.Command(ctx, id, "transfer", client.Command{Person: person})
			if err != nil {
				return err
			}
			return a.show(view, func(p *page) {
				p.line("asked %s to be the sponsor of %s; it is theirs when they take it: `narthex engagements take %s`", to, id, id)
			})
		}})
	c.Flags().StringVar(&to, "to", "", "who is to be the sponsor: an identifier or an address")
	return c
}

func (a *app) amend() *cobra.Command {
	var from, where string
	var files []string
	var days int
	c := a.command(leaf{
		use: "amend ID", short: "Apply for other terms, other people or more days of what is in force",
		long: `Begin an application that is to take the place of an engagement in force, as its applicant: for more days with --days, which is how a grant is
renewed, or for what a file says with --from. It is a draft of its own: submit it, and it is decided, offered and signed as any other. Until
every party has signed nothing changes, and where it is declined or withdrawn the grant stays as it is. With the last signature the grant of before
ends with its keys, and what was used of it counts against the budgets of the new one, so that no renewal refills a budget; make new keys.
The days run from when the new agreement is offered.`,
		example: "narthex engagements amend eng_… --days 180\nnarthex engagements amend eng_… --from application.yaml",
		run: func(ctx context.Context, args []string) error {
			if from == "" && days == 0 {
				return problem(narthex.Invalid, "give --days, --from or both", "an amendment is for other days, other terms or both")
			}
			return a.change(ctx, args[0], from, files, where, func(c *client.Client, id narthex.EngagementID, draft *client.Draft) (client.EngagementView, error) {
				return c.Amend(ctx, id, client.Amend{Draft: draft, Days: days})
			})
		}})
	c.Flags().StringVar(&from, "from", "", "the application, a YAML file, or - for standard input")
	c.Flags().IntVar(&days, "days", 0, "for how many days")
	attachFlags(c, &files, &where)
	return c
}
