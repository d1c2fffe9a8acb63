package agreement

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"narthex"
)

// TermInWords says what a term gives, for people.
func TermInWords(taxonomy *narthex.Taxonomy, term narthex.Term) string {
	attribute, _ := taxonomy.Attribute(term.Attribute)
	text := fmt.Sprintf("%s (%s) on %s", attribute.Says, term.Attribute, term.Asset)
	if limits := LimitsInWords(taxonomy, term); len(limits) > 0 {
		text += ": " + strings.Join(limits, "; ")
	}
	return text + "."
}

// LimitsInWords says each limit of a term, by name.
func LimitsInWords(taxonomy *narthex.Taxonomy, term narthex.Term) []string {
	var limits []string
	for _, name := range slices.Sorted(maps.Keys(term.Limits)) {
		spec, _ := taxonomy.Limit(term.Attribute, name)
		words := map[narthex.LimitKind]string{narthex.Max: "at most ", narthex.Min: "at least ", narthex.BudgetKind: "in all ", narthex.Rate: "a minute ", narthex.List: "of ", narthex.Set: "of "}[spec.Kind]
		text := spaced(string(name)) + " " + words + term.Limits[name].String()
		if spec.Unit != "" {
			text += " " + spec.Unit
		}
		if spec.Per != "" {
			text = strings.Replace(text, "in all ", "a "+spec.Per+" ", 1)
		}
		limits = append(limits, text)
	}
	return limits
}

// ConditionInWords says what a grant rests on, and whose word it takes.
func ConditionInWords(c narthex.Condition) string {
	whose := "of everyone whom the grant names, each for their own calls"
	if c.For == narthex.OfApplicant {
		whose = "of the applicant, for everyone's calls"
	}
	switch c.Kind {
	case narthex.Training, narthex.Screening:
		return fmt.Sprintf("The %s %s %s. The lab's programme or security records it; a word of it holds %d days at most.", c.Kind, c.Name, whose, c.Days)
	case narthex.Affiliation:
		return fmt.Sprintf("The affiliation %s. The institution's signature or authorisation is its first word of it, and an official of the institution renews it; a word of it holds %d days at most, and an authorisation until it ends.", whose, c.Days)
	case narthex.VisaHeld:
		of, by := "", ""
		if c.Source != "" {
			of = " from " + c.Source
		}
		if c.By != "" {
			by = ", asserted by " + c.By
		}
		return fmt.Sprintf("A visa of the type %s and the value %s%s%s, %s. The person gives it, signed by an issuer whose keys stand in the lab's directory; it holds until it ends, and %d days at most from when it was asserted.", c.Name, c.Value, of, by, whose, c.Days)
	case narthex.Recertification:
		return fmt.Sprintf("The recertification every %d days: the applicant states that purpose and people are still so, and the sponsor or an official of the institution confirms it. The signatures are the first, from the day on which the grant begins.", c.Days)
	}
	return string(c.Kind)
}

func spaced(name string) string { return strings.ReplaceAll(name, "_", " ") }

func joined[S ~string](names []S, between string) string {
	words := make([]string, len(names))
	for i, name := range names {
		words[i] = string(name)
	}
	return strings.Join(words, between)
}

// Escape makes text from outside inert in Markdown and HTML and shows what a reader could not see.
func Escape(text string) string {
	var out strings.Builder
	for _, r := range text {
		switch {
		case r == '\n':
			out.WriteString("  \n")
		case strings.ContainsRune("\\`*_{}[]()#+-.!|<>&~$", r):
			out.WriteRune('\\')
			out.WriteRune(r)
		case hidden(r):
			out.WriteString(codePoint(r))
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}

// visible shows what a reader could not see as code points, line ends too.
func visible(text string) string {
	var out strings.Builder
	for _, r := range text {
		if hidden(r) {
			out.WriteString(codePoint(r))
		} else {
			out.WriteRune(r)
		}
	}
	return out.String()
}

func codePoint(r rune) string { return fmt.Sprintf("⟦U+%04X⟧", r) }

// hidden says whether a reader could miss a character or be misled by it: controls, marks of direction, blanks that are no
// spaces, and the brackets in which code points are shown, so that nobody forges one.
func hidden(r rune) bool {
	blank := r == 0x34f || r == 0x115f || r == 0x1160 || r == 0x17b4 || r == 0x17b5 || r == 0x3164 || r == 0xffa0 || r == 0x2800
	return !unicode.IsGraphic(r) || blank || unicode.Is(unicode.Variation_Selector, r) || r == '⟦' || r == '⟧'
}
