// Package visa reads and signs GA4GH Passport visas: statements about a person, signed by whoever knows.
//
// It promises that a visa is taken only where it is signed by a key that the lab's directory has for the visa's own issuer, by an
// algorithm of the list, for that key; where it is a visa and no other token; where it began and is not over; and where it has no
// condition. No condition is understood, so one with any is refused, as the standard asks. Nothing that a visa names is fetched:
// an address in it is a name.
//
// It trusts its caller for the time, and for who the subject is. Read next: internal/lab for issuers, internal/office for whose visas.
package visa

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"narthex"
	"narthex/internal/wire"
)

const (
	// MostBytes bounds a visa and a set of keys.
	MostBytes = 16 << 10

	mediaType = "vnd.ga4gh.visa+jwt"
	mostKeys  = 16
)

// algorithms is the closed list of what signs a visa.
func algorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.ES256, jose.EdDSA}
}

// Issuer is somebody whose visas count, with their keys.
type Issuer struct {
	Name string // the URL that visas have as iss
	Keys []Key
}

// Key is a public key of an issuer.
type Key struct {
	Thumbprint string // RFC 7638, SHA-256, base64url
	jwk        jose.JSONWebKey
}

// CheckIssuer says whether a name can be an issuer's: https and a host, in its one form.
func CheckIssuer(name string) error {
	u, err := url.Parse(name)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.Host != strings.ToLower(u.Host) || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.String() != name || len(name) > 300 {
		return errors.New("an issuer is https:// and a host, with a path where it has one, exactly as its visas name it")
	}
	return nil
}

