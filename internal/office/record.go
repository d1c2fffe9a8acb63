package office

import (
	"context"
	"slices"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/book"
	"narthex/internal/journal"
	"narthex/internal/store"
	"narthex/internal/workflow"
	"narthex/policy"
)

// mostStandings bounds what is known of one person.
const mostStandings = 64

// Standing gives what is known of a person's standing, to them, to officials of their organisation and to the lab.
func (o *Office) Standing(ctx context.Context, by, target narthex.PersonID) (client.StandingView, error) {
	var view client.StandingView
	err := o.look(ctx, by, func(tx *journal.Tx, p narthex.Person) (err error) {
		person, err := knownTo(tx, p, target)
		if err != nil {
			return err
		}
		view, err = standingView(tx, person)
		return err
	})
	return view, err
}

func standingView(tx *journal.Tx, person narthex.Person) (client.StandingView, error) {
	list, err := book.StandingsOf(tx, person.ID)
	view := client.StandingView{Person: person.ID, Name: person.Name, Standings: append([]narthex.Standing{}, list...), People: map[string]string{}}
	for _, s := range list {
		if s.By == "" || err != nil {
			continue
		}
		var by *narthex.Person
		if by, err = journal.Get[narthex.Person](tx, store.People, string(s.By)); by != nil {
			view.People[string(s.By)] = by.Name
		}
	}
	return view, err
}

// knownTo gives someone from outside whom p may know of.
func knownTo(tx *journal.Tx, p narthex.Person, target narthex.PersonID) (narthex.Person, error) {
	person, err := journal.Get[narthex.Person](tx, store.People, string(target))
	if err != nil {
		return narthex.Person{}, err
	}
	if person == nil || person.Org == "" || !p.InLab() && p.ID != target && !(p.Official && p.Org == person.Org) {
		return narthex.Person{}, narthex.WithheldError()
	}
	return *person, nil
}

// Record takes in that a person has a training, a screening or their affiliation. It replaces what was recorded of the same.
func (o *Office) Record(ctx context.Context, by, target narthex.PersonID, in client.RecordStanding) (client.StandingView, error) {
	var view client.StandingView
	err := o.act(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		person, err := knownTo(tx, p, target)
		if err != nil {
			return err
		}
		if person.State == narthex.PersonRemoved {
			return narthex.Conflictf("That person was removed; nothing is recorded of them any more.")
		}
		if err := checkStanding(in.Kind, in.Name); err != nil {
			return err
		}
		if in.Kind == narthex.Recertification {
			return narthex.Invalidf("A recertification is of an engagement: the applicant states it, `narthex standing state`, and another confirms it, `narthex standing confirm`.").For("kind")
		}
		if !book.MayRecord(in.Kind, p, person, false) {
			return notTheirs(in.Kind, p, person)
		}
		deed := narthex.Deed{Act: narthex.Given, Kind: in.Kind, Name: in.Name, From: in.From, Until: in.Until}
		if deed.From.IsZero() {
			deed.From = tx.Now().UTC().Truncate(time.Second)
		}
		if deed.Until.IsZero() {
			deed.Until = deed.From.AddDate(0, 0, in.Kind.Days())
		}
		if err := checkInterval(deed, tx.Now()); err != nil {
			return err
		}
		if err := o.deed(tx, p, person, deed); err != nil {
			return err
		}
		view, err = standingView(tx, person)
		return err
	})
	return view, err
}

// TakeBack ends a standing at once: taking away needs one person.
func (o *Office) TakeBack(ctx context.Context, by, target narthex.PersonID, in client.TakeBackStanding) (client.StandingView, error) {
	var view client.StandingView
	err := o.act(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		person, sponsored, err := sponsoredBy(tx, p, target, in)
		if err != nil {
			return err
		}
		if err := checkStanding(in.Kind, in.Name); err != nil {
			return err
		}
		if !book.MayTakeBack(in.Kind, p, person, sponsored) {
			return notTheirs(in.Kind, p, person)
		}
		list, err := book.StandingsOf(tx, target)
		if err != nil {
			return err
		}
		// What was never recorded can be taken back too: a signature or an authorisation may stand for it.
		had := narthex.FindStanding(list, in.Kind, in.Name)
		if had.From.IsZero() && had.StatedAt.IsZero() && !had.WithdrawnAt.IsZero() {
			return narthex.Conflictf("That was taken back already; nothing more is needed.")
		}
		if had.Kind == "" && in.Kind.Named() {
			return narthex.Conflictf("Nothing of that name was recorded of them; there is nothing to take back.")
		}
		if err := o.deed(tx, p, person, narthex.Deed{Act: narthex.TakenBack, Kind: in.Kind, Name: in.Name}); err != nil {
			return err
		}
		view, err = standingView(tx, person)
		return err
	})
	return view, err
}

