package server_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/airlock"
	"narthex/internal/book"
	"narthex/internal/disclosure"
	"narthex/internal/inspect"
	"narthex/internal/inspect/sketch"
	"narthex/internal/lab"
	"narthex/internal/listing"
	"narthex/internal/sandbox"
	"narthex/internal/server"
	"narthex/internal/store"
	"narthex/internal/testenv"
)

// openPeople opens a hall whose asset tells of people, and whose jobs leave the table that is set.
func openPeople(t *testing.T) (h *hall, l *looked, raw *store.Store, table func(string)) {
	t.Helper()
	left := map[string]string{"words.txt": "four regions\n"}
	l, raw = &looked{}, new(store.Store)
	options, asset := testenv.Beside(t, testenv.Options{Files: func(files lab.Files) {
		files["assets/model.yaml"] = bytes.Replace(files["assets/model.yaml"], []byte("leak: [bulk]"), []byte("leak: [bulk, stat]"), 1)
	}, Config: func(c *server.Config) {
		c.Host.Examiner = l
		c.Wrap = func(s store.Store) store.Store { *raw = s; return s }
	}}, func(ctx context.Context, job sandbox.Job, out string, stdout, stderr io.Writer) sandbox.Ended {
		return leaves(left)(ctx, job, out, stdout, stderr)
	})
	h = &hall{Env: testenv.New(t, options), asset: asset}
	h.grant, h.key = h.Grant(t, "", append([]narthex.Term{testenv.Tokens(1000, nil)}, testenv.JobTerms()...)...)
	return h, l, raw, func(text string) { left["table.csv"] = text }
}

