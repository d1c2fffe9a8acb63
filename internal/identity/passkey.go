package identity

import (
	"context"
	"crypto/sha256"
	"encoding/base64"

	"narthex"
	"narthex/client"
	"narthex/internal/book"
	"narthex/internal/journal"
	"narthex/internal/passkey"
	"narthex/internal/store"
)

// What a passkey's challenge is the digest of, beside the origin of the lab's ledger and the nonce.
const (
	passkeyLogin     = "passkey log-in"
	passkeyEnrolment = "passkey enrolment"
)

// NoPasskeys is the refusal of a node whose settings name no site.
func NoPasskeys() *narthex.Error {
	return narthex.Refusedf("This node takes no passkeys: its settings name no relying party. Use a key: `narthex login`, `narthex signer new`.")
}

// challengeOf gives the challenge that a passkey is asked for a purpose. A signature's is the digest of another kind of text.
func challengeOf(purpose, origin string, values ...string) []byte {
	sum := sha256.Sum256(client.LoginMessage(purpose, origin, values...))
	return sum[:]
}

// askPasskey makes a challenge for a passkey, whichever it is.
func (d *Desk) askPasskey(in client.ChallengeRequest) (client.Challenge, error) {
	if d.Site.Party == "" {
		return client.Challenge{}, NoPasskeys()
	}
	if in.PublicKey != "" {
		return client.Challenge{}, narthex.Invalidf("A challenge is for a key or for a passkey, and not for both.").For("passkey")
	}
	made, err := d.Challenges.made(d.Journal.Random(), d.Origin, forPasskeys, d.Journal.Now())
	made.Party = d.Site.Party
	return made, err
}

// PasskeyLogin answers a challenge with a session: by a passkey that is enrolled and not revoked. Whatever is wrong, the answer is
// the same.
func (d *Desk) PasskeyLogin(ctx context.Context, in client.PasskeyLogin) (client.Session, error) {
	if d.Site.Party == "" {
		return client.Session{}, NoPasskeys()
	}
	if _, ours := d.Challenges.askedAt(in.Nonce, forPasskeys); !ours {
		return client.Session{}, narthex.UnauthenticatedError()
	}
	var signer client.Signer
	find := func(tx *journal.Tx) (err error) {
		signer, err = passkeyOf(tx, in.Credential)
		return err
	}
	if err := d.Journal.View(ctx, find); err != nil {
		return client.Session{}, err
	}
	key, err := passkey.ParseKey(signer.PublicKey)
	if err != nil {
		return client.Session{}, err
	}
	seen, err := key.Verify(passkey.Assertion(in.Assertion), challengeOf(passkeyLogin, d.Origin, in.Nonce))
	if err != nil || !d.Site.Takes(key, seen) || !d.Challenges.takeFrom(in.Nonce, forPasskeys, signer.Fingerprint, d.Journal.Now()) {
		return client.Session{}, narthex.UnauthenticatedError().Because(err)
	}
	var session client.Session
	err = d.Journal.Update(ctx, func(tx *journal.Tx) error {
		if err := find(tx); err != nil {
			return err
		}
		if err := Counted(tx, signer, seen); err != nil {
			return err
		}
		person, err := journal.Get[narthex.Person](tx, store.People, string(signer.Person))
		if err != nil {
			return err
		}
		if person == nil || person.State != narthex.PersonActive {
			return narthex.UnauthenticatedError()
		}
		if err := mayComeIn(tx, *person); err != nil {
			return err
		}
		session, err = d.open(tx, *person)
		return err
	})
	return session, err
}

// passkeyOf gives the signer of a credential, while it is in force.
func passkeyOf(tx *journal.Tx, credential string) (client.Signer, error) {
	row, err := journal.Get[book.Passkey](tx, store.Passkeys, book.CredentialPrint(credential))
	if err != nil {
		return client.Signer{}, err
	}
	if row == nil {
		return client.Signer{}, narthex.UnauthenticatedError()
	}
	signer, err := journal.Get[client.Signer](tx, store.Signers, row.Signer)
	if err != nil {
		return client.Signer{}, err
	}
	if signer == nil || signer.Kind != client.SignerPasskey || signer.Credential != credential || !signer.RevokedAt.IsZero() {
		return client.Signer{}, narthex.UnauthenticatedError()
	}
	return *signer, nil
}

// Counted refuses a passkey whose counter did not grow, which says that there is a second one like it, and keeps the counter. One
// that counts nothing says 0 always.
func Counted(tx *journal.Tx, signer client.Signer, seen passkey.Seen) error {
	print := book.CredentialPrint(signer.Credential)
	row, err := journal.Get[book.Passkey](tx, store.Passkeys, print)
	if err != nil {
		return err
	}
	if row == nil || row.Signer != signer.Fingerprint {
		return narthex.Unavailablef("The passkey's counter could not be read.")
	}
	if (seen.Counter != 0 || row.Counter != 0) && seen.Counter <= row.Counter {
		return narthex.Refusedf("The passkey's counter went back or stood still: somebody else may hold a copy of it. Revoke it with `narthex signer revoke %s` and enrol another.", signer.Fingerprint).For("signer")
	}
	next := *row
	next.Counter = seen.Counter
	return journal.Put(tx, store.Passkeys, print, &next)
}

// Registered reads a registration that this node asked the person for and that a log-in key proves. The challenge is good no more.
func (d *Desk) Registered(ctx context.Context, person narthex.PersonID, in client.PasskeyEnroll) (passkey.Key, string, passkey.Seen, error) {
	refused := narthex.Refusedf("The registration is not what this node asked that person for, or the person was not verified. Begin again with a new challenge.").For("client_data")
	var none passkey.Key
	if d.Site.Party == "" {
		return none, "", passkey.Seen{}, NoPasskeys()
	}
	login, err := journal.Peek[book.Login](ctx, d.Journal, store.Logins, book.LoginPrint(in.Login))
	if err != nil {
		return none, "", passkey.Seen{}, err
	}
	if login == nil || login.Person != person || Proves(in.Login, in.Proof, "enroll passkey", d.Origin, string(person), in.Nonce, in.AuthenticatorData) != nil {
		return none, "", passkey.Seen{}, narthex.Refusedf("The proof is not by a log-in key of yours over this passkey: a session alone enrols none.").For("proof")
	}
	key, credential, seen, err := passkey.Register(passkey.Registration{ClientData: in.ClientData, AuthenticatorData: in.AuthenticatorData}, challengeOf(passkeyEnrolment, d.Origin, in.Nonce, string(person)), d.Site.Party)
	if err != nil || !d.Site.Takes(key, seen) || !d.Challenges.takeFrom(in.Nonce, forPasskeys, string(person), d.Journal.Now()) {
		return none, "", passkey.Seen{}, refused.Because(err)
	}
	return key, base64.RawURLEncoding.EncodeToString(credential), seen, nil
}
