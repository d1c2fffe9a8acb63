package values

import (
	"math"
	"math/bits"
	"slices"
)

const (
	window = 12 // how many numbers in a row must follow a tensor's values to be found
	reach  = 6  // how far apart two numbers of a window are compared
	doubt  = 4  // how many comparisons of a window rounding may have left open
	fine   = 64 // units of their last digits that the numbers of a window lie apart, at least

	mostWindows  = 1_000_000  // windows of numbers, in all orders, that one look keeps
	mostCompared = 40_000_000 // windows that one look compares number by number
)

// An order holds the 51 comparisons of a window: a field for each distance up to reach, and in it a bit for each pair so far apart, the
// last pair lowest, that is one where the later number is not less.
const (
	fields  uint64 = 1<<51 - 1
	bottoms uint64 = 1 | 1<<11 | 1<<21 | 1<<30 | 1<<38 | 1<<45
)

// lowest gives the lowest bit of the field of a distance.
func lowest(d int) uint64 { return 1 << ((d-1)*window - d*(d-1)/2) }

// Number is a number as a file prints it: its value, and half a unit of its last digit.
type Number struct{ Value, Half float64 }

// Follower finds runs of twelve or more numbers in a file that follow a tensor's values along an axis, each times one factor plus one
// number, forwards or backwards: whatever is printed of weights in their order, in any unit. It looks for the order of twelve
// neighbours, which no factor and no number added changes (a factor below zero turns it), and then compares them.
//
// It finds what has the digits of a form, four or more. It does not claim to find values in another order than the tensor's, or rounded
// so coarsely that many are alike: what may leave in bytes bounds those. Its work on a tensor is about 8 ns a value and axis.
type Follower struct {
	runs  [][]Number
	learn []learnt
	heads []head   // for each order, by its hash
	maybe []uint64 // a bit for each order, so that most that are not known are not looked up
	shift int
	left  int // windows that may still be compared

	full  int // the first run that was not learnt to its end, or -1
	spent bool
	flat  []int32
	hits  []hit
	turn  []float32
}

// head is the window of an order that was learnt last, plus one, and some bits of the order.
type head struct {
	tag   uint32
	learn int32
}

// hit is a window of a tensor that ends at a value and whose order may be known.
type hit struct {
	order uint64
	at    int
}

// learnt is a window of a run under one of the orders that it may have had before it was rounded.
type learnt struct {
	order uint64
	run   int32
	at    int32 // where it begins; less than zero, -1 minus that, where it is read backwards
	next  int32 // the window before with the same order, plus one
}

// Match is a run that follows a tensor.
type Match struct {
	Run, From, To int // the numbers of the run, To behind the last
	Tensor        string
	Axis          int
}

// NewFollower takes the runs of numbers of a file in, each in the order in which someone could read it.
func NewFollower(runs [][]Number) *Follower { return newFollower(runs, nil) }

// newFollower leaves out the windows whose last numbers are marked: another run has them.
func newFollower(runs [][]Number, known [][]bool) *Follower {
	f := &Follower{runs: runs, full: -1, left: mostCompared}
	for run, numbers := range runs {
		var again []bool
		if known != nil {
			again = known[run]
		}
		if f.read(run, numbers, again); f.full >= 0 {
			break
		}
	}
	size := 12
	for 1<<size < 2*len(f.learn) {
		size++
	}
	f.heads, f.maybe, f.shift = make([]head, 1<<size), make([]uint64, 1<<(size-3)), 64-size
	for i := range f.learn {
		l := &f.learn[i]
		hash := l.order * 0x9e3779b97f4a7c15
		bit := hash >> (f.shift - 3)
		f.maybe[bit>>6] |= 1 << (bit & 63)
		at := hash >> f.shift
		for f.heads[at].learn != 0 && f.learn[f.heads[at].learn-1].order != l.order {
			at = (at + 1) & uint64(len(f.heads)-1)
		}
		l.next, f.heads[at] = f.heads[at].learn, head{uint32(hash), int32(i + 1)}
	}
	return f
}

