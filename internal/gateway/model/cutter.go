package model

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"narthex"
	"narthex/internal/wire"
)

// Limits is what an answer may show. The zero Limits shows no token.
type Limits struct {
	Model     string // the name that the caller sees
	MaxTokens int64  // of each answer
	Logprobs  bool   // whether log-probabilities are granted
	TopK      int    // alternatives a token
	Decimals  int    // of a log-probability
}

// Cutter cuts one call's answer to its limits, whole or event by event. It is for one goroutine.
type Cutter struct {
	call    *Call
	limits  Limits
	id      string
	choices []progress
	usage   Usage
	over    bool  // the usage came, so nothing more is passed on
	failed  error // the first error; every later event has it too
	out     []byte
}

// progress is how far one choice has come.
type progress struct {
	begun  bool
	ended  bool
	pieces int64 // with text
	tokens int64 // that log-probabilities told of
	shown  int   // bytes of text

	content follower
	refusal follower
}

// NewCutter makes the cutter for a call's one answer.
func NewCutter(call *Call, limits Limits) *Cutter {
	limits.TopK = max(0, min(limits.TopK, call.topK))
	limits.Decimals = max(0, min(limits.Decimals, mostDecimals))
	limits.Logprobs = limits.Logprobs && call.logprobs
	c := &Cutter{call: call, limits: limits, choices: make([]progress, call.n)}
	for i := range c.choices {
		c.choices[i].content = follower{stops: call.stop, stream: call.stream}
		c.choices[i].refusal = follower{stops: call.stop, stream: call.stream}
	}
	return c
}

// SetID sets the identifier that the caller sees in place of the upstream's.
func (c *Cutter) SetID(id string) { c.id = id }

// Usage gives what the upstream said that the stream took, and whether it can be believed.
func (c *Cutter) Usage() (Usage, bool) { return c.usage, c.usage.Known }

// Scored gives how many tokens the answer told log-probabilities of, hidden ones with them.
func (c *Cutter) Scored() (tokens int64) {
	for i := range c.choices {
		tokens += c.choices[i].tokens
	}
	return tokens
}

// Done says whether every choice has come to its end, so that the stream may be closed as complete.
func (c *Cutter) Done() bool {
	return c.failed == nil && len(c.choices) > 0 && !slices.ContainsFunc(c.choices, func(p progress) bool { return !p.ended })
}

// Answer cuts a whole answer. With an error nothing may be shown and the usage is unknown; the error is Unavailable and holds
// nothing of the answer.
func (c *Cutter) Answer(body []byte) ([]byte, Usage, error) {
	out, usage, err := c.answer(body)
	if err != nil {
		return nil, Usage{}, outside(err)
	}
	return out, usage, nil
}

func (c *Cutter) answer(body []byte) ([]byte, Usage, error) {
	object := c.object("chat.completion")
	read, err := c.read(body, answerLimits, object)
	if err != nil {
		return nil, Usage{}, err
	}
	if len(read.Choices) == 0 {
		return nil, Usage{}, errors.New("it has no choice")
	}
	out := c.head(make([]byte, 0, len(body)+256), object, read.Created)
	for i := range read.Choices {
		if i > 0 {
			out = append(out, ',')
		}
		if out, err = c.whole(out, &read.Choices[i]); err != nil {
			return nil, Usage{}, err
		}
	}
	usage := readUsage(read.Usage)
	if usage.Completion > c.call.n*c.limits.MaxTokens {
		return nil, Usage{}, errTooMany
	}
	out = append(out, ']')
	if usage = c.believe(usage); usage.Known {
		out = appendUsage(out, usage)
	}
	return append(out, '}'), usage, nil
}

// Event cuts one event of a stream. What it gives is good until the next Event, and nil where nothing is to be passed on.
// With an error the stream is to be broken off; the error is Unavailable and holds nothing of the event.
func (c *Cutter) Event(data []byte) ([]byte, error) {
	if c.failed != nil || c.over {
		return nil, c.failed
	}
	out, err := c.event(data)
	if err != nil {
		c.failed = outside(err)
		return nil, c.failed
	}
	return out, nil
}

func (c *Cutter) event(data []byte) ([]byte, error) {
	object := c.object("chat.completion.chunk")
	read, err := c.read(data, eventLimits, object)
	if err != nil {
		return nil, err
	}
	out := c.head(c.out[:0], object, read.Created)
	passed := 0
	for i := range read.Choices {
		before := len(out)
		if passed > 0 {
			out = append(out, ',')
		}
		begun := len(out)
		if out, err = c.piece(out, &read.Choices[i]); err != nil {
			return nil, err
		}
		if len(out) == begun {
			out = out[:before]
			continue
		}
		passed++
	}
	out = append(out, ']')
	if stated := len(read.Usage) > 0 && read.Usage.Kind() != 'n'; stated && (len(read.Choices) == 0 || c.Done()) {
		c.usage, c.over = c.believe(readUsage(read.Usage)), true
	}
	switch {
	case c.call.includeUsage && c.usage.Known:
		out, passed = appendUsage(out, c.usage), passed+1
	case c.call.includeUsage:
		out = append(out, `,"usage":null`...)
	}
	c.out = append(out, '}')
	if passed == 0 {
		return nil, nil
	}
	return c.out, nil
}

var errTooMany = errors.New("it has more tokens than allowed")

// read decodes an answer or an event, and refuses what is none for this call.
func (c *Cutter) read(data []byte, limits wire.Limits, object string) (reply, error) {
	read, err := wire.DecodeLenient[reply](data, limits)
	switch {
	case err != nil:
		return read, fmt.Errorf("read an upstream's answer: %w", err)
	case read.Error != nil:
		return read, errors.New("it is an error")
	case read.Object != object:
		return read, errors.New("it is another object than asked")
	case int64(len(read.Choices)) > c.call.n:
		return read, errors.New("it has more choices than asked")
	case !(read.Created >= 0 && read.Created <= narthex.LargestNumber):
		return read, errors.New("its time is out of range")
	}
	return read, nil
}

// object gives the word for what an answer is; completions have one for all.
func (c *Cutter) object(chat string) string {
	if c.call.surface == Completions {
		return "text_completion"
	}
	return chat
}

func (c *Cutter) head(out []byte, object string, created float64) []byte {
	out = appendText(append(out, `{"id":`...), c.id)
	out = appendText(append(out, `,"object":`...), object)
	out = strconv.AppendInt(append(out, `,"created":`...), int64(created), 10)
	out = appendText(append(out, `,"model":`...), c.limits.Model)
	return append(out, `,"choices":[`...)
}

// believe gives a usage that fits what was seen, or the unknown one.
func (c *Cutter) believe(usage Usage) Usage {
	var spoke int64
	told := c.Scored()
	for i := range c.choices {
		if c.choices[i].shown > 0 && !c.call.echo {
			spoke++
		}
	}
	if usage.Completion > c.call.n*c.limits.MaxTokens || usage.Completion < max(spoke, told) || usage.Prompt == 0 && c.call.text > 0 {
		return Usage{}
	}
	return usage
}

func appendUsage(out []byte, usage Usage) []byte {
	out = strconv.AppendInt(append(out, `,"usage":{"prompt_tokens":`...), usage.Prompt, 10)
	out = strconv.AppendInt(append(out, `,"completion_tokens":`...), usage.Completion, 10)
	out = strconv.AppendInt(append(out, `,"total_tokens":`...), usage.Total(), 10)
	return append(out, '}')
}
