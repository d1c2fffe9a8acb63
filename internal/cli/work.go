package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
)

func (a *app) work() *cobra.Command {
	return a.command(leaf{
		use: "work", short: "List what waits for you, the most urgent first",
		long:    "List what waits for you: applications to review, agreements to sign, questions to answer, manuscripts to examine, reviews of\nothers that are late where you run the programme. What needs nothing of you is not listed.",
		example: "narthex work\nnarthex work --json",
		run:     func(ctx context.Context, _ []string) error { return a.workList(ctx) }})
}

func (a *app) workList(ctx context.Context) error {
	c, _, err := a.member()
	if err != nil {
		return err
	}
	list, err := c.Work(ctx, client.Page{})
	if err != nil {
		return err
	}
	t := newTable("DO", "BY", "TITLE", "APPLICANT", "NOTE", "NEXT")
	for _, item := range list.Work {
		due := ""
		if !item.Due.IsZero() {
			due = day(item.Due)
		}
		t.row(strings.ReplaceAll(item.Do, "_", " "), due, item.Title, item.Applicant, workNote(item), workNext(item))
	}
	return a.list(list, t, "nothing waits for you; `narthex engagements list` shows what goes on")
}

func workNote(item client.WorkItem) string {
	var notes []string
	if item.Late {
		notes = append(notes, "late")
	}
	if item.For != "" {
		notes = append(notes, "for "+item.For+", who is away")
	}
	switch item.Claimed {
	case "yours":
		notes = append(notes, "claimed by you")
	case "another":
		notes = append(notes, "claimed by another")
	}
	if item.Opinions == 1 {
		notes = append(notes, "an opinion that you asked for came in")
	} else if item.Opinions > 1 {
		notes = append(notes, fmt.Sprintf("%d opinions that you asked for came in", item.Opinions))
	}
	if item.Nudged {
		notes = append(notes, "the applicant asks")
	}
	if item.Lapses != nil {
		notes = append(notes, restInWords(*item.Lapses))
	}
	switch {
	case item.Obligation != "":
		notes = append(notes, strings.Join(item.Waiting, ", "))
	case len(item.Waiting) > 0:
		notes = append(notes, "it waits for "+strings.Join(item.Waiting, ", "))
	}
	return strings.Join(notes, "; ")
}

// workNext is the command line that begins the work.
func workNext(item client.WorkItem) string {
	id := string(item.Engagement)
	switch item.Do {
	case "meet", "remind":
		return "narthex obligations " + id
	case "approve_directory":
		return "narthex lab diff"
	case "review_lock", "answer_appeal":
		return "narthex lock review " + string(item.Lock)
	case "review_release":
		return "narthex release view " + string(item.Release)
	case "look_again":
		return "narthex release view " + string(item.Release)
	case "review_rule":
		return "narthex release rule show " + string(item.Rule)
	case "review_study":
		return "narthex job review view " + string(item.Job)
	case "review_silence":
		return "narthex lock silence " + string(item.Lock)
	case "renew_standing":
		return standingNext(item)
	case "review", "chase", "read", "decide":
		return "narthex review show " + id
	case "sign":
		return "narthex agreement show " + id
	case "join":
		return joinNext(item.Agreed, id)
	case "assign":
		return "narthex engagements show " + id
	case "amend":
		return "narthex engagements amend " + id
	case "submit", "close", "take":
		return "narthex engagements " + item.Do + " " + id
	}
	if item.Manuscript > 0 {
		return fmt.Sprintf("narthex publication show %s %d", id, item.Manuscript)
	}
	return "narthex engagements show " + id
}

// counter is a reviewer's offer of less than was asked.
func (a *app) counter() *cobra.Command {
	var as, reason, digest string
	var set, drop []string
	var days int
	c := a.command(leaf{
		use: "counter ID", short: "Offer narrower terms",
		long: `Offer narrower terms than were asked. The offer is your approval of the text that it makes: when the applicant accepts, it
counts, and the other reviewers decide on that text. What you do not name stays as asked. A counter-offer never gives more.`,
		example: "narthex review show eng_…\nnarthex review counter eng_… --as security --set model.sample@minim-1:tokens=50000 --reason '…'\nnarthex review counter eng_… --as security --drop model.logprobs@minim-1 --days 90 --reason '…'",
		run: func(ctx context.Context, args []string) error {
			offer := client.Narrowing{Days: days}
			for _, text := range set {
				if err := addChange(&offer, text); err != nil {
					return err
				}
			}
			for _, text := range drop {
				name, err := termName(text)
				if err != nil {
					return err
				}
				offer.Drop = append(offer.Drop, name)
			}
			return a.castVote(ctx, args[0], "counter", "offered narrower terms on", digest, client.Command{As: narthex.Role(as), Text: reason, Counter: &offer})
		}})
	c.Flags().StringVar(&as, "as", "", "the role in which you review, where you have more than one: "+joined(narthex.Roles()))
	c.Flags().StringArrayVar(&set, "set", nil, "a limit, as ATTRIBUTE@ASSET:LIMIT=VALUE; repeat for more")
	c.Flags().StringArrayVar(&drop, "drop", nil, "a term that is not given, as ATTRIBUTE@ASSET; repeat for more")
	c.Flags().IntVar(&days, "days", 0, "for how many days, where fewer than asked")
	c.Flags().StringVar(&reason, "reason", "", "why, for the applicant")
	c.Flags().StringVar(&digest, "digest", "", "the digest of the text you have seen")
	oneOf(c, "as", narthex.Roles())
	return c
}

