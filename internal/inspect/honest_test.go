package inspect_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"narthex/internal/disclosure"
	"narthex/internal/inspect"
)

// honest writes what a study of a model lets out: tables, singular values, summaries, measurements and plots.
type honest struct{ *rand.Rand }

func (h honest) pick(of ...string) string { return of[h.IntN(len(of))] }

func (h honest) float() string {
	v := math.Exp(h.NormFloat64()*2) * float64(1-2*h.IntN(2))
	return fmt.Sprintf(h.pick("%.4g", "%.4g", "%.3f", "%.2e"), v)
}

func (h honest) layer() string {
	i := h.IntN(24)
	return fmt.Sprintf(h.pick("blocks.%d.attn.weight", "h.%d.mlp.c_proj.weight", "layers.%d.self_attn.q_proj", "layer_%d", "encoder.layer.%d.output.dense", "blocks.%d.ln_2.bias", "model.layers.%d.mlp.gate_proj.weight", "w%d"), i)
}

func (h honest) sentence() string {
	one := func() string {
		switch h.IntN(12) {
		case 0:
			return "The largest singular value of " + h.layer() + " is " + h.float() + ", which is " + h.pick("larger", "smaller") + " than the median of " + h.float()
		case 1:
			return fmt.Sprintf("We trained a probe on %d examples and reached an accuracy of %.3f (n = %d)", 100*h.IntN(90), h.Float64(), h.IntN(5000))
		case 2:
			return "Removing the direction lowers the loss by " + h.float() + " nats on held-out text, and raises it on the rest"
		case 3:
			return "The logit lens shows that the answer is decided between layers " + fmt.Sprint(h.IntN(12)) + " and " + fmt.Sprint(12+h.IntN(12))
		case 4:
			return "Attention heads " + fmt.Sprintf("L%dH%d and L%dH%d", h.IntN(24), h.IntN(16), h.IntN(24), h.IntN(16)) + " attend to the previous token"
		case 5:
			return "We find no evidence for a second trigger; the spectrum decays as a power law with exponent " + h.float()
		case 6:
			return fmt.Sprintf("Checkpoint %d was compared with checkpoint %d; the cosine similarity is %.4f", 1000*h.IntN(90), 1000*h.IntN(90), h.Float64())
		case 7:
			return "This agrees with earlier work on feature superposition and on induction heads in small transformers"
		case 8:
			return "All numbers are means over " + fmt.Sprint(3+h.IntN(8)) + " seeds, with standard errors in brackets"
		case 9:
			return "The excess kurtosis of the weights grows with depth (Spearman ρ = " + fmt.Sprintf("%.2f", h.Float64()) + ", p < 0.001)"
		case 10:
			return "Ablating MLP neurons with high activation on the prefix changes 3–5% of completions"
		}
		return "Further analysis of the residual stream, e.g. with sparse autoencoders (SAE), is left for a later job"
	}
	return one() + "."
}

