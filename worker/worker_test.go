package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"narthex/internal/engine"
)

var update = flag.Bool("update", false, "write the trees of internal/query anew")

// made gives a file with a few tables in it, opened.
func made(t *testing.T) *session {
	t.Helper()
	file := filepath.Join(t.TempDir(), "it's.duckdb")
	db, err := sql.Open("duckdb", file)
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		"CREATE SCHEMA metrics",
		"CREATE TABLE metrics.training AS SELECT range AS step, 5 / (range + 1) AS loss, TIMESTAMP '2026-01-01' + to_days(range::INTEGER) AS seen, 'n' || range AS name FROM range(100)",
		"CREATE TABLE metrics.evals AS SELECT range * 10 AS step, range / 7 AS score FROM range(10)",
	} {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := open(t.Context(), file, 256, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	return s
}

// asked asks as a node does, and reads as a node does.
func asked(t *testing.T, s *session, text string, ask engine.Ask) (lines []string, ended engine.End) {
	t.Helper()
	var in, out bytes.Buffer
	ask.Kind, ask.Rows, ask.Millis = engine.Run, max(ask.Rows, 1), max(ask.Millis, 10_000)
	var err error
	if ask.Text, err = s.tree(t.Context(), text); err != nil {
		t.Fatal(err)
	}
	if err := engine.WriteFrame(&in, ask); err != nil {
		t.Fatal(err)
	}
	if err := serve(s, &in, &out); err != nil {
		t.Fatal(err)
	}
	ended, err = engine.Rows(&out, ask.Rows, func(head []engine.Column) error {
		var names []string
		for _, c := range head {
			names = append(names, c.Name+" "+string(c.Type))
		}
		lines = append(lines, strings.Join(names, "|"))
		return nil
	}, func(row []*string) error {
		var values []string
		for _, v := range row {
			if v == nil {
				values = append(values, "NULL")
			} else {
				values = append(values, *v)
			}
		}
		lines = append(lines, strings.Join(values, "|"))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines, ended
}

func TestQueriesAreAnsweredInTypedRows(t *testing.T) {
	s := made(t)
	for text, want := range map[string]string{
		"select step, loss, name from metrics.training where step < 2 order by step":                 "step integer|loss double|name text\n0|5|n0\n1|2.5|n1",
		"select true a, -3::tinyint b, 170141183460469231731687303715884105727::hugeint c":           "a bool|b integer|c integer\nt|-3|170141183460469231731687303715884105727",
		"select 1.50::decimal(5,2) a, -0.05::decimal(5,2) b, 7::decimal(5,0) c":                      "a decimal|b decimal|c decimal\n1.50|-0.05|7",
		"select 1e-7 a, 'nan'::double b, '-inf'::double c, 1e300 d, 0.1::float e":                    "a double|b double|c double|d double|e double\n0.0000001|NaN|-Infinity|1e+300|0.1",
		"select date '2026-01-31' a, timestamp '2026-01-31 12:00:00.5' b, time '01:02:03' c, null d": "a date|b timestamp|c time|d integer\n2026-01-31|2026-01-31 12:00:00.5|01:02:03|NULL",
		"select interval 13 month a, interval '3 seconds' b, interval 0 day c":                       "a interval|b interval|c interval\n13 mons|00:00:03|00:00:00",
	} {
		lines, ended := asked(t, s, text, engine.Ask{Rows: 10})
		if got := strings.Join(lines, "\n"); got != want || ended.Class != engine.Done {
			t.Errorf("%s gives %s and\n%s\nwant\n%s", text, ended.Class, got, want)
		}
	}
	if lines, ended := asked(t, s, "select name from metrics.training where step = $1 or name = $2 order by step", engine.Ask{Rows: 5, Values: []string{"3", "n4"}}); ended.Rows != 2 || lines[2] != "n4" {
		t.Errorf("%v, %v", lines, ended)
	}
	if lines, ended := asked(t, s, "select a.step from metrics.training a, metrics.training b", engine.Ask{Rows: 10_000}); ended != (engine.End{Rows: 10_000, Class: engine.Done}) || len(lines) != 10_001 {
		t.Errorf("%d lines, %v", len(lines), ended)
	}
}

func TestAQuestionEndsInAClassAndNoText(t *testing.T) {
	s := made(t)
	for text, want := range map[string]engine.Class{
		"select step from metrics.training":                                      engine.TooMany,
		"select secret from metrics.training":                                    engine.Unknown,
		"select * from metrics.secret":                                           engine.Unknown,
		"select name::integer from metrics.training":                             engine.Value,
		"select 9223372036854775807 + step from metrics.training where step = 1": engine.Value,
		"select [1, 2]": engine.Unknown,
		"select error(name) from metrics.training": engine.Value,
		"select sum(a.step * b.step * c.step * d.step * e.step) from metrics.training a, metrics.training b, metrics.training c, metrics.training d, metrics.training e":  engine.TimedOut,
		"select count(*) from (select distinct a.name || b.name || c.name || d.name from metrics.training a, metrics.training b, metrics.training c, metrics.training d)": engine.Memory,
	} {
		ask := engine.Ask{Rows: 3, Millis: 60_000}
		if want == engine.TimedOut {
			ask.Millis = 200
		}
		var in, out bytes.Buffer
		tree, err := s.tree(t.Context(), text)
		if err != nil {
			t.Fatal(err)
		}
		ask.Kind, ask.Text = engine.Run, tree
		if err := engine.WriteFrame(&in, ask); err != nil {
			t.Fatal(err)
		}
		if err := serve(s, &in, &out); err != nil {
			t.Fatal(err)
		}
		if ended, err := engine.Rows(&out, 3, func([]engine.Column) error { return nil }, func([]*string) error { return nil }); err != nil || ended.Class != want {
			t.Errorf("%s ends as %v, %v; want %s", text, ended, err, want)
		}
	}
	if lines, ended := asked(t, s, "select 1 as still", engine.Ask{}); ended.Class != engine.Done || len(lines) != 2 {
		t.Errorf("after all of these it answers %v, %v", lines, ended)
	}
}

// TestTheDatabaseIsLocked asks past the gate: what a tree could do that no gate looked at, and what a statement could.
func TestTheDatabaseIsLocked(t *testing.T) {
	s := made(t)
	secret := filepath.Join(t.TempDir(), "secret.csv")
	if err := os.WriteFile(secret, []byte("a,b\n1,2\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"select * from read_csv('" + secret + "')", "select * from '" + secret + "'", "select * from read_text('" + secret + "')",
		"select * from read_blob('/proc/self/environ')", "select * from glob('/*')", "select * from parquet_scan('x')", "select * from sniff_csv('" + secret + "')",
		"select getenv('HOME')",
	} {
		lines, ended := asked(t, s, text, engine.Ask{Rows: 5})
		if ended.Class == engine.Done && !strings.Contains(text, "getenv") || strings.Contains(strings.Join(lines, ""), os.Getenv("HOME")) && strings.Contains(text, "getenv") {
			t.Errorf("%s gives %v", text, lines)
		}
	}
	for _, statement := range []string{
		"SET enable_external_access = true", "SET threads = 8", "SET lock_configuration = false", "ATTACH '" + secret + "' AS x", "INSTALL httpfs", "LOAD httpfs", "COPY metrics.training TO '" + secret + "'",
		"CREATE TABLE metrics.more AS SELECT 1", "DROP TABLE metrics.training", "INSERT INTO metrics.evals VALUES (1, 2)", "EXPORT DATABASE 'x'",
	} {
		if _, err := s.conn.ExecContext(t.Context(), statement); err == nil {
			t.Errorf("%s is done", statement)
		}
	}
}

// TestTheTreesOfTheGatesTestsAreTheParsers holds what the gate is tested with to what this parser gives; -update writes them anew.
func TestTheTreesOfTheGatesTestsAreTheParsers(t *testing.T) {
	s := made(t)
	folder := filepath.Join("..", "internal", "query", "testdata")
	data, err := os.ReadFile(filepath.Join(folder, "queries.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSuffix(line, "\n"); line == "" || strings.HasPrefix(line, "# ") {
			continue
		}
		tree, err := s.tree(t.Context(), line)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(line)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, `{"sql":`+string(text)+`,"tree":`+tree+"}\n")
	}
	path := filepath.Join(folder, "trees.jsonl")
	if *update {
		if err := os.WriteFile(path, []byte(strings.Join(lines, "")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := slices.Collect(strings.Lines(string(kept))); !slices.Equal(got, lines) {
		t.Errorf("%d trees stand there, and the parser gives %d, or others: go test -run TestTheTrees -update", len(got), len(lines))
	}
}

func TestATreeIsExecutedAsItself(t *testing.T) {
	s := made(t)
	tree, err := s.tree(t.Context(), "select 1 as a")
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string][2]string{
		"a function's name that is text": {`"function_name":"lower"`, `"function_name":"lower('x') from read_text('/etc/passwd') --"`},
		"an alias that is text":          {`"alias":"a"`, `"alias":"a\" from read_text('/etc/passwd') --"`},
	} {
		from := tree
		if strings.Contains(name, "function") {
			if from, err = s.tree(t.Context(), "select lower('a')"); err != nil {
				t.Fatal(err)
			}
		}
		changed := strings.Replace(from, change[0], change[1], 1)
		if changed == from {
			t.Fatalf("%s: the tree holds no %s", name, change[0])
		}
		text, err := s.text(context.Background(), changed)
		if err == nil && !strings.Contains(text, `"a"" from read_text`) && !strings.Contains(text, `"lower('x') from read_text`) {
			t.Errorf("%s is executed as %s", name, text)
		}
	}
}
