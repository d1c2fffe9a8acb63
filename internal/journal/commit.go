package journal

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"time"

	"narthex"
	"narthex/internal/store"
	"narthex/ledger"
)

// commit decides the changes in order, commits those that did not fail as one transaction, and answers all of them. The
// order is: decide on the batch's overlay → seal, sign → write → commit → swap the state in → answer.
func (j *Journal) commit(ops []*op) {
	answers := make([]error, len(ops))
	if err := j.commitAll(ops, answers); err != nil {
		err = notRecorded(err)
		for i := range answers {
			if answers[i] == nil {
				answers[i] = err
			}
		}
	}
	for i, o := range ops {
		o.done <- answers[i]
	}
}

func notRecorded(err error) error {
	var public *narthex.Error
	if errors.Is(err, store.ErrLost) {
		return narthex.Unavailablef("This node no longer holds its store and does nothing more. The operators must see which node does, and restart this one.").Because(err)
	}
	if errors.As(err, &public) {
		return err
	}
	return Unrecorded().Because(err)
}

// Unrecorded is the refusal of a change that the store did not take. It is also what answers a change where a lock is in the way of which
// nobody may tell: nothing then tells the one from the other.
func Unrecorded() *narthex.Error {
	return narthex.Unavailablef("This could not be recorded, so it was not done. Try again; tell the operators if it stays so.")
}

// commitAll puts the changes' own errors in answers and returns the error that holds for all others.
func (j *Journal) commitAll(ops []*op, answers []error) error {
	ctx := context.Background()
	select {
	case <-j.store.Lost():
		return store.ErrLost
	default:
	}
	if err := j.ready(ctx); err != nil {
		return err
	}
	now, err := j.time()
	if err != nil {
		return err
	}
	var next *state
	var b *batch
	err = j.store.Update(ctx, func(s store.Tx) error {
		clear(answers)
		b = j.newBatch()
		if len(j.state.orphans) > 0 && j.config.Recover != nil {
			// Nothing else is decided before the budgets of broken calls are right again.
			if err := apply(&Tx{reader: s, batch: b, now: now}, func(tx *Tx) error { return j.closeOrphans(tx, j.state.orphans) }); err != nil {
				return err
			}
		}
		for i, o := range ops {
			answers[i] = apply(&Tx{reader: s, batch: b, now: now}, o.change)
		}
		if len(b.records) == 0 && len(b.rows) == 0 {
			next = nil
			return errNothing
		}
		next, err = j.write(s, b, now)
		return err
	})
	if errors.Is(err, errNothing) {
		return nil
	}
	if err != nil {
		return j.resolve(ctx, err, b, next)
	}
	j.swap(b, next)
	return nil
}

// errNothing ends a transaction in which no change did anything.
var errNothing = errors.New("nothing to commit")

// ready reads the state again where a commit of unknown outcome dropped it.
func (j *Journal) ready(ctx context.Context) error {
	if j.state.tree != nil {
		return nil
	}
	fresh, err := load(ctx, j.store, j.config.Signer.Name())
	if err != nil {
		return err
	}
	fresh.serving(j.state.open)
	j.state = fresh
	return nil
}

// time gives the batch's time: never before the last entry's, and an error while the clock is in doubt.
func (j *Journal) time() (time.Time, error) {
	now := j.Now().Truncate(time.Millisecond)
	last := time.UnixMilli(j.state.head.Time).UTC()
	if now.Before(last.Add(-doubt)) {
		return time.Time{}, narthex.Unavailablef("The node's clock is behind its own ledger by more than five seconds, so nothing is decided. The operators must set the clock.")
	}
	if now.Before(last) {
		return last, nil
	}
	return now, nil
}

func (j *Journal) newBatch() *batch {
	return &batch{state: j.state, first: j.state.head.Size, random: j.config.Random, follow: j.config.Follow, hot: &hotRows{&j.mu, &j.hot},
		rows: map[rowKey]any{}, isClosed: map[uint64]bool{}}
}

// apply runs one change and undoes all of it when it fails or panics.
func apply(tx *Tx, change func(*Tx) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("a change panicked: %v", r)
		}
		if err != nil {
			for i := len(tx.undo) - 1; i >= 0; i-- {
				tx.undo[i]()
			}
		}
	}()
	return change(tx)
}

