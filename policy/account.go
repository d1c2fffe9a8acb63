package policy

import (
	"errors"
	"slices"
	"time"

	"narthex"
)

// Account is what was used under one holder's terms. It is a value: Reserve and Settle give the next one and leave it as it
// was. The zero Account has used nothing.
type Account struct {
	Budgets []Line  `json:"budgets,omitempty"` // by key, sorted as first used
	Rates   []Pace  `json:"rates,omitempty"`
	Open    []Count `json:"open,omitempty"`
}

// Carried gives the account that a grant begins with which takes the place of another: what was used of each budget, with what is still
// reserved counted as used, and what was paid of each rate. So to take its place refills nothing.
func (a Account) Carried() Account {
	next := Account{Budgets: slices.Clone(a.Budgets), Rates: slices.Clone(a.Rates)}
	for i := range next.Budgets {
		b := &next.Budgets[i].Budget
		b.Used, b.Reserved = b.Used+b.Reserved, 0
	}
	return next
}

// Key names a limit of a term.
type Key struct {
	Attribute narthex.AttributeName `json:"attribute"`
	Asset     narthex.AssetName     `json:"asset"`
	Limit     narthex.LimitName     `json:"limit"`
}

// Line is one budget. Its Limit is the term's, set anew at each use.
type Line struct {
	Key    Key            `json:"key"`
	Budget narthex.Budget `json:"budget"`
}

// Pace is one rate: the instant, in Unix microseconds, at which the calls made so far would be paid for at the allowed rate.
type Pace struct {
	Key  Key   `json:"key"`
	Paid int64 `json:"paid"`
}

// Count is how many calls of a term are open.
type Count struct {
	Attribute narthex.AttributeName `json:"attribute"`
	Asset     narthex.AssetName     `json:"asset"`
	N         int                   `json:"n"`
}

// Hold is what one call took of one holder, so that it can be settled later, also from the ledger after a crash.
type Hold struct {
	Holder  string    `json:"holder"`
	Budgets []Taken   `json:"budgets"`
	Opened  []OpenKey `json:"opened"`
}

// Taken is an amount reserved of a budget, in the period that it was taken from.
type Taken struct {
	Key    Key          `json:"key"`
	Unit   narthex.Unit `json:"unit"`
	Amount int64        `json:"amount"`
	Period string       `json:"period,omitempty"`
}

// OpenKey is a term that a call is open under.
type OpenKey struct {
	Attribute narthex.AttributeName `json:"attribute"`
	Asset     narthex.AssetName     `json:"asset"`
}

// Used is what a call took of a unit in the end.
type Used struct {
	Unit   narthex.Unit `json:"unit"`
	Amount int64        `json:"amount"` // negative where it is unknown, which costs what was reserved
}

// period is the UTC day that a budget per day counts in, or "" for one that is never refilled.
func period(spec narthex.LimitSpec, now time.Time) string {
	if spec.Per == "" {
		return ""
	}
	return now.UTC().Format(time.DateOnly)
}

// budget gives a term's budget as it stands now.
func (a Account) budget(term *narthex.Term, spec narthex.LimitSpec, limit int64, now time.Time) narthex.Budget {
	b := narthex.Budget{Period: period(spec, now)}
	key := Key{term.Attribute, term.Asset, spec.Name}
	if at := slices.IndexFunc(a.Budgets, func(l Line) bool { return l.Key == key }); at >= 0 {
		b = a.Budgets[at].Budget.Roll(period(spec, now))
	}
	b.Limit = limit
	return b
}

func (a Account) open(term *narthex.Term) int {
	for _, c := range a.Open {
		if c.Attribute == term.Attribute && c.Asset == term.Asset {
			return c.N
		}
	}
	return 0
}

// mayStart says whether one more call keeps to the rate: perMinute calls at once, and then one each minute/perMinute,
// to the microsecond.
func (a Account) mayStart(term *narthex.Term, limit narthex.LimitName, perMinute int64, now time.Time) bool {
	if perMinute <= 0 {
		return false
	}
	return a.paid(Key{term.Attribute, term.Asset, limit}, now)+price(perMinute) <= now.UnixMicro()+perMinute*price(perMinute)
}

// price is how long one call takes to be paid for at a rate, in microseconds, rounded up so that no rate is exceeded.
func price(perMinute int64) int64 {
	const minute = 60_000_000
	perMinute = max(1, perMinute)
	return minute/perMinute + min(1, minute%perMinute)
}

// paid gives a rate's instant, never before now.
func (a Account) paid(key Key, now time.Time) int64 {
	for _, p := range a.Rates {
		if p.Key == key {
			return max(p.Paid, now.UnixMicro())
		}
	}
	return now.UnixMicro()
}

// Reserve gives the account of q's layer after an allowed decision took its worst case from it, and what it took. A denial, and a
// decision of another question or another time, is an error and takes nothing.
func (e *Engine) Reserve(q Question, layer int, d Decision) (Account, Hold, error) {
	if layer < 0 || layer >= len(q.Layers) || !d.allows(&q) {
		return Account{}, Hold{}, errNotAllowed
	}
	account, hold := e.reserve(q, layer, func(_ Key, unit narthex.Unit) int64 { return d.Amount(unit) })
	return account, hold, nil
}

var errNotAllowed = errors.New("reserve: the decision is none that allows this call now")

// allows says whether the decision is of this question, now, and allows it.
func (d Decision) allows(q *Question) bool {
	return d.Allowed() && len(q.Layers) > 0 && d.of.is(subjectOf(q))
}

