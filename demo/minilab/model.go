package minilab

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
)

const (
	vocabulary = 256
	hidden     = 160
	layerCount = 4
	heads      = 5
	headSize   = 32
	inner      = 448
	// Context is how many tokens, which are bytes, prompt and answer have together.
	Context = 256
	epsilon = 1e-5
)

// Weights is one checkpoint, in float32. It is shared and never changed.
type Weights struct {
	embed, head []float32 // [vocabulary, hidden]
	norm        []float32
	layers      [layerCount]layer
	cos, sin    [Context][headSize / 2]float32
}

type layer struct {
	q, k, v, o          []float32 // [hidden, hidden]
	gate, up            []float32 // [inner, hidden]
	down                []float32 // [hidden, inner]
	attentionNorm, mlps []float32
}

// ReadWeights reads a checkpoint from a safetensors file: float16 tensors of exactly the names and shapes of the model.
func ReadWeights(file []byte) (*Weights, error) {
	tensors, err := readTensors(file)
	if err != nil {
		return nil, err
	}
	w := &Weights{}
	take := func(into *[]float32, name string, shape ...int) {
		if err == nil {
			*into, err = tensors.take(name, shape...)
		}
	}
	take(&w.embed, "embed.weight", vocabulary, hidden)
	take(&w.head, "head.weight", vocabulary, hidden)
	take(&w.norm, "norm.weight", hidden)
	for i := range w.layers {
		l, at := &w.layers[i], fmt.Sprintf("layers.%d.", i)
		take(&l.q, at+"q.weight", hidden, hidden)
		take(&l.k, at+"k.weight", hidden, hidden)
		take(&l.v, at+"v.weight", hidden, hidden)
		take(&l.o, at+"o.weight", hidden, hidden)
		take(&l.gate, at+"gate.weight", inner, hidden)
		take(&l.up, at+"up.weight", inner, hidden)
		take(&l.down, at+"down.weight", hidden, inner)
		take(&l.attentionNorm, at+"attention_norm.weight", hidden)
		take(&l.mlps, at+"mlp_norm.weight", hidden)
	}
	if err == nil && len(tensors) > 0 {
		err = fmt.Errorf("read weights: the file holds %d tensors that the model has not", len(tensors))
	}
	for position := range w.cos {
		for i := range w.cos[position] {
			angle := float64(position) / math.Pow(10000, float64(i)/float64(headSize/2))
			w.cos[position][i], w.sin[position][i] = float32(math.Cos(angle)), float32(math.Sin(angle))
		}
	}
	return w, err
}

type tensor struct {
	Dtype   string `json:"dtype"`
	Shape   []int  `json:"shape"`
	Offsets [2]int `json:"data_offsets"`
	data    []byte
}

type tensorFile map[string]tensor

