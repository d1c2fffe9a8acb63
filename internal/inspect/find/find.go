// Package find is what a look into files is of and what it gives: files, what they are compared with, pieces of them, findings.
//
// It promises names, and a search for many marks in one pass ([Marks]). It is pure. Read next: package inspect, which looks.
package find

import (
	"narthex/internal/disclosure"
	"narthex/internal/inspect/sketch"
)

// Kind is what a finding is about. The author of a file is told the kinds of its findings and nothing else of them.
type Kind string

// The kinds.
const (
	Secret     Kind = "secret"     // a credential
	Canary     Kind = "canary"     // a mark that was planted to be found
	Protected  Kind = "protected"  // text of a corpus, of code or of documents that are held back
	Weights    Kind = "weights"    // what has the shape or the values of a tensor
	Personal   Kind = "personal"   // what identifies a person
	Encoded    Kind = "encoded"    // bytes that carry something in a form that no reader takes in
	Hidden     Kind = "hidden"     // characters that are not seen
	Active     Kind = "active"     // a formula, a script, a link that something else would follow
	SmallCount Kind = "small"      // a table's cell about too few people, or one person's
	Difference Kind = "difference" // what a table and earlier ones tell together
)

// Kinds lists every kind.
func Kinds() []Kind {
	return []Kind{Secret, Canary, Protected, Weights, Personal, Encoded, Hidden, Active, SmallCount, Difference}
}

// File is one file of a package, in its form.
type File struct {
	Name  string
	Kind  disclosure.Kind
	Bytes []byte
}

// Finding is one thing that a look found. All of it but its kind may tell what was found: it is for reviewers.
type Finding struct {
	Kind   Kind     `json:"kind"`
	Rule   string   `json:"rule"` // which look, and which of its rules
	File   string   `json:"file"`
	Line   int      `json:"line,omitempty"`   // from 1, in the file as it is; 0 where it is about the whole file
	Within []string `json:"within,omitempty"` // the encodings that it was under, the outermost first
	Says   string   `json:"says"`             // what it is and why that matters, without the protected bytes themselves
}

// Text is a text that is held back.
type Text struct {
	Name  string // of a document or a file, as reviewers know it
	Bytes []byte
}

// Tensor is a tensor of weights that are held back, its last axis closest.
type Tensor struct {
	Name   string
	Sizes  []int
	Values []float32
}

// Package is an earlier release of the same asset: what is kept of its files, or, where nothing is, the files.
type Package struct {
	Release string // its identifier
	Own     bool   // whether the author of this one made it
	Kept    []sketch.File
	Files   []File
}

// Piece is bytes of a file, or what a decoding of a part of it gave.
type Piece struct {
	File   string
	Line   int
	Within []string
	Bytes  []byte
}
