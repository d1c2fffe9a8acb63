package values

import (
	"cmp"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strings"

	"narthex/internal/inspect/find"
	"narthex/internal/inspect/sketch"
)

const (
	mostWork = 500_000_000 // counts that one look compares with others
	mostTold = 64          // findings of one rule in one file; more are not looked for, and few of them are shown
	alike    = 50          // a sum of so many times the least is compared with any other sum
)

// Differences compares the tables of files with every table of earlier releases and with one another: what two of them, or one and the
// sum of two earlier ones, differ by may be a count of people that none of them states.
//
//   - row: two counts of one group, in columns of one name or that agree in half of the groups, or large ones, differ by less than the
//     least;
//   - sum: so do the sums of two columns, or a sum and a total: a group or a row is left out of one;
//   - three: so do a count and two others added, in every group that all three have;
//   - record: rows that are told apart by a column have words in other columns, in other releases, that together single out fewer than
//     the least;
//   - bound: not everything was compared.
//
// Rows are known by their words and not by their places, columns by their numbers and not only by their names, so it does not matter in
// which order they are or over how many files they are split. Of earlier tables it reads the sketches, so that none is too old. Its work
// on a column of r groups is r·e with e earlier ones, and for each group that earlier ones share the sorting of their counts: of two others
// only those are compared whose counts in it fit.
func Differences(files []File, earlier []Package, thresholds Thresholds) []Finding {
	t := thresholds.or()
	if t.Off {
		return nil
	}
	d := &difference{t: t, left: t.Work, seen: map[string]bool{}, told: map[string]int{}}
	var known []series
	var before []record
	for _, p := range earlier {
		for _, f := range kept(p) {
			for _, c := range f.Columns {
				known = append(known, series{Column: c, file: f.Name, release: p.Release})
			}
			for _, r := range f.Records {
				before = append(before, record{Record: r, file: f.Name, release: p.Release})
			}
		}
	}
	for _, f := range files {
		for _, g := range tablesOf(f) {
			mine := seriesOf(g)
			for _, s := range mine {
				d.compare(s, known)
			}
			known = append(known, mine...) // tables of one package are compared too
			before = d.records(recordsOf(g), before)
		}
	}
	return d.found
}

type difference struct {
	t     Thresholds
	left  int
	seen  map[string]bool
	told  map[string]int // by rule and file
	found []Finding
}

// report adds a finding, one a rule, file and earlier file.
func (d *difference) report(rule string, s series, line int, others string, says string) {
	of := rule + "\x00" + s.file
	if key := of + "\x00" + others; !d.seen[key] && d.told[of] < mostTold {
		d.seen[key] = true
		d.told[of]++
		d.found = append(d.found, Finding{Kind: find.Difference, Rule: "difference/" + rule, File: s.file, Line: line, Says: says})
	}
}

// enough says whether as many findings of a rule are told of a file as may.
func (d *difference) enough(rule string, s series) bool {
	return d.told[rule+"\x00"+s.file] >= mostTold
}

// step counts work, and reports where there is too much.
func (d *difference) step(s series, n int) bool {
	if d.left -= n; d.left >= 0 {
		return true
	}
	d.report("bound", s, 0, "", "It was not compared with all earlier tables, because they are too many. That nothing else was found says nothing: compare it by hand, or join tables.")
	return false
}

// series is a column of counts, of a table that is looked at or of an earlier one.
type series struct {
	sketch.Column
	file, release string
	lines         []int // of each group; only where it is looked at
}

func (s series) where() string { return where(s.file, s.release) }

func where(file, release string) string {
	if release == "" {
		return "table " + file + " of this package"
	}
	return "table " + file + " of release " + release
}

func (d *difference) small(v float64) bool {
	v = math.Abs(v)
	return v > 0.5 && v < float64(d.t.Least)
}

// both goes through the groups that two columns share, by their places in each.
func both(a, b []uint64, do func(i, j int)) {
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] < b[j]:
			i++
		case a[i] > b[j]:
			j++
		default:
			do(i, j)
			i, j = i+1, j+1
		}
	}
}

// compare compares a new column with all that are known.
func (d *difference) compare(s series, known []series) {
	var near []int // that share a group
	for n := range known {
		o := &known[n]
		if !d.step(s, len(s.Groups)+len(o.Groups)) {
			return
		}
		shared, equal, almost, small := 0, 0, 0, -1
		both(s.Groups, o.Groups, func(i, j int) {
			shared++
			off := s.Values[i] - o.Values[j]
			if off == 0 {
				equal++
			}
			if off == 0 || d.small(off) {
				almost++
			}
			if d.small(off) && (small < 0 || s.lines[i] < s.lines[small]) {
				small = i
			}
		})
		same := s.Name == o.Name
		if shared > 0 {
			near = append(near, n)
		}
		if small >= 0 && (same || shared > 1 && 2*equal >= shared || shared > 2 && almost == shared || s.Values[small] >= float64(alike*d.t.Least)) {
			d.report("row", s, s.lines[small], o.where(), fmt.Sprintf("A count differs from that of the same group in %s by less than %d: together they tell of the few who are in one and not in the other.", o.where(), d.t.Least))
		}
		d.sums(s, *o, same || shared > 0)
	}
	d.pairs(s, known, near)
}

// sums compares what two columns add up to. Columns that have nothing in common are compared where their sums are large enough for so
// small a difference to be no accident.
func (d *difference) sums(s, o series, common bool) {
	for _, a := range []float64{s.Sum, s.Total} {
		for _, b := range []float64{o.Sum, o.Total} {
			if !d.small(a-b) || a == 0 || b == 0 || !common && a < float64(alike*d.t.Least) {
				continue
			}
			if s.rounded(d.t.Base) && o.rounded(d.t.Base) && s.Rows == o.Rows && s.Rows > 1 && math.Abs(a-b) <= float64(d.t.Base) {
				continue // of as many rounded rows: rounding explains it
			}
			d.report("sum", s, 0, o.where(), fmt.Sprintf("What one of its columns adds up to differs by less than %d from that of %s: a group or a row is in one and not in the other.", d.t.Least, o.where()))
			return
		}
	}
}

