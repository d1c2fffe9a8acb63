package journal

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"narthex"
	"narthex/internal/store"
	"narthex/ledger"
)

// state is what the writer holds of the store between commits. It is replaced, never changed.
type state struct {
	tree    *ledger.Tree
	head    Head
	open    map[uint64]bool // intents without an outcome whose callers are being served
	queue   []uint64        // of open, ascending; may hold closed ones
	orphans []orphan        // intents without an outcome whose callers were told nothing
}

// orphan is a call that nobody is serving.
type orphan struct {
	index   uint64
	opening ledger.Opening
}

// Head is the last commit.
type Head struct {
	Size       uint64 `json:"size"`       // entries
	Time       int64  `json:"time"`       // of the last entry, in Unix milliseconds
	Floor      uint64 `json:"floor"`      // no intent below it is open
	Batch      string `json:"batch"`      // drawn for each commit, so that one of unknown outcome can be told
	Checkpoint string `json:"checkpoint"` // signed note over Size entries
}

const headKey = "head"

// load reads the state of a store and checks that its tree is the one that its last checkpoint signed.
func load(ctx context.Context, s store.Store, origin string) (*state, error) {
	st := &state{open: map[uint64]bool{}}
	err := s.View(ctx, func(r store.Reader) error {
		tx := &Tx{reader: r}
		head, err := Get[Head](tx, store.Meta, headKey)
		if err != nil {
			return err
		}
		if head != nil {
			st.head = *head
		}
		st.tree, err = ledger.OpenTree(st.head.Size, func(level int, index uint64) ([]byte, error) {
			return r.Get(store.Tiles, tileKey(level, index))
		})
		if err != nil {
			return fmt.Errorf("%w: %w", store.ErrDamaged, err)
		}
		if err := st.checkCheckpoint(origin); err != nil {
			return fmt.Errorf("%w: %w", store.ErrDamaged, err)
		}
		return st.findOpen(r)
	})
	if err != nil {
		return nil, fmt.Errorf("read the ledger's head: %w", err)
	}
	return st, nil
}

// checkCheckpoint compares the tree with the stored checkpoint. The signature is the verifier's business: whoever could
// change the store could hardly sign, and the node's own key stands beside it.
func (st *state) checkCheckpoint(origin string) error {
	if st.head.Size == 0 {
		return nil
	}
	checkpoint, err := ledger.ParseCheckpoint(st.head.Checkpoint)
	if err != nil {
		return err
	}
	if checkpoint.Origin != origin || checkpoint.Size != st.head.Size || checkpoint.Root != st.tree.Root() {
		return errors.New("the tree is not the one that the last checkpoint signed")
	}
	return nil
}

