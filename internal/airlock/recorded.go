package airlock

import (
	"crypto/sha256"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"

	"narthex"
	"narthex/internal/canon"
)

// The ledger holds nobody's words, and not what findings say: in their place it has digests. What is recorded already stays as it is, so
// that the events of the ledger make the same states as those of people.

// word gives the digest of somebody's words; none have none.
func word(text string) string {
	if _, err := narthex.ParseDigest(text); text == "" || err == nil {
		return text
	}
	return string(narthex.MakeDigest(sha256.Sum256([]byte(text))))
}

// RecordedFiles gives the files of a package as the ledger has them.
func RecordedFiles(files []narthex.ReleaseFile) []narthex.ReleaseFile {
	recorded := slices.Clone(files)
	for i := range recorded {
		recorded[i].Context = word(recorded[i].Context)
	}
	return recorded
}

// RecordedVote gives a vote as the ledger has it.
func RecordedVote(v narthex.ReleaseVote) narthex.ReleaseVote {
	v.Comment, v.Note = word(v.Comment), word(v.Note)
	return v
}

// RecordedEvent gives an event as the ledger has it.
func RecordedEvent(e ReleaseEvent) ReleaseEvent {
	e.Files = RecordedFiles(e.Files)
	if e.Vote != nil {
		vote := RecordedVote(*e.Vote)
		e.Vote = &vote
	}
	return e
}

// Recorded gives a release as the ledger has it.
func Recorded(r narthex.Release) narthex.Release {
	r.Files = RecordedFiles(r.Files)
	r.Findings = slices.Clone(r.Findings)
	for i := range r.Findings {
		r.Findings[i].Says = word(r.Findings[i].Says)
	}
	r.Votes = slices.Clone(r.Votes)
	for i, v := range r.Votes {
		r.Votes[i] = RecordedVote(v)
	}
	if r.Unfit != nil {
		unfit := *r.Unfit
		unfit.Says = word(unfit.Says)
		r.Unfit = &unfit
	}
	return r
}

// PackageDigest binds the files of a package: their names, kinds, sizes, digests and what is said of each, in order. What artefacts were
// before they were marked is not in it: who has the files makes it anew.
func PackageDigest(files []narthex.ReleaseFile) (narthex.Digest, error) {
	recorded := RecordedFiles(files)
	for i := range recorded {
		recorded[i].Of = ""
	}
	return canon.Digest(recorded)
}

// Taken gives what the entry says by which a release was taken in: all of it but what the entry itself gives, its identifier and time.
func Taken(r narthex.Release) narthex.Release {
	r = Recorded(r)
	r.ID, r.TakenAt, r.DecidedAt, r.FetchedAt, r.Votes = "", time.Time{}, time.Time{}, time.Time{}, nil
	r.AskedAt, r.RemindedAt, r.EscalatedAt, r.FewAt = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	return r
}

// CheckWords refuses words that a reader would not see as they are: characters that are not printable, of another direction, or of no width.
// Nor may they be a digest, which the ledger would take for that of other words.
func CheckWords(text string) error {
	if _, err := narthex.ParseDigest(text); err == nil {
		return narthex.Invalidf("These are no words, but a digest.")
	}
	for _, r := range text {
		if r == '\n' || r == '\t' {
			continue
		}
		if r == utf8.RuneError || !unicode.IsPrint(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Bidi_Control, r) {
			return narthex.Invalidf("There is a character in it that nobody would see as it is.")
		}
	}
	return nil
}
