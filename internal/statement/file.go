package statement

import (
	"bytes"
	"encoding/json"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/canon"
	"narthex/internal/wire"
	"narthex/internal/workflow"
	"narthex/ledger"
)

// fileFormat is the format of a [File].
const fileFormat = "narthex access statement file v1"

// mostFile bounds a file, in bytes.
const mostFile = 8 << 20

// File is a statement with the proof that exactly it was issued.
type File struct {
	Format     string             `json:"format"`
	Key        string             `json:"key"` // as the log states it; a verifier brings its own
	Checkpoint string             `json:"checkpoint"`
	Digest     narthex.Digest     `json:"digest"` // of the statement: the SHA-256 of its canonical JSON
	Entry      ledger.ProvenEntry `json:"entry"`
	Statement  client.Statement   `json:"statement"`
}

// NewFile makes a file without its entry.
func NewFile(key, checkpoint string, digest narthex.Digest, s client.Statement) *File {
	return &File{Format: fileFormat, Key: key, Checkpoint: checkpoint, Digest: digest, Statement: s}
}

// Marshal writes a file in its one form.
func (f *File) Marshal() ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(f); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// Checked is what a file that was checked says.
type Checked struct {
	Statement client.Statement `json:"statement"`
	Digest    narthex.Digest   `json:"digest"`
	Issued    time.Time        `json:"issued"`
	Index     uint64           `json:"index"` // of the entry that issued it
	Origin    string           `json:"origin"`
	Size      uint64           `json:"size"` // of the ledger, by the checkpoint
}

// Read reads a file in its one form, and checks that its statement has the digest that it states. It says nothing of who issued it.
func Read(data []byte) (File, error) {
	read, err := wire.Decode[File](data, wire.Limits{Bytes: mostFile, Depth: 24})
	if err != nil || read.Format != fileFormat || read.Statement.Format != Format {
		return File{}, &ledger.TamperError{Index: -1, What: "the file does not read as an access statement"}
	}
	if form, err := read.Marshal(); err != nil || !bytes.Equal(form, data) {
		return File{}, &ledger.TamperError{Index: -1, What: "the file is not written in its one form: something in it was changed"}
	}
	if digest, err := canon.Digest(read.Statement); err != nil || digest != read.Digest {
		return File{}, &ledger.TamperError{Index: -1, What: "the statement has not the digest that the file states: it was changed"}
	}
	return read, nil
}

// Verify checks a file offline under the ledger's key: that the lab issued exactly this statement, by an entry that stands in the
// ledger that the checkpoint signed. The error is a *ledger.TamperError.
func Verify(data []byte, key string) (Checked, error) {
	f, err := Read(data)
	if err != nil {
		return Checked{}, err
	}
	checkpoint, at, err := f.Entry.Stands(f.Checkpoint, key)
	if err != nil {
		return Checked{}, err
	}
	if _, err := ledger.OpenCheckpoint(f.Checkpoint, f.Key); err != nil {
		return Checked{}, &ledger.TamperError{Index: -1, What: "the checkpoint is not signed by the key that the file states"}
	}
	o := f.Entry.Opening
	if o.Type != narthex.EntryEngagementChanged || workflow.Command(o.Text("command")) != workflow.Issue || narthex.Digest(o.Text("saw")) != f.Digest ||
		o.Text("engagement") != string(f.Statement.Engagement) || f.Statement.Origin != checkpoint.Origin {
		return Checked{}, &ledger.TamperError{Index: int64(f.Entry.Index), What: "it did not issue this statement"}
	}
	return Checked{f.Statement, f.Digest, at, f.Entry.Index, checkpoint.Origin, checkpoint.Size}, nil
}
