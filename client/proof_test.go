package client_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"narthex"
	"narthex/client"
)

const (
	origin = "ledger.lab.example"
	nonce  = "00112233445566778899aabbccddeeff"
	person = `{"id":"per_aaaaaaaaaaaaaaaaaaaaaaaaaa","name":"Ada","state":"active"}`
)

// desk is a node that checks proofs as ours does, written anew from the contract.
func desk(t *testing.T, public string) *fake {
	proves := func(proof, purpose string, values ...string) bool {
		key, err := base64.StdEncoding.DecodeString(public)
		signed, err2 := base64.StdEncoding.DecodeString(proof)
		message := "narthex proof v1\n" + purpose + "\n" + origin + "\n" + strings.Join(values, "\n") + "\n"
		return err == nil && err2 == nil && ed25519.Verify(key, []byte(message), signed)
	}
	session := `{"token":"` + token + `","person":` + person + `,"expires_at":"2026-11-24T00:00:00Z"}`
	return newFake(t, func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Code, Nonce, Proof string
			PublicKey          string `json:"public_key"`
		}
		if r.Method == "POST" {
			if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.PublicKey != public {
				t.Errorf("%s came with the key %q (%v)", r.URL.Path, in.PublicKey, err)
			}
		}
		switch r.URL.Path {
		case "/api/status":
			says(200, `{"origin":"`+origin+`"}`)(w, r)
		case "/api/whoami":
			says(200, `{"person":`+person+`}`)(w, r)
		case "/api/challenge":
			says(200, `{"nonce":"`+nonce+`","origin":"`+origin+`"}`)(w, r)
		case "/api/redeem":
			sum := sha256.Sum256([]byte(in.Code))
			if drawn, err := hex.DecodeString(in.Nonce); err != nil || len(drawn) != 16 || !proves(in.Proof, "redeem", hex.EncodeToString(sum[:]), in.Nonce) {
				t.Errorf("the code was not proved: %+v", in)
			}
			says(200, session)(w, r)
		case "/api/login":
			if in.Nonce != nonce || !proves(in.Proof, "login", nonce, public) {
				t.Errorf("the challenge was not answered: %+v", in)
			}
			says(200, session)(w, r)
		case "/api/signers":
			if !proves(in.Proof, "enroll signer", "per_aaaaaaaaaaaaaaaaaaaaaaaaaa", public) {
				t.Errorf("the signing key was not proved: %+v", in)
			}
			says(200, `{"fingerprint":"SHA256:x"}`)(w, r)
		}
	})
}

func TestAKeyProvesItselfForOnePurposeAndLab(t *testing.T) {
	key, err := client.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	node := desk(t, client.PublicKey(key))
	c := node.client(t).At(origin)
	if session, err := c.Redeem(t.Context(), "nc_code", key); err != nil || session.Token != token || session.Person.Name != "Ada" {
		t.Fatalf("redeem gives %+v, %v", session, err)
	}
	if session, err := c.Login(t.Context(), key); err != nil || session.Token != token {
		t.Fatalf("login gives %+v, %v", session, err)
	}
	if signer, err := c.EnrollSigner(t.Context(), key); err != nil || signer.Fingerprint != "SHA256:x" {
		t.Fatalf("enrolling gives %+v, %v", signer, err)
	}
}

func TestNothingIsProvedToAnotherLab(t *testing.T) {
	key, err := client.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	node := desk(t, client.PublicKey(key))
	c := node.client(t).At("ledger.another.example")
	_, redeemed := c.Redeem(t.Context(), "nc_code", key)
	_, logged := c.Login(t.Context(), key)
	_, enrolled := c.EnrollSigner(t.Context(), key)
	for what, err := range map[string]error{"redeem": redeemed, "login": logged, "enrol": enrolled} {
		if !narthex.IsKind(err, narthex.Refused) {
			t.Errorf("%s gives %v", what, err)
		}
	}
	for _, request := range node.seen() {
		if request == "POST /api/redeem" || request == "POST /api/login" || request == "POST /api/signers" {
			t.Errorf("it sent %s", request)
		}
	}
}

func TestTwoKeysAreNeverTheSame(t *testing.T) {
	a, errA := client.NewKey()
	b, errB := client.NewKey()
	if errA != nil || errB != nil || a.Equal(b) || len(a.Seed()) != ed25519.SeedSize {
		t.Fatalf("the keys are not fresh: %v %v", errA, errB)
	}
}
