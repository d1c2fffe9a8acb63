package cells

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"iter"
	"math"
	"slices"

	"narthex"
)

// Person is a name of a person that stands for them in one asset alone, such as a keyed hash.
type Person [16]byte

// Row is what one person adds to one cell.
type Row struct {
	Cell   int // by Shape.Cell
	Person Person
	Values []int64 // one for each measure; what is below zero or beyond the bound is cut off
}

// Cell gives the number of the cell of one bin a dimension, named in the shape's order.
func (s Shape) Cell(bins []string) (int, error) {
	if len(bins) != len(s.Dimensions) {
		return 0, narthex.Invalidf("A cell is one bin of every dimension.")
	}
	at := make([]int, len(bins))
	for i, d := range s.Dimensions {
		if at[i] = slices.Index(d.Bins, bins[i]); at[i] < 0 {
			return 0, narthex.Invalidf("The dimension has no such bin.").For(d.Name)
		}
	}
	return s.index(at), nil
}

// Snapshot is what is published: of each cell the people and the measures, rounded, or that a value is suppressed.
type Snapshot struct {
	Shape  Shape     `json:"shape"`
	Values [][]int64 `json:"values"` // by cell: people, then the measures; Suppressed where there is none. An empty cell list is all suppressed
}

// Suppressed stands for a value that is not published.
const Suppressed = -1

// Why is the rule by which a value is suppressed; the owner of the data sees it before a snapshot is published, and nobody else.
type Why string

// The rules.
const (
	Few      Why = "few"      // fewer people than the threshold
	Dominant Why = "dominant" // few people hold most of the sum
	Ratio    Why = "ratio"    // the largest can be told from the sum by the second
	Implied  Why = "implied"  // a known total would tell another cell
	Kept     Why = "kept"     // too few changed since it was published
)

// Held is a value that a rule held back, or held as it was.
type Held struct {
	Cell  int `json:"cell"`
	Value int `json:"value"` // 0 is people, then the measures
	Why   Why `json:"why"`
}

// State is what is kept of a published cell, for the comparison with later states. It tells of people, and is the lab's alone.
type State struct {
	Cell   int
	Values []int64           // as published
	People map[Person][]byte // what each of them added, by [Build]
}

// Build makes the cells of one state of the data. Rows come by cell in order, and by person in order within one; rows that do not, and
// bins and measures that are not of the shape, are Invalid errors, and an error of the rows is given back. Earlier holds every state that
// a cell was published of, the latest last; the states that are to be kept come back, those of before among them. Memory is that of the
// cells, and of the people of one cell.
func Build(shape Shape, rows iter.Seq2[Row, error], earlier []State) (Snapshot, []Held, []State, error) {
	if err := shape.Check(); err != nil {
		return Snapshot{}, nil, nil, err
	}
	b := &builder{shape: shape, facts: make([]facts, shape.Cells()), earlier: map[int][]State{}}
	for _, s := range earlier {
		if s.Cell < 0 || s.Cell >= len(b.facts) || len(s.Values) != 1+len(shape.Measures) {
			return Snapshot{}, nil, nil, narthex.Invalidf("An earlier state is of another shape; a new shape is a new asset, for two shapes of the same people tell more than each.")
		}
		b.earlier[s.Cell] = append(b.earlier[s.Cell], s)
	}
	if err := b.read(rows); err != nil {
		return Snapshot{}, nil, nil, err
	}
	b.keep()
	if err := b.imply(); err != nil {
		return Snapshot{}, nil, nil, err
	}
	b.record()
	out := Snapshot{Shape: shape, Values: make([][]int64, len(b.facts))}
	for i := range b.facts {
		out.Values[i] = b.facts[i].shown
	}
	return out, b.held, b.states, nil
}

type builder struct {
	shape   Shape
	facts   []facts
	earlier map[int][]State
	held    []Held
	states  []State
}

// facts are what is true of a cell, and what is shown of it.
type facts struct {
	people int64
	shown  []int64
	now    map[Person][]byte
	kept   bool // the answer is that of before
}

func (b *builder) read(rows iter.Seq2[Row, error]) error {
	var group []Row
	at := -1
	flush := func() {
		if len(group) > 0 {
			b.cell(at, group)
			group = group[:0]
		}
	}
	for row, err := range rows {
		switch {
		case err != nil:
			return err
		case row.Cell < at || row.Cell >= len(b.facts) || len(row.Values) != len(b.shape.Measures):
			return narthex.Invalidf("A row is of no cell of the shape, or comes behind its place.")
		case row.Cell == at && len(group) > 0 && bytes.Compare(row.Person[:], group[len(group)-1].Person[:]) <= 0:
			return narthex.Invalidf("A person is in a cell twice, or comes behind their place.")
		case len(group) >= math.MaxInt32:
			return narthex.Invalidf("A cell holds more people than can be summed; make its bins narrower.")
		}
		if row.Cell != at {
			flush()
			at = row.Cell
		}
		row.Values = slices.Clone(row.Values)
		for i, m := range b.shape.Measures {
			row.Values[i] = max(0, min(row.Values[i], m.Bound))
		}
		group = append(group, row)
	}
	flush()
	for i := range b.facts {
		if b.facts[i].shown == nil {
			b.cell(i, nil)
		}
	}
	return nil
}

