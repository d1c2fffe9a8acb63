package query

import (
	"slices"
	"strings"
)

// walk goes through a tree once, and stops at the first thing that is not let through.
type walk struct {
	gate  Gate
	known map[string]bool // every name that a column can be called by, in lower case
	read  map[string]bool
	reads Reads
	err   error
}

func (w *walk) name(names ...string) {
	for _, n := range names {
		w.known[strings.ToLower(n)] = true
	}
}

func (w *walk) refuse(what string, node object) {
	if w.err == nil {
		w.err = refusal(what, node)
	}
}

// gather takes up the names that the query itself gives: of columns, tables and parts of it. A name that stands for a function where no
// column has it is none that a query may give.
func (w *walk) gather(node any) {
	switch node := node.(type) {
	case []any:
		for _, n := range node {
			w.gather(n)
		}
	case object:
		if alias, is := node["alias"].(string); is {
			w.own(alias, node)
		}
		for _, field := range []string{"column_name_alias", "aliases"} {
			list, _ := node[field].([]any)
			for _, n := range list {
				alias, _ := n.(string)
				w.own(alias, node)
			}
		}
		if key, is := node["key"].(string); is && node["value"] != nil {
			w.own(key, node)
		}
		for _, n := range node {
			w.gather(n)
		}
	}
}

func (w *walk) own(alias string, node object) {
	if hidden(alias) {
		w.refuse("A name that is a function's", node)
	}
	w.name(alias)
}

// fields holds a node to the fields that are known of its kind: those listed are looked at, those behind them must be empty, and the rest
// is what every expression has.
func (w *walk) fields(node object, looked []string, empty ...string) {
	for name, value := range node {
		switch {
		case slices.Contains(looked, name), name == "type" || name == "class" || name == "alias" || name == "query_location":
		case slices.Contains(empty, name) && nothing(value):
		default:
			w.refuse("Part of this query", node)
		}
	}
}

// nothing is what a field holds that is not used.
func nothing(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case bool:
		return !v
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case object:
		return len(v) == 0
	}
	return false
}

func text(node object, field string) string {
	s, _ := node[field].(string)
	return s
}

func list(node object, field string) []any {
	l, _ := node[field].([]any)
	return l
}

func child(node object, field string) object {
	o, _ := node[field].(object)
	return o
}

// statement is a query with its parameters; scope lists the parts that are named around it.
func (w *walk) statement(node object, scope []string) {
	w.fields(node, []string{"node", "named_param_map"})
	w.reads.Parameters = max(w.reads.Parameters, len(list(node, "named_param_map")))
	w.node(child(node, "node"), scope)
}

func (w *walk) node(node object, scope []string) {
	if w.err != nil {
		return
	}
	scope = w.parts(node, scope)
	for _, m := range list(node, "modifiers") {
		w.modifier(m, scope)
	}
	switch text(node, "type") {
	case "SELECT_NODE":
		w.fields(node, []string{"modifiers", "cte_map", "select_list", "from_table", "where_clause", "group_expressions", "group_sets", "aggregate_handling", "having", "qualify"}, "sample")
		if text(node, "aggregate_handling") != "STANDARD_HANDLING" {
			w.refuse("GROUP BY ALL", node)
		}
		w.table(child(node, "from_table"), scope)
		w.all(list(node, "select_list"), scope)
		w.all(list(node, "group_expressions"), scope)
		for _, field := range []string{"where_clause", "having", "qualify"} {
			w.maybe(node[field], scope)
		}
	case "SET_OPERATION_NODE":
		w.fields(node, []string{"modifiers", "cte_map", "left", "right", "setop_type", "setop_all"})
		w.known1(text(node, "setop_type"), node, "UNION", "EXCEPT", "INTERSECT")
		w.node(child(node, "left"), scope)
		w.node(child(node, "right"), scope)
	default:
		w.refuse("A query of this form, such as a recursive one,", node)
	}
}

// parts checks the named parts of a query, in order: each may read those before it, and none itself.
func (w *walk) parts(node object, scope []string) []string {
	scope = slices.Clone(scope)
	for _, entry := range list(child(node, "cte_map"), "map") {
		part, _ := entry.(object)
		value := child(part, "value")
		w.fields(part, []string{"key", "value"})
		w.fields(value, []string{"aliases", "query", "materialized"}, "key_targets")
		w.statement(child(value, "query"), scope)
		scope = append(scope, strings.ToLower(text(part, "key")))
	}
	return scope
}

