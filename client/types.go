package client

import (
	"encoding/json"
	"time"

	"narthex"
)

// Types of the HTTP API under /api. Where a field is a type of package narthex it means what is said there.

// Problem is the body of every answer that is not a success.
type Problem struct {
	Error ProblemBody `json:"error"`
}

// ProblemBody says what happened, why and what to do next. Clause, limit, allowed and asked are set where a term decided, reason
// and lock where a lock did.
type ProblemBody struct {
	Message string `json:"message"`
	Type    string `json:"type"`           // the kind of error in the words that stock clients know
	Kind    string `json:"kind,omitempty"` // the kind of error, as in package narthex
	Param   string `json:"param,omitempty"`
	Code    string `json:"code"`
	Clause  string `json:"clause,omitempty"`
	Limit   string `json:"limit,omitempty"`
	Allowed string `json:"allowed,omitempty"`
	Asked   string `json:"asked,omitempty"`
	Reason  string `json:"reason,omitempty"` // of the lock that stops it
	Lock    string `json:"lock,omitempty"`
	Request string `json:"request_id,omitempty"`
}

// Status is what anyone may know of a node: GET /api/status.
type Status struct {
	Lab      string         `json:"lab"`
	Origin   string         `json:"origin"`
	State    string         `json:"state"` // inception or open
	Version  string         `json:"version"`
	Proposed narthex.Digest `json:"proposed,omitempty"` // the directory that waits, shown in inception only
}

// Redeem turns a one-time code into a log-in: POST /api/redeem. The public key is Ed25519, base64; the proof is a signature by
// it over LoginMessage("redeem", origin, digest of the code, nonce), base64.
type Redeem struct {
	Code      string `json:"code"`
	PublicKey string `json:"public_key"`
	Nonce     string `json:"nonce"`
	Proof     string `json:"proof"`
}

// ChallengeRequest asks for a challenge: POST /api/challenge. The answer is the same whether the key is known or not.
type ChallengeRequest struct {
	PublicKey string `json:"public_key,omitempty"`
	Passkey   bool   `json:"passkey,omitempty"` // for a passkey, in the place of a key
}

// Challenge is to be signed within its two minutes, once.
type Challenge struct {
	Nonce     string    `json:"nonce"`
	Origin    string    `json:"origin"`
	ExpiresAt time.Time `json:"expires_at"`
	Party     string    `json:"party,omitempty"` // the relying party's id, where it is for a passkey
}

// Assertion is what a passkey and the browser before it say, each part in base64url without padding.
type Assertion struct {
	ClientData        string `json:"client_data"`
	AuthenticatorData string `json:"authenticator_data"`
	Signature         string `json:"signature"`
}

// PasskeyLogin answers a challenge for a passkey: POST /api/passkeys/login. The challenge of the assertion is the SHA-256 of
// LoginMessage("passkey log-in", origin, nonce).
type PasskeyLogin struct {
	Nonce      string    `json:"nonce"`
	Credential string    `json:"credential"` // the credential's id in base64url
	Assertion  Assertion `json:"assertion"`
}

// PasskeyEnroll enrols a passkey of the session's person, which then signs for them and logs them in: POST /api/passkeys. The challenge
// of the registration is the SHA-256 of LoginMessage("passkey enrolment", origin, nonce, person). The proof is by a log-in key of the
// person, over LoginMessage("enroll passkey", origin, person, nonce, authenticator_data), so that a session alone gives nobody a
// second way in.
type PasskeyEnroll struct {
	Nonce             string `json:"nonce"`
	ClientData        string `json:"client_data"`
	AuthenticatorData string `json:"authenticator_data"`
	Login             string `json:"login"` // the log-in key that proves
	Proof             string `json:"proof"`
}

// Login answers a challenge: POST /api/login. The proof is over LoginMessage("login", origin, nonce, public key).
type Login struct {
	PublicKey string `json:"public_key"`
	Nonce     string `json:"nonce"`
	Proof     string `json:"proof"`
}

// Session is a log-in that was made; the token is shown once.
type Session struct {
	Token     string         `json:"token"`
	Person    narthex.Person `json:"person"`
	ExpiresAt time.Time      `json:"expires_at"`
}

// WhoAmI is the person behind a session: GET /api/whoami.
type WhoAmI struct {
	Person  narthex.Person `json:"person"`
	Org     *narthex.Org   `json:"org,omitempty"`
	Signers []Signer       `json:"signers"`
	Told    []string       `json:"told"` // what happened to this person's keys and log-ins lately

	Nationalities []string `json:"nationalities,omitempty"` // as the programme recorded them; nobody else is shown them
}

// Invite asks for a one-time code: POST /api/people. For a lab person give the handle, for an outsider the rest.
type Invite struct {
	Handle    string        `json:"handle,omitempty"`
	Name      string        `json:"name,omitempty"`
	Email     string        `json:"email,omitempty"`
	Org       narthex.OrgID `json:"org,omitempty"`
	OrgName   string        `json:"org_name,omitempty"` // makes a new organisation
	OrgRegion string        `json:"org_region,omitempty"`
	Official  bool          `json:"official,omitempty"`
	Region    string        `json:"region,omitempty"`
}

// Invited is an invitation; the code is shown once.
type Invited struct {
	Person    narthex.Person `json:"person"`
	Org       *narthex.Org   `json:"org,omitempty"`
	Code      string         `json:"code"`
	ExpiresAt time.Time      `json:"expires_at"`
}

// History is what happened with an engagement, the earliest first: GET /api/engagements/{engagement}/history. Readings come a page at a
// time, the latest with all events; those before an entry are asked by ?before=.
type History struct {
	Lines   []HistoryLine `json:"lines"`
	Earlier *uint64       `json:"earlier,omitempty"` // the entry before which there are more readings
}

// HistoryLine is one event of an engagement, or one reading of it.
type HistoryLine struct {
	At    time.Time        `json:"at"`
	What  string           `json:"what"`            // the command, or read
	Read  string           `json:"read,omitempty"`  // what was read: application, agreement, manuscript, history; erased where that was
	By    narthex.PersonID `json:"by,omitempty"`    // empty for the system and for specialists, and where it is not told
	Name  string           `json:"name,omitempty"`  // of By
	As    narthex.Role     `json:"as,omitempty"`    // a reviewer's role
	Entry *uint64          `json:"entry,omitempty"` // of a reading
}

