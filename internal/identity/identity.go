// Package identity is who people are: one-time codes, log-in keys, sessions.
//
// People prove themselves with a key that they hold, not with a password: there is nothing on the server that a thief could
// use or crack, nothing to phish, and the command line needs no typing. A person redeems a one-time code with a fresh Ed25519
// key, and from then on signs a challenge to get a session.
//
// It promises that a code, a challenge and a session's token are each drawn from fresh randomness, stored as digests only and
// good for one person; that a code and a challenge work once; that a code is good for a first log-in key alone, and only the
// latest code of a person; and that a suspended or locked person's session is dead at the
// next request. What a caller learns of a wrong credential is one sentence, whatever was wrong; who holds the right one and is
// locked is told of the lock.
//
// It trusts the journal. Read next: inception.go for the first two people, office for what people may do.
package identity

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"io"

	"narthex"
	"narthex/client"
	"narthex/internal/agreement"
	"narthex/internal/book"
	"narthex/internal/journal"
	"narthex/internal/passkey"
	"narthex/internal/store"
	"narthex/internal/wire"
)

const (
	// mostSessions is how many sessions a person has at once.
	mostSessions = 20
)

// Desk lets people in.
type Desk struct {
	Journal    *journal.Journal
	Origin     string
	Challenges *Challenges
	Site       passkey.Site // of its passkeys
}

// Proves says whether proof is the key's signature over a message for that purpose, lab and values.
func Proves(public, proof, purpose, origin string, values ...string) error {
	key, err := agreement.ParseKey(public)
	if err != nil {
		return err
	}
	sig, err := base64.StdEncoding.Strict().DecodeString(proof)
	if err != nil || !ed25519.Verify(key, client.LoginMessage(purpose, origin, values...), sig) {
		return narthex.UnauthenticatedError()
	}
	return nil
}

// Redeem turns a one-time code into a log-in key and a session.
func (d *Desk) Redeem(ctx context.Context, in client.Redeem) (client.Session, error) {
	hash, err := wire.ParseToken(wire.CodeToken, narthex.NewSecret(in.Code))
	if err != nil {
		return client.Session{}, err
	}
	if err := Proves(in.PublicKey, in.Proof, "redeem", d.Origin, hash, in.Nonce); err != nil {
		return client.Session{}, err
	}
	var session client.Session
	err = d.Journal.Update(ctx, func(tx *journal.Tx) error {
		session = client.Session{}
		invite, err := journal.Get[book.Invite](tx, store.Invites, hash)
		if err != nil {
			return err
		}
		if invite == nil || invite.Used || !tx.Now().Before(invite.ExpiresAt) {
			return narthex.UnauthenticatedError()
		}
		person, err := journal.Get[narthex.Person](tx, store.People, string(invite.Person))
		if err != nil {
			return err
		}
		if person == nil || person.State != narthex.PersonInvited {
			return narthex.UnauthenticatedError()
		}
		hand, err := book.HandOf(tx, person.ID)
		if err != nil {
			return err
		}
		if hand.Code != hash {
			return narthex.UnauthenticatedError()
		}
		if err := mayComeIn(tx, *person); err != nil {
			return err
		}
		used := *invite
		used.Used = true
		if err := journal.Put(tx, store.Invites, hash, &used); err != nil {
			return err
		}
		if err := Enroll(tx, *person, in.PublicKey); err != nil {
			return err
		}
		enrolled := *person
		enrolled.State = narthex.PersonActive
		session, err = d.open(tx, enrolled)
		return err
	})
	return session, err
}

