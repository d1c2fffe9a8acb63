package server_test

import (
	"bytes"
	"crypto/rand"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/lab"
	"narthex/internal/server"
	"narthex/internal/testenv"
	"narthex/internal/witness"
	"narthex/ledger"
)

// callOnce makes a call and gives its answer.
func callOnce(t testing.TB, e *testenv.Env, key, body string) (int, http.Header, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, e.Client.Base()+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+key)
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, data
}

// chat makes a call that is served and gives its answer's headers and body.
func chat(t testing.TB, e *testenv.Env, key, body string) (http.Header, []byte) {
	t.Helper()
	status, header, data := callOnce(t, e, key, body)
	if status != 200 {
		t.Fatalf("%d %s", status, data)
	}
	return header, data
}

// receipt waits until a call is published and gives its receipt.
func receipt(t testing.TB, e *testenv.Env, key string, id narthex.CallID) []byte {
	t.Helper()
	for range 100 {
		data, err := e.Client.With(key).Receipt(t.Context(), id)
		if err == nil && bytes.Contains(data, []byte(`"outcome"`)) {
			return data
		}
		if err != nil && !narthex.IsKind(err, narthex.Unavailable) {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("the call was not published")
	return nil
}

// TestAReceiptProvesWhatWasAskedAndAnswered holds a whole answer and a stream to their receipts, and finds every other body,
// promise and key out.
func TestAReceiptProvesWhatWasAskedAndAnswered(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	_, key := e.Grant(t, "", testenv.Tokens(1e6, nil))
	for name, body := range map[string]string{"whole": testenv.Hello, "stream": strings.Replace(testenv.Hello, `{"model"`, `{"stream":true,"model"`, 1)} {
		header, answer := chat(t, e, key, body)
		promise, err := ledger.OpenPromise(header.Get("Narthex-Receipt"), e.Node.LogKey())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		data := receipt(t, e, key, narthex.CallID(header.Get("Narthex-Call")))
		if len(data) > 6000 {
			t.Errorf("%s: the receipt has %d bytes", name, len(data))
		}
		evidence, err := ledger.VerifyReceipt(data, e.Node.LogKey())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if evidence.Status != "served" || evidence.Keeps(promise) != nil || evidence.Holds(ledger.RequestBody, []byte(body)) != nil || evidence.Holds(ledger.AnswerBody, answer) != nil {
			t.Errorf("%s: the receipt does not hold: %+v", name, evidence)
		}
		if evidence.Holds(ledger.RequestBody, []byte(body+" ")) == nil || evidence.Holds(ledger.AnswerBody, answer[1:]) == nil || evidence.Holds(ledger.AnswerBody, []byte(body)) == nil {
			t.Errorf("%s: it holds for other bytes too", name)
		}
		other := promise
		other.Entry[0] ^= 1
		if evidence.Keeps(other) == nil {
			t.Errorf("%s: it keeps a promise about another entry", name)
		}
	}
}

// TestAReceiptProvesTheErrorOfACallThatFailed: what the caller got is the error object, and its receipt holds that.
func TestAReceiptProvesTheErrorOfACallThatFailed(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	_, key := e.Grant(t, "", testenv.Tokens(1e6, nil))
	stream := strings.Replace(testenv.Hello, `{"model"`, `{"stream":true,"model"`, 1)
	for _, try := range []struct {
		says, body string
		status     int // of the model's answer
	}{{"refused", testenv.Hello, 400}, {"failing", testenv.Hello, 500}, {"no answer", testenv.Hello, 200}, {"a refused stream", stream, 400}} {
		e.Model.Handle(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", try.status) })
		status, header, answer := callOnce(t, e, key, try.body)
		if status == 200 {
			t.Fatalf("%s: %s", try.says, answer)
		}
		evidence, err := ledger.VerifyReceipt(receipt(t, e, key, narthex.CallID(header.Get("Narthex-Call"))), e.Node.LogKey())
		if err != nil {
			t.Fatalf("%s: %v", try.says, err)
		}
		if evidence.Status == "served" || evidence.Holds(ledger.AnswerBody, answer) != nil || evidence.Holds(ledger.AnswerBody, nil) == nil {
			t.Errorf("%s: the receipt does not hold the error that came: %+v", try.says, evidence)
		}
	}
}

// TestNoClientTriesAChargedCallAgainByItself: a stock client repeats what failed on our side unless it is told not to, and each
// time would cost the worst case.
func TestNoClientTriesAChargedCallAgainByItself(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	_, key := e.Grant(t, "", testenv.Tokens(1e6, nil))
	for _, status := range []int{200, 400, 503} {
		e.Model.Handle(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", status) })
		before := budget(t, e, key).Used
		got, header, _ := callOnce(t, e, key, testenv.Hello)
		if cost := budget(t, e, key).Used - before; got != http.StatusServiceUnavailable || cost == 0 || header.Get("X-Should-Retry") != "false" {
			t.Errorf("a model that answers %d: %d, %d tokens charged, X-Should-Retry %q", status, got, cost, header.Get("X-Should-Retry"))
		}
	}
}

// TestOnlyTheCallsOwnKeyReadsItsReceipt tries other keys, an ended grant, a lock and a revoked key.
func TestOnlyTheCallsOwnKeyReadsItsReceipt(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	grant, key := e.Grant(t, "", testenv.Tokens(1e6, nil))
	header, _ := chat(t, e, key, testenv.Hello)
	call := narthex.CallID(header.Get("Narthex-Call"))
	receipt(t, e, key, call)
	second, err := e.People["ada"].Mint(t.Context(), grant.ID, client.Mint{Label: "second"})
	if err != nil {
		t.Fatal(err)
	}
	absent := narthex.MakeCallID(1 << 40)
	for _, id := range []narthex.CallID{call, absent, "call_0", "call_1"} {
		if _, err := e.Client.With(second.Token).Receipt(t.Context(), id); !narthex.IsKind(err, narthex.Withheld) {
			t.Errorf("another key of the grant asks for %s: %v", id, err)
		}
	}
	if _, err := e.People["sam"].Lock(t.Context(), client.LockRequest{Subject: "grant", Target: string(grant.ID), Reason: "incident"}); err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.VerifyReceipt(receipt(t, e, key, call), e.Node.LogKey()); err != nil {
		t.Errorf("under a lock: %v", err)
	}
	view, err := e.Client.With(key).OwnGrant(t.Context())
	if err != nil || view.Appeal == "" || len(view.Locks) != 1 {
		t.Errorf("under a lock the grant does not say how to appeal: %+v %v", view, err)
	}
	keys := view.Keys
	if _, err := e.People["ada"].RevokeKey(t.Context(), keys[0].ID); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Client.With(key).Receipt(t.Context(), call); !narthex.IsKind(err, narthex.Unauthenticated) {
		t.Errorf("a revoked key: %v", err)
	}
}

// TestVotesSignaturesAndLocksCarryAPromise reads the header of what the API answers.
func TestVotesSignaturesAndLocksCarryAPromise(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	answer, err := e.People["ada"].Do(t.Context(), "POST", "/api/engagements", client.Draft{Pathway: "test", Title: "x", Answers: map[string]string{"why": "x"}, Terms: []narthex.Term{testenv.Tokens(5, nil)}})
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	promise, err := ledger.OpenPromise(answer.Header.Get("Narthex-Receipt"), e.Node.LogKey())
	if err != nil || !strings.HasPrefix(promise.ID, "entry_") {
		t.Fatal(promise, err)
	}
	index, err := promise.Index()
	if err != nil {
		t.Fatal(err)
	}
	proof, err := e.People["ada"].Proof(t.Context(), index)
	if err != nil {
		t.Fatal(err)
	}
	record, err := ledger.ParseRecord(proof.Record)
	if err != nil || record.Leaf() != promise.Entry {
		t.Errorf("the entry promised is another one: %v", err)
	}
}

// witnessed starts a witness and gives its address and key; the log's key is told to it afterwards.
func witnessed(t testing.TB) (address, key string, watch func(logKey string), stop func()) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "witness")
	key, err := witness.New(dir, "witness.example", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var w *witness.Witness
	handler := http.Handler(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) { http.Error(out, "no", 503) }))
	front := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) { handler.ServeHTTP(out, r) }))
	t.Cleanup(front.Close)
	return front.URL, key, func(logKey string) {
		if w, err = witness.Open(dir, []string{logKey}, time.Now); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = w.Close() })
		handler = w.Handler(slog.New(slog.DiscardHandler))
	}, front.Close
}

