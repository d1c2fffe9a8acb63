package book

import (
	"slices"

	"narthex"
	"narthex/internal/canon"
	"narthex/internal/journal"
	"narthex/internal/store"
)

// Nationalities is what is recorded of a person's, under "nationalities/" and the person in Meta: for locks on a class of people, and
// for nothing else. The salt hides them in the entry, which has the row's digest. Nobody is shown them but who records them.
type Nationalities struct {
	List []string `json:"list"`
	Salt string   `json:"salt"`
}

// NationalitiesKey is where they stand.
func NationalitiesKey(person narthex.PersonID) string { return "nationalities/" + string(person) }

// NationsOf gives a person's nationalities; none where none are recorded.
func NationsOf(tx *journal.Tx, person narthex.PersonID) ([]string, error) {
	row, err := journal.Get[Nationalities](tx, store.Meta, NationalitiesKey(person))
	if err != nil || row == nil {
		return nil, err
	}
	return slices.Clone(row.List), nil
}

// SetNations records a person's nationalities, or takes the record away where there are none.
func SetNations(tx *journal.Tx, person narthex.PersonID, row Nationalities) (narthex.Digest, error) {
	if len(row.List) == 0 {
		return "", DropNations(tx, person)
	}
	if err := journal.Put(tx, store.Meta, NationalitiesKey(person), &row); err != nil {
		return "", err
	}
	return canon.Digest(row)
}

// DropNations takes the record away, where there is one.
func DropNations(tx *journal.Tx, person narthex.PersonID) error {
	return journal.Delete[Nationalities](tx, store.Meta, NationalitiesKey(person))
}
