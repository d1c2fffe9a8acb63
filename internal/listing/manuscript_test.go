package listing_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/internal/listing"
	"narthex/internal/workflow"
)

// manuscript draws one with redactions in every state.
func (w *world) manuscript(now time.Time, number int) narthex.Manuscript {
	when := func() time.Time { return now.Add(time.Duration(w.random.IntN(21)-10) * time.Hour) }
	m := narthex.Manuscript{Number: number, Title: "x", At: now.AddDate(0, -1, 0), Due: when(), Clause: &narthex.PublicationClause{Mediator: true}}
	often := func(n int) bool { return w.random.IntN(n) == 0 }
	said := func() *narthex.Said { return &narthex.Said{At: m.At} }
	if often(3) {
		m.Cleared = said()
	}
	if often(3) {
		pause := narthex.ClockPause{Said: *said(), Cause: pick(w, []narthex.PauseCause{narthex.MaterialMissing, narthex.AuthorAsked})}
		if often(2) {
			pause.Resumed = said()
		}
		m.Pauses = append(m.Pauses, pause)
	}
	for n := range w.random.IntN(3) {
		r := narthex.Redaction{Number: n + 1, Asked: *said()}
		if often(2) {
			r.Contested, r.Due = said(), when()
			if often(2) {
				r.Upheld = said()
			}
		}
		if often(4) {
			r.Accepted = said()
		}
		if often(4) {
			r.Dropped = said()
		}
		m.Redactions = append(m.Redactions, r)
	}
	if often(6) {
		m.ReplacedBy = number + 1
	}
	if often(6) {
		m.Clause, m.Redactions, m.Pauses, m.Cleared = nil, nil, nil, nil // nothing can be asked of it
	}
	return m
}

// TestWhoAManuscriptWaitsForFindsIt: what it asks of a person stands in a list of theirs, at a place that is still to come, and who may
// know of it by the manuscript alone finds the engagement.
func TestWhoAManuscriptWaitsForFindsIt(t *testing.T) {
	w := &world{t, rand.New(rand.NewPCG(7, 8))}
	now := time.Date(2026, 3, 3, 9, 0, 0, 0, time.UTC)
	tasks := map[workflow.ManuscriptTask]int{}
	for range 200_000 {
		e, p := w.engagement(), w.person()
		e.State, e.Round = pick(w, []narthex.State{narthex.Active, narthex.Ending, narthex.Closed}), 1
		for number := range w.random.IntN(3) {
			e.Manuscripts = append(e.Manuscripts, w.manuscript(now, number+1))
		}
		keys := listing.Engagement(e)
		if workflow.MayRead(e, p) {
			var known []string
			for _, holder := range listing.HoldersFor(p) {
				known = append(known, listing.EngagementsOf(holder, e.State))
			}
			if !stands(keys, known) {
				t.Fatalf("%+v may know of %+v, which stands in %v", p, e, keys)
			}
		}
		work := workflow.ManuscriptTasks(e, p, now)
		if len(work) == 0 {
			continue
		}
		tasks[work[0].Do]++
		found := false
		for _, holder := range listing.WorkersFor(p, nil) {
			for _, key := range keys {
				place, in := strings.CutPrefix(key, listing.ManuscriptsOf(holder))
				found = found || in && place > listing.Place(now, "")
			}
		}
		if !found {
			t.Fatalf("%+v is to %v with %+v, which stands in %v", p, work, e.Manuscripts, keys)
		}
	}
	if len(tasks) != 5 {
		t.Errorf("%v is to be done", tasks)
	}
}
