package query_test

import (
	"reflect"
	"testing"

	"narthex"
	"narthex/internal/cells"
	"narthex/internal/query"
)

func usage() (query.Gate, cells.Shape) {
	shape := cells.Shape{
		Dimensions: []cells.Dimension{{Name: "country", Bins: []string{"a", "b"}}, {Name: "plan", Bins: []string{"free", "paid"}}},
		Measures:   []cells.Measure{{Name: "calls", Bound: 100, Round: 100}},
		Rules:      cells.Rules{People: 10, RoundTo: 5, Largest: 2, Share: 0.9, Rest: 0.1},
	}
	return query.Gate{Views: []query.View{{Schema: "users", Name: "usage", Columns: []string{"country", "plan", "calls"}}}}, shape
}

func TestAQueryIsReadAsAQuestionToCells(t *testing.T) {
	g, shape := usage()
	trees := trees(t)
	people, sum, mean := cells.Ask{What: cells.People}, cells.Ask{What: cells.Sum, Of: "calls"}, cells.Ask{What: cells.Mean, Of: "calls"}
	want := []query.Statistic{
		{Ask: cells.Question{Ask: []cells.Ask{people}}, Columns: []query.Column{{"people", -1, 0}}},
		{Ask: cells.Question{By: []string{"country"}, Ask: []cells.Ask{people}}, Columns: []query.Column{{"country", 0, -1}, {"people", -1, 0}}},
		{Ask: cells.Question{Where: map[string]string{"plan": "paid"}, By: []string{"country", "plan"}, Ask: []cells.Ask{people, sum, mean}},
			Columns: []query.Column{{"country", 0, -1}, {"plan", 1, -1}, {"n", -1, 0}, {"sum_calls", -1, 1}, {"mean", -1, 2}}, Order: []query.Order{{2, true}, {0, false}}, Limit: 5},
		{Ask: cells.Question{Where: map[string]string{"plan": "free", "country": "a"}, By: []string{"country"}, Ask: []cells.Ask{sum}}, Columns: []query.Column{{"country", 0, -1}, {"sum_calls", -1, 0}}},
	}
	for i, sql := range queries(t, "from cells") {
		got, err := g.Statistic(trees[sql], shape)
		want[i].View = g.Views[0]
		if want[i].Ask.Where == nil {
			want[i].Ask.Where = map[string]string{}
		}
		if err != nil || !reflect.DeepEqual(got, want[i]) {
			t.Errorf("%s is read as\n%+v, want\n%+v: %v", sql, got, want[i], err)
		}
	}
	for _, sql := range queries(t, "not from cells") {
		if _, err := g.Statistic(trees[sql], shape); !narthex.IsKind(err, narthex.Refused) {
			t.Errorf("%s: %v", sql, err)
		}
	}
}
