package cells

import (
	"slices"

	"narthex"
)

// Question asks for values of groups of cells.
type Question struct {
	Where map[string]string `json:"where,omitempty"` // a bin of each dimension that is named
	By    []string          `json:"by,omitempty"`    // a group for each of these dimensions' bins; none is one group
	Ask   []Ask             `json:"ask"`             // 1 to MostMeasures
}

// Ask is one value of each group.
type Ask struct {
	What What   `json:"what"`
	Of   string `json:"of,omitempty"` // a measure; none for People
}

// What is a kind of value.
type What string

// The kinds.
const (
	People What = "people" // of each cell, summed: who is in two cells is counted in both
	Sum    What = "sum"
	Mean   What = "mean" // the rounded sum over the rounded number of people, where a cell has both
)

// Group is one group of cells.
type Group struct {
	Bins   []string `json:"bins"` // in the order of Question.By
	Values []Value  `json:"values"`
}

// Value is one value, made of the cells that have it.
type Value struct {
	Of         int64 `json:"of"`         // the value; for Mean the sum
	Over       int64 `json:"over"`       // 1; for Mean the people, and 0 where there are none
	Cells      int   `json:"cells"`      // how many cells it is made of; with none there is no value
	Suppressed int   `json:"suppressed"` // how many cells of the group are left out of it
}

// Answer sums the published cells that a question asks for. Whether it is refused depends on the question and the shape alone, never on
// what a cell holds. Refusals are Invalid errors that name the field.
func (s Snapshot) Answer(q Question) ([]Group, error) {
	if err := s.Shape.Check(); err != nil {
		return nil, err
	}
	where, by, err := q.check(s.Shape)
	if err != nil {
		return nil, err
	}
	var groups []Group
	place := map[int]int{}
	for i := range s.Shape.Cells() {
		bins := s.Shape.bins(i)
		if !within(bins, where) {
			continue
		}
		names, at := make([]string, len(by)), 0
		for n, d := range by {
			names[n], at = s.Shape.Dimensions[d].Bins[bins[d]], at*len(s.Shape.Dimensions[d].Bins)+bins[d]
		}
		if _, there := place[at]; !there {
			place[at] = len(groups)
			groups = append(groups, Group{Bins: names, Values: make([]Value, len(q.Ask))})
		}
		for n, ask := range q.Ask {
			s.add(&groups[place[at]].Values[n], i, ask)
		}
	}
	return groups, nil
}

func within(bins []int, where map[int]int) bool {
	for d, want := range where {
		if bins[d] != want {
			return false
		}
	}
	return true
}

func (s Snapshot) value(cell, value int) int64 {
	if cell >= len(s.Values) || value >= len(s.Values[cell]) {
		return Suppressed
	}
	return s.Values[cell][value]
}

func (s Snapshot) add(v *Value, cell int, ask Ask) {
	people, sum := s.value(cell, 0), s.value(cell, 1+s.Shape.measure(ask.Of))
	switch {
	case people == Suppressed || ask.What != People && sum == Suppressed:
		v.Suppressed++
		return
	case ask.What == People:
		v.Of, v.Over = v.Of+people, 1
	case ask.What == Sum:
		v.Of, v.Over = v.Of+sum, 1
	default:
		v.Of, v.Over = v.Of+sum, v.Over+people
	}
	v.Cells++
}

// check resolves a question's names to dimensions and bins.
func (q Question) check(s Shape) (where map[int]int, by []int, err error) {
	where = map[int]int{}
	for name, bin := range q.Where {
		d := s.dimension(name)
		if d < 0 {
			return nil, nil, narthex.Invalidf("A filter names a dimension of the asset; its page lists them.").For("where")
		}
		b := slices.Index(s.Dimensions[d].Bins, bin)
		if b < 0 {
			return nil, nil, narthex.Invalidf("A filter names one bin of its dimension; the asset's page lists them.").For("where." + name)
		}
		where[d] = b
	}
	for _, name := range q.By {
		d := s.dimension(name)
		if d < 0 || slices.Contains(by, d) {
			return nil, nil, narthex.Invalidf("Groups are made by dimensions of the asset, each once; its page lists them.").For("by")
		}
		by = append(by, d)
	}
	if len(q.Ask) == 0 || len(q.Ask) > MostMeasures {
		return nil, nil, narthex.Invalidf("Ask 1 to %d values of each group: people, or the sum or mean of a measure.", MostMeasures).For("ask")
	}
	for _, a := range q.Ask {
		known := a.What == People && a.Of == "" || (a.What == Sum || a.What == Mean) && s.measure(a.Of) >= 0
		if !known {
			return nil, nil, narthex.Invalidf("A value is the people, or the sum or mean of a measure of the asset; its page lists them.").For("ask")
		}
	}
	return where, by, nil
}
