package evidence

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"narthex"
	"narthex/internal/agreement"
	"narthex/internal/wire"
	"narthex/internal/workflow"
	"narthex/ledger"
)

const (
	mostSmall = 8 << 20 // of a file that is read whole, in bytes
	mostLine  = 4 << 20
	mostFiles = 64
)

// Checked is what a folder that was checked shows.
type Checked struct {
	Origin     string                    `json:"origin"`
	Engagement narthex.EngagementID      `json:"engagement"`
	Grant      narthex.GrantID           `json:"grant,omitempty"`
	By         narthex.PersonID          `json:"by"`
	Handed     time.Time                 `json:"handed"` // when it was handed out
	Manifest   narthex.Digest            `json:"manifest"`
	Size       uint64                    `json:"size"`
	Agreement  narthex.Digest            `json:"agreement,omitempty"`
	Signatures []agreement.Signed        `json:"signatures,omitempty"`
	Outside    narthex.Digest            `json:"outside,omitempty"` // of the outside document in the folder
	Recorded   int                       `json:"recorded"`          // of them in the ledger, by entries of the folder
	Entries    map[narthex.EntryType]int `json:"entries"`
	Withheld   int                       `json:"withheld"` // fields
	Partly     int                       `json:"partly"`   // entries with a withheld field
	Events     int                       `json:"events"`
	Open       []string                  `json:"open"` // calls without an outcome in it
	Checkpoint string                    `json:"-"`
}

// wrong says what is at fault in which file.
func wrong(file, format string, args ...any) error {
	return &ledger.TamperError{Index: -1, What: file + ": " + fmt.Sprintf(format, args...)}
}

// Verify checks a folder under the keys that the ledger has had. The error is a *ledger.TamperError that names the file at fault,
// the first in the order of handed.json, manifest.json and the manifest's files; or the folder's own where it cannot be read.
func Verify(folder Folder, keys ...string) (Checked, error) {
	v := &verifier{folder: folder, keys: keys, events: map[narthex.Digest]bool{}, intents: map[string]bool{}}
	v.out.Entries, v.out.Open = map[narthex.EntryType]int{}, []string{}
	for _, step := range []func() error{v.names, v.handed, v.files, v.checkpoint, v.agreed, v.outside, v.entries, v.told} {
		if err := step(); err != nil {
			return Checked{}, err
		}
	}
	v.out.Open = append(v.out.Open, slices.Sorted(maps.Keys(v.intents))...)
	return v.out, nil
}

type verifier struct {
	folder   Folder
	keys     []string
	here     []string // what is in the folder
	manifest Manifest
	later    ledger.Checkpoint // of the handing out
	proof    Handed
	now      ledger.Checkpoint // of the folder
	bundle   *agreement.Bundle
	events   map[narthex.Digest]bool // of entries, and whether the text was found
	intents  map[string]bool         // calls without an outcome so far
	unsigned error                   // that a signature which was recorded is not the agreement's
	out      Checked
}

// names refuses what does not belong here, and looks for what every folder has.
func (v *verifier) names() error {
	var err error
	if v.here, err = v.folder.Names(); err != nil {
		return err
	}
	if len(v.here) > mostFiles {
		return wrong("the folder", "it holds %d files, which is more than any evidence has", len(v.here))
	}
	for _, name := range v.here {
		if !known(name) {
			return wrong(name, "it is no file of evidence: it was added")
		}
	}
	for _, name := range []string{HandedAt, ManifestAt} {
		if !slices.Contains(v.here, name) {
			return wrong(name, "it is missing")
		}
	}
	return nil
}

// small reads a file whole.
func (v *verifier) small(name string) ([]byte, error) {
	file, err := v.folder.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, mostSmall+1))
	if err == nil && len(data) > mostSmall {
		err = wrong(name, "it is longer than such a file can be")
	}
	return data, err
}

// document reads a file that has one form.
func document[T interface{ Marshal() ([]byte, error) }](v *verifier, name string) (read T, data []byte, err error) {
	if data, err = v.small(name); err != nil {
		return read, nil, err
	}
	if read, err = wire.Decode[T](data, wire.Limits{Bytes: mostSmall, Depth: 24}); err != nil {
		return read, nil, wrong(name, "it does not read: it was changed")
	}
	if form, err := read.Marshal(); err != nil || !bytes.Equal(form, data) {
		return read, nil, wrong(name, "it is not written in its one form: it was changed")
	}
	return read, data, nil
}

