// Package journal is the one writer: it decides changes one after the other and commits many of them, with their ledger
// entries, as one transaction.
//
// It promises that a change and its entries are one (neither is ever stored alone), that Update returns nil only when both
// are durable, that changes are decided in one order on the state as it is, and that the time of entries never decreases.
// Concurrent changes share a commit. State kept in memory is the state itself and no cache of it: it is swapped in only when
// the commit is known, and dropped and read again when it is not.
//
// It trusts the store to keep what it acknowledged. It does not trust it to say the truth after a failed commit: it reads
// back before it answers. When the store is lost to another node, every change is refused from then on. It does not trust the clock to run forward: while the clock is more than five seconds behind the
// last entry, every change is refused. Read next: store for the contract below, ledger for what an entry is.
package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"narthex"
	"narthex/internal/store"
	"narthex/ledger"
)

// Clock gives the time; it is the only clock below the edge.
type Clock func() time.Time

// Follow does what follows of a row that a change puts: was is the row before, nil where there is none, and is the row that will
// be. Both are pointers to what the table holds.
type Follow func(tx *Tx, was, is any) error

// Config is what a journal needs. Every field must be set but Also, Recover and Follow.
type Config struct {
	Clock  Clock
	Random io.Reader
	Signer note.Signer // of the ledger's checkpoints; its name is the ledger's origin
	// Also signs every checkpoint beside Signer: the key that is given up, while the log's key changes. Otherwise nil.
	Also note.Signer
	// Recover closes a call whose intent has no outcome and never will have one, inside an Update. Where it is nil such
	// calls stay open.
	Recover func(tx *Tx, intent uint64, opening ledger.Opening) error
	// Follow is, by table, what follows of its rows. Rows of these tables are never deleted.
	Follow map[store.Table]Follow
}

// doubt is how far the clock may be behind the last entry before every change is refused.
const doubt = 5 * time.Second

// mostOps bounds how many changes share a commit.
const mostOps = 1024

// Journal is the open journal of one store. One goroutine of its own runs from Open until Close.
type Journal struct {
	config Config
	store  store.Store
	ops    chan *op
	stop   chan struct{}
	ended  chan struct{}

	state *state // owned by run; nil after a commit whose outcome is unknown

	mu     sync.RWMutex // guards hot: readers see committed rows only
	hot    cache
	closed sync.Once
}

// op is one change that waits for its commit.
type op struct {
	change func(*Tx) error
	done   chan error
}

// Open reads the state of a store and starts the writer. On an empty store the first change must append an inception entry.
func Open(ctx context.Context, s store.Store, config Config) (*Journal, error) {
	if config.Clock == nil || config.Random == nil || config.Signer == nil || s == nil {
		return nil, errors.New("open journal: a clock, randomness, a signer and a store must be set")
	}
	j := &Journal{config: config, store: s, ops: make(chan *op, mostOps), stop: make(chan struct{}), ended: make(chan struct{}), hot: newCache()}
	var err error
	if j.state, err = load(ctx, s, config.Signer.Name()); err != nil {
		return nil, err
	}
	go j.run()
	if err := j.recoverOrphans(ctx); err != nil {
		return nil, errors.Join(err, j.Close())
	}
	return j, nil
}

// Close ends the writer after the changes it has taken. The store stays open.
func (j *Journal) Close() error {
	j.closed.Do(func() { close(j.stop) })
	<-j.ended
	return nil
}

// Now is the journal's clock, in UTC.
func (j *Journal) Now() time.Time { return j.config.Clock().UTC() }

// Random is the journal's source of randomness.
func (j *Journal) Random() io.Reader { return j.config.Random }

// Update runs change on the state as it is and returns when what it did is durable. An error of change is returned and
// nothing of it is kept. Any other error is Unavailable: nothing was done, or nobody may rely on it.
//
// Change may run more than once and must change nothing but through tx; what it hands out by its variables it must set
// anew each time.
func (j *Journal) Update(ctx context.Context, change func(*Tx) error) error {
	o := &op{change: change, done: make(chan error, 1)}
	if last, asked := ctx.Value(lastKey{}).(*Last); asked {
		o.change = func(tx *Tx) error { return last.after(tx, change) }
	}
	select {
	case <-j.stop:
		return errStopped()
	case <-ctx.Done():
		return ctx.Err()
	case j.ops <- o:
	}
	select {
	case err := <-o.done:
		return err
	case <-j.ended:
		select {
		case err := <-o.done:
			return err
		default:
			return errStopped()
		}
	}
}

func errStopped() error {
	return narthex.Unavailablef("The node is stopping and takes no more changes; try again in a moment.")
}

// View runs read on one committed state.
func (j *Journal) View(ctx context.Context, read func(*Tx) error) error {
	return j.store.View(ctx, func(r store.Reader) error { return read(&Tx{reader: r, now: j.Now()}) })
}

// Scrub has the store's files written anew where they may still hold what rows held before.
func (j *Journal) Scrub(ctx context.Context) error {
	if s, can := j.store.(store.Scrubber); can {
		return s.Scrub(ctx)
	}
	return nil
}

// run takes changes and commits them batch by batch until Close.
func (j *Journal) run() {
	defer close(j.ended)
	for {
		select {
		case first := <-j.ops:
			j.commit(j.gather(first))
		case <-j.stop:
			for len(j.ops) > 0 {
				j.commit(j.gather(<-j.ops))
			}
			return
		}
	}
}

// gather takes what waits already, and what those who run now bring while they keep bringing: a commit costs much and one
// change more in it little.
func (j *Journal) gather(first *op) []*op {
	ops := []*op{first}
	for grown := true; grown && len(ops) < mostOps; {
		grown = false
		for range yields {
			runtime.Gosched()
			for len(j.ops) > 0 && len(ops) < mostOps {
				ops, grown = append(ops, <-j.ops), true
			}
		}
	}
	return ops
}

// yields is how often the writer lets others run before it commits without them.
const yields = 4

// recoverOrphans closes the calls that a crash, or a commit of unknown outcome, left open.
func (j *Journal) recoverOrphans(ctx context.Context) error {
	if j.config.Recover == nil || len(j.state.orphans) == 0 {
		return nil
	}
	return j.Update(ctx, func(*Tx) error { return nil }) // every commit closes them first
}

func (j *Journal) closeOrphans(tx *Tx, orphans []orphan) error {
	for _, o := range orphans {
		if err := j.config.Recover(tx, o.index, o.opening); err != nil {
			return fmt.Errorf("recover call %d: %w", o.index, err)
		}
	}
	_, err := tx.Append(narthex.EntryRecovered, narthex.NumberField("closed", int64(len(orphans))), narthex.NumberField("size", int64(tx.Size())))
	return err
}
