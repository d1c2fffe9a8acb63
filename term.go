package narthex

import "slices"

// Term is an attribute on an asset with its limits, and the clause of the agreement that it is. The zero Term covers nothing.
type Term struct {
	Attribute AttributeName       `json:"attribute"`
	Asset     AssetName           `json:"asset"`
	Clause    string              `json:"clause,omitempty"` // such as 2.3; empty until the agreement is rendered
	Limits    map[LimitName]Value `json:"limits"`
}

// Covers says whether the term is about that attribute on that asset.
func (t Term) Covers(attribute AttributeName, asset AssetName) bool {
	return t.Attribute != "" && t.Asset != "" && t.Attribute == attribute && t.Asset == asset
}

// FindTerm gives the term about that attribute on that asset. There is at most one in a checked list.
func FindTerm(terms []Term, attribute AttributeName, asset AssetName) (Term, bool) {
	at := slices.IndexFunc(terms, func(t Term) bool { return t.Covers(attribute, asset) })
	if at < 0 {
		return Term{}, false
	}
	return terms[at], true
}

// CheckTerms says whether every term is one the taxonomy knows, with limits of the right form, and no two are about the
// same attribute and asset. The error names the term and the limit.
func CheckTerms(taxonomy *Taxonomy, terms []Term) error {
	for i, term := range terms {
		if _, known := taxonomy.Attribute(term.Attribute); !known {
			return Invalidf("term %d names an attribute that the taxonomy does not have; `narthex pathways` lists what is offered", i+1).For("terms")
		}
		if err := CheckName("an asset's name", string(term.Asset)); err != nil {
			return err
		}
		if _, twice := FindTerm(terms[:i], term.Attribute, term.Asset); twice {
			return Invalidf("two terms give %s on %s; write one", term.Attribute, term.Asset).For("terms")
		}
		for name, value := range term.Limits {
			if err := checkLimit(taxonomy, term, name, value); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkLimit(taxonomy *Taxonomy, term Term, name LimitName, value Value) error {
	spec, known := taxonomy.Limit(term.Attribute, name)
	if !known {
		return Invalidf("the term on %s has a limit that this attribute does not know", term.Attribute).For("terms")
	}
	if value.Form != spec.Kind.Form() {
		return Invalidf("limit %s of %s takes a %s", name, term.Attribute, spec.Kind.Form()).For("terms")
	}
	if err := value.Check(); err != nil {
		return err
	}
	if (spec.Kind == BudgetKind || spec.Kind == Rate) && (value.Number < 0 || value.Number != float64(int64(value.Number))) {
		return Invalidf("limit %s of %s takes a whole number that is not negative", name, term.Attribute).For("terms")
	}
	if spec.Kind == Set && len(spec.Values) > 0 {
		for _, v := range value.Names {
			if !slices.Contains(spec.Values, v) {
				return Invalidf("limit %s of %s takes values of a closed set only", name, term.Attribute).For("terms")
			}
		}
	}
	return nil
}

// Reason is why a decision came out as it did: the clause that made it and, for a limit, what was allowed and asked.
type Reason struct {
	Code      string        `json:"code"` // such as limit_exceeded, not_granted, guardrail
	Attribute AttributeName `json:"attribute,omitempty"`
	Asset     AssetName     `json:"asset,omitempty"`
	Clause    string        `json:"clause,omitempty"` // number@digest of the agreement
	Limit     LimitName     `json:"limit,omitempty"`
	Allowed   string        `json:"allowed,omitempty"`
	Asked     string        `json:"asked,omitempty"`
	Lock      LockID        `json:"lock,omitempty"`   // that stops it
	Reason    LockReason    `json:"reason,omitempty"` // of the lock
	Says      string        `json:"says"`             // a sentence for people, of our words only
}
