package audit_test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"testing"
	"time"

	"narthex"
	"narthex/internal/audit"
	"narthex/internal/journal"
	"narthex/internal/lab"
	"narthex/internal/server"
	"narthex/internal/store"
	"narthex/internal/store/sqlite"
	"narthex/internal/testenv"
	"narthex/ledger"
	"narthex/policy"
)

// TestRigALongLedger makes a ledger long with calls like one that was served, and starts a node on it: as it stands after an
// ending, and as after a kill that left entries without a snapshot. A start folds what came after the snapshot and nothing
// before it, and what an audit holds in memory is no more at the end than at a tenth of the length. The short form has 20,000
// entries; NARTHEX_RIG=long go test -timeout 1h -run TestRigALongLedger -v ./internal/audit makes a million and prints the
// figures.
func TestRigALongLedger(t *testing.T) {
	entries := uint64(20_000)
	if os.Getenv("NARTHEX_RIG") == "long" {
		entries = 1_000_000
	}
	e := testenv.New(t, testenv.Options{})
	_, key := e.Grant(t, "", testenv.Tokens(1e9, nil))
	if status, body, err := e.Chat(t.Context(), key, testenv.Hello); err != nil || status != 200 {
		t.Fatal(status, body, err)
	}
	must(t, e.Node.Close())
	length := longer{TB: t, e: e}
	length.until(entries / 10)
	little := length.heap()
	length.until(entries)
	much := length.heap()
	if much > little+8<<20 {
		t.Errorf("an audit of %d entries holds %d bytes, and of %d entries %d", entries/10, little, entries, much)
	}
	length.starts("with no snapshot of the last nine tenths", 0)
	length.starts("after an ending", entries)
	length.until(entries + entries/50)
	length.starts("after a kill", entries)
}

// longer lengthens the ledger of a node that is stopped.
type longer struct {
	testing.TB
	e *testenv.Env
}

// open gives the store; it is closed by what it returns.
func (l *longer) open() store.Store {
	s, err := sqlite.Open(l.Context(), l.e.Config().Data)
	must(l, err)
	return s
}

// heap gives what a fold of all entries holds, in bytes, and how fast it was.
func (l *longer) heap() uint64 {
	s := l.open()
	defer s.Close()
	before, began := held(), time.Now()
	f, err := audit.NewFold()
	must(l, err)
	must(l, s.View(l.Context(), func(r store.Reader) error {
		head, err := journal.ReadHead(r)
		must(l, err)
		must(l, f.Entries(r, head.Size))
		report, err := f.Compare(r, head, l.e.Node.LogKey())
		if len(report.Differences) > 0 {
			show(l, report.Differences)
			l.Fatal("the long ledger has differences")
		}
		l.Logf("%d entries folded and compared: %.0f a second", report.Size, float64(report.Size)/time.Since(began).Seconds())
		return err
	}))
	after := held()
	runtime.KeepAlive(f)
	l.Logf("they are held in %d KiB", (after-min(before, after))>>10)
	return after - min(before, after)
}

func held() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// starts starts the node and ends it, which leaves a snapshot; it must have begun at one of at least that size.
func (l *longer) starts(what string, least uint64) {
	began := time.Now()
	node, err := server.Start(l.Context(), l.e.Config())
	must(l, err)
	if get(l, "http://"+node.OpsAddress()+"/healthz") == "" {
		l.Error("the node is not healthy")
	}
	took, heap := time.Since(began), held()
	l.Logf("a start %s, to serving: %.2f s, with a heap of %d MiB", what, took.Seconds(), heap>>20)
	must(l, node.Close())
	s := l.open()
	defer s.Close()
	w := watchOf(l, l.e, s, io.Discard)
	must(l, w.Start(l.Context()))
	if last := w.Last(); last.Snapshot < least || last.Snapshot != last.Size || len(last.Differences) > 0 {
		l.Errorf("after the start %s the snapshot is of %d entries of %d", what, last.Snapshot, last.Size)
	}
}

// until appends calls until there are so many entries: five hundred calls a commit, each with its intent, its outcome and its
// account, as the door does it.
func (l *longer) until(size uint64) {
	s := l.open()
	defer s.Close()
	began := time.Now()
	j, err := journal.Open(l.Context(), s, journal.Config{Clock: l.e.Clock.Now, Random: rand.Reader, Signer: signerOf(l, l.e)})
	must(l, err)
	taxonomy, err := lab.Taxonomy()
	must(l, err)
	none, _ := policy.ParseGuardrails(nil)
	engine, err := policy.NewEngine(taxonomy, none)
	must(l, err)
	intent, outcome := l.like(s)
	var holds []policy.Hold
	var uses []narthex.Use
	var used []policy.Used
	must(l, json.Unmarshal([]byte(intent.Field("reserved")), &holds))
	must(l, json.Unmarshal([]byte(intent.Field("uses")), &uses))
	must(l, json.Unmarshal([]byte(outcome.Field("used")), &used))
	n := uint64(0)
	for done := false; !done; n++ {
		must(l, j.Update(l.Context(), func(tx *journal.Tx) error {
			grant, err := journal.Get[narthex.Grant](tx, store.Grants, intent.Text("grant"))
			if err != nil {
				return err
			}
			account, err := journal.Get[policy.Account](tx, store.Accounts, intent.Text("grant"))
			if err != nil {
				return err
			}
			now := *account
			for range 500 {
				q := policy.Question{Asset: narthex.Asset{Name: narthex.AssetName(intent.Text("asset"))}, Uses: uses, Now: tx.Now(),
					Layers: []policy.Layer{{Holder: string(grant.ID), Agreement: grant.Agreement, Terms: grant.Terms, NotBefore: grant.NotBefore, NotAfter: grant.NotAfter, Account: now}}}
				next, hold := engine.Again(q, 0, holds[0])
				now = next.Settle(hold, used)
				index, err := tx.AppendIntent(intent.Fields...)
				if err != nil {
					return err
				}
				if _, err := tx.AppendOutcome(index, outcome.Fields[1:]...); err != nil {
					return err
				}
			}
			done = tx.Size() >= size
			return journal.Put(tx, store.Accounts, string(grant.ID), &now)
		}))
	}
	must(l, j.Close())
	l.Logf("%d entries appended: %.0f a second", n*1000, float64(n*1000)/time.Since(began).Seconds())
}

// like gives the intent and the outcome of a call that was served.
func (l *longer) like(s store.Store) (intent, outcome ledger.Opening) {
	must(l, s.View(l.Context(), func(r store.Reader) error {
		head, err := journal.ReadHead(r)
		if err != nil {
			return err
		}
		return journal.EachEntry(r, 0, min(head.Size, 1000), func(_ uint64, _ ledger.Record, o ledger.Opening) error {
			switch {
			case o.Type == narthex.EntryCallIntent:
				intent = o
			case o.Type == narthex.EntryCallOutcome && o.Text("status") == "served":
				outcome = o
			}
			return nil
		})
	}))
	if intent.Type == "" || outcome.Type == "" {
		l.Fatal(fmt.Errorf("no call was served"))
	}
	return intent, outcome
}