func (s series) rounded(base int) bool {
	for _, v := range s.Values {
		if math.Mod(v, float64(base)) != 0 {
			return false
		}
	}
	return true
}

// count is what an earlier column has in one group.
type count struct {
	value  float64
	column int
}

// pairs compares a column with two others added, and each of two others with it and the second added. In each group it looks at those two
// whose counts fit there, and then at whether they fit in every group that all three have.
func (d *difference) pairs(s series, known []series, near []int) {
	groups := make([][]count, len(s.Groups))
	for _, n := range near {
		if !d.step(s, len(s.Groups)) {
			return
		}
		both(s.Groups, known[n].Groups, func(i, j int) {
			if v := known[n].Values[j]; v != 0 && s.Values[i] != 0 {
				groups[i] = append(groups[i], count{v, n})
			}
		})
	}
	least := float64(d.t.Least)
	for i, counts := range groups {
		if !d.step(s, len(counts)*bits.Len(uint(len(counts)))) {
			return
		}
		slices.SortFunc(counts, func(a, b count) int { return cmp.Or(cmp.Compare(a.value, b.value), a.column-b.column) })
		for at, a := range counts {
			for sign := range 2 { // s - a - b; a - s - b, which holds b - s - a with the two exchanged
				want := s.Values[i] - a.value
				if sign == 1 {
					want = -want
				}
				from, _ := slices.BinarySearchFunc(counts, want-least, func(c count, v float64) int { return cmp.Compare(c.value, v) })
				for other, b := range counts[from:] {
					if b.value >= want+least {
						break
					}
					if b.column == a.column || sign == 0 && from+other < at || !d.small(b.value-want) {
						continue
					}
					if d.enough("three", s) || !d.three(s, known[a.column], known[b.column], i, sign) {
						return
					}
				}
			}
		}
	}
}

// three looks at a column and two others that tell of few in a group, and reports where they fit in all groups that they share. It gives
// false where there is no more room for work.
func (d *difference) three(s, a, b series, group, sign int) bool {
	if !d.step(s, len(s.Groups)) {
		return false
	}
	shared, small := 0, -1
	for i, g := range s.Groups {
		x, has := slices.BinarySearch(a.Groups, g)
		y, also := slices.BinarySearch(b.Groups, g)
		if !has || !also || s.Values[i] == 0 || a.Values[x] == 0 || b.Values[y] == 0 {
			continue
		}
		shared++
		off := s.Values[i] - a.Values[x] - b.Values[y]
		if sign == 1 {
			off = a.Values[x] - s.Values[i] - b.Values[y]
		}
		if math.Abs(off) >= float64(d.t.Least) || d.small(off) && i < group {
			return true // they do not fit, or were looked at there
		}
		if d.small(off) && (small < 0 || s.lines[i] < s.lines[small]) {
			small = i
		}
	}
	x, _ := slices.BinarySearch(a.Groups, s.Groups[small])
	y, _ := slices.BinarySearch(b.Groups, s.Groups[small])
	if shared > 1 || s.Values[small]+a.Values[x]+b.Values[y] >= float64(alike*d.t.Least) {
		d.report("three", s, s.lines[small], a.where()+b.where(), fmt.Sprintf("With %s and %s a count gives, by adding and taking away, one of fewer than %d.", b.where(), a.where(), d.t.Least))
	}
	return true
}

// record is a table whose rows are told apart, of a table that is looked at or of an earlier one.
type record struct {
	sketch.Record
	file, release string
	line          int // only where it is looked at
}

// records joins tables whose rows are told apart by one column and looks at what their words single out together. It gives what is known
// with them.
func (d *difference) records(mine, known []record) []record {
	for _, m := range mine {
		s := series{file: m.file}
		classes := make([]uint64, len(m.Keys)) // what is known of each row
		if len(m.Traits) == 0 {
			continue
		}
		m.add(classes, m)
		var from []string
		for _, o := range known {
			if !d.step(s, len(m.Keys)+len(o.Keys)) {
				return known
			}
			shared := 0
			both(m.Keys, o.Keys, func(int, int) { shared++ })
			if shared*2 < min(len(o.Keys), len(m.Keys)) || shared < d.t.Least || o.Names == m.Names || len(o.Traits) == 0 {
				continue
			}
			if !d.step(s, len(o.Traits)*(len(m.Keys)+len(o.Keys))) {
				return known
			}
			m.add(classes, o)
			from = append(from, where(o.file, o.release))
		}
		if len(from) == 0 {
			continue
		}
		count := map[uint64]int{}
		for _, class := range classes {
			count[class]++
		}
		few := 0
		for _, n := range count {
			if n < d.t.Least {
				few++
			}
		}
		if few > 0 {
			d.report("record", s, m.line, "", fmt.Sprintf("Its rows have the keys of those of %s. What is known of them together singles out %d groups of fewer than %d.", strings.Join(from[:min(3, len(from))], ", "), few, d.t.Least))
		}
	}
	return append(known, mine...)
}

// add adds what another table says of the rows to what is known of each.
func (r record) add(classes []uint64, o record) {
	for _, t := range o.Traits {
		both(r.Keys, o.Keys, func(i, j int) { classes[i] = sketch.Join(classes[i], t.Kinds[t.Of[j]]) })
	}
}
