// Package order puts lists of large values in order by one machine code for all of them.
//
// A sort of package slices is compiled anew for every type of element, some 25 KB of the program each, so that it can be fast. Lists that
// are short, or shown to people, gain nothing by that. It is pure. Read next: nothing.
package order

import "sort"

// By puts a list in order; elements of which neither comes first keep theirs.
func By[T any](list []T, compare func(a, b T) int) {
	sort.SliceStable(list, func(i, j int) bool { return compare(list[i], list[j]) < 0 })
}
