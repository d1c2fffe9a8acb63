package book

import (
	"slices"
	"strings"

	"narthex"
	"narthex/internal/journal"
	"narthex/internal/store"
)

// WithInterests gives a person with the interests that they declared and that hold now: whoever decides looks at them.
func WithInterests(tx *journal.Tx, p narthex.Person) (narthex.Person, error) {
	if !p.InLab() {
		return p, nil
	}
	list, err := StandingsOf(tx, p.ID)
	p.Interests = narthex.InterestsAt(list, tx.Now())
	return p, err
}

// WithoutInterestsIn gives standings without interests in a person who was erased.
func WithoutInterestsIn(list []narthex.Standing, person narthex.PersonID) []narthex.Standing {
	return slices.DeleteFunc(slices.Clone(list), func(s narthex.Standing) bool {
		return s.Kind == narthex.InterestOf && strings.HasSuffix(s.Name, ":"+string(person))
	})
}

// DropInterestsIn takes away what anybody declared about a person.
func DropInterestsIn(tx *journal.Tx, person narthex.PersonID) error {
	rows, err := journal.Scan[Standings](tx, store.Meta, store.Prefix(StandingKey(""), mostRows))
	if err != nil {
		return err
	}
	for _, row := range rows {
		left := WithoutInterestsIn(row.Row.Standings, person)
		switch {
		case len(left) == len(row.Row.Standings):
			continue
		case len(left) == 0:
			err = journal.Delete[Standings](tx, store.Meta, row.Key)
		default:
			err = journal.Put(tx, store.Meta, row.Key, &Standings{left})
		}
		if err != nil {
			return err
		}
	}
	return nil
}
