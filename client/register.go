package client

import (
	"context"
	"time"

	"narthex"
)

// Register is a page of the lab's public register: GET /v1/register, for anyone. It is a minute old at most.
type Register struct {
	Origin  string          `json:"origin"`
	Entries []RegisterEntry `json:"entries"`
	Next    string          `json:"next,omitempty"` // what to give as after for the page that follows
	Count   int             `json:"count"`          // of all entries
	Digest  narthex.Digest  `json:"digest"`         // of the whole register: it is another when an entry is
}

// RegisterEntry is an engagement as both sides agreed that anyone may see it.
type RegisterEntry struct {
	Engagement   narthex.EngagementID `json:"engagement"`
	Pathway      narthex.PathwayName  `json:"pathway"`
	State        string               `json:"state"`                  // in force or ended
	Organisation string               `json:"organisation,omitempty"` // where it was agreed
	People       []string             `json:"people,omitempty"`       // where it was agreed
	Summary      string               `json:"summary,omitempty"`      // in the applicant's words, where the pathway asks for it
	Access       []string             `json:"access"`                 // the kinds of access, in words
	Level        string               `json:"level"`                  // how deep it is
	From         time.Time            `json:"from"`
	Until        time.Time            `json:"until"`
	Published    []string             `json:"published"` // DOIs and addresses
}

// Register gives a page of the public register.
func (c *Client) Register(ctx context.Context, of Page) (Register, error) {
	return call[Register](ctx, c, "GET", of.address("/v1/register"), nil)
}

// Catalogue is the assets that may be asked for: GET /v1/assets, for anyone.
type Catalogue struct {
	Assets []PublicAsset `json:"assets"`
}

// PublicAsset is what anyone may know of an asset: that a pathway offers it, and what it is; its title and its versions where the
// lab's directory says that it is public.
type PublicAsset struct {
	Name     narthex.AssetName `json:"name"`
	Kind     narthex.AssetKind `json:"kind"`
	Title    string            `json:"title,omitempty"`
	Versions []string          `json:"versions,omitempty"`
	Offered  []AssetOffer      `json:"offered"`
}

// AssetOffer is an attribute of an asset that a pathway offers.
type AssetOffer struct {
	Pathway   narthex.PathwayName   `json:"pathway"`
	Attribute narthex.AttributeName `json:"attribute"`
	Says      string                `json:"says"`
}

// Catalogue gives the assets that may be asked for.
func (c *Client) Catalogue(ctx context.Context) (Catalogue, error) {
	return call[Catalogue](ctx, c, "GET", "/v1/assets", nil)
}
