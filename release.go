package narthex

import (
	"slices"
	"time"
)

// ReleaseState is where a release stands. The zero state is none.
type ReleaseState string

// The states of a release. Submitted is with its reviewers, each blind to the others; conflicting is with them again, open; returned is with
// its author. The last three are final.
const (
	ReleaseSubmitted   ReleaseState = "submitted"
	ReleaseConflicting ReleaseState = "conflicting"
	ReleaseReturned    ReleaseState = "returned"
	ReleaseReleased    ReleaseState = "released"
	ReleaseRefused     ReleaseState = "refused"
	ReleaseWithdrawn   ReleaseState = "withdrawn"
)

// Over says whether nothing will be decided of it any more.
func (s ReleaseState) Over() bool {
	return s == ReleaseReleased || s == ReleaseRefused || s == ReleaseWithdrawn
}

// Verdict is what a reviewer says of one file.
type Verdict string

// The verdicts.
const (
	VerdictRelease Verdict = "release"
	VerdictRefuse  Verdict = "refuse"
)

// FileVerdict is a reviewer's word on one file of a package.
type FileVerdict struct {
	File    string  `json:"file"`
	Verdict Verdict `json:"verdict"`
}

// ReleaseVote is what one reviewer says of the files of a package, by its digest. Comment is for the author, Note for reviewers.
type ReleaseVote struct {
	By       PersonID      `json:"by,omitempty"`
	As       Role          `json:"as"`
	At       time.Time     `json:"at"`
	Saw      Digest        `json:"saw"`
	Verdicts []FileVerdict `json:"verdicts"`
	Comment  string        `json:"comment,omitempty"`
	Note     string        `json:"note,omitempty"`
}

// Since is from when a release waits for its reviewers: its last edit, or else that it was taken in.
func (r Release) Since() time.Time {
	if r.AskedAt.IsZero() {
		return r.TakenAt
	}
	return r.AskedAt
}

// Releases says whether the vote is for all files.
func (v ReleaseVote) Releases() bool {
	return len(v.Verdicts) > 0 && !slices.ContainsFunc(v.Verdicts, func(f FileVerdict) bool { return f.Verdict != VerdictRelease })
}

// Finding is what a look found in a file. All of it but its kind is for reviewers.
type Finding struct {
	Kind   string   `json:"kind"`
	Rule   string   `json:"rule,omitempty"`
	File   string   `json:"file"`
	Line   int      `json:"line,omitempty"` // from 1; 0 where it is about the whole file
	Within []string `json:"within,omitempty"`
	Says   string   `json:"says,omitempty"`
}

// ReleaseFile is a file that is to be released, with what its author says of it. Of is the digest of what its job left, where that is
// not the file itself: an artefact is marked for who receives it. It is never told to its author.
type ReleaseFile struct {
	Frozen
	Of      Digest `json:"of,omitempty"`
	Context string `json:"context"`
}

// Release is a package that wants to leave. It is seen by its author, and by those of the lab who may review it; what reviewers say to each
// other, and all of findings but their kinds, by the lab alone.
type Release struct {
	ID          ReleaseID     `json:"id"`
	Job         JobID         `json:"job"`
	Grant       GrantID       `json:"grant"`
	Engagement  EngagementID  `json:"engagement"`
	Agreement   Digest        `json:"agreement"`
	Key         KeyID         `json:"key"`
	Author      PersonID      `json:"author"`
	Asset       AssetName     `json:"asset"`
	Version     VersionName   `json:"version"`
	Package     Digest        `json:"package"`
	Files       []ReleaseFile `json:"files"`
	Charge      int64         `json:"charge"` // bytes, of the grant's bytes_out and the asset's lifetime_bytes; 0 to its author after an edit, until it leaves
	Reviewers   int           `json:"reviewers"`
	Mark        string        `json:"mark,omitempty"` // of artefacts: the print of the secret with which they are marked
	Findings    []Finding     `json:"findings"`
	Sketch      Frozen        `json:"sketch,omitzero"` // what is kept of its files so that later packages are compared with it; not for its author
	State       ReleaseState  `json:"state"`
	TakenAt     time.Time     `json:"taken_at"`
	DecidedAt   time.Time     `json:"decided_at,omitzero"`
	FetchedAt   time.Time     `json:"fetched_at,omitzero"`
	AskedAt     time.Time     `json:"asked_at,omitzero"`     // of the last edit, with which its reviewers begin anew
	RemindedAt  time.Time     `json:"reminded_at,omitzero"`  // when the clock reminded its reviewers
	EscalatedAt time.Time     `json:"escalated_at,omitzero"` // when it told the programme
	FewAt       time.Time     `json:"few_at,omitzero"`       // when the programme was told that too few may review it
	Votes       []ReleaseVote `json:"votes,omitempty"`
	Rule        *RuleUse      `json:"rule,omitempty"`  // by which it left, where no people decided
	Unfit       *Unfit        `json:"unfit,omitempty"` // why it did not
}
