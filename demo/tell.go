package demo

import (
	"fmt"
	"io"
	"strings"
)

// teller writes the story for people: plain where the output is not a terminal.
type teller struct {
	out    io.Writer
	colour bool
	count  int
}

func (t *teller) paint(code, text string) string {
	if !t.colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// heading begins a part.
func (t *teller) heading(text string) {
	t.count++
	fmt.Fprintf(t.out, "\n%s\n", t.paint("1", text))
}

// act says what somebody does.
func (t *teller) act(who, what string) {
	fmt.Fprintf(t.out, "  %s %s\n", t.paint("36", who), what)
}

// yes says what Narthex answered, where it went on.
func (t *teller) yes(format string, args ...any) { t.answer("32", "✓", format, args...) }

// no says what Narthex refused.
func (t *teller) no(format string, args ...any) { t.answer("33", "✗", format, args...) }

func (t *teller) answer(code, mark, format string, args ...any) {
	text := strings.ReplaceAll(strings.TrimSpace(fmt.Sprintf(format, args...)), "\n", "\n      ")
	fmt.Fprintf(t.out, "    %s %s\n", t.paint(code, mark), text)
}
