package office

import (
	"context"
	"slices"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/book"
	"narthex/internal/journal"
	"narthex/internal/lab"
	"narthex/internal/store"
	"narthex/internal/workflow"
)

// Away takes in that a person of the lab is away, and who stands in for them. It replaces what they said before.
func (o *Office) Away(ctx context.Context, by narthex.PersonID, in client.Away) (client.AwayList, error) {
	return o.away(ctx, by, func(tx *journal.Tx, p narthex.Person, known []narthex.Absence) (narthex.Absence, error) {
		a := narthex.Absence{Person: p.ID, From: in.From.UTC().Truncate(time.Second), Until: in.Until.UTC().Truncate(time.Second), StandIn: in.StandIn}
		other, _, err := standing(tx, a.StandIn)
		if err != nil {
			return a, err
		}
		if refused := workflow.MayBeAway(p, a, other, known, tx.Now()); refused != nil {
			return a, refused
		}
		return a, nil
	})
}

// Back ends a person's absence, or takes back one that is to come.
func (o *Office) Back(ctx context.Context, by narthex.PersonID) (client.AwayList, error) {
	return o.away(ctx, by, func(tx *journal.Tx, p narthex.Person, known []narthex.Absence) (narthex.Absence, error) {
		now := tx.Now().UTC().Truncate(time.Second)
		if !slices.ContainsFunc(known, func(a narthex.Absence) bool { return a.Person == p.ID && now.Before(a.Until) }) {
			return narthex.Absence{}, narthex.Conflictf("You are not away, and have not said that you will be.")
		}
		return narthex.Absence{Person: p.ID, From: now, Until: now}, nil
	})
}

// away writes what a person says of their own absence, with its entry.
func (o *Office) away(ctx context.Context, by narthex.PersonID, says func(*journal.Tx, narthex.Person, []narthex.Absence) (narthex.Absence, error)) (client.AwayList, error) {
	var out client.AwayList
	err := o.act(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		if err := insider(p); err != nil {
			return err
		}
		known, err := book.AwayOf(tx)
		if err != nil {
			return err
		}
		absence, err := says(tx, p, known)
		if err != nil {
			return err
		}
		if err := book.SetAway(tx, absence.After(known)); err != nil {
			return err
		}
		if _, err := tx.Append(narthex.EntryPersonAway, narthex.TextField("person", p.ID), narthex.TimeField("from", absence.From), narthex.TimeField("until", absence.Until),
			narthex.TextField("stand_in", absence.StandIn)); err != nil {
			return err
		}
		out, err = awayList(tx)
		return err
	})
	return out, err
}

// WhoIsAway lists who of the lab is away or will be, for the lab's people.
func (o *Office) WhoIsAway(ctx context.Context, by narthex.PersonID) (client.AwayList, error) {
	var out client.AwayList
	err := o.look(ctx, by, func(tx *journal.Tx, p narthex.Person) (err error) {
		if err = insider(p); err == nil {
			out, err = awayList(tx)
		}
		return err
	})
	return out, err
}

func awayList(tx *journal.Tx) (client.AwayList, error) {
	out := client.AwayList{Away: []client.AwayRow{}}
	list, err := book.AwayOf(tx)
	for _, a := range list {
		if err != nil || !tx.Now().Before(a.Until) {
			continue
		}
		row := client.AwayRow{Person: a.Person, From: a.From, Until: a.Until, StandIn: a.StandIn, Now: a.Holds(tx.Now()), Covered: []narthex.Role{}}
		var p, in *narthex.Person
		if p, err = journal.Get[narthex.Person](tx, store.People, string(a.Person)); err != nil || p == nil {
			continue
		}
		row.Name = p.Name
		if a.StandIn == "" {
			out.Away = append(out.Away, row)
			continue
		}
		if in, err = journal.Get[narthex.Person](tx, store.People, string(a.StandIn)); in != nil {
			row.StandInName, row.Covered = in.Name, append(row.Covered, workflow.Covered(*p, *in)...)
		}
		out.Away = append(out.Away, row)
	}
	return out, err
}

