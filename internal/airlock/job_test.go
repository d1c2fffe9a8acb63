package airlock_test

import (
	"testing"

	"narthex"
	"narthex/internal/airlock"
)

// TestTheEndOfAJobTellsAtMostWhatTheHorizonCounts: 160 bits, also of the longest job with the most outputs, of a study whose every byte is
// a line.
func TestTheEndOfAJobTellsAtMostWhatTheHorizonCounts(t *testing.T) {
	const lines = 16<<20 + 200 // of a study: its bytes, and one of each file
	longest := narthex.Plan{WallMinutes: 10_080, CPUMinutes: 10_080 * 256, Outputs: make([]narthex.Output, 20)}
	if all := airlock.OutcomeBytes(longest, lines); all*8 > 160 || all < 16 {
		t.Errorf("it tells %d bytes", all)
	}
	shortest := narthex.Plan{WallMinutes: 1, CPUMinutes: 1, Outputs: make([]narthex.Output, 1)}
	if one := airlock.OutcomeBytes(shortest, 1); one*8 < 16+3+16+1+1+3 {
		t.Errorf("the shortest tells %d bytes", one)
	}
}
