package office

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"narthex"
	"narthex/client"
	"narthex/internal/book"
	"narthex/internal/gateway"
	"narthex/internal/gateway/live"
	"narthex/internal/identity"
	"narthex/internal/journal"
	"narthex/internal/store"
	"narthex/internal/workflow"
)

// Lock stops something at once: one person of security, a custodian, or an asset's owner for their asset. When it returns,
// every live call that it concerns has ended. Whom it stops is told, and the clock of its review runs, from that moment; but where a
// legal order forbids to tell, until then.
func (o *Office) Lock(ctx context.Context, by narthex.PersonID, in client.LockRequest) (client.Locked, error) {
	var lock narthex.Lock
	err := o.act(ctx, by, func(tx *journal.Tx, p narthex.Person) (err error) {
		lock, err = o.setLock(tx, p, in)
		return err
	})
	if err != nil {
		return client.Locked{}, err
	}
	return client.Locked{Lock: lock, Streams: o.cutLocked(lock)}, nil
}

// setLock sets a lock in force with its entry.
func (o *Office) setLock(tx *journal.Tx, p narthex.Person, in client.LockRequest) (narthex.Lock, error) {
	if err := o.mayLock(tx, p, in); err != nil {
		return narthex.Lock{}, err
	}
	id, err := identity.NewID[narthex.LockID](o.Journal.Random())
	if err != nil {
		return narthex.Lock{}, err
	}
	lock := narthex.Lock{ID: id, Subject: in.Subject, Target: in.Target, Reason: in.Reason, Note: in.Note, By: p.ID, At: tx.Now(), SilentUntil: in.SilentUntil}
	if lock.ReviewBy, err = o.answerBy(tx, lock); err != nil {
		return lock, err
	}
	if err := book.PutLock(tx, lock); err != nil {
		return lock, err
	}
	if lock.Silent(tx.Now()) { // before the lock, so that whoever reads on knows
		if _, err := tx.Append(narthex.EntryLockSilenced, narthex.TextField("lock", id), narthex.TimeField("until", lock.SilentUntil), narthex.TextField("by", p.ID)); err != nil {
			return lock, err
		}
	}
	if _, err = tx.Append(narthex.EntryLockSet, narthex.TextField("lock", id), narthex.TextField("subject", in.Subject), narthex.TextField("target", in.Target),
		narthex.TextField("reason", in.Reason), narthex.TimeField("review_by", lock.ReviewBy), narthex.TextField("by", p.ID)); err != nil {
		return lock, err
	}
	if err := tellOf(tx, lock, book.ToldLocked); err != nil {
		return lock, err
	}
	return lock, o.tellLock(tx, lock, workflow.Lock)
}

// cutLocked ends every live call that a lock concerns. One of which nobody may tell looks like a model that broke off.
func (o *Office) cutLocked(lock narthex.Lock) int {
	end := live.End{Code: "locked", Lock: &lock, At: lock.At}
	if lock.Silent(lock.At) {
		end = live.End{Code: "broken", At: lock.At}
	}
	ended := 0
	for _, subject := range book.StoppedBy(lock) {
		ended += o.Live.Cut(subject, end)
	}
	if lock.Subject == "person" {
		if end.Lock != nil {
			end = live.End{Code: "unauthorised", At: lock.At}
		}
		ended += o.Live.Cut(book.WordBy(narthex.PersonID(lock.Target)), end)
	}
	return ended
}

// tellOf tells the people whom a lock is on, where it names them; others see it beside what it stops.
func tellOf(tx *journal.Tx, lock narthex.Lock, note string) error {
	if lock.Silent(tx.Now()) {
		return nil
	}
	people, err := peopleUnder(tx, lock)
	for _, person := range people {
		if err == nil {
			err = book.Tell(tx, person, note+string(lock.ID))
		}
	}
	return err
}

