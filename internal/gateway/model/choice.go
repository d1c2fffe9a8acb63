package model

import (
	"errors"
	"strconv"
)

// at gives the progress of the choice of that index.
func (c *Cutter) at(index int64) (*progress, error) {
	if index < 0 || index >= int64(len(c.choices)) {
		return nil, errors.New("it has a choice that was not asked")
	}
	return &c.choices[index], nil
}

// whole writes a choice of a whole answer.
func (c *Cutter) whole(out []byte, ch *choice) ([]byte, error) {
	at, err := c.at(ch.Index)
	if err != nil {
		return nil, err
	}
	if at.begun || !c.ends(ch.FinishReason) {
		return nil, errors.New("it has a choice twice, or one without a known end")
	}
	at.begun, at.ended = true, true
	out = strconv.AppendInt(append(out, `{"index":`...), ch.Index, 10)
	if c.call.surface == Completions {
		if ch.Text == nil {
			return nil, errors.New("it has a choice without text")
		}
		at.shown = len(*ch.Text)
		c.follow(at, ch.Text, nil)
		out = appendText(append(out, `,"text":`...), *ch.Text)
		return c.tail(out, at, ch, *ch.Text != "")
	}
	m := ch.Message
	if m == nil || !m.assistant() {
		return nil, errors.New("it has a choice without the assistant's message")
	}
	at.shown = m.shown(c.call.tools != nil)
	c.follow(at, m.Content, m.Refusal)
	out = appendNullable(append(out, `,"message":{"role":"assistant","content":`...), m.Content)
	out = appendNullable(append(out, `,"refusal":`...), m.Refusal)
	if c.call.tools != nil && len(m.ToolCalls) > 0 {
		if out, err = c.wholeTools(out, m.ToolCalls); err != nil {
			return nil, err
		}
	}
	return c.tail(append(out, '}'), at, ch, m.spoken() > 0 && !m.thought())
}

// piece writes a choice of an event, or nothing where nothing of it is to be seen.
func (c *Cutter) piece(out []byte, ch *choice) ([]byte, error) {
	at, err := c.at(ch.Index)
	if err != nil || at.ended {
		return out, err
	}
	if ch.FinishReason != nil && !c.ends(ch.FinishReason) {
		return nil, errors.New("it ends for a reason that is not known")
	}
	at.ended = ch.FinishReason != nil
	if c.call.surface == Completions {
		return c.textPiece(out, at, ch)
	}
	var none turn
	d := ch.Delta
	if d == nil {
		d = &none
	}
	if !d.assistant() {
		return nil, errors.New("it has a piece that is not the assistant's")
	}
	if err := at.count(d.spoken(), c.limits.MaxTokens); err != nil {
		return nil, err
	}
	role, tools := d.Role != nil && !at.begun, c.call.tools != nil && len(d.ToolCalls) > 0
	spoken := d.shown(c.call.tools != nil)
	at.shown += spoken
	c.follow(at, d.Content, d.Refusal)
	if !role && !tools && spoken == 0 && !at.ended {
		return out, nil
	}
	at.begun = true
	out = strconv.AppendInt(append(out, `{"index":`...), ch.Index, 10)
	if out, err = d.appendDelta(append(out, `,"delta":{`...), role, tools); err != nil {
		return nil, err
	}
	return c.tail(append(out, '}'), at, ch, d.spoken() > 0 && !d.thought())
}

func (c *Cutter) textPiece(out []byte, at *progress, ch *choice) ([]byte, error) {
	text := either(ch.Text, "")
	if err := at.count(len(text), c.limits.MaxTokens+c.echoed()); err != nil {
		return nil, err
	}
	at.shown += len(text)
	c.follow(at, ch.Text, nil)
	if text == "" && !at.ended {
		return out, nil
	}
	out = strconv.AppendInt(append(out, `{"index":`...), ch.Index, 10)
	out = appendText(append(out, `,"text":`...), text)
	return c.tail(out, at, ch, text != "")
}

