// Package noise draws the noise of differentially private counts: the discrete Laplace distribution, exactly, in whole numbers.
//
// A count to which [Laplace] noise of scale sensitivity/ε was added is ε-differentially private where one person changes it by at most
// the sensitivity. Nothing here is a float, so the low bits of an answer tell nothing of the count, as they do where a float's logarithm
// is rounded. What several answers tell together is at most the sum of their ε; whoever answers keeps that account.
//
// The method is that of Canonne, Kamath and Steinke, "The Discrete Gaussian for Differential Privacy" (2020), algorithms 1 and 2. How
// long a draw takes depends on what is drawn: whoever answers over a network pads it. The package trusts its source of random bytes, and
// gives back that source's errors; there is no answer then.
package noise

import (
	"encoding/binary"
	"io"
	"math/bits"

	"narthex"
)

// Epsilon is a bound of privacy loss in millionths. Above zero it is a bound; the zero Epsilon is refused.
type Epsilon int64

// Unit is an ε of one.
const Unit Epsilon = 1_000_000

// Bounds of what may be drawn.
const (
	MostEpsilon     = 100 * Unit
	MostSensitivity = 1 << 30
)

// Laplace draws from the discrete Laplace distribution of scale sensitivity/ε: y comes with a probability in proportion to
// exp(-|y|·ε/sensitivity). Source gives uniform bytes; crypto/rand.Reader is meant.
func Laplace(source io.Reader, sensitivity int64, epsilon Epsilon) (int64, error) {
	if sensitivity < 1 || sensitivity > MostSensitivity {
		return 0, narthex.Invalidf("What one person can change is 1 to %d.", MostSensitivity).For("sensitivity")
	}
	if epsilon < 1 || epsilon > MostEpsilon {
		return 0, narthex.Invalidf("ε is above zero and at most %d, in steps of a millionth.", MostEpsilon/Unit).For("epsilon")
	}
	d := drawer{source: source}
	y := d.laplace(uint64(sensitivity)*uint64(Unit), uint64(epsilon))
	if d.err != nil {
		return 0, d.err
	}
	return y, nil
}

// laplace draws at scale t/s.
func (d *drawer) laplace(t, s uint64) int64 {
	for d.err == nil {
		u := d.below(t)
		if !d.exp(u, t) {
			continue
		}
		v := uint64(0)
		for d.exp(1, 1) {
			v++
		}
		y := int64((u + t*v) / s)
		if negative := d.below(2) == 1; !negative {
			return y
		} else if y != 0 {
			return -y
		}
	}
	return 0
}

// Spread gives the mean distance of the noise from nothing: 2p/(1-p²), where p is exp(-ε/sensitivity).
func Spread(p float64) float64 { return 2 * p / (1 - p*p) }

// drawer draws until its source fails; what it draws then counts for nothing.
type drawer struct {
	source io.Reader
	err    error
}

// below draws from 0 to n-1, each as likely; n is above zero.
func (d *drawer) below(n uint64) uint64 {
	for d.err == nil {
		var raw [8]byte
		if _, d.err = io.ReadFull(d.source, raw[:]); d.err != nil {
			return 0
		}
		// The high word of a product is uniform where the low one is not among the first 2^64 mod n.
		high, low := bits.Mul64(binary.BigEndian.Uint64(raw[:]), n)
		if low >= -n%n {
			return high
		}
	}
	return 0
}

// exp is true with probability exp(-num/den); num is at most den, and den at most MostSensitivity·Unit, so that den·k stays below 2^64
// for every k that is ever reached: the chance of one beyond 2^13 is below 1/(2^13)!.
func (d *drawer) exp(num, den uint64) bool {
	k := uint64(1)
	for d.err == nil && d.below(den*k) < num {
		k++
	}
	return d.err == nil && k%2 == 1
}
