package cli

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
)

func (a *app) publication() *cobra.Command {
	return a.group("publication", "Review manuscripts by the clock that was signed",
		a.publicationSubmit(),
		a.command(leaf{use: "list ENGAGEMENT", short: "List the manuscripts of an engagement, and where each stands", example: "narthex publication list eng_…",
			run: func(ctx context.Context, args []string) error { return a.publicationList(ctx, args[0]) }}),
		a.command(leaf{use: "show ENGAGEMENT MANUSCRIPT", short: "Show a manuscript, its redactions and what you can do", example: "narthex publication show eng_… 1",
			run: func(ctx context.Context, args []string) error { return a.publicationShow(ctx, args) }}),
		a.onManuscript("clear", "Say that the lab asks nothing more, so that the review ends", false, "remark", ""),
		a.publicationRedact(), a.publicationExtend(),
		a.onManuscript("pause", "Stop the clock: for the lab once, where something is missing", false, "why", " --why 'The appendix is not in the folder.'"),
		a.onManuscript("resume", "Let the clock run on", false, "remark", ""),
		a.onManuscript("accept", "Accept a redaction", true, "remark", ""),
		a.onManuscript("contest", "Contest a redaction; the lab answers in time, or it falls", true, "why", " --why 'It stands in your own report of May.'"),
		a.onManuscript("uphold", "Uphold a contested redaction, with a reason", true, "why", " --why 'The report of May gives no figure.'"),
		a.onManuscript("drop", "Drop a redaction", true, "remark", ""),
		a.publicationMediate(), a.publicationOutcome(), a.publicationPublish(),
		a.command(leaf{use: "statement ENGAGEMENT MANUSCRIPT", short: "Print what the published work says of its independence", example: "narthex publication statement eng_… 1",
			run: func(ctx context.Context, args []string) error { return a.publicationStatement(ctx, args) }}))
}

func (a *app) publicationSubmit() *cobra.Command {
	var title, where string
	var replaces int
	var applies []int
	c := a.command(leaf{
		use: "submit ENGAGEMENT FILE", short: "Hand a manuscript in by its digest; the file stays with you",
		long: `Hand a manuscript in. Its digest and size go to the lab, the file does not: say with --where its reviewers can read it.

A version that replaces an earlier one is read anew, with a clock of its own. Where it differs in nothing but redactions that it
applies, name them with --applies: it then keeps the clock of the one before it, and the lab has at least the days in which it
answers a contested redaction to see that it is so.`,
		example: "narthex publication submit eng_… paper.pdf --title 'On probes' --where 'mailed to the programme'\nnarthex publication submit eng_… paper-2.pdf --title 'On probes' --replaces 1 --applies 1,3",
		run: func(ctx context.Context, args []string) error {
			id, err := engagementID(args[0])
			if err != nil {
				return err
			}
			digest, size, err := digestOf(args[1])
			if err != nil {
				return err
			}
			c, _, err := a.member()
			if err != nil {
				return err
			}
			view, err := c.SubmitManuscript(ctx, id, client.ManuscriptSubmit{Title: title, Digest: digest, Size: size, Where: where, Replaces: replaces, Applies: applies})
			if err != nil {
				return err
			}
			return a.toldOf(view, "handed in as")
		}})
	c.Flags().StringVar(&title, "title", "", "its title")
	c.Flags().StringVar(&where, "where", "", "where the lab's reviewers can read it")
	c.Flags().IntVar(&replaces, "replaces", 0, "the number of the version that it replaces")
	c.Flags().IntSliceVar(&applies, "applies", nil, "the redactions that are all in which it differs, as 1,3")
	return c
}

// digestOf gives the digest and the size of a file.
func digestOf(path string) (narthex.Digest, int64, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", 0, fileError("read", path, err)
	}
	sum := sha256.New()
	size, err := io.Copy(sum, file)
	if err = errors.Join(err, file.Close()); err != nil {
		return "", 0, fileError("read", path, err)
	}
	return narthex.MakeDigest([32]byte(sum.Sum(nil))), size, nil
}

// onManuscript is a command on a manuscript, or on one redaction of it, that takes at most words.
func (a *app) onManuscript(verb, short string, onRedaction bool, flag, given string) *cobra.Command {
	var text string
	use, example := verb+" ENGAGEMENT MANUSCRIPT", "narthex publication "+verb+" eng_… 1"
	if onRedaction {
		use, example = use+" REDACTION", example+" 2"
	}
	c := a.command(leaf{use: use, short: short, example: example + given,
		run: func(ctx context.Context, args []string) error {
			in := client.ManuscriptCommand{Text: text}
			return a.handle(ctx, args, verb, in)
		}})
	c.Flags().StringVar(&text, flag, "", map[string]string{"why": "why, for the other side", "remark": "words that go with it"}[flag])
	return c
}