// echoed is how many pieces of a stream may be the caller's own prompt.
func (c *Cutter) echoed() int64 {
	if c.call.echo {
		return c.call.text
	}
	return 0
}

// count counts a piece with text, of which there cannot be more than tokens.
func (p *progress) count(bytes int, most int64) error {
	if bytes == 0 {
		return nil
	}
	if p.pieces++; p.pieces > most {
		return errTooMany
	}
	return nil
}

// tail writes a choice's end: log-probabilities where they are of shown text, and the reason for which it ended.
func (c *Cutter) tail(out []byte, at *progress, ch *choice, shown bool) ([]byte, error) {
	out, err := c.appendLogprobs(append(out, `,"logprobs":`...), at, ch.Logprobs, shown)
	if err != nil {
		return nil, err
	}
	return append(appendNullable(append(out, `,"finish_reason":`...), ch.FinishReason), '}'), nil
}

// ends says whether the reason is one of the closed list.
func (c *Cutter) ends(reason *string) bool {
	if reason == nil {
		return false
	}
	switch *reason {
	case "stop", "length", "content_filter":
		return true
	case "tool_calls":
		return c.call.tools != nil
	}
	return false
}

func (t *turn) assistant() bool { return t.Role == nil || *t.Role == "assistant" }

func (t *turn) appendDelta(out []byte, role, tools bool) ([]byte, error) {
	begin := len(out)
	next := func(name string) {
		if len(out) > begin {
			out = append(out, ',')
		}
		out = append(out, name...)
	}
	if role {
		next(`"role":"assistant"`)
	}
	if t.Content != nil {
		next(`"content":`)
		out = appendText(out, *t.Content)
	}
	if t.Refusal != nil {
		next(`"refusal":`)
		out = appendText(out, *t.Refusal)
	}
	if !tools {
		return out, nil
	}
	next(`"tool_calls":[`)
	for i := range t.ToolCalls {
		if i > 0 {
			out = append(out, ',')
		}
		call := &t.ToolCalls[i]
		if call.Index == nil || *call.Index < 0 || *call.Index >= mostTools || !call.plain() {
			return nil, errToolCall
		}
		out = call.appendPiece(out)
	}
	return append(out, ']'), nil
}

var errToolCall = errors.New("it has a tool's call that is not one")

// plain says whether the call is of a function, with an identifier of ordinary length if any.
func (t *toolPiece) plain() bool {
	return either(t.Type, "function") == "function" && len(either(t.ID, "")) <= 256
}

func (t *toolPiece) appendPiece(out []byte) []byte {
	out = strconv.AppendInt(append(out, `{"index":`...), *t.Index, 10)
	if t.ID != nil {
		out = appendText(append(out, `,"id":`...), *t.ID)
	}
	if t.Type != nil {
		out = append(out, `,"type":"function"`...)
	}
	if t.Function == nil {
		return append(out, '}')
	}
	out = append(out, `,"function":{`...)
	if t.Function.Name != nil {
		out = append(appendText(append(out, `"name":`...), *t.Function.Name), ',')
	}
	out = appendText(append(out, `"arguments":`...), either(t.Function.Arguments, ""))
	return append(out, "}}"...)
}

func (c *Cutter) wholeTools(out []byte, calls []toolPiece) ([]byte, error) {
	out = append(out, `,"tool_calls":[`...)
	for i := range calls {
		call := &calls[i]
		if call.ID == nil || !call.plain() || call.Function == nil || call.Function.Name == nil || call.Function.Arguments == nil || i == mostTools {
			return nil, errToolCall
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = appendText(append(out, `{"id":`...), *call.ID)
		out = appendText(append(out, `,"type":"function","function":{"name":`...), *call.Function.Name)
		out = appendText(append(out, `,"arguments":`...), *call.Function.Arguments)
		out = append(out, "}}"...)
	}
	return append(out, ']'), nil
}

func appendNullable(out []byte, text *string) []byte {
	if text == nil {
		return append(out, "null"...)
	}
	return appendText(out, *text)
}
