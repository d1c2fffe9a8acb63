package passkey_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"narthex/internal/passkey"
	"narthex/internal/testenv/authenticator"
)

const party = "narthex.lab.example"

func enrolled(t testing.TB, algorithm string) (*authenticator.Authenticator, passkey.Key) {
	t.Helper()
	a, err := authenticator.New(algorithm, party)
	if err != nil {
		t.Fatal(err)
	}
	challenge := []byte("a challenge to enrol with")
	client, data := a.Create(challenge)
	key, credential, seen, err := passkey.Register(passkey.Registration{ClientData: client, AuthenticatorData: data}, challenge, party)
	if err != nil || key.Algorithm != algorithm || string(credential) != string(a.Credential) || seen.Counter != a.Counter || seen.Origin != a.Origin {
		t.Fatalf("%s: %+v %x %+v %v", algorithm, key, credential, seen, err)
	}
	return a, key
}

func asserted(a *authenticator.Authenticator, challenge []byte) passkey.Assertion {
	client, data, signature := a.Get(challenge)
	return passkey.Assertion{ClientData: client, AuthenticatorData: data, Signature: signature}
}

func TestAPasskeyIsTakenAsItShouldSpeakAndNoOtherWay(t *testing.T) {
	challenge := []byte("a challenge of 32 bytes or so...")
	for _, algorithm := range []string{passkey.ES256, passkey.EdDSA} {
		a, key := enrolled(t, algorithm)
		if seen, err := key.Verify(asserted(a, challenge), challenge); err != nil || seen.Counter != a.Counter {
			t.Errorf("%s: %+v %v", algorithm, seen, err)
		}
		again, err := passkey.ParseKey(key.String())
		if err != nil || again.Fingerprint() != key.Fingerprint() {
			t.Errorf("%s: its text does not read: %v", algorithm, err)
		}
		for name, change := range map[string]func(*authenticator.Authenticator){
			"another party":                func(a *authenticator.Authenticator) { a.Party = "other.lab.example" },
			"another page":                 func(a *authenticator.Authenticator) { a.Origin = "https://evil.example" },
			"a page that ends alike":       func(a *authenticator.Authenticator) { a.Origin = "https://not-" + party },
			"a page without TLS":           func(a *authenticator.Authenticator) { a.Origin = "http://" + party },
			"a page within another":        func(a *authenticator.Authenticator) { a.Cross = true },
			"nobody present":               func(a *authenticator.Authenticator) { a.Flags = 0x04 },
			"nobody verified":              func(a *authenticator.Authenticator) { a.Flags = 0x01 },
			"a registration's data":        func(a *authenticator.Authenticator) { a.Type = "webauthn.create" },
			"a type that there is not":     func(a *authenticator.Authenticator) { a.Type = "webauthn.Get" },
			"data that says it has more":   func(a *authenticator.Authenticator) { a.Flags = 0x85 },
			"data that says it has a key":  func(a *authenticator.Authenticator) { a.Flags = 0x45 },
			"a backup of what is not made": func(a *authenticator.Authenticator) { a.Flags = 0x15 },
		} {
			odd := *a
			change(&odd)
			if _, err := key.Verify(asserted(&odd, challenge), challenge); err == nil {
				t.Errorf("%s: %s was taken", algorithm, name)
			}
			client, data := odd.Create(challenge)
			if odd.Type == "" && odd.Flags != 0x45 {
				if _, _, _, err := passkey.Register(passkey.Registration{ClientData: client, AuthenticatorData: data}, challenge, party); err == nil {
					t.Errorf("%s: %s was enrolled", algorithm, name)
				}
			}
		}
		good := asserted(a, challenge)
		for name, bad := range map[string]passkey.Assertion{
			"no client data":          {AuthenticatorData: good.AuthenticatorData, Signature: good.Signature},
			"no authenticator data":   {ClientData: good.ClientData, Signature: good.Signature},
			"no signature":            {ClientData: good.ClientData, AuthenticatorData: good.AuthenticatorData},
			"padding":                 {ClientData: good.ClientData + "=", AuthenticatorData: good.AuthenticatorData, Signature: good.Signature},
			"data after the data":     {ClientData: good.ClientData, AuthenticatorData: good.AuthenticatorData + "AAAA", Signature: good.Signature},
			"a signature with a tail": {ClientData: good.ClientData, AuthenticatorData: good.AuthenticatorData, Signature: good.Signature + "AAAA"},
		} {
			if _, err := key.Verify(bad, challenge); err == nil {
				t.Errorf("%s: an assertion with %s was taken", algorithm, name)
			}
		}
		if _, err := key.Verify(asserted(a, []byte("another challenge, as long as it")), challenge); err == nil {
			t.Error("another challenge was taken")
		}
		if _, err := key.Verify(asserted(a, nil), nil); err == nil {
			t.Error("no challenge at all was taken")
		}
		other, _ := enrolled(t, algorithm)
		if _, err := key.Verify(asserted(other, challenge), challenge); err == nil {
			t.Error("another's passkey was taken")
		}
	}
	var none passkey.Key
	a, _ := enrolled(t, passkey.EdDSA)
	if _, err := none.Verify(asserted(a, challenge), challenge); err == nil {
		t.Error("no key verifies something")
	}
}

