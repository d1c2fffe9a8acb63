package narthex

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"strings"
	"time"
)

// PartyRole is for whom a party signs.
type PartyRole string

const (
	// PartyResearcher is the applicant.
	PartyResearcher PartyRole = "researcher"
	// PartyInstitution is the applicant's organisation.
	PartyInstitution PartyRole = "institution"
	// PartyLab is the lab.
	PartyLab PartyRole = "lab"
)

// PartyRoles lists every one.
func PartyRoles() []PartyRole { return []PartyRole{PartyResearcher, PartyInstitution, PartyLab} }

// Party is one side of an agreement. The person and key of a party other than the researcher are named where known when
// the document is made: who may sign for it is the lab's or the organisation's rule, and the signature says who did.
type Party struct {
	Role    PartyRole     `json:"role"`
	Name    string        `json:"name"` // of the person or organisation
	Org     string        `json:"org,omitempty"`
	Person  PersonID      `json:"person,omitempty"`
	Signers []PartySigner `json:"signers"` // who may sign, with the fingerprints of their keys

	Authorised *Beforehand `json:"authorised,omitempty"` // of an institution that does not sign, since it agreed beforehand
}

// PartySigner is a person who may sign for a party and the fingerprint of the key they hold.
type PartySigner struct {
	Person      PersonID `json:"person"`
	Name        string   `json:"name"`
	Fingerprint string   `json:"fingerprint"`
}

// AgreedClause is one clause as agreed: its number, text and values.
type AgreedClause struct {
	Number string            `json:"number"`
	Name   ClauseName        `json:"name"`
	Title  string            `json:"title"`
	Values map[string]string `json:"values,omitempty"`
	Text   string            `json:"text"` // Markdown, values filled in
}

// ClauseOfTerms is the number of the clause that lists what is given, and says that nothing else is.
const ClauseOfTerms = "2"

// ClauseOfConditions is the letter under which an agreement lists what its grant rests on.
const ClauseOfConditions = "R"

// Agreement is what is signed: cover page, clauses and terms. Its digest is the SHA-256 of its canonical JSON.
type Agreement struct {
	Format          string         `json:"format"` // narthex agreement v1
	Lab             string         `json:"lab"`
	Origin          string         `json:"origin"` // the name of the lab's ledger, so that a signature is good for one server
	Engagement      EngagementID   `json:"engagement"`
	Application     Digest         `json:"application"`
	Pathway         PathwayName    `json:"pathway"`
	Directory       Digest         `json:"directory"`
	Title           string         `json:"title"`
	Parties         []Party        `json:"parties"`
	NotBefore       time.Time      `json:"not_before"`
	NotAfter        time.Time      `json:"not_after"`
	ContentLog      string         `json:"content_log"`
	AppealTo        string         `json:"appeal_to"`
	AppealDays      int            `json:"appeal_days"`
	SingleCustodian bool           `json:"single_custodian"`
	Approvals       int            `json:"approvals"` // how many different people approved the application
	Clauses         []AgreedClause `json:"clauses"`
	Terms           []Term         `json:"terms"`                   // each with its clause number
	Uses            []AgreedUse    `json:"uses,omitempty"`          // what the codes permit; empty in one that an earlier version made
	SigningOrder    []PartyRole    `json:"signing_order,omitempty"` // any order where empty
	RestsOn         []Condition    `json:"rests_on,omitempty"`      // what its grant lapses without, each with its clause number
	Amends          *Amended       `json:"amends,omitempty"`        // nil for one that stands by itself
	Redline         *Redline       `json:"redline,omitempty"`       // nil where none was made
}

// Amended is what an agreement takes the place of when it comes into force: until then that stays as it is.
type Amended struct {
	Engagement EngagementID `json:"engagement"`
	Grant      GrantID      `json:"grant"`
	Agreement  Digest       `json:"agreement"`
}

// Replaces gives the grant that the agreement's takes the place of, or none.
func (a Agreement) Replaces() GrantID {
	if a.Amends == nil {
		return ""
	}
	return a.Amends.Grant
}

// AuthorisedFor gives the agreement's pathway where the institution authorised the researcher for it beforehand and does not sign;
// empty where it signs.
func (a Agreement) AuthorisedFor() PathwayName {
	for _, party := range a.Parties {
		if party.Authorised != nil {
			return a.Pathway
		}
	}
	return ""
}

// LockReasons gives the only reasons for which access under the agreement may be locked; none where its safe harbour leaves any reason
// of the closed list, or it has no such list.
func (a Agreement) LockReasons() []LockReason {
	at := slices.IndexFunc(a.Clauses, func(c AgreedClause) bool { return c.Name == SafeHarbour })
	if at < 0 || a.Clauses[at].Values[SafeHarbourReasons] == "" {
		return nil
	}
	var list []LockReason
	for name := range strings.SplitSeq(a.Clauses[at].Values[SafeHarbourReasons], ", ") {
		list = append(list, LockReason(name))
	}
	if len(list) == len(LockReasons()) {
		return nil
	}
	return list
}

