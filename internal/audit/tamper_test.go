package audit_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"narthex/client"
	"narthex/internal/audit"
	"narthex/internal/journal"
	"narthex/internal/store"
	"narthex/internal/testenv"
)

// untold is what no entry tells, by table and field, and is therefore not compared.
var untold = map[store.Table]*regexp.Regexp{
	store.People:  regexp.MustCompile(`^(name|email)$`), // of outsiders
	store.Orgs:    regexp.MustCompile(`^(name|region)$`),
	store.Invites: regexp.MustCompile(`^id$`),
	store.Keys:    regexp.MustCompile(`^label$`),
	store.Meta:    regexp.MustCompile(`^(batch|approvals\.\d+\.name|notes.*|cuts.*)$`),
}

// whileFolding is the tables whose rows are read when the entries that made them are folded.
var whileFolding = []store.Table{store.Files, store.Events, store.Agreements, store.Entries, store.Openings, store.Tiles}

// TestEveryChangedRowIsNamed alters each field of rows of every table, deletes rows and adds others, behind the ledger's back:
// each time the audit names the table and the row.
func TestEveryChangedRowIsNamed(t *testing.T) {
	s, key := stopped(t, history(t, testenv.Options{}))
	r := freeze(t, s)
	f, err := audit.NewFold()
	must(t, err)
	head, err := journal.ReadHead(r)
	must(t, err)
	must(t, f.Entries(r, head.Size))
	look := func(a altered) client.Audit {
		if slices.Contains(whileFolding, a.table) {
			return compared(t, a, key)
		}
		head, err := journal.ReadHead(a)
		if err != nil {
			return client.Audit{Differences: []client.Difference{{Table: string(a.table), Key: a.key}}} // it does not even begin
		}
		report, err := f.Compare(a, head, key)
		must(t, err)
		return report
	}
	for _, table := range store.Tables() {
		if table == store.Snapshots {
			continue
		}
		rows := rowsOf(t, r, table)
		if len(rows) == 0 {
			t.Errorf("the history leaves no row in %s", table)
			continue
		}
		for _, row := range slices.Compact([]int{0, len(rows) - 1}) {
			alterRow(t, r, table, rows[row], look)
		}
		added := altered{r, table, rows[0].Key[:len(rows[0].Key)-1] + "~", rows[0].Value}
		if table == store.Entries || table == store.Openings || table == store.Public {
			added.key = "00000000ffffffff"
		}
		if table != store.Meta {
			named(t, "an added row", added, look(added))
		}
	}
	if report := look(altered{r, store.Orgs, "no such", nil}); len(report.Differences) != 0 {
		show(t, report.Differences)
		t.Error("an untouched store has differences")
	}
}

// alterRow deletes a row, and alters each of its fields by itself.
func alterRow(t *testing.T, r store.Reader, table store.Table, row store.Row, look func(altered) client.Audit) {
	t.Helper()
	if table == store.Meta && row.Key != "head" && row.Key != "directory" {
		return // what people are told
	}
	gone := altered{r, table, row.Key, nil}
	empty := table == store.Locks && strings.Contains(string(row.Value), "[]") // no lock is in force there: no row says the same
	if !empty {
		named(t, "a deleted row", gone, look(gone))
	}
	var whole any
	if json.Unmarshal(row.Value, &whole) != nil {
		flipped := slices.Clone(row.Value)
		flipped[len(flipped)-1] ^= 1
		if a := (altered{r, table, row.Key, flipped}); table != store.Public {
			named(t, "a flipped bit", a, look(a))
		}
		return
	}
	outsider := !strings.Contains(string(row.Value), `"handle"`)
	n := 0
	leaves(whole, "", func(path string, put func(any), was any) {
		if n++; n > 8 && slices.Contains(whileFolding, table) {
			return // one digest covers all of it
		}
		if is := untold[table]; is != nil && is.MatchString(path) && (table != store.People || outsider) {
			return
		}
		put(other(was))
		value, err := json.Marshal(whole)
		put(was)
		must(t, err)
		a := altered{r, table, row.Key, value}
		if lifted := table == store.LockNames && strings.HasSuffix(path, "note"); lifted {
			return // nobody is shown the note of a lifted lock
		}
		named(t, "another "+path, a, look(a))
	})
}

// leaves visits each value of a JSON document that is neither object nor list.
func leaves(v any, path string, visit func(path string, put func(any), was any)) {
	at := func(name string) string { return strings.TrimPrefix(path+"."+name, ".") }
	each := func(name string, value any, put func(any)) {
		switch value.(type) {
		case map[string]any, []any:
			leaves(value, at(name), visit)
		default:
			visit(at(name), put, value)
		}
	}
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			each(name, v[name], func(to any) { v[name] = to })
		}
	case []any:
		for i := range v {
			each(fmt.Sprint(i), v[i], func(to any) { v[i] = to })
		}
	}
}

// other gives a value of the same form that is another.
func other(v any) any {
	switch v := v.(type) {
	case bool:
		return !v
	case float64:
		return v + 1
	case string:
		if at, err := time.Parse(time.RFC3339, v); err == nil {
			return at.Add(time.Hour).Format(time.RFC3339Nano)
		}
		if i := strings.IndexByte(v, '_') + 1; i > 0 && i < len(v) && len(v) == i+26 {
			return v[:i] + string("ab"[len(v[i:])&1^int(v[i])&1]) + v[i+1:]
		}
		return v + "x"
	}
	return "x"
}

func named(t *testing.T, what string, a altered, report client.Audit) {
	t.Helper()
	for _, d := range report.Differences {
		if d.Table == string(a.table) && (d.Key == a.key || d.Key == "" || a.table == store.Invites || a.table == store.Tiles || a.table == store.Public || a.table == store.Openings || a.table == store.Entries) {
			return
		}
		if a.table == store.Openings && (d.What == "entry_changed" || d.Table == string(store.Entries)) || a.table == store.Entries && d.What == "entry_changed" {
			return
		}
		if a.table == store.LockNames && d.Table == string(store.Locks) {
			return
		}
	}
	show(t, report.Differences)
	t.Errorf("%s in %s, %s, is not named among %d differences", what, a.table, a.key, len(report.Differences))
}