// Again gives the account of q's layer after a recorded hold, and the hold that the terms make of it: the same one where the
// record follows from the terms. It needs q's uses, asset, layers and time, and no decision.
func (e *Engine) Again(q Question, layer int, recorded Hold) (Account, Hold) {
	return e.reserve(q, layer, func(key Key, _ narthex.Unit) int64 {
		at := slices.IndexFunc(recorded.Budgets, func(t Taken) bool { return t.Key == key })
		if at < 0 {
			return 0
		}
		return recorded.Budgets[at].Amount
	})
}

func (e *Engine) reserve(q Question, layer int, amount func(Key, narthex.Unit) int64) (Account, Hold) {
	l := &q.Layers[layer]
	next := Account{slices.Clone(l.Account.Budgets), slices.Clone(l.Account.Rates), slices.Clone(l.Account.Open)}
	hold := Hold{Holder: l.Holder, Budgets: []Taken{}, Opened: []OpenKey{}}
	for _, use := range q.Uses {
		term, held := narthex.FindTerm(l.Terms, use.Attribute, q.Asset.Name)
		if !held {
			continue
		}
		next.count(term, 1)
		hold.Opened = append(hold.Opened, OpenKey{term.Attribute, term.Asset})
		attribute, _ := e.taxonomy.Attribute(use.Attribute)
		for _, name := range sortedNames(&term, attribute) {
			spec, _ := e.taxonomy.Limit(use.Attribute, name)
			value, set := term.Limits[name]
			if !set && spec.Default != nil {
				value, set = *spec.Default, true
			}
			if set {
				next.take(&hold, &term, spec, value.Number, amount, q.Now)
			}
		}
	}
	return next, hold
}

// take reserves the amount of one budget, or counts one call of a rate.
func (a *Account) take(hold *Hold, term *narthex.Term, spec narthex.LimitSpec, limit float64, amount func(Key, narthex.Unit) int64, now time.Time) {
	key := Key{term.Attribute, term.Asset, spec.Name}
	switch spec.Kind {
	case narthex.BudgetKind:
		n := amount(key, unitOf(spec))
		budget := a.budget(term, spec, spec.InCounted(limit), now)
		budget.Reserved += n
		a.setBudget(key, budget)
		hold.Budgets = append(hold.Budgets, Taken{key, unitOf(spec), n, budget.Period})
	case narthex.Rate:
		paid := a.paid(key, now) + price(int64(limit))
		if at := slices.IndexFunc(a.Rates, func(p Pace) bool { return p.Key == key }); at >= 0 {
			a.Rates[at].Paid = paid
			return
		}
		a.Rates = append(a.Rates, Pace{key, paid})
	}
}

func (a *Account) setBudget(key Key, budget narthex.Budget) {
	if at := slices.IndexFunc(a.Budgets, func(l Line) bool { return l.Key == key }); at >= 0 {
		a.Budgets[at].Budget = budget
		return
	}
	a.Budgets = append(a.Budgets, Line{key, budget})
}

func (a *Account) count(term narthex.Term, by int) {
	for i := range a.Open {
		if a.Open[i].Attribute == term.Attribute && a.Open[i].Asset == term.Asset {
			a.Open[i].N = max(0, a.Open[i].N+by)
			return
		}
	}
	a.Open = append(a.Open, Count{term.Attribute, term.Asset, max(0, by)})
}

// Settle gives the account after a call under hold used what it used. What is unknown, negative or more than was taken costs
// what was taken. A day that is over keeps its own count: what was taken from it comes back and is not counted today.
func (a Account) Settle(hold Hold, used []Used) Account {
	next := Account{slices.Clone(a.Budgets), a.Rates, slices.Clone(a.Open)}
	for _, opened := range hold.Opened {
		next.count(narthex.Term{Attribute: opened.Attribute, Asset: opened.Asset}, -1)
	}
	for _, taken := range hold.Budgets {
		at := slices.IndexFunc(next.Budgets, func(l Line) bool { return l.Key == taken.Key })
		if at < 0 {
			continue
		}
		budget := &next.Budgets[at].Budget
		if taken.Period != budget.Period {
			*budget = budget.Void(taken.Amount)
			continue
		}
		*budget = budget.Settle(taken.Amount, usedOf(used, taken.Unit))
	}
	return next
}

// usedOf gives what was used of a unit; what nobody told is unknown.
func usedOf(used []Used, unit narthex.Unit) int64 {
	for _, u := range used {
		if u.Unit == unit {
			return u.Amount
		}
	}
	return -1
}

// Budgets gives every budget of the terms as it stands, for people to look at.
func (e *Engine) Budgets(terms []narthex.Term, a Account, now time.Time) []BudgetState {
	var states []BudgetState
	for _, term := range terms {
		attribute, known := e.taxonomy.Attribute(term.Attribute)
		if !known {
			continue
		}
		for _, name := range sortedNames(&term, attribute) {
			spec, isKnown := e.taxonomy.Limit(term.Attribute, name)
			value, set := term.Limits[name]
			if !set && spec.Default != nil {
				value, set = *spec.Default, true
			}
			if isKnown && set && spec.Kind == narthex.BudgetKind {
				states = append(states, BudgetState{Key{term.Attribute, term.Asset, name}, spec, a.budget(&term, spec, spec.InCounted(value.Number), now)})
			}
		}
	}
	return states
}

// BudgetState is a budget with the limit it is of.
type BudgetState struct {
	Key    Key
	Spec   narthex.LimitSpec
	Budget narthex.Budget
}
