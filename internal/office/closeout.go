package office

import (
	"context"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/agreement"
	"narthex/internal/book"
	"narthex/internal/journal"
	"narthex/internal/lab"
	"narthex/internal/store"
	"narthex/internal/workflow"
)

// Obligations lists what an engagement's agreement asks by a date, to someone who may know of it.
func (o *Office) Obligations(ctx context.Context, by narthex.PersonID, id narthex.EngagementID) (client.ObligationList, error) {
	list := client.ObligationList{Obligations: []client.ObligationView{}}
	err := o.look(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		e, err := engagementOf(tx, id)
		if err != nil {
			return err
		}
		if !workflow.MayRead(e, p) {
			return narthex.WithheldError()
		}
		rules, err := o.Rules.Get()
		if err != nil {
			return err
		}
		list = client.ObligationList{Engagement: id, State: e.State, Agreement: e.Agreement, Ends: workflow.EndOf(e), Obligations: []client.ObligationView{}}
		for _, due := range workflow.Obligations(e, rules.Directory.Calendar, tx.Now()) {
			list.Obligations = append(list.Obligations, obligationView(e, due))
		}
		return nil
	})
	return list, err
}

func obligationView(e narthex.Engagement, o workflow.Obligation) client.ObligationView {
	view := client.ObligationView{Obligation: o.Obligation, Says: workflow.OwedInWords(o.Owed), By: o.By, Clause: o.Clause, Due: o.Due, State: o.State, Backups: o.Backups, Done: []narthex.Met{}, Waivers: []narthex.Waiver{}}
	if o.Blocks() {
		view.Next = workflow.NextStep(e.ID, o.Obligation)
		if !o.Begun {
			view.Next = "wait for the end of access"
		}
	}
	for _, met := range e.Met {
		if met.Obligation == o.Obligation {
			view.Done = append(view.Done, met)
		}
	}
	for _, w := range e.Waivers {
		if w.Obligation == o.Obligation {
			view.Waivers = append(view.Waivers, w)
		}
	}
	return view
}

// CloseOut gives a command about an obligation: meet, reject or waive.
func (o *Office) CloseOut(ctx context.Context, by narthex.PersonID, id narthex.EngagementID, command workflow.Command, in client.CloseOut) (client.ObligationList, error) {
	err := o.act(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		e, err := engagementOf(tx, id)
		if err != nil {
			return err
		}
		if !workflow.MayRead(e, p) {
			return narthex.WithheldError()
		}
		if refused := workflow.Open(e, command, p); refused != nil {
			return refused
		}
		draft := workflow.Event{Command: command, Obligation: in.Obligation, Text: in.Text}
		if command == workflow.Meet {
			if draft.Evidence, draft.Certificate = in.Evidence, nil; in.Certify != nil {
				if draft.Certificate, err = o.certificate(tx, p, *in.Certify); err != nil {
					return err
				}
				draft.Evidence = draft.Certificate.Signature.Digest
			}
		}
		_, err = o.apply(tx, e, draft, p, workflow.Facts{Now: tx.Now()})
		return err
	})
	if err != nil {
		return client.ObligationList{}, err
	}
	return o.Obligations(ctx, by, id)
}

// certificate checks the signature on a certificate of destruction: by an enrolled, unrevoked key of the person, on this document,
// for this ledger.
func (o *Office) certificate(tx *journal.Tx, p narthex.Person, in client.Certify) (*narthex.SignedCertificate, error) {
	signer, err := journal.Get[client.Signer](tx, store.Signers, in.Signer)
	if err != nil {
		return nil, err
	}
	if signer == nil || signer.Person != p.ID || !signer.RevokedAt.IsZero() {
		return nil, narthex.Refusedf("That is not a signing key of yours in force. `narthex signer show` lists them.").For("signer")
	}
	digest, err := agreement.CertificateDigest(in.Certificate, o.Origin)
	if err != nil {
		return nil, err
	}
	key, err := agreement.ParseVerifier(signer.PublicKey)
	if err != nil {
		return nil, err
	}
	signed := narthex.SignedCertificate{Certificate: in.Certificate,
		Signature: narthex.SignedBy{Party: in.Party, By: p.ID, Digest: digest, Signer: in.Signer, Envelope: in.Envelope, At: tx.Now(), PublicKey: signer.PublicKey}}
	if err := agreement.VerifyCertificate(signed, key, o.Origin); err != nil {
		return nil, err
	}
	return &signed, o.signed(tx, *signer, in.Envelope, agreement.NewStatement(digest, in.Party, p.ID, o.Origin))
}

// settled refuses a signature while someone whom the engagement names, or their organisation, owes a certificate of destruction of
// an earlier one that is late: no grant follows one that was not closed out. Who may not read that other engagement learns no more
// of it than that there is one.
func (o *Office) settled(tx *journal.Tx, rules *book.Rules, e narthex.Engagement, p narthex.Person) error {
	subjects := []string{book.Subject("person", e.Application.Applicant), book.Subject("org", e.Application.Org)}
	for _, member := range e.Application.Members {
		subjects = append(subjects, book.Subject("person", member))
	}
	late, owed, err := lateOf(tx, rules.Directory.Calendar, subjects, e.ID)
	if err != nil || late == nil {
		return err
	}
	if !workflow.MayRead(*late, p) {
		return narthex.Conflictf("Nobody signs yet: a person whom this names, or your institution, owes the lab a certificate of destruction under an earlier agreement since %s. The official of your institution can say which.", owed.Due.UTC().Format(time.DateOnly))
	}
	return narthex.Conflictf("Nobody signs yet: under clause %s of its agreement, the engagement %s owes a certificate of destruction since %s, by a person or the institution that this one names. It is met with `%s`, or waived by two of the lab.",
		owed.Clause, late.ID, owed.Due.UTC().Format(time.DateOnly), workflow.NextStep(late.ID, owed.Obligation))
}

// lateOf finds an engagement of one of the subjects, other than that one, whose certificate of destruction is late.
func lateOf(tx *journal.Tx, calendar lab.Calendar, subjects []string, but narthex.EngagementID) (*narthex.Engagement, *workflow.Obligation, error) {
	seen := map[narthex.GrantID]bool{}
	for _, subject := range subjects {
		held, err := journal.Get[book.Holdings](tx, store.Holdings, subject)
		if err != nil {
			return nil, nil, err
		}
		if held == nil {
			continue
		}
		for _, id := range held.Grants {
			if seen[id] {
				continue
			}
			seen[id] = true
			grant, err := journal.Get[narthex.Grant](tx, store.Grants, string(id))
			if err != nil || grant == nil {
				return nil, nil, narthex.Unavailablef("An earlier grant could not be read.").Because(err)
			}
			if grant.Engagement == but {
				continue
			}
			e, err := engagementOf(tx, grant.Engagement)
			if err != nil {
				return nil, nil, err
			}
			for _, due := range workflow.Obligations(e, calendar, tx.Now()) {
				if due.Obligation == narthex.DestructionCertificate && due.State == narthex.ObligationLate {
					return &e, &due, nil
				}
			}
		}
	}
	return nil, nil, nil
}
