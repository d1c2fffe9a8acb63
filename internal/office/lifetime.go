package office

import (
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
// the asset's lifetime byte budget.
func fitsLifetime(tx *journal.Tx, d *lab.Directory, asset narthex.Asset, a narthex.Application) (bool, error) {
	carried := horizon.Carries(asset, d.Taxonomy, a.Terms, int64(a.Days), nil)
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
		spent, err := spentOf(tx, g, asset.Name)
		if err != nil {
			return false, err
		}
		days := int64(math.Ceil(g.NotAfter.Sub(g.NotBefore).Hours() / 24))
		carried := horizon.Carries(asset, d.Taxonomy, g.Terms, days, spent)
		if carried > left {
			return false, nil
		}
		left -= carried
	}
	return true, nil
}

// spentOf gives what was used and is reserved of a grant's budgets on an asset where it has ended, and nil while it runs.
func spentOf(tx *journal.Tx, g *narthex.Grant, asset narthex.AssetName) (horizon.Spent, error) {
	if runs(g, tx.Now()) {
		return nil, nil
	}
	account, err := journal.Get[policy.Account](tx, store.Accounts, string(g.ID))
	if err != nil {
		return nil, err
	}
	return func(attribute narthex.AttributeName, limit narthex.LimitName) int64 {
		if account == nil {
			return 0
		}
		at := slices.IndexFunc(account.Budgets, func(l policy.Line) bool { return l.Key == policy.Key{Attribute: attribute, Asset: asset, Limit: limit} })
		if at < 0 {
			return 0
		}
		return account.Budgets[at].Budget.Used + account.Budgets[at].Budget.Reserved
	}, nil
}
