package gateway

import (
	"context"
	"sync"
	"time"

	"narthex"
	"narthex/internal/journal"
)

// Later holds outcomes that the store did not take, and gives them to it again until it does: a budget is not kept reserved
// by a call that is over. What is still here when the node stops is closed by recovery, at the worst case.
type Later struct {
	mu      sync.Mutex // guards waiting
	waiting []func(*journal.Tx) error
	wake    chan struct{}
}

// NewLater gives an empty holder; Run must run for it to be of use.
func NewLater() *Later { return &Later{wake: make(chan struct{}, 1)} }

func (l *Later) add(outcome func(*journal.Tx) error) {
	l.mu.Lock()
	l.waiting = append(l.waiting, outcome)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Run gives the journal what waits, until ctx ends.
func (l *Later) Run(ctx context.Context, j *journal.Journal) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.wake:
		}
		for l.try(ctx, j) > 0 && ctx.Err() == nil {
			time.Sleep(pause)
		}
	}
}

// pause is how long a store that failed is left alone.
const pause = 100 * time.Millisecond

// try records what it can and says how many still wait. A call that is closed already needs nothing more.
func (l *Later) try(ctx context.Context, j *journal.Journal) int {
	l.mu.Lock()
	outcomes := l.waiting
	l.waiting = nil
	l.mu.Unlock()
	var failed []func(*journal.Tx) error
	for _, outcome := range outcomes {
		if err := j.Update(ctx, outcome); err != nil && !narthex.IsKind(err, narthex.Conflict) {
			failed = append(failed, outcome)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = append(failed, l.waiting...)
	return len(l.waiting)
}
