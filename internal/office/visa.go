package office

import (
	"context"
	"slices"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/book"
	"narthex/internal/canon"
	"narthex/internal/identity"
	"narthex/internal/journal"
	"narthex/internal/visa"
	"narthex/internal/workflow"
)

const (
	mostVisas      = 32 // of one person, in time
	mostIdentities = 8  // of one person

	// longestVisa bounds a visa of ours: whoever takes it does not learn that the grant ended before it.
	longestVisa = 30 * 24 * time.Hour
)

// Visas gives what is known of a person's visas, to them, to officials of their organisation and to the lab.
func (o *Office) Visas(ctx context.Context, by, target narthex.PersonID) (client.VisasView, error) {
	var view client.VisasView
	err := o.look(ctx, by, func(tx *journal.Tx, p narthex.Person) (err error) {
		if _, err = knownTo(tx, p, target); err == nil {
			view, err = visasView(tx, target)
		}
		return err
	})
	return view, err
}

func visasView(tx *journal.Tx, person narthex.PersonID) (client.VisasView, error) {
	known, err := book.VisasOf(tx, person)
	if err != nil {
		return client.VisasView{}, err
	}
	row, err := book.ReadDirectory(tx)
	if err != nil {
		return client.VisasView{}, err
	}
	view := client.VisasView{Person: person, Identities: append([]narthex.Identity{}, known.Identities...), Visas: []client.VisaView{}}
	for _, v := range known.Visas {
		trusted := slices.Contains(row.VisaKeys, narthex.VisaKey(v.Issuer, v.Key))
		view.Visas = append(view.Visas, client.VisaView{Visa: v, Counts: trusted && tx.Now().Before(v.Until)})
	}
	return view, nil
}

// visaAct runs one act about a person's visas and gives what then is known of them.
func (o *Office) visaAct(ctx context.Context, by, target narthex.PersonID, act narthex.VisaAct, do func(tx *journal.Tx, known narthex.Visas, person narthex.Person) (narthex.VisaDeed, error)) (client.VisasView, error) {
	var view client.VisasView
	err := o.act(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		person, err := knownTo(tx, p, target)
		if err != nil {
			return err
		}
		if person.State == narthex.PersonRemoved {
			return narthex.Conflictf("That person was removed; nothing is recorded of them any more.")
		}
		if !book.MayDoVisa(act, p, person) {
			return narthex.Refusedf("A person gives and takes their own visas, and the lab takes them away. Whom an issuer knows is recorded by the lab's programme or security, and never by the person.")
		}
		known, err := book.VisasOf(tx, target)
		if err != nil {
			return err
		}
		deed, err := do(tx, known, person)
		if err != nil {
			return err
		}
		if err := visaDeed(tx, p, person, known, deed); err != nil {
			return err
		}
		view, err = visasView(tx, target)
		return err
	})
	return view, err
}

// visaDeed writes what is done about a person's visas, tells them where it was someone else, and records it.
func visaDeed(tx *journal.Tx, p, person narthex.Person, known narthex.Visas, d narthex.VisaDeed) error {
	d.By = p.ID
	if d.Act != narthex.VisaIssued {
		next := d.After(known, tx.Now())
		if len(next.Visas) > mostVisas || len(next.Identities) > mostIdentities {
			return narthex.Conflictf("A person has at most %d visas in time and is known to at most %d issuers here; remove one first.", mostVisas, mostIdentities)
		}
		if err := book.SetVisas(tx, person.ID, next); err != nil {
			return err
		}
	}
	if note := book.ToldOfVisa(d, person.ID); note != "" {
		if err := book.Tell(tx, person.ID, note); err != nil {
			return err
		}
	}
	text, err := canon.JSON(d)
	if err != nil {
		return err
	}
	_, err = tx.Append(narthex.EntryPersonVisa, narthex.TextField("person", person.ID), narthex.TextField("act", d.Act), narthex.CanonicalField("deed", string(text)), narthex.TextField("by", p.ID))
	return err
}

