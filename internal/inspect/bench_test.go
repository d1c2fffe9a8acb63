package inspect

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"

	"narthex/internal/disclosure"
)

// inputs are files of a million bytes: a report, a table, and the worst that was found.
func inputs() map[string]File {
	r := rand.New(rand.NewPCG(1, 1))
	var prose, table strings.Builder
	sentences := []string{
		"The largest singular value of the layer is %.4g, which is larger than the median.",
		"Removing the direction lowers the loss by %.4g nats on held-out text, and raises it on the rest.",
		"We find no evidence for a second trigger; the spectrum decays as a power law with exponent %.3f.",
		"Attention heads in the middle blocks attend to the previous token with weight %.2f on average.",
	}
	for prose.Len() < 1_000_000-200 {
		fmt.Fprintf(&prose, sentences[r.IntN(len(sentences))], r.Float64()*10)
		prose.WriteString([]string{" ", "\n", " "}[r.IntN(3)])
	}
	table.WriteString("step,layer,loss,accuracy,norm\n")
	for n := 0; table.Len() < 1_000_000-200; n++ {
		fmt.Fprintf(&table, "%d,blocks.%d.mlp.weight,%.4g,%.4g,%.4g\n", n, r.IntN(24), r.ExpFloat64(), r.Float64(), r.NormFloat64())
	}
	noise := make([]byte, 740_000)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	var lists strings.Builder
	for lists.Len() < 1_000_000-8 {
		fmt.Fprintf(&lists, "%d ", r.IntN(256))
	}
	return map[string]File{
		"text":    {Name: "a.txt", Kind: disclosure.Text, Bytes: []byte(prose.String())},
		"table":   {Name: "a.csv", Kind: disclosure.CSV, Bytes: []byte(table.String())},
		"base64":  {Name: "b.txt", Kind: disclosure.Text, Bytes: []byte(base64.StdEncoding.EncodeToString(noise) + "\n")},
		"numbers": {Name: "c.txt", Kind: disclosure.Text, Bytes: []byte(lists.String() + "\n")},
	}
}

// used is the time of processors that the process used, in seconds, which others on the machine do not change.
func used(b *testing.B) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}

func BenchmarkChecks(b *testing.B) {
	in := New(Held{Canaries: []string{"canary 7d1f-09ac-55e2-b3c8"}, Texts: []Text{{Name: "book", Bytes: inputs()["text"].Bytes[:1000]}}})
	in.prints = newPrints([]Text{{Name: "book", Bytes: []byte(strings.Repeat("An unrelated text of the lab about quite other matters. ", 3))}})
	for name, f := range inputs() {
		p := piece{file: f.Name, bytes: f.Bytes, kind: f.Kind}
		l := &look{Inspector: in}
		for _, check := range []struct {
			name string
			run  func()
		}{
			{"sha256", func() { sha256.Sum256(f.Bytes) }},
			{"secrets", func() { l.secrets(p) }},
			{"personal", func() { l.personal(p) }},
			{"canaries and protected", func() { l.needles(p) }},
			{"hidden", func() { l.hidden(p) }},
			{"active", func() { l.active(p) }},
			{"odd words", func() { readOdd(p.bytes) }},
			{"numbers", func() { numbersOf(nil, p.bytes) }},
			{"arranged", func() { roots(f) }},
			{"whole", func() { in.Look([]File{f}) }},
		} {
			b.Run(name+"/"+check.name, func(b *testing.B) {
				b.SetBytes(int64(len(f.Bytes)))
				before := used(b)
				for b.Loop() {
					check.run()
					l.found = nil
				}
				b.ReportMetric(float64(len(f.Bytes))*float64(b.N)/1e6/(used(b)-before), "MB/cpu-s")
			})
		}
	}
}
