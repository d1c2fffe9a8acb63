package airlock

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"slices"
	"time"
	"unicode/utf8"

	"narthex"
	"narthex/internal/canon"
	"narthex/internal/workflow"
)

// A standing rule lets the same tables of the same study leave again and again without people: as many as must approve a form once, and what is
// of that form exactly, and in which nothing was found, leaves by it. It takes the place of the reviewers alone: what leaves is frozen, has its
// form, is looked into, compared and charged as all else. A share of it is drawn by a key that no one who has a part in it knows, for a second
// look by somebody whom the rule names; where that is late, nothing leaves by the rule until it is done.

// RuleAct is something that is done with a standing rule.
type RuleAct string

// The acts.
const (
	Approve RuleAct = "approve" // a reviewer lets what fits it leave
	Refuse  RuleAct = "refuse"  // a reviewer does not, and that is the end of it
	End     RuleAct = "end"     // its author, the lab, or what it rests on ends it
	Use     RuleAct = "use"     // a release leaves by it, and is drawn for a second look or not
	Look    RuleAct = "look"    // what was drawn was looked at again
	Late    RuleAct = "late"    // the clock told that a second look is late
)

// RuleEvent is one act, as the ledger has it but for people's words.
type RuleEvent struct {
	Act     RuleAct           `json:"act"`
	By      narthex.PersonID  `json:"by,omitempty"`
	As      narthex.Role      `json:"as,omitempty"`
	Saw     narthex.Digest    `json:"saw,omitempty"`  // of the terms, or of the package that was looked at
	Code    string            `json:"code,omitempty"` // why it ends; of a second look its ground, or nothing where it was fine
	Release narthex.ReleaseID `json:"release,omitempty"`
	Rows    int64             `json:"rows,omitempty"`
	Draw    string            `json:"draw,omitempty"` // as [Draw] gives it
	Due     time.Time         `json:"due,omitzero"`   // by when what was drawn is to be looked at
	Comment string            `json:"comment,omitempty"`
}

// Why a standing rule ends, beside the codes of what stops its key.
const (
	EndOfTime      = "time"      // its time is over
	EndOfReviewers = "reviewers" // somebody who approved it may review what leaves no longer, or nobody whom it names may look again
	EndByLab       = "lab"       // somebody of the lab ended it
	EndByAuthor    = "author"    // those whom it is for ended it
	EndByLook      = "look"      // a second look was not fine
	EndByStop      = "stopped"   // what stops its key
)

// ends are those that are told as they are.
var ends = []string{EndOfTime, EndOfReviewers, EndByLab, EndByAuthor}

// Why something does not leave by a standing rule, as its author is told.
const (
	UnfitRule      = "rule"      // the rule is not in force, or does not reach as far as the grant asks
	UnfitPlan      = "plan"      // another study, environment, version or other files
	UnfitValues    = "values"    // something in a file that the rule does not name
	UnfitFound     = "found"     // the look found something
	UnfitRows      = "rows"      // the rows of the day are used
	UnfitLate      = "late"      // a second look is late
	UnfitReviewers = "reviewers" // who approved it, or looks again, may no longer
	UnfitNode      = "node"      // the node has no key to draw by
)

const unfitBits = 3 // which of these

// Grounds is why a second look is not fine.
func Grounds() []string { return []string{"carries", "personal", "meaning", "more"} }

const (
	// LookDays is how many business days there are for a second look.
	LookDays = 3
	// mostRuleDays bounds a standing rule.
	mostRuleDays = 180

	mostColumns   = 64
	mostWords     = 64
	mostPlain     = 40
	mostDigits    = 6
	mostRuleRows  = 5000
	mostRuleBytes = 256 << 10 // of one file
	mostDayRows   = 1_000_000
	mostNumber    = 1e15
)

// Share is how many of a thousand releases that leave by a standing rule are drawn for a second look.
const Share = 50

