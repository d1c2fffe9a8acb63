package server_test

import (
	"context"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"sync"
	"testing"
	"time"

	"narthex/client"
	"narthex/internal/audit"
	"narthex/internal/store"
	"narthex/internal/store/disk"
	"narthex/internal/store/sqlite"
	"narthex/internal/testenv"
	"narthex/internal/testenv/rig"
)

// outage is a node's database on a disk that loses power.
type outage struct {
	testing.TB
	dir, name string
	disk      *disk.Disk
}

// both is the store on the disk, and the one that stands unused in its place.
type both struct {
	store.Store
	unused store.Store
}

func (b both) Close() error { return errors.Join(b.Store.Close(), b.unused.Close()) }

func (o *outage) wrap(unused store.Store) store.Store {
	return both{o.open(context.Background()), unused}
}

func (o *outage) open(ctx context.Context) *sqlite.Store {
	s, err := sqlite.Open(ctx, o.dir, sqlite.VFS(o.name), sqlite.CheckpointAfter(60))
	if err != nil {
		o.Fatal(err)
	}
	return s
}

// audited holds what the disk has to the ledger.
func (o *outage) audited(key string) (size uint64) {
	o.Helper()
	s := o.open(o.Context())
	defer s.Close()
	report, err := audit.Once(o.Context(), s, key, time.Now)
	if err != nil || len(report.Differences) > 0 {
		o.Fatalf("after a cut the tables are not what the %d entries say: %v %v", report.Size, report.Differences, err)
	}
	err = s.View(o.Context(), func(r store.Reader) error {
		again, err := audit.ReplayStore(r)
		if err == nil && again.Differs() {
			err = fmt.Errorf("%v %v", again.Differences, again.Impossible)
		}
		return err
	})
	if err != nil {
		o.Fatalf("after a cut a decision does not follow: %v", err)
	}
	return report.Size
}

// cutsALife is how often one node's power is cut; then another ledger begins, for each cut is followed by an audit of all of it.
const cutsALife = 25

// TestRigPowerCutUnderANode takes the power from a whole node's database in the middle of any operation, while people and
// programs use it: what comes back is a ledger whose entries the tables are, and the node serves on it again. The short form has
// 25 cuts, NARTHEX_RIG=long 1,000 of 40 nodes; NARTHEX_SEED gives the places of the cuts again, among operations that come as they
// come.
func TestRigPowerCutUnderANode(t *testing.T) {
	seed, lives := rig.Begin(t, "./internal/server", 1, 40)
	for life := range uint64(lives) {
		t.Run(fmt.Sprint(life), func(t *testing.T) { cutALife(t, seed+life) })
	}
}

func cutALife(t *testing.T, seed uint64) {
	draw := mathrand.New(mathrand.NewPCG(seed, 0))
	o := &outage{TB: t, dir: t.TempDir(), name: "outage"}
	o.disk = disk.New(4096, seed)
	o.disk.Mount(o.name)
	defer disk.Unmount(o.name)
	e := testenv.New(t, testenv.Options{Wrap: o.wrap})
	grant, key := e.Grant(t, "", testenv.Tokens(1e9, nil))
	sizes := map[uint64]bool{}
	for range cutsALife {
		o.disk.CutAfter(1 + draw.Int64N(400))
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				for !o.disk.Off() {
					_, _, _ = e.Chat(t.Context(), key, testenv.Hello)
				}
			})
		}
		wg.Go(func() {
			for !o.disk.Off() {
				_, _ = e.People["ada"].Mint(t.Context(), grant.ID, client.Mint{Label: "x"})
				if locked, err := e.People["sam"].Lock(t.Context(), client.LockRequest{Subject: "asset", Target: "hidden", Reason: "safety"}); err == nil {
					_, _ = e.People["carol"].Unlock(t.Context(), locked.Lock.ID)
				}
			}
		})
		wg.Wait()
		_ = e.Node.Close() // it has no store
		o.disk = o.disk.Cut()
		o.disk.Mount(o.name)
		sizes[o.audited(e.Node.LogKey())] = true
		e.Start(t)
	}
	if len(sizes) < cutsALife/2 {
		t.Errorf("%d cuts left %d ledgers: the rig does not load the node", cutsALife, len(sizes))
	}
}
