package values

import (
	"cmp"
	"fmt"
	"math"
	"narthex/internal/inspect/find"
	"slices"
	"strings"
)

const (
	mostSteps   = 50_000_000 // comparisons of two cells that one look makes
	mostColumns = 400        // columns of counts of earlier tables that are compared two at a time with one of a new table
	alike       = 50         // a sum of so many times the least is compared with any other sum
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
// which order they are or over how many files they are split. Its work on a table of r rows and c columns of counts is r·c·e with e
// earlier columns, and r·c·p with the p pairs of those that share a group.
func Differences(files []File, earlier []Package, thresholds Thresholds) []Finding {
	t := thresholds.or()
	if t.Off {
		return nil
	}
	d := &difference{t: t, left: mostSteps, seen: map[string]bool{}}
	var before []grid
	for _, p := range earlier {
		for _, f := range p.Files {
			for _, g := range tablesOf(f) {
				g.release = p.Release
				before = append(before, g)
			}
		}
	}
	var known []series
	for _, g := range before {
		known = append(known, seriesOf(g)...)
	}
	var now []grid
	for _, f := range files {
		for _, g := range tablesOf(f) {
			mine := seriesOf(g)
			for _, s := range mine {
				d.compare(s, known)
			}
			known = append(known, mine...) // tables of one package are compared too
			now = append(now, g)
		}
	}
	d.records(now, before)
	return d.found
}

type difference struct {
	t     Thresholds
	left  int
	seen  map[string]bool
	found []Finding
}

// report adds a finding, one a rule, file and earlier file.
func (d *difference) report(rule string, s series, line int, others string, says string) {
	key := rule + "\x00" + s.file + "\x00" + others
	if d.seen[key] {
		return
	}
	d.seen[key] = true
	d.found = append(d.found, Finding{Kind: find.Difference, Rule: "difference/" + rule, File: s.file, Line: line, Says: says})
}

// step counts work, and reports where there is too much.
func (d *difference) step(s series, n int) bool {
	if d.left -= n; d.left >= 0 {
		return true
	}
	d.bound(s)
	return false
}

func (d *difference) bound(s series) {
	d.report("bound", s, 0, "", "It was not compared with all earlier tables, because they are too many. That nothing else was found says nothing: compare it by hand, or join tables.")
}

// series is a column of counts: by group, and added.
type series struct {
	file, release, name string
	groups              map[string]int // the lines
	values              map[string]float64
	sum, total          float64 // without rows of totals, and of the largest of those, or 0
	rows                int
}

func (s series) where() string {
	if s.release == "" {
		return "table " + s.file + " of this package"
	}
	return "table " + s.file + " of release " + s.release
}

// seriesOf gives the columns of counts of a table, each by the words beside it.
func seriesOf(g grid) (out []series) {
	for column, name := range g.names {
		if !g.counts(column) {
			continue
		}
		s := series{file: g.file, release: g.release, name: name, groups: map[string]int{}, values: map[string]float64{}}
		for _, row := range g.rows {
			v, is := row.number(column)
			if !is {
				continue
			}
			key, whole := row.key(g)
			if whole {
				s.total = max(s.total, v)
			} else {
				s.sum += v
				s.rows++
			}
			s.groups[key], s.values[key] = row.line, s.values[key]+v
		}
		if len(s.values) > 0 {
			out = append(out, s)
		}
	}
	return out
}

// key gives the words of a row in order, and whether one of them is that of a total.
func (r gridRow) key(g grid) (string, bool) {
	var words []string
	whole := false
	for i, cell := range r.cells {
		if g.groups(i) {
			words = append(words, strings.ToLower(cell))
			whole = whole || total(cell)
		}
	}
	slices.Sort(words)
	return strings.Join(words, "\x00"), whole
}

func (d *difference) small(v float64) bool {
	v = math.Abs(v)
	return v > 0.5 && v < float64(d.t.Least)
}

// compare compares a new column with all that are known.
func (d *difference) compare(s series, known []series) {
	var near []series // that share a group
	for _, o := range known {
		if !d.step(s, len(s.values)) {
			return
		}
		shared, equal, almost, small := 0, 0, 0, ""
		for group, v := range s.values {
			w, has := o.values[group]
			if !has {
				continue
			}
			shared++
			if v == w {
				equal++
			}
			if v == w || d.small(v-w) {
				almost++
			}
			if d.small(v-w) && (small == "" || s.groups[group] < s.groups[small]) {
				small = group
			}
		}
		same := s.name == o.name
		if shared > 0 {
			near = append(near, o)
		}
		if small != "" && (same || shared > 1 && 2*equal >= shared || shared > 2 && almost == shared || s.values[small] >= float64(alike*d.t.Least)) {
			d.report("row", s, s.groups[small], o.where(), fmt.Sprintf("A count differs from that of the same group in %s by less than %d: together they tell of the few who are in one and not in the other.", o.where(), d.t.Least))
		}
		d.sums(s, o, same || shared > 0)
	}
	d.pairs(s, near)
}

// sums compares what two columns add up to. Columns that have nothing in common are compared where their sums are large enough for so
// small a difference to be no accident.
func (d *difference) sums(s, o series, common bool) {
	for _, a := range []float64{s.sum, s.total} {
		for _, b := range []float64{o.sum, o.total} {
			if !d.small(a-b) || a == 0 || b == 0 || !common && a < float64(alike*d.t.Least) {
				continue
			}
			if rows := min(s.rows, o.rows); s.rounded(d.t.Base) && o.rounded(d.t.Base) && s.rows == o.rows && rows > 1 && math.Abs(a-b) <= float64(d.t.Base) {
				continue // of as many rounded rows: rounding explains it
			}
			d.report("sum", s, 0, o.where(), fmt.Sprintf("What one of its columns adds up to differs by less than %d from that of %s: a group or a row is in one and not in the other.", d.t.Least, o.where()))
			return
		}
	}
}

func (s series) rounded(base int) bool {
	for _, v := range s.values {
		if math.Mod(v, float64(base)) != 0 {
			return false
		}
	}
	return true
}

// pairs compares a column with two others added, and each of two others with it and the second added.
func (d *difference) pairs(s series, near []series) {
	if len(near) > mostColumns {
		slices.SortStableFunc(near, func(a, b series) int { return cmp.Compare(len(b.values), len(a.values)) })
		near = near[:mostColumns]
		d.bound(s)
	}
	for i, a := range near {
		for _, b := range near[:i] {
			if !d.step(s, min(len(s.values), len(b.values))) {
				return
			}
			for sign := range 3 { // s - a - b, a - s - b, b - s - a
				shared, fits, small := 0, 0, ""
				for group, v := range s.values {
					x, has := a.values[group]
					y, also := b.values[group]
					if !has || !also || v == 0 || x == 0 || y == 0 {
						continue
					}
					shared++
					off := [3]float64{v - x - y, x - v - y, y - v - x}[sign]
					if math.Abs(off) < float64(d.t.Least) {
						fits++
					}
					if d.small(off) && (small == "" || s.groups[group] < s.groups[small]) {
						small = group
					}
				}
				large := small != "" && s.values[small]+a.values[small]+b.values[small] >= float64(alike*d.t.Least)
				if small != "" && fits == shared && (shared > 1 || large) {
					d.report("three", s, s.groups[small], a.where()+b.where(), fmt.Sprintf("With %s and %s a count gives, by adding and taking away, one of fewer than %d.", b.where(), a.where(), d.t.Least))
				}
			}
		}
	}
}

// fewestRecords is how many rows a table has whose rows are taken for records.
const fewestRecords = 20

// records joins tables whose rows are told apart by one column and looks at what their words single out together.
func (d *difference) records(now, before []grid) {
	type told struct {
		grid
		keys map[string]int // the rows, by what tells them apart
		by   int
	}
	tell := func(g grid) (out []told) {
		if len(g.rows) < fewestRecords {
			return nil
		}
		for column := range g.names {
			keys := map[string]int{}
			for i, row := range g.rows {
				keys[strings.ToLower(row.cells[column])] = i
			}
			if len(keys) == len(g.rows) && !g.counts(column) && (g.words(column) || g.wholes(column)) {
				out = append(out, told{g, keys, column})
			}
		}
		return out
	}
	var old []told
	for _, g := range before {
		old = append(old, tell(g)...)
	}
	for _, g := range now {
		all := tell(g)
		for _, mine := range all {
			classes := map[string]string{} // what is known of each key
			var from []string
			add := func(t told) int {
				added := 0
				for column := range t.names {
					if column == t.by || !t.traits(column) {
						continue
					}
					added++
					for key, row := range t.keys {
						if _, has := mine.keys[key]; has {
							classes[key] += t.names[column] + "=" + t.rows[row].cells[column] + "\x00"
						}
					}
				}
				return added
			}
			s := series{file: g.file}
			if add(mine) == 0 {
				continue
			}
			for _, o := range old {
				shared := 0
				if !d.step(s, len(o.keys)) {
					return
				}
				for key := range o.keys {
					if _, has := mine.keys[key]; has {
						shared++
					}
				}
				if shared*2 >= min(len(o.keys), len(mine.keys)) && shared >= d.t.Least && !slices.Equal(o.names, mine.names) && add(o) > 0 {
					from = append(from, series{file: o.file, release: o.release}.where())
				}
			}
			if len(from) == 0 {
				continue
			}
			count := map[string]int{}
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
				d.report("record", s, g.rows[0].line, "", fmt.Sprintf("Its rows have the keys of those of %s. What is known of them together singles out %d groups of fewer than %d.", strings.Join(from[:min(3, len(from))], ", "), few, d.t.Least))
			}
		}
		old = append(old, all...)
	}
}

// traits says whether a column tells of what kind a row is: words or whole numbers that return.
func (g grid) traits(column int) bool {
	if !g.words(column) && !g.wholes(column) {
		return false
	}
	kinds := map[string]bool{}
	for _, row := range g.rows {
		kinds[row.cells[column]] = true
	}
	return len(kinds) > 1 && len(kinds)*2 <= len(g.rows)
}
