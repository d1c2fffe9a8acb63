package airlock

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"narthex"
	"narthex/internal/disclosure"
	"narthex/internal/wire"
)

// Misfit is where a file is not what a standing rule names. Line counts from 1; 0 is the file as a whole. It says something of what the file
// holds, and is for reviewers.
type Misfit struct {
	File   string
	Line   int
	Column string
	Says   string
}

func (m *Misfit) Error() string {
	where := m.File
	if m.Line > 0 {
		where += ":" + strconv.Itoa(m.Line)
	}
	if m.Column != "" {
		where += " " + m.Column
	}
	return where + ": " + m.Says
}

// Fits gives how many rows files have that are what a standing rule names, and nothing else, one at least; a *[Misfit] where they are not. It takes
// nobody's word that they have their form.
func Fits(files []narthex.RuleFile, raw []Raw) (rows int64, err error) {
	if len(files) != len(raw) || len(files) == 0 {
		return 0, &Misfit{Says: "it has more files than the rule names, or fewer"}
	}
	for i, f := range files {
		n, misfit := fits(f, raw[i])
		if misfit != nil {
			misfit.File = f.Name
			return 0, misfit
		}
		rows += n
	}
	return max(1, rows), nil
}

func fits(f narthex.RuleFile, raw Raw) (rows int64, m *Misfit) {
	if f.Name != raw.Name || f.Kind != raw.Kind {
		return 0, &Misfit{Says: "the rule names another file at its place"}
	}
	if int64(len(raw.Data)) > f.Bytes {
		return 0, &Misfit{Says: "it has more bytes than the rule allows"}
	}
	if f.Kind == string(disclosure.JSON) {
		rows, m = 1, fitsObject(f, raw.Data)
	} else {
		rows, m = fitsTable(f, raw.Data)
	}
	if m != nil {
		return 0, m
	}
	form, err := disclosure.Canonical(disclosure.Kind(f.Kind), raw.Data, disclosure.Standard())
	if err != nil || !bytes.Equal(form, raw.Data) {
		return 0, &Misfit{Says: "it is not in its form: what it says could be written in another way"}
	}
	return rows, nil
}

// fitsTable reads a table of which no cell needs quotes: the words and names of a rule need none, and numbers never.
func fitsTable(f narthex.RuleFile, data []byte) (rows int64, m *Misfit) {
	text, whole := strings.CutSuffix(string(data), "\n")
	lines := strings.Split(text, "\n")
	if names := strings.Split(lines[0], ","); !whole || len(names) != len(f.Columns) {
		return 0, &Misfit{Line: 1, Says: "its columns are not those of the rule"}
	} else {
		for i, c := range f.Columns {
			if names[i] != c.Name {
				return 0, &Misfit{Line: 1, Column: c.Name, Says: "another column stands at its place"}
			}
		}
	}
	if rows = int64(len(lines) - 1); rows > f.Rows {
		return 0, &Misfit{Says: "it has more rows than the rule allows"}
	}
	for n, line := range lines[1:] {
		cells := strings.Split(line, ",")
		if len(cells) != len(f.Columns) {
			return 0, &Misfit{Line: n + 2, Says: "it has another number of cells than the rule has columns"}
		}
		for i, c := range f.Columns {
			if says := holds(c, cells[i]); says != "" {
				return 0, &Misfit{Line: n + 2, Column: c.Name, Says: says}
			}
		}
	}
	return rows, nil
}

// fitsObject reads a JSON object of the rule's names and no others.
func fitsObject(f narthex.RuleFile, data []byte) *Misfit {
	values, err := wire.Decode[map[string]jsontext.Value](bytes.TrimSuffix(data, []byte("\n")), wire.Limits{Bytes: f.Bytes, Depth: 2})
	if err != nil || len(values) != len(f.Columns) {
		return &Misfit{Says: "it is no object of the rule's names"}
	}
	for _, c := range f.Columns {
		value, has := values[c.Name]
		if !has {
			return &Misfit{Column: c.Name, Says: "it is missing"}
		}
		text := string(value)
		if c.Number == nil {
			quoted := text
			if text = strings.Trim(quoted, `"`); quoted != `"`+text+`"` {
				return &Misfit{Column: c.Name, Says: "it is none of the rule's words"}
			}
		}
		if says := holds(c, text); says != "" {
			return &Misfit{Column: c.Name, Says: says}
		}
	}
	return nil
}

// holds says why a column may not hold a value, or "".
func holds(c narthex.RuleColumn, cell string) string {
	if c.Number == nil {
		for _, word := range c.Words {
			if cell == word {
				return ""
			}
		}
		return "it is none of the rule's words"
	}
	v, err := strconv.ParseFloat(cell, 64)
	switch {
	case err != nil || !disclosure.IsNumber(cell): // what a form takes for a word may be written in many ways
		return "it is no number"
	case v < c.Number.Min || v > c.Number.Max:
		return "it is outside the rule's range"
	case lastDigit(cell) < stepOf(*c.Number):
		return "it has more digits than the rule allows"
	}
	return ""
}