// TestEveryFlippedBitOfAnAssertionIsFound changes each bit of each part of an assertion and of a registration.
func TestEveryFlippedBitOfAnAssertionIsFound(t *testing.T) {
	challenge := []byte("a challenge of 32 bytes or so...")
	flip := func(text string, try func(string) error) {
		raw, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		for i := range len(raw) * 8 {
			raw[i/8] ^= 1 << (i % 8)
			if try(base64.RawURLEncoding.EncodeToString(raw)) == nil {
				t.Fatalf("bit %d of %q", i, raw)
			}
			raw[i/8] ^= 1 << (i % 8)
		}
	}
	for _, algorithm := range []string{passkey.ES256, passkey.EdDSA} {
		a, key := enrolled(t, algorithm)
		good := asserted(a, challenge)
		try := func(a passkey.Assertion) error {
			_, err := key.Verify(a, challenge)
			return err
		}
		flip(good.ClientData, func(s string) error {
			return try(passkey.Assertion{ClientData: s, AuthenticatorData: good.AuthenticatorData, Signature: good.Signature})
		})
		flip(good.AuthenticatorData, func(s string) error {
			return try(passkey.Assertion{ClientData: good.ClientData, AuthenticatorData: s, Signature: good.Signature})
		})
		flip(good.Signature, func(s string) error {
			return try(passkey.Assertion{ClientData: good.ClientData, AuthenticatorData: good.AuthenticatorData, Signature: s})
		})
	}
}

func TestAPasskeysTextHasOneForm(t *testing.T) {
	_, key := enrolled(t, passkey.ES256)
	text := key.String()
	point := strings.Fields(text)[3]
	for _, bad := range []string{"", text + " ", strings.Replace(text, " ", "  ", 1), strings.ToUpper(text), strings.Replace(text, "ES256", "RS256", 1), strings.Replace(text, "ES256", "EdDSA", 1), strings.Replace(text, party, "NARTHEX.lab.example", 1),
		strings.Replace(text, party, "example", 1), strings.Replace(text, point, "A"+point[1:], 1)[:len(text)-4], "webauthn ES256 " + party + " " + strings.Repeat("A", 86) + "==", "webauthn EdDSA " + party + " AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="} {
		if _, err := passkey.ParseKey(bad); err == nil {
			t.Errorf("%q was taken as a key", bad)
		}
	}
	for _, site := range []passkey.Site{{Party: party}, {Origins: []string{"https://" + party}}, {Party: party, Origins: []string{"https://evil.example"}}, {Party: "com", Origins: []string{"https://a.com"}}, {Party: party, Origins: []string{"https://" + party + "/"}},
		{Party: party, Origins: []string{"http://" + party}}, {Party: "localhost", Origins: []string{"http://a.localhost"}}, {Party: party, Origins: []string{"https://x@" + party}}, {Party: party, Origins: []string{"https://NARTHEX.lab.example"}}} {
		if site.Check() == nil {
			t.Errorf("%+v was taken as a site", site)
		}
	}
	for _, site := range []passkey.Site{{}, {Party: party, Origins: []string{"https://" + party, "https://a." + party + ":8443"}}, {Party: "localhost", Origins: []string{"http://localhost:8080"}}} {
		if err := site.Check(); err != nil {
			t.Errorf("%+v: %v", site, err)
		}
	}
	if (passkey.Site{}).Takes(key, passkey.Seen{}) {
		t.Error("no site takes a passkey")
	}
}

func FuzzRegister(f *testing.F) {
	challenge := []byte("a challenge to enrol with")
	for _, algorithm := range []string{passkey.ES256, passkey.EdDSA} {
		a, err := authenticator.New(algorithm, party)
		if err != nil {
			f.Fatal(err)
		}
		client, data := a.Create(challenge)
		f.Add(client, data)
	}
	f.Fuzz(func(t *testing.T, client, data string) {
		key, credential, _, err := passkey.Register(passkey.Registration{ClientData: client, AuthenticatorData: data}, challenge, party)
		if err != nil {
			return
		}
		if again, err := passkey.ParseKey(key.String()); err != nil || again.Fingerprint() != key.Fingerprint() || len(credential) == 0 {
			t.Fatalf("what was enrolled does not read: %s %v", key, err)
		}
	})
}

func FuzzAssertion(f *testing.F) {
	challenge := []byte("a challenge of 32 bytes or so...")
	a, key := enrolled(f, passkey.EdDSA)
	client, data, signature := a.Get(challenge)
	f.Add(client, data, signature)
	f.Fuzz(func(t *testing.T, c, d, s string) {
		if _, err := key.Verify(passkey.Assertion{ClientData: c, AuthenticatorData: d, Signature: s}, challenge); err == nil && (c != client || d != data || s != signature) {
			t.Fatalf("%q %q %q was taken, and never signed", c, d, s)
		}
	})
}
