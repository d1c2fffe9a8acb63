package office

import (
	"context"
	"slices"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/book"
	"narthex/internal/journal"
	"narthex/internal/listing"
	"narthex/internal/store"
	"narthex/internal/workflow"
)

// Interests lists what a person of the lab declared of themselves: those that hold, and those that are over.
func (o *Office) Interests(ctx context.Context, by narthex.PersonID) (client.InterestList, error) {
	var list client.InterestList
	err := o.look(ctx, by, func(tx *journal.Tx, p narthex.Person) (err error) {
		if err = insider(p); err == nil {
			list, err = interestsOf(tx, p)
		}
		return err
	})
	return list, err
}

func interestsOf(tx *journal.Tx, p narthex.Person) (client.InterestList, error) {
	out := client.InterestList{Interests: []client.InterestView{}}
	standings, err := book.StandingsOf(tx, p.ID)
	if err != nil {
		return out, err
	}
	for _, s := range standings {
		i, is := narthex.ReadInterest(s)
		if !is {
			continue
		}
		view := client.InterestView{Interest: i, Holds: !tx.Now().Before(i.From) && tx.Now().Before(i.Until)}
		if view.With, err = nameOf(tx, i); err != nil {
			return out, err
		}
		out.Interests = append(out.Interests, view)
	}
	return out, nil
}

// nameOf gives the name of whom an interest is in; who is not there is refused.
func nameOf(tx *journal.Tx, i narthex.Interest) (string, error) {
	if i.Org != "" {
		org, err := journal.Get[narthex.Org](tx, store.Orgs, string(i.Org))
		if err != nil || org == nil {
			return "", unknown("org", err)
		}
		return org.Name, nil
	}
	person, err := journal.Get[narthex.Person](tx, store.People, string(i.Person))
	if err != nil || person == nil || person.Org == "" {
		return "", unknown("person", err)
	}
	return person.Name, nil
}

func unknown(field string, err error) error {
	if err != nil {
		return err
	}
	return narthex.Invalidf("An interest is in a person from outside or an organisation that Narthex knows: `narthex people list` shows their identifiers.").For(field)
}

// DeclareInterest takes in that a person of the lab has an interest in somebody from outside or in an organisation. From then on they
// decide on nothing of theirs; a vote that they gave falls with it, and its quorum is open again.
func (o *Office) DeclareInterest(ctx context.Context, by narthex.PersonID, in client.DeclareInterest) (client.InterestList, error) {
	var list client.InterestList
	err := o.act(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		list = client.InterestList{}
		if err := insider(p); err != nil {
			return err
		}
		i := in.Interest
		if i.From.IsZero() {
			i.From = tx.Now().UTC().Truncate(time.Second)
		}
		if i.Until.IsZero() {
			i.Until = i.From.AddDate(0, 0, narthex.MostInterestDays)
		}
		if err := checkInterest(i, tx.Now()); err != nil {
			return err
		}
		if _, err := nameOf(tx, i); err != nil {
			return err
		}
		if err := o.deed(tx, p, p, narthex.Deed{Act: narthex.Given, Kind: narthex.InterestOf, Name: i.Name(), From: i.From, Until: i.Until}); err != nil {
			return err
		}
		fell, err := o.recuse(tx, p)
		if err != nil {
			return err
		}
		list, err = interestsOf(tx, p)
		list.Fell = fell
		return err
	})
	return list, err
}

// recuse lets the votes fall of a person who has declared an interest, where it concerns what they voted on.
func (o *Office) recuse(tx *journal.Tx, p narthex.Person) ([]narthex.EngagementID, error) {
	now, err := book.WithInterests(tx, p)
	if err != nil {
		return nil, err
	}
	var fell []narthex.EngagementID
	for _, state := range []narthex.State{narthex.InReview, narthex.Offered} {
		err := book.Walk(tx, []string{listing.EngagementsOf(listing.Lab, state)}, "", false, func(_, id string) (bool, error) {
			e, err := engagementOf(tx, narthex.EngagementID(id))
			if err == nil && workflow.HasVoted(e, p.ID) && workflow.Interested(e, now) {
				fell = append(fell, e.ID)
			}
			return false, err
		})
		if err != nil {
			return nil, err
		}
	}
	for _, id := range fell {
		e, err := engagementOf(tx, id)
		if err == nil {
			_, err = o.apply(tx, e, workflow.Event{Command: workflow.Recuse}, p, workflow.Facts{})
		}
		if err != nil {
			return nil, err
		}
	}
	return fell, nil
}

func checkInterest(i narthex.Interest, now time.Time) error {
	whole := func(t time.Time) bool { return t.Equal(t.Truncate(time.Second)) && t.Location() == time.UTC }
	switch {
	case !slices.Contains(narthex.InterestKinds(), i.Kind):
		return narthex.Invalidf("An interest is one of: %s.", kindsInWords()).For("kind")
	case (i.Person == "") == (i.Org == ""):
		return narthex.Invalidf("An interest is in one person or in one organisation; name one of the two.").For("person")
	case !whole(i.From):
		return narthex.Invalidf("An interest begins at a whole second of UTC, such as 2026-03-01T00:00:00Z.").For("from")
	case i.From.After(now):
		return narthex.Invalidf("An interest begins today or before; declare it when it is so.").For("from")
	case !whole(i.Until):
		return narthex.Invalidf("An interest ends at a whole second of UTC, such as 2026-03-01T00:00:00Z.").For("until")
	case !i.Until.After(now) || i.Until.After(now.AddDate(0, 0, narthex.MostInterestDays)):
		return narthex.Invalidf("An interest ends in the future, in %d days at most; declare it anew then where it still is.", narthex.MostInterestDays).For("until")
	}
	return nil
}

// EndInterest takes a declaration back: it holds no longer, and the entry of it stays. Votes that fell stay fallen.
func (o *Office) EndInterest(ctx context.Context, by narthex.PersonID, in client.DeclareInterest) (client.InterestList, error) {
	var list client.InterestList
	err := o.act(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		if err := insider(p); err != nil {
			return err
		}
		standings, err := book.StandingsOf(tx, p.ID)
		if err != nil {
			return err
		}
		if _, holds := narthex.ReadInterest(narthex.FindStanding(standings, narthex.InterestOf, in.Interest.Name())); !holds {
			return narthex.Conflictf("You have declared no such interest, or ended it: `narthex interests list` shows yours.")
		}
		if err := o.deed(tx, p, p, narthex.Deed{Act: narthex.TakenBack, Kind: narthex.InterestOf, Name: in.Interest.Name()}); err != nil {
			return err
		}
		list, err = interestsOf(tx, p)
		return err
	})
	return list, err
}
