package witness

import (
	"context"
	"errors"
	"time"

	"narthex"
	"narthex/ledger"
)

// Feed shows a witness the latest checkpoint of a published log, with the proof that it grew, and gives the checkpoint with the
// witness's cosignature. Anyone may do it, for the log's signature is on what is shown. A witness that has signed a tree which
// this one does not begin with is a Conflict: one of the two histories was made up.
func Feed(ctx context.Context, remote *Remote, log ledger.Source) (string, error) {
	for tried := 1; ; tried++ {
		signed, err := feed(ctx, remote, log)
		// A lab shows a tree to its witnesses before it publishes it, so for a moment the witness may know more.
		if !errors.As(err, new(ahead)) || tried == mostFeeds {
			return signed, err
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(feedPause):
		}
	}
}

const (
	mostFeeds = 5
	feedPause = 500 * time.Millisecond // with mostFeeds, as long as a lab may take to publish
)

// ahead is the Conflict of a witness that has signed a larger tree than the log shows.
type ahead struct{ error }

func (a ahead) Unwrap() error { return a.error }

func isAhead(signed, shown uint64) error {
	return ahead{narthex.Conflictf("The witness has signed a tree of %d entries, and the ledger shows %d: it was cut, or this is an old copy. Keep both.", signed, shown)}
}

func feed(ctx context.Context, remote *Remote, log ledger.Source) (string, error) {
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
	older := stale.Size
	if older > stated.Size {
		return "", isAhead(older, stated.Size)
	}
	var proof []ledger.Hash
	if older < stated.Size {
		if proof, err = ledger.ProveConsistency(ledger.Published{Source: log, Size: stated.Size}, older, stated.Size); err != nil {
			return "", narthex.Unavailablef("The ledger's tiles do not give the proof that it grew; try again, or check the ledger: `narthex ledger verify`.").Because(err)
		}
	}
	line, err = remote.Cosign(ctx, older, proof, checkpoint)
	if errors.As(err, &stale) && stale.Size > older {
		return "", isAhead(stale.Size, stated.Size) // somebody else fed it meanwhile
	}
	if err != nil {
		return "", narthex.Conflictf("The witness has signed a tree of %d entries that this ledger does not begin with, or it refuses the ledger. One of two histories was made up: keep this checkpoint, and ask the witness for its own.", older).Because(err)
	}
	return fed(checkpoint, line, nil)
}

func fed(checkpoint, line string, err error) (string, error) {
	if err != nil {
		return "", narthex.Unavailablef("The witness did not sign. It may not know the ledger's key (narthex witness serve --log), or not be there.").Because(err)
	}
	return checkpoint + line, nil
}
