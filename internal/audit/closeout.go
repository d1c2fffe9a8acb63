package audit

import (
	"slices"

	"narthex"
	"narthex/internal/agreement"
	"narthex/internal/store"
	"narthex/internal/workflow"
)

// certified holds a certificate of destruction to its giver's signing key, in force when it was handed in.
func (s *step) certified(event workflow.Event) {
	c := event.Certificate
	if c == nil {
		return
	}
	key, err := agreement.ParseVerifier(c.Signature.PublicKey)
	if err == nil {
		err = agreement.VerifyCertificate(*c, key, s.Origin)
	}
	enrolled, known := s.Signers[c.Signature.Signer]
	inForce := known && enrolled.Person == event.By && enrolled.Ended.IsZero() || !known && s.absentSince(0)
	if err != nil || key.Fingerprint() != c.Signature.Signer || !inForce || !c.Signature.At.Equal(s.at) {
		s.impossible(store.Signers, c.Signature.Signer, "a certificate of destruction that does not verify by a signing key of that person in force")
	}
}

// asAgreed says whether an engagement owes what its agreement asks, until when that says.
func asAgreed(e *narthex.Engagement, a *narthex.Agreement) bool {
	same := func(x, y narthex.Owed) bool {
		from := x.From.Equal(y.From)
		x.From = y.From
		return from && x == y
	}
	return slices.EqualFunc(e.Owed, workflow.OwedUnder(*a), same) && e.Until.Equal(a.NotAfter)
}
