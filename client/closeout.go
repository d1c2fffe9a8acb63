package client

import (
	"context"
	"time"

	"narthex"
)

// ObligationList is what an engagement's agreement asks someone to do by a date.
type ObligationList struct {
	Engagement  narthex.EngagementID `json:"engagement"`
	State       narthex.State        `json:"state"`
	Agreement   narthex.Digest       `json:"agreement,omitempty"`
	Ends        time.Time            `json:"ends,omitzero"` // when access ends, or ended
	Obligations []ObligationView     `json:"obligations"`
}

// ObligationView is one of them, as it stands.
type ObligationView struct {
	Obligation narthex.ObligationName  `json:"obligation"`
	Says       string                  `json:"says"`
	By         narthex.PartyRole       `json:"by,omitempty"` // empty where nobody owes it: it is for information
	Clause     string                  `json:"clause"`
	Due        time.Time               `json:"due"`
	State      narthex.ObligationState `json:"state"`
	Backups    bool                    `json:"backups,omitempty"` // whether copies in routine backups may be left to expire
	Next       string                  `json:"next,omitempty"`    // what meets it
	Done       []narthex.Met           `json:"done"`
	Waivers    []narthex.Waiver        `json:"waivers"`
}

// CloseOut is the body of a command about an obligation: to meet it, to reject its evidence, to waive it.
type CloseOut struct {
	Obligation narthex.ObligationName `json:"obligation"`
	Evidence   narthex.Digest         `json:"evidence,omitempty"` // of a file that its giver keeps
	Text       string                 `json:"text,omitempty"`
	Certify    *Certify               `json:"certify,omitempty"` // of destruction, in the place of evidence
}

// Certify is a certificate of destruction with a signature on its digest.
type Certify struct {
	Certificate narthex.Certificate `json:"certificate"`
	Party       narthex.PartyRole   `json:"party"` // for whom it is signed: the researcher, or by an official the institution
	Signer      string              `json:"signer"`
	Envelope    string              `json:"envelope"`
}

// Obligations lists what an engagement's agreement asks by a date.
func (c *Client) Obligations(ctx context.Context, id narthex.EngagementID) (ObligationList, error) {
	return call[ObligationList](ctx, c, "GET", route("api", "engagements", string(id), "obligations"), nil)
}

// Meet hands in what meets an obligation.
func (c *Client) Meet(ctx context.Context, id narthex.EngagementID, in CloseOut) (ObligationList, error) {
	return call[ObligationList](ctx, c, "POST", route("api", "engagements", string(id), "meet"), in)
}

// Reject sends evidence back.
func (c *Client) Reject(ctx context.Context, id narthex.EngagementID, in CloseOut) (ObligationList, error) {
	return call[ObligationList](ctx, c, "POST", route("api", "engagements", string(id), "reject"), in)
}

// Waive gives an obligation up, for the lab; it takes two.
func (c *Client) Waive(ctx context.Context, id narthex.EngagementID, in CloseOut) (ObligationList, error) {
	return call[ObligationList](ctx, c, "POST", route("api", "engagements", string(id), "waive"), in)
}
