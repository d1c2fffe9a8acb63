package cells_test

import (
	"encoding/binary"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"narthex"
	"narthex/internal/cells"
)

func shape() cells.Shape {
	return cells.Shape{
		Dimensions: []cells.Dimension{{Name: "country", Bins: []string{"a", "b", "c"}}, {Name: "plan", Bins: []string{"free", "paid"}}},
		Measures:   []cells.Measure{{Name: "calls", Bound: 100, Round: 100}},
		Rules:      cells.Rules{People: 10, RoundTo: 5, Largest: 2, Share: 0.9, Rest: 0.1},
	}
}

// table is who adds what to which cell.
type table map[int]map[int]int64

func person(n int) (p cells.Person) {
	binary.BigEndian.PutUint64(p[:], uint64(n))
	return p
}

func (t table) rows() iter.Seq2[cells.Row, error] {
	return func(yield func(cells.Row, error) bool) {
		for _, cell := range slices.Sorted(maps.Keys(t)) {
			for _, who := range slices.Sorted(maps.Keys(t[cell])) {
				if !yield(cells.Row{Cell: cell, Person: person(who), Values: []int64{t[cell][who]}}, nil) {
					return
				}
			}
		}
	}
}

// add puts n people into a cell, the first of them by number, each with a value.
func (t table) add(cell, first, n int, value int64) table {
	if t[cell] == nil {
		t[cell] = map[int]int64{}
	}
	for i := range n {
		t[cell][first+i] = value
	}
	return t
}

func build(t testing.TB, s cells.Shape, rows table, earlier []cells.State) (cells.Snapshot, []cells.Held, []cells.State) {
	t.Helper()
	snapshot, held, states, err := cells.Build(s, rows.rows(), earlier)
	if err != nil {
		t.Fatal(err)
	}
	return snapshot, held, states
}

func TestACellIsHeldToEachRule(t *testing.T) {
	rich := table{}.add(0, 0, 12, 1)
	rich[0][0] = 100 // of 111, the largest two hold 101
	second := table{}.add(0, 0, 12, 0)
	second[0][0], second[0][1], second[0][2] = 100, 80, 9 // the two hold 180 of 189 and the rest less than a tenth of the largest
	for name, c := range map[string]struct {
		rows  table
		shown []int64
		why   cells.Why
	}{
		"nobody":                    {table{}, []int64{cells.Suppressed, cells.Suppressed}, cells.Few},
		"one less than the least":   {table{}.add(0, 0, 9, 50), []int64{cells.Suppressed, cells.Suppressed}, cells.Few},
		"the least":                 {table{}.add(0, 0, 10, 50), []int64{10, 500}, ""},
		"rounded down":              {table{}.add(0, 0, 12, 12), []int64{10, 100}, ""},
		"rounded up":                {table{}.add(0, 0, 13, 12), []int64{15, 200}, ""},
		"cut at the bound":          {table{}.add(0, 0, 10, 1000), []int64{10, 1000}, ""},
		"below nothing is nothing":  {table{}.add(0, 0, 10, -50), []int64{10, 0}, ""},
		"two hold nearly all":       {rich, []int64{10, cells.Suppressed}, cells.Dominant},
		"the second tells the rest": {second, []int64{10, cells.Suppressed}, cells.Ratio},
	} {
		s := shape()
		if c.why == cells.Ratio {
			s.Rules.Share = 1
		}
		snapshot, held, _ := build(t, s, c.rows, nil)
		if got := snapshot.Values[0]; !slices.Equal(got, c.shown) {
			t.Errorf("%s: it shows %v, want %v", name, got, c.shown)
		}
		if found := slices.ContainsFunc(held, func(h cells.Held) bool { return h.Cell == 0 && h.Why == c.why }); found != (c.why != "") {
			t.Errorf("%s: %v", name, held)
		}
	}
}

