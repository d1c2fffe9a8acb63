package server

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"narthex"
	"narthex/internal/book"
	"narthex/internal/gateway"
	"narthex/internal/journal"
	"narthex/internal/openlog"
	"narthex/internal/store"
	"narthex/ledger"
)

// While the log's key changes, the next pair stands beside the one in force; what came before it stays, since a checkpoint
// that was kept may be signed by it alone.
const (
	nextSuffix   = ".next"
	beforeSuffix = ".before"
)

// RotateKey changes the log's key: it draws a new pair, writes the entry that both keys sign, and gives the keys before and
// after. The node must not run. The order is: next pair on the disk → entry, with a checkpoint that both sign → names swapped;
// a crash between leaves what the next start settles.
func RotateKey(ctx context.Context, config Config) (before, after string, err error) {
	opened, err := openStore(ctx, config)
	if err != nil {
		return "", "", damaged(err)
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	head, err := headOf(ctx, opened)
	if errors.Is(err, journal.ErrEmpty) {
		return "", "", narthex.Conflictf("The ledger is empty: its key is drawn at the first start, and there is none to change yet.")
	}
	if err != nil {
		return "", "", damaged(err)
	}
	if err := settleRotation(ctx, config.Data, opened, false); err != nil {
		return "", "", err
	}
	origin := originOf(head.Checkpoint)
	oldSigner, before, err := logKey(config.Data, origin, false, config.Random)
	if err != nil {
		return "", "", err
	}
	anchor := openlog.NewAnchor(config.anchor())
	if err := checkAnchor(ctx, opened, anchor, keysBefore(config.Data, before)...); err != nil {
		return "", "", err
	}
	secret, after, err := ledger.NewKey(config.Random, origin)
	if err != nil {
		return "", "", err
	}
	newSigner, err := note.NewSigner(secret)
	if err != nil {
		return "", "", err
	}
	path := func(name string) string { return filepath.Join(config.Data, name) }
	if err := errors.Join(writeFile(path(signerFile+nextSuffix), secret, 0o600), writeFile(path(verifierFile+nextSuffix), after, 0o644)); err != nil {
		return "", "", err
	}
	j, err := journal.Open(ctx, opened, journal.Config{Clock: config.Clock, Random: config.Random, Signer: newSigner, Also: oldSigner, Recover: gateway.Recover, Follow: book.Follow()})
	if err != nil {
		return "", "", damaged(err)
	}
	err = j.Update(ctx, func(tx *journal.Tx) error {
		fields, err := ledger.Rotation(origin, tx.Size(), before, oldSigner, after, newSigner)
		if err == nil {
			_, err = tx.Append(narthex.EntryLogKeyRotated, fields...)
		}
		return err
	})
	if err = errors.Join(err, j.Close()); err != nil {
		return "", "", err
	}
	if head, err = headOf(ctx, opened); err != nil {
		return "", "", err
	}
	return before, after, errors.Join(anchor.Write(head.Checkpoint), settleRotation(ctx, config.Data, opened, false))
}

// settleRotation ends a change of the log's key that was begun: where the last checkpoint is signed by the next key, that key
// takes its place; otherwise nothing was recorded and it goes.
func settleRotation(ctx context.Context, dir string, s store.Store, empty bool) error {
	path := func(name string) string { return filepath.Join(dir, name) }
	next, err := os.ReadFile(path(verifierFile + nextSuffix))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return narthex.Conflictf("A change of the ledger's key was begun and %s cannot be read. Put it back from your backup.", verifierFile+nextSuffix).Because(err)
	}
	signed := false
	if !empty {
		head, err := headOf(ctx, s)
		if err != nil {
			return err
		}
		_, err = ledger.OpenCheckpoint(head.Checkpoint, strings.TrimSpace(string(next)))
		signed = err == nil
	}
	if !signed {
		return errors.Join(remove(path(signerFile+nextSuffix)), remove(path(verifierFile+nextSuffix)))
	}
	// The public file goes last: while it is there, this is done again.
	public, err := os.ReadFile(path(verifierFile))
	if err != nil {
		return err
	}
	if known := strings.TrimSpace(string(public)); known != strings.TrimSpace(string(next)) {
		earlier, err := os.ReadFile(path(verifierFile + beforeSuffix))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if !strings.Contains(string(earlier), known) {
			if err := writeFile(path(verifierFile+beforeSuffix), strings.TrimSpace(string(earlier)+known), 0o644); err != nil {
				return err
			}
		}
	}
	if err := os.Rename(path(signerFile+nextSuffix), path(signerFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return errors.Join(writeFile(path(verifierFile), strings.TrimSpace(string(next)), 0o644), remove(path(verifierFile+nextSuffix)))
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// keysBefore gives the key in force and those before it, by which a checkpoint that was kept may be signed.
func keysBefore(dir, key string) []string {
	earlier, err := os.ReadFile(filepath.Join(dir, verifierFile+beforeSuffix))
	if err != nil {
		return []string{key} // without them an anchor that they signed is refused, with what to do
	}
	return append([]string{key}, strings.Fields(string(earlier))...)
}
