package journal

import (
	"context"
	"strconv"
	"time"

	"narthex"
	"narthex/ledger"
)

// Last is the last entry that a change appended, once its Update has returned nil.
type Last struct {
	Type  narthex.EntryType // empty where nothing was appended
	Index uint64
	Leaf  ledger.Hash
	At    time.Time
}

type lastKey struct{}

// WithLast asks every Update under the context to say in the given place which entry it appended last.
func WithLast(ctx context.Context, last *Last) context.Context {
	return context.WithValue(ctx, lastKey{}, last)
}

// after runs the change and notes what it appended.
func (l *Last) after(tx *Tx, change func(*Tx) error) error {
	*l = Last{}
	before := len(tx.batch.records)
	if err := change(tx); err != nil {
		return err
	}
	if n := len(tx.batch.records); n > before {
		*l = Last{tx.batch.openings[n-1].Type, tx.batch.first + uint64(n-1), tx.batch.records[n-1].Leaf(), tx.now}
	}
	return nil
}

// Promise gives the signed promise about an entry, as the header Narthex-Receipt has it.
func (j *Journal) Promise(l Last) (string, error) {
	id := "entry_" + strconv.FormatUint(l.Index, 10)
	if l.Type == narthex.EntryCallIntent {
		id = string(narthex.MakeCallID(l.Index))
	}
	return ledger.NewPromise(id, l.Leaf, j.config.Signer.Name(), l.At).Sign(j.config.Signer)
}

// Sign signs a message with the ledger's key.
func (j *Journal) Sign(message []byte) ([]byte, error) { return j.config.Signer.Sign(message) }
