package query_test

import (
	"bufio"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"narthex"
	"narthex/internal/query"
)

func gate() query.Gate {
	return query.Gate{Views: []query.View{
		{Schema: "metrics", Name: "training", Columns: []string{"step", "loss", "seen", "name"}},
		{Schema: "metrics", Name: "evals", Columns: []string{"step", "score"}},
	}}
}

// trees gives what the parser made of each text of queries.txt. The worker's own test holds them to the parser.
func trees(t testing.TB) map[string]json.RawMessage {
	t.Helper()
	file, err := os.Open("testdata/trees.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	found := map[string]json.RawMessage{}
	lines := bufio.NewScanner(file)
	for lines.Buffer(nil, 1<<20); lines.Scan(); {
		var line struct {
			SQL  string
			Tree json.RawMessage
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		found[line.SQL] = line.Tree
	}
	return found
}

// queries gives the texts of a part of queries.txt.
func queries(t testing.TB, part string) (list []string) {
	t.Helper()
	data, err := os.ReadFile("testdata/queries.txt")
	if err != nil {
		t.Fatal(err)
	}
	at := ""
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(line, "\n")
		if name, heads := strings.CutPrefix(line, "# "); heads {
			at = name
		} else if at == part && line != "" {
			list = append(list, line)
		}
	}
	if len(list) == 0 {
		t.Fatalf("no queries are %s", part)
	}
	return list
}

func TestTheGateAnswersWhatItKnowsAndNothingElse(t *testing.T) {
	trees := trees(t)
	for _, sql := range queries(t, "answered") {
		if _, err := gate().Check(trees[sql]); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
	for _, sql := range queries(t, "refused") {
		if trees[sql] == nil {
			t.Errorf("%s has no tree", sql)
		}
		reads, err := gate().Check(trees[sql])
		if !narthex.IsKind(err, narthex.Refused) || len(reads.Views) != 0 {
			t.Errorf("%s: %v", sql, err)
		}
	}
	for _, sql := range queries(t, "wrong") {
		if _, err := gate().Check(trees[sql]); !narthex.IsKind(err, narthex.Invalid) || !strings.Contains(err.Error(), "at character") {
			t.Errorf("%s: %v", sql, err)
		}
	}
	for _, tree := range []string{"", "{}", "[]", "null", `{"error":false}`, `{"error":false,"statements":[]}`, `{"error":false,"statements":[{}]}`, `{"error":false,"statements":[{"node":null,"named_param_map":[]}]}`} {
		if _, err := gate().Check([]byte(tree)); !narthex.IsKind(err, narthex.Refused) {
			t.Errorf("%q: %v", tree, err)
		}
	}
	if _, err := (query.Gate{}).Check(trees["select * from metrics.training"]); err == nil {
		t.Error("a gate without views lets one through")
	}
}

func TestWhatAQueryReadsIsTold(t *testing.T) {
	trees := trees(t)
	for sql, want := range map[string]struct {
		views      string
		parameters int
	}{
		"select 1": {"", 0},
		"with training as (select 1 as step) select step from training":                                                                                    {"", 0},
		"select a.step from metrics.training a, metrics.evals b where a.step = b.step":                                                                     {"training evals", 0},
		"select step from metrics.training where step = $1 and loss < $2":                                                                                  {"training", 2},
		"select step from metrics.training where step in (1, 2, 3) and loss in (select score from metrics.evals) and exists (select 1 from metrics.evals)": {"training evals", 0},
	} {
		reads, err := gate().Check(trees[sql])
		var names []string
		for _, v := range reads.Views {
			names = append(names, v.Name)
		}
		if err != nil || strings.Join(names, " ") != want.views || reads.Parameters != want.parameters {
			t.Errorf("%s reads %v with %d values: %v", sql, names, reads.Parameters, err)
		}
	}
}

// TestAFieldThatIsNotKnownIsRefused adds a field to each object of each tree that is answered, and changes each kind of node: a later
// executor that says more, or otherwise, is not answered.
func TestAFieldThatIsNotKnownIsRefused(t *testing.T) {
	trees := trees(t)
	for _, sql := range queries(t, "answered") {
		var tree map[string]any
		if err := json.Unmarshal(trees[sql], &tree); err != nil {
			t.Fatal(err)
		}
		changes := 0
		each(tree["statements"], func(node map[string]any, path string) {
			check := func(what string) {
				changes++
				data, err := json.Marshal(tree)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := gate().Check(data); err == nil {
					t.Errorf("%s: with %s at %s it is answered", sql, what, path)
				}
			}
			if strings.HasSuffix(path, "/cte_map") || strings.Contains(path, "/named_param_map") {
				return // lists and values, of which only what stands in them is read
			}
			node["later"] = true
			check("a field more")
			delete(node, "later")
			for _, field := range []string{"class", "type"} {
				if was, is := node[field].(string); is && was != "" && was != "STAR" && was != "ORDER_DEFAULT" {
					if kind := node["class"]; field == "type" && slices.Contains([]any{"COLUMN_REF", "CONSTANT", "PARAMETER", "STAR", "BETWEEN", "CASE", "CAST", "FUNCTION", "WINDOW", "SUBQUERY"}, kind) || strings.Contains(path, "/orders") && kind == nil {
						continue // says nothing that the class, or the order, does not
					}
					node[field] = "LATER"
					check("another " + field)
					node[field] = was
				}
			}
		}, "")
		if changes == 0 {
			t.Errorf("%s: nothing was changed", sql)
		}
	}
}

// each calls with every object of a tree, and where it is.
func each(node any, with func(map[string]any, string), path string) {
	switch node := node.(type) {
	case []any:
		for _, n := range node {
			each(n, with, path)
		}
	case map[string]any:
		with(node, path)
		for name, n := range node {
			each(n, with, path+"/"+name)
		}
	}
}

func FuzzAnyTreeIsAnsweredOrRefused(f *testing.F) {
	for _, tree := range trees(f) {
		f.Add([]byte(tree))
	}
	f.Fuzz(func(t *testing.T, tree []byte) {
		if reads, err := gate().Check(tree); err != nil && len(reads.Views) > 0 {
			t.Error("a query that is refused reads something")
		}
	})
}
