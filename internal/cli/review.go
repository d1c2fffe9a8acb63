package cli

import (
	"cmp"
	"context"
	"slices"
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
	var as, reason, digest string
	given := " --reason '…'"
	if verb == "approve" {
		given = ""
	}
	c := a.command(leaf{
		use: verb + " ID", short: short,
		long:    short + ".\n\nThe vote names the digest of the text that `narthex " + group + " show` showed you last, or the one you give with --digest. Where\nthe text has changed since, the vote does not count and you look again.\n\nWith it you declare that you have no interest in the applicant, a member or their organisation: as employer, funder, co-author, in a\nreporting line, as family or of money. Where you have one, declare that instead: `narthex interests add`.",
		example: "narthex " + group + " show eng_…\nnarthex " + group + " " + verb + " eng_… --as security" + given,
		run: func(ctx context.Context, args []string) error {
			return a.castVote(ctx, args[0], verb, done, digest, client.Command{As: narthex.Role(as), Text: reason})
		}})
	c.Flags().StringVar(&as, "as", "", "the role in which you review, where you have more than one: "+joined(narthex.Roles()))
	c.Flags().StringVar(&reason, "reason", "", reasonSays)
	c.Flags().StringVar(&digest, "digest", "", "the digest of the text you have seen")
	oneOf(c, "as", narthex.Roles())
	return c
}

func (a *app) castVote(ctx context.Context, named, verb, done, digest string, in client.Command) error {
	id, err := engagementID(named)
	if err != nil {
		return err
	}
	if in.As != "" && !slices.Contains(narthex.Roles(), in.As) {
		return problem(narthex.Invalid, "the roles are "+joined(narthex.Roles()), "there is no role %q", in.As)
	}
	if verb != "approve" && strings.TrimSpace(in.Text) == "" {
		return problem(narthex.Invalid, "give it with --reason; the applicant reads it", "it takes words to %s an application", verb)
	}
	c, p, err := a.member()
	if err != nil {
		return err
	}
	if in.As == "" {
		who, err := c.WhoAmI(ctx)
		if err != nil {
			return err
		}
		if len(who.Person.Roles) != 1 {
			return problem(narthex.Invalid, "give it with --as; you have "+cmp.Or(joined(who.Person.Roles), "none"), "a reviewer acts in one role")
		}
		in.As = who.Person.Roles[0]
	}
	if in.Saw, err = seen(p, string(id), digest, "narthex review show "+string(id)); err != nil {
		return err
	}
	if verb != "return" {
		a.say("you declare with it that you have no interest in the applicant, a member or their organisation")
	}
	return a.give(ctx, named, verb, done, in)
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
