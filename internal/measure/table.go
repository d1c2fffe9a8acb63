package measure

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"narthex/internal/twin"
)

// Table gives the statistics that a request asks for, as a table of a row a tensor, by names; other is nil where there is no second version.
// Of what is not told the row says why.
func Table(r Request, one, other []twin.Tensor) ([]byte, error) {
	header := []string{"tensor"}
	for _, s := range statistics {
		switch {
		case !r.wants(s.name):
		case s.name == "singular_values":
			for i := range r.Top {
				header = append(header, "singular_"+strconv.Itoa(i+1))
			}
		default:
			header = append(header, s.name)
		}
	}
	rows := [][]string{append(header, "note")}
	left := MostValues
	for _, name := range names(one, other) {
		if !r.asks(name) {
			continue
		}
		if len(rows) > MostValues {
			rows = append(rows, append(append([]string{"and more"}, make([]string, len(header)-1)...), "more than "+strconv.Itoa(MostValues)+" tensors are asked for"))
			break
		}
		row := make([]string, 1, len(header)+1)
		row[0] = name
		cells, note := r.of(find(one, name), find(other, name), other != nil, left)
		for _, cell := range cells {
			if cell != "" {
				left--
			}
		}
		rows = append(rows, append(append(row, cells...), note))
	}
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	err := w.WriteAll(rows)
	return out.Bytes(), err
}

func (r Request) wants(statistic string) bool { return slices.Contains(r.Statistics, statistic) }

// names gives the names of all tensors, each once, sorted.
func names(one, other []twin.Tensor) []string {
	var all []string
	for _, t := range slices.Concat(one, other) {
		all = append(all, t.Name)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func find(all []twin.Tensor, name string) *twin.Tensor {
	at := slices.IndexFunc(all, func(t twin.Tensor) bool { return t.Name == name })
	if at < 0 {
		return nil
	}
	return &all[at]
}

// of gives the cells of a tensor's row, and why some are empty. Left is how many values may still be given.
func (r Request) of(a, b *twin.Tensor, two bool, left int) (cells []string, note string) {
	values := map[string]string{}
	switch {
	case a == nil || two && b == nil:
		note = "in one version only"
	case two && (a.Type != b.Type || !slices.Equal(a.Shape, b.Shape)):
		note = "of another shape or type in the second"
	default:
		values["shape"] = strings.Trim(strings.ReplaceAll(fmt.Sprint(a.Shape), " ", "x"), "[]")
		if len(a.Data)/a.Type.Width() < Fewest {
			note = "fewer than " + strconv.Itoa(Fewest) + " values"
		} else {
			note = r.measured(a, b, values)
		}
	}
	given := 0
	for _, s := range statistics {
		switch {
		case !r.wants(s.name):
		case s.name == "singular_values":
			for i := range r.Top {
				cells = append(cells, values[s.name+strconv.Itoa(i)])
			}
		default:
			cells = append(cells, values[s.name])
		}
	}
	for _, cell := range cells {
		if cell != "" {
			given++
		}
	}
	if given > left {
		return make([]string, len(cells)), "more than " + strconv.Itoa(MostValues) + " values are asked for"
	}
	return cells, note
}

// measured takes the statistics of a tensor, or of what lies between two of one shape, into values.
func (r Request) measured(a, b *twin.Tensor, values map[string]string) (note string) {
	tell := func(name string, v float64) {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			values[name] = strconv.FormatFloat(v, 'g', r.Digits, 64)
		}
	}
	of := a.Values()
	if b != nil {
		second := b.Values()
		mine, theirs, product := 0.0, 0.0, 0.0
		for i, x := range of {
			v, w := float64(x), float64(second[i])
			mine, theirs, product = mine+v*v, theirs+w*w, product+v*w
			of[i] = float32(v - w)
		}
		tell("cosine", product/math.Sqrt(mine*theirs))
		tell("distance", math.Sqrt(squares(of)/theirs))
		width, changed := a.Type.Width(), 0
		for at := 0; at < len(a.Data); at += width {
			if !bytes.Equal(a.Data[at:at+width], b.Data[at:at+width]) {
				changed++
			}
		}
		tell("changed", float64(changed*width)/float64(len(a.Data)))
	}
	n, sum, most := float64(len(of)), 0.0, 0.0
	for _, v := range of {
		sum, most = sum+float64(v), math.Max(most, math.Abs(float64(v)))
	}
	mean, spread := sum/n, 0.0
	for _, v := range of {
		spread += (float64(v) - mean) * (float64(v) - mean)
	}
	norm := math.Sqrt(squares(of))
	if math.IsNaN(norm) || math.IsInf(norm, 0) {
		clear(values)
		return "a value is not finite"
	}
	tell("mean", mean)
	tell("std", math.Sqrt(spread/n))
	tell("max_abs", most)
	tell("l2", norm)
	if !r.wants("spectral_norm") && !r.wants("stable_rank") && !r.wants("singular_values") || len(a.Shape) < 2 {
		return ""
	}
	top := 1
	if r.wants("singular_values") {
		top = r.Top
	}
	singular, sure := spectrum(matrix{of, a.Shape[0], len(of) / a.Shape[0]}, top)
	if !sure {
		return "its singular values did not settle"
	}
	for i, v := range singular {
		tell("singular_values"+strconv.Itoa(i), v)
	}
	tell("spectral_norm", singular[0])
	tell("stable_rank", norm/singular[0]*(norm/singular[0]))
	return ""
}

func squares(values []float32) (sum float64) {
	for _, v := range values {
		sum += float64(v) * float64(v)
	}
	return sum
}
