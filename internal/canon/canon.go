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
	"errors"
	"fmt"
	"regexp"

	"github.com/go-json-experiment/json/jsontext"

	"narthex"
)

// replaced finds what the encoder writes in place of invalid UTF-8: an escape, where a replacement character that was there
// is written as itself.
var replaced = regexp.MustCompile(`(^|[^\\])(\\\\)*\\ufffd`)

// JSON gives the canonical form of a value of ours. Text that is not valid UTF-8 is an error. Whole numbers keep every digit,
// beyond 2^53 too, where RFC 8785 would let two of them look alike.
func JSON(v any) ([]byte, error) {
	var form bytes.Buffer
	encoder := json.NewEncoder(&form)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, fmt.Errorf("write canonical form: %w", err)
	}
	if bytes.Contains(form.Bytes(), []byte(`\ufffd`)) && replaced.Match(form.Bytes()) {
		return nil, errors.New("write canonical form: a text is not valid UTF-8")
	}
	value := jsontext.Value(form.Bytes())
	if err := value.Canonicalize(jsontext.CanonicalizeRawInts(false)); err != nil {
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

// Signed gives the bytes that a signature in a DSSE envelope is made over: the pre-authentication encoding of a payload of that type,
// in which the two cannot be shifted into each other.
func Signed(payloadType string, payload []byte) []byte {
	return fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(payloadType), payloadType, len(payload), payload)
}
