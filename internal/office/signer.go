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
	signer := client.Signer{Fingerprint: agreement.Fingerprint(key), PublicKey: in.PublicKey, Person: by}
	err = o.act(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		taken, err := journal.Get[client.Signer](tx, store.Signers, signer.Fingerprint)
		if err != nil {
			return err
		}
		if taken != nil {
			return narthex.Conflictf("That signing key is enrolled already, or was; make a fresh one.").For("public_key")
		}
		signer.At = tx.Now()
		if err := journal.Put(tx, store.Signers, signer.Fingerprint, &signer); err != nil {
			return err
		}
		if err := book.Tell(tx, p.ID, book.ToldSigner+signer.Fingerprint); err != nil {
			return err
		}
		if _, err := tx.Append(narthex.EntrySignerEnrolled, narthex.TextField("person", p.ID), narthex.TextField("fingerprint", signer.Fingerprint), narthex.TextField("by", p.ID)); err != nil {
			return err
		}
		return o.offerWaiting(tx)
	})
	return signer, err
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
