package lab_test

import (
	"reflect"
	"testing"

	"narthex"
	"narthex/internal/workflow"
)

// agreed is an agreement with one clause, whose values are the library's standard but for those given.
func agreed(c narthex.Clause, values map[string]string) narthex.Agreement {
	all := map[string]string{}
	for name, p := range c.Parameters {
		all[name] = p.Default
	}
	for name, value := range values {
		all[name] = value
	}
	return narthex.Agreement{Clauses: []narthex.AgreedClause{{Number: "7", Name: c.Name, Title: c.Title, Values: all}}}
}

// TestAnObligationFollowsFromTheValuesThatAreSigned sets each parameter that says it is held as an obligation to each end of its
// range. One of which nothing that is owed depends fails.
func TestAnObligationFollowsFromTheValuesThatAreSigned(t *testing.T) {
	// What a parameter's obligation needs of its clause to be owed at all.
	needs := map[narthex.ObligationName]map[string]string{
		narthex.FinalReport: {"report": "yes"}, narthex.PersonalDataDeleted: {"basis": "consent"}, narthex.InsuranceProof: {"cover": "5 EUR"},
	}
	tried := 0
	for name, clause := range load(t, template(t)).Clauses {
		for parameter, p := range clause.Parameters {
			if p.Held != narthex.HeldObligation {
				continue
			}
			tried++
			inside, _ := values(p)
			var before []narthex.Owed
			for i, value := range inside {
				set := map[string]string{parameter: value}
				for other, needed := range needs[narthex.ObligationName(p.By)] {
					if other != parameter {
						set[other] = needed
					}
				}
				owed := workflow.OwedUnder(agreed(clause, set))
				if i > 0 && reflect.DeepEqual(owed, before) {
					t.Errorf("%s.%s: with %q nothing else is owed than with %q", name, parameter, value, inside[i-1])
				}
				before = owed
			}
		}
	}
	if tried < 8 {
		t.Errorf("%d parameters are held as an obligation", tried)
	}
}
