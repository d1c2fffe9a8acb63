package order_test

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"narthex/internal/order"
)

// TestItIsAsSlicesHasIt compares with a stable sort of package slices.
func TestItIsAsSlicesHasIt(t *testing.T) {
	type two struct{ by, at int }
	r := rand.New(rand.NewPCG(71, 72))
	for range 200 {
		list := make([]two, r.IntN(200))
		for i := range list {
			list[i] = two{r.IntN(20), i}
		}
		want := slices.Clone(list)
		compare := func(a, b two) int { return cmp.Compare(a.by, b.by) }
		slices.SortStableFunc(want, compare)
		if order.By(list, compare); !slices.Equal(list, want) {
			t.Fatalf("%v and not %v", list, want)
		}
	}
}
