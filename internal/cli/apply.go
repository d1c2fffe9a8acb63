package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
	"narthex/internal/lab"
)

func (a *app) apply() *cobra.Command {
	var from, where string
	var files []string
	var example, submit bool
	c := a.command(leaf{
		use: "apply PATHWAY", short: "Begin an application, by a form or from a file",
		long: `Begin an application. Alone it asks for one thing after the other, and sends what you say as a draft. --example prints a file to
fill in instead: the questions, and every term that the pathway offers with its standard limits; --from sends that. At once you are
told what is not offered as you ask for it and who else must then approve. --submit hands it in where nothing stands against it.

--attach names a file that goes with it, such as an ethics approval: its name, size and digest are sent, the file stays with you, and
--where says where the lab's people can read it.`,
		example: "narthex apply interpretability\nnarthex apply interpretability --example > application.yaml\nnarthex apply interpretability --from application.yaml\nnarthex apply interpretability --from application.yaml --submit\nnarthex apply interpretability --from application.yaml --attach protocol.pdf --where 'mailed to the programme'",
		run: func(ctx context.Context, args []string) error {
			name := narthex.PathwayName(args[0])
			switch {
			case example && (from != "" || submit || len(files) > 0):
				return problem(narthex.Invalid, "--example prints a file, --from sends one", "it takes one of --example and --from")
			case example:
				return a.applyExample(ctx, name)
			case from == "":
				return a.applyForm(ctx, name, files, where, submit)
			}
			return a.applyFrom(ctx, name, from, files, where, submit)
		}})
	c.Flags().StringVar(&from, "from", "", "the application, a YAML file, or - for standard input")
	c.Flags().BoolVar(&example, "example", false, "print a file to fill in")
	c.Flags().BoolVar(&submit, "submit", false, "submit it where nothing stands against it")
	attachFlags(c, &files, &where)
	return c
}

func (a *app) applyExample(ctx context.Context, name narthex.PathwayName) error {
	c, err := a.visitor()
	if err != nil {
		return err
	}
	view, err := c.Pathway(ctx, name)
	if err != nil {
		return err
	}
	text, err := exampleOf(view)
	if err != nil {
		return err
	}
	return a.show(map[string]string{"yaml": text}, func(p *page) { p.document(text) })
}

// exampleOf writes an application that can be filled in. Everything that comes from the lab is quoted as JSON is.
func exampleOf(view client.PathwayView) (string, error) {
	way := view.Pathway
	var out strings.Builder
	fmt.Fprintf(&out, "# An application for %s. Fill it in, take out what you do not need, then:\n", oneLine(way.Title))
	fmt.Fprintf(&out, "#   narthex apply %s --from FILE\n", way.Name)
	fmt.Fprintf(&out, "pathway: %s\ntitle: \"\"  # of your project, at most 200 characters\ndays: %d  # at most %d\n", way.Name, way.GrantDays, way.MostDays)
	if view.LeastDays > 0 {
		fmt.Fprintf(&out, "# and at least %d\n", view.LeastDays)
	}
	sponsor := "# sponsor: per_…  # someone of the lab who works with you\n"
	if way.Sponsor == narthex.SponsorRequired {
		sponsor = "# sponsor: per_…  # required: someone of the lab who works with you\n"
	}
	out.WriteString(sponsor + "# members: [per_…]  # people of your organisation who use the access with you\n")
	exampleDeclared(&out, way)
	if len(way.Questions) > 0 {
		out.WriteString("answers:\n")
	}
	for _, q := range way.Questions {
		fmt.Fprintf(&out, "  # %s\n", oneLine(q.Ask+questionNote(q)))
		if q.Help != "" {
			fmt.Fprintf(&out, "  # %s\n", oneLine(q.Help))
		}
		fmt.Fprintf(&out, "  %s: \"\"\n", q.Name)
	}
	out.WriteString("terms:\n")
	for _, offer := range way.Offers {
		for _, asset := range offer.Assets {
			if err := exampleTerm(&out, view.Attributes[offer.Attribute], offer, asset); err != nil {
				return "", err
			}
		}
	}
	return out.String(), nil
}

// exampleDeclared writes what an application holds beside answers and terms.
func exampleDeclared(out *strings.Builder, way narthex.Pathway) {
	out.WriteString("# What ties you or a member to the lab or its people: with whom, or \"none\".\ninterests:\n")
	for _, kind := range narthex.InterestKinds() {
		fmt.Fprintf(out, "  - {kind: %s, with: \"\"}\n", kind)
	}
	out.WriteString("# Files that go with it: `sha256sum FILE` and its size, or --attach FILE beside --from, which fills this in. They stay with you.\n")
	out.WriteString("# attachments:\n#   - {name: protocol.pdf, digest: \"sha256:…\", size: 48213, where: \"mailed to the programme\"}\n")
	if codes := lab.Narrowing(way); len(codes) > 0 {
		out.WriteString("# Codes by which you bind yourselves to less than the pathway gives; they are signed.\n# codes: [" + joined(codes) + "]\n")
		for _, code := range codes {
			fmt.Fprintf(out, "#   %s: %s\n", code, oneLine(lab.CodeInWords(code)))
		}
	}
}

