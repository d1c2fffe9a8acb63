package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"

	"narthex"
	"narthex/client"
	"narthex/internal/airlock"
	"narthex/internal/sandbox"
	"narthex/internal/server"
	"narthex/internal/store"
	"narthex/internal/testenv"
	"narthex/internal/testenv/rig"
)

// points are where something is exchanged: after each of these steps of a release.
var points = []string{"frozen", "asked for", "seen by one", "said by one", "seen by both", "released", "fetched"}

// exchanges change behind the node's back what is about to leave, or through the door as its author may; undo puts it back.
var exchanges = map[string]func(*exchange) (undo func() error, err error){
	"another byte": func(x *exchange) (func() error, error) {
		return x.blob(func(data []byte) []byte { data[len(data)-2] ^= 1; return data })
	},
	"a byte more": func(x *exchange) (func() error, error) {
		return x.blob(func(data []byte) []byte { return append(data, '\n') })
	},
	"a byte less": func(x *exchange) (func() error, error) {
		return x.blob(func(data []byte) []byte { return data[:len(data)-1] })
	},
	"nothing": func(x *exchange) (func() error, error) {
		return x.blob(func([]byte) []byte { return []byte{} })
	},
	"another file's bytes": func(x *exchange) (func() error, error) {
		other := x.file(1).Data
		return x.blob(func([]byte) []byte { return other })
	},
	"another file's digest": func(x *exchange) (func() error, error) { return x.row() },
	"an edit by the author": func(x *exchange) (func() error, error) {
		_, _ = x.h.holder().EditRelease(x.t.Context(), x.release, client.EditRelease{Files: []client.WantedFile{{Name: "words.txt", Context: context20 + " again"}}}) // it may be too late
		return func() error { return nil }, nil
	},
	"withdrawn and asked again": func(x *exchange) (func() error, error) {
		if _, err := x.h.holder().WithdrawRelease(x.t.Context(), x.release); err == nil {
			if r, err := x.h.asks(x.t, x.job); err == nil {
				x.later = r.ID
			}
		}
		return func() error { return nil }, nil
	},
}

// exchange is one release on its way, and its store.
type exchange struct {
	t       *testing.T
	h       *hall
	raw     store.Store
	job     narthex.JobID
	release narthex.ReleaseID
	later   narthex.ReleaseID // another release of the same job
}

// file gives a frozen file of the job, as the store has it.
func (x *exchange) file(n int) (f struct {
	narthex.Frozen
	Data []byte
}) {
	job := storedRow[narthex.Job](x.t, x.raw, store.Jobs, string(x.job))
	f.Frozen = job.Package.Files[n]
	f.Data = storedRow[struct{ Data []byte }](x.t, x.raw, store.Blobs, string(f.Digest)+"/0000").Data
	return f
}

// put writes a row behind the node's back, and gives what puts the old one back.
func (x *exchange) put(table store.Table, key string, change func([]byte) ([]byte, error)) (undo func() error, err error) {
	var old []byte
	err = x.raw.Update(x.t.Context(), func(tx store.Tx) error {
		row, err := tx.Get(table, key)
		if err != nil || row == nil {
			return err
		}
		old = bytes.Clone(row)
		next, err := change(bytes.Clone(row))
		if err != nil {
			return err
		}
		return tx.Put(table, key, next)
	})
	return func() error {
		if old == nil {
			return nil
		}
		return x.raw.Update(x.t.Context(), func(tx store.Tx) error { return tx.Put(table, key, old) })
	}, err
}

// blob changes the bytes of the job's first file.
func (x *exchange) blob(change func([]byte) []byte) (func() error, error) {
	return x.put(store.Blobs, string(x.file(0).Digest)+"/0000", func(row []byte) ([]byte, error) {
		var blob struct {
			Data []byte `json:"data"`
		}
		if err := json.Unmarshal(row, &blob); err != nil {
			return nil, err
		}
		blob.Data = change(blob.Data)
		return json.Marshal(blob)
	})
}

// row has the release name another frozen file of the same job as its first; its other fields stay.
func (x *exchange) row() (func() error, error) {
	first, other := []byte(x.file(0).Digest), []byte(x.file(1).Digest)
	swap := func(from, to []byte) func([]byte) ([]byte, error) {
		return func(row []byte) ([]byte, error) {
			return bytes.Replace(row, append([]byte(`"digest":"`), from...), append([]byte(`"digest":"`), to...), 1), nil
		}
	}
	_, err := x.put(store.Releases, string(x.release), swap(first, other))
	return func() error {
		_, err := x.put(store.Releases, string(x.release), swap(other, first))
		return err
	}, err
}

// TestRigWhatLeavesIsWhatWasReviewed exchanges what is about to leave, in every way and at every point between its freezing and its last
// fetch: in the store, behind the node's back, and through the door. Whatever is given out is byte for byte what each of those who voted was
// shown, and what its record says. A node has 16 exchanges,
// before its audit finds that its tables are not what they were: NARTHEX_RIG=long has 40 nodes.
func TestRigWhatLeavesIsWhatWasReviewed(t *testing.T) {
	seed, lives := rig.Begin(t, "./internal/server", 1, 40)
	for life := range uint64(lives) {
		t.Run(fmt.Sprint(life), func(t *testing.T) { exchangeALife(t, seed+life) })
	}
}

