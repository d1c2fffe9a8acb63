package narthex

import "time"

// Objection asks the applicant, after a decision in their favour, to amend what they asked for: on one of the pathway's grounds, and with
// another way to the same end. It changes nothing by itself, and falls where nobody decided on it in its time.
type Objection struct {
	By          PersonID  `json:"by"`
	As          Role      `json:"as"`
	At          time.Time `json:"at"`
	On          Digest    `json:"on"` // the agreement that was offered
	Ground      string    `json:"ground"`
	Alternative string    `json:"alternative,omitempty"` // in words
	Text        string    `json:"text"`                  // why
	DecideBy    time.Time `json:"decide_by"`             // it falls then, where it is not decided
	Digest      Digest    `json:"digest"`                // of what stands above: what a vote on it names
	Round       int       `json:"round"`                 // of the engagement
	Votes       []Vote    `json:"votes,omitempty"`       // to approve is to uphold
	DecidedAt   time.Time `json:"decided_at,omitzero"`
	Upheld      bool      `json:"upheld,omitempty"`
	MediateBy   time.Time `json:"mediate_by,omitzero"` // of one that was upheld: mediation may be asked for before

	Mediation *DecisionMediation `json:"mediation,omitempty"`
}

// ObjectionState is a word for where an objection stands.
type ObjectionState string

const (
	ObjectionOpen      ObjectionState = "open"
	ObjectionUpheld    ObjectionState = "upheld"
	ObjectionDismissed ObjectionState = "dismissed"
	ObjectionFell      ObjectionState = "fell" // nobody decided on it in its time
)

// Stand says where an objection stands at a moment.
func (o Objection) Stand(now time.Time) ObjectionState {
	switch {
	case o.Upheld:
		return ObjectionUpheld
	case !o.DecidedAt.IsZero():
		return ObjectionDismissed
	case !now.Before(o.DecideBy):
		return ObjectionFell
	}
	return ObjectionOpen
}

// DecisionMediation is the mediation of a refusal, or of an objection that was upheld. It binds nobody who decides.
type DecisionMediation struct {
	By       PersonID  `json:"by"` // who asked for it
	At       time.Time `json:"at"`
	Text     string    `json:"text"`           // what is to be mediated
	Until    time.Time `json:"until,omitzero"` // it ends then without agreement; zero where its pathway names no mediator
	Mediator *Mediator `json:"mediator,omitempty"`
	Proposed int       `json:"proposed,omitempty"` // how often a mediator was proposed
	Began    time.Time `json:"began,omitzero"`     // when the other side accepted the mediator

	Authors *MediationOutcome `json:"authors,omitempty"` // what each side says came of it
	Lab     *MediationOutcome `json:"lab,omitempty"`
}

// Mediator is who mediates or would: somebody outside both sides, proposed by one and accepted by the other.
type Mediator struct {
	Name  string `json:"name"`
	Email string `json:"email"`
	Said  Said   `json:"said,omitzero"` // who proposed them; a role stands where the lab did
}

// MediationOutcome is what one side says came of a mediation.
type MediationOutcome struct {
	Said   Said            `json:"said"`
	Result MediationResult `json:"result"`
}

// MediationResult is what can come of a mediation of a decision.
type MediationResult string

const (
	MediationAgreed    MediationResult = "agreed" // on other terms than those that were asked
	MediationNotAgreed MediationResult = "not_agreed"
	MediationWithdrawn MediationResult = "withdrawn" // a side took part no longer
)

// MediationResults lists every result.
func MediationResults() []MediationResult {
	return []MediationResult{MediationAgreed, MediationNotAgreed, MediationWithdrawn}
}

// MediationState is a word for where a mediation of a decision stands: a result, or one of these.
type MediationState string

const (
	MediationAsked MediationState = "asked" // no mediator is agreed yet
	MediationBegun MediationState = "begun"
	MediationOver  MediationState = "over" // its time ended without agreement
)

// Stand says where a mediation stands at a moment: agreed where both sides say so in its time, and not where one of them says that it is
// not, or takes part no longer.
func (m DecisionMediation) Stand(now time.Time) MediationState {
	agreed := 0
	for _, side := range []*MediationOutcome{m.Authors, m.Lab} {
		switch {
		case side == nil:
		case side.Result == MediationAgreed:
			agreed++
		default:
			return MediationState(side.Result) // nothing is said after it
		}
	}
	switch {
	case agreed == 2:
		return MediationState(MediationAgreed)
	case !m.Until.IsZero() && !now.Before(m.Until):
		return MediationOver
	case !m.Began.IsZero():
		return MediationBegun
	}
	return MediationAsked
}

// Open says whether a mediation still goes on in that state.
func (s MediationState) Open() bool { return s == MediationAsked || s == MediationBegun }
