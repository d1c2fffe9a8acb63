package cli

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// table is rows in columns under a head.
type table struct {
	head []string
	rows [][]string
}

func newTable(head ...string) *table { return &table{head: head} }

func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

// table writes a table with its columns aligned; columns that are empty in every row are left out.
func (p *page) table(t *table) {
	widths := make([]int, len(t.head))
	for column := range t.head {
		for _, row := range t.rows {
			row[column] = printable(row[column])
			widths[column] = max(widths[column], utf8.RuneCountInString(row[column]))
		}
		if widths[column] > 0 {
			widths[column] = max(widths[column], len(t.head[column]))
		}
	}
	p.write(p.styled(bold, aligned(t.head, widths)) + "\n")
	for _, row := range t.rows {
		p.write(aligned(row, widths) + "\n")
	}
}

func aligned(cells []string, widths []int) string {
	var out strings.Builder
	for i, cell := range cells {
		if widths[i] == 0 {
			continue
		}
		out.WriteString(cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
	}
	return strings.TrimRight(out.String(), " ")
}

// list prints rows, or what to do where there are none.
func (a *app) list(value any, t *table, empty string) error {
	return a.show(value, func(p *page) {
		if len(t.rows) == 0 {
			p.line("%s", empty)
			return
		}
		p.table(t)
	})
}

// fields writes names with their values, aligned; pairs without a value are left out.
func (p *page) fields(pairs ...[2]string) {
	pairs = slices.DeleteFunc(pairs, func(f [2]string) bool { return f[1] == "" })
	width := 0
	for _, f := range pairs {
		width = max(width, len(f[0]))
	}
	for _, f := range pairs {
		p.line("%-*s  %s", width, f[0], f[1])
	}
}
