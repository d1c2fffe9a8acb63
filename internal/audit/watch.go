package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"narthex"
	"narthex/client"
	"narthex/internal/journal"
	"narthex/internal/store"
)

const (
	// Every is how often a running node folds the entries that are new.
	Every = 10 * time.Second
	// Whole is how often it folds all entries anew.
	Whole = 45 * time.Minute

	soon       = time.Minute     // after the start, before all entries are folded for the first time
	chunk      = 2048            // entries folded in one view, so that no view is long
	snapshotAt = 10_000          // new entries that make a snapshot worth writing
	earlyAt    = 1000            // the same at a start, where the comparing is done already
	aWhile     = 5 * time.Minute // after which fewer are worth one
)

// Watch audits a node: before it serves, while it runs, and when someone asks. It keeps signed snapshots, so that a start
// folds only what came after the last one.
type Watch struct {
	Store  store.Store
	Signer note.Signer // of the ledger's checkpoints
	Key    string      // its verifier key
	Clock  func() time.Time
	Log    *slog.Logger

	turn sync.Mutex // held by whoever folds
	fold *Fold      // guarded by turn: the entries that were folded since the start, from its snapshot on
	kept uint64     // guarded by turn: the size of the last snapshot
	at   time.Time  // guarded by turn: when it was written

	mu    sync.Mutex   // guards both below
	last  client.Audit // whatever was folded
	whole client.Audit // of all entries
}

// Start audits the entries since the last snapshot before anything is served, and refuses where the tables are not what they
// say.
func (w *Watch) Start(ctx context.Context) error {
	w.turn.Lock()
	defer w.turn.Unlock()
	err := w.Store.View(ctx, func(r store.Reader) (err error) {
		w.fold, err = latest(r, w.Key)
		return err
	})
	if errors.Is(err, errSnapshot) {
		w.Log.Warn("the ledger's snapshot is not used; all entries are folded before the start", "cause", err.Error())
		w.fold, err = NewFold()
	}
	if err != nil {
		return err
	}
	w.kept, w.at = w.fold.base, w.Clock()
	report, err := w.catchUp(ctx, w.fold, true)
	if err == nil && len(report.Differences) > 0 && w.fold.base > 0 {
		w.Log.Warn("the tables are not what the ledger's snapshot and the entries after it say; all entries are folded before the start", "first", InWords(report.Differences[0]))
		if w.fold, err = NewFold(); err != nil { // another version may have folded less
			return err
		}
		w.kept = 0
		report, err = w.catchUp(ctx, w.fold, true)
	}
	if errors.Is(err, journal.ErrEmpty) {
		return nil
	}
	if err == nil && len(report.Differences) > 0 {
		var made bool
		if made, err = w.makeAccounts(ctx); made {
			report, err = w.catchUp(ctx, w.fold, true)
		}
	}
	if err != nil {
		return err
	}
	if len(report.Differences) == 0 {
		return w.keepEarly(ctx)
	}
	w.fold = nil
	w.tell(report)
	return narthex.Conflictf("The tables are not what the ledger's entries say, so the node does not start: %d differences, the first: %s. Keep the files as they are; `narthex ledger audit --dir` lists all of them; restore the latest backup.",
		len(report.Differences)+report.More, InWords(report.Differences[0]))
}

// catchUp folds the entries that are new, and keeps what it finds where it compares.
func (w *Watch) catchUp(ctx context.Context, f *Fold, compare bool) (client.Audit, error) {
	report, err := catchUp(ctx, w.Store, f, w.Key, compare)
	if err != nil || !compare && len(report.Differences) == 0 {
		return report, err
	}
	report.At = w.Clock().UTC()
	w.mu.Lock()
	w.last = report
	w.mu.Unlock()
	return report, nil
}

// catchUp folds the entries that are new, a chunk a view, and compares in the last view where that is wanted, or where the
// ledger has become shorter than what was folded.
func catchUp(ctx context.Context, s Viewer, f *Fold, key string, compare bool) (report client.Audit, err error) {
	for done := false; !done; {
		if err := ctx.Err(); err != nil {
			return report, err
		}
		err = s.View(ctx, func(r store.Reader) error {
			head, err := journal.ReadHead(r)
			if err != nil {
				return err
			}
			if err := f.Entries(r, max(f.Size, min(head.Size, f.Size+chunk))); err != nil {
				return err
			}
			if done = f.Size >= head.Size || f.broken; done && (compare || head.Size < f.Size) {
				report, err = f.Compare(r, head, key)
			}
			return err
		})
		if err != nil {
			return report, err
		}
	}
	report.Snapshot = f.base
	return report, nil
}

// Audit folds all entries anew and compares.
func (w *Watch) Audit(ctx context.Context) (client.Audit, error) {
	w.turn.Lock()
	defer w.turn.Unlock()
	f, err := NewFold()
	if err != nil {
		return client.Audit{}, err
	}
	report, err := w.catchUp(ctx, f, true)
	if err != nil {
		return report, err
	}
	w.mu.Lock()
	w.whole = report
	w.mu.Unlock()
	w.tell(report)
	if len(report.Differences) == 0 {
		w.fold = f
		err = w.keep(ctx, f)
	}
	return report, err
}

