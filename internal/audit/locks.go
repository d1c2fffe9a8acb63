package audit

import (
	"encoding/json"
	"slices"
	"time"

	"narthex"
	"narthex/internal/book"
	"narthex/internal/canon"
	"narthex/internal/store"
)

func (s *step) locked() error {
	l := narthex.Lock{ID: narthex.LockID(s.text("lock")), Subject: narthex.LockSubject(s.text("subject")), Target: s.text("target"),
		Reason: narthex.LockReason(s.text("reason")), By: narthex.PersonID(s.text("by")), At: s.at, SilentUntil: s.Silences[narthex.LockID(s.text("lock"))]}
	var err error
	if l.ReviewBy, err = time.Parse(time.RFC3339, s.text("review_by")); err != nil || !l.ReviewBy.After(s.at) || l.Silent(s.at) && l.Reason != narthex.LegalOrder ||
		l.Subject.OfClass() && !slices.Contains(narthex.AlwaysLocks(), l.Reason) {
		s.impossible(store.LockNames, string(l.ID), "a lock without the time of its review, that is silent without a legal order, or on a class of people for another reason")
	}
	s.Locks = append(s.Locks, l)
	s.tellOf(l, book.ToldLocked)
	return nil
}

// tellOf tells the people whom a lock is on, as the office does.
func (s *step) tellOf(l narthex.Lock, note string) {
	if l.Silent(s.at) {
		return
	}
	var people []narthex.PersonID
	switch l.Subject {
	case "person":
		people = []narthex.PersonID{narthex.PersonID(l.Target)}
	case "key":
		if key, known := s.Keys[narthex.KeyID(l.Target)]; known {
			people = []narthex.PersonID{key.Person}
		}
	case "grant":
		people = s.Grants[narthex.GrantID(l.Target)].Persons
	case "engagement":
		for _, g := range s.Grants {
			if string(g.Engagement) == l.Target {
				people = g.Persons
			}
		}
	}
	for _, id := range people {
		s.tell(id, note+string(l.ID), "")
	}
}

// lockOf gives the place of a lock in force, or says that the entry could not be.
func (s *step) lockOf(what string) (at int, ok bool) {
	id := narthex.LockID(s.text("lock"))
	at = slices.IndexFunc(s.Locks, func(l narthex.Lock) bool { return l.ID == id })
	if at < 0 || s.Locks[at].Lifted() {
		s.impossible(store.LockNames, string(id), "%s of a lock that is not in force", what)
		return at, false
	}
	return at, true
}

func (s *step) lifted() error {
	id, by := narthex.LockID(s.text("lock")), narthex.PersonID(s.text("by"))
	at := slices.IndexFunc(s.Locks, func(l narthex.Lock) bool { return l.ID == id })
	if at < 0 || s.Locks[at].Lifted() || s.Locks[at].By == by || s.Locks[at].Target != s.text("target") {
		s.impossible(store.LockNames, string(id), "the end of a lock that is not set, or by the one who set it")
		return nil
	}
	s.Locks[at].LiftedBy, s.Locks[at].LiftedAt = by, s.at
	s.tellOf(s.Locks[at], book.ToldLifted)
	s.offerWaiting()
	return nil
}

// silenced takes in until when nobody may tell of a lock: of one that is set with the next entry, or that is silent.
func (s *step) silenced() error {
	id := narthex.LockID(s.text("lock"))
	until, err := time.Parse(time.RFC3339, s.text("until"))
	at := slices.IndexFunc(s.Locks, func(l narthex.Lock) bool { return l.ID == id })
	if err != nil || at >= 0 && (s.Locks[at].Lifted() || !s.Locks[at].Silent(s.at)) {
		s.impossible(store.LockNames, string(id), "a silence about a lock that was told, or is lifted")
		return nil
	}
	s.Silences[id] = until
	if at >= 0 {
		s.Locks[at].SilentUntil = until
		s.tellOf(s.Locks[at], book.ToldLocked)
	}
	return nil
}

