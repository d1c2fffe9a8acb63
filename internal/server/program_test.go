package server_test

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/internal/journal"
	"narthex/internal/server"
	"narthex/internal/store"
	"narthex/internal/store/sqlite"
	"narthex/internal/testenv"
	"narthex/ledger"
)

// serveAs starts a version on a store that was served before, and stops it.
func serveAs(dir, version string, program narthex.Digest, reason string) error {
	node, err := server.Start(context.Background(), server.Config{Data: filepath.Join(dir, "data"), Listen: "127.0.0.1:0", Version: version, Program: program, OlderVersion: reason,
		Clock: func() time.Time { return time.Now().Add(time.Hour) }, Random: rand.Reader, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Getenv: func(string) string { return "set" }, Inception: func(narthex.Digest, map[string]string) {}})
	if err != nil {
		return err
	}
	return node.Close()
}

// programs gives what the public entries of a store say of the programs that served it: version, program, what it replaced
// and why, in order.
func programs(t *testing.T, dir string) (said []string) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(dir, "data"))
	if err != nil {
		t.Fatal(err)
	}
	err = s.View(t.Context(), func(r store.Reader) error {
		head, err := journal.ReadHead(r)
		if err != nil {
			return err
		}
		public, err := journal.PublicEntries(r, head.Size)
		if err != nil {
			return err
		}
		return journal.EachEntry(r, 0, head.Size, func(index uint64, _ ledger.Record, o ledger.Opening) error {
			if o.Type == narthex.EntryProgramChanged {
				said = append(said, strings.Join([]string{o.Text("version"), o.Text("program"), o.Text("replaces"), o.Text("reason")}, "|"))
				if !slices.Contains(public, index) {
					t.Errorf("entry %d says which program serves and is not published", index)
				}
			}
			return nil
		})
	})
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	return said
}

func TestVersionsDoNotGoBackWithoutIntent(t *testing.T) {
	e := testenv.New(t, testenv.Options{}) // its version is "test", which comes before every release
	if err := e.Node.Close(); err != nil {
		t.Fatal(err)
	}
	one, two := narthex.MakeDigest([32]byte{1}), narthex.MakeDigest([32]byte{2})
	want := []string{"test|||"}
	for _, step := range []struct {
		says, version string
		program       narthex.Digest
		reason        string
		refused       narthex.Kind // 0 where it starts
		entry         string       // "" where the ledger says nothing new
	}{
		{"a reason where nothing is older", "0.4.0", one, "just in case", narthex.Invalid, ""},
		{"a release", "0.4.0", one, "", 0, "0.4.0|" + string(one) + "|test|"},
		{"the same again", "0.4.0", one, "", 0, ""},
		{"another program of that version", "0.4.0+local", two, "", 0, "0.4.0+local|" + string(two) + "|0.4.0|"},
		{"ten is newer than four", "0.10.0", one, "", 0, "0.10.0|" + string(one) + "|0.4.0+local|"},
		{"an older one", "0.9.9", one, "", narthex.Conflict, ""},
		{"the release's candidate", "0.10.0-rc.1", one, "", narthex.Conflict, ""},
		{"a version that is none", "test", one, "", narthex.Conflict, ""},
		{"an older one with a reason that is no text", "0.9.9", one, "\xff", narthex.Invalid, ""},
		{"an older one with a reason too long", "0.9.9", one, strings.Repeat("x", 501), narthex.Invalid, ""},
		{"an older one and why", "0.9.9", one, "0.10.0 stalls", 0, "0.9.9|" + string(one) + "|0.10.0|0.10.0 stalls"},
		{"the reason left in place", "0.9.9", one, "0.10.0 stalls", narthex.Invalid, ""},
		{"yet an older one", "0.9.8", one, "", narthex.Conflict, ""},
		{"forward again", "0.10.0", one, "", 0, "0.10.0|" + string(one) + "|0.9.9|"},
	} {
		err := serveAs(e.Dir, step.version, step.program, step.reason)
		if step.refused == 0 && err != nil || step.refused != 0 && !narthex.IsKind(err, step.refused) {
			t.Errorf("%s: %v", step.says, err)
		}
		if step.entry != "" {
			want = append(want, step.entry)
		}
		if got := programs(t, e.Dir); !slices.Equal(got, want) {
			t.Fatalf("%s: the ledger says\n%q and not\n%q", step.says, got, want)
		}
	}
	if found, err := server.AuditDir(t.Context(), filepath.Join(e.Dir, "data")); err != nil || len(found.Differences) > 0 {
		t.Errorf("the audit finds %v, %v", found.Differences, err)
	}
}
