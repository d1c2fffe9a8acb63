package office

import (
	"context"
	"encoding/base64"
	"slices"

	"narthex"
	"narthex/client"
	"narthex/internal/agreement"
	"narthex/internal/book"
	"narthex/internal/canon"
	"narthex/internal/identity"
	"narthex/internal/journal"
	"narthex/internal/lab"
	"narthex/internal/passkey"
	"narthex/internal/store"
	"narthex/internal/workflow"
	"narthex/policy"
)

// offered is an agreement that can be offered.
type offered struct {
	agreement narthex.Agreement
	digest    narthex.Digest
	event     workflow.Event
}

// render makes the agreement when the last approval is in, of those that count at that moment, and the application is by the
// directory in force, whose clauses it will cite. Terms that the assets' sizes no longer hold beside the grants in force are a
// Conflict. It is nil before, and where a party has no signing key yet. It changes nothing.
func (o *Office) render(tx *journal.Tx, rules *book.Rules, e narthex.Engagement) (*offered, error) {
	counted, err := counting(tx, rules, e)
	if err != nil || e.State != narthex.InReview || !workflow.Approved(counted) || outdated(rules, e) {
		return nil, err
	}
	if err := holdSize(tx, rules.Directory, e, "Return it to the applicant: their revision asks them."); err != nil {
		return nil, err
	}
	pathway := rules.Directory.Pathways[e.Application.Pathway]
	if rules.Directory.SigningOf(pathway).Stamped && o.Stamps == nil {
		return nil, narthex.Conflictf("The pathway's agreement asks for a time stamp with each signature, and this node has no time-stamping authority, so it could never come into force. The operators name one (`narthex serve --help`), or the programme changes the clause %s.", narthex.SignatureClause)
	}
	parties, word, ready, err := o.parties(tx, rules, e)
	if err != nil || !ready {
		return nil, err
	}
	row, err := book.ReadDirectory(tx)
	if err != nil {
		return nil, err
	}
	amends, err := coverOf(tx, e.Application)
	if err != nil {
		return nil, err
	}
	made, err := agreement.Render(agreement.Input{Lab: rules.Directory.Name, Origin: o.Origin, Engagement: counted, Pathway: pathway, Clauses: rules.Directory.Clauses,
		Taxonomy: rules.Directory.Taxonomy, Parties: parties, NotBefore: tx.Now(), NotAfter: tx.Now().AddDate(0, 0, e.Application.Days), SingleCustodian: row.Single, Amends: amends, Uses: lab.UsesOf(pathway, e.Application.Codes)})
	if err != nil {
		return nil, err
	}
	digest, err := agreement.Digest(made)
	if err != nil {
		return nil, err
	}
	var asked *narthex.Signing
	if signing := made.Signing(); signing != (narthex.Signing{}) {
		asked = &signing
	}
	event, refused := workflow.BySystem(e, workflow.Event{Command: workflow.Offer, Agreement: digest, Authorised: word, Signing: asked})
	if refused != nil {
		return nil, refused
	}
	return &offered{made, digest, event}, nil
}

// offer puts a rendered agreement before its parties.
func (o *Office) offer(tx *journal.Tx, rules *book.Rules, e narthex.Engagement, made *offered) error {
	if err := journal.Put(tx, store.Agreements, string(made.digest), &book.Agreement{Agreement: made.agreement}); err != nil {
		return err
	}
	if _, err := tx.Append(narthex.EntryAgreementRendered, narthex.TextField("engagement", e.ID), narthex.TextField("agreement", made.digest),
		narthex.TextField("application", e.Digest), narthex.TextField("directory", rules.Directory.Digest)); err != nil {
		return err
	}
	_, err := o.happen(tx, e, made.event)
	return err
}

// offerOrWait offers after a vote. What everyone has approved and cannot be offered yet is remembered.
func (o *Office) offerOrWait(tx *journal.Tx, rules *book.Rules, e narthex.Engagement) error {
	made, err := o.render(tx, rules, e)
	switch {
	case err != nil:
		return err
	case made != nil:
		return o.offer(tx, rules, e, made)
	case workflow.Approved(e):
		return book.AddWaiting(tx, e.ID)
	}
	return nil
}

