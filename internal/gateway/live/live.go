// Package live is the one registry of what is being served right now, and the gate that every byte of it passes.
//
// It promises that when Cut has returned, every live call that the subject covers has ended and not one byte of it will be
// written any more; and that a call which enters before its admission commits cannot slip past a lock which commits after.
//
// It trusts whoever serves to write through the gate only, and to throw away on abort what this machine still holds of it. It does
// not wait for slow readers: a write in progress is broken off. Bytes that have left for the reader may still arrive. Read next:
// gateway.
package live

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"narthex"
)

// Registry holds the live calls of one node.
type Registry struct {
	mu    sync.Mutex // guards calls and keys: a call is in them from Enter to Leave
	calls map[*Call]struct{}
	keys  map[narthex.KeyID]int
}

// Bounds of what is live at once: each call holds memory and connections. A term's concurrency may be lower.
const (
	MostCalls  = 10_000 // on the node
	MostPerKey = 2_048
)

// NewRegistry gives an empty registry.
func NewRegistry() *Registry {
	return &Registry{calls: map[*Call]struct{}{}, keys: map[narthex.KeyID]int{}}
}

// End is why a call was cut.
type End struct {
	Code string        // locked, ended, expired, revoked, suspended, removed, rules_changed, unauthorised, lost; broken where it is to look so
	Lock *narthex.Lock // with code locked
	At   time.Time     // when it was cut
}

// Call is one live call. Subjects are everything a lock on which must end it.
type Call struct {
	registry *Registry
	key      narthex.KeyID
	subjects []string
	context  context.Context
	cancel   context.CancelFunc

	edge  sync.Mutex // orders abort against Leave: a connection that went on to another call is not broken
	abort func()     // makes a write in progress fail at once; nil once left

	gate  sync.Mutex // held during each write: whoever has taken it after cut is set knows that no write runs or will
	cut   atomic.Pointer[End]
	until time.Time // set by Admit; nothing is written from then on
}

// Enter registers a call of a key before it is admitted. Abort is called at most once, from Cut, and must not block. Where the
// key has as many as it may the error is Exhausted, and where the node has it is Unavailable.
func (r *Registry) Enter(ctx context.Context, key narthex.KeyID, abort func(), subjects ...string) (*Call, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.keys[key] >= MostPerKey:
		return nil, &narthex.Error{Kind: narthex.Exhausted, Code: "too_many_at_once",
			Public: fmt.Sprintf("This key has %d calls open, which is as many as one key may have. Let one end first.", MostPerKey)}
	case len(r.calls) >= MostCalls:
		return nil, narthex.Unavailablef("This node serves as many calls as it can. Try again in a moment.")
	}
	c := &Call{registry: r, key: key, subjects: subjects, abort: abort}
	c.context, c.cancel = context.WithCancel(ctx)
	r.calls[c] = struct{}{}
	r.keys[key]++
	return c, nil
}

// Admit says until when the call may be served; it is set once, before the first Write.
func (c *Call) Admit(until time.Time) { c.until = until }

// Context ends when the call is cut or left.
func (c *Call) Context() context.Context { return c.context }

// Ended gives why the call was cut, or nil.
func (c *Call) Ended() *End { return c.cut.Load() }

// Write runs write at the time now, unless the call was cut or its time is over. It says whether write ran.
func (c *Call) Write(now time.Time, write func() error) (bool, error) {
	c.gate.Lock()
	defer c.gate.Unlock()
	if c.cut.Load() != nil {
		return false, nil
	}
	if !now.Before(c.until) {
		c.cut.CompareAndSwap(nil, &End{Code: "expired", At: now})
		c.cancel()
		return false, nil
	}
	return true, write()
}

// Leave takes the call out; it is called once, when its serving is over.
func (c *Call) Leave() {
	c.cancel()
	c.edge.Lock()
	c.abort = nil
	c.edge.Unlock()
	c.registry.mu.Lock()
	defer c.registry.mu.Unlock()
	delete(c.registry.calls, c)
	if c.registry.keys[c.key]--; c.registry.keys[c.key] == 0 {
		delete(c.registry.keys, c.key)
	}
}

// Cut ends every call that rests on the subject and returns how many there were, when none of them writes any more.
func (r *Registry) Cut(subject string, end End) int {
	return cut(r.covered(func(c *Call) bool { return slices.Contains(c.subjects, subject) }), end)
}

// CutAll ends every call.
func (r *Registry) CutAll(end End) int {
	return cut(r.covered(func(*Call) bool { return true }), end)
}

func cut(covered []*Call, end End) int {
	for _, c := range covered {
		c.cut.CompareAndSwap(nil, &end)
		c.cancel()
		c.breakOff()
	}
	for _, c := range covered {
		c.gate.Lock()
		c.gate.Unlock() //nolint:staticcheck // taken to wait for the write in progress
	}
	return len(covered)
}

func (c *Call) breakOff() {
	c.edge.Lock()
	defer c.edge.Unlock()
	if c.abort != nil {
		c.abort()
	}
}

func (r *Registry) covered(by func(*Call) bool) []*Call {
	r.mu.Lock()
	defer r.mu.Unlock()
	var covered []*Call
	for c := range r.calls {
		if by(c) {
			covered = append(covered, c)
		}
	}
	return covered
}

// Count says how many calls are live.
func (r *Registry) Count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.calls)
}
