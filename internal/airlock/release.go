package airlock

import (
	"slices"
	"time"

	"narthex"
	"narthex/internal/order"
	"narthex/internal/workflow"
	"narthex/policy"
)

// ReleaseAct is something that is done with a release.
type ReleaseAct string

// The acts.
const (
	Vote     ReleaseAct = "vote"     // a reviewer says of each file whether it may leave
	Return   ReleaseAct = "return"   // a reviewer sends it back with a question
	Edit     ReleaseAct = "edit"     // the author drops files, or says more of them
	Withdraw ReleaseAct = "withdraw" // the author takes it back
	Stop     ReleaseAct = "stop"     // what it rests on is locked or over
	Fetch    ReleaseAct = "fetch"    // its author took the bytes
	Read     ReleaseAct = "read"     // a reviewer looked at it
	Remind   ReleaseAct = "remind"   // the clock reminded its reviewers
	Escalate ReleaseAct = "escalate" // the clock told the programme
	ByRule   ReleaseAct = "by_rule"  // it leaves by a standing rule, and no people decide
	Void     ReleaseAct = "void"     // the vote of somebody who may review it no longer counts no more
	Few      ReleaseAct = "few"      // the programme was told that too few may review it
)

// ReleaseEvent is one act, as the ledger has it but for people's words.
type ReleaseEvent struct {
	Act     ReleaseAct            `json:"act"`
	By      narthex.PersonID      `json:"by,omitempty"`
	Vote    *narthex.ReleaseVote  `json:"vote,omitempty"` // of vote and return
	Package narthex.Digest        `json:"package,omitempty"`
	Files   []narthex.ReleaseFile `json:"files,omitempty"`
	Charge  int64                 `json:"charge,omitempty"`
	Code    string                `json:"code,omitempty"`
	Rule    *narthex.RuleUse      `json:"rule,omitempty"` // of by_rule
	Of      narthex.PersonID      `json:"of,omitempty"`   // whose vote is void
}

// leastReviewers is how many people say that something may leave, whatever a term asks.
const leastReviewers = 2

// NextRelease gives the release after an event, or an error that says why it cannot come. Who may do it is [MayReview]'s to say, and its
// caller's.
func NextRelease(r narthex.Release, e ReleaseEvent, at time.Time) (narthex.Release, error) {
	with := WithReviewers(r)
	switch e.Act {
	case Vote:
		if !with || !said(r, e) {
			return r, badRelease(r)
		}
		return voted(r, *e.Vote, at)
	case Return:
		if !with || !said(r, e) || e.Vote.Saw != r.Package || e.Vote.Comment == "" {
			return r, badRelease(r)
		}
		r.Votes = append(without(r.Votes, e.Vote.By), *e.Vote)
		r.State = narthex.ReleaseReturned
	case Edit:
		if !with && r.State != narthex.ReleaseReturned || e.By != r.Author {
			return r, badRelease(r)
		}
		if digest, err := PackageDigest(e.Files); err != nil || digest != e.Package || len(e.Files) == 0 || e.Charge > r.Charge || e.Charge < 1 {
			return r, narthex.Invalidf("An edit leaves files out or says more of them; it adds nothing.").For("files")
		}
		for _, f := range e.Files {
			if !slices.ContainsFunc(r.Files, func(was narthex.ReleaseFile) bool { return was.Frozen == f.Frozen && was.Of == f.Of }) {
				return r, narthex.Invalidf("An edit leaves files out or says more of them; it adds nothing.").For("files")
			}
		}
		r.Files, r.Package, r.Votes, r.State, r.Charge = e.Files, e.Package, nil, narthex.ReleaseSubmitted, e.Charge
		r.AskedAt, r.RemindedAt, r.EscalatedAt, r.FewAt = at, time.Time{}, time.Time{}, time.Time{}
		r.Findings = slices.DeleteFunc(slices.Clone(r.Findings), func(f narthex.Finding) bool {
			return f.File != "" && !slices.ContainsFunc(e.Files, func(is narthex.ReleaseFile) bool { return is.Name == f.File })
		})
	case Withdraw, Stop:
		if r.State.Over() || e.Act == Withdraw && e.By != r.Author {
			return r, badRelease(r)
		}
		r.State, r.DecidedAt = narthex.ReleaseWithdrawn, at
	case Fetch:
		if r.State != narthex.ReleaseReleased || e.By != r.Author {
			return r, badRelease(r)
		}
		if r.FetchedAt.IsZero() {
			r.FetchedAt = at
		}
	case Void: // with one voice less nobody differs: others may vote, blind to the rest
		votes := without(r.Votes, e.Of)
		if !with || len(votes) == len(r.Votes) {
			return r, badRelease(r)
		}
		r.Votes, r.State = votes, narthex.ReleaseSubmitted
	case Few:
		if !with || e.By != "" || !r.FewAt.IsZero() {
			return r, badRelease(r)
		}
		r.FewAt = at
	case Read:
	case Remind, Escalate: // what was said is said once, and changes nothing else
		if !with || e.By != "" || !r.EscalatedAt.IsZero() || e.Act == Remind && !r.RemindedAt.IsZero() {
			return r, badRelease(r)
		}
		if e.Act == Remind {
			r.RemindedAt = at
		} else {
			r.EscalatedAt = at
		}
	case ByRule:
		if !leavesByRule(r, e) {
			return r, badRelease(r)
		}
		r.Rule, r.State, r.DecidedAt = e.Rule, narthex.ReleaseReleased, at
	default:
		return r, badRelease(r)
	}
	return r, nil
}

