package agreement

import (
	"fmt"
	"slices"
	"time"

	"narthex"
	"narthex/internal/canon"
)

// VerifyAuthorisation says whether an authorisation is one for this ledger, whose digest the signature is on, and whether the
// signature is by that key, for the institution.
func VerifyAuthorisation(s narthex.SignedAuthorisation, key Verifier, origin string) error {
	if err := s.Authorisation.Check(origin); err != nil {
		return err
	}
	digest, err := canon.Digest(s.Authorisation)
	if err != nil {
		return err
	}
	if digest != s.Signature.Digest || s.Signature.Party != narthex.PartyInstitution {
		return narthex.Refusedf("The signature is not on this authorisation, for the institution. Sign its digest again.").For("authorisation")
	}
	return VerifyEnvelope(s.Signature.Envelope, key, NewStatement(digest, narthex.PartyInstitution, s.Signature.By, origin))
}

// Beforehand gives what an agreement's cover says of an authorisation by someone of that name.
func Beforehand(s narthex.SignedAuthorisation, name string) *narthex.Beforehand {
	return &narthex.Beforehand{Digest: s.Signature.Digest, Person: s.Signature.By, Name: name, Fingerprint: s.Signature.Signer, NotAfter: s.Authorisation.NotAfter}
}

func beforehandInWords(b narthex.Beforehand) string {
	return fmt.Sprintf("authorised beforehand by %s (%s) with %s, until before %s, digest %s", b.Name, b.Person, b.Fingerprint, b.NotAfter.UTC().Format(time.RFC3339), b.Digest)
}

// beforehand checks a file's authorisation against the cover: there is one where the cover states one and nowhere else, it is
// that one, for this researcher, organisation, pathway and ledger, and in force from when the agreement was made to the last signature;
// and the agreement asks for nothing of a signature that such a word is not.
func (r *Report) beforehand(b Bundle, keys map[string]Verifier) error {
	a := b.Agreement
	stated := slices.IndexFunc(a.Parties, func(p narthex.Party) bool { return p.Authorised != nil })
	if stated < 0 && b.Authorised == nil {
		return nil
	}
	if stated < 0 || b.Authorised == nil {
		return narthex.Refusedf("The agreement's cover and the file do not both hold an authorisation of the institution; ask the other side for their copy.")
	}
	if a.Signing().Stamped || b.Outside != nil {
		return narthex.Refusedf("The institution agreed beforehand, and its word is on no outside document and has no time stamp: this agreement needs its signature. Ask the other side for their copy.")
	}
	cover, given := *a.Parties[stated].Authorised, *b.Authorised
	named := Beforehand(given, cover.Name)
	if !cover.NotAfter.Equal(named.NotAfter) || cover.Digest != named.Digest || cover.Person != named.Person || cover.Fingerprint != named.Fingerprint || given.Signature.At.IsZero() {
		return narthex.Refusedf("The authorisation in the file is not the one that the agreement's cover states.")
	}
	signed, err := verified(given.Signature, cover.Name, a.Origin, keys)
	if err == nil {
		var key Verifier
		if key, err = ParseVerifier(given.Signature.PublicKey); err == nil {
			err = VerifyAuthorisation(given, key, a.Origin)
		}
	}
	if err != nil {
		return err
	}
	moments := []time.Time{a.NotBefore}
	for _, s := range b.Signatures {
		moments = append(moments, s.At)
	}
	researcher := a.Parties[slices.IndexFunc(a.Parties, func(p narthex.Party) bool { return p.Role == narthex.PartyResearcher })]
	for _, at := range moments {
		if string(researcher.Org) != a.Parties[stated].Org || !given.Authorisation.Covers(researcher.Person, narthex.OrgID(researcher.Org), a.Pathway, at) {
			return narthex.Refusedf("The authorisation in the file is not for this researcher, organisation and pathway, or was not in force when the agreement was made and signed.")
		}
	}
	signed.Until = cover.NotAfter
	r.Authorised, r.Stated = &signed, signed.Stated
	return nil
}
