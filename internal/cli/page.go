package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"golang.org/x/term"

	"narthex"
)

// Rules of what is shown:
//
//   - Results go to standard output, everything else to standard error. What a script would want stands alone on its line.
//   - A command that changed something says so in one line, and then what comes next.
//   - An empty list says what to do next. Times are UTC, to the minute.
//   - Colour only on a terminal, and never without words that say the same; NO_COLOR turns it off.

const (
	bold   = "\x1b[1m"
	red    = "\x1b[1;31m"
	yellow = "\x1b[33m"
	plain  = "\x1b[0m"
)

// page writes text for people. It keeps the first error of its writer.
type page struct {
	out    io.Writer
	colour bool
	err    error
}

func (a *app) page(out io.Writer) *page {
	return &page{out: out, colour: isTerminal(out) && a.env.Getenv("NO_COLOR") == "" && a.env.Getenv("TERM") != "dumb"}
}

// show prints a value: as JSON where that was asked for, else in words.
func (a *app) show(value any, words func(*page)) error {
	if a.json {
		return a.encode(a.env.Stdout, value)
	}
	p := a.page(a.env.Stdout)
	words(p)
	return p.err
}

// say tells something beside the result, to people only.
func (a *app) say(format string, args ...any) {
	if !a.json {
		a.page(a.env.Stderr).line(format, args...)
	}
}

// encode prints JSON that no terminal takes for more than text.
func (a *app) encode(out io.Writer, value any) error {
	var buf bytes.Buffer
	encoder := json.NewEncoder(&buf)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	_, err := io.WriteString(out, mapHidden(buf.String(), true, func(r rune) string {
		if r > 0xffff {
			r -= 0x10000
			return fmt.Sprintf(`\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		}
		return fmt.Sprintf(`\u%04x`, r)
	}))
	return err
}

// printable shows in words what a terminal would obey or hide: controls, line ends, marks of direction.
func printable(text string) string {
	return mapHidden(text, false, func(r rune) string { return fmt.Sprintf("⟦U+%04X⟧", r) })
}

func mapHidden(text string, lines bool, as func(rune) string) string {
	hidden := func(r rune) bool { return !unicode.IsGraphic(r) && !(lines && r == '\n') }
	if !strings.ContainsFunc(text, hidden) {
		return text
	}
	var out strings.Builder
	for _, r := range text {
		if hidden(r) {
			out.WriteString(as(r))
		} else {
			out.WriteRune(r)
		}
	}
	return out.String()
}

func (p *page) write(text string) {
	if p.err == nil {
		_, p.err = io.WriteString(p.out, text)
	}
}

func (p *page) styled(style, text string) string {
	if !p.colour || style == "" {
		return text
	}
	return style + text + plain
}

// line writes one line, whatever the values hold.
func (p *page) line(format string, args ...any) {
	p.write(printable(fmt.Sprintf(format, args...)) + "\n")
}

// blank leaves a line free.
func (p *page) blank() { p.write("\n") }

// heading begins a part.
func (p *page) heading(text string) { p.write("\n" + p.styled(bold, printable(text)) + "\n") }

// mark writes a line that begins with a marked word.
func (p *page) mark(word, style, text string) {
	lines := strings.Split(text, "\n")
	p.write(p.styled(style, word) + " " + printable(lines[0]) + "\n")
	for _, line := range lines[1:] {
		p.line("  %s", line)
	}
}

// block writes text of several lines that someone else wrote, set in so that none of it passes for ours.
func (p *page) block(text string) {
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		p.line("    %s", line)
	}
}

// document writes a text of several lines as it is.
func (p *page) document(text string) {
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		p.write(printable(strings.ReplaceAll(line, "\t", "    ")) + "\n")
	}
}

// day writes an instant for people.
func day(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04 UTC")
}

// orDash writes a dash for nothing.
func orDash[S ~string](text S) string {
	if text == "" {
		return "-"
	}
	return string(text)
}

// words joins names with spaces instead of underscores.
func words[S ~string](names []S) string {
	parts := make([]string, len(names))
	for i, name := range names {
		parts[i] = strings.ReplaceAll(string(name), "_", " ")
	}
	return strings.Join(parts, ", ")
}

// isTerminal says whether a stream is a person's terminal.
func isTerminal(stream any) bool {
	file, is := stream.(interface{ Fd() uintptr })
	return is && term.IsTerminal(int(file.Fd()))
}

// interactive says whether someone can be asked: whether what is read is typed.
func (a *app) interactive() bool { return isTerminal(a.env.Stdin) }

// ask puts a question on standard error and gives the answer.
func (a *app) ask(question string) (string, error) {
	fmt.Fprint(a.env.Stderr, printable(question)+" ")
	answer, err := bufio.NewReader(a.env.Stdin).ReadString('\n')
	if err != nil && answer == "" {
		return "", narthex.Invalidf("There was no answer, so nothing was done.").Because(err)
	}
	return strings.TrimSpace(answer), nil
}

// confirm asks before what cannot be taken back, where someone can be asked.
func (a *app) confirm(question string) error {
	if !a.interactive() {
		return nil
	}
	answer, err := a.ask(question + " Type yes:")
	if err == nil && answer != "yes" {
		err = problem(narthex.Conflict, "type yes to go on", "that was not a yes, so nothing was done")
	}
	return err
}
