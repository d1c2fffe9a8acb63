package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
	"narthex/internal/lab"
	"narthex/internal/wire"
)

func (a *app) pathwaysCommand() *cobra.Command {
	return leaf("pathways [NAME]", "Show what can be applied for; needs no log-in", "  narthex pathways\n  narthex pathways interpretability", cobra.MaximumNArgs(1), func(ctx context.Context, args []string) error {
		node, err := a.node()
		if err != nil {
			return err
		}
		if len(args) == 1 {
			view, err := node.Pathway(ctx, narthex.PathwayName(args[0]))
			if err != nil {
				return err
			}
			return a.show(view, func(w io.Writer) { writePathway(w, view) })
		}
		list, err := node.Pathways(ctx)
		if err != nil {
			return err
		}
		return a.show(list, func(w io.Writer) {
			if len(list.Pathways) == 0 {
				row(w, "The lab publishes no pathway yet; ask its programme manager.")
				return
			}
			row(w, "PATHWAY", "TITLE", "DECIDED IN", "FOR")
			for _, p := range list.Pathways {
				row(w, p.Name, p.Title, fmt.Sprintf("%d business days", p.ReviewDays), p.Who)
			}
		})
	})
}

func writePathway(w io.Writer, view client.PathwayView) {
	p := view.Pathway
	fmt.Fprintf(w, "%s\n%s\n\nfor: %s\n", visible(p.Title), visible(p.Summary), visible(p.Who))
	for _, c := range p.Criteria {
		fmt.Fprintf(w, "  - %s\n", visible(c))
	}
	fmt.Fprintln(w)
	row(w, "ATTRIBUTE", "ON", "LIMIT", "STANDARD", "RANGE")
	for _, offer := range p.Offers {
		first := []any{offer.Attribute, strings.Trim(fmt.Sprint(offer.Assets), "[]")}
		if len(offer.Limits) == 0 {
			row(w, first[0], first[1], "", "", "")
		}
		for _, name := range slices.Sorted(maps.Keys(offer.Limits)) {
			row(w, first[0], first[1], name, offer.Limits[name].Default, lab.RangeInWords(offer.Limits[name]))
			first = []any{"", ""}
		}
	}
	fmt.Fprintln(w)
	for _, q := range p.Questions {
		needed := ""
		if q.Required {
			needed = " (needed)"
		}
		fmt.Fprintf(w, "asks %s: %s%s\n", q.Name, visible(q.Ask), needed)
	}
	for _, r := range p.Reviews {
		fmt.Fprintf(w, "decided by %d × %s\n", r.Quorum, r.Role)
	}
	fmt.Fprintf(w, "within %d business days; lasts %d days, at most %d\nnot on the list: %s\n\nnext: narthex apply %s --example\n", p.ReviewDays, p.GrantDays, p.MostDays, visible(p.NotOffered), p.Name)
}

func (a *app) applyCommand() *cobra.Command {
	var from string
	var example, submit bool
	c := leaf("apply PATHWAY", "Apply, from a file that you fill in", `  narthex apply interpretability --example > application.yaml
  narthex apply interpretability --from application.yaml
  narthex apply interpretability --from application.yaml --submit`, cobra.ExactArgs(1), func(ctx context.Context, args []string) error {
		node, err := a.node()
		if err != nil {
			return err
		}
		if example || from == "" {
			view, err := node.Pathway(ctx, narthex.PathwayName(args[0]))
			if err != nil {
				return err
			}
			if !example {
				return narthex.Invalidf("Give your application with --from FILE; `narthex apply %s --example` prints one to fill in.", view.Pathway.Name).For("from")
			}
			_, err = io.WriteString(a.env.Stdout, exampleOf(view))
			return err
		}
		draft, err := readDraft(from)
		if err != nil {
			return err
		}
		draft.Pathway = narthex.PathwayName(args[0])
		c, err := a.me()
		if err != nil {
			return err
		}
		view, err := c.Draft(ctx, draft)
		if err == nil && submit {
			view, err = c.Command(ctx, view.Engagement.ID, "submit", client.Command{})
		}
		if err != nil {
			return err
		}
		return a.showEngagement(view)
	})
	c.Flags().StringVar(&from, "from", "", "the file with your application")
	c.Flags().BoolVar(&example, "example", false, "print a file to fill in")
	c.Flags().BoolVar(&submit, "submit", false, "submit it at once")
	return c
}

