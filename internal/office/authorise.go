package office

import (
	"context"

	"narthex"
	"narthex/client"
	"narthex/internal/agreement"
	"narthex/internal/book"
	"narthex/internal/canon"
	"narthex/internal/journal"
	"narthex/internal/store"
	"narthex/internal/workflow"
)

// Authorise takes an official's signed word that one of their people may enter engagements through the pathways that it names without a
// signature of the institution on each. It replaces the person's last one. What waited for a signer of the institution goes on.
func (o *Office) Authorise(ctx context.Context, by, target narthex.PersonID, in client.Authorise) (narthex.SignedAuthorisation, error) {
	var word narthex.SignedAuthorisation
	err := o.act(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		person, err := colleague(tx, p, target)
		if err != nil {
			return err
		}
		if person.State == narthex.PersonRemoved {
			return narthex.Conflictf("That person was removed; nobody can authorise them.")
		}
		rules, err := o.Rules.Check(tx)
		if err != nil {
			return err
		}
		if err := fits(tx, rules, in.Authorisation, person); err != nil {
			return err
		}
		if word, err = o.word(tx, p, in); err != nil {
			return err
		}
		if err := book.SetAuthorised(tx, &word); err != nil {
			return err
		}
		if err := book.Tell(tx, target, book.ToldAuthorised+string(word.Signature.Digest)); err != nil {
			return err
		}
		a := word.Authorisation
		pathways, err := canon.JSON(a.Pathways)
		if err != nil {
			return err
		}
		if _, err := tx.Append(narthex.EntryPersonAuthorised, narthex.TextField("person", a.Person), narthex.TextField("org", a.Org), narthex.CanonicalField("pathways", string(pathways)),
			narthex.TimeField("not_before", a.NotBefore), narthex.TimeField("not_after", a.NotAfter), narthex.TextField("authorisation", word.Signature.Digest),
			narthex.TextField("by", p.ID), narthex.TextField("signer", word.Signature.Signer), narthex.TextField("envelope", word.Signature.Envelope)); err != nil {
			return err
		}
		return o.offerWaiting(tx)
	})
	return word, err
}

// colleague gives the person whom an official of their organisation may authorise, or take that back from. Whoever is no such official
// learns nothing of who there is.
func colleague(tx *journal.Tx, p narthex.Person, target narthex.PersonID) (narthex.Person, error) {
	if p.InLab() {
		return narthex.Person{}, narthex.Refusedf("An official of the person's own organisation authorises them, and nobody of the lab.")
	}
	person, err := journal.Get[narthex.Person](tx, store.People, string(target))
	if err != nil {
		return narthex.Person{}, err
	}
	if person == nil || !p.Official || p.Org == "" || person.Org != p.Org {
		return narthex.Person{}, narthex.WithheldError()
	}
	if person.ID == p.ID {
		return narthex.Person{}, narthex.Refusedf("You cannot do this for yourself; another official of your organisation can.")
	}
	return *person, nil
}

// fits holds an authorisation to its person and their organisation, the pathways that there are, and to a year from now.
func fits(tx *journal.Tx, rules *book.Rules, a narthex.Authorisation, person narthex.Person) error {
	for _, name := range a.Pathways {
		if _, known := rules.Directory.Pathways[name]; !known {
			return narthex.Invalidf("There is no pathway of one of those names; `narthex pathways` lists them.").For("pathways")
		}
	}
	switch {
	case a.Person != person.ID:
		return narthex.Invalidf("The authorisation names another person than the address that it was sent to.").For("person")
	case a.Org != person.Org:
		return narthex.Invalidf("The authorisation names another organisation than the person's.").For("org")
	case !tx.Now().Before(a.NotAfter) || a.NotAfter.Sub(tx.Now()) > narthex.MostAuthorised:
		return narthex.Invalidf("An authorisation ends in the future, and within 366 days of now.").For("not_after")
	}
	return nil
}