func (w *walk) modifier(m any, scope []string) {
	node, _ := m.(object)
	switch text(node, "type") {
	case "DISTINCT_MODIFIER":
		w.fields(node, []string{"distinct_on_targets"})
		w.all(list(node, "distinct_on_targets"), scope)
	case "ORDER_MODIFIER":
		w.fields(node, []string{"orders"})
		w.orders(list(node, "orders"), scope)
	case "LIMIT_MODIFIER":
		w.fields(node, []string{"limit", "offset"})
		w.maybe(node["limit"], scope)
		w.maybe(node["offset"], scope)
	default:
		w.refuse("A limit of this form", node)
	}
}

func (w *walk) orders(orders []any, scope []string) {
	for _, o := range orders {
		order, _ := o.(object)
		w.fields(order, []string{"null_order", "expression"})
		w.expression(child(order, "expression"), scope)
	}
}

func (w *walk) known1(value string, node object, allowed ...string) {
	if !slices.Contains(allowed, value) {
		w.refuse("A form of this", node)
	}
}

// table checks where rows come from.
func (w *walk) table(node object, scope []string) {
	switch kind := text(node, "type"); kind {
	case "EMPTY":
		w.fields(node, nil, "sample")
	case "BASE_TABLE":
		w.fields(node, []string{"schema_name", "table_name", "column_name_alias"}, "sample", "catalog_name", "at_clause")
		w.base(node, scope)
	case "JOIN":
		w.fields(node, []string{"left", "right", "condition", "join_type", "ref_type", "using_columns"}, "sample", "delim_flipped", "duplicate_eliminated_columns")
		w.known1(text(node, "join_type"), node, "INNER", "LEFT", "RIGHT", "FULL", "OUTER", "SEMI", "ANTI")
		w.known1(text(node, "ref_type"), node, "REGULAR", "NATURAL", "CROSS")
		for _, c := range list(node, "using_columns") {
			name, _ := c.(string)
			w.column(name, node)
		}
		w.table(child(node, "left"), scope)
		w.table(child(node, "right"), scope)
		w.maybe(node["condition"], scope)
	case "SUBQUERY":
		w.fields(node, []string{"subquery", "column_name_alias"}, "sample")
		w.statement(child(node, "subquery"), scope)
	case "EXPRESSION_LIST":
		w.fields(node, []string{"values"}, "sample", "expected_names", "expected_types")
		for _, row := range list(node, "values") {
			values, _ := row.([]any)
			w.all(values, scope)
		}
	case "TABLE_FUNCTION":
		w.refuse("A function that makes a table", node)
	default:
		w.refuse("A source of rows of this form", node)
	}
}

// base checks a table by its name: a part of the query, or a view that is held.
func (w *walk) base(node object, scope []string) {
	schema, name := text(node, "schema_name"), text(node, "table_name")
	if schema == "" && slices.Contains(scope, strings.ToLower(name)) {
		return
	}
	for _, v := range w.gate.Views {
		if v.Schema == schema && v.Name == name {
			if key := schema + "." + name; !w.read[key] {
				w.read[key] = true
				w.reads.Views = append(w.reads.Views, v)
			}
			return
		}
	}
	w.refuse("A view that there is not, or that you do not hold,", node)
}

func (w *walk) all(nodes []any, scope []string) {
	for _, n := range nodes {
		node, _ := n.(object)
		w.expression(node, scope)
	}
}

// maybe checks an expression that need not be there.
func (w *walk) maybe(node any, scope []string) {
	if node != nil {
		o, _ := node.(object)
		w.expression(o, scope)
	}
}

func (w *walk) column(name string, node object) {
	if !w.known[strings.ToLower(name)] {
		w.refuse("A column that there is not, or that you do not hold,", node)
	}
}

