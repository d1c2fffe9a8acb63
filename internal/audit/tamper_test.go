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

// untold says whether no entry tells of a field of a row, or of the row where the field is empty, and whether that is said
// with a reason.
func untold(table store.Table, key, field string) bool {
	field = regexp.MustCompile(`\.\d+`).ReplaceAllString(field, "")
	return slices.ContainsFunc(audit.AllUntold(), func(u audit.Untold) bool {
		return u.Why != "" && u.Table == table && strings.HasPrefix(key, u.Rows) && (u.Field == "" || u.Field == field)
	})
}

// kind is what sort of row stands under a key.
func kind(key string) string {
	name, _, _ := strings.Cut(key, "/")
	if at := strings.IndexByte(name, '_'); at > 0 {
		return name[:at]
	}
	return strings.Trim(name, "0123456789abcdef:")
}

// someOf gives the first and the last row, and the first two of each kind.
func someOf(rows []store.Row) []store.Row {
	some, kinds := []store.Row{}, map[string]int{}
	for i, row := range rows {
		k := kind(row.Key)
		if kinds[k]++; kinds[k] <= 2 || i == len(rows)-1 {
			some = append(some, row)
		}
	}
	return some
}

// whileFolding is the tables whose rows are read when the entries that made them are folded.
var whileFolding = []store.Table{store.Files, store.Events, store.Agreements, store.Entries, store.Openings, store.Tiles}

// looker folds once what a history left, and looks at it with a row altered; where the row is read while entries are folded, it
// folds anew.
func looker(t *testing.T, r frozen, key string) func(altered) client.Audit {
	t.Helper()
	f, err := audit.NewFold()
	must(t, err)
	head, err := journal.ReadHead(r)
	must(t, err)
	must(t, f.Entries(r, head.Size))
	return func(a altered) client.Audit {
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
}

// TestEveryChangedRowIsNamed alters each field of rows of every table, deletes rows and adds others, behind the ledger's back:
// each time the audit names the table and the row.
func TestEveryChangedRowIsNamed(t *testing.T) {
	s, key := stopped(t, history(t, testenv.Options{}))
	r := freeze(t, s)
	look := looker(t, r, key)
	for _, table := range store.Tables() {
		if table == store.Snapshots || table == store.Notices {
			continue
		}
		rows := rowsOf(t, r, table)
		if len(rows) == 0 {
			t.Errorf("the history leaves no row in %s", table)
			continue
		}
		for _, row := range someOf(rows) {
			alterRow(t, r, table, row, look)
		}
		added := altered{r, table, rows[0].Key[:len(rows[0].Key)-1] + "~", rows[0].Value}
		if table == store.Entries || table == store.Openings || table == store.Public {
			added.key = "00000000ffffffff"
		}
		if table == store.Meta {
			added.key = "another/" + rows[0].Key
		}
		named(t, "an added row", added, look(added))
	}
	if report := look(altered{r, store.Orgs, "no such", nil}); len(report.Differences) != 0 {
		show(t, report.Differences)
		t.Error("an untouched store has differences")
	}
}

// everyKindIsAudited deletes a row of each kind that a history left in any table, and adds one of a kind that there is not: the
// audit names each, but where it is said with a reason that no entry tells of such a row.
func everyKindIsAudited(t *testing.T, r frozen, key string) {
	t.Helper()
	look := looker(t, r, key)
	for _, table := range store.Tables() {
		if !untold(table, "", "") {
			strange := altered{r, table, "strange/row", []byte(`{}`)}
			named(t, "a strange row", strange, look(strange))
		}
		kinds := map[string]bool{}
		for _, row := range r[table] {
			if kinds[kind(row.Key)] || untold(table, row.Key, "") || isEmptyLock(table, row) {
				continue
			}
			kinds[kind(row.Key)] = true
			gone := altered{r, table, row.Key, nil}
			named(t, "a deleted row", gone, look(gone))
		}
	}
}

// isEmptyLock says whether a row names no lock in force: the absence of it says the same.
func isEmptyLock(table store.Table, row store.Row) bool {
	return table == store.Locks && strings.Contains(string(row.Value), "[]")
}

// alterRow deletes a row, and alters each of its fields by itself.
func alterRow(t *testing.T, r store.Reader, table store.Table, row store.Row, look func(altered) client.Audit) {
	t.Helper()
	if untold(table, row.Key, "") {
		return
	}
	gone := altered{r, table, row.Key, nil}
	if !isEmptyLock(table, row) {
		named(t, "a deleted row", gone, look(gone))
	}
	var whole any
	if json.Unmarshal(row.Value, &whole) != nil {
		flipped := slices.Clone(row.Value)
		flipped[len(flipped)-1] ^= 1
		a := altered{r, table, row.Key, flipped}
		named(t, "a flipped bit", a, look(a))
		return
	}
	outsider := !strings.Contains(string(row.Value), `"handle"`)
	n := 0
	leaves(whole, "", func(path string, put func(any), was any) {
		if n++; n > 8 && slices.Contains(whileFolding, table) {
			return // one digest covers all of it
		}
		if untold(table, row.Key, path) && (table != store.People || outsider) {
			return
		}
		put(other(was))
		value, err := json.Marshal(whole)
		put(was)
		must(t, err)
		a := altered{r, table, row.Key, value}
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
		if d.Table == string(a.table) && (d.Key == a.key || d.Key == "" || a.table == store.Invites || a.table == store.Tiles || a.table == store.Openings || a.table == store.Entries) {
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
