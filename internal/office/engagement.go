package office

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/book"
	"narthex/internal/canon"
	"narthex/internal/gateway/live"
	"narthex/internal/identity"
	"narthex/internal/journal"
	"narthex/internal/store"
	"narthex/internal/workflow"
	"narthex/policy"
)

// Draft begins an engagement. What is not offered as asked is said at once.
func (o *Office) Draft(ctx context.Context, by narthex.PersonID, in client.Draft) (client.EngagementView, error) {
	var id narthex.EngagementID
	text, err := o.text(in)
	if err != nil {
		return client.EngagementView{}, err
	}
	err = o.act(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		if p.InLab() || p.Org == "" {
			return narthex.Refusedf("Applications come from outside the lab; people of the lab sponsor them.")
		}
		rules, err := o.Rules.Check(tx)
		if err != nil {
			return err
		}
		if id, err = identity.NewID[narthex.EngagementID](o.Journal.Random()); err != nil {
			return err
		}
		application, err := text.of(tx, rules, narthex.Application{Engagement: id, Applicant: p.ID, Org: p.Org})
		if err != nil {
			return err
		}
		if err := addDraft(tx, p.ID, id); err != nil {
			return err
		}
		_, err = o.apply(tx, narthex.Engagement{}, workflow.Event{Command: workflow.Draft, Application: &application}, p, workflow.Facts{})
		return err
	})
	if err != nil {
		return client.EngagementView{}, err
	}
	return o.engagement(ctx, by, id)
}

// apply decides a person's command, folds it in and records it.
func (o *Office) apply(tx *journal.Tx, e narthex.Engagement, draft workflow.Event, p narthex.Person, facts workflow.Facts) (narthex.Engagement, error) {
	event, refused := workflow.Decide(e, draft, p, facts)
	if refused != nil {
		return e, refused
	}
	return o.happen(tx, e, event)
}

// bySystem folds in what Narthex itself does.
func (o *Office) bySystem(tx *journal.Tx, e narthex.Engagement, draft workflow.Event) (narthex.Engagement, error) {
	event, refused := workflow.BySystem(e, draft)
	if refused != nil {
		return e, refused
	}
	return o.happen(tx, e, event)
}

// happen writes an event, the engagement as it then is, the entry, and what people are told of it.
func (o *Office) happen(tx *journal.Tx, e narthex.Engagement, event workflow.Event) (narthex.Engagement, error) {
	event.At = tx.Now()
	next, err := workflow.Apply(e, event)
	if err != nil {
		return e, err
	}
	if err := journal.Put(tx, store.Events, fmt.Sprintf("%s/%06d", next.ID, event.Seq), &event); err != nil {
		return e, err
	}
	if err := journal.Put(tx, store.Engagements, string(next.ID), &next); err != nil {
		return e, err
	}
	if e.Outside != nil && next.Outside == nil { // the agreement fell, and what was bound to it
		if err := book.DropOutside(tx, next.ID); err != nil {
			return e, err
		}
	}
	digest, err := canon.Digest(event)
	if err != nil {
		return e, err
	}
	if _, err = tx.Append(narthex.EntryEngagementChanged, narthex.TextField("engagement", next.ID), narthex.TextField("command", event.Command), narthex.TextField("by", event.By),
		narthex.TextField("as", event.As), narthex.TextField("state", next.State), narthex.TextField("saw", event.Saw), narthex.TextField("event", digest)); err != nil {
		return e, err
	}
	return next, o.tell(tx, e, next, event)
}

func engagementOf(tx *journal.Tx, id narthex.EngagementID) (narthex.Engagement, error) {
	row, err := journal.Get[narthex.Engagement](tx, store.Engagements, string(id))
	if err != nil {
		return narthex.Engagement{}, err
	}
	if row == nil {
		return narthex.Engagement{}, narthex.WithheldError()
	}
	return *row, nil
}

// Edit writes a draft anew.
func (o *Office) Edit(ctx context.Context, by narthex.PersonID, id narthex.EngagementID, in client.Draft) (client.EngagementView, error) {
	return o.Command(ctx, by, id, workflow.Edit, client.Command{Draft: &in})
}

