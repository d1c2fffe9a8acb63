package client

import (
	"context"
	"encoding/json"
	"time"

	"narthex"
)

// StatementRequest is the body of POST /api/engagements/{engagement}/statement.
type StatementRequest struct {
	Names bool `json:"names,omitempty"` // with the names of the researcher and their team
}

// Statement is what access an engagement was: what was asked, given, used and refused. It says nothing of when it was issued: the
// entry does. The same history of an engagement gives the same Statement.
type Statement struct {
	Format      string               `json:"format"` // narthex access statement v1
	Lab         string               `json:"lab"`
	Origin      string               `json:"origin"` // the name of the lab's ledger
	Engagement  narthex.EngagementID `json:"engagement"`
	Title       string               `json:"title"`
	Pathway     narthex.PathwayName  `json:"pathway"`
	State       narthex.State        `json:"state"`
	Agreement   narthex.Digest       `json:"agreement"`
	Application narthex.Digest       `json:"application"`
	Directory   narthex.Digest       `json:"directory"`
	From        time.Time            `json:"from"`
	Until       time.Time            `json:"until"` // as agreed
	Ends        time.Time            `json:"ends"`  // when access ends, or ended
	Parties     []StatementParty     `json:"parties"`
	People      int                  `json:"people"`          // how many used the access at most
	Names       []string             `json:"names,omitempty"` // theirs, where they were asked for

	Level        AccessLevel          `json:"level"`
	ContentLog   string               `json:"content_log"` // what was kept of prompts and answers
	Independence []StatementFact      `json:"independence"`
	Attributes   []StatementAttribute `json:"attributes"`
	Use          StatementUse         `json:"use"`
	Refused      []StatementRefusal   `json:"refused"`
	Locks        []StatementLock      `json:"locks"`
	Obligations  []StatementDuty      `json:"obligations"`
	Published    []string             `json:"published"` // works, by DOI or address

	Through uint64           `json:"through"` // the last entry that it rests on
	At      time.Time        `json:"at"`      // that entry's time
	Entries []StatementEntry `json:"entries"` // governance, one by one; calls stand in Use
}

// StatementParty is a side of the agreement: an organisation, or the role alone.
type StatementParty struct {
	Role narthex.PartyRole `json:"role"`
	Org  string            `json:"org,omitempty"`
}

// AccessLevel is how deep the access was that was given. docs/closeout.md says what the numbers mean.
type AccessLevel struct {
	Model       int    `json:"model"`       // 0 to 4
	Information int    `json:"information"` // 0 to 4
	Time        int    `json:"time"`        // 0 to 3
	Days        int    `json:"days"`        // business days from the beginning to the end
	Says        string `json:"says"`
}

// StatementFact is what a clause says, in words.
type StatementFact struct {
	Name   string `json:"name"`
	Says   string `json:"says"`
	Clause string `json:"clause,omitempty"`
}

// StatementAttribute is one kind of access to one asset.
type StatementAttribute struct {
	Attribute narthex.AttributeName `json:"attribute"`
	Asset     narthex.AssetName     `json:"asset"`
	Says      string                `json:"says"`
	Asked     bool                  `json:"asked"` // when it was first handed in
	Given     bool                  `json:"given"`
	Clause    string                `json:"clause,omitempty"`
	Limits    []string              `json:"limits"`   // as given, in words
	Narrowed  []string              `json:"narrowed"` // limits as they were asked, where they were given otherwise
	Calls     int64                 `json:"calls"`
	Used      []StatementAmount     `json:"used"` // of its budgets, as charged
	Refused   int64                 `json:"refused"`
}

// StatementAmount is how much of a unit.
type StatementAmount struct {
	Unit   narthex.Unit `json:"unit"`
	Amount int64        `json:"amount"`
}

// StatementUse is all calls together.
type StatementUse struct {
	Calls   int64             `json:"calls"`
	First   uint64            `json:"first"` // index of the first call's entry; both are 0 where there is none
	Last    uint64            `json:"last"`
	Unknown int64             `json:"unknown"` // calls whose use is not known, charged in full
	Refused int64             `json:"refused"`
	Used    []StatementAmount `json:"used"`
}

// StatementRefusal is how often a clause, or a reason without one, refused.
type StatementRefusal struct {
	Code      string                `json:"code"`
	Clause    string                `json:"clause,omitempty"`
	Attribute narthex.AttributeName `json:"attribute,omitempty"`
	Count     int64                 `json:"count"`
}

// StatementLock is a stop of the access as a whole, or of an asset of it. Locks of people and keys are not told.
type StatementLock struct {
	Subject narthex.LockSubject `json:"subject"`
	Reason  narthex.LockReason  `json:"reason"`
	From    time.Time           `json:"from"`
	Until   time.Time           `json:"until,omitzero"`
}

// StatementDuty is what the agreement asked by a date, and what became of it.
type StatementDuty struct {
	Obligation narthex.ObligationName `json:"obligation"`
	Clause     string                 `json:"clause"`
	Due        time.Time              `json:"due"`
	Met        time.Time              `json:"met,omitzero"`
	Waived     bool                   `json:"waived,omitempty"`
}

// StatementEntry is an entry of the ledger.
type StatementEntry struct {
	Index uint64            `json:"index"`
	Type  narthex.EntryType `json:"type"`
}

// Statement asks for an engagement's access statement, as a file that `narthex statement verify` checks: its one form is part of
// what is checked.
func (c *Client) Statement(ctx context.Context, id narthex.EngagementID, in StatementRequest) (json.RawMessage, error) {
	return call[json.RawMessage](ctx, c, "POST", route("api", "engagements", string(id), "statement"), in)
}
