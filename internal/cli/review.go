package cli

import (
	"cmp"
	"context"
	"strings"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
)

func (a *app) review() *cobra.Command {
	var all bool
	var of client.Page
	list := a.command(leaf{
		use: "list", short: "List what waits for your review",
		example: "narthex review list\nnarthex review list --all",
		run:     func(ctx context.Context, _ []string) error { return a.reviewList(ctx, all, of) }})
	pageFlags(list, &of)
	list.Flags().BoolVar(&all, "all", false, "everything in review, whoever it waits for")
	return a.group("review", "Decide on applications", list,
		a.showCommand("review", "Show what is asked for, with the digest that a vote names"),
		a.vote("review", "approve", "Approve what you were shown", "approved", "a remark"),
		a.vote("review", "decline", "Decline, for good, with a reason", "declined", "why, for the applicant"),
		a.counter(),
		a.onObjection("uphold", "Uphold an objection to what was granted", "voted to uphold the objection in"),
		a.onObjection("dismiss", "Dismiss an objection to what was granted", "dismissed the objection in"),
		a.claim("claim", "Say that you look at it, in a role", "claimed", "You say that you look at it. Others of the role see that it is claimed, and it stands lower on their lists. It gives no right and\ntakes none: whoever may vote still may. A claim outlasts a return to the applicant and ends with the decision."),
		a.claim("unclaim", "Give a claim back, or take a role's back as the programme", "gave back", "Your own claim in that role goes; where you have none and run the programme, all in that role do."),
		a.entrust(),
		a.askOpinion(),
		a.unaskOpinion(),
		a.vote("review", "return", "Send back with a question", "returned", "the question, for the applicant"))
}

func (a *app) reviewList(ctx context.Context, all bool, of client.Page) error {
	c, _, err := a.member()
	if err != nil {
		return err
	}
	of.State, of.Mine = narthex.InReview, !all
	list, err := c.Engagements(ctx, of)
	if err != nil {
		return err
	}
	of.State = "" // the command says it
	defer a.more("review list --all", of, list.Next)
	empty := "nothing waits for you; `narthex review list --all` shows everything in review"
	if all {
		empty = "nothing is in review; `narthex engagements list` shows the rest"
	}
	return a.list(list, engagementTable(list.Engagements), empty)
}

// vote is a reviewer's command. It carries the digest of what they were shown.
func (a *app) vote(group, verb, short, done, reasonSays string) *cobra.Command {
	var as, reason, digest, ground, alternative string
	given := " --reason '…'"
	if verb == "approve" {
		given = ""
	}
	c := a.command(leaf{
		use: verb + " ID", short: short,
		long:    short + ".\n\nThe vote names the digest of the text that `narthex " + group + " show` showed you last, or the one you give with --digest. Where\nthe text has changed since, the vote does not count and you look again.\n\nWith it you declare that you have no interest in the applicant, a member or their organisation: as employer, funder, co-author, in a\nreporting line, as family or of money. Where you have one, declare that instead: `narthex interests add`.",
		example: "narthex " + group + " show eng_…\nnarthex " + group + " " + verb + " eng_… --as security" + given,
		run: func(ctx context.Context, args []string) error {
			return a.castVote(ctx, args[0], verb, done, digest, client.Command{As: narthex.Role(as), Text: reason, Ground: ground, Alternative: alternative})
		}})
	if verb == "decline" {
		c.Flags().StringVar(&ground, "ground", "", "on which of the pathway's grounds, word for word, where it has them")
		c.Flags().StringVar(&alternative, "alternative", "", "another way to the same end, where the pathway asks for one")
	}
	c.Flags().StringVar(&as, "as", "", "the role in which you review, where you have more than one: "+joined(narthex.Roles()))
	c.Flags().StringVar(&reason, "reason", "", reasonSays)
	c.Flags().StringVar(&digest, "digest", "", "the digest of the text you have seen")
	oneOf(c, "as", narthex.Roles())
	return c
}

