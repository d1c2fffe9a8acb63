package book

import (
	"path"
	"slices"
	"strings"
	"time"

	"narthex"
	"narthex/internal/horizon"
	"narthex/internal/journal"
	"narthex/internal/store"
	"narthex/policy"
)

// Days is what left of one asset by one person, on each of the last [DaysKept] UTC days on which anything did. It is counted where holds
// are settled, for alarms alone: nothing is decided by it.
type Days struct {
	Days []Day `json:"days"` // earliest first
}

// Day is one of them.
type Day struct {
	Day   string `json:"day"`   // such as 2026-11-24
	Bytes int64  `json:"bytes"` // released, log-probabilities and outcomes of jobs
}

// Unusual is a day on which a person took far more than on their own median day.
type Unusual struct {
	Day
	Median int64 `json:"median"` // of the days before
}

// DaysKept is for how many days what left by a person is kept apart.
const DaysKept = 30

const daysOf = "days/" // by person and asset, Days

// UnusualOf is the list of an asset's unusual days; a key ends in the day and the person.
func UnusualOf(asset narthex.AssetName) string { return "unusual/" + string(asset) + "/" }

func unusualKey(asset narthex.AssetName, day string, person narthex.PersonID) string {
	return UnusualOf(asset) + day + "/" + string(person)
}

// UnusualBy gives the person in the key of an unusual day.
func UnusualBy(key string) narthex.PersonID { return narthex.PersonID(path.Base(key)) }

// UnusualSince gives an asset's unusual days from a day on, earliest first.
func UnusualSince(tx *journal.Tx, asset narthex.AssetName, from time.Time) ([]journal.Item[Unusual], error) {
	list := UnusualOf(asset)
	return journal.Scan[Unusual](tx, store.Notices, store.Span{From: list + from.UTC().Format(time.DateOnly), To: list + "\xff", Limit: mostRows})
}

// addDay counts bytes of an asset that left by a person now. Of who was removed, and so may be erased, nothing is kept any more.
func addDay(tx *journal.Tx, person narthex.PersonID, asset narthex.AssetName, bytes int64) error {
	p, err := journal.Get[narthex.Person](tx, store.People, string(person))
	if err != nil || p == nil || p.State == narthex.PersonRemoved {
		return err
	}
	key := daysOf + string(person) + "/" + string(asset)
	row, err := journal.Get[Days](tx, store.Notices, key)
	if err != nil {
		return err
	}
	var days []Day
	if row != nil {
		days = slices.Clone(row.Days)
	}
	day, first := tx.Now().UTC().Format(time.DateOnly), tx.Now().UTC().AddDate(0, 0, 1-DaysKept).Format(time.DateOnly)
	if len(days) == 0 || days[len(days)-1].Day < day {
		days = append(days, Day{Day: day})
	}
	today := &days[len(days)-1]
	today.Bytes += bytes
	before := make([]int64, 0, DaysKept)
	for len(days) > 0 && days[0].Day < first {
		if err := journal.Delete[Unusual](tx, store.Notices, unusualKey(asset, days[0].Day, person)); err != nil {
			return err
		}
		days = days[1:]
	}
	for _, d := range days[:max(0, len(days)-1)] {
		before = append(before, d.Bytes)
	}
	if median, unusual := horizon.Unusual(today.Bytes, before); unusual {
		if err := journal.Put(tx, store.Notices, unusualKey(asset, today.Day, person), &Unusual{*today, median}); err != nil {
			return err
		}
	}
	return journal.Put(tx, store.Notices, key, &Days{days})
}

// dropDays takes away what was counted of a person.
func dropDays(tx *journal.Tx, person narthex.PersonID) error {
	rows, err := journal.Scan[Days](tx, store.Notices, store.Prefix(daysOf+string(person)+"/", mostRows))
	for _, row := range rows {
		for _, d := range row.Row.Days {
			if err == nil {
				err = journal.Delete[Unusual](tx, store.Notices, unusualKey(narthex.AssetName(path.Base(row.Key)), d.Day, person))
			}
		}
		if err == nil {
			err = journal.Delete[Days](tx, store.Notices, row.Key)
		}
	}
	return err
}

// Settle settles holds in their accounts, and counts what left of an asset for the person by whom it did; of nobody nothing is counted.
func Settle(tx *journal.Tx, person narthex.PersonID, holds []policy.Hold, used []policy.Used) error {
	for _, hold := range holds {
		row, err := journal.Get[policy.Account](tx, store.Accounts, hold.Holder)
		if err != nil {
			return err
		}
		var account policy.Account
		if row != nil {
			account = *row
		}
		next := account.Settle(hold, used)
		if err := journal.Put(tx, store.Accounts, hold.Holder, &next); err != nil {
			return err
		}
		name, isAsset := strings.CutPrefix(hold.Holder, policy.AssetHolder(""))
		asset := narthex.Asset{Name: narthex.AssetName(name)}
		if left := policy.LifetimeOf(asset, next).Used - policy.LifetimeOf(asset, account).Used; isAsset && left > 0 && person != "" {
			if err := addDay(tx, person, asset.Name, left); err != nil {
				return err
			}
		}
	}
	return nil
}
