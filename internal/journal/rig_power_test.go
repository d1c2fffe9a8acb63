package journal_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"testing"
	"testing/synctest"

	"narthex/internal/store/disk"
)

// cuts is how often the power went, by where, and what it took.
type cuts struct {
	all, making, opening, closing int
	acked, lost, losing           int // losing: worlds that lost something, which end there
	records                       [32]byte
}

func (c cuts) String() string {
	return fmt.Sprintf("%d cuts, %d while it was made, %d while it opened, %d while it stopped; %d acknowledged, %d lost in %d worlds (%x)",
		c.all, c.making, c.opening, c.closing, c.acked, c.lost, c.losing, c.records[:4])
}

// TestRigPowerCut cuts the power at operations of the disk that a seed draws: while the database is made, while it is opened
// after another cut, in the middle of changes that many bring at once, while it is closed. Everything acknowledged is there,
// what was not is whole or absent, and the ledger verifies and goes on. NARTHEX_RIG=long cuts ten thousand times.
func TestRigPowerCut(t *testing.T) {
	least := 500
	if os.Getenv("NARTHEX_RIG") == "long" {
		least = 10_000
	}
	powerCuts(t, least, nil)
}

// TestRigPowerCutFindsWhatIsNotSynced weakens the driver: a disk that takes its pragma for itself leaves SQLite with what it
// does by default, which is not to sync each commit. The rig must find commits that were acknowledged and are lost.
func TestRigPowerCutFindsWhatIsNotSynced(t *testing.T) {
	sum := cuts{}
	for seed := range seeds(t) {
		if err := powerCutWorld(t, seed, &sum, func(d *disk.Disk) { d.Answer("synchronous", "") }); err != nil && !errors.As(err, &lostError{}) {
			t.Errorf("seed %d: %v", seed, err)
		}
		if sum.all >= 100 {
			break
		}
	}
	t.Log(sum)
	if sum.lost == 0 {
		t.Error("nothing was lost without a sync of each commit: the rig could not find it")
	}
}

// powerCuts cuts the power at least so often, on disks that prepare may change.
func powerCuts(t *testing.T, least int, prepare func(*disk.Disk)) cuts {
	sum := cuts{}
	for seed := range seeds(t) {
		if err := powerCutWorld(t, seed, &sum, prepare); err != nil {
			t.Fatalf("%v\nNARTHEX_SEED=%d go test -run '^%s$' ./internal/journal repeats it", err, seed, t.Name())
		}
		if sum.all >= least || os.Getenv("NARTHEX_SEED") != "" {
			break
		}
	}
	t.Log(sum)
	return sum
}

// lives is how often the node of one world is started.
const lives = 8

// powerCutWorld lives in one world until it has been cut off as often as it lives, or something is wrong.
func powerCutWorld(t *testing.T, seed uint64, sum *cuts, prepare func(*disk.Disk)) (err error) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, seed, dir)
		defer disk.Unmount(w.name)
		if prepare != nil {
			prepare(w.disk)
		}
		for range lives {
			if err = w.start(sum); err == nil {
				err = w.live(sum)
			}
			if err != nil {
				break
			}
		}
		if err == nil {
			w.disk.CutAfter(0)
			err = w.start(nil)
		}
		sum.acked += len(w.acked)
		sum.records = sha256.Sum256(fmt.Append(sum.records[:], w.seen))
		if lost := (lostError{}); errors.As(err, &lost) {
			sum.lost, sum.losing = sum.lost+lost.lost, sum.losing+1
		}
		if err == nil {
			err = w.close()
		}
	})
	return err
}

// start opens what the disk holds and checks it. Where sum is given, the power may go again while it opens.
func (w *world) start(sum *cuts) error {
	for {
		making := len(w.seen) == 0
		if w.disk.CutAfter(0); sum != nil && w.random.IntN(3) == 0 {
			w.disk.CutAfter(1 + w.random.Int64N(map[bool]int64{true: 120, false: 12}[making]))
		}
		err := w.open()
		if err == nil && !w.disk.Off() {
			break
		}
		if !w.disk.Off() {
			return err
		}
		if err == nil {
			_ = w.close() // without power
		}
		sum.all++
		if making {
			sum.making++
		} else {
			sum.opening++
		}
		w.insert(w.disk.Cut())
	}
	w.disk.CutAfter(0)
	if err := w.check(); err != nil {
		return errors.Join(err, w.close())
	}
	return nil
}

// live makes changes until the power goes: in one of the next operations, or after some batches, or while the node stops.
func (w *world) live(sum *cuts) error {
	w.disk.CutAfter(1 + w.random.Int64N([]int64{10, 80, 600}[w.random.IntN(3)]))
	for range 1 + w.random.IntN(24) {
		failed := w.batch(w.random.IntN(8))
		if w.disk.Off() {
			break
		}
		if len(failed) > 0 {
			return errors.Join(append(failed, w.close())...)
		}
	}
	stopping := !w.disk.Off() && w.random.IntN(2) == 0
	if stopping {
		w.disk.CutAfter(1 + w.random.Int64N(12))
		sum.closing++
	} else if !w.disk.Off() {
		w.disk.PowerOff() // between two operations
	}
	_ = w.close() // most often without power
	w.insert(w.disk.Cut())
	sum.all++
	return nil
}

// TestRigPowerCutRepeats: a seed is enough to see a cut again.
func TestRigPowerCutRepeats(t *testing.T) {
	for seed := range seeds(t) {
		var first, second cuts
		if err := errors.Join(powerCutWorld(t, seed, &first, nil), powerCutWorld(t, seed, &second, nil)); err != nil {
			t.Fatal(err)
		}
		if first != second {
			t.Errorf("seed %d gave %v, and then %v", seed, first, second)
		}
		if seed%8 == 0 {
			return
		}
	}
}
