package agreement

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"narthex"
)

// Redline compares what was agreed with the pathway's standard: terms that it does not offer, limits other than their
// defaults, and days other than its own; and with the clause library, for the pathway's own values are nobody's default. What a pathway offers and nobody asked for
// is no difference: an offer is a choice. Nor is the value of a clause that has no default: the pathway's is the only one. Terms and clauses carry their numbers in the agreement.
func Redline(pathway narthex.Pathway, library map[narthex.ClauseName]narthex.Clause, terms []narthex.Term, clauses []narthex.AgreedClause, days int) *narthex.Redline {
	out := &narthex.Redline{Departures: []narthex.Departure{}}
	add := func(d narthex.Departure) { out.Departures = append(out.Departures, d) }
	if days != pathway.GrantDays {
		add(narthex.Departure{What: narthex.DiffersDays, Standard: fmt.Sprint(pathway.GrantDays), Agreed: fmt.Sprint(days)})
	}
	for _, term := range terms {
		offer, offered := pathway.Offer(term.Attribute, term.Asset)
		if !offered {
			add(narthex.Departure{What: narthex.DiffersTerm, Number: term.Clause, Of: string(term.Attribute) + " on " + string(term.Asset)})
			continue
		}
		for _, d := range limitDepartures(offer, term) {
			add(d)
		}
	}
	for _, clause := range clauses {
		for _, name := range slices.Sorted(maps.Keys(clause.Values)) {
			if standard := library[clause.Name].Parameters[name].Default; standard != "" && clause.Values[name] != standard {
				add(narthex.Departure{What: narthex.DiffersValue, Number: clause.Number, Of: string(clause.Name), Name: name, Standard: standard, Agreed: clause.Values[name]})
			}
		}
	}
	return out
}

func limitDepartures(offer narthex.Offer, term narthex.Term) []narthex.Departure {
	var out []narthex.Departure
	names := map[narthex.LimitName]bool{}
	for name := range offer.Limits {
		names[name] = true
	}
	for name := range term.Limits {
		names[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		standard, has := offer.Limits[name]
		agreed, set := term.Limits[name]
		if has && set && agreed.Equal(standard.Default) {
			continue
		}
		d := narthex.Departure{What: narthex.DiffersLimit, Number: term.Clause, Of: string(term.Attribute) + " on " + string(term.Asset), Name: string(name), Beyond: !has || !set || !standard.Holds(agreed)}
		if has {
			d.Standard = standard.Default.String()
		}
		if set {
			d.Agreed = agreed.String()
		}
		out = append(out, d)
	}
	return out
}

// RedlineInWords says each difference in a line, or that there is none; of no redline it says nothing.
func RedlineInWords(r *narthex.Redline) []string {
	if r == nil {
		return nil
	}
	if len(r.Departures) == 0 {
		return []string{"Nothing: this is the pathway's standard."}
	}
	orUnset := func(text string) string {
		if text == "" {
			return "not set"
		}
		return text
	}
	var lines []string
	for _, d := range r.Departures {
		var line string
		switch d.What {
		case narthex.DiffersDays:
			line = fmt.Sprintf("it lasts %s days; the standard is %s", d.Agreed, d.Standard)
		case narthex.DiffersTerm:
			line = fmt.Sprintf("%s: %s is added; the pathway does not offer it", d.Number, d.Of)
		case narthex.DiffersValue:
			line = fmt.Sprintf("%s: %s of %s is %s; the clause library has %s", d.Number, spaced(d.Name), d.Of, d.Agreed, d.Standard)
		default:
			line = fmt.Sprintf("%s: %s of %s is %s; the standard is %s", d.Number, spaced(d.Name), d.Of, orUnset(d.Agreed), orUnset(d.Standard))
		}
		if d.Beyond {
			line += ", and this is outside the range that the pathway offers"
		}
		lines = append(lines, strings.ToUpper(line[:1])+line[1:]+".")
	}
	return lines
}