func exampleTerm(out *strings.Builder, attribute narthex.Attribute, offer narthex.Offer, asset narthex.AssetName) error {
	fmt.Fprintf(out, "  # %s\n  - attribute: %s\n    asset: %s\n", oneLine(attribute.Says), offer.Attribute, asset)
	if len(offer.Limits) == 0 {
		return nil
	}
	out.WriteString("    limits:\n")
	for _, name := range slices.Sorted(maps.Keys(offer.Limits)) {
		r := offer.Limits[name]
		value, err := json.Marshal(r.Default)
		if err != nil {
			return fmt.Errorf("write example: %w", err)
		}
		fmt.Fprintf(out, "      %s: %s  # %s\n", name, value, oneLine(lab.RangeInWords(r)))
	}
	return nil
}

// oneLine makes text fit for a comment.
func oneLine(text string) string { return printable(strings.Join(strings.Fields(text), " ")) }

func (a *app) applyFrom(ctx context.Context, name narthex.PathwayName, from string, files []string, where string, submit bool) error {
	draft, err := a.readDraft(name, from)
	if err == nil {
		err = attach(&draft, files, where)
	}
	if err != nil {
		return err
	}
	c, p, err := a.member()
	if err != nil {
		return err
	}
	view, err := c.Draft(ctx, draft)
	if err != nil {
		return err
	}
	return a.drafted(ctx, c, p, view, submit)
}

// applyForm asks for everything by a form. What was typed and could not be sent is kept in a file.
func (a *app) applyForm(ctx context.Context, name narthex.PathwayName, files []string, where string, submit bool) error {
	c, p, err := a.member()
	if err != nil {
		return err
	}
	view, err := c.Pathway(ctx, name)
	if err != nil {
		return err
	}
	ask := form{bufio.NewReader(a.env.Stdin), a.page(a.env.Stderr)}
	draft := client.Draft{}
	if err := attach(&draft, files, where); err != nil {
		return err
	}
	draft, err = ask.fill(view, draft.Attachments)
	if err != nil {
		return err
	}
	if !submit {
		answer, err := ask.ask("Hand it in now, where nothing stands against it?", "no", func(string) error { return nil })
		if err != nil {
			return err
		}
		submit = answer == "yes" || answer == "y"
	}
	drafted, err := c.Draft(ctx, draft)
	if err != nil {
		kept, keep := keepDraft(draft, a.now())
		if keep != nil {
			return errors.Join(err, keep)
		}
		return hinted{err, fmt.Sprintf("what you typed is kept: correct %s, then narthex apply %s --from %s", kept, name, kept)}
	}
	return a.drafted(ctx, c, p, drafted, submit)
}

// drafted hands a draft in where that was asked and nothing stands against it, and shows it.
func (a *app) drafted(ctx context.Context, c *client.Client, p profile, view client.EngagementView, submit bool) (err error) {
	id := view.Engagement.ID
	a.say("drafted %s", id)
	if blocked := blocking(view.Notices); submit && blocked > 0 {
		a.showNotices(view.Notices)
		return problem(narthex.Refused, fmt.Sprintf("change the file, then: narthex engagements edit %s --from FILE, and submit it", id), "the draft %s was kept and not submitted: %d of its terms are not offered as asked", id, blocked)
	}
	if submit {
		if view, err = c.Command(ctx, id, "submit", client.Command{}); err != nil {
			return hinted{err, fmt.Sprintf("the draft was kept; correct it with `narthex engagements edit %s --from FILE`", id)}
		}
	}
	return a.showEngagement(p, view)
}

// readDraft reads an application; the pathway on the command line and the one in the file are the same.
func (a *app) readDraft(name narthex.PathwayName, from string) (client.Draft, error) {
	draft, err := readYAML[client.Draft](a, from)
	if err != nil {
		return draft, err
	}
	if draft.Pathway == "" {
		draft.Pathway = name
	}
	if name != "" && draft.Pathway != name {
		return draft, problem(narthex.Invalid, "name the pathway that you mean in both places", "the file is for the pathway %s and not for %s", draft.Pathway, name)
	}
	return draft, nil
}

func blocking(notices []client.Notice) int {
	n := 0
	for _, notice := range notices {
		if notice.Blocks {
			n++
		}
	}
	return n
}

// showNotices tells what is not offered as asked, to people only.
func (a *app) showNotices(notices []client.Notice) {
	if !a.json {
		writeNotices(a.page(a.env.Stderr), notices)
	}
}

func writeNotices(p *page, notices []client.Notice) {
	for _, notice := range notices {
		word := "note:"
		if notice.Blocks {
			word = "not offered:"
		}
		p.mark(word, yellow, notice.Says)
	}
}
