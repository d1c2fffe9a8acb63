package office

import (
	"slices"

	"narthex"
	"narthex/internal/book"
	"narthex/internal/journal"
)

// handFor says in whose hands a code of the invited person is: the inviter's. A custodian whose code nobody else could have
// made stands alone, for otherwise the two could never approve anything: the inviter is then the only custodian of the
// directory in force who ever had a log-in, as the approvals of that directory wanted it.
func handFor(tx *journal.Tx, by, invited narthex.Person) (book.Hand, error) {
	if !slices.Contains(invited.Roles, narthex.Custodian) {
		return book.Hand{By: by.ID}, nil
	}
	people, err := book.PeopleOf(tx, "")
	if err != nil {
		return book.Hand{}, err
	}
	if slices.ContainsFunc(people, func(p narthex.Person) bool {
		return p.ID != by.ID && p.State != narthex.PersonInvited && slices.Contains(p.Roles, narthex.Custodian)
	}) {
		return book.Hand{By: by.ID}, nil
	}
	return book.Hand{}, nil
}

// apart refuses a person whose approval would count together with one of somebody who made their log-in code, or whose code
// they made: whoever makes a code could have used it, and one person is not two approvals.
func apart(tx *journal.Tx, p narthex.PersonID, others []narthex.PersonID) error {
	for _, other := range others {
		mine, err := inHandsOf(tx, p, other)
		if err != nil {
			return err
		}
		theirs, err := inHandsOf(tx, other, p)
		if err != nil {
			return err
		}
		if mine || theirs {
			return narthex.Refusedf("You cannot approve this beside someone who made your log-in code, or whose code you made: it would be one person's word. Someone else must. A new person's code is best made by who will not approve with them.")
		}
	}
	return nil
}

// mostHands bounds how long a chain of invitations is followed; a longer one counts as tied.
const mostHands = 1000

// inHandsOf says whether the person's log-in code came from the other, at first or at tenth hand.
func inHandsOf(tx *journal.Tx, person, other narthex.PersonID) (bool, error) {
	for range mostHands {
		hand, err := book.HandOf(tx, person)
		if err != nil || hand.By == "" {
			return false, err
		}
		if hand.By == other {
			return true, nil
		}
		person = hand.By
	}
	return true, nil
}
