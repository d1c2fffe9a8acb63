package policy

import (
	"fmt"
	"net/netip"
	"slices"

	"narthex"
)

// Facts is what a decision took from the request and its caller beside the uses and the terms: with it the ledger can be
// asked to decide again. It holds no content, and an address only where a term asks for one.
type Facts struct {
	Person  narthex.PersonID  `json:"person"`
	Org     narthex.OrgID     `json:"org,omitempty"`
	Actor   narthex.ActorKind `json:"actor"`
	Region  string            `json:"region,omitempty"`
	Address string            `json:"address,omitempty"`
	Demands []narthex.Demand  `json:"demands"`
	// Against is the second version that the call is about, where there is one.
	Against narthex.VersionName `json:"against,omitempty"`
	// Unread says that what the call asked could not be read, so that it was denied before any term was looked at.
	Unread bool `json:"unread,omitempty"`
}

// FactsOf gives the facts of a question.
func FactsOf(q Question) Facts {
	p := q.Principal
	f := Facts{Person: p.Person, Org: p.Org, Actor: p.Actor, Region: p.Region, Demands: append([]narthex.Demand{}, q.Demands...), Against: q.Against}
	if slices.ContainsFunc(q.Layers, asksForAddress) && p.Address.IsValid() {
		f.Address = p.Address.String()
	}
	return f
}

func asksForAddress(l Layer) bool {
	return slices.ContainsFunc(l.Terms, func(t narthex.Term) bool { _, asked := t.Limits["networks"]; return asked })
}

// Principal gives the principal that the facts tell of.
func (f Facts) Principal() (Principal, error) {
	p := Principal{Person: f.Person, Org: f.Org, Actor: f.Actor, Region: f.Region}
	if f.Address == "" {
		return p, nil
	}
	address, err := netip.ParseAddr(f.Address)
	if err != nil {
		return p, fmt.Errorf("read facts: %w", err)
	}
	p.Address = address
	return p, nil
}
