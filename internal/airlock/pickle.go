package airlock

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// A pickle is a program for a small machine with a stack, and reading one runs it. From protocol 2 on it begins with a byte that no text has.
// Before, it may be text to the last letter, so it is run here, but for what its operations would do: what comes to its end with one value
// is a pickle.

// pickled says whether content is a pickle that does more than state one number or word, at its beginning or behind a mark of encoding and
// spaces.
func pickled(content []byte) bool {
	if runs(content) {
		return true
	}
	trimmed := bytes.TrimLeft(bytes.TrimPrefix(content, []byte("\ufeff")), " \t\r\n")
	return len(trimmed) < len(content) && runs(trimmed)
}

// machine is how far a pickle came.
type machine struct {
	code  []byte
	stack []bool // what lies on it: a value, or a mark, which is false
	more  bool   // whether it does more than state a value
}

// steps bounds how many operations are looked at: what has more and no end yet is taken for a pickle where it came so far.
const steps = 100_000

func runs(content []byte) bool {
	m := machine{code: content}
	for range steps {
		if len(m.code) == 0 {
			return false
		}
		op := m.code[0]
		if m.code = m.code[1:]; op == '.' {
			return len(m.stack) == 1 && m.stack[0] && m.more
		}
		if !m.step(op) {
			return false
		}
	}
	return true
}

// step does one operation, or says that there is none such.
func (m *machine) step(op byte) bool {
	switch op {
	case '(': // a mark
		m.push(false)
		m.more = true
	case '0': // throws the last one away
		return m.pop(1)
	case '1':
		return m.toMark()
	case '2':
		return m.pop(1) && m.push(true) && m.push(true)
	case 'N', ')', ']', '}': // nothing, and empty ones
		return m.push(true)
	case 'I', 'L', 'F':
		line, is := m.line()
		return is && numeric(line) && m.push(true)
	case 'S':
		line, is := m.line()
		return is && len(line) >= 2 && (line[0] == '\'' || line[0] == '"') && line[len(line)-1] == line[0] && m.push(true)
	case 'V':
		_, is := m.line()
		return is && m.push(true)
	case 'K':
		return m.skip(1) && m.push(true)
	case 'M':
		return m.skip(2) && m.push(true)
	case 'J':
		return m.skip(4) && m.push(true)
	case 'G':
		return m.skip(8) && m.push(true)
	case 'U':
		return len(m.code) > 0 && m.skip(1+int(m.code[0])) && m.push(true)
	case 'T', 'X':
		return len(m.code) >= 4 && int64(binary.LittleEndian.Uint32(m.code)) <= int64(len(m.code)) && m.skip(4+int(binary.LittleEndian.Uint32(m.code))) && m.push(true)
	case 'p', 'g', 'P': // keeps, takes out, and what lies elsewhere
		line, is := m.line()
		m.more = true
		if op == 'p' {
			return is && numeric(line) && len(m.stack) > 0
		}
		return is && line != "" && (op == 'P' || numeric(line)) && m.push(true)
	case 'q', 'h':
		m.more = true
		return m.skip(1) && (op == 'q' && len(m.stack) > 0 || op == 'h' && m.push(true))
	case 'r', 'j':
		m.more = true
		return m.skip(4) && (op == 'r' && len(m.stack) > 0 || op == 'j' && m.push(true))
	case 'Q':
		m.more = true
		return m.pop(1) && m.push(true)
	case 'a', 'b', 'R': // takes two and leaves one
		m.more = true
		return m.pop(2) && m.push(true)
	case 's':
		return m.pop(3) && m.push(true)
	case 'l', 't', 'd':
		return m.toMark() && m.push(true)
	case 'e', 'u':
		return m.toMark() && len(m.stack) > 0 && m.stack[len(m.stack)-1]
	case 'c': // fetches something by its name
		m.more = true
		return m.named() && m.push(true)
	case 'i':
		m.more = true
		return m.named() && m.toMark() && m.push(true)
	case 'o':
		m.more = true
		return m.toMark() && m.push(true)
	default:
		return false
	}
	return true
}

func (m *machine) push(value bool) bool {
	m.stack = append(m.stack, value)
	return true
}

// pop takes so many values away.
func (m *machine) pop(n int) bool {
	for range n {
		last := len(m.stack) - 1
		if last < 0 || !m.stack[last] {
			return false
		}
		m.stack = m.stack[:last]
	}
	return true
}

// toMark takes everything away down to the last mark, and the mark.
func (m *machine) toMark() bool {
	for len(m.stack) > 0 {
		last := m.stack[len(m.stack)-1]
		if m.stack = m.stack[:len(m.stack)-1]; !last {
			return true
		}
	}
	return false
}

func (m *machine) skip(n int) bool {
	if n < 0 || n > len(m.code) {
		return false
	}
	m.code = m.code[n:]
	return true
}

func (m *machine) line() (string, bool) {
	line, rest, is := bytes.Cut(m.code, []byte("\n"))
	m.code = rest
	return strings.TrimSuffix(string(line), "\r"), is
}

// named reads the name of a module and that of something in it.
func (m *machine) named() bool {
	for range 2 {
		name, is := m.line()
		bad := func(r rune) bool { return r <= ' ' || strings.ContainsRune("()[]{},;:\"'=+*/<>", r) }
		if !is || name == "" || strings.ContainsFunc(name, bad) {
			return false
		}
	}
	return true
}

func numeric(line string) bool {
	return line != "" && strings.Trim(line, "0123456789.eE+-_jxLabcdfinABCDFINT") == ""
}
