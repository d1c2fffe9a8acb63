package office

import (
	"maps"
	"math"
	"slices"

	"narthex"
	"narthex/internal/book"
	"narthex/internal/horizon"
	"narthex/internal/journal"
	"narthex/internal/lab"
	"narthex/internal/store"
	"narthex/policy"
)

// fitsLifetime says whether what an application could carry of an asset in its life, with what all grants can and did, keeps to
// the asset's lifetime byte budget. A grant that takes the place of another begins with what was used of that: it can carry what its
// budgets have left then, beside what the other did carry.
func fitsLifetime(tx *journal.Tx, d *lab.Directory, asset narthex.Asset, a narthex.Application) (bool, error) {
	_, replaced, err := replacedBy(tx, a)
	if err != nil {
		return false, err
	}
	terms, err := leftOf(tx, d, a.Terms, replaced.ID, asset.Name)
	if err != nil {
		return false, err
	}
	carried := horizon.Carries(asset, d.Taxonomy, terms, int64(a.Days), nil)
	if carried == 0 {
		return true, nil
	}
	left := uint64(max(0, asset.LifetimeBytes))
	if carried > left {
		return false, nil
	}
	left -= carried
	ids, err := book.EverOn(tx, asset.Name)
	if err != nil {
		return false, err
	}
	for _, id := range ids {
		g, err := journal.Get[narthex.Grant](tx, store.Grants, string(id))
		if err != nil || g == nil {
			return false, narthex.Unavailablef("A grant could not be read.").Because(err)
		}
		if g.Engagement == a.Engagement {
			continue
		}
		carried, err := carriedBy(tx, d, asset, g, g.ID == replaced.ID)
		if err != nil {
			return false, err
		}
		if carried > left {
			return false, nil
		}
		left -= carried
	}
	return true, nil
}

// carriedBy gives what a grant can carry of an asset, or where it has ended, or ends now, what it did.
func carriedBy(tx *journal.Tx, d *lab.Directory, asset narthex.Asset, g *narthex.Grant, ends bool) (uint64, error) {
	days := int64(math.Ceil(g.NotAfter.Sub(g.NotBefore).Hours() / 24))
	if runs(g, tx.Now()) && !ends {
		terms, err := leftOf(tx, d, g.Terms, g.Replaces, asset.Name)
		return horizon.Carries(asset, d.Taxonomy, terms, days, nil), err
	}
	spent, err := usedOf(tx, g.ID, asset.Name)
	if err != nil {
		return 0, err
	}
	before, err := usedOf(tx, g.Replaces, asset.Name)
	own := func(attribute narthex.AttributeName, limit narthex.LimitName) int64 {
		return max(0, spent(attribute, limit)-before(attribute, limit))
	}
	return horizon.Carries(asset, d.Taxonomy, g.Terms, days, own), err
}

// leftOf gives terms with what each budget for life has left when they begin, after what was used of the grant that they take the place
// of; the terms as they are where there is none.
func leftOf(tx *journal.Tx, d *lab.Directory, terms []narthex.Term, replaces narthex.GrantID, asset narthex.AssetName) ([]narthex.Term, error) {
	if replaces == "" {
		return terms, nil
	}
	used, err := usedOf(tx, replaces, asset)
	if err != nil {
		return nil, err
	}
	left := slices.Clone(terms)
	for i, term := range left {
		if term.Asset != asset {
			continue
		}
		limits := maps.Clone(term.Limits)
		for name, value := range term.Limits {
			if spec, _ := d.Taxonomy.Limit(term.Attribute, name); spec.Kind == narthex.BudgetKind && spec.Per == "" {
				limits[name] = narthex.NumberValue(max(0, value.Number-float64(used(term.Attribute, name))))
			}
		}
		left[i].Limits = limits
	}
	return left, nil
}

// usedOf gives what was used and is reserved of a grant's budgets on an asset; nothing of no grant.
func usedOf(tx *journal.Tx, id narthex.GrantID, asset narthex.AssetName) (horizon.Spent, error) {
	account := &policy.Account{}
	if id != "" {
		row, err := journal.Get[policy.Account](tx, store.Accounts, string(id))
		if err != nil {
			return nil, err
		}
		if row != nil {
			account = row
		}
	}
	return func(attribute narthex.AttributeName, limit narthex.LimitName) int64 {
		at := slices.IndexFunc(account.Budgets, func(l policy.Line) bool { return l.Key == policy.Key{Attribute: attribute, Asset: asset, Limit: limit} })
		if at < 0 {
			return 0
		}
		return account.Budgets[at].Budget.Used + account.Budgets[at].Budget.Reserved
	}, nil
}
