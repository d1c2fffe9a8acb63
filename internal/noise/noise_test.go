package noise_test

import (
	"bytes"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"testing"
	"testing/iotest"

	"narthex"
	"narthex/internal/noise"
)

func seeded(seed byte) io.Reader { return rand.NewChaCha8([32]byte{seed}) }

// TestTheNoiseIsThatOfItsDistribution compares how often each value comes with how often it should, by chi-squared over the values that
// are expected at least twenty times; the seeds are fixed, and a wrong scale, sign or centre is far outside.
func TestTheNoiseIsThatOfItsDistribution(t *testing.T) {
	for n, c := range []struct {
		sensitivity int64
		epsilon     noise.Epsilon
	}{{1, noise.Unit}, {1, noise.Unit / 10}, {1, 3 * noise.Unit}, {7, noise.Unit}, {100, noise.Unit / 2}, {3, 333_333}} {
		const draws = 40_000
		source, seen, far := seeded(byte(n)), map[int64]float64{}, 0.0
		for range draws {
			y, err := noise.Laplace(source, c.sensitivity, c.epsilon)
			if err != nil {
				t.Fatal(err)
			}
			seen[y]++
			far += math.Abs(float64(y)) / draws
		}
		p := math.Exp(-float64(c.epsilon) / float64(noise.Unit) / float64(c.sensitivity))
		chi, freedom := 0.0, -1.0
		for y := int64(-20_000); y <= 20_000; y++ {
			expected := draws * (1 - p) / (1 + p) * math.Pow(p, math.Abs(float64(y)))
			if expected >= 20 {
				chi, freedom = chi+(seen[y]-expected)*(seen[y]-expected)/expected, freedom+1
			}
		}
		if chi > freedom+5*math.Sqrt(2*freedom)+10 {
			t.Errorf("sensitivity %d, ε %d: chi-squared is %.0f with %.0f degrees of freedom", c.sensitivity, c.epsilon, chi, freedom)
		}
		if spread := noise.Spread(p); math.Abs(far-spread) > 0.05*spread {
			t.Errorf("sensitivity %d, ε %d: it is %.3f away from nothing in the mean, want %.3f", c.sensitivity, c.epsilon, far, spread)
		}
	}
}

func TestNoNoiseWithoutBoundsOrRandomBytes(t *testing.T) {
	for _, c := range []struct {
		sensitivity int64
		epsilon     noise.Epsilon
		field       string
	}{{0, noise.Unit, "sensitivity"}, {-1, noise.Unit, "sensitivity"}, {noise.MostSensitivity + 1, noise.Unit, "sensitivity"}, {1, 0, "epsilon"}, {1, -1, "epsilon"}, {1, noise.MostEpsilon + 1, "epsilon"}} {
		if _, err := noise.Laplace(seeded(1), c.sensitivity, c.epsilon); !narthex.IsKind(err, narthex.Invalid) || narthex.AsError(err).Param != c.field {
			t.Errorf("sensitivity %d, ε %d: %v", c.sensitivity, c.epsilon, err)
		}
	}
	broken := errors.New("broken")
	for n := range 64 {
		source := io.MultiReader(io.LimitReader(seeded(2), int64(n)), iotest.ErrReader(broken))
		y, err := noise.Laplace(source, 1000, 1)
		if n < 24 && !errors.Is(err, broken) || err != nil && y != 0 {
			t.Errorf("after %d bytes the source breaks, and it gives %d, %v", n, y, err)
		}
	}
	if _, err := noise.Laplace(bytes.NewReader(nil), 1, noise.Unit); err == nil {
		t.Error("an empty source gives noise")
	}
}
