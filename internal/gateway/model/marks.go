package model

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"narthex"
)

// A template sets marks around the texts of a chat, and many servers take the same characters inside a caller's text for such a
// mark: with them a caller could write a system message, or begin the answer, where no term gives that. So the texts of a chat
// hold none: none of the form <|name|>, which most templates use, and none that the asset's file names. Who holds model.base
// writes marks freely, in raw completions.

// longestMark is how long the name inside a mark may be, in characters.
const longestMark = 64

// marked says whether a text holds a mark of the form <|name|>, whose bars may be the full-width ones.
func marked(text string) bool {
	for {
		at := strings.IndexByte(text, '<')
		if at < 0 {
			return false
		}
		text = text[at+1:]
		if bar, size := utf8.DecodeRuneInString(text); isBar(bar) && endsMark(text[size:]) {
			return true
		}
	}
}

func isBar(r rune) bool { return r == '|' || r == '｜' }

// endsMark says whether a text begins with the name and the end of a mark.
func endsMark(text string) bool {
	count := 0
	for i, r := range text {
		switch {
		case isBar(r):
			return count > 0 && strings.HasPrefix(text[i+utf8.RuneLen(r):], ">")
		case r == '<' || r == '>' || unicode.IsSpace(r) || count == longestMark:
			return false
		}
		count++
	}
	return false
}

// checkMarks refuses a chat that holds a mark of any template, or one of the asset's own.
func (c *Call) checkMarks(own []string) error {
	for i := range c.messages {
		for text := range c.messages[i].read() {
			if holdsMark(text, own) {
				return wrongMessage(i, "content", "holds a mark of the model's template, such as <|name|>, which only the template itself may set; write it in another way")
			}
		}
	}
	for _, t := range c.tools {
		if holdsMark(t.Function.Description.value, own) || holdsMark(string(t.Function.Parameters.value), own) {
			return narthex.Invalidf("A tool holds a mark of the model's template, such as <|name|>, which only the template itself may set; write it in another way.").For("tools")
		}
	}
	return nil
}

func holdsMark(text string, own []string) bool {
	if own == nil {
		return marked(text)
	}
	for _, mark := range own {
		if strings.Contains(text, mark) {
			return true
		}
	}
	return false
}

// unescaped gives a text without the escapes of JSON, whether it is JSON or not: a server may read what a strict reader does not,
// such as a name that stands twice.
func unescaped(text string) string {
	var out strings.Builder
	for {
		before, rest, more := strings.Cut(text, `\`)
		out.WriteString(before)
		if !more {
			return out.String()
		}
		text = rest
		if code, err := strconv.ParseUint(rest[min(1, len(rest)):min(5, len(rest))], 16, 32); err == nil && len(rest) >= 5 && rest[0] == 'u' {
			out.WriteRune(rune(code))
			text = rest[5:]
		} else if rest != "" && strings.IndexByte(`bfnrt`, rest[0]) >= 0 {
			out.WriteByte(' ')
			text = rest[1:]
		} else if rest != "" {
			_, size := utf8.DecodeRuneInString(rest)
			out.WriteString(rest[:size])
			text = rest[size:]
		}
	}
}

// read gives what a model reads of a message: its parts as one text, for a template may write them one after the other, and the
// arguments of calls as they came and as a template may write them out.
func (m *message) read() func(yield func(string) bool) {
	return func(yield func(string) bool) {
		var content strings.Builder
		if m.Content != nil {
			content.WriteString(m.Content.text)
			for i := range m.Content.parts {
				content.WriteString(m.Content.parts[i].Text.value)
			}
		}
		texts := []string{content.String(), m.Name.value, m.ToolCallID.value}
		if m.Refusal != nil {
			texts = append(texts, *m.Refusal)
		}
		for _, call := range m.ToolCalls {
			texts = append(texts, call.ID, call.Function.Arguments.value, unescaped(call.Function.Arguments.value))
		}
		for _, text := range texts {
			if !yield(text) {
				return
			}
		}
	}
}