// Command gives a command on an engagement, and lets follow what follows by itself: assignment after submission, the offer
// after the last approval.
func (o *Office) Command(ctx context.Context, by narthex.PersonID, id narthex.EngagementID, command workflow.Command, in client.Command) (client.EngagementView, error) {
	var cut *narthex.Engagement
	var left []narthex.KeyID
	text, err := o.rewrite(command, in.Draft)
	if err != nil {
		return client.EngagementView{}, err
	}
	var outside narthex.OutsideDocument
	if command == workflow.Bind {
		if outside, err = narthex.CheckOutside(in.Outside); err != nil {
			return client.EngagementView{}, err
		}
	}
	err = o.act(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		cut, left = nil, nil
		e, err := engagementOf(tx, id)
		if err != nil {
			return err
		}
		if !workflow.MayRead(e, p) {
			return narthex.WithheldError()
		}
		if refused := workflow.Open(e, command, p); refused != nil {
			return refused
		}
		rules, err := o.Rules.Check(tx)
		if err != nil {
			return err
		}
		if command == workflow.Submit && e.State == narthex.Draft {
			if e, err = o.ofToday(tx, rules, e, p); err != nil {
				return err
			}
		}
		draft := workflow.Event{Command: command, As: in.As, Saw: in.Saw, Text: in.Text, Private: in.Private}
		if command == workflow.Transfer || command == workflow.Entrust {
			draft.Person = in.Person
		}
		if rule := e.Application.Refusals; command == workflow.Decline && (rule != nil || in.Ground != "" || in.Alternative != "") {
			draft.Refusal = &narthex.Refusal{Ground: in.Ground, Alternative: in.Alternative}
			if rule != nil {
				draft.Refusal.MediateBy = rules.Directory.Calendar.Add(tx.Now(), rule.MediationDays)
			}
		}
		if command == workflow.Bind {
			draft.Outside = &outside
		}
		if err := disputing(tx, rules, e, p, in, &draft); err != nil {
			return err
		}
		if command == workflow.Counter {
			if draft.Application, err = narrowed(tx, rules, e, in.Counter); err != nil {
				return err
			}
		}
		facts, err := o.facts(tx, rules, &draft, e, p, text)
		if err != nil {
			return err
		}
		next, err := o.apply(tx, e, draft, p, facts)
		if err != nil {
			return err
		}
		switch command {
		case workflow.Bind:
			err = book.KeepOutside(tx, id, in.Outside)
		case workflow.Submit, workflow.Revise, workflow.Accept:
			due := rules.Directory.Calendar.Add(tx.Now(), rules.Directory.Pathways[next.Application.Pathway].ReviewDays)
			if next, err = o.bySystem(tx, next, workflow.Event{Command: workflow.Assign, Due: due}); err == nil {
				err = o.triage(tx, rules, next)
			}
		case workflow.Counter:
			return current(rules, e)
		case workflow.Approve:
			if err := current(rules, e); err != nil {
				return err
			}
			if err := apart(tx, p.ID, approvers(e)); err != nil {
				return err
			}
			err = o.offerOrWait(tx, rules, next)
		case workflow.Uphold, workflow.RecordMediation:
			err = o.reopening(tx, next)
		case workflow.Transfer:
			err = maySponsor(tx, in.Person)
		case workflow.Join:
			err = joined(tx, next, p)
		case workflow.Leave:
			left, err = o.leave(tx, next, p)
		case workflow.End:
			cut = &next
			err = o.endGrant(tx, next, p.ID, in.Text)
		}
		return err
	})
	if err != nil {
		return client.EngagementView{}, err
	}
	if cut != nil {
		o.Live.Cut(book.Subject("grant", cut.Grant), live.End{Code: "ended", At: o.Journal.Now()})
	}
	for _, key := range left {
		o.Live.Cut(book.Subject("key", key), live.End{Code: "revoked", At: o.Journal.Now()})
	}
	return o.engagement(ctx, by, id)
}

// approvers lists who has approved the text as it stands.
func approvers(e narthex.Engagement) []narthex.PersonID {
	var people []narthex.PersonID
	for _, vote := range e.Votes {
		if vote.Approve {
			people = append(people, vote.By)
		}
	}
	return people
}