// write puts the batch into the transaction: its rows, its entries as one run, the tiles they touch, the head.
func (j *Journal) write(s store.Tx, b *batch, now time.Time) (*state, error) {
	var id [16]byte
	if _, err := io.ReadFull(b.random, id[:]); err != nil {
		return nil, err
	}
	if b.first == 0 && (len(b.records) == 0 || b.openings[0].Type != narthex.EntryInception) {
		return nil, errors.New("the first entry of a ledger must be its inception")
	}
	for _, key := range slices.SortedFunc(maps.Keys(b.rows), rowKey.compare) { // so that one batch is always the same bytes
		if err := writeRow(s, key, b.rows[key]); err != nil {
			return nil, err
		}
	}
	if len(b.records) == 0 {
		if !b.keeps() {
			return nil, errors.New("a change without an entry")
		}
		next := &state{tree: b.state.tree, head: b.state.head, open: b.state.open, queue: b.state.queue}
		next.head.Batch = hex.EncodeToString(id[:])
		return next, writeRow(s, rowKey{store.Meta, headKey}, &next.head)
	}
	next, tiles, err := b.next(j.config.signers(), now, hex.EncodeToString(id[:]))
	if err != nil {
		return nil, err
	}
	for _, tile := range tiles {
		if err := s.Put(store.Tiles, tileKey(tile.Level, tile.Index), tile.Data); err != nil {
			return nil, err
		}
	}
	if err := putRun(s, b); err != nil {
		return nil, err
	}
	if err := eraseOpenings(s, b.erased); err != nil {
		return nil, err
	}
	return next, writeRow(s, rowKey{store.Meta, headKey}, &next.head)
}

// eraseOpenings writes the runs of the entries anew, without what those say.
func eraseOpenings(s store.Tx, erased []uint64) error {
	indexes := slices.Compact(slices.Sorted(slices.Values(erased)))
	for len(indexes) > 0 {
		row, err := s.Scan(store.Entries, store.Span{To: entryKey(indexes[0] + 1), Reverse: true, Limit: 1})
		if err != nil || len(row) == 0 {
			return errors.Join(fmt.Errorf("erase entry %d: it is not there", indexes[0]), err)
		}
		openings, err := s.Get(store.Openings, row[0].Key)
		if err != nil {
			return err
		}
		found, err := parseRun(row[0].Key, row[0].Value, openings)
		if err != nil {
			return err
		}
		for end := found.first + uint64(len(found.openings)); len(indexes) > 0 && indexes[0] < end; indexes = indexes[1:] {
			if found.openings[indexes[0]-found.first].Type.Public() {
				return fmt.Errorf("erase entry %d: what it says is public", indexes[0])
			}
			found.openings[indexes[0]-found.first] = ledger.Opening{}
		}
		if err := s.Put(store.Openings, row[0].Key, encodeOpenings(found.openings)); err != nil {
			return err
		}
	}
	return nil
}

func putRun(s store.Tx, b *batch) error {
	var records []byte
	for _, record := range b.records {
		records = append(records, record[:]...)
	}
	for i, opening := range b.openings {
		if opening.Type.Public() {
			if err := s.Put(store.Public, entryKey(b.first+uint64(i)), []byte(opening.Type)); err != nil {
				return err
			}
		}
	}
	key := entryKey(b.first)
	return errors.Join(s.Put(store.Entries, key, records), s.Put(store.Openings, key, encodeOpenings(b.openings)))
}

func writeRow(s store.Tx, key rowKey, row any) error {
	value, err := encodeRow(row)
	if err != nil {
		return err
	}
	if value == nil {
		return s.Delete(key.table, key.key)
	}
	return s.Put(key.table, key.key, value)
}

// swap makes the committed batch the state.
func (j *Journal) swap(b *batch, next *state) {
	next.settleOpen(b)
	j.mu.Lock()
	defer j.mu.Unlock()
	for key, row := range b.rows {
		j.hot.put(key.table, key.key, row)
	}
	j.state = next
}

// resolve finds out what became of a commit that returned an error. Where the batch is in the store it stands; otherwise
// nothing of it does, and where neither can be read, the memory is dropped and read again before the next change.
func (j *Journal) resolve(ctx context.Context, cause error, b *batch, next *state) error {
	if !errors.Is(cause, store.ErrUnknown) {
		return cause
	}
	var head *Head
	err := j.View(ctx, func(tx *Tx) (err error) {
		head, err = Get[Head](tx, store.Meta, headKey)
		return err
	})
	if err == nil && head != nil && next != nil && head.Batch == next.head.Batch {
		j.swap(b, next)
		if errors.Is(cause, store.ErrUnsynced) {
			return cause // it can be read and need not be on the disk: it is nobody's yes
		}
		return nil
	}
	if err == nil && (head == nil && j.state.head.Size == 0 || head != nil && head.Batch == j.state.head.Batch) {
		return cause
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.hot = newCache()
	j.state = &state{open: j.state.open}
	return errors.Join(cause, err)
}

func isNil(row any) bool {
	v := reflect.ValueOf(row)
	return row == nil || v.Kind() == reflect.Pointer && v.IsNil()
}

// keeps says whether the batch stores pieces of files and nothing else: they stand under the digest of what they are, and mean nothing until
// an entry names it.
func (b *batch) keeps() bool {
	for key := range b.rows {
		if key.table != store.Blobs {
			return false
		}
	}
	return len(b.rows) > 0
}
