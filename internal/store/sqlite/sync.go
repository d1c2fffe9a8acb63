package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"

	"narthex"
	"narthex/internal/store"
)

// A sync that failed is not made good by one that succeeds: the system may have dropped what it could not write, and show it
// still to whoever reads (fsyncgate, PostgreSQL 2018). So the first failure ends the hold on the store, whoever asked for the
// sync, and the next Open writes SQLite's log anew before it believes what stands in it.

// system is a file system that tells of every sync that failed. SQLite keeps quiet about some, and whoever tries a
// transaction again hides others.
type system struct {
	vfs.VFS
	failed func(error)
}

// OpenFilename opens a file of the inner system.
func (s system) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	opened, flags, err := vfsutil.WrapOpenFilename(s.VFS, name, flags)
	if err != nil {
		return nil, flags, err
	}
	inner, whole := opened.(inner)
	if !whole {
		return nil, flags, errors.Join(errors.New("a file lacks what the driver needs of it"), opened.Close())
	}
	return file{inner, s.failed}, flags, nil
}

// inner is what SQLite's own files can do on every system.
type inner interface {
	vfs.FileLockState
	vfs.FileHasMoved
	vfs.FileSizeHint
	vfs.FilePersistWAL
	vfs.FilePowersafeOverwrite
	vfs.FileSharedMemory
	vfs.FileMemoryMapper
}

type file struct {
	inner
	failed func(error)
}

func (f file) Sync(flags vfs.SyncFlag) error {
	err := f.inner.Sync(flags)
	if err != nil {
		f.failed(err)
	}
	return err
}

// DeviceCharacteristics leaves out the one that needs more of a file than inner.
func (f file) DeviceCharacteristics() vfs.DeviceCharacteristic {
	return f.inner.DeviceCharacteristics() &^ vfs.IOCAP_BATCH_ATOMIC
}

func (f file) Pragma(name, value string) (string, error) {
	return vfsutil.WrapPragma(f.inner, name, value)
}

// watch registers the database's file system under a name of this store's own. The name stays after Close, at some hundred
// bytes: a connection whose context has ended may close after that, and looks it up.
func (s *Store) watch() error {
	found := vfs.Find(s.options.vfs)
	if found == nil {
		return fmt.Errorf("there is no file system named %q", s.options.vfs)
	}
	s.system = fmt.Sprintf("narthex-%p", s)
	lose := s.lose // and no more of s
	vfs.Register(s.system, system{found, func(err error) {
		lose(narthex.Unavailablef("The disk did not confirm what was written last, so none of it counts as done and nothing more is written. The operators must look at the disk and start the node again; look then what stands before you repeat anything.").
			Because(fmt.Errorf("%w: %w", store.ErrUnsynced, err)))
	}})
	return nil
}

// unsynced says that a sync has failed.
func (s *Store) unsynced() error {
	if err := context.Cause(s.hold); errors.Is(err, store.ErrUnsynced) {
		return err
	}
	return nil
}

// rewriteLog writes the log's bytes over themselves and syncs them, so that what recovery will read is on the disk.
func (s *Store) rewriteLog(path string) (err error) {
	file, sync, err := s.openLog(path)
	if err != nil || file == nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	block := make([]byte, 1<<20)
	for at := int64(0); ; {
		n, err := file.ReadAt(block, at)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read the database's log: %w", err)
		}
		if _, err := file.WriteAt(block[:n], at); err != nil {
			return fmt.Errorf("rewrite the database's log: %w", err)
		}
		if at += int64(n); err != nil {
			return sync()
		}
	}
}

// logFile is SQLite's log.
type logFile interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
}

// openLog gives the log and how to sync it, or nil where there is none. The machine's own file system opens no files by name.
func (s *Store) openLog(path string) (logFile, func() error, error) {
	if s.options.vfs == "" {
		file, err := os.OpenFile(path, os.O_RDWR, 0)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil, nil
		}
		if err != nil {
			return nil, nil, err
		}
		return file, file.Sync, nil
	}
	found := vfs.Find(s.options.vfs)
	if here, err := found.Access(path, vfs.ACCESS_EXISTS); err != nil || !here {
		return nil, nil, err
	}
	file, _, err := found.Open(path, vfs.OPEN_WAL|vfs.OPEN_READWRITE)
	if err != nil {
		return nil, nil, err
	}
	return file, func() error { return file.Sync(vfs.SYNC_FULL) }, nil
}