// sponsoredBy gives someone whom p may know of, and whether p sponsors the engagement that a recertification is of.
func sponsoredBy(tx *journal.Tx, p narthex.Person, target narthex.PersonID, in client.TakeBackStanding) (narthex.Person, bool, error) {
	person, err := knownTo(tx, p, target)
	if err != nil || in.Kind != narthex.Recertification {
		return person, false, err
	}
	e, err := engagementOf(tx, narthex.EngagementID(in.Name))
	if err != nil {
		return person, false, err
	}
	if !workflow.MayRead(e, p) || e.Application.Applicant != target {
		return person, false, narthex.WithheldError()
	}
	grant, err := journal.Get[narthex.Grant](tx, store.Grants, string(e.Grant))
	if err == nil && (grant == nil || !slices.ContainsFunc(grant.RestsOn, func(c narthex.Condition) bool { return c.Kind == narthex.Recertification })) {
		err = narthex.Conflictf("Its agreement does not list a recertification, so nothing would stop. Lock the engagement instead: `narthex lock`.")
	}
	return person, workflow.SponsorOf(e) == p.ID, err
}

func checkStanding(kind narthex.StandingKind, name string) error {
	switch {
	case !slices.Contains(narthex.StandingKinds(), kind):
		return narthex.Invalidf("A standing is of one of %v.", narthex.StandingKinds()).For("kind")
	case kind.Named() && narthex.CheckName("a "+string(kind), name) != nil:
		return narthex.Invalidf("A %s has a name in lower-case letters, digits and . _ -, as the pathways write it under rests_on.", kind).For("name")
	case kind == narthex.Affiliation && name != "":
		return narthex.Invalidf("An affiliation is to the person's own organisation; leave the name out.").For("name")
	}
	return nil
}

func checkInterval(d narthex.Deed, now time.Time) error {
	whole := func(t time.Time) bool { return t.Equal(t.Truncate(time.Second)) && t.Location() == time.UTC }
	switch {
	case !whole(d.From):
		return narthex.Invalidf("A standing begins at a whole second of UTC, such as 2026-03-01T00:00:00Z.").For("from")
	case !whole(d.Until):
		return narthex.Invalidf("A standing ends at a whole second of UTC, such as 2026-03-01T00:00:00Z.").For("until")
	case d.From.After(now):
		return narthex.Invalidf("A standing begins today or before; record it when it is so.").For("from")
	case !d.Until.After(now):
		return narthex.Invalidf("A standing ends in the future; one that is over gives nothing.").For("until")
	case d.Until.After(d.From.AddDate(0, 0, narthex.MostStandingDays)):
		return narthex.Invalidf("A standing holds at most %d days.", narthex.MostStandingDays).For("until")
	}
	return nil
}

func notTheirs(kind narthex.StandingKind, p, person narthex.Person) error {
	if p.ID == person.ID {
		return narthex.Refusedf("Nobody records their own standing, or takes it back. Ask %s.", book.Recorders(kind))
	}
	return narthex.Refusedf("The %s of a person rests on the word of %s. Ask them.", kind, book.Recorders(kind))
}

// State takes in the applicant's word that an engagement's purpose and people are still those of its application. It gives nothing until
// another confirms it.
func (o *Office) State(ctx context.Context, by narthex.PersonID, id narthex.EngagementID, in client.Recertify) (client.StandingView, error) {
	return o.recertify(ctx, by, id, in, func(tx *journal.Tx, e narthex.Engagement, p, applicant narthex.Person, _ narthex.Condition) error {
		if p.ID != applicant.ID {
			return narthex.Refusedf("The applicant states that purpose and people are still so; you confirm it: `narthex standing confirm`.")
		}
		return o.deed(tx, p, applicant, narthex.Deed{Act: narthex.Stated, Kind: narthex.Recertification, Name: string(id), Saw: e.Digest})
	})
}

