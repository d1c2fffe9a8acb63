package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"narthex"
	"narthex/internal/wire"
)

// mostYAML bounds a file that the user writes, in bytes.
const mostYAML = 1 << 20

// readYAML reads a file of the user's strictly: exact names, none twice, none unknown. "-" is standard input. An error names
// the line.
func readYAML[T any](a *app, path string) (T, error) {
	var zero T
	data, err := a.readInput(path)
	if err != nil {
		return zero, err
	}
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return zero, yamlError(path, err)
	}
	if len(file.Docs) != 1 || file.Docs[0].Body == nil {
		return zero, narthex.Invalidf("%s must hold one YAML document. Begin with what --example prints.", path)
	}
	var loose any
	if err := yaml.Unmarshal(data, &loose); err != nil {
		return zero, yamlError(path, err)
	}
	form, err := json.Marshal(loose)
	if err != nil {
		return zero, yamlError(path, err)
	}
	value, err := wire.Decode[T](form, wire.Limits{Bytes: mostYAML, Depth: 16})
	if err != nil {
		where := wire.Where(err)
		return zero, problem(narthex.Invalid, "compare it with what --example prints", "%s%s: %s", path, lineOf(file, where), fieldMessage(err, where))
	}
	return value, nil
}

// readInput reads a file or, for "-", standard input.
func (a *app) readInput(path string) ([]byte, error) {
	if path != "-" {
		return readFile(path)
	}
	data, err := io.ReadAll(io.LimitReader(a.env.Stdin, mostYAML+1))
	if err == nil && len(data) > mostYAML {
		err = fmt.Errorf("it is larger than %d bytes", mostYAML)
	}
	if err != nil {
		return nil, fileError("read", "standard input", err)
	}
	return data, nil
}

func yamlError(path string, err error) error {
	next := "compare it with what --example prints"
	var syntax *yaml.SyntaxError
	var twice *yaml.DuplicateKeyError
	switch {
	case errors.As(err, &twice) && twice.Token != nil:
		return problem(narthex.Invalid, next, "%s:%d: %s", path, twice.Token.Position.Line, twice.Message)
	case errors.As(err, &syntax) && syntax.Token != nil:
		return problem(narthex.Invalid, next, "%s:%d: %s", path, syntax.Token.Position.Line, syntax.Message)
	}
	return problem(narthex.Invalid, next, "%s is not YAML with plain names", path)
}

// fieldMessage says which rule a field broke; a user's own file may be quoted to the user.
func fieldMessage(err error, where []string) string {
	name := strings.Join(where, ".")
	text := narthex.AsError(err).Public
	switch {
	case strings.Contains(text, "does not know"):
		return fmt.Sprintf("there is no field %q here", name)
	case strings.Contains(text, "wrong kind"):
		return fmt.Sprintf("%q has a value of the wrong kind", name)
	case name != "":
		return name + ": " + tidy(text)
	}
	return tidy(text)
}

// lineOf gives ":LINE" of a path in the document, or nothing where it cannot be found.
func lineOf(file *ast.File, where []string) string {
	builder := (&yaml.PathBuilder{}).Root()
	for _, name := range where {
		if index, err := strconv.ParseUint(name, 10, 31); err == nil {
			builder = builder.Index(uint(index))
		} else {
			builder = builder.Child(name)
		}
	}
	node, err := builder.Build().FilterFile(file)
	if err != nil || node == nil || node.GetToken() == nil {
		return ""
	}
	return ":" + strconv.Itoa(node.GetToken().Position.Line)
}