// Page is a part of a list: what comes after what After names, as many as Limit says, or 100. Of engagements it is those in a state,
// where one is given, and with Mine those alone that wait for who asks: the most urgent first, and no page after the first.
type Page struct {
	State narthex.State
	Mine  bool
	After string
	Limit int
}

// PersonList is GET /api/people.
type PersonList struct {
	People []narthex.Person `json:"people"`
	Orgs   []narthex.Org    `json:"orgs"`

	Authorised []narthex.SignedAuthorisation `json:"authorised"` // of those people by their institutions, in force or not

	Next string `json:"next,omitempty"` // what the next page is after; empty where this is the last
}

// StandingView is what is known of a person's standing: GET /api/people/{person}/standing.
type StandingView struct {
	Person    narthex.PersonID   `json:"person"`
	Name      string             `json:"name"`
	Standings []narthex.Standing `json:"standings"`
	People    map[string]string  `json:"people"` // names of those who gave them
}

// RecordStanding is POST /api/people/{person}/standing. Without From it begins now, and without Until it lasts as long as a standing
// of its kind does where a pathway says nothing else.
type RecordStanding struct {
	Kind  narthex.StandingKind `json:"kind"` // training, screening or affiliation
	Name  string               `json:"name,omitempty"`
	From  time.Time            `json:"from,omitzero"`
	Until time.Time            `json:"until,omitzero"`
}

// TakeBackStanding is POST /api/people/{person}/standing/withdraw.
type TakeBackStanding struct {
	Kind narthex.StandingKind `json:"kind"`
	Name string               `json:"name,omitempty"` // of a course or a level, or the engagement of a recertification
}

// Recertify is POST /api/engagements/{engagement}/state and /confirm: on the application of that digest, whose purpose and people
// are still so.
type Recertify struct {
	Saw narthex.Digest `json:"saw"`
}

// Authorise is POST /api/people/{person}/authorise: an official's word for one of their people, signed with a key of theirs.
type Authorise struct {
	Authorisation narthex.Authorisation `json:"authorisation"`
	Signer        string                `json:"signer"`   // fingerprint
	Envelope      string                `json:"envelope"` // DSSE, of a statement on the authorisation's digest for the institution
}

// PersonChange is POST /api/people/{person}/suspend, …/remove and …/erase.
type PersonChange struct {
	Reason string `json:"reason"`
}

// Erased is what was taken away of a person: POST /api/people/{person}/erase.
type Erased struct {
	Person       narthex.PersonID `json:"person"`
	Entries      int              `json:"entries"`      // of the ledger, that say nothing any more
	Applications int              `json:"applications"` // never signed, whose words are gone
}

// LabState is the lab directory: GET /api/lab.
type LabState struct {
	InForce   narthex.Digest    `json:"in_force,omitempty"`
	Proposed  narthex.Digest    `json:"proposed,omitempty"`
	Approvals []LabApproval     `json:"approvals"`
	Needed    int               `json:"needed"`
	Diff      string            `json:"diff,omitempty"` // GET /api/lab?diff=yes, for people of the lab
	Single    bool              `json:"single_custodian"`
	Assets    []narthex.Asset   `json:"assets,omitempty"`
	Guards    map[string]string `json:"guardrails,omitempty"`
}

// LabApproval is one person's approval of a directory's digest.
type LabApproval struct {
	Person narthex.PersonID `json:"person"`
	Name   string           `json:"name"`
	At     time.Time        `json:"at"`
}

// LabPropose offers a directory: POST /api/lab/propose. Files are base64 by their path.
type LabPropose struct {
	Files map[string][]byte `json:"files"`
}

// LabApprove approves the proposed directory: POST /api/lab/approve. The digest is of what was seen.
type LabApprove struct {
	Digest narthex.Digest `json:"digest"`
}

// SignerKind is what a person signs with.
type SignerKind string

const (
	// SignerKey is an Ed25519 key in a file.
	SignerKey SignerKind = "ed25519"
	// SignerPasskey is a passkey, with which its person logs in too.
	SignerPasskey SignerKind = "passkey"
)

// Signer is a signing key that a person holds: GET, POST /api/signers.
type Signer struct {
	Fingerprint string           `json:"fingerprint"`
	Kind        SignerKind       `json:"kind"`
	PublicKey   string           `json:"public_key"`           // base64; of a passkey its text, which names its relying party
	Credential  string           `json:"credential,omitempty"` // of a passkey, its id in base64url
	Person      narthex.PersonID `json:"person"`
	At          time.Time        `json:"at"`
	RevokedAt   time.Time        `json:"revoked_at,omitzero"`
}

// SignerList is GET /api/signers.
type SignerList struct {
	Signers []Signer `json:"signers"`
}

// SignerEnroll enrols a signing key: the proof is over LoginMessage("enroll signer", origin, person, public key).
type SignerEnroll struct {
	PublicKey string `json:"public_key"`
	Proof     string `json:"proof"`
}

// PathwayList is GET /api/pathways; anyone may read it.
type PathwayList struct {
	Pathways []narthex.Pathway `json:"pathways"`
}

// PathwayView is GET /api/pathways/{pathway}.
type PathwayView struct {
	Pathway    narthex.Pathway                             `json:"pathway"`
	Attributes map[narthex.AttributeName]narthex.Attribute `json:"attributes"`           // of the offers, and of what is to come
	Took       *TimesTaken                                 `json:"took,omitempty"`       // how long decisions took, where there were several; an hour old at most
	Codes      map[narthex.UseCode]string                  `json:"codes"`                // what its permitted-use codes mean
	Clauses    []PathwayClause                             `json:"clauses"`              // what an agreement would say, without the terms
	LeastDays  int                                         `json:"least_days,omitempty"` // days that its least business days can take; 0 for any
}

// PathwayClause is a clause of a pathway's agreement with the values that it has there.
type PathwayClause struct {
	Clause narthex.ClauseName `json:"clause"`
	Title  string             `json:"title"`
	Notice bool               `json:"notice,omitempty"` // it stands in every agreement
	Values []ClauseValue      `json:"values"`
}

