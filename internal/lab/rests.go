package lab

import (
	"slices"
	"strings"

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
		if !slices.Contains(narthex.ConditionKinds(), c.Kind) {
			at("kind", "a grant rests on one of %v, and %q is none of them", narthex.ConditionKinds(), c.Kind)
			continue
		}
		switch plain := c.Value == "" && c.Source == "" && c.By == ""; {
		case c.Kind == narthex.VisaHeld:
			l.checkVisa(c, at)
		case !plain:
			at("value", "value, source and by are of a visa alone")
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
		if slices.ContainsFunc(p.RestsOn[:i], func(b narthex.Condition) bool {
			return b.Kind == c.Kind && b.Name == c.Name && b.Value == c.Value && b.Source == c.Source && b.By == c.By
		}) {
			at("kind", "this stands under rests_on already; each stands once")
		}
	}
}

// checkVisa holds a condition on a visa to what a visa can say, with an issuer whose visas count.
func (l *loader) checkVisa(c narthex.Condition, at func(field, format string, args ...any)) {
	printable := func(text string, most int) bool {
		return len(text) <= most && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
	}
	switch {
	case c.Name == "" || !printable(c.Name, 100):
		at("name", "the name of a visa is its type, such as ControlledAccessGrants, without spaces")
	case c.Value == "" || !printable(c.Value, 300):
		at("value", "a visa's value is compared letter by letter: up to 300 letters without spaces, such as https://data.example/sets/7")
	case !printable(c.Source, 300):
		at("source", "a visa's source is compared letter by letter: up to 300 letters without spaces; left out, any is taken")
	case c.By != "" && !slices.Contains(narthex.VisaAuthorities(), c.By):
		at("by", "by is one of %v; left out, anyone's word is taken", narthex.VisaAuthorities())
	case len(l.d.VisaIssuers) == 0:
		at("kind", "no issuer stands under visa_issuers in lab.yaml, so no visa could ever hold")
	}
}
