package ledger

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"narthex"
)

// TamperError says that a log is not what its checkpoint signed. It is never to be retried: someone must look.
type TamperError struct {
	Index int64 // of the first wrong entry, or -1 where it is not one entry's fault
	What  string
}

func (e *TamperError) Error() string {
	if e.Index < 0 {
		return e.What + ". Do not rely on this copy; get another from the lab and compare the two"
	}
	return fmt.Sprintf("entry %d: %s. Do not rely on this copy; get another from the lab and compare the two", e.Index, e.What)
}

// Report is what a verified log holds.
type Report struct {
	Origin     string                    `json:"origin"`
	Size       uint64                    `json:"size"`
	Root       string                    `json:"root"`       // hexadecimal
	Key        string                    `json:"key"`        // the verifier key in force
	Checkpoint string                    `json:"checkpoint"` // the signed note, to be kept for the next time
	Opened     uint64                    `json:"opened"`
	First      time.Time                 `json:"first"`
	Last       time.Time                 `json:"last"`
	Governance uint64                    `json:"governance"`
	Use        uint64                    `json:"use"`
	ByType     map[narthex.EntryType]int `json:"by_type"`
	Open       []narthex.CallID          `json:"open"` // calls without an outcome
}

// longestLine bounds one line of an export, in bytes, its line feed included.
const longestLine = 1 << 20

// Verify reads an export and checks it against the key. In this order, for each entry: its line is in its one form and has the
// next index; its record is well formed and its leaf is the record's; time does not go back; its opening, where it is shown, is
// the record's; the rules between entries hold. At the end: the number of entries and the tree's root are those of the
// checkpoint, which the key has signed, or the one that its rotations lead to; and the log goes on from each checkpoint in
// since, which the verifier kept. Memory grows with governance and not with use. The error is a *TamperError where the export
// is at fault.
func Verify(r io.Reader, verifierKey string, since ...string) (Report, error) {
	return VerifyEach(r, verifierKey, nil, since...)
}

// VerifyEach verifies and gives each entry to visit, with its opening where the export shows it. What it gave is to be believed
// only once it has returned without an error.
func VerifyEach(r io.Reader, verifierKey string, visit func(index uint64, record Record, opening *Opening) error, since ...string) (Report, error) {
	v, err := newVerification(verifierKey, since)
	if err != nil {
		return Report{}, err
	}
	v.visit = visit
	in := bufio.NewReaderSize(r, longestLine)
	head, err := readHeader(in)
	if err != nil {
		return Report{}, err
	}
	for {
		data, err := readLine(in)
		if err != nil {
			return v.report, v.tampered("%s", err)
		}
		if bytes.HasPrefix(data, []byte(`{"end"`)) {
			if err := v.end(in, data); err != nil {
				return v.report, err
			}
			break
		}
		if err := v.line(data); err != nil {
			return v.report, err
		}
	}
	key, err := v.story.keys.Last()
	if err != nil {
		return v.report, &TamperError{-1, err.Error()}
	}
	return v.report, v.finish(head.Checkpoint, head.Key, key)
}

func readHeader(in *bufio.Reader) (header, error) {
	data, err := readLine(in)
	if err != nil {
		return header{}, &TamperError{-1, err.Error()}
	}
	f := form{rest: data}
	f.must(`{"format":"` + exportFormat + `","key":`)
	key := f.text()
	f.must(`,"checkpoint":`)
	checkpoint := f.text()
	f.must("}")
	if !f.whole() {
		return header{}, &TamperError{-1, "the first line is not that of a ledger's export"}
	}
	return header{exportFormat, unquote(key), unquote(checkpoint)}, nil
}

func readLine(in *bufio.Reader) ([]byte, error) {
	data, err := in.ReadSlice('\n')
	switch {
	case err == io.EOF && len(data) == 0:
		return nil, errors.New("the export ends before its last line")
	case err == io.EOF:
		return nil, errors.New("the export ends in the middle of a line")
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, errors.New("a line is too long")
	case err != nil:
		return nil, fmt.Errorf("the export cannot be read: %w", err)
	}
	return data[:len(data)-1], nil
}

// line takes an entry's line of an export.
func (v *verification) line(data []byte) error {
	f := form{rest: data}
	var recordRoom, leafRoom [64]byte
	f.must(`{"index":`)
	index := f.natural()
	f.must(`,"record":`)
	raw := f.bytes(recordRoom[:0])
	f.must(`,"leaf":`)
	leaf := f.bytes(leafRoom[:0])
	var opening Opening
	shown := f.has(`,"opening":`)
	if shown {
		opening = f.opening(v.fields)
		if v.visit == nil {
			v.fields = opening.Fields
		}
	}
	if f.must("}"); !f.whole() {
		return v.tampered("its line does not read as an entry")
	}
	if index != v.tree.Size() {
		return v.tampered("its line says that it is entry %d", index)
	}
	record, err := ParseRecord(raw)
	if err != nil {
		return v.tampered("its record is not well formed")
	}
	hash := record.Leaf()
	if !bytes.Equal(hash[:], leaf) {
		return v.tampered("its record and its leaf do not match")
	}
	if err := v.time(record); err != nil {
		return err
	}
	if shown {
		if !v.hasher.opens(&opening, record) {
			return v.tampered("%s", errNotRecorded)
		}
		if err := v.story.tell(index, opening); err != nil {
			return v.tampered("%s", err)
		}
		v.opened(opening.Type)
	}
	v.add(record, hash, func(int, uint64, []Hash) {})
	switch {
	case v.visit == nil:
		return nil
	case !shown:
		return v.visit(index, record, nil)
	}
	given := opening // its own, for it may be kept
	return v.visit(index, record, &given)
}

func (v *verification) end(in *bufio.Reader, data []byte) error {
	f := form{rest: data}
	f.must(`{"end":`)
	end := f.natural()
	if f.must("}"); !f.whole() || end != v.tree.Size() {
		return v.tampered("the export's last line does not count the entries before it")
	}
	if _, err := in.ReadByte(); err != io.EOF {
		return &TamperError{-1, "there is something after the export's last line"}
	}
	return nil
}

// Stated gives the verifier key that an export states for itself, to be shown and not to be believed, and its checkpoint, whose
// signature is not checked.
func Stated(r io.Reader) (verifierKey, checkpoint string, err error) {
	head, err := readHeader(bufio.NewReaderSize(r, longestLine))
	return head.Key, head.Checkpoint, err
}
