package ledger

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// cosigned is the key type of c2sp.org/tlog-cosignature, cosignature/v1 with Ed25519.
const cosigned = 4

// NewWitnessKey draws the key pair of a witness: the signer's secret and the verifier's public text, name+hash+key.
func NewWitnessKey(random io.Reader, name string) (signer, verifier string, err error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return "", "", fmt.Errorf("draw a witness's key: %w", err)
	}
	if !isKeyName(name) {
		return "", "", errors.New("a witness's name has no spaces and no plus sign")
	}
	public := append([]byte{cosigned}, ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)...)
	hash := keyHash(name, public)
	encode := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", name, hash, encode(append([]byte{cosigned}, seed...))),
		fmt.Sprintf("%s+%08x+%s", name, hash, encode(public)), nil
}

func isKeyName(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == '+' || r > '~' })
}

// keyHash is that of signed notes: the first four bytes of SHA-256 over name, newline, type and key.
func keyHash(name string, key []byte) uint32 {
	sum := sha256.Sum256(append(append([]byte(name), '\n'), key...))
	return binary.BigEndian.Uint32(sum[:])
}

// splitKey reads name+hash+key, where the key is 33 bytes of this type: a seed or a public key.
func splitKey(text string) (name, hash string, key []byte, err error) {
	name, rest, _ := strings.Cut(text, "+")
	hash, encoded, _ := strings.Cut(rest, "+")
	key, err = base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || len(key) != 33 || key[0] != cosigned || !isKeyName(name) || base64.StdEncoding.EncodeToString(key) != encoded {
		return "", "", nil, errors.New("it is not name+hash+key of a witness (cosignature/v1, Ed25519)")
	}
	return name, hash, key, nil
}

// Cosigner signs what a witness has seen.
type Cosigner struct {
	name string
	hash uint32
	key  ed25519.PrivateKey
}

// NewCosigner reads a witness's secret key.
func NewCosigner(secret string) (*Cosigner, error) {
	rest, private := strings.CutPrefix(secret, "PRIVATE+KEY+")
	name, stated, seed, err := splitKey(rest)
	if !private || err != nil {
		return nil, errors.New("read a witness's key: it is not one")
	}
	key := ed25519.NewKeyFromSeed(seed[1:])
	hash := keyHash(name, append([]byte{cosigned}, key.Public().(ed25519.PublicKey)...))
	if fmt.Sprintf("%08x", hash) != stated {
		return nil, errors.New("read a witness's key: its hash is another key's")
	}
	return &Cosigner{name, hash, key}, nil
}

// Name is that of the key.
func (c *Cosigner) Name() string { return c.name }

// Format never shows the key.
func (c *Cosigner) Format(state fmt.State, _ rune) { io.WriteString(state, "cosigner "+c.name) }

// Sign gives the signature line over a checkpoint, whose own signatures the caller has checked.
func (c *Cosigner) Sign(checkpoint string, at time.Time) (string, error) {
	body, _, found := strings.Cut(checkpoint, "\n\n")
	if !found {
		return "", errors.New("cosign: it is no signed note")
	}
	signature := binary.BigEndian.AppendUint32(nil, c.hash)
	signature = binary.BigEndian.AppendUint64(signature, uint64(at.Unix()))
	signature = append(signature, ed25519.Sign(c.key, cosignedText(uint64(at.Unix()), []byte(body+"\n")))...)
	return fmt.Sprintf("— %s %s\n", c.name, base64.StdEncoding.EncodeToString(signature)), nil
}

func cosignedText(at uint64, text []byte) []byte {
	return append(fmt.Appendf(nil, "cosignature/v1\ntime %d\n", at), text...)
}

// witnessVerifier checks cosignatures, as a verifier of signed notes.
type witnessVerifier struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

// NewWitnessVerifier reads a witness's public key, name+hash+key.
func NewWitnessVerifier(text string) (note.Verifier, error) {
	name, stated, key, err := splitKey(text)
	if err != nil {
		return nil, fmt.Errorf("read a witness's key: %w", err)
	}
	hash := keyHash(name, key)
	if fmt.Sprintf("%08x", hash) != stated {
		return nil, errors.New("read a witness's key: its hash is another key's")
	}
	return &witnessVerifier{name, hash, key[1:]}, nil
}

func (v *witnessVerifier) Name() string    { return v.name }
func (v *witnessVerifier) KeyHash() uint32 { return v.hash }

func (v *witnessVerifier) Verify(text, signature []byte) bool {
	if len(signature) != 8+ed25519.SignatureSize || bytes.Count(text, []byte("\n")) < 3 {
		return false
	}
	return ed25519.Verify(v.key, cosignedText(binary.BigEndian.Uint64(signature), text), signature[8:])
}

// WitnessKey gives the public key in a witness's key text, whatever the name beside it. Whoever counts witnesses counts these,
// each once.
func WitnessKey(text string) (key [ed25519.PublicKeySize]byte, err error) {
	verifier, err := NewWitnessVerifier(text)
	if err != nil {
		return key, err
	}
	return [ed25519.PublicKeySize]byte(verifier.(*witnessVerifier).key), nil
}

// Cosignature is a witness's word that it has seen a checkpoint and that the log had only grown.
type Cosignature struct {
	Name string    `json:"name"`
	At   time.Time `json:"at"`
}

// Cosignatures gives those of a checkpoint that are good under the witnesses' keys, each key once, also where it goes by two
// names. A signature that bears a known key's name and hash and is not its own is an error.
func Cosignatures(checkpoint string, keys ...string) ([]Cosignature, error) {
	var verifiers []note.Verifier
	of := map[string][ed25519.PublicKeySize]byte{} // by name and hash
	for _, text := range keys {
		verifier, err := NewWitnessVerifier(text)
		if err != nil {
			return nil, err
		}
		id := signer(verifier.Name(), verifier.KeyHash())
		if _, twice := of[id]; twice {
			continue
		}
		if of[id], err = WitnessKey(text); err != nil {
			return nil, err
		}
		verifiers = append(verifiers, verifier)
	}
	opened, err := note.Open([]byte(checkpoint), note.VerifierList(verifiers...))
	if unverified := new(note.UnverifiedNoteError); errors.As(err, &unverified) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read cosignatures: %w", err)
	}
	found := make([]Cosignature, 0, len(opened.Sigs))
	signed := map[[ed25519.PublicKeySize]byte]bool{}
	for _, sig := range opened.Sigs {
		raw, err := base64.StdEncoding.Strict().DecodeString(sig.Base64)
		if err != nil || len(raw) < 12 {
			return nil, errors.New("read cosignatures: one is not written in its one form")
		}
		key := of[signer(sig.Name, sig.Hash)]
		if signed[key] {
			continue
		}
		signed[key] = true
		found = append(found, Cosignature{sig.Name, time.Unix(int64(binary.BigEndian.Uint64(raw[4:])), 0).UTC()})
	}
	return found, nil
}

// signer says by which name and hash a note tells who signed it.
func signer(name string, hash uint32) string { return fmt.Sprintf("%s+%08x", name, hash) }
