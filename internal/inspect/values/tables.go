package values

import (
	"fmt"
	"maps"
	"math"
	"narthex/internal/inspect/find"
	"slices"
	"strings"
)

// Thresholds says what a table may tell of few people. The zero value is [Standard]: only Off looks at no tables.
type Thresholds struct {
	Off     bool    // for an asset that holds nobody's records
	Least   int     // a count above zero and below this is about too few
	Base    int     // counts are multiples of this
	Zeros   bool    // whether a count of zero is found, which may tell that nobody of a group is something
	Largest float64 // the share of a sum that its two largest contributions together may not reach
	Rest    float64 // what is left of a sum without its two largest contributions is at least this share of the largest
	Freedom int     // degrees of freedom that a model has at least
	Work    int     // counts that are compared with others in one look for differences; what is beyond is a finding
}

// Standard gives the figures of common practice. The default configuration of ACRO has all of them: at least ten, rounded to five, the
// largest two below 90%, a rest of 10% of the largest, ten degrees of freedom. OpenSAFELY's guidance rounds to five too and leaves out
// seven and fewer. That zeros are not found is their view, not ACRO's.
func Standard() Thresholds {
	return Thresholds{Least: 10, Base: 5, Largest: 0.9, Rest: 0.1, Freedom: 10, Work: mostWork}
}

// or gives the thresholds with those of Standard for each that is not stated.
func (t Thresholds) or() Thresholds {
	s := Standard()
	s.Off, s.Zeros = t.Off, t.Zeros
	if t.Least > 0 {
		s.Least = t.Least
	}
	if t.Base > 0 {
		s.Base = t.Base
	}
	if t.Largest > 0 {
		s.Largest = t.Largest
	}
	if t.Rest > 0 {
		s.Rest = t.Rest
	}
	if t.Freedom > 0 {
		s.Freedom = t.Freedom
	}
	if t.Work > 0 {
		s.Work = t.Work
	}
	return s
}

// Tables looks at each table of CSV, JSON and Markdown files for what it tells of few people:
//
//   - small, zero, unrounded: a count;
//   - share: a share of a count that stands beside it, which gives a count below the least;
//   - margin: what a total leaves, which is a count below the least;
//   - dominance, ratio: a sum of which one or two contributions are nearly all, where they are stated;
//   - extreme: a smallest or largest value, which is one person's;
//   - freedom: a model of few people.
//
// A count is a column by its name, or of whole numbers beside words where its name is not that of a number of another kind. It does not
// claim to find counts in prose, or under names that say they are something else.
func Tables(files []File, thresholds Thresholds) []Finding {
	t := thresholds.or()
	if t.Off {
		return nil
	}
	var out []Finding
	for _, f := range files {
		for _, table := range tablesOf(f) {
			look := tableLook{table: table, t: t}
			look.counts()
			look.shares()
			look.margins()
			look.contributions()
			look.extremes()
			look.freedom()
			out = append(out, look.found...)
		}
	}
	return out
}

// tableLook is a look at one table.
type tableLook struct {
	table grid
	t     Thresholds
	found []Finding
}

// report adds a finding, one a rule, at the first line.
func (l *tableLook) report(rule string, line int, says string) {
	rule = "tables/" + rule
	if !slices.ContainsFunc(l.found, func(f Finding) bool { return f.Rule == rule }) {
		l.found = append(l.found, Finding{Kind: find.SmallCount, Rule: rule, File: l.table.file, Line: line, Says: says})
	}
}

func (l *tableLook) small(v float64) bool { return v > 0 && v < float64(l.t.Least) }

