package journal_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"narthex"
	"narthex/internal/journal"
	"narthex/internal/office"
	"narthex/internal/store"
	"narthex/internal/store/postgres"
	"narthex/internal/store/storetest"
	"narthex/internal/testenv/pgtest"
	"narthex/ledger"
)

// load is a ledger under load: many change it at once, each change an entry, a row of its own, and a count.
type load struct {
	key    string // the ledger's
	signer note.Signer
	next   atomic.Int64
	mu     sync.Mutex // guards acknowledged
	acked  map[string]bool
}

func newLoad(t testing.TB) *load {
	t.Helper()
	secret, public, err := ledger.NewKey(rand.Reader, "lab.example/ledger")
	if err != nil {
		t.Fatal(err)
	}
	s, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	return &load{key: public, signer: s, acked: map[string]bool{}}
}

// open opens the ledger, and begins it where it is empty.
func (l *load) open(t testing.TB, url string) (*postgres.Store, *journal.Journal) {
	t.Helper()
	s, err := postgres.Open(t.Context(), url, postgres.Handover(time.Millisecond), postgres.Heartbeat(100*time.Millisecond, 20*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	empty, err := journal.IsEmpty(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(t.Context(), s, journal.Config{Clock: time.Now, Random: rand.Reader, Signer: l.signer})
	if err != nil {
		t.Fatal(err)
	}
	if empty {
		if err := j.Update(t.Context(), func(tx *journal.Tx) error {
			var fields []narthex.Field
			for _, name := range narthex.EntryInception.Fields() {
				fields = append(fields, narthex.TextField(name, l.key))
			}
			_, err := tx.Append(narthex.EntryInception, fields...)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	return s, j
}

// change makes one change and remembers it where it was acknowledged.
func (l *load) change(j *journal.Journal) error {
	id := fmt.Sprintf("%08d", l.next.Add(1))
	err := j.Update(context.Background(), func(tx *journal.Tx) error {
		if err := journal.Put(tx, store.Holdings, id, &counter{1}); err != nil {
			return err
		}
		return add(tx)
	})
	if err == nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.acked[id] = true
	}
	return err
}

// check holds a store to what was acknowledged: every change that was is there, each entry has its one row and each row its
// one entry, and the ledger verifies. It gives how many changes there are.
func (l *load) check(t testing.TB, s store.Store) int {
	t.Helper()
	count, entries := stands(t, s)
	err := s.View(t.Context(), func(r store.Reader) error {
		rows, err := r.Scan(store.Holdings, store.Span{Limit: 1 << 30})
		if err != nil {
			return err
		}
		there := map[string]bool{}
		for _, row := range rows {
			there[row.Key] = true
		}
		for id := range l.acked {
			if !there[id] {
				t.Errorf("change %s was acknowledged and is not there", id)
			}
		}
		if len(rows) != count || count != entries {
			t.Errorf("there are %d rows, a count of %d and %d entries", len(rows), count, entries)
		}
		in, out := io.Pipe()
		go func() { out.CloseWithError(office.ExportFrom(r, l.key, out)) }()
		report, err := ledger.Verify(in, l.key)
		if err == nil && int(report.Size) != entries+1 {
			t.Errorf("%d entries verify of %d", report.Size, entries+1)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return count
}

const changers = 8

// TestRigPostgresKilled kills every process of the PostgreSQL server under load, again and again: nothing acknowledged is lost,
// nothing is there by half, and the ledger verifies each time. NARTHEX_RIG=long kills five hundred times.
func TestRigPostgresKilled(t *testing.T) {
	draw, long := storetest.Rig(t)
	kills := 10
	if long {
		kills = 500
	}
	server := pgtest.Start(t)
	url := server.Database(t)
	l := newLoad(t)
	for kill := range kills {
		s, j := l.open(t, url)
		l.check(t, s)
		var wg sync.WaitGroup
		for range changers {
			wg.Go(func() {
				for l.change(j) == nil {
				}
			})
		}
		time.Sleep(time.Duration(1+draw.IntN(300)) * time.Millisecond)
		server.Kill(t)
		wg.Wait()
		if err := l.change(j); !narthex.IsKind(err, narthex.Unavailable) {
			t.Errorf("kill %d: without a server it said %v", kill, err)
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
		_ = s.Close() // there is nobody to give it up to
		server.Up(t)
	}
	s, j := l.open(t, url)
	n := l.check(t, s)
	t.Logf("%d changes acknowledged, %d there", len(l.acked), n)
	if err := errors.Join(l.change(j), j.Close(), s.Close()); err != nil {
		t.Error(err)
	}
	if len(l.acked) < 10*kills {
		t.Errorf("only %d changes in %d kills: the rig does not load the server", len(l.acked), kills)
	}
}

// TestRigPostgresCommitCut cuts the connection in the middle of a commit, under load: before the server hears of it, after it
// did it, and so that it hears of it later than the caller of the cut. What is acknowledged is there, what is refused is not
// and never will be, and nothing is there twice. NARTHEX_RIG=long cuts five hundred times each way.
func TestRigPostgresCommitCut(t *testing.T) {
	draw, long := storetest.Rig(t)
	most := 10
	if long {
		most = 500
	}
	server := pgtest.Start(t)
	var mu sync.Mutex // guards draw and cuts
	cuts := map[pgtest.Fate]int{}
	armed := false
	proxy := server.Proxy(t, func(m pgtest.Message) pgtest.Fate {
		mu.Lock()
		defer mu.Unlock()
		fate := pgtest.Fate(draw.IntN(8))
		if !armed || !m.IsCommit() || fate > pgtest.Late {
			return pgtest.Pass
		}
		cuts[fate]++
		return fate
	})
	l := newLoad(t)
	s, j := l.open(t, proxy.Through(server.Database(t)))
	arm := func(on bool) { mu.Lock(); armed = on; mu.Unlock() }
	enough := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return min(cuts[pgtest.Before], cuts[pgtest.After], cuts[pgtest.Late]) >= most
	}
	refused := 0
	for round := 0; !enough(); round++ {
		arm(true)
		var wg sync.WaitGroup
		for range changers {
			wg.Go(func() {
				for range 5 {
					if err := l.change(j); err != nil {
						if !narthex.IsKind(err, narthex.Unavailable) {
							t.Errorf("it said %v", err)
						}
						l.mu.Lock()
						refused++
						l.mu.Unlock()
					}
				}
			})
		}
		wg.Wait()
		arm(false)
		if n := l.check(t, s); n != len(l.acked) {
			t.Fatalf("round %d: %d changes were acknowledged and %d are there", round, len(l.acked), n)
		}
	}
	t.Logf("%d changes acknowledged and %d refused; commits cut: %d before the server, %d after it, %d late", len(l.acked), refused, cuts[pgtest.Before], cuts[pgtest.After], cuts[pgtest.Late])
	if refused == 0 {
		t.Error("no change was refused: nothing was cut before the server")
	}
	if err := errors.Join(l.change(j), j.Close(), s.Close()); err != nil {
		t.Error(err)
	}
}
