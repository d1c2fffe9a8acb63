package policy

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"narthex"
)

// check is one decision in the making.
type check struct {
	engine      *Engine
	q           *Question
	denials     []narthex.Reason
	reasons     []narthex.Reason
	obligations []Obligation
	amounts     []amount
	caps        []budgetCap
	until       time.Time
}

// budgetCap is what is left of a budget that the call would take from.
type budgetCap struct {
	layer *Layer
	term  *narthex.Term
	spec  narthex.LimitSpec
	left  int64
}

// layer looks for every use in a layer's terms.
func (c *check) layer(l *Layer) {
	if c.q.Now.Before(l.NotBefore) {
		c.deny(narthex.Reason{Code: "not_yet", Allowed: stamp(l.NotBefore), Asked: stamp(c.q.Now), Says: "This is not in force before " + stamp(l.NotBefore) + "."})
	}
	if !c.q.Now.Before(l.NotAfter) {
		c.deny(narthex.Reason{Code: "expired", Allowed: stamp(l.NotAfter), Asked: stamp(c.q.Now), Says: "This ended at " + stamp(l.NotAfter) + "; ask for a renewal."})
	}
	c.end(l.NotAfter)
	for i := range c.q.Uses {
		c.use(l, &c.q.Uses[i])
	}
}

// end notes when one of the rights in use ends.
func (c *check) end(at time.Time) {
	if c.until.IsZero() || at.Before(c.until) {
		c.until = at
	}
}

func (c *check) use(l *Layer, use *narthex.Use) {
	attribute, known := c.engine.taxonomy.Attribute(use.Attribute)
	if !known {
		c.deny(narthex.Reason{Code: "unknown", Says: "The call needs something that the taxonomy does not have."})
		return
	}
	at := slices.IndexFunc(l.Terms, func(t narthex.Term) bool { return t.Covers(use.Attribute, c.q.Asset.Name) })
	if at < 0 {
		c.deny(narthex.Reason{Code: "not_granted", Attribute: use.Attribute, Asset: c.q.Asset.Name, Clause: atDigest(narthex.ClauseOfTerms, l.Agreement),
			Says: fmt.Sprintf("The agreement does not give %s (%s) on %s. Ask for an amendment that adds it.", use.Attribute, attribute.Says, c.q.Asset.Name)})
		return
	}
	term := &l.Terms[at]
	if reason, short := c.approvals(l, term, attribute); short {
		c.deny(reason)
	}
	for _, needed := range attribute.Needs {
		if _, held := narthex.FindTerm(l.Terms, needed, c.q.Asset.Name); !held {
			c.deny(c.reason(l, term, "needs", "", fmt.Sprintf("%s is of use only together with %s, which the agreement does not give on %s.", use.Attribute, needed, c.q.Asset.Name)))
		}
	}
	c.limits(l, term, attribute, use)
	if l == &c.q.Layers[0] {
		c.reasons = append(c.reasons, c.reason(l, term, "granted", "", fmt.Sprintf("Clause %s gives %s on %s.", term.Clause, use.Attribute, c.q.Asset.Name)))
	}
}

// approvals says whether fewer people approved than the attribute takes.
func (c *check) approvals(l *Layer, term *narthex.Term, attribute narthex.Attribute) (narthex.Reason, bool) {
	if l.Approvals >= attribute.Quorum() {
		return narthex.Reason{}, false
	}
	r := c.reason(l, term, "approvals", "", fmt.Sprintf("%s takes the approval of %d people, and %d gave theirs. Apply anew.", attribute.Name, attribute.Quorum(), l.Approvals))
	r.Allowed, r.Asked = strconv.Itoa(attribute.Quorum()), strconv.Itoa(l.Approvals)
	return r, true
}

// exclusions holds over all grants in force on the asset.
func (c *check) exclusions() {
	held := append(slices.Clone(c.q.Others), c.q.Layers[0].Terms...)
	for _, use := range c.q.Uses {
		for _, other := range held {
			if other.Asset == c.q.Asset.Name && c.engine.taxonomy.Exclude(use.Attribute, other.Attribute) {
				c.deny(narthex.Reason{Code: "excluded", Attribute: use.Attribute, Asset: c.q.Asset.Name, Clause: atDigest(other.Clause, c.q.Layers[0].Agreement),
					Says: fmt.Sprintf("%s and %s may not be held together on %s, by one person or one organisation. End the grant that gives the other first.", use.Attribute, other.Attribute, c.q.Asset.Name)})
			}
		}
	}
}

