package gateway

import (
	"slices"

	"narthex"
	"narthex/internal/airlock"
	"narthex/internal/book"
	"narthex/internal/journal"
)

// Reviewer is somebody of the lab who may do what their roles say now, with their interests.
type Reviewer struct {
	narthex.Person
	Away bool
}

// Reviewers gives the lab's people who are neither suspended nor locked by what may be told of.
func (b Bell) Reviewers(tx *journal.Tx) ([]Reviewer, error) {
	staff, err := book.PeopleOf(tx, "")
	if err != nil {
		return nil, err
	}
	absences, err := book.AwayOf(tx)
	if err != nil {
		return nil, err
	}
	var list []Reviewer
	for _, p := range staff {
		locks, err := book.LocksOnPerson(tx, p)
		if err != nil {
			return nil, err
		}
		if told, _ := book.FirstTold(locks, tx.Now()); p.State != narthex.PersonActive || told != nil {
			continue
		}
		if p, err = book.WithInterests(tx, p); err != nil {
			return nil, err
		}
		away := slices.ContainsFunc(absences, func(a narthex.Absence) bool {
			return a.Person == p.ID && !tx.Now().Before(a.From) && tx.Now().Before(a.Until)
		})
		list = append(list, Reviewer{p, away})
	}
	return list, nil
}

// Lacks says of a release that waits for its reviewers whether those who are there and may say that it leaves are too few, and which votes are of
// people who may review it no longer.
func (b Bell) Lacks(tx *journal.Tx, reviewers []Reviewer, r narthex.Release) (few bool, stale []narthex.PersonID, err error) {
	rules, err := b.Rules.Get()
	if err != nil {
		return false, nil, err
	}
	e, err := engagementOf(tx, r.Engagement)
	if err != nil {
		return false, nil, err
	}
	able := 0
	for _, v := range r.Votes {
		stale = append(stale, v.By)
	}
	for _, p := range reviewers {
		if _, may := airlock.ReviewsAs(r, e, p.Person, rules.Directory.Owns(r.Asset, p.Person)); !may {
			continue
		}
		at := slices.Index(stale, p.ID)
		if at >= 0 {
			stale = slices.Delete(stale, at, at+1)
		}
		if at >= 0 || !p.Away { // who is away and has voted has voted
			able++
		}
	}
	return able < airlock.MustSay(r), stale, nil
}

// Attend voids the votes on a release of those who may review it no longer, so that others may vote in their place, and tells the programme once
// where too few may. It gives how often it spoke; a release that does not wait for its reviewers it leaves alone.
func (b Bell) Attend(tx *journal.Tx, row book.Release, reviewers []Reviewer) (after book.Release, spoke int, err error) {
	if !airlock.WithReviewers(row.Release) {
		return row, 0, nil
	}
	few, stale, err := b.Lacks(tx, reviewers, row.Release)
	for _, of := range stale {
		if err == nil {
			row, err = b.ChangeRelease(tx, row, airlock.ReleaseEvent{Act: airlock.Void, Of: of})
			spoke++
		}
	}
	if err == nil && few && row.FewAt.IsZero() {
		row, err = b.ChangeRelease(tx, row, airlock.ReleaseEvent{Act: airlock.Few})
		spoke++
	}
	return row, spoke, err
}
