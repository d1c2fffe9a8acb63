package policy

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"narthex"
)

// rule holds one fact to one limit of one kind. It says whether the fact is within it; an error denies.
type rule func(allowed narthex.Value, asked narthex.Value) (bool, error)

// kinds is the one table of how each kind of limit bounds a fact. Budgets and rates bound what was used, not a fact: see
// spend in this file and account.go.
var kinds = map[narthex.LimitKind]rule{
	narthex.Max:     func(allowed, asked narthex.Value) (bool, error) { return asked.Number <= allowed.Number, nil },
	narthex.Min:     func(allowed, asked narthex.Value) (bool, error) { return asked.Number >= allowed.Number, nil },
	narthex.Set:     within,
	narthex.List:    within,
	narthex.Flag:    func(allowed, asked narthex.Value) (bool, error) { return allowed.Flag || !asked.Flag, nil },
	narthex.Instant: func(allowed, asked narthex.Value) (bool, error) { return asked.Time.Before(allowed.Time), nil },
}

// within holds when every name asked is among those allowed; asking for none is asking for nothing that is allowed.
func within(allowed, asked narthex.Value) (bool, error) {
	if len(asked.Names) == 0 {
		return false, nil
	}
	for _, name := range asked.Names {
		if !slices.Contains(allowed.Names, name) {
			return false, nil
		}
	}
	return true, nil
}

// Recertify is the limit on how long ago it was confirmed that purpose and people are still so, in days.
const Recertify narthex.LimitName = "recertify_days"

// RecertifyWithin gives the fewest days of any term for which a confirmation of purpose and people holds.
func RecertifyWithin(terms []narthex.Term) int {
	least := narthex.Recertification.Days()
	for i := range terms {
		if value, set := terms[i].Limits[Recertify]; set && value.Form == narthex.FormNumber {
			least = min(least, int(value.Number))
		}
	}
	return least
}

// known gives the fact of the question that a common limit bounds, computed by the gateway and never by the caller. A limit
// that is here and has no fact denies.
var known = map[narthex.LimitName]func(c *check, l *Layer, term *narthex.Term, allowed narthex.Value) (asked narthex.Value, ok bool, err error){
	"not_before": func(c *check, _ *Layer, _ *narthex.Term, allowed narthex.Value) (narthex.Value, bool, error) {
		now := narthex.Value{Form: narthex.FormTime, Time: c.q.Now}
		return now, !c.q.Now.Before(allowed.Time), nil
	},
	"not_after": func(c *check, _ *Layer, _ *narthex.Term, allowed narthex.Value) (narthex.Value, bool, error) {
		c.end(allowed.Time)
		return narthex.Value{Form: narthex.FormTime, Time: c.q.Now}, c.q.Now.Before(allowed.Time), nil
	},
	Recertify: func(c *check, l *Layer, _ *narthex.Term, allowed narthex.Value) (narthex.Value, bool, error) {
		const day = 24 * time.Hour
		begin := c.q.Layers[0].NotBefore
		if later := c.q.Layers[0].Recertified; later.After(begin) && !later.After(c.q.Now) {
			begin = later
		}
		age := c.q.Now.Sub(begin)
		last := time.Duration(allowed.Number) * day
		c.end(begin.Add(last))
		return narthex.NumberValue(float64(age / day)), age < last, nil
	},
	"actor_kinds": func(c *check, _ *Layer, _ *narthex.Term, allowed narthex.Value) (narthex.Value, bool, error) {
		return named(string(c.q.Principal.Actor), allowed)
	},
	"regions": func(c *check, _ *Layer, _ *narthex.Term, allowed narthex.Value) (narthex.Value, bool, error) {
		return named(c.q.Principal.Region, allowed)
	},
	"versions": func(c *check, _ *Layer, _ *narthex.Term, allowed narthex.Value) (narthex.Value, bool, error) {
		if asked, ok, err := named(string(c.q.Version), allowed); !ok || err != nil || c.q.Against == "" {
			return asked, ok, err
		}
		return named(string(c.q.Against), allowed)
	},
	"networks": inNetworks,
	"topics": func(*check, *Layer, *narthex.Term, narthex.Value) (narthex.Value, bool, error) {
		return narthex.NamesValue(), false, nil // a call does not state its topic
	},
	"concurrency": func(c *check, l *Layer, term *narthex.Term, allowed narthex.Value) (narthex.Value, bool, error) {
		open := narthex.NumberValue(float64(l.Account.open(term) + 1))
		return open, open.Number <= allowed.Number, nil
	},
}

