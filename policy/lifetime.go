package policy

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strconv"

	"narthex"
)

// Lifetime is the rule of an asset on how many of its bytes may ever leave, over all grants of all people.
const Lifetime narthex.LimitName = "lifetime_bytes"

// AssetHolder names the account of an asset: the one from which every call, job and release takes that carries bytes of it, whatever
// its grant. It has a line for each attribute by which bytes leave, and what counts is their sum. Nothing refills it.
func AssetHolder(asset narthex.AssetName) string { return "asset/" + string(asset) }

// LifetimeOf gives what was used and is reserved of an asset's lifetime_bytes, by its account.
func LifetimeOf(asset narthex.Asset, a Account) narthex.Budget {
	b := narthex.Budget{Limit: max(0, asset.LifetimeBytes)}
	for _, l := range LifetimeLines(asset.Name, a) {
		b.Used, b.Reserved = b.Used+l.Budget.Used, b.Reserved+l.Budget.Reserved
	}
	return b
}

// LifetimeLines gives the lines of an asset's account: the attribute of each is that by which its bytes leave, and empty for
// log-probabilities.
func LifetimeLines(asset narthex.AssetName, a Account) []Line {
	return slices.DeleteFunc(slices.Clone(a.Budgets), func(l Line) bool { return l.Key.Asset != asset || l.Key.Limit != Lifetime })
}

// leavesBy gives the line from which something takes: a release its own, whatever ran before it; log-probabilities the one without an
// attribute; anything else that of the attribute which it uses.
func leavesBy(asset narthex.AssetName, uses []narthex.Use) Key {
	key := Key{Asset: asset, Limit: Lifetime}
	has := func(a narthex.AttributeName) bool {
		return slices.ContainsFunc(uses, func(use narthex.Use) bool { return use.Attribute == a })
	}
	switch {
	case has(release):
		key.Attribute = release
	case !has("model.logprobs") && len(uses) > 0:
		key.Attribute = uses[0].Attribute
	}
	return key
}

const release narthex.AttributeName = "output.release"

// Carried gives the bytes of the asset that a call can carry at most where so much of each unit is granted; each demand is
// rounded up, and what does not fit a number is the largest.
func Carried(demands []narthex.Demand, granted func(narthex.Unit) int64) int64 {
	var sum int64
	for _, d := range demands {
		n := InBytes(granted(d.Unit)-d.Fixed, d.Bits)
		if sum += n; sum < n {
			return math.MaxInt64
		}
	}
	return sum
}

// InBytes gives the bytes that so many units of so many bits are, rounded up.
func InBytes(units, each int64) int64 {
	if units <= 0 || each <= 0 {
		return 0
	}
	over, n := bits.Mul64(uint64(units), uint64(each))
	if over > 0 || n > math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(n/8 + min(1, n%8))
}

// Charge gives the account of an asset after what uses it reserved n bytes, and the hold that they are settled by.
func Charge(asset narthex.Asset, a Account, uses []narthex.Use, n int64) (Account, Hold) {
	next, key := Account{slices.Clone(a.Budgets), a.Rates, a.Open}, leavesBy(asset.Name, uses)
	budget := narthex.Budget{}
	if at := slices.IndexFunc(a.Budgets, func(l Line) bool { return l.Key == key }); at >= 0 {
		budget = a.Budgets[at].Budget
	}
	budget.Limit = max(0, asset.LifetimeBytes)
	budget.Reserved += n
	next.setBudget(key, budget)
	return next, Hold{Holder: AssetHolder(asset.Name), Budgets: []Taken{{Key: key, Unit: narthex.Bytes, Amount: n}}, Opened: []OpenKey{}}
}

// ReserveAsset gives the account of q's asset after an allowed decision took from it what the call can carry at most, and what it
// took; where the call carries nothing the hold has no holder and the account stays. What Reserve refuses is refused.
func (e *Engine) ReserveAsset(q Question, d Decision) (Account, Hold, error) {
	if !d.allows(&q) {
		return Account{}, Hold{}, errNotAllowed
	}
	n := Carried(q.Demands, d.Amount)
	if n == 0 {
		return q.Carried, Hold{}, nil
	}
	account, hold := Charge(q.Asset, q.Carried, q.Uses, n)
	return account, hold, nil
}

// lifetime holds what the call can carry to what is left of the asset's lifetime_bytes, whole: it is never cut to that, for how much
// others left is not told.
func (c *check) lifetime() {
	if c.uncounted() {
		c.deny(narthex.Reason{Code: "unknown", Asset: c.q.Asset.Name, Limit: Lifetime, Says: fmt.Sprintf("How many bytes of %s this call carries cannot be told, so it is not served. Tell the lab.", c.q.Asset.Name)})
		return
	}
	n := Carried(c.q.Demands, func(unit narthex.Unit) int64 { return amountOf(c.amounts, unit) })
	if n == 0 || n <= LifetimeOf(c.q.Asset, c.q.Carried).Left() {
		return
	}
	c.deny(narthex.Reason{Code: "lifetime_exhausted", Asset: c.q.Asset.Name, Limit: Lifetime,
		Allowed: strconv.FormatInt(max(0, c.q.Asset.LifetimeBytes), 10), Asked: strconv.FormatInt(n, 10),
		Says: fmt.Sprintf("lifetime_bytes, a rule of the asset and not of your agreement, lets %d bytes of %s leave for good, over all grants, and is never refilled; what is left of it does not hold the %d bytes that this call could carry at most. Ask for fewer tokens or without log-probabilities, or turn to the lab: it can raise the rule.",
			max(0, c.q.Asset.LifetimeBytes), c.q.Asset.Name, n)})
}

// uncounted says whether the call uses something of class bulk that leaves by the call itself, and no demand says how many bits.
func (c *check) uncounted() bool {
	counted := false
	for _, d := range c.q.Demands {
		if d.Bits < 0 {
			return true
		}
		counted = counted || d.Bits > 0
	}
	return !counted && slices.ContainsFunc(c.q.Uses, func(use narthex.Use) bool {
		attribute, _ := c.engine.taxonomy.Attribute(use.Attribute)
		return slices.Contains(attribute.Leak, "bulk") && !slices.Contains(attribute.Needs, release)
	})
}