// LinkIdentity records by which subject an issuer of visas knows a person. Somebody else than the person says so.
func (o *Office) LinkIdentity(ctx context.Context, by, target narthex.PersonID, in client.VisaIdentity) (client.VisasView, error) {
	return o.visaAct(ctx, by, target, narthex.VisaLinked, func(tx *journal.Tx, known narthex.Visas, _ narthex.Person) (narthex.VisaDeed, error) {
		rules, err := o.Rules.Check(tx)
		if err != nil {
			return narthex.VisaDeed{}, err
		}
		linked := narthex.Identity{Issuer: in.Issuer, Subject: narthex.DigestText(in.Subject)}
		switch {
		case !slices.ContainsFunc(rules.Directory.VisaIssuers, func(i visa.Issuer) bool { return i.Name == in.Issuer }):
			return narthex.VisaDeed{}, narthex.Invalidf("The lab's directory names no issuer of visas like that under visa_issuers.").For("issuer")
		case in.Subject == "" || len(in.Subject) > 300:
			return narthex.VisaDeed{}, narthex.Invalidf("A subject is what the issuer's visas have as sub, up to 300 letters.").For("subject")
		case slices.Contains(known.Identities, linked):
			return narthex.VisaDeed{}, narthex.Conflictf("That is recorded already.")
		}
		return narthex.VisaDeed{Act: narthex.VisaLinked, Identity: &linked}, nil
	})
}

// UnlinkIdentity ends that an issuer knows a person by a subject, and with it every visa of that issuer.
func (o *Office) UnlinkIdentity(ctx context.Context, by, target narthex.PersonID, in client.VisaIdentity) (client.VisasView, error) {
	return o.visaAct(ctx, by, target, narthex.VisaUnlinked, func(_ *journal.Tx, known narthex.Visas, _ narthex.Person) (narthex.VisaDeed, error) {
		linked := narthex.Identity{Issuer: in.Issuer, Subject: narthex.DigestText(in.Subject)}
		if !slices.Contains(known.Identities, linked) {
			return narthex.VisaDeed{}, narthex.Conflictf("Nothing like that is recorded of them.")
		}
		return narthex.VisaDeed{Act: narthex.VisaUnlinked, Identity: &linked}, nil
	})
}

// AddVisa takes a visa that a person gives: of an issuer that the directory in force trusts, which knows them by a recorded subject.
func (o *Office) AddVisa(ctx context.Context, by narthex.PersonID, in client.VisaAdd) (client.VisasView, error) {
	return o.visaAct(ctx, by, by, narthex.VisaAdded, func(tx *journal.Tx, known narthex.Visas, _ narthex.Person) (narthex.VisaDeed, error) {
		rules, err := o.Rules.Check(tx)
		if err != nil {
			return narthex.VisaDeed{}, err
		}
		given, subject, err := visa.Read(in.Visa, rules.Directory.VisaIssuers, tx.Now())
		if err != nil {
			return narthex.VisaDeed{}, err
		}
		if !slices.Contains(known.Identities, subject) {
			return narthex.VisaDeed{}, narthex.Refusedf("The visa is for a subject that nobody recorded as yours. Ask the lab's programme or security: `narthex visas link`.").For("visa")
		}
		return narthex.VisaDeed{Act: narthex.VisaAdded, Visa: &given, Identity: &subject}, nil
	})
}

// RemoveVisa ends a visa at once: taking away needs one person.
func (o *Office) RemoveVisa(ctx context.Context, by, target narthex.PersonID, in client.VisaRemove) (client.VisasView, error) {
	return o.visaAct(ctx, by, target, narthex.VisaRemoved, func(_ *journal.Tx, known narthex.Visas, _ narthex.Person) (narthex.VisaDeed, error) {
		if !slices.ContainsFunc(known.Visas, func(v narthex.Visa) bool { return v.Digest == in.Digest }) {
			return narthex.VisaDeed{}, narthex.Conflictf("They have no visa of that digest: `narthex visas list` shows what there is.").For("digest")
		}
		return narthex.VisaDeed{Act: narthex.VisaRemoved, Digest: in.Digest}, nil
	})
}

