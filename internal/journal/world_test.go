package journal_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/mod/sumdb/note"

	"narthex"
	"narthex/internal/journal"
	"narthex/internal/store"
	"narthex/internal/store/disk"
	"narthex/internal/store/sqlite"
	"narthex/ledger"
)

// world is a journal on the driver that ships on a disk in memory, with what those who changed it were told. In a bubble of
// synctest one seed gives one history.
type world struct {
	t       testing.TB
	random  *rand.Rand
	draw    *rand.ChaCha8 // what the journal draws from
	signer  note.Signer
	key     string // by which the ledger is verified
	dir     string
	name    string // of the disk
	disk    *disk.Disk
	pages   int          // of log before a checkpoint
	clock   atomic.Int64 // Unix milliseconds
	latest  int64        // that the clock has shown
	store   *sqlite.Store
	journal *journal.Journal

	mu     sync.Mutex // guards what follows
	issued int
	acked  map[int]uint64 // by deed, the entry that it was told of
	calls  []uint64       // open, of this life of the process
	seen   []ledger.Record

	commits commits
	late    int // acknowledged although a sync had failed
}

// commits counts the commits of a store, and keeps which of them nobody may be told of: they failed, or a sync had failed
// when they ended.
type commits struct {
	store.Store
	disk   *disk.Disk
	number int
	unsure map[int]bool
}

func (c *commits) Update(ctx context.Context, change func(store.Tx) error) error {
	c.number++
	err := c.Store.Update(ctx, change)
	c.unsure[c.number] = err != nil || c.disk.Failed()
	return err
}

// deed is one change that a caller asks for. Its entry says all of it, so that the entries tell what the tables must hold.
type deed struct {
	id, slot, size int
	kind           string
}

const slots = 6

func newWorld(t testing.TB, seed uint64, dir string) *world {
	t.Helper()
	var start [32]byte
	copy(start[:], strconv.FormatUint(seed, 36))
	w := &world{t: t, random: rand.New(rand.NewPCG(seed, 2)), draw: rand.NewChaCha8(start), dir: dir, name: "rig" + strconv.FormatUint(seed, 10), acked: map[int]uint64{}}
	private, public, err := ledger.NewKey(w.draw, "lab.example/ledger")
	if err != nil {
		t.Fatal(err)
	}
	if w.signer, err = note.NewSigner(private); err != nil {
		t.Fatal(err)
	}
	w.key = public
	w.latest = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	w.clock.Store(w.latest)
	w.insert(disk.New([]int{512, 4096}[w.random.IntN(2)], seed))
	w.pages = []int{20, 60, 200, 1000}[w.random.IntN(4)]
	return w
}

// insert puts a disk in the place of the one before.
func (w *world) insert(d *disk.Disk) {
	w.disk = d
	d.Mount(w.name)
}

// open starts a process: the store, its journal, and where there is no ledger yet its inception.
func (w *world) open() (err error) {
	ctx := context.Background()
	if w.store, err = sqlite.Open(ctx, w.dir, sqlite.VFS(w.name), sqlite.CheckpointAfter(w.pages)); err != nil {
		return fmt.Errorf("open the store: %w", err)
	}
	w.commits = commits{w.store, w.disk, 0, map[int]bool{}}
	w.journal, err = journal.Open(ctx, &w.commits, journal.Config{Clock: w.now, Random: w.draw, Signer: w.signer, Recover: func(tx *journal.Tx, call uint64, _ ledger.Opening) error {
		return outcome(tx, call, "unknown")
	}})
	if err != nil {
		return errors.Join(fmt.Errorf("open the journal: %w", err), w.close())
	}
	empty, err := journal.IsEmpty(ctx, w.store)
	if err == nil && empty {
		err = w.update(0, func(tx *journal.Tx) (uint64, error) { return 0, w.begin(tx) })
	}
	if err != nil {
		return errors.Join(fmt.Errorf("begin the ledger: %w", err), w.close())
	}
	return nil
}

func (w *world) begin(tx *journal.Tx) error {
	var fields []narthex.Field
	for _, name := range narthex.EntryInception.Fields() {
		fields = append(fields, narthex.TextField(name, map[string]string{"log_key": w.key, "origin": w.signer.Name()}[name]))
	}
	_, err := tx.Append(narthex.EntryInception, fields...)
	return err
}

// close ends the process. What it could not close is a matter for the next open.
func (w *world) close() error {
	var err error
	if w.journal != nil {
		err = w.journal.Close()
	}
	w.calls, w.journal = nil, nil
	return errors.Join(err, w.store.Close())
}

func (w *world) now() time.Time { return time.UnixMilli(w.clock.Load()) }

// update makes one change and keeps what its caller was told.
func (w *world) update(id int, change func(*journal.Tx) (uint64, error)) error {
	var entry uint64
	var commit int
	err := w.journal.Update(context.Background(), func(tx *journal.Tx) (err error) {
		commit = w.commits.number
		entry, err = change(tx)
		return err
	})
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.acked[id] = entry
	if w.commits.unsure[commit] {
		w.late++
	}
	return nil
}