// offerWaiting offers what was approved and waited: for a signing key, or for a vote to count again. One that cannot be read or
// rendered waits on, and is nobody else's trouble.
func (o *Office) offerWaiting(tx *journal.Tx) error {
	waiting, err := book.WaitingFor(tx)
	if err != nil || len(waiting) == 0 {
		return err
	}
	rules, err := o.Rules.Check(tx)
	if err != nil {
		return err
	}
	var left []narthex.EngagementID
	for _, id := range waiting {
		e, err := engagementOf(tx, id)
		if err == nil && e.State != narthex.InReview {
			continue
		}
		var made *offered
		if err == nil {
			made, err = o.render(tx, rules, e)
		}
		if err != nil || made == nil {
			left = append(left, id)
			continue
		}
		if err := o.offer(tx, rules, e, made); err != nil {
			return err
		}
	}
	if len(left) == len(waiting) {
		return nil
	}
	return book.SetWaiting(tx, left)
}

// parties names who may sign for each side, with their keys; ready is false while a side has none. An institution that authorised the
// applicant beforehand signs by that word.
func (o *Office) parties(tx *journal.Tx, rules *book.Rules, e narthex.Engagement) (_ []narthex.Party, word *narthex.SignedAuthorisation, ready bool, err error) {
	app := e.Application
	people, err := book.PeopleOf(tx, "")
	if err != nil {
		return nil, nil, false, err
	}
	outside, err := book.PeopleOf(tx, app.Org)
	if err != nil {
		return nil, nil, false, err
	}
	people = append(people, outside...)
	lab := narthex.Party{Role: narthex.PartyLab, Name: rules.Directory.Name}
	institution := narthex.Party{Role: narthex.PartyInstitution, Org: string(app.Org)}
	researcher := narthex.Party{Role: narthex.PartyResearcher, Person: app.Applicant, Org: string(app.Org)}
	org, err := journal.Get[narthex.Org](tx, store.Orgs, string(app.Org))
	if err != nil || org == nil {
		return nil, nil, false, narthex.Unavailablef("The applicant's organisation could not be read.").Because(err)
	}
	institution.Name = org.Name
	if !workflow.SignsItself(rules.Directory.SigningOf(rules.Directory.Pathways[app.Pathway])) {
		if word, institution.Authorised, err = beforehand(tx, e); err != nil {
			return nil, nil, false, err
		}
	}
	for _, person := range people {
		if person.State != narthex.PersonActive {
			continue
		}
		if person, err = book.WithInterests(tx, person); err != nil {
			return nil, nil, false, err
		}
		signers, err := partySigners(tx, person)
		if err != nil {
			return nil, nil, false, err
		}
		switch author := slices.Contains(e.Authors, person.ID); {
		case person.ID == app.Applicant:
			researcher.Name = person.Name
			researcher.Signers = append(researcher.Signers, signers...)
		case person.Official && person.Org == app.Org && !author:
			institution.Signers = append(institution.Signers, signers...)
		case person.Has(narthex.Signatory) && !author && !workflow.Interested(e, person) && !slices.ContainsFunc(e.Votes, func(v narthex.Vote) bool { return v.By == person.ID }):
			lab.Signers = append(lab.Signers, signers...)
		}
	}
	ready = len(researcher.Signers) > 0 && len(lab.Signers) > 0 && (word != nil || len(institution.Signers) > 0)
	if word != nil {
		institution.Signers = []narthex.PartySigner{} // nobody signs for it again
	}
	return []narthex.Party{researcher, institution, lab}, word, ready, nil
}

func partySigners(tx *journal.Tx, person narthex.Person) ([]narthex.PartySigner, error) {
	keys, err := signersOf(tx, person.ID)
	if err != nil {
		return nil, err
	}
	var signers []narthex.PartySigner
	for _, key := range keys {
		if key.RevokedAt.IsZero() {
			signers = append(signers, narthex.PartySigner{Person: person.ID, Name: person.Name, Fingerprint: key.Fingerprint})
		}
	}
	return signers, nil
}

