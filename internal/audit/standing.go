package audit

import (
	"slices"
	"time"

	"narthex"
	"narthex/internal/book"
	"narthex/internal/store"
	"narthex/internal/workflow"
)

// stands takes in what was done about a person's standing.
func (s *step) stands() error {
	id := narthex.PersonID(s.text("person"))
	d := narthex.Deed{Act: narthex.Act(s.text("act")), Kind: narthex.StandingKind(s.text("kind")), Name: s.text("name"), Saw: narthex.Digest(s.text("saw")), By: narthex.PersonID(s.text("by")), At: s.at}
	var begins, ends error
	d.From, begins = time.Parse(time.RFC3339, s.text("from"))
	d.Until, ends = time.Parse(time.RFC3339, s.text("until"))
	acts := []narthex.Act{narthex.Stated, narthex.Given, narthex.TakenBack}
	if begins != nil || ends != nil || !slices.Contains(acts, d.Act) || !slices.Contains(append(narthex.StandingKinds(), narthex.InterestOf), d.Kind) || (d.Act == narthex.Given) != d.From.Before(d.Until) {
		s.impossible(store.Meta, book.StandingKey(id), "a standing that does not read")
		return nil
	}
	theirs, err := s.theirs(d, id)
	if err != nil {
		return err
	}
	if !theirs && !s.absentSince(0) {
		s.impossible(store.Meta, book.StandingKey(id), "a %s that was not theirs to have %s", d.Kind, d.Act)
	}
	waits := narthex.FindStanding(s.Standings[id], d.Kind, d.Name)
	if d.Kind == narthex.Recertification && d.Act == narthex.Given && waits.StatedAt.IsZero() && !s.absentSince(0) {
		s.impossible(store.Meta, book.StandingKey(id), "a recertification that the applicant had not stated")
	}
	s.Standings[id] = d.After(s.Standings[id])
	if note := book.ToldOfDeed(d); note != "" {
		s.tell(id, note, "")
	}
	return nil
}

// theirs says whether a deed was its giver's to do, as far as the entries and the directory in force tell. Without the directory a
// person of the lab is taken to have the role, and who sponsors is told by the engagement, where there are tables.
func (s *step) theirs(d narthex.Deed, of narthex.PersonID) (bool, error) {
	if d.Kind == narthex.InterestOf {
		return d.By == of && s.People[of].Org == "" && d.Act != narthex.Stated, nil
	}
	if d.Act == narthex.Stated {
		return d.By == of && d.Kind == narthex.Recertification, nil
	}
	by, err := s.someone(d.By)
	if err != nil {
		return false, err
	}
	sponsors := true
	if d.Kind == narthex.Recertification && s.rows != nil {
		id := narthex.EngagementID(d.Name)
		if e, err := s.engagement(id, s.Cases[id]); err != nil {
			return false, err
		} else if e != nil {
			sponsors = workflow.SponsorOf(*e) == d.By
		}
	}
	person := narthex.Person{ID: of, Org: s.People[of].Org}
	if d.Act == narthex.Given {
		return book.MayRecord(d.Kind, by, person, sponsors), nil
	}
	return book.MayTakeBack(d.Kind, by, person, sponsors), nil
}

// someone gives a person with the roles that the directory in force gives them; where it is not at hand, with every role.
func (s *step) someone(id narthex.PersonID) (narthex.Person, error) {
	p := s.People[id]
	person := narthex.Person{ID: id, Org: p.Org, Official: p.Official, State: p.State, Handle: p.Handle}
	if p.Handle == "" {
		return person, nil
	}
	d, err := s.docs.directory(s.Directory.InForce)
	if err != nil {
		return person, err
	}
	person.Roles = narthex.Roles()
	if d != nil {
		named, _ := d.Person(p.Handle)
		person.Roles = named.Roles
	}
	return person, nil
}

// known is what is known of people, as folded.
type known struct{ *Fold }

func (k known) Standings(person narthex.PersonID) ([]narthex.Standing, error) {
	return k.Fold.Standings[person], nil
}

func (k known) Visas(person narthex.PersonID) (narthex.Visas, error) {
	return k.Fold.Visas[person], nil
}

func (k known) VisaKeys() ([]string, error) { return k.Directory.VisaKeys, nil }

func (k known) Word(person narthex.PersonID, org narthex.OrgID) (*narthex.SignedAuthorisation, bool, error) {
	word, stands := k.wordOf(person, org)
	return word, stands, nil
}

// stillRests holds a grant, when it comes into force, to what its agreement says that it rests on.
func (s *step) stillRests(id narthex.GrantID) error {
	g, err := s.grant(id)
	if err != nil || g == nil || len(g.Persons) == 0 {
		return err
	}
	_, lapsed, err := book.Resting(known{s.Fold}, g, g.Persons[0], s.at)
	if err == nil && lapsed != nil && !s.absentSince(0) {
		s.impossible(store.Grants, string(id), "a grant while something that it rests on did not hold: %s", lapsed.Code)
	}
	return err
}

// away takes in when someone of the lab said that they are away.
func (s *step) away() error {
	from, begins := time.Parse(time.RFC3339, s.text("from"))
	until, ends := time.Parse(time.RFC3339, s.text("until"))
	a := narthex.Absence{Person: narthex.PersonID(s.text("person")), From: from, Until: until, StandIn: narthex.PersonID(s.text("stand_in"))}
	if begins != nil || ends != nil || a.Until.Before(a.From) || a.Person == a.StandIn || s.People[a.Person].Org != "" {
		s.impossible(store.Meta, book.AwayKey, "an absence that does not read, or of someone from outside")
		return nil
	}
	s.Away = a.After(s.Away)
	return nil
}
