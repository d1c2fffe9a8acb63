package agreement

import (
	"crypto/x509"
	"maps"
	"slices"
	"time"

	"narthex"
	"narthex/internal/stamp"
	"narthex/internal/wire"
)

// Bundle is an agreement with its signatures, as a file.
type Bundle struct {
	Agreement  narthex.Agreement  `json:"agreement"`
	Digest     narthex.Digest     `json:"digest"`
	Signatures []narthex.SignedBy `json:"signatures"`

	Authorised *narthex.SignedAuthorisation `json:"authorised,omitempty"` // in the place of the institution's signature
	Outside    *narthex.OutsideDocument     `json:"outside,omitempty"`    // that every signature is on too
}

// Signed is one signature of a checked file.
type Signed struct {
	Party   narthex.PartyRole `json:"party"`
	By      narthex.PersonID  `json:"by"`
	Name    string            `json:"name"`             // of the signer, as the cover has it
	Known   string            `json:"known,omitempty"`  // the reader's own name for the key, where they brought it
	Key     string            `json:"key"`              // its fingerprint
	At      time.Time         `json:"at"`               // by the lab's word: a signature states no time
	Stated  bool              `json:"stated"`           // whether the key is the file's own word
	Stamped time.Time         `json:"stamped,omitzero"` // by a time-stamping authority under the certificates that the reader brought
	Stamp   bool              `json:"stamp,omitempty"`  // whether the file holds a stamp, checked or not
	Until   time.Time         `json:"until,omitzero"`   // when an authorisation ends; of a signature on the agreement none
}

// Report is what a checked file says.
type Report struct {
	Digest     narthex.Digest `json:"digest"`
	Signatures []Signed       `json:"signatures"`           // in the order in which they were given
	Authorised *Signed        `json:"authorised,omitempty"` // by an institution that did not sign, since it agreed beforehand
	Stated     bool           `json:"stated"`               // whether any key was the file's own word

	Outside *narthex.OutsideDocument `json:"outside,omitempty"` // that every signature is on too
}

// VerifyBundle checks a file offline: that it holds a whole agreement with its digest, and one signature of every party, each
// by a different person whom the cover names with that key, in the agreement's order where it sets one. For an institution that
// agreed beforehand its authorisation is checked instead. Keys are those that the reader brings, under any name, and each of
// them must have signed; a signature by a key that was not brought is checked with the key in the file and said to
// be so.
func VerifyBundle(data []byte, keys map[string]Verifier) (Report, error) {
	return VerifyStamped(data, keys, nil)
}

