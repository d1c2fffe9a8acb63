package audit

import (
	"fmt"
	"math"
	"strconv"

	"narthex"
	"narthex/client"
	"narthex/internal/journal"
	"narthex/internal/store"
	"narthex/ledger"
)

// checkHead holds the head to the entries: size, time, signature, root, and the calls that are open.
func (f *Fold) checkHead(r store.Reader, head journal.Head, key string) error {
	wrong := func(field, expected, found string) {
		f.differ(client.Difference{What: "row_differs", Table: string(store.Meta), Key: "head", Field: field, Expected: expected, Found: found})
	}
	f.settleTree()
	if head.Time != f.Time {
		wrong("time", fmt.Sprint(f.Time), fmt.Sprint(head.Time))
	}
	if f.LogKey != key {
		wrong("checkpoint", "the key that the ledger says is its own", "another key at this node")
	}
	checkpoint, err := ledger.OpenCheckpoint(head.Checkpoint, key)
	if err != nil {
		wrong("checkpoint", "a signature by the ledger's key", "none that verifies")
	} else if checkpoint.Size != f.Size || checkpoint.Root != f.tree.Root() {
		wrong("checkpoint", "the tree of all entries", "another tree")
	}
	if err == nil && checkpoint.Size != head.Size {
		wrong("size", fmt.Sprint(checkpoint.Size), fmt.Sprint(head.Size))
	}
	floor, sure, err := f.floor(r)
	if err != nil {
		return err
	}
	if head.Floor > floor || sure && head.Floor < floor {
		wrong("floor", fmt.Sprint(floor), fmt.Sprint(head.Floor))
	}
	stored, err := ledger.OpenTree(f.Size, journal.Tiles{Reader: r}.Tile)
	if err != nil || stored.Root() != f.tree.Root() {
		f.differ(client.Difference{What: "row_differs", Table: string(store.Tiles), Expected: "tiles whose root is that of all entries", Found: "tiles that do not give it"})
	}
	return f.checkEnds(r)
}

// floor gives the lowest intent that was open before the last commit, or else that commit's first entry. It is sure where no
// opening is absent.
func (f *Fold) floor(r store.Reader) (floor uint64, sure bool, err error) {
	runs, err := r.Scan(store.Entries, store.Span{Reverse: true, Limit: 1})
	if err != nil || len(runs) == 0 {
		return math.MaxUint64, false, err
	}
	first, err := strconv.ParseUint(runs[0].Key, 16, 64)
	if err != nil || first >= f.Size {
		return math.MaxUint64, false, nil // the run is a difference of its own
	}
	floor = first
	for index := range f.Open {
		floor = min(floor, index)
	}
	err = journal.EachEntry(r, first, f.Size, func(_ uint64, _ ledger.Record, o ledger.Opening) error {
		if intent, err := narthex.CallID(o.Text("call")).Index(); o.Type == narthex.EntryCallOutcome && err == nil {
			floor = min(floor, intent)
		}
		return nil
	})
	if isDamaged(err) {
		err = nil
	}
	return floor, len(f.Absent) == 0, err
}

// checkEnds looks for runs of entries and openings beyond the head, and for tiles beyond the tree's.
func (f *Fold) checkEnds(r store.Reader) error {
	last := map[store.Table]store.Row{}
	for _, table := range []store.Table{store.Entries, store.Openings} {
		rows, err := r.Scan(table, store.Span{Reverse: true, Limit: 1})
		if err != nil {
			return err
		}
		if len(rows) == 1 {
			last[table] = rows[0]
		}
	}
	run := last[store.Entries]
	first, err := strconv.ParseUint(run.Key, 16, 64)
	if err != nil || first+uint64(len(run.Value)/len(ledger.Record{})) != f.Size || last[store.Openings].Key != run.Key {
		f.differ(client.Difference{What: "row_unexpected", Table: string(store.Entries), Key: run.Key, Expected: strconv.FormatUint(f.Size, 10) + " entries with their openings", Found: "runs that end elsewhere"})
	}
	if f.base > 0 {
		return nil
	}
	tiles, expected := 0, 0
	for left := f.Size; left > 0; left /= 256 {
		expected += int((left + 255) / 256)
	}
	err = each(r, store.Tiles, func(store.Row) error { tiles++; return nil })
	if tiles != expected {
		f.differ(client.Difference{What: "row_unexpected", Table: string(store.Tiles), Expected: strconv.Itoa(expected) + " tiles", Found: strconv.Itoa(tiles)})
	}
	return err
}
