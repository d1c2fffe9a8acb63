package book

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

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

// Nation is the subject that they rest on for a nationality; "" is unknown.
func Nation(nationality string) string { return Subject(narthex.LockNationality, nationality) }

// Nations lists the subjects of a person's nationalities: the unknown one where none is recorded.
func Nations(nationalities []string) []string {
	if len(nationalities) == 0 {
		return []string{Nation("")}
	}
	subjects := make([]string, len(nationalities))
	for i, n := range nationalities {
		subjects[i] = Nation(n)
	}
	return subjects
}

// unknown gives the subject of those of a class's kind of whom it is not known whether they are in it.
func unknown(kind narthex.LockSubject) string { return Subject(kind, "") }

// LockKey is where a lock stands. Those on classes of one kind stand together, for who is of none known rests on all of them.
func LockKey(lock narthex.Lock) string {
	if lock.Subject.OfClass() {
		return unknown(lock.Subject)
	}
	return Subject(lock.Subject, lock.Target)
}

// Stops says whether a lock stops what rests on a subject.
func Stops(lock narthex.Lock, subject string) bool {
	return Subject(lock.Subject, lock.Target) == subject || lock.Subject.OfClass() && subject == unknown(lock.Subject)
}

// StoppedBy lists the subjects that a lock stops, as live calls name them.
func StoppedBy(lock narthex.Lock) []string {
	subjects := []string{Subject(lock.Subject, lock.Target)}
	if lock.Subject.OfClass() {
		subjects = append(subjects, unknown(lock.Subject))
	}
	return subjects
}

// WordBy is what a live call rests on beside, where it rests on an official's word: others are not told of a lock on the official.
func WordBy(official narthex.PersonID) string { return Subject("word", official) }

// LocksOn gives the locks in force on any of the subjects, in the order of the subjects.
func LocksOn(tx *journal.Tx, subjects ...string) ([]narthex.Lock, error) {
	var found []narthex.Lock
	for _, subject := range subjects {
		key := subject
		for _, class := range []string{Place(""), Nation("")} {
			if strings.HasPrefix(subject, class) {
				key = class
			}
		}
		row, err := journal.Get[Locks](tx, store.Locks, key)
		if err != nil {
			return nil, err
		}
		if row == nil {
			continue
		}
		for _, lock := range row.Locks {
			if Stops(lock, subject) && !slices.ContainsFunc(found, func(l narthex.Lock) bool { return l.ID == lock.ID }) {
				found = append(found, lock)
			}
		}
	}
	return found, nil
}

// LocksTold gives those of them that may be told of.
func LocksTold(tx *journal.Tx, subjects ...string) ([]narthex.Lock, error) {
	all, err := LocksOn(tx, subjects...)
	return slices.DeleteFunc(all, func(l narthex.Lock) bool { return l.Silent(tx.Now()) }), err
}

// LocksOnPerson gives the locks that bar a person: on them, on their organisation, and on where those from outside work and whose
// nationals they are.
func LocksOnPerson(tx *journal.Tx, person narthex.Person) ([]narthex.Lock, error) {
	subjects := []string{Subject("person", person.ID), Subject("org", person.Org)}
	if !person.InLab() {
		nations, err := NationsOf(tx, person.ID)
		if err != nil {
			return nil, err
		}
		subjects = append(append(subjects, Place(person.Region)), Nations(nations)...)
	}
	return LocksOn(tx, subjects...)
}

// FirstTold gives the first of the locks that may be told of, or nil; silent says that others may not.
func FirstTold(locks []narthex.Lock, now time.Time) (told *narthex.Lock, silent bool) {
	for i, lock := range locks {
		if lock.Silent(now) {
			silent = true
		} else if told == nil {
			told = &locks[i]
		}
	}
	return told, silent
}

// Compromised says whether a key or its person is locked since someone else may hold what is theirs: nothing is then read with it.
func Compromised(locks []narthex.Lock) bool {
	return slices.ContainsFunc(locks, func(l narthex.Lock) bool {
		return l.Reason == narthex.CompromisedCredential && (l.Subject == "key" || l.Subject == "person")
	})
}

// LockOf gives a lock, lifted or not, or nil.
func LockOf(tx *journal.Tx, id narthex.LockID) (*narthex.Lock, error) {
	row, err := journal.Get[LockName](tx, store.LockNames, string(id))
	if err != nil || row == nil {
		return nil, err
	}
	return &row.Lock, nil
}

