package client

import (
	"context"
	"time"

	"narthex"
)

// AskOpinion asks a specialist from outside about an engagement in review: POST /api/engagements/{engagement}/opinions. The invitation
// waits for so many Days, 7 where none are given.
type AskOpinion struct {
	As       narthex.Role `json:"as"` // the role that must approve, for which it is asked
	Name     string       `json:"name"`
	Email    string       `json:"email"`
	Question string       `json:"question"`
	Days     int          `json:"days,omitempty"`
}

// OpinionAsked is the invitation. The code is shown once, or mailed to the specialist and shown to nobody.
type OpinionAsked struct {
	Engagement narthex.EngagementID `json:"engagement"`
	Invite     narthex.InviteID     `json:"invite"`
	Code       string               `json:"code,omitempty"`
	Mailed     bool                 `json:"mailed,omitempty"`
	Until      time.Time            `json:"until"`
}

// RedeemOpinion is POST /api/opinions/redeem, by a specialist who was asked.
type RedeemOpinion struct {
	Engagement narthex.EngagementID `json:"engagement"`
	Code       string               `json:"code"`
}

// OpinionLogin is a specialist's log-in for one opinion, and whom it is about: they state their interests in them next.
type OpinionLogin struct {
	Engagement narthex.EngagementID `json:"engagement"`
	Token      string               `json:"token"`
	ExpiresAt  time.Time            `json:"expires_at"`
	People     []string             `json:"people"` // who applies, by name
	Org        string               `json:"org,omitempty"`
}

// StateInterests is POST /api/opinions/{engagement}/interests: what ties a specialist to those people, or that nothing does.
type StateInterests struct {
	Interests string `json:"interests"`
}

// OpinionView is GET /api/opinions/{engagement}: what a specialist reads, and nothing else.
type OpinionView struct {
	Engagement  narthex.EngagementID `json:"engagement"`
	As          narthex.Role         `json:"as"`
	Question    string               `json:"question"`
	Digest      narthex.Digest       `json:"digest"` // of Application
	Until       time.Time            `json:"until"`
	Application narthex.Application  `json:"application"`
	People      map[string]string    `json:"people"` // names of who applies, by id
}

// GiveOpinion is POST /api/opinions/{engagement}: the one opinion, on the text that was read.
type GiveOpinion struct {
	Saw  narthex.Digest `json:"saw"`
	Text string         `json:"text"`
}

// OpinionGiven is that it was taken in.
type OpinionGiven struct {
	Engagement narthex.EngagementID `json:"engagement"`
	Saw        narthex.Digest       `json:"saw"`
	At         time.Time            `json:"at"`
}

// AskOpinion asks a specialist from outside and gives their one-time code.
func (c *Client) AskOpinion(ctx context.Context, id narthex.EngagementID, in AskOpinion) (OpinionAsked, error) {
	return call[OpinionAsked](ctx, c, "POST", route("api", "engagements", string(id), "opinions"), in)
}

// UnaskOpinion takes an invitation back.
func (c *Client) UnaskOpinion(ctx context.Context, id narthex.EngagementID, invite narthex.InviteID) (EngagementView, error) {
	return call[EngagementView](ctx, c, "POST", route("api", "engagements", string(id), "opinions", string(invite), "withdraw"), struct{}{})
}

// RedeemOpinion turns a specialist's code into a log-in, which [Client.With] takes.
func (c *Client) RedeemOpinion(ctx context.Context, in RedeemOpinion) (OpinionLogin, error) {
	return call[OpinionLogin](ctx, c, "POST", "/api/opinions/redeem", in)
}

// StateInterests states a specialist's interests.
func (c *Client) StateInterests(ctx context.Context, id narthex.EngagementID, in StateInterests) error {
	_, err := call[struct{}](ctx, c, "POST", route("api", "opinions", string(id), "interests"), in)
	return err
}

// ReadForOpinion gives a specialist what they were asked about.
func (c *Client) ReadForOpinion(ctx context.Context, id narthex.EngagementID) (OpinionView, error) {
	return call[OpinionView](ctx, c, "GET", route("api", "opinions", string(id)), nil)
}

// GiveOpinion hands a specialist's opinion in.
func (c *Client) GiveOpinion(ctx context.Context, id narthex.EngagementID, in GiveOpinion) (OpinionGiven, error) {
	return call[OpinionGiven](ctx, c, "POST", route("api", "opinions", string(id)), in)
}
