package policy

import "bytes"

// mostDepth is how deep a rule's brackets, conditions and negations may stand in each other, and mostTerms how many operators,
// dots and commas it may have.
const (
	mostDepth = 64
	mostTerms = 4096
)

// tooDeep gives the offset at which a Cedar text nests deeper than a rule needs, or -1. Conditions count until their rule
// ends, since one may stand in the last part of another without a bracket. The parser after it calls itself for every level
// and would overflow.
func tooDeep(text []byte) int {
	brackets, conditions, negations, terms := 0, 0, 0, 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			i, negations = endOfString(text, i), 0
		case bytes.HasPrefix(text[i:], []byte("//")):
			i = past(text, i+2, "\n")
		case bytes.HasPrefix(text[i:], []byte("/*")):
			i = past(text, i+2, "*/")
		case c == '(' || c == '[' || c == '{':
			brackets++
		case c == ')' || c == ']' || c == '}':
			brackets = max(0, brackets-1)
		case c == '!' || c == '-':
			negations++
		case c == ';':
			conditions, terms = 0, 0
		case isWord(c):
			start := i
			for i+1 < len(text) && isWord(text[i+1]) {
				i++
			}
			if string(text[start:i+1]) == "if" {
				conditions++
			}
			negations = 0
		case c != ' ' && c != '\n' && c != '\t' && c != '\r':
			terms++
		}
		if brackets+conditions+negations > mostDepth || terms > mostTerms {
			return min(i, len(text)-1)
		}
	}
	return -1
}

// past gives the offset of the last byte of end at or after from, or the text's last.
func past(text []byte, from int, end string) int {
	if at := bytes.Index(text[from:], []byte(end)); at >= 0 {
		return from + at + len(end) - 1
	}
	return len(text) - 1
}

// endOfString gives the offset of the quote that ends the string which begins at start, or the text's last.
func endOfString(text []byte, start int) int {
	for i := start + 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(text) - 1
}

func isWord(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
