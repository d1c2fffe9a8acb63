package disclosure

import (
	"bytes"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// deepest is how many values may stand in one another.
const deepest = 64

// value gives the form of a JSON document.
func value(data []byte) ([]byte, error) {
	wrong := &Refusal{Class: NotRead, Rule: "it is no JSON document of one value, of distinct names, in UTF-8"}
	in := jsontext.NewDecoder(bytes.NewReader(data))
	var out bytes.Buffer
	w := jsontext.NewEncoder(&out)
	for some := false; ; some = true {
		token, err := in.ReadToken()
		if err == io.EOF && some {
			break
		}
		if err != nil || some && w.StackDepth() == 0 {
			return nil, wrong
		}
		if in.StackDepth() > deepest {
			return nil, &Refusal{Class: TooLarge, Rule: "its values stand in one another deeper than may be"}
		}
		line := 1 + bytes.Count(data[:in.InputOffset()], []byte("\n"))
		switch token.Kind() {
		case '0':
			form, is := signed(token.String())
			if !is {
				return nil, &Refusal{Class: NotRead, Rule: "it holds a number beyond what is counted with", Line: line}
			}
			err = w.WriteValue(jsontext.Value(form))
		case '"':
			text, refused := stringForm(token.String(), line)
			if refused != nil {
				return nil, refused
			}
			err = w.WriteToken(jsontext.String(text))
		default:
			err = w.WriteToken(token)
		}
		if err != nil {
			return nil, wrong
		}
	}
	form := jsontext.Value(bytes.TrimSpace(out.Bytes()))
	if err := form.Canonicalize(); err != nil {
		return nil, wrong
	}
	return append(form, '\n'), nil
}

// stringForm gives the form of a string, line by line.
func stringForm(text string, at int) (string, error) {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if err := characters(line, at); err != nil {
			return "", err
		}
		lines[i] = numbers(strings.TrimRight(line, " "))
	}
	return strings.Join(lines, "\n"), nil
}
