// Package passkey checks what a passkey says: WebAuthn registrations and assertions, in the subset that Narthex takes.
//
// It promises that an assertion is taken only where its client data is of the type webauthn.get, over exactly the challenge that
// was asked, from an origin that belongs to the key's relying party; where its authenticator data is of that relying party, with
// the person present and verified; and where the signature over both is the key's. The relying party stands in the key's text, so
// that whoever names a key by its fingerprint names where it may be used. It asks nobody: what is kept can be checked offline.
//
// Keys are ES256 on P-256 and Ed25519, in the one form that authenticators must write them. Attestation is not asked for: which
// make an authenticator is says nothing of who holds it. A credential's key is read from its authenticator data by its exact
// bytes, so no decoder of a richer format stands before it.
//
// It trusts its caller for the challenge. Read next: internal/agreement for the challenge of a signature, internal/identity for
// that of a log-in.
package passkey

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"net/url"
	"slices"
	"strings"

	"narthex"
	"narthex/internal/wire"
)

const (
	// ES256 is ECDSA on P-256 with SHA-256.
	ES256 = "ES256"
	// EdDSA is Ed25519.
	EdDSA = "EdDSA"

	prefix = "webauthn"
)

// Key is a passkey's public half and the relying party that it is for. The zero Key verifies nothing.
type Key struct {
	Algorithm string
	Party     string // the relying party's id, a host name
	Public    []byte // x and y of a point of P-256, or an Ed25519 key
}

// IsKey says whether a text is meant as a passkey's.
func IsKey(text string) bool { return strings.HasPrefix(text, prefix+" ") }

// ParseKey reads a key's one text form: webauthn, the algorithm, the relying party, and the key in base64.
func ParseKey(text string) (Key, error) {
	parts := strings.Split(text, " ")
	refused := narthex.Invalidf("A passkey's public key is `webauthn`, ES256 or EdDSA, the relying party's host name and the key in base64, each once with one space between.").For("public_key")
	if len(parts) != 4 || parts[0] != prefix {
		return Key{}, refused
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(parts[3])
	k := Key{parts[1], parts[2], raw}
	if err != nil || k.check() != nil || k.String() != text {
		return Key{}, refused
	}
	return k, nil
}

// String gives the key's text form.
func (k Key) String() string {
	return strings.Join([]string{prefix, k.Algorithm, k.Party, base64.StdEncoding.EncodeToString(k.Public)}, " ")
}

// Fingerprint names the key, for its relying party: SHA256: and the base64 of the digest of its text.
func (k Key) Fingerprint() string {
	sum := sha256.Sum256([]byte(k.String()))
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}

func (k Key) check() error {
	if CheckParty(k.Party) != nil {
		return errors.New("check passkey: no relying party")
	}
	switch k.Algorithm {
	case ES256:
		_, err := k.point()
		return err
	case EdDSA:
		if len(k.Public) != ed25519.PublicKeySize || SmallOrder(k.Public) {
			return errors.New("check passkey: no Ed25519 key, or one that signs anything")
		}
		return nil
	}
	return errors.New("check passkey: another algorithm")
}

// point gives the key as one of P-256; a point that is not on the curve is an error.
func (k Key) point() (*ecdsa.PublicKey, error) {
	if len(k.Public) != 64 {
		return nil, errors.New("check passkey: not a point of P-256")
	}
	return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append([]byte{4}, k.Public...))
}

// CheckParty says whether a relying party's id is a host name in its canonical form.
func CheckParty(id string) error {
	if len(id) < 1 || len(id) > 253 || strings.Trim(id, ".-") != id || strings.Contains(id, "..") || strings.ContainsFunc(id, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '-')
	}) || id != "localhost" && !strings.Contains(id, ".") {
		return narthex.Invalidf("A relying party's id is a host name in lower case, such as narthex.lab.example.")
	}
	return nil
}

// CheckOrigin says whether an origin belongs to a relying party: https, on its host or one below; or http on localhost itself.
func CheckOrigin(origin, party string) error {
	u, err := url.Parse(origin)
	wrong := narthex.Invalidf("An origin is https:// and the relying party's host or one below it, with a port where it is not 443; http:// for localhost alone.")
	if err != nil || u.Host == "" || origin != u.Scheme+"://"+u.Host || u.User != nil || CheckParty(party) != nil {
		return wrong
	}
	host := u.Hostname()
	local := party == "localhost" && host == "localhost"
	if host != strings.ToLower(host) || u.Scheme != "https" && !(u.Scheme == "http" && local) || host != party && !(party != "localhost" && strings.HasSuffix(host, "."+party)) {
		return wrong
	}
	return nil
}