func (a *app) publicationRedact() *cobra.Command {
	var ask client.RedactionAsk
	c := a.command(leaf{
		use: "redact ENGAGEMENT MANUSCRIPT", short: "Ask for one passage to be taken out",
		long: `Ask for one passage to be taken out: on a ground that the agreement lists, with the reason, and with what could stand there
instead. A manuscript is never refused whole. The authors accept or contest each redaction by itself.`,
		example: "narthex publication redact eng_… 1 --ground 'confidential information' --passage 'page 4, second paragraph' --why 'The size is not public.' --instead 'a model of the lab'",
		run: func(ctx context.Context, args []string) error {
			return a.handle(ctx, args, "redact", client.ManuscriptCommand{Redactions: []client.RedactionAsk{ask}})
		}})
	c.Flags().StringVar(&ask.Ground, "ground", "", "one of the grounds that the agreement lists; `narthex publication show` prints them")
	c.Flags().StringVar(&ask.Passage, "passage", "", "which passage")
	c.Flags().StringVar(&ask.Why, "why", "", "why, for the authors")
	c.Flags().StringVar(&ask.Instead, "instead", "", "what could stand there instead")
	return c
}

func (a *app) publicationExtend() *cobra.Command {
	var in client.ManuscriptCommand
	var reason string
	c := a.command(leaf{
		use: "extend ENGAGEMENT MANUSCRIPT", short: "Extend the review, once, for a patent or for safety",
		example: "narthex publication extend eng_… 1 --reason safety --days 14 --why 'A fix is being rolled out.'",
		run: func(ctx context.Context, args []string) error {
			in.Reason = narthex.ExtensionReason(reason)
			return a.handle(ctx, args, "extend", in)
		}})
	c.Flags().StringVar(&reason, "reason", "", "patent or safety")
	c.Flags().IntVar(&in.Days, "days", 0, "for how many days; the agreement says how many there are at most")
	c.Flags().StringVar(&in.Text, "why", "", "the reasons, in writing")
	oneOf(c, "reason", narthex.ExtensionReasons())
	return c
}

func (a *app) publicationMediate() *cobra.Command {
	var in client.ManuscriptCommand
	c := a.command(leaf{
		use: "mediate ENGAGEMENT MANUSCRIPT REDACTION", short: "Ask a mediator about a redaction that was upheld",
		example: "narthex publication mediate eng_… 1 2 --mediator 'the ombudsperson of the university'",
		run:     func(ctx context.Context, args []string) error { return a.handle(ctx, args, "mediate", in) }})
	c.Flags().StringVar(&in.Mediator, "mediator", "", "who is asked")
	c.Flags().StringVar(&in.Text, "why", "", "why, for the other side")
	return c
}

func (a *app) publicationOutcome() *cobra.Command {
	var in client.ManuscriptCommand
	var decision string
	c := a.command(leaf{
		use: "outcome ENGAGEMENT MANUSCRIPT REDACTION", short: "Record what a mediator decided",
		long: `Record what a mediator decided, with the file of the written decision; its digest is recorded. What is against your own side
binds at once. What serves it binds when the other side records the same.`,
		example: "narthex publication outcome eng_… 1 2 --outcome falls --decision decision.pdf",
		run: func(ctx context.Context, args []string) error {
			if decision == "" {
				return problem(narthex.Invalid, "give its file with --decision", "an outcome rests on the mediator's written decision")
			}
			var err error
			if in.Decision, _, err = digestOf(decision); err != nil {
				return err
			}
			return a.handle(ctx, args, "outcome", in)
		}})
	c.Flags().StringVar(&in.Outcome, "outcome", "", "whether the redaction stands or falls")
	c.Flags().StringVar(&decision, "decision", "", "the file of the mediator's written decision")
	c.Flags().StringVar(&in.Text, "remark", "", "words that go with it")
	oneOf(c, "outcome", []string{"stands", "falls"})
	return c
}

func (a *app) publicationPublish() *cobra.Command {
	var in client.ManuscriptCommand
	var file string
	c := a.command(leaf{
		use: "publish ENGAGEMENT MANUSCRIPT", short: "Record where a clear manuscript was published",
		example: "narthex publication publish eng_… 2 --at 10.1234/probes.5 --file paper.pdf\nnarthex publication publish eng_… 2 --at https://arxiv.org/abs/2611.01234 --file paper.pdf",
		run: func(ctx context.Context, args []string) error {
			if file == "" {
				return problem(narthex.Invalid, "give it with --file; its digest is compared with that of the manuscript", "what was published is named by its file")
			}
			var err error
			if in.Reference, err = narthex.ParseReference(in.Reference); err != nil {
				return hinted{err, "give it with --at"}
			}
			if in.Saw, _, err = digestOf(file); err != nil {
				return err
			}
			return a.handle(ctx, args, "publish", in)
		}})
	c.Flags().StringVar(&in.Reference, "at", "", "a DOI, such as 10.1234/probes.5, or an https address")
	c.Flags().StringVar(&file, "file", "", "the file that was published")
	return c
}

