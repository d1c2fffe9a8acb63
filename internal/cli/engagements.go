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

const engagementsHint = "`narthex engagements list` shows identifiers"

func engagementID(text string) (narthex.EngagementID, error) {
	return parseID[narthex.EngagementID](text, engagementsHint)
}

func (a *app) engagements() *cobra.Command {
	return a.group("engagements", "Follow an application from draft to the end",
		a.engagementList(),
		a.showCommand("engagements", "Show an engagement, whom it waits for and what you can do"),
		a.engagementHistoryCommand(),
		a.engagementEdit(), a.engagementRevise(),
		a.engagementCommand("submit", "Hand in a draft", "submitted", "", ""),
		a.vote("engagements", "return", "Send an application back with a question", "returned", "the question, for the applicant"),
		a.accept(), a.comment(), a.copyAsNew(),
		a.engagementCommand("nudge", "Ask what keeps a review, when half of its time has passed", "nudged the reviewers of", "", ""),
		a.object(),
		a.engagementCommand("mediate", "Ask for mediation of a refusal, or of an objection that was upheld, in the pathway's time", "asked for mediation of", "text", "what is to be mediated"),
		a.mediation(),
		a.engagementCommand("withdraw", "Take an application back, for good", "withdrawn", "reason", "why"),
		a.amend(), a.join(), a.transfer(),
		a.engagementCommand("take", "Take the sponsorship of an engagement over, as you were asked", "you are now the sponsor of", "", ""),
		a.engagementCommand("end", "End the grant and every live call on it, for good", "ended", "reason", "why"),
		a.engagementCommand("close", "Close an engagement whose grant has ended", "closed", "reason", "what closing found"),
		a.meetObligation(), a.certify(), a.rejectEvidence(), a.waiveObligation())
}

func (a *app) engagementList() *cobra.Command {
	var of client.Page
	var state string
	c := a.command(leaf{use: "list", short: "List the engagements that you may know of", example: "narthex engagements list\nnarthex engagements list --state in_review",
		long: "List the engagements that you may know of, the latest begun first, a page at a time.",
		run: func(ctx context.Context, _ []string) error {
			c, _, err := a.member()
			if err != nil {
				return err
			}
			of.State = narthex.State(state)
			list, err := c.Engagements(ctx, of)
			if err != nil {
				return err
			}
			defer a.more("engagements list", of, list.Next)
			return a.list(list, engagementTable(list.Engagements), "no engagement yet; `narthex pathways` shows what can be applied for")
		}})
	c.Flags().StringVar(&state, "state", "", "only those in a state: "+joined(narthex.States()))
	pageFlags(c, &of)
	return c
}

// pageFlags are the flags of a list that comes in pages.
func pageFlags(c *cobra.Command, of *client.Page) {
	c.Flags().StringVar(&of.After, "after", "", "the last one of the page before")
	c.Flags().IntVar(&of.Limit, "limit", 0, "how many, 1 to 500; 100 where it is not given")
}

// more says how to see the next page, where there is one.
func (a *app) more(command string, of client.Page, next string) {
	if next == "" {
		return
	}
	if of.State != "" {
		command += " --state " + string(of.State)
	}
	if of.Limit != 0 {
		command += fmt.Sprintf(" --limit %d", of.Limit)
	}
	a.say("there are more: narthex %s --after %s", command, next)
}

func engagementTable(rows []client.EngagementRow) *table {
	t := newTable("ID", "STATE", "TITLE", "APPLICANT", "PATHWAY", "DUE", "WAITS FOR")
	for _, row := range rows {
		due := ""
		if !row.Due.IsZero() {
			due = day(row.Due)
		}
		t.row(string(row.ID), strings.ReplaceAll(string(row.State), "_", " "), row.Title, row.Applicant, string(row.Pathway), due, strings.Join(row.Waiting, ", "))
	}
	return t
}

