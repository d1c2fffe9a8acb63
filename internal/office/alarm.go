package office

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"narthex"
	"narthex/internal/book"
	"narthex/internal/horizon"
	"narthex/internal/journal"
	"narthex/internal/notice"
	"narthex/internal/store"
	"narthex/policy"
)

// Alarms gives what is to be told of assets that size holds and that was not told: that a quarter, half or three quarters of their
// lifetime_bytes have left, once for each rule, and each day on which a person took far more than is usual for them. It is told to their
// owners, or who stands in for them, and to security.
func (o *Office) Alarms(ctx context.Context) (tells []book.Once, err error) {
	err = o.Journal.View(ctx, func(tx *journal.Tx) error {
		tells = nil
		rules, err := o.Rules.Get()
		if err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(rules.Directory.Assets)) {
			asset := rules.Directory.Assets[name]
			if !slices.Contains(asset.Leak, "bulk") {
				continue
			}
			due, err := alarmsOf(tx, asset)
			if err != nil {
				return err
			}
			for _, a := range due {
				if err := o.toGuards(tx, &a, name); err != nil {
					return err
				}
				if len(a.Notices) > 0 { // where nobody guards it, it waits until somebody does
					tells = append(tells, a.Once)
				}
			}
		}
		return nil
	})
	return tells, err
}

// alarm is one, before its receivers are known.
type alarm struct {
	book.Once
	kind notice.Kind
	by   narthex.PersonID // of whom it is, where it is of one
}

// never is when nothing asks any more for what is told once in the life of a rule.
var never = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// alarmsOf gives the alarms of an asset that were not told.
func alarmsOf(tx *journal.Tx, asset narthex.Asset) ([]alarm, error) {
	account, err := accountOf(tx, asset.Name)
	if err != nil {
		return nil, err
	}
	var due []alarm
	add := func(a alarm) error {
		told, err := journal.Get[book.Placed](tx, store.Notices, a.Key())
		if err == nil && told == nil {
			due = append(due, a)
		}
		return err
	}
	b := policy.LifetimeOf(asset, account)
	for _, percent := range horizon.Passed(b.Used, b.Limit) {
		a := alarm{Once: book.Once{Until: never, ID: book.NoticeID("lifetime", asset.Name, b.Limit, percent)}, kind: notice.Kind(fmt.Sprintf("lifetime_%d", percent))}
		if err := add(a); err != nil {
			return nil, err
		}
	}
	days, err := book.UnusualSince(tx, asset.Name, tx.Now().AddDate(0, 0, 1-book.DaysKept))
	if err != nil {
		return nil, err
	}
	for _, d := range days {
		day, err := time.Parse(time.DateOnly, d.Row.Day.Day)
		if err != nil {
			return nil, err
		}
		by := book.UnusualBy(d.Key)
		a := alarm{book.Once{Until: day.AddDate(0, 0, 2*book.DaysKept), ID: book.NoticeID("unusual", asset.Name, d.Row.Day.Day, by)}, "day_unusual", by}
		if err := add(a); err != nil {
			return nil, err
		}
	}
	return due, nil
}

// toGuards addresses an alarm.
func (o *Office) toGuards(tx *journal.Tx, a *alarm, asset narthex.AssetName) error {
	rules, err := o.Rules.Get()
	if err != nil {
		return err
	}
	staff, err := book.PeopleOf(tx, "")
	if err != nil {
		return err
	}
	who, err := ownersNow(tx, rules.Directory)
	if err != nil {
		return err
	}
	n := book.Notice{Kind: a.kind, To: notice.Guards, Asset: asset, At: tx.Now()}
	for _, p := range staff {
		if p.InLab() && p.State == narthex.PersonActive && p.ID != a.by && (p.Has(narthex.Security) || slices.Contains(who.owned(p), asset)) {
			a.Notices = append(a.Notices, o.Channels.Addressed(n, p, a.ID))
		}
	}
	a.Notices = append(a.Notices, o.Channels.Hooked(n, a.ID)...)
	return nil
}
