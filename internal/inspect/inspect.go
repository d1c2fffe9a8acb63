// Package inspect looks for what may not leave in files that want to.
//
// [Inspector.Look] goes through the files of a package. What it looks for stands in tables: tokens (secret.go), identities (personal.go),
// encodings, escapes and archives (unfold.go, packed.go). It looks at a file as it is, at what can be read of it otherwise, as a column or
// the first letters of its lines (arrange.go), at its numbers and pixels as bytes (figures.go, picture.go), and at what encodings give, to
// a depth of five.
//
// It promises, and tests measure, that any 50 letters and digits in a row of a text that is held back are found, and any eight of a
// canary that are no part of words; forth, back, under rot13 and whatever stands between them. It promises that words that are like no
// language are found where they are more than a few dozen letters (odd.go), so that what no encoding here reads is a finding of the kind
// [Encoded]. What is beyond its bounds is a finding too. What it promises of weights stands at [Follower].
//
// It does not promise to find bytes in what honest outputs have: in the order or the choice of plain words, in the low digits of
// measurements by a rule of one's own, in a patch of a picture of fewer than some hundred bytes, in letters apart that are encoded again,
// or a mark of fewer than eight letters and digits. The charge of package disclosure bounds those.
//
// It is pure: it reads no file, store or clock, and trusts its caller for what is protected, and to run it where its use of time and
// memory harms nobody. A finding decides nothing; people do. Read next: look.go, follow.go for weights, and package disclosure for the
// form that files have when they are looked at.
package inspect

import "narthex/internal/disclosure"

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

// Package is the files of an earlier release of the same asset.
type Package struct {
	Release string // its identifier
	Own     bool   // whether the author of this one made it
	Files   []File
}

// Held is what files are compared with.
type Held struct {
	Canaries []string
	Texts    []Text
	Tensors  []Tensor
	Earlier  []Package // the earliest first
}
