package lab_test

import (
	"maps"
	"testing"
	"time"

	"narthex"
	"narthex/internal/lab"
)

// TestTheRegisterShowsNothingThatWasNotAgreed: without the clause, where the agreement is secret, and where the clause does not read.
func TestTheRegisterShowsNothingThatWasNotAgreed(t *testing.T) {
	clause := func(values map[string]string) narthex.AgreedClause {
		return narthex.AgreedClause{Name: "public-register", Values: values}
	}
	good := map[string]string{"shown": "with the last signature", "embargo_days": "0", "organisation": "yes", "names": "yes"}
	with := func(name, value string) map[string]string {
		values := maps.Clone(good)
		values[name] = value
		return values
	}
	secret := func(value string) narthex.AgreedClause {
		return narthex.AgreedClause{Name: "confidentiality", Values: map[string]string{"existence": value}}
	}
	for name, c := range map[string]struct {
		clauses []narthex.AgreedClause
		want    lab.Registered
		wrong   bool
	}{
		"none":              {nil, lab.Registered{}, false},
		"all":               {[]narthex.AgreedClause{clause(good), secret("no")}, lab.Registered{Shown: true, Organisation: true, Names: true}, false},
		"an older one":      {[]narthex.AgreedClause{clause(map[string]string{"shown": "after an embargo", "embargo_days": "30"})}, lab.Registered{Shown: true, EmbargoDays: 30}, false},
		"secret":            {[]narthex.AgreedClause{clause(good), secret("yes")}, lab.Registered{}, false},
		"secret in a word":  {[]narthex.AgreedClause{clause(good), secret("")}, lab.Registered{}, false},
		"no days":           {[]narthex.AgreedClause{clause(with("embargo_days", "some"))}, lab.Registered{}, true},
		"days below none":   {[]narthex.AgreedClause{clause(with("embargo_days", "-1"))}, lab.Registered{}, true},
		"shown in a word":   {[]narthex.AgreedClause{clause(with("shown", "soon"))}, lab.Registered{}, true},
		"names in a word":   {[]narthex.AgreedClause{clause(with("names", "Yes"))}, lab.Registered{Shown: true, Organisation: true}, false},
		"nothing is stated": {[]narthex.AgreedClause{clause(nil)}, lab.Registered{}, true},
	} {
		got, err := lab.RegisterOf(narthex.Agreement{Clauses: c.clauses})
		if got != c.want || (err != nil) != c.wrong {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
	signed := time.Date(2030, 3, 4, 9, 0, 0, 0, time.UTC)
	e := narthex.Engagement{Grant: "grt_x", Signatures: []narthex.SignedBy{{At: signed.Add(-time.Hour)}, {At: signed}}}
	if from := (lab.Registered{Shown: true, EmbargoDays: 30}).From(e); !from.Equal(signed.AddDate(0, 0, 30)) {
		t.Errorf("it begins at %s", from)
	}
	for _, e := range []narthex.Engagement{{}, {Grant: "grt_x"}, {Signatures: e.Signatures}} {
		if from := (lab.Registered{Shown: true}).From(e); !from.IsZero() {
			t.Errorf("of what did not come into force: %s", from)
		}
	}
	if from := (lab.Registered{}).From(e); !from.IsZero() {
		t.Errorf("of what is not agreed: %s", from)
	}
}
