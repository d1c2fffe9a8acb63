package ledger

import (
	"time"
)

// Stands says whether the entry is in the log that the checkpoint signed, under the log's key, and says what its opening says. It
// gives the checkpoint and the entry's time. The error is a *TamperError where the entry or the checkpoint is at fault.
func (e ProvenEntry) Stands(checkpoint, verifierKey string) (Checkpoint, time.Time, error) {
	signed, err := OpenCheckpoint(checkpoint, verifierKey)
	if err != nil {
		return Checkpoint{}, time.Time{}, &TamperError{-1, "the checkpoint is not signed by the given key, or was changed"}
	}
	record, err := e.check(signed)
	if err != nil {
		return Checkpoint{}, time.Time{}, &TamperError{int64(e.Index), err.Error()}
	}
	return signed, record.Time(), nil
}