// lastDigit gives the power of ten that the last digit of a number counts which is not zero; a number that is zero has all there are.
func lastDigit(text string) int {
	mantissa, power, _ := strings.Cut(strings.ToLower(strings.TrimLeft(text, "+-")), "e")
	at, _ := strconv.Atoi(power)
	whole, part, _ := strings.Cut(mantissa, ".")
	digits := whole + part
	at -= len(part)
	short := strings.TrimRight(digits, "0")
	if short == "" {
		return math.MaxInt
	}
	return at + len(digits) - len(short)
}

// stepOf gives the power of ten in whose steps the numbers of a column are.
func stepOf(n narthex.RuleNumber) int {
	_, power, _ := strings.Cut(strconv.FormatFloat(max(math.Abs(n.Min), math.Abs(n.Max)), 'e', -1, 64), "e")
	first, _ := strconv.Atoi(power)
	return first + 1 - n.Digits
}

// columnBits is how much a value of a column tells at most.
func columnBits(c narthex.RuleColumn) float64 {
	if c.Number == nil {
		return math.Log2(float64(max(1, len(c.Words))))
	}
	return math.Log2(math.Floor((c.Number.Max-c.Number.Min)/math.Pow10(stepOf(*c.Number))) + 1)
}

// RuleBits gives how many bits what leaves by a rule tells at most, by the values of one row of the file with the widest rows, and in a day by
// those of all rows that may leave in it, each in a release of its own: what reviewers of a rule weigh. The budgets hold beside it.
func RuleBits(t narthex.RuleTerms) (row, day int64) {
	for _, f := range t.Files {
		sum := 0.0
		for _, c := range f.Columns {
			sum += columnBits(c)
		}
		row = max(row, int64(math.Ceil(sum)))
	}
	return row, t.RowsADay * (row + disclosure.EventBits)
}

func field(list string, i int, rest string) string {
	name := fmt.Sprintf("%s.%d", list, i)
	if rest != "" {
		name += "." + rest
	}
	return name
}

// checkRuleFile refuses a file that no standing rule may name. At is its field.
func checkRuleFile(f narthex.RuleFile, at string) error {
	json := f.Kind == string(disclosure.JSON)
	switch {
	case f.Kind != string(disclosure.CSV) && !json:
		return narthex.Invalidf("By a standing rule leave tables (csv) and objects (json) of numbers and listed words alone: of text, pictures and all else people say whether it may leave.").For(at + ".kind")
	case f.Name == "":
		return narthex.Invalidf("Name the file as the study does.").For(at + ".name")
	case badContext(f.Context):
		return narthex.Invalidf("Say in 20 to 2000 plain characters what the values of the file are, of how many, and how they come about.").For(at + ".context")
	case json && f.Rows != 1:
		return narthex.Invalidf("A JSON file is one object, so it has 1 row.").For(at + ".rows")
	case f.Rows < 1 || f.Rows > mostRuleRows:
		return narthex.Invalidf("A file has 1 to %d rows at most.", mostRuleRows).For(at + ".rows")
	case f.Bytes < 1 || f.Bytes > mostRuleBytes:
		return narthex.Invalidf("A file has 1 to %d bytes at most.", mostRuleBytes).For(at + ".bytes")
	case len(f.Columns) == 0 || len(f.Columns) > mostColumns:
		return narthex.Invalidf("A file has 1 to %d columns, each with its name.", mostColumns).For(at + ".columns")
	}
	known := map[string]bool{}
	for i, c := range f.Columns {
		here := at + "." + field("columns", i, "")
		if !plain(c.Name) || known[c.Name] {
			return narthex.Invalidf("A column has a name of its own, of at most %d letters, digits, _ and -, and a letter first.", mostPlain).For(here + ".name")
		}
		known[c.Name] = true
		if (c.Number == nil) == (len(c.Words) == 0) {
			return narthex.Invalidf("A column holds a number or one of listed words, and not both: free text is for people.").For(here)
		}
		if c.Number != nil {
			if n := *c.Number; !(n.Min < n.Max) || math.Abs(n.Min) > mostNumber || math.Abs(n.Max) > mostNumber || n.Digits < 1 || n.Digits > mostDigits {
				return narthex.Invalidf("A number has a min below its max, neither beyond 1e15, and 1 to %d digits.", mostDigits).For(here + ".number")
			}
			continue
		}
		words := map[string]bool{}
		for j, word := range c.Words {
			if len(c.Words) > mostWords || !plain(word) || words[word] {
				return narthex.Invalidf("A column has at most %d words, each once, of at most %d letters, digits, _ and -, and a letter first.", mostWords, mostPlain).For(here + "." + field("words", j, ""))
			}
			words[word] = true
		}
	}
	return nil
}

// plain says whether a word stands for itself in a table, in its form and without quotes.
func plain(text string) bool {
	if text == "" || len(text) > mostPlain {
		return false
	}
	for i, r := range text {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || (r < '0' || r > '9') && r != '_' && r != '-') {
			return false
		}
	}
	form, err := disclosure.Canonical(disclosure.CSV, []byte("a\n"+text+"\n"), disclosure.Standard())
	return err == nil && string(form) == "a\n"+text+"\n"
}
