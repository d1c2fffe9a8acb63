package workflow

import (
	"slices"
	"strings"

	"narthex"
)

// signingOf gives how the agreement asks to be signed.
func signingOf(e narthex.Engagement) narthex.Signing {
	if e.Signing == nil {
		return narthex.Signing{}
	}
	return *e.Signing
}

// OutsideOf gives the digest of the outside document that is bound to the agreement, or none.
func OutsideOf(e narthex.Engagement) narthex.Digest {
	if e.Outside == nil {
		return ""
	}
	return e.Outside.Digest
}

// SignsItself says whether the institution signs an agreement also where it authorised the applicant beforehand.
func SignsItself(s narthex.Signing) bool { return s.Stamped || s.Outside != "" }

// WantsOutside says whether nobody signs yet, for an outside document is required and is not there.
func WantsOutside(e narthex.Engagement) bool {
	return e.State == narthex.Offered && signingOf(e).Outside == narthex.OutsideRequired && e.Outside == nil
}

// MayBind says whether a person may bind an outside document to the agreement as it stands.
func MayBind(e narthex.Engagement, p narthex.Person) bool {
	return Open(e, Bind, p) == nil && counsels(e, p) && signingOf(e).Outside != ""
}

// counsels says whether a person reviews an engagement for legal and does not run the programme.
func counsels(e narthex.Engagement, p narthex.Person) bool {
	return p.Has(narthex.Legal) && asks(e.Application, narthex.Legal) && !p.Has(narthex.Programme)
}

// binds says whether an outside document can be bound to the agreement. Signatures before it fall, for they are not on it.
func binds(e narthex.Engagement, draft Event) *narthex.Error {
	switch d := draft.Outside; {
	case signingOf(e).Outside == "":
		return narthex.Refusedf("This agreement accepts no document from outside: its pathway's clause %s does not say so.", narthex.SignatureClause)
	case draft.Saw == "" || draft.Saw != e.Agreement:
		return narthex.Conflictf("The document is not for the agreement as it stands. Read it again: `narthex agreement show`.").For("saw")
	case d == nil:
		return narthex.Invalidf("Bring a PDF that was signed elsewhere: `narthex agreement outside`.").For("outside")
	case d.Size <= 0 || d.Size > narthex.MostElsewhere || d.Kept && d.Size > narthex.MostOutside:
		return narthex.Invalidf("An outside document has at least one byte and at most %d.", narthex.MostOutside).For("outside.size")
	case d.Digest == OutsideOf(e):
		return narthex.Conflictf("That document is bound to the agreement already; nothing more is needed.").For("outside.digest")
	default:
		if _, err := narthex.ParseDigest(string(d.Digest)); err != nil {
			return narthex.Invalidf("An outside document has the SHA-256 of its bytes, as sha256: and 64 hexadecimal digits.").For("outside.digest")
		}
	}
	return nil
}

// inTurn says whether a signature is given in its turn and in the way that the agreement asks for.
func inTurn(e narthex.Engagement, s narthex.SignedBy) *narthex.Error {
	turn := Turn(e)
	switch {
	case WantsOutside(e):
		return narthex.Conflictf("The agreement is signed together with an outside document, which someone who reviews it for legal has yet to bring. Sign when it is there.").For("outside")
	case s.Outside != OutsideOf(e):
		return narthex.Conflictf("The signature is not on the outside document that is bound to the agreement, or on one where none is. Look at the agreement again, and sign both digests.").For("outside")
	case !slices.Contains(turn, s.Party):
		var names []string
		for _, party := range turn {
			names = append(names, string(party))
		}
		return narthex.Conflictf("The agreement sets an order of signing, and it is the turn of the %s. Sign when that is done.", strings.Join(names, " and the ")).For("party")
	case signingOf(e).Stamped && s.Stamp == "":
		return narthex.Refusedf("The agreement asks for a time stamp with each signature, and this one has none. Ask the operators for an authority that stamps, and sign again.").For("signature")
	}
	return nil
}
