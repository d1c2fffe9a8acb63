package surface

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/go-json-experiment/json"

	"narthex"
	"narthex/internal/wire"
)

// MostAnswer bounds a whole answer and MostEvent one event of a stream, in bytes.
const (
	MostAnswer = 16 << 20
	MostEvent  = 1 << 20
)

// ErrAnswer says that an upstream's answer is not one that may be passed on.
var ErrAnswer = errors.New("the upstream's answer is not one that can be passed on")

// Granted is what an answer is cut to.
type Granted struct {
	ID       string // of the call, shown in place of the upstream's
	Model    string // the name shown: the asset's, with the version where one was named
	Created  int64  // Unix seconds
	TopK     int    // log-probabilities of other tokens, at most
	Decimals int    // of log-probabilities
	Tokens   int64  // that all answers may have together with the prompt
}

// Usage is what an upstream says it took, in tokens.
type Usage struct {
	Prompt     int64 `json:"prompt_tokens"`
	Completion int64 `json:"completion_tokens"`
	Total      int64 `json:"total_tokens"`
}

// answer is a whole answer or an event of a stream, of either surface: what is read of it and what is passed on.
type answer struct {
	ID      string          `json:"id"`
	Object  string          `json:"object"`
	Created int64           `json:"created"`
	Model   string          `json:"model"`
	Choices []choice        `json:"choices"`
	Usage   *Usage          `json:"usage,omitempty"`
	Error   *map[string]any `json:"error,omitempty"`
}

type choice struct {
	Index        int64     `json:"index"`
	Text         *string   `json:"text,omitempty"`
	Message      *said     `json:"message,omitempty"`
	Delta        *said     `json:"delta,omitempty"`
	Logprobs     *logprobs `json:"logprobs"`
	FinishReason *string   `json:"finish_reason"`
}

type said struct {
	Role      string         `json:"role,omitempty"`
	Content   *string        `json:"content,omitempty"`
	Refusal   *string        `json:"refusal,omitempty"`
	ToolCalls []saidToolCall `json:"tool_calls,omitempty"`
}

type saidToolCall struct {
	Index    *int64         `json:"index,omitempty"`
	ID       string         `json:"id,omitempty"`
	Type     string         `json:"type,omitempty"`
	Function saidToolMethod `json:"function"`
}

type saidToolMethod struct {
	Name      string `json:"name,omitempty"`
	Arguments string `json:"arguments"`
}

// logprobs has the fields of both surfaces.
type logprobs struct {
	Content []tokenLogprob `json:"content,omitempty"`

	Tokens        []string             `json:"tokens,omitempty"`
	TokenLogprobs []*float64           `json:"token_logprobs,omitempty"`
	TopLogprobs   []map[string]float64 `json:"top_logprobs,omitempty"`
	TextOffset    []int64              `json:"text_offset,omitempty"`
}

type tokenLogprob struct {
	Token       string       `json:"token"`
	Logprob     float64      `json:"logprob"`
	Bytes       []int64      `json:"bytes"`
	TopLogprobs []topLogprob `json:"top_logprobs"`
}

type topLogprob struct {
	Token   string  `json:"token"`
	Logprob float64 `json:"logprob"`
	Bytes   []int64 `json:"bytes"`
}

var finishReasons = []string{"stop", "length", "tool_calls", "content_filter"}

// Cutter cuts the answer of one call. It is used by one goroutine.
type Cutter struct {
	call    *Call
	granted Granted
	usage   *Usage
}

// NewCutter makes the cutter of a call.
func NewCutter(call *Call, granted Granted) *Cutter { return &Cutter{call: call, granted: granted} }

// Usage gives what the upstream says it took; known is false where it said nothing, or what cannot be.
func (c *Cutter) Usage() (Usage, bool) {
	u := c.usage
	if u == nil || u.Prompt < 0 || u.Completion < 0 || u.Prompt > narthex.LargestNumber || u.Completion > narthex.LargestNumber || u.Total != u.Prompt+u.Completion || u.Total > c.granted.Tokens {
		return Usage{}, false
	}
	return *u, true
}

// Answer cuts a whole answer.
func (c *Cutter) Answer(body []byte) ([]byte, error) {
	a, err := wire.DecodeLenient[answer](body, wire.Limits{Bytes: MostAnswer, Depth: 32})
	if err != nil {
		return nil, fmt.Errorf("%w: it does not read", ErrAnswer)
	}
	c.usage = a.Usage
	want := map[Surface]string{Chat: "chat.completion", Completions: "text_completion"}[c.call.Surface]
	if a.Error != nil || a.Object != want || int64(len(a.Choices)) != c.call.N {
		return nil, fmt.Errorf("%w: it is of another kind, or has another number of choices", ErrAnswer)
	}
	return c.cut(a, want, true)
}

// Event cuts one event of a stream. It gives nil for one that is not passed on.
func (c *Cutter) Event(data []byte) ([]byte, error) {
	a, err := wire.DecodeLenient[answer](data, wire.Limits{Bytes: MostEvent, Depth: 32})
	if err != nil {
		return nil, fmt.Errorf("%w: an event does not read", ErrAnswer)
	}
	want := map[Surface]string{Chat: "chat.completion.chunk", Completions: "text_completion"}[c.call.Surface]
	if a.Error != nil || a.Object != want {
		return nil, fmt.Errorf("%w: an event is of another kind", ErrAnswer)
	}
	if a.Usage != nil {
		c.usage = a.Usage
	}
	if len(a.Choices) == 0 {
		return nil, nil
	}
	return c.cut(a, want, false)
}