func termName(text string) (client.TermName, error) {
	attribute, asset, is := strings.Cut(text, "@")
	if !is || attribute == "" || asset == "" {
		return client.TermName{}, problem(narthex.Invalid, "write model.sample@minim-1", "a term is named ATTRIBUTE@ASSET, and %q is not", text)
	}
	return client.TermName{Attribute: narthex.AttributeName(attribute), Asset: narthex.AssetName(asset)}, nil
}

// addChange reads ATTRIBUTE@ASSET:LIMIT=VALUE. A value is a number, true or false, a time, or names with commas between them.
func addChange(offer *client.Narrowing, text string) error {
	left, value, is := strings.Cut(text, "=")
	term, limit, named := strings.Cut(left, ":")
	name, err := termName(term)
	if err != nil || !is || !named || limit == "" {
		return problem(narthex.Invalid, "write model.sample@minim-1:tokens=50000", "a limit is set as ATTRIBUTE@ASSET:LIMIT=VALUE, and %q is not", text)
	}
	var read narthex.Value
	if err := read.UnmarshalJSON([]byte(value)); err != nil {
		if read, err = readWords(value); err != nil {
			return err
		}
	}
	change := narthex.Term{Attribute: name.Attribute, Asset: name.Asset, Limits: map[narthex.LimitName]narthex.Value{narthex.LimitName(limit): read}}
	for i, known := range offer.Terms {
		if known.Covers(name.Attribute, name.Asset) {
			offer.Terms[i].Limits[narthex.LimitName(limit)] = read
			return nil
		}
	}
	offer.Terms = append(offer.Terms, change)
	return nil
}

// readWords reads an instant, or names with commas between them.
func readWords(text string) (narthex.Value, error) {
	if at, err := narthex.ParseTime(text); err == nil {
		return narthex.TimeValue(at), nil
	}
	value := narthex.NamesValue(strings.Split(text, ",")...)
	if err := value.Check(); err != nil {
		return value, problem(narthex.Invalid, "give a number, true or false, a time, or names with commas between them", "%q is no value of a limit", text)
	}
	return value, nil
}

// accept takes a counter-offer, as it was shown.
func (a *app) accept() *cobra.Command {
	return a.command(leaf{
		use: "accept ID", short: "Accept a counter-offer, as it was shown to you",
		example: "narthex engagements show eng_…\nnarthex engagements accept eng_…",
		run: func(ctx context.Context, args []string) error {
			_, p, err := a.member()
			if err != nil {
				return err
			}
			id, err := engagementID(args[0])
			if err != nil {
				return err
			}
			saw, err := seen(p, counterOf(id), "", "narthex engagements show "+string(id))
			if err != nil {
				return err
			}
			return a.give(ctx, args[0], "accept", "accepted the counter-offer on", client.Command{Saw: saw})
		}})
}

// counterOf is the name under which the digest of a counter-offer that was shown is kept.
func counterOf(id narthex.EngagementID) string { return string(id) + "/counter" }

// comment adds words to an application.
func (a *app) comment() *cobra.Command {
	var text string
	var private bool
	c := a.command(leaf{
		use: "comment ID", short: "Add a comment to an application in review",
		example: "narthex engagements comment eng_… --text 'The data are public.'\nnarthex engagements comment eng_… --text '…' --private",
		run: func(ctx context.Context, args []string) error {
			return a.give(ctx, args[0], "comment", "commented on", client.Command{Text: text, Private: private})
		}})
	c.Flags().StringVar(&text, "text", "", "the comment")
	c.Flags().BoolVar(&private, "private", false, "for the lab's people who have no part in it")
	return c
}

// copyAsNew begins an application with what an earlier one says.
func (a *app) copyAsNew() *cobra.Command {
	return a.command(leaf{
		use: "copy ID", short: "Begin a new application with what an earlier one says",
		example: "narthex engagements copy eng_…",
		run: func(ctx context.Context, args []string) error {
			id, err := engagementID(args[0])
			if err != nil {
				return err
			}
			c, p, err := a.member()
			if err != nil {
				return err
			}
			view, err := c.Engagement(ctx, id)
			if err != nil {
				return err
			}
			app := view.Engagement.Application
			if view, err = c.Draft(ctx, client.Draft{Pathway: app.Pathway, Title: app.Title, Sponsor: app.Sponsor, Members: app.Members, Answers: app.Answers, Terms: app.Terms, Days: app.Days,
				Attachments: app.Attachments, Interests: app.Interests, Codes: app.Codes}); err != nil {
				return err
			}
			a.say("drafted %s", view.Engagement.ID)
			return a.showEngagement(p, view)
		}})
}
