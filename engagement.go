package narthex

import "time"

// State is where an engagement stands. The zero State is none, and no command leads out of it but draft.
type State string

const (
	// Draft is being written.
	Draft State = "draft"
	// Submitted waits to be assigned.
	Submitted State = "submitted"
	// InReview is with its reviewers.
	InReview State = "in_review"
	// Returned is back with the applicant, with questions.
	Returned State = "returned"
	// Offered has every approval; an agreement waits for signatures.
	Offered State = "offered"
	// Active has a grant.
	Active State = "active"
	// Declined ended by a reviewer, with a reason.
	Declined State = "declined"
	// Withdrawn ended by the applicant before a grant.
	Withdrawn State = "withdrawn"
	// Ending had a grant, which has ended; closeout is open.
	Ending State = "ending"
	// Closed is over.
	Closed State = "closed"
)

// States lists every state in the order of a life.
func States() []State {
	return []State{Draft, Submitted, InReview, Returned, Offered, Active, Declined, Withdrawn, Ending, Closed}
}

// Application is what is asked for. Its digest, which the engagement's id is part of, is what reviewers vote on.
type Application struct {
	Engagement EngagementID      `json:"engagement"`
	Pathway    PathwayName       `json:"pathway"`
	Directory  Digest            `json:"directory"` // of the lab directory that the pathway stands in
	Title      string            `json:"title"`
	Applicant  PersonID          `json:"applicant"`
	Org        OrgID             `json:"org"`
	Members    []PersonID        `json:"members,omitempty"`
	Sponsor    PersonID          `json:"sponsor,omitempty"`
	Answers    map[string]string `json:"answers"`
	Terms      []Term            `json:"terms"`
	Days       int               `json:"days"`

	Attachments []Attachment       `json:"attachments,omitempty"`
	Interests   []DeclaredInterest `json:"interests,omitempty"` // of the applicant's side, in its own words
	Codes       []UseCode          `json:"codes,omitempty"`     // that narrow the pathway's

	Reviews []ReviewRule `json:"reviews"` // the pathway's, and those that the terms add

	SigningOrder []PartyRole `json:"signing_order,omitempty"` // the pathway's; any order where empty
	RestsOn      []Condition `json:"rests_on,omitempty"`      // the pathway's

	Refusals *RefusalRule `json:"refusals,omitempty"` // the pathway's; nil where words are enough

	// Amends is the engagement in force whose grant this one's takes the place of; empty for one that stands by itself.
	Amends EngagementID `json:"amends,omitempty"`
}

// RefusalRule is what a pathway's clause asks of whoever refuses an application, or objects to what was granted.
type RefusalRule struct {
	Grounds       []string `json:"grounds"`        // one of which it names
	Alternative   bool     `json:"alternative"`    // whether it offers another way to the same end
	MediationDays int      `json:"mediation_days"` // business days in which the applicant may ask for mediation

	ObjectionDays  int `json:"objection_days,omitempty"`  // days after the decision in which the lab may object, and as many to decide on that; 0 is never
	MediationLasts int `json:"mediation_lasts,omitempty"` // business days after which a mediation ends without agreement; 0 is without a mediator or an end
}

// Refusal is what a decline under such a rule says, and the mediation that was asked for.
type Refusal struct {
	Ground      string             `json:"ground"`
	Alternative string             `json:"alternative,omitempty"` // in words
	MediateBy   time.Time          `json:"mediate_by,omitzero"`   // mediation may be asked for before
	Mediation   *DecisionMediation `json:"mediation,omitempty"`
}

// Vote is one reviewer's verdict on the digest of what they saw.
type Vote struct {
	By      PersonID  `json:"by"`
	As      Role      `json:"as"`
	Approve bool      `json:"approve"`
	Reason  string    `json:"reason,omitempty"`
	Saw     Digest    `json:"saw"`
	At      time.Time `json:"at"`

	NoInterest bool `json:"no_interest,omitempty"` // that they declared with it to have no interest in these people
}

// Counter is a reviewer's offer of narrower terms. It approves the text that it would make, and nothing of the one that stands.
type Counter struct {
	By          PersonID    `json:"by"`
	As          Role        `json:"as"`
	At          time.Time   `json:"at"`
	Text        string      `json:"text"` // why
	Application Application `json:"application"`
	Digest      Digest      `json:"digest"` // of Application

	NoInterest bool `json:"no_interest,omitempty"`
}

// Mark names what an engagement's clock says once.
type Mark string

// Reminder is that it said so.
type Reminder struct {
	Mark Mark      `json:"mark"`
	At   time.Time `json:"at"`
}

// Claim says that a reviewer has taken it on to look at an application in a role. It is no right and no duty: whoever else may vote
// in that role still may.
type Claim struct {
	By    PersonID  `json:"by,omitempty"` // empty where the reader is not to know who
	As    Role      `json:"as"`
	At    time.Time `json:"at"`
	Given PersonID  `json:"given,omitempty"` // who of the programme gave it to them; empty where they took it
}

