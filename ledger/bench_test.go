package ledger_test

import (
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"narthex"
	"narthex/ledger"
)

// BenchmarkSeal seals an intent, the longest entry: eleven leaves.
func BenchmarkSeal(b *testing.B) {
	e := entryOf(narthex.EntryCallIntent, 1)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := ledger.Seal(e, [32]byte{1}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAppend grows a tree in batches of 64, as commits do, with its tiles; an operation is one record.
func BenchmarkAppend(b *testing.B) {
	records := recordsFrom(0, 64)
	tree := &ledger.Tree{}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%64 == 0 {
			tree.Append(records...)
		}
	}
}

// BenchmarkAppendAlone grows a tree by one record at a time.
func BenchmarkAppendAlone(b *testing.B) {
	record := recordsFrom(0, 1)[0]
	tree := &ledger.Tree{}
	b.ReportAllocs()
	for b.Loop() {
		tree.Append(record)
	}
}

// BenchmarkRoot takes the root of a tree with its edges full: once a commit.
func BenchmarkRoot(b *testing.B) {
	tree := &ledger.Tree{}
	tree.Append(recordsFrom(0, 65535)...)
	for b.Loop() {
		tree.Root()
	}
}

// BenchmarkProve makes proofs of random entries among a million, and checks them. The tiles are in memory: what a store takes
// beside it BenchmarkProof of the journal shows.
func BenchmarkProve(b *testing.B) {
	const size = 1_000_000
	tiles, tree, records := tileRows{}, &ledger.Tree{}, recordsFrom(0, 256)
	for tree.Size() < size {
		tiles.put(tree.Append(records[:min(256, size-tree.Size())]...))
	}
	root, draw := tree.Root(), rand.New(rand.NewPCG(1, 1))
	b.ReportAllocs()
	for b.Loop() {
		index := draw.Uint64N(size)
		proof, err := ledger.Prove(tiles, index, size)
		if err != nil {
			b.Fatal(err)
		}
		if err := ledger.CheckInclusion(records[index%256], index, size, root, proof); err != nil {
			b.Fatal(err)
		}
	}
}

// spent is the processor time that the process has taken, which a machine that is busy with other things does not change.
func spent(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkVerify verifies the export of a log of ten thousand calls, with openings and of records alone, and the same log as it is
// published.
func BenchmarkVerify(b *testing.B) {
	s := long(b, 20_000)
	verify := func(name string, size int, check func() error) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			began := spent(b)
			for b.Loop() {
				if err := check(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*len(s.records))/b.Elapsed().Seconds(), "entries/s")
			b.ReportMetric(float64(b.N*len(s.records))/(spent(b)-began).Seconds(), "entries/cpu-s")
		})
	}
	export, key := s.export(b)
	verify("openings", len(export), func() error {
		_, err := ledger.Verify(strings.NewReader(export), key)
		return err
	})
	bare, _ := sealed{s.records, make([]*ledger.Opening, len(s.records))}.export(b)
	verify("records", len(bare), func() error {
		_, err := ledger.Verify(strings.NewReader(bare), key)
		return err
	})
	published, key := s.publish(b)
	size := 0
	for _, data := range published {
		size += len(data)
	}
	verify("published", size, func() error {
		_, err := ledger.VerifyLog(published.source, key)
		return err
	})
}
