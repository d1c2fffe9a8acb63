package office

import (
	"context"
	"slices"
	"strings"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/book"
	"narthex/internal/identity"
	"narthex/internal/journal"
	"narthex/internal/notice"
	"narthex/internal/store"
	"narthex/internal/wire"
	"narthex/internal/workflow"
)

const (
	// opinionLife is how long a specialist's log-in lasts, and never beyond their invitation.
	opinionLife = 8 * time.Hour
	// usualOpinionDays and mostOpinionDays are how long an invitation waits.
	usualOpinionDays, mostOpinionDays = 7, 30
)

// AskOpinion asks a specialist from outside about an engagement in review. The one-time code is mailed to them, and where there is no
// mail it is shown once to whoever asks. Who can be known to belong to those who ask for access is refused.
func (o *Office) AskOpinion(ctx context.Context, by narthex.PersonID, id narthex.EngagementID, in client.AskOpinion) (client.OpinionAsked, error) {
	code, err := wire.NewToken(wire.OpinionCode, o.Journal.Random())
	if err != nil {
		return client.OpinionAsked{}, err
	}
	invite, err := identity.NewID[narthex.InviteID](o.Journal.Random())
	if err != nil {
		return client.OpinionAsked{}, err
	}
	out := client.OpinionAsked{Engagement: id, Invite: invite, Code: code.Reveal()}
	if o.Channels.Keep != nil {
		out.Code, out.Mailed = "", true
		forget := o.Channels.Keep(invite, code)
		defer func() {
			if err != nil {
				forget()
			}
		}()
	}
	err = o.act(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		e, rules, err := o.inviting(tx, id, p, workflow.Invite)
		if err != nil {
			return err
		}
		if err := checkContact(in.Name, in.Email); err != nil {
			return err
		}
		if in.Days == 0 {
			in.Days = usualOpinionDays
		}
		if in.Days < 1 || in.Days > mostOpinionDays {
			return narthex.Invalidf("An invitation waits 1 to %d days.", mostOpinionDays).For("days")
		}
		if err := unconnected(tx, e, in.Name, in.Email); err != nil {
			return err
		}
		who, err := ownersNow(tx, rules.Directory)
		if err != nil {
			return err
		}
		out.Until = tx.Now().Add(time.Duration(in.Days) * 24 * time.Hour)
		next, err := o.apply(tx, e, workflow.Event{Command: workflow.Invite, As: in.As, Saw: e.Digest, Text: in.Question, Due: out.Until,
			Opinion: &narthex.Opinion{ID: invite, Name: in.Name, Email: in.Email, Code: wire.HashToken(code)}}, p, workflow.Facts{OwnsAsset: who.owns(e.Application.Terms, p)})
		if err != nil || !out.Mailed {
			return err
		}
		n := book.Notice{Kind: "opinion_asked", To: notice.Asked, Invite: invite, Engagement: id, At: tx.Now(), Channel: book.MailChannel, State: book.NoticeWaiting, Next: tx.Now()}
		n.ID = book.NoticeID(next.ID, next.Events, n.Kind, invite)
		return book.PutNotice(tx, n)
	})
	if err != nil {
		return client.OpinionAsked{}, err
	}
	return out, nil
}

// UnaskOpinion takes an invitation back, with the log-in that was made of it.
func (o *Office) UnaskOpinion(ctx context.Context, by narthex.PersonID, id narthex.EngagementID, invite narthex.InviteID) (client.EngagementView, error) {
	err := o.act(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		e, _, err := o.inviting(tx, id, p, workflow.Uninvite)
		if err == nil {
			_, err = o.apply(tx, e, workflow.Event{Command: workflow.Uninvite, Opinion: &narthex.Opinion{ID: invite}}, p, workflow.Facts{})
		}
		return err
	})
	if err != nil {
		return client.EngagementView{}, err
	}
	return o.engagement(ctx, by, id)
}

// inviting gives an engagement on which a person may give a command about specialists.
func (o *Office) inviting(tx *journal.Tx, id narthex.EngagementID, p narthex.Person, command workflow.Command) (narthex.Engagement, *book.Rules, error) {
	e, err := engagementOf(tx, id)
	if err != nil {
		return e, nil, err
	}
	if !workflow.MayRead(e, p) {
		return e, nil, narthex.WithheldError()
	}
	if refused := workflow.Open(e, command, p); refused != nil {
		return e, nil, refused
	}
	rules, err := o.Rules.Check(tx)
	return e, rules, err
}