// flood puts many releases of other people's into a store, all of them after one that is there and none beside it in numbers.
func flood(t *testing.T, raw store.Store, like narthex.Release, many int) {
	t.Helper()
	put := func(tx store.Tx, table store.Table, key string, row any) error {
		text, err := json.Marshal(row)
		if err != nil {
			return err
		}
		return tx.Put(table, key, text)
	}
	for part := range many / 100 {
		err := raw.Update(t.Context(), func(tx store.Tx) error {
			for i := 100 * part; i < 100*part+100; i++ {
				kept := sketch.Bytes(inspect.Sketches([]inspect.File{{Name: "table.csv", Kind: disclosure.CSV, Bytes: fmt.Appendf(nil, "region,n\nz%dx,%d\n", i, 5000+20*i)}}))
				r := like
				r.ID, r.Author, r.State, r.TakenAt, r.Findings = narthex.MakeReleaseID(uint64(1_000_000+i)), "per_aaaaaaaaaaaaaaaaaaaaaaaaaa", narthex.ReleaseReleased, like.TakenAt.Add(time.Duration(i+1)*time.Millisecond), nil
				r.Sketch = narthex.Frozen{Name: "sketch", Bytes: int64(len(kept)), Digest: narthex.MakeDigest(sha256.Sum256(kept))}
				if err := put(tx, store.Blobs, string(r.Sketch.Digest)+"/0000", book.Blob{Data: kept}); err != nil {
					return err
				}
				if err := put(tx, store.Releases, string(r.ID), book.Release{Release: r}); err != nil {
					return err
				}
				if err := put(tx, store.Listings, listing.ReleasedOf(r.Asset)+listing.Place(r.TakenAt, string(r.ID)), book.Placed{}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestNoReleaseIsTooOldToBeComparedWith: what left first is compared with after a thousand others left, without its files being read.
func TestNoReleaseIsTooOldToBeComparedWith(t *testing.T) {
	h, l, raw, table := openPeople(t)
	h.Tampered = true // the thousand have no entries
	table("region,n\nnorth,200\nsouth,100\nwest,150\n")
	first := h.released(t)
	if len(first.Findings) > 0 || first.Sketch.Digest != "" {
		t.Fatalf("the first has findings, or its author is told of its sketch: %+v", first)
	}
	flood(t, *raw, must(h.People["olga"].Release(t.Context(), first.ID)).Release, 1100)
	table("area,persons\nwest,150\nsouth,100\nnorth,195\n")
	began := time.Now()
	second := must(h.asks(t, h.over(t, h.submit(t).ID).ID))
	t.Logf("it took %s beside 1,101 releases", time.Since(began))
	if len(second.Findings) != 1 || fmt.Sprint(second.Findings[0]) != fmt.Sprint(narthex.Finding{Kind: "difference", File: "table.csv"}) {
		t.Errorf("its author is told %+v", second.Findings)
	}
	seen := must(h.People["olga"].Release(t.Context(), second.ID)).Release
	if len(seen.Findings) == 0 || !strings.Contains(seen.Findings[0].Says, string(first.ID)) {
		t.Errorf("reviewers see %+v", seen.Findings)
	}
	earlier := l.tasks[1].Earlier
	if len(earlier) != 1101 || earlier[0].Release != string(first.ID) {
		t.Fatalf("it is compared with %d, the first of them %s", len(earlier), earlier[0].Release)
	}
	for _, e := range earlier {
		if len(e.Sketch) == 0 || len(e.Files) == 0 || len(e.Files[0].Data) > 0 {
			t.Fatalf("of %s there is %+v", e.Release, e)
		}
	}
}

// TestWhatALookKeepsIsHeldToItsEntry: who takes away or changes what later packages are compared with is found, and nothing is submitted
// meanwhile. What an earlier program took in, which kept nothing, is compared with by its files.
func TestWhatALookKeepsIsHeldToItsEntry(t *testing.T) {
	for name, alter := range map[string]func(tx store.Tx, r book.Release, key string) error{
		"gone": func(tx store.Tx, r book.Release, key string) error { return tx.Delete(store.Blobs, key) },
		"empty": func(tx store.Tx, r book.Release, key string) error {
			text, err := json.Marshal(book.Blob{Data: sketch.Bytes([]sketch.File{{Name: "table.csv"}, {Name: "words.txt"}})})
			if err != nil {
				return err
			}
			return tx.Put(store.Blobs, key, text)
		},
		"not named": func(tx store.Tx, r book.Release, key string) error {
			r.Sketch = narthex.Frozen{}
			text, err := json.Marshal(r)
			if err != nil {
				return err
			}
			return tx.Put(store.Releases, string(r.ID), text)
		},
	} {
		h, _, raw, table := openPeople(t)
		h.Tampered = true
		table("region,n\nnorth,200\nsouth,100\nwest,150\n")
		first := h.released(t)
		if report, err := h.People["lea"].Audit(t.Context(), false); err != nil || len(report.Differences) > 0 {
			t.Fatalf("before anything: %+v, %v", report.Differences, err)
		}
		err := (*raw).Update(t.Context(), func(tx store.Tx) error {
			text, err := tx.Get(store.Releases, string(first.ID))
			if err != nil {
				return err
			}
			var r book.Release
			if err := json.Unmarshal(text, &r); err != nil || r.Sketch.Bytes == 0 {
				return fmt.Errorf("nothing is kept of it: %w", err)
			}
			return alter(tx, r, string(r.Sketch.Digest)+"/0000")
		})
		if err != nil {
			t.Fatal(err)
		}
		table("region,n\nnorth,195\nsouth,100\nwest,150\n")
		r, err := h.asks(t, h.over(t, h.submit(t).ID).ID)
		if name == "not named" {
			if err != nil || len(r.Findings) == 0 {
				t.Errorf("%s: %+v, %v", name, r.Findings, err)
			}
		} else if !narthex.IsKind(err, narthex.Unavailable) && !narthex.IsKind(err, narthex.Internal) {
			t.Errorf("%s: what it would be compared with is not there, and it is submitted: %v", name, err)
		}
		if report, err := h.People["lea"].Audit(t.Context(), false); err != nil || len(report.Differences) == 0 {
			t.Errorf("%s: the audit names nothing: %v", name, err)
		}
	}
}

// TestWhatWasLeftOutIsNotComparedWith: of a package from which its author left a table out before it left, that table is none that left.
func TestWhatWasLeftOutIsNotComparedWith(t *testing.T) {
	h, _, _, table := openPeople(t)
	table("region,n\nnorth,200\nsouth,100\nwest,150\n")
	r := must(h.asks(t, h.over(t, h.submit(t).ID).ID))
	must(h.holder().EditRelease(t.Context(), r.ID, client.EditRelease{Files: []client.WantedFile{{Name: "words.txt", Context: context20}}}))
	table("region,n\nnorth,195\nsouth,100\nwest,150\n")
	if second := must(h.asks(t, h.over(t, h.submit(t).ID).ID)); len(second.Findings) > 0 {
		t.Errorf("%+v", second.Findings)
	}
}

// TestWhoIsComparedWithWhom: where the asset tells of nobody only one's own releases count, for what is put together over several.
func TestWhoIsComparedWithWhom(t *testing.T) {
	for people, want := range map[bool][2]bool{true: {true, true}, false: {true, false}} {
		task := airlock.Task{People: people}
		if got := [2]bool{task.Beside(airlock.Earlier{Own: true}), task.Beside(airlock.Earlier{})}; got != want {
			t.Errorf("people %v: %v", people, got)
		}
	}
}