// handed checks that the lab handed out a folder, and that the manifest is that folder's.
func (v *verifier) handed() error {
	var err error
	if v.proof, _, err = document[Handed](v, HandedAt); err != nil {
		return err
	}
	if v.proof.Format != handedFormat {
		return wrong(HandedAt, "it is of another format")
	}
	at := time.Time{}
	err = v.underAny(func(key string) error {
		v.later, at, err = v.proof.Entry.Stands(v.proof.Checkpoint, key)
		return err
	})
	if err != nil {
		return wrong(HandedAt, "%s", said(err))
	}
	if _, signatures, _ := strings.Cut(v.proof.Checkpoint, "\n\n"); strings.Count(signatures, "\n") != 1 {
		return wrong(HandedAt, "its checkpoint has other signatures than the log's own")
	}
	o := v.proof.Entry.Opening
	if o.Type != narthex.EntryEngagementRead || !IsHandedOut(o.Text("what")) {
		return wrong(HandedAt, "its entry is of no handing out")
	}
	manifest, data, err := document[Manifest](v, ManifestAt)
	if err != nil {
		return err
	}
	if HandedOut(data) != o.Text("what") {
		return wrong(ManifestAt, "the lab handed out another manifest: this one was changed, or belongs to another %s", HandedAt)
	}
	if manifest.Format != manifestFormat || string(manifest.Engagement) != o.Text("engagement") || string(manifest.By) != o.Text("by") || manifest.Origin != v.later.Origin {
		return wrong(ManifestAt, "it says another engagement, person or ledger than the entry of its handing out")
	}
	v.manifest = manifest
	v.out.Origin, v.out.Engagement, v.out.Grant, v.out.By, v.out.Handed, v.out.Manifest, v.out.Size = manifest.Origin, manifest.Engagement, manifest.Grant, manifest.By, at, Of(ManifestAt, data).Digest, manifest.Size
	return nil
}

// files holds every file to its digest.
func (v *verifier) files() error {
	last := -1
	for _, file := range v.manifest.Files {
		at := slices.Index(Listed(), file.Name)
		if at <= last {
			return wrong(ManifestAt, "it lists a file that there is not, or twice, or out of order")
		}
		last = at
		if !slices.Contains(v.here, file.Name) {
			return wrong(file.Name, "it is missing")
		}
		open, err := v.folder.Open(file.Name)
		if err != nil {
			return err
		}
		m := NewMeasure()
		_, err = io.Copy(m, io.LimitReader(open, file.Bytes+1))
		open.Close()
		if err != nil {
			return err
		}
		if m.File(file.Name) != file {
			return wrong(file.Name, "it has not the digest that the manifest states: it was changed")
		}
	}
	for _, name := range v.here {
		if name != ManifestAt && name != HandedAt && name != Outside && !v.lists(name) {
			return wrong(name, "the manifest does not list it: it was added")
		}
	}
	for _, name := range Listed() {
		if name != Agreement && name != Outside && !v.lists(name) {
			return wrong(ManifestAt, "it does not list %s", name)
		}
	}
	return nil
}

func (v *verifier) lists(name string) bool {
	return slices.ContainsFunc(v.manifest.Files, func(f File) bool { return f.Name == name })
}

// checkpoint checks the folder's checkpoint, and that the one of its handing out goes on from it.
func (v *verifier) checkpoint() error {
	text, err := v.small(Checkpoint)
	if err != nil {
		return err
	}
	v.out.Checkpoint = string(text)
	if err := v.underAny(func(key string) error { v.now, err = ledger.OpenCheckpoint(string(text), key); return err }); err != nil {
		return wrong(Checkpoint, "it is not signed by the given key")
	}
	stated, err := v.small(Key)
	if err != nil {
		return err
	}
	if !slices.Contains(v.keys, strings.TrimSuffix(string(stated), "\n")) {
		return wrong(Key, "the key that the lab states is none of those that were brought")
	}
	if v.now.Size != v.manifest.Size || v.now.Origin != v.manifest.Origin {
		return wrong(Checkpoint, "it is of another size or ledger than the manifest says")
	}
	var proof []ledger.Hash
	for _, hash := range v.proof.Consistency {
		if len(hash) != len(ledger.Hash{}) {
			return wrong(HandedAt, "a hash of its proof has not 32 bytes")
		}
		proof = append(proof, ledger.Hash(hash))
	}
	if err := ledger.CheckConsistency(v.now.Size, v.now.Root, v.later.Size, v.later.Root, proof); err != nil {
		return wrong(HandedAt, "its checkpoint does not go on from the folder's")
	}
	return nil
}

// agreed checks the agreement and all its signatures.
func (v *verifier) agreed() error {
	if !v.lists(Agreement) {
		return nil
	}
	data, err := v.small(Agreement)
	if err != nil {
		return err
	}
	report, err := agreement.VerifyBundle(data, nil)
	if err != nil {
		return wrong(Agreement, "%s", said(err))
	}
	bundle, err := wire.Decode[agreement.Bundle](data, wire.Limits{Bytes: mostSmall, Depth: 24})
	if err != nil {
		return wrong(Agreement, "it does not read")
	}
	v.bundle, v.out.Agreement, v.out.Signatures = &bundle, report.Digest, report.Signatures
	return nil
}

// outside checks that the outside document, which the lab handed out or whoever has the folder added, is the one that every party signed.
func (v *verifier) outside() error {
	if !slices.Contains(v.here, Outside) {
		return nil
	}
	if v.bundle == nil || v.bundle.Outside == nil {
		return wrong(Outside, "no outside document was signed with the agreement: it was added")
	}
	file, err := v.folder.Open(Outside)
	if err != nil {
		return err
	}
	defer file.Close()
	measure := NewMeasure()
	if _, err := io.Copy(measure, io.LimitReader(file, narthex.MostElsewhere+1)); err != nil {
		return err
	}
	if is := measure.File(Outside); is.Digest != v.bundle.Outside.Digest || is.Bytes != v.bundle.Outside.Size {
		return wrong(Outside, "it is another document than the one that was signed")
	}
	v.out.Outside = v.bundle.Outside.Digest
	return nil
}

