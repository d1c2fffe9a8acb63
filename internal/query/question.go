package query

import (
	"slices"
	"strings"

	"narthex"
	"narthex/internal/cells"
)

// Statistic is a query that is answered from cells.
type Statistic struct {
	View    View
	Ask     cells.Question
	Columns []Column
	Order   []Order
	Limit   int // lines at most; 0 is all
}

// Column is a column of the answer: a dimension, or a value that is asked for.
type Column struct {
	Name      string
	Dimension int // of Ask.By, or -1
	Value     int // of Ask.Ask, or -1
}

// Order is one column by which the answer's lines stand in order.
type Order struct {
	Column     int
	Descending bool
}

// Statistic reads a tree that passed [Gate.Check] as a question to the cells of a view: dimensions, count(*), sum and avg of a measure,
// where a dimension is a bin, grouped by the dimensions that stand in it, ordered by its columns and limited. count(*) counts people. Any
// other query is a Refused error, which depends on the query and the shape alone.
func (g Gate) Statistic(tree []byte, shape cells.Shape) (Statistic, error) {
	reads, err := g.Check(tree)
	if err != nil {
		return Statistic{}, err
	}
	statement, err := open(tree)
	if err != nil {
		return Statistic{}, err
	}
	node := child(statement, "node")
	from := child(node, "from_table")
	plainly := text(node, "type") == "SELECT_NODE" && len(list(child(node, "cte_map"), "map")) == 0 && node["having"] == nil && node["qualify"] == nil && len(list(node, "group_sets")) <= 1
	if !plainly || text(from, "type") != "BASE_TABLE" || len(list(from, "column_name_alias")) != 0 || len(reads.Views) != 1 || reads.Parameters != 0 {
		return Statistic{}, beyond(node)
	}
	r := reader{shape: shape, out: Statistic{View: reads.Views[0], Ask: cells.Question{Where: map[string]string{}}}}
	r.where(node["where_clause"])
	r.group(list(node, "group_expressions"), list(node, "select_list"))
	r.selects(list(node, "select_list"))
	for _, m := range list(node, "modifiers") {
		modifier, _ := m.(object)
		r.modifier(modifier)
	}
	return r.out, r.err
}

// beyond refuses what cells do not answer.
func beyond(node object) error {
	return narthex.Refusedf("That is not answered from cells%s. Ask dimensions, count(*), and sum or avg of a measure, where a dimension = 'bin', grouped by the dimensions that you select.", at(node["query_location"]))
}

type reader struct {
	shape cells.Shape
	out   Statistic
	err   error
}

func (r *reader) refuse(node object) {
	if r.err == nil {
		r.err = beyond(node)
	}
}

// named gives the name of a column that is nothing else.
func named(node object) string {
	names := list(node, "column_names")
	if text(node, "class") != "COLUMN_REF" || len(names) == 0 {
		return ""
	}
	name, _ := names[len(names)-1].(string)
	return strings.ToLower(name)
}

func (r *reader) dimension(node object) string {
	name := named(node)
	if !slices.ContainsFunc(r.shape.Dimensions, func(d cells.Dimension) bool { return d.Name == name }) {
		return ""
	}
	return name
}

// where reads dimension = 'bin', and such with AND between.
func (r *reader) where(node any) {
	if node == nil {
		return
	}
	clause, _ := node.(object)
	if text(clause, "type") == "CONJUNCTION_AND" {
		for _, c := range list(clause, "children") {
			r.where(c)
		}
		return
	}
	left, right := child(clause, "left"), child(clause, "right")
	if text(left, "class") == "CONSTANT" {
		left, right = right, left
	}
	name := r.dimension(left)
	bin, is := child(right, "value")["value"].(string)
	if _, twice := r.out.Ask.Where[name]; name == "" || !is || twice || text(clause, "type") != "COMPARE_EQUAL" || text(right, "class") != "CONSTANT" {
		r.refuse(clause)
		return
	}
	r.out.Ask.Where[name] = bin
}

// group reads the dimensions of GROUP BY, by name or by their place in the list.
func (r *reader) group(groups, selected []any) {
	for _, g := range groups {
		node, _ := g.(object)
		if n, is := place(node, len(selected)); is {
			node, _ = selected[n].(object)
		}
		name := r.dimension(node)
		if name == "" || slices.Contains(r.out.Ask.By, name) {
			r.refuse(node)
			return
		}
		r.out.Ask.By = append(r.out.Ask.By, name)
	}
}

// place reads a whole number as a column's place, from 1.
func place(node object, columns int) (int, bool) {
	n, is := child(node, "value")["value"].(float64)
	if text(node, "class") != "CONSTANT" || !is || n != float64(int(n)) || n < 1 || int(n) > columns {
		return 0, false
	}
	return int(n) - 1, true
}

// selects reads the columns of the answer.
func (r *reader) selects(selected []any) {
	for _, s := range selected {
		node, _ := s.(object)
		column := Column{Name: text(node, "alias"), Dimension: -1, Value: -1}
		if name := r.dimension(node); name != "" {
			column.Dimension = slices.Index(r.out.Ask.By, name)
			column.Name = or(column.Name, name)
		} else if ask, title, is := r.ask(node); is {
			column.Value, column.Name = len(r.out.Ask.Ask), or(column.Name, title)
			r.out.Ask.Ask = append(r.out.Ask.Ask, ask)
		}
		if column.Dimension < 0 && column.Value < 0 {
			r.refuse(node)
			return
		}
		r.out.Columns = append(r.out.Columns, column)
	}
	if len(r.out.Ask.Ask) == 0 && r.err == nil {
		r.err = beyond(nil)
	}
}

func or(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

// ask reads one value.
func (r *reader) ask(node object) (ask cells.Ask, title string, is bool) {
	children := list(node, "children")
	orders := list(child(node, "order_bys"), "orders")
	if text(node, "class") != "FUNCTION" || node["filter"] != nil || node["distinct"] == true || len(orders) > 0 || len(children) > 1 {
		return ask, "", false
	}
	of := ""
	for _, c := range children {
		argument, _ := c.(object)
		if of = named(argument); of == "" {
			return ask, "", false
		}
	}
	measure := slices.ContainsFunc(r.shape.Measures, func(m cells.Measure) bool { return m.Name == of })
	switch name := text(node, "function_name"); {
	case name == "count_star" && of == "":
		return cells.Ask{What: cells.People}, "people", true
	case name == "sum" && measure:
		return cells.Ask{What: cells.Sum, Of: of}, "sum_" + of, true
	case (name == "avg" || name == "mean") && measure:
		return cells.Ask{What: cells.Mean, Of: of}, "mean_" + of, true
	}
	return ask, "", false
}

func (r *reader) modifier(node object) {
	if r.err != nil {
		return
	}
	switch text(node, "type") {
	case "ORDER_MODIFIER":
		for _, o := range list(node, "orders") {
			order, _ := o.(object)
			expression := child(order, "expression")
			n, is := place(expression, len(r.out.Columns))
			if !is {
				n = slices.IndexFunc(r.out.Columns, func(c Column) bool { return strings.ToLower(c.Name) == named(expression) })
			}
			if n < 0 {
				r.refuse(expression)
				return
			}
			r.out.Order = append(r.out.Order, Order{Column: n, Descending: text(order, "type") == "DESCENDING"})
		}
	case "LIMIT_MODIFIER":
		n, is := place(child(node, "limit"), 1<<20)
		if !is || node["offset"] != nil {
			r.refuse(child(node, "limit"))
			return
		}
		r.out.Limit = n + 1
	default:
		r.refuse(node)
	}
}