// peopleUnder gives the people whom a lock is on: themselves, those of a grant, the holder of a key.
func peopleUnder(tx *journal.Tx, lock narthex.Lock) ([]narthex.PersonID, error) {
	grant := narthex.GrantID("")
	switch lock.Subject {
	case "person":
		return []narthex.PersonID{narthex.PersonID(lock.Target)}, nil
	case "key":
		_, key, err := keyNamed(tx, narthex.KeyID(lock.Target))
		if err != nil || key == nil {
			return nil, err
		}
		return []narthex.PersonID{key.Person}, nil
	case "engagement":
		e, err := engagementOf(tx, narthex.EngagementID(lock.Target))
		if err != nil {
			return nil, err
		}
		grant = e.Grant
	case "grant":
		grant = narthex.GrantID(lock.Target)
	}
	if grant == "" {
		return nil, nil
	}
	row, err := journal.Get[narthex.Grant](tx, store.Grants, string(grant))
	if err != nil || row == nil {
		return nil, err
	}
	return row.Persons, nil
}

// mostSilent bounds how long a lock is silent without someone saying so again.
const mostSilent = 180 * 24 * time.Hour

// maySilence holds a silence to a legal order, on what one can be silent about, for a time.
func maySilence(subject narthex.LockSubject, reason narthex.LockReason, until, now time.Time) error {
	switch {
	case reason != narthex.LegalOrder:
		return narthex.Invalidf("Only a legal order can forbid to tell whom it stops: the reason is then legal_order.").For("silent_until")
	case subject == "asset" || subject.OfClass():
		return narthex.Invalidf("A lock on an asset or on a class of people is told: too many see it. Lock the person, organisation, engagement, grant or key.").For("silent_until")
	case !until.Equal(until.Truncate(time.Second)) || !until.After(now) || until.After(now.Add(mostSilent)):
		return narthex.Invalidf("A silence ends, in whole seconds, at most %d days from now; it can be renewed before it does.", int(mostSilent/(24*time.Hour))).For("silent_until")
	}
	return nil
}

