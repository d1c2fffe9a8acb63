package narthex

import (
	"slices"
	"time"
)

// LockSubject is what kind of thing a lock stops.
type LockSubject string

const (
	// LockRegion stops everyone from outside who works in a region, and everyone of whom it is not known where they work: an order
	// about a class of people comes without notice, and what is unknown is not let through.
	LockRegion LockSubject = "region"
	// LockNationality does so for everyone from outside who has a nationality, and everyone of whom none is recorded.
	LockNationality LockSubject = "nationality"
)

// OfClass says whether the lock is on a class of people and not on one thing.
func (s LockSubject) OfClass() bool { return s == LockRegion || s == LockNationality }

// LockSubjects lists what can be locked.
func LockSubjects() []LockSubject {
	return []LockSubject{"person", "org", "engagement", "grant", "key", "asset", LockRegion, LockNationality}
}

// LockReason is the closed set of reasons for a lock.
type LockReason string

const (
	// CompromisedCredential is that someone else may hold a credential. What such a lock is on reads nothing, for who asks may be them.
	CompromisedCredential LockReason = "compromised_credential"
	// SuspectedExfiltration is that protected content may be leaving.
	SuspectedExfiltration LockReason = "suspected_exfiltration"
	// LegalOrder is that an authority ordered it, which may forbid to tell.
	LegalOrder LockReason = "legal_order"
)

// LockReasons lists them all.
func LockReasons() []LockReason {
	return []LockReason{CompromisedCredential, SuspectedExfiltration, "safety", "breach_of_terms", LegalOrder, "incident", "maintenance"}
}

// AlwaysLocks lists the reasons that every list of a safe harbour has, and the only ones for a lock on a class of people: who they are
// is no breach of anyone's terms.
func AlwaysLocks() []LockReason {
	return []LockReason{CompromisedCredential, SuspectedExfiltration, LegalOrder}
}

// Lock is an immediate stop. It holds from the commit that set it to the commit that lifted it.
type Lock struct {
	ID          LockID       `json:"id"`
	Subject     LockSubject  `json:"subject"`
	Target      string       `json:"target"` // the identifier or name of what is locked
	Reason      LockReason   `json:"reason"`
	Note        string       `json:"note,omitempty"` // in the locker's words, shown to the one locked out
	By          PersonID     `json:"by,omitempty"`   // not shown to those whom it stops
	At          time.Time    `json:"at"`
	ReviewBy    time.Time    `json:"review_by,omitzero"`    // by when someone else looks at it; zero when they have, until an appeal
	SilentUntil time.Time    `json:"silent_until,omitzero"` // a legal order forbids to tell of it until then
	Appeals     []Appeal     `json:"appeals,omitempty"`
	Reviews     []LockReview `json:"reviews,omitempty"`
	LiftedBy    PersonID     `json:"lifted_by,omitempty"`
	LiftedAt    time.Time    `json:"lifted_at,omitzero"`
}

// Lifted says whether the lock is over.
func (l Lock) Lifted() bool { return !l.LiftedAt.IsZero() }

// Silent says whether nobody whom it stops may be told of it at t.
func (l Lock) Silent(t time.Time) bool { return t.Before(l.SilentUntil) }

// Late says whether nobody has looked at it in time.
func (l Lock) Late(t time.Time) bool {
	return !l.Lifted() && !l.ReviewBy.IsZero() && !t.Before(l.ReviewBy)
}

// Open says whether an appeal waits for its answer.
func (l Lock) Open() bool {
	return len(l.Appeals) > 0 && !l.Lifted() && !l.ReviewBy.IsZero()
}

// Appealed says whether the people of an organisation, or the lab's own of none, have appealed already: a side appeals once.
func (l Lock) Appealed(org OrgID) bool {
	return slices.ContainsFunc(l.Appeals, func(a Appeal) bool { return a.Org == org })
}

// Appeal is what the locked side says against a lock. Taken is who of the lab wrote it down for someone who cannot sign in.
type Appeal struct {
	By    PersonID  `json:"by"`
	Org   OrgID     `json:"org,omitempty"`
	Taken PersonID  `json:"taken,omitempty"`
	At    time.Time `json:"at"`
	Text  string    `json:"text"`
}

// LockOutcome is what a review makes of a lock.
type LockOutcome string

const (
	// LockUpheld stays.
	LockUpheld LockOutcome = "upheld"
	// LockWasLifted ends.
	LockWasLifted LockOutcome = "lifted"
)

// LockReview is the word on a lock of someone who did not set it; it answers every appeal before it.
type LockReview struct {
	By      PersonID    `json:"by,omitempty"`
	At      time.Time   `json:"at"`
	Outcome LockOutcome `json:"outcome"`
	Text    string      `json:"text"`
}