// entries checks every line: that it stands in the log, is about the engagement, and says what was recorded.
func (v *verifier) entries() error {
	next := uint64(0)
	err := v.each(Entries, func(n int, line []byte) error {
		entry, err := wire.Decode[ledger.ShownEntry](line, wire.Limits{Bytes: mostLine, Depth: 8})
		if err != nil {
			return wrong(Entries, "line %d does not read", n)
		}
		if entry.Index < next {
			return wrong(Entries, "line %d: the entry %d stands out of order", n, entry.Index)
		}
		next = entry.Index + 1
		if _, err := entry.Stands(v.now); err != nil {
			return wrong(Entries, "line %d, entry %d: %s", n, entry.Index, err)
		}
		return v.entry(n, entry)
	})
	if err == nil {
		err = v.unsigned
	}
	return err
}

// entry holds a line to the engagement and to what came before it.
func (v *verifier) entry(n int, e ledger.ShownEntry) error {
	if !about(string(v.manifest.Engagement), string(v.manifest.Grant), e.Text) {
		return wrong(Entries, "line %d, entry %d: it is not about this engagement", n, e.Index)
	}
	v.out.Entries[e.Type()]++
	hidden := 0
	for _, leaf := range e.Leaves {
		if leaf.Withheld != nil {
			hidden++
		}
	}
	if v.out.Withheld += hidden; hidden > 0 {
		v.out.Partly++
	}
	switch e.Type() {
	case narthex.EntryEngagementChanged:
		if !e.Hides("event") {
			v.events[narthex.Digest(e.Text("event"))] = false
		}
		if e.Text("command") == string(workflow.Bind) { // what was signed before is on another document or none
			v.out.Recorded, v.unsigned = 0, nil
		}
	case narthex.EntryCallIntent:
		if !e.Hides("key") {
			v.intents[string(narthex.MakeCallID(e.Index))] = true
		}
	case narthex.EntryCallOutcome:
		if !e.Hides("call") {
			if !v.intents[e.Text("call")] {
				return wrong(Entries, "line %d, entry %d: it is the outcome of a call that is not here", n, e.Index)
			}
			delete(v.intents, e.Text("call"))
		}
	case narthex.EntryAgreementSigned:
		if v.bundle != nil && e.Text("agreement") == string(v.bundle.Digest) {
			v.out.Recorded++
			if !slices.ContainsFunc(v.bundle.Signatures, func(s narthex.SignedBy) bool {
				return string(s.Party) == e.Text("party") && string(s.By) == e.Text("by") && s.Signer == e.Text("signer")
			}) && v.unsigned == nil {
				v.unsigned = wrong(Entries, "line %d, entry %d: the agreement has not this signature", n, e.Index)
			}
		}
	}
	return nil
}

// told holds every event to the entry that names its digest.
func (v *verifier) told() error {
	seq := 0
	return v.each(Events, func(n int, line []byte) error {
		digest := Of(Events, line).Digest
		if found, named := v.events[digest]; !named || found {
			return wrong(Events, "line %d: no entry has its digest, or it stands twice", n)
		}
		v.events[digest] = true
		event, err := wire.Decode[workflow.Event](line, wire.Limits{Bytes: mostLine, Depth: 24})
		if err != nil || event.Seq <= seq {
			return wrong(Events, "line %d: it does not read, or stands out of order", n)
		}
		seq = event.Seq
		v.out.Events++
		return nil
	})
}

// each gives the lines of a file, one at a time, without their ends.
func (v *verifier) each(name string, visit func(n int, line []byte) error) error {
	file, err := v.folder.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(make([]byte, 1<<16), mostLine)
	lines.Split(wholeLines)
	for n := 1; lines.Scan(); n++ {
		if err := visit(n, lines.Bytes()); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return wrong(name, "a line has no end, or is longer than any can be")
	}
	return nil
}

// wholeLines splits at newlines alone, and refuses a last line without one.
func wholeLines(data []byte, end bool) (int, []byte, error) {
	if at := bytes.IndexByte(data, '\n'); at >= 0 {
		return at + 1, data[:at], nil
	}
	if end && len(data) > 0 {
		return 0, nil, io.ErrUnexpectedEOF
	}
	return 0, nil, nil
}

// underAny runs a check under each key until one holds.
func (v *verifier) underAny(check func(key string) error) error {
	err := errors.New("no key was brought")
	for _, key := range v.keys {
		if err = check(key); err == nil {
			return nil
		}
	}
	return err
}

// said gives what an error tells a person.
func said(err error) string {
	var tampered *ledger.TamperError
	if errors.As(err, &tampered) {
		return tampered.What
	}
	return narthex.AsError(err).Public
}
