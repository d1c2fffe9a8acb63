package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
	"narthex/internal/agreement"
	"narthex/internal/lab"
)

func (a *app) pathways() *cobra.Command {
	return a.command(leaf{
		use: "pathways [NAME]", short: "Show how to get access, and what each pathway offers",
		long: `List the pathways that a lab publishes, or show one: who may apply, what is offered and how far it can be negotiated, what
is asked, who decides and how long that takes. It needs no log-in.`,
		example: "narthex pathways --url https://narthex.lab.example\nnarthex pathways interpretability",
		run: func(ctx context.Context, args []string) error {
			if len(args) == 0 {
				return a.pathwayList(ctx)
			}
			return a.pathwayShow(ctx, narthex.PathwayName(args[0]))
		}})
}

func (a *app) pathwayList(ctx context.Context) error {
	c, err := a.visitor()
	if err != nil {
		return err
	}
	list, err := c.Pathways(ctx)
	if err != nil {
		return err
	}
	t := newTable("PATHWAY", "FOR", "OFFERS", "DECIDED BY", "WITHIN", "LASTS")
	for _, p := range list.Pathways {
		t.row(string(p.Name), p.Title, attributesOf(p), reviewsInWords(p.Reviews), fmt.Sprintf("%d business days", p.ReviewDays), lasts(p))
	}
	return a.list(list, t, "this lab publishes no pathway yet; ask it when it will")
}

func attributesOf(p narthex.Pathway) string {
	var names []string
	for _, offer := range p.Offers {
		names = append(names, string(offer.Attribute))
	}
	return strings.Join(names, ", ")
}

func lasts(p narthex.Pathway) string {
	return fmt.Sprintf("%d days, at most %d", p.GrantDays, p.MostDays)
}

// reviewsInWords says who must approve.
func reviewsInWords(rules []narthex.ReviewRule) string {
	parts := make([]string, len(rules))
	for i, rule := range rules {
		parts[i] = fmt.Sprintf("%d × %s", rule.Quorum, words([]narthex.Role{rule.Role}))
	}
	return strings.Join(parts, ", ")
}

func (a *app) pathwayShow(ctx context.Context, name narthex.PathwayName) error {
	c, err := a.visitor()
	if err != nil {
		return err
	}
	view, err := c.Pathway(ctx, name)
	if narthex.IsKind(err, narthex.Withheld) {
		return problem(narthex.Withheld, "`narthex pathways` lists what there is", "the lab publishes no pathway of that name")
	}
	if err != nil {
		return err
	}
	return a.show(view, func(p *page) { showPathway(p, view) })
}

func showPathway(p *page, view client.PathwayView) {
	way := view.Pathway
	p.line("%s: %s", way.Name, way.Title)
	p.line("%s", way.Summary)
	p.heading("Who may apply")
	p.line("  %s", way.Who)
	for _, criterion := range way.Criteria {
		p.line("  - %s", criterion)
	}
	if len(way.Codes) > 0 {
		p.heading("What it may be used for")
		for _, code := range way.Codes {
			p.line("  %s: %s", code, view.Codes[code])
		}
	}
	p.heading("What is offered")
	p.table(offerTable(way))
	p.line("%s", way.NotOffered)
	if len(way.Later) > 0 {
		p.heading("What is to come, and cannot be applied for yet")
		for _, later := range way.Later {
			p.line("  %s: %s", later.Attribute, later.Says)
		}
	}
	p.heading("What is asked")
	for _, q := range way.Questions {
		p.line("  %s: %s%s", q.Name, q.Ask, questionNote(q))
	}
	p.heading("How it is decided")
	took := ""
	if t := view.Took; t != nil {
		took = fmt.Sprintf("%s, the median of %d decisions", hoursInWords(t.MedianHours), t.Count)
	}
	p.fields([2]string{"  by", reviewsInWords(way.Reviews)}, [2]string{"  within", fmt.Sprintf("%d business days, usually %d", way.ReviewDays, way.ExpectedDays)}, [2]string{"  it took", took},
		[2]string{"  lasts", lasts(way) + least(view)}, [2]string{"  sponsor", string(way.Sponsor)}, [2]string{"  content kept", way.ContentLog}, [2]string{"  signed by", parties(way)},
		[2]string{"  when late", escalation(way)}, [2]string{"  appeals", fmt.Sprintf("%s, answered in %d business days", way.AppealTo, way.AppealDays)})
	if len(way.RestsOn) > 0 {
		p.heading("What a grant rests on, at every call")
		for _, condition := range way.RestsOn {
			p.line("  %s", agreement.ConditionInWords(condition))
		}
	}
	if len(view.Clauses) > 0 {
		p.heading("What is signed")
		p.table(clauseTable(view.Clauses))
	}
	p.blank()
	p.line("to apply: narthex apply %s --example > application.yaml", way.Name)
}

// escalation says whom a late review is brought before.
func escalation(way narthex.Pathway) string {
	if way.EscalateTo == "" {
		return "" // the node is of an earlier version
	}
	return strings.ReplaceAll(way.EscalateTo, "_", " ") + " is told; silence approves nothing"
}

// least says how long a grant lasts at least, where the pathway says so.
func least(view client.PathwayView) string {
	if view.Pathway.LeastDays == 0 {
		return ""
	}
	return fmt.Sprintf(", at least %d business days (%d days)", view.Pathway.LeastDays, view.LeastDays)
}

// clauseTable lists the clauses with their values, and what makes each value true.
func clauseTable(clauses []client.PathwayClause) *table {
	t := newTable("CLAUSE", "PARAMETER", "VALUE", "MAY BE", "HELD BY")
	for _, clause := range clauses {
		name := string(clause.Clause)
		if clause.Notice {
			name += " (in every agreement)"
		}
		if len(clause.Values) == 0 {
			t.row(name, "", "", "", "")
		}
		for _, value := range clause.Values {
			held := string(value.Held)
			if value.By != "" {
				held += ": " + value.By
			}
			t.row(name, value.Name, value.Value, value.Range, held)
			name = ""
		}
	}
	return t
}

func parties(way narthex.Pathway) string {
	if way.Institution {
		return "you, your institution, the lab"
	}
	return "you, the lab"
}

func offerTable(way narthex.Pathway) *table {
	t := newTable("ATTRIBUTE", "ON", "LIMIT", "STANDARD", "RANGE", "BEYOND IT")
	for _, offer := range way.Offers {
		attribute, assets := string(offer.Attribute), joined(offer.Assets)
		if len(offer.Limits) == 0 {
			t.row(attribute, assets, "", "", "", "")
		}
		for _, name := range slices.Sorted(maps.Keys(offer.Limits)) {
			r := offer.Limits[name]
			beyond := "not offered"
			if len(offer.Beyond) > 0 {
				beyond = words(offer.Beyond) + " must approve too"
			}
			t.row(attribute, assets, string(name), r.Default.String(), lab.RangeInWords(r), beyond)
			attribute, assets = "", ""
		}
	}
	return t
}

func joined[S ~string](names []S) string {
	parts := make([]string, len(names))
	for i, name := range names {
		parts[i] = string(name)
	}
	return strings.Join(parts, ", ")
}

func questionNote(q narthex.Question) string {
	note := fmt.Sprintf(" (at most %d characters", q.MaxChars)
	if len(q.Choices) > 0 {
		note = " (" + strings.Join(q.Choices, ", ")
	}
	if q.Required {
		note += "; required"
	}
	if q.When != nil {
		note += fmt.Sprintf("; only when %s is: %s", q.When.Question, strings.Join(q.When.Is, ", "))
	}
	return note + ")"
}
