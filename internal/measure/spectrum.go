package measure

import "math"

const (
	wholeSide = 512  // up to so many singular values all are taken, and the largest of them are exact
	mostSteps = 400  // else so many steps are made at most
	every     = 8    // steps between two looks at whether the largest have settled
	settled   = 1e-9 // how much they change from one look to the next, at most, by the largest
)

// matrix is a matrix by its rows.
type matrix struct {
	values     []float32
	rows, cols int
}

// times gives the matrix times a vector, or, turned, its transpose.
func (m matrix) times(x []float64, turned bool) []float64 {
	if !turned {
		y := make([]float64, m.rows)
		for i := range y {
			for j, v := range m.values[i*m.cols : (i+1)*m.cols] {
				y[i] += float64(v) * x[j]
			}
		}
		return y
	}
	y := make([]float64, m.cols)
	for i, s := range x {
		for j, v := range m.values[i*m.cols : (i+1)*m.cols] {
			y[j] += float64(v) * s
		}
	}
	return y
}

// spectrum gives the largest singular values of a matrix, the largest first, at most as many as it has; false where they did not settle.
// It makes the matrix bidiagonal by Golub, Kahan and Lanczos's steps, each vector held at right angles to all before it, from a vector that
// is always the same.
func spectrum(m matrix, top int) ([]float64, bool) {
	side, wide := min(m.rows, m.cols), m.cols <= m.rows // the steps are on the shorter side
	top = min(top, side)
	steps := side
	if side > wholeSide {
		steps = mostSteps
	}
	state := uint64(1)
	fresh := func(n int, against [][]float64) []float64 {
		v := make([]float64, n)
		for i := range v {
			state = state*6364136223846793005 + 1442695040888963407
			v[i] = float64(int64(state)>>11) / (1 << 52)
		}
		across(v, against)
		scale(v, 1/length(v))
		return v
	}
	tiny := 1e-13 * math.Sqrt(squares(m.values))
	var us, vs [][]float64
	var diagonal, beside []float64 // of the bidiagonal matrix
	var last []float64
	v := fresh(side, nil)
	for step := 1; step <= steps; step++ {
		vs = append(vs, v)
		u := m.times(v, !wide)
		across(u, us)
		alpha := length(u)
		if alpha > tiny {
			scale(u, 1/alpha)
		} else {
			alpha = 0
			clear(u)
		}
		us, diagonal = append(us, u), append(diagonal, alpha)
		if step == side {
			return largest(diagonal, beside, top), true
		}
		next := m.times(u, wide)
		across(next, vs)
		beta := length(next)
		if beta > tiny {
			scale(next, 1/beta)
			v = next
		} else { // nothing more is to be had from here: begin anew at right angles to it
			beta, v = 0, fresh(side, vs)
		}
		if side > wholeSide && step >= top+every && step%every == 0 {
			now := largest(diagonal, beside, top)
			if last != nil && beta > 0 && near(now, last) {
				return now, true
			}
			last = now
		}
		beside = append(beside, beta)
	}
	return nil, false
}

func near(a, b []float64) bool {
	for i := range a {
		if math.Abs(a[i]-b[i]) > settled*a[0] {
			return false
		}
	}
	return true
}

// across takes from a vector what lies along others, which are at right angles to each other and of length 1, or none; twice, for once
// leaves what was rounded.
func across(v []float64, others [][]float64) {
	for range 2 {
		for _, o := range others {
			along := 0.0
			for i, x := range o {
				along += x * v[i]
			}
			for i, x := range o {
				v[i] -= along * x
			}
		}
	}
}

func length(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x * x
	}
	return math.Sqrt(sum)
}

func scale(v []float64, by float64) {
	for i := range v {
		v[i] *= by
	}
}

// largest gives the largest singular values of an upper bidiagonal matrix: the roots of those of the tridiagonal matrix that it makes with
// its transpose, each found by halving. Below a millionth of the largest one is 0.
func largest(diagonal, beside []float64, top int) []float64 {
	n := len(diagonal)
	d, e := make([]float64, n), make([]float64, n) // e[i] is the square beside d[i] and d[i-1]
	most := 0.0
	for i, a := range diagonal {
		d[i] = a * a
		if i > 0 {
			d[i] += beside[i-1] * beside[i-1]
			e[i] = diagonal[i-1] * beside[i-1]
			e[i] *= e[i]
		}
	}
	for i := range d {
		reach := d[i] + math.Sqrt(e[i])
		if i+1 < n {
			reach += math.Sqrt(e[i+1])
		}
		most = math.Max(most, reach)
	}
	above := func(x float64) (count int) { // how many are above x
		q := 1.0
		for i := range d {
			before := 0.0
			if i > 0 {
				before = e[i] / q
			}
			if q = d[i] - x - before; q == 0 {
				q = math.SmallestNonzeroFloat64
			}
			if q > 0 {
				count++
			}
		}
		return count
	}
	found := make([]float64, 0, top)
	high := most
	for k := 1; k <= min(top, n); k++ {
		low := 0.0
		for range 200 {
			middle := low + (high-low)/2
			if middle == low || middle == high {
				break
			}
			if above(middle) >= k {
				low = middle
			} else {
				high = middle
			}
		}
		root := math.Sqrt(high)
		if len(found) > 0 && root < 1e-6*found[0] {
			root = 0
		}
		found = append(found, root)
	}
	return found
}
