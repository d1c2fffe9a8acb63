package demo_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"narthex"
	"narthex/demo"
	"narthex/internal/book"
	"narthex/internal/journal"
	"narthex/internal/server"
	"narthex/internal/store"
	"narthex/internal/store/sqlite"
	"narthex/internal/store/storetest"
	"narthex/internal/testenv/rig"
	"narthex/ledger"
	"narthex/policy"
)

// TestRigFaultsOverTheStory fails the n-th call of the store in the whole story, before and after it did its work. Wherever the
// story stops, no person is told that the fault was theirs, and what the store then holds is whole: the ledger verifies, every entry has its effect
// and every effect its entry, a node starts on it, closes what was open and keeps nothing reserved. NARTHEX_RIG=long fails
// every n, or with NARTHEX_SHARD=i/k every k-th from the i-th on, so that k machines or k nights take all; the short form takes
// some, drawn from a seed that it prints.
func TestRigFaultsOverTheStory(t *testing.T) {
	faults := &storetest.Faults{}
	wrapped := func(ctx context.Context, lab, data, listen string, clock func() time.Time, inception func(narthex.Digest, map[string]string)) (demo.Node, error) {
		return server.Start(ctx, server.Config{Lab: lab, Data: data, Listen: listen, Demo: true, Version: "test", Self: self(), Getenv: os.Getenv, Clock: time.Now, Random: rand.Reader,
			Log: slog.New(slog.DiscardHandler), Inception: inception,
			Wrap: func(s store.Store) store.Store { faults.Inner = s; return faults }})
	}
	tell := func(dir string) error {
		return demo.Run(t.Context(), demo.Options{Dir: dir, Once: true, Out: io.Discard, Version: "test", Start: wrapped})
	}
	faults.Plan(0, storetest.Before)
	whole := t.TempDir()
	if err := tell(whole); err != nil {
		t.Fatal(err)
	}
	if entries := consistent(t, whole); entries < 50 {
		t.Fatalf("the story has %d entries", entries)
	}
	calls := faults.Calls()
	first, step := numbers(t, calls)
	for _, mode := range []storetest.Mode{storetest.Before, storetest.After} {
		for n := first(); n <= calls; n += step() {
			dir := filepath.Join(t.TempDir(), "demo")
			faults.Plan(n, mode)
			err := tell(dir)
			faults.Plan(0, mode)
			if kind := narthex.AsError(err).Kind; err != nil && kind != narthex.Unavailable && kind != narthex.Internal {
				t.Errorf("call %d, mode %d: a fault of the store was told as somebody's own: %v", n, mode, err)
			}
			consistent(t, dir)
		}
	}
}

// held is a budget of a holder.
type held struct {
	holder string
	key    policy.Key
}

// waiting gives what jobs and releases that are not over hold of each budget. After a restart nothing else may.
func waiting(r store.Reader) (map[held]int64, error) {
	waits := map[held]int64{}
	add := func(holds []policy.Hold) {
		for _, hold := range holds {
			for _, taken := range hold.Budgets {
				waits[held{hold.Holder, taken.Key}] += taken.Amount
			}
		}
	}
	jobs, err := r.Scan(store.Jobs, store.Span{To: "\xff", Limit: 1000})
	if err != nil {
		return nil, err
	}
	for _, row := range jobs {
		var job book.Job
		if err := json.Unmarshal(row.Value, &job); err != nil {
			return nil, err
		}
		if !job.State.Over() {
			add(job.Holds)
		}
	}
	releases, err := r.Scan(store.Releases, store.Span{To: "\xff", Limit: 1000})
	if err != nil {
		return nil, err
	}
	for _, row := range releases {
		var release book.Release
		if err := json.Unmarshal(row.Value, &release); err != nil {
			return nil, err
		}
		if !release.State.Over() {
			add(release.Holds)
		}
	}
	return waits, nil
}

// numbers gives the first call to fail and how far it is to the next.
func numbers(t *testing.T, calls int64) (first, step func() int64) {
	if os.Getenv("NARTHEX_RIG") == "long" {
		i, k := rig.Part(t)
		t.Logf("%d calls of the store; NARTHEX_RIG=long NARTHEX_SHARD=%d/%d go test -timeout 6h -run %s ./demo repeats this run", calls, i, k, t.Name())
		return func() int64 { return int64(i) }, func() int64 { return int64(k) }
	}
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("NARTHEX_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("NARTHEX_SEED is no whole number: %v", err)
		}
	}
	t.Logf("%d calls of the store; NARTHEX_SEED=%d go test -run %s ./demo repeats this run", calls, seed, t.Name())
	draw := mathrand.New(mathrand.NewPCG(seed, 0))
	some := func() int64 { return 1 + draw.Int64N(calls/8) }
	return some, some
}

