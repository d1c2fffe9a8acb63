// Package policy decides what one call may do.
//
// It is for the gateway, and for anyone who wants to decide a recorded call again: the terms of a grant, the lab's
// guardrails and the facts of the call go in, a [Decision] comes out, with the clause behind every yes and every no.
//
// It promises that the zero Decision denies; that any error in deciding denies; that a guardrail added or a term removed
// never allows more; that what is unknown (an attribute, a limit, a fact, a unit) is refused. It is pure: it does no I/O,
// reads no clock, and the same question has the same answer.
//
// It trusts the taxonomy, the terms as signed and the guardrails as approved. It trusts no fact that a caller could supply
// under the name of one that the gateway computes: the two are apart in [Question]. Read next: limits.go for the one table of
// limit kinds, guardrails.go for Cedar, account.go for budgets.
package policy

import (
	"errors"
	"net/netip"
	"slices"
	"sort"
	"time"

	"narthex"
)

// Principal is who calls, as the gateway knows them.
type Principal struct {
	Person  narthex.PersonID
	Org     narthex.OrgID
	Actor   narthex.ActorKind
	Region  string     // where the person works; "" when unknown
	Address netip.Addr // where the call comes from
}

// Layer is a holder's terms: the grant's first, then the key's narrower ones where it has any. Every layer must allow.
type Layer struct {
	Holder    string // the grant's or the key's identifier
	Agreement narthex.Digest
	Terms     []narthex.Term
	Approvals int       // how many people approved what the terms were granted by
	NotBefore time.Time // half-open interval
	NotAfter  time.Time
	Account   Account

	// Recertified is when it was last confirmed, after NotBefore, that purpose and people are still so; zero where it never was.
	Recertified time.Time
}

// Question is everything that a decision rests on.
type Question struct {
	Principal Principal
	Asset     narthex.Asset
	Version   narthex.VersionName
	Against   narthex.VersionName // a second version that the call is about too; empty for none
	Uses      []narthex.Use       // what the call asks
	Demands   []narthex.Demand    // what it would take
	Layers    []Layer
	Others    []narthex.Term // on this asset, of all other grants in force of the person or their organisation: those that Excluded gives
	Carried   Account        // of the asset: what all calls under all grants took of its lifetime_bytes
	Now       time.Time
}

// Engine decides by one taxonomy and one set of guardrails. The zero Engine denies.
type Engine struct {
	taxonomy   *narthex.Taxonomy
	guardrails *Guardrails
	excluded   map[narthex.AttributeName][]narthex.AttributeName // what may not be held together with each that excludes any
}

// NewEngine makes an engine. A lab without guardrails says so with an empty set, not with nil.
func NewEngine(taxonomy *narthex.Taxonomy, guardrails *Guardrails) (*Engine, error) {
	if taxonomy == nil || guardrails == nil {
		return nil, errors.New("make engine: a taxonomy and guardrails must be given")
	}
	excluded := map[narthex.AttributeName][]narthex.AttributeName{}
	for name := range taxonomy.Attributes {
		if others := taxonomy.Excluded(name); len(others) > 0 {
			excluded[name] = others
		}
	}
	return &Engine{taxonomy, guardrails, excluded}, nil
}