// showCommand shows an engagement, or holds a file to what is attached to it.
func (a *app) showCommand(group, short string) *cobra.Command {
	var file string
	c := a.command(leaf{use: "show ID", short: short, example: "narthex " + group + " show eng_…\nnarthex " + group + " show eng_… --check protocol.pdf",
		long: short + ".\n\nWith --check it says whether a file that you received is one of those that are attached to it, byte by byte.",
		run:  func(ctx context.Context, args []string) error { return a.engagementShow(ctx, args[0], file) }})
	c.Flags().StringVar(&file, "check", "", "a `file`: is it one that is attached?")
	return c
}

func (a *app) engagementShow(ctx context.Context, named, file string) error {
	id, err := engagementID(named)
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
	if file != "" {
		return a.checkAttached(view, file)
	}
	return a.showEngagement(p, view)
}

// attachFlags are the flags by which files are attached to what is sent.
func attachFlags(c *cobra.Command, files *[]string, where *string) {
	c.Flags().StringArrayVar(files, "attach", nil, "a `file` to attach by its digest; it stays with you. Repeat for more")
	c.Flags().StringVar(where, "where", "", "where the lab's people can read what you attach, in your words")
}

func (a *app) engagementEdit() *cobra.Command {
	var from, where string
	var files []string
	c := a.command(leaf{
		use: "edit ID", short: "Write a draft anew from a file",
		example: "narthex engagements edit eng_… --from application.yaml",
		run: func(ctx context.Context, args []string) error {
			if from == "" {
				return problem(narthex.Invalid, "give the file with --from", "an edit needs the application")
			}
			return a.change(ctx, args[0], from, files, where, func(c *client.Client, id narthex.EngagementID, draft *client.Draft) (client.EngagementView, error) {
				return c.Edit(ctx, id, *draft)
			})
		}})
	c.Flags().StringVar(&from, "from", "", "the application, a YAML file, or - for standard input")
	attachFlags(c, &files, &where)
	return c
}

func (a *app) engagementRevise() *cobra.Command {
	var from, text, where string
	var files []string
	c := a.command(leaf{
		use: "revise ID", short: "Answer what was asked, and hand in again",
		example: "narthex engagements revise eng_… --answer 'The data are public.'\nnarthex engagements revise eng_… --from application.yaml --answer 'Narrowed as you asked.'",
		run: func(ctx context.Context, args []string) error {
			if from == "" && text == "" {
				return problem(narthex.Invalid, "give --answer, --from or both", "a revision answers in words, with a changed application, or both")
			}
			return a.change(ctx, args[0], from, files, where, func(c *client.Client, id narthex.EngagementID, draft *client.Draft) (client.EngagementView, error) {
				return c.Command(ctx, id, "revise", client.Command{Text: text, Draft: draft})
			})
		}})
	c.Flags().StringVar(&from, "from", "", "the changed application, a YAML file, or - for standard input")
	c.Flags().StringVar(&text, "answer", "", "the answer in words")
	attachFlags(c, &files, &where)
	return c
}

// change sends an engagement's application anew, where a file gives it. The file may leave the pathway out: it is the
// engagement's.
func (a *app) change(ctx context.Context, named, from string, files []string, where string, send func(*client.Client, narthex.EngagementID, *client.Draft) (client.EngagementView, error)) error {
	id, err := engagementID(named)
	if err != nil {
		return err
	}
	var draft *client.Draft
	if from == "" && (len(files) > 0 || where != "") {
		return problem(narthex.Invalid, "give the application with --from", "files are attached to the application that you send")
	}
	if from != "" {
		read, err := a.readDraft("", from)
		if err == nil {
			err = attach(&read, files, where)
		}
		if err != nil {
			return err
		}
		draft = &read
	}
	c, p, err := a.member()
	if err != nil {
		return err
	}
	if draft != nil && draft.Pathway == "" {
		view, err := c.Engagement(ctx, id)
		if err != nil {
			return err
		}
		draft.Pathway = view.Engagement.Application.Pathway
	}
	view, err := send(c, id, draft)
	if err != nil {
		return err
	}
	return a.showEngagement(p, view)
}