// facts gathers what the decision on a command needs.
func (o *Office) facts(tx *journal.Tx, rules *book.Rules, draft *workflow.Event, e narthex.Engagement, p narthex.Person, text *written) (workflow.Facts, error) {
	facts := workflow.Facts{Now: tx.Now()}
	a := e.Application
	switch draft.Command {
	case workflow.Edit, workflow.Revise:
		if text == nil && draft.Command == workflow.Edit {
			return facts, narthex.Invalidf("An edit needs the draft.").For("draft")
		}
		if text == nil && !outdated(rules, e) {
			// An answer in words alone leaves the application as it is.
			same := a
			reviews, err := overAll(tx, rules.Directory, a)
			if err != nil {
				return facts, err
			}
			same.Reviews = reviews
			draft.Application, a = &same, same
			break
		}
		if text == nil {
			again, err := write(rules, draftOf(a))
			if err != nil {
				return facts, err
			}
			text = again
		}
		if text.application.Pathway != a.Pathway {
			return facts, narthex.Invalidf("An engagement keeps its pathway; begin another one.").For("pathway")
		}
		made, err := text.of(tx, rules, a)
		if err == nil && draft.Command == workflow.Revise {
			made.Reviews, err = overAll(tx, rules.Directory, made)
		}
		if err != nil {
			return facts, err
		}
		draft.Application, a = &made, made
	}
	switch {
	case draft.Command == workflow.Counter:
		a = *draft.Application
	case draft.Command == workflow.Accept && e.Counter != nil:
		if a = e.Counter.Application; outdated(rules, e) {
			return facts, narthex.Conflictf("The lab's directory changed since the counter-offer was made. Revise the application instead: it is then made by the directory in force.")
		}
	}
	facts.HalfPassed = halfPassed(e, tx.Now())
	pathway := rules.Directory.Pathways[a.Pathway]
	if handsIn := draft.Command == workflow.Submit || draft.Command == workflow.Revise; handsIn && pathway.Sponsor == narthex.SponsorRequired && a.Sponsor == "" {
		return facts, narthex.Invalidf("The pathway %s takes no application without a sponsor: name someone of the lab who works with you.", pathway.Name).For("sponsor")
	}
	if draft.Command == workflow.Submit || draft.Command == workflow.Revise || draft.Command == workflow.Accept {
		if _, _, err := amended(tx, a); err != nil {
			return facts, err
		}
	}
	facts.Unanswered = unanswered(pathway, a)
	found, _ := notices(rules.Directory, pathway, a.Terms)
	bySize, _, err := sized(rules.Directory, askedAssets(rules.Directory, pathway, a.Terms), a.Terms, a.Days, nil)
	if err != nil {
		return facts, err
	}
	for _, n := range append(found, bySize...) {
		if n.Blocks {
			facts.TermsWrong = append(facts.TermsWrong, narthex.Reason{Code: "not_offered", Attribute: n.Attribute, Asset: n.Asset, Limit: n.Limit, Says: n.Says})
		}
	}
	together, err := o.together(tx, rules, a)
	facts.TermsWrong = append(facts.TermsWrong, together...)
	if err != nil {
		return facts, err
	}
	who, err := ownersNow(tx, rules.Directory)
	facts.OwnsAsset = who.owns(e.Application.Terms, p)
	if draft.Command == workflow.Entrust && err == nil {
		if facts.Other, _, err = standing(tx, draft.Person); err == nil {
			facts.OtherOwns = who.owns(e.Application.Terms, facts.Other)
		}
	}
	return facts, err
}

// halfPassed says whether half of a review's time is over.
func halfPassed(e narthex.Engagement, now time.Time) bool {
	return !e.Due.IsZero() && !now.Before(e.Since.Add(e.Due.Sub(e.Since)/2))
}

// together holds exclusions over all grants in force of the applicant and their organisation.
func (o *Office) together(tx *journal.Tx, rules *book.Rules, a narthex.Application) ([]narthex.Reason, error) {
	_, replaced, err := replacedBy(tx, a)
	if err != nil {
		return nil, err
	}
	var others []narthex.Term
	asked := map[narthex.AssetName][]narthex.AttributeName{}
	for _, term := range a.Terms {
		asked[term.Asset] = append(asked[term.Asset], term.Attribute)
	}
	for _, asset := range slices.Sorted(maps.Keys(asked)) {
		excluded := rules.Directory.Taxonomy.Excluded(asked[asset]...)
		terms, err := book.OtherTerms(tx, &narthex.Grant{ID: replaced.ID, Org: a.Org}, a.Applicant, asset, excluded)
		if err != nil {
			return nil, err
		}
		others = append(others, terms...)
	}
	return policy.CheckTogether(rules.Directory.Taxonomy, a.Terms, others), nil
}

