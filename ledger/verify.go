package ledger

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

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

// Report is what a verified export holds.
type Report struct {
	Origin     string                    `json:"origin"`
	Size       uint64                    `json:"size"`
	Root       string                    `json:"root"` // hexadecimal
	Opened     uint64                    `json:"opened"`
	First      time.Time                 `json:"first"`
	Last       time.Time                 `json:"last"`
	Governance uint64                    `json:"governance"`
	Use        uint64                    `json:"use"`
	ByType     map[narthex.EntryType]int `json:"by_type"`
	Open       []narthex.CallID          `json:"open"` // calls without an outcome
}

// longestLine bounds one line of an export, in bytes.
const longestLine = 1 << 20

// Verify reads an export and checks it against the key. In this order, for each entry: its line reads strictly and has the
// next index; its record is well formed and its leaf is the record's; its opening, where it is shown, is the record's; time
// does not go back; the first opened entry is an inception and no other is; a call has at most one outcome, after its intent;
// a grant comes after its application, its approvals by two people and its signatures; a change of the log's key is signed by
// both keys, and is followed. At the end: the number of entries and
// the tree's root are those of the checkpoint, and the checkpoint is signed by the key. Memory grows with governance and not
// with use. The error is a *TamperError where the export is at fault.
func Verify(r io.Reader, verifierKey string) (Report, error) {
	in := bufio.NewReaderSize(r, longestLine)
	head, err := readHeader(in)
	if err != nil {
		return Report{}, err
	}
	v := newVerification(verifierKey)
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
		if err := v.entry(data); err != nil {
			return v.report, err
		}
	}
	return v.report, v.finish(head)
}

