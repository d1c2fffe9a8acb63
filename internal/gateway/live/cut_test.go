package live_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"narthex/internal/gateway/live"
	"narthex/internal/testenv/stacks"
)

var (
	now     = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	locked  = live.End{Code: "locked", At: now}
	revoked = live.End{Code: "revoked", At: now}
)

// registered gives a call on the subjects that is not admitted yet.
func registered(r *live.Registry, abort func(), subjects ...string) *live.Call {
	c, err := r.Enter(context.Background(), "key", abort, subjects...)
	if err != nil {
		panic(err) // a registry with less than it may hold refused
	}
	return c
}

// enter gives an admitted call on the subjects, and a count of how often it was broken off.
func enter(r *live.Registry, subjects ...string) (*live.Call, *atomic.Int64) {
	var aborts atomic.Int64
	c := registered(r, func() { aborts.Add(1) }, subjects...)
	c.Admit(now.Add(time.Hour))
	return c, &aborts
}

// wrote says whether a call lets a write through.
func wrote(t *testing.T, c *live.Call, at time.Time) bool {
	t.Helper()
	ran := false
	said, err := c.Write(at, func() error { ran = true; return nil })
	if said != ran || err != nil {
		t.Errorf("the gate says %t and the write ran: %t; %v", said, ran, err)
	}
	return ran
}

func TestACutThatCameBeforeACallDoesNotTouchIt(t *testing.T) {
	r := live.NewRegistry()
	if n := r.Cut("grant", locked); n != 0 {
		t.Errorf("%d of no calls were cut", n)
	}
	c, aborts := enter(r, "grant")
	if !wrote(t, c, now) || c.Ended() != nil || c.Context().Err() != nil || aborts.Load() != 0 {
		t.Error("a call that entered after the cut is cut; the lock itself must refuse it")
	}
}

func TestACutBetweenEnterAndAdmitHolds(t *testing.T) {
	r := live.NewRegistry()
	c := registered(r, func() {}, "person", "grant")
	if n := r.Cut("grant", locked); n != 1 {
		t.Errorf("%d of 1 call was cut", n)
	}
	c.Admit(now.Add(time.Hour))
	if wrote(t, c, now) || c.Context().Err() == nil || c.Ended() == nil || *c.Ended() != locked {
		t.Error("a call that was cut before it was admitted writes")
	}
}

func TestACallThatWasNotAdmittedWritesNothing(t *testing.T) {
	c := registered(live.NewRegistry(), func() {}, "grant")
	if wrote(t, c, now) {
		t.Error("a call writes before it is admitted")
	}
}

func TestACutReachesItsSubjectOnly(t *testing.T) {
	r := live.NewRegistry()
	on, aborts := enter(r, "grant-1", "asset")
	off, untouched := enter(r, "grant-2", "asset")
	left, gone := enter(r, "grant-1", "asset")
	left.Leave()
	if n := r.Cut("grant-1", locked); n != 1 || r.Count() != 2 {
		t.Errorf("%d calls were cut and %d are live", n, r.Count())
	}
	if wrote(t, on, now) || aborts.Load() != 1 {
		t.Errorf("the cut call writes, or was broken off %d times", aborts.Load())
	}
	if !wrote(t, off, now) || untouched.Load() != 0 || gone.Load() != 0 {
		t.Error("a cut reached a call of another subject, or one that had left")
	}
	if n := r.CutAll(revoked); n != 2 || wrote(t, off, now) {
		t.Errorf("cutting all cut %d, and a call still writes", n)
	}
	if *on.Ended() != locked || *off.Ended() != revoked {
		t.Error("the first reason is not the one that stands")
	}
}

func TestAWritesOwnErrorComesBack(t *testing.T) {
	c, _ := enter(live.NewRegistry(), "grant")
	broken := errors.New("broken")
	if ran, err := c.Write(now, func() error { return broken }); !ran || err != broken {
		t.Errorf("%t %v", ran, err)
	}
}

func TestNothingIsWrittenFromTheEndOn(t *testing.T) {
	c, _ := enter(live.NewRegistry(), "grant")
	end := now.Add(time.Hour)
	if !wrote(t, c, end.Add(-1)) {
		t.Error("the last instant is not the call's")
	}
	if wrote(t, c, end) || c.Ended() == nil || c.Ended().Code != "expired" || c.Context().Err() == nil {
		t.Error("a call goes on at its end")
	}
	if wrote(t, c, end.Add(-1)) {
		t.Error("an ended call writes again when the clock goes back")
	}
}

// TestACutWaitsForTheWriteInProgress holds a write until the cut stands before its gate: it may not return before the write did.
func TestACutWaitsForTheWriteInProgress(t *testing.T) {
	r := live.NewRegistry()
	aborted, writing, returned := make(chan struct{}), make(chan struct{}), make(chan struct{})
	var order atomic.Int64
	var wrote, cut int64
	c := registered(r, func() { close(aborted) }, "grant")
	c.Admit(now.Add(time.Hour))
	var wg sync.WaitGroup
	wg.Go(func() {
		c.Write(now, func() error {
			close(writing)
			<-aborted
			hold(t, returned)
			wrote = order.Add(1)
			return nil
		})
	})
	<-writing
	r.Cut("grant", locked)
	cut = order.Add(1)
	close(returned)
	wg.Wait()
	if wrote > cut {
		t.Error("the cut returned while a write was in progress")
	}
}

// hold returns when a cut waits before a gate, or has returned.
func hold(t *testing.T, returned <-chan struct{}) {
	for {
		select {
		case <-returned:
			return
		default:
			runtime.Gosched()
		}
		if waits, err := stacks.Waits("gateway/live.cut"); waits || err != nil {
			if err != nil {
				t.Error(err)
			}
			return
		}
	}
}

// TestNoneOfManyWritersWritesAfterTheCut: some calls write as fast as they can until they are cut; others enter, write and
// leave all the while and are not touched.
func TestNoneOfManyWritersWritesAfterTheCut(t *testing.T) {
	r := live.NewRegistry()
	for round := range 10 {
		var order, cut atomic.Int64
		var last [16]int64 // the order of each cut call's last write; read when its writer is done
		var begun, done sync.WaitGroup
		begun.Add(len(last))
		for i := range last {
			done.Go(func() {
				c, _ := enter(r, "asset", "cut")
				defer c.Leave()
				once := sync.OnceFunc(begun.Done)
				for ran := true; ran; runtime.Gosched() {
					ran, _ = c.Write(now, func() error { last[i] = order.Add(1); return nil })
					once()
				}
			})
			done.Go(func() {
				for after := 0; after < 10; runtime.Gosched() {
					c, _ := enter(r, "asset", "kept")
					if !wrote(t, c, now) {
						t.Error("a call of another subject was cut")
					}
					c.Leave()
					if cut.Load() > 0 {
						after++
					}
				}
			})
		}
		begun.Wait()
		n := r.Cut("cut", locked)
		cut.Store(order.Add(1))
		done.Wait()
		if n != len(last) || r.Count() != 0 {
			t.Errorf("round %d: %d of %d calls were cut and %d are left", round, n, len(last), r.Count())
		}
		for _, at := range last {
			if at > cut.Load() {
				t.Errorf("round %d: a call that was cut at %d wrote at %d", round, cut.Load(), at)
			}
		}
	}
}
