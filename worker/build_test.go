package main

import (
	"bytes"
	"compress/gzip"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"narthex/internal/engine"
)

// sources writes one file of each format.
func sources(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	var lines, packed bytes.Buffer
	for i := range 50 {
		fmt.Fprintf(&lines, `{"step": %d, "loss": %g, "split": %q, "secret": "s%d"}`+"\n", i, 5/float64(i+1), map[bool]string{true: "hidden", false: "shown"}[i%5 == 0], i)
	}
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(lines.Bytes()); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"a.jsonl": lines.Bytes(), "a.jsonl.gz": packed.Bytes(), "a.csv": []byte("step,split,name\n1,shown,\"a,b\"\n2,hidden,c\n3,shown,\n"), "bad.csv": []byte("step\nsecret-value\n")} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	db, err := sql.Open("duckdb", filepath.Join(dir, "a.duckdb"))
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"CREATE TABLE main.t AS SELECT range AS n, 'x' || range AS secret FROM range(20)", "COPY main.t TO '" + filepath.Join(dir, "a.parquet") + "'"} {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func built(t *testing.T, dir string, views ...engine.Source) (string, []int64, error) {
	t.Helper()
	var spec bytes.Buffer
	if err := engine.WriteFrame(&spec, engine.Build{Views: views, MemoryMB: 256, Threads: 1}); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "session.duckdb")
	rows, err := build(&spec, dir, out)
	return out, rows, err
}

func TestAFileHoldsWhatIsShownAndNothingElse(t *testing.T) {
	dir := sources(t)
	step, loss := engine.Taken{Name: "step", From: "step", Type: engine.Integer}, engine.Taken{Name: "loss", From: "loss", Type: engine.Double}
	shown := []engine.Only{{From: "split", Values: []string{"shown", "it's"}}}
	out, rows, err := built(t, dir,
		engine.Source{Schema: "metrics", Name: "lines", Format: engine.JSONL, Path: "a.jsonl", Columns: []engine.Taken{step, loss}, Where: shown},
		engine.Source{Schema: "metrics", Name: "packed", Format: engine.JSONL, Path: "a.jsonl.gz", Columns: []engine.Taken{step}},
		engine.Source{Schema: "metrics", Name: "table", Format: engine.CSV, Path: "a.csv", Columns: []engine.Taken{step, {Name: "called", From: "name", Type: engine.Text}}, Where: shown},
		engine.Source{Schema: "data", Name: "columns", Format: engine.Parquet, Path: "a.parquet", Columns: []engine.Taken{{Name: "n", From: "n", Type: engine.Integer}}},
		engine.Source{Schema: "data", Name: "rows", Format: engine.DuckDB, Path: "a.duckdb", Table: "main.t", Columns: []engine.Taken{{Name: "n", From: "n", Type: engine.Integer}}, Sample: &engine.Sampled{Key: "k", Rows: 5}},
	)
	if err != nil || fmt.Sprint(rows) != "[40 50 2 20 5]" {
		t.Fatalf("%v, %v", rows, err)
	}
	data, err := os.ReadFile(out)
	if err != nil || bytes.Contains(data, []byte("secret")) || bytes.Contains(data, []byte("hidden")) || bytes.Contains(data, []byte("s7")) {
		t.Errorf("the file holds what is not shown: %v", err)
	}
	s, err := open(t.Context(), out, 256, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	if lines, _ := asked(t, s, "select called, count(*) as n from metrics.table group by called order by called", engine.Ask{Rows: 5}); strings.Join(lines, "\n") != "called text|n integer\na,b|1\nNULL|1" {
		t.Errorf("%q", lines)
	}
	if lines, _ := asked(t, s, "select * from metrics.lines where step < 3 order by step", engine.Ask{Rows: 5}); strings.Join(lines, "\n") != "step integer|loss double\n1|2.5\n2|1.6666666666666667" {
		t.Errorf("%q", lines)
	}
}

func TestASampleIsFixedByItsKey(t *testing.T) {
	dir := sources(t)
	draw := func(key string, rows int64) string {
		out, _, err := built(t, dir, engine.Source{Schema: "data", Name: "rows", Format: engine.Parquet, Path: "a.parquet", Columns: []engine.Taken{{Name: "n", From: "n", Type: engine.Integer}}, Sample: &engine.Sampled{Key: key, Rows: rows}})
		if err != nil {
			t.Fatal(err)
		}
		s, err := open(t.Context(), out, 256, 1)
		if err != nil {
			t.Fatal(err)
		}
		defer s.close()
		lines, _ := asked(t, s, "select n from data.rows", engine.Ask{Rows: 30})
		return strings.Join(lines[1:], " ")
	}
	five := draw("a", 5)
	if again := draw("a", 5); again != five {
		t.Errorf("the same key draws %s and %s", five, again)
	}
	if more := draw("a", 8); !strings.HasPrefix(more, five+" ") {
		t.Errorf("eight rows are %s, and five were %s", more, five)
	}
	if other := draw("b", 5); other == five {
		t.Errorf("another key draws the same: %s", other)
	}
}

func TestABuildThatCannotBeMadeTellsNoValue(t *testing.T) {
	dir := sources(t)
	step := []engine.Taken{{Name: "step", From: "step", Type: engine.Integer}}
	for name, v := range map[string]engine.Source{
		"a value of another type":    {Schema: "a", Name: "b", Format: engine.CSV, Path: "bad.csv", Columns: step},
		"a file that is not there":   {Schema: "a", Name: "b", Format: engine.CSV, Path: "none.csv", Columns: step},
		"a column that is not there": {Schema: "a", Name: "b", Format: engine.Parquet, Path: "a.parquet", Columns: step},
		"another folder":             {Schema: "a", Name: "b", Format: engine.CSV, Path: "../a.csv", Columns: step},
		"every file":                 {Schema: "a", Name: "b", Format: engine.CSV, Path: "*.csv", Columns: step},
		"a name that is SQL":         {Schema: "a", Name: `b" as select 1 --`, Format: engine.CSV, Path: "a.csv", Columns: step},
		"no columns":                 {Schema: "a", Name: "b", Format: engine.CSV, Path: "a.csv"},
		"a type that is none":        {Schema: "a", Name: "b", Format: engine.CSV, Path: "a.csv", Columns: []engine.Taken{{Name: "step", From: "step", Type: "blob"}}},
	} {
		if _, _, err := built(t, dir, v); err == nil || strings.Contains(err.Error(), "secret-value") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
