package ledger

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"narthex"
)

const disclosureFormat = "narthex disclosure v1"

// Disclosure shows some fields of one entry, and its place in the log, to whoever holds the file; of the other fields it shows
// nothing but how many there are.
type Disclosure struct {
	Format     string       `json:"format"`
	Key        string       `json:"key"` // as the log states it; a verifier brings its own
	Checkpoint string       `json:"checkpoint"`
	Index      uint64       `json:"index"`
	Record     []byte       `json:"record"`
	Proof      [][]byte     `json:"proof"`  // RFC 6962, in the tree of the checkpoint
	Fields     []FieldProof `json:"fields"` // the type first
}

// NewDisclosure shows the named fields of an entry; none named shows all. The type is shown always. A name that the entry's type
// does not have is Invalid.
func NewDisclosure(key, checkpoint string, index uint64, record Record, proof []Hash, opening Opening, names ...string) (*Disclosure, error) {
	if len(names) == 0 {
		names = opening.Type.Fields()
	}
	d := &Disclosure{Format: disclosureFormat, Key: key, Checkpoint: checkpoint, Index: index, Record: record[:], Proof: [][]byte{}}
	for _, hash := range proof {
		d.Proof = append(d.Proof, hash[:])
	}
	for _, name := range append([]string{"type"}, opening.Type.Fields()...) {
		if name != "type" && !slices.Contains(names, name) {
			continue
		}
		field, err := opening.OpenField(name)
		if err != nil {
			return nil, err
		}
		d.Fields = append(d.Fields, field)
	}
	for _, name := range names {
		if name != "type" && !slices.Contains(opening.Type.Fields(), name) {
			return nil, narthex.Invalidf("An entry of the type %s has no such field; it has %v.", opening.Type, opening.Type.Fields()).For("field")
		}
	}
	return d, nil
}

// MarshalDisclosure writes a disclosure in its one form.
func MarshalDisclosure(d *Disclosure) ([]byte, error) { return json.Marshal(d) }

// IsDisclosure says whether a file begins as a disclosure does; it need not be a good one.
func IsDisclosure(data []byte) bool {
	f := form{rest: data}
	return f.has(`{"format":"` + disclosureFormat + `",`)
}

// Shown is what a verified disclosure shows.
type Shown struct {
	Index      uint64             `json:"index"`
	At         time.Time          `json:"at"`
	Class      narthex.EntryClass `json:"class"`
	Type       narthex.EntryType  `json:"type"`
	Fields     []narthex.Field    `json:"fields"` // but for the type
	Withheld   int                `json:"withheld"`
	Checkpoint Checkpoint         `json:"-"`
}

// VerifyDisclosure checks a disclosure under the log's key. The error is a *TamperError where the file is at fault.
func VerifyDisclosure(data []byte, verifierKey string) (Shown, error) {
	f := form{rest: data}
	d := f.disclosure()
	if !f.whole() {
		return Shown{}, &TamperError{-1, "the file does not read as a disclosure"}
	}
	checkpoint, err := OpenCheckpoint(d.Checkpoint, verifierKey)
	if err != nil {
		return Shown{}, &TamperError{-1, "the checkpoint is not signed by the given key, or was changed"}
	}
	if _, err := OpenCheckpoint(d.Checkpoint, d.Key); err != nil {
		return Shown{}, &TamperError{-1, "the checkpoint is not signed by the key that the disclosure states"}
	}
	shown, err := d.check(checkpoint)
	if err != nil {
		return Shown{}, &TamperError{int64(d.Index), err.Error()}
	}
	return shown, nil
}

func (d *Disclosure) check(c Checkpoint) (Shown, error) {
	record, err := ParseRecord(d.Record)
	if err != nil {
		return Shown{}, err
	}
	proof, err := hashes(d.Proof)
	if err != nil {
		return Shown{}, err
	}
	if err := CheckInclusion(record, d.Index, c.Size, c.Root, proof); err != nil {
		return Shown{}, errors.New("it does not stand in the log that the checkpoint signed")
	}
	shown := Shown{Index: d.Index, At: record.Time(), Class: record.Class(), Fields: []narthex.Field{}, Checkpoint: c}
	last, count := -1, 0
	for i, field := range d.Fields {
		if err := field.Verify(record); err != nil {
			return Shown{}, fmt.Errorf("the field at place %d is not the record's", i)
		}
		if field.Index <= last || i > 0 && field.Count != count {
			return Shown{}, errors.New("its fields are not in order, or stand twice")
		}
		last, count = field.Index, field.Count
		if i > 0 {
			shown.Fields = append(shown.Fields, field.Field)
			continue
		}
		shown.Type = narthex.EntryType(unquote([]byte(field.Field.Value)))
		if field.Index != 0 || field.Field.Name != "type" || shown.Type.Class() != record.Class() || len(shown.Type.Fields())+1 != field.Count {
			return Shown{}, errors.New("its type is not shown, or not one of the record's class")
		}
	}
	for i, field := range d.Fields {
		if i > 0 && shown.Type.Fields()[field.Index-1] != field.Field.Name {
			return Shown{}, errors.New("a field has another name than its type gives it")
		}
	}
	shown.Withheld = count - len(d.Fields)
	if len(d.Fields) == 0 {
		return Shown{}, errors.New("it shows nothing")
	}
	return shown, nil
}

// disclosure takes a disclosure.
func (f *form) disclosure() *Disclosure {
	f.must(`{"format":"` + disclosureFormat + `","key":`)
	d := &Disclosure{Format: disclosureFormat, Key: unquote(f.text())}
	f.must(`,"checkpoint":`)
	d.Checkpoint = unquote(f.text())
	f.must(`,"index":`)
	d.Index = f.natural()
	f.must(`,"record":`)
	d.Record = f.bytes(nil)
	f.must(`,"proof":`)
	d.Proof = f.hashes()
	f.must(`,"fields":[`)
	for !f.bad && !f.has("]") {
		if len(d.Fields) > 0 {
			f.must(",")
		}
		d.Fields = append(d.Fields, f.field())
	}
	f.must("}")
	return d
}
