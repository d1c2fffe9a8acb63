package audit_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/mod/sumdb/note"

	"narthex"
	"narthex/internal/audit"
	"narthex/internal/journal"
	"narthex/internal/server"
	"narthex/internal/store"
	"narthex/internal/store/memory"
	"narthex/internal/store/sqlite"
	"narthex/internal/testenv"
)

// writeRow puts a row behind the ledger's back.
func writeRow(t testing.TB, s store.Store, table store.Table, key string, value []byte) {
	t.Helper()
	must(t, s.Update(t.Context(), func(tx store.Tx) error {
		if value == nil {
			return tx.Delete(table, key)
		}
		return tx.Put(table, key, value)
	}))
}

func watchOf(t testing.TB, e *testenv.Env, s store.Store, log io.Writer) *audit.Watch {
	t.Helper()
	return &audit.Watch{Store: s, Signer: signerOf(t, e), Key: e.Node.LogKey(), Clock: e.Clock.Now, Log: slog.New(slog.NewTextHandler(log, nil))}
}

// TestAStartFoldsWhatCameAfterTheSnapshot: a node that was ended leaves a signed snapshot, and the next start begins there.
func TestAStartFoldsWhatCameAfterTheSnapshot(t *testing.T) {
	e := history(t, testenv.Options{})
	s, _ := stopped(t, e)
	head := headOf(t, s)
	appendEntry(t, e, s, narthex.EntryLedgerRead, narthex.TextField("by", e.People["lea"].ID), narthex.TextField("what", "export"))
	w := watchOf(t, e, s, io.Discard)
	must(t, w.Start(t.Context()))
	if last := w.Last(); last.Snapshot != head.Size || last.Size != head.Size+1 || last.Opened != last.Size {
		t.Errorf("the ledger had %d entries at the end, and the start says %+v", head.Size, last)
	}
	must(t, w.Close(t.Context()))
	snapshots := freeze(t, s)[store.Snapshots]
	if len(snapshots) != 1 || snapshots[0].Key != fmt.Sprintf("%016x", head.Size+1) {
		t.Errorf("%d snapshots are kept", len(snapshots))
	}
	again := watchOf(t, e, s, io.Discard)
	must(t, again.Start(t.Context()))
	if last := again.Last(); last.Snapshot != head.Size+1 || len(last.Differences) != 0 {
		t.Errorf("the second start says %+v", last)
	}
	for _, row := range snapshots { // it holds nobody's words
		if strings.Contains(string(row.Value), "ada@x.test") {
			t.Error("a snapshot holds an address")
		}
	}
}

func headOf(t testing.TB, s store.Store) (head journal.Head) {
	t.Helper()
	must(t, s.View(t.Context(), func(r store.Reader) (err error) { head, err = journal.ReadHead(r); return err }))
	return head
}

// TestAStartOnOtherTablesIsRefused: rows that were changed while the node stood still keep it from serving, with and without a
// snapshot, and with one that was made to fit.
func TestAStartOnOtherTablesIsRefused(t *testing.T) {
	e := history(t, testenv.Options{})
	s, _ := stopped(t, e)
	rows := freeze(t, s)
	account := rows[store.Accounts][0]
	richer := bytes.Replace(account.Value, []byte(`"used":`), []byte(`"used":-`), 1)
	snapshot := rows[store.Snapshots][0]
	var signed struct {
		Note  string `json:"note"`
		State []byte `json:"state"`
	}
	must(t, json.Unmarshal(snapshot.Value, &signed))
	signed.State[len(signed.State)/2] ^= 1
	forged, err := json.Marshal(signed)
	must(t, err)
	for name, as := range map[string][]byte{"as it was": snapshot.Value, "none": nil, "another": forged, "no JSON": []byte("x")} {
		writeRow(t, s, store.Snapshots, snapshot.Key, as)
		var log bytes.Buffer
		must(t, watchOf(t, e, s, &log).Start(t.Context()))
		writeRow(t, s, store.Accounts, account.Key, richer)
		err := watchOf(t, e, s, &log).Start(t.Context())
		if narthex.AsError(err).Kind != narthex.Conflict || !strings.Contains(fmt.Sprint(err), account.Key) || !strings.Contains(log.String(), "level=ERROR") {
			t.Errorf("with the snapshot %s, a start on a changed account: %v; the log: %s", name, err, log.String())
		}
		writeRow(t, s, store.Accounts, account.Key, account.Value)
	}
	must(t, s.Close())
	config := e.Config()
	node, err := server.Start(t.Context(), config)
	must(t, err)
	must(t, node.Close())
}

