package agreement

import (
	"bytes"
	"fmt"
	"html"
	"strings"
	"unicode/utf8"

	"github.com/yuin/goldmark"
)

func asMarkdown(parts []part) (string, error) {
	var out strings.Builder
	var before kind
	for _, p := range parts {
		if before == row && p.kind != row || before == item && p.kind != item {
			out.WriteString("\n")
		}
		label := ""
		if p.label != "" {
			label = "**" + line(p.label) + "** "
		}
		switch p.kind {
		case title:
			fmt.Fprintf(&out, "# %s\n\n", line(p.text))
		case section:
			fmt.Fprintf(&out, "## %s\n\n", visible(p.text))
		case paragraph:
			fmt.Fprintf(&out, "%s\n\n", visible(p.text))
		case row:
			if before != row {
				out.WriteString("| | |\n|---|---|\n")
			}
			text := line(p.text)
			if p.code && !strings.ContainsAny(p.text, "`|") {
				text = "`" + visible(p.text) + "`"
			}
			fmt.Fprintf(&out, "| %s | %s |\n", line(p.label), text)
		case item:
			fmt.Fprintf(&out, "%s- %s%s\n", strings.Repeat("  ", p.level-1), label, line(p.text))
		case body:
			fmt.Fprintf(&out, "%s\n\n", p.text)
		case exhibit:
			fmt.Fprintf(&out, "```json\n%s\n```\n", p.text)
		}
		before = p.kind
	}
	return out.String(), nil
}

// line escapes text that stands on one line of Markdown.
func line(text string) string { return Escape(strings.ReplaceAll(text, "\n", codePoint('\n'))) }

const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Agreement</title>
<style>body{font:16px/1.5 Georgia,serif;max-width:46rem;margin:3rem auto;padding:0 1rem;color:#222}h1,h2{line-height:1.2}td{padding:.15rem .8rem .15rem 0;vertical-align:top;overflow-wrap:anywhere}pre{white-space:pre-wrap;word-break:break-all;font-size:.8rem}.deep{margin-left:1.5rem}</style>
</head>
<body>
%s</body>
</html>
`

// asHTML writes one page without scripts or anything remote.
func asHTML(parts []part) (string, error) {
	var out bytes.Buffer
	inert := func(text string) string { return html.EscapeString(visible(text)) }
	group := map[kind]string{row: "table", item: "ul"}
	var before kind
	for _, p := range append(parts, part{}) {
		if p.kind != before && group[before] != "" {
			fmt.Fprintf(&out, "</%s>\n", group[before])
		}
		if p.kind != before && group[p.kind] != "" {
			fmt.Fprintf(&out, "<%s>\n", group[p.kind])
		}
		before = p.kind
		switch p.kind {
		case title:
			fmt.Fprintf(&out, "<h1>%s</h1>\n", inert(p.text))
		case section:
			fmt.Fprintf(&out, "<h2>%s</h2>\n", inert(p.text))
		case paragraph:
			fmt.Fprintf(&out, "<p>%s</p>\n", inert(p.text))
		case row:
			fmt.Fprintf(&out, "<tr><td>%s</td><td>%s</td></tr>\n", inert(p.label), inert(p.text))
		case item:
			class, label := "", ""
			if p.level > 1 {
				class = ` class="deep"`
			}
			if p.label != "" {
				label = "<strong>" + inert(p.label) + "</strong> "
			}
			fmt.Fprintf(&out, "<li%s>%s%s</li>\n", class, label, inert(p.text))
		case body:
			if err := goldmark.Convert([]byte(p.text), &out); err != nil {
				return "", fmt.Errorf("write agreement: %w", err)
			}
		case exhibit:
			fmt.Fprintf(&out, "<pre>%s</pre>\n", html.EscapeString(p.text))
		}
	}
	return fmt.Sprintf(page, out.String()), nil
}

// width is of a terminal's line, in characters.
const width = 78

// asText writes plain words for a terminal. The JSON of the last exhibit is left out: it is a form of its own.
func asText(parts []part) (string, error) {
	var out strings.Builder
	widest := 0
	for _, p := range parts {
		if p.kind == row {
			widest = max(widest, utf8.RuneCountInString(visible(p.label)))
		}
	}
	var before kind
	for _, p := range plain(parts) {
		if before != 0 && (p.kind != before || p.kind == paragraph || p.kind == section) {
			out.WriteString("\n")
		}
		before = p.kind
		text := visible(p.text)
		switch p.kind {
		case title, section:
			wrapped := wrap(text, "", "  ")
			rule := map[kind]string{title: "=", section: "-"}[p.kind]
			fmt.Fprintf(&out, "%s%s\n", wrapped, strings.Repeat(rule, min(width, utf8.RuneCountInString(text))))
		case paragraph:
			out.WriteString(wrap(text, "", ""))
		case row:
			label := fmt.Sprintf("%-*s  ", widest, visible(p.label))
			out.WriteString(wrap(text, label, strings.Repeat(" ", widest+2)))
		case item:
			label := strings.Repeat("  ", p.level-1) + "- "
			hang := strings.Repeat(" ", len(label))
			if p.label != "" {
				label += visible(p.label) + ": "
			}
			out.WriteString(wrap(text, label, hang))
		case exhibit:
			out.WriteString("It is left out here; the form json is it.\n")
		}
	}
	return out.String(), nil
}

// wrap breaks text at its spaces, the first line after one beginning and the others after another. A word that is longer than a
// line stays whole.
func wrap(text, first, others string) string {
	var out strings.Builder
	out.WriteString(first)
	at, begun := utf8.RuneCountInString(first), false
	for _, word := range strings.Split(text, " ") {
		long := utf8.RuneCountInString(word)
		if begun && at+1+long > width {
			out.WriteString("\n" + others)
			at, begun = utf8.RuneCountInString(others), false
		}
		if begun {
			out.WriteString(" ")
			at++
		}
		out.WriteString(word)
		at, begun = at+long, true
	}
	return strings.TrimRight(out.String(), " ") + "\n"
}
