package workflow

import (
	"errors"
	"slices"
	"time"

	"narthex"
)

// Interested says whether a person of the lab has declared an interest in someone whom an engagement is of: its applicant, a member,
// or their organisation.
func Interested(e narthex.Engagement, p narthex.Person) bool {
	a := e.Application
	return e.ID != "" && slices.ContainsFunc(p.Interests, func(i narthex.Interest) bool {
		return i.Person != "" && (i.Person == a.Applicant || slices.Contains(a.Members, i.Person)) || i.Org != "" && i.Org == a.Org
	})
}

// Apart says whether a person decides nothing on an engagement, and on nothing that comes of it: they have a part in it, or an interest in
// those who have.
func Apart(e narthex.Engagement, p narthex.Person) bool {
	return slices.Contains(e.Authors, p.ID) || Interested(e, p)
}

// HasVoted says whether a person's vote stands on an engagement.
func HasVoted(e narthex.Engagement, id narthex.PersonID) bool { return hasVoted(&e, id) }

// recuse lets a vote fall whose giver has an interest. An agreement that rests on it falls with it, with its signatures and with what
// members accepted of it: the quorum is open again.
func recuse(e *narthex.Engagement, event Event) error {
	if !hasVoted(e, event.By) {
		return errors.New("there is no vote of theirs")
	}
	e.Votes = slices.DeleteFunc(slices.Clone(e.Votes), func(v narthex.Vote) bool { return v.By == event.By })
	if e.Agreement != "" {
		unoffer(e)
		e.Objection = nil // it was to what falls now
	}
	if len(e.Votes) == 0 {
		e.Votes = nil
	}
	return nil
}

// unoffer lets an offered agreement fall, with its signatures and with what members accepted of it.
func unoffer(e *narthex.Engagement) {
	gone := e.Agreement
	e.Joined = slices.DeleteFunc(slices.Clone(e.Joined), func(j narthex.Joined) bool { return j.Saw == gone })
	if len(e.Joined) == 0 {
		e.Joined = nil
	}
	e.Agreement, e.Authorised, e.Signatures, e.Signing, e.Outside = "", nil, nil, nil, nil
	e.DecidedAt = time.Time{}
}
