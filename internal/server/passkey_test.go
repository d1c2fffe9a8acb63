package server_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"testing"

	"narthex"
	"narthex/client"
	"narthex/internal/agreement"
	"narthex/internal/passkey"
	"narthex/internal/server"
	"narthex/internal/testenv"
	"narthex/internal/testenv/authenticator"
)

const (
	site   = "narthex.test-lab.test"
	origin = "ledger.test-lab.test"
)

func withPasskeys(t *testing.T) *testenv.Env {
	return testenv.New(t, testenv.Options{Config: func(c *server.Config) {
		c.Passkeys = passkey.Site{Party: site, Origins: []string{"https://" + site}}
	}})
}

func hashed(purpose string, values ...string) []byte {
	sum := sha256.Sum256(client.LoginMessage(purpose, origin, values...))
	return sum[:]
}

// passkeyOf makes a passkey and what enrols it for a person.
func passkeyOf(t *testing.T, p *testenv.Person, algorithm string) (*authenticator.Authenticator, client.PasskeyEnroll) {
	t.Helper()
	a := must(authenticator.New(algorithm, site))
	asked := must(p.PasskeyChallenge(t.Context()))
	said, data := a.Create(hashed("passkey enrolment", asked.Nonce, string(p.ID)))
	in := client.PasskeyEnroll{Nonce: asked.Nonce, ClientData: said, AuthenticatorData: data, Login: client.PublicKey(p.Login)}
	in.Proof = base64.StdEncoding.EncodeToString(ed25519.Sign(p.Login, client.LoginMessage("enroll passkey", origin, string(p.ID), in.Nonce, in.AuthenticatorData)))
	return a, in
}

func loginWith(t *testing.T, e *testenv.Env, a *authenticator.Authenticator) client.PasskeyLogin {
	t.Helper()
	asked := must(e.Client.PasskeyChallenge(t.Context()))
	said, data, signature := a.Get(hashed("passkey log-in", asked.Nonce))
	return client.PasskeyLogin{Nonce: asked.Nonce, Credential: a.ID(), Assertion: client.Assertion{ClientData: said, AuthenticatorData: data, Signature: signature}}
}

func TestAPasskeyLogsInAndSignsAndNeitherIsTheOther(t *testing.T) {
	e := withPasskeys(t)
	ada := e.People["ada"]
	a, in := passkeyOf(t, ada, passkey.ES256)
	for name, spoil := range map[string]func(*client.PasskeyEnroll){
		"no proof":           func(in *client.PasskeyEnroll) { in.Proof = "" },
		"another's log-in":   func(in *client.PasskeyEnroll) { in.Login = client.PublicKey(e.People["otto"].Login) },
		"a nonce of its own": func(in *client.PasskeyEnroll) { in.Nonce = in.Nonce[1:] + "0" },
		"other data": func(in *client.PasskeyEnroll) {
			_, other := passkeyOf(t, ada, passkey.ES256)
			in.AuthenticatorData = other.AuthenticatorData
		},
	} {
		bad := in
		spoil(&bad)
		if _, err := ada.EnrollPasskey(t.Context(), bad); !narthex.IsKind(err, narthex.Refused) {
			t.Errorf("an enrolment with %s: %v", name, err)
		}
	}
	if _, err := e.People["otto"].EnrollPasskey(t.Context(), in); !narthex.IsKind(err, narthex.Refused) {
		t.Errorf("another person's registration: %v", err)
	}
	signer, err := ada.EnrollPasskey(t.Context(), in)
	if err != nil || signer.Kind != client.SignerPasskey {
		t.Fatalf("%+v %v", signer, err)
	}
	if _, err := ada.EnrollPasskey(t.Context(), in); err == nil {
		t.Error("one registration enrols twice")
	}

	login := loginWith(t, e, a)
	session, err := e.Client.PasskeyLogin(t.Context(), login)
	if err != nil || session.Person.ID != ada.ID {
		t.Fatalf("log-in: %v", err)
	}
	if _, err := e.Client.PasskeyLogin(t.Context(), login); err == nil {
		t.Error("a log-in works twice")
	}
	other := loginWith(t, e, a)
	other.Nonce = login.Nonce
	if _, err := e.Client.PasskeyLogin(t.Context(), other); !narthex.IsKind(err, narthex.Unauthenticated) {
		t.Errorf("an assertion for another nonce: %v", err)
	}

	id := approvedNow(t, e)
	view := must(ada.Client.Agreement(t.Context(), id))
	challenge, err := base64.RawURLEncoding.DecodeString(view.Challenges[narthex.PartyResearcher])
	want := must(agreement.Challenge(agreement.NewStatement(view.Digest, narthex.PartyResearcher, ada.ID, origin)))
	if err != nil || string(challenge) != string(want) || len(view.Challenges) != 1 {
		t.Fatalf("the challenges are %v: %v", view.Challenges, err)
	}
	sign := func(challenge []byte) error {
		said, data, signature := a.Get(challenge)
		_, err := ada.Client.Sign(t.Context(), id, client.Sign{Party: narthex.PartyResearcher, Digest: view.Digest, Signer: signer.Fingerprint,
			Assertion: &client.Assertion{ClientData: said, AuthenticatorData: data, Signature: signature}})
		return err
	}
	for name, wrong := range map[string][]byte{
		"a log-in":          hashed("passkey log-in", must(e.Client.PasskeyChallenge(t.Context())).Nonce),
		"another agreement": must(agreement.Challenge(agreement.NewStatement("sha256:0", narthex.PartyResearcher, ada.ID, origin))),
		"another party":     must(agreement.Challenge(agreement.NewStatement(view.Digest, narthex.PartyLab, ada.ID, origin))),
		"another person":    must(agreement.Challenge(agreement.NewStatement(view.Digest, narthex.PartyResearcher, e.People["otto"].ID, origin))),
		"another lab":       must(agreement.Challenge(agreement.NewStatement(view.Digest, narthex.PartyResearcher, ada.ID, "b.example"))),
	} {
		if err := sign(wrong); !narthex.IsKind(err, narthex.Refused) {
			t.Errorf("an assertion for %s signs the agreement: %v", name, err)
		}
	}
	loggedOut := loginWith(t, e, a)
	said, data, signature := a.Get(challenge)
	loggedOut.Assertion = client.Assertion{ClientData: said, AuthenticatorData: data, Signature: signature}
	if _, err := e.Client.PasskeyLogin(t.Context(), loggedOut); !narthex.IsKind(err, narthex.Unauthenticated) {
		t.Errorf("a signature logs in: %v", err)
	}
	if err := sign(challenge); err != nil {
		t.Fatalf("the signature: %v", err)
	}
	for name, party := range map[string]narthex.PartyRole{"otto": narthex.PartyInstitution, "dan": narthex.PartyLab} {
		if _, err := e.People[name].Sign(t, id, party); err != nil {
			t.Fatal(err)
		}
	}
	made := must(ada.Client.Agreement(t.Context(), id))
	bundle := must(json.Marshal(agreement.Bundle{Agreement: made.Agreement, Digest: made.Digest, Signatures: made.Signatures}))
	if report, err := agreement.VerifyBundle(bundle, nil); err != nil || len(report.Signatures) != 3 {
		t.Errorf("the kept file: %+v %v", report, err)
	}
}

