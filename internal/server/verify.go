package server

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/audit"
	"narthex/internal/office"
	"narthex/internal/store"
	"narthex/internal/store/sqlite"
	"narthex/ledger"
)

// VerifyDir checks the ledger in the data directory of a node that was stopped or killed. It works on a copy, so nothing of
// the directory changes. Without a key it takes the one found there, and says so.
func VerifyDir(ctx context.Context, dir, key string, since ...string) (report ledger.Report, source string, err error) {
	source = "the key that you gave"
	if key == "" {
		data, err := os.ReadFile(filepath.Join(dir, verifierFile))
		if err != nil {
			return report, "", narthex.Invalidf("There is no key in that directory; is it a node's data directory? Give the key with --key.").For("dir").Because(err)
		}
		key, source = strings.TrimSpace(string(data)), "the key found in that directory"
	}
	err = onCopy(ctx, dir, func(found *sqlite.Store) error {
		read, write := io.Pipe()
		go func() {
			write.CloseWithError(found.View(ctx, func(r store.Reader) error { return office.ExportFrom(r, key, write) }))
		}()
		report, err = ledger.Verify(read, key, since...)
		return errors.Join(err, read.Close())
	})
	return report, source, err
}

// AuditDir folds all entries in the data directory of a node that was stopped or killed, and compares them with its tables. It
// works on a copy. The key is the one found there: whoever does not trust it verifies first.
func AuditDir(ctx context.Context, dir string) (report client.Audit, err error) {
	data, err := os.ReadFile(filepath.Join(dir, verifierFile))
	if err != nil {
		return report, narthex.Invalidf("There is no key in that directory; is it a node's data directory?").For("dir").Because(err)
	}
	err = onCopy(ctx, dir, func(found *sqlite.Store) error {
		report, err = audit.Once(ctx, found, strings.TrimSpace(string(data)), time.Now)
		return err
	})
	return report, err
}

// ReplayDir decides every call that is recorded in a data directory again. It works on a copy.
func ReplayDir(ctx context.Context, dir string) (report audit.Replayed, err error) {
	err = onCopy(ctx, dir, func(found *sqlite.Store) error {
		return found.View(ctx, func(r store.Reader) error {
			report, err = audit.ReplayStore(r)
			return err
		})
	})
	return report, err
}

// onCopy reads a copy of a data directory's database, so that nothing of the directory changes. While a node runs on it, it is a
// Conflict.
func onCopy(ctx context.Context, dir string, look func(*sqlite.Store) error) (err error) {
	release, err := sqlite.Still(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	copied, err := os.MkdirTemp("", "narthex-copy-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(copied)) }()
	for _, suffix := range []string{"", "-wal"} {
		if err := copyFile(filepath.Join(dir, sqlite.FileName+suffix), filepath.Join(copied, sqlite.FileName+suffix), suffix != ""); err != nil {
			return narthex.Invalidf("The database in that directory cannot be read. A node on PostgreSQL keeps none there: verify an export of its ledger.").For("dir").Because(err)
		}
	}
	opened, err := sqlite.Open(ctx, copied)
	if err != nil {
		return damaged(err)
	}
	return errors.Join(look(opened), opened.Close())
}

func copyFile(from, to string, optional bool) error {
	in, err := os.Open(from)
	if optional && errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