// Draw is what says whether a release is drawn: made with a key that those who take out and those who review do not know, of the release and
// its package, so that it comes out the same however often it is made. Without a key there is none.
func Draw(key narthex.Secret, id narthex.ReleaseID, pack narthex.Digest) (string, bool) {
	if len(key.Reveal()) < 32 || id == "" || pack == "" {
		return "", false
	}
	mac := hmac.New(sha256.New, []byte(key.Reveal()))
	mac.Write([]byte("narthex second look\x00" + string(id) + "\x00" + string(pack)))
	return hex.EncodeToString(mac.Sum(nil)), true
}

// Drawn says whether a draw is one of the share; ok is false where it is none.
func Drawn(draw string) (drawn, ok bool) {
	raw, err := hex.DecodeString(draw)
	if err != nil || len(raw) != sha256.Size {
		return false, false
	}
	return binary.BigEndian.Uint64(raw) < math.MaxUint64/1000*Share, true
}

// RecordedTerms gives the terms of a rule as the ledger has them.
func RecordedTerms(t narthex.RuleTerms) narthex.RuleTerms {
	t.Says, t.Files = word(t.Says), slices.Clone(t.Files)
	for i := range t.Files {
		t.Files[i].Context = word(t.Files[i].Context)
	}
	return t
}

// RecordedRule gives a rule as the ledger has it.
func RecordedRule(r narthex.Rule) narthex.Rule {
	r.RuleTerms, r.Comment = RecordedTerms(r.RuleTerms), word(r.Comment)
	return r
}

// RecordedRuleEvent gives an event as the ledger has it.
func RecordedRuleEvent(e RuleEvent) RuleEvent {
	e.Comment = word(e.Comment)
	return e
}

// Proposed gives the rule that terms make, or an error that names what in them cannot be.
func Proposed(t narthex.RuleTerms, at time.Time) (narthex.Rule, error) {
	if err := CheckTerms(t, at); err != nil {
		return narthex.Rule{}, err
	}
	digest, err := canon.Digest(RecordedTerms(t))
	return narthex.Rule{RuleTerms: t, Digest: digest, State: narthex.RuleProposed, ProposedAt: at}, err
}

// NextRule gives the rule after an event, or an error that says why it cannot come. Who may do it is its caller's to say, but that nobody decides
// on what they asked for, nobody twice, and each on the terms as they are.
func NextRule(r narthex.Rule, e RuleEvent, at time.Time) (narthex.Rule, error) {
	r.Approvals, r.Open = slices.Clone(r.Approvals), slices.Clone(r.Open)
	switch e.Act {
	case Approve:
		if !judges(r, e, at) || slices.ContainsFunc(r.Approvals, func(a narthex.RuleApproval) bool { return a.By == e.By }) {
			return r, badRule(r)
		}
		r.Approvals = append(r.Approvals, narthex.RuleApproval{By: e.By, As: e.As, At: at, Saw: e.Saw})
		if len(r.Approvals) >= mustApprove(r) {
			r.State, r.DecidedAt = narthex.RuleInForce, at
		}
	case Refuse:
		if !judges(r, e, at) || e.Comment == "" {
			return r, badRule(r)
		}
		r.State, r.DecidedAt, r.Comment = narthex.RuleRefused, at, e.Comment
	case End:
		if r.State.Over() || e.Code == "" {
			return r, badRule(r)
		}
		if r.State, r.EndedAt, r.Code = narthex.RuleEnded, at, EndByStop; slices.Contains(ends, e.Code) {
			r.Code = e.Code // a lock of which nobody may tell looks like any other stop
		}
	case Use:
		drawn, ok := Drawn(e.Draw)
		if MayUse(r, e.Rows, at) != "" || !ok || e.Release == "" || e.Release == r.Last || !at.Before(e.Due) {
			return r, badRule(r)
		}
		if day := dayOf(at); r.Day != day {
			r.Day, r.Gone = day, 0
		}
		r.Gone, r.Last, r.LastRows, r.Released = r.Gone+e.Rows, e.Release, e.Rows, r.Released+1
		if drawn {
			r.Open, r.Drawn = append(r.Open, narthex.SecondLook{Release: e.Release, At: at, Due: e.Due}), r.Drawn+1
		}
	case Look:
		open := slices.IndexFunc(r.Open, func(l narthex.SecondLook) bool { return l.Release == e.Release })
		if open < 0 || e.Saw == "" || e.By == "" || e.By != r.Looks && e.By != r.StandsIn || e.Code != "" && !slices.Contains(Grounds(), e.Code) {
			return r, badRule(r)
		}
		if r.Open, r.Looked = slices.Delete(r.Open, open, open+1), r.Looked+1; len(r.Open) == 0 {
			r.Open = nil
		}
		if e.Code != "" && !r.State.Over() {
			r.State, r.EndedAt, r.Code = narthex.RuleEnded, at, EndByLook
		}
	case Late:
		open := slices.IndexFunc(r.Open, func(l narthex.SecondLook) bool {
			return l.Release == e.Release && !at.Before(l.Due) && l.LateAt.IsZero()
		})
		if open < 0 || e.By != "" {
			return r, badRule(r)
		}
		r.Open[open].LateAt = at
	default:
		return r, badRule(r)
	}
	return r, nil
}

