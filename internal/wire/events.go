package wire

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Events reads a stream of server-sent events of the strict subset that model servers use: data lines, blank lines, and
// comments, which are skipped.
type Events struct {
	in      *bufio.Reader
	longest int
	whole   []byte // a line that is longer than the reader holds
	done    bool
}

// firstLine is how much is held of a stream whose lines are short, in bytes.
const firstLine = 8 << 10

// ErrEvents says that a stream is not of the subset, or longer in a line than allowed.
var ErrEvents = errors.New("the event stream is not one that can be read")

// NewEvents reads events of at most longest bytes each.
func NewEvents(r io.Reader, longest int) *Events {
	longest = max(16, longest)
	return &Events{in: bufio.NewReaderSize(r, min(firstLine, longest)), longest: longest}
}

// line reads to the end of a line, good until the next. It holds what the line is long, and no more than the longest.
func (e *Events) line() ([]byte, error) {
	line, err := e.in.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		e.whole = nil
		return line, err
	}
	e.whole = e.whole[:0]
	for errors.Is(err, bufio.ErrBufferFull) && len(e.whole)+len(line) < e.longest {
		e.whole = append(e.whole, line...)
		line, err = e.in.ReadSlice('\n')
	}
	if len(e.whole)+len(line) > e.longest {
		return nil, bufio.ErrBufferFull
	}
	e.whole = append(e.whole, line...)
	return e.whole, err
}

// Next gives the data of the next event, good until the call after it. At the end of the stream it is io.EOF; Done says
// whether the stream said that it is done.
func (e *Events) Next() ([]byte, error) {
	for !e.done {
		line, err := e.line()
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return nil, io.EOF
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrEvents, err)
		}
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
		if len(line) == 0 || line[0] == ':' {
			continue
		}
		data, found := bytes.CutPrefix(line, []byte("data: "))
		if !found {
			return nil, ErrEvents
		}
		if string(data) == "[DONE]" {
			e.done = true
			break
		}
		return data, nil
	}
	return nil, io.EOF
}

// Done says whether the stream ended with its own word for it.
func (e *Events) Done() bool { return e.done }