// read learns the windows of a run, forwards and backwards. A window in which rounding left more than a few comparisons open is none.
func (f *Follower) read(run int, numbers []Number, again []bool) {
	var order, open uint64
	for i, n := range numbers {
		order, open = order<<1&^bottoms&fields, open<<1&^bottoms&fields
		for d := 1; d <= min(reach, i); d++ {
			o := numbers[i-d]
			off := n.Value - o.Value
			if off >= 0 {
				order |= lowest(d)
			}
			if off == 0 || !(math.Abs(off) > 0.999*(n.Half+o.Half)) { // rounding changes no order but makes alike
				open |= lowest(d)
			}
		}
		if i < window-1 || again != nil && again[i] || bits.OnesCount64(open) > doubt || !isFine(numbers[i-window+1:i+1]) {
			continue
		}
		if len(f.learn) >= mostWindows {
			f.full = run
			return
		}
		at := int32(i - window + 1)
		for some := open; ; some = (some - 1) & open {
			one := order ^ some
			f.learn = append(f.learn, learnt{order: upright(one), run: int32(run), at: at}, learnt{order: upright(back(one)), run: int32(run), at: -1 - at})
			if some == 0 {
				break
			}
		}
	}
}

// back gives the order of a window that is read backwards: each field turned round, with each comparison the other way.
func back(order uint64) (turned uint64) {
	order = bits.Reverse64(^order&fields) >> (64 - 51) // the fields from the last to the first, each turned round
	for d, at := reach, 0; d >= 1; d-- {
		wide := window - d
		turned |= order >> at & (1<<wide - 1) * lowest(d)
		at += wide
	}
	return turned
}

// isFine says whether the numbers of a window lie far enough apart for their digits to say something.
func isFine(numbers []Number) bool {
	low, high, coarse := numbers[0].Value, numbers[0].Value, 0.0
	for _, n := range numbers {
		low, high, coarse = min(low, n.Value), max(high, n.Value), max(coarse, n.Half)
	}
	return high > low && high-low >= 2*fine*coarse && high-low <= math.MaxFloat64
}

// upright gives one order for a window and for the same times minus one.
func upright(order uint64) uint64 { return order ^ fields&-(order&1) }

// Whole says whether the runs up to one were learnt to their ends and compared with all that Along was given: where it was not, that
// nothing was found says nothing.
func (f *Follower) Whole(run int) bool { return !f.spent && (f.full < 0 || run < f.full) }

// Along gives the runs that follow a tensor, which lies in memory with its last axis closest. Sizes that are not the values' are an
// axis of one.
func (f *Follower) Along(tensor string, sizes []int, values []float32) []Match {
	if len(f.learn) == 0 || len(values) < window {
		return nil
	}
	count := 1
	for _, size := range sizes {
		count *= size
	}
	if count != len(values) || count == 0 {
		sizes = []int{len(values)}
	}
	var found []Match
	stride := len(values)
	for axis, size := range sizes {
		stride /= size
		if size >= window && stride > 1 {
			found = append(found, f.along(tensor, axis, f.turned(values, size, stride))...)
		}
	}
	return append(found, f.along(tensor, len(sizes)-1, values)...)
}

// turned gives the values with an axis closest.
func (f *Follower) turned(values []float32, size, stride int) []float32 {
	f.turn = f.turn[:0]
	for outer := 0; outer < len(values); outer += size * stride {
		for inner := range stride {
			for at := outer + inner; at < outer+size*stride; at += stride {
				f.turn = append(f.turn, values[at])
			}
		}
	}
	return f.turn
}

// along looks along values, one line of an axis after the other: what goes on from one to the next is found too.
func (f *Follower) along(tensor string, axis int, values []float32) (found []Match) {
	f.flat, f.hits = f.flat[:0], f.hits[:0]
	for _, v := range values { // whole numbers in the order of the values
		i := int32(math.Float32bits(v))
		f.flat = append(f.flat, i^int32(uint32(i>>31)>>1))
	}
	last := map[int32]int{}
	flat, maybe, shift := f.flat, f.maybe, uint(f.shift-3)
	var order uint64
	for i := reach; i < len(flat); i++ {
		near := flat[i-reach : i+1 : i+1]
		v := int64(near[6])
		less := uint64(v-int64(near[5]))>>63 | uint64(v-int64(near[4]))>>63<<11 | uint64(v-int64(near[3]))>>63<<21 |
			uint64(v-int64(near[2]))>>63<<30 | uint64(v-int64(near[1]))>>63<<38 | uint64(v-int64(near[0]))>>63<<45
		order = order<<1&^bottoms&fields | less ^ bottoms
		upright := order ^ fields&-(order&1)
		bit := upright * 0x9e3779b97f4a7c15 >> shift
		if maybe[bit>>6]>>(bit&63)&1 != 0 && i >= window-1 {
			f.hits = append(f.hits, hit{upright, i})
		}
	}
	for _, h := range f.hits { // apart from the loop above, so that what is not in the processor's cache is fetched for many at once
		hash := h.order * 0x9e3779b97f4a7c15
		if f.has(hash) {
			found = f.compare(found, last, h.order, tensor, axis, values[h.at-window+1:h.at+1])
		}
	}
	// The first comparisons of a line that reach before it are missing above.
	return f.first(found, last, tensor, axis, values)
}

