package agreement

import (
	"fmt"
	"slices"
	"strings"

	"narthex"
)

// Independence says in words that a published work can carry who paid, what was given, and what the lab's review of the manuscript
// was. It says nothing that the agreement and the review do not show.
func Independence(taxonomy *narthex.Taxonomy, a narthex.Agreement, digest narthex.Digest, m narthex.Manuscript, at narthex.ManuscriptStanding) string {
	var out strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&out, format+"\n", args...) }
	line("This work was made with access that %s gave under the agreement %s.", visible(a.Lab), digest)
	line("")
	line("Payment. %s", payment(a))
	line("Given, from %s to %s at most:", a.NotBefore.UTC().Format("2 January 2006"), a.NotAfter.UTC().Format("2 January 2006"))
	for _, term := range a.Terms {
		line("- %s", TermInWords(taxonomy, term))
	}
	line("")
	out.WriteString(reviewed(m, at))
	return out.String()
}

func payment(a narthex.Agreement) string {
	at := slices.IndexFunc(a.Clauses, func(c narthex.AgreedClause) bool { return c.Name == "compensation" })
	if at < 0 {
		return "The agreement has no clause on payment, neither for the access nor for the work."
	}
	values := a.Clauses[at].Values
	text := "The access cost: " + values["fee"] + ". The lab paid for the work: " + values["amount"] + "."
	if values["contingent"] == "no" {
		return text + " No payment depended on what was found or published."
	}
	return text + " A payment depended on what was found or published."
}

func reviewed(m narthex.Manuscript, at narthex.ManuscriptStanding) string {
	if m.Clause == nil {
		return "Review. The agreement has no clause of publication review. The lab did not review this work.\n"
	}
	var out strings.Builder
	fmt.Fprintf(&out, "Review. The lab could read the manuscript before it was published, for these grounds alone: %s. It could ask for single passages to be taken out, and could neither refuse the work nor ask for other findings.", strings.Join(m.Clause.Grounds, ", "))
	if at.How == "silence" {
		fmt.Fprintf(&out, " The review ended on %s, when its time was over.", at.ReviewEnded.UTC().Format("2 January 2006"))
	} else {
		fmt.Fprintf(&out, " The review ended on %s, when the lab said that it asks nothing more.", at.ReviewEnded.UTC().Format("2 January 2006"))
	}
	applied := 0
	for _, r := range at.Redactions {
		if r.State == narthex.RedactionApplied {
			applied++
		}
	}
	switch {
	case len(at.Redactions) == 0:
		out.WriteString(" It asked for no redaction, and changed nothing.\n")
	default:
		fmt.Fprintf(&out, " Of %s asked, %d were applied and %d fell.\n", counted(len(at.Redactions), "redaction"), applied, len(at.Redactions)-applied)
	}
	fmt.Fprintf(&out, "Text. The manuscript that is clear has the digest %s.\n", m.Digest)
	return out.String()
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
