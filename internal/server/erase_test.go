package server_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/testenv"
	"narthex/ledger"
)

// TestAPersonIsErasedAndTheTreeStands: what the ledger and the tables said of them is gone, every proof and checkpoint from before
// still holds, the export verifies, audit and replay find no difference, and that it was done is an entry.
func TestAPersonIsErasedAndTheTreeStands(t *testing.T) { onBoth(t, erased) }

func erased(t *testing.T, url string) {
	e := testenv.New(t, testenv.Options{Store: url})
	e.Outsiders(t, "2", "Another Institute")
	ada, carol, lea := e.People["ada"], e.People["carol"], e.People["lea"]
	grant, key := e.Grant(t, "", testenv.Tokens(1000, nil))
	_, other := e.Grant(t, "2", testenv.Tokens(1000, nil))
	for _, key := range []string{key, other, key} {
		if status, body, err := e.Chat(t.Context(), key, testenv.Hello); err != nil || status != 200 {
			t.Fatalf("%d %s %v", status, body, err)
		}
	}
	if status, _, _ := e.Chat(t.Context(), key, say(`"logprobs":true`)); status != 403 {
		t.Fatalf("a denial is wanted, and it is %d", status)
	}
	const drafts = 12 // enough that what they leave in the database is not written over by chance
	for i := range drafts {
		if _, err := ada.Draft(t.Context(), client.Draft{Pathway: "test", Title: fmt.Sprint("canary title ", i), Answers: map[string]string{"why": strings.Repeat("canary answer ", 7)}, Terms: []narthex.Term{testenv.Tokens(5, nil)}}); err != nil {
			t.Fatal(err)
		}
	}
	before, err := e.Client.Ledger(t.Context())
	for ; err == nil && before.Size == 0; before, err = e.Client.Ledger(t.Context()) {
		time.Sleep(20 * time.Millisecond) // until one is published
	}
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what string, kind narthex.Kind, who *testenv.Person, id narthex.PersonID) {
		t.Helper()
		if _, err := who.Erase(t.Context(), id, "asked for it"); !narthex.IsKind(err, kind) {
			t.Errorf("%s: %v", what, err)
		}
	}
	refused("someone who is active", narthex.Conflict, carol, ada.ID)
	refused("by someone who may not", narthex.Refused, lea, ada.ID)
	refused("someone of the lab", narthex.Refused, carol, lea.ID)
	if _, err := carol.Remove(t.Context(), ada.ID, "left"); err != nil {
		t.Fatal(err)
	}
	refused("someone whose engagement is in force", narthex.Conflict, carol, ada.ID)
	for _, command := range []string{"end", "close"} {
		if _, err := carol.Command(t.Context(), grant.Engagement, command, client.Command{Text: "left"}); err != nil {
			t.Fatalf("%s: %v", command, err)
		}
	}
	lock, err := e.People["sam"].Lock(t.Context(), client.LockRequest{Subject: "person", Target: string(ada.ID), Reason: "legal_order"})
	if err != nil {
		t.Fatal(err)
	}
	refused("someone under a lock", narthex.Conflict, carol, ada.ID)
	if _, err := carol.Unlock(t.Context(), lock.Lock.ID); err != nil {
		t.Fatal(err)
	}
	done, err := carol.Erase(t.Context(), ada.ID, "asked for it")
	if err != nil || done.Entries < 20 || done.Applications != drafts {
		t.Fatalf("erased: %+v %v", done, err)
	}
	refused("someone who is erased", narthex.Conflict, carol, ada.ID)
	var export bytes.Buffer
	if err := lea.Export(t.Context(), &export); err != nil {
		t.Fatal(err)
	}
	report, err := ledger.Verify(bytes.NewReader(export.Bytes()), e.Node.LogKey(), before.Checkpoint)
	if err != nil {
		t.Fatalf("after the erasure: %v", err)
	}
	if missing := report.Size - report.Opened; missing != uint64(done.Entries) || report.ByType[narthex.EntryOpeningsErased] != 1 {
		t.Errorf("%d openings are gone of %d, and %d entries say so", missing, done.Entries, report.ByType[narthex.EntryOpeningsErased])
	}
	for line := range strings.Lines(export.String()) {
		if strings.Contains(line, string(ada.ID)) && !strings.Contains(line, string(narthex.EntryOpeningsErased)) || strings.Contains(line, string(grant.ID)) {
			t.Errorf("the ledger still tells of them: %.300s", line)
		}
	}
	audit, err := lea.Audit(t.Context(), false)
	if err != nil || len(audit.Differences)+audit.More != 0 || audit.Erased != uint64(done.Entries) {
		t.Errorf("the audit finds %d differences and counts %d erased of %d: %v", len(audit.Differences), audit.Erased, done.Entries, err)
	}
	if status, body, err := e.Chat(t.Context(), other, testenv.Hello); err != nil || status != 200 {
		t.Errorf("somebody else's call after it: %d %s %v", status, body, err)
	}
	if err := e.Node.Close(); err != nil {
		t.Fatal(err)
	}
	if url == "" {
		gone(t, filepath.Join(e.Dir, "data"), "canary title", "canary answer")
	}
	delete(e.People, "ada")
	e.Start(t)
}

// gone looks for words in the files of a stopped node.
func gone(t *testing.T, dir string, words ...string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		for _, word := range words {
			if bytes.Contains(data, []byte(word)) {
				t.Errorf("%q still stands in %s", word, d.Name())
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