// UsageEvent gives the event that tells the usage, for a caller who asked for it.
func (c *Cutter) UsageEvent() ([]byte, error) {
	usage, known := c.Usage()
	if !known {
		return nil, nil
	}
	object := map[Surface]string{Chat: "chat.completion.chunk", Completions: "text_completion"}[c.call.Surface]
	return json.Marshal(answer{ID: c.granted.ID, Object: object, Created: c.granted.Created, Model: c.granted.Model, Choices: []choice{}, Usage: &usage})
}

// cut checks and rewrites an answer or an event.
func (c *Cutter) cut(a answer, object string, whole bool) ([]byte, error) {
	out := answer{ID: c.granted.ID, Object: object, Created: c.granted.Created, Model: c.granted.Model, Choices: make([]choice, 0, len(a.Choices))}
	seen := map[int64]bool{}
	for _, ch := range a.Choices {
		if ch.Index < 0 || ch.Index >= c.call.N || seen[ch.Index] {
			return nil, fmt.Errorf("%w: a choice has no place", ErrAnswer)
		}
		seen[ch.Index] = true
		if ch.FinishReason != nil && !slices.Contains(finishReasons, *ch.FinishReason) {
			return nil, fmt.Errorf("%w: it ends for no known reason", ErrAnswer)
		}
		cut, err := c.choice(ch, whole)
		if err != nil {
			return nil, err
		}
		out.Choices = append(out.Choices, cut)
	}
	if usage, known := c.Usage(); whole && known {
		out.Usage = &usage
	}
	return json.Marshal(out)
}

func (c *Cutter) choice(ch choice, whole bool) (choice, error) {
	out := choice{Index: ch.Index, FinishReason: ch.FinishReason}
	switch {
	case c.call.Surface == Completions && ch.Text != nil:
		out.Text = ch.Text
	case c.call.Surface == Chat && whole && ch.Message != nil:
		out.Message = c.said(*ch.Message)
	case c.call.Surface == Chat && !whole && ch.Delta != nil:
		out.Delta = c.said(*ch.Delta)
	default:
		return out, fmt.Errorf("%w: a choice holds nothing", ErrAnswer)
	}
	if ch.Logprobs == nil || !c.call.logprobs {
		return out, nil
	}
	var err error
	out.Logprobs, err = c.logprobs(*ch.Logprobs)
	return out, err
}

func (c *Cutter) said(s said) *said {
	if len(c.call.tools) == 0 {
		s.ToolCalls = nil
	}
	return &s
}

func (c *Cutter) logprobs(in logprobs) (*logprobs, error) {
	topK := min(c.granted.TopK, int(c.call.topK))
	out := &logprobs{Tokens: in.Tokens, TextOffset: in.TextOffset}
	if c.call.Surface == Chat {
		out = &logprobs{Content: make([]tokenLogprob, 0, len(in.Content))}
		for _, t := range in.Content {
			cut := tokenLogprob{Token: t.Token, Bytes: t.Bytes, TopLogprobs: []topLogprob{}}
			var err error
			if cut.Logprob, err = c.round(t.Logprob); err != nil {
				return nil, err
			}
			for _, top := range t.TopLogprobs[:min(topK, len(t.TopLogprobs))] {
				if top.Logprob, err = c.round(top.Logprob); err != nil {
					return nil, err
				}
				cut.TopLogprobs = append(cut.TopLogprobs, top)
			}
			out.Content = append(out.Content, cut)
		}
		return out, nil
	}
	for _, v := range in.TokenLogprobs {
		if v == nil {
			out.TokenLogprobs = append(out.TokenLogprobs, nil)
			continue
		}
		rounded, err := c.round(*v)
		if err != nil {
			return nil, err
		}
		out.TokenLogprobs = append(out.TokenLogprobs, &rounded)
	}
	for _, tops := range in.TopLogprobs {
		cut, err := c.tops(tops, topK)
		if err != nil {
			return nil, err
		}
		out.TopLogprobs = append(out.TopLogprobs, cut)
	}
	return out, nil
}

// tops keeps the k likeliest of a position.
func (c *Cutter) tops(in map[string]float64, k int) (map[string]float64, error) {
	type pair struct {
		token string
		value float64
	}
	var pairs []pair
	for token, value := range in {
		rounded, err := c.round(value)
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, pair{token, rounded})
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		switch {
		case a.value > b.value || a.value == b.value && a.token < b.token:
			return -1
		case a == b:
			return 0
		}
		return 1
	})
	out := map[string]float64{}
	for _, p := range pairs[:min(k, len(pairs))] {
		out[p.token] = p.value
	}
	return out, nil
}

// round gives a log-probability to the granted decimals, halves away from zero.
func (c *Cutter) round(v float64) (float64, error) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("%w: a log-probability is no number", ErrAnswer)
	}
	scale := math.Pow10(c.granted.Decimals)
	return math.Round(v*scale)/scale + 0, nil // + 0 takes the sign from a zero
}
