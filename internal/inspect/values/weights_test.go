package values_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"narthex/internal/disclosure"
	"narthex/internal/inspect/find"
	look "narthex/internal/inspect/values"
)

// formed gives a file in its form.
func formed(t testing.TB, name, text string) look.File {
	t.Helper()
	kind, is := disclosure.KindOf(name)
	if !is {
		t.Fatalf("%s is of no kind", name)
	}
	form, err := disclosure.Canonical(kind, []byte(text), disclosure.Standard())
	if err != nil {
		t.Fatalf("%s: %v\n%.300s", name, err, text)
	}
	return look.File{Name: name, Kind: kind, Bytes: form}
}

func fives(n int, v float64) string { return strconv.FormatFloat(v, 'g', n, 64) }

func number(v float64) string { return fives(7, v) }

// carriers are ways to write numbers into files; each gives its files' names and texts.
var carriers = map[string]func(r *rand.Rand, values []float64) map[string]string{
	"column": func(r *rand.Rand, values []float64) map[string]string {
		return table(r, values, func(i int, v string) []string { return []string{strconv.Itoa(i), v} })
	},
	"column of words first": func(r *rand.Rand, values []float64) map[string]string {
		return table(r, values, func(i int, v string) []string { return []string{fmt.Sprintf("row%04d", i), v, number(r.Float64())} })
	},
	"column among nine": func(r *rand.Rand, values []float64) map[string]string {
		at := 1 + r.IntN(8)
		return table(r, values, func(i int, v string) []string {
			row := []string{strconv.Itoa(i)}
			for len(row) < 9 {
				row = append(row, number(r.NormFloat64()))
			}
			row[at] = v
			return row
		})
	},
	"column that another numbers": func(r *rand.Rand, values []float64) map[string]string {
		keys := r.Perm(len(values))
		return table(r, values, func(i int, v string) []string { return []string{strconv.Itoa(keys[i]), v, strconv.Itoa(i)} })
	},
	"row": func(r *rand.Rand, values []float64) map[string]string {
		var names, cells []string
		for i, v := range values {
			names, cells = append(names, fmt.Sprintf("c%d", i)), append(cells, number(v))
		}
		return map[string]string{"a.csv": strings.Join(names, ",") + "\n" + strings.Join(cells, ",") + "\n"}
	},
	"rows of five": func(r *rand.Rand, values []float64) map[string]string {
		return rows(values, 5, false)
	},
	"numbered rows of seven": func(r *rand.Rand, values []float64) map[string]string {
		return rows(values, 7, true)
	},
	"two columns, one after the other": func(r *rand.Rand, values []float64) map[string]string {
		var b strings.Builder
		b.WriteString("i,x,y\n")
		half := (len(values) + 1) / 2
		for i := range half {
			fmt.Fprintf(&b, "%d,%s,", i, number(values[i]))
			if half+i < len(values) {
				b.WriteString(number(values[half+i]))
			}
			b.WriteString("\n")
		}
		return map[string]string{"a.csv": b.String()}
	},
	"JSON list": func(r *rand.Rand, values []float64) map[string]string {
		return map[string]string{"a.json": `{"name":"x1","values":[` + joined(values, ",") + `],"zz":3}`}
	},
	"JSON pairs": func(r *rand.Rand, values []float64) map[string]string {
		var parts []string
		for i, v := range values {
			parts = append(parts, fmt.Sprintf(`{"layer":%d,"loss":%s,"note":"layer %d"}`, i, number(v), i%3))
		}
		return map[string]string{"a.json": "[" + strings.Join(parts, ",") + "]"}
	},
	"JSON matrix by columns": func(r *rand.Rand, values []float64) map[string]string {
		return map[string]string{"a.json": nested(r, values, 1)}
	},
	"JSON of three axes, by the first": func(r *rand.Rand, values []float64) map[string]string {
		return map[string]string{"a.json": nested(r, values, 3)}
	},
	"JSON strings": func(r *rand.Rand, values []float64) map[string]string {
		return map[string]string{"a.json": `["` + joined(values, `","`) + `"]`}
	},
	"Markdown table": func(r *rand.Rand, values []float64) map[string]string {
		var b strings.Builder
		b.WriteString("# Results of 3 runs\n\n| layer | mean | sd | n |\n|---|---|---|---|\n")
		for i, v := range values {
			fmt.Fprintf(&b, "| %d | %s | %.3f | 100 |\n", i, number(v), r.Float64())
		}
		return map[string]string{"a.md": b.String()}
	},
	"prose": func(r *rand.Rand, values []float64) map[string]string {
		var b strings.Builder
		for _, v := range values {
			fmt.Fprintf(&b, "The loss was %s", number(v))
			b.WriteString([]string{" then, ", "; and so on.\n", " on the whole, or ", ".\n\n"}[r.IntN(4)])
		}
		return map[string]string{"a.txt": b.String()}
	},
	"prose with whole numbers between": func(r *rand.Rand, values []float64) map[string]string {
		var b strings.Builder
		for _, v := range values {
			for range r.IntN(3) {
				fmt.Fprintf(&b, "in step %d of %d ", r.IntN(900), r.IntN(900))
			}
			fmt.Fprintf(&b, "we saw %s\n", number(v))
		}
		return map[string]string{"a.md": b.String()}
	},
	"one a line": func(r *rand.Rand, values []float64) map[string]string {
		return map[string]string{"a.txt": joined(values, "\n")}
	},
	"letters beside whole numbers": func(r *rand.Rand, values []float64) map[string]string {
		var b strings.Builder
		for i, v := range whole(values) {
			fmt.Fprintf(&b, "w%s ", strings.Replace(strconv.Itoa(v), "-", "-", 1))
			if i%7 == 6 {
				b.WriteString("\n")
			}
		}
		return map[string]string{"a.txt": strings.ReplaceAll(b.String(), "w-", "w -")}
	},
	"whole numbers": func(r *rand.Rand, values []float64) map[string]string {
		return map[string]string{"a.json": strings.ReplaceAll(fmt.Sprint(whole(values)), " ", ",")}
	},
	"without a zero before the point": func(r *rand.Rand, values []float64) map[string]string {
		var b strings.Builder
		most := 0.0
		for _, v := range values {
			most = max(most, math.Abs(v))
		}
		for _, v := range values {
			b.WriteString(strings.Replace(strconv.FormatFloat(v/most*0.99, 'f', 6, 64), "0.", ".", 1) + ", ")
		}
		return map[string]string{"a.txt": b.String()}
	},
	"two files": func(r *rand.Rand, values []float64) map[string]string {
		cut := len(values) / 2
		return map[string]string{"a.txt": joined(values[:cut], " "), "b.txt": joined(values[cut:], " ")}
	},
	"two files of different kinds": func(r *rand.Rand, values []float64) map[string]string {
		cut := 1 + r.IntN(len(values)-1)
		return map[string]string{"a.md": joined(values[:cut], " and "), "b.json": "[" + joined(values[cut:], ",") + "]"}
	},
	"columns of four files": func(r *rand.Rand, values []float64) map[string]string {
		out := map[string]string{}
		for at := 0; at < 4; at++ {
			var b strings.Builder
			b.WriteString("i,a,b,c,d,e\n")
			for i := at * len(values) / 4; i < (at+1)*len(values)/4; i++ {
				fmt.Fprintf(&b, "%d,%s,%s,%s,%s,%s\n", i, number(r.Float64()), number(r.Float64()), number(values[i]), number(r.Float64()), number(r.Float64()))
			}
			out[fmt.Sprintf("part%d.csv", at)] = b.String()
		}
		return out
	},
	"backwards": func(r *rand.Rand, values []float64) map[string]string {
		values = slices.Clone(values)
		slices.Reverse(values)
		return map[string]string{"a.txt": joined(values, ", ")}
	},
	"each second": func(r *rand.Rand, values []float64) map[string]string { return between(r, values, 2) },
	"each third":  func(r *rand.Rand, values []float64) map[string]string { return between(r, values, 3) },
	"each fourth": func(r *rand.Rand, values []float64) map[string]string { return between(r, values, 4) },
}

