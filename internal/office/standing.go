package office

import (
	"slices"

	"narthex"
	"narthex/client"
	"narthex/internal/book"
	"narthex/internal/identity"
	"narthex/internal/journal"
	"narthex/internal/store"
	"narthex/internal/workflow"
)

// standing gives a person as they are now; ok is false while they are not active, or they or their organisation are locked.
func standing(tx *journal.Tx, id narthex.PersonID) (p narthex.Person, ok bool, err error) {
	if id == "" {
		return narthex.Person{}, false, nil
	}
	row, err := journal.Get[narthex.Person](tx, store.People, string(id))
	if err != nil || row == nil || row.State != narthex.PersonActive {
		return narthex.Person{}, false, err
	}
	if ok, err = identity.Unlocked(tx, *row); err != nil {
		return *row, ok, err
	}
	p, err = book.WithInterests(tx, *row)
	return p, ok, err
}

// unhushed refuses where a lock is in a person's way of which nobody may tell, as where the store failed.
func unhushed(tx *journal.Tx, p narthex.Person) error {
	locks, err := book.LocksOnPerson(tx, p)
	if told, silent := book.FirstTold(locks, tx.Now()); err == nil && told == nil && silent {
		return journal.Unrecorded()
	}
	return err
}

// counting gives the engagement with those votes alone that count now: of people who stand, who still hold the role that
// they voted in, and who have no interest in its people; that of an owner's deputy while the owner is away. What was voted stays in
// the record. A rule of the pathway stands in for a role while it holds.
func counting(tx *journal.Tx, rules *book.Rules, e narthex.Engagement) (narthex.Engagement, error) {
	var votes []narthex.Vote
	who, err := ownersNow(tx, rules.Directory)
	if err != nil {
		return e, err
	}
	for _, vote := range e.Votes {
		p, ok, err := standing(tx, vote.By)
		if err != nil {
			return e, err
		}
		if ok && p.Has(vote.As) && !workflow.Interested(e, p) && (vote.As != narthex.AssetOwner || who.counts(e, p)) {
			votes = append(votes, vote)
		}
	}
	e.Votes = votes
	return ruling(tx, rules.Directory, e)
}

// claiming gives the engagement with those claims alone whose people stand, still hold the role and are not away.
func claiming(tx *journal.Tx, who owners, e narthex.Engagement) (narthex.Engagement, error) {
	var claims []narthex.Claim
	for _, claim := range e.Claims {
		p, ok, err := standing(tx, claim.By)
		if err != nil {
			return e, err
		}
		if ok && p.Has(claim.As) && !who.isAway(p.ID) {
			claims = append(claims, claim)
		}
	}
	e.Claims = claims
	return e, nil
}

// approving gives the people whose approvals of a directory count now: custodians who stand.
func approving(tx *journal.Tx, approvals []client.LabApproval) ([]narthex.PersonID, error) {
	var list []narthex.PersonID
	for _, a := range approvals {
		p, ok, err := standing(tx, a.Person)
		if err != nil {
			return nil, err
		}
		if ok && p.Has(narthex.Custodian) {
			list = append(list, p.ID)
		}
	}
	return list, nil
}

// signing refuses while one who signed no longer may for that party: no grant comes of their word.
func signing(tx *journal.Tx, e narthex.Engagement) error {
	for _, s := range e.Signatures {
		p, ok, err := standing(tx, s.By)
		if err != nil {
			return err
		}
		switch s.Party {
		case narthex.PartyResearcher:
			ok = ok && p.ID == e.Application.Applicant
		case narthex.PartyInstitution:
			ok = ok && p.Official && p.Org == e.Application.Org
		default:
			ok = ok && p.Has(narthex.Signatory) && !workflow.Interested(e, p)
		}
		if err := unhushed(tx, p); err != nil {
			return err
		}
		if !ok {
			return narthex.Conflictf("Who signed for the %s may not act now: suspended, locked, or without the role. When that ends, sign again; where it does not, the applicant withdraws and applies anew.", s.Party)
		}
	}
	return nil
}

// outdated says whether the application was made by another directory than the one in force.
func outdated(rules *book.Rules, e narthex.Engagement) bool {
	return e.Application.Directory != rules.Directory.Digest
}

// draftOf gives an application as its applicant would write it.
func draftOf(a narthex.Application) client.Draft {
	return client.Draft{Pathway: a.Pathway, Title: a.Title, Sponsor: a.Sponsor, Members: slices.Clone(a.Members), Answers: a.Answers, Terms: a.Terms, Days: a.Days,
		Attachments: a.Attachments, Interests: a.Interests, Codes: a.Codes}
}