func TestAPasskeyThatCountsBackIsRefusedAndARevokedOneIsDead(t *testing.T) {
	e := withPasskeys(t)
	ada := e.People["ada"]
	a, in := passkeyOf(t, ada, passkey.EdDSA)
	signer := must(ada.EnrollPasskey(t.Context(), in))
	copied := *a
	for range 3 {
		if _, err := e.Client.PasskeyLogin(t.Context(), loginWith(t, e, a)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := e.Client.PasskeyLogin(t.Context(), loginWith(t, e, &copied)); !narthex.IsKind(err, narthex.Refused) {
		t.Errorf("a copy of the passkey logs in: %v", err)
	}
	a.Counts = false
	if _, err := e.Client.PasskeyLogin(t.Context(), loginWith(t, e, a)); !narthex.IsKind(err, narthex.Refused) {
		t.Errorf("a counter that stands still logs in: %v", err)
	}
	counted := a.Counter
	a.Counter = 0 // as one that counts nothing
	if _, err := e.Client.PasskeyLogin(t.Context(), loginWith(t, e, a)); !narthex.IsKind(err, narthex.Refused) {
		t.Errorf("a passkey that counted and says 0 logs in: %v", err)
	}
	a.Counts, a.Counter = true, counted
	for name, spoil := range map[string]func(*authenticator.Authenticator){"another page": func(a *authenticator.Authenticator) { a.Origin = "https://a." + site }, "nobody verified": func(a *authenticator.Authenticator) { a.Flags = 1 }} {
		odd := *a
		spoil(&odd)
		if _, err := e.Client.PasskeyLogin(t.Context(), loginWith(t, e, &odd)); !narthex.IsKind(err, narthex.Unauthenticated) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ada.RevokeSigner(t.Context(), signer.Fingerprint); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Client.PasskeyLogin(t.Context(), loginWith(t, e, a)); !narthex.IsKind(err, narthex.Unauthenticated) {
		t.Errorf("a revoked passkey logs in: %v", err)
	}
	if _, err := e.Client.PasskeyLogin(t.Context(), loginWith(t, e, must(authenticator.New(passkey.EdDSA, site)))); !narthex.IsKind(err, narthex.Unauthenticated) {
		t.Error("a passkey of nobody logs in")
	}
}

func TestANodeWithoutASiteTakesNoPasskeys(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	if _, err := e.Client.PasskeyChallenge(t.Context()); !narthex.IsKind(err, narthex.Refused) {
		t.Errorf("a challenge: %v", err)
	}
	if _, err := e.Client.PasskeyLogin(t.Context(), client.PasskeyLogin{}); !narthex.IsKind(err, narthex.Refused) {
		t.Errorf("a log-in: %v", err)
	}
	if _, err := e.People["ada"].EnrollPasskey(t.Context(), client.PasskeyEnroll{}); !narthex.IsKind(err, narthex.Refused) {
		t.Errorf("an enrolment: %v", err)
	}
}

// approvedNow gives an engagement that everyone approved and nobody signed.
func approvedNow(t *testing.T, e *testenv.Env) narthex.EngagementID {
	t.Helper()
	view := submitted(t, e)
	for name, role := range map[string]narthex.Role{"olga": narthex.AssetOwner, "sam": narthex.Security} {
		if _, err := e.People[name].Command(t.Context(), view.Engagement.ID, "approve", client.Command{As: role, Saw: view.Engagement.Digest}); err != nil {
			t.Fatal(err)
		}
	}
	return view.Engagement.ID
}
