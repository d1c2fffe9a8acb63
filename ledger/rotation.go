package ledger

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"narthex"
)

func rotationText(origin string, index uint64, oldKey, newKey string) []byte {
	return fmt.Appendf(nil, "narthex log key rotation v1\n%s\n%d\n%s\n%s\n", origin, index, oldKey, newKey)
}

// Rotation gives the fields of the entry at index by which a log changes its key. Both keys sign it.
func Rotation(origin string, index uint64, oldKey string, oldSigner note.Signer, newKey string, newSigner note.Signer) ([]narthex.Field, error) {
	text := rotationText(origin, index, oldKey, newKey)
	before, err := oldSigner.Sign(text)
	if err != nil {
		return nil, fmt.Errorf("sign rotation: %w", err)
	}
	after, err := newSigner.Sign(text)
	if err != nil {
		return nil, fmt.Errorf("sign rotation: %w", err)
	}
	return []narthex.Field{narthex.TextField("old_key", oldKey), narthex.TextField("new_key", newKey),
		narthex.TextField("old_signature", base64.StdEncoding.EncodeToString(before)), narthex.TextField("new_signature", base64.StdEncoding.EncodeToString(after))}, nil
}

// Keys follows a log's key through its rotations, from the one that a verifier brings. The chain is the log's own word, from
// its inception on.
type Keys struct {
	held  string
	chain string   // "" while the inception was not seen
	all   []string // every key that was the log's, and the one that was brought
	moved bool     // whether the chain has a rotation
}

// NewKeys starts with the verifier's key.
func NewKeys(verifierKey string) *Keys { return &Keys{held: verifierKey, all: []string{verifierKey}} }

// See takes an opened entry in, in the log's order.
func (k *Keys) See(index uint64, o Opening) error {
	switch o.Type {
	case narthex.EntryInception:
		k.chain = strings.Clone(o.Text("log_key"))
		k.all = append(k.all, k.chain)
	case narthex.EntryLogKeyRotated:
		oldKey, newKey := strings.Clone(o.Text("old_key")), strings.Clone(o.Text("new_key"))
		if k.chain != "" && k.chain != oldKey {
			return errors.New("it rotates a key that was not the log's")
		}
		if err := k.checkRotation(index, o, oldKey, newKey); err != nil {
			return err
		}
		k.moved = true
		k.all = append(k.all, oldKey, newKey)
		if k.chain = newKey; k.held == oldKey {
			k.held = newKey
		}
	}
	return nil
}

func (k *Keys) checkRotation(index uint64, o Opening, oldKey, newKey string) error {
	origin, _, _ := strings.Cut(k.held, "+")
	for _, side := range []struct{ key, signature string }{{oldKey, o.Text("old_signature")}, {newKey, o.Text("new_signature")}} {
		verifier, err := newVerifier(side.key)
		if err != nil || verifier.Name() != origin {
			return errors.New("it rotates to or from what is no key of the log's")
		}
		signature, err := base64.StdEncoding.Strict().DecodeString(side.signature)
		if err != nil || !verifier.Verify(rotationText(origin, index, oldKey, newKey), signature) {
			return errors.New("it rotates the log's key without a signature by both keys")
		}
	}
	return nil
}

// Last gives the key that must have signed the checkpoint, or an error where the log's own chain ends with another.
func (k *Keys) Last() (string, error) {
	if k.chain != "" && k.chain != k.held && !k.moved {
		return "", errors.New("the given key is not the log's")
	}
	if k.chain != "" && k.chain != k.held {
		return "", errors.New("the log's key was changed, and the given key does not lead to the one in force")
	}
	return k.held, nil
}
