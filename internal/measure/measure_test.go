package measure_test

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"narthex"
	"narthex/internal/measure"
	"narthex/internal/twin"
)

// numbers draws values of no order.
func numbers(n int, seed uint32) []float64 {
	values := make([]float64, n)
	for i := range values {
		seed = seed*1664525 + 1013904223
		values[i] = float64(seed>>8)/(1<<24) - 0.5
	}
	return values
}

func tensor(name string, values []float64, shape ...int) twin.Tensor {
	t := twin.Tensor{Name: name, Type: twin.F32, Shape: shape}
	for _, v := range values {
		t.Data = binary.LittleEndian.AppendUint32(t.Data, math.Float32bits(float32(v)))
	}
	return t
}

func request(t *testing.T, two bool, text string) measure.Request {
	t.Helper()
	r, err := measure.Parse([]byte("name: a\n"+text), two)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// table gives the rows by the tensor, and each by its column.
func table(t *testing.T, r measure.Request, one, other []twin.Tensor) map[string]map[string]string {
	t.Helper()
	data, err := measure.Table(r, one, other)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]map[string]string{}
	for _, row := range rows[1:] {
		all[row[0]] = map[string]string{}
		for i, cell := range row[1:] {
			all[row[0]][rows[0][i+1]] = cell
		}
	}
	return all
}

// known makes a matrix of known singular values: a diagonal one that is mirrored on both sides.
func known(singular []float64, rows, cols int) []float64 {
	mirror := func(n int, seed uint32) (v []float64) {
		v = numbers(n, seed)
		sum := 0.0
		for _, x := range v {
			sum += x * x
		}
		for i := range v {
			v[i] /= math.Sqrt(sum)
		}
		return v
	}
	u, w := mirror(rows, 1), mirror(cols, 2)
	at := func(i int) float64 {
		if i < len(singular) {
			return singular[i]
		}
		return 0
	}
	values := make([]float64, rows*cols)
	var across float64
	for i := range min(rows, cols) {
		across += u[i] * at(i) * w[i]
	}
	for i := range rows {
		for j := range cols {
			v := 4 * u[i] * across * w[j]
			if i == j {
				v += at(i)
			}
			if i < cols {
				v -= 2 * at(i) * w[i] * w[j]
			}
			if j < rows {
				v -= 2 * u[i] * u[j] * at(j)
			}
			values[i*cols+j] = v
		}
	}
	return values
}

// TestSingularValuesAreTrue on matrices of which they are known: tall, wide, of few and of equal values, of none, and larger than those of
// which all are taken.
func TestSingularValuesAreTrue(t *testing.T) {
	slow := make([]float64, 700)
	for i := range slow {
		slow[i] = 100 * math.Pow(float64(i+1), -0.3)
	}
	for name, c := range map[string]struct {
		singular   []float64
		rows, cols int
	}{
		"tall":                {[]float64{9, 5, 4.5, 1, 0.1}, 300, 40},
		"wide":                {[]float64{9, 5, 4.5, 1, 0.1}, 40, 300},
		"of equal ones":       {slices.Repeat([]float64{2}, 40), 40, 40},
		"of pairs":            {[]float64{3, 3, 2, 2, 1, 1}, 64, 64},
		"of none":             {nil, 40, 40},
		"of one":              {[]float64{7}, 40, 50},
		"large and slow":      {slow, 700, 900},
		"large, wide, of six": {[]float64{6, 5, 4, 3, 2, 1}, 600, 800},
	} {
		row := table(t, request(t, false, "statistics: [spectral_norm, stable_rank, singular_values]\ntop: 6\n"), []twin.Tensor{tensor("w", known(c.singular, c.rows, c.cols), c.rows, c.cols)}, nil)["w"]
		squares := 0.0
		for _, s := range c.singular {
			squares += s * s
		}
		for i := range 6 {
			want := 0.0
			if i < len(c.singular) {
				want = c.singular[i]
			}
			var got float64
			if _, err := fmt.Sscan(row[fmt.Sprint("singular_", i+1)], &got); err != nil || math.Abs(got-want) > 0.0006*want+1e-4 {
				t.Errorf("%s: the %d. is told as %q, and is %g", name, i+1, row[fmt.Sprint("singular_", i+1)], want)
			}
		}
		if len(c.singular) > 0 {
			var rank float64
			if _, err := fmt.Sscan(row["stable_rank"], &rank); err != nil || math.Abs(rank-squares/(c.singular[0]*c.singular[0])) > 0.001*rank || row["spectral_norm"] != row["singular_1"] {
				t.Errorf("%s: %v", name, row)
			}
		}
	}
}

