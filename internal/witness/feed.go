package witness

import (
	"context"
	"errors"

	"narthex"
	"narthex/ledger"
)

// Feed shows a witness the latest checkpoint of a published log, with the proof that it grew, and gives the checkpoint with the
// witness's cosignature. Anyone may do it, for the log's signature is on what is shown. A witness that has signed a tree which
// this one does not begin with is a Conflict: one of the two histories was made up.
func Feed(ctx context.Context, remote *Remote, log ledger.Source) (string, error) {
	text, err := log("checkpoint")
	if err != nil {
		return "", narthex.Unavailablef("The ledger's checkpoint cannot be read; check the address.").Because(err)
	}
	checkpoint := string(text)
	stated, err := ledger.ParseCheckpoint(checkpoint)
	if err != nil {
		return "", narthex.Invalidf("What stands there is no ledger's checkpoint. Name the address that ends in /ledger.").Because(err)
	}
	line, err := remote.Cosign(ctx, 0, nil, checkpoint)
	stale := new(StaleError)
	if !errors.As(err, &stale) {
		return fed(checkpoint, line, err)
	}
	if stale.Size > stated.Size {
		return "", narthex.Conflictf("The witness has signed a tree of %d entries, and the ledger shows %d: it was cut, or this is an old copy. Keep both.", stale.Size, stated.Size)
	}
	var proof []ledger.Hash
	if stale.Size < stated.Size {
		if proof, err = ledger.ProveConsistency(ledger.Published{Source: log, Size: stated.Size}, stale.Size, stated.Size); err != nil {
			return "", narthex.Unavailablef("The ledger's tiles do not give the proof that it grew; try again, or check the ledger: `narthex ledger verify`.").Because(err)
		}
	}
	line, err = remote.Cosign(ctx, stale.Size, proof, checkpoint)
	if err != nil {
		return "", narthex.Conflictf("The witness has signed a tree of %d entries that this ledger does not begin with, or it refuses the ledger. One of two histories was made up: keep this checkpoint, and ask the witness for its own.", stale.Size).Because(err)
	}
	return fed(checkpoint, line, nil)
}

func fed(checkpoint, line string, err error) (string, error) {
	if err != nil {
		return "", narthex.Unavailablef("The witness did not sign. It may not know the ledger's key (narthex witness serve --log), or not be there.").Because(err)
	}
	return checkpoint + line, nil
}