// Site is where a node's pages are: the relying party that its passkeys are for, and the origins that they come from. The zero Site
// takes no passkey.
type Site struct {
	Party   string
	Origins []string
}

// Check says whether a site is whole: a relying party with origins of its own, or neither.
func (s Site) Check() error {
	if s.Party == "" && len(s.Origins) == 0 {
		return nil
	}
	if len(s.Origins) == 0 {
		return narthex.Invalidf("Passkeys need the origins of their pages, such as https://narthex.lab.example.")
	}
	if err := CheckParty(s.Party); err != nil {
		return err
	}
	for _, origin := range s.Origins {
		if err := CheckOrigin(origin, s.Party); err != nil {
			return err
		}
	}
	return nil
}

// Takes says whether what was seen of a key is of the site.
func (s Site) Takes(key Key, seen Seen) bool {
	return s.Party != "" && key.Party == s.Party && slices.Contains(s.Origins, seen.Origin)
}

// Assertion is what an authenticator and the browser before it said, each part in unpadded base64url as browsers give it.
type Assertion struct {
	ClientData        string `json:"client_data"`
	AuthenticatorData string `json:"authenticator_data"`
	Signature         string `json:"signature"`
}

// Registration is what they said when the passkey was made.
type Registration struct {
	ClientData        string `json:"client_data"`
	AuthenticatorData string `json:"authenticator_data"`
}

// clientData is what a browser states of a call. Browsers may state more.
type clientData struct {
	Type        string `json:"type"`
	Challenge   string `json:"challenge"`
	Origin      string `json:"origin"`
	CrossOrigin bool   `json:"crossOrigin"`
	TopOrigin   string `json:"topOrigin"`
}

// Flags of authenticator data.
const (
	present  = 1 << 0
	verified = 1 << 2
	eligible = 1 << 3
	backedUp = 1 << 4
	attested = 1 << 6
	extended = 1 << 7
)

const (
	mostPart       = 4 << 10 // bytes of one part
	mostCredential = 1023    // bytes, as WebAuthn has it
	head           = 37      // bytes of authenticator data before what is optional
)

// Seen is what an assertion that was taken says beside that.
type Seen struct {
	Counter uint32 // of the authenticator; 0 where it counts nothing
	Origin  string // of the page
}

func bytesOf(text string) ([]byte, error) {
	if text == "" || len(text) > mostPart*4/3 {
		return nil, errors.New("check passkey: a part is missing or too long")
	}
	return base64.RawURLEncoding.Strict().DecodeString(text)
}

// said reads client data: of one type, over one challenge, on no other page's behalf.
func said(raw []byte, kind string, challenge []byte, party string) (clientData, error) {
	c, err := wire.DecodeLenient[clientData](raw, wire.Limits{Bytes: mostPart, Depth: 4})
	if err != nil {
		return c, err
	}
	switch {
	case c.Type != kind:
		return c, errors.New("check passkey: client data of another type")
	case len(challenge) < 16 || c.Challenge != base64.RawURLEncoding.EncodeToString(challenge):
		return c, errors.New("check passkey: another challenge")
	case c.CrossOrigin || c.TopOrigin != "":
		return c, errors.New("check passkey: within another page")
	}
	return c, CheckOrigin(c.Origin, party)
}

// flags reads the head of authenticator data: of the relying party, with the person present and verified.
func flags(data []byte, party string) (byte, uint32, error) {
	if len(data) < head {
		return 0, 0, errors.New("check passkey: authenticator data is too short")
	}
	f := data[32]
	switch {
	case [32]byte(data) != sha256.Sum256([]byte(party)):
		return 0, 0, errors.New("check passkey: another relying party")
	case f&present == 0 || f&verified == 0:
		return 0, 0, errors.New("check passkey: the person was not verified")
	case f&backedUp != 0 && f&eligible == 0:
		return 0, 0, errors.New("check passkey: flags that cannot be")
	}
	return f, binary.BigEndian.Uint32(data[33:]), nil
}