// Note is a question, an answer or a comment on an engagement.
type Note struct {
	By      PersonID  `json:"by"`
	At      time.Time `json:"at"`
	Text    string    `json:"text"`
	Private bool      `json:"private,omitempty"` // for the lab's people who have no part in it
}

// Joined is a member's acceptance for themselves of what they saw: the agreement, or the application before there was one.
type Joined struct {
	By  PersonID  `json:"by"`
	At  time.Time `json:"at"`
	Saw Digest    `json:"saw"`
}

// SignedBy is one party's signature on an agreement.
type SignedBy struct {
	Party     PartyRole `json:"party"`
	By        PersonID  `json:"by"`
	Digest    Digest    `json:"digest"`
	Signer    string    `json:"signer"`   // fingerprint of the key
	Envelope  string    `json:"envelope"` // DSSE, JSON
	At        time.Time `json:"at"`
	PublicKey string    `json:"public_key"` // base64; a passkey's text

	Outside Digest `json:"outside,omitempty"` // of the outside document that it is on too
	Stamp   string `json:"stamp,omitempty"`   // of a time-stamping authority over the envelope, RFC 3161, in base64
}

// Engagement is one researcher or team on one project, from application to closeout: the fold of its events.
type Engagement struct {
	ID          EngagementID `json:"id"`
	State       State        `json:"state"`
	Application Application  `json:"application"`
	Digest      Digest       `json:"digest"`                // of Application, as it stands
	Authors     []PersonID   `json:"authors"`               // everyone who was ever a party or wrote in it; none of them decides
	Round       int          `json:"round"`                 // how often it was submitted
	SubmittedAt time.Time    `json:"submitted_at,omitzero"` // the first time
	DecidedAt   time.Time    `json:"decided_at,omitzero"`   // when it was offered or declined
	Votes       []Vote       `json:"votes,omitempty"`       // on Digest; an edit voids them
	Notes       []Note       `json:"notes,omitempty"`
	Claims      []Claim      `json:"claims,omitempty"`   // who looks at it; they outlast a return, and end with the decision
	Triage      []Triaged    `json:"triage,omitempty"`   // what the pathway's rules did in this round
	Opinions    []Opinion    `json:"opinions,omitempty"` // that specialists from outside were asked for
	Counter     *Counter     `json:"counter,omitempty"`  // that the applicant may accept
	Since       time.Time    `json:"since,omitzero"`     // when the review began
	Due         time.Time    `json:"due,omitzero"`       // when the review should end
	Nudged      time.Time    `json:"nudged,omitzero"`    // when the applicant asked what keeps the review
	Reminded    []Reminder   `json:"reminded,omitempty"` // what its clock has said: of the review that goes on, or of the grant
	Agreement   Digest       `json:"agreement,omitempty"`
	Signatures  []SignedBy   `json:"signatures,omitempty"`

	Authorised *SignedAuthorisation `json:"authorised,omitempty"` // in the place of the institution's signature on Agreement
	Signing    *Signing             `json:"signing,omitempty"`    // how Agreement asks to be signed; nil where by each party and no more
	Outside    *OutsideDocument     `json:"outside,omitempty"`    // bound to Agreement

	Until       time.Time    `json:"until,omitzero"`    // when the agreement ends
	EndedAt     time.Time    `json:"ended_at,omitzero"` // when it was ended
	Owed        []Owed       `json:"owed,omitempty"`    // as the signed agreement has it
	Met         []Met        `json:"met,omitempty"`
	Waivers     []Waiver     `json:"waivers,omitempty"`
	Issued      []Issued     `json:"issued,omitempty"` // access statements
	Manuscripts []Manuscript `json:"manuscripts,omitempty"`
	Incidents   []Incident   `json:"incidents,omitempty"`
	BesideAt    time.Time    `json:"beside_at,omitzero"`  // where it has manuscripts: when it last changed otherwise than by them
	Sponsor     PersonID     `json:"sponsor,omitempty"`   // who took it over from the one in Application
	Successor   PersonID     `json:"successor,omitempty"` // who was asked to
	Left        []PersonID   `json:"left,omitempty"`      // members who left while the grant was in force
	Joined      []Joined     `json:"joined,omitempty"`    // members who accepted for themselves

	Grant     GrantID   `json:"grant,omitempty"`
	Locked    bool      `json:"locked,omitempty"`
	Reason    string    `json:"reason,omitempty"`  // why it was declined, withdrawn or ended
	Refusal   *Refusal  `json:"refusal,omitempty"` // of one that was declined last, where its pathway has a rule for that
	CreatedAt time.Time `json:"created_at"`
	ChangedAt time.Time `json:"changed_at"`
	Events    int       `json:"events"` // how many events made it

	Objection *Objection `json:"objection,omitempty"` // to what was granted
}