func (s *step) appealed() error {
	at, ok := s.lockOf("an appeal")
	if !ok {
		return nil
	}
	l := &s.Locks[at]
	due, err := time.Parse(time.RFC3339, s.text("review_by"))
	org := narthex.OrgID(s.text("org"))
	if err != nil || l.Appealed(org) || !l.ReviewBy.IsZero() && !due.Equal(l.ReviewBy) || l.Silent(s.at) {
		s.impossible(store.LockNames, string(l.ID), "a second appeal of one side, one that moves a clock that runs, or against a lock of which nobody was told")
	}
	l.ReviewBy = due
	l.Appeals = append(slices.Clone(l.Appeals), narthex.Appeal{By: narthex.PersonID(s.text("by")), Org: org, Taken: narthex.PersonID(s.text("taken")), At: s.at, Text: s.text("said")})
	return nil
}

func (s *step) reviewed() error {
	at, ok := s.lockOf("a review")
	if !ok {
		return nil
	}
	l := &s.Locks[at]
	review := narthex.LockReview{By: narthex.PersonID(s.text("by")), At: s.at, Outcome: narthex.LockOutcome(s.text("outcome")), Text: s.text("said")}
	if l.By == review.By || review.Outcome != narthex.LockUpheld && review.Outcome != narthex.LockWasLifted {
		s.impossible(store.LockNames, string(l.ID), "a review by the one who set it, or without an outcome")
	}
	l.Reviews, l.ReviewBy = append(slices.Clone(l.Reviews), review), time.Time{}
	if review.Outcome == narthex.LockUpheld {
		s.tellOf(*l, book.ToldUpheld)
	}
	return nil
}

// worded gives a lock as the entries have it with the words of the row, where they are the words that were said, or were erased.
func worded(want, found narthex.Lock) narthex.Lock {
	want.Note = found.Note
	said := func(digest, text string) string {
		if text == "" || string(book.Said(text)) == digest {
			return text
		}
		return digest
	}
	want.Appeals, want.Reviews = slices.Clone(want.Appeals), slices.Clone(want.Reviews)
	for i := range min(len(want.Appeals), len(found.Appeals)) {
		want.Appeals[i].Text = said(want.Appeals[i].Text, found.Appeals[i].Text)
	}
	for i := range min(len(want.Reviews), len(found.Reviews)) {
		want.Reviews[i].Text = said(want.Reviews[i].Text, found.Reviews[i].Text)
	}
	return want
}

// locks compares both tables; the words of a lock are the same in both.
func (c *comparison) locks() error {
	named, inForce := map[string]*book.LockName{}, map[string]*book.Locks{}
	for _, lock := range c.Locks {
		named[string(lock.ID)] = &book.LockName{Lock: lock}
	}
	if err := compareRows(c, store.LockNames, named, func(_ string, want, found *book.LockName) { want.Lock = worded(want.Lock, found.Lock) }); err != nil {
		return err
	}
	for _, lock := range c.Locks {
		subject := book.LockKey(lock)
		if inForce[subject] == nil {
			inForce[subject] = &book.Locks{Locks: []narthex.Lock{}}
		}
		if !lock.Lifted() {
			inForce[subject].Locks = append(inForce[subject].Locks, named[string(lock.ID)].Lock)
		}
	}
	return compareRows(c, store.Locks, inForce, nil)
}

// nationality takes in the digest of a record; none takes it away.
func (s *step) nationality() error {
	id := narthex.PersonID(s.text("person"))
	if s.text("record") == "" {
		delete(s.Nations, id)
	} else {
		s.Nations[id] = narthex.Digest(s.text("record"))
	}
	return nil
}

// recordOf gives the row of nationalities where it has the digest that an entry tells; what they are no entry tells.
func recordOf(want narthex.Digest, row []byte) any {
	var found book.Nationalities
	if json.Unmarshal(row, &found) != nil {
		return want
	}
	if digest, err := canon.Digest(found); err != nil || digest != want {
		return want
	}
	return found
}