// AllLocks gives the locks in force.
func AllLocks(tx *journal.Tx) ([]narthex.Lock, error) {
	rows, err := journal.Scan[Locks](tx, store.Locks, store.Span{Limit: 100_000})
	var list []narthex.Lock
	for _, row := range rows {
		list = append(list, row.Row.Locks...)
	}
	return list, err
}

// ShownTo gives a lock as someone from outside sees it whom it stops: the words beside it only where it is on what is theirs, of the
// appeals their own side's, and nobody's name.
func ShownTo(lock narthex.Lock, org narthex.OrgID) narthex.Lock {
	shared := lock.Subject == "asset" || lock.Subject == "org" || lock.Subject.OfClass()
	lock.By = ""
	lock.Appeals = slices.DeleteFunc(slices.Clone(lock.Appeals), func(a narthex.Appeal) bool { return a.Org != org })
	lock.Reviews = slices.Clone(lock.Reviews)
	for i := range lock.Reviews {
		lock.Reviews[i].By = ""
		if shared && lock.Subject != "org" && len(lock.Appeals) == 0 {
			lock.Reviews[i].Text = ""
		}
	}
	if shared {
		lock.Note = ""
	}
	return lock
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

// ChangeLock writes a lock in force anew.
func ChangeLock(tx *journal.Tx, lock narthex.Lock) error {
	key := LockKey(lock)
	locks, err := lockRow(tx, key)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(locks, func(l narthex.Lock) bool { return l.ID == lock.ID })
	if at < 0 {
		return narthex.Conflictf("That lock is lifted already.")
	}
	locks[at] = lock
	if err := journal.Put(tx, store.Locks, key, &Locks{locks}); err != nil {
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

const mostAppeal = 4000

// Appeal takes in what the locked side says against a lock, once for each side: its people are those of one organisation. The clock
// of an answer that runs already is not set back by it.
func Appeal(tx *journal.Tx, lock narthex.Lock, by narthex.Person, taken narthex.PersonID, text string, due time.Time) (narthex.Lock, error) {
	switch {
	case strings.TrimSpace(text) == "" || utf8.RuneCountInString(text) > mostAppeal:
		return lock, narthex.Invalidf("An appeal says why the lock is wrong, in 1 to %d characters.", mostAppeal).For("text")
	case lock.Lifted():
		return lock, narthex.Conflictf("That lock is lifted already; there is nothing to appeal.")
	case lock.Appealed(by.Org):
		return lock, narthex.Conflictf("There was an appeal from this side against that lock, and there is one. Its answer stands with the lock.")
	}
	lock.Appeals = append(slices.Clone(lock.Appeals), narthex.Appeal{By: by.ID, Org: by.Org, Taken: taken, At: tx.Now(), Text: text})
	if lock.ReviewBy.IsZero() {
		lock.ReviewBy = due.UTC().Truncate(time.Second)
	}
	if err := ChangeLock(tx, lock); err != nil {
		return lock, err
	}
	_, err := tx.Append(narthex.EntryLockAppealed, narthex.TextField("lock", lock.ID), narthex.TextField("by", by.ID), narthex.TextField("org", by.Org),
		narthex.TextField("taken", taken), narthex.TimeField("review_by", lock.ReviewBy), narthex.TextField("said", Said(text)))
	return lock, err
}

// Said is what an entry holds of words: their digest.
func Said(text string) narthex.Digest { return narthex.MakeDigest(sha256.Sum256([]byte(text))) }

// Locked gives the refusal that a lock makes: its reason, since when it is, when it is looked at, and where to turn.
func Locked(lock narthex.Lock, appealTo string, appealDays int) *narthex.Error {
	return lockedOut(lock, fmt.Sprintf("Appeal with `narthex lock appeal %s`, or turn to %s to appeal; the answer is due in %d business days.", lock.ID, appealTo, appealDays))
}

// LockedOut gives the refusal at sign-in of a person whom a lock bars.
func LockedOut(lock narthex.Lock) *narthex.Error {
	return lockedOut(lock, fmt.Sprintf("You can appeal with a key of a grant of yours, `narthex lock appeal %s --key`, or have an official of your institution or the lab's programme hand it in.", lock.ID))
}

func lockedOut(lock narthex.Lock, next string) *narthex.Error {
	review := ""
	if !lock.ReviewBy.IsZero() {
		review = fmt.Sprintf(" Someone else looks at it by %s.", lock.ReviewBy.UTC().Format(time.DateOnly))
	}
	err := narthex.Refusedf("A lock on the %s stops this since %s: %s.%s %s", lock.Subject, lock.At.UTC().Format("2006-01-02 15:04 UTC"), ReasonInWords(lock.Reason), review, next)
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
