package server

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"narthex"
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
	release, err := sqlite.Still(dir)
	if err != nil {
		return report, "", err
	}
	defer func() { err = errors.Join(err, release()) }()
	copied, err := os.MkdirTemp("", "narthex-verify-*")
	if err != nil {
		return report, "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(copied)) }()
	for _, suffix := range []string{"", "-wal"} {
		if err := copyFile(filepath.Join(dir, sqlite.FileName+suffix), filepath.Join(copied, sqlite.FileName+suffix), suffix != ""); err != nil {
			return report, "", narthex.Invalidf("The database in that directory cannot be read. A node on PostgreSQL keeps none there: verify an export of its ledger.").For("dir").Because(err)
		}
	}
	opened, err := sqlite.Open(ctx, copied)
	if err != nil {
		return report, "", damaged(err)
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	read, write := io.Pipe()
	go func() {
		write.CloseWithError(opened.View(ctx, func(r store.Reader) error { return office.ExportFrom(r, key, write) }))
	}()
	report, err = ledger.Verify(read, key, since...)
	return report, source, errors.Join(err, read.Close())
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
