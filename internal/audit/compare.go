package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"narthex/client"
	"narthex/internal/store"
)

func isDamaged(err error) bool { return errors.Is(err, store.ErrDamaged) }

// page is how many rows are read at once.
const page = 512

// each gives every row of a table.
func each(r store.Reader, table store.Table, visit func(store.Row) error) error {
	most := table.AtOnce(page)
	for from := ""; ; {
		rows, err := r.Scan(table, store.Span{From: from, Limit: most})
		if err != nil {
			return err
		}
		for _, row := range rows {
			if err := visit(row); err != nil {
				return err
			}
			from = row.Key + "\x01" // no key holds a NUL
		}
		if len(rows) < most {
			return nil
		}
	}
}

// comparison is one look at all tables.
type comparison struct {
	*Fold
	r       store.Reader
	counted map[string]int // rows compared, by table
}

// compareRows holds each row of a table to the one that must stand under its key, and each that must stand there to its row.
// Adopt copies into the wanted row what no entry tells; it may be nil.
func compareRows[T any](c *comparison, table store.Table, want map[string]*T, adopt func(key string, want, found *T)) error {
	seen := map[string]bool{}
	err := each(c.r, table, func(row store.Row) error {
		c.counted[string(table)]++
		wanted, known := want[row.Key]
		if !known {
			c.unexpected(table, row)
			return nil
		}
		seen[row.Key] = true
		found := new(T)
		if err := json.Unmarshal(row.Value, found); err != nil {
			c.unreadable(table, row.Key)
			return nil
		}
		if adopt != nil {
			adopt(row.Key, wanted, found)
		}
		return c.same(table, row.Key, wanted, found)
	})
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if !seen[key] {
			c.missing(table, key)
		}
	}
	return nil
}

func (c *comparison) unexpected(table store.Table, row store.Row) {
	c.differ(client.Difference{What: "row_unexpected", Table: string(table), Key: row.Key, Expected: "an entry that made it", Found: "a row without one"})
}

func (c *comparison) missing(table store.Table, key string) {
	c.differ(client.Difference{What: "row_missing", Table: string(table), Key: key, Expected: "the row that an entry made", Found: "none"})
}

func (c *comparison) unreadable(table store.Table, key string) {
	c.differ(client.Difference{What: "row_unreadable", Table: string(table), Key: key, Expected: "a row of the table's form", Found: "something else"})
}

// same notes each place where two rows differ.
func (c *comparison) same(table store.Table, key string, want, found any) error {
	a, err := json.Marshal(want)
	if err != nil {
		return err
	}
	b, err := json.Marshal(found)
	if err != nil || string(a) == string(b) {
		return err
	}
	var x, y any
	if err := errors.Join(json.Unmarshal(a, &x), json.Unmarshal(b, &y)); err != nil {
		return err
	}
	walk("", x, y, func(field, expected, got string) {
		c.differ(client.Difference{What: "row_differs", Table: string(table), Key: key, Field: field, Expected: expected, Found: got})
	})
	return nil
}

// walk tells of each place where two JSON values differ.
func walk(path string, want, found any, tell func(path, want, found string)) {
	switch a := want.(type) {
	case map[string]any:
		if b, is := found.(map[string]any); is {
			names := maps.Clone(a)
			maps.Copy(names, b)
			for _, name := range slices.Sorted(maps.Keys(names)) {
				walk(strings.TrimPrefix(path+"."+name, "."), a[name], b[name], tell)
			}
			return
		}
	case []any:
		if b, is := found.([]any); is && len(a) == len(b) {
			for i := range a {
				walk(fmt.Sprintf("%s[%d]", path, i), a[i], b[i], tell)
			}
			return
		}
	}
	if !equal(want, found) {
		tell(path, shown(want), shown(found))
	}
}

func equal(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

// own is the texts that are Narthex's own: identifiers, digests, and words of closed lists.
var own = regexp.MustCompile(`^((per|org|eng|grt|key|lck|ses|inv|call)_[a-z0-9]+|sha256:[0-9a-f]{64}|SHA256:[A-Za-z0-9+/]+|[0-9a-f]{64}|invited|active|suspended|removed|human|agent|draft|submitted|in_review|returned|offered|declined|withdrawn|ending|closed|person|org|engagement|grant|key|asset|[0-9]{4}-[0-9]{2}-[0-9]{2})$`)

// shown puts a value in words, without anything that a person wrote.
func shown(v any) string {
	switch v := v.(type) {
	case nil:
		return "none"
	case string:
		if _, err := time.Parse(time.RFC3339, v); err == nil || own.MatchString(v) {
			return v
		}
		return fmt.Sprintf("a text of %d bytes", len(v))
	case []any:
		return fmt.Sprintf("a list of %d", len(v))
	case map[string]any:
		return fmt.Sprintf("%d values", len(v))
	}
	return fmt.Sprint(v)
}
