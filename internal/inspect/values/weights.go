package values

import (
	"fmt"
	"math"
	"narthex/internal/inspect/find"
	"slices"
)

const (
	mostFigures  = 20_000 // with three digits or more that say something, in a package; a study of all singular values has 15,000
	mostRead     = 50_000 // figures of a package that are compared
	fewestTable  = 256    // values of a tensor whose sides say something
	fewestSpread = 1_000  // numbers, for their spread to say something: fewer are spread alike by chance, as what a study measures of 256 tokens is
)

// Weights looks for tensors in the pieces of a package. Comparing with what is held takes 10 to 40 ns a value and axis, the longer the
// more numbers there are: a model of 8 billion parameters takes minutes, and no part of it is left out to be faster.
//
// It looks for:
//
//   - shape: what begins, ends or describes a file of tensors, anywhere in a piece;
//   - values: twelve or more numbers in a row, printed or as the bits of floating-point numbers of any layout, that follow a held tensor
//     along an axis, by one factor and one number added, in one of the orders that readings and neighbours list, also over the ends of
//     rows, columns, files and axes;
//   - bits: bytes whose numbers are spread as weights are, held or not, where no text is: 256 of 16, 32 or 64 bits, or 1,024 of eight;
//   - spread: 1,000 numbers or more of a file, or of a column of one, whose values are spread as those of one held tensor;
//   - sides: a table or a picture whose two sides are those of a held tensor, and a picture of noise;
//   - volume: more numbers in a package than a study of a model needs;
//   - bound: numbers that were not compared, because there are more than are compared.
//
// It does not claim to find printed values that were put into another order in another unit, rounded to three digits or fewer, changed by
// anything but one factor and one number, or drawn as grey levels in a picture of other sides.
func Weights(pieces []find.Piece, tensors []Tensor) []Finding {
	w := &weighing{pieces: pieces, tensors: tensors, many: make([]int, len(pieces))}
	if len(tensors) > 0 {
		some := 0
		for _, p := range pieces {
			some += starts(p.Bytes)
		}
		w.all = make([]figure, 0, some)
	}
	var decoded []figure
	for at, p := range pieces {
		if name, offset, is := shapeOf(p.Bytes); is {
			w.report("shape", at, 1+lines(p.Bytes[:offset]), "It holds what a file of tensors has ("+name+"). Results have no such form: ask what it is for.")
		}
		switch {
		case unreadable(p.Bytes):
			w.raw(at)
		case len(tensors) == 0:
			figures(at, p.Bytes, w.count)
		case len(p.Within) == 0:
			figures(at, p.Bytes, func(f *figure) { w.all = append(w.all, *f) })
		default:
			figures(at, p.Bytes, func(f *figure) { decoded = append(decoded, *f) })
		}
	}
	if len(tensors) > 0 {
		w.all = append(w.all, decoded...) // files first, so that one goes on in the next
		for i := range w.all {
			w.count(&w.all[i])
		}
		w.readings = append(w.readings, readings(w.all[:min(len(w.all), mostRead)])...)
		w.values()
		for _, f := range w.all[min(len(w.all), mostRead):] {
			w.uncompared(f.piece)
		}
	}
	w.volume()
	if len(tensors) > 0 {
		w.spread()
		w.sides()
	}
	for at, p := range pieces {
		w.picture(at, p.Bytes)
	}
	return w.found
}

// weighing is one look for weights.
type weighing struct {
	pieces   []find.Piece
	tensors  []Tensor
	all      []figure
	readings []reading
	found    []Finding
	bound    map[int]bool // pieces that were not compared whole
	many     []int        // how many numbers of three digits or more each piece has
}

// report adds a finding, one a rule and piece.
func (w *weighing) report(rule string, at, line int, says string) {
	p := w.pieces[at]
	if len(p.Within) > 0 || line == 0 {
		line = p.Line
	}
	for _, f := range w.found {
		if f.Rule == "weights/"+rule && f.File == p.File && slices.Equal(f.Within, p.Within) {
			return
		}
	}
	w.found = append(w.found, Finding{Kind: find.Weights, Rule: "weights/" + rule, File: p.File, Line: line, Within: p.Within, Says: says})
}

