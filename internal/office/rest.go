package office

import (
	"slices"

	"narthex"
	"narthex/client"
	"narthex/internal/book"
	"narthex/internal/gateway"
	"narthex/internal/journal"
	"narthex/internal/listing"
	"narthex/internal/store"
	"narthex/internal/workflow"
)

// holdRest refuses to let a grant come into force while what its applicant brings to it does not hold. What others of the team lack
// keeps them from keys and calls, and nobody else.
func holdRest(tx *journal.Tx, grant *narthex.Grant) error {
	_, lapsed, err := book.Resting(book.KnownTo(tx), grant, grant.Persons[0], tx.Now())
	if err != nil || lapsed == nil {
		return err
	}
	refused := narthex.Conflictf("%s Then sign again.", lapsed.Public)
	refused.Code, refused.Reason = lapsed.Code, lapsed.Reason
	return refused
}

// addLapsing adds what the grants in force rest on that has lapsed or soon will, where p can do the next thing about it: as much as the page
// has room for. It looks at p's own engagements, and in the lists of what an official's organisation, or the lab, records.
func addLapsing(tx *journal.Tx, p narthex.Person, list *client.WorkList, length int) error {
	seen := map[string]bool{}
	add := func(e narthex.Engagement) (full bool, err error) {
		items, err := lapsing(tx, e, p)
		for _, item := range items {
			key := book.ToldOf(item.Lapses.Kind, item.Lapses.Name) + " " + string(item.Lapses.Person)
			if item.Lapses.Kind == narthex.Recertification {
				key += string(e.ID)
			}
			if seen[key] {
				continue
			}
			if len(list.Work) == length {
				list.More = true
				return true, nil
			}
			seen[key] = true
			list.Work = append(list.Work, item)
		}
		return false, err
	}
	byGrant := func(until string) func(string, string) (bool, error) {
		return func(place, id string) (bool, error) {
			if until != "" && place > until {
				return true, nil
			}
			grant, err := journal.Get[narthex.Grant](tx, store.Grants, id)
			if err != nil || grant == nil {
				return false, narthex.Unavailablef("A grant could not be read.").Because(err)
			}
			e, err := engagementOf(tx, grant.Engagement)
			if err != nil {
				return false, err
			}
			return add(e)
		}
	}
	err := book.Walk(tx, []string{listing.EngagementsOf(listing.Person(p.ID), narthex.Active)}, "", false, func(_, id string) (bool, error) {
		e, err := engagementOf(tx, narthex.EngagementID(id))
		if err != nil {
			return false, err
		}
		return add(e)
	})
	if err == nil && p.Official && p.Org != "" {
		err = book.Walk(tx, []string{listing.RestsOf(listing.Org(p.Org))}, "", false, byGrant(listing.Place(tx.Now(), "\xff")))
	}
	if err == nil && (p.Has(narthex.Programme) || p.Has(narthex.Security)) {
		err = book.Walk(tx, []string{listing.RestsOf(listing.Lab)}, listing.Place(tx.Now(), ""), false, byGrant("")) // those whose last day has not passed
	}
	return err
}

// lapsing gives what the grant of an engagement that p may know of rests on and p has to renew.
func lapsing(tx *journal.Tx, e narthex.Engagement, p narthex.Person) ([]client.WorkItem, error) {
	if e.State != narthex.Active || !workflow.MayRead(e, p) {
		return nil, nil
	}
	grant, err := journal.Get[narthex.Grant](tx, store.Grants, string(e.Grant))
	if err != nil || grant == nil || len(grant.RestsOn) == 0 || !grant.InForce(tx.Now()) {
		return nil, err
	}
	rests, err := gateway.RestsOf(tx, grant, "")
	if err != nil {
		return nil, err
	}
	var items []client.WorkItem
	for _, rest := range rests {
		// Who left brings nothing any more, and what lasts as long as the grant does needs nobody.
		if slices.Contains(e.Left, rest.Person) || rest.Holds && (rest.Until.Sub(tx.Now()) > listing.Soon || !rest.Until.Before(grant.NotAfter)) {
			continue
		}
		needed, err := renews(tx, e, rest, p)
		if err != nil {
			return nil, err
		}
		if needed {
			items = append(items, client.WorkItem{Engagement: e.ID, Title: e.Application.Title, Applicant: rest.Who, Do: "renew_standing",
				Since: rest.Until.Add(-listing.Soon), Due: rest.Until, Late: !rest.Holds, Lapses: &rest})
		}
	}
	return items, nil
}

// renews says whether the next thing about a standing is p's to do: to state a recertification, to confirm what was stated, to record.
func renews(tx *journal.Tx, e narthex.Engagement, rest client.RestView, p narthex.Person) (bool, error) {
	if rest.Kind == narthex.VisaHeld {
		return p.ID == rest.Person, nil
	}
	if rest.Kind == narthex.Recertification && rest.Stated.IsZero() {
		return p.ID == rest.Person, nil
	}
	person, err := journal.Get[narthex.Person](tx, store.People, string(rest.Person))
	if err != nil || person == nil {
		return false, narthex.Unavailablef("A person of the grant could not be read.").Because(err)
	}
	return book.MayRecord(rest.Kind, p, *person, workflow.SponsorOf(e) == p.ID), nil
}
