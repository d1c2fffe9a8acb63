package server_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// An act is one step of a budget that somebody saw: what a call reserved, what it came to, that it was refused, what a reading
// told, a lock and its end.
type act struct {
	kind     string
	n        int64 // what was reserved, or asked for
	used     int64 // what a settled call cost, or what a reading told
	reserved int64 // what a reading told
	left     int64 // what a reading told
	rank     int   // how many acts that change the budget stand before it: in the ledger, or, of one that changes nothing, where it is put
	turn     int   // its place among all acts
}

const (
	reserve   = "reserve"
	settle    = "settle"
	locking   = "lock"
	lift      = "lift"
	exhausted = "refused: exhausted"
	locked    = "refused: locked"
	reading   = "read"
)

func (a act) changes() bool { return slices.Contains([]string{reserve, settle, locking, lift}, a.kind) }

// counted is the budget as one caller after the other would leave it.
type counted struct {
	limit, used, reserved int64
	locked                bool
}

// step is the whole of what a budget and a lock promise.
func (c counted) step(a act) (counted, bool) {
	room, fits := c.limit-c.used-c.reserved, false
	next := c
	switch a.kind {
	case reserve:
		fits, next.reserved = !c.locked && a.n <= room, c.reserved+a.n
	case settle:
		fits, next.reserved, next.used = a.n <= c.reserved && a.used >= 0 && a.used <= a.n, c.reserved-a.n, c.used+a.used
	case locking:
		fits, next.locked = !c.locked, true
	case lift:
		fits, next.locked = c.locked, false
	case exhausted:
		fits = !c.locked && a.n > room
	case locked:
		fits = c.locked
	case reading:
		fits = a.used == c.used && a.reserved == c.reserved && a.left == room
	}
	return next, fits
}

// sequential is the budget to Porcupine, with how many acts it has seen.
func sequential(limit int64) porcupine.Model {
	type state struct {
		counted
		turn int
	}
	return porcupine.Model{
		Init: func() any { return state{counted: counted{limit: limit}} },
		Step: func(before, input, _ any) (bool, any) {
			s, a := before.(state), input.(act)
			next, fits := s.step(a)
			return fits && a.turn == s.turn, state{next, s.turn + 1}
		},
	}
}

// history is what was seen of one budget.
type history []porcupine.Operation

func (h *history) add(a act, from, to int64) {
	*h = append(*h, porcupine.Operation{Input: a, Call: from, Return: to})
}

// checkLinear gives the history to Porcupine. The acts that change the budget have their order from the ledger, so that it is the
// ledger's own order that must explain what everyone saw. Refusals and readings leave no mark there: each is put at the first
// place that its time and what it saw allow, since a search that tries them everywhere does not end for a thousand of them. An
// order is there whenever there is any with the ledger's, and Porcupine takes nothing of it on trust.
func checkLinear(t testing.TB, h history, limit int64) bool {
	t.Helper()
	h.place(limit)
	switch result := porcupine.CheckOperationsTimeout(sequential(limit), h, 2*time.Minute); result {
	case porcupine.Ok:
		return true
	case porcupine.Unknown:
		t.Errorf("the search for an order of %d acts did not end", len(h))
	default:
		t.Errorf("no order of %d acts on a budget of %d explains what was seen: %s", len(h), limit, h.wrong(limit))
	}
	return false
}