// ClauseValue is one parameter of a clause: what it is, what it may be, and what makes it true.
type ClauseValue struct {
	Name  string       `json:"name"`
	Says  string       `json:"says"`
	Value string       `json:"value"`
	Range string       `json:"range"`
	Held  narthex.Held `json:"held"`
	By    string       `json:"by,omitempty"`
}

// Draft is what an applicant writes: POST /api/engagements and POST /api/engagements/{engagement}/edit. Limits left out of a
// term take the pathway's default.
type Draft struct {
	Pathway narthex.PathwayName `json:"pathway"`
	Title   string              `json:"title"`
	Sponsor narthex.PersonID    `json:"sponsor,omitempty"`
	Members []narthex.PersonID  `json:"members,omitempty"`
	Answers map[string]string   `json:"answers,omitempty"`
	Terms   []narthex.Term      `json:"terms"`
	Days    int                 `json:"days,omitempty"`

	Attachments []narthex.Attachment       `json:"attachments,omitempty"`
	Interests   []narthex.DeclaredInterest `json:"interests,omitempty"`
	Codes       []narthex.UseCode          `json:"codes,omitempty"` // that narrow the pathway's
}

// EngagementView is an engagement and what the reader may do with it: GET /api/engagements/{engagement}.
type EngagementView struct {
	Unstamped bool `json:"unstamped,omitempty"` // whether the signature that was just given has no time stamp, though it should

	Engagement narthex.Engagement `json:"engagement"`
	Allowed    []string           `json:"allowed"`           // commands that the reader may give now
	Notices    []Notice           `json:"notices"`           // what the terms ask that the pathway does not offer as asked
	Horizons   []Horizon          `json:"horizons"`          // of each asset that is asked for
	Waiting    []string           `json:"waiting"`           // whom it waits for, in words
	Counter    []string           `json:"counter,omitempty"` // what a counter-offer changes, in words
	Locks      []narthex.Lock     `json:"locks,omitempty"`   // that stop it
	People     map[string]string  `json:"people,omitempty"`  // names of the people in it, by id
	Level      *AccessLevel       `json:"level,omitempty"`   // how deep what is asked would be, while it is asked for
	Took       *TimesTaken        `json:"took,omitempty"`    // how long decisions of the pathway took, while it is written

	Objection narthex.ObjectionState `json:"objection,omitempty"` // where the objection stands
	Mediation narthex.MediationState `json:"mediation,omitempty"` // where the mediation of it, or of the refusal, stands
}

// Notice is one thing about the terms that the applicant is told at once.
type Notice struct {
	Attribute narthex.AttributeName `json:"attribute"`
	Asset     narthex.AssetName     `json:"asset"`
	Limit     narthex.LimitName     `json:"limit,omitempty"`
	Says      string                `json:"says"`
	Blocks    bool                  `json:"blocks"`         // it cannot be submitted so
	Adds      []narthex.Role        `json:"adds,omitempty"` // who must approve because of it, beside those of the pathway
}

// Horizon is how long the access given would need to carry an asset out: GET /api/assets/{asset}/horizon, and of each asset that
// an application asks for. Docs/horizon.md says how it is counted.
type Horizon struct {
	Asset      narthex.AssetName `json:"asset"`
	Label      string            `json:"label"`
	HeldBySize bool              `json:"held_by_size"`     // false where what is worth taking is small; no days are given then
	LeastDays  int64             `json:"least_days"`       // the label's least horizon
	Reviewers  []narthex.Role    `json:"reviewers"`        // who must approve terms below it
	Asked      *HorizonSum       `json:"asked,omitempty"`  // what the application asks
	All        *HorizonSum       `json:"all,omitempty"`    // with every grant that has not ended; for people of the lab
	Grants     int               `json:"grants,omitempty"` // how many those are

	Lifetime *Lifetime `json:"lifetime,omitempty"` // for people of the lab who ask for the asset; none where it is not held by size
}

// Lifetime is the account of an asset: how many of its bytes may ever leave over all grants, and what calls, jobs and releases took of
// that. The door admits by these numbers. Left is none where the rule was lowered below what was taken.
type Lifetime struct {
	Allowed  int64          `json:"allowed"`        // lifetime_bytes
	Used     int64          `json:"used"`           // what has left
	Reserved int64          `json:"reserved"`       // of calls that are open, jobs that wait or run, releases that are not decided
	Left     int64          `json:"left"`           // what could still leave
	Days     *float64       `json:"days,omitempty"` // until all grants could have taken what is left; 0 is at once, missing is never
	Channels []LifetimeLine `json:"channels"`       // their sums are Used and Reserved
	Passed   int64          `json:"passed"`         // of 25, 50 and 75 percent, the last that Used has reached; or 0
	Unusual  []UnusualDay   `json:"unusual"`        // of the last 30 days, earliest first
}

// LifetimeLine is what left of an asset by one channel, and what is reserved for it.
type LifetimeLine struct {
	Channel  string `json:"channel"` // as in HorizonLine
	Used     int64  `json:"used"`
	Reserved int64  `json:"reserved"`
}

// UnusualDay is a UTC day on which more than three times as much of an asset left by one person as on their own median day, of the days
// before on which anything did; in bytes.
type UnusualDay struct {
	Day    string           `json:"day"`
	Person narthex.PersonID `json:"person"`
	Bytes  int64            `json:"bytes"`
	Median int64            `json:"median"`
}

// HorizonSum is what some grants open together. Text is apart: it teaches behaviour and does not carry the asset.
type HorizonSum struct {
	Channels []HorizonLine `json:"channels"`
	Sum      HorizonLine   `json:"sum"` // of the channels
	Text     HorizonLine   `json:"text"`
	Breaks   bool          `json:"breaks"` // whether it is below the label's least horizon
}

// HorizonLine is one channel or a sum. Days are missing where nothing leaves by it and where the asset is not held by size.
type HorizonLine struct {
	Channel    string   `json:"channel,omitempty"` // logprobs, query_answers, released_bytes, code_bytes, job_outcomes, text
	BitsPerDay int64    `json:"bits_per_day"`      // at most 2^53
	Unbounded  bool     `json:"unbounded"`         // nothing bounds it, or it is more than 2^53
	Days       *float64 `json:"days,omitempty"`    // 0 is at once
	Says       string   `json:"says"`
}

