// Package durable writes files that are there whole or not at all, and on the disk when the call returns.
//
// It is for what must survive a power cut beside a database: keys, anchors, a witness's memory. It promises that a reader
// finds the old content or the new, never a part, and that WriteFile returns nil only when both the content and the name are
// synced. A leftover FILE.new is of a write that was cut off and may be overwritten.
//
// It trusts the file system to do what fsync says, and callers not to write one path at a time from two places.
package durable

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// WriteFile sets the content of a file: write beside it → fsync → rename → fsync of the folder.
func WriteFile(path string, data []byte, mode os.FileMode) error {
	file, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode)
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	_, err = file.Write(data)
	// The mode of a leftover is not ours to keep.
	if err = errors.Join(err, file.Chmod(mode), file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// SyncDir makes the names in a folder last.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
