package lab

import (
	"slices"

	"narthex"
)

// withConditions completes what a pathway's grants rest on with whose it is and for how long, so that what is signed says all of it.
func withConditions(conditions []narthex.Condition) []narthex.Condition {
	list := slices.Clone(conditions)
	for i := range list {
		c := &list[i]
		if c.Days == 0 {
			c.Days = c.Kind.Days()
		}
		if c.For == "" && c.Kind == narthex.Recertification {
			c.For = narthex.OfApplicant
		} else if c.For == "" {
			c.For = narthex.OfTeam
		}
	}
	return list
}

// checkRestsOn holds what a pathway's grants rest on to what can be known of a person, each once.
func (l *loader) checkRestsOn(file string, p narthex.Pathway) {
	for i, c := range p.RestsOn {
		at := func(field, format string, args ...any) {
			l.at(file, []string{"rests_on", itoa(i), field}, format, args...)
		}
		if !slices.Contains(narthex.StandingKinds(), c.Kind) {
			at("kind", "a grant rests on one of %v, and %q is none of them", narthex.StandingKinds(), c.Kind)
			continue
		}
		switch {
		case c.Kind.Named() && narthex.CheckName("a "+string(c.Kind), c.Name) != nil:
			at("name", "a %s has a name in lower-case letters, digits and . _ -, such as secure-handling", c.Kind)
		case !c.Kind.Named() && c.Name != "":
			at("name", "there is one %s of a person, so it has no name; take it out", c.Kind)
		}
		switch {
		case c.For != narthex.OfTeam && c.For != narthex.OfApplicant:
			at("for", "for is team, everyone whom the grant names for their own calls, or applicant")
		case c.Kind == narthex.Recertification && c.For != narthex.OfApplicant:
			at("for", "the applicant states for all that purpose and people are still so; say for: applicant, or leave it out")
		}
		if c.Days < 1 || c.Days > narthex.MostStandingDays {
			at("days", "days, for which a word of it holds at most, is from 1 to %d", narthex.MostStandingDays)
		}
		if slices.ContainsFunc(p.RestsOn[:i], func(b narthex.Condition) bool { return b.Kind == c.Kind && b.Name == c.Name }) {
			at("kind", "this stands under rests_on already; each stands once")
		}
	}
}