var errPlanned = errors.New("planned")

// do carries a deed out, and stands in the middle of it until hold is closed.
func (w *world) do(d deed, hold <-chan struct{}) error {
	return w.update(d.id, func(tx *journal.Tx) (uint64, error) {
		<-hold
		switch d.kind {
		case "count":
			row, err := journal.Get[counter](tx, store.Grants, slotKey(d.slot))
			if err != nil {
				return 0, err
			}
			next := counter{1}
			if row != nil {
				next.N = row.N + 1
			}
			if err := journal.Put(tx, store.Grants, slotKey(d.slot), &next); err != nil {
				return 0, err
			}
		case "write":
			if err := journal.Put(tx, store.Files, slotKey(d.slot), &page{d.id, body(d)}); err != nil {
				return 0, err
			}
		case "erase":
			if err := journal.Delete[page](tx, store.Files, slotKey(d.slot)); err != nil {
				return 0, err
			}
		case "call":
			return w.call(tx, d)
		case "answer":
			return d.answer(tx)
		}
		entry, err := tx.Append(narthex.EntryCallRead, narthex.TextField("grant", d.kind), narthex.TextField("key", fmt.Sprint(d.slot)), narthex.TextField("what", fmt.Sprint(d.id, " ", d.size)))
		if d.kind == "fail" {
			return 0, errors.Join(err, errPlanned)
		}
		return entry, err
	})
}

func (w *world) call(tx *journal.Tx, d deed) (uint64, error) {
	var fields []narthex.Field
	for _, name := range narthex.EntryCallIntent.Fields() {
		fields = append(fields, narthex.TextField(name, fmt.Sprint(d.id)))
	}
	return tx.AppendIntent(fields...)
}

// answer closes a call; the entry of the outcome is the deed's.
func (d deed) answer(tx *journal.Tx) (uint64, error) {
	return tx.AppendOutcome(uint64(d.slot), narthex.TextField("grant", "g"), narthex.TextField("status", "served"), narthex.TextField("used", "x"), narthex.TextField("answer", fmt.Sprint(d.id)))
}

// page is a row of any size.
type page struct {
	ID   int
	Body string
}

func slotKey(slot int) string { return "slot" + strconv.Itoa(slot) }

func body(d deed) string {
	piece := strconv.Itoa(d.id) + "."
	return strings.Repeat(piece, 1+d.size/len(piece))[:d.size]
}

// draws gives the next deed.
func (w *world) draws() deed {
	w.issued++
	d := deed{id: w.issued, slot: w.random.IntN(slots), kind: []string{"count", "count", "count", "write", "write", "erase", "fail", "call", "answer"}[w.random.IntN(9)]}
	switch d.kind {
	case "write":
		d.size = w.random.IntN([]int{100, 5_000, 40_000}[w.random.IntN(3)])
	case "answer":
		if len(w.calls) == 0 {
			d.kind = "count"
			break
		}
		at := w.random.IntN(len(w.calls))
		d.slot = int(w.calls[at])
		w.calls = slices.Delete(w.calls, at, at+1)
	}
	return d
}

// batch lets one caller be in the middle of a change while so many others come, in one order: they share the next commit.
// It gives the errors of those that should have gone through.
func (w *world) batch(others int) []error {
	w.tick()
	errs, deeds := make([]error, others+1), make([]deed, others+1)
	hold := make(chan struct{})
	var all sync.WaitGroup
	for i := range deeds {
		deeds[i] = w.draws()
		all.Go(func() { errs[i] = w.do(deeds[i], hold) })
		synctest.Wait()
	}
	close(hold)
	all.Wait()
	var failed []error
	for i, d := range deeds {
		if errs[i] == nil && d.kind == "call" {
			w.calls = append(w.calls, w.acked[d.id])
		}
		if errs[i] != nil && d.kind == "answer" {
			w.calls = append(w.calls, uint64(d.slot))
		}
		if errs[i] != nil && !errors.Is(errs[i], errPlanned) {
			failed = append(failed, errs[i])
		}
	}
	return failed
}

// tick lets time go on, and sometimes back, by less than what a journal doubts.
func (w *world) tick() {
	now := max(w.clock.Load()+int64(w.random.IntN(8_000))-3_000, w.latest-4_000)
	w.clock.Store(now)
	w.latest = max(w.latest, now)
}

// seeds gives the seeds of a rig's worlds: NARTHEX_SEED is one, else as many as are asked for, from a start that is drawn.
func seeds(t testing.TB) func(yield func(uint64) bool) {
	t.Helper()
	if text, set := os.LookupEnv("NARTHEX_SEED"); set {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal("NARTHEX_SEED is no number")
		}
		return func(yield func(uint64) bool) { yield(seed) }
	}
	start := rand.Uint64() >> 16
	return func(yield func(uint64) bool) {
		for seed := start; yield(seed); seed++ {
		}
	}
}