// MustSay is how many people say of a release that it may leave.
func MustSay(r narthex.Release) int { return max(ReviewersOf(r.Files, 0), r.Reviewers) }

// WithReviewers says whether a release waits for its reviewers.
func WithReviewers(r narthex.Release) bool {
	return r.State == narthex.ReleaseSubmitted || r.State == narthex.ReleaseConflicting
}

// said says whether an event has the word of the one whose act it is, and that is not the author.
func said(r narthex.Release, e ReleaseEvent) bool {
	return e.Vote != nil && e.By != "" && e.Vote.By == e.By && e.By != r.Author
}

// voted takes a vote in. Where everyone who must has said the same of all files, that is what becomes of the release; where they differ,
// it is with them again, each seeing what the others said.
func voted(r narthex.Release, v narthex.ReleaseVote, at time.Time) (narthex.Release, error) {
	if v.Saw != r.Package {
		return r, narthex.Conflictf("The vote names another package than the one that stands. Look at it again and vote on digest %s.", r.Package.Short()).For("saw")
	}
	if len(v.Verdicts) != len(r.Files) {
		return r, narthex.Invalidf("A vote says of each of the %d files whether it may leave.", len(r.Files)).For("verdicts")
	}
	for i, f := range r.Files {
		if v.Verdicts[i].File != f.Name || v.Verdicts[i].Verdict != narthex.VerdictRelease && v.Verdicts[i].Verdict != narthex.VerdictRefuse {
			return r, narthex.Invalidf("A vote says of each file, in the package's order, release or refuse.").For("verdicts")
		}
	}
	if r.State == narthex.ReleaseSubmitted && slices.ContainsFunc(r.Votes, func(was narthex.ReleaseVote) bool { return was.By == v.By }) {
		return r, narthex.Conflictf("You have voted on this package already; one person has one vote.")
	}
	if r.State == narthex.ReleaseConflicting && !slices.ContainsFunc(r.Votes, func(was narthex.ReleaseVote) bool { return was.By == v.By }) {
		return r, narthex.Conflictf("The reviewers of this package differ, and it is with them until they agree.")
	}
	r.Votes = append(without(r.Votes, v.By), v)
	if len(r.Votes) < MustSay(r) {
		return r, nil
	}
	releases := 0
	for _, vote := range r.Votes {
		if vote.Releases() {
			releases++
		}
	}
	switch releases {
	case len(r.Votes):
		r.State, r.DecidedAt = narthex.ReleaseReleased, at
	case 0:
		r.State, r.DecidedAt = narthex.ReleaseRefused, at
	default:
		r.State = narthex.ReleaseConflicting
	}
	return r, nil
}

func without(votes []narthex.ReleaseVote, by narthex.PersonID) []narthex.ReleaseVote {
	return slices.DeleteFunc(slices.Clone(votes), func(v narthex.ReleaseVote) bool { return v.By == by })
}

func badRelease(r narthex.Release) error {
	return narthex.Conflictf("The release is %s, and that cannot be done with it now. `narthex release show %s` says where it stands.", stateWord(string(r.State)), r.ID)
}

// reviewing is the roles that say what may leave.
var reviewing = []narthex.Role{narthex.AssetOwner, narthex.Security}

// ReviewsAs gives the role in which a person of the lab reviews what wants to leave, or false: not the author, nobody who has a part in the
// engagement or an interest in its people, not its sponsor, and of owners those of the asset alone.
func ReviewsAs(r narthex.Release, e narthex.Engagement, p narthex.Person, owns bool) (narthex.Role, bool) {
	return reviewsAs(r.Author, e, p, owns)
}