func lines(data []byte) (n int) {
	for _, c := range data {
		if c == '\n' {
			n++
		}
	}
	return n
}

// raw looks at a piece that is no text.
func (w *weighing) raw(at int) {
	data := w.pieces[at].Bytes
	var only *counts
	if len(w.tensors) == 0 { // what is held is looked for in shorter runs, too
		if only = countsOf(data); len(data) < 2*fewestRaw {
			return
		}
	}
	lanes(data, only, func(l lane) {
		if l.bell() {
			w.report("bits", at, 0, fmt.Sprintf("Its bytes read as %s are spread as weights are. No result is kept in such bytes.", l.name))
		}
		if len(w.tensors) > 0 {
			l.neighbours(func(numbers []Number) {
				w.readings = append(w.readings, reading{piece: at + 1, numbers: numbers})
			})
		}
	})
	if small(data) {
		w.report("bits", at, 0, "Its bytes are spread as weights of eight bits are. No result is kept in such bytes.")
	}
}

// followed is what was found of one piece.
type followed struct {
	line, count int
	tensor      string
	axis        int
	others      map[string]bool
}

// values compares all readings with all tensors.
func (w *weighing) values() {
	runs, known := make([][]Number, len(w.readings)), make([][]bool, len(w.readings))
	for i, r := range w.readings {
		runs[i], known[i] = r.numbers, r.again
	}
	f := newFollower(runs, known)
	found := map[int]*followed{}
	for _, t := range w.tensors {
		for _, m := range f.Along(t.Name, t.Sizes, t.Values) {
			w.readings[m.Run].pieces(w.all, m.From, m.To, func(at, line, count int) {
				got := found[at]
				if got == nil {
					got = &followed{line: line, tensor: m.Tensor, axis: m.Axis, others: map[string]bool{}}
					found[at] = got
				}
				got.count = max(got.count, count)
				if m.Tensor != got.tensor {
					got.others[m.Tensor] = true
				}
			})
		}
	}
	for at := range w.pieces {
		if got := found[at]; got != nil {
			says := fmt.Sprintf("%d numbers or more follow the values of %s along its axis %d, each times one factor plus one number", got.count, got.tensor, got.axis)
			if n := len(got.others); n > 0 {
				says += fmt.Sprintf(", and others those of %d more tensors", n)
			}
			w.report("values", at, got.line, says+". They are weights, in this or another unit.")
		}
	}
	for run, r := range w.readings {
		if !f.Whole(run) {
			r.pieces(w.all, 0, len(r.numbers), func(at, _, _ int) { w.uncompared(at) })
		}
	}
}

func (w *weighing) uncompared(at int) {
	if w.bound == nil {
		w.bound = map[int]bool{}
	}
	if !w.bound[at] {
		w.bound[at] = true
		w.report("bound", at, 0, "Not all of its numbers were compared with the weights: the package has more of them, or more alike, than are compared. That nothing else was found in it says nothing.")
	}
}

// pieces visits the pieces that some numbers of a reading stand in, with the first line and how many of them there are.
func (r reading) pieces(all []figure, from, to int, visit func(at, line, count int)) {
	if r.piece > 0 {
		visit(r.piece-1, 0, to-from)
		return
	}
	line, count := map[int]int{}, map[int]int{}
	for _, i := range r.order[from:to] {
		f := all[i]
		if l, has := line[f.piece]; !has || f.line < l {
			line[f.piece] = f.line
		}
		count[f.piece]++
	}
	for at, n := range count {
		visit(at, line[at], n)
	}
}

// count adds up the numbers of each piece that have three digits or more.
func (w *weighing) count(f *figure) {
	if f.digits >= 3 {
		w.many[f.piece]++
	}
}

