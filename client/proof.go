package client

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"

	"narthex"
)

// NewKey draws a key that a person logs in or signs with.
func NewKey() (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return key, err
}

// PublicKey gives the text form of a key's public half.
func PublicKey(key ed25519.PrivateKey) string {
	return base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey))
}

func prove(key ed25519.PrivateKey, purpose, origin string, values ...string) string {
	return base64.StdEncoding.EncodeToString(ed25519.Sign(key, LoginMessage(purpose, origin, values...)))
}

// expect holds the origin that a node states to the one that the client is for.
func (c *Client) expect(stated string) error {
	if c.origin == "" || c.origin == stated {
		return nil
	}
	wrong := narthex.Refusedf("The node at %s says that it is another lab's than the one this log-in is for, so nothing was proved to it. Check the address with the lab.", c.base)
	wrong.Code = "another_lab"
	return wrong
}

// Redeem turns a one-time code into a log-in with key.
func (c *Client) Redeem(ctx context.Context, code string, key ed25519.PrivateKey) (Session, error) {
	status, err := c.Status(ctx)
	if err != nil {
		return Session{}, err
	}
	if err := c.expect(status.Origin); err != nil {
		return Session{}, err
	}
	var nonce [16]byte
	if _, err := rand.Read(nonce[:]); err != nil {
		return Session{}, err
	}
	sum := sha256.Sum256([]byte(code))
	in := Redeem{Code: code, PublicKey: PublicKey(key), Nonce: hex.EncodeToString(nonce[:])}
	in.Proof = prove(key, "redeem", status.Origin, hex.EncodeToString(sum[:]), in.Nonce)
	return call[Session](ctx, c, "POST", "/api/redeem", in)
}

// Login makes a session for the holder of key.
func (c *Client) Login(ctx context.Context, key ed25519.PrivateKey) (Session, error) {
	public := PublicKey(key)
	challenge, err := call[Challenge](ctx, c, "POST", "/api/challenge", ChallengeRequest{PublicKey: public})
	if err != nil {
		return Session{}, err
	}
	if err := c.expect(challenge.Origin); err != nil {
		return Session{}, err
	}
	proof := prove(key, "login", challenge.Origin, challenge.Nonce, public)
	return call[Session](ctx, c, "POST", "/api/login", Login{PublicKey: public, Nonce: challenge.Nonce, Proof: proof})
}

// EnrollSigner enrols a signing key for the session's person.
func (c *Client) EnrollSigner(ctx context.Context, key ed25519.PrivateKey) (Signer, error) {
	who, err := c.WhoAmI(ctx)
	if err != nil {
		return Signer{}, err
	}
	status, err := c.Status(ctx)
	if err != nil {
		return Signer{}, err
	}
	if err := c.expect(status.Origin); err != nil {
		return Signer{}, err
	}
	proof := prove(key, "enroll signer", status.Origin, string(who.Person.ID), PublicKey(key))
	return call[Signer](ctx, c, "POST", "/api/signers", SignerEnroll{PublicKey: PublicKey(key), Proof: proof})
}
