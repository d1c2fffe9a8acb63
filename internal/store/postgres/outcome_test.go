package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"narthex"
	"narthex/internal/store"
	"narthex/internal/store/postgres"
	"narthex/internal/store/storetest"
	"narthex/internal/testenv/pgtest"
)

// TestRigAnUpgradeThatIsCutIsMadeLater cuts the opening of a database of version 1 with every message, and at all that follow, as when the process ends
// there. Opened again it is whole. NARTHEX_RIG=long cuts at each; the short form draws some.
func TestRigAnUpgradeThatIsCutIsMadeLater(t *testing.T) {
	server := pgtest.Start(t)
	old := server.Database(t)
	s := open(t, old, postgres.Version(1))
	must(t, s.Update(t.Context(), put("a", "1")))
	must(t, s.Close())
	draw, long := storetest.Rig(t)
	step := func() int64 { return 1 + draw.Int64N(9) }
	if long {
		step = func() int64 { return 1 }
	}
	for n := step(); ; n += step() {
		url := server.Copy(t, old)
		var messages atomic.Int64
		proxy := server.Proxy(t, func(pgtest.Message) pgtest.Fate {
			if messages.Add(1) >= n {
				return pgtest.After
			}
			return pgtest.Pass
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		cut, err := postgres.Open(ctx, proxy.Through(url), postgres.Handover(time.Millisecond), postgres.Heartbeat(time.Hour, time.Hour))
		cancel()
		if err == nil {
			_ = cut.Close() // to give it up is cut already
		}
		proxy.Cut()
		again := open(t, url)
		expect(t, again, "a", "1")
		must(t, again.Update(t.Context(), func(tx store.Tx) error { return tx.Put(store.Snapshots, "a", []byte("1")) }))
		must(t, again.Close())
		if got := names(t, url); !slices.Equal(got, wanted()) {
			t.Errorf("cut at message %d it has the tables %s", n, got)
		}
		if err == nil {
			return
		}
	}
}

// ordered lets another change, after the update has read and before it writes, what it writes.
func ordered(t *testing.T, server *pgtest.Server) {
	url := server.Database(t)
	s, other := open(t, url), raw(t, url)
	must(t, s.Update(t.Context(), put("a", "1")))
	runs := 0
	must(t, s.Update(t.Context(), func(tx store.Tx) error {
		got, err := tx.Get(store.People, "a")
		if err != nil {
			return err
		}
		if runs++; runs == 1 {
			_, err := other.Exec(t.Context(), "UPDATE people SET value = 'other' WHERE key = 'a'")
			must(t, err)
		}
		return tx.Put(store.People, "a", append(got, '+'))
	}))
	if runs != 2 {
		t.Errorf("it ran %d times", runs)
	}
	expect(t, s, "a", "other+")
}

func neverOrdered(t *testing.T, server *pgtest.Server) {
	url := server.Database(t)
	s, other := open(t, url), raw(t, url)
	must(t, s.Update(t.Context(), put("a", "1")))
	runs := 0
	err := s.Update(t.Context(), func(tx store.Tx) error {
		runs++
		_, readErr := tx.Get(store.People, "a")
		_, err := other.Exec(t.Context(), "UPDATE people SET value = 'other' WHERE key = 'a'")
		return errors.Join(readErr, err, tx.Put(store.People, "a", []byte("2")))
	})
	if !narthex.IsKind(err, narthex.Unavailable) || errors.Is(err, store.ErrUnknown) {
		t.Errorf("after %d runs it said %v", runs, err)
	}
	expect(t, s, "a", "other")
	must(t, s.Update(t.Context(), put("a", "3")))
	expect(t, s, "a", "3")
}

func unknown(t *testing.T, server *pgtest.Server) {
	url := server.Database(t)
	var fate atomic.Int32
	proxy := server.Proxy(t, func(m pgtest.Message) pgtest.Fate {
		if m.IsCommit() {
			return pgtest.Fate(fate.Swap(int32(pgtest.Pass)))
		}
		return pgtest.Pass
	})
	s := open(t, proxy.Through(url))
	for round := range 3 {
		for _, f := range []pgtest.Fate{pgtest.Before, pgtest.After, pgtest.Late} {
			key, runs := fmt.Sprint(round, f), 0
			fate.Store(int32(f))
			err := s.Update(t.Context(), func(tx store.Tx) error { runs++; return put(key, "1")(tx) })
			if !errors.Is(err, store.ErrUnknown) || errors.Is(err, store.ErrLost) || runs != 1 {
				t.Errorf("cut %d: after %d runs it said %v", f, runs, err)
			}
			// What is read now is what stays.
			want := map[pgtest.Fate]string{pgtest.Before: "", pgtest.After: "1", pgtest.Late: "1"}[f]
			expect(t, s, key, want)
			must(t, s.Update(t.Context(), put("z", key)))
			expect(t, s, key, want)
		}
	}
}

func deaf(t *testing.T, server *pgtest.Server) {
	url := server.Database(t)
	proxy := server.Proxy(t, func(pgtest.Message) pgtest.Fate { return pgtest.Pass })
	s := open(t, proxy.Through(url), postgres.Heartbeat(20*time.Millisecond, 200*time.Millisecond))
	must(t, s.Update(t.Context(), put("a", "1")))
	inside := make(chan struct{}, 9)
	done := make(chan error, 1)
	go func() {
		done <- s.Update(context.Background(), func(tx store.Tx) error {
			inside <- struct{}{}
			<-s.Lost()
			return put("a", "2")(tx)
		})
	}()
	<-inside
	proxy.Freeze()
	<-s.Lost()
	if err := <-done; !errors.Is(err, store.ErrLost) {
		t.Errorf("the update under way said %v", err)
	}
	if err := s.Update(t.Context(), put("a", "3")); !errors.Is(err, store.ErrLost) {
		t.Errorf("the next update said %v", err)
	}
	proxy.Cut()
	expect(t, open(t, url), "a", "1")
}

// unlocked ends the connection that has the lock, as a server or a firewall may, and leaves the others.
func unlocked(t *testing.T, server *pgtest.Server) {
	url := server.Database(t)
	s := open(t, url)
	must(t, s.Update(t.Context(), put("a", "1")))
	_, err := raw(t, url).Exec(t.Context(), "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE l.locktype = 'advisory' AND d.datname = current_database()")
	must(t, err)
	<-s.Lost()
	if err := s.Update(t.Context(), put("a", "2")); !errors.Is(err, store.ErrLost) {
		t.Errorf("it said %v", err)
	}
	expect(t, open(t, url), "a", "1")
}

// leaves holds the lock as the server does of a connection that it has not yet seen end, until the store that opens has asked for it
// in vain.
func leaves(t *testing.T, server *pgtest.Server) {
	url := server.Database(t)
	other, watch := raw(t, url), raw(t, url)
	_, err := other.Exec(t.Context(), "SELECT pg_advisory_lock(l) FROM (SELECT 31069391645336952 AS l) AS one")
	must(t, err)
	go func() {
		waitFor(t, watch, "SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE '%pg_try_advisory_lock(%' AND state = 'idle' AND datname = current_database()")
		_, err := other.Exec(t.Context(), "SELECT pg_advisory_unlock_all()")
		must(t, err)
	}()
	s := open(t, url)
	must(t, s.Update(t.Context(), put("a", "1")))
}

// handover opens with a wait of an hour: it is over at once where the last to hold the store gave it up, and lasts until the
// context ends where it did not, also where the one before was broken off in its own wait.
func handover(t *testing.T, server *pgtest.Server) {
	url := server.Database(t)
	for range 2 {
		s, err := postgres.Open(t.Context(), url, postgres.Handover(time.Hour))
		must(t, err)
		must(t, s.Close())
	}
	open(t, url)
	for range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		raised := raw(t, url)
		var before int
		must(t, raised.QueryRow(t.Context(), "SELECT number FROM lease").Scan(&before))
		go func() {
			waitFor(t, raised, fmt.Sprintf("SELECT number > %d FROM lease", before))
			cancel()
		}()
		s, err := postgres.Open(ctx, url, postgres.Handover(time.Hour), postgres.UnlockedForTests())
		if err == nil {
			s.Close()
			t.Fatal("it opened without waiting")
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("it said %v", err)
		}
	}
}

// underWay: one stands inside an Update while another opens. The other waits, and sees what the one commits.
func underWay(t *testing.T, server *pgtest.Server) {
	url := server.Database(t)
	first := open(t, url)
	inside, leave, done, opened := make(chan struct{}, 9), make(chan struct{}), make(chan error, 1), make(chan *postgres.Store, 1)
	go func() {
		done <- first.Update(context.Background(), func(tx store.Tx) error {
			inside <- struct{}{}
			<-leave
			return put("a", "1")(tx)
		})
	}()
	<-inside
	let := sync.OnceFunc(func() { close(leave) })
	t.Cleanup(let)
	go func() { opened <- open(t, url, postgres.UnlockedForTests()) }()
	waitFor(t, raw(t, url), "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')")
	let()
	must(t, <-done)
	second := <-opened
	expect(t, second, "a", "1")
	if err := first.Update(t.Context(), put("a", "2")); !errors.Is(err, store.ErrLost) {
		t.Errorf("the first said %v", err)
	}
}

// still: one stands inside an Update for longer than the server allows. Another opens, and the one commits nothing.
func still(t *testing.T, server *pgtest.Server) {
	url := server.Database(t)
	first := open(t, url, postgres.Stall(100*time.Millisecond), postgres.Heartbeat(time.Hour, time.Hour))
	inside, leave, done := make(chan struct{}, 9), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- first.Update(context.Background(), func(tx store.Tx) error {
			inside <- struct{}{}
			<-leave
			return put("a", "first")(tx)
		})
	}()
	<-inside
	second := open(t, url, postgres.UnlockedForTests())
	must(t, second.Update(t.Context(), put("a", "second")))
	close(leave)
	if err := <-done; !narthex.IsKind(err, narthex.Unavailable) || errors.Is(err, store.ErrUnknown) {
		t.Errorf("the one that stood still said %v", err)
	}
	if err := first.Update(t.Context(), put("a", "first")); !errors.Is(err, store.ErrLost) {
		t.Errorf("then it said %v", err)
	}
	expect(t, second, "a", "second")
}