// Agreement gives an engagement's agreement with its signatures, to someone who may know of it.
func (o *Office) Agreement(ctx context.Context, by narthex.PersonID, id narthex.EngagementID) (client.AgreementView, error) {
	view, document, err := o.document(ctx, by, id)
	if err != nil {
		return view, err
	}
	text, err := document.In(agreement.Markdown)
	if err != nil {
		return view, err
	}
	page, err := document.In(agreement.HTML)
	view.Markdown, view.HTML = string(text), string(page)
	return view, err
}

// AgreementIn gives it in one form, as a file, with its media type.
func (o *Office) AgreementIn(ctx context.Context, by narthex.PersonID, id narthex.EngagementID, form string) ([]byte, string, error) {
	if !slices.Contains(agreement.Forms(), agreement.Form(form)) {
		return nil, "", narthex.WithheldError()
	}
	_, document, err := o.document(ctx, by, id)
	if err != nil {
		return nil, "", err
	}
	if agreement.Form(form) == agreement.PDF { // which takes long: one at a time, so that nobody has all cores at it
		o.setting.Lock()
		defer o.setting.Unlock()
		if err := ctx.Err(); err != nil {
			return nil, "", narthex.Unavailablef("The request ended before its turn.").Because(err)
		}
	}
	data, err := document.In(agreement.Form(form))
	return data, agreement.Form(form).Media(), err
}

func (o *Office) document(ctx context.Context, by narthex.PersonID, id narthex.EngagementID) (client.AgreementView, agreement.Document, error) {
	var view client.AgreementView
	var document agreement.Document
	err := o.look(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		e, err := engagementOf(tx, id)
		if err != nil {
			return err
		}
		if !workflow.MayRead(e, p) {
			return narthex.WithheldError()
		}
		if e.Agreement == "" {
			return narthex.Conflictf("There is no agreement yet; it is made when everyone who must has approved.")
		}
		row, err := journal.Get[book.Agreement](tx, store.Agreements, string(e.Agreement))
		if err != nil {
			return err
		}
		if row == nil {
			return narthex.Unavailablef("The agreement could not be read.")
		}
		rules, err := o.Rules.Get()
		if err != nil {
			return err
		}
		view = client.AgreementView{Agreement: row.Agreement, Digest: e.Agreement, Signatures: append([]narthex.SignedBy{}, e.Signatures...), Missing: []string{}, Authorised: e.Authorised, Outside: e.Outside}
		for _, party := range workflow.Unsigned(e) {
			view.Missing = append(view.Missing, string(party))
		}
		if view.Challenges, err = challenges(tx, row.Agreement, e, p.ID); err != nil {
			return err
		}
		document = agreement.Document{Taxonomy: rules.Directory.Taxonomy, Agreement: row.Agreement, Signatures: view.Signatures, Outside: e.Outside}
		return nil
	})
	if err == nil {
		err = o.recordRead(ctx, by, id, book.ReadAgreement)
	}
	if err != nil {
		return client.AgreementView{}, agreement.Document{}, err
	}
	return view, document, nil
}

// Outside gives the outside document that is bound to an engagement's agreement, as a file, to someone who may know of it. It is held to the
// digest that is signed. That they read it is an entry.
func (o *Office) Outside(ctx context.Context, by narthex.PersonID, id narthex.EngagementID) ([]byte, error) {
	var file []byte
	err := o.look(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		e, err := engagementOf(tx, id)
		if err != nil {
			return err
		}
		switch {
		case !workflow.MayRead(e, p):
			return narthex.WithheldError()
		case e.Outside == nil:
			return narthex.Conflictf("No outside document is bound to this engagement's agreement.")
		case !e.Outside.Kept:
			return narthex.Conflictf("The outside document is kept elsewhere: an earlier version bound it by its digest alone. Ask whoever signed it for their copy; `narthex agreement verify FILE --outside COPY` checks it.")
		}
		file, err = book.OutsideOf(tx, e)
		return err
	})
	if err == nil {
		err = o.recordRead(ctx, by, id, book.ReadOutside)
	}
	if err != nil {
		return nil, err
	}
	return file, nil
}