// Engagement gives an engagement to someone who may know of it. That they read it is an entry.
func (o *Office) Engagement(ctx context.Context, by narthex.PersonID, id narthex.EngagementID) (client.EngagementView, error) {
	view, err := o.engagement(ctx, by, id)
	if err == nil {
		err = o.recordRead(ctx, by, id, book.ReadApplication)
	}
	if err != nil {
		return client.EngagementView{}, err
	}
	return view, nil
}

// engagement gives it as it stands after a command, whose own entry tells who saw it.
func (o *Office) engagement(ctx context.Context, by narthex.PersonID, id narthex.EngagementID) (client.EngagementView, error) {
	var view client.EngagementView
	err := o.look(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		e, err := engagementOf(tx, id)
		if err != nil {
			return err
		}
		if !workflow.MayRead(e, p) {
			return narthex.WithheldError()
		}
		rules, err := o.Rules.Get()
		if err != nil {
			return err
		}
		who, err := ownersNow(tx, rules.Directory)
		if err != nil {
			return err
		}
		if e, err = claiming(tx, who, e); err != nil {
			return err
		}
		view = client.EngagementView{Engagement: workflow.Seen(e, p), Allowed: []string{}, Waiting: []string{}, People: map[string]string{}, Notices: []client.Notice{}}
		for _, command := range workflow.Allowed(e.State, workflow.PartsOf(e, p)) {
			if !shown(e, command, p, tx.Now()) {
				continue
			}
			view.Allowed = append(view.Allowed, string(command))
		}
		if view.Locks, err = locksShown(tx, e, p); err != nil {
			return err
		}
		if view.Waiting, err = waiting(tx, rules, e, p); err != nil {
			return err
		}
		if c := view.Engagement.Counter; c != nil {
			view.Counter = changes(e.Application, c.Application)
		}
		if pathway, known := rules.Directory.Pathways[e.Application.Pathway]; known && (e.State == narthex.Draft || e.State == narthex.Returned) {
			view.Notices, _ = notices(rules.Directory, pathway, e.Application.Terms)
			bySize, _, err := sized(rules.Directory, askedAssets(rules.Directory, pathway, e.Application.Terms), e.Application.Terms, e.Application.Days, nil)
			if err != nil {
				return err
			}
			view.Notices = append(append(view.Notices, bySize...), asksMore(rules.Directory, pathway, e.Application.Terms)...)
		}
		view.Objection, view.Mediation = disputed(e, tx.Now())
		view.Level = levelAsked(rules.Directory, e, tx.Now())
		if view.Horizons, err = previews(tx, rules.Directory, e, p); err != nil {
			return err
		}
		return names(tx, view.Engagement, view.People)
	})
	if s := view.Engagement.State; err == nil && (s == narthex.Draft || s == narthex.Returned) {
		view.Took, err = o.tookOf(ctx, view.Engagement.Application.Pathway)
	}
	return view, err
}

// shown says whether a command that the table gives somebody is shown to them: not one that is there to be done by the way, or that would
// be refused as things stand.
func shown(e narthex.Engagement, command workflow.Command, p narthex.Person, now time.Time) bool {
	switch command {
	case workflow.Recuse:
		return false
	case workflow.Accept:
		return e.Counter != nil
	case workflow.Nudge:
		return halfPassed(e, now) && e.Nudged.IsZero()
	case workflow.Unclaim:
		return len(e.Claims) > 0
	case workflow.Uninvite:
		return slices.ContainsFunc(e.Opinions, func(o narthex.Opinion) bool { return o.Open(now) })
	case workflow.Bind:
		return workflow.MayBind(e, p)
	case workflow.Object, workflow.Uphold, workflow.Dismiss, workflow.Mediate, workflow.ProposeMediator, workflow.AcceptMediator, workflow.RecordMediation:
		return workflow.MayOn(e, command, p, now)
	}
	return !workflow.OnManuscripts(command) || command == workflow.ManuscriptSubmit
}

