package journal_test

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"testing/synctest"

	"narthex"
	"narthex/internal/store/disk"
)

// TestRigFullDisk fills the disk up at n bytes, for n from none up: while the database is made, or beyond what it takes when
// it serves. What cannot be written is denied as Unavailable and nothing of it is done, what is there can be read, and once
// there is room the same node serves again. NARTHEX_RIG=long takes every n of a KiB, in more lives.
func TestRigFullDisk(t *testing.T) {
	worlds, step := 1, int64(16<<10)
	if os.Getenv("NARTHEX_RIG") == "long" {
		worlds, step = 2, 1<<10
	}
	fullDisks(t, worlds, step)
}

// mostRoom is how many bytes are more than a life of this rig takes.
const mostRoom = 600 << 10

// fullDisks lives so many lives again and again, with so much more room each time.
func fullDisks(t *testing.T, worlds int, step int64) {
	lives, denied := 0, 0
	for seed := range seeds(t) {
		for room := int64(0); room < mostRoom; room += step {
			for _, making := range []bool{true, false} {
				refused, err := fullDiskWorld(t, seed, room, making)
				if err != nil {
					t.Fatalf("room for %d bytes (while it is made: %v): %v\nNARTHEX_SEED=%d go test -run '^%s$' ./internal/journal repeats it", room, making, err, seed, t.Name())
				}
				lives, denied = lives+1, denied+refused
			}
		}
		if worlds--; worlds == 0 || os.Getenv("NARTHEX_SEED") != "" {
			break
		}
	}
	if t.Logf("%d lives, %d changes denied", lives, denied); denied == 0 {
		t.Error("the disk never filled up")
	}
}

// fullDiskWorld lives in one world on a disk with so much room, from the beginning or beyond what is there after it, until
// something was denied twice, and then gives it room. It says how many changes were denied.
func fullDiskWorld(t *testing.T, seed uint64, room int64, making bool) (denied int, err error) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, seed, dir)
		defer disk.Unmount(w.name)
		if making {
			w.disk.Quota(room)
		}
		if err = w.open(); err != nil && making {
			denied++ // a node that cannot begin does not start
			w.disk.Quota(-1)
			err = w.open()
		}
		if err != nil {
			return
		}
		if !making {
			w.disk.Quota(w.disk.Used() + room)
		}
		refused, err2 := w.fill()
		denied += refused
		err = errors.Join(err2, w.close())
		if err == nil {
			err = w.onceMore() // and after a power cut
		}
	})
	return denied, err
}

// fill makes changes until some were denied, looks, gives room and sees the node serve.
func (w *world) fill() (denied int, err error) {
	for range 12 {
		for _, err := range w.batch(w.random.IntN(4)) {
			if denied++; !narthex.IsKind(err, narthex.Unavailable) {
				return denied, fmt.Errorf("on a full disk: %w", err)
			}
		}
	}
	if err := w.check(); err != nil {
		return denied, fmt.Errorf("on a full disk: %w", err)
	}
	w.disk.Quota(-1)
	for range 3 {
		if failed := w.batch(3); len(failed) > 0 {
			return denied, fmt.Errorf("with room again: %w", errors.Join(failed...))
		}
	}
	return denied, w.check()
}
