package office

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"narthex"
	"narthex/client"
	"narthex/internal/book"
	"narthex/internal/journal"
	"narthex/internal/listing"
	"narthex/internal/order"
	"narthex/internal/store"
	"narthex/internal/workflow"
)

// mostOfPage bounds a page of a list, and usualPage is one of no stated length.
const (
	mostOfPage = 500
	usualPage  = 100

	// mostClaimed bounds how many reviews that others have claimed are gone through for those that nobody has.
	mostClaimed = 1000
)

// pageLength gives how many a page holds.
func pageLength(of client.Page) (int, error) {
	switch {
	case of.Limit == 0:
		return usualPage, nil
	case of.Limit < 1 || of.Limit > mostOfPage:
		return 0, narthex.Invalidf("A page has 1 to %d rows.", mostOfPage).For("limit")
	}
	return of.Limit, nil
}

// eachEngagement goes through the engagements in some states that a person may know of, the latest begun first, from the one after
// an engagement on, until do says that it is enough.
func eachEngagement(tx *journal.Tx, p narthex.Person, states []narthex.State, after narthex.EngagementID, do func(narthex.Engagement) (enough bool, err error)) error {
	place := ""
	if after != "" {
		e, err := engagementOf(tx, after)
		if err != nil {
			return err
		}
		if !workflow.MayRead(e, p) {
			return narthex.WithheldError().For("after")
		}
		place = listing.Place(e.CreatedAt, string(e.ID))
	}
	var lists []string
	for _, holder := range listing.HoldersFor(p) {
		for _, state := range states {
			lists = append(lists, listing.EngagementsOf(holder, state))
		}
	}
	return book.Walk(tx, lists, place, true, func(_, id string) (bool, error) {
		e, err := engagementOf(tx, narthex.EngagementID(id))
		if err != nil {
			return true, err
		}
		if !workflow.MayRead(e, p) {
			return false, nil
		}
		return do(e)
	})
}

// Engagements lists the engagements that a person may know of, the latest begun first, a page at a time; or those that wait for them,
// the most urgent first.
func (o *Office) Engagements(ctx context.Context, by narthex.PersonID, of client.Page) (client.EngagementList, error) {
	list := client.EngagementList{}
	length, err := pageLength(of)
	if err != nil {
		return list, err
	}
	states := narthex.States()
	if of.State != "" {
		if !slices.Contains(states, of.State) {
			return list, narthex.Invalidf("There is no such state; `narthex engagements list --help` lists them.").For("state")
		}
		states = []narthex.State{of.State}
	}
	if of.Mine && of.After != "" {
		return list, narthex.Invalidf("What waits for you has one page: do the most urgent first.").For("after")
	}
	err = o.look(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		list = client.EngagementList{Engagements: []client.EngagementRow{}}
		rules, err := o.Rules.Get()
		if err != nil {
			return err
		}
		take := func(e narthex.Engagement) (bool, error) {
			if len(list.Engagements) == length {
				list.Next = string(list.Engagements[length-1].ID)
				return true, nil
			}
			row, err := engagementRow(tx, rules, e, p)
			list.Engagements = append(list.Engagements, row)
			return err != nil, err
		}
		if !of.Mine {
			return eachEngagement(tx, p, states, narthex.EngagementID(of.After), take)
		}
		err = o.eachTask(tx, rules, p, states, func(e narthex.Engagement, item client.WorkItem) (bool, error) {
			if item.Do == string(workflow.ToChase) || item.Do == string(workflow.ToRemind) {
				return false, nil
			}
			return take(e)
		})
		list.Next = ""
		return err
	})
	return list, err
}

func engagementRow(tx *journal.Tx, rules *book.Rules, e narthex.Engagement, p narthex.Person) (client.EngagementRow, error) {
	applicant, err := journal.Get[narthex.Person](tx, store.People, string(e.Application.Applicant))
	if err != nil || applicant == nil {
		return client.EngagementRow{}, narthex.Unavailablef("A list could not be read.").Because(err)
	}
	waits, err := waiting(tx, rules, e, p)
	return client.EngagementRow{ID: e.ID, State: e.State, Title: e.Application.Title, Pathway: e.Application.Pathway, Applicant: applicant.Name, Due: e.Due, Waiting: waits}, err
}