func named(name string, allowed narthex.Value) (narthex.Value, bool, error) {
	asked := narthex.NamesValue(name)
	return asked, name != "" && slices.Contains(allowed.Names, name), nil
}

func inNetworks(c *check, _ *Layer, _ *narthex.Term, allowed narthex.Value) (narthex.Value, bool, error) {
	asked := narthex.NamesValue(c.q.Principal.Address.String())
	inside := false
	for _, text := range allowed.Names {
		network, err := netip.ParsePrefix(text)
		if err != nil || network != network.Masked() {
			return asked, false, fmt.Errorf("a network is not written as an exact prefix")
		}
		inside = inside || network.Contains(c.q.Principal.Address.Unmap())
	}
	return asked, inside && c.q.Principal.Address.IsValid(), nil
}

// defaults of common limits that hold when a term leaves them out. Other common limits do not bound then.
var commonDefaults = []narthex.LimitName{"actor_kinds", Recertify}

// limits holds a use to every limit of its term, and to the taxonomy's defaults where the term is silent.
func (c *check) limits(l *Layer, term *narthex.Term, attribute narthex.Attribute, use *narthex.Use) {
	for _, name := range sortedNames(term, attribute) {
		spec, isKnown := c.engine.taxonomy.Limit(attribute.Name, name)
		value, set := term.Limits[name]
		if !set && isKnown && spec.Default != nil {
			value, set = *spec.Default, true
		}
		if !isKnown || set && (value.Form != spec.Kind.Form() || value.Check() != nil) {
			c.deny(c.reason(l, term, "unknown", "", fmt.Sprintf("A limit of clause %s cannot be understood, so nothing is allowed by it. Tell the lab.", term.Clause)))
			continue
		}
		c.limit(l, term, spec, value, set, use)
	}
	for _, fact := range use.Facts {
		if _, own := attribute.Limits[fact.Limit]; !own {
			c.deny(c.reason(l, term, "unknown", "", fmt.Sprintf("The call asks something that %s has no limit for.", attribute.Name)))
		}
	}
}

// sortedNames gives the limits to look at: the term's, the attribute's own, and the common ones with a default.
func sortedNames(term *narthex.Term, attribute narthex.Attribute) []narthex.LimitName {
	names := make([]narthex.LimitName, 0, len(term.Limits)+len(attribute.Limits)+len(commonDefaults))
	for name := range term.Limits {
		names = append(names, name)
	}
	for name := range attribute.Limits {
		if _, set := term.Limits[name]; !set {
			names = append(names, name)
		}
	}
	for _, name := range commonDefaults {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b narthex.LimitName) int { return cmp.Compare(a, b) })
	return names
}

// limit holds the use to one limit.
func (c *check) limit(l *Layer, term *narthex.Term, spec narthex.LimitSpec, value narthex.Value, set bool, use *narthex.Use) {
	switch spec.Kind {
	case narthex.BudgetKind:
		if set {
			c.spend(l, term, spec, value)
		}
		return
	case narthex.Rate:
		if set && !l.Account.mayStart(term, spec.Name, int64(value.Number), c.q.Now) {
			c.over(l, term, spec, "rate_exceeded", value.String()+" a minute", "more", "Wait a little and try again.")
		}
		return
	}
	if fact, computed := known[spec.Name]; computed {
		if !set {
			return
		}
		asked, ok, err := fact(c, l, term, value)
		code := "limit_exceeded"
		if spec.Name == "concurrency" {
			code = "too_many_at_once"
		}
		if err != nil || !ok {
			next := "Ask for an amendment if you need another."
			if spec.Name == Recertify {
				next = "The applicant states that purpose and people are still so, `narthex standing state`, and the sponsor or an official of their organisation confirms it."
			}
			c.over(l, term, spec, code, value.String(), asked.String(), next)
		}
		return
	}
	if set {
		c.obligations = append(c.obligations, Obligation{term.Attribute, spec.Name, value})
	}
	at := slices.IndexFunc(use.Facts, func(f narthex.Fact) bool { return f.Limit == spec.Name })
	if at >= 0 {
		c.fact(l, term, spec, value, set, use.Facts[at].Value)
	}
}