// EngagementList is GET /api/engagements: those that the reader may see.
type EngagementList struct {
	Engagements []EngagementRow `json:"engagements"`

	Next string `json:"next,omitempty"` // what the next page is after; empty where this is the last
}

// EngagementRow is one engagement in a list.
type EngagementRow struct {
	ID        narthex.EngagementID `json:"id"`
	State     narthex.State        `json:"state"`
	Title     string               `json:"title"`
	Pathway   narthex.PathwayName  `json:"pathway"`
	Applicant string               `json:"applicant"`
	Due       time.Time            `json:"due,omitzero"`
	Waiting   []string             `json:"waiting"`
}

// Command is what someone does with an engagement: POST /api/engagements/{engagement}/{command}, where command is one of
// submit, assign, return, revise, approve, decline, counter, accept, nudge, comment, claim, unclaim, entrust, object, uphold, dismiss, mediate,
// propose_mediator, accept_mediator, record_mediation, withdraw, end, close.
type Command struct {
	Saw         narthex.Digest          `json:"saw,omitempty"`         // what a vote or an acceptance is on
	As          narthex.Role            `json:"as,omitempty"`          // the role a reviewer votes in, or a review is claimed in
	Text        string                  `json:"text,omitempty"`        // question, answer, reason or comment
	Ground      string                  `json:"ground,omitempty"`      // with decline and object: one of the pathway's, where it has them
	Alternative string                  `json:"alternative,omitempty"` // with decline and object: another way to the same end
	Name        string                  `json:"name,omitempty"`        // with propose_mediator and accept_mediator: of whom
	Email       string                  `json:"email,omitempty"`       // of the same, an address
	Result      narthex.MediationResult `json:"result,omitempty"`      // with record_mediation
	Private     bool                    `json:"private,omitempty"`     // with comment: for the lab's people who have no part in it
	Draft       *Draft                  `json:"draft,omitempty"`       // with revise
	Counter     *Narrowing              `json:"counter,omitempty"`     // with counter
	Reason      narthex.LockReason      `json:"reason,omitempty"`      // with lock
	Outside     []byte                  `json:"outside,omitempty"`     // with bind: the document, a PDF of at most narthex.MostOutside bytes
	Person      narthex.PersonID        `json:"person,omitempty"`      // with transfer: who is to be the sponsor; with entrust: who is to review
}

// Amend is POST /api/engagements/{engagement}/amend: what is in force with its people of now, or Draft, for so many Days where they are
// given.
type Amend struct {
	Draft *Draft `json:"draft,omitempty"`
	Days  int    `json:"days,omitempty"`
}

// Explain asks what the door would decide on a request now: POST /api/grants/{grant}/explain. Nothing is reserved or recorded.
type Explain struct {
	Surface string            `json:"surface,omitempty"` // chat or completions
	Request string            `json:"request,omitempty"` // the request's body, as it would be sent
	Person  narthex.PersonID  `json:"person,omitempty"`  // of the grant's people; oneself, or the applicant for the lab's people
	Actor   narthex.ActorKind `json:"actor,omitempty"`   // human where it is not said

	Attribute narthex.AttributeName `json:"attribute,omitempty"` // in the place of a request: the least one that uses it
	Asset     string                `json:"asset,omitempty"`     // with it: an asset, or asset@version
}

// Explanation is what the door would decide, and why: one reason for each attribute that a request needs where it is allowed, and
// each that stands against it where it is denied.
type Explanation struct {
	Allowed bool             `json:"allowed"`
	Says    string           `json:"says"`
	Code    string           `json:"code,omitempty"`
	Param   string           `json:"param,omitempty"`
	Reasons []narthex.Reason `json:"reasons"`
}

// Report is GET /api/report: what became of applications, for the programme, custodians and auditors.
type Report struct {
	At               time.Time       `json:"at"`
	Pathways         []PathwayReport `json:"pathways"`
	Overdue          int             `json:"overdue"`  // reviews that should have ended
	Insiders         int             `json:"insiders"` // people from outside named in engagements that run
	Staff            int             `json:"staff"`    // active people of the lab with a role
	InsidersPerStaff float64         `json:"insiders_per_staff"`

	Publications PublicationReport `json:"publications"`
	Incidents    IncidentReport    `json:"incidents"`
}

// IncidentReport counts incidents over all time.
type IncidentReport struct {
	Open     int                          `json:"open"`
	Resolved int                          `json:"resolved"`
	Kinds    map[narthex.IncidentKind]int `json:"kinds"`
}

// OpenIncident is POST /api/engagements/{engagement}/incidents. A lock is set in the same commit, where whoever opens it may lock; a
// report is what the lab asks of a side, in so many days.
type OpenIncident struct {
	Kind       narthex.IncidentKind `json:"kind"`
	Severity   narthex.Severity     `json:"severity"`
	At         time.Time            `json:"at"`
	Assets     []narthex.AssetName  `json:"assets,omitempty"`
	Told       []string             `json:"told,omitempty"`
	Text       string               `json:"text"`
	Lock       *LockRequest         `json:"lock,omitempty"`
	ReportBy   narthex.PartyRole    `json:"report_by,omitempty"`
	ReportDays int                  `json:"report_days,omitempty"`
}

// ResolveIncident is POST /api/engagements/{engagement}/incidents/resolve.
type ResolveIncident struct {
	Number  int                     `json:"number"`
	Outcome narthex.IncidentOutcome `json:"outcome"`
	Text    string                  `json:"text"`
}

// IncidentList is GET /api/engagements/{engagement}/incidents.
type IncidentList struct {
	Engagement narthex.EngagementID `json:"engagement"`
	Incidents  []narthex.Incident   `json:"incidents"`
}

// PathwayReport is the funnel of one pathway, counted over all time, and how long decisions took.
type PathwayReport struct {
	Pathway   narthex.PathwayName         `json:"pathway"`
	Drafts    int                         `json:"drafts"` // being written, not yet submitted
	Submitted int                         `json:"submitted"`
	Offered   int                         `json:"offered"`
	Granted   int                         `json:"granted"`
	Declined  int                         `json:"declined"`
	Withdrawn int                         `json:"withdrawn"` // after they were submitted
	Running   int                         `json:"running"`
	Overdue   int                         `json:"overdue"`
	Decisions TimesTaken                  `json:"decisions"` // from the first submission to the offer or the decline
	Roles     map[narthex.Role]TimesTaken `json:"roles"`     // from the beginning of the last review to a vote, of reviews that have ended
}