// exchangesALife is how many there are at one node.
const exchangesALife = 16

func exchangeALife(t *testing.T, seed uint64) {
	draw := mathrand.New(mathrand.NewPCG(seed, 0))
	var played atomic.Int64
	options, _ := testenv.Beside(t, testenv.Options{Files: roomy}, func(_ context.Context, _ sandbox.Job, out string, _, _ io.Writer) sandbox.Ended {
		n := played.Add(1)
		for name, text := range map[string]string{"table.csv": fmt.Sprintf("layer,value\n%d,%d\n", n, n%977), "words.txt": fmt.Sprintf("%d layers of it\n", n)} {
			if os.WriteFile(filepath.Join(out, name), []byte(text), 0o600) != nil {
				return sandbox.Ended{Class: sandbox.Failed}
			}
		}
		return sandbox.Ended{Class: sandbox.Done}
	})
	var raw store.Store
	options.Wrap = func(s store.Store) store.Store { raw = s; return s }
	set := options.Config
	options.Config = func(c *server.Config) { set(c); c.Host.Examiner = testenv.Here{} }
	h := &hall{Env: testenv.New(t, options)}
	h.Tampered = true
	n := narthex.NumberValue
	h.grant, h.key = h.Grant(t, "", testenv.Tokens(1000, nil),
		testenv.Term("weights.compute", map[narthex.LimitName]narthex.Value{"cpu_hours": n(1000), "wall_minutes": n(20), "memory_mb": n(64), "bytes_out": n(1e6)}),
		testenv.Term("output.release", map[narthex.LimitName]narthex.Value{"artefacts": narthex.NamesValue("table", "text"), "bytes_out": n(1e6)}))
	names := slices.Sorted(maps.Keys(exchanges))
	given, withheld := 0, 0
	for _, pair := range draw.Perm(len(names) * len(points))[:exchangesALife] {
		name, point := names[pair%len(names)], points[pair/len(names)]
		if h.leaves(t, raw, name, point) {
			given++
		} else {
			withheld++
		}
	}
	t.Logf("%d exchanges: %d releases were given out as they were reviewed, %d were not given out", exchangesALife, given, withheld)
	if given == 0 || withheld == 0 {
		t.Error("the rig exchanges nothing, or lets nothing leave")
	}
}

// leaves takes one release on its way, with an exchange at a point, and says whether bytes were given out.
func (h *hall) leaves(t *testing.T, raw store.Store, name, point string) (given bool) {
	t.Helper()
	x := &exchange{t: t, h: h, raw: raw, job: h.over(t, h.submit(t).ID).ID}
	undo := func() error { return nil }
	at := func(step string) {
		if step != point || x.release == "" && name != "another byte" && name != "a byte more" && name != "a byte less" && name != "nothing" && name != "another file's bytes" {
			return
		}
		var err error
		if undo, err = exchanges[name](x); err != nil {
			t.Fatalf("%s, %s: %v", name, point, err)
		}
	}
	shown := map[string][]client.StudyFile{}
	at("frozen")
	if r, err := h.asks(t, x.job); err == nil {
		x.release = r.ID
	}
	at("asked for")
	for i, who := range []string{"olga", "sam"} {
		seen, err := h.People[who].Release(t.Context(), x.release)
		if err == nil {
			shown[who] = seen.Files
		}
		at([]string{"seen by one", "seen by both"}[i])
		if err == nil {
			_, _ = h.People[who].VoteRelease(t.Context(), x.release, client.VoteRelease{Saw: seen.Release.Package, Verdicts: verdicts(seen.Release, narthex.VerdictRelease)}) // it may be refused
		}
		at([]string{"said by one", "released"}[i])
	}
	for range 2 {
		got, err := h.holder().FetchRelease(t.Context(), x.release)
		if err == nil {
			given = true
			for who, files := range shown {
				if !slices.EqualFunc(got.Files, files, func(a, b client.StudyFile) bool { return a.Path == b.Path && bytes.Equal(a.Data, b.Data) }) {
					t.Errorf("%s when it was %s: what is given out is not what %s was shown", name, point, who)
				}
			}
			statement, err := airlock.OpenRecord(got.Record, h.Node.LogKey())
			for _, f := range got.Files {
				if file, holds := statement.Holds(f.Data); err != nil || !holds || file != f.Path {
					t.Errorf("%s when it was %s: the record does not hold %s: %v", name, point, f.Path, err)
				}
			}
			if len(shown) != 2 {
				t.Errorf("%s when it was %s: it is given out and %d saw it", name, point, len(shown))
			}
		}
		at("fetched")
	}
	if err := undo(); err != nil {
		t.Fatal(err)
	}
	for _, id := range []narthex.ReleaseID{x.release, x.later} {
		if id != "" {
			_, _ = h.holder().WithdrawRelease(t.Context(), id) // it may be over
		}
	}
	return given
}
