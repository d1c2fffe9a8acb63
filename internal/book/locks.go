package book

import (
	"slices"
	"strings"

	"narthex"
	"narthex/internal/journal"
	"narthex/internal/store"
)

// Subject is the key of what can be locked: its kind and its identifier or name.
func Subject[T ~string](kind narthex.LockSubject, target T) string {
	return string(kind) + "/" + string(target)
}

// Locks is the locks in force on one subject.
type Locks struct {
	Locks []narthex.Lock `json:"locks"`
}

// LockName is where a lock stands, under its identifier; the lock stays there when it is lifted.
type LockName struct {
	Lock narthex.Lock `json:"lock"`
}

// Place is the subject that a person from outside rests on for where they work; "" is unknown.
func Place(region string) string { return Subject(narthex.LockRegion, region) }

// LockKey is where a lock stands. Those on regions stand together, for who works nowhere known rests on all of them.
func LockKey(lock narthex.Lock) string {
	if lock.Subject == narthex.LockRegion {
		return Place("")
	}
	return Subject(lock.Subject, lock.Target)
}

// Stops says whether a lock stops what rests on a subject.
func Stops(lock narthex.Lock, subject string) bool {
	return Subject(lock.Subject, lock.Target) == subject || lock.Subject == narthex.LockRegion && subject == Place("")
}

// StoppedBy lists the subjects that a lock stops, as live calls name them.
func StoppedBy(lock narthex.Lock) []string {
	subjects := []string{Subject(lock.Subject, lock.Target)}
	if lock.Subject == narthex.LockRegion {
		subjects = append(subjects, Place(""))
	}
	return subjects
}

// LocksOn gives the locks in force on any of the subjects, in the order of the subjects.
func LocksOn(tx *journal.Tx, subjects ...string) ([]narthex.Lock, error) {
	var found []narthex.Lock
	for _, subject := range subjects {
		key := subject
		if strings.HasPrefix(subject, Place("")) {
			key = Place("")
		}
		row, err := journal.Get[Locks](tx, store.Locks, key)
		if err != nil {
			return nil, err
		}
		if row == nil {
			continue
		}
		for _, lock := range row.Locks {
			if Stops(lock, subject) {
				found = append(found, lock)
			}
		}
	}
	return found, nil
}

// lockRow gives the locks that stand under a key.
func lockRow(tx *journal.Tx, key string) ([]narthex.Lock, error) {
	row, err := journal.Get[Locks](tx, store.Locks, key)
	if err != nil || row == nil {
		return nil, err
	}
	return slices.Clone(row.Locks), nil
}

// PutLock sets a lock in force.
func PutLock(tx *journal.Tx, lock narthex.Lock) error {
	key := LockKey(lock)
	locks, err := lockRow(tx, key)
	if err != nil {
		return err
	}
	if err := journal.Put(tx, store.Locks, key, &Locks{append(locks, lock)}); err != nil {
		return err
	}
	return journal.Put(tx, store.LockNames, string(lock.ID), &LockName{lock})
}

// LiftLock ends a lock; the lifted lock is kept under its name.
func LiftLock(tx *journal.Tx, lifted narthex.Lock) error {
	key := LockKey(lifted)
	locks, err := lockRow(tx, key)
	if err != nil {
		return err
	}
	left := slices.DeleteFunc(locks, func(l narthex.Lock) bool { return l.ID == lifted.ID })
	if err := journal.Put(tx, store.Locks, key, &Locks{left}); err != nil {
		return err
	}
	return journal.Put(tx, store.LockNames, string(lifted.ID), &LockName{lifted})
}

// Locked gives the refusal that a lock makes: its reason, and where to turn.
func Locked(lock narthex.Lock, appealTo string, appealDays int) *narthex.Error {
	err := narthex.Refusedf("A lock on the %s stops this: %s. Turn to %s to appeal; the answer is due in %d business days.", lock.Subject, ReasonInWords(lock.Reason), appealTo, appealDays)
	err.Code = "locked"
	err.Reason = &narthex.Reason{Code: "locked", Lock: lock.ID, Reason: lock.Reason, Says: err.Public}
	return err
}

// ReasonInWords gives the reason for a lock as people read it.
func ReasonInWords(reason narthex.LockReason) string {
	switch reason {
	case "compromised_credential":
		return "a credential may have been taken (compromised_credential)"
	case "suspected_exfiltration":
		return "protected content may be leaving (suspected_exfiltration)"
	case "safety":
		return "a danger to people is being looked at (safety)"
	case "breach_of_terms":
		return "the terms may have been broken (breach_of_terms)"
	case "legal_order":
		return "an authority ordered it (legal_order)"
	case "incident":
		return "an incident is being handled (incident)"
	case "maintenance":
		return "the lab is working on it (maintenance)"
	}
	return "a reason that is not on the list"
}
