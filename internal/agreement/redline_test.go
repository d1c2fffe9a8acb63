package agreement_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"narthex"
	"narthex/internal/agreement"
)

// standard is an input that asks for what the pathway offers, and no more.
func standard(t testing.TB) agreement.Input {
	made := input(t)
	var terms []narthex.Term
	for _, offer := range made.Pathway.Offers {
		limits := map[narthex.LimitName]narthex.Value{}
		for name, r := range offer.Limits {
			limits[name] = r.Default
		}
		terms = append(terms, narthex.Term{Attribute: offer.Attribute, Asset: offer.Assets[0], Limits: limits})
	}
	made.Engagement.Application.Terms, made.Engagement.Application.Days = terms, made.Pathway.GrantDays
	made.Pathway.Clauses = slices.Clone(made.Pathway.Clauses)
	for i, use := range made.Pathway.Clauses { // of its own values those alone stay that the library has none for
		own := maps.Clone(use.Values)
		maps.DeleteFunc(own, func(name, _ string) bool { return made.Clauses[use.Clause].Parameters[name].Default != "" })
		made.Pathway.Clauses[i].Values = own
	}
	return made
}

func TestWhatIsAskedAsOfferedIsTheStandard(t *testing.T) {
	a, _ := render(t, standard(t))
	if a.Redline == nil || len(a.Redline.Departures) != 0 || !slices.Equal(agreement.RedlineInWords(a.Redline), []string{"Nothing: this is the pathway's standard."}) {
		t.Errorf("%+v", a.Redline)
	}
	made := standard(t)
	made.Engagement.Application.Terms = made.Engagement.Application.Terms[:1]
	if a, _ := render(t, made); len(a.Redline.Departures) != 0 {
		t.Errorf("an offer that nobody took differs: %+v", a.Redline)
	}
	if agreement.RedlineInWords(nil) != nil {
		t.Error("no redline says something")
	}
}

func TestEachDifferenceFromTheStandardIsSaid(t *testing.T) {
	limit := func(made *agreement.Input, name narthex.LimitName, value narthex.Value) {
		made.Engagement.Application.Terms[0].Limits[name] = value
	}
	for name, c := range map[string]struct {
		change func(*agreement.Input)
		want   narthex.Departure
		words  string
	}{
		"a limit in its range": {func(in *agreement.Input) { limit(in, "max_tokens", narthex.NumberValue(2048)) },
			narthex.Departure{What: "limit", Number: "2.1", Of: "model.sample on example-model", Name: "max_tokens", Standard: "1024", Agreed: "2048"},
			"2.1: max tokens of model.sample on example-model is 2048; the standard is 1024."},
		"a narrower limit": {func(in *agreement.Input) { limit(in, "max_tokens", narthex.NumberValue(1)) },
			narthex.Departure{What: "limit", Number: "2.1", Of: "model.sample on example-model", Name: "max_tokens", Standard: "1024", Agreed: "1"},
			"2.1: max tokens of model.sample on example-model is 1; the standard is 1024."},
		"a limit beyond its range": {func(in *agreement.Input) { limit(in, "max_tokens", narthex.NumberValue(9999)) },
			narthex.Departure{What: "limit", Number: "2.1", Of: "model.sample on example-model", Name: "max_tokens", Standard: "1024", Agreed: "9999", Beyond: true},
			"2.1: max tokens of model.sample on example-model is 9999; the standard is 1024, and this is outside the range that the pathway offers."},
		"a limit that is missing": {func(in *agreement.Input) { delete(in.Engagement.Application.Terms[0].Limits, "max_tokens") },
			narthex.Departure{What: "limit", Number: "2.1", Of: "model.sample on example-model", Name: "max_tokens", Standard: "1024", Beyond: true},
			"2.1: max tokens of model.sample on example-model is not set; the standard is 1024, and this is outside the range that the pathway offers."},
		"a term that is not offered": {func(in *agreement.Input) {
			in.Engagement.Application.Terms = append(in.Engagement.Application.Terms, narthex.Term{Attribute: "model.tools", Asset: "example-model"})
		}, narthex.Departure{What: "term", Number: "2.9", Of: "model.tools on example-model"}, "2.9: model.tools on example-model is added; the pathway does not offer it."},
		"another asset": {func(in *agreement.Input) { in.Engagement.Application.Terms[1].Asset = "other" },
			narthex.Departure{What: "term", Number: "2.2", Of: "model.logprobs on other"}, "2.2: model.logprobs on other is added; the pathway does not offer it."},
		"other days": {func(in *agreement.Input) { in.Engagement.Application.Days = 90 },
			narthex.Departure{What: "days", Standard: "180", Agreed: "90"}, "It lasts 90 days; the standard is 180."},
		"a clause's value": {func(in *agreement.Input) {
			in.Pathway.Clauses = slices.Clone(in.Pathway.Clauses)
			at := slices.IndexFunc(in.Pathway.Clauses, func(u narthex.ClauseUse) bool { return u.Clause == "publication-review" })
			parameter := slices.Sorted(maps.Keys(in.Clauses["publication-review"].Parameters))[0]
			in.Pathway.Clauses[at].Values = map[string]string{parameter: "7"}
		}, narthex.Departure{What: "value"}, " is 7; the clause library has "},
	} {
		made := standard(t)
		c.change(&made)
		a, _ := render(t, made)
		words := strings.Join(agreement.RedlineInWords(a.Redline), "\n")
		if len(a.Redline.Departures) != 1 || !strings.Contains(words, c.words) {
			t.Errorf("%s: %+v\n%s", name, a.Redline.Departures, words)
			continue
		}
		if got := a.Redline.Departures[0]; c.want.What != "value" && got != c.want || got.What != c.want.What {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestAnAgreementWithoutARedlineIsWhatItWas(t *testing.T) {
	made := standard(t)
	a, with := render(t, made)
	a.Redline = nil
	d := agreement.Document{Taxonomy: made.Taxonomy, Agreement: a}
	if form := in(t, d, agreement.JSON); strings.Contains(form, `"redline"`) || strings.Contains(form, `"signing_order"`) {
		t.Errorf("what was signed before has new members: %s", form)
	}
	if text := in(t, d, agreement.Text); strings.Contains(text, "What differs") {
		t.Error("it claims a comparison that nobody made")
	}
	if digest, err := agreement.Digest(a); err != nil || digest == with {
		t.Errorf("the redline is not part of what is signed: %v", err)
	}
}