// TestASnapshotThatHoldsLessIsNoReasonNotToStart: one of a version that folded less is signed all the same; what it lacks is
// folded again, and where the rows were changed too the start is refused as ever.
func TestASnapshotThatHoldsLessIsNoReasonNotToStart(t *testing.T) {
	e := history(t, testenv.Options{})
	e.Tampered = true
	s, _ := stopped(t, e)
	snapshot := freeze(t, s)[store.Snapshots][0]
	var signed struct {
		Note  string `json:"note"`
		State []byte `json:"state"`
	}
	must(t, json.Unmarshal(snapshot.Value, &signed))
	unpacked, err := gzip.NewReader(bytes.NewReader(signed.State))
	must(t, err)
	state := map[string]json.RawMessage{}
	must(t, json.NewDecoder(unpacked).Decode(&state))
	if _, known := state["program"]; !known {
		t.Fatal("a snapshot holds no program")
	}
	delete(state, "program")
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	must(t, json.NewEncoder(w).Encode(state))
	must(t, w.Close())
	text, _, _ := strings.Cut(signed.Note, "\n\n")
	lines, digest := strings.Split(text, "\n"), sha256.Sum256(packed.Bytes())
	lines[len(lines)-1] = base64.StdEncoding.EncodeToString(digest[:])
	again, err := note.Sign(&note.Note{Text: strings.Join(lines, "\n") + "\n"}, signerOf(t, e))
	must(t, err)
	signed.Note, signed.State = string(again), packed.Bytes()
	row, err := json.Marshal(signed)
	must(t, err)
	writeRow(t, s, store.Snapshots, snapshot.Key, row)
	var log bytes.Buffer
	watch := watchOf(t, e, s, &log)
	must(t, watch.Start(t.Context()))
	if last := watch.Last(); last.Snapshot != 0 || len(last.Differences) != 0 || !strings.Contains(log.String(), "all entries are folded") {
		t.Errorf("the start says %+v; the log: %s", last, log.String())
	}
	account := freeze(t, s)[store.Accounts][0]
	writeRow(t, s, store.Accounts, account.Key, bytes.Replace(account.Value, []byte(`"used":`), []byte(`"used":-`), 1))
	if err := watchOf(t, e, s, io.Discard).Start(t.Context()); narthex.AsError(err).Kind != narthex.Conflict || !strings.Contains(fmt.Sprint(err), account.Key) {
		t.Errorf("a start on a changed account: %v", err)
	}
}

// TestARunningNodeRaisesTheAlarm: what changes behind a running node's back is found when someone asks, named, logged and counted.
func TestARunningNodeRaisesTheAlarm(t *testing.T) {
	var raw store.Store
	log := &syncBuffer{}
	e := testenv.New(t, testenv.Options{Log: log, Wrap: func(s store.Store) store.Store { raw = s; return s }})
	if _, err := e.People["ada"].Audit(t.Context(), false); narthex.AsError(err).Kind != narthex.Withheld {
		t.Errorf("a researcher asks for the audit: %v", err)
	}
	if _, err := e.People["sam"].Audit(t.Context(), true); narthex.AsError(err).Kind != narthex.Refused {
		t.Errorf("security asks for the audit: %v", err)
	}
	id := string(e.People["paul"].ID)
	var value []byte
	must(t, raw.View(t.Context(), func(r store.Reader) (err error) { value, err = r.Get(store.People, id); return err }))
	writeRow(t, raw, store.People, id, bytes.Replace(value, []byte(`"sponsor"`), []byte(`"custodian"`), 1))
	report, err := e.People["lea"].Audit(t.Context(), false)
	must(t, err)
	if len(report.Differences) != 1 || report.Differences[0].Key != id || report.Differences[0].Field != "roles[0]" {
		show(t, report.Differences)
		t.Errorf("%d differences", len(report.Differences))
	}
	if text := log.String(); !strings.Contains(text, "level=ERROR") || !strings.Contains(text, id) || strings.Contains(text, "paul@lab.test") {
		t.Errorf("the log says %s", text)
	}
	if got := get(t, "http://"+e.Node.OpsAddress()+"/metrics"); !strings.Contains(got, "narthex_audit_differences 1\n") {
		t.Error("the metrics do not count it")
	}
	last, err := e.People["carol"].Audit(t.Context(), true)
	must(t, err)
	if len(last.Differences) != 1 {
		t.Error("the last result is not told")
	}
	writeRow(t, raw, store.People, id, value)
	if report, err = e.People["lea"].Audit(t.Context(), false); err != nil || len(report.Differences) != 0 {
		t.Errorf("put right, it still finds %d: %v", len(report.Differences), err)
	}
}