// fact holds what the caller asks to the limit.
func (c *check) fact(l *Layer, term *narthex.Term, spec narthex.LimitSpec, value narthex.Value, set bool, asked narthex.Value) {
	bound, isKind := kinds[spec.Kind]
	if !set {
		c.over(l, term, spec, "limit_exceeded", "none", shown(asked), "Ask for an amendment that sets it.")
		return
	}
	if !isKind || asked.Form != value.Form || asked.Check() != nil {
		c.over(l, term, spec, "unknown", value.String(), "something of another form", "Correct the request.")
		return
	}
	if ok, err := bound(value, asked); err != nil || !ok {
		c.over(l, term, spec, "limit_exceeded", value.String(), shown(asked), "Ask for an amendment if you need more.")
	}
}

// shown gives what was asked, without names that are not canonical: they come from outside.
func shown(asked narthex.Value) string {
	for _, name := range asked.Names {
		if narthex.CheckName("a name", name) != nil {
			return "a name that is not on the list"
		}
	}
	return asked.String()
}

func (c *check) over(l *Layer, term *narthex.Term, spec narthex.LimitSpec, code, allowed, asked, next string) {
	says := fmt.Sprintf("Clause %s allows %s %s of %s on %s; you asked %s. %s", term.Clause, spec.Name, allowed, term.Attribute, term.Asset, asked, next)
	r := c.reason(l, term, code, spec.Name, says)
	r.Allowed, r.Asked = allowed, asked
	c.deny(r)
}

// spend notes what is left of a budget; clamp holds the demands to it.
func (c *check) spend(l *Layer, term *narthex.Term, spec narthex.LimitSpec, value narthex.Value) {
	if !slices.ContainsFunc(c.q.Demands, func(d narthex.Demand) bool { return d.Unit == unitOf(spec) && d.Unit != "" }) {
		c.over(l, term, spec, "unknown", value.String()+" "+spec.Unit, "an amount that cannot be told", "Tell the lab: this budget cannot be counted on such a call.")
		return
	}
	budget := l.Account.budget(term, spec, spec.InCounted(value.Number), c.q.Now)
	c.caps = append(c.caps, budgetCap{l, term, spec, budget.Left()})
}

func unitOf(spec narthex.LimitSpec) narthex.Unit { return spec.Counted() }

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Narrower says whether a key's terms are all within its grant's: a key never allows what its grant does not. The error
// names the term and the limit.
func Narrower(taxonomy *narthex.Taxonomy, grant, key []narthex.Term) error {
	if err := narthex.CheckTerms(taxonomy, key); err != nil {
		return err
	}
	for _, term := range key {
		wide, held := narthex.FindTerm(grant, term.Attribute, term.Asset)
		if !held {
			return narthex.Refusedf("The grant does not give %s on that asset, so a key of it cannot.", term.Attribute).For("terms")
		}
		for name, value := range term.Limits {
			spec, _ := taxonomy.Limit(term.Attribute, name)
			outer, set := wide.Limits[name]
			if !set && spec.Default != nil {
				outer, set = *spec.Default, true
			}
			if set && wider(spec.Kind, outer, value) {
				return narthex.Refusedf("The grant allows %s %s of %s; a key of it cannot allow %s.", name, outer, term.Attribute, shown(value)).For("terms")
			}
		}
	}
	return nil
}

// wider says whether value allows anything that outer does not.
func wider(kind narthex.LimitKind, outer, value narthex.Value) bool {
	switch kind {
	case narthex.BudgetKind, narthex.Rate:
		return value.Number > outer.Number
	case narthex.Set, narthex.List:
		return len(value.Names) > 0 && !slices.Equal(value.Names, outer.Names) && !containsAll(outer.Names, value.Names)
	case narthex.Instant:
		return false // both instants must hold, so neither can widen the other
	}
	ok, err := kinds[kind](outer, value)
	return err != nil || !ok
}

func containsAll(all, some []string) bool {
	return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(all, s) })
}