// first looks at the windows at the start of a line.
func (f *Follower) first(found []Match, last map[int32]int, tensor string, axis int, values []float32) []Match {
	for at := 0; at < reach && at+window <= len(values); at++ {
		var order uint64
		for i := range window {
			order = order << 1 &^ bottoms & fields
			for d := 1; d <= min(reach, i); d++ {
				if f.flat[at+i] >= f.flat[at+i-d] {
					order |= lowest(d)
				}
			}
		}
		found = f.compare(found, last, upright(order), tensor, axis, values[at:at+window])
	}
	return found
}

// has says whether an order may be known, by its tag.
func (f *Follower) has(hash uint64) bool {
	for at := hash >> f.shift; f.heads[at].learn != 0; at = (at + 1) & uint64(len(f.heads)-1) {
		if f.heads[at].tag == uint32(hash) {
			return true
		}
	}
	return false
}

// compare adds the windows of an order that a window of a tensor gives.
func (f *Follower) compare(found []Match, last map[int32]int, order uint64, tensor string, axis int, values []float32) []Match {
	at := order * 0x9e3779b97f4a7c15 >> f.shift
	for f.heads[at].learn != 0 && f.learn[f.heads[at].learn-1].order != order {
		at = (at + 1) & uint64(len(f.heads)-1)
	}
	next := f.heads[at].learn
	if next == 0 {
		return found
	}
	var x line
	if x.take(values); !(x.squares > 0) {
		return found
	}
	for next != 0 {
		l := f.learn[next-1]
		next = l.next
		if f.left--; f.left < 0 {
			f.spent = true
			return found
		}
		numbers, backwards := f.runs[l.run], l.at < 0
		from := int(l.at)
		if backwards {
			from = int(-1 - l.at)
		}
		if !x.gives(numbers[from:from+window], backwards) {
			continue
		}
		m := Match{int(l.run), from, from + window, tensor, axis}
		if i, has := last[l.run]; has && m.From <= found[i].To && m.To >= found[i].From {
			found[i].From, found[i].To = min(found[i].From, m.From), max(found[i].To, m.To)
			continue
		}
		last[l.run] = len(found)
		found = append(found, m)
	}
	return found
}

// line is a window of a tensor's values, less their mean, and the sum of their squares.
type line struct {
	off     [window]float64
	squares float64
}

func (x *line) take(values []float32) {
	mean := 0.0
	for i, v := range values {
		x.off[i] = float64(v)
		mean += float64(v) / window
	}
	for i := range x.off {
		x.off[i] -= mean
		x.squares += x.off[i] * x.off[i]
	}
}

// gives says whether one factor and one number added, those of least squares, give each number of a window to the digits that are
// printed, or to a thousandth of how far the numbers lie apart.
func (x *line) gives(numbers []Number, backwards bool) bool {
	off := x.off
	if backwards {
		slices.Reverse(off[:])
	}
	mean, both, low, high := 0.0, 0.0, numbers[0].Value, numbers[0].Value
	for i, n := range numbers {
		mean += n.Value / window
		both += off[i] * n.Value // the offs sum to nothing, so the mean of the numbers adds nothing
		low, high = min(low, n.Value), max(high, n.Value)
	}
	factor := both / x.squares
	for i, n := range numbers {
		if !(math.Abs(mean+factor*off[i]-n.Value) <= 1.5*n.Half+(high-low)/1000) {
			return false
		}
	}
	return true
}
