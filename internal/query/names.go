package query

import (
	"slices"
	"strings"
)

// Functions lists the functions and operators that a query may use, by name: arithmetic, comparison, text and time of plain values, and
// aggregates. Each works on its arguments alone and gives a value no longer than a small multiple of them: none reads a setting, a file,
// the clock or chance, none makes a table or a list, none repeats or pads.
func Functions() []string {
	return []string{
		// operators
		"+", "-", "*", "/", "//", "%", "||", "~~", "!~~", "~~*", "!~~*", "like_escape", "not_like_escape",
		// numbers
		"abs", "ceil", "ceiling", "floor", "round", "trunc", "sign", "sqrt", "exp", "ln", "log", "log2", "log10", "pow", "power", "mod", "greatest", "least", "isnan", "isfinite", "nullif",
		// text
		"lower", "upper", "length", "strlen", "substring", "substr", "left", "right", "trim", "ltrim", "rtrim", "replace", "contains", "starts_with", "prefix", "suffix", "strpos", "instr", "position", "split_part", "concat",
		// time
		"date_trunc", "date_part", "year", "month", "day", "hour", "minute", "second", "dayofweek", "week", "strftime", "to_days", "to_hours", "to_minutes", "to_seconds", "to_months", "to_years",
		// aggregates
		"count", "count_star", "sum", "avg", "mean", "min", "max", "median", "quantile_cont", "quantile_disc", "stddev", "stddev_samp", "stddev_pop", "variance", "var_samp", "var_pop", "corr", "covar_pop", "covar_samp", "bool_and", "bool_or", "arg_min", "arg_max", "first", "last", "any_value", "regr_slope", "regr_intercept", "regr_r2",
		// windows
		"row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "ntile", "lag", "lead", "first_value", "last_value", "nth_value",
	}
}

func function(name string) bool { return slices.Contains(Functions(), name) }

// plain lists the types of values that a query may write or cast to.
func plain(kind string) bool {
	return slices.Contains([]string{"BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "FLOAT", "DOUBLE", "DECIMAL", "VARCHAR", "DATE", "TIME", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "INTERVAL", "NULL"}, kind)
}

// hidden lists the names that the executor takes for a function where no column has them, and the number of a row.
func hidden(name string) bool {
	return slices.Contains([]string{"current_catalog", "current_date", "current_role", "current_schema", "current_time", "current_timestamp", "current_user", "localtime", "localtimestamp", "session_user", "user", "rowid"}, strings.ToLower(name))
}
