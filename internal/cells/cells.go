// Package cells answers statistical questions about people from a table that was made once. It is arithmetic: it reads no clock, no
// store and no file, and keeps nothing.
//
// A [Shape] says what may ever be asked of an asset: dimensions with a fixed list of bins, measures with a bound a person, and the rules
// under which a cell may be published. A cell is one bin of every dimension. [Build] makes the cells of one state of the data, each value
// of each of them held to the rules and rounded once; the result is a [Snapshot]. [Snapshot.Answer] sums published cells, and looks at
// nothing else: so any number of answers, to any number of people, tells no more than the snapshot, and whoever reads all of its cells
// knows all that can be asked.
//
//	threshold    a cell with fewer people than Rules.People is suppressed; an empty one too, so that the two look alike
//	rounding     people to Rules.RoundTo, a measure to its own base, which is at least what one person can add
//	dominance    a measure of which Rules.Largest people hold Rules.Share of all or more is suppressed
//	p-ratio      so is one in which all but the two largest hold less than Rules.Rest of the largest
//	margins      of a line whose exact total is known from elsewhere the suppressed cells hold Rules.People together, in two cells or more
//	versions     a cell keeps its answer until as many as Rules.People changed in it, against each state that it was ever published of
//
// It does not promise that a published cell tells nothing of the people in it: a cell of people who all share a bin says so of each. Nor
// does it know what else is published: margins that a lab shows elsewhere are to be named in [Rules.Known]. It trusts its caller to give
// every row of a person under one name of theirs, and to give the earlier states as they were kept.
//
// The thresholds are those of research data centres (docs/clauses.md names them): 10 people, base 5, the largest two below 90%, the rest
// at least 10% of the largest. Read next: build.go for the rules, answer.go for questions.
package cells

import (
	"math"
	"slices"

	"narthex"
)

// Bounds of a shape.
const (
	MostDimensions = 8
	MostMeasures   = 16
	MostBins       = 1000    // of a dimension
	MostCells      = 1 << 20 // of a shape
	LeastPeople    = 3       // below it a threshold hides nobody: two who are in a cell know each other's values from the sum
)

// Shape is what may be asked of an asset. The zero Shape is refused.
type Shape struct {
	Dimensions []Dimension `json:"dimensions"` // 1 to MostDimensions, by name in order of declaration
	Measures   []Measure   `json:"measures,omitempty"`
	Rules      Rules       `json:"rules"`
}

// Dimension is something by which people are told apart.
type Dimension struct {
	Name string   `json:"name"`
	Bins []string `json:"bins"` // 2 to MostBins, distinct; every row is in one
}

// Measure is something that is summed, in whole units.
type Measure struct {
	Name  string `json:"name"`
	Bound int64  `json:"bound"` // the most that one person adds to one cell, above zero; what is beyond it is cut off
	Round int64  `json:"round"` // sums are multiples of it; at least Bound
}

// Rules are the thresholds of a snapshot. A field that is unset is refused.
type Rules struct {
	People  int64   `json:"people"`   // the least people in a published cell, LeastPeople or more
	RoundTo int64   `json:"round_to"` // numbers of people are multiples of it, 1 or more
	Largest int     `json:"largest"`  // dominance: how many people, 1 or more,
	Share   float64 `json:"share"`    // may not hold this part of a sum, above 0 and at most 1
	Rest    float64 `json:"rest"`     // p-ratio: the least that all but two hold, as a part of the largest; 0 to 1
	// Known are lines whose exact totals are known from elsewhere, each by its dimensions; none at all is the total of everything.
	Known [][]string `json:"known,omitempty"`
}

// Coarse reports whether a grant that asks for a threshold and a base may be served as it stands: rounding twice would tell more of what
// lies between, so nothing is rounded again.
func (r Rules) Coarse(people, roundTo int64) bool {
	return r.People >= people && r.RoundTo >= roundTo && (roundTo <= 1 || r.RoundTo%roundTo == 0)
}