func TestAKnownTotalTellsNoSuppressedCell(t *testing.T) {
	rows := table{}.add(0, 0, 4, 1).add(1, 100, 30, 1).add(2, 200, 20, 1).add(3, 300, 25, 1)
	s := shape()
	if open, _, _ := build(t, s, rows, nil); open.Values[1][0] != 30 {
		t.Error("without a known total nothing else is suppressed")
	}
	s.Rules.Known = [][]string{{"country"}}
	got, held, _ := build(t, s, rows, nil)
	if got.Values[0][0] != cells.Suppressed || got.Values[1][0] != cells.Suppressed || got.Values[2][0] != 20 || !slices.Contains(held, cells.Held{Cell: 1, Why: cells.Implied}) {
		t.Errorf("the total of country a tells its small cell: %v, %v", got.Values, held)
	}
	s.Rules.Known = [][]string{{}}
	if got, _, _ := build(t, s, rows, nil); got.Values[2][0] != cells.Suppressed || got.Values[1][0] != 30 {
		t.Errorf("of everything the smallest goes: %v", got.Values)
	}
	// What was published stays known, so nothing can hide the small cell any more.
	_, _, states := build(t, shape(), table{}.add(1, 100, 30, 1).add(2, 200, 20, 1).add(3, 300, 25, 1), nil)
	if _, _, _, err := cells.Build(s, table{}.add(4, 400, 10, 1).add(0, 0, 20, 1).rows(), states); err != nil {
		t.Fatal(err)
	}
	rows = table{}.add(0, 0, 14, 1).add(1, 100, 30, 1).add(2, 200, 20, 1).add(3, 300, 25, 1)
	_, _, states = build(t, shape(), rows, nil)
	delete(rows, 0)
	if _, _, _, err := cells.Build(s, rows.add(0, 0, 3, 1).rows(), states); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("eleven left a cell of fourteen, and the total tells the three: %v", err)
	}
}

func TestACellKeepsItsAnswerUntilManyChanged(t *testing.T) {
	s := shape()
	first := table{}.add(0, 0, 42, 10)
	one, _, states := build(t, s, first, nil)
	if one.Values[0][0] != 40 {
		t.Fatal(one.Values)
	}
	// One joins: rounding alone would go from 40 to 45.
	two, held, states := build(t, s, table{}.add(0, 0, 43, 10), states)
	if two.Values[0][0] != 40 || !slices.Contains(held, cells.Held{Cell: 0, Why: cells.Kept}) {
		t.Errorf("one joined and it shows %v, %v", two.Values[0], held)
	}
	// One who is there does more.
	more := table{}.add(0, 0, 42, 10)
	more[0][7] = 90
	if got, _, _ := build(t, s, more, states); got.Values[0][1] != one.Values[0][1] {
		t.Errorf("one did more and it shows %v", got.Values[0])
	}
	// Ten more are many; and then nine fewer, which is one away from the first.
	three, _, states := build(t, s, table{}.add(0, 0, 52, 10), states)
	if three.Values[0][0] != 50 {
		t.Errorf("ten joined and it shows %v", three.Values[0])
	}
	four, _, _ := build(t, s, table{}.add(0, 0, 43, 10), states)
	if four.Values[0][0] != 50 {
		t.Errorf("against the first state one changed, and it shows %v", four.Values[0])
	}
	// A small cell that grows by few stays suppressed.
	_, _, small := build(t, s, table{}.add(0, 0, 9, 10), nil)
	if got, _, _ := build(t, s, table{}.add(0, 0, 12, 10), small); got.Values[0][0] != cells.Suppressed {
		t.Errorf("three joined nine, and it shows %v", got.Values[0])
	}
}

