// Package study reads what a study says of itself: the file study.yaml in the folder that a researcher hands in to be run beside an
// asset.
//
// It promises that a [Study] which was read has one meaning: a name, a command of plain arguments or none, and each output once, with
// a name that is a plain file of its kind. What a study does not declare there never leaves.
//
// It trusts nothing of the file, and its errors hold nothing of it: they name the place and the rule. It is pure. Read next: package
// document for the reading, package disclosure for the kinds.
package study

import (
	"fmt"
	"slices"
	"strings"

	"narthex"
	"narthex/internal/artefact"
	"narthex/internal/disclosure"
	"narthex/internal/document"
)

// File is the name of the file in the study's folder.
const File = "study.yaml"

const (
	// MostBytes is how large the file is at most.
	MostBytes = 16 << 10
	// MostOutputs is how many outputs a study has at most; it has at least one.
	MostOutputs = 20
	// MostArguments is how many arguments a command has at most, its program among them.
	MostArguments = 32

	mostArgument = 256 // bytes
	mostSays     = 200 // bytes
)

// Study is what a study says of itself. The zero Study runs nothing and lets nothing leave.
type Study struct {
	Name    string   `json:"name"`              // canonical, as [narthex.CheckName] has it
	Command []string `json:"command,omitempty"` // an absolute path and arguments; nil where the environment states the command
	Outputs []Output `json:"outputs"`           // what may ask to leave, in this order; 1 to MostOutputs, names distinct
}

// Output is one file that the study writes and that may ask to leave.
type Output struct {
	Name string          `json:"name"` // lower-case letters, digits and hyphens, and the suffix of its kind; at most 64 bytes
	Kind disclosure.Kind `json:"kind"`
	Says string          `json:"says"` // what it is, in one line of 1 to 200 bytes of printable ASCII, for who reviews it
}

// Parse reads the file. An error is Invalid, names the field where it is a rule of a field's, and holds nothing of the file.
func Parse(data []byte) (Study, error) {
	if len(data) > MostBytes {
		return Study{}, narthex.Invalidf("%s is larger than %d bytes; leave out what is no field of a study.", File, MostBytes)
	}
	s, _, problems := document.Read[Study](File, 0, data)
	if len(problems) > 0 {
		return Study{}, narthex.Invalidf("%s, line %d, column %d: this is no YAML of a study. It has the fields name, command and outputs, an output has name, kind and says, and each stands once, spelled so.", File, problems[0].Line, problems[0].Column)
	}
	if err := s.check(); err != nil {
		return Study{}, err
	}
	return s, nil
}

func (s Study) check() error {
	if err := narthex.CheckName("the study's name", s.Name); err != nil {
		return wrong("name", "a name is 1 to 64 lower-case letters, digits, dots, hyphens and underscores, and begins and ends with a letter or digit")
	}
	if len(s.Command) > MostArguments || s.Command != nil && len(s.Command) == 0 {
		return wrong("command", "a command has 1 to %d parts; leave it out where the environment states it", MostArguments)
	}
	for i, argument := range s.Command {
		if argument == "" || len(argument) > mostArgument || !printable(argument) {
			return wrong(fmt.Sprintf("command.%d", i), "a part of a command is 1 to %d bytes of printable ASCII", mostArgument)
		}
	}
	if len(s.Command) > 0 && !narthex.AbsolutePath(s.Command[0]) {
		return wrong("command.0", "the program is an absolute path without . and .., such as /usr/bin/python3")
	}
	if len(s.Outputs) == 0 || len(s.Outputs) > MostOutputs {
		return wrong("outputs", "a study has 1 to %d outputs", MostOutputs)
	}
	for i, output := range s.Outputs {
		if err := output.check(fmt.Sprintf("outputs.%d.", i)); err != nil {
			return err
		}
		if slices.ContainsFunc(s.Outputs[:i], func(o Output) bool { return o.Name == output.Name }) {
			return wrong(fmt.Sprintf("outputs.%d.name", i), "an output of that name stands before; each stands once")
		}
	}
	return nil
}

func (o Output) check(at string) error {
	if !slices.Contains(Kinds(), o.Kind) {
		return wrong(at+"kind", "a kind is one of %v", Kinds())
	}
	suffix := o.Kind.Suffix()
	if o.Kind == artefact.Kind {
		suffix = artefact.Suffix
	}
	stem, is := strings.CutSuffix(o.Name, suffix)
	if !is || len(o.Name) > 64 || stem == "" || stem[0] == '-' || strings.ContainsFunc(stem, notPlain) {
		return wrong(at+"name", "the name is at most 64 lower-case letters, digits and hyphens, does not begin with a hyphen, and ends as its kind does, with %s", suffix)
	}
	if o.Says == "" || len(o.Says) > mostSays || !printable(o.Says) || strings.TrimSpace(o.Says) != o.Says {
		return wrong(at+"says", "says is one line of 1 to %d bytes of printable ASCII, without spaces at its ends", mostSays)
	}
	return nil
}

// Kinds lists the kinds of files that a study may write: those that people read, and artefacts.
func Kinds() []disclosure.Kind { return append(disclosure.Kinds(), artefact.Kind) }

func wrong(field, format string, args ...any) error {
	return narthex.Invalidf("%s, field %s: %s.", File, field, fmt.Sprintf(format, args...)).For(field)
}

func notPlain(r rune) bool { return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-') }

func printable(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
}
