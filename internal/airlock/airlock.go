// Package airlock says what becomes of jobs and of what wants to leave: which acts each of their states takes, who may do them, and
// what follows.
//
// It promises that a job's plan and a package never change once they were taken in; that a package leaves only when as many people
// as its term asks, and two at least, said of every file of that very package that it may, none of whom has a part in the engagement
// or an interest in its people; that an edit of the author's makes another package and voids what was said of the one before; and
// that each of them ends once. It is pure: events go in, the next state comes out, and the same events make the same state in the
// ledger's audit.
//
// It trusts its caller for who someone is and for the time. Read next: job.go, release.go; docs/life-of-a-release.md.
package airlock

import (
	"narthex"
	"narthex/internal/canon"
)

// FrozenDigest binds a list of frozen files.
func FrozenDigest(files []narthex.Frozen) (narthex.Digest, error) {
	return canon.Digest(append([]narthex.Frozen{}, files...))
}
