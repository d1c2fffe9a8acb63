package journal_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"strconv"

	"github.com/ncruces/go-sqlite3/driver"

	"narthex"
	"narthex/internal/journal"
	"narthex/internal/store"
	"narthex/internal/store/sqlite"
	"narthex/ledger"
)

// check reads all that there is and compares it: SQLite finds its file whole, the ledger verifies and goes on from what was
// seen of it before, the tables are what the entries tell, everything that was acknowledged is there, once, where it was said
// to be, and nothing that was refused by its own change is.
func (w *world) check() error {
	if err := w.integrity(); err != nil {
		return err
	}
	return w.store.View(context.Background(), func(r store.Reader) error {
		told, records, err := readAll(r)
		if err != nil {
			return err
		}
		return errors.Join(w.ackedAreThere(told), w.goesOn(records), w.ledgerIsWhole(r), told.compare(r))
	})
}

func (w *world) integrity() (err error) {
	db, err := driver.Open("file:" + w.dir + "/" + sqlite.FileName + "?vfs=" + w.name + "&mode=ro")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var said sql.NullString
	if err := db.QueryRow("PRAGMA integrity_check").Scan(&said); err != nil {
		return fmt.Errorf("integrity check: %w", err)
	}
	if said.String != "ok" {
		return fmt.Errorf("integrity check: %s", said.String)
	}
	return nil
}

func (w *world) ledgerIsWhole(r store.Reader) error {
	head, err := journal.ReadHead(r)
	if err != nil {
		return err
	}
	var export bytes.Buffer
	out, err := ledger.NewExporter(&export, w.key, head.Checkpoint)
	if err != nil {
		return err
	}
	if err := journal.EachEntry(r, 0, head.Size, func(_ uint64, record ledger.Record, opening ledger.Opening) error { return out.Entry(record, &opening) }); err != nil {
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	report, err := ledger.Verify(&export, w.key)
	if err != nil {
		return err
	}
	if w.journal != nil && len(report.Open) != len(w.calls) {
		return fmt.Errorf("%d calls are open, and %d are served", len(report.Open), len(w.calls))
	}
	return nil
}

// told is what the entries say.
type told struct {
	deeds    map[int]uint64
	counters map[string]int
	pages    map[string]deed
}

// goesOn compares the records with those of the last reading: what anyone has read stays.
func (w *world) goesOn(records []ledger.Record) error {
	lost := 0
	for i, record := range w.seen {
		if i >= len(records) || records[i] != record {
			lost++
		}
	}
	if lost > 0 {
		return lostError{lost, len(w.seen)}
	}
	w.seen = records
	return nil
}

// readAll gives the records, and what the entries say.
func readAll(r store.Reader) (told, []ledger.Record, error) {
	t := told{map[int]uint64{}, map[string]int{}, map[string]deed{}}
	head, err := journal.ReadHead(r)
	if err != nil {
		return t, nil, err
	}
	var records []ledger.Record
	err = journal.EachEntry(r, 0, head.Size, func(index uint64, record ledger.Record, opening ledger.Opening) error {
		records = append(records, record)
		return t.take(index, opening)
	})
	if err != nil {
		return t, nil, err
	}
	return t, records, nil
}

func (t told) take(index uint64, o ledger.Opening) error {
	d := deed{kind: string(o.Type)}
	switch o.Type {
	case narthex.EntryInception:
	case narthex.EntryCallIntent:
		d.id, _ = strconv.Atoi(o.Text("facts"))
	case narthex.EntryCallOutcome:
		if d.id, _ = strconv.Atoi(o.Text("answer")); d.id == 0 {
			return nil // recovery's
		}
	case narthex.EntryCallRead:
		d.kind = o.Text("grant")
		d.slot, _ = strconv.Atoi(o.Text("key"))
		if _, err := fmt.Sscan(o.Text("what"), &d.id, &d.size); err != nil {
			return err
		}
	default:
		return nil
	}
	if _, twice := t.deeds[d.id]; twice || d.kind == "fail" {
		return fmt.Errorf("entry %d: deed %d (%s) is there twice, or should not be", index, d.id, d.kind)
	}
	t.deeds[d.id] = index
	switch d.kind {
	case "count":
		t.counters[slotKey(d.slot)]++
	case "write":
		t.pages[slotKey(d.slot)] = d
	case "erase":
		delete(t.pages, slotKey(d.slot))
	}
	return nil
}

// lostError says how much of what was acknowledged, or was read, is not there any more.
type lostError struct{ lost, of int }

func (e lostError) Error() string {
	return fmt.Sprintf("%d of %d changes that were acknowledged, or entries that were read, are lost", e.lost, e.of)
}

func (w *world) ackedAreThere(t told) error {
	lost := 0
	for id, entry := range w.acked {
		if index, here := t.deeds[id]; !here || index != entry {
			lost++
		}
	}
	if lost > 0 {
		return lostError{lost, len(w.acked)}
	}
	return nil
}

func (t told) compare(r store.Reader) error {
	return journal.Read(r, func(tx *journal.Tx) error {
		counters, err := journal.Scan[counter](tx, store.Grants, store.Span{Limit: 2 * slots})
		if err != nil {
			return err
		}
		pages, err := journal.Scan[page](tx, store.Files, store.Span{Limit: 2 * slots})
		if err != nil {
			return err
		}
		counted, bodies := map[string]int{}, map[string]string{}
		for _, row := range counters {
			counted[row.Key] = row.Row.N
		}
		for _, row := range pages {
			bodies[row.Key] = row.Row.Body
		}
		expected := map[string]string{}
		for key, d := range t.pages {
			expected[key] = body(d)
		}
		if !maps.Equal(counted, t.counters) || !maps.Equal(bodies, expected) {
			return errors.New("the tables are not what the entries tell")
		}
		return nil
	})
}
