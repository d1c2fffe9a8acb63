package openlog

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"narthex"
	"narthex/internal/journal"
	"narthex/ledger"
)

// Every is how often the log looks whether there is something to publish; with patience, well within ledger.PromiseTime.
const Every = 500 * time.Millisecond

// patience is how long a publication waits for cosignatures.
const patience = 800 * time.Millisecond

// Config is what a Log needs.
type Config struct {
	Journal *journal.Journal
	Anchor  *Anchor
	Panel   func() Panel  // of the directory in force; may be asked from anywhere
	Alarm   time.Duration // how long a witness may be silent before it is an alarm
	Log     *slog.Logger
}

// Log is the published ledger.
type Log struct {
	config Config

	turn sync.Mutex // one publication at a time

	mu        sync.Mutex               // guards all below
	published string                   // a signed note, with the cosignatures that came in time
	known     uint64                   // its size
	panel     map[string]*witnessState // by key
	order     []string                 // the keys of the panel, as the directory lists them
}

// New publishes what there is already.
func New(ctx context.Context, config Config) (*Log, error) {
	if config.Journal == nil || config.Anchor == nil || config.Panel == nil || config.Log == nil || config.Alarm <= 0 {
		return nil, errors.New("publish the ledger: a journal, an anchor, a panel, a log and an alarm time must be set")
	}
	l := &Log{config: config, panel: map[string]*witnessState{}}
	return l, l.Publish(ctx)
}

// Size is how many entries are published.
func (l *Log) Size() uint64 {
	_, size := l.Published()
	return size
}

// Published gives the published checkpoint and its size; empty and 0 while the ledger is empty.
func (l *Log) Published() (checkpoint string, size uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.published, l.known
}

// Run publishes until ctx ends.
func (l *Log) Run(ctx context.Context) {
	tick := time.NewTicker(Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := l.Publish(ctx); err != nil && ctx.Err() == nil {
				l.config.Log.Error("the ledger could not be published; nothing is lost, and receipts given meanwhile are late", "cause", err.Error())
			}
		}
	}
}

// Publish publishes the journal's latest checkpoint: kept in the anchor, offered to the witnesses, and then shown with the
// cosignatures that came in time. What was published is asked about again while a witness is missing.
func (l *Log) Publish(ctx context.Context) error {
	l.turn.Lock()
	defer l.turn.Unlock()
	var head journal.Head
	err := l.config.Journal.View(ctx, func(tx *journal.Tx) (err error) {
		head, err = journal.ReadHead(tx.Reader())
		return err
	})
	if errors.Is(err, journal.ErrEmpty) {
		return nil
	}
	if err != nil {
		return err
	}
	checkpoint, size := l.Published()
	if head.Size > size {
		if err := l.config.Anchor.Write(head.Checkpoint); err != nil {
			return err
		}
		checkpoint, size = head.Checkpoint, head.Size
	}
	lines := l.witness(ctx, checkpoint, size)
	l.mu.Lock()
	changed := l.known != size || lines != ""
	l.published, l.known = checkpoint+lines, size
	text := l.published
	l.mu.Unlock()
	if !changed || lines == "" {
		return nil
	}
	return l.config.Anchor.Write(text)
}

// witness asks every witness that has not signed this tree, at once, and gives the lines that came. A publication is everybody's: whoever
// asked for it and went away does not break it off, for a witness that was not heard out would count as silent.
func (l *Log) witness(ctx context.Context, checkpoint string, size uint64) string {
	panel := l.config.Panel()
	now := l.config.Journal.Now()
	asked := l.choose(panel, size, now)
	if len(asked) == 0 {
		return ""
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	lines := make([]string, len(asked))
	var wg sync.WaitGroup
	for i, a := range asked {
		wg.Go(func() { lines[i] = l.ask(ctx, a, size, checkpoint) })
	}
	wg.Wait()
	return strings.Join(lines, "")
}

// Openings lists the entries whose openings are public.
func (l *Log) Openings(ctx context.Context) (indexes []uint64, err error) {
	size := l.Size()
	err = l.config.Journal.View(ctx, func(tx *journal.Tx) error {
		indexes, err = journal.PublicEntries(tx.Reader(), size)
		return err
	})
	return indexes, err
}

// Opening gives what a public entry says; every other is as if absent.
func (l *Log) Opening(ctx context.Context, index uint64) (opening ledger.Opening, err error) {
	if index >= l.Size() {
		return opening, narthex.WithheldError()
	}
	err = l.config.Journal.View(ctx, func(tx *journal.Tx) error {
		return journal.EachEntry(tx.Reader(), index, index+1, func(_ uint64, _ ledger.Record, o ledger.Opening) error {
			if !o.Type.Public() {
				return narthex.WithheldError()
			}
			opening = o
			return nil
		})
	})
	return opening, err
}
