// Package engine is the pipe between a node and the program that executes SQL, narthex-worker: what is asked, what comes back, and how a
// node holds the answer to what it asked.
//
// The worker reads what strangers wrote and runs in a sandbox; it may be broken or hostile. So nothing that it sends is believed beyond
// what it is: a frame has a length that is bounded before it is read, rows have as many values as the head has columns, each is text of
// its column's type, and they end with a count that must be theirs. Of an error only its class comes through, from a closed list, so that
// no text of a hidden row does. An answer that breaks a rule is an error of the class Broken, and the session is over.
//
// A frame is a length of four bytes, big-endian, and a JSON document. The node sends one [Ask] and reads frames until [Answer.End]; there
// is one question at a time. Read next: read.go.
package engine

import (
	"encoding/binary"
	"io"

	"narthex"
	"narthex/internal/canon"
	"narthex/internal/wire"
)

// MostFrame is the length of a frame at most, in bytes.
const MostFrame = 4 << 20

// Kind is what is asked of a worker.
type Kind string

// The kinds.
const (
	Parse Kind = "parse" // the tree of a text
	Run   Kind = "run"   // the rows of a tree
)

// Ask is a question to a worker.
type Ask struct {
	Kind   Kind     `json:"kind"`
	Text   string   `json:"text"`             // SQL, or the tree
	Values []string `json:"values,omitempty"` // for the tree's parameters, in order
	Rows   int64    `json:"rows"`             // at most so many come back; one more is TooMany
	Millis int64    `json:"millis"`           // of time at most
}

// Answer is one frame of what comes back: a head, rows, or the end.
type Answer struct {
	Tree string      `json:"tree,omitempty"` // of Parse; it comes before the end
	Head []Column    `json:"head,omitempty"` // of Run; it comes first
	Rows [][]*string `json:"rows,omitempty"` // text of each value; nil is NULL
	End  *End        `json:"end,omitempty"`
}

// Column is a column of the rows.
type Column struct {
	Name string `json:"name"`
	Type Type   `json:"type"`
}

// Type is a type of values: a closed list. How a value of it is written is what PostgreSQL writes.
type Type string

// The types.
const (
	Bool      Type = "bool"      // t, f
	Integer   Type = "integer"   // -12; at most 38 digits
	Double    Type = "double"    // -1.5e-07, NaN, Infinity, -Infinity
	Decimal   Type = "decimal"   // -1.50
	Text      Type = "text"      // valid UTF-8
	Date      Type = "date"      // 2026-01-31
	Time      Type = "time"      // 12:00:00.5
	Timestamp Type = "timestamp" // 2026-01-31 12:00:00.5
	Interval  Type = "interval"  // 1 mon 2 days 00:00:03
)

// End is how an answer ended.
type End struct {
	Rows  int64 `json:"rows"`
	Class Class `json:"class"`
}

// Class is how a query ended: a closed list. The zero Class is none.
type Class string

// The classes.
const (
	Done     Class = "done"
	Syntax   Class = "syntax"   // the text or the tree is no query
	Unknown  Class = "unknown"  // it names what there is not, or types do not fit
	Value    Class = "value"    // a value could not be converted or computed, such as an overflow
	Memory   Class = "memory"   // the session's memory is used up
	TimedOut Class = "time"     // the question's time is used up
	TooMany  Class = "too_many" // more rows than were allowed
	Broken   Class = "broken"   // the worker died, or broke a rule of this pipe
)

// Classes lists every class.
func Classes() []Class {
	return []Class{Done, Syntax, Unknown, Value, Memory, TimedOut, TooMany, Broken}
}

// WriteFrame sends one frame. A document that is longer than MostFrame is an error, and nothing is sent.
func WriteFrame(w io.Writer, document any) error {
	data, err := canon.JSON(document)
	if err != nil {
		return err
	}
	if len(data) > MostFrame {
		return narthex.Invalidf("That is longer than can be asked in one; ask for less.")
	}
	_, err = w.Write(append(binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(data)), uint32(len(data))), data...))
	return err
}

// ReadFrame reads one frame strictly. Memory is taken as bytes come.
func ReadFrame[T any](r io.Reader) (T, error) {
	var zero T
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return zero, err
	}
	length := binary.BigEndian.Uint32(head[:])
	if length > MostFrame {
		return zero, narthex.Invalidf("A frame is longer than frames are.")
	}
	data, err := io.ReadAll(io.LimitReader(r, int64(length)))
	if err != nil {
		return zero, err
	}
	if len(data) != int(length) {
		return zero, io.ErrUnexpectedEOF
	}
	return wire.Decode[T](data, wire.Limits{Bytes: MostFrame, Depth: 8})
}