// TimesTaken is how long something took, in hours, over so many times; by the nearest rank.
type TimesTaken struct {
	Count       int     `json:"count"`
	MedianHours float64 `json:"median_hours"`
	P90Hours    float64 `json:"p90_hours"`
}

// Narrowing is what a counter-offer makes of the terms that were asked: limits that change, terms that are left out, fewer days.
// What it does not name stays as asked.
type Narrowing struct {
	Terms []narthex.Term `json:"terms,omitempty"`
	Drop  []TermName     `json:"drop,omitempty"`
	Days  int            `json:"days,omitempty"`
}

// TermName names a term of an application.
type TermName struct {
	Attribute narthex.AttributeName `json:"attribute"`
	Asset     narthex.AssetName     `json:"asset"`
}

// WorkList is GET /api/work: what waits for the reader, the most urgent first.
type WorkList struct {
	Work []WorkItem `json:"work"`

	More bool `json:"more,omitempty"` // more waits, which is less urgent
}

// NoticeList is GET /api/notices: what the reader was told, the latest first; for the programme also what could not be delivered.
type NoticeList struct {
	Notices     []ToldView    `json:"notices"`
	Undelivered []Undelivered `json:"undelivered"` // the latest given up first
	Waiting     int           `json:"waiting"`     // to be delivered, of everyone
	Next        string        `json:"next,omitempty"`
}

// ToldView is one notice as it was told.
type ToldView struct {
	ID         string               `json:"id"`
	Kind       string               `json:"kind"`
	Engagement narthex.EngagementID `json:"engagement,omitempty"` // none where it is about an asset
	At         time.Time            `json:"at"`
	Happened   string               `json:"happened"`
	Why        string               `json:"why"`
	Do         string               `json:"next_step"` // a command line
	State      string               `json:"state"`     // told, waiting, sent or given_up
}

// Undelivered is a notice that nobody took in the time that there is.
type Undelivered struct {
	ID         string               `json:"id"`
	Kind       string               `json:"kind"`
	Engagement narthex.EngagementID `json:"engagement,omitempty"`
	Person     narthex.PersonID     `json:"person,omitempty"` // empty for a webhook
	Channel    string               `json:"channel"`
	At         time.Time            `json:"at"`
	Tries      int                  `json:"tries"`
	GivenUp    time.Time            `json:"given_up"`
	Because    string               `json:"because"`
}

// WorkItem is one thing that a person should do.
type WorkItem struct {
	Engagement narthex.EngagementID `json:"engagement,omitempty"` // empty where it is about the lab directory
	Manuscript int                  `json:"manuscript,omitempty"` // where it is about one
	Title      string               `json:"title"`
	Applicant  string               `json:"applicant,omitempty"`
	Do         string               `json:"do"` // submit, answer, review, assign, chase, read, sign, close, meet, remind, take, join, decide (on an objection), mediate, amend, renew_standing, approve_directory; of a lock: review_lock, answer_appeal, review_silence; review_release, review_rule, look_again, review_study; of a manuscript: examine_manuscript, answer_contest, answer_redactions, apply_redactions, give_material
	Since      time.Time            `json:"since"`
	Due        time.Time            `json:"due,omitzero"`
	Late       bool                 `json:"late,omitempty"`
	Nudged     bool                 `json:"nudged,omitempty"`
	For        string               `json:"for,omitempty"`     // of a review: who is away, and you stand in for them
	Claimed    string               `json:"claimed,omitempty"` // of a review: yours, or another where others have claimed all that you could do
	Waiting    []string             `json:"waiting,omitempty"` // whom it waits for, where others are late; of an obligation what is owed

	Obligation narthex.ObligationName `json:"obligation,omitempty"` // to meet, or late where the programme is to remind
	Agreed     bool                   `json:"agreed,omitempty"`     // to join: whether there is an agreement to read
	Lapses     *RestView              `json:"lapses,omitempty"`     // what a grant rests on and you can renew
	Lock       narthex.LockID         `json:"lock,omitempty"`       // to look at again, to answer for, or whose silence ends
	Release    narthex.ReleaseID      `json:"release,omitempty"`    // what wants to leave, and you have not voted on; or what left and you look at again
	Rule       narthex.RuleID         `json:"rule,omitempty"`       // that waits for your word, or by which it left
	Job        narthex.JobID          `json:"job,omitempty"`        // whose study is to run, and you have not voted on
	Opinions   int                    `json:"opinions,omitempty"`   // of specialists, that you asked for and that came in
}

// Away is when someone of the lab is away, and who stands in for them: POST /api/people/away. It replaces what they said before;
// POST /api/people/back ends it. Why is not asked.
type Away struct {
	From    time.Time        `json:"from"`
	Until   time.Time        `json:"until"`
	StandIn narthex.PersonID `json:"stand_in,omitempty"`
}

// AwayList is GET /api/people/away: who of the lab is away or will be.
type AwayList struct {
	Away []AwayRow `json:"away"`
}

// AwayRow is one absence.
type AwayRow struct {
	Person      narthex.PersonID `json:"person"`
	Name        string           `json:"name"`
	From        time.Time        `json:"from"`
	Until       time.Time        `json:"until"`
	StandIn     narthex.PersonID `json:"stand_in,omitempty"`
	StandInName string           `json:"stand_in_name,omitempty"`
	Now         bool             `json:"now"`     // it has begun
	Covered     []narthex.Role   `json:"covered"` // the roles that the stand-in holds too
}

// AgreementView is an agreement: GET /api/engagements/{engagement}/agreement.
type AgreementView struct {
	Agreement  narthex.Agreement  `json:"agreement"`
	Digest     narthex.Digest     `json:"digest"`
	Markdown   string             `json:"markdown"`
	HTML       string             `json:"html"`
	Signatures []narthex.SignedBy `json:"signatures"`
	Missing    []string           `json:"missing"` // parties who have not signed

	// Challenges is what a passkey is asked in order to sign for a party, in base64url: for each for which the reader may sign with one.
	Challenges map[narthex.PartyRole]string `json:"challenges,omitempty"`

	Authorised *narthex.SignedAuthorisation `json:"authorised,omitempty"` // in the place of the institution's signature
	Outside    *narthex.OutsideDocument     `json:"outside,omitempty"`    // that each party signs too
}