// Sign takes a party's signature. With the last one the grant is in force.
func (o *Office) Sign(ctx context.Context, by narthex.PersonID, id narthex.EngagementID, in client.Sign) (client.EngagementView, error) {
	token, unstamped, err := o.stamped(ctx, by, id, in)
	if err != nil {
		return client.EngagementView{}, err
	}
	var replaced narthex.GrantID
	err = o.act(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		replaced = ""
		e, err := engagementOf(tx, id)
		if err != nil {
			return err
		}
		if !workflow.MayRead(e, p) {
			return narthex.WithheldError()
		}
		rules, err := o.Rules.Check(tx)
		if err != nil {
			return err
		}
		if err := o.settled(tx, rules, e, p); err != nil {
			return err
		}
		in := in
		if in.Assertion != nil {
			if in.Envelope, err = o.asserted(tx, p, in); err != nil {
				return err
			}
		}
		signature, err := o.signature(tx, e, p, in)
		if err != nil {
			return err
		}
		signature.Stamp = token
		next, err := o.apply(tx, e, workflow.Event{Command: workflow.Sign, Saw: in.Digest, Signature: &signature}, p, workflow.Facts{})
		if err != nil {
			return err
		}
		if _, err := tx.Append(narthex.EntryAgreementSigned, narthex.TextField("engagement", id), narthex.TextField("agreement", in.Digest), narthex.TextField("party", in.Party),
			narthex.TextField("by", p.ID), narthex.TextField("signer", in.Signer), narthex.TextField("envelope", in.Envelope)); err != nil {
			return err
		}
		if !workflow.Signed(next) {
			return nil
		}
		replaced, err = o.activate(tx, rules, next)
		return err
	})
	if err != nil {
		return client.EngagementView{}, err
	}
	o.cutReplaced(replaced)
	view, err := o.engagement(ctx, by, id)
	view.Unstamped = unstamped
	return view, err
}

// stamped has the envelope of a signature stamped, before the change that takes it, where there is an authority and the signature is on
// the agreement that the person may sign. One that cannot be had is said, and stops the signature only where the settings ask.
func (o *Office) stamped(ctx context.Context, by narthex.PersonID, id narthex.EngagementID, in client.Sign) (token string, unstamped bool, err error) {
	if o.Stamps == nil {
		return "", false, nil
	}
	envelope, must := in.Envelope, o.Stamps.Require
	err = o.look(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		e, err := engagementOf(tx, id)
		if err != nil {
			return err
		}
		signer, err := journal.Get[client.Signer](tx, store.Signers, in.Signer)
		if err != nil {
			return err
		}
		must = must || e.Signing != nil && e.Signing.Stamped
		if !workflow.MayRead(e, p) || e.State != narthex.Offered || e.Agreement != in.Digest || in.Outside != workflow.OutsideOf(e) || signer == nil || signer.Person != p.ID {
			envelope = "" // the change itself will say why not
			return nil
		}
		if in.Assertion != nil {
			envelope, err = o.asserted(tx, p, in)
		}
		return err
	})
	if err != nil || envelope == "" {
		return "", false, err
	}
	token, err = o.Stamps.Stamp(ctx, envelope)
	if err == nil {
		return token, false, nil
	}
	if must {
		return "", false, narthex.Unavailablef("The time-stamping authority gave no stamp that holds, and this node or this agreement takes no signature without one. Nothing was signed; try again later, or ask the operators.").Because(err)
	}
	o.Log.Warn("a signature was taken without a time stamp", "engagement", string(id), "cause", err.Error())
	return "", true, nil
}

