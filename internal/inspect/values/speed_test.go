package values_test

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"

	look "narthex/internal/inspect/values"
)

// BenchmarkWeights looks through one megabyte of each kind for three checkpoints, of 1.35 million values each; BenchmarkTables and
// BenchmarkDigest are beside it.
func BenchmarkWeights(b *testing.B) {
	held := everyCheckpoint(b)
	for name, files := range megabyte(b) {
		b.Run(name, func(b *testing.B) {
			each(b, files, func() { look.Weigh(files, held) })
		})
		b.Run(name+", nothing held", func(b *testing.B) {
			each(b, files, func() { look.Weigh(files, nil) })
		})
	}
}

func BenchmarkTables(b *testing.B) {
	for name, files := range megabyte(b) {
		b.Run(name, func(b *testing.B) {
			each(b, files, func() {
				look.Tables(files, look.Thresholds{})
				look.Differences(files, []look.Package{{Files: files}}, look.Thresholds{})
			})
		})
	}
}

func BenchmarkDigest(b *testing.B) {
	for name, files := range megabyte(b) {
		b.Run(name, func(b *testing.B) {
			each(b, files, func() {
				for _, f := range files {
					sha256.Sum256(f.Bytes)
				}
			})
		})
	}
}

// each runs a look and reports its rate by the processor's time, which others on the machine do not change.
func each(b *testing.B, files []look.File, look func()) {
	b.SetBytes(size(files))
	used := func() float64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return float64(u.Utime.Sec) + float64(u.Utime.Usec)/1e6
	}
	before := used()
	for b.Loop() {
		look()
	}
	b.ReportMetric(float64(size(files))*float64(b.N)/1e6/(used()-before), "MB/cpu-s")
}

func size(files []look.File) (n int64) {
	for _, f := range files {
		n += int64(len(f.Bytes))
	}
	return n
}

// megabyte gives about so much text, tables, numbers, bytes and numbers that are hard to tell apart.
func megabyte(b *testing.B) map[string][]look.File {
	r := rand.New(rand.NewPCG(51, 52))
	var prose, numbers, near, table, rows strings.Builder
	for prose.Len() < 1_000_000 {
		fmt.Fprintf(&prose, "In run %d the loss of the second head fell from %.3f to %.3f, and nothing else of note was seen in it.\n", r.IntN(100), r.Float64(), r.Float64())
	}
	for numbers.Len() < 950_000 {
		fmt.Fprintf(&numbers, "%.4g\n", r.NormFloat64())
	}
	for i := 0; near.Len() < 950_000; i++ {
		fmt.Fprintf(&near, "%d %.2f\n", i%13, r.NormFloat64())
	}
	table.WriteString("region,layer,n,share,value,note\n")
	for i := 0; i < 5000; i++ {
		fmt.Fprintf(&table, "region %d,%d,%d,%.3f,%v,a longer note that says what was seen there in this run and why\n", r.IntN(300), i%4, 5*r.IntN(1000), r.Float64(), r.NormFloat64())
	}
	rows.WriteString("a,b,c,d,e,f\n")
	for range 5000 {
		fmt.Fprintf(&rows, "%v,%v,%v,%v,%v,%v\n", r.NormFloat64(), r.NormFloat64(), r.NormFloat64(), r.NormFloat64(), r.NormFloat64(), r.NormFloat64())
	}
	noise, floats := make([]byte, 1_000_000), []byte{0xff}
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	for len(floats) < 1_000_000 {
		bits := toHalf(r.NormFloat64())
		floats = append(floats, byte(bits), byte(bits>>8))
	}
	return map[string][]look.File{
		"prose":        {{Name: "a.txt", Kind: "text", Bytes: []byte(prose.String())}},
		"numbers":      {formed(b, "a.txt", numbers.String())},
		"near numbers": {formed(b, "a.txt", near.String())},
		"a table":      {formed(b, "a.csv", table.String())},
		"six columns":  {formed(b, "a.csv", rows.String())},
		"noise":        {{Name: "a.bin", Bytes: noise}},
		"floats":       {{Name: "a.bin", Bytes: floats}},
	}
}
