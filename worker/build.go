package main

import (
	"database/sql"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"narthex/internal/engine"
)

// build makes the file of a session from what lies below a folder, and gives each view's number of rows as frames' end. Its errors hold
// nothing of the data: whoever reads them may be anybody of the lab.
func build(spec io.Reader, folder, out string) (rows []int64, err error) {
	b, err := engine.ReadFrame[engine.Build](spec)
	if err != nil {
		return nil, errors.New("what is to be built breaks the form of builds")
	}
	if err := b.Check(); err != nil {
		return nil, err
	}
	db, err := sql.Open("duckdb", out)
	if err != nil {
		return nil, errors.New("the file cannot be made")
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	for _, statement := range []string{
		"SET autoinstall_known_extensions = false", "SET autoload_known_extensions = false", "SET allow_community_extensions = false", "SET temp_directory = ''",
		fmt.Sprintf("SET memory_limit = '%dMB'", b.MemoryMB), fmt.Sprintf("SET threads = %d", b.Threads), "SET preserve_insertion_order = true", "SET TimeZone = 'UTC'",
	} {
		if _, err := db.Exec(statement); err != nil {
			return nil, errors.New("the database cannot be set up")
		}
	}
	for _, v := range b.Views {
		statements, values := statementsOf(v, folder)
		for i, statement := range statements {
			var with []any
			if i == len(statements)-1 {
				with = values
			}
			if _, err := db.Exec(statement, with...); err != nil {
				return nil, fmt.Errorf("view %s.%s cannot be made: its source is not there, has no such column, or holds a value that is not of its column's type", v.Schema, v.Name)
			}
		}
		var n int64
		if err := db.QueryRow("SELECT count(*) FROM " + name(v.Schema) + "." + name(v.Name)).Scan(&n); err != nil {
			return nil, errors.New("what was made cannot be read")
		}
		rows = append(rows, n)
	}
	if _, err := db.Exec("CHECKPOINT"); err != nil {
		return nil, errors.New("the file cannot be written")
	}
	return rows, nil
}

func name(n string) string { return `"` + strings.ReplaceAll(n, `"`, `""`) + `"` }

func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// statementsOf gives the statements that make one view, and the values of the last.
func statementsOf(v engine.Source, folder string) ([]string, []any) {
	statements := []string{"CREATE SCHEMA IF NOT EXISTS " + name(v.Schema)}
	file := quoted(filepath.Join(folder, filepath.FromSlash(v.Path)))
	// Every value is read as text and then taken as its type, so that the type is the lab's to say and never guessed from values.
	columns := map[string]bool{}
	var read []string
	column := func(from string) {
		if !columns[from] {
			columns[from] = true
			read = append(read, from)
		}
	}
	for _, c := range v.Columns {
		column(c.From)
	}
	for _, o := range v.Where {
		column(o.From)
	}
	var from string
	switch v.Format {
	case engine.JSONL:
		var types []string
		for _, c := range read {
			types = append(types, quoted(c)+": 'VARCHAR'")
		}
		from = fmt.Sprintf("read_json(%s, format = 'newline_delimited', columns = {%s}, maximum_object_size = 16777216)", file, strings.Join(types, ", "))
	case engine.CSV:
		from = fmt.Sprintf("read_csv(%s, header = true, all_varchar = true, delim = ',', quote = '\"', escape = '\"')", file)
	case engine.Parquet:
		from = fmt.Sprintf("read_parquet(%s)", file)
	case engine.DuckDB:
		schema, table, _ := strings.Cut(v.Table, ".")
		statements = append(statements, "ATTACH IF NOT EXISTS "+file+" AS source (READ_ONLY)")
		from = "source." + name(schema) + "." + name(table)
	}
	var shown, kept []string
	var values []any
	for _, c := range v.Columns {
		shown = append(shown, fmt.Sprintf("CAST(%s AS %s) AS %s", name(c.From), typed(c.Type), name(c.Name)))
	}
	for _, o := range v.Where {
		var list []string
		for _, value := range o.Values {
			values = append(values, value)
			list = append(list, fmt.Sprintf("$%d", len(values)))
		}
		kept = append(kept, fmt.Sprintf("CAST(%s AS VARCHAR) IN (%s)", name(o.From), strings.Join(list, ", ")))
	}
	query := "SELECT " + strings.Join(shown, ", ") + " FROM " + from
	if len(kept) > 0 {
		query += " WHERE " + strings.Join(kept, " AND ")
	}
	if v.Sample != nil {
		values = append(values, v.Sample.Key)
		inner := make([]string, len(v.Columns))
		for i, c := range v.Columns {
			inner[i] = name(c.Name)
		}
		list := strings.Join(inner, ", ")
		query = fmt.Sprintf("SELECT %s FROM (SELECT *, row_number() OVER () AS \" place\" FROM (%s)) ORDER BY sha256(concat($%d::VARCHAR, ':', \" place\"::VARCHAR)) LIMIT %d", list, query, len(values), v.Sample.Rows)
	}
	return append(statements, fmt.Sprintf("CREATE TABLE %s.%s AS %s", name(v.Schema), name(v.Name), query)), values
}

func typed(t engine.Type) string {
	return map[engine.Type]string{engine.Bool: "BOOLEAN", engine.Integer: "BIGINT", engine.Double: "DOUBLE", engine.Decimal: "DECIMAL(38, 6)", engine.Text: "VARCHAR", engine.Date: "DATE",
		engine.Time: "TIME", engine.Timestamp: "TIMESTAMP", engine.Interval: "INTERVAL"}[t]
}
