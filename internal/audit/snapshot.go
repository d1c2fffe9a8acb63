package audit

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"narthex/internal/journal"
	"narthex/internal/store"
	"narthex/ledger"
)

// snapshot is a row of the table of snapshots: what was folded when the tables were found to be that, signed.
type snapshot struct {
	Note  string `json:"note"`
	State []byte `json:"state"` // JSON, compressed
}

// snapshotText is what is signed: the ledger's origin, how many entries were folded, their root, and the digest of the state.
// It cannot be taken for a checkpoint, whose first line is the origin.
func snapshotText(origin string, size uint64, root ledger.Hash, state [32]byte) string {
	encode := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("narthex ledger snapshot v2\n%s\n%d\n%s\n%s\n", origin, size, encode(root[:]), encode(state[:]))
}

func snapshotKey(size uint64) string { return fmt.Sprintf("%016x", size) }

// seal makes the snapshot's row. Whoever calls it has compared the fold with the tables and found no difference.
func (f *Fold) seal(signer note.Signer) ([]byte, error) {
	for id := range f.Cases {
		if _, err := f.rowOf(id); err != nil {
			return nil, err
		}
	}
	f.settleTree()
	plain, err := json.Marshal(f.state)
	if err != nil {
		return nil, fmt.Errorf("write snapshot: %w", err)
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(plain); err != nil || w.Close() != nil {
		return nil, errors.New("write snapshot: it does not compress")
	}
	signed, err := note.Sign(&note.Note{Text: snapshotText(signer.Name(), f.Size, f.tree.Root(), sha256.Sum256(packed.Bytes()))}, signer)
	if err != nil {
		return nil, fmt.Errorf("sign snapshot: %w", err)
	}
	return json.Marshal(snapshot{string(signed), packed.Bytes()})
}

// mostState bounds a snapshot, in bytes, once it is unpacked.
const mostState = 1 << 30

// errSnapshot says that a snapshot is of no use; the entries are folded from the first on then.
var errSnapshot = errors.New("the snapshot does not read, or is not signed by the ledger's key over these entries")

// latest gives the fold of the latest snapshot, or of no entries where there is none. One that the key did not sign over the
// entries as they are stored is errSnapshot.
func latest(r store.Reader, key string) (*Fold, error) {
	f, err := NewFold()
	if err != nil {
		return nil, err
	}
	rows, err := r.Scan(store.Snapshots, store.Span{Reverse: true, Limit: 1})
	if err != nil || len(rows) == 0 {
		return f, err
	}
	var row snapshot
	verifier, err := note.NewVerifier(key)
	if err != nil || json.Unmarshal(rows[0].Value, &row) != nil {
		return nil, errSnapshot
	}
	opened, err := note.Open([]byte(row.Note), note.VerifierList(verifier))
	digest := sha256.Sum256(row.State)
	if err != nil || !strings.HasSuffix(opened.Text, "\n"+base64.StdEncoding.EncodeToString(digest[:])+"\n") {
		return nil, errSnapshot // nothing is unpacked that was not signed
	}
	unpacked, err := gzip.NewReader(bytes.NewReader(row.State))
	if err != nil || json.NewDecoder(io.LimitReader(unpacked, mostState)).Decode(&f.state) != nil {
		return nil, errSnapshot
	}
	f.state.fill()
	tree, err := ledger.OpenTree(f.Size, journal.Tiles{Reader: r}.Tile)
	if err != nil || opened.Text != snapshotText(verifier.Name(), f.Size, tree.Root(), digest) {
		return nil, errSnapshot
	}
	f.tree, f.base = tree, f.Size
	return f, nil
}
