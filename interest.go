package narthex

import (
	"strings"
	"time"
)

// Interest is what a person of the lab declares to tie them to somebody from outside, or to an organisation, in a half-open interval.
// Whoever has one decides on no engagement of theirs.
type Interest struct {
	Kind   InterestKind `json:"kind"`
	Person PersonID     `json:"person,omitempty"` // one of the two
	Org    OrgID        `json:"org,omitempty"`
	From   time.Time    `json:"from"`
	Until  time.Time    `json:"until"`
}

// InterestOf is the kind of the standing that holds an interest. It is none of [StandingKinds]: nobody records it for someone else, and
// no grant rests on it.
const InterestOf StandingKind = "interest"

// MostInterestDays bounds for how long an interest is declared at once.
const MostInterestDays = 3660

// Name is how a standing names the interest.
func (i Interest) Name() string {
	return string(i.Kind) + ":" + string(i.Person) + string(i.Org)
}

// ReadInterest gives the interest that a standing holds, and false where it holds none.
func ReadInterest(s Standing) (Interest, bool) {
	kind, with, named := strings.Cut(s.Name, ":")
	i := Interest{Kind: InterestKind(kind), From: s.From, Until: s.Until}
	if s.Kind != InterestOf || !named || !i.From.Before(i.Until) {
		return Interest{}, false
	}
	if i.Person.UnmarshalText([]byte(with)) == nil {
		return i, true
	}
	i.Person = ""
	return i, i.Org.UnmarshalText([]byte(with)) == nil
}

// InterestsAt gives the interests that standings hold at t.
func InterestsAt(list []Standing, t time.Time) []Interest {
	var interests []Interest
	for _, s := range list {
		if i, is := ReadInterest(s); is && !t.Before(i.From) && t.Before(i.Until) {
			interests = append(interests, i)
		}
	}
	return interests
}
