package narthex

import (
	"slices"
	"time"
)

// Grant is what is in force under a signed agreement. The zero Grant is never in force.
type Grant struct {
	ID         GrantID      `json:"id"`
	Engagement EngagementID `json:"engagement"`
	Agreement  Digest       `json:"agreement"`
	Persons    []PersonID   `json:"persons"`
	Org        OrgID        `json:"org"`
	Terms      []Term       `json:"terms"`
	Approvals  int          `json:"approvals"` // as the agreement says
	NotBefore  time.Time    `json:"not_before"`
	NotAfter   time.Time    `json:"not_after"`
	Ended      bool         `json:"ended,omitempty"`
	AppealTo   string       `json:"appeal_to"`
	AppealDays int          `json:"appeal_days"`

	// AuthorisedFor is the pathway for which the organisation must have authorised the applicant whenever the grant is used;
	// empty where it signed the agreement.
	AuthorisedFor PathwayName `json:"authorised_for,omitempty"`

	Replaces GrantID `json:"replaces,omitempty"` // whose use counts against this one's budgets; none for one that stands by itself

	RestsOn []Condition `json:"rests_on,omitempty"` // as the agreement says; each must hold at every call

	LockReasons []LockReason `json:"lock_reasons,omitempty"` // of a safe harbour: the only reasons for which it may be locked; any reason where empty
}

// InForce says whether the grant is in force at t: not ended, and in the half-open interval of its dates. Locks stand apart.
func (g Grant) InForce(t time.Time) bool {
	return g.ID != "" && g.Agreement != "" && !g.Ended && !t.Before(g.NotBefore) && t.Before(g.NotAfter)
}

// Shows says whether any term is about the asset.
func (g Grant) Shows(asset AssetName) bool {
	return slices.ContainsFunc(g.Terms, func(t Term) bool { return t.Asset == asset && asset != "" })
}

// ActorKind is who holds a key.
type ActorKind string

const (
	// Human is a person.
	Human ActorKind = "human"
	// Agent is a program that acts for a person.
	Agent ActorKind = "agent"
)

// Key is a credential of one grant for one person or their agent. The token itself is shown once and kept only as a digest.
// Terms, where not empty, narrow the grant's: a key never allows what its grant does not.
type Key struct {
	ID        KeyID     `json:"id"`
	Grant     GrantID   `json:"grant"`
	Person    PersonID  `json:"person"`
	Actor     ActorKind `json:"actor"`
	Label     string    `json:"label"` // the agent's name, or what the person calls the key
	Terms     []Term    `json:"terms,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	NotAfter  time.Time `json:"not_after"`
	Revoked   bool      `json:"revoked,omitempty"`
}