// Sign is a party's signature: POST /api/engagements/{engagement}/sign. The envelope is DSSE over a statement that names the
// digest, the party, the person, the lab's ledger, and the outside document where one is bound.
type Sign struct {
	Party    narthex.PartyRole `json:"party"`
	Digest   narthex.Digest    `json:"digest"`
	Outside  narthex.Digest    `json:"outside,omitempty"` // of the outside document
	Signer   string            `json:"signer"`            // fingerprint
	Envelope string            `json:"envelope,omitempty"`

	Assertion *Assertion `json:"assertion,omitempty"` // of a passkey, in the place of the envelope, which the node then makes
}

// GrantView is a grant with what is left of it: GET /api/grants/{grant}, and GET /v1/grant with a key.
type GrantView struct {
	Grant   narthex.Grant  `json:"grant"`
	InForce bool           `json:"in_force"`
	Budgets []BudgetView   `json:"budgets"`
	Keys    []narthex.Key  `json:"keys,omitempty"`
	Locks   []narthex.Lock `json:"locks,omitempty"`
	Ended   []CutView      `json:"ended,omitempty"` // streams that a lock cut, the latest first
	Appeal  string         `json:"appeal"`
	RestsOn []RestView     `json:"rests_on,omitempty"` // what lapses first, first
}

// RestView is one thing that a grant rests on, as it stands for one person.
type RestView struct {
	Clause string               `json:"clause"`
	Kind   narthex.StandingKind `json:"kind"`
	Name   string               `json:"name,omitempty"`
	For    narthex.Whose        `json:"for"`
	Person narthex.PersonID     `json:"person"`
	Who    string               `json:"who"` // their name
	Holds  bool                 `json:"holds"`
	Until  time.Time            `json:"until,omitzero"`  // when it lapses, or lapsed; none where it never held
	Stated time.Time            `json:"stated,omitzero"` // when the person stated what waits to be confirmed
	Renews string               `json:"renews"`          // whose word it takes
}

// CutView is a call that was cut. The code is locked, with the lock's reason, or else expired, ended, revoked, suspended, removed,
// unauthorised, lost or rules_changed: the lab's rules changed, and the same call is decided by the new ones when it is made again.
type CutView struct {
	Call   narthex.CallID     `json:"call"`
	At     time.Time          `json:"at"`
	Code   string             `json:"code"`
	Reason narthex.LockReason `json:"reason,omitempty"`
}

// BudgetView is one budget of a term.
type BudgetView struct {
	Holder    string                `json:"holder"` // the grant, or a key with narrower terms
	Attribute narthex.AttributeName `json:"attribute"`
	Asset     narthex.AssetName     `json:"asset"`
	Limit     narthex.LimitName     `json:"limit"`
	Unit      string                `json:"unit"`
	Per       string                `json:"per,omitempty"`
	Allowed   int64                 `json:"allowed"`
	Used      int64                 `json:"used"`
	Reserved  int64                 `json:"reserved"`
	Left      int64                 `json:"left"`
}

// GrantList is GET /api/grants: those that the reader may see.
type GrantList struct {
	Grants []narthex.Grant `json:"grants"`

	Next string `json:"next,omitempty"` // what the next page is after; empty where this is the last
}

// Mint asks for a key: POST /api/grants/{grant}/keys. An agent's key has its own, narrower terms.
type Mint struct {
	Label string            `json:"label"`
	Actor narthex.ActorKind `json:"actor"`
	Terms []narthex.Term    `json:"terms,omitempty"`
	Hours int               `json:"hours,omitempty"` // how long it lives; 0 is as long as the grant, at most 30 days
}

// Minted is a key; the token is shown once.
type Minted struct {
	Key   narthex.Key `json:"key"`
	Token string      `json:"token"`
}

// LockRequest is POST /api/locks.
type LockRequest struct {
	Subject narthex.LockSubject `json:"subject"`
	Target  string              `json:"target"`
	Reason  narthex.LockReason  `json:"reason"`
	Note    string              `json:"note,omitempty"`

	SilentUntil time.Time `json:"silent_until,omitzero"` // a legal order forbids to tell of it until then
}

// Nationalities is POST /api/people/{person}/nationalities: of a person from outside, for locks on a class of people alone; none takes
// the record away.
type Nationalities struct {
	Nationalities []string `json:"nationalities"`
}

// LockAppeal is POST /api/locks/{lock}/appeal. The lab's programme says for whom it hands one in.
type LockAppeal struct {
	Text string           `json:"text"`
	For  narthex.PersonID `json:"for,omitempty"`
}

// KeyAppeal is POST /v1/appeal, with an API key.
type KeyAppeal struct {
	Lock narthex.LockID `json:"lock"`
	Text string         `json:"text"`
}

// ReviewLock is POST /api/locks/{lock}/review.
type ReviewLock struct {
	Outcome narthex.LockOutcome `json:"outcome"`
	Text    string              `json:"text"`
}

// LockSilence is POST /api/locks/{lock}/silence: until when nobody may tell of it; a time that is over ends the silence.
type LockSilence struct {
	Until time.Time `json:"until"`
}

// Locked is a lock that holds: every stream it concerns has ended.
type Locked struct {
	Lock    narthex.Lock `json:"lock"`
	Streams int          `json:"streams"` // live calls that it ended
}

// LockList is GET /api/locks.
type LockList struct {
	Locks []narthex.Lock `json:"locks"`
}

// LedgerState is GET /ledger/state: what is published, and who else has signed it.
type LedgerState struct {
	Origin     string        `json:"origin"`
	Key        string        `json:"key"` // the verifier key
	Size       uint64        `json:"size"`
	Checkpoint string        `json:"checkpoint"`
	Witnesses  []WitnessView `json:"witnesses"`
	Require    int           `json:"require_witnesses"` // how many must sign before anything is served
}