// Grants lists the grants that a person may know of, those of the engagement begun last first, a page at a time.
func (o *Office) Grants(ctx context.Context, by narthex.PersonID, of client.Page) (client.GrantList, error) {
	list := client.GrantList{}
	length, err := pageLength(of)
	if err != nil {
		return list, err
	}
	err = o.look(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		list = client.GrantList{Grants: []narthex.Grant{}}
		var after narthex.EngagementID
		if of.After != "" {
			grant, err := grantOf(tx, narthex.GrantID(of.After), p)
			if err != nil {
				return err
			}
			after = grant.Engagement
		}
		return eachEngagement(tx, p, []narthex.State{narthex.Active, narthex.Ending, narthex.Closed}, after, func(e narthex.Engagement) (bool, error) {
			if len(list.Grants) == length {
				list.Next = string(list.Grants[length-1].ID)
				return true, nil
			}
			grant, err := journal.Get[narthex.Grant](tx, store.Grants, string(e.Grant))
			if err != nil || grant == nil {
				return true, narthex.Unavailablef("A list could not be read.").Because(err)
			}
			list.Grants = append(list.Grants, *grant)
			return false, nil
		})
	})
	return list, err
}

// People lists people, a page at a time: all of them for the lab, its own first, those of one's organisation for an official, oneself
// for everyone else.
func (o *Office) People(ctx context.Context, by narthex.PersonID, of client.Page) (client.PersonList, error) {
	list := client.PersonList{}
	length, err := pageLength(of)
	if err != nil {
		return list, err
	}
	err = o.look(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		list = client.PersonList{People: []narthex.Person{}, Orgs: []narthex.Org{}, Authorised: []narthex.SignedAuthorisation{}}
		shows := func(other narthex.Person) bool {
			return p.InLab() || other.ID == p.ID || p.Official && other.Org == p.Org
		}
		all := listing.PeopleOf(p.Org)
		if p.InLab() {
			all = listing.Everyone
		}
		after := ""
		if of.After != "" {
			last, err := journal.Get[narthex.Person](tx, store.People, of.After)
			if err != nil {
				return err
			}
			if last == nil || !shows(*last) {
				return narthex.WithheldError().For("after")
			}
			after = strings.TrimPrefix(listing.Someone(*last)[0], all)
		}
		if !p.InLab() && !p.Official {
			if of.After == "" {
				list.People = append(list.People, p)
			}
			return addAround(tx, &list)
		}
		err := book.Walk(tx, []string{all}, after, false, func(_, id string) (bool, error) {
			other, err := journal.Get[narthex.Person](tx, store.People, id)
			switch {
			case err != nil || other == nil:
				return true, narthex.Unavailablef("A list could not be read.").Because(err)
			case !shows(*other):
				return false, nil
			case len(list.People) == length:
				list.Next = string(list.People[length-1].ID)
				return true, nil
			}
			list.People = append(list.People, *other)
			return false, nil
		})
		if err != nil {
			return err
		}
		return addAround(tx, &list)
	})
	return list, err
}

