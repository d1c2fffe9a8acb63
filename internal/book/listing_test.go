package book_test

import (
	"crypto/rand"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"slices"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"narthex"
	"narthex/internal/book"
	"narthex/internal/journal"
	"narthex/internal/store"
	"narthex/internal/store/memory"
	"narthex/ledger"
)

// TestWhatRunsIsWhatWasCounted changes and ends grants at random while time passes. What runs on an asset, with and without one of
// them, is always what looking at each of them gives, by the terms that they have.
func TestWhatRunsIsWhatWasCounted(t *testing.T) {
	key, _, err := ledger.NewKey(rand.Reader, "lab.example/ledger")
	must(t, err)
	signer, err := note.NewSigner(key)
	must(t, err)
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	j, err := journal.Open(t.Context(), memory.New(), journal.Config{Clock: func() time.Time { return now }, Random: rand.Reader, Signer: signer, Follow: book.Follow()})
	must(t, err)
	t.Cleanup(func() { _ = j.Close() })
	must(t, j.Update(t.Context(), func(tx *journal.Tx) error {
		var fields []narthex.Field
		for _, name := range narthex.EntryInception.Fields() {
			fields = append(fields, narthex.TextField(name, "x"))
		}
		_, err := tx.Append(narthex.EntryInception, fields...)
		return err
	}))
	random := mathrand.New(mathrand.NewPCG(1, 2))
	engagement, err := narthex.NewID[narthex.EngagementID]([16]byte{1})
	must(t, err)
	org, err := narthex.NewID[narthex.OrgID]([16]byte{1})
	must(t, err)
	grants := map[narthex.GrantID]narthex.Grant{}
	// counted gives how many run with each bound, leaving one out.
	counted := func(but narthex.GrantID) map[string]uint64 {
		want := map[string]uint64{}
		for id, g := range grants {
			if id != but && !g.Ended && g.NotAfter.After(now) {
				want[fmt.Sprint(g.Terms[0].Limits["max_tokens"])]++
			}
		}
		return want
	}
	most := 0
	for step := range 3000 {
		now = now.Add(time.Duration(random.IntN(90)) * time.Minute)
		id, err := narthex.NewID[narthex.GrantID]([16]byte{byte(random.IntN(40))})
		must(t, err)
		g, there := grants[id]
		switch {
		case there && random.IntN(3) == 0:
			g.Ended = true
		default:
			g = narthex.Grant{ID: id, Engagement: engagement, Org: org, NotAfter: now.Add(time.Duration(random.IntN(5*24*60)) * time.Minute).Truncate(time.Millisecond),
				Terms: []narthex.Term{{Attribute: "model.sample", Asset: "m", Limits: map[narthex.LimitName]narthex.Value{"max_tokens": narthex.NumberValue(float64(random.IntN(3)))}}}}
		}
		must(t, j.Update(t.Context(), func(tx *journal.Tx) error {
			if err := journal.Put(tx, store.Grants, string(id), &g); err != nil {
				return err
			}
			return book.AddRead(tx, engagement, narthex.PersonID("ada"), book.ReadHistory)
		}))
		grants[id] = g
		some := slices.Sorted(maps.Keys(grants))
		for _, but := range []narthex.GrantID{"", id, some[random.IntN(len(some))]} {
			must(t, j.View(t.Context(), func(tx *journal.Tx) error {
				groups, err := book.RunningOn(tx, "m", but)
				got := map[string]uint64{}
				for _, group := range groups {
					got[fmt.Sprint(group.Terms[0].Limits["max_tokens"])] += group.Count
				}
				if want := counted(but); !maps.Equal(got, want) || len(groups) != len(got) {
					t.Fatalf("step %d, without %q: %v run in %d groups, and %v do", step, but, got, len(groups), want)
				}
				most = max(most, len(groups))
				return err
			}))
		}
	}
	if most != 3 {
		t.Errorf("at most %d groups ran together: the test looks at too little", most)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