// claim is one of the two commands about a reviewer's own claim.
func (a *app) claim(verb, short, done, long string) *cobra.Command {
	var as string
	c := a.command(leaf{
		use: verb + " ID", short: short, long: short + ".\n\n" + long,
		example: "narthex review " + verb + " eng_… --as security",
		run: func(ctx context.Context, args []string) error {
			c, _, err := a.member()
			if err != nil {
				return err
			}
			in := client.Command{As: narthex.Role(as)}
			if in.As, err = oneRole(ctx, c, in.As); err != nil {
				return err
			}
			return a.give(ctx, args[0], verb, done, in)
		}})
	c.Flags().StringVar(&as, "as", "", "the role, where you have more than one: "+joined(narthex.Roles()))
	oneOf(c, "as", narthex.Roles())
	return c
}

// entrust gives a review to someone.
func (a *app) entrust() *cobra.Command {
	var as, to string
	c := a.command(leaf{
		use: "assign ID", short: "Give a review to someone who may do it, as the programme",
		long:    "Give a review to someone who may do it, as the programme. They find it on their list as claimed by them; others of the role\nmay still vote. Where the role is claimed already, take that back first: narthex review unclaim.",
		example: "narthex people list\nnarthex review assign eng_… --as security --to per_…",
		run: func(ctx context.Context, args []string) error {
			if to == "" {
				return problem(narthex.Invalid, "name them with --to, by identifier or address", "a review is given to someone")
			}
			c, _, err := a.member()
			if err != nil {
				return err
			}
			person, err := findPerson(ctx, c, to)
			if err != nil {
				return err
			}
			return a.give(ctx, args[0], "entrust", "assigned", client.Command{As: narthex.Role(as), Person: person})
		}})
	c.Flags().StringVar(&as, "as", "", "the role in which it is reviewed: "+joined(narthex.Roles()))
	c.Flags().StringVar(&to, "to", "", "who is to review it: an identifier or an address")
	oneOf(c, "as", narthex.Roles())
	return c
}

// oneRole gives the role that was named, or the one that the person has.
func oneRole(ctx context.Context, c *client.Client, named narthex.Role) (narthex.Role, error) {
	if named != "" {
		return named, nil
	}
	who, err := c.WhoAmI(ctx)
	if err != nil {
		return "", err
	}
	if len(who.Person.Roles) != 1 {
		return "", problem(narthex.Invalid, "give it with --as; you have "+cmp.Or(joined(who.Person.Roles), "none"), "a reviewer acts in one role")
	}
	return who.Person.Roles[0], nil
}

func (a *app) castVote(ctx context.Context, named, verb, done, digest string, in client.Command) error {
	id, err := engagementID(named)
	if err != nil {
		return err
	}
	return a.castOn(ctx, id, string(id), verb, done, digest, in)
}

// castOn casts a vote on what was shown last under a name.
func (a *app) castOn(ctx context.Context, id narthex.EngagementID, what, verb, done, digest string, in client.Command) error {
	if verb != "approve" && strings.TrimSpace(in.Text) == "" {
		on := "an application"
		if what == objectionOf(id) {
			on = "an objection"
		}
		return problem(narthex.Invalid, "give it with --reason; the applicant reads it", "it takes words to %s %s", verb, on)
	}
	c, p, err := a.member()
	if err != nil {
		return err
	}
	if in.As, err = oneRole(ctx, c, in.As); err != nil {
		return err
	}
	if in.Saw, err = seen(p, what, digest, "narthex review show "+string(id)); err != nil {
		return err
	}
	if verb != "return" {
		a.say("you declare with it that you have no interest in the applicant, a member or their organisation")
	}
	return a.give(ctx, string(id), verb, done, in)
}

// seen gives the digest that a vote or signature is on: the one that was named, or that of what was shown last.
func seen(p profile, what, named, look string) (narthex.Digest, error) {
	if named != "" {
		return narthex.ParseDigest(named)
	}
	digest := p.hasSeen(what)
	if digest == "" {
		return "", problem(narthex.Invalid, "look with `"+look+"`, then repeat the command", "you have not been shown the text, and so cannot decide on it")
	}
	return digest, nil
}