// counts looks at each cell of a column of counts.
func (l *tableLook) counts() {
	for column := range l.table.names {
		if !l.table.counts(column) {
			continue
		}
		small, rough, zero := 0, 0, 0
		smallAt, roughAt, zeroAt := 0, 0, 0
		for _, row := range l.table.rows {
			v, is := row.number(column)
			switch {
			case !is || v < 0:
			case v == 0:
				if zero++; zero == 1 {
					zeroAt = row.line
				}
			case l.small(v):
				if small++; small == 1 {
					smallAt = row.line
				}
			case math.Mod(v, float64(l.t.Base)) != 0:
				if rough++; rough == 1 {
					roughAt = row.line
				}
			}
		}
		if small > 0 {
			l.report("small", smallAt, fmt.Sprintf("%d counts of column %d are of fewer than %d. A person may be known by them: leave them out, or join groups.", small, column+1, l.t.Least))
		}
		if rough > 0 {
			l.report("unrounded", roughAt, fmt.Sprintf("%d counts of column %d are not rounded to %d. With another table they may tell of one person: round them.", rough, column+1, l.t.Base))
		}
		if zero > 0 && l.t.Zeros {
			l.report("zero", zeroAt, fmt.Sprintf("%d counts of column %d are zero, which tells something of everybody in a group.", zero, column+1))
		}
	}
}

// shares looks at each share beside a count.
func (l *tableLook) shares() {
	for column, name := range l.table.names {
		if !isShare(name) || named(name, "median", "mean") {
			continue
		}
		most := 0.0
		for _, row := range l.table.rows {
			if v, is := row.number(column); is {
				most = max(most, v)
			}
		}
		whole := 1.0
		if most > 1 || named(name, "percent", "percentage", "pct") || strings.Contains(name, "%") {
			whole = 100
		}
		for of := range l.table.names {
			if of == column || !l.table.counts(of) {
				continue
			}
			for _, row := range l.table.rows {
				v, is := row.number(column)
				n, has := row.number(of)
				if !is || !has || v < 0 || v > whole || n < 1 {
					continue
				}
				if some := math.Round(n * v / whole); l.small(some) || l.small(n-some) {
					l.report("share", row.line, fmt.Sprintf("The share in column %d, of the count in column %d, gives a count of fewer than %d.", column+1, of+1, l.t.Least))
				}
			}
		}
	}
}

// margins compares totals with what they are of: the rows above and below within the same other words, and the columns beside.
func (l *tableLook) margins() {
	for column := range l.table.names {
		if !l.table.counts(column) {
			continue
		}
		for words := range l.table.names {
			if l.table.counts(words) {
				continue
			}
			groups := map[string]*margin{}
			for _, row := range l.table.rows {
				key := row.without(words, l.table)
				if groups[key] == nil {
					groups[key] = &margin{}
				}
				groups[key].add(row, column, total(row.cells[words]))
			}
			for _, key := range slices.Sorted(maps.Keys(groups)) {
				l.margin(*groups[key])
			}
		}
	}
	for at, name := range l.table.names {
		if !named(name, "total", "all", "overall") {
			continue
		}
		for _, row := range l.table.rows {
			var m margin
			m.add(row, at, true)
			for column, name := range l.table.names {
				if column != at && l.table.counts(column) && !named(name, "total", "all", "overall") {
					m.add(row, column, false)
				}
			}
			l.margin(m)
		}
	}
}

// margin is a total and what it is of.
type margin struct {
	total, sum     float64
	parts, missing int
	line           int
	has            bool
	values         []float64
}

func (m *margin) add(row gridRow, column int, total bool) {
	v, is := row.number(column)
	switch {
	case total && is:
		m.total, m.line, m.has = v, row.line, true
		m.values = append(m.values, v)
	case total:
	case is:
		m.sum, m.parts = m.sum+v, m.parts+1
		m.values = append(m.values, v)
	default:
		m.missing++
	}
}

func (l *tableLook) margin(m margin) {
	if !m.has || m.parts == 0 {
		return
	}
	left := math.Abs(m.total - m.sum)
	rounded := !slices.ContainsFunc(m.values, func(v float64) bool { return math.Mod(v, float64(l.t.Base)) != 0 })
	if rounded && left <= float64(l.t.Base*(m.parts+1))/2 && m.missing == 0 {
		return // rounding explains it
	}
	if l.small(left) {
		l.report("margin", m.line, fmt.Sprintf("What a total leaves when its %d stated parts are taken from it is a count of fewer than %d.", m.parts, l.t.Least))
	}
}

