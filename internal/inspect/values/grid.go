package values

import (
	"bytes"
	"encoding/csv"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"

	"narthex/internal/disclosure"
)

// grid is a table of a file: of CSV, of Markdown, or of JSON as objects of the same fields, as lists of columns, or as one object.
type grid struct {
	file    string
	release string   // "" for one of the package that is looked at
	names   []string // in lower case
	rows    []gridRow
	columns []column
}

type gridRow struct {
	line   int
	cells  []string
	values []float64 // NaN where a cell is no number
}

// column is what the cells of one are: whole numbers not below zero alone, some numbers, words for the most part.
type column struct{ wholes, numbers, words, counts bool }

// tablesOf reads the tables of a file. What is no table gives none.
func tablesOf(f File) []grid {
	switch f.Kind {
	case disclosure.CSV:
		return csvTable(f)
	case disclosure.JSON:
		var value any
		if json.Unmarshal(f.Bytes, &value) == nil {
			return jsonTables(f.Name, value)
		}
	case disclosure.Markdown, disclosure.Text:
		return pipeTables(f)
	}
	return nil
}

func csvTable(f File) []grid {
	in := csv.NewReader(bytes.NewReader(f.Bytes))
	in.FieldsPerRecord = -1
	g := grid{file: f.Name}
	for {
		row, err := in.Read()
		if err != nil {
			break
		}
		line, _ := in.FieldPos(0)
		g.add(line, row)
	}
	return g.some()
}

// add adds a row: the first names the columns.
func (g *grid) add(line int, row []string) {
	if g.names == nil {
		for _, name := range row {
			g.names = append(g.names, strings.ToLower(name))
		}
		return
	}
	for len(row) < len(g.names) {
		row = append(row, "")
	}
	g.rows = append(g.rows, gridRow{line: line, cells: row[:len(g.names)]})
}

func (g grid) some() []grid {
	if len(g.rows) == 0 || len(g.names) == 0 {
		return nil
	}
	g.columns = make([]column, len(g.names))
	for r := range g.rows {
		row := &g.rows[r]
		for _, cell := range row.cells {
			row.values = append(row.values, numberIn(cell))
		}
	}
	for i := range g.columns {
		c, words := column{wholes: true}, 0
		for _, row := range g.rows {
			v, is := row.number(i)
			switch {
			case is:
				c.numbers, c.wholes = true, c.wholes && v >= 0 && v == math.Trunc(v)
			case row.cells[i] != "":
				words++
				c.wholes = c.wholes && len(row.cells[i]) <= 12
			}
		}
		c.wholes, c.words = c.wholes && c.numbers, words*2 > len(g.rows)
		g.columns[i] = c
	}
	for i := range g.columns {
		g.columns[i].counts = g.areCounts(i)
	}
	return []grid{g}
}