// judges says whether an event is the word on a proposal of somebody who did not make it, on its very terms.
func judges(r narthex.Rule, e RuleEvent, at time.Time) bool {
	return r.State == narthex.RuleProposed && at.Before(r.Until) && e.By != "" && e.By != r.By && e.Saw == r.Digest && slices.Contains(reviewing, e.As)
}

func mustApprove(r narthex.Rule) int { return max(leastReviewers, r.Reviewers) }

func dayOf(at time.Time) string { return at.UTC().Format(time.DateOnly) }

func badRule(r narthex.Rule) error {
	return narthex.Conflictf("The standing rule is %s, and that cannot be done with it now. `narthex release rule show %s` says where it stands.", stateWord(string(r.State)), r.ID)
}

// MayUse gives why so many rows may not leave by a rule now, or "".
func MayUse(r narthex.Rule, rows int64, at time.Time) string {
	gone := r.Gone
	if r.Day != dayOf(at) {
		gone = 0
	}
	switch {
	case r.State != narthex.RuleInForce || !at.Before(r.Until) || at.Before(r.DecidedAt) || len(r.Approvals) < mustApprove(r) || r.Day > dayOf(at):
		return UnfitRule
	case r.LateAt(at):
		return UnfitLate
	case rows < 1 || rows > r.RowsADay-gone:
		return UnfitRows
	}
	return ""
}

// Covers says whether what a job leaves under a grant's agreement is what a rule is for: the same study in the same environment beside the same
// asset, with the same second version or none, and all of the rule's files and no others.
func Covers(t narthex.RuleTerms, r narthex.Release, p narthex.Plan) bool {
	return t.Grant == r.Grant && t.Agreement == r.Agreement && t.Asset == p.Asset && t.Attribute == p.Attribute && t.Study == p.Study && t.Environment == p.Environment &&
		t.EnvironmentDigest == p.EnvironmentDigest && (t.Version == "" || t.Version == p.Version && t.AssetDigest == p.AssetDigest) && t.Against == p.Against && t.AgainstDigest == p.AgainstDigest &&
		slices.EqualFunc(t.Files, r.Files, func(a narthex.RuleFile, b narthex.ReleaseFile) bool { return a.Name == b.Name && a.Kind == b.Kind })
}

// RuleDue gives by when what is drawn now is to be looked at.
func RuleDue(calendar workflow.Calendar, at time.Time) time.Time { return calendar.Add(at, LookDays) }

// UseOf gives what a release says of the rule by which it leaves.
func UseOf(r narthex.Rule, rows int64) *narthex.RuleUse {
	use := &narthex.RuleUse{Rule: r.ID, Digest: r.Digest, Rows: rows}
	for _, a := range r.Approvals {
		use.Approved = append(use.Approved, a.As)
	}
	return use
}

// leavesByRule says whether a release may leave without its reviewers, as far as it and the event tell: it waits for them, people can read its files, nothing was found
// in it, none has voted, it was never edited, and as many approved the rule as must say of it that it may.
func leavesByRule(r narthex.Release, e ReleaseEvent) bool {
	return r.State == narthex.ReleaseSubmitted && !Artefacts(r.Files) && len(r.Findings) == 0 && len(r.Votes) == 0 && r.AskedAt.IsZero() && r.Unfit == nil && e.By == "" && e.Vote == nil &&
		e.Rule != nil && e.Rule.Rule != "" && e.Rule.Digest != "" && e.Rule.Rows > 0 && len(e.Rule.Approved) >= MustSay(r)
}