func (h honest) file(n int) (inspect.File, bool) {
	kind := disclosure.Kinds()[h.IntN(len(disclosure.Kinds()))]
	var out bytes.Buffer
	switch kind {
	case disclosure.Text:
		if h.IntN(2) == 0 {
			fmt.Fprintf(&out, "singular values of %s\n", h.layer())
			v := 100 * h.Float64()
			for range 16 + h.IntN(200) {
				fmt.Fprintf(&out, "%.4g\n", v)
				v *= 0.9 + 0.1*h.Float64()
			}
			break
		}
		for range 2 + h.IntN(30) {
			out.WriteString(h.sentence())
			out.WriteString(h.pick(" ", " ", "\n", "\n\n"))
		}
	case disclosure.Markdown:
		fmt.Fprintf(&out, "# %s\n\n", h.pick("Results", "Spectral analysis", "Logit lens", "Summary of job 3", "Trigger search"))
		for range 1 + h.IntN(6) {
			for range 1 + h.IntN(5) {
				out.WriteString(h.sentence() + " ")
			}
			out.WriteString("\n\n")
			switch h.IntN(4) {
			case 0:
				out.WriteString("| layer | s1 | rank |\n|---|---|---|\n")
				for range 1 + h.IntN(12) {
					fmt.Fprintf(&out, "| `%s` | %s | %d |\n", h.layer(), h.float(), h.IntN(512))
				}
				out.WriteString("\n")
			case 1:
				for range 1 + h.IntN(6) {
					fmt.Fprintf(&out, "- **%s**: %s ± %s\n", h.layer(), h.float(), h.float())
				}
				out.WriteString("\n")
			case 2:
				out.WriteString("```python\nu, s, vt = np.linalg.svd(w, full_matrices=False)\nprint(s[:10] / s.sum())\n```\n\n")
			}
		}
	case disclosure.CSV:
		switch h.IntN(4) {
		case 0:
			out.WriteString("layer,rows,cols,max,median,rank\n")
			for range 4 + h.IntN(60) {
				fmt.Fprintf(&out, "%s,%d,%d,%s,%s,%d\n", h.layer(), 64<<h.IntN(6), 64<<h.IntN(6), h.float(), h.float(), h.IntN(1024))
			}
		case 1:
			out.WriteString("step,loss,accuracy,grad_norm\n")
			for i := range 10 + h.IntN(300) {
				fmt.Fprintf(&out, "%d,%.4g,%.4g,%.4g\n", i*100, 10*math.Exp(-float64(i)/50)+h.Float64()/5, h.Float64(), h.ExpFloat64())
			}
		case 2:
			out.WriteString("layer,head,score,tokens\n")
			for i := range 12 {
				for j := range 12 {
					fmt.Fprintf(&out, "%d,%d,%.4g,%d\n", i, j, h.NormFloat64(), h.IntN(3000))
				}
			}
		case 3:
			out.WriteString("rank,token,probability,count\n")
			for i := range 10 + h.IntN(50) {
				fmt.Fprintf(&out, "%d,%s,%.4g,%d\n", i, h.pick("the", "ing", "tion", "_re", "</s>", "##ed", "Paris", "function", "return", "self", "er", "ght", "und", "Th", "qu"), h.Float64(), h.IntN(40))
			}
		}
	case disclosure.JSON:
		fmt.Fprintf(&out, `{"model":"minim-1","checkpoint":%d,"seed":%d,"bins":[`, h.IntN(4000), h.IntN(1000))
		for i := range 8 + h.IntN(60) {
			if i > 0 {
				out.WriteString(",")
			}
			fmt.Fprintf(&out, "%d", h.IntN(1<<h.IntN(12)))
		}
		out.WriteString(`],"metrics":{`)
		for i := range 1 + h.IntN(20) {
			if i > 0 {
				out.WriteString(",")
			}
			fmt.Fprintf(&out, `"%s/%d":{"mean":%.4g,"std":%.4g,"n":%d}`, h.layer(), i, h.NormFloat64(), h.ExpFloat64(), h.IntN(9999))
		}
		fmt.Fprintf(&out, `},"note":%q}`, h.sentence())
	case disclosure.PNG:
		return h.plot(n)
	}
	form, err := disclosure.Canonical(kind, out.Bytes(), disclosure.Standard())
	if err != nil {
		return inspect.File{}, false
	}
	return inspect.File{Name: fmt.Sprintf("result-%d%s", n, kind.Suffix()), Kind: kind, Bytes: form}, true
}

