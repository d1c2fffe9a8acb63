package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"narthex"
	"narthex/client"
)

func (a *app) publicationShow(ctx context.Context, args []string) error {
	id, manuscript, _, err := placed(args)
	if err != nil {
		return err
	}
	c, _, err := a.member()
	if err != nil {
		return err
	}
	view, err := c.Publication(ctx, id, manuscript)
	if err != nil {
		return err
	}
	return a.show(view, func(p *page) { writePublication(p, view) })
}

func writePublication(p *page, view client.PublicationView) {
	m := view.Manuscript
	number := func(n int) string {
		if n == 0 {
			return ""
		}
		return strconv.Itoa(n)
	}
	size, embargo, clause := "", "", "the agreement has none"
	if m.Size > 0 {
		size = fmt.Sprintf("%d bytes", m.Size)
	}
	if !m.Embargo.IsZero() && m.Clause != nil && m.Clause.EmbargoDays > 0 {
		embargo = day(m.Embargo)
	}
	if m.Clause != nil {
		clause = m.Clause.Number + "; grounds: " + strings.Join(m.Clause.Grounds, ", ")
	}
	p.fields([2]string{"manuscript", strconv.Itoa(m.Number) + " of " + string(view.Engagement)}, [2]string{"stands", manuscriptInWords(view)}, [2]string{"title", m.Title}, [2]string{"handed in", day(m.At) + byName(view, m.By)},
		[2]string{"digest", string(m.Digest)}, [2]string{"size", size}, [2]string{"read it at", m.Where}, [2]string{"replaces", number(m.Replaces)}, [2]string{"clause", clause}, [2]string{"embargo until", embargo})
	writeClock(p, view)
	for i, r := range m.Redactions {
		writeRedaction(p, view, i, r)
	}
	writePublicationNext(p, view)
}

func byName(view client.PublicationView, id narthex.PersonID) string {
	if name := view.People[string(id)]; name != "" {
		return " by " + name
	}
	return ""
}

// writeClock says what happened to the clock.
func writeClock(p *page, view client.PublicationView) {
	m := view.Manuscript
	t := newTable("WHEN", "WHAT", "WHO", "WHY")
	tell := func(what string, said *narthex.Said) {
		if said != nil {
			t.row(day(said.At), what, view.People[string(said.By)], said.Text)
		}
	}
	if x := m.Extension; x != nil {
		tell(fmt.Sprintf("extended by %d days for %s", x.Days, map[narthex.ExtensionReason]string{"patent": "a patent", "safety": "safety"}[x.Reason]), &x.Said)
	}
	for _, pause := range m.Pauses {
		what := "the clock was stopped by an author"
		if pause.Cause == narthex.MaterialMissing {
			what = "the clock was stopped, for something was missing"
		}
		tell(what, &pause.Said)
		tell("the clock ran on", pause.Resumed)
	}
	tell("the lab asks nothing more", m.Cleared)
	if len(t.rows) > 0 {
		p.heading("The clock")
		p.table(t)
	}
}

func writeRedaction(p *page, view client.PublicationView, at int, r narthex.Redaction) {
	state := ""
	if at < len(view.Standing.Redactions) {
		state = ": " + strings.ReplaceAll(string(view.Standing.Redactions[at].State), "_", " ")
		if view.Standing.Redactions[at].State == narthex.RedactionContested {
			state += "; it falls on " + day(r.Due) + " where the lab does not answer"
		}
	}
	p.heading(fmt.Sprintf("Redaction %d%s", r.Number, state))
	p.fields([2]string{"ground", r.Ground}, [2]string{"passage", r.Passage}, [2]string{"why", r.Asked.Text}, [2]string{"instead", r.Instead}, [2]string{"asked", day(r.Asked.At) + byName(view, r.Asked.By)})
	for _, step := range []struct {
		what string
		said *narthex.Said
	}{{"accepted", r.Accepted}, {"contested", r.Contested}, {"upheld", r.Upheld}, {"dropped", r.Dropped}} {
		if step.said != nil {
			p.line("%s %s%s", step.what, day(step.said.At), byName(view, step.said.By))
			if step.said.Text != "" {
				p.block(step.said.Text)
			}
		}
	}
	if x := r.Mediation; x != nil {
		p.line("%s was asked to mediate %s", x.Mediator, day(x.Asked.At))
		for i, outcome := range []*narthex.MediatorOutcome{x.Authors, x.Lab} {
			if outcome != nil {
				p.line("%s recorded that it %s, by %s", []string{"the authors", "the lab"}[i], map[bool]string{true: "stands", false: "falls"}[outcome.Stands], outcome.Decision)
			}
		}
	}
}

// writePublicationNext says what the reader may do now, as command lines.
func writePublicationNext(p *page, view client.PublicationView) {
	at := string(view.Engagement) + " " + strconv.Itoa(view.Manuscript.Number)
	more := map[string]string{"redact": " --ground GROUND --passage WHICH --why WHY --instead WHAT", "extend": " --reason REASON --days DAYS --why WHY", "accept": " REDACTION", "contest": " REDACTION --why WHY",
		"uphold": " REDACTION --why WHY", "drop": " REDACTION", "mediate": " REDACTION --mediator WHO", "outcome": " REDACTION --outcome OUTCOME --decision FILE", "publish": " --at WHERE --file FILE"}
	var can []string
	for _, verb := range view.Allowed {
		if verb != "submit" {
			can = append(can, "narthex publication "+verb+" "+at+more[verb])
		}
	}
	if slices.Contains([]narthex.ManuscriptState{narthex.ManuscriptEmbargoed, narthex.ManuscriptClear, narthex.ManuscriptPublished}, view.Standing.State) && view.Manuscript.Title != "" {
		can = append(can, "narthex publication statement "+at)
	}
	if len(can) == 0 {
		return
	}
	p.heading("You can")
	for _, line := range can {
		p.line("  %s", line)
	}
}