func (o *Office) mayLock(tx *journal.Tx, p narthex.Person, in client.LockRequest) error {
	if !p.InLab() {
		return narthex.WithheldError()
	}
	switch {
	case !slices.Contains(narthex.LockSubjects(), in.Subject):
		return narthex.Invalidf("A lock is on a person, org, engagement, grant, key, asset, region or nationality.").For("subject")
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
	guard := p.Has(narthex.Security) || p.Has(narthex.Custodian)
	if !guard {
		if rules, err := o.Rules.Get(); err != nil || in.Subject != "asset" || p.Handle != rules.Directory.Assets[narthex.AssetName(in.Target)].Owner {
			return need(p, narthex.Security)
		}
	}
	if !in.SilentUntil.IsZero() {
		if err := maySilence(in.Subject, in.Reason, in.SilentUntil, tx.Now()); err != nil {
			return err
		}
	}
	if in.Subject.OfClass() && !slices.Contains(narthex.AlwaysLocks(), in.Reason) {
		return narthex.Refusedf("A lock on a class of people has one of these reasons: %v. Where people work and whose nationals they are is no breach of terms, and safe harbours are among them. Lock whom or what it is about instead.", narthex.AlwaysLocks()).For("reason")
	}
	return harboured(tx, in.Subject, in.Target, in.Reason)
}

// harboured refuses a lock that would reach access under a safe harbour for a reason that its agreement does not list. One on a key or
// an asset is never refused.
func harboured(tx *journal.Tx, subject narthex.LockSubject, target string, reason narthex.LockReason) error {
	var under []narthex.Agreement
	switch subject {
	case "engagement":
		e, err := engagementOf(tx, narthex.EngagementID(target))
		if err != nil {
			return err
		}
		if e.Agreement != "" && slices.Contains([]narthex.State{narthex.Offered, narthex.Active, narthex.Ending}, e.State) {
			row, err := journal.Get[book.Agreement](tx, store.Agreements, string(e.Agreement))
			if err != nil || row == nil {
				return narthex.Unavailablef("The agreement could not be read.").Because(err)
			}
			under = append(under, row.Agreement)
		}
		for _, a := range under {
			if list := a.LockReasons(); len(list) > 0 && !slices.Contains(list, reason) {
				return sheltered(e.ID, list, subject)
			}
		}
		return nil
	case "grant":
		grant, err := journal.Get[narthex.Grant](tx, store.Grants, target)
		if err != nil || grant == nil {
			return narthex.Unavailablef("The grant could not be read.").Because(err)
		}
		if shelters(grant, reason, tx.Now()) {
			return sheltered(grant.Engagement, grant.LockReasons, subject)
		}
	case "person", "org":
		grants, err := grantsUnder(tx, subject, target)
		if err != nil {
			return err
		}
		for _, grant := range grants {
			if shelters(&grant, reason, tx.Now()) {
				return sheltered(grant.Engagement, grant.LockReasons, subject)
			}
		}
	}
	return nil
}

// shelters says whether a grant that runs, or will, is under a safe harbour whose list has not the reason.
func shelters(grant *narthex.Grant, reason narthex.LockReason, now time.Time) bool {
	return len(grant.LockReasons) > 0 && !grant.Ended && now.Before(grant.NotAfter) && !slices.Contains(grant.LockReasons, reason)
}

// sheltered says what stands against a lock, and what can be done instead.
func sheltered(id narthex.EngagementID, list []narthex.LockReason, subject narthex.LockSubject) error {
	other := ""
	if subject == "person" || subject == "org" {
		other = " Lock their other engagements one by one where it is about those."
	}
	err := narthex.Refusedf("The engagement %s is under a safe harbour, and a lock that reaches it has one of the reasons that its agreement lists: %v. A lock on a key or an asset is taken for any reason: `narthex lock key KEY`, `narthex lock asset NAME`.%s", id, list, other).For("reason")
	err.Code = "safe_harbour"
	return err
}

// grantsUnder gives the grants that a lock on a person or an organisation would stop: what they hold, and of an official those that rest
// on their word.
func grantsUnder(tx *journal.Tx, subject narthex.LockSubject, target string) ([]narthex.Grant, error) {
	var grants []narthex.Grant
	take := func(holder string, only func(narthex.Grant) (bool, error)) error {
		held, err := journal.Get[book.Holdings](tx, store.Holdings, holder)
		if err != nil || held == nil {
			return err
		}
		for _, id := range held.Grants {
			grant, err := journal.Get[narthex.Grant](tx, store.Grants, string(id))
			if err != nil || grant == nil {
				return narthex.Unavailablef("A grant could not be read.").Because(err)
			}
			if is, err := only(*grant); err != nil {
				return err
			} else if is {
				grants = append(grants, *grant)
			}
		}
		return nil
	}
	if err := take(book.Subject(subject, target), func(narthex.Grant) (bool, error) { return true, nil }); err != nil || subject != "person" {
		return grants, err
	}
	person, err := journal.Get[narthex.Person](tx, store.People, target)
	if err != nil || person == nil || !person.Official {
		return grants, err
	}
	return grants, take(book.Subject("org", person.Org), func(grant narthex.Grant) (bool, error) {
		word, _, err := book.WordFor(tx, &grant)
		return word != nil && word.Signature.By == person.ID, err
	})
}

// answerBy gives when a lock that is set or appealed now is looked at by someone else: so many business days on as the agreement says,
// the fewest where several do, or the pathways in force where none does.
func (o *Office) answerBy(tx *journal.Tx, lock narthex.Lock) (time.Time, error) {
	rules, err := o.Rules.Check(tx)
	if err != nil {
		return time.Time{}, err
	}
	days := 0
	least := func(n int) {
		if n > 0 && (days == 0 || n < days) {
			days = n
		}
	}
	grant := ""
	switch lock.Subject {
	case "person", "org":
		grants, err := grantsUnder(tx, lock.Subject, lock.Target)
		if err != nil {
			return time.Time{}, err
		}
		for _, g := range grants {
			least(g.AppealDays)
		}
	case "engagement":
		e, err := engagementOf(tx, narthex.EngagementID(lock.Target))
		if err != nil {
			return time.Time{}, err
		}
		grant = string(e.Grant)
		least(rules.Directory.Pathways[e.Application.Pathway].AppealDays)
	case "key":
		_, key, err := keyNamed(tx, narthex.KeyID(lock.Target))
		if err != nil || key == nil {
			return time.Time{}, narthex.Unavailablef("The key could not be read.").Because(err)
		}
		grant = string(key.Grant)
	case "grant":
		grant = lock.Target
	}
	if grant != "" {
		g, err := journal.Get[narthex.Grant](tx, store.Grants, grant)
		if err != nil || g == nil {
			return time.Time{}, narthex.Unavailablef("The grant could not be read.").Because(err)
		}
		days = g.AppealDays
	}
	if days == 0 {
		for _, way := range rules.Directory.Pathways {
			least(way.AppealDays)
		}
	}
	return rules.Directory.Calendar.Add(tx.Now(), max(1, days)).UTC().Truncate(time.Second), nil
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
	case narthex.LockRegion, narthex.LockNationality:
		if in.Target == "" || !isRegion(in.Target) {
			return false, narthex.Invalidf("A region or nationality is a country's two letters, lower case, such as de.").For("target")
		}
		return true, nil
	case "key":
		_, key, err := keyNamed(tx, narthex.KeyID(in.Target))
		return key != nil, err
	}
	value, err := tx.Reader().Get(table, in.Target)
	return value != nil, err
}

