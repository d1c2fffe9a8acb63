// Package values looks for what numbers tell that may not leave: weights in any unit and any reading, tables that tell of few people, and
// what tables tell together with those that left before.
//
// It promises what the docstrings of [Weights], [Tables] and [Differences] say, which tests measure, and what they do not claim. It is pure,
// and trusts its caller for what is held back and to run it where its use of time and memory harms nobody. Read next: follow.go for runs of
// numbers that follow a tensor, tables.go, difference.go.
package values

import "narthex/internal/inspect/find"

type (
	// File is a file in its form.
	File = find.File
	// Finding is what a look found.
	Finding = find.Finding
	// Tensor is a tensor that is held back.
	Tensor = find.Tensor
	// Package is the files of an earlier release.
	Package = find.Package
)
