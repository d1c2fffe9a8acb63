// Package evidence is the folder that proves what happened with one engagement to whoever holds it: the agreement as it was signed,
// every entry of the ledger that is about it, the events that those entries bind, and the checkpoint in which all of it stands.
//
// It promises that a folder says nothing which its asker may not see, and shows what of an entry is withheld by the digest that
// stands in its place; that the same ledger gives the same folder to the same person, but for the proof that it was handed out;
// and that Verify, offline and under a key that the reader brings, finds any byte that was changed, any file that was added, left
// out or exchanged, and names the first that is wrong. That is so because the digest of the manifest, which has the digests of
// all files, stands in the ledger's entry of the handing out: nobody can make another folder of it, with whatever manifest.
//
// It is pure, and keeps nothing of what it reads but what people decided. It trusts its caller for the entries, rows and roles that it
// is given; a verifier trusts the key alone. docs/evidence.md is the format. Read next: sight.go for who sees what, verify.go.
package evidence

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"hash"
	"io"
	"slices"

	"narthex"
	"narthex/ledger"
)

const (
	manifestFormat = "narthex evidence v1"
	handedFormat   = "narthex evidence handed out v1"
)

// The files of a folder.
const (
	ReadMe     = "README.txt"
	Key        = "key"
	Checkpoint = "checkpoint"
	Agreement  = "agreement.json" // absent while there is no grant
	Entries    = "entries.jsonl"
	Events     = "events.jsonl"
	ManifestAt = "manifest.json"
	HandedAt   = "handed.json"
	Outside    = "outside.pdf" // that the agreement has the digest of; where the lab does not keep it, whoever has the folder may add it
)

// Listed gives the files that a manifest may list, in its order.
func Listed() []string { return []string{ReadMe, Key, Checkpoint, Agreement, Outside, Entries, Events} }

// Manifest lists the files of a folder, and says of what and for whom it is.
type Manifest struct {
	Format     string               `json:"format"`
	Origin     string               `json:"origin"`
	Engagement narthex.EngagementID `json:"engagement"`
	Grant      narthex.GrantID      `json:"grant,omitempty"`
	By         narthex.PersonID     `json:"by"`   // who asked
	Size       uint64               `json:"size"` // of the ledger: entries of later ones are not in it
	Files      []File               `json:"files"`
}

// File is one file of a folder.
type File struct {
	Name   string         `json:"name"`
	Bytes  int64          `json:"bytes"`
	Digest narthex.Digest `json:"digest"`
}

// NewManifest makes one without its files.
func NewManifest(origin string, e narthex.Engagement, by narthex.PersonID, size uint64) *Manifest {
	return &Manifest{Format: manifestFormat, Origin: origin, Engagement: e.ID, Grant: e.Grant, By: by, Size: size, Files: []File{}}
}

// Marshal writes the manifest in its one form.
func (m Manifest) Marshal() ([]byte, error) { return lines(m) }

// Handed proves that the folder with that manifest was handed out: an entry engagement.read names the digest of the manifest. It
// stands in a later checkpoint than the folder's, which goes on from it.
type Handed struct {
	Format      string             `json:"format"`
	Checkpoint  string             `json:"checkpoint"`  // with the signature of the log's key alone
	Consistency [][]byte           `json:"consistency"` // RFC 6962, from the folder's checkpoint to this one
	Entry       ledger.ProvenEntry `json:"entry"`
}

// NewHanded makes the proof without its entry.
func NewHanded(checkpoint string, consistency []ledger.Hash) *Handed {
	h := &Handed{Format: handedFormat, Checkpoint: checkpoint, Consistency: [][]byte{}}
	for _, hash := range consistency {
		h.Consistency = append(h.Consistency, hash[:])
	}
	return h
}

// Marshal writes the proof in its one form.
func (h Handed) Marshal() ([]byte, error) { return Line(h) }

// lines writes a document that people may read.
func lines(v any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	err := encoder.Encode(v)
	return out.Bytes(), err
}

// Line writes one line of a file of lines.
func Line(v any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v)
	return out.Bytes(), err
}

// Measure counts and digests what is written to it.
type Measure struct {
	sum   hash.Hash
	bytes int64
}

// NewMeasure begins one.
func NewMeasure() *Measure { return &Measure{sum: sha256.New()} }

func (m *Measure) Write(data []byte) (int, error) {
	m.bytes += int64(len(data))
	return m.sum.Write(data)
}

// File gives the file that was written.
func (m *Measure) File(name string) File {
	return File{name, m.bytes, narthex.MakeDigest([32]byte(m.sum.Sum(nil)))}
}

// Of gives the file that has these bytes.
func Of(name string, data []byte) File {
	m := NewMeasure()
	_, _ = m.Write(data) // a hash takes all
	return m.File(name)
}

// HandedOut is what the entry of a handing out says was read.
func HandedOut(manifest []byte) string { return handedOut + string(Of(ManifestAt, manifest).Digest) }

const handedOut = "evidence "

// IsHandedOut says whether an entry that tells of a reading tells of a handing out.
func IsHandedOut(what string) bool {
	digest, of := bytes.CutPrefix([]byte(what), []byte(handedOut))
	_, err := narthex.ParseDigest(string(digest))
	return of && err == nil
}

// Words is the file for whoever opens a folder.
func Words() string {
	return `This folder proves what happened with one engagement, as far as the one who asked may see it.

manifest.json   the files of this folder with their SHA-256
handed.json     the ledger's entry that has the SHA-256 of manifest.json: the lab handed out exactly this
key             the ledger's verifier key, as the lab states it; bring it from another source
checkpoint      the state of the ledger, signed by the lab and by its witnesses
agreement.json  the agreement with the signatures of all parties
outside.pdf     the document signed elsewhere that is bound to it, where there is one: the signatures are on its SHA-256
entries.jsonl   the ledger's entries about this engagement: each with its place in the checkpoint's tree; what is
                withheld of one stands as the digest that it has in the entry's own tree
events.jsonl    what people did and wrote; the SHA-256 of a line, without its end, stands in an entry

Check all of it, on any machine, without a network:

  narthex evidence verify THIS-FOLDER --key KEY

To check it by other means, or by hand, read "Evidence" in the documentation of Narthex.
`
}

// Folder is files by name.
type Folder interface {
	// Names lists everything in the folder, sorted.
	Names() ([]string, error)
	// Open gives a file's bytes.
	Open(name string) (io.ReadCloser, error)
}

// known says whether a name is of the format.
func known(name string) bool {
	return name == ManifestAt || name == HandedAt || slices.Contains(Listed(), name)
}
