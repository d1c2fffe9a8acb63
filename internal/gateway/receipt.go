package gateway

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"path"

	"narthex"
	"narthex/internal/journal"
	"narthex/internal/store"
	"narthex/ledger"
)

// seal is what a call's entries commit to its bodies with. The salts come from the caller's key, which is not kept.
type seal struct {
	nonce   string
	request narthex.Digest
	answer  hash.Hash // over the salt, and then every byte of the answer
}

func (v *visit) newSeal(body []byte) (seal, error) {
	var raw [16]byte
	if _, err := io.ReadFull(v.door.Journal.Random(), raw[:]); err != nil {
		return seal{}, fmt.Errorf("draw a nonce: %w", err)
	}
	s := seal{nonce: base64.StdEncoding.EncodeToString(raw[:]), answer: sha256.New()}
	s.request = ledger.CommitBody(ledger.BodySalt(v.token, ledger.RequestBody, s.nonce), body)
	s.answer.Write(ledger.BodySalt(v.token, ledger.AnswerBody, s.nonce))
	return s, nil
}

// update runs a change and sets the promise about what it recorded. A denial that is no entry is counted.
func (v *visit) update(change func(*journal.Tx) error) error {
	var last journal.Last
	if err := v.door.Journal.Update(journal.WithLast(v.r.Context(), &last), change); err != nil {
		if uncounted := new(errDenied); errors.As(err, uncounted) {
			v.door.Refusals.Count(uncounted.denial.Kind)
		}
		return err
	}
	if last.Type == "" {
		return nil
	}
	promise, err := v.door.Journal.Promise(last)
	if err != nil {
		return narthex.Unavailablef("What you asked is recorded, and the node could not sign the promise of that, so nothing is answered. Try again; tell the operators if it stays so.").Because(fmt.Errorf("%w: %w", errUnpromised, err))
	}
	v.w.Header().Set("Narthex-Receipt", promise)
	return nil
}

// errUnpromised says that a change is recorded and no promise of it was signed.
var errUnpromised = errors.New("a promise could not be signed")

// Receipt serves GET /v1/receipts/{call}: a call of this very key, proved in the published ledger. It works with the key of a
// grant that is locked, over or lapsed too.
func (d *Door) Receipt() http.Handler {
	return d.Handler(func(v *visit) error {
		data, err := v.receipt(path.Base(v.r.URL.Path))
		if err != nil && !narthex.IsKind(err, narthex.Withheld) {
			return err
		}
		recorded := v.read("receipt", func(*journal.Tx, holder) *narthex.Error {
			if err != nil {
				return narthex.AsError(err)
			}
			return nil
		})
		if recorded != nil {
			return recorded
		}
		v.w.Header().Set("Content-Type", "application/json")
		_, err = v.w.Write(data)
		return ignoreGone(err)
	})
}

// receipt makes the receipt of a call. A call of another key is as if absent.
func (v *visit) receipt(id string) (data []byte, err error) {
	index, err := narthex.CallID(id).Index()
	if err != nil {
		return nil, narthex.WithheldError()
	}
	checkpoint, size := v.door.Published.Published()
	err = v.door.Journal.View(v.r.Context(), func(tx *journal.Tx) error {
		head, err := journal.ReadHead(tx.Reader())
		if err != nil {
			return err
		}
		if index >= head.Size {
			return narthex.WithheldError()
		}
		r := ledger.NewReceipt(v.door.LogKey, checkpoint)
		if err := v.proveIntent(tx.Reader(), r, index, size); err != nil {
			return err
		}
		outcome, record, opening, found, err := journal.FindOutcome(tx.Reader(), index, size)
		if err == nil && found {
			r.Outcome = &ledger.ProvenEntry{}
			err = r.Outcome.Prove(journal.Tiles{Reader: tx.Reader()}, outcome, size, record, opening)
		}
		if err != nil {
			return err
		}
		data, err = ledger.MarshalReceipt(r)
		return err
	})
	return data, err
}

// proveIntent puts the call's intent into its receipt, with the salts that only this key gives.
func (v *visit) proveIntent(reader store.Reader, r *ledger.Receipt, index, size uint64) error {
	return journal.EachEntry(reader, index, index+1, func(_ uint64, record ledger.Record, opening ledger.Opening) error {
		if opening.Type != narthex.EntryCallIntent || opening.Text("key") != string(v.key.ID) {
			return narthex.WithheldError()
		}
		if index >= size {
			return narthex.Unavailablef("The call is recorded and its checkpoint is not published yet; ask again in two seconds.")
		}
		nonce := opening.Text("nonce")
		r.RequestSalt, r.AnswerSalt = ledger.BodySalt(v.token, ledger.RequestBody, nonce), ledger.BodySalt(v.token, ledger.AnswerBody, nonce)
		return r.Intent.Prove(journal.Tiles{Reader: reader}, index, size, record, opening)
	})
}
