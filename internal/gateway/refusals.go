package gateway

import (
	"context"
	"sync"
	"time"

	"narthex"
	"narthex/internal/journal"
)

// Refusals counts what is refused without an entry of its own: requests without a valid credential, and denials
// and readings of one key beyond its rate. The counts become entries, one a minute and kind, so that a stranger cannot fill the disk.
type Refusals struct {
	mu     sync.Mutex // guards all below
	counts map[narthex.Kind]int64
	since  time.Time
	minute int64
	byKey  map[narthex.KeyID]int // denials in this minute
	reads  map[narthex.KeyID]int // and readings
}

// NewRefusals starts counting at now.
func NewRefusals(now time.Time) *Refusals {
	return &Refusals{counts: map[narthex.Kind]int64{}, since: now, byKey: map[narthex.KeyID]int{}, reads: map[narthex.KeyID]int{}}
}

// entriesAMinute is how many denials of one key are entries in a minute, and how many readings; more denials are counted, and
// more readings are refused and counted.
const entriesAMinute = 600

// Count adds a refusal.
func (r *Refusals) Count(kind narthex.Kind) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[kind]++
}

// once is what was answered to a visit, whose changes may run more than once.
type once struct{ asked, may bool }

// mayRecord says whether one more denial of the key is an entry of its own.
func (r *Refusals) mayRecord(visit *once, key narthex.KeyID, now time.Time) bool {
	if !visit.asked {
		*visit = once{true, r.may(r.byKey, key, now)}
	}
	return visit.may
}

// mayRead says whether the key may be read with once more.
func (r *Refusals) mayRead(visit *once, key narthex.KeyID, now time.Time) bool {
	if !visit.asked {
		*visit = once{true, r.may(r.reads, key, now)}
	}
	return visit.may
}

func (r *Refusals) may(counted map[narthex.KeyID]int, key narthex.KeyID, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if minute := now.Unix() / 60; minute != r.minute {
		r.minute = minute
		clear(r.byKey)
		clear(r.reads)
	}
	counted[key]++
	return counted[key] <= entriesAMinute
}

// take gives the counts and starts anew.
func (r *Refusals) take(now time.Time) (map[narthex.Kind]int64, time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	counts, since := r.counts, r.since
	r.counts, r.since = map[narthex.Kind]int64{}, now
	return counts, since
}

// giveBack adds counts that could not be recorded.
func (r *Refusals) giveBack(counts map[narthex.Kind]int64, since time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for kind, n := range counts {
		r.counts[kind] += n
	}
	r.since = since
}

// Flush records the counts, if there are any.
func (r *Refusals) Flush(ctx context.Context, j *journal.Journal) error {
	counts, since := r.take(j.Now())
	if len(counts) == 0 {
		return nil
	}
	err := j.Update(ctx, func(tx *journal.Tx) error {
		for _, kind := range narthex.Kinds() {
			if counts[kind] == 0 {
				continue
			}
			if _, err := tx.Append(narthex.EntryRefusalsCounted, narthex.TextField("kind", kind.String()), narthex.NumberField("count", counts[kind]), narthex.TimeField("since", since)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		r.giveBack(counts, since)
	}
	return err
}