// lockFor gives a lock in force to someone who may judge it: of security or a custodian, and not the one who set it.
func lockFor(tx *journal.Tx, p narthex.Person, id narthex.LockID) (narthex.Lock, error) {
	if err := need(p, narthex.Security, narthex.Custodian); err != nil {
		return narthex.Lock{}, err
	}
	lock, err := book.LockOf(tx, id)
	switch {
	case err != nil:
		return narthex.Lock{}, err
	case lock == nil:
		return narthex.Lock{}, narthex.WithheldError()
	case lock.Lifted():
		return *lock, narthex.Conflictf("That lock is lifted already.")
	}
	return *lock, nil
}

// Lift ends a lock. It gives back, so it takes another person than the one who locked.
func (o *Office) Lift(ctx context.Context, by narthex.PersonID, id narthex.LockID) (narthex.Lock, error) {
	var lifted narthex.Lock
	err := o.act(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		lock, err := lockFor(tx, p, id)
		if err != nil {
			return err
		}
		lifted, err = o.lift(tx, p, lock)
		return err
	})
	return lifted, err
}

// lift ends a lock with its entry.
func (o *Office) lift(tx *journal.Tx, p narthex.Person, lock narthex.Lock) (narthex.Lock, error) {
	if lock.By == p.ID {
		return lock, narthex.Refusedf("Whoever locked does not lift the lock: giving back takes a second person of security or a custodian.")
	}
	lock.LiftedBy, lock.LiftedAt = p.ID, tx.Now()
	if err := book.LiftLock(tx, lock); err != nil {
		return lock, err
	}
	if _, err := tx.Append(narthex.EntryLockLifted, narthex.TextField("lock", lock.ID), narthex.TextField("subject", lock.Subject), narthex.TextField("target", lock.Target), narthex.TextField("by", p.ID)); err != nil {
		return lock, err
	}
	if err := tellOf(tx, lock, book.ToldLifted); err != nil {
		return lock, err
	}
	if err := o.tellLock(tx, lock, workflow.Unlock); err != nil {
		return lock, err
	}
	return lock, o.offerWaiting(tx) // a vote may count again
}

// Review is the word on a lock of someone who did not set it: it stays, or is lifted. It answers every appeal.
func (o *Office) Review(ctx context.Context, by narthex.PersonID, id narthex.LockID, in client.ReviewLock) (narthex.Lock, error) {
	var lock narthex.Lock
	err := o.act(ctx, by, func(tx *journal.Tx, p narthex.Person) (err error) {
		if lock, err = lockFor(tx, p, id); err != nil {
			return err
		}
		switch {
		case lock.By == p.ID:
			return narthex.Refusedf("Whoever locked does not look at the lock again: that takes a second person of security or a custodian.")
		case in.Outcome != narthex.LockUpheld && in.Outcome != narthex.LockWasLifted:
			return narthex.Invalidf("The outcome is upheld or lifted.").For("outcome")
		case strings.TrimSpace(in.Text) == "" || utf8.RuneCountInString(in.Text) > 4000:
			return narthex.Invalidf("Say why, in 1 to 4000 characters; whom it stops can read it.").For("text")
		}
		lock.Reviews = append(slices.Clone(lock.Reviews), narthex.LockReview{By: p.ID, At: tx.Now(), Outcome: in.Outcome, Text: in.Text})
		lock.ReviewBy = time.Time{}
		if err := book.ChangeLock(tx, lock); err != nil {
			return err
		}
		if _, err := tx.Append(narthex.EntryLockReviewed, narthex.TextField("lock", id), narthex.TextField("outcome", in.Outcome), narthex.TextField("by", p.ID), narthex.TextField("said", book.Said(in.Text))); err != nil {
			return err
		}
		if in.Outcome == narthex.LockWasLifted {
			lock, err = o.lift(tx, p, lock)
			return err
		}
		return tellOf(tx, lock, book.ToldUpheld)
	})
	return lock, err
}