// Excluded gives the attributes on which the decision on uses hangs where the person or their organisation holds them under another
// grant: Others of a Question may leave out all other terms.
func (e *Engine) Excluded(uses []narthex.Use) []narthex.AttributeName {
	var found []narthex.AttributeName
	for _, use := range uses {
		found = append(found, e.excluded[use.Attribute]...)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

type effect uint8

const (
	deny effect = iota
	allow
)

// Obligation is a bound that whoever serves the call must hold the answer to.
type Obligation struct {
	Attribute narthex.AttributeName `json:"attribute"`
	Limit     narthex.LimitName     `json:"limit"`
	Value     narthex.Value         `json:"value"`
}

// Decision is what the engine says of one call. Only this package can make one that allows.
type Decision struct {
	effect      effect
	Reasons     []narthex.Reason // of an allowance one a use; of a denial every one, the weightiest first
	Obligations []Obligation
	until       time.Time
	amounts     []amount
	kind        narthex.Kind
	of          subject
}

// subject is what a decision is of. It is of nothing else, and of no other time.
type subject struct {
	principal Principal
	holder    string
	asset     narthex.AssetName
	version   narthex.VersionName
	uses      []narthex.Use
	now       time.Time
}

func subjectOf(q *Question) subject {
	return subject{q.Principal, q.Layers[0].Holder, q.Asset.Name, q.Version, q.Uses, q.Now}
}

func (s subject) is(t subject) bool {
	return s.principal == t.principal && s.holder == t.holder && s.asset == t.asset && s.version == t.version && s.now.Equal(t.now) &&
		slices.EqualFunc(s.uses, t.uses, func(a, b narthex.Use) bool {
			return a.Attribute == b.Attribute && slices.EqualFunc(a.Facts, b.Facts, func(f, g narthex.Fact) bool { return f.Limit == g.Limit && f.Value.Equal(g.Value) })
		})
}

type amount struct {
	unit narthex.Unit
	n    int64
}

// Allowed says whether the call may be served.
func (d Decision) Allowed() bool { return d.effect == allow && len(d.Reasons) > 0 }

// Amount is how much of a unit the call may take, between its demand's Least and Most.
func (d Decision) Amount(unit narthex.Unit) int64 {
	return amountOf(d.amounts, unit)
}

func amountOf(amounts []amount, unit narthex.Unit) int64 {
	for _, a := range amounts {
		if a.unit == unit {
			return a.n
		}
	}
	return 0
}

// Until is when the first of the rights that the decision rests on ends; a call is not served beyond it. A denial's is the zero
// time.
func (d Decision) Until() time.Time { return d.until }

// Number gives the smallest value that any layer sets for a numeric limit of an attribute in use.
func (d Decision) Number(attribute narthex.AttributeName, limit narthex.LimitName) (float64, bool) {
	found, value := false, 0.0
	for _, o := range d.Obligations {
		if o.Attribute == attribute && o.Limit == limit && o.Value.Form == narthex.FormNumber && (!found || o.Value.Number < value) {
			found, value = true, o.Value.Number
		}
	}
	return value, found
}

// Error gives the denial as the caller sees it, or nil for an allowance.
func (d Decision) Error() *narthex.Error {
	if d.Allowed() {
		return nil
	}
	if len(d.Reasons) == 0 {
		return &narthex.Error{Kind: narthex.Refused, Code: "denied", Public: "Nothing allows this call."}
	}
	reason := d.Reasons[0]
	return &narthex.Error{Kind: d.kind, Code: reason.Code, Public: reason.Says, Reason: &reason}
}

// Decide gives the decision on a question.
func (e *Engine) Decide(q Question) Decision {
	if e == nil || e.taxonomy == nil || e.guardrails == nil {
		return denied(narthex.Reason{Code: "no_rules", Says: "No rules are in force, so nothing is allowed."})
	}
	if len(q.Layers) == 0 || len(q.Uses) == 0 || q.Asset.Name == "" {
		return denied(narthex.Reason{Code: "nothing_asked", Says: "The call names nothing that could be allowed."})
	}
	c := &check{engine: e, q: &q}
	for i := range q.Layers {
		c.layer(&q.Layers[i])
	}
	c.exclusions()
	c.clamp()
	if len(c.denials) == 0 {
		c.denials = append(c.denials, e.guardrails.forbid(&q, c.amounts)...)
	}
	if len(c.denials) == 0 { // last, for what others took is told to those alone who pay for a call that fits
		c.lifetime()
	}
	if len(c.denials) > 0 {
		return c.denial()
	}
	return Decision{effect: allow, Reasons: c.reasons, Obligations: c.obligations, until: c.until, amounts: c.amounts, of: subjectOf(&q)}
}

func denied(reasons ...narthex.Reason) Decision {
	return Decision{Reasons: reasons, kind: kindOf(reasons[0].Code)}
}

// weights order denials: what is not held at all comes before how much of it.
var weights = []string{"not_yet", "expired", "not_granted", "approvals", "needs", "excluded", "unknown", "limit_exceeded", "guardrail_error", "guardrail", "rate_exceeded", "too_many_at_once", "budget_exhausted", "lifetime_exhausted"}

func (c *check) denial() Decision {
	sort.SliceStable(c.denials, func(a, b int) bool {
		return slices.Index(weights, c.denials[a].Code) < slices.Index(weights, c.denials[b].Code)
	})
	return denied(c.denials...)
}

func kindOf(code string) narthex.Kind {
	switch code {
	case "budget_exhausted", "lifetime_exhausted", "rate_exceeded", "too_many_at_once":
		return narthex.Exhausted
	}
	return narthex.Refused
}
