package office

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"slices"

	"narthex"
	"narthex/client"
	"narthex/internal/book"
	"narthex/internal/journal"
	"narthex/internal/store"
	"narthex/internal/workflow"
	"narthex/ledger"
)

// Export writes the whole ledger. Auditors and the lab's custodians see what every entry says, but for a review in which a vote
// of theirs is still to come; the reading is an entry too,
// which the next export holds. It ends where its reader's right to it does: what is left is not written.
func (o *Office) Export(ctx context.Context, by narthex.PersonID, w io.Writer) error {
	if err := o.reads(ctx, by, "export"); err != nil {
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
				if early(tx, p, opening) {
					return out.Entry(record, nil)
				}
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

// reads holds a reading of the whole ledger to the right to it, and records it.
func (o *Office) reads(ctx context.Context, by narthex.PersonID, what string) error {
	return o.act(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		if err := need(p, narthex.Auditor, narthex.Custodian); err != nil {
			return err
		}
		_, err := tx.Append(narthex.EntryLedgerRead, narthex.TextField("by", p.ID), narthex.TextField("what", what))
		return err
	})
}

// Audit compares the tables with all entries, or gives the result of the last time. The reading is an entry, which the audit
// counts.
func (o *Office) Audit(ctx context.Context, by narthex.PersonID, last bool) (client.Audit, error) {
	if err := o.reads(ctx, by, "audit"); err != nil {
		return client.Audit{}, err
	}
	if last {
		return o.Auditor.Last(), nil
	}
	return o.Auditor.Audit(ctx)
}

// Documents writes what entries name by digest, for whoever decides recorded calls again: the agreements and the lab
// directories, one JSON object a line. The reading is an entry.
func (o *Office) Documents(ctx context.Context, by narthex.PersonID, w io.Writer) error {
	if err := o.reads(ctx, by, "documents"); err != nil {
		return err
	}
	return o.Journal.View(ctx, func(tx *journal.Tx) error {
		out := json.NewEncoder(w)
		agreements, err := journal.Scan[book.Agreement](tx, store.Agreements, store.Span{Limit: 1_000_000})
		if err != nil {
			return err
		}
		for _, row := range agreements {
			if err := out.Encode(client.Document{Digest: narthex.Digest(row.Key), Agreement: &row.Row.Agreement}); err != nil {
				return err
			}
		}
		directories, err := journal.Scan[book.Files](tx, store.Files, store.Span{Limit: 1_000_000})
		for _, row := range directories {
			err = errors.Join(err, out.Encode(client.Document{Digest: narthex.Digest(row.Key), Files: row.Row.Files}))
		}
		return errors.Join(err, out.Encode(client.Document{End: len(agreements) + len(directories)}))
	})
}

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
			if opening.Type == "" || !o.maySee(tx, p, opening) {
				return nil // it was erased, or is not theirs to see
			}
			proof.Opening, err = json.Marshal(opening)
			return err
		})
	})
	return proof, err
}

// maySee says whether what an entry says may be shown to the person: to auditors and custodians all, to others what names
// themselves or a grant of theirs, and to nobody what others did in a review where a vote of theirs is still to come.
func (o *Office) maySee(tx *journal.Tx, p narthex.Person, opening ledger.Opening) bool {
	if early(tx, p, opening) {
		return false
	}
	if p.Has(narthex.Auditor) || p.Has(narthex.Custodian) {
		return true
	}
	if slices.Contains([]string{opening.Text("person"), opening.Text("by")}, string(p.ID)) {
		return true
	}
	grant, err := journal.Get[narthex.Grant](tx, store.Grants, opening.Text("grant"))
	return err == nil && grant != nil && slices.Contains(grant.Persons, p.ID)
}

// early says whether an entry tells what others did with an application on which a vote of the person is still to come.
func early(tx *journal.Tx, p narthex.Person, opening ledger.Opening) bool {
	if opening.Type != narthex.EntryEngagementChanged || opening.Text("by") == string(p.ID) {
		return false
	}
	e, err := journal.Get[narthex.Engagement](tx, store.Engagements, opening.Text("engagement"))
	return err != nil || e != nil && workflow.ToVote(*e, p)
}