func joined(values []float64, by string) string {
	var parts []string
	for _, v := range values {
		parts = append(parts, number(v))
	}
	return strings.Join(parts, by)
}

func whole(values []float64) (out []int) {
	most := 0.0
	for _, v := range values {
		most = max(most, math.Abs(v))
	}
	for _, v := range values {
		out = append(out, int(math.Round(v/most*99999)))
	}
	return out
}

func table(_ *rand.Rand, values []float64, row func(i int, v string) []string) map[string]string {
	var b strings.Builder
	for i, v := range values {
		cells := row(i, number(v))
		if i == 0 {
			for j := range cells {
				fmt.Fprintf(&b, "%sc%c", []string{"", ","}[min(j, 1)], 'a'+j)
			}
			b.WriteString("\n")
		}
		b.WriteString(strings.Join(cells, ",") + "\n")
	}
	return map[string]string{"a.csv": b.String()}
}

func rows(values []float64, wide int, numbered bool) map[string]string {
	var b strings.Builder
	for i := 0; i < len(values); i += wide {
		if numbered {
			fmt.Fprintf(&b, "%d: ", i/wide)
		}
		b.WriteString(joined(values[i:min(len(values), i+wide)], ", ") + "\n")
	}
	return map[string]string{"a.txt": b.String()}
}

