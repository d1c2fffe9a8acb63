// Package document reads YAML documents strictly: those of a lab's directory, and those that a researcher's study says what it is by.
//
// It promises one reading: names are exact, none stands twice and none is unknown; there are no anchors, aliases, merges and tags; and
// what is wrong is said with its line and column. What nests deep is refused before anything that calls itself reads it.
//
// It trusts no document, and it is pure. A value that it gives is of its type and no more: its caller holds it to its rules. Read next:
// depth.go, package wire for the decoder behind it, packages lab and study for who calls it.
package document

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"narthex"
	"narthex/internal/order"
	"narthex/internal/wire"
)

// Problem is one thing wrong with a document, or with several that belong together.
type Problem struct {
	File         string
	Line, Column int
	Message      string
}

func (p Problem) String() string {
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Message)
}

// Problems is everything that is wrong.
type Problems []Problem

// Sorted puts problems into the order of their files and places, and gives them.
func (ps Problems) Sorted() Problems {
	order.By(ps, func(a, b Problem) int {
		if c := strings.Compare(a.File, b.File); c != 0 {
			return c
		}
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return ps
}

// Error gives all problems, one a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Render gives each problem with its line and a caret under its place.
func (ps Problems) Render(files map[string][]byte) string {
	var out strings.Builder
	for _, p := range ps {
		out.WriteString(p.String() + "\n")
		lines := strings.Split(string(files[p.File]), "\n")
		if p.Line >= 1 && p.Line <= len(lines) && lines[p.Line-1] != "" {
			fmt.Fprintf(&out, "    %s\n    %s^\n", strings.ReplaceAll(lines[p.Line-1], "\t", " "), strings.Repeat(" ", max(0, p.Column-1)))
		}
	}
	return out.String()
}

// Document is a YAML file with the places of its nodes.
type Document struct {
	file  string
	first int // line of the file that the document begins in, from 0
	root  ast.Node
}

// At gives a problem at the place of a path of names and indexes; a path that leads nowhere gives the nearest place above it.
func (d Document) At(path []string, format string, args ...any) Problem {
	line, column := 1, 1
	node := d.root
	for i := 0; node != nil; i++ {
		if t := place(node); t != nil && t.Position != nil {
			line, column = t.Position.Line, t.Position.Column
		}
		if i == len(path) {
			break
		}
		node = child(node, path[i])
	}
	return Problem{d.file, d.first + line, column, fmt.Sprintf(format, args...)}
}

func place(node ast.Node) *token.Token {
	if m, is := node.(*ast.MappingNode); is && len(m.Values) > 0 {
		return m.Values[0].Key.GetToken()
	}
	return node.GetToken()
}

// child gives what stands in a mapping under a name, or in a sequence at an index.
func child(node ast.Node, name string) ast.Node {
	switch n := node.(type) {
	case *ast.MappingNode:
		for _, value := range n.Values {
			if keyText(value) == name {
				return value.Value
			}
		}
	case *ast.MappingValueNode:
		if keyText(n) == name {
			return n.Value
		}
	case *ast.SequenceNode:
		if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(n.Values) {
			return n.Values[i]
		}
	}
	return nil
}

func keyText(value *ast.MappingValueNode) string {
	return strings.Trim(value.Key.String(), `"'`)
}

// Read reads one document strictly into T, by its JSON names. The file's name and first, the number of lines that stand before the
// document in it, are for the places of problems. Where there are problems, the value is the zero T.
func Read[T any](file string, first int, data []byte) (T, Document, Problems) {
	var zero T
	doc := Document{file: file, first: first}
	if found := tooDeep(doc, data); found != nil {
		return zero, doc, found
	}
	parsed, err := parser.ParseBytes(data, 0)
	if err != nil {
		return zero, doc, Problems{yamlProblem(doc, err)}
	}
	if len(parsed.Docs) != 1 || parsed.Docs[0].Body == nil {
		return zero, doc, Problems{doc.At(nil, "a file holds one YAML document, and this one holds %d", len(parsed.Docs))}
	}
	doc.root = parsed.Docs[0].Body
	var loose any
	if err := yaml.UnmarshalWithOptions(data, &loose, yaml.Strict()); err != nil {
		return zero, doc, Problems{yamlProblem(doc, err)}
	}
	form, err := json.Marshal(loose)
	if err != nil {
		return zero, doc, Problems{doc.At(nil, "names must be words: %v", err)}
	}
	read, err := wire.Decode[T](form, wire.Limits{Bytes: 1 << 20, Depth: 24})
	if err != nil {
		return zero, doc, Problems{doc.At(wire.Where(err), "%s", decodeMessage(err))}
	}
	return read, doc, nil
}

// decodeMessage says what is wrong in the words of the decoder; a lab's own file may be quoted to the lab.
func decodeMessage(err error) string {
	public := narthex.AsError(err)
	text := public.Public
	path := wire.Where(err)
	switch {
	case strings.Contains(text, "does not know"):
		return fmt.Sprintf("%q is not a field here", last(path))
	case strings.Contains(text, "wrong kind"):
		return fmt.Sprintf("%q has a value of the wrong kind or out of range", last(path))
	}
	return text
}

func last(path []string) string {
	if len(path) == 0 {
		return ""
	}
	return path[len(path)-1]
}

func yamlProblem(doc Document, err error) Problem {
	var syntax *yaml.SyntaxError
	var duplicate *yaml.DuplicateKeyError
	switch {
	case errors.As(err, &duplicate) && duplicate.Token != nil:
		return Problem{doc.file, doc.first + duplicate.Token.Position.Line, duplicate.Token.Position.Column, duplicate.Message}
	case errors.As(err, &syntax) && syntax.Token != nil:
		return Problem{doc.file, doc.first + syntax.Token.Position.Line, syntax.Token.Position.Column, syntax.Message}
	}
	return doc.At(nil, "this is not YAML: %v", err)
}