// rolledBack is a store that is read as it was earlier, from a moment on.
type rolledBack struct {
	store.Store
	earlier frozen
	is      bool
}

func (s *rolledBack) View(ctx context.Context, read func(store.Reader) error) error {
	if s.is {
		return read(s.earlier)
	}
	return s.Store.View(ctx, read)
}

// TestALedgerThatGetsShorterRaisesTheAlarm: what was folded is not forgotten when the database under the node is another.
func TestALedgerThatGetsShorterRaisesTheAlarm(t *testing.T) {
	e := history(t, testenv.Options{})
	s, _ := stopped(t, e)
	under := &rolledBack{Store: s, earlier: freeze(t, s)}
	appendEntry(t, e, s, narthex.EntryLedgerRead, narthex.TextField("by", e.People["lea"].ID), narthex.TextField("what", "export"))
	var log bytes.Buffer
	w := watchOf(t, e, under, &log)
	must(t, w.Start(t.Context()))
	under.is = true
	must(t, w.Close(t.Context()))
	if found := w.Last().Differences; len(found) == 0 || !strings.Contains(log.String(), "level=ERROR") {
		t.Errorf("a ledger that got shorter: %d differences; the log: %s", len(found), log.String())
	}
}

// TestOpenCallsAreNoDifference: what a node has committed in the middle of a call is whole, and the audit says how many are open.
func TestOpenCallsAreNoDifference(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	_, key := e.Grant(t, "", testenv.Tokens(1000, nil))
	reached, release := make(chan struct{}), make(chan struct{})
	e.Model.Handle(func(w http.ResponseWriter, r *http.Request) {
		close(reached)
		<-release
		testenv.Answer("hello", 7, 5)(w, r)
	})
	done := make(chan error, 1)
	go func() {
		_, _, err := e.Chat(context.Background(), key, testenv.Hello)
		done <- err
	}()
	<-reached
	beside, err := sqlite.Look(t.Context(), e.Config().Data)
	must(t, err)
	report, err := audit.Once(t.Context(), beside, e.Node.LogKey(), e.Clock.Now)
	close(release)
	must(t, errors.Join(err, beside.Close()))
	must(t, <-done)
	if len(report.Differences) != 0 || report.OpenCalls != 1 {
		show(t, report.Differences)
		t.Errorf("%d differences, %d calls open", len(report.Differences), report.OpenCalls)
	}
}

func get(t testing.TB, url string) string {
	t.Helper()
	answer, err := http.Get(url)
	must(t, err)
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	must(t, err)
	return string(data)
}

// syncBuffer is a log that a running node writes and a test reads.
type syncBuffer struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (b *syncBuffer) Write(data []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(data)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// TestARunningNodeAuditsAllWithinTheHour: whoever changes a row behind a running node's back is found without anyone asking.
func TestARunningNodeAuditsAllWithinTheHour(t *testing.T) {
	e := history(t, testenv.Options{})
	s, _ := stopped(t, e)
	rows, signer := freeze(t, s), signerOf(t, e)
	var log bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		s := memory.New()
		must(t, s.Update(t.Context(), func(tx store.Tx) error {
			for table, list := range rows {
				for _, row := range list {
					if err := tx.Put(table, row.Key, row.Value); err != nil {
						return err
					}
				}
			}
			return nil
		}))
		w := &audit.Watch{Store: s, Signer: signer, Key: e.Node.LogKey(), Clock: time.Now, Log: slog.New(slog.NewTextHandler(&log, nil))}
		must(t, w.Start(t.Context()))
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { w.Run(ctx) })
		time.Sleep(3*time.Hour + 17*time.Minute)
		if found := w.Last().Differences; len(found) > 0 {
			show(t, found)
			t.Fatal("it finds what is not there")
		}
		grant := rows[store.Grants][0]
		writeRow(t, s, store.Grants, grant.Key, bytes.Replace(grant.Value, []byte(`"not_after":"2`), []byte(`"not_after":"3`), 1))
		time.Sleep(time.Hour)
		synctest.Wait()
		stop()
		running.Wait()
		found := w.Last().Differences
		if len(found) == 0 || found[0].Table != string(store.Grants) || found[0].Key != grant.Key || !strings.Contains(log.String(), "level=ERROR") {
			show(t, found)
			t.Errorf("within the hour it finds %d differences, and logs %s", len(found), log.String())
		}
	})
}
