package office

import (
	"context"

	"narthex"
	"narthex/client"
	"narthex/internal/agreement"
	"narthex/internal/book"
	"narthex/internal/identity"
	"narthex/internal/journal"
	"narthex/internal/store"
)

// Enroll takes a signing key of the person. They are told, and engagements that waited for a signer go on.
func (o *Office) Enroll(ctx context.Context, by narthex.PersonID, in client.SignerEnroll) (client.Signer, error) {
	key, err := agreement.ParseKey(in.PublicKey)
	if err != nil {
		return client.Signer{}, err
	}
	if err := identity.Proves(in.PublicKey, in.Proof, "enroll signer", o.Origin, string(by), in.PublicKey); err != nil {
		return client.Signer{}, narthex.Refusedf("The proof is not that key's signature over this person and lab.").For("proof").Because(err)
	}
	return o.enroll(ctx, by, client.Signer{Fingerprint: agreement.Fingerprint(key), Kind: client.SignerKey, PublicKey: in.PublicKey, Person: by}, 0)
}

// EnrollPasskey takes a passkey of the person, which then signs for them and logs them in.
func (o *Office) EnrollPasskey(ctx context.Context, by narthex.PersonID, in client.PasskeyEnroll) (client.Signer, error) {
	key, credential, seen, err := o.Desk.Registered(ctx, by, in)
	if err != nil {
		return client.Signer{}, err
	}
	return o.enroll(ctx, by, client.Signer{Fingerprint: key.Fingerprint(), Kind: client.SignerPasskey, PublicKey: key.String(), Person: by, Credential: credential}, seen.Counter)
}

func (o *Office) enroll(ctx context.Context, by narthex.PersonID, signer client.Signer, counter uint32) (client.Signer, error) {
	err := o.act(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		taken, err := journal.Get[client.Signer](tx, store.Signers, signer.Fingerprint)
		if err != nil {
			return err
		}
		if taken != nil {
			return narthex.Conflictf("That signing key is enrolled already, or was; make a fresh one.").For("public_key")
		}
		credential := ""
		if signer.Kind == client.SignerPasskey {
			credential = book.CredentialPrint(signer.Credential)
			known, err := journal.Get[book.Passkey](tx, store.Passkeys, credential)
			if err != nil {
				return err
			}
			if known != nil {
				return narthex.Conflictf("That passkey is enrolled already, or was; make a fresh one.").For("authenticator_data")
			}
			if err := journal.Put(tx, store.Passkeys, credential, &book.Passkey{Signer: signer.Fingerprint, Person: signer.Person, Counter: counter}); err != nil {
				return err
			}
		}
		signer.At = tx.Now()
		if err := journal.Put(tx, store.Signers, signer.Fingerprint, &signer); err != nil {
			return err
		}
		if err := book.Tell(tx, p.ID, book.ToldSigner+signer.Fingerprint); err != nil {
			return err
		}
		if _, err := tx.Append(narthex.EntrySignerEnrolled, narthex.TextField("person", p.ID), narthex.TextField("fingerprint", signer.Fingerprint),
			narthex.TextField("kind", signer.Kind), narthex.TextField("credential", credential), narthex.TextField("by", p.ID)); err != nil {
			return err
		}
		return o.offerWaiting(tx)
	})
	return signer, err
}

// signed checks an envelope by an enrolled, unrevoked signer of the person. A passkey must be of this node's site, with a counter that
// grew.
func (o *Office) signed(tx *journal.Tx, signer client.Signer, envelope string, s agreement.Statement) error {
	by, err := agreement.ParseVerifier(signer.PublicKey)
	if err != nil {
		return err
	}
	seen, err := by.Seen(envelope, s)
	if err != nil {
		return err
	}
	key, is := by.Passkey()
	if !is {
		return nil
	}
	if !o.Desk.Site.Takes(key, seen) {
		return narthex.Refusedf("That passkey signed at another site than this node's.").For("signer")
	}
	return identity.Counted(tx, signer, seen)
}

// RevokeSigner ends a signing key of the person; what it signed stays signed.
func (o *Office) RevokeSigner(ctx context.Context, by narthex.PersonID, fingerprint string) (client.Signer, error) {
	var revoked client.Signer
	err := o.act(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		signer, err := journal.Get[client.Signer](tx, store.Signers, fingerprint)
		if err != nil {
			return err
		}
		if signer == nil || signer.Person != p.ID {
			return narthex.WithheldError()
		}
		if !signer.RevokedAt.IsZero() {
			return narthex.Conflictf("That key is revoked already.")
		}
		revoked = *signer
		revoked.RevokedAt = tx.Now()
		if err := journal.Put(tx, store.Signers, fingerprint, &revoked); err != nil {
			return err
		}
		if err := book.Tell(tx, p.ID, book.ToldSignerRevoked+fingerprint); err != nil {
			return err
		}
		_, err = tx.Append(narthex.EntrySignerRevoked, narthex.TextField("person", p.ID), narthex.TextField("fingerprint", fingerprint), narthex.TextField("by", p.ID))
		return err
	})
	return revoked, err
}

// Signers lists the person's signing keys.
func (o *Office) Signers(ctx context.Context, by narthex.PersonID) (client.SignerList, error) {
	var list client.SignerList
	err := o.look(ctx, by, func(tx *journal.Tx, p narthex.Person) (err error) {
		list.Signers, err = signersOf(tx, p.ID)
		return err
	})
	return list, err
}

func signersOf(tx *journal.Tx, person narthex.PersonID) ([]client.Signer, error) {
	rows, err := journal.Scan[client.Signer](tx, store.Signers, store.Span{Limit: 100_000})
	if err != nil {
		return nil, err
	}
	signers := []client.Signer{}
	for _, row := range rows {
		if row.Row.Person == person {
			signers = append(signers, *row.Row)
		}
	}
	return signers, nil
}
