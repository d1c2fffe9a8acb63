package office

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"slices"

	"narthex"
	"narthex/client"
	"narthex/internal/journal"
	"narthex/internal/store"
	"narthex/ledger"
)

// Export writes the whole ledger. Auditors and the lab's custodians see what every entry says; the reading is an entry too,
// which the next export holds. It ends where its reader's right to it does: what is left is not written.
func (o *Office) Export(ctx context.Context, by narthex.PersonID, w io.Writer) error {
	err := o.act(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		if err := need(p, narthex.Auditor, narthex.Custodian); err != nil {
			return err
		}
		_, err := tx.Append(narthex.EntryLedgerRead, narthex.TextField("by", p.ID), narthex.TextField("what", "export"))
		return err
	})
	if err != nil {
		return err
	}
	var head journal.Head
	if err := o.Journal.View(ctx, func(tx *journal.Tx) (err error) { head, err = journal.ReadHead(tx.Reader()); return err }); err != nil {
		return err
	}
	var part bytes.Buffer
	out, err := ledger.NewExporter(&part, o.LogKey, head.Checkpoint)
	for from := uint64(0); err == nil && from < head.Size; from += exportPart {
		err = o.look(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
			if err := need(p, narthex.Auditor, narthex.Custodian); err != nil {
				return err
			}
			return journal.EachEntry(tx.Reader(), from, min(from+exportPart, head.Size), func(_ uint64, record ledger.Record, opening ledger.Opening) error {
				return out.Entry(record, &opening)
			})
		})
		if err == nil {
			_, err = part.WriteTo(w)
		}
	}
	if err == nil {
		err = out.Close()
	}
	if err == nil {
		_, err = part.WriteTo(w)
	}
	return err
}

// exportPart is how many entries are read and written before it is asked again whether they may be.
const exportPart = 256

// ExportFrom writes the ledger of a store.
func ExportFrom(r store.Reader, key string, w io.Writer) error {
	head, err := journal.ReadHead(r)
	if err != nil {
		return err
	}
	out, err := ledger.NewExporter(w, key, head.Checkpoint)
	if err != nil {
		return err
	}
	err = journal.EachEntry(r, 0, head.Size, func(_ uint64, record ledger.Record, opening ledger.Opening) error { return out.Entry(record, &opening) })
	if err != nil {
		return err
	}
	return out.Close()
}

// Prove gives an entry with its inclusion proof. Auditors and custodians see what it says; others see it where it is about
// themselves.
func (o *Office) Prove(ctx context.Context, by narthex.PersonID, index uint64) (client.EntryProof, error) {
	var proof client.EntryProof
	err := o.look(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		head, err := journal.ReadHead(tx.Reader())
		if err != nil {
			return err
		}
		if index >= head.Size {
			return narthex.WithheldError()
		}
		hashes, err := ledger.Prove(journal.Tiles{Reader: tx.Reader()}, index, head.Size)
		if err != nil {
			return err
		}
		proof = client.EntryProof{Index: index, Checkpoint: head.Checkpoint, Proof: []string{}}
		for _, hash := range hashes {
			proof.Proof = append(proof.Proof, base64.StdEncoding.EncodeToString(hash[:]))
		}
		return journal.EachEntry(tx.Reader(), index, index+1, func(_ uint64, record ledger.Record, opening ledger.Opening) error {
			proof.Record = record[:]
			if !o.maySee(tx, p, opening) {
				return nil
			}
			proof.Opening, err = json.Marshal(opening)
			return err
		})
	})
	return proof, err
}

// maySee says whether what an entry says may be shown to the person: to auditors and custodians all, to others what names
// themselves or a grant of theirs.
func (o *Office) maySee(tx *journal.Tx, p narthex.Person, opening ledger.Opening) bool {
	if p.Has(narthex.Auditor) || p.Has(narthex.Custodian) {
		return true
	}
	if slices.Contains([]string{opening.Text("person"), opening.Text("by")}, string(p.ID)) {
		return true
	}
	grant, err := journal.Get[narthex.Grant](tx, store.Grants, opening.Text("grant"))
	return err == nil && grant != nil && slices.Contains(grant.Persons, p.ID)
}