func toldUnfit(u *narthex.Unfit) *narthex.Unfit {
	if u == nil {
		return nil
	}
	return &narthex.Unfit{Rule: u.Rule, Code: u.Code}
}

// MayJudge gives the role in which a person of the lab may approve a standing rule and look again at what left by it, or false, as [ReviewsAs] has
// it of a release.
func MayJudge(r narthex.Rule, e narthex.Engagement, p narthex.Person, owns bool) (narthex.Role, bool) {
	return ReviewsAs(narthex.Release{Author: r.By}, e, p, owns)
}

// ShownRule gives a rule as somebody of the lab may see it: until it is decided, without the approvals of others.
func ShownRule(r narthex.Rule, p narthex.Person) narthex.Rule {
	if r.State == narthex.RuleProposed {
		r.Approvals = slices.DeleteFunc(slices.Clone(r.Approvals), func(a narthex.RuleApproval) bool { return a.By != p.ID })
	}
	return r
}

// ToldRule gives a rule as those who hold its grant may see it: once it is decided in which roles it was approved, and nothing of who did, who looks
// again, and what is drawn.
func ToldRule(r narthex.Rule) narthex.Rule {
	approvals := []narthex.RuleApproval(nil)
	for _, a := range r.Approvals {
		if r.State != narthex.RuleProposed {
			approvals = append(approvals, narthex.RuleApproval{As: a.As, At: a.At, Saw: a.Saw})
		}
	}
	r.Approvals, r.Open, r.Drawn, r.Looked, r.Looks, r.StandsIn = approvals, nil, 0, 0, "", ""
	return r
}

// CheckTerms refuses terms that no standing rule may have, and names what in them.
func CheckTerms(t narthex.RuleTerms, at time.Time) error {
	switch {
	case t.Grant == "" || t.Engagement == "" || t.Agreement == "" || t.By == "" || t.Key == "" || t.Asset == "" || t.Attribute == "" || t.Environment == "" || t.EnvironmentDigest == "" || t.Study == "" || (t.Version == "") != (t.AssetDigest == "") || (t.Against == "") != (t.AgainstDigest == ""):
		return narthex.Invalidf("A standing rule is for one grant, study, environment and asset.").For("job")
	case t.Looks == "" || t.Looks == t.By || t.StandsIn == t.By || t.StandsIn == t.Looks:
		return narthex.Invalidf("A standing rule names who looks again at what is drawn; that is not who asked for it, and who stands in is somebody else.").For("looks")
	case !at.Before(t.Until) || t.Until.Sub(at) > mostRuleDays*24*time.Hour:
		return narthex.Invalidf("A standing rule is in force for 1 to %d days.", mostRuleDays).For("days")
	case t.RowsADay < 1 || t.RowsADay > mostDayRows:
		return narthex.Invalidf("As rows a day name 1 to %d.", mostDayRows).For("rows_a_day")
	case badContext(t.Says):
		return narthex.Invalidf("Say in 20 to 2000 plain characters what the outputs are for, and why they repeat.").For("says")
	case len(t.Files) == 0 || len(t.Files) > mostOutputs:
		return narthex.Invalidf("A standing rule names 1 to %d files.", mostOutputs).For("files")
	}
	names := map[string]bool{}
	for i, f := range t.Files {
		if names[f.Name] {
			return narthex.Invalidf("A standing rule names each file once.").For(field("files", i, "name"))
		}
		names[f.Name] = true
		if err := checkRuleFile(f, field("files", i, "")); err != nil {
			return err
		}
	}
	return nil
}

// badContext says whether words are not what is said of something; digests of the ledger are.
func badContext(text string) bool {
	if _, err := narthex.ParseDigest(text); err == nil {
		return false
	}
	length := utf8.RuneCountInString(text)
	return length < 20 || length > 2000 || CheckWords(text) != nil
}