// Enroll gives a person a log-in key and makes them active. They are told.
func Enroll(tx *journal.Tx, person narthex.Person, public string) error {
	print := book.LoginPrint(public)
	taken, err := journal.Get[book.Login](tx, store.Logins, print)
	if err != nil {
		return err
	}
	if taken != nil {
		return narthex.Conflictf("That log-in key is in use already; make a fresh one.").For("public_key")
	}
	person.State = narthex.PersonActive
	if err := journal.Put(tx, store.Logins, print, &book.Login{PublicKey: public, Person: person.ID, At: tx.Now()}); err != nil {
		return err
	}
	if err := journal.Put(tx, store.People, string(person.ID), &person); err != nil {
		return err
	}
	if err := book.Tell(tx, person.ID, book.ToldLogin+print[:16]); err != nil {
		return err
	}
	_, err = tx.Append(narthex.EntryPersonEnrolled, narthex.TextField("person", person.ID), narthex.TextField("handle", person.Handle), narthex.TextField("login_key", print))
	return err
}

// Challenge asks the holder of a key to prove it.
func (d *Desk) Challenge(in client.ChallengeRequest) (client.Challenge, error) {
	if in.Passkey {
		return d.askPasskey(in)
	}
	return d.Challenges.ask(d.Journal.Random(), d.Origin, in.PublicKey, d.Journal.Now())
}

