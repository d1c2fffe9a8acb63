// Package disk is a disk in memory that loses power, fails a sync or fills up when a test says so: it stands under SQLite in
// the place of the machine's file system, so that the driver that ships is the one that is tried.
//
// It promises what a power cut promises: what was synced is there, and of what was not, any part may be. A file keeps the
// bytes that were synced and, sector by sector, the writes and changes of size since; a new or deleted name waits for a sync
// of its folder. Cut keeps a random part of all that waits, and may tear a sector in two. A sync that fails writes a random
// part of what waited and forgets the rest, while readers still see all of it and a later sync succeeds without it, as
// Linux does. Where the caller's operations are the same, one seed gives the same disk.
//
// It trusts its caller to be SQLite: one process, and files that are opened by full names. The memory that connections share
// beside a log in SQLite's WAL mode is no part of the disk; it stands in a file of the machine's, and a power cut ends it.
// It is for tests only. Read next: Cut and Fail, then file.go for what SQLite sees.
package disk

import (
	"errors"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/ncruces/go-sqlite3/vfs"
)

// ErrOff is what every operation on a disk without power returns.
var ErrOff = errors.New("the disk has no power")

// ErrSync is what a planned failure of a sync returns.
var ErrSync = errors.New("planned failure of a sync")

// Disk is one disk with one folder. Its methods may be called at any time from anywhere.
type Disk struct {
	sector int

	mu      sync.Mutex // guards all below, and every node
	random  *rand.Rand
	names   map[string]*node // as readers see them
	synced  map[string]*node // as the folder's last sync left them
	waiting []change         // of names, since
	answers map[string]string

	ops, cutAt     int64
	syncs, failAt  int64
	failing, ended bool // ended: without power
	failed         bool
	quota          int64 // below 0 is none
}

// change is a name given to a node, or taken where node is nil.
type change struct {
	name string
	node *node
}

// New gives an empty disk that writes in sectors of so many bytes, 512 or 4096; seed decides what its failures keep.
func New(sector int, seed uint64) *Disk {
	return &Disk{sector: sector, random: rand.New(rand.NewPCG(seed, 1)), names: map[string]*node{}, synced: map[string]*node{}, answers: map[string]string{}, quota: -1}
}

// Mount makes the disk SQLite's file system of that name until Unmount, in the place of a disk that had the name before.
func (d *Disk) Mount(name string) { vfs.Register(name, d) }

// Unmount takes the name away.
func Unmount(name string) { vfs.Unregister(name) }

// Hold puts a file on the disk, synced, in the place of one that has the name.
func (d *Disk) Hold(name string, content []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := &node{shown: slices.Clone(content), synced: slices.Clone(content)}
	d.names[name], d.synced[name] = n, n
}

// Answer makes the disk answer a pragma in the place of SQLite, which then does nothing about it.
func (d *Disk) Answer(pragma, value string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.answers[pragma] = value
}

// Ops is how many operations have changed the disk or synced it.
func (d *Disk) Ops() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ops
}

// Syncs is how many syncs there were, those that failed included.
func (d *Disk) Syncs() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.syncs
}

// CutAfter lets the power go in the middle of the n-th operation from now; 0 lets it never go.
func (d *Disk) CutAfter(n int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cutAt = 0; n > 0 {
		d.cutAt = d.ops + n
	}
}

// PowerOff takes the power at once.
func (d *Disk) PowerOff() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = true
}

// Off says whether the power is gone.
func (d *Disk) Off() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ended
}

// Fail makes the n-th sync from now fail, and every one after it where all is set; an n of 0 ends all failing.
func (d *Disk) Fail(n int64, all bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failAt, d.failing, d.failed = 0, all, false; n > 0 {
		d.failAt = d.syncs + n
	}
}

// Failed says whether a planned failure has happened since Fail.
func (d *Disk) Failed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failed
}

// Quota refuses to let the files grow beyond so many bytes in all; below 0 there is no bound.
func (d *Disk) Quota(bytes int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.quota = bytes
}

// Used is how many bytes the files hold.
func (d *Disk) Used() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.used()
}

func (d *Disk) used() (sum int64) {
	for _, n := range d.names {
		sum += int64(len(n.shown))
	}
	return sum
}

// Cut gives the disk as it is when power comes back: what was synced, and a random part of what was not. This disk has no
// power from now on; what is open on it is to be closed before the new one takes its name. What Answer set holds for both.
func (d *Disk) Cut() *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = true
	after := New(d.sector, d.random.Uint64())
	after.answers = d.answers
	keep := d.chance()
	for _, c := range d.waiting {
		if keep() {
			d.rename(d.synced, c)
		}
	}
	for _, name := range sortedNames(d.synced) {
		content := d.synced[name].afterCut(d.random)
		n := &node{shown: content, synced: slices.Clone(content)}
		after.names[name], after.synced[name] = n, n
	}
	return after
}

// chance gives a coin whose bias is drawn: often nothing or everything is kept, else a part.
func (d *Disk) chance() func() bool { return coin(d.random) }

func coin(random *rand.Rand) func() bool {
	bias := random.Float64()*1.4 - 0.2
	return func() bool { return random.Float64() < bias }
}

func (d *Disk) rename(names map[string]*node, c change) {
	if c.node == nil {
		delete(names, c.name)
		return
	}
	names[c.name] = c.node
}

// step counts an operation. Where the power goes in it, or is gone, the error is ErrOff, and reached says whether the
// operation still came as far as the disk's own memory.
func (d *Disk) step() (reached bool, err error) {
	if d.ended {
		return false, ErrOff
	}
	d.ops++
	if d.ops == d.cutAt {
		d.ended = true
		return d.random.IntN(2) == 0, ErrOff
	}
	return true, nil
}

// syncFails counts a sync and says whether it is one that fails.
func (d *Disk) syncFails() bool {
	d.syncs++
	fails := d.failAt > 0 && (d.syncs == d.failAt || d.failing && d.syncs > d.failAt)
	d.failed = d.failed || fails
	return fails
}

// syncNames makes the folder durable. Where it fails, the names wait on: a file system's own log does not forget them.
func (d *Disk) syncNames() error {
	if _, err := d.step(); err != nil {
		return err
	}
	if d.syncFails() {
		return ErrSync
	}
	for _, c := range d.waiting {
		d.rename(d.synced, c)
	}
	d.waiting = nil
	return nil
}

func sortedNames(names map[string]*node) []string {
	sorted := make([]string, 0, len(names))
	for name := range names {
		sorted = append(sorted, name)
	}
	slices.Sort(sorted)
	return sorted
}
