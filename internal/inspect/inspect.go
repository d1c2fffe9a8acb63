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
// [Encoded]. What is beyond its bounds is a finding too. What it promises of weights and of tables stands in package values.
//
// It does not promise to find bytes in what honest outputs have: in the order or the choice of plain words, in the low digits of
// measurements by a rule of one's own, in a patch of a picture of fewer than some hundred bytes, in letters apart that are encoded again,
// or a mark of fewer than eight letters and digits. The charge of package disclosure bounds those.
//
// It is pure: it reads no file, store or clock, and trusts its caller for what is protected, and to run it where its use of time and
// memory harms nobody. A finding decides nothing; people do. Read next: look.go, package values for weights and tables, and package disclosure for the
// form that files have when they are looked at.
package inspect

import "narthex/internal/inspect/find"

// What a look is of and what it gives, by the names of package find.
type (
	Kind    = find.Kind
	File    = find.File
	Finding = find.Finding
	Text    = find.Text
	Tensor  = find.Tensor
	Package = find.Package
)

// The kinds of findings.
const (
	Secret     = find.Secret
	Canary     = find.Canary
	Protected  = find.Protected
	Weights    = find.Weights
	Personal   = find.Personal
	Encoded    = find.Encoded
	Hidden     = find.Hidden
	Active     = find.Active
	SmallCount = find.SmallCount
	Difference = find.Difference
)

// Held is what files are compared with.
type Held struct {
	Canaries []string
	Texts    []Text
	Tensors  []Tensor
	Earlier  []Package // the earliest first
	People   bool      // whether the asset tells of people, so that counts are looked at
}
