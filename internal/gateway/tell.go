package gateway

import (
	"slices"
	"time"

	"narthex"
	"narthex/internal/airlock"
	"narthex/internal/book"
	"narthex/internal/journal"
	"narthex/internal/notice"
	"narthex/internal/store"
)

// Bell tells people of what becomes of jobs and releases, in the commit in which it does. Where a lock of which nobody may tell is in the way of
// a key, nobody is told of what becomes of the key's.
type Bell struct {
	Rules    *book.InForce
	Channels book.Channels
}

// tellRelease tells of an act on a release, which is empty where it was handed in; index is that of its entry.
func (b Bell) tellRelease(tx *journal.Tx, r narthex.Release, act airlock.ReleaseAct, by narthex.PersonID, index uint64) error {
	l := notice.Leaving{Act: act, By: by, Release: r}
	if len(l.Tells()) == 0 {
		return nil
	}
	e, staff, owns, err := b.around(tx, r.Engagement, r.Asset)
	if err != nil || hushed(tx, r.Grant, r.Key, r.Asset) {
		return err
	}
	l.Engagement = e
	people, err := with(tx, staff, r.Author)
	if err != nil {
		return err
	}
	n := book.Notice{Engagement: r.Engagement, Of: string(r.ID), What: l.What(), At: tx.Now()}
	return b.Channels.Tell(tx, n, index, l.Tells(), func(to notice.To) []narthex.Person {
		return slices.DeleteFunc(slices.Clone(people), func(p narthex.Person) bool { return !l.Concerns(to, p, owns(p)) })
	})
}

// around gives an engagement, the lab's people with their interests, and who of them owns an asset.
func (b Bell) around(tx *journal.Tx, id narthex.EngagementID, asset narthex.AssetName) (e narthex.Engagement, staff []narthex.Person, owns func(narthex.Person) bool, err error) {
	rules, err := b.Rules.Get()
	if err != nil {
		return e, nil, nil, err
	}
	if e, err = engagementOf(tx, id); err != nil {
		return e, nil, nil, err
	}
	if staff, err = book.PeopleOf(tx, ""); err != nil {
		return e, nil, nil, err
	}
	for i, p := range staff {
		if staff[i], err = book.WithInterests(tx, p); err != nil {
			return e, nil, nil, err
		}
	}
	return e, staff, func(p narthex.Person) bool { return rules.Directory.Owns(asset, p) }, nil
}

// tellJob tells that a job is over; index is that of its entry. When it ended is told in whole minutes from its start.
func (b Bell) tellJob(tx *journal.Tx, j narthex.Job, by narthex.PersonID, index uint64) error {
	e, err := engagementOf(tx, j.Engagement)
	if err != nil || hushed(tx, j.Grant, j.Key, j.Plan.Asset) {
		return err
	}
	people, err := with(tx, nil, j.Person)
	if err != nil {
		return err
	}
	ended := notice.Ended{By: by, Job: j, Engagement: e}
	n := book.Notice{Engagement: j.Engagement, Of: string(j.ID), At: tx.Now()}
	if !j.StartedAt.IsZero() {
		n.At = j.StartedAt.Add((n.At.Sub(j.StartedAt) + time.Minute - 1).Truncate(time.Minute))
	}
	return b.Channels.Tell(tx, n, index, ended.Tells(), func(to notice.To) []narthex.Person {
		return slices.DeleteFunc(slices.Clone(people), func(p narthex.Person) bool { return !ended.Concerns(to, p) })
	})
}

// hushed says whether a key is stopped on an asset, and by nothing that may be told of. What cannot be looked at is not told of.
func hushed(tx *journal.Tx, grant narthex.GrantID, key narthex.KeyID, asset narthex.AssetName) bool {
	if stops(tx, grant, key, asset) == "" {
		return false
	}
	code := stopsAs(tx, grant, key, asset, true)
	return code == "" || code == narthex.UnauthenticatedError().Code || code == narthex.Unavailable.String()
}

func engagementOf(tx *journal.Tx, id narthex.EngagementID) (narthex.Engagement, error) {
	e, err := journal.Get[narthex.Engagement](tx, store.Engagements, string(id))
	if err != nil || e == nil {
		return narthex.Engagement{}, narthex.Unavailablef("The engagement of the grant could not be read; try again.").Because(err)
	}
	return *e, nil
}

// with gives people and one more, who may be gone.
func with(tx *journal.Tx, people []narthex.Person, id narthex.PersonID) ([]narthex.Person, error) {
	p, err := journal.Get[narthex.Person](tx, store.People, string(id))
	if err == nil && p != nil {
		people = append(slices.Clone(people), *p)
	}
	return people, err
}
