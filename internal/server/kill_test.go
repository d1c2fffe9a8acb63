package server_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/audit"
	"narthex/internal/office"
	"narthex/internal/server"
	"narthex/internal/store"
	"narthex/internal/store/postgres"
	"narthex/internal/testenv"
	"narthex/internal/testenv/pgtest"
	"narthex/internal/testenv/rig"
	"narthex/ledger"
)

// kept is what a node acknowledged before it was killed: calls answered whole, and the promises of every answer.
type kept struct {
	mu       sync.Mutex // guards both below
	calls    map[string]bool
	promises []string
}

// add notes a call, where there is one, and a promise.
func (k *kept) add(call, promise string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if call != "" {
		k.calls[call] = true
	}
	k.promises = append(k.promises, promise)
}

func (k *kept) count() (calls, all int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.calls), len(k.promises)
}

// deciding is people at work on a node that will be killed.
type deciding struct {
	ada, sam, carol string // tokens of their sessions
	grant           narthex.GrantID
}

// decide mints, locks and lifts, drafts and submits, and notes what was acknowledged. It ends with the first answer that does not come.
func (d deciding) decide(t *testing.T, node *process, k *kept) {
	all, err := client.New(node.base)
	if err != nil {
		t.Error(err)
		return
	}
	do := func(token, path string, in, out any) bool {
		answer, err := all.With(token).Do(t.Context(), http.MethodPost, path, in)
		if err != nil {
			return false
		}
		defer answer.Body.Close()
		data, err := io.ReadAll(answer.Body)
		if err != nil {
			return false
		}
		if answer.StatusCode != http.StatusOK {
			t.Errorf("%s answers %d: %s", path, answer.StatusCode, data)
			return false
		}
		k.add("", answer.Header.Get("Narthex-Receipt"))
		return json.Unmarshal(data, out) == nil
	}
	withdrawDrafts(t, all.With(d.ada))
	for {
		var minted client.Minted
		var lock client.Locked
		var lifted narthex.Lock
		var view client.EngagementView
		draft := client.Draft{Pathway: "test", Title: "x", Answers: map[string]string{"why": "x"}, Terms: []narthex.Term{testenv.Tokens(5, nil)}}
		if !do(d.ada, "/api/grants/"+string(d.grant)+"/keys", client.Mint{Label: "x"}, &minted) ||
			!do(d.sam, "/api/locks", client.LockRequest{Subject: "asset", Target: "hidden", Reason: "safety"}, &lock) ||
			!do(d.carol, "/api/locks/"+string(lock.Lock.ID)+"/lift", struct{}{}, &lifted) ||
			!do(d.ada, "/api/engagements", draft, &view) ||
			!do(d.ada, "/api/engagements/"+string(view.Engagement.ID)+"/submit", client.Command{}, &view) {
			return
		}
	}
}

// TestRigKill kills the node with SIGKILL under load, again and again: the ledger verifies each time, the tables are what its
// entries say, no acknowledged call and no acknowledged decision is lost, each at the very place that its promise names, and
// budgets add up. NARTHEX_RIG=long runs ten thousand cycles on each store, and with NARTHEX_SHARD=1/4 a
// quarter of them; of those every twentieth audits all entries, and the
// others what came after the last snapshot, at the next start.
func TestRigKill(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		cycles := 200
		if url != "" {
			cycles = 40
		}
		if os.Getenv("NARTHEX_RIG") == "long" {
			_, parts := rig.Part(t)
			cycles = 10_000 / parts
		}
		killAgainAndAgain(t, url, cycles)
	})
}

func killAgainAndAgain(t *testing.T, url string, cycles int) {
	e := testenv.New(t, testenv.Options{Store: url})
	grant, key := e.Grant(t, "", testenv.Tokens(1e9, nil))
	people := deciding{session(t, e, "ada"), session(t, e, "sam"), session(t, e, "carol"), grant.ID}
	if err := e.Node.Close(); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(e.Dir, "data")
	k := &kept{calls: map[string]bool{}}
	size := uint64(0)
	for cycle := range cycles {
		killLoaded(t, cycle, spawn(t, data, url), key, people, k)
		report := leftBehind(t, e, cycle%max(1, cycles/500) == 0)
		if calls, all := k.count(); int(report.Use) < calls || int(report.Size) < all || report.Size < size {
			t.Fatalf("after %d kills %d calls and %d answers were acknowledged, and the ledger went from %d entries to %d, %d of use", cycle+1, calls, all, size, report.Size, report.Use)
		}
		size = report.Size
	}
	e.Start(t)
	var export bytes.Buffer
	if err := e.People["lea"].Export(t.Context(), &export); err != nil {
		t.Fatal(err)
	}
	leaves, outcomes := readExport(t, export.Bytes())
	for call := range k.calls {
		if outcomes[call] != "served" {
			t.Errorf("%s was acknowledged and the ledger says %q", call, outcomes[call])
		}
	}
	for _, header := range k.promises {
		promise, err := ledger.OpenPromise(header, e.Node.LogKey())
		if err != nil {
			t.Fatalf("%q: %v", header, err)
		}
		if index, err := promise.Index(); err != nil || leaves[index] != promise.Entry {
			t.Errorf("%s was acknowledged and another entry, or none, stands there: %v", promise.ID, err)
		}
	}
	if report := verified(t, e); len(report.Open) != 0 {
		t.Errorf("%d calls are open after recovery", len(report.Open))
	}
	if b := budget(t, e, key); b.Reserved != 0 {
		t.Errorf("%+v after recovery", b)
	}
	calls, all := k.count()
	t.Logf("%d kills, %d calls and %d decisions acknowledged, %d entries", cycles, calls, all-calls, size)
	if calls < cycles/4 || all-calls < cycles/4 {
		t.Errorf("only %d calls and %d decisions in %d cycles: the rig does not load the node", calls, all-calls, cycles)
	}
}