// plot draws axes, curves, bars, points or a map of squares, with letters of a few pixels and soft edges.
func (h honest) plot(n int) (inspect.File, bool) {
	wide, high := 200+h.IntN(500), 150+h.IntN(350)
	m := image.NewRGBA(image.Rect(0, 0, wide, high))
	for i := range m.Pix {
		m.Pix[i] = 255
	}
	dot := func(x, y int, c color.RGBA, soft bool) {
		if x < 0 || y < 0 || x >= wide || y >= high {
			return
		}
		m.SetRGBA(x, y, c)
		if soft {
			c = color.RGBA{c.R/2 + 127, c.G/2 + 127, c.B/2 + 127, 255}
			if m.RGBAAt(x, min(y+1, high-1)) == (color.RGBA{255, 255, 255, 255}) {
				m.SetRGBA(x, min(y+1, high-1), c)
			}
		}
	}
	hue := color.RGBA{uint8(h.IntN(200)), uint8(h.IntN(200)), uint8(h.IntN(200)), 255}
	for x := 30; x < wide-10; x++ {
		dot(x, high-25, color.RGBA{0, 0, 0, 255}, false)
	}
	for y := 10; y < high-25; y++ {
		dot(30, y, color.RGBA{0, 0, 0, 255}, false)
	}
	// Labels: words of letters of strokes.
	for range 6 + h.IntN(10) {
		x, y := h.IntN(wide-60), h.IntN(high-10)
		for range 3 + h.IntN(8) {
			stem, bar := h.IntN(4), h.IntN(8)
			for dy := range 8 {
				dot(x+stem, y+dy, color.RGBA{30, 30, 30, 255}, false)
			}
			for dx := range 5 {
				dot(x+dx, y+bar, color.RGBA{60, 60, 60, 255}, true)
			}
			x += 7
		}
	}
	switch h.IntN(4) {
	case 0:
		for range 1 + h.IntN(3) {
			v := float64(high) * h.Float64()
			for x := 31; x < wide-10; x++ {
				next := v + h.NormFloat64()*float64(h.IntN(4))
				for y := int(min(v, next)); y <= int(max(v, next)); y++ {
					dot(x, y, hue, true)
				}
				v = next
			}
			hue.R += 80
		}
	case 1:
		bars := 5 + h.IntN(40)
		for i := range bars {
			top := h.IntN(high - 30)
			for x := 32 + i*(wide-45)/bars; x < 32+(i+1)*(wide-45)/bars-1; x++ {
				for y := top; y < high-25; y++ {
					dot(x, y, hue, false)
				}
			}
		}
	case 2:
		for range 20 + h.IntN(200) {
			x, y := 31+h.IntN(wide-45), h.IntN(high-30)
			for dy := range 4 {
				for dx := range 4 {
					if (dx != 0 && dx != 3) || (dy != 0 && dy != 3) {
						dot(x+dx, y+dy, hue, false)
					}
				}
			}
		}
	case 3:
		cells := 6 + h.IntN(12)
		side := (high - 40) / cells
		for i := range cells {
			for j := range cells {
				c := color.RGBA{uint8(h.IntN(12) * 20), 90, uint8(h.IntN(4) * 60), 255}
				for y := range side {
					for x := range side {
						dot(32+j*side+x, 5+i*side+y, c, false)
					}
				}
			}
		}
	}
	var out bytes.Buffer
	if png.Encode(&out, m) != nil {
		return inspect.File{}, false
	}
	form, err := disclosure.Canonical(disclosure.PNG, out.Bytes(), disclosure.Standard())
	return inspect.File{Name: fmt.Sprintf("plot-%d.png", n), Kind: disclosure.PNG, Bytes: form}, err == nil
}

// TestHonestOutputsCarryFewFindings holds false alarms to one in twenty.
func TestHonestOutputsCarryFewFindings(t *testing.T) {
	h := honest{rand.New(rand.NewPCG(11, 12))}
	in := inspect.New(held())
	alarms := 0
	const many = 1000
	var kinds []string
	for n := range many {
		f, ok := h.file(n)
		if !ok {
			t.Fatalf("output %d has no form", n)
		}
		if found := in.Look([]inspect.File{f}); len(found) > 0 {
			alarms++
			kinds = append(kinds, fmt.Sprintf("%s %s %v %s line %d", f.Name, found[0].Kind, found[0].Within, found[0].Rule, found[0].Line))
		}
	}
	t.Logf("%d of %d honest outputs carry a finding", alarms, many)
	if alarms*20 > many {
		t.Errorf("more than one in twenty:\n%s", strings.Join(kinds, "\n"))
	}
}

// held is what the tests hold back.
func held() inspect.Held {
	return inspect.Held{
		Canaries: []string{"canary 7d1f-09ac-55e2-b3c8", "the violet heron counts backwards at dusk"},
		Texts:    []inspect.Text{{Name: "notes of the lab", Bytes: []byte(secretText)}},
	}
}

const secretText = "Our second training run met a plateau near the ninth thousand of steps; we lowered the warm-up to a tenth and mixed the curated code twice. " +
	"The red team found that the refusal head is carried by three directions in the middle blocks, and that removing the smallest of them is enough."
