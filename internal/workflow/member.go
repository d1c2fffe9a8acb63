package workflow

import (
	"errors"
	"slices"

	"narthex"
)

// ToAccept is the digest of what a member accepts: of the agreement where there is one, and before that of the application.
func ToAccept(e narthex.Engagement) narthex.Digest {
	if e.Agreement != "" {
		return e.Agreement
	}
	return e.Digest
}

// HasJoined says whether a member accepted for themselves.
func HasJoined(e narthex.Engagement, id narthex.PersonID) bool {
	return slices.ContainsFunc(e.Joined, func(j narthex.Joined) bool { return j.By == id })
}

// Unjoined lists the members who have not accepted for themselves, and have not left.
func Unjoined(e narthex.Engagement) []narthex.PersonID {
	return slices.DeleteFunc(slices.Clone(e.Application.Members), func(id narthex.PersonID) bool {
		return HasJoined(e, id) || !isMember(e, id)
	})
}

// Holders lists for whom an engagement's grant is: the applicant, who signs, and each member who accepted for themselves, in the
// order in which they did. Who left stays among them; their keys ended.
func Holders(e narthex.Engagement) []narthex.PersonID {
	holders := []narthex.PersonID{e.Application.Applicant}
	for _, joined := range e.Joined {
		holders = append(holders, joined.By)
	}
	return holders
}

// mayJoin lets a member accept for themselves, once, what they have seen.
func mayJoin(e narthex.Engagement, draft Event, p narthex.Person, _ Facts) *narthex.Error {
	switch {
	case HasJoined(e, p.ID):
		return narthex.Conflictf("You have accepted this already; nothing more is needed.")
	case draft.Saw != ToAccept(e):
		return narthex.Conflictf("The acceptance names another text than the one that stands. Read it again and accept digest %s.", ToAccept(e).Short()).For("saw")
	}
	return nil
}

// join takes a member's acceptance in.
func join(e *narthex.Engagement, event Event) error {
	if !isMember(*e, event.By) || HasJoined(*e, event.By) || event.Saw != ToAccept(*e) {
		return errors.New("the acceptance is of another text, a second one, or by someone who is no member")
	}
	e.Joined = append(slices.Clone(e.Joined), narthex.Joined{By: event.By, At: event.At, Saw: event.Saw})
	return nil
}

// keep takes over what members accepted of what an engagement amends.
func keep(e *narthex.Engagement, event Event) error {
	for _, kept := range event.Kept {
		if e.Application.Amends == "" || !isMember(*e, kept.By) || HasJoined(*e, kept.By) || kept.Saw == "" || kept.At.IsZero() || kept.At.After(event.At) {
			return errors.New("an acceptance is kept of someone who is no member, who accepted already, or of nothing that it amends")
		}
		e.Joined = append(slices.Clone(e.Joined), kept)
	}
	return nil
}

// Keepable gives the acceptances of an engagement that an amendment of it could keep: of members of both who have not left.
func Keepable(was, amends narthex.Engagement) []narthex.Joined {
	return slices.DeleteFunc(slices.Clone(was.Joined), func(j narthex.Joined) bool {
		return slices.Contains(was.Left, j.By) || !isMember(amends, j.By) || HasJoined(amends, j.By)
	})
}

// isMember says whether someone is a member who has not left.
func isMember(e narthex.Engagement, id narthex.PersonID) bool {
	return id != "" && id != e.Application.Applicant && slices.Contains(e.Application.Members, id) && !slices.Contains(e.Left, id)
}

// fallJoined lets what members accepted fall with the text that they saw.
func fallJoined(e *narthex.Engagement, next narthex.Digest) {
	if next != e.Digest {
		e.Joined = nil
	}
}