// addAround adds the organisations of the people of a list, and the authorisations of those people.
func addAround(tx *journal.Tx, list *client.PersonList) error {
	for _, p := range list.People {
		word, err := book.AuthorisedOf(tx, p.ID)
		if err != nil {
			return err
		}
		if word != nil {
			list.Authorised = append(list.Authorised, *word)
		}
		if p.Org == "" || slices.ContainsFunc(list.Orgs, func(o narthex.Org) bool { return o.ID == p.Org }) {
			continue
		}
		org, err := journal.Get[narthex.Org](tx, store.Orgs, string(p.Org))
		if err != nil || org == nil {
			return narthex.Unavailablef("An organisation could not be read.").Because(err)
		}
		list.Orgs = append(list.Orgs, *org)
	}
	order.By(list.Orgs, func(a, b narthex.Org) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return nil
}

// eachTask goes through what waits for a person in some states until do says that it is enough: first what does so from a time on that has come, as
// what is late, then the rest by the end of its time.
func (o *Office) eachTask(tx *journal.Tx, rules *book.Rules, p narthex.Person, states []narthex.State, do func(narthex.Engagement, client.WorkItem) (enough bool, err error)) error {
	who, err := ownersNow(tx, rules.Directory)
	if err != nil {
		return err
	}
	var now, coming []string
	for _, holder := range listing.WorkersFor(p, who.owned(p)) {
		for _, state := range states {
			now, coming = append(now, listing.WorkOf(holder, state)), append(coming, listing.ComingTo(holder, state))
		}
	}
	seen, full := map[string]bool{}, false
	take := func(id string) (bool, error) {
		if seen[id] {
			return false, nil
		}
		e, err := engagementOf(tx, narthex.EngagementID(id))
		if err != nil {
			return true, err
		}
		item, needed, err := workItem(tx, rules, e, p)
		if err != nil || !needed {
			return err != nil, err
		}
		seen[id] = true
		full, err = do(e, item)
		return full, err
	}
	until := listing.Place(tx.Now(), "\xff")
	err = book.Walk(tx, coming, "", false, func(place, id string) (bool, error) {
		if place > until {
			return true, nil
		}
		return take(id)
	})
	if err != nil || full {
		return err
	}
	return book.Walk(tx, now, "", false, func(_, id string) (bool, error) { return take(id) })
}

// Work lists what waits for a person: what is late first, then by the end of its time, then the oldest; a page of it. What needs
// nothing of them is not on it.
func (o *Office) Work(ctx context.Context, by narthex.PersonID, of client.Page) (client.WorkList, error) {
	list := client.WorkList{}
	length, err := pageLength(of)
	if err != nil {
		return list, err
	}
	err = o.look(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		list = client.WorkList{Work: []client.WorkItem{}}
		rules, err := o.Rules.Get()
		if err != nil {
			return err
		}
		var claimed []client.WorkItem // by others: they come last
		looked := 0
		err = o.eachTask(tx, rules, p, narthex.States(), func(_ narthex.Engagement, item client.WorkItem) (bool, error) {
			if looked++; looked > mostClaimed+length {
				list.More = true
				return true, nil
			}
			if item.Claimed == string(workflow.HoldAnother) {
				claimed = append(claimed, item)
				return false, nil
			}
			if len(list.Work) == length {
				list.More = true
				return true, nil
			}
			list.Work = append(list.Work, item)
			return false, nil
		})
		if err != nil {
			return err
		}
		free := length - len(list.Work)
		list.More = list.More || len(claimed) > free
		list.Work = append(list.Work, claimed[:min(free, len(claimed))]...)
		if err := addManuscriptWork(tx, p, &list, length); err != nil {
			return err
		}
		if err := addLapsing(tx, p, &list, length); err != nil {
			return err
		}
		if err := addLocks(tx, p, &list, length); err != nil {
			return err
		}
		if err := o.addReleases(tx, p, &list, length); err != nil {
			return err
		}
		if err := o.addRules(tx, p, &list, length); err != nil {
			return err
		}
		if err := o.addStudies(tx, p, &list, length); err != nil {
			return err
		}
		return addDirectory(tx, p, &list)
	})
	order.By(list.Work, urgency)
	return list, err
}

// urgency orders what others have claimed last, else what is late first, then by the end of its time, then the oldest.
func urgency(a, b client.WorkItem) int {
	if other := string(workflow.HoldAnother); (a.Claimed == other) != (b.Claimed == other) {
		return map[bool]int{true: 1, false: -1}[a.Claimed == other]
	}
	if a.Late != b.Late {
		return map[bool]int{true: -1, false: 1}[a.Late]
	}
	if a.Due.IsZero() != b.Due.IsZero() {
		return map[bool]int{true: 1, false: -1}[a.Due.IsZero()]
	}
	return cmp.Or(a.Due.Compare(b.Due), a.Since.Compare(b.Since))
}

// staff counts the active people of the lab who have a role.
func staff(tx *journal.Tx) (int, error) {
	people, err := book.PeopleOf(tx, "")
	n := 0
	for _, p := range people {
		if p.InLab() && p.State == narthex.PersonActive && len(p.Roles) > 0 {
			n++
		}
	}
	return n, err
}
