package model

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"narthex"
)

// A template may write a tool's JSON out longer than it came; it is counted as often.
const toolBytes = 4

// readMessages checks every message, and counts what the attributes bound.
func (c *Call) readMessages(messages list[message]) error {
	if len(messages) == 0 {
		return narthex.Invalidf("The field messages must hold at least one message.").For("messages")
	}
	var open []string // calls of tools that no message has answered yet
	for i := range messages {
		var err error
		if open, err = c.readMessage(i, &messages[i], open); err != nil {
			return err
		}
	}
	if len(open) > 0 {
		return wrongMessage(len(messages)-1, "tool_calls", "calls tools that no message of the role tool answers; send one for each tool_call_id")
	}
	c.messages = messages
	c.readPrefill()
	return nil
}

func (c *Call) readMessage(i int, m *message, open []string) ([]string, error) {
	if m.Audio != nil || m.FunctionCall != nil {
		return nil, wrongMessage(i, "", "holds audio or a function_call; send text, and tool_calls")
	}
	if m.Name.set && (m.Role == "tool" || !isName(m.Name.value)) {
		return nil, wrongMessage(i, "name", "must have a name of 1 to 64 letters, digits, hyphens and underscores, or none, and none in the role tool")
	}
	if m.Role != "assistant" && (m.Content == nil || m.Refusal != nil || m.ToolCalls != nil) {
		return nil, wrongMessage(i, "content", "must have content, and a refusal or tool_calls in the role assistant only")
	}
	if (m.Role == "tool") != m.ToolCallID.set {
		return nil, wrongMessage(i, "tool_call_id", "must have a tool_call_id in the role tool, and in that role only")
	}
	if m.Role != "tool" && len(open) > 0 {
		return nil, wrongMessage(i, "role", "stands where a message of the role tool must answer a call before it")
	}
	if err := m.Content.check(i); err != nil {
		return nil, err
	}
	odd := false
	m.each(func(text string) { odd = odd || controls(text) })
	if odd {
		return nil, wrongMessage(i, "content", "may hold no control character but tab and line ends")
	}
	c.count(m)
	switch m.Role {
	case "system", "developer":
		c.system.add(m.chars())
	case "user":
	case "assistant":
		return c.readAssistant(i, m)
	case "tool":
		at := slices.Index(open, m.ToolCallID.value)
		if at < 0 {
			return nil, wrongMessage(i, "tool_call_id", "answers no call of the assistant's message before it")
		}
		open = slices.Delete(open, at, at+1)
	default:
		return nil, wrongMessage(i, "role", "must have the role system, developer, user, assistant or tool")
	}
	return open, nil
}

// readAssistant gives the calls that must be answered next.
func (c *Call) readAssistant(i int, m *message) ([]string, error) {
	if m.Content == nil && m.Refusal == nil && m.ToolCalls == nil {
		return nil, wrongMessage(i, "content", "must have content, a refusal or tool_calls")
	}
	if m.ToolCalls != nil && len(m.ToolCalls) == 0 || len(m.ToolCalls) > mostTools {
		return nil, wrongMessage(i, "tool_calls", fmt.Sprintf("must have 1 to %d tool_calls, or leave them out", mostTools))
	}
	var open []string
	for _, call := range m.ToolCalls {
		if call.Type != "function" || call.ID == "" || len(call.ID) > 256 || slices.Contains(open, call.ID) || !isName(call.Function.Name) || !call.Function.Arguments.set || controls(call.ID+call.Function.Arguments.value) {
			return nil, wrongMessage(i, "tool_calls", "must have tool_calls of the type function, each with an id of its own, a function's name and its arguments, without control characters")
		}
		open = append(open, call.ID)
		c.useTool(call.Function.Name)
		c.text += toolBytes * int64(len(call.ID)+len(call.Function.Name)+len(call.Function.Arguments.value))
		c.pieces++
	}
	return open, nil
}

// count adds what the model reads of a message.
func (c *Call) count(m *message) {
	c.pieces++
	m.each(func(text string) {
		c.text += int64(len(text))
	})
	c.text += toolBytes * int64(len(m.ToolCallID.value))
	if m.Content != nil {
		c.pieces += int64(len(m.Content.parts))
	}
}

// readPrefill finds what of the assistant's turn is already written. Some templates move system messages to the front and
// leave blank ones out, so neither ends the assistant's turn.
func (c *Call) readPrefill() {
	for _, m := range slices.Backward(c.messages) {
		switch {
		case m.Role == "system", m.Role == "developer", m.Role == "user" && m.blank():
		case m.Role == "assistant":
			c.prefilled.add(m.chars())
		default:
			return
		}
	}
}

// each gives the message's texts.
func (m *message) each(give func(string)) {
	if m.Content != nil {
		give(m.Content.text)
		for i := range m.Content.parts {
			give(m.Content.parts[i].Text.value)
		}
	}
	if m.Refusal != nil {
		give(*m.Refusal)
	}
	give(m.Name.value)
}

func (m *message) chars() int64 {
	count := 0
	m.each(func(text string) { count += utf8.RuneCountInString(text) })
	return int64(count)
}

func (m *message) blank() bool {
	blank := !strings.ContainsFunc(m.Content.text, seen)
	for _, part := range m.Content.parts {
		blank = blank && !strings.ContainsFunc(part.Text.value, seen)
	}
	return blank
}

// seen says whether a character is one that everybody takes for text: templates do not agree on which others to strip.
func seen(r rune) bool {
	filler := unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) || r == '\u2800'
	return unicode.IsGraphic(r) && !unicode.IsSpace(r) && !unicode.IsMark(r) && !filler
}

// controls says whether a text holds a control character other than tab and line ends.
func controls(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\t' && r != '\n' && r != '\r' })
}

// check holds every part to text.
func (c *content) check(i int) error {
	if c == nil || c.parts == nil {
		return nil
	}
	if len(c.parts) == 0 {
		return wrongMessage(i, "content", "must have content: a text, or a list of text parts")
	}
	for _, part := range c.parts {
		if bool(part.ImageURL || part.InputAudio || part.File || part.Refusal) || part.Type != "text" || !part.Text.set {
			return wrongMessage(i, "content", "may hold parts of the type text only; images, audio, files and refusals are not taken")
		}
	}
	return nil
}

// wrongMessage makes the error about a field of the message at i.
func wrongMessage(i int, field, rule string) error {
	param := fmt.Sprintf("messages.%d", i)
	if field != "" {
		param += "." + field
	}
	return narthex.Invalidf("Message %d %s.", i, rule).For(param)
}

// isName says whether text is a name as the API takes it: 1 to 64 letters, digits, hyphens and underscores.
func isName(text string) bool {
	for i := range len(text) {
		if c := text[i]; !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return text != "" && len(text) <= 64
}
