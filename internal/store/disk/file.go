package disk

import (
	"errors"
	"io"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

// errNoRoom is what a disk that is full says to a hint of size.
var errNoRoom = errors.New("the disk is full")

// Open gives a file. A new name waits for the folder's sync.
func (d *Disk) Open(name string, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended {
		return nil, flags, ErrOff
	}
	n, known := d.names[name]
	switch {
	case name == "": // a temporary file of SQLite's own, gone with its last use
		n = &node{}
	case known && flags&vfs.OPEN_EXCLUSIVE != 0 && flags&vfs.OPEN_CREATE != 0, !known && flags&vfs.OPEN_CREATE == 0:
		return nil, flags, sqlite3.CANTOPEN
	case !known:
		reached, err := d.step()
		if n = (&node{}); reached {
			d.change(change{name, n})
		}
		if err != nil {
			return nil, flags, err
		}
	}
	const logs = vfs.OPEN_MAIN_JOURNAL | vfs.OPEN_SUPER_JOURNAL | vfs.OPEN_WAL
	f := &file{disk: d, node: n, psow: true, syncNames: flags&vfs.OPEN_CREATE != 0 && flags&logs != 0}
	if name != "" {
		f.shared = vfs.NewSharedMemory(name+"-shm", flags)
	}
	return f, flags, nil
}

func (d *Disk) change(c change) {
	d.rename(d.names, c)
	d.waiting = append(d.waiting, c)
}

// Delete takes a name away, and syncs the folder where it is told to.
func (d *Disk) Delete(name string, syncNames bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, known := d.names[name]; !known {
		if d.ended {
			return ErrOff
		}
		return sqlite3.IOERR_DELETE_NOENT
	}
	reached, err := d.step()
	if reached {
		d.change(change{name: name})
	}
	if err != nil || !syncNames {
		return err
	}
	return vfs.SystemError(d.syncNames(), sqlite3.IOERR_DIR_FSYNC)
}

// Access says whether a name is there.
func (d *Disk) Access(name string, _ vfs.AccessFlag) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended {
		return false, ErrOff
	}
	_, known := d.names[name]
	return known, nil
}

// FullPathname takes names as they are.
func (d *Disk) FullPathname(name string) (string, error) { return name, nil }

// file is an open file. Like SQLite's own on Linux it syncs the folder with the first sync of a log that it made.
type file struct {
	disk      *Disk
	node      *node
	shared    vfs.SharedMemory
	level     vfs.LockLevel
	keepWAL   bool
	psow      bool
	syncNames bool
}

var (
	_ vfs.FileSharedMemory       = (*file)(nil)
	_ vfs.FileSizeHint           = (*file)(nil)
	_ vfs.FileLockState          = (*file)(nil)
	_ vfs.FilePersistWAL         = (*file)(nil)
	_ vfs.FilePowersafeOverwrite = (*file)(nil)
	_ vfs.FilePragma             = (*file)(nil)
	_ vfs.FileHasMoved           = (*file)(nil)
	_ vfs.FileMemoryMapper       = (*file)(nil)
)

func (f *file) Close() error {
	if f.shared != nil {
		_ = f.shared.Close() // it is the machine's, and says where it was closed before
	}
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.node.unlock(f, vfs.LOCK_NONE)
	return nil
}

func (f *file) ReadAt(p []byte, at int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.disk.ended {
		return 0, ErrOff
	}
	if at >= int64(len(f.node.shown)) {
		return 0, io.EOF
	}
	n := copy(p, f.node.shown[at:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *file) WriteAt(p []byte, at int64) (int, error) {
	d := f.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	reached, err := d.step()
	if !reached {
		return 0, err
	}
	room := p
	if grown := at + int64(len(p)) - int64(len(f.node.shown)); d.quota >= 0 && grown > 0 {
		fits := min(grown, max(0, d.quota-d.used()))
		room = p[:max(0, int64(len(p))-(grown-fits))]
	}
	if len(room) > 0 {
		f.node.write(room, at, d.sector)
	}
	if err == nil && len(room) < len(p) {
		err = sqlite3.FULL
	}
	return len(room), err
}

func (f *file) Truncate(size int64) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	reached, err := f.disk.step()
	if reached {
		f.node.truncate(size)
	}
	return err
}

func (f *file) Sync(vfs.SyncFlag) error {
	d := f.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.step(); err != nil {
		return err
	}
	if d.syncFails() {
		f.node.sync(d.chance())
		return ErrSync
	}
	f.node.sync(func() bool { return true })
	if !f.syncNames {
		return nil
	}
	f.syncNames = false
	return vfs.SystemError(d.syncNames(), sqlite3.IOERR_DIR_FSYNC)
}

func (f *file) Size() (int64, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.disk.ended {
		return 0, ErrOff
	}
	return int64(len(f.node.shown)), nil
}

// SizeHint makes room as SQLite asks for it.
func (f *file) SizeHint(size int64) error {
	d := f.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	grown := size - int64(len(f.node.shown))
	if grown <= 0 {
		return nil
	}
	if d.quota >= 0 && d.used()+grown > d.quota {
		return errNoRoom
	}
	reached, err := d.step()
	if reached {
		f.node.truncate(size)
	}
	return err
}

func (f *file) Lock(level vfs.LockLevel) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.level >= level {
		return nil
	}
	return f.node.lock(f, level)
}

func (f *file) Unlock(level vfs.LockLevel) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.level > level {
		f.node.unlock(f, level)
	}
	return nil
}

func (f *file) CheckReservedLock() (bool, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	return f.node.reserver != nil, nil
}

// Pragma answers what Answer set.
func (f *file) Pragma(name, _ string) (string, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if answer, set := f.disk.answers[name]; set {
		return answer, nil
	}
	return "", sqlite3.NOTFOUND
}

// What follows is as on Linux.

func (f *file) HasMoved() (bool, error)        { return false, nil }
func (f *file) MemoryMapper() vfs.MemoryMapper { return nil }
func (f *file) SharedMemory() vfs.SharedMemory { return f.shared }
func (f *file) LockState() vfs.LockLevel       { return f.level }
func (f *file) PersistWAL() bool               { return f.keepWAL }
func (f *file) SetPersistWAL(keep bool)        { f.keepWAL = keep }
func (f *file) PowersafeOverwrite() bool       { return f.psow }
func (f *file) SetPowersafeOverwrite(is bool)  { f.psow = is }
func (f *file) SectorSize() int                { return 4096 }

func (f *file) DeviceCharacteristics() vfs.DeviceCharacteristic {
	if f.psow {
		return vfs.IOCAP_SUBPAGE_READ | vfs.IOCAP_POWERSAFE_OVERWRITE
	}
	return vfs.IOCAP_SUBPAGE_READ
}