// ParseKeys reads a JWK set: public keys alone, each with a name of its own and strong enough.
func ParseKeys(data []byte) ([]Key, error) {
	if _, err := wire.DecodeLenient[any](data, wire.Limits{Bytes: MostBytes, Depth: 6}); err != nil {
		return nil, errors.New("a set of keys is a JSON document with one reading, of at most 16 KiB")
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(data, &set); err != nil || len(set.Keys) == 0 || len(set.Keys) > mostKeys {
		return nil, errors.New("a set of keys is a JWK set of 1 to 16 public keys")
	}
	var keys []Key
	seen := map[string]bool{}
	for _, k := range set.Keys {
		if !k.IsPublic() || !k.Valid() || k.KeyID == "" || seen[k.KeyID] || k.Use != "" && k.Use != "sig" {
			return nil, errors.New("each key of the set is public, for signatures, and has a kid of its own; a private key has no place here")
		}
		if len(fitting(k)) == 0 {
			return nil, errors.New("each key of the set is RSA of 2048 bits or more, EC on P-256, or Ed25519, for RS256, PS256, ES256 or EdDSA")
		}
		print, err := k.Thumbprint(crypto.SHA256)
		if err != nil {
			return nil, err
		}
		seen[k.KeyID] = true
		keys = append(keys, Key{base64.RawURLEncoding.EncodeToString(print), k})
	}
	return keys, nil
}

// fitting gives the algorithms that a key is for.
func fitting(k jose.JSONWebKey) []jose.SignatureAlgorithm {
	var list []jose.SignatureAlgorithm
	switch public := k.Key.(type) {
	case *rsa.PublicKey:
		if public.N.BitLen() >= 2048 && public.N.BitLen() <= 8192 {
			list = []jose.SignatureAlgorithm{jose.RS256, jose.PS256}
		}
	case *ecdsa.PublicKey:
		if public.Curve == elliptic.P256() {
			list = []jose.SignatureAlgorithm{jose.ES256}
		}
	case ed25519.PublicKey:
		list = []jose.SignatureAlgorithm{jose.EdDSA}
	}
	if k.Algorithm != "" {
		list = slices.DeleteFunc(list, func(a jose.SignatureAlgorithm) bool { return string(a) != k.Algorithm })
	}
	return list
}

// claims is a visa's payload. Issuers may say more; what is named here has one reading.
type claims struct {
	Issuer   string  `json:"iss"`
	Subject  string  `json:"sub"`
	IssuedAt int64   `json:"iat"`
	Begins   int64   `json:"nbf,omitempty"`
	Expires  int64   `json:"exp"`
	ID       string  `json:"jti,omitempty"`
	Audience any     `json:"aud,omitempty"`
	Visa     *object `json:"ga4gh_visa_v1"`
}

type object struct {
	Type       string `json:"type"`
	Value      string `json:"value"`
	Source     string `json:"source"`
	Asserted   int64  `json:"asserted"`
	By         string `json:"by,omitempty"`
	Conditions any    `json:"conditions,omitempty"`
}

// Stated is what a visa says.
type Stated struct {
	Issuer, Subject           string
	Type, Value, Source, By   string
	Asserted, IssuedAt, Until time.Time
	ID                        string
}

// Read checks a visa and gives what counts of it, with its subject.
func Read(text string, issuers []Issuer, now time.Time) (narthex.Visa, narthex.Identity, error) {
	refused := func(says string) error { return narthex.Refusedf("The visa does not count: %s.", says).For("visa") }
	var none narthex.Visa
	if len(text) > MostBytes || strings.Count(text, ".") != 2 {
		return none, narthex.Identity{}, narthex.Invalidf("A visa is a JWS in its compact form, three parts with dots between, of at most 16 KiB.").For("visa")
	}
	signed, err := jose.ParseSignedCompact(text, algorithms())
	if err != nil {
		return none, narthex.Identity{}, narthex.AsError(refused("it is no JWS by RS256, PS256, ES256 or EdDSA")).Because(err)
	}
	head := signed.Signatures[0].Protected
	if kind, _ := head.ExtraHeaders[jose.HeaderType].(string); kind != mediaType && kind != "JWT" {
		return none, narthex.Identity{}, refused("its type is neither " + mediaType + " nor JWT, so it is another kind of token")
	}
	unproved, err := wire.DecodeLenient[claims](signed.UnsafePayloadWithoutVerification(), wire.Limits{Bytes: MostBytes, Depth: 16})
	if err != nil {
		return none, narthex.Identity{}, narthex.AsError(refused("what it says does not have one reading")).Because(err)
	}
	at := slices.IndexFunc(issuers, func(i Issuer) bool { return i.Name == unproved.Issuer && i.Name != "" })
	if at < 0 {
		return none, narthex.Identity{}, refused("its issuer is none that the lab's directory names under visa_issuers")
	}
	of := slices.IndexFunc(issuers[at].Keys, func(k Key) bool { return k.jwk.KeyID == head.KeyID })
	if of < 0 || !slices.Contains(fitting(issuers[at].Keys[of].jwk), jose.SignatureAlgorithm(head.Algorithm)) {
		return none, narthex.Identity{}, refused("the lab's directory has no key of that name and algorithm for its issuer")
	}
	key := issuers[at].Keys[of]
	if _, err := signed.Verify(key.jwk.Key); err != nil {
		return none, narthex.Identity{}, refused("its signature is not by its issuer's key")
	}
	c := unproved // proved now
	if why := c.wrong(now); why != "" {
		return none, narthex.Identity{}, refused(why)
	}
	return narthex.Visa{Digest: narthex.DigestText(text), Issuer: c.Issuer, Key: key.Thumbprint, Type: c.Visa.Type, Value: narthex.DigestText(c.Visa.Value), Source: narthex.DigestText(c.Visa.Source), By: c.Visa.By,
		Asserted: second(c.Visa.Asserted), Until: second(c.Expires)}, narthex.Identity{Issuer: c.Issuer, Subject: narthex.DigestText(c.Subject)}, nil
}

func second(t int64) time.Time { return time.Unix(t, 0).UTC() }

// latest is a time after which nothing is: the year 9999, which JSON's times end with.
const latest = 253402300799

// wrong says why a visa does not count at t, or nothing.
func (c claims) wrong(t time.Time) string {
	v := c.Visa
	switch {
	case c.Subject == "" || v == nil || v.Type == "" || v.Value == "" || v.Source == "":
		return "it names no subject, type, value or source"
	case c.Audience != nil:
		return "it is for an audience, and a visa is for none"
	case v.Conditions != nil:
		return "it holds under conditions, and no condition is understood here"
	case v.By != "" && !slices.Contains(narthex.VisaAuthorities(), v.By):
		return "who asserted it is none of self, peer, system, so and dac"
	case c.IssuedAt <= 0 || v.Asserted <= 0 || c.Expires <= 0 || max(c.IssuedAt, v.Asserted, c.Expires) > latest:
		return "it lacks when it was issued, asserted or ends"
	case t.Before(second(c.IssuedAt)) || t.Before(second(v.Asserted)) || c.Begins > 0 && t.Before(second(min(c.Begins, latest))):
		return "it begins in the future"
	case !t.Before(second(c.Expires)):
		return "it is over"
	}
	return ""
}

// Signer signs visas of ours.
type Signer struct {
	key *ecdsa.PrivateKey
	jwk jose.JSONWebKey // public
}

// NewSigner makes a signer of a P-256 key, whose name is its thumbprint.
func NewSigner(key *ecdsa.PrivateKey) (*Signer, error) {
	if key.Curve != elliptic.P256() {
		return nil, errors.New("make a signer of visas: the key is not on P-256")
	}
	public := jose.JSONWebKey{Key: &key.PublicKey, Algorithm: string(jose.ES256), Use: "sig"}
	print, err := public.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, err
	}
	public.KeyID = base64.RawURLEncoding.EncodeToString(print)
	return &Signer{key, public}, nil
}

// Keys gives the signer's public keys as a JWK set.
func (s *Signer) Keys() ([]byte, error) {
	return json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{s.jwk}})
}

// Sign makes a visa.
func (s *Signer) Sign(v Stated) (string, error) {
	options := (&jose.SignerOptions{}).WithType(mediaType).WithHeader(jose.HeaderKey("kid"), s.jwk.KeyID)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: s.key}, options)
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(claims{Issuer: v.Issuer, Subject: v.Subject, IssuedAt: v.IssuedAt.Unix(), Expires: v.Until.Unix(), ID: v.ID,
		Visa: &object{Type: v.Type, Value: v.Value, Source: v.Source, Asserted: v.Asserted.Unix(), By: v.By}})
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}
