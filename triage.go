package narthex

import "time"

// TriageRule is a rule of a pathway's that Narthex applies itself when an application is handed in. It says what to look at and who
// must, or stands in for one role's approval beside two people of others, and never gives anything by itself.
type TriageRule struct {
	Name string     `json:"name"`
	When TriageWhen `json:"when"`
	Then TriageThen `json:"then"`
}

// TriageWhen are the conditions of a rule. It holds where all that are stated hold; one that states none never holds.
type TriageWhen struct {
	Standard    *bool               `json:"standard,omitempty"`     // whether all terms lie within what the pathway offers
	Authorised  *bool               `json:"authorised,omitempty"`   // whether the organisation authorised the applicant beforehand
	KnownOrg    *bool               `json:"known_org,omitempty"`    // whether the organisation has or had a grant here
	HorizonHeld *bool               `json:"horizon_held,omitempty"` // whether no asset's horizon is below the least of its label
	DaysAtMost  int                 `json:"days_at_most,omitempty"` // asked for
	DaysAbove   int                 `json:"days_above,omitempty"`
	Answers     map[string][]string `json:"answers,omitempty"`    // an answer to one of these questions is one of those named
	NoAnswers   map[string][]string `json:"no_answers,omitempty"` // none is
	Amendment   Amendment           `json:"amendment,omitempty"`
}

// Amendment says what an application is to a grant in force.
type Amendment string

const (
	// AmendsNothing is an application that stands by itself.
	AmendsNothing Amendment = "none"
	// AmendsWithin asks for nothing beyond the terms in force: fewer of them, narrower, or the same for longer.
	AmendsWithin Amendment = "within"
	// AmendsBeyond asks for more.
	AmendsBeyond Amendment = "beyond"
)

// Amendments lists every kind.
func Amendments() []Amendment { return []Amendment{AmendsNothing, AmendsWithin, AmendsBeyond} }

// TriageThen is what a rule does: one of four things.
type TriageThen struct {
	Flag    string `json:"flag,omitempty"`    // a note for the reviewers
	Route   Role   `json:"route,omitempty"`   // a role that must approve too
	Assign  string `json:"assign,omitempty"`  // the handle of a person to whom the review is given
	As      Role   `json:"as,omitempty"`      // with assign: the role in which
	Approve Role   `json:"approve,omitempty"` // a role for whose approval the rule stands in, where two people of others approve
}

// Approves says whether a rule may stand in for an approval: it states that all is as offered and that every asset's horizon is held.
func (r TriageRule) Approves() bool {
	states := func(is *bool) bool { return is != nil && *is }
	return r.Then.Approve != "" && states(r.When.Standard) && states(r.When.HorizonHeld)
}

// Triaged is what a rule did in a round, with the directory that the rule stands in.
type Triaged struct {
	Rule      string    `json:"rule"`
	Directory Digest    `json:"directory"`
	At        time.Time `json:"at"`
	Flag      string    `json:"flag,omitempty"`
	Route     Role      `json:"route,omitempty"`
	Assign    PersonID  `json:"assign,omitempty"`
	As        Role      `json:"as,omitempty"`
	Approve   Role      `json:"approve,omitempty"` // the role for whose approval it stands in
	Saw       Digest    `json:"saw,omitempty"`     // of an approval: the text that it is on
}