// Silence says anew until when nobody may tell of a lock of which nobody may tell now; a time that is not to come ends the silence.
func (o *Office) Silence(ctx context.Context, by narthex.PersonID, id narthex.LockID, in client.LockSilence) (narthex.Lock, error) {
	var lock narthex.Lock
	err := o.act(ctx, by, func(tx *journal.Tx, p narthex.Person) (err error) {
		if lock, err = lockFor(tx, p, id); err != nil {
			return err
		}
		if !lock.Silent(tx.Now()) {
			return narthex.Conflictf("Whom that lock stops is told of it already; what was told cannot be untold.")
		}
		if in.Until.After(tx.Now()) {
			if err := maySilence(lock.Subject, lock.Reason, in.Until, tx.Now()); err != nil {
				return err
			}
			lock.SilentUntil = in.Until.UTC()
		} else {
			lock.SilentUntil = tx.Now().UTC().Truncate(time.Second)
		}
		if err := book.ChangeLock(tx, lock); err != nil {
			return err
		}
		if _, err := tx.Append(narthex.EntryLockSilenced, narthex.TextField("lock", id), narthex.TimeField("until", lock.SilentUntil), narthex.TextField("by", p.ID)); err != nil {
			return err
		}
		if err := tellOf(tx, lock, book.ToldLocked); err != nil {
			return err
		}
		return o.tellLock(tx, lock, workflow.Lock)
	})
	return lock, err
}

// Appeal hands in what the locked side says against a lock; the programme does so for someone whom it keeps out.
func (o *Office) Appeal(ctx context.Context, by narthex.PersonID, id narthex.LockID, in client.LockAppeal) (narthex.Lock, error) {
	var lock narthex.Lock
	err := o.act(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		found, err := book.LockOf(tx, id)
		if err != nil {
			return err
		}
		side, taken := p, narthex.PersonID("")
		if p.InLab() {
			if err := need(p, narthex.Programme); err != nil {
				return err
			}
			row, err := journal.Get[narthex.Person](tx, store.People, string(in.For))
			if err != nil {
				return err
			}
			if row == nil || row.ID == p.ID {
				return narthex.Refusedf("Say for whom the appeal is handed in: the lab's people do so for someone whom the lock keeps out.").For("for")
			}
			side, taken = *row, p.ID
		} else if in.For != "" && in.For != p.ID {
			return narthex.Invalidf("Your appeal is your own; leave out for whom it is.").For("for")
		}
		if found == nil {
			return narthex.WithheldError()
		}
		on, err := o.lockedFor(tx, side)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(on, func(l narthex.Lock) bool { return l.ID == id }) {
			if found.Lifted() && taken != "" {
				return narthex.Conflictf("That lock is lifted already.")
			}
			return narthex.WithheldError()
		}
		due, err := o.answerBy(tx, *found)
		if err != nil {
			return err
		}
		lock, err = book.Appeal(tx, *found, side, taken, in.Text, due)
		if taken == "" {
			lock = book.ShownTo(lock, p.Org)
		}
		return err
	})
	return lock, err
}

// lockedFor gives the locks that stop what someone from outside does, or someone of their organisation where they are its official; but
// none of which nobody may tell.
func (o *Office) lockedFor(tx *journal.Tx, p narthex.Person) ([]narthex.Lock, error) {
	people := []narthex.Person{p}
	if p.Official {
		colleagues, err := book.PeopleOf(tx, p.Org)
		if err != nil {
			return nil, err
		}
		people = append(people, slices.DeleteFunc(colleagues, func(c narthex.Person) bool { return c.ID == p.ID })...)
	}
	var found []narthex.Lock
	add := func(locks []narthex.Lock, err error) error {
		for _, lock := range locks {
			if !lock.Silent(tx.Now()) && !slices.ContainsFunc(found, func(l narthex.Lock) bool { return l.ID == lock.ID }) {
				found = append(found, lock)
			}
		}
		return err
	}
	for _, person := range people {
		if err := add(book.LocksOnPerson(tx, person)); err != nil {
			return nil, err
		}
	}
	err := eachEngagement(tx, asActive(p), narthex.States(), "", func(e narthex.Engagement) (bool, error) {
		subjects := []string{book.Subject("engagement", e.ID)}
		if e.Grant != "" {
			grant, err := journal.Get[narthex.Grant](tx, store.Grants, string(e.Grant))
			if err != nil || grant == nil {
				return true, narthex.Unavailablef("A grant could not be read.").Because(err)
			}
			subjects = append(subjects, book.Subject("grant", grant.ID))
			if !grant.Ended {
				for _, term := range grant.Terms {
					subjects = append(subjects, book.Subject("asset", term.Asset))
				}
			}
			keys, err := gateway.KeysOf(tx, grant.ID)
			if err != nil {
				return true, err
			}
			for _, key := range keys {
				if key.Person == p.ID || p.Official {
					subjects = append(subjects, book.Subject("key", key.ID))
				}
			}
		}
		return false, add(book.LocksOn(tx, subjects...))
	})
	return found, err
}

