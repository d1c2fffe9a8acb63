package inspect

import (
	"math/rand/v2"
	"slices"
	"testing"

	"narthex/internal/disclosure"
)

// TestALookIsBoundedByWhatItIsOf counts the bytes of all pieces that a look goes through, for files that a search made worse and worse:
// parts of what costs most, one after the other.
func TestALookIsBoundedByWhatItIsOf(t *testing.T) {
	const most = 16 // bytes that are gone through for each of the file, besides what every file may unfold into
	r := rand.New(rand.NewPCG(9, 9))
	parts := [][]byte{[]byte("'a' 'b' 'c' "), []byte("\\x41\\x42%43=44&#69;"), []byte("0x41, 0x42, "), []byte("01000001 01000010 "), []byte("65 66 67 "), []byte("!!!!z#5>A"), []byte("\n"), []byte("| 4a | 5b |\n"), []byte("0.41 0.42 ")}
	for _, f := range inputs() {
		parts = append(parts, f.Bytes[:4000], reversed(f.Bytes[:4000]), rot47(f.Bytes[:4000]), rot13(f.Bytes[:4000]))
	}
	work := func(b []byte) (sum int) {
		l := &look{Inspector: New(Held{})}
		l.file("a", len(b), roots(File{Name: "a", Kind: disclosure.Text, Bytes: b}))
		for _, p := range l.queue {
			sum += len(p.bytes)
		}
		return sum
	}
	var worst []byte
	largest := 0
	for range 60 {
		b := slices.Clone(worst)
		for len(b) < 100_000 {
			part := parts[r.IntN(len(parts))]
			for range 1 + r.IntN(20_000/len(part)) {
				b = append(b, part...)
			}
		}
		at := r.IntN(len(b) / 2)
		b = b[at:min(len(b), at+100_000)]
		n := work(b)
		if n > largest {
			largest, worst = n, b[:len(b)/2]
		}
		if n > most*len(b)+least {
			t.Fatalf("%d bytes of pieces for a file of %d", n, len(b))
		}
	}
	t.Logf("at most %d bytes of pieces for a file of 100,000", largest)
}