// word checks the signature on an authorisation: by an enrolled, unrevoked key of the official.
func (o *Office) word(tx *journal.Tx, p narthex.Person, in client.Authorise) (narthex.SignedAuthorisation, error) {
	word := narthex.SignedAuthorisation{Authorisation: in.Authorisation}
	signer, err := journal.Get[client.Signer](tx, store.Signers, in.Signer)
	if err != nil {
		return word, err
	}
	if signer == nil || signer.Person != p.ID || !signer.RevokedAt.IsZero() {
		return word, narthex.Refusedf("That is not a signing key of yours in force. `narthex signer show` lists them.").For("signer")
	}
	digest, err := canon.Digest(in.Authorisation)
	if err != nil {
		return word, err
	}
	key, err := agreement.ParseVerifier(signer.PublicKey)
	if err != nil {
		return word, err
	}
	word.Signature = narthex.SignedBy{Party: narthex.PartyInstitution, By: p.ID, Digest: digest, Signer: in.Signer, Envelope: in.Envelope, At: tx.Now(), PublicKey: signer.PublicKey}
	if err := agreement.VerifyAuthorisation(word, key, o.Origin); err != nil {
		return word, err
	}
	return word, o.signed(tx, *signer, in.Envelope, agreement.NewStatement(digest, narthex.PartyInstitution, p.ID, o.Origin))
}

// Unauthorise takes a person's authorisation back. Agreements that rest on it and are not signed by all make no grant, and the grants of
// those that are stop at the next call.
func (o *Office) Unauthorise(ctx context.Context, by, target narthex.PersonID) (narthex.SignedAuthorisation, error) {
	var word narthex.SignedAuthorisation
	err := o.act(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		if _, err := colleague(tx, p, target); err != nil {
			return err
		}
		had, err := book.AuthorisedOf(tx, target)
		if err != nil {
			return err
		}
		if had == nil {
			return narthex.Conflictf("That person has no authorisation; there is nothing to take back.")
		}
		word = *had
		if err := book.DropAuthorised(tx, target); err != nil {
			return err
		}
		if err := book.Tell(tx, target, book.ToldUnauthorised+string(word.Signature.Digest)); err != nil {
			return err
		}
		_, err = tx.Append(narthex.EntryPersonUnauthorised, narthex.TextField("person", target), narthex.TextField("authorisation", word.Signature.Digest), narthex.TextField("by", p.ID))
		return err
	})
	return word, err
}

// beforehand gives the authorisation that can take the place of the institution's signature now, with what the cover says of it; nil
// where there is none.
func beforehand(tx *journal.Tx, e narthex.Engagement) (*narthex.SignedAuthorisation, *narthex.Beforehand, error) {
	word, err := book.AuthorisedOf(tx, e.Application.Applicant)
	if err != nil || word == nil || !workflow.Authorises(e, *word, tx.Now()) {
		return nil, nil, err
	}
	official, ok, err := standing(tx, word.Signature.By)
	if err != nil || !book.Vouches(official, e.Application.Org, ok) {
		return nil, nil, err
	}
	return word, agreement.Beforehand(*word, official.Name), nil
}

// resting refuses while the authorisation that an agreement rests on is not in force, or its official may not act.
func resting(tx *journal.Tx, e narthex.Engagement) error {
	if e.Authorised == nil {
		return nil
	}
	now, _, err := beforehand(tx, e)
	if err != nil {
		return err
	}
	by, err := journal.Get[narthex.Person](tx, store.People, string(e.Authorised.Signature.By))
	if err != nil || by == nil {
		return narthex.Unavailablef("The official could not be read.").Because(err)
	}
	if err := unhushed(tx, *by); err != nil {
		return err
	}
	if now == nil || now.Signature.Digest != e.Authorised.Signature.Digest {
		return narthex.Conflictf("The agreement rests on an authorisation of the institution that ended, was taken back or replaced, or whose official may not act now. Where the official was suspended or locked and that ends, sign again; otherwise the applicant withdraws and applies anew.")
	}
	return nil
}