// Viewer is a store that is read.
type Viewer interface {
	View(ctx context.Context, read func(store.Reader) error) error
}

// Once folds all entries of a store and compares.
func Once(ctx context.Context, s Viewer, key string, clock func() time.Time) (client.Audit, error) {
	f, err := NewFold()
	if err != nil {
		return client.Audit{}, err
	}
	report, err := catchUp(ctx, s, f, key, true)
	report.At = clock().UTC()
	return report, err
}

// Last gives the result of the last audit: of what is new, unless the last one of all entries found a difference, which stands
// until another of all entries finds none.
func (w *Watch) Last() client.Audit {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.whole.Differences) > 0 && len(w.last.Differences) == 0 {
		return w.whole
	}
	return w.last
}

// Sound refuses while the last audit's differences stand: what a node decides by may be what somebody wrote behind its back. It
// serves again when an audit finds none.
func (w *Watch) Sound() error {
	last := w.Last()
	if len(last.Differences)+last.More == 0 {
		return nil
	}
	err := narthex.Unavailablef("The lab's tables are not what its ledger says, so nothing is served until its operators have put them right. They know; try again later.")
	err.Code = "audit_differences"
	return err
}

// Run audits until ctx ends: what is new every few seconds, and all of it every while. What it finds is an alarm in the log.
func (w *Watch) Run(ctx context.Context) {
	tick, whole := time.NewTicker(Every), time.NewTimer(soon)
	defer tick.Stop()
	defer whole.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			err = w.next(ctx, false)
		case <-whole.C:
			again := Whole
			if _, err = w.Audit(ctx); err != nil {
				again = soon
			}
			whole.Reset(again)
		}
		if err != nil && ctx.Err() == nil && !errors.Is(err, journal.ErrEmpty) {
			w.Log.Warn("the audit could not be made; it is tried again", "cause", err.Error())
		}
	}
}

// next folds what is new, and where there is enough of it compares and writes a snapshot.
func (w *Watch) next(ctx context.Context, last bool) error {
	w.turn.Lock()
	defer w.turn.Unlock()
	shorter, err := w.catchUp(ctx, w.fold, false)
	if err != nil || len(shorter.Differences) > 0 {
		w.tell(shorter)
		return err
	}
	size, now := w.fold.Size, w.Clock()
	if size == w.kept || size < w.kept+snapshotAt && now.Before(w.at.Add(aWhile)) && !last {
		return nil
	}
	report, err := w.catchUp(ctx, w.fold, true)
	if err != nil {
		return err
	}
	if w.at = now; len(report.Differences) > 0 {
		w.tell(report)
		return nil
	}
	if len(w.Last().Differences) > 0 {
		return nil // nothing is signed over entries that were changed before these
	}
	return w.keep(ctx, w.fold)
}

// Close writes a last snapshot, so that the next start has little to do.
func (w *Watch) Close(ctx context.Context) error {
	if w.fold == nil {
		return nil
	}
	err := w.next(ctx, true)
	if errors.Is(err, journal.ErrEmpty) {
		return nil
	}
	return err
}

// keep writes a snapshot and removes those before it.
func (w *Watch) keep(ctx context.Context, f *Fold) error {
	row, err := f.seal(w.Signer)
	if err != nil {
		return err
	}
	err = w.Store.Update(ctx, func(tx store.Tx) error {
		old, err := tx.Scan(store.Snapshots, store.Span{Limit: 16})
		if err != nil {
			return err
		}
		for _, row := range old {
			if err := tx.Delete(store.Snapshots, row.Key); err != nil {
				return err
			}
		}
		return tx.Put(store.Snapshots, snapshotKey(f.Size), row)
	})
	if err == nil {
		w.kept, w.at = f.Size, w.Clock()
	}
	return err
}

// keepEarly writes a snapshot at the start where much was folded, so that a node which ends badly again and again does not fold
// more each time.
func (w *Watch) keepEarly(ctx context.Context) error {
	if w.fold.Size < w.kept+earlyAt {
		return nil
	}
	return w.keep(ctx, w.fold)
}

// tell raises the alarm where there are differences.
func (w *Watch) tell(report client.Audit) {
	if len(report.Differences) > 0 {
		w.Log.Error("the tables are not what the ledger's entries say", "differences", len(report.Differences)+report.More, "first", InWords(report.Differences[0]))
	}
}

// InWords puts a difference in one line.
func InWords(d client.Difference) string {
	text := d.What
	if d.Table != "" {
		text += " in " + d.Table
	}
	if d.Key != "" {
		text += " " + d.Key
	}
	if d.Field != "" {
		text += ", " + d.Field
	}
	if d.Entry != nil {
		text += fmt.Sprintf(", entry %d", *d.Entry)
	}
	return fmt.Sprintf("%s: expected %s, found %s", text, d.Expected, d.Found)
}
