package journal_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"testing/synctest"

	"narthex"
	"narthex/internal/store"
	"narthex/internal/store/disk"
)

// TestRigFailedSync fails the n-th sync of the disk, for every n of a life from the first on the empty disk: alone, or with
// all after it. Nothing is acknowledged by a commit in which it failed, or by any later one, until the store has been opened
// again; what can be read can still be read; and when the power goes, at once or after the node was started again on the disk
// that has forgotten what it could not write, nothing acknowledged is lost. NARTHEX_RIG=long takes many lives, and tries for
// every n each way to go on.
func TestRigFailedSync(t *testing.T) {
	worlds, long := 3, os.Getenv("NARTHEX_RIG") == "long"
	if long {
		worlds = 10
	}
	failedSyncs(t, worlds, long)
}

// failedSyncs lives so many lives again and again, with the next sync failing each time.
func failedSyncs(t *testing.T, worlds int, every bool) {
	lives, syncs := 0, 0
	for seed := range seeds(t) {
		for n, fired := int64(1), true; fired; n++ {
			for way := range 4 {
				if !every && way != []int{0, 1, 2, 0, 1, 3}[(n+int64(seed))%6] {
					continue // most often it starts again on the disk as it is, where a later sync can lie
				}
				var err error
				if fired, err = failedSyncWorld(t, seed, n, way&1 == 0, way&2 == 0); err != nil {
					t.Fatalf("sync %d, way %d: %v\nNARTHEX_SEED=%d go test -run '^%s$' ./internal/journal repeats it", n, way, err, seed, t.Name())
				}
				lives++
			}
			syncs++
		}
		if worlds--; worlds == 0 || os.Getenv("NARTHEX_SEED") != "" {
			break
		}
	}
	t.Logf("%d syncs failed, in %d lives", syncs, lives)
}

// failedSyncWorld lives in one world whose n-th sync fails, and all after it where so told, and then starts again at once or
// after a power cut. It says whether there were so many syncs.
func failedSyncWorld(t *testing.T, seed uint64, n int64, all, restart bool) (fired bool, err error) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, seed, dir)
		defer disk.Unmount(w.name)
		w.pages = []int{20, 1000}[seed%2] // with checkpoints, or with none
		w.disk.Fail(n, all)
		if err = w.open(); err == nil {
			err = w.failLater()
			_ = w.close() // it may say again what failed
		} else if w.disk.Failed() {
			err = nil
		}
		fired = w.disk.Failed()
		w.disk.Fail(0, false)
		if !restart {
			w.insert(w.disk.Cut())
		}
		for range 2 {
			if err == nil {
				err = w.onceMore()
			}
		}
		if err == nil && w.late > 0 {
			err = fmt.Errorf("%d changes were acknowledged after a sync had failed", w.late)
		}
	})
	return fired, err
}

// failLater makes changes until a sync has failed, and some more, which must all be refused while reading goes on.
func (w *world) failLater() error {
	for range 10 {
		if failed := w.batch(w.random.IntN(6)); len(failed) > 0 && !w.disk.Failed() {
			return errors.Join(failed...)
		}
	}
	if !w.disk.Failed() {
		return nil
	}
	select {
	case <-w.store.Lost():
	default:
		return errors.New("a sync failed and the store says that it is held")
	}
	for range 2 {
		for _, err := range w.batch(2) {
			if !narthex.IsKind(err, narthex.Unavailable) {
				return fmt.Errorf("after a sync had failed: %w", err)
			}
		}
	}
	return w.store.View(context.Background(), func(r store.Reader) error {
		if len(w.acked) == 0 {
			return nil
		}
		told, _, err := readAll(r)
		return errors.Join(err, w.ackedAreThere(told))
	})
}

// onceMore starts the node, looks, makes changes that must go through, and ends with the power.
func (w *world) onceMore() error {
	if err := w.open(); err != nil {
		return err
	}
	err := w.check()
	for range 3 {
		err = errors.Join(err, errors.Join(w.batch(3)...))
	}
	w.disk.PowerOff()
	_ = w.close() // without power
	w.insert(w.disk.Cut())
	return err
}
