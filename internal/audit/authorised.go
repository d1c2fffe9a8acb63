package audit

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"narthex"
	"narthex/internal/agreement"
	"narthex/internal/book"
	"narthex/internal/canon"
	"narthex/internal/store"
	"narthex/internal/workflow"
)

// authorised takes in an official's word for one of their people. The entry has all of it but the key that signed, which is known by
// its fingerprint.
func (s *step) authorised() error {
	id, by, print := narthex.PersonID(s.text("person")), narthex.PersonID(s.text("by")), s.text("signer")
	a := narthex.Authorisation{Format: narthex.AuthorisationFormat, Origin: s.Origin, Org: narthex.OrgID(s.text("org")), Person: id}
	var begins, ends error
	a.NotBefore, begins = time.Parse(time.RFC3339, s.text("not_before"))
	a.NotAfter, ends = time.Parse(time.RFC3339, s.text("not_after"))
	err := errors.Join(decode(s.o.Field("pathways"), &a.Pathways), begins, ends)
	digest, unmade := canon.Digest(a)
	if errors.Join(err, unmade, a.Check(s.Origin)) != nil || string(digest) != s.text("authorisation") {
		s.impossible(store.Meta, book.AuthorisedKey(id), "an authorisation that does not read, or that has another digest")
		return nil
	}
	enrolled, known := s.Signers[print]
	signs := known && enrolled.Person == by && enrolled.Ended.IsZero()
	if of := s.People[id]; (!s.vouches(by, a.Org) || !signs || by == id || of.Org != a.Org) && !s.absentSince(0) {
		s.impossible(store.Meta, book.AuthorisedKey(id), "an authorisation by someone who is no official of the person's organisation then, or with another's key")
	}
	s.Authorised[id] = narthex.SignedAuthorisation{Authorisation: a, Signature: narthex.SignedBy{Party: narthex.PartyInstitution, By: by, Digest: digest, Signer: print, Envelope: s.text("envelope"), At: s.at}}
	s.tell(id, book.ToldAuthorised+string(digest), "")
	s.offerWaiting()
	return nil
}

func (s *step) unauthorised() error {
	id, by := narthex.PersonID(s.text("person")), narthex.PersonID(s.text("by"))
	had, known := s.Authorised[id]
	if (!known || string(had.Signature.Digest) != s.text("authorisation") || by == id || !s.vouches(by, s.People[id].Org)) && !s.absentSince(0) {
		s.impossible(store.Meta, book.AuthorisedKey(id), "the end of an authorisation that is not there, or by someone who is no official of the person's organisation")
	}
	delete(s.Authorised, id)
	s.tell(id, book.ToldUnauthorised+s.text("authorisation"), "")
	return nil
}

// vouches says whether a person can give an institution's word, or stand by it, after the entries so far.
func (f *Fold) vouches(id narthex.PersonID, org narthex.OrgID) bool {
	p := f.People[id]
	locked := slices.ContainsFunc(f.Locks, func(l narthex.Lock) bool {
		return !l.Lifted() && (l.Subject == "person" && l.Target == string(id) || l.Subject == "org" && l.Target == string(org))
	})
	return book.Vouches(narthex.Person{ID: id, Org: p.Org, Official: p.Official, State: p.State}, org, !locked)
}

// wordFor gives the authorisation that a grant rests on, and whether its official stands by it.
func (f *Fold) wordFor(g *narthex.Grant) (*narthex.SignedAuthorisation, bool) {
	if g.AuthorisedFor == "" || len(g.Persons) == 0 {
		return nil, false
	}
	return f.wordOf(g.Persons[0], g.Org)
}

// wordOf gives a person's authorisation, or nil, and whether its official stands by it for that organisation.
func (f *Fold) wordOf(person narthex.PersonID, org narthex.OrgID) (*narthex.SignedAuthorisation, bool) {
	word, known := f.Authorised[person]
	if !known {
		return nil, false
	}
	return &word, f.vouches(word.Signature.By, org)
}

// restsOnWord holds an offer to its agreement's cover, and where it rests on an authorisation to the one that was in force then.
func (s *step) restsOnWord(event workflow.Event, text narthex.Application) error {
	a, err := s.docs.agreement(event.Agreement)
	if err != nil {
		return err
	}
	if a != nil && !states(a, event.Authorised) {
		s.impossible(store.Agreements, string(event.Agreement), "a cover that states another authorisation than its offer rests on, or none")
	}
	if event.Authorised == nil {
		return nil
	}
	word, given := s.Authorised[text.Applicant], *event.Authorised
	key, err := agreement.ParseVerifier(given.Signature.PublicKey)
	if err == nil && key.Fingerprint() != given.Signature.Signer {
		err = errors.New("the key is another's")
	}
	if err == nil {
		err = agreement.VerifyAuthorisation(given, key, s.Origin)
	}
	same := word.Signature.Digest == given.Signature.Digest && word.Signature.By == given.Signature.By && word.Signature.Signer == given.Signature.Signer &&
		word.Signature.Envelope == given.Signature.Envelope && word.Signature.At.Equal(given.Signature.At)
	inForce := word.Authorisation.Covers(text.Applicant, text.Org, text.Pathway, s.at) && s.vouches(word.Signature.By, text.Org)
	if (err != nil || !same || !inForce) && !s.absentSince(0) {
		s.impossible(store.Events, eventKey(text.Engagement, event.Seq), "an offer on an authorisation that was not in force then")
	}
	return nil
}

// states says whether the cover states that authorisation, or none where there is none.
func states(a *narthex.Agreement, word *narthex.SignedAuthorisation) bool {
	at := slices.IndexFunc(a.Parties, func(p narthex.Party) bool { return p.Authorised != nil })
	if at < 0 || word == nil {
		return at < 0 && word == nil
	}
	cover, said := a.Parties[at].Authorised, agreement.Beforehand(*word, "")
	return a.Parties[at].Role == narthex.PartyInstitution && cover.Digest == said.Digest && cover.Person == said.Person && cover.Fingerprint == said.Fingerprint && cover.NotAfter.Equal(said.NotAfter)
}

// stillAuthorised holds a grant, when it comes into force, to the authorisation that its agreement states.
func (s *step) stillAuthorised(id narthex.GrantID, a *narthex.Agreement, g grant) {
	at := slices.IndexFunc(a.Parties, func(p narthex.Party) bool { return p.Authorised != nil })
	if at < 0 || len(g.Persons) == 0 {
		return
	}
	word := s.Authorised[g.Persons[0]]
	holds := word.Signature.Digest == a.Parties[at].Authorised.Digest && word.Authorisation.Covers(g.Persons[0], g.Org, a.Pathway, s.at) && s.vouches(word.Signature.By, g.Org)
	if !holds && !s.absentSince(0) {
		s.impossible(store.Grants, string(id), "a grant on an authorisation that was not in force then")
	}
}

// keyed gives the authorisation with the key that the row has, where the key is the one that signed it.
func (c *comparison) keyed(word narthex.SignedAuthorisation, row []byte) narthex.SignedAuthorisation {
	var found narthex.SignedAuthorisation
	if json.Unmarshal(row, &found) != nil {
		return word
	}
	key, err := agreement.ParseVerifier(found.Signature.PublicKey)
	if err == nil && key.Fingerprint() == word.Signature.Signer && agreement.VerifyAuthorisation(word, key, c.Origin) == nil {
		word.Signature.PublicKey = found.Signature.PublicKey
	}
	return word
}
