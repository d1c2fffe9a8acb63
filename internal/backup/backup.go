// Package backup writes everything that a store holds to one stream, and fills an empty store from it.
//
// It promises that a backup is one committed state, taken beside a running node without stopping it; that a stream which was
// cut, changed or is of another format fills nothing; and that what it filled is what was read, table by table, on either
// kind of store. The ledger's key and anchor are not in it: who has the backup can read, and not sign.
//
// It trusts the store that it reads. A backup holds people's names and what they agreed: keep it as the database is kept.
// Read next: Write for the format.
package backup

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"

	"narthex"
	"narthex/internal/store"
)

const format = "narthex backup v1\n"

// bounds of one row, so that a made-up length does not become memory.
const (
	mostKey   = 4 << 10
	mostValue = 256 << 20
	page      = 256 // rows read at once
)

// Write writes all rows: gzip over the format's line; for each row the table's name, the key and the value, each with its
// length in a varint before it; an empty name; the number of rows; and SHA-256 over all of that. It gives the number of rows.
func Write(w io.Writer, r store.Reader) (rows uint64, err error) {
	zip := gzip.NewWriter(w)
	sum := sha256.New()
	out := bufio.NewWriterSize(io.MultiWriter(zip, sum), 1<<16)
	out.WriteString(format) // errors of a bufio.Writer stay until Flush
	for _, table := range store.Tables() {
		for from := ""; ; {
			found, err := r.Scan(table, store.Span{From: from, Limit: table.AtOnce(page)})
			if err != nil {
				return 0, fmt.Errorf("read %s: %w", table, err)
			}
			if len(found) == 0 {
				break
			}
			for _, row := range found {
				writeBytes(out, []byte(table))
				writeBytes(out, []byte(row.Key))
				writeBytes(out, row.Value)
			}
			rows += uint64(len(found))
			from = found[len(found)-1].Key + "\x01" // keys hold no NUL, so nothing lies between
		}
	}
	out.WriteByte(0)
	out.Write(binary.AppendUvarint(nil, rows))
	if err := out.Flush(); err != nil {
		return 0, fmt.Errorf("write backup: %w", err)
	}
	_, err = zip.Write(sum.Sum(nil))
	return rows, errors.Join(err, zip.Close())
}

func writeBytes(out *bufio.Writer, data []byte) {
	out.Write(binary.AppendUvarint(nil, uint64(len(data))))
	out.Write(data)
}

// Fill puts the rows of a backup into an empty store, inside one Update: all of them or none. It gives the number of rows.
func Fill(tx store.Tx, r io.Reader) (rows uint64, err error) {
	for _, table := range store.Tables() {
		if found, err := tx.Scan(table, store.Span{Limit: 1}); err != nil || len(found) > 0 {
			return 0, errors.Join(narthex.Conflictf("The store is not empty, and a backup fills an empty one only. Name another data directory or database."), err)
		}
	}
	zip, err := gzip.NewReader(r)
	if err != nil {
		return 0, unreadable(err)
	}
	in := &reading{in: bufio.NewReaderSize(zip, 1<<16), sum: sha256.New()}
	head := make([]byte, len(format))
	if err := in.full(head); err != nil || string(head) != format {
		return 0, unreadable(err)
	}
	for {
		row, more, err := in.row()
		if err != nil {
			return 0, unreadable(err)
		}
		if !more {
			return rows, in.end(rows)
		}
		if err := tx.Put(row.table, row.key, row.value); err != nil {
			return 0, err
		}
		rows++
	}
}

func unreadable(err error) error {
	return narthex.Invalidf("The file is not a whole backup: it was cut, changed, or is something else. Take another copy; nothing was filled.").For("file").Because(err)
}

type row struct {
	table store.Table
	key   string
	value []byte
}

// reading reads a stream and hashes what it has read.
type reading struct {
	in  *bufio.Reader
	sum hash.Hash
}

func (r *reading) full(data []byte) error {
	_, err := io.ReadFull(r.in, data)
	r.sum.Write(data)
	return err
}

// ReadByte lets varints be read, and be hashed.
func (r *reading) ReadByte() (byte, error) {
	b, err := r.in.ReadByte()
	if err == nil {
		r.sum.Write([]byte{b})
	}
	return b, err
}

func (r *reading) bytes(most uint64) ([]byte, error) {
	n, err := binary.ReadUvarint(r)
	if err != nil || n > most {
		return nil, errors.Join(errors.New("a length is out of range"), err)
	}
	// What is not there is not allocated: the buffer grows with what comes.
	var data bytes.Buffer
	if _, err := io.CopyN(io.MultiWriter(&data, r.sum), r.in, int64(n)); err != nil {
		return nil, err
	}
	return data.Bytes(), nil
}

func (r *reading) row() (found row, more bool, err error) {
	table, err := r.bytes(64)
	if err != nil || len(table) == 0 {
		return found, false, err
	}
	found.table = store.Table(table)
	if !known(found.table) {
		return found, false, errors.New("a table is unknown to this version")
	}
	key, err := r.bytes(mostKey)
	if err != nil {
		return found, false, err
	}
	found.key = string(key)
	found.value, err = r.bytes(mostValue)
	if found.value == nil {
		found.value = []byte{}
	}
	return found, true, err
}

func known(table store.Table) bool {
	for _, t := range store.Tables() {
		if t == table {
			return true
		}
	}
	return false
}

// end checks the number of rows and the sum, and that nothing comes after them.
func (r *reading) end(rows uint64) error {
	stated, err := binary.ReadUvarint(r)
	want := r.sum.Sum(nil)
	got := make([]byte, len(want))
	if _, readErr := io.ReadFull(r.in, got); err != nil || readErr != nil || stated != rows || !bytes.Equal(got, want) {
		return unreadable(errors.Join(err, readErr))
	}
	if _, err := r.in.ReadByte(); err != io.EOF {
		return unreadable(err)
	}
	return nil
}
