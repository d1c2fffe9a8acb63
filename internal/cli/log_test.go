package cli_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/mod/sumdb/note"

	"narthex"
	"narthex/client"
	"narthex/ledger"
)

// log is a ledger of two entries, under the same key in every run.
type log struct {
	secret     string
	key        string
	checkpoint string
	records    []ledger.Record
	openings   []ledger.Opening
}

func newLog() (*log, error) {
	secret, public, err := ledger.NewKey(bytes.NewReader(bytes.Repeat([]byte{7}, 64)), origin)
	if err != nil {
		return nil, err
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		return nil, err
	}
	l := &log{secret: secret, key: public}
	var tree ledger.Tree
	for i, entry := range []narthex.Entry{
		{Type: narthex.EntryInception, At: noon, Fields: []narthex.Field{narthex.TextField("lab", "A Lab"), narthex.TextField("origin", origin), narthex.TextField("directory", "sha256:0"), narthex.TextField("guardrails", "sha256:1"),
			narthex.TextField("custodians", "per_a per_b"), narthex.FlagField("single_custodian", false), narthex.TextField("log_key", public)}},
		{Type: narthex.EntrySessionOpened, At: noon, Fields: []narthex.Field{narthex.TextField("person", adaID), narthex.TextField("session", "ses_a"), narthex.TextField("token", "a")}},
	} {
		record, opening, err := ledger.Seal(entry, sha256.Sum256([]byte{byte(i)}))
		if err != nil {
			return nil, err
		}
		tree.Append(record)
		l.records, l.openings = append(l.records, record), append(l.openings, opening)
	}
	l.checkpoint, err = ledger.SignCheckpoint(signer, tree.Size(), tree.Root())
	return l, err
}

func (l *log) state() client.LedgerState {
	return client.LedgerState{Origin: origin, Key: l.key, Size: uint64(len(l.records)), Checkpoint: l.checkpoint}
}

// proof proves an entry of the two: its sibling is the whole path. The second entry's words are withheld.
func (l *log) proof(text string) (any, error) {
	index := map[string]int{"0": 0, "1": 1}[text]
	if text != fmt.Sprint(index) {
		return nil, narthex.WithheldError()
	}
	sibling := l.records[1-index].Leaf()
	proof := client.EntryProof{Index: uint64(index), Record: l.records[index][:], Checkpoint: l.checkpoint, Proof: []string{base64.StdEncoding.EncodeToString(sibling[:])}}
	if index == 0 {
		opening, err := json.Marshal(l.openings[0])
		proof.Opening = opening
		return proof, err
	}
	return proof, nil
}

// writeLedger puts an export into a script's folder and its key into KEY.
func writeLedger(env *testscript.Env) error {
	l, err := newLog()
	if err != nil {
		return err
	}
	var out bytes.Buffer
	exporter, err := ledger.NewExporter(&out, l.key, l.checkpoint)
	if err != nil {
		return err
	}
	for i, record := range l.records {
		if err := exporter.Entry(record, &l.openings[i]); err != nil {
			return err
		}
	}
	if err := exporter.Close(); err != nil {
		return err
	}
	env.Setenv("KEY", l.key)
	return os.WriteFile(filepath.Join(env.WorkDir, "ledger.jsonl"), out.Bytes(), 0o644)
}
