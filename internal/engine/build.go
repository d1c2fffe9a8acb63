package engine

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"narthex"
)

// Build says what the file of a session holds: each view with the columns and rows that a grant shows, and nothing else. A worker makes
// the file once, confined, from the lab's own; whoever then asks of it can reach no more, whatever they ask.
type Build struct {
	Views    []Source `json:"views"`
	MemoryMB int64    `json:"memory_mb"`
	Threads  int64    `json:"threads"`
}

// Source is one view, and where its rows come from.
type Source struct {
	Schema  string   `json:"schema"`
	Name    string   `json:"name"`
	Format  Format   `json:"format"`
	Path    string   `json:"path"`            // below the folder of the asset
	Table   string   `json:"table,omitempty"` // SCHEMA.NAME, of a DuckDB file
	Columns []Taken  `json:"columns"`
	Where   []Only   `json:"where,omitempty"`
	Sample  *Sampled `json:"sample,omitempty"`
}

// Format is a format of sources.
type Format string

// The formats.
const (
	JSONL   Format = "jsonl" // also .gz
	CSV     Format = "csv"   // with a header; also .gz
	Parquet Format = "parquet"
	DuckDB  Format = "duckdb"
)

// Taken is a column that is shown.
type Taken struct {
	Name string `json:"name"`
	From string `json:"from"` // as the source names it
	Type Type   `json:"type"`
}

// Only keeps the rows whose column has one of some values, as text.
type Only struct {
	From   string   `json:"from"`
	Values []string `json:"values"`
}

// Sampled keeps so many rows, the same for the same key: those whose digest under the key is least.
type Sampled struct {
	Key  string `json:"key"` // secret
	Rows int64  `json:"rows"`
}

// Check says what of a build is unset or not to be made, as an Invalid error that names the field.
func (b Build) Check() error {
	if b.MemoryMB < 16 || b.MemoryMB > 1<<20 || b.Threads < 1 || b.Threads > 64 {
		return narthex.Invalidf("A build has 16 MB of memory or more, and 1 to 64 threads.").For("memory_mb")
	}
	if len(b.Views) == 0 || len(b.Views) > 1000 {
		return narthex.Invalidf("A build has 1 to 1000 views.").For("views")
	}
	plain := regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)
	for i, v := range b.Views {
		twice := slices.ContainsFunc(b.Views[:i], func(o Source) bool { return o.Schema == v.Schema && o.Name == v.Name })
		switch {
		case !plain.MatchString(v.Schema) || !plain.MatchString(v.Name) || twice:
			return narthex.Invalidf("A view has a schema and a name of small letters, digits and underscores, and each view another.").For("views")
		case !slices.Contains([]Format{JSONL, CSV, Parquet, DuckDB}, v.Format) || (v.Format == DuckDB) != (v.Table != "") || v.Table != "" && strings.Count(v.Table, ".") != 1:
			return narthex.Invalidf("A view's format is jsonl, csv, parquet, or duckdb with SCHEMA.NAME as its table.").For("format")
		case path.Clean("/"+v.Path) != "/"+v.Path || v.Path == "" || strings.ContainsAny(v.Path, "*?[]\x00"):
			return narthex.Invalidf("A view's path is one file below its asset's folder.").For("path")
		case len(v.Columns) == 0 || len(v.Columns) > MostColumns:
			return narthex.Invalidf("A view has 1 to %d columns.", MostColumns).For("columns")
		case v.Sample != nil && (v.Sample.Key == "" || v.Sample.Rows < 1):
			return narthex.Invalidf("A sample has a key and one row or more.").For("sample")
		}
		for n, c := range v.Columns {
			if !plain.MatchString(c.Name) || c.From == "" || form(c.Type) == nil || slices.ContainsFunc(v.Columns[:n], func(o Taken) bool { return o.Name == c.Name }) {
				return narthex.Invalidf("A column has a name of small letters, digits and underscores that no other has, where it comes from, and a type.").For("columns")
			}
		}
		for _, o := range v.Where {
			if o.From == "" || len(o.Values) == 0 {
				return narthex.Invalidf("What rows are kept by is a column of the source, and the values that are shown.").For("where")
			}
		}
	}
	return nil
}