// asserted makes the envelope of what a passkey of the person said.
func (o *Office) asserted(tx *journal.Tx, p narthex.Person, in client.Sign) (string, error) {
	if in.Envelope != "" {
		return "", narthex.Invalidf("A signature is an envelope or an assertion, and not both.").For("assertion")
	}
	signer, err := journal.Get[client.Signer](tx, store.Signers, in.Signer)
	if err != nil {
		return "", err
	}
	if signer == nil || signer.Person != p.ID || signer.Kind != client.SignerPasskey {
		return "", narthex.Refusedf("That is not a passkey of yours. `narthex signer show` lists them.").For("signer")
	}
	key, err := passkey.ParseKey(signer.PublicKey)
	if err != nil {
		return "", err
	}
	return agreement.Assert(key, agreement.NewStatement(in.Digest, in.Party, p.ID, o.Origin).With(in.Outside), passkey.Assertion(*in.Assertion))
}

// challenges gives what the person's passkeys are asked to sign an agreement for each party for which its cover names one.
func challenges(tx *journal.Tx, a narthex.Agreement, e narthex.Engagement, p narthex.PersonID) (map[narthex.PartyRole]string, error) {
	signers, err := signersOf(tx, p)
	if err != nil {
		return nil, err
	}
	var list map[narthex.PartyRole]string
	for _, party := range a.Parties {
		may := slices.ContainsFunc(party.Signers, func(s narthex.PartySigner) bool {
			return s.Person == p && slices.ContainsFunc(signers, func(own client.Signer) bool {
				return own.Fingerprint == s.Fingerprint && own.Kind == client.SignerPasskey && own.RevokedAt.IsZero()
			})
		})
		if !may {
			continue
		}
		challenge, err := agreement.Challenge(agreement.NewStatement(e.Agreement, party.Role, p, a.Origin).With(workflow.OutsideOf(e)))
		if err != nil {
			return nil, err
		}
		if list == nil {
			list = map[narthex.PartyRole]string{}
		}
		list[party.Role] = base64.RawURLEncoding.EncodeToString(challenge)
	}
	return list, nil
}

// signature checks an envelope: by an enrolled, unrevoked key of the person, which the agreement's cover names, over this
// document, party, person and ledger.
func (o *Office) signature(tx *journal.Tx, e narthex.Engagement, p narthex.Person, in client.Sign) (narthex.SignedBy, error) {
	signer, err := journal.Get[client.Signer](tx, store.Signers, in.Signer)
	if err != nil {
		return narthex.SignedBy{}, err
	}
	if signer == nil || signer.Person != p.ID || !signer.RevokedAt.IsZero() {
		return narthex.SignedBy{}, narthex.Refusedf("That is not a signing key of yours in force. `narthex signer show` lists them.").For("signer")
	}
	row, err := journal.Get[book.Agreement](tx, store.Agreements, string(e.Agreement))
	if err != nil {
		return narthex.SignedBy{}, err
	}
	if row == nil || in.Digest != e.Agreement {
		return narthex.SignedBy{}, narthex.Conflictf("The signature is not on the agreement as it stands. Read it again and sign its digest.").For("digest")
	}
	named := slices.ContainsFunc(row.Agreement.Parties, func(party narthex.Party) bool {
		return party.Role == in.Party && slices.ContainsFunc(party.Signers, func(s narthex.PartySigner) bool { return s.Person == p.ID && s.Fingerprint == in.Signer })
	})
	if !named {
		return narthex.SignedBy{}, narthex.Refusedf("The agreement's cover does not name that key of yours for that party.").For("signer")
	}
	if err := o.signed(tx, *signer, in.Envelope, agreement.NewStatement(in.Digest, in.Party, p.ID, o.Origin).With(in.Outside)); err != nil {
		return narthex.SignedBy{}, err
	}
	return narthex.SignedBy{Party: in.Party, By: p.ID, Digest: in.Digest, Signer: in.Signer, Envelope: in.Envelope, At: tx.Now(), PublicKey: signer.PublicKey, Outside: in.Outside}, nil
}

