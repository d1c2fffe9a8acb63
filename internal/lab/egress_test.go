package lab_test

import (
	"testing"

	"narthex"
	"narthex/internal/lab"
)

// TestTheDaysOfAReleaseAreThoseThatWereSigned: five where nothing is said, and an error, with five, where something else is.
func TestTheDaysOfAReleaseAreThoseThatWereSigned(t *testing.T) {
	of := func(name narthex.ClauseName, values map[string]string) narthex.Agreement {
		return narthex.Agreement{Clauses: []narthex.AgreedClause{{Number: "7", Name: name, Values: values}}}
	}
	for what, c := range map[string]struct {
		signed narthex.Agreement
		days   int
		wrong  bool
	}{
		"no agreement": {narthex.Agreement{}, 5, false}, "no such clause": {of("purpose", map[string]string{"review_days": "9"}), 5, false}, "an earlier clause": {of("egress", map[string]string{"bytes": "10"}), 5, false},
		"a day": {of("egress", map[string]string{"review_days": "1"}), 1, false}, "many": {of("egress", map[string]string{"review_days": "20"}), 20, false},
		"too many": {of("egress", map[string]string{"review_days": "21"}), 5, true}, "none": {of("egress", map[string]string{"review_days": "0"}), 5, true},
		"less than none": {of("egress", map[string]string{"review_days": "-1"}), 5, true}, "nothing": {of("egress", map[string]string{"review_days": ""}), 5, true}, "words": {of("egress", map[string]string{"review_days": "five"}), 5, true},
	} {
		if days, err := lab.ReleaseDaysOf(c.signed); days != c.days || (err != nil) != c.wrong {
			t.Errorf("%s: %d, %v", what, days, err)
		}
	}
}
