package audit_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"testing"

	"narthex/client"
	"narthex/internal/passkey"
	"narthex/internal/server"
	"narthex/internal/testenv"
	"narthex/internal/testenv/authenticator"
)

const site = "narthex.test-lab.test"

// sited lets a node take passkeys.
func sited(o testenv.Options) testenv.Options {
	o.Config = func(c *server.Config) { c.Passkeys = passkey.Site{Party: site, Origins: []string{"https://" + site}} }
	return o
}

// keyed enrols a passkey for ada.
func keyed(t testing.TB, e *testenv.Env) {
	t.Helper()
	const origin = "ledger.test-lab.test"
	ada := e.People["ada"]
	a, err := authenticator.New(passkey.ES256, site)
	must(t, err)
	asked, err := ada.PasskeyChallenge(t.Context())
	must(t, err)
	sum := sha256.Sum256(client.LoginMessage("passkey enrolment", origin, asked.Nonce, string(ada.ID)))
	said, data := a.Create(sum[:])
	proof := ed25519.Sign(ada.Login, client.LoginMessage("enroll passkey", origin, string(ada.ID), asked.Nonce, data))
	_, err = ada.EnrollPasskey(t.Context(), client.PasskeyEnroll{Nonce: asked.Nonce, ClientData: said, AuthenticatorData: data, Login: client.PublicKey(ada.Login), Proof: base64.StdEncoding.EncodeToString(proof)})
	must(t, err)
}
