package server

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"

	"narthex"
	"narthex/internal/book"
	"narthex/internal/gateway"
	"narthex/internal/journal"
	"narthex/internal/openlog"
	"narthex/internal/store"
)

// Restored is what RestoreLedger found and stated.
type Restored struct {
	AnchorSize uint64 `json:"anchor_size"` // how many entries had been published
	Size       uint64 `json:"size"`        // how many the database has now
}

// RestoreLedger states that a database which its anchor contradicts is the one to go on with: it writes the statement as an
// entry and then the anchor anew. The node must not run. It is for the operators of the node's machine, and refuses where
// there is nothing to state. The entry is public: whoever holds a later checkpoint finds the gap with or without it.
func RestoreLedger(ctx context.Context, config Config, reason string) (found Restored, err error) {
	if reason = strings.TrimSpace(reason); reason == "" || len(reason) > 500 {
		return found, narthex.Invalidf("Say what happened in 1 to 500 bytes: --reason.").For("reason")
	}
	opened, err := openStore(ctx, config)
	if err != nil {
		return found, damaged(err)
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	head, err := headOf(ctx, opened)
	if errors.Is(err, journal.ErrEmpty) {
		return found, narthex.Conflictf("The database holds no ledger, so there is nothing to go on with. Restore a backup first.")
	}
	if err != nil {
		return found, damaged(err)
	}
	signer, key, err := logKey(config.Data, originOf(head.Checkpoint), false, config.Random)
	if err != nil {
		return found, err
	}
	anchor := openlog.NewAnchor(config.anchor())
	keys := keysBefore(config.Data, key)
	if checkAnchor(ctx, opened, anchor, keys...) == nil {
		return found, narthex.Conflictf("The database continues what its anchor knows, so there is nothing to state. Start the node.")
	}
	// An anchor that is missing or cannot be read knows of nothing; the entry says so.
	known, err := anchor.Read(keys...)
	if err != nil {
		known = openlog.Known{}
	}
	j, err := journal.Open(ctx, opened, journal.Config{Clock: config.Clock, Random: config.Random, Signer: signer, Recover: gateway.Recover, Follow: book.Follow()})
	if err != nil {
		return found, damaged(err)
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	err = j.Update(ctx, func(tx *journal.Tx) error {
		found = Restored{known.Size, tx.Size()}
		_, err := tx.Append(narthex.EntryLedgerRestored, narthex.NumberField("anchor_size", int64(known.Size)), narthex.TextField("anchor_root", hex.EncodeToString(known.Root[:])),
			narthex.NumberField("size", int64(tx.Size())), narthex.TextField("reason", reason))
		return err
	})
	if err != nil {
		return found, err
	}
	if head, err = headOf(ctx, opened); err != nil {
		return found, err
	}
	return found, anchor.Write(head.Checkpoint)
}

func headOf(ctx context.Context, s store.Store) (head journal.Head, err error) {
	err = s.View(ctx, func(r store.Reader) error { head, err = journal.ReadHead(r); return err })
	return head, err
}

// originOf is the first line of a checkpoint.
func originOf(checkpoint string) string {
	origin, _, _ := strings.Cut(checkpoint, "\n")
	return origin
}

func checkAnchor(ctx context.Context, s store.Store, anchor *openlog.Anchor, keys ...string) error {
	return s.View(ctx, func(r store.Reader) error { return anchor.Check(r, keys...) })
}
