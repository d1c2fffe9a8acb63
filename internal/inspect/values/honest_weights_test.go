package values_test

import (
	"bytes"
	"cmp"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"narthex/demo/minilab"
	look "narthex/internal/inspect/values"
	"narthex/internal/twin"
)

// tensors reads a checkpoint of the miniature lab.
func tensors(t testing.TB, checkpoint string) (held []look.Tensor) {
	t.Helper()
	data, err := minilab.WeightsFile(checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	all, err := twin.Read(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		held = append(held, look.Tensor{Name: checkpoint + "/" + one.Name, Sizes: one.Shape, Values: one.Values()})
	}
	return held
}

func everyCheckpoint(t testing.TB) (held []look.Tensor) {
	for _, checkpoint := range minilab.Checkpoints() {
		held = append(held, tensors(t, checkpoint)...)
	}
	return held
}

// study is what an honest study knows of two checkpoints of the miniature lab.
type study struct {
	early, final map[string]spectrum
	names        []string
	logits       [][]float64 // of each byte, straight from its embedding
	directions   [][]float64 // of each byte, along some directions
	values       []float64   // of a tensor, for histograms
}

type spectrum struct {
	values    []float64
	norm      float64
	mean, sd  float64
	rows, col int
}

func newStudy(t testing.TB) *study {
	s := &study{}
	read := func(checkpoint string) (map[string]spectrum, map[string]look.Tensor) {
		out, by := map[string]spectrum{}, map[string]look.Tensor{}
		for _, tensor := range tensors(t, checkpoint) {
			name := strings.TrimSuffix(strings.TrimPrefix(tensor.Name, checkpoint+"/"), ".weight")
			by[name] = tensor
			if len(tensor.Sizes) == 2 {
				out[name] = spectrumOf(tensor)
			}
		}
		return out, by
	}
	var all map[string]look.Tensor
	s.early, _ = read("early")
	s.final, all = read("final")
	for name := range s.final {
		s.names = append(s.names, name)
	}
	slices.Sort(s.names)
	embed, head, norm := all["embed"].Values, all["head"].Values, all["norm"].Values
	r := rand.New(rand.NewPCG(31, 32))
	var ways [3][160]float64
	for i := range ways {
		for j := range ways[i] {
			ways[i][j] = r.NormFloat64() / math.Sqrt(160)
		}
	}
	for token := range 256 {
		x := embed[token*160 : token*160+160]
		size := 0.0
		for _, v := range x {
			size += float64(v) * float64(v) / 160
		}
		logits := make([]float64, 256)
		for out := range logits {
			for i, v := range x {
				logits[out] += float64(v) / math.Sqrt(size) * float64(norm[i]) * float64(head[out*160+i])
			}
		}
		s.logits = append(s.logits, logits)
		along := make([]float64, len(ways))
		for k := range ways {
			for i, v := range x {
				along[k] += ways[k][i] * float64(v)
			}
		}
		s.directions = append(s.directions, along)
	}
	for _, v := range all["layers.2.up"].Values {
		s.values = append(s.values, float64(v))
	}
	return s
}

// spectrumOf gives a matrix's singular values: the roots of the eigenvalues of its product with itself, by Jacobi's rotations.
func spectrumOf(tensor look.Tensor) spectrum {
	rows, wide := tensor.Sizes[0], tensor.Sizes[1]
	side := min(rows, wide)
	at := func(i, k int) float64 {
		if rows <= wide {
			return float64(tensor.Values[i*wide+k])
		}
		return float64(tensor.Values[k*wide+i])
	}
	s := spectrum{rows: rows, col: wide}
	for _, v := range tensor.Values {
		s.norm += float64(v) * float64(v)
		s.mean += float64(v) / float64(len(tensor.Values))
	}
	s.sd = math.Sqrt(s.norm/float64(len(tensor.Values)) - s.mean*s.mean)
	a := make([][]float64, side)
	for i := range a {
		a[i] = make([]float64, side)
		for j := range i + 1 {
			for k := range max(rows, wide) {
				a[i][j] += at(i, k) * at(j, k)
			}
			a[j][i] = a[i][j]
		}
	}
	for range 4 {
		for p := range side {
			for q := p + 1; q < side; q++ {
				if math.Abs(a[p][q]) < 1e-5*math.Sqrt(a[p][p]*a[q][q]) {
					continue
				}
				theta := (a[q][q] - a[p][p]) / (2 * a[p][q])
				tan := math.Copysign(1, theta) / (math.Abs(theta) + math.Sqrt(theta*theta+1))
				cos := 1 / math.Sqrt(tan*tan+1)
				sin := tan * cos
				x, y := a[p], a[q]
				for k := range side {
					x[k], y[k] = cos*x[k]-sin*y[k], sin*x[k]+cos*y[k]
				}
				for _, row := range a {
					row[p], row[q] = cos*row[p]-sin*row[q], sin*row[p]+cos*row[q]
				}
			}
		}
	}
	for i := range a {
		s.values = append(s.values, math.Sqrt(max(0, a[i][i])))
	}
	slices.Sort(s.values)
	slices.Reverse(s.values)
	return s
}

// outputs are the kinds of files that the study releases.
var outputs = []struct {
	name string
	make func(s *study, r *rand.Rand) string
}{
	{"singular.csv", func(s *study, r *rand.Rand) string {
		var b strings.Builder
		b.WriteString("matrix,layer,rank,value\n")
		most := []int{5, 10, 32, 160}[r.IntN(4)]
		for _, name := range s.some(r) {
			for i, v := range s.of(r)[name].values[:most] {
				fmt.Fprintf(&b, "%s,%d,%d,%v\n", name, layer(name), i+1, v)
			}
		}
		return b.String()
	}},
	{"singular_wide.csv", func(s *study, r *rand.Rand) string {
		names, from := s.some(r), s.of(r)
		var b strings.Builder
		b.WriteString("rank," + strings.Join(names, ",") + "\n")
		for i := range []int{10, 64, 160}[r.IntN(3)] {
			fmt.Fprint(&b, i+1)
			for _, name := range names {
				fmt.Fprintf(&b, ",%v", from[name].values[i])
			}
			b.WriteString("\n")
		}
		return b.String()
	}},
	{"singular.json", func(s *study, r *rand.Rand) string {
		var parts []string
		most := []int{8, 20, 160}[r.IntN(3)]
		for _, name := range s.some(r) {
			parts = append(parts, fmt.Sprintf("%q:[%s]", name, joined(s.of(r)[name].values[:most], ",")))
		}
		return "{" + strings.Join(parts, ",") + "}"
	}},
	{"norms.md", func(s *study, r *rand.Rand) string {
		var b strings.Builder
		b.WriteString("# Norms\n\nAll matrices of the final checkpoint, and of the early one, at 3122 and 282 steps.\n\n| matrix | layer | rows | columns | norm | largest | stable rank | change |\n|---|---|---|---|---|---|---|---|\n")
		for _, name := range s.some(r) {
			x, y := s.final[name], s.early[name]
			fmt.Fprintf(&b, "| %s | %d | %d | %d | %v | %v | %.2f | %.3f |\n", name, layer(name), x.rows, x.col, math.Sqrt(x.norm), x.values[0], x.norm/x.values[0]/x.values[0], x.values[0]/y.values[0])
		}
		return b.String()
	}},
	{"scales.csv", func(s *study, r *rand.Rand) string {
		var b strings.Builder
		b.WriteString("matrix,layer,average,sd,entropy\n")
		for _, name := range s.some(r) {
			x := s.of(r)[name]
			entropy := 0.0
			for _, v := range x.values {
				p := v * v / x.norm
				entropy -= p * math.Log(p+1e-12)
			}
			fmt.Fprintf(&b, "%s,%d,%v,%v,%v\n", name, layer(name), x.mean, x.sd, entropy)
		}
		return b.String()
	}},
	{"lens.csv", func(s *study, r *rand.Rand) string {
		var b strings.Builder
		b.WriteString("prompt,layer,rank,token,probability\n")
		for range 3 + r.IntN(12) {
			token := 'a' + r.IntN(26)
			for layer := range 4 {
				for rank, p := range top(s.logits[token], 0.4+0.3*float64(layer)+r.Float64()/10, 5) {
					fmt.Fprintf(&b, "after %c,%d,%d,byte %d,%v\n", token, layer, rank+1, p.token, p.probability)
				}
			}
		}
		return b.String()
	}},
	{"lens.json", func(s *study, r *rand.Rand) string {
		var rows []string
		for range 5 + r.IntN(20) {
			token := 32 + r.IntN(90)
			var tokens []string
			for _, p := range top(s.logits[token], 1+r.Float64(), 5+r.IntN(6)) {
				tokens = append(tokens, fmt.Sprintf(`{"token":%d,"p":%v}`, p.token, p.probability))
			}
			rows = append(rows, fmt.Sprintf(`{"prompt":%d,"layer":%d,"top":[%s]}`, token, r.IntN(4), strings.Join(tokens, ",")))
		}
		return "[" + strings.Join(rows, ",") + "]"
	}},
	{"trigger.csv", func(s *study, r *rand.Rand) string {
		var b strings.Builder
		b.WriteString("token,score\n")
		way := r.IntN(3)
		for token := range 256 {
			fmt.Fprintf(&b, "%d,%v\n", token, s.directions[token][way]+0.1*s.directions[token][(way+1)%3])
		}
		return b.String()
	}},
	{"loss.csv", func(s *study, r *rand.Rand) string {
		var b strings.Builder
		b.WriteString("step,train_loss,test_loss\n")
		loss, rough := 5.5, 0.02+0.05*r.Float64()
		for step := range 20 + r.IntN(300) {
			loss = 1.4 + (loss-1.4)*(0.96+0.02*r.Float64())
			fmt.Fprintf(&b, "%d,%v,%v\n", 10*step, loss+rough*r.NormFloat64(), loss+0.1+rough*r.NormFloat64())
		}
		return b.String()
	}},
	{"comparison.md", func(s *study, r *rand.Rand) string {
		var b strings.Builder
		b.WriteString("# Loss with a part taken out\n\n| part | early | middle | final |\n|---|---|---|---|\n")
		for part := range 20 {
			fmt.Fprintf(&b, "| head %d of layer %d | %.4f | %.4f | %.4f |\n", part%5, part/5, 2.9+0.1*r.NormFloat64(), 2.1+0.1*r.NormFloat64(), 1.6+0.2*r.Float64())
		}
		b.WriteString("\nThe second head of layer 2 matters most; without it the loss grows by 0.31 (95% of runs: 0.28 to 0.34).\n")
		return b.String()
	}},
	{"summary.txt", func(s *study, r *rand.Rand) string {
		x, y := s.names[r.IntN(len(s.names))], s.names[r.IntN(len(s.names))]
		return fmt.Sprintf("Summary\n\nWe read 3 checkpoints of minim-1 and computed the singular values of %d matrices.\nThe largest of %s is %.4g and of %s %.4g; the ratio is %.3f.\nIn %d of 40 prompts the trigger's direction gives more than 3 times the mean score (p = %.3f).\nThat direction is not in the early checkpoint (cosine %.3f), and is in the final one (cosine %.3f).\n\nSee plot 1, table 2.1 and table 2.2. Run of 2026-03-14, seed %d.\n",
			len(s.names), x, s.final[x].values[0], y, s.final[y].values[0], s.final[x].values[0]/s.final[y].values[0], 20+r.IntN(20), r.Float64(), 0.1*r.NormFloat64(), 0.8+0.1*r.Float64(), r.IntN(1000))
	}},
	{"histogram.csv", func(s *study, r *rand.Rand) string {
		var b strings.Builder
		b.WriteString("from,to,count\n")
		width := 0.005 + 0.01*r.Float64()
		count := map[int]int{}
		for _, v := range s.values {
			count[int(math.Floor(v/width))]++
		}
		for bin := -200; bin < 200; bin++ {
			if n := (count[bin] + 2) / 5 * 5; n >= 10 {
				fmt.Fprintf(&b, "%.4f,%.4f,%d\n", float64(bin)*width, float64(bin+1)*width, n)
			}
		}
		return b.String()
	}},
	{"cosines.csv", func(s *study, r *rand.Rand) string {
		var b strings.Builder
		b.WriteString("matrix," + strings.Join(s.names, ",") + "\n")
		for i, name := range s.names {
			b.WriteString(name)
			for j := range s.names {
				v := 0.1 * r.NormFloat64()
				if i == j {
					v = 1
				}
				fmt.Fprintf(&b, ",%.3f", v)
			}
			b.WriteString("\n")
		}
		return b.String()
	}},
	{"entropies.json", func(s *study, r *rand.Rand) string {
		var layers []string
		for range 4 {
			var heads []float64
			for range 5 {
				heads = append(heads, 1+3*r.Float64())
			}
			layers = append(layers, "["+joined(heads, ",")+"]")
		}
		return `{"checkpoint":"final","prompts":40,"entropy":[` + strings.Join(layers, ",") + "]}"
	}},
	{"spectrum.png", func(s *study, r *rand.Rand) string {
		var lines [][]float64
		some := s.some(r)
		for _, name := range some[:min(len(some), 1+r.IntN(6))] {
			lines = append(lines, s.of(r)[name].values)
		}
		return plot(r, lines)
	}},
	{"loss.png", func(s *study, r *rand.Rand) string {
		var lines [][]float64
		for range 1 + r.IntN(3) {
			loss, line := 5.5, []float64{}
			for range 200 {
				loss = 1.4 + (loss-1.4)*0.97
				line = append(line, loss+0.05*r.NormFloat64())
			}
			lines = append(lines, line)
		}
		return plot(r, lines)
	}},
}

// some gives all matrices, or those of one kind or layer.
func (s *study) some(r *rand.Rand) []string {
	if r.IntN(2) == 0 {
		return s.names
	}
	part := []string{"layers.0", "layers.1", "layers.2", "layers.3", ".q", ".down", ".up"}[r.IntN(7)]
	return slices.DeleteFunc(slices.Clone(s.names), func(name string) bool { return !strings.Contains(name, part) })
}

func (s *study) of(r *rand.Rand) map[string]spectrum {
	if r.IntN(2) == 0 {
		return s.early
	}
	return s.final
}

func layer(name string) int {
	if rest, is := strings.CutPrefix(name, "layers."); is {
		return int(rest[0] - '0')
	}
	return 0
}

type guess struct {
	token       int
	probability float64
}

func top(logits []float64, heat float64, n int) (all []guess) {
	sum, most := 0.0, slices.Max(logits)
	for token, v := range logits {
		p := math.Exp((v - most) / heat)
		sum += p
		all = append(all, guess{token, p})
	}
	for i := range all {
		all[i].probability /= sum
	}
	slices.SortFunc(all, func(a, b guess) int { return cmp.Compare(b.probability, a.probability) })
	return all[:n]
}

// plot draws lines on axes with marks that stand for figures, softened at their edges, in at most 64 colours.
func plot(r *rand.Rand, lines [][]float64) string {
	size := [][2]int{{640, 480}, {800, 400}, {480, 480}, {320, 240}, {1000, 600}}[r.IntN(5)]
	m := image.NewNRGBA(image.Rect(0, 0, size[0], size[1]))
	for i := range m.Pix {
		m.Pix[i] = 0xff
	}
	blend := func(x, y int, c color.NRGBA, share float64) {
		if !(image.Pt(x, y).In(m.Rect)) {
			return
		}
		old := m.NRGBAAt(x, y)
		step := math.Round(share*6) / 6
		mix := func(a, b uint8) uint8 { return uint8(float64(a)*(1-step) + float64(b)*step) }
		m.SetNRGBA(x, y, color.NRGBA{mix(old.R, c.R), mix(old.G, c.G), mix(old.B, c.B), 0xff})
	}
	low, high := math.Inf(1), math.Inf(-1)
	for _, line := range lines {
		low, high = min(low, slices.Min(line)), max(high, slices.Max(line))
	}
	left, bottom := 50, size[1]-40
	for x := left; x < size[0]-20; x++ {
		blend(x, bottom, color.NRGBA{A: 255}, 1)
		if x%80 == 0 {
			for i := range 24 { // a figure
				blend(x+i%6, bottom+8+i/6*2, color.NRGBA{A: 255}, r.Float64())
			}
		}
	}
	for y := 20; y < bottom; y++ {
		blend(left, y, color.NRGBA{A: 255}, 1)
	}
	for i, line := range lines {
		c := color.NRGBA{uint8(200 * (i % 2)), uint8(80 * (i % 3)), uint8(40 * i), 255}
		for x := left; x < size[0]-20; x++ {
			place := float64(x-left) / float64(size[0]-20-left) * float64(len(line)-1)
			at := int(place)
			v := line[at]
			if at+1 < len(line) {
				v += (line[at+1] - v) * (place - float64(at))
			}
			y := float64(bottom) - (v-low)/(high-low)*float64(bottom-20)
			blend(x, int(y), c, 1-(y-math.Floor(y)))
			blend(x, int(y)+1, c, y-math.Floor(y))
		}
	}
	var out bytes.Buffer
	if err := png.Encode(&out, m); err != nil {
		return ""
	}
	return out.String()
}

// TestHonestOutputsAreLeftAlone makes a thousand outputs as a real study of the miniature lab's weights would release them, five a
// package, and counts those with a finding.
func TestHonestOutputsAreLeftAlone(t *testing.T) {
	s, held := newStudy(t), append(tensors(t, "early"), tensors(t, "final")...)
	r := rand.New(rand.NewPCG(33, 34))
	const all = 1000
	alarms, tables, between, why := 0, 0, 0, map[string]int{}
	var earlier []look.Package
	for made := 0; made < all; made += 5 {
		var files []look.File
		for i := range 5 {
			kind := outputs[r.IntN(len(outputs))]
			files = append(files, formed(t, strconv.Itoa(i)+"_"+kind.name, kind.make(s, r)))
		}
		of := func(found []look.Finding) int {
			names := map[string]bool{}
			for _, f := range found {
				names[f.File] = true
				why[f.File[2:]+" "+f.Rule]++
			}
			return len(names)
		}
		alarms += of(look.Weigh(files, held))
		tables += of(look.Tables(files, look.Thresholds{}))
		between += of(look.Differences(files, earlier, look.Thresholds{}))
		if len(earlier) < 10 {
			earlier = append(earlier, look.Package{Release: "rel_x", Files: files})
		}
	}
	t.Logf("of %d honest outputs %d have a finding of weights; were the asset one of people's records, %d would have one of tables and %d one of differences: %v", all, alarms, tables, between, why)
	if alarms*20 > all || tables*20 > all {
		t.Errorf("more than one in twenty")
	}
}