// unconnected refuses as a specialist, or as a mediator, whoever has the name or the address of someone with a part in an engagement, an address at a
// domain of the applicant's organisation, as far as its people's addresses tell, or the address of someone of the lab.
func unconnected(tx *journal.Tx, e narthex.Engagement, name, email string) error {
	near, err := book.PeopleOf(tx, e.Application.Org)
	if err != nil {
		return err
	}
	for _, id := range append(slices.Clone(e.Authors), e.Successor) {
		person, err := journal.Get[narthex.Person](tx, store.People, string(id))
		if err != nil {
			return err
		}
		if person != nil {
			near = append(near, *person)
		}
	}
	for _, person := range near {
		part := slices.Contains(e.Authors, person.ID) || person.ID == e.Successor
		switch {
		case sameAddress(person.Email, email) || part && sameName(person.Name, name):
			return narthex.Refusedf("That is the name or the address of someone with a part in this engagement, or of their organisation. Name somebody who has no tie to them.").For("email")
		case person.Org != "" && person.Org == e.Application.Org && sameDomain(person.Email, email):
			return narthex.Refusedf("That address is at a domain of the applicant's organisation. Name somebody who has no tie to it, or give an address of theirs that tells it apart.").For("email")
		}
	}
	staff, err := book.PeopleOf(tx, "")
	if err != nil {
		return err
	}
	if slices.ContainsFunc(staff, func(p narthex.Person) bool { return sameAddress(p.Email, email) }) {
		return narthex.Refusedf("That is the address of someone of the lab, who speaks as themselves: `narthex engagements comment`.").For("email")
	}
	return nil
}

// sameAddress says whether two addresses are one mailbox, as far as they tell: what follows a plus in its name is its owner's to choose.
func sameAddress(a, b string) bool {
	one := func(address string) string {
		box, host, _ := strings.Cut(address, "@")
		box, _, _ = strings.Cut(box, "+")
		return box + "@" + strings.TrimSuffix(host, ".")
	}
	return a != "" && strings.EqualFold(one(a), one(b))
}

func sameName(a, b string) bool {
	one := func(name string) string { return strings.Join(strings.Fields(name), " ") }
	return strings.EqualFold(one(a), one(b))
}

// sameDomain says whether two addresses are at one domain, or one of them below the other's.
func sameDomain(a, b string) bool {
	domain := func(address string) string {
		_, at, _ := strings.Cut(strings.ToLower(address), "@")
		return strings.TrimSuffix(at, ".")
	}
	one, other := domain(a), domain(b)
	return one != "" && other != "" && (one == other || strings.HasSuffix(one, "."+other) || strings.HasSuffix(other, "."+one))
}

// RedeemOpinion turns a specialist's code into a log-in for the one opinion, and tells whom it is about, so that they can state their
// interests. What is wrong with a code is told to nobody.
func (o *Office) RedeemOpinion(ctx context.Context, in client.RedeemOpinion) (client.OpinionLogin, error) {
	var out client.OpinionLogin
	code, err := wire.ParseToken(wire.OpinionCode, narthex.NewSecret(in.Code))
	if err != nil {
		return out, err
	}
	err = o.Journal.Update(ctx, func(tx *journal.Tx) error {
		e, asked, err := o.asked(tx, in.Engagement, func(o narthex.Opinion) bool { return o.Code == code })
		if err != nil {
			return err
		}
		if !asked.Open(tx.Now()) || asked.Login != "" {
			return narthex.UnauthenticatedError()
		}
		token, err := wire.NewToken(wire.OpinionToken, o.Journal.Random())
		if err != nil {
			return err
		}
		until := tx.Now().Add(opinionLife)
		if asked.Until.Before(until) {
			until = asked.Until
		}
		if _, err := o.bySpecialist(tx, e, asked, workflow.Event{Command: workflow.Redeem, Due: until, Opinion: &narthex.Opinion{Login: wire.HashToken(token)}}); err != nil {
			return err
		}
		out = client.OpinionLogin{Engagement: e.ID, Token: token.Reveal(), ExpiresAt: until, People: []string{}}
		org, err := journal.Get[narthex.Org](tx, store.Orgs, string(e.Application.Org))
		if err != nil {
			return err
		}
		if org != nil {
			out.Org = org.Name
		}
		people := map[string]string{}
		if err := named(tx, people, applying(e.Application)...); err != nil {
			return err
		}
		for _, id := range applying(e.Application) {
			out.People = append(out.People, people[string(id)])
		}
		return nil
	})
	return out, err
}

// applying lists who applies: applicant, members, sponsor.
func applying(a narthex.Application) []narthex.PersonID {
	ids := append([]narthex.PersonID{a.Applicant}, a.Members...)
	if a.Sponsor != "" {
		ids = append(ids, a.Sponsor)
	}
	return ids
}

// StateInterests takes in what a specialist states of their interests, before they read anything.
func (o *Office) StateInterests(ctx context.Context, login string, id narthex.EngagementID, in client.StateInterests) error {
	return o.Journal.Update(ctx, func(tx *journal.Tx) error {
		e, asked, err := o.loggedIn(tx, id, login)
		if err == nil {
			_, err = o.bySpecialist(tx, e, asked, workflow.Event{Command: workflow.Declare, Text: in.Interests})
		}
		return err
	})
}

