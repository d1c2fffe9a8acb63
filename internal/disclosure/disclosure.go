// Package disclosure says in which form results may leave, and what leaving costs. It is arithmetic on bytes: it reads no clock, no
// store and no file, and keeps nothing.
//
// A file that leaves is of one of five kinds, and each kind has one form. [Canonical] gives it, or a [Refusal]. The form depends on
// what a reader takes from the file and on nothing else that a writer could choose:
//
//	text, markdown   UTF-8 of listed characters, lines that end in LF and in no space, two empty lines at most in a row
//	csv              a header of distinct names, rows of one width in order, cells without spaces around them, quotes where they must be
//	json             RFC 8785, one value a document
//	png              opaque, at most 1024 by 1024, at most 64 colours in order, no metadata
//
// Numbers with a point or an exponent have four significant digits everywhere, in text and cells too, and so do whole numbers of more
// than fifteen. So a reference such as a report's number with a point is rounded too: write it with a dash.
//
// It promises that a form is its own form, byte for byte, and that a file of n bits of charge is one of at most 2^(n+1) forms: [Charge]
// counts the bits of the forms, compressed by a code that is lossless where that is shorter, so what a sender hides in order, spelling,
// spaces or pixels that the form does not take away is counted all the same. The sixteen bits an event are those that
// docs/horizon.md counts for a job; the figures for digits, colours, rows and bytes are this package's own.
//
// It does not promise that a form holds nothing secret: what it holds is looked at by checks and by people. It trusts its caller to run
// it where a fault in it harms nobody, for it reads what a stranger's program wrote. Read next: png.go for pictures, charge.go.
package disclosure

import (
	"strconv"
	"strings"
)

// Kind is a kind of file that has a form.
type Kind string

// The kinds.
const (
	Text     Kind = "text"
	Markdown Kind = "markdown"
	CSV      Kind = "csv"
	JSON     Kind = "json"
	PNG      Kind = "png"
)

// Kinds lists them all.
func Kinds() []Kind { return []Kind{Text, Markdown, CSV, JSON, PNG} }

// Suffix gives how the names of such files end; an unknown kind has none.
func (k Kind) Suffix() string {
	return map[Kind]string{Text: ".txt", Markdown: ".md", CSV: ".csv", JSON: ".json", PNG: ".png"}[k]
}

// KindOf gives the kind that a name states; false where it states none that has a form.
func KindOf(name string) (Kind, bool) {
	for _, kind := range Kinds() {
		if stem, is := strings.CutSuffix(name, kind.Suffix()); is && stem != "" {
			return kind, true
		}
	}
	return "", false
}

// Class is why a file has no form, as its author may be told it: which of a few rules, and not where or what.
type Class string

// The classes.
const (
	UnknownKind  Class = "kind"       // no kind that has a form
	TooLarge     Class = "size"       // more bytes, rows, columns, lines or pixels than may be
	NotRead      Class = "shape"      // it is not what its kind says
	BadCharacter Class = "characters" // a character that is not listed
)

// Refusal says why a file has no form. Rule and Line may say something of its content: they are for reviewers. Error gives the class alone.
type Refusal struct {
	Class Class
	Rule  string
	Line  int // from 1, or 0 where it is about the whole file
}

func (r *Refusal) Error() string { return "the file has no form that may leave: " + string(r.Class) }

// Says gives the rule and the line, for reviewers.
func (r *Refusal) Says() string {
	if r.Line == 0 {
		return r.Rule
	}
	return "line " + strconv.Itoa(r.Line) + ": " + r.Rule
}

// Most bounds one file.
type Most struct {
	Bytes   int // of the file as it was written and of its form
	Rows    int // of a table, without its header
	Columns int
}

// Standard gives what a file may have where a lab says nothing: a million bytes, 5,000 rows and 200 columns.
func Standard() Most { return Most{Bytes: 1_000_000, Rows: 5_000, Columns: 200} }

// Canonical gives the form of a file. Its error is a *[Refusal].
func Canonical(kind Kind, data []byte, most Most) ([]byte, error) {
	if len(data) > most.Bytes {
		return nil, &Refusal{Class: TooLarge, Rule: "it has more bytes than a file may have"}
	}
	var form []byte
	var err error
	switch kind {
	case Text, Markdown:
		form, err = text(data)
	case CSV:
		form, err = table(data, most)
	case JSON:
		form, err = value(data)
	case PNG:
		form, err = picture(data)
	default:
		return nil, &Refusal{Class: UnknownKind, Rule: "files of its kind have no form"}
	}
	if err == nil && len(form) > most.Bytes {
		return nil, &Refusal{Class: TooLarge, Rule: "its form has more bytes than a file may have"}
	}
	return form, err
}