// TestOfOneVersionAndOfTwo: of two, what is of one is of their difference.
func TestOfOneVersionAndOfTwo(t *testing.T) {
	a := numbers(2000, 3)
	b := slices.Clone(a)
	for i := range 500 {
		b[i] += 0.25
	}
	one, two := []twin.Tensor{tensor("w", a, 40, 50)}, []twin.Tensor{tensor("w", b, 40, 50)}
	alone := table(t, request(t, false, "statistics: [shape, mean, std, max_abs, l2]\n"), one, nil)["w"]
	var sum, squares, most float64
	for _, v := range a {
		sum, squares, most = sum+v, squares+v*v, max(most, math.Abs(v))
	}
	four := func(v float64) string { return fmt.Sprintf("%.4g", v) }
	mean := sum / 2000
	if want := map[string]string{"shape": "40x50", "mean": four(mean), "std": four(math.Sqrt(squares/2000 - mean*mean)), "max_abs": four(most), "l2": four(math.Sqrt(squares)), "note": ""}; fmt.Sprint(alone) != fmt.Sprint(want) {
		t.Errorf("it tells %v, and true is %v", alone, want)
	}
	both := table(t, request(t, true, "statistics: [mean, l2, max_abs, changed, distance, cosine]\n"), one, two)["w"]
	if both["mean"] != "-0.0625" || both["l2"] != four(0.25*math.Sqrt(500)) || both["max_abs"] != "0.25" || both["changed"] != "0.25" {
		t.Errorf("of the difference it tells %v", both)
	}
	same := table(t, request(t, true, "statistics: [l2, changed, distance, cosine]\n"), one, one)["w"]
	if same["l2"] != "0" || same["changed"] != "0" || same["distance"] != "0" || same["cosine"] != "1" {
		t.Errorf("of the same it tells %v", same)
	}
}

// TestNothingIsToldOfAPart: of few values nothing but the shape is, nor of what is not finite or has no partner; a name is a whole tensor's,
// and what a request gives is bounded.
func TestNothingIsToldOfAPart(t *testing.T) {
	broken := numbers(2000, 1)
	broken[7] = math.NaN()
	tensors := []twin.Tensor{tensor("few", numbers(measure.Fewest-1, 1), measure.Fewest-1), tensor("enough", numbers(measure.Fewest, 1), measure.Fewest), tensor("one", []float64{3.25}), tensor("broken", broken, 2000),
		tensor("layers.0.q.weight", numbers(1600, 1), 40, 40), tensor("layers.10.q.weight", numbers(1600, 1), 40, 40), tensor("layers.0.k.weight", numbers(1600, 1), 40, 40)}
	got := table(t, request(t, false, "statistics: [shape, max_abs, l2]\n"), tensors, nil)
	for name, note := range map[string]string{"few": "fewer than 1024 values", "one": "fewer than 1024 values", "broken": "a value is not finite"} {
		if got[name]["max_abs"]+got[name]["l2"] != "" || got[name]["note"] != note {
			t.Errorf("of %s it tells %v", name, got[name])
		}
	}
	if got["enough"]["l2"] == "" || got["enough"]["note"] != "" {
		t.Errorf("of enough values it tells %v", got["enough"])
	}
	for pattern, want := range map[string]int{"layers.*.q.weight": 2, "layers.0.*.weight": 2, "layers.0.q.weight": 1, "layers.*": 0, "*": 4, "layers.1*.q.weight": 0, "few": 1, "layers.0.q.weight[0]": 0} {
		if got := table(t, request(t, false, "statistics: [l2]\ntensors: [\""+pattern+"\"]\n"), tensors, nil); len(got) != want {
			t.Errorf("%s is %d tensors", pattern, len(got))
		}
	}
	other := []twin.Tensor{tensor("layers.0.q.weight", numbers(1600, 2), 1600), tensor("layers.10.q.weight", numbers(1600, 2), 40, 40)}
	other[1].Type = twin.I32
	got = table(t, request(t, true, "statistics: [cosine]\n"), tensors, other)
	if got["layers.0.q.weight"]["cosine"]+got["layers.10.q.weight"]["cosine"]+got["enough"]["cosine"] != "" || got["layers.0.q.weight"]["note"] == "" || got["enough"]["note"] != "in one version only" {
		t.Errorf("of what has no partner it tells %v", got)
	}
	var many []twin.Tensor
	data := tensor("", numbers(measure.Fewest, 1)).Data
	for i := range measure.MostValues + 5 {
		many = append(many, twin.Tensor{Name: fmt.Sprintf("t%05d", i), Type: twin.F32, Shape: []int{measure.Fewest}, Data: data})
	}
	for statistics, want := range map[string]int{"[l2]": measure.MostValues, "[l2, max_abs, mean]": measure.MostValues / 3 * 3} {
		values, notes := 0, 0
		got := table(t, request(t, false, "statistics: "+statistics+"\n"), many, nil)
		for _, row := range got {
			for column, cell := range row {
				if column == "note" && cell != "" {
					notes++
				} else if cell != "" {
					values++
				}
			}
		}
		if values != want || len(got) != measure.MostValues+1 || notes == 0 || got["and more"]["note"] == "" {
			t.Errorf("%s gives %d values of %d tensors, and %d notes", statistics, values, len(got), notes)
		}
	}
}