// placed reads an engagement, a manuscript and, where there is a third argument, a redaction.
func placed(args []string) (id narthex.EngagementID, manuscript, redaction int, err error) {
	if id, err = engagementID(args[0]); err != nil {
		return id, 0, 0, err
	}
	numbers := make([]int, 2)
	for i, text := range args[1:] {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || strconv.Itoa(n) != text {
			return id, 0, 0, problem(narthex.Invalid, "`narthex publication list "+string(id)+"` shows them", "manuscripts and redactions have numbers from 1, and %q is none", text)
		}
		numbers[i] = n
	}
	return id, numbers[0], numbers[1], nil
}

func (a *app) handle(ctx context.Context, args []string, verb string, in client.ManuscriptCommand) error {
	id, manuscript, redaction, err := placed(args)
	if err != nil {
		return err
	}
	in.Redaction = redaction
	c, _, err := a.member()
	if err != nil {
		return err
	}
	view, err := c.OnManuscript(ctx, id, manuscript, verb, in)
	if err != nil {
		return err
	}
	return a.toldOf(view, map[string]string{"clear": "cleared", "redact": "asked for a redaction in", "extend": "extended the review of", "pause": "stopped the clock of", "resume": "the clock runs for",
		"accept": "accepted a redaction in", "contest": "contested a redaction in", "uphold": "upheld a redaction in", "drop": "dropped a redaction in", "mediate": "asked a mediator about a redaction in",
		"outcome": "recorded the mediator's decision in", "publish": "recorded the publication of"}[verb])
}

// toldOf says in a line what was done, and then what is.
func (a *app) toldOf(view client.PublicationView, done string) error {
	return a.show(view, func(p *page) {
		p.line("%s manuscript %d of %s; it is %s", done, view.Manuscript.Number, view.Engagement, manuscriptInWords(view))
	})
}

// manuscriptInWords says where a manuscript stands, with the date that counts.
func manuscriptInWords(view client.PublicationView) string {
	m, s := view.Manuscript, view.Standing
	switch s.State {
	case narthex.ManuscriptInReview:
		return "in review, and clear on " + day(m.Due) + " where nothing is asked"
	case narthex.ManuscriptPaused:
		return "in review, with its clock stopped"
	case narthex.ManuscriptRedacting:
		if s.InTheWay == 1 {
			return "reviewed, with 1 redaction in the way"
		}
		return "reviewed, with " + strconv.Itoa(s.InTheWay) + " redactions in the way"
	case narthex.ManuscriptEmbargoed:
		return "clear since " + day(s.ClearSince) + ", and may be published from " + day(s.PublishFrom)
	case narthex.ManuscriptClear:
		text := "clear since " + day(s.ClearSince)
		if s.How == "silence" {
			text += ", by silence"
		}
		if s.How == "no_clause" {
			text += ", since the agreement has no review"
		}
		return text
	case narthex.ManuscriptPublished:
		if m.Published != nil {
			return "published at " + m.Published.Reference
		}
	case narthex.ManuscriptReplaced:
		return "replaced by manuscript " + strconv.Itoa(m.ReplacedBy)
	}
	return strings.ReplaceAll(string(s.State), "_", " ")
}

func (a *app) publicationList(ctx context.Context, named string) error {
	id, err := engagementID(named)
	if err != nil {
		return err
	}
	c, _, err := a.member()
	if err != nil {
		return err
	}
	list, err := c.Publications(ctx, id)
	if err != nil {
		return err
	}
	t := newTable("NUMBER", "TITLE", "HANDED IN", "REDACTIONS", "STANDS")
	for _, view := range list.Publications {
		redactions := ""
		if n := len(view.Manuscript.Redactions); n > 0 {
			redactions = strconv.Itoa(n)
		}
		t.row(strconv.Itoa(view.Manuscript.Number), view.Manuscript.Title, day(view.Manuscript.At), redactions, manuscriptInWords(view))
	}
	return a.list(list, t, "no manuscript yet; `narthex publication submit` hands one in")
}

func (a *app) publicationStatement(ctx context.Context, args []string) error {
	id, manuscript, _, err := placed(args)
	if err != nil {
		return err
	}
	c, _, err := a.member()
	if err != nil {
		return err
	}
	statement, err := c.PublicationStatement(ctx, id, manuscript)
	if err != nil {
		return err
	}
	return a.show(statement, func(p *page) { p.document(statement.Text) })
}
