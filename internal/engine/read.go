package engine

import (
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds of an answer.
const (
	MostColumns = 1000
	MostName    = 256 // bytes of a column's name
)

// Tree reads the answer to Parse.
func Tree(from io.Reader) (tree string, class Class) {
	for range 2 {
		answer, err := ReadFrame[Answer](from)
		switch {
		case err != nil || answer.Head != nil || answer.Rows != nil || answer.Tree != "" && (tree != "" || answer.End != nil):
			return "", Broken
		case answer.End == nil:
			tree = answer.Tree
		case !slices.Contains(Classes(), answer.End.Class) || answer.End.Rows != 0 || (answer.End.Class == Done) != (tree != ""):
			return "", Broken
		default:
			return tree, answer.End.Class
		}
	}
	return "", Broken
}

// Rows reads the answer to Run with at most that many rows. Head is called once, before any row; row for each. An error of theirs ends the
// reading with Broken, and comes back.
func Rows(from io.Reader, most int64, head func([]Column) error, row func([]*string) error) (End, error) {
	broken := End{Class: Broken}
	first, err := ReadFrame[Answer](from)
	if err != nil {
		return broken, nil
	}
	if first.End != nil && first.Head == nil && first.Rows == nil && first.Tree == "" {
		if first.End.Rows != 0 || first.End.Class == Done || !slices.Contains(Classes(), first.End.Class) {
			return broken, nil
		}
		return *first.End, nil
	}
	if !headed(first) {
		return broken, nil
	}
	if err := head(first.Head); err != nil {
		return broken, err
	}
	forms := make([]*regexp.Regexp, len(first.Head))
	for i, c := range first.Head {
		forms[i] = form(c.Type)
	}
	for count := int64(0); ; {
		answer, err := ReadFrame[Answer](from)
		if err != nil || answer.Head != nil || answer.Tree != "" || (answer.Rows == nil) == (answer.End == nil) {
			return broken, nil
		}
		if answer.End != nil {
			if answer.End.Rows != count || !slices.Contains(Classes(), answer.End.Class) {
				return broken, nil
			}
			return *answer.End, nil
		}
		for _, r := range answer.Rows {
			if count++; count > most || !fits(r, forms) {
				return broken, nil
			}
			if err := row(r); err != nil {
				return broken, err
			}
		}
	}
}

func headed(a Answer) bool {
	if len(a.Head) == 0 || len(a.Head) > MostColumns || a.Rows != nil || a.End != nil || a.Tree != "" {
		return false
	}
	return !slices.ContainsFunc(a.Head, func(c Column) bool {
		return form(c.Type) == nil || len(c.Name) > MostName || !utf8.ValidString(c.Name) || strings.ContainsRune(c.Name, 0)
	})
}

// fits reports whether a row is one of its head: as many values, each written as its type is.
func fits(row []*string, forms []*regexp.Regexp) bool {
	if len(row) != len(forms) {
		return false
	}
	for i, v := range row {
		if v != nil && (!forms[i].MatchString(*v) || strings.ContainsRune(*v, 0)) {
			return false
		}
	}
	return true
}

// form gives how values of a type are written, and nil for none.
func form(t Type) *regexp.Regexp {
	text, known := map[Type]string{
		Bool:      `^[tf]$`,
		Integer:   `^-?[0-9]{1,39}$`,
		Double:    `^(-?[0-9]{1,40}(\.[0-9]{1,40})?(e[+-][0-9]{1,3})?|NaN|-?Infinity)$`,
		Decimal:   `^-?[0-9]{1,39}(\.[0-9]{1,39})?$`,
		Text:      `(?s)^.*$`,
		Date:      `^-?[0-9]{4,7}-[0-9]{2}-[0-9]{2}$`,
		Time:      `^[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?$`,
		Timestamp: `^-?[0-9]{4,7}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?$`,
		Interval:  `^(-?[0-9]{1,10} mons?)?( ?-?[0-9]{1,10} days?)?( ?-?[0-9]{2,12}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?)?$`,
	}[t]
	if !known {
		return nil
	}
	return regexp.MustCompile(text)
}