// locksShown gives the locks that stop an engagement, as far as someone may know of them.
func locksShown(tx *journal.Tx, e narthex.Engagement, p narthex.Person) ([]narthex.Lock, error) {
	grant, reader := narthex.Grant{Engagement: e.ID, Org: e.Application.Org}, narthex.PersonID("")
	if !p.InLab() {
		reader = p.ID
	}
	var keys []narthex.Key
	if e.Grant != "" {
		row, err := journal.Get[narthex.Grant](tx, store.Grants, string(e.Grant))
		if err != nil || row == nil {
			return nil, narthex.Unavailablef("The grant could not be read.").Because(err)
		}
		if keys, err = gateway.KeysOf(tx, row.ID); err != nil {
			return nil, err
		}
		keys = slices.DeleteFunc(keys, func(k narthex.Key) bool { return reader != "" && k.Person != reader })
		grant = *row
	}
	return gateway.LocksOn(tx, grant, keys, reader)
}

// asActive gives a person as they are when nothing keeps them out.
func asActive(p narthex.Person) narthex.Person {
	p.State = narthex.PersonActive
	return p
}

// Locks lists the locks in force: all of them for the lab's people, but those of which nobody may tell for its security, custodians and
// auditors alone; for others those that stop what they do.
func (o *Office) Locks(ctx context.Context, by narthex.PersonID) (client.LockList, error) {
	list := client.LockList{Locks: []narthex.Lock{}}
	err := o.look(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		if !p.InLab() {
			locks, err := o.lockedFor(tx, p)
			for _, lock := range locks {
				list.Locks = append(list.Locks, book.ShownTo(lock, p.Org))
			}
			return err
		}
		all, err := book.AllLocks(tx)
		knows := p.Has(narthex.Security) || p.Has(narthex.Custodian) || p.Has(narthex.Auditor)
		for _, lock := range all {
			if knows || !lock.Silent(tx.Now()) {
				list.Locks = append(list.Locks, lock)
			}
		}
		return err
	})
	return list, err
}

// soonTold is how long before the end of a silence it stands on a work list.
const soonTold = 14 * 24 * time.Hour

// addLocks adds the locks that wait for someone else than who set them, and the silences that end soon.
func addLocks(tx *journal.Tx, p narthex.Person, list *client.WorkList, most int) error {
	if !p.Has(narthex.Security) && !p.Has(narthex.Custodian) {
		return nil
	}
	locks, err := book.AllLocks(tx)
	for _, lock := range locks {
		item := client.WorkItem{Lock: lock.ID, Title: fmt.Sprintf("the lock on %s %s: %s", lock.Subject, lock.Target, lock.Reason), Since: lock.At}
		if len(lock.Appeals) > 0 {
			item.Since = lock.Appeals[len(lock.Appeals)-1].At
		}
		switch {
		case !lock.ReviewBy.IsZero() && lock.By != p.ID:
			item.Do, item.Due, item.Late = "review_lock", lock.ReviewBy, lock.Late(tx.Now())
			if lock.Open() {
				item.Do = "answer_appeal"
			}
		case lock.Silent(tx.Now()) && !tx.Now().Add(soonTold).Before(lock.SilentUntil):
			item.Do, item.Due = "review_silence", lock.SilentUntil
		default:
			continue
		}
		if len(list.Work) == most {
			list.More = true
			break
		}
		list.Work = append(list.Work, item)
	}
	return err
}
