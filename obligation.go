package narthex

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// ObligationName is one of the closed set of what a signed agreement asks someone to do by a date.
type ObligationName string

const (
	// DestructionCertificate is a signed word that what was received is destroyed.
	DestructionCertificate ObligationName = "destruction_certificate"
	// PersonalDataDeleted is a word that personal data is deleted.
	PersonalDataDeleted ObligationName = "personal_data"
	// FinalReport is a report on the work.
	FinalReport ObligationName = "final_report"
	// InsuranceProof is proof of the cover that was agreed.
	InsuranceProof ObligationName = "insurance_proof"
	// IncidentReport is a report on an incident, which the lab asked for when it opened one.
	IncidentReport ObligationName = "incident_report"
	// PatentWindow is the time in which a patent can be filed. It is for information: nobody owes it.
	PatentWindow ObligationName = "patent_window"
)

// ObligationNames lists every one that someone can owe.
func ObligationNames() []ObligationName {
	return []ObligationName{DestructionCertificate, PersonalDataDeleted, FinalReport, InsuranceProof, IncidentReport}
}

// Owed is one obligation as the signed agreement has it: who owes it, by which clause, and from when its days are counted. The
// zero Owed is of nothing.
type Owed struct {
	Obligation ObligationName `json:"obligation"`
	By         PartyRole      `json:"by,omitempty"` // empty for what nobody owes
	Clause     string         `json:"clause"`       // its number and title in the agreement
	Days       int            `json:"days"`
	Business   bool           `json:"business,omitempty"` // whether its days are business days
	From       time.Time      `json:"from,omitzero"`      // zero: from the end of access
	Cover      string         `json:"cover,omitempty"`    // of insurance
	Backups    bool           `json:"backups,omitempty"`  // whether copies in routine backups may be left to expire
}

// ObligationState is where an obligation stands.
type ObligationState string

const (
	ObligationOpen   ObligationState = "open"
	ObligationMet    ObligationState = "met"
	ObligationLate   ObligationState = "late"
	ObligationWaived ObligationState = "waived"
	ObligationOver   ObligationState = "over" // of what nobody owes, when its time has passed
)

// Met is what someone did about an obligation. One that the lab rejected leaves it open again.
type Met struct {
	Obligation  ObligationName     `json:"obligation"`
	By          PersonID           `json:"by"`
	At          time.Time          `json:"at"`
	Evidence    Digest             `json:"evidence"` // of a file that its giver keeps; of a certificate its digest
	Note        string             `json:"note,omitempty"`
	Certificate *SignedCertificate `json:"certificate,omitempty"`
	Rejected    *Rejection         `json:"rejected,omitempty"`
}

// Rejection is the lab's word that evidence does not meet an obligation, and why.
type Rejection struct {
	By   PersonID  `json:"by"`
	At   time.Time `json:"at"`
	Text string    `json:"text"`
}

// Waiver is one person's word for the lab that an obligation need not be met. It takes two of different people.
type Waiver struct {
	Obligation ObligationName `json:"obligation"`
	By         PersonID       `json:"by"`
	At         time.Time      `json:"at"`
	Text       string         `json:"text"`
}

// Issued is an access statement that was issued.
type Issued struct {
	Statement Digest    `json:"statement"`
	By        PersonID  `json:"by"`
	At        time.Time `json:"at"`
}

// CertificateFormat is the format of a [Certificate]. An agreement has another, so that a signature of one is never one of the other.
const CertificateFormat = "narthex certificate of destruction v1"

// Method is how something was destroyed.
type Method string

// Methods lists every one.
func Methods() []Method {
	return []Method{"deleted", "overwritten", "cryptographic_erase", "device_erased", "device_destroyed"}
}

// Received is something that was received and is destroyed: what it was, with its digest where there is one.
type Received struct {
	Name   string `json:"name"`
	Digest Digest `json:"digest,omitempty"`
}

// Certificate is a person's word that what was received under an agreement is destroyed. Without anything in Received it says
// that nothing was. Its digest is the SHA-256 of its canonical JSON; the person signs it as agreements are signed.
type Certificate struct {
	Format       string       `json:"format"`
	Origin       string       `json:"origin"` // the name of the lab's ledger
	Engagement   EngagementID `json:"engagement"`
	Agreement    Digest       `json:"agreement"`
	Person       PersonID     `json:"person"` // who signs
	Received     []Received   `json:"received"`
	Method       Method       `json:"method,omitempty"` // empty where nothing was received
	At           time.Time    `json:"at"`               // when the last of it was destroyed, or when it was looked; whole seconds of UTC
	BackupsUntil time.Time    `json:"backups_until,omitzero"`
}

const (
	mostReceived     = 500
	mostReceivedName = 300
)

// Check says whether the certificate is one of this format for a ledger, and says what was received, how it was destroyed and when.
func (c Certificate) Check(origin string) error {
	whole := func(t time.Time) bool { return t.Equal(t.Truncate(time.Second)) && t.Location() == time.UTC }
	switch {
	case c.Format != CertificateFormat:
		return Invalidf("A certificate of destruction has the format %q.", CertificateFormat).For("format")
	case c.Origin == "" || c.Origin != origin:
		return Invalidf("The certificate is for another lab's ledger than %s.", origin).For("origin")
	case c.Engagement == "" || c.Agreement == "" || c.Person == "":
		return Invalidf("A certificate names its engagement, the agreement's digest and who signs.").For("engagement")
	case c.Received == nil || len(c.Received) > mostReceived:
		return Invalidf("A certificate lists what was received, at most %d things; the list is empty where it was nothing.", mostReceived).For("received")
	case len(c.Received) == 0 && (c.Method != "" || !c.BackupsUntil.IsZero()):
		return Invalidf("Where nothing was received there is no method and no backup; leave both out.").For("method")
	case len(c.Received) > 0 && !slices.Contains(Methods(), c.Method):
		return Invalidf("The method is one of: %s.", strings.Join(methodNames(), ", ")).For("method")
	case c.At.IsZero() || !whole(c.At):
		return Invalidf("A certificate says when, in whole seconds of UTC, such as 2026-03-01T00:00:00Z.").For("at")
	case !c.BackupsUntil.IsZero() && (!whole(c.BackupsUntil) || !c.BackupsUntil.After(c.At)):
		return Invalidf("Backups are kept until after the destruction, in whole seconds of UTC.").For("backups_until")
	}
	for i, r := range c.Received {
		if strings.TrimSpace(r.Name) == "" || utf8.RuneCountInString(r.Name) > mostReceivedName {
			return Invalidf("What was received has a name of 1 to %d characters.", mostReceivedName).For("received")
		}
		if slices.Contains(c.Received[:i], r) {
			return Invalidf("A certificate lists each thing once.").For("received")
		}
	}
	return nil
}

func methodNames() []string {
	var names []string
	for _, m := range Methods() {
		names = append(names, string(m))
	}
	return names
}

// SignedCertificate is a certificate with the signature on its digest.
type SignedCertificate struct {
	Certificate Certificate `json:"certificate"`
	Signature   SignedBy    `json:"signature"` // for the researcher, or for the institution by its official
}
