package agreement

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"narthex"
	"narthex/internal/canon"
	"narthex/internal/wire"
)

const (
	payloadType = "application/vnd.narthex.signature+json"
	purpose     = "sign agreement"
)

// Statement is what a party signs: this document, for this party, by this person, for this lab's ledger.
type Statement struct {
	Purpose   string            `json:"purpose"`
	Agreement narthex.Digest    `json:"agreement"`
	Party     narthex.PartyRole `json:"party"`
	Person    narthex.PersonID  `json:"person"`
	Audience  string            `json:"audience"` // the origin of the lab's ledger
}

// NewStatement makes the statement of a signature on an agreement.
func NewStatement(digest narthex.Digest, party narthex.PartyRole, person narthex.PersonID, origin string) Statement {
	return Statement{purpose, digest, party, person, origin}
}

// NewKey draws a signing key.
func NewKey(random io.Reader) (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(random)
	return key, err
}

// Fingerprint names a public key: SHA256: and the base64 of its digest.
func Fingerprint(public ed25519.PublicKey) string {
	sum := sha256.Sum256(public)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}

// EncodeKey gives a public key's text form.
func EncodeKey(public ed25519.PublicKey) string { return base64.StdEncoding.EncodeToString(public) }

// ParseKey reads a public key in its one text form. Keys of small order, which sign anything, are refused.
func ParseKey(text string) (ed25519.PublicKey, error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != ed25519.PublicKeySize || smallOrder(raw) {
		return nil, narthex.Invalidf("A public key is 32 bytes of Ed25519 in base64, and not one of the few that sign anything.").For("public_key")
	}
	return raw, nil
}

// smallOrder says whether a key is one of the points of order 1, 2, 4 or 8, in any encoding (RFC 8032, section 5.1.7, leaves
// them to the user). The sign bit does not matter.
func smallOrder(key []byte) bool {
	points := []string{
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", // 0
		"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", // 1
		"JuiVj8KyJ7BFw/SJ8u+Y8NXfrAXTxjM5sTgCiG1T/AU=", // order 8
		"xxdqcD1N2E+6PAt2DRBnDypvSI/KYF5GUyT8fXKsA3o=", // order 8
		"7P///////////////////////////////////////38=", // p-1
		"7f///////////////////////////////////////38=", // p
		"7v///////////////////////////////////////38=", // p+1
	}
	plain := append([]byte{}, key...)
	plain[31] &= 0x7f
	for _, point := range points {
		if base64.StdEncoding.EncodeToString(plain) == point {
			return true
		}
	}
	return false
}

type envelope struct {
	PayloadType string              `json:"payloadType"`
	Payload     string              `json:"payload"`
	Signatures  []envelopeSignature `json:"signatures"`
}

type envelopeSignature struct {
	KeyID string `json:"keyid"`
	Sig   string `json:"sig"`
}

// Sign makes the DSSE envelope of a statement.
func Sign(key ed25519.PrivateKey, s Statement) (string, error) {
	payload, err := canon.JSON(s)
	if err != nil {
		return "", err
	}
	public, is := key.Public().(ed25519.PublicKey)
	if !is {
		return "", errors.New("sign statement: the key is not Ed25519")
	}
	signed := ed25519.Sign(key, dsse.PAE(payloadType, payload))
	form, err := canon.JSON(envelope{payloadType, base64.StdEncoding.EncodeToString(payload),
		[]envelopeSignature{{Fingerprint(public), base64.StdEncoding.EncodeToString(signed)}}})
	return string(form), err
}

// VerifyEnvelope says whether an envelope is exactly the given statement, signed once by the key.
func VerifyEnvelope(text string, public ed25519.PublicKey, want Statement) error {
	refused := narthex.Refusedf("The signature does not verify: it is not by that key on this document, for this party, person and lab. Sign again.").For("envelope")
	if len(public) != ed25519.PublicKeySize || smallOrder(public) {
		return refused
	}
	e, err := wire.Decode[envelope]([]byte(text), wire.Limits{Bytes: 8 << 10, Depth: 4})
	if err != nil || e.PayloadType != payloadType || len(e.Signatures) != 1 || e.Signatures[0].KeyID != Fingerprint(public) {
		return refused.Because(err)
	}
	if form, err := canon.JSON(e); err != nil || string(form) != text {
		return refused.Because(fmt.Errorf("check envelope: it is not in its one form"))
	}
	payload, err := base64.StdEncoding.Strict().DecodeString(e.Payload)
	if err != nil {
		return refused.Because(err)
	}
	expected, err := canon.JSON(want)
	if err != nil {
		return err
	}
	sig, err := base64.StdEncoding.Strict().DecodeString(e.Signatures[0].Sig)
	if err != nil || string(payload) != string(expected) || !ed25519.Verify(public, dsse.PAE(payloadType, payload), sig) {
		return refused.Because(fmt.Errorf("check envelope: the payload or the signature differs"))
	}
	return nil
}