// unlockedUnder holds a safe harbour back while a lock stands that it would have refused: none reaches it from before.
func unlockedUnder(tx *journal.Tx, e narthex.Engagement, a narthex.Agreement) error {
	list := a.LockReasons()
	if len(list) == 0 {
		return nil
	}
	subjects := []string{book.Subject("engagement", e.ID), book.Subject("org", e.Application.Org)}
	for _, person := range append([]narthex.PersonID{e.Application.Applicant}, e.Application.Members...) {
		subjects = append(subjects, book.Subject("person", person))
	}
	if a.AuthorisedFor() != "" && e.Authorised != nil {
		subjects = append(subjects, book.Subject("person", e.Authorised.Signature.By))
	}
	locks, err := book.LocksOn(tx, subjects...)
	for _, lock := range locks {
		if !slices.Contains(list, lock.Reason) {
			return narthex.Conflictf("A lock on the %s stands, for a reason that the agreement's safe harbour does not list: %s. Sign again when it is lifted.", lock.Subject, book.ReasonInWords(lock.Reason))
		}
	}
	return err
}

// activate makes the grant of a signed agreement, after holding it once more to what may not be held together and to the assets' sizes, and those who
// signed to what they may do now. It gives the grant whose place that takes, or none.
func (o *Office) activate(tx *journal.Tx, rules *book.Rules, e narthex.Engagement) (narthex.GrantID, error) {
	if err := signing(tx, e); err != nil {
		return "", err
	}
	if err := resting(tx, e); err != nil {
		return "", err
	}
	row, err := journal.Get[book.Agreement](tx, store.Agreements, string(e.Agreement))
	if err != nil || row == nil {
		return "", narthex.Unavailablef("The agreement could not be read.").Because(err)
	}
	if err := unlockedUnder(tx, e, row.Agreement); err != nil {
		return "", err
	}
	used, err := o.replace(tx, e, row.Agreement.Amends)
	if err != nil {
		return "", err
	}
	wrong, err := o.together(tx, rules, e.Application)
	if err != nil {
		return "", err
	}
	wrong = append(wrong, policy.CheckApprovals(rules.Directory.Taxonomy, row.Agreement.Terms, row.Agreement.Approvals)...)
	if len(wrong) > 0 {
		return "", narthex.Conflictf("%s", wrong[0].Says)
	}
	if err := holdSize(tx, rules.Directory, e, "The applicant withdraws this and applies anew."); err != nil {
		return "", err
	}
	id, err := identity.NewID[narthex.GrantID](o.Journal.Random())
	if err != nil {
		return "", err
	}
	a := row.Agreement
	kept, err := keptOf(tx, e, a)
	if err != nil {
		return "", err
	}
	next, err := o.bySystem(tx, e, workflow.Event{Command: workflow.Activate, Grant: id, Until: a.NotAfter, Owed: workflow.OwedUnder(a), Kept: kept})
	if err != nil {
		return "", err
	}
	grant := narthex.Grant{ID: id, Engagement: e.ID, Agreement: e.Agreement, Persons: workflow.Holders(next),
		Org: e.Application.Org, Terms: a.Terms, Approvals: a.Approvals, NotBefore: a.NotBefore, NotAfter: a.NotAfter, AppealTo: a.AppealTo, AppealDays: a.AppealDays, AuthorisedFor: a.AuthorisedFor(), RestsOn: a.RestsOn, Replaces: a.Replaces(), LockReasons: a.LockReasons()}
	if err := holdRest(tx, &grant); err != nil {
		return "", err
	}
	if err := journal.Put(tx, store.Grants, string(id), &grant); err != nil {
		return "", err
	}
	if used != nil {
		account := used.Carried()
		if err := journal.Put(tx, store.Accounts, string(id), &account); err != nil {
			return "", err
		}
	}
	for _, person := range grant.Persons {
		if err := book.AddHolding(tx, book.Subject("person", person), id); err != nil {
			return "", err
		}
	}
	if err := book.AddHolding(tx, book.Subject("org", grant.Org), id); err != nil {
		return "", err
	}
	persons, err := canon.JSON(grant.Persons)
	if err != nil {
		return "", err
	}
	_, err = tx.Append(narthex.EntryGrantActive, narthex.TextField("grant", id), narthex.TextField("engagement", e.ID), narthex.TextField("agreement", e.Agreement),
		narthex.CanonicalField("persons", string(persons)), narthex.TextField("org", grant.Org),
		narthex.TimeField("not_before", grant.NotBefore), narthex.TimeField("not_after", grant.NotAfter))
	return grant.Replaces, err
}