func TestAnswersAreSumsOfWhatIsPublished(t *testing.T) {
	snapshot, _, _ := build(t, shape(), table{}.add(0, 0, 20, 50).add(1, 100, 30, 20).add(3, 300, 4, 1).add(4, 400, 11, 100), nil)
	got, err := snapshot.Answer(cells.Question{By: []string{"country"}, Ask: []cells.Ask{{What: cells.People}, {What: cells.Sum, Of: "calls"}, {What: cells.Mean, Of: "calls"}}})
	if err != nil {
		t.Fatal(err)
	}
	want := []cells.Group{
		{[]string{"a"}, []cells.Value{{50, 1, 2, 0}, {1600, 1, 2, 0}, {1600, 50, 2, 0}}},
		{[]string{"b"}, []cells.Value{{0, 0, 0, 2}, {0, 0, 0, 2}, {0, 0, 0, 2}}},
		{[]string{"c"}, []cells.Value{{10, 1, 1, 1}, {1100, 1, 1, 1}, {1100, 10, 1, 1}}},
	}
	if !slices.EqualFunc(got, want, func(a, b cells.Group) bool { return slices.Equal(a.Bins, b.Bins) && slices.Equal(a.Values, b.Values) }) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	got, err = snapshot.Answer(cells.Question{Where: map[string]string{"plan": "paid", "country": "a"}, Ask: []cells.Ask{{What: cells.People}}})
	if err != nil || len(got) != 1 || got[0].Values[0].Of != 30 {
		t.Errorf("%v, %v", got, err)
	}
	for name, q := range map[string]cells.Question{
		"nothing":             {},
		"no such dimension":   {By: []string{"person"}, Ask: []cells.Ask{{What: cells.People}}},
		"a dimension twice":   {By: []string{"plan", "plan"}, Ask: []cells.Ask{{What: cells.People}}},
		"no such bin":         {Where: map[string]string{"plan": "Free"}, Ask: []cells.Ask{{What: cells.People}}},
		"no such measure":     {Ask: []cells.Ask{{What: cells.Sum, Of: "age"}}},
		"a dimension's sum":   {Ask: []cells.Ask{{What: cells.Sum, Of: "plan"}}},
		"people of a measure": {Ask: []cells.Ask{{What: cells.People, Of: "calls"}}},
		"the largest":         {Ask: []cells.Ask{{What: "max", Of: "calls"}}},
	} {
		if _, err := snapshot.Answer(q); !narthex.IsKind(err, narthex.Invalid) {
			t.Errorf("%s is answered: %v", name, err)
		}
		if _, err := (cells.Snapshot{Shape: shape()}).Answer(q); !narthex.IsKind(err, narthex.Invalid) {
			t.Errorf("%s is answered from an empty snapshot: %v", name, err)
		}
	}
	if _, err := (cells.Snapshot{}).Answer(cells.Question{Ask: []cells.Ask{{What: cells.People}}}); err == nil {
		t.Error("the zero snapshot answers")
	}
}

// TestNothingBelowTheRulesIsShown: whatever the people, no cell shows what its rules or a known total hold back.
func TestNothingBelowTheRulesIsShown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := table{}
		for cell := range 6 {
			rows.add(cell, 1000*cell, rapid.IntRange(0, 30).Draw(t, "people"), rapid.Int64Range(0, 100).Draw(t, "each"))
		}
		s := shape()
		if rapid.Bool().Draw(t, "known") {
			s.Rules.Known = [][]string{{"country"}, {}}
		}
		a, _, _, err := cells.Build(s, rows.rows(), nil)
		if err != nil {
			return
		}
		for cell := range 6 {
			n := len(rows[cell])
			for value, shown := range a.Values[cell] {
				base := []int64{5, 100}[value]
				if shown != cells.Suppressed && (n < 10 || shown%base != 0) {
					t.Fatalf("cell %d of %d people shows %v", cell, n, a.Values[cell])
				}
			}
		}
		for _, known := range s.Rules.Known {
			for _, line := range map[bool][][]int{true: {{0, 1}, {2, 3}, {4, 5}}, false: {{0, 1, 2, 3, 4, 5}}}[len(known) == 1] {
				hidden, people := 0, 0
				for _, cell := range line {
					if a.Values[cell][0] == cells.Suppressed && len(rows[cell]) > 0 {
						hidden, people = hidden+1, people+len(rows[cell])
					}
				}
				if hidden == 1 || hidden > 0 && people < 10 {
					t.Fatalf("the total of %v tells %d people in %d cells", line, people, hidden)
				}
			}
		}
	})
}

