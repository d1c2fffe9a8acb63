package agreement

import (
	"bytes"
	"fmt"
	"html"
	"slices"
	"strings"
	"time"

	"github.com/yuin/goldmark"

	"narthex"
)

// Markdown gives the agreement as people read it, its digest on the cover. Taxonomy puts the terms in words.
func Markdown(taxonomy *narthex.Taxonomy, a narthex.Agreement) (string, error) {
	digest, err := Digest(a)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	fmt.Fprintf(&out, "# Agreement: %s\n\n", Escape(a.Title))
	out.WriteString("*The clauses are samples of the lab's library and want a lawyer's eye before anyone relies on them.*\n\n")
	fmt.Fprintf(&out, "| | |\n|---|---|\n| digest | `%s` |\n| engagement | `%s` |\n| lab | %s |\n| ledger | `%s` |\n| pathway | `%s` |\n| application | `%s` |\n| lab directory | `%s` |\n",
		digest, a.Engagement, Escape(a.Lab), a.Origin, a.Pathway, a.Application, a.Directory)
	fmt.Fprintf(&out, "| in force | from %s until before %s |\n| content of calls | kept: %s |\n| appeal | %s, answered in %d business days |\n",
		a.NotBefore.Format(time.RFC3339), a.NotAfter.Format(time.RFC3339), a.ContentLog, Escape(a.AppealTo), a.AppealDays)
	fmt.Fprintf(&out, "| approved | by %d people |\n", a.Approvals)
	if a.SingleCustodian {
		out.WriteString("| note | **the lab directory has a single custodian: one person alone approves its changes** |\n")
	}
	out.WriteString("\n## Parties\n\n")
	for _, party := range a.Parties {
		fmt.Fprintf(&out, "- **%s**: %s\n", party.Role, Escape(party.Name))
		for _, signer := range party.Signers {
			fmt.Fprintf(&out, "  - may sign: %s, key `%s`\n", Escape(signer.Name), signer.Fingerprint)
		}
	}
	for i, clause := range a.Clauses {
		fmt.Fprintf(&out, "\n## %s. %s\n\n%s\n", clause.Number, clause.Title, strings.TrimSpace(clause.Text))
		if i == 0 {
			writeTerms(&out, taxonomy, a.Terms)
		}
	}
	return out.String(), nil
}

func writeTerms(out *strings.Builder, taxonomy *narthex.Taxonomy, terms []narthex.Term) {
	out.WriteString("\n## 2. What is given\n\nThis and nothing else. The gateway runs on these terms; every answer names the one that made it.\n\n")
	for _, term := range terms {
		fmt.Fprintf(out, "- **%s** %s\n", term.Clause, Escape(TermInWords(taxonomy, term)))
	}
}

const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Agreement %s</title>
<style>body{font:16px/1.5 Georgia,serif;max-width:46rem;margin:3rem auto;padding:0 1rem;color:#222}h1,h2{line-height:1.2}code{font-size:.85em;word-break:break-all}td{padding:.15rem .8rem .15rem 0;vertical-align:top}</style>
</head>
<body>
%s</body>
</html>
`

// HTML gives the Markdown as one page without scripts or anything remote.
func HTML(taxonomy *narthex.Taxonomy, a narthex.Agreement) (string, error) {
	text, err := Markdown(taxonomy, a)
	if err != nil {
		return "", err
	}
	cover, rest := coverTable(text)
	var body bytes.Buffer
	if err := goldmark.Convert([]byte(rest), &body); err != nil {
		return "", fmt.Errorf("write agreement: %w", err)
	}
	return fmt.Sprintf(page, html.EscapeString(string(a.Engagement)), strings.Replace(body.String(), "<p>COVER</p>", cover, 1)), nil
}

// coverTable takes the cover's table out of the Markdown, for the renderer knows no tables, and makes it HTML.
func coverTable(text string) (table, rest string) {
	lines := strings.Split(text, "\n")
	first := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "| ") })
	last := first
	var rows strings.Builder
	rows.WriteString("<table>\n")
	for last < len(lines) && strings.HasPrefix(lines[last], "|") {
		cells := strings.SplitN(strings.Trim(lines[last], "| "), " | ", 2)
		if len(cells) == 2 {
			fmt.Fprintf(&rows, "<tr><td>%s</td><td>%s</td></tr>\n", inline(cells[0]), inline(cells[1]))
		}
		last++
	}
	rows.WriteString("</table>")
	return rows.String(), strings.Join(append(append(lines[:first:first], "COVER"), lines[last:]...), "\n")
}

// inline renders one cell.
func inline(text string) string {
	var out bytes.Buffer
	if err := goldmark.Convert([]byte(text), &out); err != nil {
		return html.EscapeString(text)
	}
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(out.String()), "<p>"), "</p>")
}