// WitnessView is a witness of the ledger and what it has signed.
type WitnessView struct {
	Name        string    `json:"name"`
	Key         string    `json:"key"` // its verifier key, as the lab's directory has it
	Size        uint64    `json:"size"`
	At          time.Time `json:"at,omitzero"`
	SilentSince time.Time `json:"silent_since,omitzero"`
	Wrong       string    `json:"wrong,omitempty"` // what stood in the way the last time
	Alarm       bool      `json:"alarm"`           // it has been silent for too long, or knows another history
}

// PublicOpenings is GET /ledger/openings: the entries that concern no person, whose openings are published.
type PublicOpenings struct {
	Openings []uint64 `json:"openings"`
}

// EntryProof is GET /api/ledger/proof/{index}: an entry, its opening where the reader may see it, and its inclusion proof.
type EntryProof struct {
	Index      uint64          `json:"index"`
	Record     []byte          `json:"record"`
	Opening    json.RawMessage `json:"opening,omitempty"`
	Proof      []string        `json:"proof"` // hashes, base64
	Checkpoint string          `json:"checkpoint"`
}

// Audit is GET /api/ledger/audit: all entries folded and compared with the tables.
type Audit struct {
	At          time.Time      `json:"at"`
	Size        uint64         `json:"size"` // entries that were folded
	Opened      uint64         `json:"opened"`
	Erased      uint64         `json:"erased"`     // openings that an entry says were erased
	Untold      int            `json:"untold"`     // what hangs on them and cannot be told
	OpenCalls   int            `json:"open_calls"` // calls without an outcome yet
	Rows        map[string]int `json:"rows"`       // compared, by table
	Differences []Difference   `json:"differences"`
	More        int            `json:"more,omitempty"`     // differences beyond those listed
	Snapshot    uint64         `json:"snapshot,omitempty"` // entries below it were folded by whoever signed it
}

// Difference is one place where the tables are not what the entries say, in words without anything that a person wrote.
type Difference struct {
	What     string  `json:"what"` // row_missing, row_unexpected, row_differs, row_unreadable, entry_impossible, entry_changed, entry_unreadable, opening_missing
	Table    string  `json:"table,omitempty"`
	Key      string  `json:"key,omitempty"`
	Entry    *uint64 `json:"entry,omitempty"`
	Field    string  `json:"field,omitempty"`
	Expected string  `json:"expected"`
	Found    string  `json:"found"`
}

// Document is a line of GET /api/ledger/documents: an agreement, or the files of a lab directory, under its digest. The last
// line has the number of those before it and nothing else.
type Document struct {
	Digest    narthex.Digest     `json:"digest,omitempty"`
	Agreement *narthex.Agreement `json:"agreement,omitempty"`
	Files     map[string][]byte  `json:"files,omitempty"`
	End       int                `json:"end,omitempty"`
}

// DeclareInterest is POST /api/interests, and with /end its end: your own, of a kind, in a person from outside or an organisation.
// From is now and Until the longest there is, where they are left out.
type DeclareInterest struct {
	Interest narthex.Interest `json:"interest"`
}

// InterestView is one interest of yours.
type InterestView struct {
	Interest narthex.Interest `json:"interest"`
	With     string           `json:"with"` // the name
	Holds    bool             `json:"holds"`
}

// InterestList is your own interests: GET /api/interests. Nobody else is shown them.
type InterestList struct {
	Interests []InterestView         `json:"interests"`
	Fell      []narthex.EngagementID `json:"fell,omitempty"` // on which a vote of yours fell with what you declared
}

// SubmitJob is the body of POST /v1/jobs: a study that is to run beside an asset, such as minim-1@final. What is zero of memory and time is
// the environment's usual.
type SubmitJob struct {
	Asset       string                  `json:"asset"`
	Environment narthex.EnvironmentName `json:"environment"`
	Files       []StudyFile             `json:"files"` // sorted by path
	MemoryMB    int64                   `json:"memory_mb,omitempty"`
	WallMinutes int64                   `json:"wall_minutes,omitempty"`
	Devices     *int64                  `json:"devices,omitempty"` // how many of the environment's kind; nil for its usual
	// Against is a second version of the asset, such as minim-1@early, that a request compares the first with.
	Against string `json:"against,omitempty"`
}

// StudyFile is a file with its bytes.
type StudyFile struct {
	Path string `json:"path"`
	Data []byte `json:"data"`
}

// JobView is a job, and where it waits its place among those for its asset, from 1.
type JobView struct {
	narthex.Job
	Place int `json:"place,omitempty"`
}

// JobList is the jobs of a grant.
type JobList struct {
	Jobs []JobView `json:"jobs"`
}

// WantedFile names a file of a job's package and says what it holds.
type WantedFile struct {
	Name    string `json:"name"`
	Context string `json:"context"`
}

// SubmitRelease is the body of POST /v1/releases.
type SubmitRelease struct {
	Job   narthex.JobID  `json:"job"`
	Files []WantedFile   `json:"files,omitempty"` // where a rule is named, its files; what is said of them is the rule's where nothing is
	Rule  narthex.RuleID `json:"rule,omitempty"`  // by which it is to leave; where none is named, any that is in force for it
}

// ProposeRule is the body of POST /v1/rules: a standing rule for what jobs like that one leave.
type ProposeRule struct {
	Job      narthex.JobID      `json:"job"`
	Versions bool               `json:"every_version,omitempty"` // of the job's asset, and not its version alone
	Says     string             `json:"says"`
	Files    []narthex.RuleFile `json:"files"`
	RowsADay int64              `json:"rows_a_day"`
	Days     int                `json:"days"`
	Looks    string             `json:"looks,omitempty"`     // a reviewer's handle or address; one of them is chosen where none is named
	StandsIn string             `json:"stands_in,omitempty"` // the same
}

// RuleView is a standing rule with what it could tell at most.
type RuleView struct {
	narthex.Rule
	RowBits int64 `json:"row_bits"` // by the values of one row
	DayBits int64 `json:"day_bits"` // in a day, by all rows, each in a release of its own
}

// RuleList is standing rules that someone may know of.
type RuleList struct {
	Rules []RuleView `json:"rules"`
}

// JudgeRule is the body of POST /api/rules/{rule}/approve and /refuse.
type JudgeRule struct {
	Saw     narthex.Digest `json:"saw"`
	Comment string         `json:"comment,omitempty"` // of a refusal, for who asked for it
}

