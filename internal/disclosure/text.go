package disclosure

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// beyond lists the characters beyond ASCII that text may hold, besides the letters of Latin and Greek. No two of all look alike to the
// last pixel, none is invisible, and none combines with another: what is made of them has one writing in Unicode.
const beyond = "‘’“”–—…·×÷±≤≥≈≠∞√∑∏∂∇∈∉∩∪⊂⊆∀∃¬∧∨→←↔↑↓°µ€£§©®½¼¾¹²³‖‰"

// listed says whether text may hold the character. Letters: Latin-1 and Latin Extended-A but the long s and the dotted ones that change with a
// neighbour, and Greek but the letters that look like Latin ones.
func listed(r rune) bool {
	switch {
	case r >= 0x20 && r < 0x7f:
		return true
	case r >= 0xc0 && r <= 0x17e:
		return r != 0x131 && r != 0x132 && r != 0x133 && r != 0x13f && r != 0x140 && r != 0x149
	case r >= 0x391 && r <= 0x3c9:
		return strings.ContainsRune("ΓΔΘΛΞΠΣΦΨΩαβγδεζηθικλμξπρστυφχψω", r)
	}
	return r > 0x7f && strings.ContainsRune(beyond, r)
}

// text gives the form of plain text.
func text(data []byte) ([]byte, error) {
	if !utf8.Valid(data) {
		return nil, &Refusal{Class: NotRead, Rule: "it is not UTF-8"}
	}
	var out bytes.Buffer
	empty := 2 // lines in a row before this one; none may lead
	plain := strings.ReplaceAll(strings.ReplaceAll(string(data), "\r\n", "\n"), "\t", "    ")
	at := 0
	for line := range strings.SplitSeq(plain, "\n") {
		at++
		if err := characters(line, at); err != nil {
			return nil, err
		}
		line = numbers(strings.TrimRight(line, " "))
		if line == "" {
			empty++
			continue
		}
		if out.Len() > 0 {
			out.WriteString("\n\n\n"[:min(empty, 2)])
		}
		empty = 0
		out.WriteString(line)
		out.WriteByte('\n')
	}
	return out.Bytes(), nil
}

// characters holds a line to the list.
func characters(line string, at int) error {
	for _, r := range line {
		if !listed(r) {
			return &Refusal{Class: BadCharacter, Rule: "it holds a character that is not listed", Line: at}
		}
	}
	return nil
}

// numbers rounds the numbers with a point or an exponent in a line of text.
func numbers(line string) string {
	part := func(c byte) bool {
		return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '.' || c == '_'
	}
	var out strings.Builder
	for i := 0; i < len(line); {
		if !part(line[i]) {
			out.WriteByte(line[i])
			i++
			continue
		}
		j := i
		for j < len(line) && (part(line[j]) || (line[j] == '-' || line[j] == '+') && exponent(line[i:j])) {
			j++
		}
		word := strings.TrimRight(line[i:j], ".")
		form, is := number(word)
		if is && strings.Trim(word, "0123456789") != "" || is && len(word) > wholeDigits {
			out.WriteString(form)
		} else {
			out.WriteString(word)
		}
		out.WriteString(line[i+len(word) : j])
		i = j
	}
	return out.String()
}

// exponent says whether a text is a number up to the letter of its exponent, so that a sign goes on with it.
func exponent(text string) bool {
	if text == "" || text[len(text)-1] != 'e' && text[len(text)-1] != 'E' {
		return false
	}
	_, is := number(text[:len(text)-1])
	return is
}
