package office

import (
	"context"
	"slices"
	"unicode/utf8"

	"narthex"
	"narthex/client"
	"narthex/internal/book"
	"narthex/internal/gateway/live"
	"narthex/internal/identity"
	"narthex/internal/journal"
	"narthex/internal/store"
)

// Lock stops something at once: one person of security, a custodian, or an asset's owner for their asset. When it returns,
// every live call that it concerns has ended.
func (o *Office) Lock(ctx context.Context, by narthex.PersonID, in client.LockRequest) (client.Locked, error) {
	var lock narthex.Lock
	err := o.act(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		if err := o.mayLock(tx, p, in); err != nil {
			return err
		}
		id, err := identity.NewID[narthex.LockID](o.Journal.Random())
		if err != nil {
			return err
		}
		lock = narthex.Lock{ID: id, Subject: in.Subject, Target: in.Target, Reason: in.Reason, Note: in.Note, By: p.ID, At: tx.Now()}
		if err := book.PutLock(tx, lock); err != nil {
			return err
		}
		_, err = tx.Append(narthex.EntryLockSet, narthex.TextField("lock", id), narthex.TextField("subject", in.Subject), narthex.TextField("target", in.Target),
			narthex.TextField("reason", in.Reason), narthex.TextField("by", p.ID))
		return err
	})
	if err != nil {
		return client.Locked{}, err
	}
	ended := 0
	for _, subject := range book.StoppedBy(lock) {
		ended += o.Live.Cut(subject, live.End{Code: "locked", Lock: &lock, At: lock.At})
	}
	return client.Locked{Lock: lock, Streams: ended}, nil
}

func (o *Office) mayLock(tx *journal.Tx, p narthex.Person, in client.LockRequest) error {
	if !p.InLab() {
		return narthex.WithheldError()
	}
	switch {
	case !slices.Contains(narthex.LockSubjects(), in.Subject):
		return narthex.Invalidf("A lock is on a person, org, engagement, grant, key, asset or region.").For("subject")
	case !slices.Contains(narthex.LockReasons(), in.Reason):
		return narthex.Invalidf("A lock has a reason of the list: %v.", narthex.LockReasons()).For("reason")
	case utf8.RuneCountInString(in.Note) > 1000:
		return narthex.Invalidf("A note has at most 1000 characters.").For("note")
	}
	there, err := o.exists(tx, in)
	if err != nil {
		return err
	}
	if !there {
		return narthex.WithheldError().For("target")
	}
	if p.Has(narthex.Security) || p.Has(narthex.Custodian) {
		return nil
	}
	if rules, err := o.Rules.Get(); err == nil && in.Subject == "asset" && p.Handle == rules.Directory.Assets[narthex.AssetName(in.Target)].Owner {
		return nil
	}
	return need(p, narthex.Security)
}

// exists says whether there is anything of that name to lock.
func (o *Office) exists(tx *journal.Tx, in client.LockRequest) (bool, error) {
	table := map[narthex.LockSubject]store.Table{"person": store.People, "org": store.Orgs, "engagement": store.Engagements, "grant": store.Grants}[in.Subject]
	switch in.Subject {
	case "asset":
		rules, err := o.Rules.Check(tx)
		if err != nil {
			return false, err
		}
		_, known := rules.Directory.Assets[narthex.AssetName(in.Target)]
		return known, nil
	case narthex.LockRegion:
		if in.Target == "" || !isRegion(in.Target) {
			return false, narthex.Invalidf("A region is a country's two letters, lower case, such as de.").For("target")
		}
		return true, nil
	case "key":
		_, key, err := keyNamed(tx, narthex.KeyID(in.Target))
		return key != nil, err
	}
	value, err := tx.Reader().Get(table, in.Target)
	return value != nil, err
}

// Lift ends a lock. It gives back, so it takes another person than the one who locked.
func (o *Office) Lift(ctx context.Context, by narthex.PersonID, id narthex.LockID) (narthex.Lock, error) {
	var lifted narthex.Lock
	err := o.act(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		if err := need(p, narthex.Security, narthex.Custodian); err != nil {
			return err
		}
		row, err := journal.Get[book.LockName](tx, store.LockNames, string(id))
		if err != nil {
			return err
		}
		if row == nil {
			return narthex.WithheldError()
		}
		if row.Lock.Lifted() {
			return narthex.Conflictf("That lock is lifted already.")
		}
		if row.Lock.By == p.ID {
			return narthex.Refusedf("Whoever locked does not lift the lock: giving back takes a second person of security or a custodian.")
		}
		lifted = row.Lock
		lifted.LiftedBy, lifted.LiftedAt = p.ID, tx.Now()
		if err := book.LiftLock(tx, lifted); err != nil {
			return err
		}
		if _, err := tx.Append(narthex.EntryLockLifted, narthex.TextField("lock", id), narthex.TextField("subject", lifted.Subject), narthex.TextField("target", lifted.Target), narthex.TextField("by", p.ID)); err != nil {
			return err
		}
		return o.offerWaiting(tx) // a vote may count again
	})
	return lifted, err
}

// Locks lists the locks in force, for the lab's people.
func (o *Office) Locks(ctx context.Context, by narthex.PersonID) (client.LockList, error) {
	list := client.LockList{Locks: []narthex.Lock{}}
	err := o.look(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		if !p.InLab() {
			return narthex.WithheldError()
		}
		rows, err := journal.Scan[book.Locks](tx, store.Locks, store.Span{Limit: 100_000})
		for _, row := range rows {
			list.Locks = append(list.Locks, row.Row.Locks...)
		}
		return err
	})
	return list, err
}