// Login answers a challenge with a session.
func (d *Desk) Login(ctx context.Context, in client.Login) (client.Session, error) {
	if _, ours := d.Challenges.askedAt(in.Nonce, in.PublicKey); !ours {
		return client.Session{}, narthex.UnauthenticatedError()
	}
	if err := Proves(in.PublicKey, in.Proof, "login", d.Origin, in.Nonce, in.PublicKey); err != nil {
		return client.Session{}, err
	}
	known, err := journal.Peek[book.Login](ctx, d.Journal, store.Logins, book.LoginPrint(in.PublicKey))
	if err != nil {
		return client.Session{}, err
	}
	if known == nil || !d.Challenges.take(in.Nonce, in.PublicKey, d.Journal.Now()) {
		return client.Session{}, narthex.UnauthenticatedError()
	}
	var session client.Session
	err = d.Journal.Update(ctx, func(tx *journal.Tx) error {
		login, err := journal.Get[book.Login](tx, store.Logins, book.LoginPrint(in.PublicKey))
		if err != nil {
			return err
		}
		if login == nil {
			return narthex.UnauthenticatedError()
		}
		person, err := journal.Get[narthex.Person](tx, store.People, string(login.Person))
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

// Unlocked says whether there is no lock on a person, nor on their organisation, nor on where a person from outside works or whose
// national they are.
func Unlocked(tx *journal.Tx, person narthex.Person) (bool, error) {
	locks, err := book.LocksOnPerson(tx, person)
	return err == nil && len(locks) == 0, err
}

// mayComeIn refuses a person whom a lock bars. Who has proved who they are is told why and where to appeal; but not where an order
// forbids it, nor where their credential may be in other hands: they get the answer to a wrong one.
func mayComeIn(tx *journal.Tx, person narthex.Person) error {
	locks, err := book.LocksOnPerson(tx, person)
	if err != nil || len(locks) == 0 {
		return err
	}
	told, _ := book.FirstTold(locks, tx.Now())
	if told == nil || book.Compromised(locks) {
		return narthex.UnauthenticatedError()
	}
	return book.LockedOut(*told)
}

// open makes a session.
func (d *Desk) open(tx *journal.Tx, person narthex.Person) (client.Session, error) {
	token, err := wire.NewToken(wire.SessionToken, d.Journal.Random())
	if err != nil {
		return client.Session{}, err
	}
	id, err := NewID[narthex.SessionID](d.Journal.Random())
	if err != nil {
		return client.Session{}, err
	}
	if err := makeRoom(tx, person.ID, wire.HashToken(token)); err != nil {
		return client.Session{}, err
	}
	session := book.Session{ID: id, Person: person.ID, ExpiresAt: tx.Now().Add(book.SessionLife)}
	if err := journal.Put(tx, store.Sessions, wire.HashToken(token), &session); err != nil {
		return client.Session{}, err
	}
	if _, err := tx.Append(narthex.EntrySessionOpened, narthex.TextField("person", person.ID), narthex.TextField("session", id), narthex.TextField("token", wire.HashToken(token))); err != nil {
		return client.Session{}, err
	}
	return client.Session{Token: token.Reveal(), Person: person, ExpiresAt: session.ExpiresAt}, nil
}

// makeRoom puts a new session on the person's list, from which those that are over fall, and ends the oldest where there are
// too many.
func makeRoom(tx *journal.Tx, person narthex.PersonID, added string) error {
	hashes, err := book.OwnOf(tx, "sessions", person)
	if err != nil {
		return err
	}
	var live []string
	sessions := map[string]*book.Session{}
	for _, hash := range hashes {
		session, err := journal.Get[book.Session](tx, store.Sessions, hash)
		if err != nil {
			return err
		}
		if session != nil && !session.Ended && tx.Now().Before(session.ExpiresAt) {
			live, sessions[hash] = append(live, hash), session
		}
	}
	for ; len(live) >= mostSessions; live = live[1:] {
		if err := end(tx, live[0], *sessions[live[0]]); err != nil {
			return err
		}
	}
	return book.SetOwn(tx, "sessions", person, append(live, added))
}

// end ends a session for good.
func end(tx *journal.Tx, hash string, session book.Session) error {
	session.Ended = true
	if err := journal.Put(tx, store.Sessions, hash, &session); err != nil {
		return err
	}
	_, err := tx.Append(narthex.EntrySessionEnded, narthex.TextField("person", session.Person), narthex.TextField("session", session.ID))
	return err
}

type sessionKey struct{}

// Who gives the active person behind a session's token, and a context that carries the session, so that what the person then
// asks for is decided on the session, the person and the locks as they are at that moment: see Present.
func (d *Desk) Who(ctx context.Context, token narthex.Secret) (context.Context, narthex.Person, error) {
	hash, err := wire.ParseToken(wire.SessionToken, token)
	if err != nil {
		return ctx, narthex.Person{}, err
	}
	ctx = context.WithValue(ctx, sessionKey{}, hash)
	var person narthex.Person
	err = d.Journal.View(ctx, func(tx *journal.Tx) (err error) {
		person, err = Present(ctx, tx)
		return err
	})
	return ctx, person, err
}

// Present gives the person whose session the context carries, while that is open and they are active and unlocked. Inside a
// change it is so when the change is decided, however long ago the request began. No session is nobody.
func Present(ctx context.Context, tx *journal.Tx) (narthex.Person, error) {
	hash, _ := ctx.Value(sessionKey{}).(string)
	if hash == "" {
		return narthex.Person{}, narthex.UnauthenticatedError()
	}
	session, err := journal.Get[book.Session](tx, store.Sessions, hash)
	if err != nil {
		return narthex.Person{}, err
	}
	if session == nil || session.Ended || !tx.Now().Before(session.ExpiresAt) {
		return narthex.Person{}, narthex.UnauthenticatedError()
	}
	person, err := journal.Get[narthex.Person](tx, store.People, string(session.Person))
	if err != nil {
		return narthex.Person{}, err
	}
	if person == nil || person.State != narthex.PersonActive {
		return narthex.Person{}, narthex.UnauthenticatedError()
	}
	return *person, mayComeIn(tx, *person)
}

// Logout ends a session for good.
func (d *Desk) Logout(ctx context.Context, token narthex.Secret) error {
	hash, err := wire.ParseToken(wire.SessionToken, token)
	if err != nil {
		return err
	}
	return d.Journal.Update(ctx, func(tx *journal.Tx) error {
		session, err := journal.Get[book.Session](tx, store.Sessions, hash)
		if err != nil {
			return err
		}
		if session == nil || session.Ended {
			return narthex.UnauthenticatedError()
		}
		return end(tx, hash, *session)
	})
}

// NewID draws an identifier.
func NewID[I ~string](random io.Reader) (I, error) {
	var raw [16]byte
	if _, err := io.ReadFull(random, raw[:]); err != nil {
		return "", fmt.Errorf("draw an identifier: %w", err)
	}
	return narthex.NewID[I](raw)
}