func readTensors(file []byte) (tensorFile, error) {
	if len(file) < 8 {
		return nil, fmt.Errorf("read weights: the file is too short")
	}
	length := binary.LittleEndian.Uint64(file)
	if length > uint64(len(file)-8) {
		return nil, fmt.Errorf("read weights: the header is longer than the file")
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(file[8:8+length], &raw); err != nil {
		return nil, fmt.Errorf("read weights: %w", err)
	}
	data := file[8+length:]
	tensors, total := tensorFile{}, 0
	for name, text := range raw {
		if name == "__metadata__" {
			continue
		}
		var t tensor
		if err := json.Unmarshal(text, &t); err != nil {
			return nil, fmt.Errorf("read weights: tensor %s: %w", name, err)
		}
		if t.Dtype != "F16" || t.Offsets[0] < 0 || t.Offsets[1] < t.Offsets[0] || t.Offsets[1] > len(data) {
			return nil, fmt.Errorf("read weights: tensor %s is not float16 or lies outside the file", name)
		}
		t.data = data[t.Offsets[0]:t.Offsets[1]]
		total += len(t.data)
		tensors[name] = t
	}
	if total != len(data) {
		return nil, fmt.Errorf("read weights: the tensors do not fill the file")
	}
	return tensors, nil
}

// take gives a tensor in float32 and takes it out of the file's list.
func (f tensorFile) take(name string, shape ...int) ([]float32, error) {
	t, has := f[name]
	size := 1
	for _, n := range shape {
		size *= n
	}
	if !has || fmt.Sprint(t.Shape) != fmt.Sprint(shape) || len(t.data) != 2*size {
		return nil, fmt.Errorf("read weights: tensor %s is missing or has another shape than %v", name, shape)
	}
	delete(f, name)
	out := make([]float32, size)
	for i := range out {
		out[i] = half(binary.LittleEndian.Uint16(t.data[2*i:]))
	}
	return out, nil
}

// half gives the value of a float16.
func half(h uint16) float32 {
	sign, exponent, mantissa := uint32(h>>15)<<31, uint32(h>>10&31), uint32(h&1023)
	switch {
	case exponent == 31:
		return math.Float32frombits(sign | 0x7f800000 | mantissa<<13)
	case exponent != 0:
		return math.Float32frombits(sign | (exponent+112)<<23 | mantissa<<13)
	}
	v := float32(mantissa) / (1 << 24)
	if sign != 0 {
		return -v
	}
	return v
}

// Session is one text being read and written: the keys and values of what came before. It is used by one goroutine.
type Session struct {
	weights      *Weights
	length       int
	keys, values [layerCount][]float32 // [length, hidden], growing

	x, y, q, att, down [hidden]float32
	gate, up           [inner]float32
	scores             [Context]float32
	logits             [vocabulary]float32
	// Norms are the L2 norms of the residual stream after each layer, at the last position.
	Norms [layerCount]float32
}

// NewSession begins an empty text.
func (w *Weights) NewSession() *Session { return &Session{weights: w} }

// Length is how many tokens were read.
func (s *Session) Length() int { return s.length }

// Read takes tokens in, which must fit the context, and gives the logits after the last. They are good until the next Read.
func (s *Session) Read(tokens []byte) []float32 {
	for i, token := range tokens {
		s.step(token, i == len(tokens)-1)
	}
	return s.logits[:]
}

// step reads one token; the logits are computed only where they are wanted.
func (s *Session) step(token byte, wanted bool) {
	w, position := s.weights, s.length
	copy(s.x[:], w.embed[int(token)*hidden:])
	for i := range w.layers {
		l := &w.layers[i]
		normed(s.y[:], s.x[:], l.attentionNorm)
		s.keys[i] = append(s.keys[i], make([]float32, hidden)...)
		s.values[i] = append(s.values[i], make([]float32, hidden)...)
		key := s.keys[i][position*hidden:][:hidden]
		multiply(s.q[:], l.q, s.y[:])
		multiply(key, l.k, s.y[:])
		multiply(s.values[i][position*hidden:][:hidden], l.v, s.y[:])
		w.turn(s.q[:], position)
		w.turn(key, position)
		s.attend(i, position)
		multiply(s.down[:], l.o, s.att[:])
		add(s.x[:], s.down[:])
		normed(s.y[:], s.x[:], l.mlps)
		multiply(s.gate[:], l.gate, s.y[:])
		multiply(s.up[:], l.up, s.y[:])
		for j, g := range s.gate {
			s.gate[j] = g / (1 + float32(math.Exp(float64(-g)))) * s.up[j]
		}
		multiply(s.down[:], l.down, s.gate[:])
		add(s.x[:], s.down[:])
		if wanted {
			s.Norms[i] = float32(math.Sqrt(float64(dot(s.x[:], s.x[:]))))
		}
	}
	s.length++
	if wanted {
		normed(s.y[:], s.x[:], w.norm)
		multiply(s.logits[:], w.head, s.y[:])
	}
}

// attend mixes the values of all positions so far into s.att, head by head.
func (s *Session) attend(layer, position int) {
	keys, values := s.keys[layer], s.values[layer]
	scale := float32(1 / math.Sqrt(headSize))
	for h := range heads {
		at := h * headSize
		q, scores := s.q[at:at+headSize], s.scores[:position+1]
		most := float32(math.Inf(-1))
		for t := range scores {
			scores[t] = dot(q, keys[t*hidden+at:][:headSize]) * scale
			most = max(most, scores[t])
		}
		var sum float32
		for t, v := range scores {
			scores[t] = float32(math.Exp(float64(v - most)))
			sum += scores[t]
		}
		out := s.att[at : at+headSize]
		clear(out)
		for t, p := range scores {
			p /= sum
			for j, v := range values[t*hidden+at:][:headSize] {
				out[j] += p * v
			}
		}
	}
}

// turn rotates the pairs of each head by the position's angles.
func (w *Weights) turn(v []float32, position int) {
	cos, sin := &w.cos[position], &w.sin[position]
	for h := range heads {
		head := v[h*headSize:][:headSize]
		for i := range headSize / 2 {
			a, b := head[2*i], head[2*i+1]
			head[2*i], head[2*i+1] = a*cos[i]-b*sin[i], a*sin[i]+b*cos[i]
		}
	}
}

// normed sets out to rms(x)·w.
func normed(out, x, w []float32) {
	scale := float32(1 / math.Sqrt(float64(dot(x, x))/float64(len(x))+epsilon))
	for i, v := range x {
		out[i] = v * scale * w[i]
	}
}

func add(x, y []float32) {
	for i, v := range y {
		x[i] += v
	}
}

func dot(x, y []float32) float32 {
	y = y[:len(x)]
	var a, b, c, d float32
	i := 0
	for ; i+4 <= len(x); i += 4 {
		a += x[i] * y[i]
		b += x[i+1] * y[i+1]
		c += x[i+2] * y[i+2]
		d += x[i+3] * y[i+3]
	}
	for ; i < len(x); i++ {
		a += x[i] * y[i]
	}
	return a + b + c + d
}

// multiply sets out to m·x, four rows at a time so that x is loaded once for them.
func multiply(out, m, x []float32) {
	n := len(x)
	for row := 0; row+4 <= len(out); row += 4 {
		r0, r1, r2, r3 := m[row*n:][:n], m[(row+1)*n:][:n], m[(row+2)*n:][:n], m[(row+3)*n:][:n]
		var a0, a1, a2, a3, b0, b1, b2, b3 float32
		for i := 0; i+2 <= n; i += 2 {
			x0, x1 := x[i], x[i+1]
			a0 += r0[i] * x0
			b0 += r0[i+1] * x1
			a1 += r1[i] * x0
			b1 += r1[i+1] * x1
			a2 += r2[i] * x0
			b2 += r2[i+1] * x1
			a3 += r3[i] * x0
			b3 += r3[i+1] * x1
		}
		out[row], out[row+1], out[row+2], out[row+3] = a0+b0, a1+b1, a2+b2, a3+b3
	}
}