func between(r *rand.Rand, values []float64, stride int) map[string]string {
	var all []float64
	for _, v := range values {
		all = append(all, v)
		for range stride - 1 {
			all = append(all, r.NormFloat64())
		}
	}
	return map[string]string{"a.json": "[" + joined(all, ",") + "]"}
}

// nested writes values as the first of inner lists of five, which stand in lists of so many.
func nested(r *rand.Rand, values []float64, group int) string {
	var outer []string
	for i := range values {
		var lists []string
		for j := range group {
			list := []float64{r.NormFloat64(), r.NormFloat64(), r.NormFloat64(), r.NormFloat64(), r.NormFloat64()}
			if j == 0 {
				list[2] = values[i]
			}
			lists = append(lists, "["+joined(list, ",")+"]")
		}
		inner := strings.Join(lists, ",")
		if group > 1 {
			inner = "[" + inner + "]"
		}
		outer = append(outer, inner)
	}
	return "[" + strings.Join(outer, ",") + "]"
}

// TestWeightsInAnyCarrierAreFound hides twelve neighbours and more of a tensor of the miniature lab in each carrier, in units of many
// kinds: the finding names every file that holds some of them.
func TestWeightsInAnyCarrierAreFound(t *testing.T) {
	held := tensors(t, "final")[:12] // the embedding and one layer
	r := rand.New(rand.NewPCG(11, 12))
	tried, missed := 0, map[string]int{}
	for _, name := range slices.Sorted(maps.Keys(carriers)) {
		for range 10 {
			values := slice(r, held, 12+r.IntN(20))
			factor, plus := math.Exp(r.NormFloat64()*2)*float64(1-2*r.IntN(2)), r.NormFloat64()*0.1*float64(r.IntN(2))
			for i := range values {
				values[i] = factor * (values[i] + plus)
			}
			var files []look.File
			texts := carriers[name](r, values)
			for file, text := range texts {
				files = append(files, formed(t, file, text))
			}
			slices.SortFunc(files, func(a, b look.File) int { return strings.Compare(a.Name, b.Name) })
			found := look.Weigh(files, held)
			tried++
			for _, f := range files {
				if !slices.ContainsFunc(found, func(x look.Finding) bool {
					return x.File == f.Name && x.Kind == find.Weights && x.Rule == "weights/values"
				}) {
					missed[name]++
					break
				}
			}
		}
	}
	if len(missed) > 0 || tried < 200 {
		t.Errorf("of %d, ten a carrier, these were not found: %v", tried, missed)
	}
}

// slice takes neighbours of a random tensor along a random axis.
func slice(r *rand.Rand, held []look.Tensor, n int) []float64 {
	for {
		tensor := held[r.IntN(len(held))]
		if len(tensor.Values) < n {
			continue
		}
		rows, wide := 1, len(tensor.Values)
		if len(tensor.Sizes) == 2 {
			rows, wide = tensor.Sizes[0], tensor.Sizes[1]
		}
		var values []float64
		if r.IntN(2) == 0 && rows >= n {
			at, column := r.IntN(rows-n+1), r.IntN(wide)
			for i := range n {
				values = append(values, float64(tensor.Values[(at+i)*wide+column]))
			}
		} else {
			at := r.IntN(len(tensor.Values) - n + 1)
			for _, v := range tensor.Values[at : at+n] {
				values = append(values, float64(v))
			}
		}
		sorted := slices.Clone(values)
		slices.Sort(sorted)
		if len(slices.Compact(sorted)) >= n-1 || n > 100 { // values that are alike say nothing of their order
			return values
		}
	}
}

