package gateway

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash"
	"io"

	"narthex"
	"narthex/internal/journal"
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

// update runs a change and sets the promise about what it recorded.
func (v *visit) update(change func(*journal.Tx) error) error {
	var last journal.Last
	if err := v.door.Journal.Update(journal.WithLast(v.r.Context(), &last), change); err != nil {
		return err
	}
	if last.Type == "" {
		return nil
	}
	promise, err := v.door.Journal.Promise(last)
	if err != nil {
		return err
	}
	v.w.Header().Set("Narthex-Receipt", promise)
	return nil
}
