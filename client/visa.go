package client

import (
	"context"
	"time"

	"narthex"
)

// VisasView is what is known of a person's visas: GET /api/people/{person}/visas.
type VisasView struct {
	Person     narthex.PersonID   `json:"person"`
	Identities []narthex.Identity `json:"identities"` // by which issuers know them; subjects as digests
	Visas      []VisaView         `json:"visas"`
}

// VisaView is one visa, and whether it counts now: in time, by a key that the directory in force trusts.
type VisaView struct {
	narthex.Visa
	Counts bool `json:"counts"`
}

// VisaIdentity is POST /api/people/{person}/identities and …/identities/remove: by which subject an issuer knows the person.
type VisaIdentity struct {
	Issuer  string `json:"issuer"`
	Subject string `json:"subject"`
}

// VisaAdd gives a visa: POST /api/visas.
type VisaAdd struct {
	Visa string `json:"visa"` // the compact JWS
}

// VisaRemove ends a visa: POST /api/people/{person}/visas/remove.
type VisaRemove struct {
	Digest narthex.Digest `json:"digest"`
}

// IssuedVisa is a visa of the lab's for a grant: POST /api/grants/{grant}/visa. It is shown once.
type IssuedVisa struct {
	Visa    string    `json:"visa"`
	Issuer  string    `json:"issuer"`
	Subject string    `json:"subject"`
	Value   string    `json:"value"`
	Until   time.Time `json:"until"`
}

// Visas gives what is known of a person's visas.
func (c *Client) Visas(ctx context.Context, person narthex.PersonID) (VisasView, error) {
	return call[VisasView](ctx, c, "GET", route("api", "people", string(person), "visas"), nil)
}

// LinkIdentity records by which subject an issuer of visas knows a person.
func (c *Client) LinkIdentity(ctx context.Context, person narthex.PersonID, in VisaIdentity) (VisasView, error) {
	return call[VisasView](ctx, c, "POST", route("api", "people", string(person), "identities"), in)
}

// UnlinkIdentity ends that, and with it every visa of that issuer.
func (c *Client) UnlinkIdentity(ctx context.Context, person narthex.PersonID, in VisaIdentity) (VisasView, error) {
	return call[VisasView](ctx, c, "POST", route("api", "people", string(person), "identities", "remove"), in)
}

// AddVisa gives a visa of the session's person.
func (c *Client) AddVisa(ctx context.Context, visa string) (VisasView, error) {
	return call[VisasView](ctx, c, "POST", "/api/visas", VisaAdd{visa})
}

// RemoveVisa ends one at once.
func (c *Client) RemoveVisa(ctx context.Context, person narthex.PersonID, digest narthex.Digest) (VisasView, error) {
	return call[VisasView](ctx, c, "POST", route("api", "people", string(person), "visas", "remove"), VisaRemove{digest})
}

// IssueVisa asks for a visa of the lab's for a grant of the session's person.
func (c *Client) IssueVisa(ctx context.Context, grant narthex.GrantID) (IssuedVisa, error) {
	return call[IssuedVisa](ctx, c, "POST", route("api", "grants", string(grant), "visa"), struct{}{})
}