// clamp finds how much of each demand every budget has left.
func (c *check) clamp() {
	for _, demand := range c.q.Demands {
		if demand.Least < 0 || demand.Most < demand.Least || demand.Step < 0 {
			c.deny(narthex.Reason{Code: "unknown", Says: "What the call would cost cannot be told, so it is not served."})
			return
		}
		n := demand.Most
		var tightest *budgetCap
		for i := range c.caps {
			if budget := &c.caps[i]; unitOf(budget.spec) == demand.Unit && budget.left < n {
				n, tightest = budget.left, budget
			}
		}
		if n < demand.Least {
			c.deny(c.exhausted(tightest, demand))
			continue
		}
		if demand.Step > 1 {
			n = demand.Least + (n-demand.Least)/demand.Step*demand.Step
		}
		c.amounts = append(c.amounts, amount{demand.Unit, n})
	}
}

func (c *check) exhausted(b *budgetCap, demand narthex.Demand) narthex.Reason {
	says := fmt.Sprintf("Clause %s has %d %s left in its budget %q; this call could take %d.", b.term.Clause, b.left, demand.Unit, b.spec.Name, demand.Least)
	switch {
	case b.left == 0 && b.spec.Per != "":
		says += " Nothing is left for today; it starts anew at midnight UTC."
	case b.left == 0:
		says += " The budget is spent; ask for an amendment."
	default:
		says += " Ask for less, or for an amendment."
	}
	r := c.reason(b.layer, b.term, "budget_exhausted", b.spec.Name, says)
	r.Allowed, r.Asked = strconv.FormatInt(b.left, 10), strconv.FormatInt(demand.Least, 10)
	return r
}

func (c *check) deny(reason narthex.Reason) { c.denials = append(c.denials, reason) }

func (c *check) reason(l *Layer, term *narthex.Term, code string, limit narthex.LimitName, says string) narthex.Reason {
	return narthex.Reason{Code: code, Attribute: term.Attribute, Asset: term.Asset, Clause: atDigest(term.Clause, l.Agreement), Limit: limit, Says: says}
}

// atDigest names a clause so that nobody can mean another agreement's.
func atDigest(clause string, agreement narthex.Digest) string {
	return clause + "@" + string(agreement)
}

// CheckApprovals gives what is wrong with granting the terms on the approvals of so many people. It holds at signing; Decide
// holds it at each call.
func CheckApprovals(taxonomy *narthex.Taxonomy, terms []narthex.Term, people int) []narthex.Reason {
	var wrong []narthex.Reason
	for _, term := range terms {
		if attribute, known := taxonomy.Attribute(term.Attribute); !known || people < attribute.Quorum() {
			wrong = append(wrong, narthex.Reason{Code: "approvals", Attribute: term.Attribute, Asset: term.Asset,
				Says: fmt.Sprintf("%s takes the approval of %d people, and %d gave theirs. The applicant withdraws and applies anew.", term.Attribute, attribute.Quorum(), people)})
		}
	}
	return wrong
}

// CheckTogether gives what is wrong with holding the terms together with others on the same assets: needs that are not met
// and exclusions. It holds at submission and at signing; Decide holds it at each call.
func CheckTogether(taxonomy *narthex.Taxonomy, terms, others []narthex.Term) []narthex.Reason {
	var wrong []narthex.Reason
	for i, term := range terms {
		attribute, known := taxonomy.Attribute(term.Attribute)
		if !known {
			wrong = append(wrong, narthex.Reason{Code: "unknown", Says: "A term names an attribute that the taxonomy does not have."})
			continue
		}
		for _, needed := range attribute.Needs {
			if _, held := narthex.FindTerm(terms, needed, term.Asset); !held {
				wrong = append(wrong, narthex.Reason{Code: "needs", Attribute: term.Attribute, Asset: term.Asset, Says: fmt.Sprintf("%s on %s needs %s too.", term.Attribute, term.Asset, needed)})
			}
		}
		for _, other := range append(slices.Clone(terms[i+1:]), others...) {
			if other.Asset == term.Asset && taxonomy.Exclude(term.Attribute, other.Attribute) {
				wrong = append(wrong, narthex.Reason{Code: "excluded", Attribute: term.Attribute, Asset: term.Asset,
					Says: fmt.Sprintf("%s and %s may not be held together on %s, by one person or one organisation.", term.Attribute, other.Attribute, term.Asset)})
			}
		}
	}
	return wrong
}
