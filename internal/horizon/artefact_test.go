package horizon_test

import (
	"testing"

	"narthex"
	"narthex/internal/horizon"
)

// TestArtefactsAreCountedWhereBytesAreSummed: what leaves as artefacts has bytes of its own, beside those of other releases, also where the
// grant has ended; without a bound they are without a bound.
func TestArtefactsAreCountedWhereBytesAreSummed(t *testing.T) {
	known := taxonomy(t)
	release, artefacts := term("output.release", limits{"bytes_out": 1000}), term("output.artefact.model", limits{"bytes_out": 300})
	for what, c := range map[string]struct {
		terms []narthex.Term
		spent horizon.Spent
		want  uint64
	}{
		"releases alone":   {[]narthex.Term{release}, nil, 1000},
		"artefacts alone":  {[]narthex.Term{artefacts}, nil, 300},
		"both":             {[]narthex.Term{release, artefacts}, nil, 1300},
		"both, and ended":  {[]narthex.Term{release, artefacts}, func(narthex.AttributeName, narthex.LimitName) int64 { return 7 }, 14},
		"without a budget": {[]narthex.Term{term("output.artefact.model", nil)}, nil, horizon.Unbounded},
	} {
		if got := horizon.Carries(weights(), known, c.terms, 90, c.spent); got != c.want {
			t.Errorf("%s: %d bytes may leave, and it counts %d", what, c.want, got)
		}
	}
}