func pipeTables(f File) (out []grid) {
	g := grid{file: f.Name}
	line := 0
	for text := range strings.Lines(string(f.Bytes)) {
		line++
		text = strings.TrimSpace(text)
		if !strings.Contains(text, "|") {
			out = append(out, g.some()...)
			g = grid{file: f.Name}
			continue
		}
		cells := strings.Split(strings.Trim(text, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if strings.Trim(strings.Join(cells, ""), "-: ") != "" {
			g.add(line, cells)
		}
	}
	return append(out, g.some()...)
}

func jsonTables(file string, value any) (out []grid) {
	switch value := value.(type) {
	case []any:
		var names []string
		g := grid{file: file}
		for _, one := range value {
			object, is := one.(map[string]any)
			if !is {
				continue
			}
			for name, v := range object {
				if _, is := scalar(v); is && !slices.Contains(names, name) && len(names) < 1000 {
					names = append(names, name)
				}
			}
		}
		slices.Sort(names)
		g.add(1, names)
		for _, one := range value {
			if object, is := one.(map[string]any); is {
				g.add(1, cellsOf(object, names))
				for _, name := range sortedNames(object) {
					out = append(out, jsonTables(file, object[name])...)
				}
			} else {
				out = append(out, jsonTables(file, one)...)
			}
		}
		if len(names) > 0 {
			out = append(out, g.some()...)
		}
	case map[string]any:
		var names, lists, objects []string
		long := 0
		for _, name := range sortedNames(value) {
			switch v := value[name].(type) {
			case []any:
				if scalars(v) && (long == 0 || len(v) == long) && len(v) > 0 {
					lists, long = append(lists, name), len(v)
				}
				out = append(out, jsonTables(file, v)...)
			case map[string]any:
				objects = append(objects, name)
			default:
				names = append(names, name)
			}
		}
		one, columns, keyed := grid{file: file}, grid{file: file}, grid{file: file}
		one.add(1, names)
		one.add(1, cellsOf(value, names))
		columns.add(1, lists)
		for i := range long {
			var row []string
			for _, name := range lists {
				cell, _ := scalar(value[name].([]any)[i])
				row = append(row, cell)
			}
			columns.add(1, row)
		}
		out = append(append(out, one.some()...), columns.some()...)
		// A map of groups, each an object of the same fields, or each a number.
		var fields []string
		for _, name := range objects {
			for field, v := range value[name].(map[string]any) {
				if _, is := scalar(v); is && !slices.Contains(fields, field) && len(fields) < 1000 {
					fields = append(fields, field)
				}
			}
		}
		slices.Sort(fields)
		keyed.add(1, append([]string{"group"}, fields...))
		for _, name := range objects {
			object := value[name].(map[string]any)
			keyed.add(1, append([]string{name}, cellsOf(object, fields)...))
			for _, inner := range sortedNames(object) {
				switch object[inner].(type) {
				case []any, map[string]any:
					out = append(out, jsonTables(file, object[inner])...)
				}
			}
			out = append(out, counted(file, name, object)...)
		}
		if len(fields) > 0 {
			out = append(out, keyed.some()...)
		}
	}
	return out
}

// counted gives an object of numbers under a name as a table of groups: {"people": {"north": 12, "south": 30}}.
func counted(file, name string, object map[string]any) []grid {
	g := grid{file: file}
	g.add(1, []string{"group", name})
	for _, key := range sortedNames(object) {
		cell, is := scalar(object[key])
		if !is {
			return nil
		}
		g.add(1, []string{key, cell})
	}
	return g.some()
}

func sortedNames(object map[string]any) []string {
	var names []string
	for name := range object {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func cellsOf(object map[string]any, names []string) (cells []string) {
	for _, name := range names {
		cell, _ := scalar(object[name])
		cells = append(cells, cell)
	}
	return cells
}

func scalars(list []any) bool {
	return !slices.ContainsFunc(list, func(v any) bool { _, is := scalar(v); return !is })
}

func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case bool:
		return strconv.FormatBool(v), true
	case nil:
		return "", true
	}
	return "", false
}

// number gives a cell's number.
func (r gridRow) number(column int) (float64, bool) {
	v := r.values[column]
	return v, v == v
}

// numberIn reads the number of a cell, with commas between thousands or without; NaN where it holds none.
func numberIn(cell string) float64 {
	text := strings.TrimSuffix(cell, "%")
	if before, after, is := strings.Cut(text, ","); is && len(after) >= 3 && len(before) <= 3 {
		text = strings.ReplaceAll(text, ",", "")
	}
	if text == "" || text[0] > '9' || text[len(text)-1] > '9' {
		return math.NaN()
	}
	for i := range len(text) {
		if c := text[i]; (c < '0' || c > '9') && c != '.' && c != 'e' && c != 'E' && c != '+' && c != '-' {
			return math.NaN()
		}
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(v, 0) {
		return math.NaN()
	}
	return v
}

// without gives the words of a row but one: what its group is.
func (r gridRow) without(column int, g grid) string {
	var b strings.Builder
	for i, cell := range r.cells {
		if i != column && g.groups(i) {
			b.WriteString(cell)
			b.WriteByte(0)
		}
	}
	return b.String()
}

// total says whether a word is that of a total.
func total(word string) bool {
	return slices.Contains([]string{"total", "all", "sum", "overall", "everyone", "any", "totals"}, strings.ToLower(word))
}

// named says whether one of the words that a name is made of is among some.
func named(name string, some ...string) bool {
	for word := range strings.FieldsFuncSeq(name, func(r rune) bool { return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9') }) {
		if slices.Contains(some, word) {
			return true
		}
	}
	return false
}

// others names numbers that are no counts of people.
func others() []string {
	return strings.Fields("layer step rank index id epoch bin seed year month day hour age dim dims dimension dimensions k position token head heads axis rows columns row column line version width height top order level depth size lr batch iteration from to low high lower upper score grade code")
}

// counts says whether a column is one of counts.
func (g grid) counts(column int) bool { return g.columns[column].counts }

// areCounts says whether a column has whole numbers under a name of counts, or beside words under a name of nothing else.
func (g grid) areCounts(column int) bool {
	if !g.columns[column].wholes {
		return false
	}
	name := g.names[column]
	if named(name, strings.Fields("n count counts people persons users patients records total totals number num cases participants respondents members frequency freq households events deaths births students employees customers subjects individuals cnt nobs observations")...) {
		return true
	}
	if named(name, others()...) || isShare(name) {
		return false
	}
	for i := range g.names {
		if i != column && g.columns[i].words {
			return true
		}
	}
	return false
}

// isShare says whether a name is that of shares.
func isShare(name string) bool {
	return named(name, "percent", "percentage", "pct", "share", "proportion", "fraction", "rate", "prevalence", "median", "mean") || strings.Contains(name, "%")
}

func (g grid) wholes(column int) bool { return g.columns[column].wholes }

func (g grid) numbers(column int) bool { return g.columns[column].numbers }

func (g grid) words(column int) bool { return g.columns[column].words }

// groups says whether a column tells groups apart: words, or whole numbers under a name of no counts.
func (g grid) groups(column int) bool {
	return g.columns[column].words || g.columns[column].wholes && !g.columns[column].counts && named(g.names[column], others()...)
}