// engagementCommand is a command that takes at most a text.
func (a *app) engagementCommand(verb, short, done, flag, flagSays string) *cobra.Command {
	var text string
	example := "narthex engagements " + verb + " eng_…"
	if flag != "" {
		example += " --" + flag + " '…'"
	}
	c := a.command(leaf{
		use: verb + " ID", short: short, example: example,
		run: func(ctx context.Context, args []string) error {
			return a.give(ctx, args[0], verb, done, client.Command{Text: text})
		}})
	if flag != "" {
		c.Flags().StringVar(&text, flag, "", flagSays)
	}
	return c
}

// give gives a command on an engagement and says what then is.
func (a *app) give(ctx context.Context, named, verb, done string, in client.Command) error {
	id, err := engagementID(named)
	if err != nil {
		return err
	}
	c, _, err := a.member()
	if err != nil {
		return err
	}
	if verb == "withdraw" || verb == "end" || verb == "close" {
		if err := a.confirm(fmt.Sprintf("%s%s %s for good?", strings.ToUpper(verb[:1]), verb[1:], id)); err != nil {
			return err
		}
	}
	view, err := c.Command(ctx, id, verb, in)
	if err != nil {
		return err
	}
	return a.show(view, func(p *page) {
		e := view.Engagement
		p.line("%s %s; it is %s", done, e.ID, strings.ReplaceAll(string(e.State), "_", " "))
		if len(view.Waiting) > 0 {
			p.line("it waits for: %s", strings.Join(view.Waiting, ", "))
		}
		if !e.Due.IsZero() && e.State == narthex.InReview {
			p.line("a decision is due %s", day(e.Due))
		}
	})
}

func (a *app) engagementHistoryCommand() *cobra.Command {
	var before string
	c := a.command(leaf{use: "history ID", short: "Show what happened with an engagement, and who read it", example: "narthex engagements history eng_…\nnarthex engagements history eng_… --json",
		long: "Show what happened with an engagement, the earliest first, and who read its application, its agreement, its manuscripts and this\nhistory. Each reading is an entry of the ledger, this one too. While a review goes on, who reads is not told to those who are not\nto know who decides. Of readings it shows the latest 200, and with --before those before an entry.",
		run:  func(ctx context.Context, args []string) error { return a.engagementHistory(ctx, args[0], before) }})
	c.Flags().StringVar(&before, "before", "", "show the readings before this `entry`")
	return c
}

func (a *app) engagementHistory(ctx context.Context, named, before string) error {
	id, err := engagementID(named)
	if err != nil {
		return err
	}
	c, _, err := a.member()
	if err != nil {
		return err
	}
	var history client.History
	if before == "" {
		history, err = c.History(ctx, id)
	} else if entry, parse := strconv.ParseUint(before, 10, 63); parse == nil {
		history, err = c.HistoryBefore(ctx, id, entry)
	} else {
		err = narthex.Invalidf("--before takes the number of an entry, as the column ENTRY shows it.").For("before")
	}
	if err != nil {
		return err
	}
	t := newTable("WHEN", "WHO", "DID", "AS", "ENTRY")
	for _, line := range history.Lines {
		did, entry, who := line.What, "", line.Name
		if line.Read != "" {
			did = "read the " + line.Read
		}
		if line.Read == "erased" {
			did = "read something; it was erased"
		}
		if line.Entry != nil {
			entry = fmt.Sprint(*line.Entry)
		}
		if who == "" && line.Read == "" {
			who = "Narthex"
		}
		t.row(day(line.At), who, did, strings.ReplaceAll(string(line.As), "_", " "), entry)
	}
	err = a.list(history, t, "nothing happened yet")
	if history.Earlier == nil {
		return err
	}
	a.say("Earlier readings: narthex engagements history %s --before %d", id, *history.Earlier)
	return err
}
