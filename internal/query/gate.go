// Package query says which SQL is answered. It is pure: it reads the tree that the executor's own parser made of a text, and never the
// text, so that there is one reading of it; what is executed is that tree, written out again.
//
// [Gate.Check] lets through one SELECT, of views that are granted and functions that are listed, and nothing that it does not know: a
// node, a field, a type or a name of which nothing is said here is refused. So a later version of the executor, whose trees say more,
// answers less until somebody has looked. A refusal names what was asked for by the class of what it is, and where it stands in the text;
// it never holds text of a row.
//
// It does not bound what a query costs: a join may make many rows of few, and a session's limits of time, memory and rows end that. Nor
// does it hide values of a view from who may query it: a view holds granted columns and rows alone, before anything is asked.
//
// The trees are those of DuckDB's json_serialize_sql. It trusts that the executor executes the tree that was checked. Read next: names.go
// for what is listed, question.go for statistics.
package query

import (
	"strconv"

	"narthex"
	"narthex/internal/wire"
)

// View is a table that a session may read.
type View struct {
	Schema  string
	Name    string
	Columns []string
}

// Gate is what a session may ask.
type Gate struct {
	Views []View
}

// Bounds of a tree.
const (
	mostDepth = 500     // of JSON; a node is three to four levels of it
	mostBytes = 4 << 20 // of JSON; a text is a hundredth of it or less
)

// Reads is what a query that passed reads.
type Reads struct {
	Views      []View // each once, in order of mention
	Parameters int    // values that are to be bound
}

// Check says whether a tree may be executed, and what it reads. A refusal is a Refused error; a text that was no SQL, an Invalid one.
func (g Gate) Check(tree []byte) (Reads, error) {
	statement, err := open(tree)
	if err != nil {
		return Reads{}, err
	}
	w := &walk{gate: g, known: map[string]bool{}, read: map[string]bool{}}
	for _, v := range g.Views {
		w.name(v.Schema, v.Name)
		w.name(v.Columns...)
	}
	w.gather(statement)
	w.statement(statement, nil)
	if w.err != nil {
		return Reads{}, w.err
	}
	return w.reads, nil
}

// open takes the one statement out of what the parser gave.
func open(tree []byte) (object, error) {
	root, err := wire.DecodeLenient[object](tree, wire.Limits{Bytes: mostBytes, Depth: mostDepth})
	if err != nil {
		return nil, narthex.Refusedf("The query is longer or deeper than is answered; ask for less in one.").Because(err)
	}
	if failed, is := root["error"].(bool); !is || failed {
		if root["error_type"] == "parser" {
			return nil, narthex.Invalidf("That is not SQL as it is read here%s. Check its spelling.", at(root["position"]))
		}
		return nil, refusal("a statement that is no SELECT", nil)
	}
	list, _ := root["statements"].([]any)
	statement, _ := one(list).(object)
	if statement == nil {
		return nil, narthex.Refusedf("One SELECT is answered at a time; send each statement by itself.")
	}
	return statement, nil
}

func one(list []any) any {
	if len(list) != 1 {
		return nil
	}
	return list[0]
}

type object = map[string]any

// refusal names what is not answered, and where it stands.
func refusal(what string, node object) error {
	return narthex.Refusedf("%s is not answered here%s. One SELECT over the views that you hold is, with the listed functions; `\\d` lists the views.", what, at(node["query_location"]))
}

// at gives the place in the text, where the parser told one: a number, or a number as text.
func at(position any) string {
	n := -1.0
	switch p := position.(type) {
	case float64:
		n = p
	case string:
		if whole, err := strconv.ParseUint(p, 10, 31); err == nil {
			n = float64(whole)
		}
	}
	if n < 0 || n >= 1<<31 {
		return ""
	}
	return ", at character " + strconv.Itoa(int(n)+1)
}
