package airlock_test

import (
	"testing"

	"narthex/internal/airlock"
)

// TestTheEndOfAJobTellsAtMostWhatTheHorizonCounts: 64 bits, also of a study whose every byte is a line.
func TestTheEndOfAJobTellsAtMostWhatTheHorizonCounts(t *testing.T) {
	const most = 16<<20 + 200 // lines of a study: its bytes, and one of each file
	if one, all := airlock.OutcomeBytes(0), airlock.OutcomeBytes(most); one != 4 || all != 7 || all*8 > 64 {
		t.Errorf("it tells %d bytes without a line and %d with all", one, all)
	}
}
