package narthex

import "time"

// Opinion is what a specialist from outside was asked about an application, and what they said. The specialist is no person of
// Narthex: they hold a code and then a log-in for this one opinion, and an opinion is nobody's vote.
type Opinion struct {
	ID       InviteID  `json:"id"`
	By       PersonID  `json:"by,omitempty"` // who asked; empty where the reader is not to know
	As       Role      `json:"as"`           // the role for which it was asked
	Name     string    `json:"name"`
	Email    string    `json:"email"`
	Question string    `json:"question"`
	Saw      Digest    `json:"saw"` // the text that it is on
	At       time.Time `json:"at"`
	Until    time.Time `json:"until"`          // when the code, and a log-in, end at the latest
	Code     string    `json:"code,omitempty"` // its digest, in hexadecimal; shown to nobody

	Opened     time.Time `json:"opened,omitzero"`      // when the code was redeemed
	Login      string    `json:"login,omitempty"`      // the log-in's digest, in hexadecimal; shown to nobody
	LoginUntil time.Time `json:"login_until,omitzero"` // when it ends
	Interests  string    `json:"interests,omitempty"`  // as they stated them before they read anything
	Text       string    `json:"text,omitempty"`
	Given      time.Time `json:"given,omitzero"`  // when they handed it in
	Closed     time.Time `json:"closed,omitzero"` // when it was taken back, or ended with the review, before that
}

// Open says whether the opinion is still to come at t, as far as it tells itself.
func (o Opinion) Open(t time.Time) bool {
	return o.ID != "" && o.Given.IsZero() && o.Closed.IsZero() && t.Before(o.Until)
}

// Admits says whether its log-in is open at t.
func (o Opinion) Admits(t time.Time) bool {
	return o.Login != "" && o.Open(t) && t.Before(o.LoginUntil)
}