// consistent starts a node on what a story left, ends it, compares the entries of the ledger with the rows that they are
// about, twice over: by the audit and by hand, and decides every call again. It gives the number of entries; none where the lab never opened.
func consistent(t *testing.T, dir string) int {
	t.Helper()
	data := filepath.Join(dir, "data")
	if s, err := sqlite.Open(t.Context(), data); err != nil {
		t.Fatal(err)
	} else if empty, err := journal.IsEmpty(t.Context(), s); err != nil || errors.Join(s.Close()) != nil {
		t.Fatal(err)
	} else if empty {
		return 0
	}
	node, err := start(t.Context(), filepath.Join(dir, "lab"), data, "127.0.0.1:0", time.Now, func(narthex.Digest, map[string]string) {})
	if err != nil {
		t.Fatalf("a node does not start on it: %v", err)
	}
	if err := node.Close(); err != nil {
		t.Fatal(err)
	}
	report, _, err := server.VerifyDir(t.Context(), data, "")
	if err != nil || len(report.Open) != 0 {
		t.Errorf("after a restart %d calls are open: %v", len(report.Open), err)
	}
	audited, err := server.AuditDir(t.Context(), data)
	if err != nil || len(audited.Differences) != 0 || audited.Size != report.Size || audited.OpenCalls != 0 {
		t.Errorf("the tables are not what the entries say: %+v %v", audited.Differences, err)
	}
	again, err := server.ReplayDir(t.Context(), data)
	if err != nil || again.Differs() || len(again.Missing) > 0 || again.Untold > 0 {
		t.Errorf("a decision does not follow from what was signed: %+v %v", again, err)
	}
	s, err := sqlite.Open(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.View(t.Context(), func(r store.Reader) error { return compare(t, r, report) }); err != nil {
		t.Error(err)
	}
	return int(report.Size)
}

// compare holds each entry to its row and each row to its entry.
func compare(t *testing.T, r store.Reader, report ledger.Report) error {
	for entry, table := range map[narthex.EntryType]store.Table{
		narthex.EntryEngagementChanged: store.Events, narthex.EntryAgreementRendered: store.Agreements, narthex.EntryGrantActive: store.Grants,
		narthex.EntryKeyMinted: store.Keys, narthex.EntrySignerEnrolled: store.Signers, narthex.EntryPersonEnrolled: store.Logins,
		narthex.EntryLockSet: store.LockNames, narthex.EntrySessionOpened: store.Sessions,
	} {
		rows, err := r.Scan(table, store.Span{From: "", To: "\xff", Limit: 10_000})
		if err != nil {
			return err
		}
		if len(rows) != report.ByType[entry] {
			t.Errorf("%d entries %s and %d rows in %s", report.ByType[entry], entry, len(rows), table)
		}
	}
	if err := states(t, r, report.Size); err != nil {
		return err
	}
	// What the outcomes say was used is what the accounts say: for each grant, its tokens.
	spent, reserved := map[string]int64{}, map[string]int64{}
	err := journal.EachEntry(r, 0, report.Size, func(index uint64, _ ledger.Record, opening ledger.Opening) error {
		switch opening.Type {
		case narthex.EntryCallIntent:
			var holds []policy.Hold
			if err := json.Unmarshal([]byte(opening.Field("reserved")), &holds); err != nil {
				return err
			}
			for _, taken := range holds[0].Budgets {
				if taken.Key.Limit == "tokens" {
					reserved[string(narthex.MakeCallID(index))] = taken.Amount
				}
			}
		case narthex.EntryCallOutcome:
			var used []policy.Used
			if err := json.Unmarshal([]byte(opening.Field("used")), &used); err != nil {
				return err
			}
			for _, u := range used {
				if u.Unit == narthex.Tokens && u.Amount >= 0 {
					spent[opening.Text("grant")] += u.Amount
				} else if u.Unit == narthex.Tokens {
					spent[opening.Text("grant")] += reserved[opening.Text("call")]
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	waits, err := waiting(r)
	if err != nil {
		return err
	}
	rows, err := r.Scan(store.Accounts, store.Span{From: "", To: "\xff", Limit: 1000})
	if err != nil {
		return err
	}
	for _, row := range rows {
		var account policy.Account
		if err := json.Unmarshal(row.Value, &account); err != nil {
			return err
		}
		for _, line := range account.Budgets {
			if line.Budget.Reserved != waits[held{row.Key, line.Key}] || line.Key.Limit == "tokens" && line.Budget.Used != spent[row.Key] {
				t.Errorf("%s of %s stands at %+v and the outcomes say %d", line.Key.Limit, row.Key, line.Budget, spent[row.Key])
			}
		}
	}
	return nil
}
