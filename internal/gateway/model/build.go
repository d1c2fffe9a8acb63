package model

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"narthex"
)

// Upstream builds the upstream's request: the version under the upstream's name for it, answerTokens for each answer, and
// at most topK alternatives a token. A negative topK asks for no log-probabilities at all. Nothing stands in it that the call
// does not hold, and a stream always asks for its usage.
func (c *Call) Upstream(version narthex.Version, answerTokens int64, topK int) []byte {
	out := make([]byte, 0, c.text+64*c.pieces+512)
	name := version.Upstream
	if name == "" {
		name = string(version.Name)
	}
	out = appendText(append(out, `{"model":`...), name)
	if c.surface == Completions {
		out = appendText(append(out, `,"prompt":`...), c.prompt)
		if c.echo {
			out = append(out, `,"echo":true`...)
		}
	} else {
		out = c.appendMessages(out)
		out = c.appendTools(out)
	}
	out = strconv.AppendInt(append(out, `,"max_tokens":`...), answerTokens, 10)
	out = c.appendSampling(out)
	out = c.appendLogprobs(out, topK)
	if c.stream {
		out = append(out, `,"stream":true,"stream_options":{"include_usage":true}`...)
	}
	return append(out, '}')
}

func (c *Call) appendSampling(out []byte) []byte {
	out = jsontext.AppendFloat(append(out, `,"temperature":`...), c.temperature, 64)
	for _, field := range []struct {
		name  string
		value *float64
	}{
		{`,"top_p":`, c.topP},
		{`,"frequency_penalty":`, c.frequency},
		{`,"presence_penalty":`, c.presence},
	} {
		if field.value != nil {
			out = jsontext.AppendFloat(append(out, field.name...), *field.value, 64)
		}
	}
	if c.n > 1 {
		out = strconv.AppendInt(append(out, `,"n":`...), c.n, 10)
	}
	if c.seed != nil {
		out = strconv.AppendInt(append(out, `,"seed":`...), *c.seed, 10)
	}
	if len(c.stop) > 0 {
		out = appendList(append(out, `,"stop":`...), c.stop, appendText)
	}
	if len(c.bias) == 0 {
		return out
	}
	out = append(out, `,"logit_bias":{`...)
	for i, b := range c.bias {
		if i > 0 {
			out = append(out, ',')
		}
		out = strconv.AppendInt(append(out, '"'), b.token, 10)
		out = strconv.AppendInt(append(out, `":`...), b.amount, 10)
	}
	return append(out, '}')
}

func (c *Call) appendLogprobs(out []byte, topK int) []byte {
	topK = min(topK, c.topK)
	switch {
	case !c.logprobs || topK < 0:
		return out
	case c.surface == Completions:
		return strconv.AppendInt(append(out, `,"logprobs":`...), int64(topK), 10)
	case topK == 0:
		return append(out, `,"logprobs":true`...)
	}
	return strconv.AppendInt(append(out, `,"logprobs":true,"top_logprobs":`...), int64(topK), 10)
}

func (c *Call) appendMessages(out []byte) []byte {
	out = append(out, `,"messages":[`...)
	for i := range c.messages {
		if i > 0 {
			out = append(out, ',')
		}
		out = c.messages[i].append(out)
	}
	return append(out, ']')
}

func (m *message) append(out []byte) []byte {
	out = appendText(append(out, `{"role":`...), m.Role)
	if m.Content != nil {
		out = m.Content.append(append(out, `,"content":`...))
	}
	if m.Name.set {
		out = appendText(append(out, `,"name":`...), m.Name.value)
	}
	if m.Refusal != nil {
		out = appendText(append(out, `,"refusal":`...), *m.Refusal)
	}
	if m.ToolCalls != nil {
		out = appendList(append(out, `,"tool_calls":`...), m.ToolCalls, func(out []byte, call toolCall) []byte {
			out = appendText(append(out, `{"id":`...), call.ID)
			out = appendText(append(out, `,"type":"function","function":{"name":`...), call.Function.Name)
			out = appendText(append(out, `,"arguments":`...), call.Function.Arguments.value)
			return append(out, "}}"...)
		})
	}
	if m.ToolCallID.set {
		out = appendText(append(out, `,"tool_call_id":`...), m.ToolCallID.value)
	}
	return append(out, '}')
}

// append writes a list of one part as the text that it is.
func (c *content) append(out []byte) []byte {
	switch len(c.parts) {
	case 0:
		return appendText(out, c.text)
	case 1:
		return appendText(out, c.parts[0].Text.value)
	}
	return appendList(out, c.parts, func(out []byte, p part) []byte {
		return append(appendText(append(out, `{"type":"text","text":`...), p.Text.value), '}')
	})
}

func (c *Call) appendTools(out []byte) []byte {
	if c.tools == nil {
		return out
	}
	out = appendList(append(out, `,"tools":`...), c.tools, func(out []byte, t tool) []byte {
		out = appendText(append(out, `{"type":"function","function":{"name":`...), t.Function.Name)
		if t.Function.Description.set {
			out = appendText(append(out, `,"description":`...), t.Function.Description.value)
		}
		if t.Function.Parameters.set {
			out = append(append(out, `,"parameters":`...), t.Function.Parameters.value...)
		}
		if t.Function.Strict != nil {
			out = strconv.AppendBool(append(out, `,"strict":`...), *t.Function.Strict)
		}
		return append(out, "}}"...)
	})
	switch {
	case c.choice.name != "":
		out = append(appendText(append(out, `,"tool_choice":{"type":"function","function":{"name":`...), c.choice.name), "}}"...)
	case c.choice.mode != "":
		out = appendText(append(out, `,"tool_choice":`...), c.choice.mode)
	}
	if c.parallel != nil {
		out = strconv.AppendBool(append(out, `,"parallel_tool_calls":`...), *c.parallel)
	}
	return out
}

func appendList[T any](out []byte, items []T, item func([]byte, T) []byte) []byte {
	out = append(out, '[')
	for i := range items {
		if i > 0 {
			out = append(out, ',')
		}
		out = item(out, items[i])
	}
	return append(out, ']')
}

// appendText writes a text, known to be UTF-8, as a JSON string on one line.
func appendText(out []byte, text string) []byte {
	out = append(out, '"')
	start := 0
	for i := range len(text) {
		c := text[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		out = append(out, text[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			out = append(out, '\\', c)
		case '\n':
			out = append(out, '\\', 'n')
		default:
			const digits = "0123456789abcdef"
			out = append(out, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		}
	}
	return append(append(out, text[start:]...), '"')
}
