package narthex

import (
	"sort"
	"time"
)

// Absence is when someone of the lab is away, and who stands in for them. It holds from From on, and at Until no more. Why is not kept.
type Absence struct {
	Person  PersonID  `json:"person"`
	From    time.Time `json:"from"`
	Until   time.Time `json:"until"`
	StandIn PersonID  `json:"stand_in,omitempty"` // empty where nobody does
}

// Holds says whether the person is away at t. An absence that ends before it begins is none.
func (a Absence) Holds(t time.Time) bool { return !t.Before(a.From) && t.Before(a.Until) }

// After gives a list with the absence in the place of the person's earlier one, by person. One that holds no instant takes it away.
func (a Absence) After(list []Absence) []Absence {
	next := []Absence{}
	for _, other := range list {
		if other.Person != a.Person {
			next = append(next, other)
		}
	}
	if a.From.Before(a.Until) {
		next = append(next, a)
	}
	sort.Slice(next, func(x, y int) bool { return next[x].Person < next[y].Person })
	return next
}