// Signing gives how the agreement asks to be signed. A word that is not known asks for more and accepts less.
func (a Agreement) Signing() Signing {
	at := slices.IndexFunc(a.Clauses, func(c AgreedClause) bool { return c.Name == SignatureClause })
	if at < 0 {
		return Signing{}
	}
	return SigningOf(a.Clauses[at].Values)
}

// Signing is how an agreement asks to be signed. The zero Signing asks for a signature of each party and accepts nothing beside them.
type Signing struct {
	LabLast bool       `json:"lab_last,omitempty"`
	Stamped bool       `json:"stamped,omitempty"` // whether a signature counts with its time stamp alone
	Outside Acceptance `json:"outside,omitempty"` // of an outside document
}

// Acceptance says whether an agreement accepts an outside document. The zero Acceptance does not.
type Acceptance string

const (
	// OutsideAccepted is that one may be bound to the agreement.
	OutsideAccepted Acceptance = "accepted"
	// OutsideRequired is that nobody signs before one is.
	OutsideRequired Acceptance = "required"
)

// OutsideDocument is a PDF that was signed elsewhere and is bound to an agreement by its digest. It adds what is signed in it and changes
// nothing of the agreement's terms.
type OutsideDocument struct {
	Digest Digest `json:"digest"`         // the SHA-256 of the file
	Size   int64  `json:"size"`           // in bytes
	Kept   bool   `json:"kept,omitempty"` // whether the lab's node keeps the file; otherwise the sides alone do
}

// MostOutside is the size in bytes of the largest outside document that a node keeps, and MostElsewhere of one that it does not: what an
// earlier program bound by its digest alone.
const (
	MostOutside   = 4 << 20
	MostElsewhere = 32 << 20
)

// CheckOutside says whether a file can be bound to an agreement, and how. It is looked at no further than this: what stands in it is for
// whoever signs it. The error is Invalid, for the field outside.
func CheckOutside(file []byte) (OutsideDocument, error) {
	switch {
	case len(file) == 0:
		return OutsideDocument{}, Invalidf("An outside document is a PDF, and this one has no bytes. Look whether it was copied whole.").For("outside")
	case len(file) > MostOutside:
		return OutsideDocument{}, Invalidf("An outside document has at most %d bytes, and this one has %d. Scan it at a lower resolution.", MostOutside, len(file)).For("outside")
	case !bytes.HasPrefix(file, []byte("%PDF-")):
		return OutsideDocument{}, Invalidf("An outside document is a PDF: its first bytes are %%PDF-, and those of this one are not. Export or scan it as a PDF.").For("outside")
	}
	return OutsideDocument{Digest: MakeDigest(sha256.Sum256(file)), Size: int64(len(file)), Kept: true}, nil
}

// SignatureClause is the clause that says how an agreement is signed; what follows are its parameters and what each may be.
const (
	SignatureClause  ClauseName = "signature"
	SignatureOrder              = "order"
	SignatureMethod             = "method"
	SignatureOutside            = "outside"

	InAnyOrder        = "in any order"
	LabSignsLast      = "the lab signs last"
	WithKeys          = "with signing keys"
	WithKeysAndStamps = "with signing keys and a time stamp"
	OutsideRefused    = "not accepted"
)

// SigningOf reads the values of the clause.
func SigningOf(values map[string]string) Signing {
	order, ordered := values[SignatureOrder]
	method, stated := values[SignatureMethod]
	s := Signing{LabLast: ordered && order != InAnyOrder, Stamped: stated && method != WithKeys}
	if outside := Acceptance(values[SignatureOutside]); outside == OutsideAccepted || outside == OutsideRequired {
		s.Outside = outside
	}
	return s
}

// SafeHarbour is the clause that says for what reasons access may be stopped, and SafeHarbourReasons its parameter that lists them.
const (
	SafeHarbour        ClauseName = "safe-harbour"
	SafeHarbourReasons            = "lock_reasons"
)

// Redline is what differs in an agreement from its pathway's standard. One without departures is the standard itself.
type Redline struct {
	Departures []Departure `json:"departures"`
}

// What a Departure is of.
const (
	DiffersDays  = "days"
	DiffersTerm  = "term"  // one that the pathway does not offer
	DiffersLimit = "limit" // of a term
	DiffersValue = "value" // of a clause
)

// Departure is one thing in which an agreement departs from its pathway's standard.
type Departure struct {
	What     string `json:"what"`
	Number   string `json:"number,omitempty"`   // of the clause, such as 2.3
	Of       string `json:"of,omitempty"`       // an attribute on an asset, or a clause's name
	Name     string `json:"name,omitempty"`     // of the limit or value
	Standard string `json:"standard,omitempty"` // empty where there is none
	Agreed   string `json:"agreed,omitempty"`   // empty where there is none
	Beyond   bool   `json:"beyond,omitempty"`   // whether a limit is outside the range that may be negotiated
}