func TestBytesOfWeightsAreFound(t *testing.T) {
	held := slices.DeleteFunc(tensors(t, "middle"), func(x look.Tensor) bool { return len(x.Sizes) < 2 }) // norms are near one: eight bits of them are too coarse
	r := rand.New(rand.NewPCG(13, 14))
	for _, c := range []struct {
		name string
		add  func(b []byte, v float64) []byte
	}{
		{"float16", func(b []byte, v float64) []byte { return binary.LittleEndian.AppendUint16(b, toHalf(v)) }},
		{"float16, high byte first", func(b []byte, v float64) []byte { return binary.BigEndian.AppendUint16(b, toHalf(v)) }},
		{"bfloat16", func(b []byte, v float64) []byte {
			return binary.LittleEndian.AppendUint16(b, uint16((math.Float32bits(float32(v))+0x8000)>>16))
		}},
		{"float32", func(b []byte, v float64) []byte {
			return binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(v)))
		}},
		{"float32, high byte first", func(b []byte, v float64) []byte {
			return binary.BigEndian.AppendUint32(b, math.Float32bits(float32(v)))
		}},
		{"float64", func(b []byte, v float64) []byte { return binary.LittleEndian.AppendUint64(b, math.Float64bits(v)) }},
	} {
		for try := range 8 {
			data := []byte{}
			for range r.IntN(9) {
				data = append(data, byte(r.Uint32()))
			}
			for _, v := range slice(r, held, 16) {
				data = c.add(data, v)
			}
			for range r.IntN(90) {
				data = append(data, byte(r.Uint32()))
			}
			data = append(data, 0xff)
			if found := look.WeighDecoded(data, held); !has(found, "weights/values") || found[0].Line != 7 || len(found[0].Within) != 1 {
				t.Errorf("%s, %d: sixteen values in bytes gave %v", c.name, try, found)
			}
			data = data[:0]
			for _, v := range slice(r, held, 1100) {
				data = c.add(data, v*1.7)
			}
			if found := look.WeighDecoded(data, nil); !has(found, "weights/bits") {
				t.Errorf("%s, %d: what is held nowhere gave %v", c.name, try, found)
			}
		}
	}
	small := []byte{}
	for _, v := range slice(r, held, 1100) {
		small = append(small, byte(int8(max(-127, min(127, v*300)))))
	}
	if found := look.WeighDecoded(small, nil); !has(found, "weights/bits") {
		t.Errorf("eight bits gave %v", found)
	}
}

// toHalf rounds to a float16, for numbers of the sizes of weights.
func toHalf(v float64) uint16 {
	sign := uint16(0)
	if math.Signbit(v) {
		sign, v = 1<<15, -v
	}
	if v < math.Ldexp(1, -14) {
		return sign | uint16(math.RoundToEven(math.Ldexp(v, 24)))
	}
	fraction, exponent := math.Frexp(v)
	return sign + uint16(exponent+13)<<10 + uint16(math.RoundToEven(fraction*2048)) // a carry goes on into the exponent
}

func has(found []look.Finding, rule string) bool {
	return slices.ContainsFunc(found, func(f look.Finding) bool { return f.Rule == rule })
}

func TestBytesOfOtherThings(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 16))
	noise := make([]byte, 100_000)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	counts, counters := []byte{}, []byte{}
	for i := range 4000 {
		counts = binary.LittleEndian.AppendUint32(counts, uint32(r.IntN(1000)))
		counters = binary.LittleEndian.AppendUint32(counters, uint32(i))
	}
	ramp := []byte{0xff}
	for range 20_000 {
		ramp = append(ramp, byte(r.IntN(60)))
	}
	utf16 := []byte{0xff, 0xfe}
	for _, c := range strings.Repeat("it was found that this is a text of some length. ", 100) {
		utf16 = append(utf16, byte(c), 0)
	}
	for name, data := range map[string][]byte{"noise": noise, "counts": counts, "counters": counters, "small numbers": ramp, "UTF-16": utf16, "zeros": make([]byte, 5000), "latin": bytes.Repeat([]byte("Gr\xf6\xdfe und so weiter, "), 300)} {
		if found := look.WeighDecoded(data, tensors(t, "final")); len(found) > 0 {
			t.Errorf("%s: %v", name, found)
		}
	}
}