// TestDigitsAreHeld for every statistic.
func TestDigitsAreHeld(t *testing.T) {
	one, two := []twin.Tensor{tensor("w", numbers(4000, 5), 80, 50)}, []twin.Tensor{tensor("w", numbers(4000, 9), 80, 50)}
	for digits := 1; digits <= measure.MostDigits; digits++ {
		r := request(t, true, fmt.Sprintf("statistics: [%s]\ndigits: %d\n", strings.Join(measure.Statistics(), ", "), digits))
		for column, cell := range table(t, r, one, two)["w"] {
			if column == "shape" || column == "note" {
				continue
			}
			mantissa, _, _ := strings.Cut(strings.TrimPrefix(cell, "-"), "e")
			if kept := strings.TrimLeft(strings.ReplaceAll(mantissa, ".", ""), "0"); cell == "" || len(kept) > digits {
				t.Errorf("%s has more digits than %d: %q", column, digits, cell)
			}
		}
	}
}

// TestARequestIsRefused that asks for what there is not, and its refusal holds nothing of it.
func TestARequestIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"no name":                    "statistics: [l2]\n",
		"a name in words":            "name: A Name\nstatistics: [l2]\n",
		"no statistics":              "name: a\n",
		"an unknown statistic":       "name: a\nstatistics: [values]\n",
		"a statistic twice":          "name: a\nstatistics: [l2, l2]\n",
		"between one":                "name: a\nstatistics: [cosine]\n",
		"code":                       "name: a\nstatistics: [l2]\ncommand: [/usr/bin/python3]\n",
		"a field twice":              "name: a\nstatistics: [l2]\nstatistics: [mean]\n",
		"a tensor without a name":    "name: a\nstatistics: [l2]\ntensors: [\"\"]\n",
		"no tensor":                  "name: a\nstatistics: [l2]\ntensors: []\n",
		"more singular values":       "name: a\nstatistics: [singular_values]\ntop: 17\n",
		"fewer than one":             "name: a\nstatistics: [singular_values]\ntop: -1\n",
		"digits":                     "name: a\nstatistics: [l2]\ndigits: 5\n",
		"digits below one":           "name: a\nstatistics: [l2]\ndigits: -1\n",
		"more than a request may be": "name: a\nstatistics: [l2]\n#" + strings.Repeat("x", 20_000),
		"a name of two lines":        "name: a\nstatistics: [l2]\ntensors: [\"a\\nb\"]\n",
	} {
		r, err := measure.Parse([]byte(text), false)
		if !narthex.IsKind(err, narthex.Invalid) || strings.Contains(err.Error(), "python") || strings.Contains(err.Error(), "values]") {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	if _, err := measure.Parse([]byte("name: a\nstatistics: [cosine]\n"), true); err != nil {
		t.Error(err)
	}
}
