package server_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"narthex"
	"narthex/client"
	"narthex/internal/airlock"
	"narthex/internal/journal"
	"narthex/internal/lab"
	"narthex/internal/server"
	"narthex/internal/store"
	"narthex/internal/store/storetest"
	"narthex/internal/testenv"
	"narthex/internal/testenv/rig"
	"narthex/ledger"
)

// TestRigFaultsByNumberUntilItLeaves fails the n-th call of the store, before and after it did its work, while a job is handed in and runs to
// its end, while its results are asked for, while the last reviewer says yes, and while they are fetched. Whoever is told something finds it
// in the store; bytes that were given out stand in the ledger as given out, and are those that were reviewed; no job is left under way; and
// when all is over nothing is reserved, and what was charged is what jobs and releases cost. The short form tries every tenth n, from one
// that the seed draws, and of a fetch every n; NARTHEX_RIG=long every n of all.
func TestRigFaultsByNumberUntilItLeaves(t *testing.T) {
	seed, step := rig.Begin(t, "./internal/server", 10, 1)
	onBoth(t, func(t *testing.T, url string) { faultsUntilItLeaves(t, url, int64(seed%uint64(step)), int64(step)) })
}

func faultsUntilItLeaves(t *testing.T, url string, first, step int64) {
	faults := &storetest.Faults{}
	options, _ := testenv.Beside(t, testenv.Options{Store: url, Wrap: func(s store.Store) store.Store { faults.Inner = s; return faults },
		Config: func(c *server.Config) { c.Host.Examiner = testenv.Here{} }, Files: roomy}, leaves(results))
	h := &hall{Env: testenv.New(t, options)}
	n := narthex.NumberValue
	h.grant, h.key = h.Grant(t, "", testenv.Tokens(1000, nil),
		testenv.Term("weights.compute", map[narthex.LimitName]narthex.Value{"cpu_hours": n(1000), "wall_minutes": n(20), "memory_mb": n(64), "bytes_out": n(1e6)}),
		testenv.Term("output.release", map[narthex.LimitName]narthex.Value{"artefacts": narthex.NamesValue("table", "text"), "bytes_out": n(1e6)}))
	over := func(id narthex.JobID) {
		t.Helper()
		until(t, "the job is over", func() bool {
			job := storedRow[narthex.Job](t, faults.Inner, store.Jobs, string(id))
			return job != nil && job.State.Over()
		})
	}
	run := func() (narthex.Job, error) {
		job, err := h.holder().SubmitJob(t.Context(), client.SubmitJob{Asset: "model", Environment: "box", Files: studyFiles(), WallMinutes: 1})
		if err == nil {
			over(job.ID)
		}
		return job, err
	}
	ask := func(job narthex.JobID) (narthex.Release, error) { return h.asks(t, job) }
	second := func(r narthex.ReleaseID) error {
		seen, err := h.People["sam"].Release(t.Context(), r)
		if err == nil {
			_, err = h.People["sam"].VoteRelease(t.Context(), r, client.VoteRelease{Saw: seen.Release.Package, Verdicts: verdicts(seen.Release, narthex.VerdictRelease)})
		}
		return err
	}
	ready := must(run()).ID // whose results are asked for
	clear := func() {
		for _, r := range must(h.holder().OwnReleases(t.Context())).Releases {
			if !r.State.Over() {
				must(h.holder().WithdrawRelease(t.Context(), r.ID))
			}
		}
	}
	waits := func() narthex.ReleaseID {
		clear()
		r := must(ask(ready))
		h.vote(t, "olga", h.review(t, "olga", r.ID), narthex.VerdictRelease)
		return r.ID
	}
	out := waits()
	if err := second(out); err != nil {
		t.Fatal(err)
	}
	acts := []struct {
		name    string
		prepare func() narthex.ReleaseID // what the act is on, without a fault
		step    int64
		act     func(narthex.ReleaseID) error
	}{
		{"a job", nil, step, func(narthex.ReleaseID) error {
			job, err := run()
			if err == nil && storedRow[narthex.Job](t, faults.Inner, store.Jobs, string(job.ID)) == nil {
				t.Errorf("%s was taken and is not there", job.ID)
			}
			return err
		}},
		{"asking", func() narthex.ReleaseID { clear(); return "" }, step, func(narthex.ReleaseID) error {
			r, err := ask(ready)
			if err == nil && storedRow[narthex.Release](t, faults.Inner, store.Releases, string(r.ID)) == nil {
				t.Errorf("%s was taken and is not there", r.ID)
			}
			return err
		}},
		{"the last yes", waits, step, func(id narthex.ReleaseID) error {
			err := second(id)
			if row := storedRow[narthex.Release](t, faults.Inner, store.Releases, string(id)); err == nil && row.State != narthex.ReleaseReleased {
				t.Errorf("it was said to be released and is %s", row.State)
			}
			return err
		}},
		{"a fetch", func() narthex.ReleaseID { return out }, 1, func(id narthex.ReleaseID) error {
			before := sizeOf(t, faults.Inner)
			got, err := h.holder().FetchRelease(t.Context(), id)
			if err != nil {
				return err
			}
			row := storedRow[narthex.Release](t, faults.Inner, store.Releases, string(id))
			if row.State != narthex.ReleaseReleased || len(row.Votes) != 2 || !fetchStands(t, faults.Inner, before, id) {
				t.Errorf("bytes were given out of a release that is %s, with %d votes, and no entry says so", row.State, len(row.Votes))
			}
			var digests []narthex.Digest
			for _, f := range got.Files {
				digests = append(digests, narthex.MakeDigest(sha256.Sum256(f.Data)))
			}
			if !slices.EqualFunc(row.Files, digests, func(f narthex.ReleaseFile, d narthex.Digest) bool { return f.Digest == d }) {
				t.Error("the bytes that were given out are not those that were reviewed")
			}
			return nil
		}},
	}
	tried := map[string]int{}
	for _, a := range acts {
		for _, mode := range []storetest.Mode{storetest.Before, storetest.After} {
			for n := 1 + first%a.step; ; n += a.step {
				var on narthex.ReleaseID
				if a.prepare != nil {
					on = a.prepare()
				}
				faults.Plan(n, mode)
				err := a.act(on)
				fired := faults.Fired()
				faults.Plan(0, mode)
				if !fired {
					if err != nil {
						t.Errorf("%s: failed without a fault: %v", a.name, err)
					}
					break
				}
				if tried[a.name]++; n > 2000 {
					t.Fatalf("%s does not end", a.name)
				}
			}
		}
	}
	for _, job := range rows[narthex.Job](t, faults.Inner, store.Jobs) {
		over(job.ID)
	}
	clear()
	waitClosed(t, h.Env)
	m := &mix{Env: h.Env, store: &cutting{Store: faults.Inner, left: -1}}
	spent, is := m.spent(t), account(t, h.Env)
	if is.Reserved != 0 || is.Used != spent["job_outcomes"]+spent["released_bytes"] {
		t.Errorf("the account stands at %+v, and jobs and releases cost %v", is, spent)
	}
	for _, b := range must(h.holder().OwnGrant(t.Context())).Budgets {
		if b.Reserved != 0 {
			t.Errorf("%+v is reserved", b)
		}
	}
	t.Logf("faults that were tried: %v", tried)
}

