package book

import (
	"time"

	"narthex"
	"narthex/internal/journal"
	"narthex/internal/store"
)

// AuthorisedKey is the key in Meta of the authorisation of a person by their institution: of several the latest.
func AuthorisedKey(person narthex.PersonID) string { return "authorised/" + string(person) }

// SetAuthorised makes an authorisation the one of its person.
func SetAuthorised(tx *journal.Tx, word *narthex.SignedAuthorisation) error {
	return journal.Put(tx, store.Meta, AuthorisedKey(word.Authorisation.Person), word)
}

// DropAuthorised takes a person's authorisation away, where there is one.
func DropAuthorised(tx *journal.Tx, person narthex.PersonID) error {
	return journal.Delete[narthex.SignedAuthorisation](tx, store.Meta, AuthorisedKey(person))
}

// AuthorisedOf gives a person's authorisation, which need not be in force, or nil.
func AuthorisedOf(tx *journal.Tx, person narthex.PersonID) (*narthex.SignedAuthorisation, error) {
	return journal.Get[narthex.SignedAuthorisation](tx, store.Meta, AuthorisedKey(person))
}

// Authorisations gives everyone's, by person.
func Authorisations(tx *journal.Tx) ([]narthex.SignedAuthorisation, error) {
	rows, err := journal.Scan[narthex.SignedAuthorisation](tx, store.Meta, store.Prefix(AuthorisedKey(""), 100_000))
	list := make([]narthex.SignedAuthorisation, len(rows))
	for i, row := range rows {
		list[i] = *row.Row
	}
	return list, err
}

// Vouches says whether an official can give their institution's word, or stand by it: active, its official still, and neither they
// nor it locked, which is what unlocked says.
func Vouches(official narthex.Person, org narthex.OrgID, unlocked bool) bool {
	return org != "" && official.State == narthex.PersonActive && official.Official && official.Org == org && unlocked
}

// WordFor gives the authorisation that a grant rests on, of those that there are the applicant's, and whether its official stands by
// it; it gives nil for a grant whose agreement the institution signed.
func WordFor(tx *journal.Tx, grant *narthex.Grant) (word *narthex.SignedAuthorisation, stands bool, err error) {
	if grant.AuthorisedFor == "" || len(grant.Persons) == 0 {
		return nil, false, nil
	}
	return wordOf(tx, grant.Persons[0], grant.Org, LocksOn)
}

// WordTold gives it as it may be told: no lock of which nobody may tell is in its way.
func WordTold(tx *journal.Tx, grant *narthex.Grant) (word *narthex.SignedAuthorisation, stands bool, err error) {
	if grant.AuthorisedFor == "" || len(grant.Persons) == 0 {
		return nil, false, nil
	}
	return wordOf(tx, grant.Persons[0], grant.Org, LocksTold)
}

// Hushed says whether a grant rests on an official's word that a lock is in the way of, of which nobody may tell.
func Hushed(tx *journal.Tx, grant *narthex.Grant) (bool, error) {
	word, stands, err := WordFor(tx, grant)
	if err != nil || word == nil || stands {
		return false, err
	}
	_, told, err := WordTold(tx, grant)
	return told, err
}

// wordOf gives a person's authorisation, or nil, and whether its official stands by it for that organisation, as far as locks gives those
// in the way.
func wordOf(tx *journal.Tx, person narthex.PersonID, org narthex.OrgID, locks func(*journal.Tx, ...string) ([]narthex.Lock, error)) (word *narthex.SignedAuthorisation, stands bool, err error) {
	if word, err = AuthorisedOf(tx, person); err != nil || word == nil {
		return nil, false, err
	}
	official, err := journal.Get[narthex.Person](tx, store.People, string(word.Signature.By))
	if err != nil || official == nil {
		return word, false, err
	}
	on, err := locks(tx, Subject("person", official.ID), Subject("org", official.Org))
	return word, err == nil && Vouches(*official, org, len(on) == 0), err
}

// Unauthorised says why a grant that rests on an authorisation may not be used, or nil. Another authorisation of the applicant for the
// same pathway, such as next year's, does as well as the one that stood when it was signed.
func Unauthorised(grant *narthex.Grant, word *narthex.SignedAuthorisation, stands bool, now time.Time) *narthex.Error {
	switch {
	case grant.AuthorisedFor == "":
		return nil
	case word == nil || len(grant.Persons) == 0 || !word.Authorisation.Covers(grant.Persons[0], grant.Org, grant.AuthorisedFor, now):
		return stopped("unauthorised", "The institution authorised the applicant beforehand in place of its signature, and no such authorisation is in force now. Ask an official of it for a new one: `narthex people authorise`.")
	case !stands:
		return stopped("unauthorised", "The official who authorised the applicant for the institution may not act for it now. Ask another official for a new authorisation: `narthex people authorise`.")
	}
	return nil
}
