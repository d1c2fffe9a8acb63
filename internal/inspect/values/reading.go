package values

import (
	"cmp"
	"math"
	"slices"
	"unicode/utf8"
)

// figure is a number in a piece, and where it stands.
type figure struct {
	value       float64
	piece, line int  // the line from 1
	row         int  // lines and the insides of brackets, counted
	cell, place int  // how many marks that part cells, and how many numbers, stand before it in its row
	depth       int  // how many brackets it stands in
	whole       bool // it is written without a point or an exponent
	named       bool // it touches a letter
	digits      int  // that say something: without zeros at either end
	unit, size  int  // the powers of ten of the last digit that is written, and of the first that is not zero
}

// starts gives how many numbers a text has at most.
func starts(data []byte) (n int) {
	before := byte(0)
	for _, c := range data {
		if c-'0' < 10 && before-'0' >= 10 {
			n++
		}
		before = c
	}
	return n
}

// figures visits the numbers of a text, each with its sign.
func figures(at int, data []byte, visit func(f *figure)) {
	line, row, cell, place, depth := 1, 0, 0, 0, 0
	fresh := func() { row, cell, place = row+1, 0, 0 }
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case c >= '0' && c <= '9', c == '.' && i+1 < len(data) && data[i+1] >= '0' && data[i+1] <= '9':
			f, end := figureAt(data, i)
			before, after := i > 0 && letter(data[i-1]), end < len(data) && letter(data[end])
			if f.named = f.whole && (before || after); f.named && (before && after || f.digits < 3) {
				i = end - 1
				continue
			}
			f.piece, f.line, f.row, f.cell, f.place, f.depth = at, line, row, cell, place, depth
			visit(&f)
			place++
			i = end - 1
		case c == '\n':
			line++
			fresh()
		case c == '[' || c == '{':
			depth++
			fresh()
		case c == ']' || c == '}':
			depth--
			fresh()
		case c == ',' || c == ';' || c == '|' || c == '\t':
			cell++
		}
	}
}

// letter says whether a byte is one, or part of one.
func letter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0xc3
}

// figureAt reads the number whose first digit or point stands at a place, and gives where it ends.
func figureAt(data []byte, at int) (figure, int) {
	f := figure{whole: true}
	var mantissa uint64
	exponent, digits, zeros, i := 0, 0, 0, at
	take := func(c byte) {
		switch {
		case c != '0':
			digits, zeros = digits+zeros+1, 0
		case digits > 0:
			zeros++
		}
		if mantissa < 1e17 {
			mantissa = mantissa*10 + uint64(c-'0')
			exponent--
		}
	}
	digit := func(i int) bool { return i < len(data) && data[i] >= '0' && data[i] <= '9' }
	for ; digit(i); i++ {
		take(data[i])
		exponent++
	}
	unit := exponent // of the last digit that is written
	if digit(i+1) && data[i] == '.' {
		f.whole = false
		for i++; digit(i); i++ {
			take(data[i])
		}
		unit = exponent
	}
	if i < len(data) && (data[i] == 'e' || data[i] == 'E') {
		j := i + 1
		minus := j < len(data) && data[j] == '-'
		if minus || j < len(data) && data[j] == '+' {
			j++
		}
		if digit(j) {
			power := 0
			for ; digit(j); j++ {
				power = min(power*10+int(data[j]-'0'), 9999)
			}
			if minus {
				power = -power
			}
			exponent, unit, i, f.whole = exponent+power, unit+power, j, false
		}
	}
	f.digits, f.value, f.unit = digits, float64(mantissa)*math.Pow10(exponent), unit
	if f.value > 0 {
		f.size = unit + digits + zeros - 1
	}
	if at > 0 && data[at-1] == '-' || at > 2 && string(data[at-3:at]) == "–" {
		f.value = -f.value
	}
	return f, i
}

// reading is an order in which someone could read figures, and the numbers in it.
type reading struct {
	piece   int     // plus one, where the numbers are a piece's bytes and no figures
	order   []int32 // figures by their places among all; what has been made of others has the place of the first
	numbers []Number
	again   []bool // whether the window that ends here is in an earlier reading
}

