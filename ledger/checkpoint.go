package ledger

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// Checkpoint is a signed statement of what the log holds.
type Checkpoint struct {
	Origin string
	Size   uint64
	Root   Hash
}

// NewKey draws the key pair of a log: the signer's secret and the verifier's public text, name+hash+key.
func NewKey(random io.Reader, origin string) (signer, verifier string, err error) {
	return note.GenerateKey(random, origin)
}

// SignCheckpoint gives the signed note over a tree. Two signers sign while the log's key changes; both have its name.
func SignCheckpoint(signer note.Signer, size uint64, root Hash, also ...note.Signer) (string, error) {
	text := fmt.Sprintf("%s\n%d\n%s\n", signer.Name(), size, base64.StdEncoding.EncodeToString(root[:]))
	signed, err := note.Sign(&note.Note{Text: text}, append([]note.Signer{signer}, also...)...)
	if err != nil {
		return "", fmt.Errorf("sign checkpoint: %w", err)
	}
	return string(signed), nil
}

// OpenCheckpoint checks the signature of a checkpoint under the verifier key and reads it.
func OpenCheckpoint(text, verifierKey string) (Checkpoint, error) {
	verifier, err := newVerifier(verifierKey)
	if err != nil {
		return Checkpoint{}, errors.New("open checkpoint: the key is not one of the form name+hash+key")
	}
	opened, err := note.Open([]byte(text), note.VerifierList(verifier))
	if err != nil {
		return Checkpoint{}, errors.New("open checkpoint: it is not signed by the given key")
	}
	if !strictSignatures(text) {
		return Checkpoint{}, errors.New("open checkpoint: a signature is not written in its one form")
	}
	checkpoint, err := parseText(opened.Text)
	if err != nil {
		return Checkpoint{}, err
	}
	if checkpoint.Origin != verifier.Name() {
		return Checkpoint{}, errors.New("open checkpoint: its origin is not the key's name")
	}
	return checkpoint, nil
}

// OnlySigned gives a checkpoint with the signature under the verifier key and no other.
func OnlySigned(text, verifierKey string) (string, error) {
	if _, err := OpenCheckpoint(text, verifierKey); err != nil {
		return "", err
	}
	verifier, err := newVerifier(verifierKey)
	if err != nil {
		return "", err
	}
	opened, err := note.Open([]byte(text), note.VerifierList(verifier))
	if err != nil {
		return "", err
	}
	for _, signature := range opened.Sigs {
		return fmt.Sprintf("%s\n— %s %s\n", opened.Text, signature.Name, signature.Base64), nil
	}
	return "", errors.New("open checkpoint: it is not signed by the given key")
}

// newVerifier reads a verifier key of Ed25519, name+hash+key, in its one form.
func newVerifier(key string) (note.Verifier, error) {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return nil, err
	}
	if _, encoded, _ := strings.Cut(strings.TrimPrefix(key, verifier.Name()+"+"), "+"); fmt.Sprintf("%s+%08x+%s", verifier.Name(), verifier.KeyHash(), encoded) != key || strings.ContainsAny(encoded, "\r\n") {
		return nil, errors.New("the key is not written in its one form")
	}
	return verifier, nil
}

// strictSignatures says that the signatures of a note that opened are base64 in its one form.
func strictSignatures(text string) bool {
	for line := range strings.Lines(text[strings.LastIndex(text, "\n\n")+2:]) {
		_, encoded, _ := strings.Cut(strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "— "), " ")
		if _, err := base64.StdEncoding.Strict().DecodeString(encoded); err != nil {
			return false
		}
	}
	return true
}

// ParseCheckpoint reads a checkpoint without checking who signed it.
func ParseCheckpoint(text string) (Checkpoint, error) {
	body, _, found := strings.Cut(text, "\n\n")
	if !found {
		return Checkpoint{}, errors.New("read checkpoint: it is no signed note")
	}
	return parseText(body + "\n")
}

func parseText(text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[3] != "" || lines[0] == "" {
		return Checkpoint{}, errors.New("read checkpoint: it has not three lines")
	}
	size, err := strconv.ParseUint(lines[1], 10, 62)
	if err != nil || strconv.FormatUint(size, 10) != lines[1] {
		return Checkpoint{}, errors.New("read checkpoint: its size is not a plain number")
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != 32 {
		return Checkpoint{}, errors.New("read checkpoint: its root is not 32 bytes of base64")
	}
	return Checkpoint{Origin: lines[0], Size: size, Root: Hash(root)}, nil
}
