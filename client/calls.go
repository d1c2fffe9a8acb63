package client

import (
	"context"
	"encoding/json"
	"time"

	"narthex"
)

// CallList is a page of a person's own calls under a grant, in the order of the ledger: GET /api/grants/{grant}/calls. A page may
// hold few lines, or none, and be followed by another: it ends after so many entries of the ledger too.
type CallList struct {
	Calls  []CallLine `json:"calls"`
	Others int        `json:"others"`         // lines of other people's keys in this part of the ledger; withheld here
	Next   string     `json:"next,omitempty"` // what to give as after for the page that follows
	Size   uint64     `json:"size"`           // of the ledger when it was read
}

// CallLine is what one entry tells of a call: that it was let in, how it ended, that it was denied, or that the key looked something
// up. Withheld names what it rested on that is not shown: the text of the lab's guardrails.
type CallLine struct {
	Entry    uint64              `json:"entry"`
	At       time.Time           `json:"at"`
	What     narthex.EntryType   `json:"what"` // call.intent, call.outcome, call.denied or call.read
	Call     narthex.CallID      `json:"call,omitempty"`
	Key      narthex.KeyID       `json:"key,omitempty"`
	Uses     json.RawMessage     `json:"uses,omitempty"`     // the attributes that it needed, and what it asked of each
	Facts    json.RawMessage     `json:"facts,omitempty"`    // what it was decided from
	Reserved json.RawMessage     `json:"reserved,omitempty"` // of budgets, before it ran
	Asset    narthex.AssetName   `json:"asset,omitempty"`
	Version  narthex.VersionName `json:"version,omitempty"`
	Clauses  string              `json:"clauses,omitempty"` // that allowed it, of the agreement
	Reasons  []narthex.Reason    `json:"reasons,omitempty"` // why it was denied, as it was told then
	Status   string              `json:"status,omitempty"`  // how it ended
	Used     json.RawMessage     `json:"used,omitempty"`
	Read     string              `json:"read,omitempty"` // what was looked up
	Request  narthex.Digest      `json:"request,omitempty"`
	Answer   narthex.Digest      `json:"answer,omitempty"`
	Agreed   narthex.Digest      `json:"agreement,omitempty"`
	Withheld []string            `json:"withheld"`
}

// Calls gives a page of the person's own calls under a grant.
func (c *Client) Calls(ctx context.Context, id narthex.GrantID, of Page) (CallList, error) {
	return call[CallList](ctx, c, "GET", of.address(route("api", "grants", string(id), "calls")), nil)
}