func TestAShapeIsHeldToItsRules(t *testing.T) {
	if err := shape().Check(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*cells.Shape){
		"no dimension":          func(s *cells.Shape) { s.Dimensions = nil },
		"one bin":               func(s *cells.Shape) { s.Dimensions[0].Bins = []string{"a"} },
		"a bin twice":           func(s *cells.Shape) { s.Dimensions[0].Bins = []string{"a", "a"} },
		"a bin without a name":  func(s *cells.Shape) { s.Dimensions[0].Bins = []string{"a", ""} },
		"a name twice":          func(s *cells.Shape) { s.Dimensions[1].Name = "country" },
		"a measure of its name": func(s *cells.Shape) { s.Measures[0].Name = "plan" },
		"no bound":              func(s *cells.Shape) { s.Measures[0].Bound = 0 },
		"a base below it":       func(s *cells.Shape) { s.Measures[0].Round = 99 },
		"two people":            func(s *cells.Shape) { s.Rules.People = 2 },
		"no rounding":           func(s *cells.Shape) { s.Rules.RoundTo = 0 },
		"no dominance":          func(s *cells.Shape) { s.Rules.Share = 0 },
		"nobody is largest":     func(s *cells.Shape) { s.Rules.Largest = 0 },
		"an unknown line":       func(s *cells.Shape) { s.Rules.Known = [][]string{{"age"}} },
		"too many cells": func(s *cells.Shape) {
			bins := make([]string, 1000)
			for i := range bins {
				bins[i] = string(rune('a' + i))
			}
			s.Dimensions = []cells.Dimension{{Name: "x", Bins: bins}, {Name: "y", Bins: bins}, {Name: "z", Bins: bins}}
		},
	} {
		s := shape()
		if spoil(&s); !narthex.IsKind(s.Check(), narthex.Invalid) {
			t.Errorf("%s passes", name)
		}
	}
	for name, rows := range map[string][]cells.Row{
		"a person twice":  {{Cell: 0, Values: []int64{1}}, {Cell: 0, Values: []int64{1}}},
		"a cell again":    {{Cell: 1, Values: []int64{1}}, {Cell: 0, Values: []int64{1}}},
		"no such cell":    {{Cell: 6, Values: []int64{1}}},
		"a value missing": {{Cell: 0}},
	} {
		if _, _, _, err := cells.Build(shape(), func(yield func(cells.Row, error) bool) {
			for _, r := range rows {
				if !yield(r, nil) {
					return
				}
			}
		}, nil); !narthex.IsKind(err, narthex.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, c := range []struct {
		people, roundTo int64
		coarse          bool
	}{{10, 5, true}, {11, 5, false}, {10, 6, false}, {10, 2, false}, {5, 1, true}, {10, 0, true}} {
		if got := shape().Rules.Coarse(c.people, c.roundTo); got != c.coarse {
			t.Errorf("at least %d people rounded to %d: %v", c.people, c.roundTo, got)
		}
	}
}

// TestNobodyIsFoundByDifferences attacks ten thousand people over five states of the data: the attacker knows in which cell a person
// is, and everyone else's secret, and asks for all that can be asked; they guess the person's plan from which answers changed when that
// one person changed. What they find is no more than what the margins of the published cells tell already.
func TestNobodyIsFoundByDifferences(t *testing.T) {
	const people, bins = 10_000, 40
	rng := rand.New(rand.NewPCG(7, 11))
	s := shape()
	s.Dimensions[0].Bins = nil
	for i := range bins {
		s.Dimensions[0].Bins = append(s.Dimensions[0].Bins, "c"+string(rune('a'+i%26))+string(rune('a'+i/26)))
	}
	home, secret := make([]int, people), make([]int, people)
	rows := table{}
	for p := range people {
		home[p], secret[p] = rng.IntN(bins), btoi(rng.Float64() < 0.3)
		rows.add(2*home[p]+secret[p], p, 1, int64(rng.IntN(100)))
	}
	with, _, states := build(t, s, rows, nil)
	share := make([]float64, bins) // what the published cells say of a country
	for c := range bins {
		free, paid := max(0, with.Values[2*c][0]), max(0, with.Values[2*c+1][0])
		share[c] = float64(paid) / float64(max(1, free+paid))
	}
	right, base := 0, 0
	for n := range 400 { // of the ten thousand, each against the whole table
		p := n * (people / 400)
		cell := 2*home[p] + secret[p]
		value := rows[cell][p]
		delete(rows[cell], p)
		without, _, _ := build(t, s, rows, states)
		rows[cell][p] = value
		guess := btoi(share[home[p]] > 0.5)
		base += btoi(guess == secret[p])
		for plan := range 2 {
			if !slices.Equal(with.Values[2*home[p]+plan], without.Values[2*home[p]+plan]) {
				guess = plan
			}
		}
		right += btoi(guess == secret[p])
	}
	if float64(right-base)/400 > 0.05 {
		t.Errorf("the attacker is right of %d in 400, and from margins alone of %d", right, base)
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