// absent is someone who is away now, with the stand-in who is there, or nobody.
type absent struct {
	person narthex.Person
	in     narthex.PersonID
}

// owners says who decides for assets now: their owners, and the deputies of those who are away.
type owners struct {
	d    *lab.Directory
	away []absent
}

// ownersNow reads who is away. Who stands in and is away too, or does not stand, stands in for nobody.
func ownersNow(tx *journal.Tx, d *lab.Directory) (owners, error) {
	o := owners{d: d}
	list, err := book.AwayOf(tx)
	if err != nil {
		return o, err
	}
	now := tx.Now()
	for _, a := range list {
		if !a.Holds(now) {
			continue
		}
		p, ok, err := standing(tx, a.Person)
		if err != nil {
			return o, err
		}
		if p.ID == "" {
			continue
		}
		in, there, err := standing(tx, a.StandIn)
		if err != nil {
			return o, err
		}
		gone := slices.ContainsFunc(list, func(other narthex.Absence) bool { return other.Person == a.StandIn && other.Holds(now) })
		if !ok || !there || gone {
			in.ID = ""
		}
		o.away = append(o.away, absent{p, in.ID})
	}
	return o, nil
}

// isAway says whether somebody is away now.
func (o owners) isAway(id narthex.PersonID) bool {
	return slices.ContainsFunc(o.away, func(a absent) bool { return a.person.ID == id })
}

// owned lists the assets that are a person's to decide on now.
func (o owners) owned(p narthex.Person) []narthex.AssetName {
	var names []narthex.AssetName
	for name, asset := range o.d.Assets {
		if p.Handle != "" && asset.Owner == p.Handle || len(o.deputyOf(asset, p)) > 0 {
			names = append(names, name)
		}
	}
	return names
}

// owns says whether an asset among the terms is a person's to decide on now.
func (o owners) owns(terms []narthex.Term, p narthex.Person) bool {
	return o.self(terms, p) || len(o.standsFor(terms, p)) > 0
}

// self says whether a person is the owner of an asset among the terms.
func (o owners) self(terms []narthex.Term, p narthex.Person) bool {
	return slices.ContainsFunc(terms, func(t narthex.Term) bool { return o.d.Owns(t.Asset, p) })
}

// standsFor lists the owners of assets among the terms for whom a person stands in now.
func (o owners) standsFor(terms []narthex.Term, p narthex.Person) []narthex.Person {
	var list []narthex.Person
	for _, term := range terms {
		list = append(list, o.deputyOf(o.d.Assets[term.Asset], p)...)
	}
	return list
}

func (o owners) deputyOf(asset narthex.Asset, p narthex.Person) []narthex.Person {
	var list []narthex.Person
	for _, a := range o.away {
		if a.in == p.ID && p.ID != "" && workflow.Deputises(asset, p, a.person) {
			list = append(list, a.person)
		}
	}
	return list
}

// counts says whether a vote as an asset's owner counts: of the owner, or of a deputy while the owner for whom they stand has cast none,
// in any role, so that the two never count as two people.
func (o owners) counts(e narthex.Engagement, p narthex.Person) bool {
	return o.self(e.Application.Terms, p) || slices.ContainsFunc(o.standsFor(e.Application.Terms, p), func(owner narthex.Person) bool {
		return !slices.ContainsFunc(e.Votes, func(v narthex.Vote) bool { return v.By == owner.ID })
	})
}

// standsInFor names whom a person stands in for at a review: an owner, or who claimed it in a role that both hold.
func (o owners) standsInFor(e narthex.Engagement, p narthex.Person) string {
	for _, a := range o.standsFor(e.Application.Terms, p) {
		return a.Name
	}
	for _, a := range o.away {
		if a.in == p.ID && p.ID != "" && slices.ContainsFunc(e.Claims, func(c narthex.Claim) bool { return c.By == a.person.ID && p.Has(c.As) }) {
			return a.person.Name
		}
	}
	return ""
}
