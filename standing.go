package narthex

import (
	"slices"
	"time"
)

// StandingKind is what a person's standing is of. The zero StandingKind is none, and nothing holds of it.
type StandingKind string

const (
	// Training is a course that has a name.
	Training StandingKind = "training"
	// Affiliation is that the person belongs to their organisation, by its own word.
	Affiliation StandingKind = "affiliation"
	// Recertification is that an engagement's purpose and people are still those that were agreed.
	Recertification StandingKind = "recertification"
	// Screening is a level of screening that has a name.
	Screening StandingKind = "screening"
)

// StandingKinds lists them all.
func StandingKinds() []StandingKind {
	return []StandingKind{Training, Affiliation, Recertification, Screening}
}

// Named says whether a standing of the kind is of something with a name: a course or a level.
func (k StandingKind) Named() bool { return k == Training || k == Screening || k == VisaHeld }

// Days is for how long a standing of the kind holds where a pathway says nothing else.
func (k StandingKind) Days() int {
	if k == Recertification {
		return 180
	}
	return 365
}

// MostStandingDays bounds for how long a standing holds.
const MostStandingDays = 1096

// Whose says whose standing a condition is about. The zero Whose is nobody's.
type Whose string

const (
	// OfTeam is everyone whom a grant names, each for their own calls.
	OfTeam Whose = "team"
	// OfApplicant is the applicant alone, for everyone's calls.
	OfApplicant Whose = "applicant"
)

// Condition is one thing that a grant rests on, beside its agreement and dates: it is in force while that holds, and lapses at the
// next call when it does not.
type Condition struct {
	Kind   StandingKind `json:"kind"`
	Name   string       `json:"name,omitempty"` // of a course or a level, or a visa's type
	For    Whose        `json:"for"`
	Days   int          `json:"days"`             // how long a word of it holds at most
	Value  string       `json:"value,omitempty"`  // of a visa, what it says
	Source string       `json:"source,omitempty"` // of a visa, whose word it is; any where empty
	By     string       `json:"by,omitempty"`     // of a visa, who asserted it; anyone where empty
	Clause string       `json:"clause,omitempty"` // the number in the agreement, once there is one
}

// Concerns gives whose standing a call of caller rests on.
func (c Condition) Concerns(g *Grant, caller PersonID) PersonID {
	if c.For == OfTeam {
		return caller
	}
	if c.For == OfApplicant && len(g.Persons) > 0 {
		return g.Persons[0]
	}
	return ""
}

// Of gives the name of the standing that the condition asks: a recertification is of the grant's engagement.
func (c Condition) Of(g *Grant) string {
	if c.Kind == Recertification {
		return string(g.Engagement)
	}
	return c.Name
}

// Standing is what is known of a person of one kind and name: what was last given, in a half-open interval, and when it was last
// taken back. The zero Standing holds never.
type Standing struct {
	Kind  StandingKind `json:"kind"`
	Name  string       `json:"name,omitempty"` // of a course, a level, or an engagement
	From  time.Time    `json:"from,omitzero"`
	Until time.Time    `json:"until,omitzero"`
	By    PersonID     `json:"by,omitempty"` // who gave it
	At    time.Time    `json:"at,omitzero"`  // when

	StatedAt time.Time `json:"stated_at,omitzero"` // when the person stated what waits to be confirmed
	Saw      Digest    `json:"saw,omitempty"`      // of the application that they stated it of

	WithdrawnBy PersonID  `json:"withdrawn_by,omitempty"`
	WithdrawnAt time.Time `json:"withdrawn_at,omitzero"`
}

// Act is one thing that people do about a standing. It is what an entry says of it.
type Act string

const (
	// Stated is the person's own word, which gives nothing until another confirms it.
	Stated Act = "stated"
	// Given is a word for someone.
	Given Act = "given"
	// TakenBack ends what was given, at once, and what anything before it would give.
	TakenBack Act = "taken_back"
)

// Deed is an act with what it is about.
type Deed struct {
	Act         Act
	Kind        StandingKind
	Name        string
	From, Until time.Time // of what is given
	Saw         Digest    // of what is stated
	By          PersonID
	At          time.Time
}

// After gives the standings of a person after a deed. It leaves the list as it was.
func (d Deed) After(list []Standing) []Standing {
	next := slices.Clone(list)
	at := slices.IndexFunc(next, func(s Standing) bool { return s.Kind == d.Kind && s.Name == d.Name })
	if at < 0 {
		at, next = len(next), append(next, Standing{Kind: d.Kind, Name: d.Name})
	}
	s := &next[at]
	switch d.Act {
	case Stated:
		s.StatedAt, s.Saw = d.At, d.Saw
	case Given:
		s.From, s.Until, s.By, s.At, s.StatedAt, s.Saw = d.From, d.Until, d.By, d.At, time.Time{}, ""
	case TakenBack:
		s.From, s.Until, s.StatedAt, s.Saw = time.Time{}, time.Time{}, time.Time{}, ""
		s.WithdrawnBy, s.WithdrawnAt = d.By, d.At
	}
	return next
}

// FindStanding gives the one of that kind and name, or the zero Standing.
func FindStanding(list []Standing, kind StandingKind, name string) Standing {
	for _, s := range list {
		if s.Kind == kind && s.Name == name {
			return s
		}
	}
	return Standing{}
}

// End gives when the standing's hold on a condition of so many days ends, and whether it holds at t: in the half-open interval of
// what was given, which is cut to those days.
func (s Standing) End(days int, t time.Time) (time.Time, bool) {
	end := s.Until
	if most := s.From.AddDate(0, 0, days); most.Before(end) {
		end = most
	}
	return end, !s.From.IsZero() && !t.Before(s.From) && t.Before(end)
}

// TakenBackSince says whether it was taken back at t or later.
func (s Standing) TakenBackSince(t time.Time) bool {
	return !s.WithdrawnAt.IsZero() && !s.WithdrawnAt.Before(t)
}