// exampleOf prints an application with the pathway's standard terms.
func exampleOf(view client.PathwayView) string {
	p := view.Pathway
	var out strings.Builder
	fmt.Fprintf(&out, "# An application through %s. Take out the terms that you do not need.\ntitle: \"\"\ndays: %d\n# sponsor: per_…\nanswers:\n", p.Name, p.GrantDays)
	for _, q := range p.Questions {
		fmt.Fprintf(&out, "  # %s\n  %s: \"\"\n", strings.ReplaceAll(q.Ask, "\n", " "), q.Name)
	}
	out.WriteString("terms:\n")
	for _, offer := range p.Offers {
		for _, asset := range offer.Assets {
			fmt.Fprintf(&out, "  - attribute: %s  # %s\n    asset: %s\n    limits:\n", offer.Attribute, view.Attributes[offer.Attribute].Says, asset)
			if len(offer.Limits) == 0 {
				out.WriteString("      {}\n")
			}
			for _, name := range slices.Sorted(maps.Keys(offer.Limits)) {
				value, err := json.Marshal(offer.Limits[name].Default)
				if err != nil {
					continue
				}
				fmt.Fprintf(&out, "      %s: %s  # %s\n", name, value, lab.RangeInWords(offer.Limits[name]))
			}
		}
	}
	return out.String()
}

// readDraft reads an application's YAML strictly.
func readDraft(path string) (client.Draft, error) {
	var draft client.Draft
	data, err := os.ReadFile(path)
	if err != nil {
		return draft, narthex.Invalidf("The application's file cannot be read; check its path.").For("from").Because(err)
	}
	form, err := yaml.YAMLToJSON(data)
	if err != nil {
		return draft, narthex.Invalidf("The application is not YAML: %s", yaml.FormatError(err, false, true)).For("from")
	}
	return wire.Decode[client.Draft](form, wire.Limits{Bytes: 1 << 20, Depth: 16})
}

func (a *app) showEngagement(view client.EngagementView) error {
	return a.show(view, func(w io.Writer) {
		e := view.Engagement
		row(w, "engagement", e.ID)
		row(w, "title", e.Application.Title)
		row(w, "state", strings.ReplaceAll(string(e.State), "_", " "))
		if !e.Due.IsZero() {
			row(w, "due", e.Due.Format("2006-01-02"))
		}
		row(w, "digest", e.Digest)
		for _, term := range e.Application.Terms {
			row(w, "term", fmt.Sprintf("%s on %s", term.Attribute, term.Asset))
			for _, name := range slices.Sorted(maps.Keys(term.Limits)) {
				row(w, "", fmt.Sprintf("%s %s", name, term.Limits[name]))
			}
		}
		for _, name := range slices.Sorted(maps.Keys(e.Application.Answers)) {
			row(w, "answer", name+": "+e.Application.Answers[name])
		}
		for _, n := range view.Notices {
			row(w, "notice", n.Says)
		}
		for _, n := range e.Notes {
			row(w, "note", view.People[string(n.By)]+": "+n.Text)
		}
		for _, v := range e.Votes {
			verdict := "approved"
			if !v.Approve {
				verdict = "declined: " + v.Reason
			}
			row(w, "vote", fmt.Sprintf("%s as %s %s", view.People[string(v.By)], v.As, verdict))
		}
		if e.Agreement != "" {
			row(w, "agreement", e.Agreement)
		}
		if e.Grant != "" {
			row(w, "grant", e.Grant)
		}
		if len(view.Waiting) > 0 {
			row(w, "waits for", strings.Join(view.Waiting, ", "))
		}
		row(w, "you can", strings.Join(view.Allowed, ", "))
	})
}

func (a *app) engagementsCommand() *cobra.Command {
	list := leaf("list", "List engagements", "  narthex engagements list", cobra.NoArgs, a.listEngagements)
	show := leaf("show ENGAGEMENT", "Show an engagement and what you can do with it", "  narthex engagements show eng_…", cobra.ExactArgs(1), func(ctx context.Context, args []string) error {
		return a.onEngagement(ctx, args[0], func(c *client.Client, id narthex.EngagementID) (client.EngagementView, error) {
			return c.Engagement(ctx, id)
		})
	})
	var from string
	edit := leaf("edit ENGAGEMENT", "Write a draft anew", "  narthex engagements edit eng_… --from application.yaml", cobra.ExactArgs(1), func(ctx context.Context, args []string) error {
		draft, err := readDraft(from)
		if err != nil {
			return err
		}
		return a.onEngagement(ctx, args[0], func(c *client.Client, id narthex.EngagementID) (client.EngagementView, error) {
			view, err := c.Engagement(ctx, id)
			if err != nil {
				return view, err
			}
			draft.Pathway = view.Engagement.Application.Pathway
			return c.Edit(ctx, id, draft)
		})
	})
	edit.Flags().StringVar(&from, "from", "", "the file with your application")
	commands := []*cobra.Command{list, show, edit, a.reviseCommand()}
	for name, short := range map[string]string{"submit": "Submit a draft", "withdraw": "Withdraw an application", "end": "End an engagement; its grant ends at once", "close": "Close an engagement that has ended", "assign": "Assign a submitted application"} {
		commands = append(commands, a.engagementAct(name, short))
	}
	slices.SortFunc(commands, func(x, y *cobra.Command) int { return strings.Compare(x.Name(), y.Name()) })
	return group("engagements", "Engagements: what was asked, and where it stands", commands...)
}