// Confirm makes an engagement's recertification out of what its applicant stated.
func (o *Office) Confirm(ctx context.Context, by narthex.PersonID, id narthex.EngagementID, in client.Recertify) (client.StandingView, error) {
	return o.recertify(ctx, by, id, in, func(tx *journal.Tx, e narthex.Engagement, p, applicant narthex.Person, c narthex.Condition) error {
		if !book.MayRecord(c.Kind, p, applicant, workflow.SponsorOf(e) == p.ID) {
			return notTheirs(c.Kind, p, applicant)
		}
		list, err := book.StandingsOf(tx, applicant.ID)
		if err != nil {
			return err
		}
		if stated := narthex.FindStanding(list, c.Kind, string(id)); stated.StatedAt.IsZero() || stated.Saw != e.Digest {
			return narthex.Conflictf("The applicant has not stated yet that purpose and people are still so: `narthex standing state %s`.", id)
		}
		from := tx.Now().UTC().Truncate(time.Second)
		return o.deed(tx, p, applicant, narthex.Deed{Act: narthex.Given, Kind: c.Kind, Name: string(id), From: from, Until: from.AddDate(0, 0, c.Days)})
	})
}

// recertify runs one of the two acts of a recertification, on the text that both saw.
func (o *Office) recertify(ctx context.Context, by narthex.PersonID, id narthex.EngagementID, in client.Recertify,
	do func(*journal.Tx, narthex.Engagement, narthex.Person, narthex.Person, narthex.Condition) error) (client.StandingView, error) {
	var view client.StandingView
	err := o.act(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		e, err := engagementOf(tx, id)
		if err != nil {
			return err
		}
		if !workflow.MayRead(e, p) {
			return narthex.WithheldError()
		}
		grant, err := journal.Get[narthex.Grant](tx, store.Grants, string(e.Grant))
		if err != nil {
			return err
		}
		if grant == nil || e.State != narthex.Active {
			return narthex.Conflictf("The engagement has no grant in force, so there is nothing to recertify.")
		}
		if in.Saw != e.Digest {
			return narthex.Conflictf("That names another text than the application that stands. Read it again: its digest is %s.", e.Digest.Short()).For("saw")
		}
		applicant, err := journal.Get[narthex.Person](tx, store.People, string(e.Application.Applicant))
		if err != nil || applicant == nil {
			return narthex.Unavailablef("The applicant could not be read.").Because(err)
		}
		if err := do(tx, e, p, *applicant, recertification(*grant)); err != nil {
			return err
		}
		view, err = standingView(tx, *applicant)
		return err
	})
	return view, err
}

// recertification gives the condition of a grant that asks for one; every other is asked one by its terms, for the days that the taxonomy says.
func recertification(g narthex.Grant) narthex.Condition {
	if at := slices.IndexFunc(g.RestsOn, func(c narthex.Condition) bool { return c.Kind == narthex.Recertification }); at >= 0 {
		return g.RestsOn[at]
	}
	return narthex.Condition{Kind: narthex.Recertification, For: narthex.OfApplicant, Days: policy.RecertifyWithin(g.Terms)}
}

// deed writes what was done about a person's standing, tells them, and records it.
func (o *Office) deed(tx *journal.Tx, p, person narthex.Person, d narthex.Deed) error {
	d.By, d.At = p.ID, tx.Now()
	if d.Act != narthex.Given {
		d.From = d.At.UTC().Truncate(time.Second)
		d.Until = d.From // it gives nothing: an interval that holds no instant
	}
	list, err := book.StandingsOf(tx, person.ID)
	if err != nil {
		return err
	}
	next := d.After(list)
	if len(next) > mostStandings {
		return narthex.Conflictf("So much is recorded of that person already that nothing new can be; record one of what there is anew.")
	}
	if err := book.SetStandings(tx, person.ID, next); err != nil {
		return err
	}
	if note := book.ToldOfDeed(d); note != "" {
		if err := book.Tell(tx, person.ID, note); err != nil {
			return err
		}
	}
	_, err = tx.Append(narthex.EntryPersonStanding, narthex.TextField("person", person.ID), narthex.TextField("kind", d.Kind), narthex.TextField("name", d.Name),
		narthex.TextField("act", d.Act), narthex.TimeField("from", d.From), narthex.TimeField("until", d.Until), narthex.TextField("saw", d.Saw), narthex.TextField("by", p.ID))
	return err
}
