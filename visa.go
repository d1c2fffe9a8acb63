package narthex

import (
	"crypto/sha256"
	"slices"
	"time"
)

// VisaHeld is the kind of a condition that rests on a visa of somebody else's, of a type that has a name. It is recorded of nobody: a
// person gives the visa, and its issuer's signature is what counts.
const VisaHeld StandingKind = "visa"

// ConditionKinds lists everything that a grant can rest on.
func ConditionKinds() []StandingKind { return append(StandingKinds(), VisaHeld) }

// VisaAuthorities lists who can have asserted what a visa says, as GA4GH names them. A visa that names none fails where a
// condition asks for one.
func VisaAuthorities() []string { return []string{"self", "peer", "system", "so", "dac"} }

// Visa is what counts of a visa that a person gave: its signed text was checked when they did, and is not kept. What it says of
// the person stands in it as digests.
type Visa struct {
	Digest   Digest    `json:"digest"` // of the signed text
	Issuer   string    `json:"issuer"` // as the lab's directory names it
	Key      string    `json:"key"`    // the thumbprint of the issuer's key that signed it
	Type     string    `json:"type"`
	Value    Digest    `json:"value"`
	Source   Digest    `json:"source"`
	By       string    `json:"by,omitempty"`
	Asserted time.Time `json:"asserted"`
	Until    time.Time `json:"until"`
}

// Identity is that a person is the subject of an issuer's visas. The subject stands as its digest.
type Identity struct {
	Issuer  string `json:"issuer"`
	Subject Digest `json:"subject"`
}

// Visas is what is known of a person's visas.
type Visas struct {
	Identities []Identity `json:"identities"`
	Visas      []Visa     `json:"visas"`
}

// VisaAct is one thing that is done about a person's visas. It is what an entry says of it.
type VisaAct string

const (
	// VisaLinked is that the person is known to an issuer by a subject.
	VisaLinked VisaAct = "linked"
	// VisaUnlinked ends that, and with it every visa of that issuer.
	VisaUnlinked VisaAct = "unlinked"
	// VisaAdded is a visa that was given and holds.
	VisaAdded VisaAct = "added"
	// VisaRemoved ends one.
	VisaRemoved VisaAct = "removed"
	// VisaIssued is one of ours, for a grant of the person. It changes nothing here.
	VisaIssued VisaAct = "issued"
)

// VisaDeed is an act with what it is about: an identity, a visa, or the digest of one with its grant.
type VisaDeed struct {
	Act      VisaAct   `json:"act"`
	Identity *Identity `json:"identity,omitempty"`
	Visa     *Visa     `json:"visa,omitempty"`
	Digest   Digest    `json:"digest,omitempty"`
	Grant    GrantID   `json:"grant,omitempty"`
	Until    time.Time `json:"until,omitzero"`
	By       PersonID  `json:"by"`
}

// DigestText gives the digest under which a text stands that is not kept.
func DigestText(text string) Digest { return MakeDigest(sha256.Sum256([]byte(text))) }

// After gives a person's visas after a deed at t. It leaves the old ones as they were. Visas that are over fall.
func (d VisaDeed) After(v Visas, t time.Time) Visas {
	next := Visas{slices.Clone(v.Identities), slices.DeleteFunc(slices.Clone(v.Visas), func(v Visa) bool { return !t.Before(v.Until) })}
	switch {
	case d.Act == VisaLinked && d.Identity != nil:
		next.Identities = append(next.Identities, *d.Identity)
	case d.Act == VisaUnlinked && d.Identity != nil:
		next.Identities = slices.DeleteFunc(next.Identities, func(i Identity) bool { return i == *d.Identity })
		next.Visas = slices.DeleteFunc(next.Visas, func(v Visa) bool { return v.Issuer == d.Identity.Issuer })
	case d.Act == VisaAdded && d.Visa != nil:
		next.Visas = append(slices.DeleteFunc(next.Visas, func(v Visa) bool { return v.Digest == d.Visa.Digest }), *d.Visa)
	case d.Act == VisaRemoved:
		next.Visas = slices.DeleteFunc(next.Visas, func(v Visa) bool { return v.Digest == d.Digest })
	}
	return next
}

// Fits says whether a visa is one that the condition asks for: of its type and value, and of its source and authority where it
// names them. That it is in time and its issuer's key stands are other questions.
func (c Condition) Fits(v Visa) bool {
	return c.Kind == VisaHeld && c.Name != "" && c.Value != "" && v.Type == c.Name && v.Value == DigestText(c.Value) &&
		(c.Source == "" || v.Source == DigestText(c.Source)) && (c.By == "" || v.By == c.By)
}

// End gives when a visa's hold on a condition of so many days ends, and whether it holds at t.
func (v Visa) End(days int, t time.Time) (time.Time, bool) {
	end := v.Until
	if most := v.Asserted.AddDate(0, 0, days); most.Before(end) {
		end = most
	}
	return end, !v.Asserted.IsZero() && !t.Before(v.Asserted) && t.Before(end)
}

// VisaKey names an issuer's key, as the directory trusts it.
func VisaKey(issuer, thumbprint string) string { return issuer + "#" + thumbprint }
