package ledger

import (
	"bufio"
	"fmt"
	"io"

	"github.com/go-json-experiment/json"
)

// exportFormat is the first thing an export says of itself.
const exportFormat = "narthex ledger export v1"

// header is an export's first line. Key is what the log says of itself: a verifier brings its own.
type header struct {
	Format     string `json:"format"`
	Key        string `json:"key"`
	Checkpoint string `json:"checkpoint"`
}

// line is one entry of an export.
type line struct {
	Index   uint64   `json:"index"`
	Record  []byte   `json:"record"`
	Leaf    []byte   `json:"leaf"`
	Opening *Opening `json:"opening,omitempty"`
}

// trailer is an export's last line.
type trailer struct {
	End uint64 `json:"end"`
}

// Exporter writes an export, one JSON object a line: a header, the entries in order, a trailer with their number.
type Exporter struct {
	out  *bufio.Writer
	next uint64
}

// NewExporter writes the header. Key is the log's verifier key and checkpoint the signed note over all entries that follow.
func NewExporter(w io.Writer, key, checkpoint string) (*Exporter, error) {
	e := &Exporter{out: bufio.NewWriterSize(w, 1<<16)}
	return e, e.write(header{exportFormat, key, checkpoint})
}

// Entry writes the next entry; a nil opening withholds what it says, and one without a type was erased.
func (e *Exporter) Entry(record Record, opening *Opening) error {
	if opening != nil && opening.Type == "" {
		opening = nil
	}
	leaf := record.Leaf()
	err := e.write(line{e.next, record[:], leaf[:], opening})
	e.next++
	return err
}

// Close writes the trailer and everything that is buffered. It does not close the writer.
func (e *Exporter) Close() error {
	if err := e.write(trailer{e.next}); err != nil {
		return err
	}
	return e.out.Flush()
}

func (e *Exporter) write(v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write export: %w", err)
	}
	if _, err := e.out.Write(append(data, '\n')); err != nil {
		return fmt.Errorf("write export: %w", err)
	}
	return nil
}