// place puts the acts in the order that they are checked in.
func (h history) place(limit int64) {
	slices.SortStableFunc(h, func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
	changes := h.ranked()
	states := []counted{{limit: limit}}
	for _, o := range changes {
		next, _ := states[len(states)-1].step(o.Input.(act))
		states = append(states, next)
	}
	for i, o := range h {
		if a := o.Input.(act); !a.changes() {
			a.rank = h[:i].earliest(changes, o)
			for at := a.rank; at < len(states); at++ {
				if _, fits := states[at].step(a); fits {
					a.rank = at
					break
				}
			}
			h[i].Input = a
		}
	}
	slices.SortStableFunc(h, func(a, b porcupine.Operation) int {
		one, two := a.Input.(act), b.Input.(act)
		return cmp.Or(one.rank-two.rank, boolean(one.changes())-boolean(two.changes()))
	})
	for i, o := range h {
		a := o.Input.(act)
		a.turn = i
		h[i].Input = a
	}
}

// earliest is the first place where time allows an act that changes nothing: after all that had ended before it began.
func (h history) earliest(changes history, o porcupine.Operation) (rank int) {
	for _, before := range changes {
		if before.Return < o.Call {
			rank = max(rank, before.Input.(act).rank+1)
		}
	}
	for _, before := range h {
		if a := before.Input.(act); before.Return < o.Call && !a.changes() {
			rank = max(rank, a.rank)
		}
	}
	return rank
}

// ranked gives the acts that change the budget, in the ledger's order.
func (h history) ranked() history {
	changes := slices.DeleteFunc(slices.Clone(h), func(o porcupine.Operation) bool { return !o.Input.(act).changes() })
	slices.SortFunc(changes, func(a, b porcupine.Operation) int { return a.Input.(act).rank - b.Input.(act).rank })
	return changes
}

// wrong names the first act that cannot stand where it was put.
func (h history) wrong(limit int64) string {
	state := counted{limit: limit}
	for _, o := range h {
		next, fits := state.step(o.Input.(act))
		if !fits {
			return fmt.Sprintf("%+v does not follow %+v", o.Input, state)
		}
		state = next
	}
	return "each act follows the one before it, but one that had ended before another began stands after it"
}

func boolean(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestTheCheckOfHistoriesFindsWhatIsWrong gives it histories that must not pass, each beside one that must.
func TestTheCheckOfHistoriesFindsWhatIsWrong(t *testing.T) {
	good := func() history {
		var h history
		h.add(act{kind: reserve, n: 6}, 0, 10)
		h.add(act{kind: reading, reserved: 6, left: 4}, 5, 12)
		h.add(act{kind: exhausted, n: 6}, 11, 20)
		h.add(act{kind: settle, n: 6, used: 2, rank: 1}, 15, 25)
		h.add(act{kind: locking, rank: 2}, 30, 40)
		h.add(act{kind: locked}, 31, 45)
		h.add(act{kind: lift, rank: 3}, 50, 60)
		h.add(act{kind: reserve, n: 8, rank: 4}, 61, 70)
		h.add(act{kind: reading, used: 2, reserved: 8}, 71, 80)
		return h
	}
	if !checkLinear(t, good(), 10) {
		t.Error("a good history is bad")
	}
	for what, change := range map[string]func(h history){
		"a reservation beyond the limit":         func(h history) { h[7].Input = act{kind: reserve, n: 9, rank: 4} },
		"a refusal while there was room":         func(h history) { h[2].Input = act{kind: exhausted, n: 4} },
		"a call that cost more than it reserved": func(h history) { h[3].Input = act{kind: settle, n: 6, used: 7, rank: 1} },
		"a settlement that gave nothing back":    func(h history) { h[8].Input = act{kind: reading, used: 2, reserved: 14, left: -6} },
		"a call that was served under a lock":    func(h history) { h[6].Input, h[7].Input = act{kind: reserve, n: 8, rank: 3}, act{kind: lift, rank: 4} },
		"a lock that reached nobody in time": func(h history) {
			h[5].Input, h[5].Call, h[5].Return = act{kind: exhausted, n: 9}, 41, 45
		},
		"a reading of what was over":            func(h history) { h[1].Call, h[1].Return = 26, 29 },
		"an order that time does not allow":     func(h history) { h[4].Call, h[4].Return = 1, 2 },
		"a refusal for a lock that was not yet": func(h history) { h[5].Call, h[5].Return = 1, 20 },
	} {
		h := good()
		change(h)
		if checkLinear(silent{t}, h, 10) {
			t.Errorf("%s passes", what)
		}
	}
}

// silent keeps what a check that must fail says.
type silent struct{ testing.TB }

func (silent) Errorf(string, ...any) {}
func (silent) Helper()               {}
