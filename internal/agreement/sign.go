package agreement

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"

	"narthex"
	"narthex/internal/canon"
	"narthex/internal/passkey"
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

	Outside narthex.Digest `json:"outside,omitempty"` // of the outside document that is bound to the agreement
}

// NewStatement makes the statement of a signature on an agreement.
func NewStatement(digest narthex.Digest, party narthex.PartyRole, person narthex.PersonID, origin string) Statement {
	return Statement{Purpose: purpose, Agreement: digest, Party: party, Person: person, Audience: origin}
}

// With gives the statement of a signature on the outside document as well; without one it is the same statement.
func (s Statement) With(outside narthex.Digest) Statement {
	s.Outside = outside
	return s
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
	if err != nil || len(raw) != ed25519.PublicKeySize || passkey.SmallOrder(raw) {
		return nil, narthex.Invalidf("A public key is 32 bytes of Ed25519 in base64, and not one of the few that sign anything.").For("public_key")
	}
	return raw, nil
}

type envelope struct {
	PayloadType string              `json:"payloadType"`
	Payload     string              `json:"payload"`
	Signatures  []envelopeSignature `json:"signatures"`
}

type envelopeSignature struct {
	KeyID string `json:"keyid"`
	Sig   string `json:"sig"`

	Passkey *asserted `json:"passkey,omitempty"` // beside a passkey's signature, what it is over
}

// asserted is what a passkey's signature is over: the browser's word, which holds the challenge, and the authenticator's.
type asserted struct {
	ClientData        string `json:"client_data"`        // base64url
	AuthenticatorData string `json:"authenticator_data"` // base64url
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
	signed := ed25519.Sign(key, canon.Signed(payloadType, payload))
	form, err := canon.JSON(envelope{payloadType, base64.StdEncoding.EncodeToString(payload),
		[]envelopeSignature{{Fingerprint(public), base64.StdEncoding.EncodeToString(signed), nil}}})
	return string(form), err
}

// Verifier is the public half of what a person signs with: an Ed25519 key or a passkey. The zero Verifier verifies nothing.
type Verifier struct {
	key     ed25519.PublicKey
	passkey passkey.Key
}

// KeyVerifier gives the verifier of an Ed25519 key.
func KeyVerifier(key ed25519.PublicKey) Verifier { return Verifier{key: key} }

// ParseVerifier reads the public half in its one text form, of either kind. A passkey's names its relying party.
func ParseVerifier(text string) (Verifier, error) {
	if passkey.IsKey(text) {
		key, err := passkey.ParseKey(text)
		return Verifier{passkey: key}, err
	}
	key, err := ParseKey(text)
	return Verifier{key: key}, err
}

// Fingerprint names the verifier.
func (v Verifier) Fingerprint() string {
	if v.key == nil {
		return v.passkey.Fingerprint()
	}
	return Fingerprint(v.key)
}

// Passkey gives the passkey, where it is one.
func (v Verifier) Passkey() (passkey.Key, bool) {
	return v.passkey, v.key == nil && v.passkey.Party != ""
}

// Challenge is what a passkey is asked in order to sign a statement: the digest of the very bytes that an Ed25519 signer signs. So
// an assertion for one document, party, person and lab is none for another, and none for a log-in, whose challenge is the digest
// of a text of another form.
func Challenge(s Statement) ([]byte, error) {
	payload, err := canon.JSON(s)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(canon.Signed(payloadType, payload))
	return sum[:], nil
}

// Assert makes the envelope of a statement that a passkey signed.
func Assert(key passkey.Key, s Statement, a passkey.Assertion) (string, error) {
	payload, err := canon.JSON(s)
	if err != nil {
		return "", err
	}
	sig, err := base64.RawURLEncoding.Strict().DecodeString(a.Signature)
	if err != nil {
		return "", narthex.Invalidf("A passkey's signature is base64url without padding, as browsers give it.").For("signature").Because(err)
	}
	form, err := canon.JSON(envelope{payloadType, base64.StdEncoding.EncodeToString(payload),
		[]envelopeSignature{{key.Fingerprint(), base64.StdEncoding.EncodeToString(sig), &asserted{a.ClientData, a.AuthenticatorData}}}})
	return string(form), err
}

// VerifyEnvelope says whether an envelope is exactly the given statement, signed once by the key or passkey.
func VerifyEnvelope(text string, by Verifier, want Statement) error {
	_, err := by.Seen(text, want)
	return err
}

// Seen checks an envelope as VerifyEnvelope does and gives what a passkey said beside it; of a key nothing.
func (v Verifier) Seen(text string, want Statement) (passkey.Seen, error) {
	var seen passkey.Seen
	refused := narthex.Refusedf("The signature does not verify: it is not by that key on this document, for this party, person and lab. Sign again.").For("envelope")
	key, isPasskey := v.Passkey()
	if !isPasskey && (len(v.key) != ed25519.PublicKeySize || passkey.SmallOrder(v.key)) {
		return seen, refused
	}
	e, err := wire.Decode[envelope]([]byte(text), wire.Limits{Bytes: 16 << 10, Depth: 6})
	if err != nil || e.PayloadType != payloadType || len(e.Signatures) != 1 || e.Signatures[0].KeyID != v.Fingerprint() || (e.Signatures[0].Passkey != nil) != isPasskey {
		return seen, refused.Because(err)
	}
	if form, err := canon.JSON(e); err != nil || string(form) != text {
		return seen, refused.Because(fmt.Errorf("check envelope: it is not in its one form"))
	}
	payload, err := base64.StdEncoding.Strict().DecodeString(e.Payload)
	if err != nil {
		return seen, refused.Because(err)
	}
	expected, err := canon.JSON(want)
	if err != nil {
		return seen, err
	}
	sig, err := base64.StdEncoding.Strict().DecodeString(e.Signatures[0].Sig)
	if err != nil || string(payload) != string(expected) {
		return seen, refused.Because(fmt.Errorf("check envelope: the payload differs"))
	}
	if !isPasskey {
		if !ed25519.Verify(v.key, canon.Signed(payloadType, payload), sig) {
			err = refused.Because(fmt.Errorf("check envelope: the signature differs"))
		}
		return seen, err
	}
	challenge, err := Challenge(want)
	if err != nil {
		return seen, err
	}
	said := e.Signatures[0].Passkey
	seen, err = key.Verify(passkey.Assertion{ClientData: said.ClientData, AuthenticatorData: said.AuthenticatorData, Signature: base64.RawURLEncoding.EncodeToString(sig)}, challenge)
	if err != nil {
		return seen, refused.Because(err)
	}
	return seen, nil
}
