package visa_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"narthex/internal/visa"
)

const issuer = "https://passports.example"

// TestAVisaCountsAsItShouldBeAndNoOtherWay changes one thing of a good visa at a time, signed by the issuer's own key.
func TestAVisaCountsAsItShouldBeAndNoOtherWay(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &key.PublicKey, KeyID: "one", Algorithm: "ES256", Use: "sig"}}})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := visa.ParseKeys(set)
	if err != nil {
		t.Fatal(err)
	}
	issuers, now := []visa.Issuer{{Name: issuer, Keys: keys}}, time.Unix(1_800_000_000, 0)
	sign := func(kind, kid, payload string) string {
		options := (&jose.SignerOptions{}).WithHeader("kid", kid)
		if kind != "" {
			options = options.WithType(jose.ContentType(kind))
		}
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, options)
		if err != nil {
			t.Fatal(err)
		}
		signed, err := signer.Sign([]byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		text, err := signed.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	payload := func(change func(claims, of map[string]any)) string {
		of := map[string]any{"type": "ResearcherStatus", "value": "https://x.example", "source": "https://y.example", "by": "so", "asserted": now.Unix() - 10}
		claims := map[string]any{"iss": issuer, "sub": "ada", "iat": now.Unix() - 5, "exp": now.Unix() + 60, "more": "is ignored", "ga4gh_visa_v1": of}
		if change != nil {
			change(claims, of)
		}
		data, err := json.Marshal(maps.Clone(claims))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	const kind = "vnd.ga4gh.visa+jwt"
	good := sign(kind, "one", payload(nil))
	if v, who, err := visa.Read(good, issuers, now); err != nil || v.Type != "ResearcherStatus" || v.By != "so" || who.Issuer != issuer {
		t.Fatalf("%+v %+v %v", v, who, err)
	}
	condition := func(c any) string { return payload(func(_, of map[string]any) { of["conditions"] = c }) }
	for name, text := range map[string]string{
		"a condition":               sign(kind, "one", condition([]any{[]any{map[string]any{"type": "AffiliationAndRole", "by": "const:so"}}})),
		"an empty condition":        sign(kind, "one", condition([]any{})),
		"a condition out of form":   sign(kind, "one", condition("x")),
		"an audience":               sign(kind, "one", payload(func(c, _ map[string]any) { c["aud"] = "x" })),
		"no subject":                sign(kind, "one", payload(func(c, _ map[string]any) { delete(c, "sub") })),
		"no end":                    sign(kind, "one", payload(func(c, _ map[string]any) { delete(c, "exp") })),
		"no visa in it":             sign(kind, "one", payload(func(c, _ map[string]any) { delete(c, "ga4gh_visa_v1") })),
		"a beginning in the future": sign(kind, "one", payload(func(c, _ map[string]any) { c["nbf"] = now.Unix() + 1 })),
		"another kind of token":     sign("at+jwt", "one", payload(nil)),
		"no kind":                   sign("", "one", payload(nil)),
		"a key of another name":     sign(kind, "two", payload(nil)),
		"a claim twice":             sign(kind, "one", strings.Replace(payload(nil), `{`, `{"sub":"bob",`, 1)),
		"no algorithm":              "eyJhbGciOiJub25lIiwidHlwIjoiSldUIiwia2lkIjoib25lIn0." + strings.Split(good, ".")[1] + ".",
		"another's payload":         strings.Split(good, ".")[0] + "." + strings.Split(sign(kind, "one", payload(func(c, _ map[string]any) { c["sub"] = "bob" })), ".")[1] + "." + strings.Split(good, ".")[2],
	} {
		if _, _, err := visa.Read(text, issuers, now); err == nil {
			t.Errorf("a visa with %s counts", name)
		}
	}
	private, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key, KeyID: "one"}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]byte{"a private key": private, "no key": []byte(`{"keys":[]}`), "a shared secret": []byte(`{"keys":[{"kty":"oct","k":"c2VjcmV0","kid":"one"}]}`), "no names": []byte(strings.Replace(string(set), `"kid":"one",`, "", 1))} {
		if _, err := visa.ParseKeys(bad); err == nil {
			t.Errorf("a set with %s was taken", name)
		}
	}
}

func FuzzVisa(f *testing.F) {
	f.Add("a.b.c", `{"keys":[]}`)
	f.Fuzz(func(t *testing.T, text, set string) {
		keys, err := visa.ParseKeys([]byte(set))
		if err != nil {
			return
		}
		if v, _, err := visa.Read(text, []visa.Issuer{{Name: issuer, Keys: keys}}, time.Unix(1_800_000_000, 0)); err == nil && (v.Issuer != issuer || v.Digest == "") {
			t.Fatalf("%+v", v)
		}
	})
}