// VerifyStamped does so and checks every time stamp with the certificates of its authority: a stamp that does not hold, or that is for
// something else, makes the file none. Where the reader brings no certificates a stamp is said to be there, and not to be checked.
func VerifyStamped(data []byte, keys map[string]Verifier, authorities *x509.CertPool) (Report, error) {
	bundle, err := wire.Decode[Bundle](data, wire.Limits{Bytes: 4 << 20, Depth: 16})
	if err != nil {
		return Report{}, err
	}
	digest, err := Digest(bundle.Agreement)
	if err != nil {
		return Report{}, err
	}
	if digest != bundle.Digest {
		return Report{}, narthex.Refusedf("The agreement in the file has not the digest that the file states: it was changed. Ask the other side for their copy.")
	}
	if err := whole(bundle.Agreement); err != nil {
		return Report{}, err
	}
	if err := accepts(bundle.Agreement, bundle.Outside); err != nil {
		return Report{}, err
	}
	report := Report{Digest: digest, Outside: bundle.Outside}
	if err := report.beforehand(bundle, keys); err != nil {
		return report, err
	}
	for _, s := range bundle.Signatures {
		signed, err := checkSignature(bundle.Agreement, digest, bundle.Outside, s, keys)
		if err != nil {
			return report, err
		}
		for _, before := range report.signers() {
			if before.Party == s.Party || before.By == s.By || before.Key == s.Signer {
				return report, narthex.Refusedf("In this file a party, a person or a key signs twice (%s and %s); ask for a clean copy.", before.Party, s.Party)
			}
		}
		if signed.Stamp = s.Stamp != ""; signed.Stamp && authorities != nil {
			if signed.Stamped, err = stamp.Verify(s.Stamp, s.Envelope, authorities); err != nil {
				return report, narthex.Refusedf("The time stamp on the signature for the %s does not hold under the certificates that you brought.", s.Party).Because(err)
			}
		}
		report.Stated = report.Stated || signed.Stated
		report.Signatures = append(report.Signatures, signed)
	}
	for _, party := range bundle.Agreement.Parties {
		if party.Authorised == nil && !slices.ContainsFunc(report.Signatures, func(s Signed) bool { return s.Party == party.Role }) {
			return report, narthex.Refusedf("The %s has not signed this agreement.", party.Role)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(keys)) {
		if !slices.ContainsFunc(report.signers(), func(s Signed) bool { return s.Key == keys[name].Fingerprint() }) {
			return report, narthex.Refusedf("No signature in this file is by the key that you brought as %s: somebody else signed, or it is the wrong key.", name)
		}
	}
	return report, inOrder(bundle.Agreement, report.Signatures)
}

// signers lists everyone whose signature the file holds, on the agreement or beforehand.
func (r Report) signers() []Signed {
	if r.Authorised == nil {
		return r.Signatures
	}
	return append(slices.Clone(r.Signatures), *r.Authorised)
}

// whole says whether a document is an agreement of this format, between a researcher and a lab at least, each party once.
func whole(a narthex.Agreement) error {
	var roles []narthex.PartyRole
	for _, party := range a.Parties {
		if slices.Contains(roles, party.Role) || !slices.Contains(narthex.PartyRoles(), party.Role) || party.Authorised != nil && (party.Role != narthex.PartyInstitution || len(party.Signers) > 0) {
			return narthex.Refusedf("The agreement in the file names a party twice, one that there is not, or one that signs and agreed beforehand; ask the other side for their copy.")
		}
		roles = append(roles, party.Role)
	}
	for i, party := range a.SigningOrder {
		if !slices.Contains(roles, party) || slices.Contains(a.SigningOrder[:i], party) {
			return narthex.Refusedf("The agreement in the file is signed in an order that names a party twice, or one that it has not; ask the other side for their copy.")
		}
	}
	if a.Format != format || a.Origin == "" || len(a.Terms) == 0 || !slices.Contains(roles, narthex.PartyResearcher) || !slices.Contains(roles, narthex.PartyLab) {
		return narthex.Refusedf("The file holds no agreement that this version knows: it needs the format %q, a ledger's name, terms, a researcher and a lab.", format)
	}
	return nil
}

// inOrder holds signatures to the order that the agreement sets, as the file lists and times them.
func inOrder(a narthex.Agreement, signed []Signed) error {
	order := slices.DeleteFunc(slices.Clone(a.SigningOrder), func(role narthex.PartyRole) bool {
		return slices.ContainsFunc(a.Parties, func(p narthex.Party) bool { return p.Role == role && p.Authorised != nil })
	})
	for i := range signed {
		if i > 0 && signed[i].At.Before(signed[i-1].At) {
			return narthex.Refusedf("The signatures in the file do not stand in the order of their times; ask the other side for their copy.")
		}
		if i < len(order) && signed[i].Party != order[i] {
			return narthex.Refusedf("The agreement is signed in the order %s, and in this file the %s signed out of turn.", joined(order, ", "), signed[i].Party)
		}
		if signed[i].Party == narthex.PartyLab && a.Signing().LabLast && i < len(signed)-1 {
			return narthex.Refusedf("The agreement says that the lab signs last, and in this file the lab signed before the %s.", signed[i+1].Party)
		}
	}
	return nil
}

// accepts holds an outside document to what the agreement says of one.
func accepts(a narthex.Agreement, outside *narthex.OutsideDocument) error {
	switch asked := a.Signing().Outside; {
	case outside == nil && asked == narthex.OutsideRequired:
		return narthex.Refusedf("The agreement is signed together with an outside document, and the file names none; ask the other side for their copy.")
	case outside != nil && asked == "":
		return narthex.Refusedf("The file names an outside document, and the agreement accepts none; ask the other side for their copy.")
	case outside == nil:
		return nil
	}
	if _, err := narthex.ParseDigest(string(outside.Digest)); err != nil || outside.Size <= 0 {
		return narthex.Refusedf("The outside document that the file names has no digest or no size; ask the other side for their copy.").Because(err)
	}
	return nil
}

func checkSignature(a narthex.Agreement, digest narthex.Digest, outside *narthex.OutsideDocument, s narthex.SignedBy, keys map[string]Verifier) (Signed, error) {
	signer, named := partySigner(a, s)
	if !named {
		return Signed{}, narthex.Refusedf("A signature is by someone, or with a key, that the agreement does not name for that party.")
	}
	if s.Digest != digest || s.At.IsZero() {
		return Signed{}, narthex.Refusedf("The signature for the %s names another digest than this agreement's, or no time.", s.Party)
	}
	if on := outside; on == nil && s.Outside != "" || on != nil && s.Outside != on.Digest {
		return Signed{}, narthex.Refusedf("The signature for the %s is on another outside document than the one that is bound to the agreement.", s.Party)
	}
	if a.Signing().Stamped && s.Stamp == "" {
		return Signed{}, narthex.Refusedf("The agreement asks for a time stamp with each signature, and the one for the %s has none.", s.Party)
	}
	return verified(s, signer.Name, a.Origin, keys)
}

// verified checks a signature's envelope on its digest with the key that it states, and says whose the key is.
func verified(s narthex.SignedBy, name, origin string, keys map[string]Verifier) (Signed, error) {
	stated, err := ParseVerifier(s.PublicKey)
	if err != nil || stated.Fingerprint() != s.Signer {
		return Signed{}, narthex.Refusedf("The signature for the %s names a key that the file does not hold.", s.Party)
	}
	out := Signed{Party: s.Party, By: s.By, Name: name, Key: s.Signer, At: s.At, Stated: true}
	for _, name := range slices.Sorted(maps.Keys(keys)) {
		if keys[name].Fingerprint() == s.Signer {
			out.Known, out.Stated = name, false
			break
		}
	}
	return out, VerifyEnvelope(s.Envelope, stated, NewStatement(s.Digest, s.Party, s.By, origin).With(s.Outside))
}

// partySigner gives whom the cover names, with that key, for the party that a signature is for.
func partySigner(a narthex.Agreement, s narthex.SignedBy) (narthex.PartySigner, bool) {
	for _, party := range a.Parties {
		for _, signer := range party.Signers {
			if party.Role == s.Party && signer.Person == s.By && signer.Fingerprint == s.Signer {
				return signer, true
			}
		}
	}
	return narthex.PartySigner{}, false
}