// LookAgain is the body of POST /api/rules/{rule}/look: what a second look at a release found.
type LookAgain struct {
	Release narthex.ReleaseID `json:"release"`
	Saw     narthex.Digest    `json:"saw"`              // of its package
	Ground  string            `json:"ground,omitempty"` // carries, personal, meaning, more; empty where it is fine
}

// EditRelease is the body of POST /v1/releases/{release}/edit: the files that stay.
type EditRelease struct {
	Files []WantedFile `json:"files"`
}

// ReleaseList is releases that someone may know of.
type ReleaseList struct {
	Releases []narthex.Release `json:"releases"`
}

// ReleasePackage is a release with its bytes and, once it is released, the signed record of what was checked.
type ReleasePackage struct {
	Release narthex.Release `json:"release"`
	Files   []StudyFile     `json:"files"`
	Record  []byte          `json:"record,omitempty"`
}

// VoteRelease is the body of POST /api/releases/{release}/vote and /return: what a reviewer says of each file of the package that they saw.
type VoteRelease struct {
	Saw      narthex.Digest        `json:"saw"`
	Verdicts []narthex.FileVerdict `json:"verdicts,omitempty"`
	Comment  string                `json:"comment,omitempty"` // for the author
	Note     string                `json:"note,omitempty"`    // for reviewers
}

// MostTrace is how many bytes of a file are traced at once.
const MostTrace = 16 << 20

// TraceRelease is the body of POST /api/releases/trace: a file, or a part of one, in which the marks of artefacts are looked for.
type TraceRelease struct {
	Data []byte `json:"data"`
}

// Trace is what was found of them. Nothing found says nothing: whoever rounds the values takes the mark out.
type Trace struct {
	Values  int      `json:"values"`         // that were read of the file
	Marks   int      `json:"marks"`          // that were looked for: one for each file of each release of artefacts
	Unknown int      `json:"unknown"`        // releases that were marked with a secret which the node has no longer
	More    bool     `json:"more,omitempty"` // whether there are earlier releases that were not looked at
	Found   []Traced `json:"found"`          // the surest first
}

// Traced is a file of a release whose mark was found. Whoever reviewed it saw the same bytes.
type Traced struct {
	Release    narthex.ReleaseID    `json:"release"`
	State      narthex.ReleaseState `json:"state"` // of one that was not released its recipient was never given the bytes
	Grant      narthex.GrantID      `json:"grant"`
	Engagement narthex.EngagementID `json:"engagement"`
	Recipient  narthex.PersonID     `json:"recipient"`
	FetchedAt  time.Time            `json:"fetched_at,omitzero"`
	Asset      narthex.AssetName    `json:"asset"`
	File       string               `json:"file"`
	Reviewers  int                  `json:"reviewers"` // who voted on it
	Compared   int                  `json:"compared"`  // different values that the mark is in
	Agreed     int                  `json:"agreed"`    // and those of them that have it
	OnceIn     int                  `json:"once_in"`   // chance gives as much in one file of ten to this power, over all marks that were looked for
}

// StudyList is the jobs whose studies wait for approval: GET /api/studies.
type StudyList struct {
	Jobs []narthex.Job `json:"jobs"`
}

// StudyPackage is a frozen study with its bytes, and the digest of its plan, on which people vote: GET /api/studies/{job}.
type StudyPackage struct {
	Job   narthex.Job    `json:"job"`
	Plan  narthex.Digest `json:"plan"`
	Files []StudyFile    `json:"files"`
}

// VoteStudy is the body of POST /api/studies/{job}/approve and /return: what a reviewer says of the study whose plan they saw.
type VoteStudy struct {
	Saw     narthex.Digest `json:"saw"`
	Comment string         `json:"comment,omitempty"` // for the author
	Note    string         `json:"note,omitempty"`    // for reviewers
}

// EnvironmentView is an environment of jobs, without where it lies.
type EnvironmentView struct {
	Name    narthex.EnvironmentName `json:"name"`
	Title   string                  `json:"title"`
	Command []string                `json:"command,omitempty"`
	Limits  narthex.JobLimits       `json:"limits"`
	Digest  narthex.Digest          `json:"digest"`
	// Packages are Debian's that it is made of, for who tries a study on a machine of their own.
	Packages []string `json:"packages,omitempty"`
	// Root is the digest of its root where it has one of its own, and Debian what that is built of, for the same.
	Root   narthex.Digest     `json:"root,omitempty"`
	Debian *narthex.DebianSet `json:"debian,omitempty"`
	// Unready says why no job begins in it now; empty where jobs do.
	Unready string `json:"unready,omitempty"`
	// Device is the kind of device that its jobs may have and Devices how many each has as a rule; OnHost is how many of them the node's host
	// has, and OutOfUse how many of those wait for an operator.
	Device   narthex.DeviceKind `json:"device,omitempty"`
	Devices  int64              `json:"devices,omitempty"`
	OnHost   int64              `json:"on_host,omitempty"`
	OutOfUse int64              `json:"out_of_use,omitempty"`
	// Computes is the attribute whose program runs in it and takes requests for statistics; where it is empty studies run in it.
	Computes   narthex.AttributeName `json:"computes,omitempty"`
	Statistics []string              `json:"statistics,omitempty"` // that the program knows; which may be asked for stands in the grant
}

// MostTwin is how many bytes the weights of a version have at most of which twins are made.
const MostTwin = 64_000_000

// Twin is GET /v1/assets/{asset}/twin: the mock twin of a version's weights or records, the same for everyone. Weights have the names, shapes
// and types of the version's own and random values of the same scale, records the same fields with random words and numbers.
type Twin struct {
	Asset   narthex.AssetName   `json:"asset"`
	Version narthex.VersionName `json:"version"`
	Digest  narthex.Digest      `json:"digest"` // of the version's bytes
	Files   []StudyFile         `json:"files"`  // of safetensors and JSON lines, sorted by their paths; at least one
	Others  int                 `json:"others"` // files of the version that are of another kind, of which nothing is given
}

// EnvironmentList is the environments that jobs of a grant run in.
type EnvironmentList struct {
	Environments []EnvironmentView `json:"environments"`
}
