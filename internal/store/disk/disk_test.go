package disk_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"

	"narthex/internal/store/disk"
)

const writing = vfs.OPEN_MAIN_DB | vfs.OPEN_READWRITE | vfs.OPEN_CREATE

func open(t *testing.T, d *disk.Disk, name string, flags vfs.OpenFlag) vfs.File {
	t.Helper()
	f, _, err := d.Open(name, flags)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func write(t *testing.T, f vfs.File, fill byte, n int, at int64) {
	t.Helper()
	if _, err := f.WriteAt(bytes.Repeat([]byte{fill}, n), at); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, d *disk.Disk, name string) []byte {
	t.Helper()
	f := open(t, d, name, vfs.OPEN_MAIN_DB|vfs.OPEN_READONLY)
	size, err := f.Size()
	if err != nil {
		t.Fatal(err)
	}
	content := make([]byte, size)
	if n, err := f.ReadAt(content, 0); n != len(content) {
		t.Fatal(n, err)
	}
	return content
}

// TestACutLeavesWhatWasSyncedAndAnyPartOfTheRest: over many seeds every outcome is seen, and none other.
func TestACutLeavesWhatWasSyncedAndAnyPartOfTheRest(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(2_000) {
		d := disk.New(512, seed)
		d.Hold("a", bytes.Repeat([]byte{1}, 2048))
		write(t, open(t, d, "a", writing), 2, 1024, 512) // the two sectors in the middle
		after := read(t, d.Cut(), "a")
		for i, b := range after {
			if b != 1 && (b != 2 || i < 512 || i >= 1536) {
				t.Fatalf("seed %d: byte %d became %d", seed, i, b)
			}
		}
		first, second := bytes.Count(after[512:1024], []byte{2}), bytes.Count(after[1024:1536], []byte{2})
		for name, is := range map[string]bool{"nothing": first+second == 0, "all": first+second == 1024, "the first": first == 512 && second == 0,
			"the second": first == 0 && second == 512, "a torn one": first%512 != 0 || second%512 != 0} {
			seen[name] = seen[name] || is
		}
	}
	if len(seen) != 5 || !seen["nothing"] || !seen["all"] || !seen["the first"] || !seen["the second"] || !seen["a torn one"] {
		t.Error("not every outcome was seen", seen)
	}
}

func TestASizeOrANameThatWasNotSyncedMayGo(t *testing.T) {
	short, long, gone, kept := 0, 0, 0, 0
	for seed := range uint64(200) {
		d := disk.New(512, seed)
		d.Hold("a", make([]byte, 1024))
		if err := open(t, d, "a", writing).Truncate(512); err != nil {
			t.Fatal(err)
		}
		f := open(t, d, "b", writing)
		write(t, f, 1, 512, 0)
		if err := f.Sync(vfs.SYNC_FULL); err != nil { // of the file, not of its name
			t.Fatal(err)
		}
		after := d.Cut()
		if len(read(t, after, "a")) == 512 {
			short++
		} else {
			long++
		}
		if here, err := after.Access("b", vfs.ACCESS_EXISTS); err != nil || !here {
			gone++
		} else if kept++; !bytes.Equal(read(t, after, "b"), bytes.Repeat([]byte{1}, 512)) {
			t.Fatal("a file that was synced lost its bytes")
		}
	}
	if short == 0 || long == 0 || gone == 0 || kept == 0 {
		t.Error(short, long, gone, kept)
	}
}

func TestALogsFirstSyncKeepsItsNameToo(t *testing.T) {
	for seed := range uint64(100) {
		d := disk.New(512, seed)
		f := open(t, d, "a-wal", vfs.OPEN_WAL|vfs.OPEN_READWRITE|vfs.OPEN_CREATE)
		write(t, f, 1, 100, 0)
		if err := f.Sync(vfs.SYNC_FULL); err != nil {
			t.Fatal(err)
		}
		if got := read(t, d.Cut(), "a-wal"); !bytes.Equal(got, bytes.Repeat([]byte{1}, 100)) {
			t.Fatalf("seed %d: %d bytes", seed, len(got))
		}
	}
}

// TestASyncThatFailsForgetsWhatIsStillShown: the next one succeeds and changes nothing about it.
func TestASyncThatFailsForgetsWhatIsStillShown(t *testing.T) {
	lost := 0
	for seed := range uint64(100) {
		d := disk.New(512, seed)
		d.Hold("a", make([]byte, 512))
		f := open(t, d, "a", writing)
		d.Fail(1, false)
		write(t, f, 1, 512, 0)
		if err := f.Sync(vfs.SYNC_FULL); !errors.Is(err, disk.ErrSync) || !d.Failed() {
			t.Fatal(err)
		}
		if err := f.Sync(vfs.SYNC_FULL); err != nil {
			t.Fatal(err)
		}
		if read(t, d, "a")[0] != 1 {
			t.Fatal("what could not be synced is not shown")
		}
		if read(t, d.Cut(), "a")[0] == 0 {
			lost++
		}
	}
	if lost == 0 || lost == 100 {
		t.Errorf("lost %d of 100", lost)
	}
}

func TestAFullDiskTakesWhatFits(t *testing.T) {
	d := disk.New(512, 1)
	d.Quota(700)
	f := open(t, d, "a", writing)
	write(t, f, 1, 512, 0)
	if n, err := f.WriteAt(make([]byte, 512), 512); !errors.Is(err, sqlite3.FULL) || n != 188 {
		t.Errorf("%d bytes, %v", n, err)
	}
	write(t, f, 2, 512, 0) // in place
	if d.Quota(-1); d.Used() != 700 {
		t.Errorf("%d bytes are used", d.Used())
	}
	write(t, f, 1, 512, 512)
}

// TestWithoutPowerNothingWorks: in the operation in which it goes, and in every one after.
func TestWithoutPowerNothingWorks(t *testing.T) {
	d := disk.New(512, 1)
	f := open(t, d, "a", writing)
	d.CutAfter(2)
	write(t, f, 1, 512, 0)
	if d.Off() {
		t.Error("the power went before its operation")
	}
	if err := f.Sync(vfs.SYNC_FULL); !errors.Is(err, disk.ErrOff) || !d.Off() {
		t.Error(err)
	}
	_, readErr := f.ReadAt(make([]byte, 1), 0)
	_, writeErr := f.WriteAt(make([]byte, 1), 0)
	_, _, openErr := d.Open("b", writing)
	for _, err := range []error{readErr, writeErr, openErr, f.Truncate(0), d.Delete("a", true)} {
		if !errors.Is(err, disk.ErrOff) {
			t.Errorf("without power: %v", err)
		}
	}
}
