package narthex

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// RuleID names a standing rule. It holds the index of the entry that proposed it.
type RuleID string

// MakeRuleID gives the identifier of the rule whose entry stands at index.
func MakeRuleID(index uint64) RuleID { return RuleID("rul_" + strconv.FormatUint(index, 10)) }

// Index gives the place of the rule's entry in the ledger, or an error where the text is not canonical.
func (id RuleID) Index() (uint64, error) {
	digits, found := strings.CutPrefix(string(id), "rul_")
	index, err := strconv.ParseUint(digits, 10, 63)
	if !found || err != nil || MakeRuleID(index) != id {
		return 0, Invalidf("that is not a standing rule's identifier of the form rul_123")
	}
	return index, nil
}

// RuleState is where a standing rule stands. The zero state is none.
type RuleState string

// The states of a standing rule. Only one in force lets anything leave; the last two are final.
const (
	RuleProposed RuleState = "proposed"
	RuleInForce  RuleState = "in_force"
	RuleRefused  RuleState = "refused"
	RuleEnded    RuleState = "ended"
)

// Over says whether nothing will leave by the rule any more.
func (s RuleState) Over() bool { return s == RuleRefused || s == RuleEnded }

// RuleNumber bounds the numbers of a column: from Min to Max, both of them allowed, in steps of so many digits, counted from the first digit of
// the larger of the two. From 0 to 100 with two digits are 0, 10, 20 … 100; with three, every whole number.
type RuleNumber struct {
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	Digits int     `json:"digits"`
}

// RuleColumn is what stands in a column of a table, or under a name of a JSON object: a number, or one of a few words. There is no other.
type RuleColumn struct {
	Name   string      `json:"name"`
	Number *RuleNumber `json:"number,omitempty"`
	Words  []string    `json:"words,omitempty"`
}

// RuleFile is one file that leaves by a standing rule.
type RuleFile struct {
	Name    string       `json:"name"`
	Kind    string       `json:"kind"`    // csv, or json for one object of these names
	Context string       `json:"context"` // what is said of it, in every release
	Columns []RuleColumn `json:"columns"` // of a table all of them, in their order
	Rows    int64        `json:"rows"`    // at most, without the header; 1 of json
	Bytes   int64        `json:"bytes"`   // at most
}

// RuleTerms is what a standing rule says: what was approved, and never changes.
type RuleTerms struct {
	Grant             GrantID         `json:"grant"`
	Engagement        EngagementID    `json:"engagement"`
	Agreement         Digest          `json:"agreement"`
	By                PersonID        `json:"by,omitempty"`  // who asked for it
	Key               KeyID           `json:"key,omitempty"` // with which: what stops it ends the rule
	Asset             AssetName       `json:"asset"`
	Version           VersionName     `json:"version,omitempty"`      // empty for every version
	AssetDigest       Digest          `json:"asset_digest,omitempty"` // of the version's folder
	Against           VersionName     `json:"against,omitempty"`      // the second version, the same for every first; empty for none
	AgainstDigest     Digest          `json:"against_digest,omitempty"`
	Attribute         AttributeName   `json:"attribute"`              // by which its jobs run
	Environment       EnvironmentName `json:"environment"`
	EnvironmentDigest Digest          `json:"environment_digest"`
	Study             Digest          `json:"study"`
	Files             []RuleFile      `json:"files"`
	RowsADay          int64           `json:"rows_a_day"` // of all its releases of a day in UTC; one without rows counts as one row
	Until             time.Time       `json:"until"`
	Looks             PersonID        `json:"looks,omitempty"`     // who looks again at what is drawn
	StandsIn          PersonID        `json:"stands_in,omitempty"` // who does while they are away, or may no longer
	Reviewers         int             `json:"reviewers"`           // how many approve it
	Says              string          `json:"says"`                // what it is for
}

// RuleApproval is that somebody approved a standing rule, by its digest.
type RuleApproval struct {
	By  PersonID  `json:"by,omitempty"`
	As  Role      `json:"as"`
	At  time.Time `json:"at"`
	Saw Digest    `json:"saw"`
}

// SecondLook is a release that left by a standing rule, was drawn, and waits for a second look.
type SecondLook struct {
	Release ReleaseID `json:"release"`
	At      time.Time `json:"at"`
	Due     time.Time `json:"due"`
	LateAt  time.Time `json:"late_at,omitzero"` // when the clock told that it is late
}

// Rule is a standing rule. It is seen by those who hold its grant, and by those of the lab who may review what leaves under it; who approved it, who
// looks again, and what is drawn, by the lab alone.
type Rule struct {
	ID RuleID `json:"id"`
	RuleTerms
	Digest     Digest         `json:"digest"` // of the terms
	State      RuleState      `json:"state"`
	ProposedAt time.Time      `json:"proposed_at"`
	DecidedAt  time.Time      `json:"decided_at,omitzero"`
	EndedAt    time.Time      `json:"ended_at,omitzero"`
	Code       string         `json:"code,omitempty"`    // why it ended, of a closed list
	Comment    string         `json:"comment,omitempty"` // of who refused it, for who asked for it
	Approvals  []RuleApproval `json:"approvals,omitempty"`
	Day        string         `json:"day,omitempty"` // the last in UTC on which something left, as 2006-01-02
	Gone       int64          `json:"gone"`          // rows that left on that day
	Last       ReleaseID      `json:"last,omitempty"`
	LastRows   int64          `json:"last_rows,omitempty"`
	Released   int64          `json:"released"` // releases in all
	Drawn      int64          `json:"drawn"`    // of these
	Looked     int64          `json:"looked"`   // second looks that were done
	Open       []SecondLook   `json:"open,omitempty"`
}

// LateAt says whether a second look is late at an instant: until it is done nothing leaves by the rule.
func (r Rule) LateAt(at time.Time) bool {
	return slices.ContainsFunc(r.Open, func(l SecondLook) bool { return !at.Before(l.Due) })
}

// RuleUse is that a release left by a standing rule: which, and as whom those approved it who did.
type RuleUse struct {
	Rule     RuleID `json:"rule"`
	Digest   Digest `json:"digest"`
	Approved []Role `json:"approved"`
	Rows     int64  `json:"rows"`
}

// Unfit is why a release is with people, though its author named a standing rule or one is in force for it. What it says is for reviewers.
type Unfit struct {
	Rule RuleID `json:"rule"`
	Code string `json:"code"` // of a closed list
	Says string `json:"says,omitempty"`
}