// TestRequiredWitnessesHoldTheDoor: nothing is served before the witness signs, everything after, and the state says so.
func TestRequiredWitnessesHoldTheDoor(t *testing.T) {
	address, witnessKey, watch, _ := witnessed(t)
	e := testenv.New(t, testenv.Options{Files: func(files lab.Files) {
		files["lab.yaml"] = append(files["lab.yaml"], "require_witnesses: 1\nwitnesses:\n  - {url: "+address+", key: "+witnessKey+"}\n"...)
	}})
	_, key := e.Grant(t, "", testenv.Tokens(1e6, nil))
	for range 500 { // so that it is known and silent, not only unknown
		state, err := e.Client.Ledger(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(state.Witnesses) == 1 && !state.Witnesses[0].SilentSince.IsZero() {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if status, body, err := e.Chat(t.Context(), key, testenv.Hello); err != nil || status != 503 || !strings.Contains(body, "witnesses_missing") {
		t.Fatalf("before the witness signs: %d %s %v", status, body, err)
	}
	watch(e.Node.LogKey())
	status, body := 0, ""
	for range 200 {
		var err error
		if status, body, err = e.Chat(t.Context(), key, testenv.Hello); err != nil {
			t.Fatal(err)
		}
		if status == 200 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	state, err := e.Client.Ledger(t.Context())
	if err != nil || status != 200 || len(state.Witnesses) != 1 || state.Witnesses[0].Size == 0 || state.Require != 1 {
		t.Fatalf("%d %s %+v %v", status, body, state, err)
	}
	for range 100 {
		if state, err = e.Client.Ledger(t.Context()); err != nil {
			t.Fatal(err)
		}
		if found, err := ledger.Cosignatures(state.Checkpoint, witnessKey); err == nil && len(found) == 1 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("the published checkpoint bears no cosignature: %s", state.Checkpoint)
}

// TestRigAnEarlierStateIsRefused takes a hundred states of the database and puts each back under the running configuration:
// none is served until somebody states that it is the one to go on with, and the statement is an entry.
func TestRigAnEarlierStateIsRefused(t *testing.T) {
	const states = 100
	e := testenv.New(t, testenv.Options{})
	grant, _ := e.Grant(t, "", testenv.Tokens(1e6, nil))
	data := filepath.Join(e.Dir, "data")
	var earlier []map[string][]byte
	for i := range states {
		if _, err := e.People["ada"].Mint(t.Context(), grant.ID, client.Mint{Label: "x"}); err != nil {
			t.Fatal(err)
		}
		if i%25 == 0 { // a state as it lies on the disk of a node that was stopped
			if err := e.Node.Close(); err != nil {
				t.Fatal(err)
			}
			e.Start(t)
		}
		earlier = append(earlier, files(t, data))
	}
	if _, err := e.People["ada"].Mint(t.Context(), grant.ID, client.Mint{Label: "last"}); err != nil {
		t.Fatal(err)
	}
	if err := e.Node.Close(); err != nil {
		t.Fatal(err)
	}
	latest := files(t, data)
	for i, state := range earlier {
		put(t, data, state)
		node, err := server.Start(t.Context(), e.Config())
		if err == nil {
			node.Close()
			t.Fatalf("state %d was served", i)
		}
		if public := narthex.AsError(err); public.Kind != narthex.Conflict || !strings.Contains(public.Public, "narthex ledger restore") {
			t.Fatalf("state %d: %v", i, err)
		}
	}
	put(t, data, latest)
	if _, err := server.RestoreLedger(t.Context(), e.Config(), "nothing happened"); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("a statement about a database that is not behind: %v", err)
	}
	put(t, data, earlier[50])
	if _, err := server.RestoreLedger(t.Context(), e.Config(), " "); !narthex.IsKind(err, narthex.Invalid) {
		t.Errorf("a statement without a reason: %v", err)
	}
	found, err := server.RestoreLedger(t.Context(), e.Config(), "the disk failed")
	if err != nil || found.AnchorSize <= found.Size {
		t.Fatalf("%+v %v", found, err)
	}
	e.Start(t)
	if report := verified(t, e); report.ByType[narthex.EntryLedgerRestored] != 1 {
		t.Errorf("the statement is no entry: %+v", report.ByType)
	}
}

// files reads the database's files of a data directory.
func files(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	for _, name := range []string{"narthex.db", "narthex.db-wal"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		if err == nil {
			found[name] = data
		}
	}
	return found
}

func put(t testing.TB, dir string, state map[string][]byte) {
	t.Helper()
	for _, name := range []string{"narthex.db", "narthex.db-wal", "narthex.db-shm"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		if data, has := state[name]; has {
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestWhatIsPublishedCanBeReadByAnyone reads the log as docs/ledger.md says, without a credential, and rebuilds its tree.
func TestWhatIsPublishedCanBeReadByAnyone(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	e.Grant(t, "", testenv.Tokens(1e6, nil))
	if err := e.Node.Close(); err != nil { // a stop publishes what there is
		t.Fatal(err)
	}
	e.Start(t)
	state, err := e.Client.Ledger(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	checkpoint, err := ledger.OpenCheckpoint(state.Checkpoint, e.Node.LogKey())
	if err != nil || checkpoint.Size < 20 || checkpoint.Size > 255 {
		t.Fatal(checkpoint, err)
	}
	read := func(path string) (int, http.Header, []byte) {
		answer, err := http.Get(e.Client.Base() + "/ledger/" + path)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		data, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, answer.Header, data
	}
	for width := uint64(1); width <= checkpoint.Size; width++ {
		_, header, bundle := read("tile/entries/000.p/" + itoa(width))
		_, _, hashes := read("tile/0/000.p/" + itoa(width))
		if uint64(len(bundle)) != width*44 || uint64(len(hashes)) != width*32 || header.Get("Access-Control-Allow-Origin") != "*" || header.Get("Access-Control-Allow-Credentials") != "" {
			t.Fatalf("width %d: %d and %d bytes, %v", width, len(bundle), len(hashes), header)
		}
		var tree ledger.Tree
		for i := uint64(0); i < width; i++ {
			record, err := ledger.ParseRecord(bundle[44*i+2 : 44*i+44])
			if err != nil {
				t.Fatal(err)
			}
			if leaf := record.Leaf(); !bytes.Equal(leaf[:], hashes[32*i:32*i+32]) {
				t.Fatalf("leaf %d is another in the tile", i)
			}
			tree.Append(record)
		}
		if width == checkpoint.Size && tree.Root() != checkpoint.Root {
			t.Error("the records are not those that the checkpoint signed")
		}
	}
	for _, path := range []string{"tile/0/000", "tile/entries/000.p/" + itoa(checkpoint.Size+1), "tile/entries/000.p/0", "tile/0/0", "tile/0/000.p/01", "tile/9/000.p/1", "tile/entries/001.p/1", "tile/0/x000/000.p/1", "tile", "openings/00", "openings/1000000"} {
		if status, _, _ := read(path); status != 404 {
			t.Errorf("%s answers %d", path, status)
		}
	}
	_, _, list := read("openings")
	if !bytes.HasPrefix(list, []byte(`{"openings":[0`)) {
		t.Errorf("the public openings are %s", list)
	}
	var opening ledger.Opening
	if _, _, data := read("openings/0"); opening.UnmarshalJSON(data) != nil || opening.Type != narthex.EntryInception {
		t.Errorf("the inception's opening reads %s", data)
	}
	if status, _, _ := read("openings/1"); status != 404 {
		t.Error("an entry about a person is opened to anyone")
	}
}

func itoa(n uint64) string { return strconv.FormatUint(n, 10) }
