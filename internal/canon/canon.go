// Package canon gives documents one form, so that a digest binds their meaning and not their spelling.
//
// It promises canonical JSON (RFC 8785): the same value gives the same bytes on every machine, and two values that differ
// give different bytes. Duplicate keys, invalid UTF-8 and numbers that JSON cannot hold are errors.
//
// It trusts nothing and does no I/O. Read next: agreement and workflow, which sign and vote on what it digests.
package canon

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"narthex"
)

// JSON gives the canonical form of a value of ours.
func JSON(v any) ([]byte, error) {
	var buf bytes.Buffer
	encoder := json.NewEncoder(&buf)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, fmt.Errorf("write canonical form: %w", err)
	}
	value := jsontext.Value(buf.Bytes())
	if err := value.Canonicalize(); err != nil {
		return nil, fmt.Errorf("write canonical form: %w", err)
	}
	return value, nil
}

// Digest gives the SHA-256 of a value's canonical form.
func Digest(v any) (narthex.Digest, error) {
	form, err := JSON(v)
	if err != nil {
		return "", err
	}
	return narthex.MakeDigest(sha256.Sum256(form)), nil
}
