package audit

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"narthex"
	"narthex/internal/book"
	"narthex/internal/store"
	"narthex/policy"
)

// earlier is what a call carried that a program admitted which kept no account of assets: it counts as used in full from its intent
// on, and what its outcome tells that it did not use comes back.
type earlier struct {
	Holder string `json:"holder"`
	Amount int64  `json:"amount"`
	Bits   int64  `json:"bits"`
}

// charge takes from the account of the call's asset what it can carry by what was signed and in force, and gives the hold that its
// entry must have. Own is what it took of its other accounts.
func (s *step) charge(uses []narthex.Use, layers []policy.Layer, own []policy.Hold) (hold policy.Hold, bits int64, err error) {
	var facts policy.Facts
	if err := decode(s.o.Field("facts"), &facts); err != nil {
		s.impossible(store.Grants, s.text("grant"), "a call whose facts do not read")
		return hold, 0, nil
	}
	top, scored := scores(uses)
	counted := slices.ContainsFunc(facts.Demands, func(d narthex.Demand) bool { return d.Bits != 0 })
	if !scored && !counted {
		return hold, 0, nil
	}
	name := narthex.AssetName(s.text("asset"))
	d, err := s.docs.directory(narthex.Digest(s.text("directory")))
	if err != nil {
		return hold, 0, err
	}
	if d == nil || d.Assets[name].Name != name {
		s.Lost[policy.AssetHolder(name)] = true
		return hold, 0, nil
	}
	asset := d.Assets[name]
	if scored {
		bits = book.TokenBits(d.Taxonomy, asset, top, layers)
	}
	for i := range facts.Demands {
		if facts.Demands[i].Unit == narthex.Tokens {
			facts.Demands[i].Bits = bits
		}
	}
	n := policy.Carried(facts.Demands, func(unit narthex.Unit) int64 { return taken(own, unit, facts.Demands) })
	if n == 0 {
		return hold, bits, nil
	}
	holder := policy.AssetHolder(name)
	s.Accounts[holder], hold = policy.Charge(asset, s.Accounts[holder], uses, n)
	return hold, bits, nil
}

// scores says whether a call asked log-probabilities, and of how many others beside each token.
func scores(uses []narthex.Use) (top int64, asked bool) {
	at := slices.IndexFunc(uses, func(use narthex.Use) bool { return use.Attribute == "model.logprobs" })
	if at < 0 {
		return 0, false
	}
	top, _ = factOf(uses[at:at+1], "top_k")
	return top, true
}

// taken is how much of a unit the call took of its budgets; where none counts it, how much it could have asked.
func taken(own []policy.Hold, unit narthex.Unit, demands []narthex.Demand) int64 {
	for _, hold := range own {
		for _, budget := range hold.Budgets {
			if budget.Unit == unit {
				return budget.Amount
			}
		}
	}
	for _, d := range demands {
		if d.Unit == unit {
			return d.Most
		}
	}
	return 0
}

// before counts a call of an earlier program as used.
func (s *step) before(hold policy.Hold, bits int64) *earlier {
	amount := hold.Budgets[0].Amount
	s.Accounts[hold.Holder] = s.Accounts[hold.Holder].Settle(hold, nil)
	return &earlier{hold.Holder, amount, bits}
}

// giveBack takes from what such a call is counted for what it did not use.
func (s *step) giveBack(e *earlier, used []policy.Used) {
	at := slices.IndexFunc(used, func(u policy.Used) bool { return u.Unit == narthex.Tokens })
	if at < 0 || used[at].Amount < 0 {
		return
	}
	account := s.Accounts[e.Holder]
	account.Budgets = slices.Clone(account.Budgets)
	line := slices.IndexFunc(account.Budgets, func(l policy.Line) bool { return l.Key.Attribute == "" })
	account.Budgets[line].Budget.Used -= e.Amount - min(e.Amount, policy.InBytes(used[at].Amount, e.Bits))
	s.Accounts[e.Holder] = account
}

// isAsset says whether an account is an asset's.
func isAsset(holder string) bool { return strings.HasPrefix(holder, policy.AssetHolder("")) }

// atLeast says whether an asset's account counts at least what another does, line by line, and has no other lines than an asset's: what
// erased openings told is missing of the other.
func atLeast(holder string, found, want policy.Account) bool {
	left := slices.Clone(want.Budgets)
	for _, f := range policy.LifetimeLines(narthex.AssetName(strings.TrimPrefix(holder, policy.AssetHolder(""))), found) {
		w := policy.Line{Key: f.Key}
		if at := slices.IndexFunc(left, func(l policy.Line) bool { return l.Key == f.Key }); at >= 0 {
			w = left[at]
			left = slices.Delete(left, at, at+1)
		}
		if f.Budget.Used < w.Budget.Used || f.Budget.Reserved != w.Budget.Reserved {
			return false
		}
		found.Budgets = slices.DeleteFunc(slices.Clone(found.Budgets), func(l policy.Line) bool { return l.Key == f.Key })
	}
	return len(found.Budgets) == 0 && len(left) == 0
}

// makeAccounts writes the accounts of assets that an earlier program did not keep, as its calls say, and says whether there were any.
// One of which an entry says that it was kept is never made anew.
func (w *Watch) makeAccounts(ctx context.Context) (made bool, err error) {
	err = w.Store.Update(ctx, func(tx store.Tx) error {
		made = false
		for _, holder := range slices.Sorted(maps.Keys(w.fold.Accounts)) {
			if !isAsset(holder) || w.fold.Kept[holder] {
				continue
			}
			there, err := tx.Get(store.Accounts, holder)
			if err != nil {
				return err
			}
			if there != nil {
				continue
			}
			row, err := json.Marshal(w.fold.Accounts[holder])
			if err != nil {
				return err
			}
			if err := tx.Put(store.Accounts, holder, row); err != nil {
				return err
			}
			made = true
		}
		return nil
	})
	return made && err == nil, err
}