// cell holds one cell to the rules that look at it alone.
func (b *builder) cell(at int, group []Row) {
	f := &b.facts[at]
	f.people = int64(len(group))
	f.shown = make([]int64, 1+len(b.shape.Measures))
	if f.people < b.shape.Rules.People {
		for i := range f.shown {
			f.shown[i] = Suppressed
		}
		b.held = append(b.held, Held{at, 0, Few})
	} else {
		f.shown[0] = nearest(f.people, b.shape.Rules.RoundTo)
		for i, m := range b.shape.Measures {
			total, why := b.shape.Rules.look(group, i)
			if f.shown[1+i] = nearest(total, m.Round); why != "" {
				f.shown[1+i] = Suppressed
				b.held = append(b.held, Held{at, 1 + i, why})
			}
		}
	}
	f.now = make(map[Person][]byte, len(group))
	for _, row := range group {
		text := make([]byte, 0, 8*len(row.Values))
		for _, v := range row.Values {
			text = binary.AppendVarint(text, v)
		}
		f.now[row.Person] = text
	}
}

// look sums a measure, and says by which rule the sum would tell of somebody.
func (r Rules) look(group []Row, measure int) (total int64, why Why) {
	values := make([]int64, len(group))
	for i, row := range group {
		values[i] = row.Values[measure]
		total += values[i]
	}
	slices.SortFunc(values, func(a, b int64) int { return cmp.Compare(b, a) })
	var largest int64
	for _, v := range values[:min(r.Largest, len(values))] {
		largest += v
	}
	if total > 0 && float64(largest) >= r.Share*float64(total) {
		return total, Dominant
	}
	if total > 0 && float64(total-values[0]-values[1]) < r.Rest*float64(values[0]) {
		return total, Ratio
	}
	return total, ""
}

// nearest rounds to a multiple of base, halves to an even one.
func nearest(v, base int64) int64 {
	n, rest := v/base, v%base
	if 2*rest > base || 2*rest == base && n%2 == 1 {
		n++
	}
	return n * base
}

// imply suppresses further values until no known total tells one: in each line whose total is known, what is suppressed holds as many
// people as the threshold, in two cells or more that hold anybody. Of the rest the one of fewest people goes next, the first of equals;
// one that keeps an answer from before does not, for that answer is known. Where nothing is left that can go, nothing is published.
func (b *builder) imply() error {
	for again := true; again; {
		again = false
		for _, dims := range b.shape.Rules.Known {
			for _, line := range b.lines(dims) {
				for value := range 1 + len(b.shape.Measures) {
					for b.tells(line, value) {
						least := b.least(line, value)
						if least < 0 {
							return narthex.Conflictf("A total that is known from elsewhere would tell of the few people of a cell. Publish that total rounded and take it out of what is known, or make bins wider.").For("rules.known")
						}
						b.suppress(least, value)
						again = true
					}
				}
			}
		}
	}
	return nil
}

// lines gives the cells of each line that has one bin of every dimension that is named.
func (b *builder) lines(dims []string) [][]int {
	lines := map[string][]int{}
	var order []string
	for i := range b.facts {
		var key []byte
		bins := b.shape.bins(i)
		for _, name := range dims {
			key = binary.AppendUvarint(key, uint64(bins[b.shape.dimension(name)]))
		}
		if lines[string(key)] == nil {
			order = append(order, string(key))
		}
		lines[string(key)] = append(lines[string(key)], i)
	}
	out := make([][]int, len(order))
	for i, key := range order {
		out[i] = lines[key]
	}
	return out
}

// tells reports whether what is suppressed of a line could be told from its total.
func (b *builder) tells(line []int, value int) bool {
	cells, people := 0, int64(0)
	for _, i := range line {
		if f := b.facts[i]; f.shown[value] == Suppressed && f.people > 0 {
			cells, people = cells+1, people+f.people
		}
	}
	return cells == 1 || cells > 1 && people < b.shape.Rules.People
}

func (b *builder) least(line []int, value int) int {
	least := -1
	for _, i := range line {
		if f := b.facts[i]; !f.kept && f.shown[value] != Suppressed && (least < 0 || f.people < b.facts[least].people) {
			least = i
		}
	}
	return least
}

// suppress takes a value back; with the people of a cell all of it goes.
func (b *builder) suppress(cell, value int) {
	b.held = append(b.held, Held{cell, value, Implied})
	b.facts[cell].shown[value] = Suppressed
	if value == 0 {
		for i := range b.facts[cell].shown {
			b.facts[cell].shown[i] = Suppressed
		}
	}
}

// keep holds cells to what was published of them: where few people changed since any state of which there is an answer, the two answers
// together would tell of them, so the latest one stays.
func (b *builder) keep() {
	for i := range b.facts {
		f, before := &b.facts[i], b.earlier[i]
		if len(before) == 0 {
			continue
		}
		last := before[len(before)-1]
		f.kept = changed(last.People, f.now) == 0 || slices.ContainsFunc(before, func(s State) bool {
			n := changed(s.People, f.now)
			return n > 0 && n < b.shape.Rules.People
		})
		if f.kept && !slices.Equal(f.shown, last.Values) {
			b.held = append(b.held, Held{i, 0, Kept})
		}
		if f.kept {
			f.shown = last.Values
		}
	}
}

// record adds the states that are published for the first time to those of before.
func (b *builder) record() {
	for i, f := range b.facts {
		if b.states = append(b.states, b.earlier[i]...); !f.kept {
			b.states = append(b.states, State{i, f.shown, f.now})
		}
	}
}

// changed counts the people of whom two states of a cell say other things.
func changed(a, b map[Person][]byte) int64 {
	n := int64(0)
	for p, was := range a {
		if is, there := b[p]; !there || !bytes.Equal(was, is) {
			n++
		}
	}
	for p := range b {
		if _, there := a[p]; !there {
			n++
		}
	}
	return n
}
