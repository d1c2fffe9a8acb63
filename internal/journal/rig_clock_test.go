package journal_test

import (
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"narthex"
	"narthex/internal/journal"
	"narthex/internal/store"
	"narthex/internal/store/memory"
	"narthex/ledger"
)

// leaping is a clock that shows another time whenever it is read, by a little or by days, forth and back.
type leaping struct {
	mu     sync.Mutex // guards all below
	random *mathrand.Rand
	last   time.Time // of the last entry that was acknowledged
	shows  time.Time // what was read last
}

func (c *leaping) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	far := []time.Duration{time.Hour, 24 * time.Hour, time.Duration(c.random.Int64N(int64(1000 * time.Hour)))}[c.random.IntN(3)]
	switch n := c.random.IntN(100); {
	case n < 55:
		c.shows = c.last.Add(time.Duration(c.random.Int64N(int64(10*time.Second))) - 5*time.Second) // within what is not in doubt
	case n < 65: // about where the doubt begins
		c.shows = c.last.Add(-5*time.Second + []time.Duration{-time.Millisecond, -time.Nanosecond, 0, time.Nanosecond, time.Millisecond}[c.random.IntN(5)])
	case n < 95:
		c.shows = c.last.Add(-far)
	default:
		c.shows = c.last.Add(far / 100)
	}
	return c.shows
}

// TestRigClockJumps lets the clock jump at every look, forth and back, by nanoseconds and by weeks, while many write and the node is
// started again: no entry is of an earlier time than the one before it, none of a time that the clock did not show, and nothing is
// decided while the clock is more than five seconds behind. NARTHEX_RIG=long makes a million looks.
func TestRigClockJumps(t *testing.T) {
	rounds := 3000
	if os.Getenv("NARTHEX_RIG") == "long" {
		rounds = 500_000
	}
	for seed := range seeds(t) {
		t.Logf("NARTHEX_SEED=%d go test -run '^%s$' ./internal/journal repeats the jumps", seed, t.Name())
		clockJumps(t, seed, rounds)
		break
	}
}

func clockJumps(t *testing.T, seed uint64, rounds int) {
	clock := &leaping{random: mathrand.New(mathrand.NewPCG(seed, 3)), last: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}
	s := memory.New()
	begin := func() *journal.Journal {
		j, err := journal.Open(t.Context(), s, journal.Config{Clock: clock.now, Random: rand.Reader, Signer: fixed(t)})
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	j := begin()
	if err := j.Update(t.Context(), clock.first); err != nil {
		t.Fatal(err)
	}
	began, acknowledged, refused := clock.last, 0, 0
	for round := range rounds {
		if round%500 == 499 {
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			j = begin()
		}
		errs := make([]error, 1+clock.random.IntN(4))
		var all sync.WaitGroup
		for i := range errs {
			all.Go(func() {
				errs[i] = j.Update(t.Context(), func(tx *journal.Tx) error {
					if err := clock.decides(tx.Now()); err != nil {
						return err
					}
					return add(tx)
				})
			})
		}
		all.Wait()
		for _, err := range errs {
			switch {
			case err == nil:
				acknowledged++
			case narthex.IsKind(err, narthex.Unavailable):
				refused++
			default:
				t.Fatal(err)
			}
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if size := inOrder(t, s); int(size) != acknowledged+1 {
		t.Errorf("%d changes were acknowledged, and there are %d entries", acknowledged, size)
	}
	if t.Logf("%d changes were acknowledged and %d refused, over %v", acknowledged, refused, clock.last.Sub(began)); acknowledged < rounds/2 || refused < rounds/10 {
		t.Error("the clock hardly jumps, or hardly ever comes back")
	}
}

// first is the inception, which any time will do for.
func (c *leaping) first(tx *journal.Tx) error {
	c.mu.Lock()
	c.last = tx.Now()
	c.mu.Unlock()
	return inception(tx)
}

// decides says what is wrong with the time that a change is decided at, which is the next entry's.
func (c *leaping) decides(now time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	shown := c.shows.Truncate(time.Millisecond)
	switch {
	case now.Before(c.last):
		return fmt.Errorf("decided at %v, and the last entry is of %v", now, c.last)
	case shown.Before(c.last.Add(-5 * time.Second)):
		return fmt.Errorf("decided while the clock was %v behind", c.last.Sub(shown))
	case !now.Equal(shown) && !now.Equal(c.last):
		return fmt.Errorf("decided at %v, and the clock showed %v", now, shown)
	}
	c.last = now
	return nil
}

// inOrder holds the times of all entries to each other.
func inOrder(t *testing.T, s store.Store) (size uint64) {
	t.Helper()
	err := s.View(t.Context(), func(r store.Reader) error {
		head, err := journal.ReadHead(r)
		if err != nil {
			return err
		}
		var last time.Time
		return journal.EachRecord(r, 0, head.Size, func(index uint64, record ledger.Record) error {
			if record.Time().Before(last) {
				t.Errorf("entry %d is of %v, and the one before it of %v", index, record.Time(), last)
			}
			last, size = record.Time(), index+1
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return size
}
