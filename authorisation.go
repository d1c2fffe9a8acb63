package narthex

import (
	"slices"
	"time"
)

// AuthorisationFormat is the format of an [Authorisation]. An agreement has another, so that a signature of one is never one of
// the other.
const AuthorisationFormat = "narthex authorisation v1"

// MostAuthorised bounds how long an authorisation lasts.
const MostAuthorised = 366 * 24 * time.Hour

// Authorisation is what an institution agrees to beforehand: that one of its people enters engagements through these pathways
// without a signature of its own on each. Its digest is the SHA-256 of its canonical JSON; an official signs it, for the
// institution, as agreements are signed.
type Authorisation struct {
	Format    string        `json:"format"`
	Origin    string        `json:"origin"` // the name of the lab's ledger
	Org       OrgID         `json:"org"`
	Person    PersonID      `json:"person"`
	Pathways  []PathwayName `json:"pathways"`
	NotBefore time.Time     `json:"not_before"` // whole seconds of UTC, as the end is
	NotAfter  time.Time     `json:"not_after"`
}

// Check says whether the authorisation is one of this format for a ledger, with dates in order and not too long.
func (a Authorisation) Check(origin string) error {
	whole := func(t time.Time) bool { return t.Equal(t.Truncate(time.Second)) && t.Location() == time.UTC }
	switch {
	case a.Format != AuthorisationFormat:
		return Invalidf("An authorisation has the format %q.", AuthorisationFormat).For("format")
	case a.Origin == "" || a.Origin != origin:
		return Invalidf("The authorisation is for another lab's ledger than %s.", origin).For("origin")
	case a.Org == "" || a.Person == "":
		return Invalidf("An authorisation names an organisation and a person of it.").For("person")
	case len(a.Pathways) == 0:
		return Invalidf("An authorisation names the pathways that it is for, one at least.").For("pathways")
	case !whole(a.NotBefore) || !whole(a.NotAfter):
		return Invalidf("The dates of an authorisation are whole seconds of UTC, such as 2026-03-01T00:00:00Z.").For("not_before")
	case !a.NotBefore.Before(a.NotAfter) || a.NotAfter.Sub(a.NotBefore) > MostAuthorised:
		return Invalidf("An authorisation ends after it begins, and within 366 days of it.").For("not_after")
	}
	for i, pathway := range a.Pathways {
		if pathway == "" || slices.Contains(a.Pathways[:i], pathway) {
			return Invalidf("An authorisation names each pathway once.").For("pathways")
		}
	}
	return nil
}

// Covers says whether the authorisation is for that person, organisation and pathway, and in force at t: in the half-open
// interval of its dates. The zero Authorisation covers nothing.
func (a Authorisation) Covers(person PersonID, org OrgID, pathway PathwayName, t time.Time) bool {
	return person != "" && org != "" && a.Person == person && a.Org == org && slices.Contains(a.Pathways, pathway) &&
		!t.Before(a.NotBefore) && t.Before(a.NotAfter)
}

// Names says whether the authorisation is for that person and organisation, whatever the pathway, and in force at t.
func (a Authorisation) Names(person PersonID, org OrgID, t time.Time) bool {
	return slices.ContainsFunc(a.Pathways, func(p PathwayName) bool { return a.Covers(person, org, p, t) })
}

// SignedAuthorisation is an authorisation with the official's signature on its digest.
type SignedAuthorisation struct {
	Authorisation Authorisation `json:"authorisation"`
	Signature     SignedBy      `json:"signature"` // for the institution
}

// Beforehand is what an agreement's cover says of the authorisation that takes the place of a party's signature.
type Beforehand struct {
	Digest      Digest    `json:"digest"` // of the authorisation
	Person      PersonID  `json:"person"` // the official who signed it
	Name        string    `json:"name"`
	Fingerprint string    `json:"fingerprint"` // of their key
	NotAfter    time.Time `json:"not_after"`
}