func reviewsAs(author narthex.PersonID, e narthex.Engagement, p narthex.Person, owns bool) (narthex.Role, bool) {
	if !p.InLab() || p.ID == author || workflow.Apart(e, p) || e.Sponsor == p.ID {
		return "", false
	}
	for _, role := range reviewing {
		if p.Has(role) && (role != narthex.AssetOwner || owns) {
			return role, true
		}
	}
	return "", false
}

// WaitsFor says whether a release waits for the word of somebody who reviews it: they have not voted on the package, or they differ with
// others who have.
func WaitsFor(r narthex.Release, reviewer narthex.PersonID) bool {
	voted := slices.ContainsFunc(r.Votes, func(v narthex.ReleaseVote) bool { return v.By == reviewer })
	return r.State == narthex.ReleaseSubmitted && !voted || r.State == narthex.ReleaseConflicting && voted
}

// Shown gives a release as a reviewer may see it: while they are blind to each other, without the votes of others.
func Shown(r narthex.Release, p narthex.Person) narthex.Release {
	if r.State == narthex.ReleaseSubmitted {
		r.Votes = slices.DeleteFunc(slices.Clone(r.Votes), func(v narthex.ReleaseVote) bool { return v.By != p.ID })
	}
	return r
}

// Told gives a release as its author may see it: of findings their files and kinds, of votes what is said to the author once the release is
// decided or returned, and nobody's name. Until it is released nothing tells the sizes and digests of its files, which their job chose, and
// after an edit not what is left of its charge: the difference is the size of what was left out.
func Told(r narthex.Release) narthex.Release {
	r.Sketch = narthex.Frozen{}
	if r.State != narthex.ReleaseReleased {
		if r.Package, r.Files = "", slices.Clone(r.Files); !r.AskedAt.IsZero() {
			r.Charge = 0
		}
		for i, f := range r.Files {
			r.Files[i].Frozen = narthex.Frozen{Name: f.Name, Kind: f.Kind}
		}
	}
	if Artefacts(r.Files) { // what they were before they were marked tells a guess that took the mark out from one that did not
		r.Files = slices.Clone(r.Files)
		for i := range r.Files {
			r.Files[i].Of = ""
		}
	}
	r.Unfit = toldUnfit(r.Unfit)
	r.Findings = slices.Clone(r.Findings)
	for i, f := range r.Findings {
		r.Findings[i] = narthex.Finding{Kind: f.Kind, File: f.File}
	}
	order.By(r.Findings, func(a, b narthex.Finding) int {
		if a.File != b.File {
			return compare(a.File, b.File)
		}
		return compare(a.Kind, b.Kind)
	})
	r.Findings = slices.CompactFunc(r.Findings, func(a, b narthex.Finding) bool { return a.File == b.File && a.Kind == b.Kind })
	votes := []narthex.ReleaseVote(nil)
	if r.State.Over() || r.State == narthex.ReleaseReturned {
		for _, v := range r.Votes {
			saw := v.Saw
			if r.State != narthex.ReleaseReleased {
				saw = ""
			}
			votes = append(votes, narthex.ReleaseVote{As: v.As, At: v.At, Saw: saw, Verdicts: v.Verdicts, Comment: v.Comment})
		}
	}
	r.Votes = votes
	return r
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// TriedBytes is what a package that wants to leave tells its author at most beside its own bytes, in bytes: sixteen bits for that it was tried,
// its size, how long the look took in milliseconds, of each file, and of all together, which of the ten kinds were found, and why it did not
// leave by a standing rule.
const TriedBytes = (16 + 25 + 17 + 10*(mostOutputs+1) + unfitBits + 7) / 8

const mostOutputs = 20 // of a study, as package study has it

// ReleaseUsed gives what a release took of its budgets once it is decided. What does not leave costs what its author was told of it, which is
// a part of what it would have cost: else who asks and withdraws again and again learns for nothing what they could not take out.
func ReleaseUsed(r narthex.Release) []policy.Used {
	if r.State != narthex.ReleaseReleased {
		return []policy.Used{{Unit: narthex.Calls, Amount: 0}, {Unit: narthex.CPUMinutes, Amount: 0}, {Unit: narthex.GPUMinutes, Amount: 0}, {Unit: narthex.Bytes, Amount: min(TriedBytes, r.Charge)}}
	}
	return []policy.Used{{Unit: narthex.Calls, Amount: 1}, {Unit: narthex.CPUMinutes, Amount: 0}, {Unit: narthex.GPUMinutes, Amount: 0}, {Unit: narthex.Bytes, Amount: r.Charge}}
}
