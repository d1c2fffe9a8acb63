// Package authenticator is a passkey in software with the browser before it, for tests. It says what WebAuthn has them say, and
// whatever else a test asks it to.
package authenticator

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
)

// Authenticator holds one passkey. Its fields are what it says next; New sets them as they should be.
type Authenticator struct {
	Party      string // the relying party that it hashes
	Origin     string // of the page
	Flags      byte   // present and verified
	Counter    uint32 // of the last ceremony; the next says one more, where Counts
	Counts     bool
	Credential []byte
	Cross      bool   // within another page
	Type       string // of the client data, where it is not the ceremony's own

	es256 *ecdsa.PrivateKey
	eddsa ed25519.PrivateKey
}

// New makes a passkey of an algorithm, ES256 or EdDSA, for a relying party, on a page of its own.
func New(algorithm, party string) (*Authenticator, error) {
	a := &Authenticator{Party: party, Origin: "https://" + party, Flags: 0x05, Counts: true, Credential: make([]byte, 20)}
	if _, err := rand.Read(a.Credential); err != nil {
		return nil, err
	}
	var err error
	if algorithm == "EdDSA" {
		_, a.eddsa, err = ed25519.GenerateKey(rand.Reader)
	} else {
		a.es256, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	return a, err
}

// ID gives the credential's id in base64url.
func (a *Authenticator) ID() string { return encode(a.Credential) }

func encode(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

// client writes the client data as a browser does: type, challenge, origin, crossOrigin, in that order.
func (a *Authenticator) client(kind string, challenge []byte) []byte {
	if a.Type != "" {
		kind = a.Type
	}
	data, err := json.Marshal(struct {
		Type      string `json:"type"`
		Challenge string `json:"challenge"`
		Origin    string `json:"origin"`
		Cross     bool   `json:"crossOrigin"`
	}{kind, encode(challenge), a.Origin, a.Cross})
	if err != nil {
		panic(err) // strings and a flag
	}
	return data
}

func (a *Authenticator) head(flags byte) []byte {
	if a.Counts {
		a.Counter++
	}
	party := sha256.Sum256([]byte(a.Party))
	return binary.BigEndian.AppendUint32(append(party[:], flags), a.Counter)
}

// Create registers the passkey over a challenge: client data and authenticator data, both in base64url.
func (a *Authenticator) Create(challenge []byte) (client, data string) {
	out := append(a.head(a.Flags|0x40), make([]byte, 16)...)
	out = binary.BigEndian.AppendUint16(out, uint16(len(a.Credential)))
	out = append(append(out, a.Credential...), a.cose()...)
	return encode(a.client("webauthn.create", challenge)), encode(out)
}

// cose writes the public key as CTAP2 has it.
func (a *Authenticator) cose() []byte {
	if a.eddsa != nil {
		return append([]byte{0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20}, a.eddsa.Public().(ed25519.PublicKey)...)
	}
	point, err := a.es256.PublicKey.Bytes()
	if err != nil {
		panic(err) // it was just made
	}
	out := append([]byte{0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20}, point[1:33]...)
	return append(append(out, 0x22, 0x58, 0x20), point[33:]...)
}

// Get signs a challenge: client data, authenticator data and signature, each in base64url.
func (a *Authenticator) Get(challenge []byte) (client, data, signature string) {
	said, head := a.client("webauthn.get", challenge), a.head(a.Flags)
	sum := sha256.Sum256(said)
	message := append(head[:len(head):len(head)], sum[:]...)
	var sig []byte
	if a.eddsa != nil {
		sig = ed25519.Sign(a.eddsa, message)
	} else {
		digest := sha256.Sum256(message)
		var err error
		if sig, err = ecdsa.SignASN1(rand.Reader, a.es256, digest[:]); err != nil {
			panic(err) // the key is good and randomness does not fail
		}
	}
	return encode(said), encode(head), encode(sig)
}