func names(tx *journal.Tx, e narthex.Engagement, into map[string]string) error {
	ids := slices.Clone(e.Authors)
	if e.Successor != "" {
		ids = append(ids, e.Successor)
	}
	for _, vote := range e.Votes {
		ids = append(ids, vote.By)
	}
	for _, note := range e.Notes {
		ids = append(ids, note.By)
	}
	for _, did := range e.Triage {
		ids = append(ids, did.Assign)
	}
	for _, claim := range e.Claims {
		ids = append(ids, claim.By)
	}
	for _, o := range e.Opinions {
		ids = append(ids, o.By)
	}
	if e.Counter != nil {
		ids = append(ids, e.Counter.By)
	}
	for _, met := range e.Met {
		ids = append(ids, met.By)
	}
	for _, w := range e.Waivers {
		ids = append(ids, w.By)
	}
	if o := e.Objection; o != nil {
		ids = append(append(ids, o.By), disputants(o.Mediation)...)
		for _, vote := range o.Votes {
			ids = append(ids, vote.By)
		}
	}
	if e.Refusal != nil {
		ids = append(ids, disputants(e.Refusal.Mediation)...)
	}
	return named(tx, into, ids...)
}

// disputants lists who said something in a mediation.
func disputants(m *narthex.DecisionMediation) []narthex.PersonID {
	if m == nil {
		return nil
	}
	ids := []narthex.PersonID{m.By}
	if m.Mediator != nil {
		ids = append(ids, m.Mediator.Said.By)
	}
	for _, side := range []*narthex.MediationOutcome{m.Authors, m.Lab} {
		if side != nil {
			ids = append(ids, side.Said.By)
		}
	}
	return ids
}

// named adds the names of people.
func named(tx *journal.Tx, into map[string]string, ids ...narthex.PersonID) error {
	for _, id := range ids {
		if id == "" {
			continue
		}
		person, err := journal.Get[narthex.Person](tx, store.People, string(id))
		if err != nil {
			return err
		}
		if person != nil {
			into[string(id)] = person.Name
		}
	}
	return nil
}

// waiting says whom an engagement waits for, as a person sees it.
func waiting(tx *journal.Tx, rules *book.Rules, e narthex.Engagement, p narthex.Person) ([]string, error) {
	list := []string{}
	switch e.State {
	case narthex.Draft, narthex.Returned:
		list = append(list, "the applicant")
	case narthex.Submitted:
		list = append(list, "the programme")
	case narthex.InReview:
		if outdated(rules, e) {
			return append(list, "a reviewer to return it, for the lab's directory changed"), nil
		}
		e, err := counting(tx, rules, e)
		if err != nil {
			return nil, err
		}
		for _, role := range workflow.AwaitedBy(e, p) {
			list = append(list, strings.ReplaceAll(string(role), "_", " "))
		}
		if len(list) > 0 {
			return list, nil
		}
		if above, err := grown(tx, rules.Directory, e); err != nil || above {
			return append(list, "a reviewer to return it, for the asset's size does not hold it as things now stand"), err
		}
		list = append(list, "a signing key of every party")
	case narthex.Offered:
		if workflow.WantsOutside(e) {
			list = append(list, "the outside document, by legal")
		}
		turn := workflow.Turn(e)
		for _, party := range turn {
			list = append(list, "the signature of the "+string(party))
		}
		order := e.Application.SigningOrder
		if len(order) == 0 {
			order = narthex.PartyRoles()
		}
		for _, party := range order {
			if slices.Contains(workflow.Unsigned(e), party) && !slices.Contains(turn, party) {
				list = append(list, "then the signature of the "+string(party))
			}
		}
		list = append(list, waitingBeside(e, tx.Now())...)
	case narthex.Active:
		if n := len(workflow.Unjoined(e)); n > 0 {
			list = append(list, fmt.Sprintf("%d of its members to accept for themselves", n))
		}
		if e.Successor != "" {
			list = append(list, "the new sponsor")
		}
		list = append(list, waitingBeside(e, tx.Now())...)
	case narthex.Declined:
		list = append(list, waitingBeside(e, tx.Now())...)
	case narthex.Ending:
		for _, due := range workflow.Obligations(e, rules.Directory.Calendar, tx.Now()) {
			if due.Blocks() {
				list = append(list, workflow.OwedInWords(due.Owed)+", by the "+string(due.By))
			}
		}
		if len(list) == 0 {
			list = append(list, "closeout by the programme")
		}
	}
	return list, nil
}
