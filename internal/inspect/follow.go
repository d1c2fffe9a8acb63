package inspect

import (
	"math"
	"slices"
)

// window is how many numbers in a row must follow a tensor's values to be found: the order of so many is one of 479,001,600.
const window = 12

// near bounds how many orders one window of a file is looked up by, where rounding left numbers in it that may have changed places.
const near = 64

// Number is a number as a file prints it: its value, and half a unit of its last digit.
type Number struct{ Value, Half float64 }

// Follower finds runs of twelve or more numbers in a file that follow a tensor's values along an axis, each times one factor plus one
// number: whatever is printed of weights in their order, in any unit. It looks for the order of twelve neighbours, which no factor and
// no number added changes (a factor below zero turns it), and then compares them.
//
// It finds what has the digits of a form, four or more. It does not claim to find values in another order than the tensor's, or rounded
// so coarsely that many are alike: what may leave in bytes bounds those.
type Follower struct {
	runs  [][]Number
	known map[uint64][]place // the orders of the windows of all runs
	maybe [1 << 15]uint64    // a bit for each order, so that most that are not known are not looked up
}

// place is a window of a run.
type place struct{ run, at int }

// Match is a run that follows a tensor.
type Match struct {
	Run, From, To int // the numbers of the run, To behind the last
	Tensor        string
	Axis          int
}

// NewFollower takes the runs of numbers of a file in, each in the order in which someone could read it.
func NewFollower(runs [][]Number) *Follower {
	f := &Follower{runs: runs, known: map[uint64][]place{}}
	for run, numbers := range runs {
		for at := 0; at+window <= len(numbers); at++ {
			for _, order := range orders(numbers[at : at+window]) {
				f.learn(order, place{run, at})
				f.learn(turn(order), place{run, at})
			}
		}
	}
	return f
}

func (f *Follower) learn(order uint64, at place) {
	f.known[order] = append(f.known[order], at)
	word, bit := spot(order)
	f.maybe[word] |= bit
}

// spot gives the bit of an order.
func spot(order uint64) (word int, bit uint64) {
	mixed := order * 0x9e3779b97f4a7c15 >> 43
	return int(mixed >> 6), 1 << (mixed & 63)
}

// Along gives the runs that follow a tensor, which lies in memory with its last axis closest. Sizes that are not the values' are an
// axis of one.
func (f *Follower) Along(tensor string, sizes []int, values []float32) []Match {
	count := 1
	for _, size := range sizes {
		count *= size
	}
	if count != len(values) {
		sizes = []int{len(values)}
	}
	var found []Match
	stride := len(values)
	for axis, size := range sizes {
		if size < 1 {
			return found
		}
		stride /= size
		if size < window {
			continue
		}
		line := make([]float32, size)
		for outer := 0; outer < len(values); outer += size * stride {
			for inner := range stride {
				for i := range line {
					line[i] = values[outer+inner+i*stride]
				}
				found = f.line(found, tensor, axis, line)
			}
		}
	}
	return found
}

// line looks along one line of a tensor.
func (f *Follower) line(found []Match, tensor string, axis int, line []float32) []Match {
	var ranks [window]int // how many of the window are less, or alike and before
	for i, v := range line[:window] {
		for j, o := range line[:window] {
			if o < v || o == v && j < i {
				ranks[i]++
			}
		}
	}
	for at := 0; ; at++ {
		order := packed(ranks)
		places := []place(nil)
		if word, bit := spot(order); f.maybe[word]&bit != 0 {
			places = f.known[order]
		}
		for _, p := range places {
			if !f.holds(p, line[at:at+window]) {
				continue
			}
			m := Match{p.run, p.at, p.at + window, tensor, axis}
			if last := len(found) - 1; last >= 0 && found[last].Run == m.Run && found[last].Tensor == tensor && found[last].Axis == axis && m.From <= found[last].To && m.From >= found[last].From {
				found[last].To = max(found[last].To, m.To)
			} else {
				found = append(found, m)
			}
		}
		if at+window == len(line) {
			return found
		}
		slide(&ranks, line[at:at+window], line[at+window])
	}
}

// slide moves ranks by one: the first of was goes, and the next comes.
func slide(ranks *[window]int, was []float32, next float32) {
	gone, rank := ranks[0], 0
	for i := 1; i < window; i++ {
		if ranks[i] > gone {
			ranks[i]--
		}
		if was[i] <= next {
			rank++
		} else {
			ranks[i]++
		}
		ranks[i-1] = ranks[i]
	}
	ranks[window-1] = rank
}

// packed writes ranks into one number.
func packed(ranks [window]int) (order uint64) {
	for _, rank := range ranks {
		order = order<<4 | uint64(rank)
	}
	return order
}

// turn gives the order of the numbers times minus one.
func turn(order uint64) (turned uint64) {
	for i := range window {
		turned |= (window - 1 - order>>(4*i)&15) << (4 * i)
	}
	return turned
}

// orders gives the orders that a window's numbers may have had before they were rounded. Where all may have been alike there is none.
func orders(numbers []Number) []uint64 {
	by := make([]int, window) // positions, by value
	for i := range by {
		by[i] = i
	}
	slices.SortStableFunc(by, func(a, b int) int {
		switch {
		case numbers[a].Value < numbers[b].Value:
			return -1
		case numbers[a].Value > numbers[b].Value:
			return 1
		}
		return 0
	})
	if low, high := numbers[by[0]], numbers[by[window-1]]; !(high.Value-low.Value > 8*(high.Half+low.Half)) || math.IsInf(high.Value-low.Value, 0) {
		return nil
	}
	all := [][]int{by}
	for i := 1; i < window; i++ {
		one, other := numbers[by[i-1]], numbers[by[i]]
		if other.Value-one.Value > one.Half+other.Half || len(all) >= near {
			continue
		}
		for _, order := range all {
			swapped := slices.Clone(order)
			swapped[i-1], swapped[i] = swapped[i], swapped[i-1]
			all = append(all, swapped)
		}
	}
	var packs []uint64
	for _, order := range all {
		var ranks [window]int
		for rank, i := range order {
			ranks[i] = rank
		}
		packs = append(packs, packed(ranks))
	}
	slices.Sort(packs)
	return slices.Compact(packs)
}

// holds compares a window of a run with as many values: whether one factor and one number added, those of least squares, give each to
// the digits that are printed, or to a thousandth of how far the numbers lie apart.
func (f *Follower) holds(p place, values []float32) bool {
	numbers := f.runs[p.run][p.at : p.at+window]
	var meanX, meanY, xx, xy float64
	for i, n := range numbers {
		meanX += float64(values[i]) / window
		meanY += n.Value / window
	}
	low, high := math.Inf(1), math.Inf(-1)
	for i, n := range numbers {
		x := float64(values[i]) - meanX
		xx += x * x
		xy += x * (n.Value - meanY)
		low, high = min(low, n.Value), max(high, n.Value)
	}
	if !(xx > 0) {
		return false
	}
	factor := xy / xx
	for i, n := range numbers {
		off := math.Abs(meanY + factor*(float64(values[i])-meanX) - n.Value)
		if !(off <= 2*n.Half+(high-low)/1000) {
			return false
		}
	}
	return true
}