func readHeader(in *bufio.Reader) (header, error) {
	data, err := readLine(in)
	if err != nil {
		return header{}, &TamperError{-1, err.Error()}
	}
	var head header
	if err := strict(data, &head); err != nil || head.Format != exportFormat {
		return header{}, &TamperError{-1, "the first line is not that of a ledger's export"}
	}
	return head, nil
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

// strict decodes one line: exact names, none twice, none unknown, nothing after it, and written as we write it.
func strict(data []byte, into any) error {
	if err := json.Unmarshal(data, into, json.RejectUnknownMembers(true), jsontext.AllowDuplicateNames(false), json.MatchCaseInsensitiveNames(false)); err != nil {
		return err
	}
	again, err := json.Marshal(into)
	if err == nil && !bytes.Equal(again, data) {
		err = errors.New("it is not written in its one form")
	}
	return err
}

// verification is the state of a Verify.
type verification struct {
	report Report
	tree   Tree
	open   map[uint64]bool
	cases  map[string]*caseHistory
	signed map[string]map[string]bool // parties that signed, by agreement
	keys   *Keys
	last   Record
}

// caseHistory is what has happened in one engagement, as far as a grant rests on it.
type caseHistory struct {
	submitted bool
	approvals map[string]bool // people, since the last edit
}

func newVerification(verifierKey string) *verification {
	return &verification{keys: NewKeys(verifierKey), report: Report{ByType: map[narthex.EntryType]int{}, Open: []narthex.CallID{}}, open: map[uint64]bool{},
		cases: map[string]*caseHistory{}, signed: map[string]map[string]bool{}}
}

func (v *verification) tampered(format string, args ...any) error {
	return &TamperError{int64(v.tree.Size()), fmt.Sprintf(format, args...)}
}

func (v *verification) entry(data []byte) error {
	var l line
	if err := strict(data, &l); err != nil {
		return v.tampered("its line does not read as an entry")
	}
	if l.Index != v.tree.Size() {
		return v.tampered("its line says that it is entry %d", l.Index)
	}
	record, err := ParseRecord(l.Record)
	if err != nil {
		return v.tampered("its record is not well formed")
	}
	if leaf := record.Leaf(); !bytes.Equal(leaf[:], l.Leaf) {
		return v.tampered("its record and its leaf do not match")
	}
	if l.Index > 0 && record.Time().Before(v.last.Time()) {
		return v.tampered("it is earlier than the entry before it")
	}
	if l.Opening != nil {
		if err := l.Opening.Opens(record); err != nil {
			return v.tampered("what it says is not what was recorded")
		}
		if err := v.story(*l.Opening); err != nil {
			return err
		}
	}
	v.count(record, l.Opening)
	v.tree.Append(record)
	v.last = record
	return nil
}

func (v *verification) count(record Record, opening *Opening) {
	r := &v.report
	if r.Size == 0 {
		r.First = record.Time()
	}
	r.Size, r.Last = r.Size+1, record.Time()
	if record.Class() == narthex.UseEntry {
		r.Use++
	} else {
		r.Governance++
	}
	if opening != nil {
		r.Opened++
		r.ByType[opening.Type]++
	}
}

// story checks the rules between entries.
func (v *verification) story(o Opening) error {
	index := v.tree.Size()
	if (index == 0) != (o.Type == narthex.EntryInception) {
		return v.tampered("a log begins with its inception, and has one only")
	}
	if err := v.keys.See(index, o); err != nil {
		return v.tampered("%s", err)
	}
	switch o.Type {
	case narthex.EntryCallIntent:
		v.open[index] = true
	case narthex.EntryCallOutcome:
		intent, err := narthex.CallID(o.Text("call")).Index()
		if err != nil || !v.open[intent] {
			return v.tampered("it is the outcome of a call that is not open")
		}
		delete(v.open, intent)
	case narthex.EntryEngagementChanged:
		v.caseChanged(o)
	case narthex.EntryAgreementSigned:
		agreement := o.Text("agreement")
		if v.signed[agreement] == nil {
			v.signed[agreement] = map[string]bool{}
		}
		v.signed[agreement][o.Text("party")] = true
	case narthex.EntryGrantActive:
		history := v.cases[o.Text("engagement")]
		parties := v.signed[o.Text("agreement")]
		if history == nil || !history.submitted || len(history.approvals) < 2 {
			return v.tampered("a grant came into force without an application and two people's approvals before it")
		}
		if len(parties) < 2 || !parties[string(narthex.PartyLab)] {
			return v.tampered("a grant came into force without the signatures before it")
		}
	}
	return nil
}

func (v *verification) caseChanged(o Opening) {
	id := o.Text("engagement")
	history := v.cases[id]
	if history == nil {
		history = &caseHistory{approvals: map[string]bool{}}
		v.cases[id] = history
	}
	switch o.Text("command") {
	case "submit":
		history.submitted = true
		clear(history.approvals)
	case "approve":
		history.approvals[o.Text("by")] = true
	case "return", "revise", "edit":
		clear(history.approvals)
	}
}

func (v *verification) end(in *bufio.Reader, data []byte) error {
	var t trailer
	if err := strict(data, &t); err != nil || t.End != v.tree.Size() {
		return v.tampered("the export's last line does not count the entries before it")
	}
	if _, err := in.ReadByte(); err != io.EOF {
		return &TamperError{-1, "there is something after the export's last line"}
	}
	return nil
}

func (v *verification) finish(head header) error {
	root := v.tree.Root()
	v.report.Root = fmt.Sprintf("%x", root)
	for index := range v.open {
		v.report.Open = append(v.report.Open, narthex.MakeCallID(index))
	}
	verifierKey, err := v.keys.Last()
	if err != nil {
		return &TamperError{-1, err.Error()}
	}
	checkpoint, err := OpenCheckpoint(head.Checkpoint, verifierKey)
	if err != nil {
		return &TamperError{-1, "the checkpoint is not signed by the given key, or was changed"}
	}
	v.report.Origin = checkpoint.Origin
	if checkpoint.Size != v.tree.Size() {
		return &TamperError{-1, fmt.Sprintf("the checkpoint counts %d entries and the export holds %d", checkpoint.Size, v.tree.Size())}
	}
	if checkpoint.Root != root {
		return &TamperError{-1, "the entries fit together but are not those that the checkpoint signed"}
	}
	if head.Key != verifierKey {
		return &TamperError{-1, "the export states another key than the one it was checked with"}
	}
	return nil
}

// StatedKey gives the verifier key that an export states for itself, to be shown and not to be believed.
func StatedKey(r io.Reader) (string, error) {
	head, err := readHeader(bufio.NewReaderSize(r, longestLine))
	return head.Key, err
}
