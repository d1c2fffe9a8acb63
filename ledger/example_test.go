package ledger_test

import (
	"bytes"
	"fmt"
	"log"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"narthex"
	"narthex/ledger"
)

// A lab seals what happened, signs a checkpoint over it and gives an auditor the export. The auditor has the lab's key from
// elsewhere, verifies, and finds the byte that someone changed.
func Example() {
	secret, key, err := ledger.NewKey(strings.NewReader(strings.Repeat("randomness ", 9)), "lab.example")
	if err != nil {
		log.Fatal(err)
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		log.Fatal(err)
	}
	record, opening, err := ledger.Seal(narthex.Entry{
		Type: narthex.EntryInception,
		At:   time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Fields: []narthex.Field{
			narthex.TextField("lab", "Example Lab"), narthex.TextField("origin", "lab.example"), narthex.TextField("directory", "sha256:…"),
			narthex.TextField("guardrails", "sha256:…"), narthex.NumberField("custodians", 2), narthex.FlagField("single_custodian", false), narthex.TextField("log_key", key),
		},
	}, [32]byte{1}) // a seed is fresh randomness
	if err != nil {
		log.Fatal(err)
	}
	var tree ledger.Tree
	tree.Append(record)
	checkpoint, err := ledger.SignCheckpoint(signer, tree.Size(), tree.Root())
	if err != nil {
		log.Fatal(err)
	}
	var export bytes.Buffer
	exporter, err := ledger.NewExporter(&export, key, checkpoint)
	if err != nil {
		log.Fatal(err)
	}
	if err := exporter.Entry(record, &opening); err != nil {
		log.Fatal(err)
	}
	if err := exporter.Close(); err != nil {
		log.Fatal(err)
	}

	report, err := ledger.Verify(strings.NewReader(export.String()), key)
	fmt.Println(report.Size, report.Origin, err)
	_, err = ledger.Verify(strings.NewReader(strings.Replace(export.String(), "Example", "Exemple", 1)), key)
	fmt.Println(err)
	// Output:
	// 1 lab.example <nil>
	// entry 0: what it says is not what was recorded. Do not rely on this copy; get another from the lab and compare the two
}

// One field of an entry is shown to someone who sees nothing else of it.
func ExampleOpening_OpenField() {
	record, opening, err := ledger.Seal(narthex.Entry{
		Type:   narthex.EntryLedgerRead,
		At:     time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Fields: []narthex.Field{narthex.TextField("by", "per_someone"), narthex.TextField("what", "export")},
	}, [32]byte{1})
	if err != nil {
		log.Fatal(err)
	}
	proof, err := opening.OpenField("what")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(proof.Field.Value, proof.Verify(record))
	// Output:
	// "export" <nil>
}