// volume looks at how many there are.
func (w *weighing) volume() {
	file := map[string]int{} // its piece with the most: others may be decodings of it
	for i, n := range w.many {
		name := w.pieces[i].File
		if at, has := file[name]; !has || n > w.many[at] {
			file[name] = i
		}
	}
	sum := 0
	for _, at := range file {
		sum += w.many[at]
	}
	if sum <= mostFigures {
		return
	}
	for at, p := range w.pieces {
		if most, has := file[p.File]; has && most == at && w.many[at] >= window {
			w.report("volume", at, 0, fmt.Sprintf("The package has %d numbers of three digits or more, and a study of a whole model about %d. In which order or unit they would have to be read does not matter: ask what so many are for.", sum, mostFigures))
		}
	}
}

// spread compares how numbers are spread.
func (w *weighing) spread() {
	groups := map[[2]int][]float64{} // a piece and a column, or -1 for all
	for _, f := range w.all {
		if f.digits == 0 {
			continue
		}
		whole, column := [2]int{f.piece, -1}, [2]int{f.piece, f.cell}
		groups[whole] = append(groups[whole], f.value)
		if f.cell < 200 {
			groups[column] = append(groups[column], f.value)
		}
	}
	var held [][]float64
	for at := range w.pieces {
		for column := -1; column < 200; column++ {
			values := groups[[2]int{at, column}]
			if len(values) < fewestSpread {
				continue
			}
			if held == nil {
				held = samples(w.tensors)
			}
			slices.Sort(values)
			for i, sample := range held {
				if sample != nil && apart(values, sample) < max(0.06, 1.63*math.Sqrt(1/float64(len(values))+1/float64(len(sample)))) {
					w.report("spread", at, 0, fmt.Sprintf("%d of its numbers are spread as the values of %s are, in their unit. In which order they stand does not matter.", len(values), w.tensors[i].Name))
				}
			}
		}
	}
}

// samples gives some values of each tensor that has a thousand or more, in order.
func samples(tensors []Tensor) [][]float64 {
	const some = 4096
	out := make([][]float64, len(tensors))
	for i, t := range tensors {
		if len(t.Values) < 1000 {
			continue
		}
		step := max(1, len(t.Values)/some)
		if step > 1 {
			step |= 1 // not the sides of a matrix
		}
		for at := 0; at < len(t.Values); at += step {
			out[i] = append(out[i], float64(t.Values[at]))
		}
		slices.Sort(out[i])
	}
	return out
}

// apart gives how far two sorted samples are apart: the largest difference of the shares that lie below a value.
func apart(a, b []float64) (far float64) {
	for i, j := 0, 0; i < len(a) && j < len(b); {
		v := min(a[i], b[j])
		for i < len(a) && a[i] <= v {
			i++
		}
		for j < len(b) && b[j] <= v {
			j++
		}
		far = max(far, math.Abs(float64(i)/float64(len(a))-float64(j)/float64(len(b))))
	}
	return far
}

// sides compares tables with tensors by their sides. A first column may count the rows.
func (w *weighing) sides() {
	for from := 0; from < len(w.all); {
		at, to := w.all[from].piece, from
		width := map[int]int{}
		for ; to < len(w.all) && w.all[to].piece == at; to++ {
			width[w.all[to].row]++
		}
		from = to
		rows := map[int]int{}
		for _, n := range width {
			rows[n]++
		}
		for _, t := range w.tensors {
			high, wide, is := plane(t)
			if is && (rows[wide] == high || rows[high] == wide || rows[wide+1] == high || rows[high+1] == wide) {
				w.report("sides", at, 0, fmt.Sprintf("It holds a table of %d by %d numbers, the sides of %s.", high, wide, t.Name))
			}
		}
	}
}

// plane gives the two sides of a tensor that has two and more than a few values.
func plane(t Tensor) (high, wide int, is bool) {
	var sides []int
	for _, size := range t.Sizes {
		if size > 1 {
			sides = append(sides, size)
		}
	}
	if len(sides) != 2 || sides[0]*sides[1] < fewestTable || sides[0] < 8 || sides[1] < 8 {
		return 0, 0, false
	}
	return sides[0], sides[1], true
}
