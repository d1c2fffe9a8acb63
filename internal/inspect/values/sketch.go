package values

import (
	"cmp"
	"slices"
	"strings"

	"narthex/internal/inspect/sketch"
)

// Sketches gives what is kept of the tables of files, by file.
func Sketches(files []File) []sketch.File {
	out := make([]sketch.File, len(files))
	for n, f := range files {
		out[n].Name = f.Name
		for _, g := range tablesOf(f) {
			for _, s := range seriesOf(g) {
				out[n].Columns = append(out[n].Columns, s.Column)
			}
			for _, r := range recordsOf(g) {
				out[n].Records = append(out[n].Records, r.Record)
			}
		}
	}
	return out
}

// kept gives the sketches of an earlier release, of one of which none were kept those of its files.
func kept(p Package) []sketch.File {
	if p.Kept == nil {
		return Sketches(p.Files)
	}
	return p.Kept
}

// seriesOf gives the columns of counts of a table, each by the words beside it.
func seriesOf(g grid) (out []series) {
	prints, wholes, order := make([]uint64, len(g.rows)), make([]bool, len(g.rows)), make([]int, len(g.rows))
	for column, name := range g.names {
		if !g.counts(column) {
			continue
		}
		if out == nil {
			for i, row := range g.rows {
				prints[i], wholes[i] = row.key(g)
				order[i] = i
			}
			slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(prints[a], prints[b]) })
		}
		s := series{Column: sketch.Column{Name: sketch.Print(name)}, file: g.file}
		for _, i := range order {
			row := g.rows[i]
			v, is := row.number(column)
			if !is {
				continue
			}
			if wholes[i] {
				s.Total = max(s.Total, v)
			} else {
				s.Sum += v
				s.Rows++
			}
			if last := len(s.Groups) - 1; last >= 0 && s.Groups[last] == prints[i] {
				s.Values[last], s.lines[last] = s.Values[last]+v, row.line
				continue
			}
			s.Groups, s.Values, s.lines = append(s.Groups, prints[i]), append(s.Values, v), append(s.lines, row.line)
		}
		if len(s.Groups) > 0 {
			out = append(out, s)
		}
	}
	return out
}

// key gives the print of the words of a row in order, and whether one of them is that of a total.
func (r gridRow) key(g grid) (uint64, bool) {
	var words []string
	whole := false
	for i, cell := range r.cells {
		if g.groups(i) {
			words = append(words, strings.ToLower(cell))
			whole = whole || total(cell)
		}
	}
	slices.Sort(words)
	return sketch.Print(words...), whole
}

// fewestRecords is how many rows a table has whose rows are taken for records.
const fewestRecords = 20

// recordsOf gives a table once for each of its columns that tells its rows apart.
func recordsOf(g grid) (out []record) {
	if len(g.rows) < fewestRecords {
		return nil
	}
	for column := range g.names {
		if g.counts(column) || !g.words(column) && !g.wholes(column) {
			continue
		}
		keys, rows := make([]uint64, len(g.rows)), make([]int, len(g.rows))
		for i, row := range g.rows {
			keys[i], rows[i] = sketch.Print(strings.ToLower(row.cells[column])), i
		}
		slices.SortFunc(rows, func(a, b int) int { return cmp.Compare(keys[a], keys[b]) })
		slices.Sort(keys)
		if len(slices.Compact(slices.Clone(keys))) != len(keys) {
			continue
		}
		r := record{Record: sketch.Record{Names: sketch.Print(g.names...), Keys: keys}, file: g.file, line: g.rows[0].line}
		for other := range g.names {
			if other != column && g.traits(other) {
				r.Traits = append(r.Traits, g.trait(other, rows))
			}
		}
		out = append(out, r)
	}
	return out
}

// trait gives a column that says of what kind a row is, with its rows in an order.
func (g grid) trait(column int, rows []int) sketch.Trait {
	t, known := sketch.Trait{Of: make([]int, len(rows))}, map[string]int{}
	for i, row := range rows {
		cell := g.rows[row].cells[column]
		kind, has := known[cell]
		if !has {
			kind = len(t.Kinds)
			known[cell] = kind
			t.Kinds = append(t.Kinds, sketch.Print(g.names[column], cell))
		}
		t.Of[i] = kind
	}
	return t
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