// expression checks an expression. One that is missing where it must be has no class, and is refused.
func (w *walk) expression(node object, scope []string) {
	if w.err != nil {
		return
	}
	kind := text(node, "type")
	switch text(node, "class") {
	case "COLUMN_REF":
		w.fields(node, []string{"column_names"})
		for _, n := range list(node, "column_names") {
			name, _ := n.(string)
			w.column(name, node)
		}
	case "CONSTANT":
		w.fields(node, []string{"value"})
		w.constant(child(node, "value"), node)
	case "PARAMETER":
		w.fields(node, []string{"identifier"})
	case "STAR":
		w.fields(node, []string{"relation_name", "exclude_list"}, "columns", "expr", "qualified_exclude_list", "rename_list", "replace_list")
	case "COMPARISON":
		w.fields(node, []string{"left", "right"})
		w.known1(kind, node, "COMPARE_EQUAL", "COMPARE_NOTEQUAL", "COMPARE_LESSTHAN", "COMPARE_GREATERTHAN", "COMPARE_LESSTHANOREQUALTO", "COMPARE_GREATERTHANOREQUALTO", "COMPARE_DISTINCT_FROM", "COMPARE_NOT_DISTINCT_FROM")
		w.expression(child(node, "left"), scope)
		w.expression(child(node, "right"), scope)
	case "CONJUNCTION":
		w.fields(node, []string{"children"})
		w.known1(kind, node, "CONJUNCTION_AND", "CONJUNCTION_OR")
		w.all(list(node, "children"), scope)
	case "OPERATOR":
		w.fields(node, []string{"children"})
		w.known1(kind, node, "COMPARE_IN", "COMPARE_NOT_IN", "OPERATOR_NOT", "OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL", "OPERATOR_COALESCE")
		w.all(list(node, "children"), scope)
	case "BETWEEN":
		w.fields(node, []string{"input", "lower", "upper"})
		for _, field := range []string{"input", "lower", "upper"} {
			w.expression(child(node, field), scope)
		}
	case "CASE":
		w.fields(node, []string{"case_checks", "else_expr"})
		for _, c := range list(node, "case_checks") {
			check, _ := c.(object)
			w.fields(check, []string{"when_expr", "then_expr"})
			w.expression(child(check, "when_expr"), scope)
			w.expression(child(check, "then_expr"), scope)
		}
		w.maybe(node["else_expr"], scope)
	case "CAST":
		w.fields(node, []string{"child", "cast_type", "try_cast"})
		w.typed(child(node, "cast_type"), node)
		w.expression(child(node, "child"), scope)
	case "FUNCTION":
		w.function(node, scope)
	case "WINDOW":
		w.window(node, scope)
	case "SUBQUERY":
		w.fields(node, []string{"subquery_type", "subquery", "child", "comparison_type"})
		w.known1(text(node, "subquery_type"), node, "SCALAR", "EXISTS", "NOT_EXISTS", "ANY")
		w.maybe(node["child"], scope)
		w.statement(child(node, "subquery"), scope)
	default:
		w.refuse("An expression of this form", node)
	}
}

func (w *walk) function(node object, scope []string) {
	w.fields(node, []string{"function_name", "children", "filter", "order_bys", "distinct", "is_operator", "schema"}, "export_state", "catalog")
	if name := text(node, "function_name"); !function(name) || text(node, "schema") != "" {
		w.refuse("A function that is not listed", node)
	}
	w.all(list(node, "children"), scope)
	w.maybe(node["filter"], scope)
	w.modifier(node["order_bys"], scope)
}

func (w *walk) window(node object, scope []string) {
	w.fields(node, []string{"function_name", "children", "partitions", "orders", "start", "end", "start_expr", "end_expr", "offset_expr", "default_expr", "ignore_nulls", "filter_expr", "exclude_clause", "distinct", "arg_orders"}, "schema", "catalog")
	if !function(text(node, "function_name")) {
		w.refuse("A function that is not listed", node)
	}
	w.all(list(node, "children"), scope)
	w.all(list(node, "partitions"), scope)
	w.orders(list(node, "orders"), scope)
	w.orders(list(node, "arg_orders"), scope)
	for _, field := range []string{"start_expr", "end_expr", "offset_expr", "default_expr", "filter_expr"} {
		w.maybe(node[field], scope)
	}
}

// constant checks a value, which is written as one number, text or truth, or is none.
func (w *walk) constant(value, node object) {
	w.fields(value, []string{"type", "is_null", "value"})
	w.typed(child(value, "type"), node)
	switch value["value"].(type) {
	case nil, bool, float64, string:
	default:
		w.refuse("A value of this form", node)
	}
}

// typed checks a type of plain values.
func (w *walk) typed(kind, node object) {
	info := child(kind, "type_info")
	w.fields(kind, []string{"id", "type_info"})
	if info != nil {
		w.fields(info, []string{"width", "scale"}, "alias", "extension_info")
		w.known1(text(info, "type"), node, "DECIMAL_TYPE_INFO")
	}
	if !plain(text(kind, "id")) {
		w.refuse("A type of this form", node)
	}
}
