package book

import (
	"narthex"
	"narthex/internal/journal"
	"narthex/internal/store"
)

// AwayKey is the key in Meta of who is away, or will be.
const AwayKey = "away"

// Away is who of the lab is away, each person once.
type Away struct {
	Absences []narthex.Absence `json:"absences"`
}

// AwayOf gives the absences that were stated last, also those that are over.
func AwayOf(tx *journal.Tx) ([]narthex.Absence, error) {
	row, err := journal.Get[Away](tx, store.Meta, AwayKey)
	if err != nil || row == nil {
		return nil, err
	}
	return row.Absences, nil
}

// SetAway sets them.
func SetAway(tx *journal.Tx, list []narthex.Absence) error {
	return journal.Put(tx, store.Meta, AwayKey, &Away{list})
}
