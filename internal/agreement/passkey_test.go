package agreement_test

import (
	"crypto/sha256"
	"slices"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/agreement"
	"narthex/internal/passkey"
	"narthex/internal/testenv/authenticator"
)

const party = "narthex.lab.example"

// holder is someone with a passkey.
type holder struct {
	*authenticator.Authenticator
	key passkey.Key
}

func newHolder(t testing.TB, algorithm string) holder {
	t.Helper()
	a, err := authenticator.New(algorithm, party)
	if err != nil {
		t.Fatal(err)
	}
	challenge := []byte("a challenge to enrol with")
	said, data := a.Create(challenge)
	key, _, _, err := passkey.Register(passkey.Registration{ClientData: said, AuthenticatorData: data}, challenge, party)
	if err != nil {
		t.Fatal(err)
	}
	return holder{a, key}
}

func (h holder) asserts(challenge []byte) passkey.Assertion {
	said, data, signature := h.Get(challenge)
	return passkey.Assertion{ClientData: said, AuthenticatorData: data, Signature: signature}
}

// signs makes the envelope of a statement.
func (h holder) signs(t testing.TB, s agreement.Statement) string {
	t.Helper()
	challenge, err := agreement.Challenge(s)
	if err != nil {
		t.Fatal(err)
	}
	envelope, err := agreement.Assert(h.key, s, h.asserts(challenge))
	if err != nil {
		t.Fatal(err)
	}
	return envelope
}

// TestAPasskeysSignatureIsGoodForOneThingOnly puts each signature in the place of every other, and log-ins in the place of signatures and
// the other way round.
func TestAPasskeysSignatureIsGoodForOneThingOnly(t *testing.T) {
	var statements []agreement.Statement
	for _, digest := range []narthex.Digest{"sha256:1", "sha256:2"} {
		for _, party := range narthex.PartyRoles() {
			for _, person := range []narthex.PersonID{"per_a", "per_b"} {
				for _, origin := range []string{"a.example", "b.example"} {
					statements = append(statements, agreement.NewStatement(digest, party, person, origin))
				}
			}
		}
	}
	for _, algorithm := range []string{passkey.ES256, passkey.EdDSA} {
		h := newHolder(t, algorithm)
		by, err := agreement.ParseVerifier(h.key.String())
		if err != nil {
			t.Fatal(err)
		}
		login := sha256.Sum256(client.LoginMessage("passkey log-in", "a.example", "a nonce"))
		for i, signed := range statements {
			envelope := h.signs(t, signed)
			challenge, _ := agreement.Challenge(signed)
			for j, want := range statements {
				if err := agreement.VerifyEnvelope(envelope, by, want); (err == nil) != (i == j) {
					t.Errorf("%s: the signature of %+v on %+v: %v", algorithm, signed, want, err)
				}
				if i == j {
					continue
				}
				moved, err := agreement.Assert(h.key, want, h.asserts(challenge)) // the statement of one with the assertion of the other
				if err != nil || agreement.VerifyEnvelope(moved, by, want) == nil {
					t.Errorf("%s: an assertion for %+v was taken for %+v: %v", algorithm, signed, want, err)
				}
			}
			loggedIn, err := agreement.Assert(h.key, signed, h.asserts(login[:]))
			if err != nil || agreement.VerifyEnvelope(loggedIn, by, signed) == nil {
				t.Errorf("%s: a log-in was taken for a signature: %v", algorithm, err)
			}
			if _, err := h.key.Verify(h.asserts(challenge), login[:]); err == nil {
				t.Errorf("%s: a signature was taken for a log-in", algorithm)
			}
		}
		envelope := h.signs(t, statements[0])
		for i := range envelope {
			if agreement.VerifyEnvelope(envelope[:i]+string(envelope[i]^1)+envelope[i+1:], by, statements[0]) == nil {
				t.Fatalf("%s: a change at byte %d of the envelope is not found", algorithm, i)
			}
		}
		other := newHolder(t, algorithm)
		if by, err := agreement.ParseVerifier(other.key.String()); err != nil || agreement.VerifyEnvelope(envelope, by, statements[0]) == nil {
			t.Errorf("%s: another's passkey verifies it: %v", algorithm, err)
		}
		elsewhere := h.key
		elsewhere.Party = "elsewhere.lab.example"
		if by, err := agreement.ParseVerifier(elsewhere.String()); err != nil || agreement.VerifyEnvelope(strings.ReplaceAll(envelope, h.key.Fingerprint(), elsewhere.Fingerprint()), by, statements[0]) == nil {
			t.Errorf("%s: the key verifies for another relying party: %v", algorithm, err)
		}
	}
}

func TestAFileThatPasskeysSignedIsCheckedOffline(t *testing.T) {
	made := input(t)
	made.Parties = slices.Clone(made.Parties)
	holders := map[narthex.PartyRole]holder{}
	for i, algorithm := range []string{passkey.ES256, passkey.EdDSA, passkey.ES256} {
		role := made.Parties[i].Role
		holders[role] = newHolder(t, algorithm)
		made.Parties[i].Signers = slices.Clone(made.Parties[i].Signers)
		made.Parties[i].Signers[0].Fingerprint = holders[role].key.Fingerprint()
	}
	signed := func(title string) agreement.Bundle {
		in := made
		in.Engagement.Application.Title = title
		a, digest := render(t, in)
		bundle := agreement.Bundle{Agreement: a, Digest: digest}
		for i, p := range in.Parties {
			h := holders[p.Role]
			bundle.Signatures = append(bundle.Signatures, narthex.SignedBy{Party: p.Role, By: p.Signers[0].Person, Digest: digest, Signer: h.key.Fingerprint(),
				Envelope: h.signs(t, agreement.NewStatement(digest, p.Role, p.Signers[0].Person, a.Origin)), At: in.NotBefore.Add(time.Duration(i) * time.Minute), PublicKey: h.key.String()})
		}
		return bundle
	}
	one, two := signed("one"), signed("two")
	by, err := agreement.ParseVerifier(holders[narthex.PartyLab].key.String())
	if err != nil {
		t.Fatal(err)
	}
	report, err := check(t, one, map[string]agreement.Verifier{"lab": by})
	if err != nil || len(report.Signatures) != 3 || report.Signatures[2].Known != "lab" || !report.Stated {
		t.Fatalf("%+v %v", report, err)
	}
	for i := range one.Signatures {
		for j := range two.Signatures {
			b := copied(t, one)
			b.Signatures[i].Envelope = two.Signatures[j].Envelope
			if _, err := check(t, b, nil); err == nil {
				t.Errorf("signature %d of the other agreement was taken for %d", j, i)
			}
		}
	}
	for name, spoil := range map[string]func(*narthex.SignedBy){
		"another relying party": func(s *narthex.SignedBy) { s.PublicKey = strings.Replace(s.PublicKey, party, "a."+party, 1) },
		"another key":           func(s *narthex.SignedBy) { s.PublicKey = newHolder(t, passkey.ES256).key.String() },
		"a plain key":           func(s *narthex.SignedBy) { s.PublicKey = agreement.EncodeKey(newCast(t).key(narthex.PartyLab)) },
	} {
		b := copied(t, one)
		spoil(&b.Signatures[0])
		if _, err := check(t, b, nil); err == nil {
			t.Errorf("a file with %s was taken", name)
		}
	}
}