// ReadForOpinion gives a specialist the application that they were asked about, and nothing else. That they read it is an entry.
func (o *Office) ReadForOpinion(ctx context.Context, login string, id narthex.EngagementID) (client.OpinionView, error) {
	var view client.OpinionView
	err := o.Journal.Update(ctx, func(tx *journal.Tx) error {
		e, asked, err := o.loggedIn(tx, id, login)
		if err != nil {
			return err
		}
		application, refused := workflow.ForSpecialist(e, asked, tx.Now())
		if refused != nil {
			return refused
		}
		view = client.OpinionView{Engagement: id, As: asked.As, Question: asked.Question, Digest: asked.Saw, Until: asked.LoginUntil, Application: application, People: map[string]string{}}
		if err := named(tx, view.People, applying(application)...); err != nil {
			return err
		}
		return book.AddRead(tx, id, asked.ID, book.ReadApplication)
	})
	return view, err
}

// GiveOpinion takes the one opinion of a specialist in. With it their log-in is over.
func (o *Office) GiveOpinion(ctx context.Context, login string, id narthex.EngagementID, in client.GiveOpinion) (client.OpinionGiven, error) {
	var out client.OpinionGiven
	err := o.Journal.Update(ctx, func(tx *journal.Tx) error {
		e, asked, err := o.loggedIn(tx, id, login)
		if err != nil {
			return err
		}
		if _, err := o.bySpecialist(tx, e, asked, workflow.Event{Command: workflow.Opine, Saw: in.Saw, Text: in.Text}); err != nil {
			return err
		}
		out = client.OpinionGiven{Engagement: id, Saw: in.Saw, At: tx.Now()}
		return nil
	})
	return out, err
}

// bySpecialist decides a specialist's command, folds it in and records it.
func (o *Office) bySpecialist(tx *journal.Tx, e narthex.Engagement, asked narthex.Opinion, draft workflow.Event) (narthex.Engagement, error) {
	did := narthex.Opinion{ID: asked.ID}
	if draft.Opinion != nil {
		did.Login = draft.Opinion.Login
	}
	draft.Opinion = &did
	event, refused := workflow.BySpecialist(e, draft, tx.Now())
	if refused != nil {
		return e, refused
	}
	return o.happen(tx, e, event)
}

// loggedIn gives the opinion that a log-in is for, while it is open. Who holds the right log-in is told that it is over, and on which
// text it was.
func (o *Office) loggedIn(tx *journal.Tx, id narthex.EngagementID, login string) (narthex.Engagement, narthex.Opinion, error) {
	e, asked, err := o.asked(tx, id, func(o narthex.Opinion) bool { return o.Login == login })
	switch {
	case err != nil:
	case !asked.Given.IsZero():
		err = narthex.Conflictf("You handed your opinion in, on the text with the digest %s. There is nothing more to read or to do.", asked.Saw.Short())
	case !asked.Closed.IsZero():
		err = narthex.Conflictf("This is over: the invitation was taken back, or the review has ended or goes on with another text. What you were asked about has the digest %s.", asked.Saw.Short())
	case !asked.Admits(tx.Now()):
		err = narthex.UnauthenticatedError()
	}
	return e, asked, err
}

// asked finds an opinion by the digest of its code or log-in. There is none under a lock on the engagement, or on those of whom it is not
// known where they work or whose nationals they are, nor where whoever asked may ask no more.
func (o *Office) asked(tx *journal.Tx, id narthex.EngagementID, is func(narthex.Opinion) bool) (narthex.Engagement, narthex.Opinion, error) {
	none := narthex.Opinion{}
	row, err := journal.Get[narthex.Engagement](tx, store.Engagements, string(id))
	if err != nil {
		return narthex.Engagement{}, none, err
	}
	if row == nil {
		return narthex.Engagement{}, none, narthex.UnauthenticatedError()
	}
	at := slices.IndexFunc(row.Opinions, is)
	if at < 0 {
		return *row, none, narthex.UnauthenticatedError()
	}
	locks, err := book.LocksOn(tx, append([]string{book.Subject("engagement", id), book.Place("")}, book.Nations(nil)...)...)
	if err != nil {
		return *row, none, err
	}
	asker, there, err := standing(tx, row.Opinions[at].By)
	if err != nil {
		return *row, none, err
	}
	if over := !row.Opinions[at].Open(tx.Now()); len(locks) > 0 || row.Locked || !over && (!there || !workflow.Asks(*row, asker)) {
		return *row, none, narthex.UnauthenticatedError()
	}
	return *row, row.Opinions[at], nil
}
