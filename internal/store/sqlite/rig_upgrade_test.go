package sqlite_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/ncruces/go-sqlite3/driver"

	"narthex/internal/store/disk"
	"narthex/internal/store/sqlite"
)

// TestRigPowerCutWhileItUpgrades cuts the power in every operation of the disk while a database of version 1 is upgraded, and
// in some of what follows, and again while that is made good. The ledger of version 1 is there, to the same head.
// NARTHEX_RIG=long keeps other parts of what was not synced, a hundred times.
func TestRigPowerCutWhileItUpgrades(t *testing.T) {
	rounds := uint64(2)
	if os.Getenv("NARTHEX_RIG") == "long" {
		rounds = 100
	}
	seed := rand.Uint64N(1 << 48)
	if text, set := os.LookupEnv("NARTHEX_SEED"); set {
		var err error
		seed, err = strconv.ParseUint(text, 10, 64)
		must(t, err)
		rounds = 1
	}
	cuts := 0
	for ; rounds > 0 && !t.Failed(); rounds, seed = rounds-1, seed+1 {
		for n, cut := int64(1), true; cut; n++ {
			if cut = cutUpgrade(t, seed, n); cut {
				cuts++
			}
			if t.Failed() {
				t.Fatalf("cut in operation %d\nNARTHEX_SEED=%d go test -run '^%s$' ./internal/store/sqlite repeats it", n, seed, t.Name())
			}
		}
	}
	if t.Logf("%d cuts", cuts); cuts < 20 {
		t.Error("the upgrade has too few operations to have been cut")
	}
}

// cutUpgrade cuts the n-th operation of an opening, and perhaps one of the next opening, and says whether there were so many.
func cutUpgrade(t *testing.T, seed uint64, n int64) bool {
	t.Helper()
	dir, name := t.TempDir(), fmt.Sprintf("upgrade%d", seed)
	data, err := os.ReadFile(golden)
	must(t, err)
	d := disk.New([]int{512, 4096}[seed%2], seed+uint64(n))
	d.Hold(filepath.Join(dir, sqlite.FileName), data)
	d.Mount(name)
	defer disk.Unmount(name)
	cut := false
	for _, at := range []int64{n, 1 + (n*7+int64(seed%64))%64} {
		d.CutAfter(at)
		s, err := sqlite.Open(t.Context(), dir, sqlite.VFS(name))
		cut = cut || d.Off()
		if err != nil && !d.Off() {
			t.Errorf("it does not open: %v", err)
		}
		if err == nil {
			_ = s.Close() // perhaps without power
		}
		d = d.Cut()
		d.Mount(name)
		if !cut {
			break
		}
	}
	s, err := sqlite.Open(t.Context(), dir, sqlite.VFS(name))
	if err != nil {
		t.Errorf("it does not open: %v", err)
		return cut
	}
	whole(t, s)
	must(t, s.Close())
	db, err := driver.Open("file:" + filepath.Join(dir, sqlite.FileName) + "?vfs=" + name + "&mode=ro")
	must(t, err)
	var said string
	if must(t, errors.Join(db.QueryRow("PRAGMA integrity_check").Scan(&said), db.Close())); said != "ok" {
		t.Error(said)
	}
	return cut
}
