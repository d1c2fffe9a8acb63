package disclosure

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// table gives the form of a table: its rows in order, by their cells from the left, numbers before words.
func table(data []byte, most Most) ([]byte, error) {
	if !utf8.Valid(data) {
		return nil, &Refusal{Class: NotRead, Rule: "it is not UTF-8"}
	}
	in := csv.NewReader(bytes.NewReader(data))
	var header []string
	var rows [][]string
	for {
		row, err := in.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			line := 0
			var parse *csv.ParseError
			if errors.As(err, &parse) {
				line = parse.Line
			}
			return nil, &Refusal{Class: NotRead, Rule: "it is no table of rows of one width", Line: line}
		}
		line, _ := in.FieldPos(0)
		if len(row) > most.Columns {
			return nil, &Refusal{Class: TooLarge, Rule: "it has more columns than a table may have"}
		}
		for i, cell := range row {
			if row[i], err = cellForm(cell, line); err != nil {
				return nil, err
			}
		}
		if header == nil {
			if header = row; !named(header) {
				return nil, &Refusal{Class: NotRead, Rule: "its first row does not name the columns, each by another word", Line: line}
			}
			continue
		}
		if !slices.ContainsFunc(row, func(cell string) bool { return cell != "" }) {
			continue // it says nothing, and a table of one column would lose it when it is read again
		}
		if rows = append(rows, row); len(rows) > most.Rows {
			return nil, &Refusal{Class: TooLarge, Rule: "it has more rows than a table may have"}
		}
	}
	if header == nil {
		return nil, &Refusal{Class: NotRead, Rule: "it is empty"}
	}
	slices.SortStableFunc(rows, func(a, b []string) int { return slices.CompareFunc(a, b, cells) })
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	if err := w.WriteAll(append([][]string{header}, rows...)); err != nil {
		return nil, &Refusal{Class: NotRead, Rule: "it cannot be written as a table"}
	}
	return out.Bytes(), nil
}

// cellForm gives the form of a cell.
func cellForm(cell string, line int) (string, error) {
	if err := characters(cell, line); err != nil {
		return "", err
	}
	cell = strings.Join(strings.Fields(cell), " ")
	if form, is := signed(cell); is {
		return form, nil
	}
	return numbers(cell), nil
}

// named says whether a row names columns.
func named(row []string) bool {
	known := map[string]bool{}
	for _, name := range row {
		if _, is := signed(name); is || name == "" || known[name] {
			return false
		}
		known[name] = true
	}
	return true
}

// cells orders two cells: numbers by size before words by bytes.
func cells(a, b string) int {
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	_, isX := signed(a)
	_, isY := signed(b)
	isX, isY = isX && errX == nil, isY && errY == nil
	switch {
	case isX && isY:
		return cmp.Or(cmp.Compare(x, y), strings.Compare(a, b))
	case isX:
		return -1
	case isY:
		return 1
	}
	return strings.Compare(a, b)
}
