package journal_test

import (
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/sys/unix"

	"narthex"
	"narthex/internal/journal"
	"narthex/internal/store"
	"narthex/internal/store/postgres"
	"narthex/internal/store/sqlite"
	"narthex/internal/testenv/pgtest"
	"narthex/ledger"
)

func signer(t testing.TB) note.Signer {
	t.Helper()
	key, _, err := ledger.NewKey(rand.Reader, "lab.example/ledger")
	if err != nil {
		t.Fatal(err)
	}
	s, err := note.NewSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func inception(tx *journal.Tx) error {
	var fields []narthex.Field
	for _, name := range narthex.EntryInception.Fields() {
		fields = append(fields, narthex.TextField(name, "x"))
	}
	_, err := tx.Append(narthex.EntryInception, fields...)
	return err
}

// read appends a small entry of use.
func read(tx *journal.Tx) error {
	_, err := tx.Append(narthex.EntryCallRead, narthex.TextField("grant", "grt_aaaaaaaaaaaaaaaaaaaaaaaaaa"), narthex.TextField("key", "key_aaaaaaaaaaaaaaaaaaaaaaaaaa"), narthex.TextField("what", "models"))
	return err
}

// BenchmarkAppend measures durable appends, with tree, signature and commit, at so many writers. Beside it stand the two yardsticks
// on the same disk: plain/s are rows of the same size that are only committed in groups, without tree and signature, and syncs/s is
// one write of 4 KiB and one fdatasync each, by one writer.
func BenchmarkAppend(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) {
		benchmarkAppend(b, func(dir string) (store.Store, error) { return sqlite.Open(b.Context(), dir) })
	})
	b.Run("postgres", func(b *testing.B) {
		server := pgtest.Start(b)
		benchmarkAppend(b, func(string) (store.Store, error) { return postgres.Open(b.Context(), server.Database(b)) })
	})
}

func benchmarkAppend(b *testing.B, open func(dir string) (store.Store, error)) {
	for _, writers := range []int{1, 16, 64, 256, 1024} {
		b.Run(fmt.Sprint(writers), func(b *testing.B) {
			dir := b.TempDir()
			s, err := open(dir)
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			j, err := journal.Open(b.Context(), s, journal.Config{Clock: time.Now, Random: rand.Reader, Signer: signer(b)})
			if err != nil {
				b.Fatal(err)
			}
			defer j.Close()
			if err := j.Update(b.Context(), inception); err != nil {
				b.Fatal(err)
			}
			began, n := time.Now(), 0
			for b.Loop() {
				n += together(b, writers, func() error { return j.Update(context.Background(), read) })
			}
			appends := float64(n) / time.Since(began).Seconds()
			plain := plainly(b, s, writers, n)
			b.ReportMetric(appends, "appends/s")
			b.ReportMetric(plain, "plain/s")
			b.ReportMetric(appends/plain, "of-plain")
			b.ReportMetric(syncs(b, dir), "syncs/s")
		})
	}
}

// BenchmarkProof makes proofs of random entries in the ledger of a million that a store holds, as a receipt needs them.
func BenchmarkProof(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) {
		s, err := sqlite.Open(b.Context(), b.TempDir())
		benchmarkProof(b, s, err)
	})
	b.Run("postgres", func(b *testing.B) {
		// The heartbeat is patient, so that a machine on which much else runs gives figures too.
		s, err := postgres.Open(b.Context(), pgtest.Start(b).Database(b), postgres.Heartbeat(10*time.Second, 10*time.Second))
		benchmarkProof(b, s, err)
	})
}

func benchmarkProof(b *testing.B, s store.Store, err error) {
	const size, batch = 1_000_000, 4000
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	j, err := journal.Open(b.Context(), s, journal.Config{Clock: time.Now, Random: rand.Reader, Signer: signer(b)})
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	if err := j.Update(b.Context(), inception); err != nil {
		b.Fatal(err)
	}
	for range size / batch {
		err := j.Update(b.Context(), func(tx *journal.Tx) error {
			for range batch {
				if err := read(tx); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	draw, began := mathrand.New(mathrand.NewPCG(1, 1)), spent(b)
	for b.Loop() {
		err := j.View(b.Context(), func(tx *journal.Tx) error {
			_, err := ledger.Prove(journal.Tiles{Reader: tx.Reader()}, draw.Uint64N(size), size)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((spent(b)-began).Microseconds())/float64(b.N), "cpu-us/op")
}

// spent is the processor time that the process has taken, which a machine that is busy with other things does not change.
func spent(b *testing.B) time.Duration {
	b.Helper()
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// together lets so many writers write eight times each.
func together(b *testing.B, writers int, write func() error) int {
	b.Helper()
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range 8 {
				if err := write(); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	return 8 * writers
}

// plainly commits n rows of an entry's size in groups, as many at a time as wait, by the same driver, and gives how many a second.
func plainly(b *testing.B, s store.Store, writers, n int) float64 {
	b.Helper()
	row := make([]byte, 42+210) // a record, and the opening of a small entry
	waiting, ended := make(chan chan error, 1024), make(chan struct{})
	next := 0
	go func() {
		defer close(ended)
		for first := range waiting {
			group := []chan error{first}
			for grown := true; grown; { // as the journal gathers
				grown = false
				for range 4 {
					runtime.Gosched()
					for len(waiting) > 0 {
						group, grown = append(group, <-waiting), true
					}
				}
			}
			err := s.Update(context.Background(), func(tx store.Tx) error {
				for i := range group {
					if err := tx.Put(store.Meta, fmt.Sprintf("plain/%09d", next+i), row); err != nil {
						return err
					}
				}
				return nil
			})
			next += len(group)
			for _, done := range group {
				done <- err
			}
		}
	}()
	began, wrote := time.Now(), 0
	for wrote < n {
		wrote += together(b, writers, func() error {
			done := make(chan error, 1)
			waiting <- done
			return <-done
		})
	}
	took := time.Since(began).Seconds()
	close(waiting)
	<-ended
	return float64(wrote) / took
}

func syncs(b *testing.B, dir string) float64 {
	b.Helper()
	file, err := os.Create(filepath.Join(dir, "sync"))
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	page := make([]byte, 4096)
	began := time.Now()
	for range 500 {
		if _, err := file.Write(page); err != nil {
			b.Fatal(err)
		}
		if err := unix.Fdatasync(int(file.Fd())); err != nil {
			b.Fatal(err)
		}
	}
	return 500 / time.Since(began).Seconds()
}