// roomy makes a model so large, and a pathway so wide, that a rig is held by nothing but what it sets itself.
func roomy(files lab.Files) {
	for _, swap := range [][3]string{
		{"assets/model.yaml", "lifetime_bytes: 9000", "lifetime_bytes: 1000000000"}, {"assets/model.yaml", "bytes: 1000000\n", "bytes: 1000000000000\n"},
		{"lab.yaml", "{days: 30, reviewers: [security]}", "{days: 1, reviewers: [security]}"},
		{"pathways/test.yaml", "cpu_hours: {default: 1, least: 0, most: 100}", "cpu_hours: {default: 1, least: 0, most: 1000}"},
		{"pathways/test.yaml", "most: 9000", "most: 1000000000"},
	} {
		files[swap[0]] = []byte(strings.ReplaceAll(string(files[swap[0]]), swap[1], swap[2]))
	}
}

// storedRow gives a row of a table, or nil.
func storedRow[T any](t *testing.T, s store.Store, table store.Table, key string) (row *T) {
	t.Helper()
	err := s.View(t.Context(), func(r store.Reader) error {
		row = nil
		value, err := r.Get(table, key)
		if err != nil || value == nil {
			return err
		}
		row = new(T)
		return json.Unmarshal(value, row)
	})
	if err != nil {
		t.Fatal(err)
	}
	return row
}

// fetchStands says whether an entry from a place on says that a release was given out.
func fetchStands(t *testing.T, s store.Store, from uint64, id narthex.ReleaseID) (found bool) {
	t.Helper()
	size := sizeOf(t, s)
	err := s.View(t.Context(), func(r store.Reader) error {
		return journal.EachEntry(r, from, size, func(_ uint64, _ ledger.Record, opening ledger.Opening) error {
			found = found || opening.Type == narthex.EntryReleaseChanged && opening.Text("release") == string(id) && strings.Contains(opening.Field("event"), `"act":"`+string(airlock.Fetch)+`"`)
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// waiting counts the reads of frozen files within changes, for which everybody else waits.
type waiting struct {
	store.Store
	reads atomic.Int64
}

type waitingTx struct {
	store.Tx
	of *waiting
}

func (w *waiting) Update(ctx context.Context, change func(store.Tx) error) error {
	return w.Store.Update(ctx, func(tx store.Tx) error { return change(waitingTx{tx, w}) })
}

func (t waitingTx) Get(table store.Table, key string) ([]byte, error) {
	if table == store.Blobs {
		t.of.reads.Add(1)
	}
	return t.Tx.Get(table, key)
}

// TestNobodyWaitsForTheFilesOfARelease: asking, editing and fetching read what was frozen before the change that they make.
func TestNobodyWaitsForTheFilesOfARelease(t *testing.T) {
	w := &waiting{}
	h := openHallWith(t, leaves(results), func(c *server.Config) {
		c.Host.Examiner = testenv.Here{}
		c.Wrap = func(s store.Store) store.Store { w.Store = s; return w }
	})
	r := must(h.asks(t, h.over(t, h.submit(t).ID).ID))
	must(h.holder().EditRelease(t.Context(), r.ID, client.EditRelease{Files: []client.WantedFile{{Name: "words.txt", Context: context20}}}))
	before := w.reads.Load()
	for _, name := range []string{"olga", "sam"} {
		h.vote(t, name, h.review(t, name, r.ID), narthex.VerdictRelease)
	}
	reviewed := w.reads.Load() - before
	if got := must(h.holder().FetchRelease(t.Context(), r.ID)); string(got.Files[0].Data) != results["words.txt"] {
		t.Errorf("it gives %q", got.Files[0].Data)
	}
	if all := w.reads.Load(); all != reviewed {
		t.Errorf("%d pieces of files are read while everybody waits", all-reviewed)
	}
}