// again marks the windows of an order whose figures stand one, two, three or four apart: they are read where each so-many-th is.
func again(order []int32) []bool {
	out := make([]bool, len(order))
	steady := 0
	for i := 1; i < len(order); i++ {
		apart := order[i] - order[i-1]
		if i > 1 && apart == order[i-1]-order[i-2] {
			steady++
		} else {
			steady = 1
		}
		out[i] = steady >= window-1 && apart >= -4 && apart <= 4
	}
	return out
}

// readings gives the orders in which the figures of a package could be read for weights: as they stand, over the ends of rows and files,
// each second, third and fourth of them, without the first of each row, those with a point alone; down the columns; along the other axes
// of nested lists; by the order of another column; and what whole numbers are as the bits of floating-point ones.
func readings(all []figure) []reading {
	var out []reading
	add := func(order []int32) {
		if len(order) >= window && !slices.ContainsFunc(out, func(r reading) bool { return slices.Equal(r.order, order) }) {
			out = append(out, reading{order: order, numbers: numbersOf(all, order), again: again(order)})
		}
	}
	kept := func(keep func(f figure) bool) (order []int32) {
		for i, f := range all {
			if keep(f) {
				order = append(order, int32(i))
			}
		}
		return order
	}
	plain := kept(func(figure) bool { return true })
	for stride := 1; stride <= 4; stride++ {
		if order := every(plain, stride); len(order) >= window {
			out = append(out, reading{order: order, numbers: numbersOf(all, order)})
		}
	}
	as := kept(func(f figure) bool { return !f.named })
	add(as)
	pointed := kept(func(f figure) bool { return !f.whole })
	add(pointed)
	add(every(pointed, 2))
	cells := columns(all, as, true, func(f figure) int { return f.cell })
	add(cells)
	add(columns(all, as, true, func(f figure) int { return f.place }))
	add(columns(all, as, false, func(f figure) int { return f.place }))
	add(kept(func(f figure) bool { return f.place > 0 }))
	if len(as) < len(all) {
		for stride := 2; stride <= 4; stride++ {
			add(every(as, stride))
		}
	}
	add(every(cells, 2))
	for _, period := range periods(all) {
		add(every(as, period))
	}
	out = append(out, sorted(all)...)
	return append(out, patterns(all)...)
}

// formDigits is how many digits a form keeps, where it rounds.
const formDigits = 4

// numbersOf gives figures as numbers. A form drops zeros at the end, and the point where nothing is left behind it: so the last digit of a
// number is that of the finest one near it, or the last that a form keeps, whichever is larger.
func numbersOf(all []figure, order []int32) []Number {
	numbers := make([]Number, len(order))
	for i, at := range order {
		f := all[at]
		unit := f.unit
		for _, near := range order[max(0, i-window+1):min(len(order), i+window)] {
			unit = min(unit, all[near].unit)
		}
		if f.value != 0 && (!f.whole || f.digits <= formDigits) {
			unit = max(unit, f.size-formDigits+1)
		}
		numbers[i] = Number{f.value, 0.5 * math.Pow10(unit)}
	}
	return numbers
}

// columns gives an order by column, of each piece or of all together.
func columns(all []figure, order []int32, apart bool, column func(f figure) int) []int32 {
	out := make([]int32, 0, len(order))
	for from := 0; from < len(order); {
		to, most := from, 0
		for ; to < len(order) && (!apart || all[order[to]].piece == all[order[from]].piece); to++ {
			most = max(most, column(all[order[to]]))
		}
		starts := make([]int, most+2)
		for _, i := range order[from:to] {
			starts[column(all[i])+1]++
		}
		for i := range most {
			starts[i+1] += starts[i]
		}
		out = out[:to]
		for _, i := range order[from:to] {
			c := column(all[i])
			out[from+starts[c]] = i
			starts[c]++
		}
		from = to
	}
	return out
}

// every gives each stride-th of an order, then those behind the first of them, and so on.
func every(order []int32, stride int) []int32 {
	out := make([]int32, 0, len(order))
	for phase := range stride {
		for i := phase; i < len(order); i += stride {
			out = append(out, order[i])
		}
	}
	return out
}

