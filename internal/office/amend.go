package office

import (
	"context"
	"slices"

	"narthex"
	"narthex/client"
	"narthex/internal/book"
	"narthex/internal/gateway/live"
	"narthex/internal/identity"
	"narthex/internal/journal"
	"narthex/internal/store"
	"narthex/internal/workflow"
	"narthex/policy"
)

// Amend begins an application for other terms, other people or more days than those of an engagement in force. It is an engagement of its own,
// which is decided and signed as any other: no approval of the one in force carries over. Until its last signature nothing changes,
// and with that it takes the place of the other's grant.
func (o *Office) Amend(ctx context.Context, by narthex.PersonID, id narthex.EngagementID, in client.Amend) (client.EngagementView, error) {
	var made narthex.EngagementID
	err := o.act(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		e, err := engagementOf(tx, id)
		if err != nil {
			return err
		}
		if !workflow.MayRead(e, p) {
			return narthex.WithheldError()
		}
		if e.Application.Applicant != p.ID {
			return narthex.Refusedf("The applicant asks for other terms or more days. Tell them.")
		}
		if _, _, err := amended(tx, narthex.Application{Amends: id}); err != nil {
			return err
		}
		rules, err := o.Rules.Check(tx)
		if err != nil {
			return err
		}
		text, err := write(rules, amendment(e, in))
		if err != nil {
			return err
		}
		if text.application.Pathway != e.Application.Pathway {
			return narthex.Invalidf("An amendment keeps the pathway; begin another application for another one.").For("draft.pathway")
		}
		if made, err = identity.NewID[narthex.EngagementID](o.Journal.Random()); err != nil {
			return err
		}
		application, err := text.of(tx, rules, narthex.Application{Engagement: made, Applicant: p.ID, Org: e.Application.Org, Amends: id})
		if err != nil {
			return err
		}
		if err := addDraft(tx, p.ID, made); err != nil {
			return err
		}
		_, err = o.apply(tx, narthex.Engagement{}, workflow.Event{Command: workflow.Draft, Application: &application, Apart: slices.Clone(e.Authors)}, p, workflow.Facts{})
		return err
	})
	if err != nil {
		return client.EngagementView{}, err
	}
	return o.engagement(ctx, by, made)
}

// amendment gives what is asked: what the applicant wrote, or what is in force with its people of now, for so many days.
func amendment(e narthex.Engagement, in client.Amend) client.Draft {
	var draft client.Draft
	if in.Draft != nil {
		draft = *in.Draft
	} else {
		draft = draftOf(e.Application)
		draft.Sponsor = workflow.SponsorOf(e)
		draft.Members = slices.DeleteFunc(draft.Members, func(m narthex.PersonID) bool { return slices.Contains(e.Left, m) })
	}
	if in.Days != 0 {
		draft.Days = in.Days
	}
	return draft
}

// replacedBy gives the engagement and the grant that an application's takes the place of, in force or not; none of one that stands by
// itself.
func replacedBy(tx *journal.Tx, a narthex.Application) (narthex.Engagement, narthex.Grant, error) {
	if a.Amends == "" {
		return narthex.Engagement{}, narthex.Grant{}, nil
	}
	e, err := engagementOf(tx, a.Amends)
	if err != nil || e.Grant == "" {
		return e, narthex.Grant{}, err
	}
	grant, err := journal.Get[narthex.Grant](tx, store.Grants, string(e.Grant))
	if err != nil || grant == nil {
		return e, narthex.Grant{}, narthex.Unavailablef("The grant that this amends could not be read.").Because(err)
	}
	return e, *grant, nil
}

// amended gives the same, and refuses where that has ended: an amendment is of what is in force, and nothing else is amended twice.
func amended(tx *journal.Tx, a narthex.Application) (narthex.Engagement, narthex.Grant, error) {
	e, grant, err := replacedBy(tx, a)
	if err != nil || a.Amends == "" {
		return e, grant, err
	}
	if e.State != narthex.Active || grant.Ended {
		return e, grant, narthex.Conflictf("The engagement that this amends is in force no longer: it ended, or another amendment took its place. Withdraw this, and amend what is in force now or apply anew.")
	}
	return e, grant, nil
}

// cover says what an agreement takes the place of, or nil.
func coverOf(tx *journal.Tx, a narthex.Application) (*narthex.Amended, error) {
	e, grant, err := replacedBy(tx, a)
	if err != nil || a.Amends == "" {
		return nil, err
	}
	return &narthex.Amended{Engagement: e.ID, Grant: grant.ID, Agreement: grant.Agreement}, nil
}

// replace ends the engagement that an amendment takes the place of, and its grant, and gives that grant's account for the new one to go
// on with. A lock on either outlives no amendment: it holds the amendment back until it is lifted.
func (o *Office) replace(tx *journal.Tx, e narthex.Engagement, cover *narthex.Amended) (*policy.Account, error) {
	if e.Application.Amends == "" && cover == nil {
		return nil, nil
	}
	was, grant, err := amended(tx, e.Application)
	if err != nil {
		return nil, err
	}
	if cover == nil || cover.Engagement != was.ID || cover.Grant != grant.ID || cover.Agreement != grant.Agreement {
		return nil, narthex.Conflictf("The agreement takes the place of another grant than the one in force. The applicant withdraws it and amends anew.")
	}
	locks, err := book.LocksOn(tx, book.Subject("grant", grant.ID), book.Subject("engagement", was.ID))
	if err != nil {
		return nil, err
	}
	if told, silent := book.FirstTold(locks, tx.Now()); told != nil {
		return nil, narthex.Conflictf("A lock holds what this amends, and with it the amendment: %s. Sign again when it is lifted.", book.ReasonInWords(told.Reason))
	} else if silent {
		return nil, journal.Unrecorded()
	}
	reason := "amended by " + string(e.ID)
	ended, err := o.bySystem(tx, was, workflow.Event{Command: workflow.End, Text: reason})
	if err != nil {
		return nil, err
	}
	if err := o.endGrant(tx, ended, "", reason); err != nil {
		return nil, err
	}
	return journal.Get[policy.Account](tx, store.Accounts, string(grant.ID))
}

// cutReplaced ends the live calls of the grant whose place was taken, after that is committed.
func (o *Office) cutReplaced(id narthex.GrantID) {
	if id != "" {
		o.Live.Cut(book.Subject("grant", id), live.End{Code: "ended", At: o.Journal.Now()})
	}
}