// findOpen reads the entries from the floor on and keeps the intents that have no outcome.
func (st *state) findOpen(r store.Reader) error {
	intents := map[uint64]ledger.Opening{}
	err := eachOpening(r, st.head.Floor, st.head.Size, func(index uint64, opening ledger.Opening) error {
		switch opening.Type {
		case narthex.EntryCallIntent:
			intents[index] = opening
		case narthex.EntryCallOutcome:
			call, err := opening.Fields[0].ReadText()
			if err != nil {
				return err
			}
			intent, err := narthex.CallID(call).Index()
			if err != nil {
				return err
			}
			delete(intents, intent)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for index := st.head.Floor; index < st.head.Size && len(intents) > 0; index++ {
		if opening, open := intents[index]; open {
			st.orphans = append(st.orphans, orphan{index, opening})
			st.open[index] = true
			st.queue = append(st.queue, index)
			delete(intents, index)
		}
	}
	return nil
}

// serving takes from the orphans those that were open before the state was dropped: their callers are still served.
func (st *state) serving(open map[uint64]bool) {
	orphans := st.orphans[:0]
	for _, o := range st.orphans {
		if !open[o.index] {
			orphans = append(orphans, o)
		}
	}
	st.orphans = orphans
}

// batch is the changes that will share one commit.
type batch struct {
	state    *state
	first    uint64 // index of the batch's first entry
	random   io.Reader
	hot      *hotRows
	follow   map[store.Table]Follow
	rows     map[rowKey]any
	records  []ledger.Record
	openings []ledger.Opening
	opened   []uint64
	isClosed map[uint64]bool
	erased   []uint64 // entries whose openings go
}

type rowKey struct {
	table store.Table
	key   string
}

func (k rowKey) compare(other rowKey) int {
	return cmp.Or(strings.Compare(string(k.table), string(other.table)), strings.Compare(k.key, other.key))
}

// next gives the state after the batch's commit, with the tiles to write.
func (b *batch) next(signers []note.Signer, now time.Time, id string) (*state, []ledger.Tile, error) {
	st := &state{tree: b.state.tree.Clone(), open: b.state.open, queue: b.state.queue}
	tiles := st.tree.Append(b.records...)
	checkpoint, err := ledger.SignCheckpoint(signers[0], st.tree.Size(), st.tree.Root(), signers[1:]...)
	if err != nil {
		return nil, nil, err
	}
	st.head = Head{Size: st.tree.Size(), Time: now.UnixMilli(), Floor: b.floor(), Batch: id, Checkpoint: checkpoint}
	return st, tiles, nil
}

// floor is the lowest intent that was open before the batch: low enough, whatever the batch closed.
func (b *batch) floor() uint64 {
	if len(b.state.queue) > 0 {
		return b.state.queue[0]
	}
	return b.first
}

// settleOpen brings the open calls up to date once the batch is committed. The maps are the writer's own.
func (st *state) settleOpen(b *batch) {
	for _, index := range b.opened {
		st.open[index] = true
	}
	st.queue = append(st.queue, b.opened...)
	for index := range b.isClosed {
		delete(st.open, index)
	}
	for len(st.queue) > 0 && !st.open[st.queue[0]] {
		st.queue = st.queue[1:]
	}
}

// cache holds rows that every call reads. Its tables are small and bounded by what people decided, never by calls.
type cache struct {
	tables map[store.Table]map[string]any
}

func newCache() cache {
	c := cache{map[store.Table]map[string]any{}}
	for _, table := range []store.Table{store.Meta, store.Keys, store.Grants, store.Accounts, store.Locks, store.People, store.Holdings} {
		c.tables[table] = map[string]any{}
	}
	return c
}

func (c cache) get(table store.Table, key string) (any, bool) {
	row, here := c.tables[table][key]
	return row, here
}

func (c cache) put(table store.Table, key string, row any) {
	if rows, kept := c.tables[table]; kept {
		rows[key] = row
	}
}

// hotRows lets the writer read and fill the cache beside readers.
type hotRows struct {
	mu    *sync.RWMutex
	cache *cache
}

func (h *hotRows) get(table store.Table, key string) (any, bool) {
	return h.cache.get(table, key) // only the writer changes it, and this is the writer
}

// learn keeps a committed row. That there is none under a key is kept only of those tables whose keys are made of what is
// there: the keys of the others are the callers' to choose.
func (h *hotRows) learn(table store.Table, key string, row any) {
	if isNil(row) && table != store.Locks && table != store.Holdings && table != store.Accounts {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cache.put(table, key, row)
}

// encodeRow gives the stored form, or nil for a deletion.
func encodeRow(row any) ([]byte, error) {
	if isNil(row) {
		return nil, nil
	}
	value, err := json.Marshal(row)
	if err != nil {
		return nil, fmt.Errorf("write a row: %w", err)
	}
	return value, nil
}

// signers gives who signs checkpoints, the one in force first.
func (c Config) signers() []note.Signer {
	if c.Also == nil {
		return []note.Signer{c.Signer}
	}
	return []note.Signer{c.Signer, c.Also}
}