// periods gives how many figures stand in lists of lists, the sizes that occur most: what stands so far apart is neighbours along another
// axis. Rows themselves are columns, which are read by cells.
func periods(all []figure) []int {
	count := map[int]int{}
	var since [8]int // figures since a list of the depth began
	for i, f := range all {
		if i > 0 && f.row != all[i-1].row {
			was := all[i-1].depth
			closed := (f.row - all[i-1].row + was - f.depth) / 2 // of the brackets between them
			for d := max(0, was-closed); d < min(was, len(since)); d++ {
				count[i-since[d]]++
				since[d] = i
			}
		}
		if i > 0 && f.piece != all[i-1].piece {
			since = [8]int{i, i, i, i, i, i, i, i}
		}
	}
	var sizes []int
	for size, times := range count {
		if size > 4 && times > 1 {
			sizes = append(sizes, size)
		}
	}
	slices.SortFunc(sizes, func(a, b int) int { return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a, b)) })
	return sizes[:min(len(sizes), 4)]
}

// widest is how many columns of numbers a table may have for its columns to be read in the order of one another.
const widest = 6

// sorted reads each column of a small table in the order of each other one: the rows of a form are sorted by the first, and what numbers
// them may be another.
func sorted(all []figure) (out []reading) {
	for from := 0; from < len(all); {
		to := from
		rows, first := map[int][]int32{}, all[from].piece
		for ; to < len(all) && all[to].piece == first; to++ {
			rows[all[to].row] = append(rows[all[to].row], int32(to))
		}
		var table [][]int32
		for i := from; i < to; i++ {
			row := rows[all[i].row]
			if all[i].place == 0 && len(row) > 1 && len(row) <= widest {
				table = append(table, row)
			}
		}
		from = to
		if len(table) < window {
			continue
		}
		for key := range widest {
			keyed := slices.DeleteFunc(slices.Clone(table), func(row []int32) bool { return len(row) <= key })
			if len(keyed) < window {
				break
			}
			by := func(a, b []int32) int { return cmp.Compare(all[a[key]].value, all[b[key]].value) }
			if slices.IsSortedFunc(keyed, by) {
				continue
			}
			slices.SortStableFunc(keyed, by)
			for column := range widest {
				var order []int32
				for _, row := range keyed {
					if column != key && column < len(row) {
						order = append(order, row[column])
					}
				}
				if len(order) >= window {
					out = append(out, reading{order: order, numbers: numbersOf(all, order), again: again(order)})
				}
			}
		}
	}
	return out
}

// patterns reads whole numbers as the bits of floating-point ones of 16 and 32 bits.
func patterns(all []figure) []reading {
	var short, brain, long reading
	add := func(r *reading, i int, v float64, bits int) {
		r.order = append(r.order, int32(i))
		r.numbers = append(r.numbers, floating(v, bits))
	}
	for i, f := range all {
		if !f.whole || math.Abs(f.value) >= 1<<32 {
			continue
		}
		n := int64(f.value)
		if n >= -1<<15 && n < 1<<16 && (n >= 1<<10 || n < 0) {
			add(&short, i, half(uint16(n)), 10)
			add(&brain, i, float64(math.Float32frombits(uint32(uint16(n))<<16)), 7)
		}
		if n >= 1<<16 || n < -1<<15 {
			add(&long, i, float64(math.Float32frombits(uint32(n))), 23)
		}
	}
	var out []reading
	for _, r := range []reading{short, brain, long} {
		if len(r.order) >= window {
			out = append(out, r)
		}
	}
	return out
}

// half gives the value of a float16.
func half(bits uint16) float64 {
	sign, rest := uint32(bits>>15)<<31, uint32(bits&0x7fff)
	switch {
	case rest < 1<<10:
		return float64(math.Float32frombits(sign|0x33800000)) * float64(rest)
	case rest >= 31<<10:
		return float64(math.Float32frombits(sign | 0x7f800000 | rest<<13))
	}
	return float64(math.Float32frombits(sign | rest<<13 + 112<<23))
}

// unreadable says whether bytes are no text.
func unreadable(data []byte) bool {
	if !utf8.Valid(data) {
		return true
	}
	for _, c := range data {
		if c < 0x20 && c != '\n' && c != '\t' && c != '\r' {
			return true
		}
	}
	return false
}
