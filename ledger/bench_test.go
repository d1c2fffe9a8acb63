package ledger_test

import (
	"strings"
	"testing"

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

// BenchmarkVerify verifies a log of ten thousand calls.
func BenchmarkVerify(b *testing.B) {
	const calls = 10_000
	export, key := told(b, func(e []narthex.Entry) []narthex.Entry {
		return append(e[:activated+1], callsFrom(activated+1, calls)...)
	})
	b.SetBytes(int64(len(export)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ledger.Verify(strings.NewReader(export), key); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*(2*calls+activated+1))/b.Elapsed().Seconds(), "entries/s")
}