func (a *app) reviseCommand() *cobra.Command {
	var from, text string
	c := leaf("revise ENGAGEMENT", "Answer a returned application, and change it where you must", "  narthex engagements revise eng_… --answer 'No, they are ours.' --from application.yaml", cobra.ExactArgs(1), func(ctx context.Context, args []string) error {
		in := client.Command{Text: text}
		if from != "" {
			draft, err := readDraft(from)
			if err != nil {
				return err
			}
			in.Draft = &draft
		}
		return a.onEngagement(ctx, args[0], func(c *client.Client, id narthex.EngagementID) (client.EngagementView, error) {
			if in.Draft != nil {
				view, err := c.Engagement(ctx, id)
				if err != nil {
					return view, err
				}
				in.Draft.Pathway = view.Engagement.Application.Pathway
			}
			return c.Command(ctx, id, "revise", in)
		})
	})
	c.Flags().StringVar(&text, "answer", "", "your answer to the question")
	c.Flags().StringVar(&from, "from", "", "the file with the changed application")
	return c
}

func (a *app) engagementAct(name, short string) *cobra.Command {
	var reason string
	c := leaf(name+" ENGAGEMENT", short, "  narthex engagements "+name+" eng_…", cobra.ExactArgs(1), func(ctx context.Context, args []string) error {
		return a.onEngagement(ctx, args[0], func(c *client.Client, id narthex.EngagementID) (client.EngagementView, error) {
			return c.Command(ctx, id, name, client.Command{Text: reason})
		})
	})
	c.Flags().StringVar(&reason, "reason", "", "why")
	return c
}

func (a *app) onEngagement(ctx context.Context, text string, do func(*client.Client, narthex.EngagementID) (client.EngagementView, error)) error {
	engagement, err := id[narthex.EngagementID](text)
	if err != nil {
		return err
	}
	c, err := a.me()
	if err != nil {
		return err
	}
	view, err := do(c, engagement)
	if err != nil {
		return err
	}
	return a.showEngagement(view)
}

func (a *app) listEngagements(ctx context.Context, _ []string) error {
	c, err := a.me()
	if err != nil {
		return err
	}
	list, err := c.Engagements(ctx)
	if err != nil {
		return err
	}
	return a.show(list, func(w io.Writer) {
		if len(list.Engagements) == 0 {
			row(w, "There are no engagements that you may see. `narthex pathways` shows what can be applied for.")
			return
		}
		row(w, "ENGAGEMENT", "STATE", "DUE", "APPLICANT", "TITLE", "WAITS FOR")
		for _, e := range list.Engagements {
			due := ""
			if !e.Due.IsZero() {
				due = e.Due.Format("2006-01-02")
			}
			row(w, e.ID, strings.ReplaceAll(string(e.State), "_", " "), due, e.Applicant, e.Title, strings.Join(e.Waiting, ", "))
		}
	})
}

func (a *app) reviewCommand() *cobra.Command {
	list := leaf("list", "List what you may review", "  narthex review list", cobra.NoArgs, a.listEngagements)
	show := leaf("show ENGAGEMENT", "Show what is asked, with the digest to vote on", "  narthex review show eng_…", cobra.ExactArgs(1), func(ctx context.Context, args []string) error {
		return a.onEngagement(ctx, args[0], func(c *client.Client, id narthex.EngagementID) (client.EngagementView, error) {
			return c.Engagement(ctx, id)
		})
	})
	vote := func(name, short string, saw bool) *cobra.Command {
		var as, text, digest string
		c := leaf(name+" ENGAGEMENT", short, "  narthex review "+name+" eng_… --as security --digest sha256:…", cobra.ExactArgs(1), func(ctx context.Context, args []string) error {
			in := client.Command{As: narthex.Role(as), Text: text}
			if saw {
				seen, err := narthex.ParseDigest(digest)
				if err != nil {
					return err
				}
				in.Saw = seen
			}
			return a.onEngagement(ctx, args[0], func(c *client.Client, id narthex.EngagementID) (client.EngagementView, error) {
				return c.Command(ctx, id, name, in)
			})
		})
		c.Flags().StringVar(&as, "as", "", "the role that you act in, such as security")
		c.Flags().StringVar(&text, "reason", "", "your question or reason")
		if saw {
			c.Flags().StringVar(&digest, "digest", "", "the digest of what you read; `narthex review show` prints it")
		}
		return c
	}
	return group("review", "Review applications", list, show, vote("approve", "Approve what you read", true), vote("decline", "Decline, with a reason", true), vote("return", "Return it with a question", false))
}
