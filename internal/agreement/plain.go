package agreement

import (
	"bufio"
	"bytes"
	"fmt"
	stdhtml "html"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"
)

// plain turns the bodies among parts into paragraphs and items, so that a form without Markdown can show them. All their text
// is kept: a link's address stands behind it in brackets, and raw HTML as it was written.
func plain(parts []part) []part {
	var out []part
	for _, p := range parts {
		if p.kind != body {
			out = append(out, p)
			continue
		}
		source := []byte(p.text)
		out = append(out, blocks(goldmark.DefaultParser().Parse(text.NewReader(source)), source, 0)...)
	}
	return out
}

// blocks gives what stands under a node, at a level of lists.
func blocks(parent ast.Node, source []byte, level int) []part {
	var out []part
	add := func(text string) {
		k := paragraph
		if level > 0 {
			k = item
		}
		for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
			out = append(out, part{kind: k, level: level, text: line})
		}
	}
	for node := parent.FirstChild(); node != nil; node = node.NextSibling() {
		switch n := node.(type) {
		case *ast.List:
			number := n.Start
			for entry := n.FirstChild(); entry != nil; entry = entry.NextSibling() {
				under := blocks(entry, source, level+1)
				if n.IsOrdered() && len(under) > 0 {
					under[0].label = fmt.Sprint(number)
				}
				number++
				out = append(out, under...)
			}
		case *ast.Blockquote:
			out = append(out, blocks(n, source, level)...)
		case *ast.CodeBlock, *ast.FencedCodeBlock:
			add(string(n.Lines().Value(source)))
		case *ast.HTMLBlock:
			raw := string(n.Lines().Value(source))
			if n.HasClosure() {
				raw += string(n.ClosureLine.Value(source))
			}
			add(raw)
		case *ast.ThematicBreak:
		default:
			add(inline(n, source))
		}
	}
	return out
}

// inline gives the text of a block or of what stands in it.
func inline(parent ast.Node, source []byte) string {
	var out strings.Builder
	for node := parent.FirstChild(); node != nil; node = node.NextSibling() {
		switch n := node.(type) {
		case *ast.Text:
			value := string(n.Segment.Value(source))
			if !n.IsRaw() && parent.Kind() != ast.KindCodeSpan {
				value = unescaped(n.Segment.Value(source))
			}
			out.WriteString(value)
			if n.HardLineBreak() {
				out.WriteString("\n")
			} else if n.SoftLineBreak() {
				out.WriteString(" ")
			}
		case *ast.Link:
			fmt.Fprintf(&out, "%s (%s)", inline(n, source), n.Destination)
		case *ast.Image:
			fmt.Fprintf(&out, "%s (%s)", inline(n, source), n.Destination)
		case *ast.AutoLink:
			out.Write(n.Label(source))
		case *ast.RawHTML:
			out.Write(n.Segments.Value(source))
		case *ast.String:
			out.Write(n.Value)
		default:
			out.WriteString(inline(n, source))
		}
	}
	return out.String()
}

// unescaped resolves backslashes and entities as the page does, whose writer is asked.
func unescaped(value []byte) string {
	var out bytes.Buffer
	w := bufio.NewWriter(&out)
	html.DefaultWriter.Write(w, value)
	_ = w.Flush() // into memory
	return stdhtml.UnescapeString(out.String())
}