// Verify says whether an assertion is the key's over a challenge.
func (k Key) Verify(a Assertion, challenge []byte) (Seen, error) {
	if err := k.check(); err != nil {
		return Seen{}, err
	}
	client, err := bytesOf(a.ClientData)
	if err != nil {
		return Seen{}, err
	}
	data, err := bytesOf(a.AuthenticatorData)
	if err != nil {
		return Seen{}, err
	}
	signature, err := bytesOf(a.Signature)
	if err != nil {
		return Seen{}, err
	}
	c, err := said(client, "webauthn.get", challenge, k.Party)
	if err != nil {
		return Seen{}, err
	}
	f, counter, err := flags(data, k.Party)
	if err != nil {
		return Seen{}, err
	}
	if f&attested != 0 || (f&extended != 0) != (len(data) > head) {
		return Seen{}, errors.New("check passkey: authenticator data has another form")
	}
	sum := sha256.Sum256(client)
	if !k.signed(append(data[:len(data):len(data)], sum[:]...), signature) {
		return Seen{}, errors.New("check passkey: the signature is not the key's")
	}
	return Seen{counter, c.Origin}, nil
}

// signed says whether a signature is the key's over a message, in its one form.
func (k Key) signed(message, signature []byte) bool {
	if k.Algorithm == EdDSA {
		return ed25519.Verify(k.Public, message, signature)
	}
	public, err := k.point()
	if err != nil {
		return false
	}
	sum := sha256.Sum256(message)
	return ecdsa.VerifyASN1(public, sum[:], signature)
}

// Register reads a passkey that was made over a challenge: its key, the credential's id and the counter that it begins with.
func Register(r Registration, challenge []byte, party string) (key Key, credential []byte, seen Seen, err error) {
	client, err := bytesOf(r.ClientData)
	if err != nil {
		return key, nil, seen, err
	}
	data, err := bytesOf(r.AuthenticatorData)
	if err != nil {
		return key, nil, seen, err
	}
	c, err := said(client, "webauthn.create", challenge, party)
	if err != nil {
		return key, nil, seen, err
	}
	f, counter, err := flags(data, party)
	if err != nil {
		return key, nil, seen, err
	}
	if f&attested == 0 || len(data) < head+18 {
		return key, nil, seen, errors.New("check passkey: authenticator data has no credential")
	}
	rest := data[head+16:] // after the make of the authenticator
	length := int(binary.BigEndian.Uint16(rest))
	rest = rest[2:]
	if length < 1 || length > mostCredential || len(rest) < length {
		return key, nil, seen, errors.New("check passkey: the credential's id has no good length")
	}
	credential, rest = rest[:length], rest[length:]
	key, rest, err = coseKey(rest, party)
	if err == nil && (f&extended != 0) != (len(rest) > 0) {
		err = errors.New("check passkey: there is more than the credential's key")
	}
	return key, credential, Seen{counter, c.Origin}, err
}

// coseKey reads a credential's public key. CTAP2 has one encoding of each, so it is read by its exact bytes.
func coseKey(data []byte, party string) (Key, []byte, error) {
	es256 := []byte{0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20} // {1: 2, 3: -7, -1: 1, -2: x, -3: y}
	eddsa := []byte{0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20} // {1: 1, 3: -8, -1: 6, -2: x}
	y := []byte{0x22, 0x58, 0x20}
	n := len(es256)
	k := Key{Party: party}
	switch {
	case len(data) >= n+32+len(y)+32 && string(data[:n]) == string(es256) && string(data[n+32:n+35]) == string(y):
		k.Algorithm, k.Public = ES256, append(append([]byte{}, data[n:n+32]...), data[n+35:n+67]...)
		data = data[n+67:]
	case len(data) >= n+32 && string(data[:n]) == string(eddsa):
		k.Algorithm, k.Public = EdDSA, append([]byte{}, data[n:n+32]...)
		data = data[n+32:]
	default:
		return k, nil, errors.New("check passkey: the credential's key is neither ES256 nor EdDSA in its one form")
	}
	return k, data, k.check()
}

// SmallOrder says whether a key is one of the points of order 1, 2, 4 or 8, in any encoding (RFC 8032, section 5.1.7, leaves
// them to the user). The sign bit does not matter.
func SmallOrder(key []byte) bool {
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