// leftBehind verifies the ledger that a killed node left, and where so told holds its tables to its entries.
func leftBehind(t testing.TB, e *testenv.Env, whole bool) ledger.Report {
	t.Helper()
	if e.Config().Store != "" {
		return leftOnServer(t, e, whole)
	}
	report, _, err := server.VerifyDir(t.Context(), e.Config().Data, e.Node.LogKey())
	if err != nil {
		t.Fatal(err)
	}
	if whole {
		auditedDir(t, e.Config().Data, report.Size)
	}
	return report
}

// leftOnServer does the same in a PostgreSQL database, and changes nothing there, so that the next node finds a lease that
// nobody gave up.
func leftOnServer(t testing.TB, e *testenv.Env, whole bool) (report ledger.Report) {
	t.Helper()
	pgtest.Alone(t, e.Config().Store) // what the dead node had begun has ended, and its lock is free
	found, err := postgres.Look(t.Context(), e.Config().Store)
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	read, write := io.Pipe()
	go func() {
		write.CloseWithError(found.View(t.Context(), func(r store.Reader) error { return office.ExportFrom(r, e.Node.LogKey(), write) }))
	}()
	if report, err = ledger.Verify(read, e.Node.LogKey()); err != nil {
		t.Fatal(err)
	}
	if !whole {
		return report
	}
	audited, err := audit.Once(t.Context(), found, e.Node.LogKey(), time.Now)
	if err != nil || len(audited.Differences) > 0 || audited.Size != report.Size {
		t.Fatalf("the tables are not what the %d entries say: %v %v", report.Size, audited.Differences, err)
	}
	return report
}

// auditedDir holds the tables of a stopped node's data to its entries.
func auditedDir(t testing.TB, data string, size uint64) {
	t.Helper()
	audited, err := server.AuditDir(t.Context(), data)
	if err != nil || len(audited.Differences) > 0 || audited.Size != size {
		t.Fatalf("the tables are not what the %d entries say: %v %v", size, audited.Differences, err)
	}
}

// session gives the token of a new session of a person's.
func session(t *testing.T, e *testenv.Env, name string) string {
	t.Helper()
	s, err := e.Client.Login(t.Context(), e.People[name].Login)
	if err != nil {
		t.Fatal(err)
	}
	return s.Token
}

// killLoaded loads a node and kills it: in three cycles of four once a call and a decision were acknowledged, in the others while the node is
// hardly up.
func killLoaded(t *testing.T, cycle int, node *process, key string, people deciding, k *kept) {
	var wg sync.WaitGroup
	stop := make(chan struct{})
	calls, all := k.count()
	for range 3 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if call, promise := node.call(key); call != "" {
					k.add(call, promise)
				}
			}
		})
	}
	wg.Go(func() { people.decide(t, node, k) })
	for wait := 0; cycle%4 != 0 && wait < 5000; wait++ {
		if c, a := k.count(); c > calls && a-c > all-calls {
			break
		}
		time.Sleep(time.Millisecond)
	}
	time.Sleep(time.Duration(1+cycle%17) * time.Millisecond)
	node.kill()
	close(stop)
	wg.Wait()
}

// readExport gives the leaf of every entry of an export and the status of every call.
func readExport(t testing.TB, export []byte) (leaves map[uint64]ledger.Hash, outcomes map[string]string) {
	t.Helper()
	leaves, outcomes = map[uint64]ledger.Hash{}, map[string]string{}
	for line := range bytes.Lines(export) {
		var entry struct {
			Index   uint64          `json:"index"`
			Leaf    []byte          `json:"leaf"`
			Opening json.RawMessage `json:"opening"`
		}
		if err := json.Unmarshal(line, &entry); err != nil {
			t.Fatal(err)
		}
		if len(entry.Opening) == 0 {
			continue // the header and the trailer
		}
		leaves[entry.Index] = ledger.Hash(entry.Leaf)
		var opening ledger.Opening
		if err := opening.UnmarshalJSON(entry.Opening); err != nil {
			t.Fatal(err)
		}
		if opening.Type == narthex.EntryCallOutcome {
			outcomes[opening.Text("call")] = opening.Text("status")
		}
	}
	return leaves, outcomes
}