// contributions looks at sums whose largest contributions are stated in columns, or whose contributions are rows.
func (l *tableLook) contributions() {
	sum, first, second := -1, -1, -1
	person := -1
	for column, name := range l.table.names {
		switch {
		case named(name, "sum", "total", "amount", "turnover"):
			sum = column
		case named(name, "second", "top2", "max2", "largest2"):
			second = column
		case named(name, "largest", "first", "top1", "max1", "largest1"):
			first = column
		case named(name, "contributor", "person", "user", "member", "company", "organisation", "organization", "respondent", "account", "author", "donor", "site"):
			person = column
		}
	}
	if sum >= 0 && first >= 0 {
		for _, row := range l.table.rows {
			all, is := row.number(sum)
			one, has := row.number(first)
			if !is || !has {
				continue
			}
			two := 0.0
			if second >= 0 {
				two, _ = row.number(second)
			}
			l.dominance(row.line, all, one, two)
		}
	}
	if person < 0 {
		return
	}
	for column := range l.table.names {
		if column == person || l.table.counts(column) || !l.table.numbers(column) || named(l.table.names[column], others()...) {
			continue
		}
		groups, lines := map[string][]float64{}, map[string]int{}
		for _, row := range l.table.rows {
			v, is := row.number(column)
			if key := row.without(person, l.table); is && v >= 0 {
				if groups[key] == nil {
					lines[key] = row.line
				}
				groups[key] = append(groups[key], v)
			}
		}
		for _, key := range slices.Sorted(maps.Keys(groups)) {
			values := groups[key]
			slices.Sort(values)
			slices.Reverse(values)
			all := 0.0
			for _, v := range values {
				all += v
			}
			l.dominance(lines[key], all, values[0], append(values, 0)[1])
		}
	}
}

func (l *tableLook) dominance(line int, all, one, two float64) {
	if all <= 0 {
		return
	}
	if one+two >= l.t.Largest*all {
		l.report("dominance", line, fmt.Sprintf("The two largest contributions to a sum are %.0f%% of it or more: each of the two can tell the other's.", 100*l.t.Largest))
	}
	if all-one-two < l.t.Rest*one {
		l.report("ratio", line, fmt.Sprintf("Without its two largest contributions a sum has less than %.0f%% of the largest left: who gave the second knows the largest.", 100*l.t.Rest))
	}
}

func (l *tableLook) extremes() {
	for column, name := range l.table.names {
		if named(name, "min", "max", "minimum", "maximum", "lowest", "highest", "smallest", "youngest", "oldest") && l.table.numbers(column) {
			l.report("extreme", l.table.rows[0].line, fmt.Sprintf("Column %d states smallest or largest values, which are one person's: a percentile of ten or more tells as much.", column+1))
		}
	}
}

// freedom looks at the degrees of freedom of models, as they are stated or as counts less parameters.
func (l *tableLook) freedom() {
	estimates, count := false, -1
	for column, name := range l.table.names {
		if named(name, "df", "dof", "freedom", "resid", "residual") && named(name, "df", "dof", "freedom") {
			for _, row := range l.table.rows {
				if v, is := row.number(column); is && v < float64(l.t.Freedom) {
					l.report("freedom", row.line, fmt.Sprintf("A model has fewer than %d degrees of freedom.", l.t.Freedom))
				}
			}
		}
		estimates = estimates || named(name, "coef", "coefficient", "estimate", "beta")
		if named(name, "n", "nobs", "observations") {
			count = column
		}
	}
	if !estimates || count < 0 {
		return
	}
	for _, row := range l.table.rows {
		if v, is := row.number(count); is && v-float64(len(l.table.rows)) < float64(l.t.Freedom) {
			l.report("freedom", row.line, fmt.Sprintf("A model of %d estimates has fewer than %d degrees of freedom.", len(l.table.rows), l.t.Freedom))
		}
	}
}