// Check says what is wrong with a shape, as an Invalid error that names the field.
func (s Shape) Check() error {
	if len(s.Dimensions) == 0 || len(s.Dimensions) > MostDimensions {
		return narthex.Invalidf("A shape has 1 to %d dimensions.", MostDimensions).For("dimensions")
	}
	if len(s.Measures) > MostMeasures {
		return narthex.Invalidf("A shape has at most %d measures.", MostMeasures).For("measures")
	}
	names, cells := map[string]bool{}, 1
	for _, d := range s.Dimensions {
		if err := narthex.CheckName("A dimension's name", d.Name); err != nil {
			return narthex.AsError(err).For("dimensions")
		}
		distinct := map[string]bool{}
		for _, bin := range d.Bins {
			distinct[bin] = true
		}
		if names[d.Name] || len(d.Bins) < 2 || len(d.Bins) > MostBins || len(distinct) != len(d.Bins) || distinct[""] {
			return narthex.Invalidf("A dimension has a name of its own, and 2 to %d bins with a name each.", MostBins).For("dimensions." + d.Name)
		}
		if cells *= len(d.Bins); cells > MostCells {
			return narthex.Invalidf("All bins together make more than %d cells; leave a dimension out, or make its bins wider.", MostCells).For("dimensions." + d.Name)
		}
		names[d.Name] = true
	}
	for _, m := range s.Measures {
		if err := narthex.CheckName("A measure's name", m.Name); err != nil {
			return narthex.AsError(err).For("measures")
		}
		if names[m.Name] {
			return narthex.Invalidf("Measures and dimensions have a name each.").For("measures." + m.Name)
		}
		if m.Bound <= 0 || m.Bound > mostBound || m.Round < m.Bound || m.Round > mostBound {
			return narthex.Invalidf("A measure has a bound a person above zero, and a base of rounding that is at least the bound; both at most %d.", int64(mostBound)).For("measures." + m.Name)
		}
		names[m.Name] = true
	}
	return s.Rules.check(s)
}

// mostBound keeps the sum over as many people as there can be within an int64.
const mostBound = 1 << 30

func (r Rules) check(s Shape) error {
	switch {
	case r.People < LeastPeople:
		return narthex.Invalidf("A published cell holds at least %d people; 10 is usual.", LeastPeople).For("rules.people")
	case r.RoundTo < 1 || r.RoundTo > mostBound:
		return narthex.Invalidf("Numbers of people are rounded to a base of at least 1; 5 is usual.").For("rules.round_to")
	case r.Largest < 1 || int64(r.Largest) >= r.People:
		return narthex.Invalidf("Dominance looks at 1 or more of the largest, and fewer than a cell must hold; 2 is usual.").For("rules.largest")
	case math.IsNaN(r.Share) || r.Share <= 0 || r.Share > 1:
		return narthex.Invalidf("Dominance is a part above 0 and at most 1; 0.9 is usual.").For("rules.share")
	case math.IsNaN(r.Rest) || r.Rest < 0 || r.Rest > 1:
		return narthex.Invalidf("The p-ratio is a part from 0 to 1; 0.1 is usual.").For("rules.rest")
	}
	for _, line := range r.Known {
		for i, name := range line {
			if s.dimension(name) < 0 || slices.Contains(line[:i], name) {
				return narthex.Invalidf("A known total is one of dimensions of the shape, each once.").For("rules.known")
			}
		}
	}
	return nil
}

func (s Shape) dimension(name string) int {
	return slices.IndexFunc(s.Dimensions, func(d Dimension) bool { return d.Name == name })
}

func (s Shape) measure(name string) int {
	return slices.IndexFunc(s.Measures, func(m Measure) bool { return m.Name == name })
}

// Cells gives how many cells a shape has.
func (s Shape) Cells() int {
	n := 1
	for _, d := range s.Dimensions {
		n *= len(d.Bins)
	}
	return n
}

// index gives the number of a cell from its bins; the last dimension runs fastest.
func (s Shape) index(bins []int) int {
	n := 0
	for i, d := range s.Dimensions {
		n = n*len(d.Bins) + bins[i]
	}
	return n
}

// bins gives the bins of a cell.
func (s Shape) bins(index int) []int {
	bins := make([]int, len(s.Dimensions))
	for i := len(bins) - 1; i >= 0; i-- {
		n := len(s.Dimensions[i].Bins)
		bins[i], index = index%n, index/n
	}
	return bins
}