// IssueVisa gives a person of a grant a visa of ours that says so. It ends with the grant, with the first of what the grant rests on, and
// after thirty days.
func (o *Office) IssueVisa(ctx context.Context, by narthex.PersonID, id narthex.GrantID) (client.IssuedVisa, error) {
	var out client.IssuedVisa
	err := o.act(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		grant, err := grantOf(tx, id, p)
		if err != nil {
			return err
		}
		until, err := usable(tx, grant, p)
		if err != nil {
			return err
		}
		now := tx.Now().UTC().Truncate(time.Second)
		for _, end := range []time.Time{grant.NotAfter, now.Add(longestVisa)} {
			if until.IsZero() || end.Before(until) {
				until = end
			}
		}
		until = until.UTC().Truncate(time.Second)
		if !until.After(now) {
			return narthex.Refusedf("The grant ends within this second, so no visa of it would hold.")
		}
		jti, err := identity.NewID[narthex.SessionID](o.Journal.Random())
		if err != nil {
			return err
		}
		issuer := "https://" + o.Origin
		text, err := o.VisaSigner.Sign(visa.Stated{Issuer: issuer, Subject: string(p.ID), Type: "ControlledAccessGrants", Value: issuer + "/engagements/" + string(grant.Engagement), Source: issuer, By: "dac",
			Asserted: grant.NotBefore, IssuedAt: now, Until: until, ID: string(jti)[len("ses_"):]})
		if err != nil {
			return err
		}
		out = client.IssuedVisa{Visa: text, Issuer: issuer, Subject: string(p.ID), Value: issuer + "/engagements/" + string(grant.Engagement), Until: until}
		return visaDeed(tx, p, p, narthex.Visas{}, narthex.VisaDeed{Act: narthex.VisaIssued, Digest: narthex.DigestText(text), Grant: id, Until: until})
	})
	return out, err
}

// usable refuses where a person may make nothing new of a grant, and says until when what it rests on holds.
func usable(tx *journal.Tx, grant narthex.Grant, p narthex.Person) (time.Time, error) {
	e, err := engagementOf(tx, grant.Engagement)
	if err != nil {
		return time.Time{}, err
	}
	if !slices.Contains(grant.Persons, p.ID) {
		if slices.Contains(workflow.Unjoined(e), p.ID) {
			return time.Time{}, narthex.Refusedf("You have not accepted for yourself yet, so the grant is not yours to use. Read the agreement and accept it: `narthex agreement show %s`, then `narthex engagements join %s`.", e.ID, e.ID)
		}
		return time.Time{}, narthex.Refusedf("Keys are for the people whom the grant names. Ask them.")
	}
	if slices.Contains(e.Left, p.ID) {
		return time.Time{}, narthex.Refusedf("You left this engagement, so you have no new keys of its grant.")
	}
	if locks, err := book.LocksOn(tx, book.Subject("grant", grant.ID), book.Subject("engagement", grant.Engagement)); err != nil || len(locks) > 0 {
		if err == nil {
			err = noKeys(grant, locks, tx.Now())
		}
		return time.Time{}, err
	}
	if !grant.InForce(tx.Now()) {
		return time.Time{}, noKeys(grant, nil, tx.Now())
	}
	hushed, err := book.Hushed(tx, &grant)
	if err != nil {
		return time.Time{}, err
	}
	if hushed {
		return time.Time{}, journal.Unrecorded()
	}
	word, stands, err := book.WordFor(tx, &grant)
	if err != nil {
		return time.Time{}, err
	}
	if stopped := book.Unauthorised(&grant, word, stands, tx.Now()); stopped != nil {
		return time.Time{}, stopped
	}
	until, lapsed, err := book.Resting(book.KnownTo(tx), &grant, p.ID, tx.Now())
	if err == nil && lapsed != nil {
		err = lapsed
	}
	if word != nil && (until.IsZero() || word.Authorisation.NotAfter.Before(until)) {
		until = word.Authorisation.NotAfter
	}
	return until, err
}
