package server_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"narthex"
	"narthex/internal/server"
	"narthex/internal/testenv"
	"narthex/ledger"
)

// TestVerifiersFollowAChangedKey changes the log's key twice and checks the export with each of the three, and with a fourth.
func TestVerifiersFollowAChangedKey(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	keys := []string{e.Node.LogKey()}
	for range 2 {
		if err := e.Node.Close(); err != nil {
			t.Fatal(err)
		}
		before, after, err := server.RotateKey(t.Context(), e.Config())
		if err != nil || before != keys[len(keys)-1] || after == before {
			t.Fatalf("%s %s %v", before, after, err)
		}
		keys = append(keys, after)
		e.Start(t)
		if e.Node.LogKey() != after {
			t.Fatalf("the node signs with %s", e.Node.LogKey())
		}
	}
	var export bytes.Buffer
	if err := e.People["lea"].Export(t.Context(), &export); err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		if _, err := ledger.Verify(bytes.NewReader(export.Bytes()), key); err != nil {
			t.Errorf("with the key %s: %v", key, err)
		}
	}
	stranger := testenv.New(t, testenv.Options{})
	if _, err := ledger.Verify(bytes.NewReader(export.Bytes()), stranger.Node.LogKey()); err == nil {
		t.Error("a stranger's key verifies it")
	}
}

// TestAChangeOfTheKeyThatWasCutOffIsSettled leaves the files of a change as a crash would, before and after its entry.
func TestAChangeOfTheKeyThatWasCutOffIsSettled(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	data, key := filepath.Join(e.Dir, "data"), e.Node.LogKey()
	read := func(name string) []byte {
		t.Helper()
		content, err := os.ReadFile(filepath.Join(data, name))
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	write := func(name string, content []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(data, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Node.Close(); err != nil {
		t.Fatal(err)
	}
	oldKey, oldPub := read("ledger.key"), read("ledger.pub")
	secret, public, err := ledger.NewKey(bytes.NewReader(make([]byte, 64)), "ledger.test-lab.test")
	if err != nil {
		t.Fatal(err)
	}
	write("ledger.key.next", []byte(secret))
	write("ledger.pub.next", []byte(public))
	e.Start(t)
	if e.Node.LogKey() != key {
		t.Error("a change that was never recorded took place")
	}
	if err := e.Node.Close(); err != nil {
		t.Fatal(err)
	}
	_, after, err := server.RotateKey(t.Context(), e.Config())
	if err != nil {
		t.Fatal(err)
	}
	newKey, newPub := read("ledger.key"), read("ledger.pub")
	for name, state := range map[string]map[string][]byte{
		"before the names were swapped": {"ledger.key": oldKey, "ledger.pub": oldPub, "ledger.key.next": newKey, "ledger.pub.next": newPub},
		"between the two":               {"ledger.key": newKey, "ledger.pub": oldPub, "ledger.pub.next": newPub},
		"before the last":               {"ledger.key": newKey, "ledger.pub": newPub, "ledger.pub.next": newPub},
	} {
		for _, file := range []string{"ledger.key.next", "ledger.pub.next", "ledger.pub.before"} {
			if err := os.Remove(filepath.Join(data, file)); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
		}
		for file, content := range state {
			write(file, content)
		}
		e.Start(t)
		if e.Node.LogKey() != after {
			t.Errorf("%s: the node signs with the key before", name)
		}
		verified(t, e)
		if err := e.Node.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestABackupTakenWhileServingIsWhole backs up under load, fills another data directory and starts there.
func TestABackupTakenWhileServingIsWhole(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	_, key := e.Grant(t, "", testenv.Tokens(1e6, nil))
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				_, _, _ = e.Chat(t.Context(), key, testenv.Hello) // a call that fails is a call less
			}
		}
	}()
	var saved bytes.Buffer
	if _, err := server.Backup(t.Context(), e.Config(), &saved); err != nil {
		t.Fatal(err)
	}
	close(stop)
	<-done
	if err := e.Node.Close(); err != nil {
		t.Fatal(err)
	}
	config := e.Config()
	config.Data = filepath.Join(t.TempDir(), "data")
	if _, err := server.RestoreBackup(t.Context(), config, bytes.NewReader(saved.Bytes()[:saved.Len()-1])); !narthex.IsKind(err, narthex.Invalid) {
		t.Errorf("a backup that was cut: %v", err)
	}
	if _, err := server.RestoreBackup(t.Context(), config, bytes.NewReader(saved.Bytes())); err != nil {
		t.Fatal(err)
	}
	if _, err := server.RestoreBackup(t.Context(), config, bytes.NewReader(saved.Bytes())); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("over a store that is filled: %v", err)
	}
	if _, err := server.Start(t.Context(), config); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("without the ledger's key: %v", err)
	}
	for _, name := range []string{"ledger.key", "ledger.pub"} {
		content, err := os.ReadFile(filepath.Join(e.Dir, "data", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(config.Data, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := server.Start(t.Context(), config); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("without an anchor it was served: %v", err)
	}
	if _, err := server.RestoreLedger(t.Context(), config, "moved to another machine"); err != nil {
		t.Fatal(err)
	}
	node, err := server.Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Close(); err != nil {
		t.Fatal(err)
	}
	report, _, err := server.VerifyDir(t.Context(), config.Data, e.Node.LogKey())
	if err != nil || len(report.Open) != 0 || report.ByType[narthex.EntryLedgerRestored] != 1 {
		t.Errorf("%+v %v", report, err)
	}
}
