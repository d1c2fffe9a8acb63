package workflow

import (
	"errors"
	"slices"
	"time"

	"narthex"
	"narthex/internal/canon"
)

// mayObject lets a reviewer, or the programme, object to what was granted.
func mayObject(e narthex.Engagement, draft Event, p narthex.Person, facts Facts) *narthex.Error {
	if draft.As != narthex.Programme || !p.Has(narthex.Programme) {
		if refused := inRole(e, draft, p, facts); refused != nil {
			return refused
		}
	}
	draft.By, draft.At = p.ID, facts.Now
	return onObjection(&e, draft)
}

// mayDecideObjection lets a reviewer decide on an objection of somebody else.
func mayDecideObjection(e narthex.Engagement, draft Event, p narthex.Person, facts Facts) *narthex.Error {
	if refused := inRole(e, draft, p, facts); refused != nil {
		return refused
	}
	draft.By, draft.At = p.ID, facts.Now
	return onObjection(&e, draft)
}

// onObjection takes in that somebody objected, or decided on an objection, where everything allows it. It changes only what it replaces
// whole. Roles are not in an engagement, so that the fold holds everything but who holds them.
func onObjection(e *narthex.Engagement, event Event) *narthex.Error {
	switch {
	case event.At.IsZero() || event.By == "":
		return narthex.Invalidf("An objection has a time, and somebody who makes it or decides on it.")
	case event.Command == Object:
		return object(e, event)
	}
	return decideObjection(e, event)
}

// object puts an objection beside what was granted: once, in its time, on a ground of the pathway and with another way.
func object(e *narthex.Engagement, event Event) *narthex.Error {
	rule, r := e.Application.Refusals, event.Refusal
	if rule == nil || rule.ObjectionDays < 1 {
		return narthex.Conflictf("The pathway of this application has no time in which the lab may object to what was granted.")
	}
	until := e.DecidedAt.AddDate(0, 0, rule.ObjectionDays)
	switch {
	case e.Objection != nil:
		return narthex.Conflictf("The lab objected on %s; it can once.", e.Objection.At.UTC().Format("2 January 2006"))
	case e.DecidedAt.IsZero() || e.Agreement == "" || !event.At.Before(until):
		return narthex.Conflictf("The lab could object until %s. What was granted stands.", until.UTC().Format("2 January 2006, 15:04 UTC"))
	case event.As != narthex.Programme && !asks(e.Application, event.As):
		return narthex.Refusedf("An objection is made for the programme, or in a role that reviews this. Name one that you hold.").For("as")
	case !isText(event.Text, mostText):
		return narthex.Invalidf("An objection says why, in at most %d characters that the applicant can read.", mostText).For("text")
	}
	if refused := grounded(rule, r, "Name it word for word; on any other what was granted stands."); refused != nil {
		return refused
	}
	if !r.MediateBy.IsZero() || r.Mediation != nil {
		return narthex.Invalidf("An objection asks for no mediation.").For("ground")
	}
	o := narthex.Objection{By: event.By, As: event.As, At: event.At, On: e.Agreement, Ground: r.Ground, Alternative: r.Alternative, Text: event.Text, DecideBy: event.At.AddDate(0, 0, rule.ObjectionDays), Round: e.Round}
	digest, err := canon.Digest(o)
	if err != nil {
		return narthex.AsError(err)
	}
	o.Digest, e.Objection = digest, &o
	return nil
}

// decideObjection counts a vote on an objection. One to dismiss it ends it; it is upheld by as many as must approve an application, in
// every role, and by none of them who objected. A rule of the pathway stands in for nobody here.
func decideObjection(e *narthex.Engagement, event Event) *narthex.Error {
	o := e.Objection
	if o == nil {
		return narthex.Conflictf("There is no objection to decide on.")
	}
	switch state := o.Stand(event.At); {
	case state == narthex.ObjectionFell:
		return narthex.Conflictf("Nobody decided on the objection before %s, so it fell. What was granted stands.", o.DecideBy.UTC().Format("2 January 2006, 15:04 UTC"))
	case state != narthex.ObjectionOpen:
		return narthex.Conflictf("The objection is decided: it was %s.", state)
	case event.By == o.By:
		return narthex.Refusedf("Whoever objects does not decide on it. Someone else who reviews this must.")
	case slices.Contains(e.Authors, event.By) || !asks(e.Application, event.As):
		return narthex.Refusedf("An objection is decided by those who review the application, in a role that it needs.").For("as")
	case event.Saw != o.Digest:
		return narthex.Conflictf("The vote names another text than the objection. Read it again and vote on digest %s.", o.Digest.Short()).For("saw")
	case votedOn(*o, event.By):
		return narthex.Conflictf("You have voted on this objection already; one person has one vote.")
	case !isText(event.Text, mostText):
		return narthex.Invalidf("Whoever decides on an objection says why, in at most %d characters that the applicant can read.", mostText).For("text")
	case event.Command == Uphold && !event.Due.After(event.At):
		return narthex.Invalidf("An objection that is upheld has a time in which mediation may be asked for.").For("due")
	}
	next := *o
	next.Votes = append(slices.Clone(o.Votes), narthex.Vote{By: event.By, As: event.As, Approve: event.Command == Uphold, Reason: event.Text, Saw: event.Saw, At: event.At, NoInterest: event.NoInterest})
	switch {
	case event.Command == Dismiss:
		next.DecidedAt = event.At
	case len(toUphold(*e, next)) == 0:
		next.DecidedAt, next.Upheld, next.MediateBy = event.At, true, event.Due
	}
	e.Objection = &next
	return nil
}

func votedOn(o narthex.Objection, person narthex.PersonID) bool {
	return slices.ContainsFunc(o.Votes, func(v narthex.Vote) bool { return v.By == person })
}

// toUphold lists the roles in which an objection is not upheld by as many as must approve, each once.
func toUphold(e narthex.Engagement, o narthex.Objection) []narthex.Role {
	left := seats(e)
	for _, v := range o.Votes {
		if v.Approve {
			left[v.As]--
		}
	}
	roles := []narthex.Role{}
	for _, rule := range e.Application.Reviews {
		if left[rule.Role] > 0 && !slices.Contains(roles, rule.Role) {
			roles = append(roles, rule.Role)
		}
	}
	return roles
}

// upheldNow gives the objection that was upheld to what stands, or nil.
func upheldNow(e narthex.Engagement) *narthex.Objection {
	if o := e.Objection; o != nil && o.Upheld && o.Round == e.Round {
		return o
	}
	return nil
}

// ReopensBy says whether an objection that is upheld sends back what is offered and not in force yet.
func ReopensBy(e narthex.Engagement) bool {
	return e.State == narthex.Offered && upheldNow(e) != nil
}

// reopen sends back what was decided: an offer to which an objection was upheld, or a refusal where both sides agreed in its mediation. It
// grants nothing: what comes back is asked and decided anew.
func reopen(e *narthex.Engagement, event Event) error {
	o := upheldNow(*e)
	switch r := e.Refusal; {
	case e.Agreement != "" && o != nil:
		unoffer(e)
	case e.Agreement == "" && r != nil && r.Mediation != nil && r.Mediation.Stand(event.At) == narthex.MediationState(narthex.MediationAgreed):
	default:
		return errors.New("no objection to it was upheld, and both sides did not agree on its refusal")
	}
	sendBack(e)
	e.Reason, e.DecidedAt = "", time.Time{}
	return nil
}

// MayOn says whether a command about an objection, or about the mediation of a decision, would be taken of a person now, but for what they
// bring with it.
func MayOn(e narthex.Engagement, command Command, p narthex.Person, now time.Time) bool {
	if Open(e, command, p) != nil {
		return false
	}
	rule, o := e.Application.Refusals, e.Objection
	switch command {
	case Object:
		return rule != nil && o == nil && !e.DecidedAt.IsZero() && now.Before(e.DecidedAt.AddDate(0, 0, rule.ObjectionDays))
	case Uphold, Dismiss:
		return o != nil && o.Stand(now) == narthex.ObjectionOpen && o.By != p.ID && !votedOn(*o, p.ID)
	}
	m, until, has := mediated(e)
	switch {
	case !has:
		return false
	case command == Mediate:
		return m == nil && now.Before(until)
	case m == nil || !m.Stand(now).Open():
		return false
	}
	lab := p.ID != e.Application.Applicant
	switch command {
	case ProposeMediator:
		return !m.Until.IsZero() && m.Began.IsZero()
	case AcceptMediator:
		return m.Began.IsZero() && m.Mediator != nil && m.Mediator.Said.As == "" == lab
	case RecordMediation:
		return *saidBy(m, lab) == nil
	}
	return false
}

// ObjectionTask says whether a person should decide on an objection, and by when; owns says that they own an asset among the terms.
func ObjectionTask(e narthex.Engagement, p narthex.Person, owns bool, now time.Time) (Task, time.Time) {
	if !MayOn(e, Uphold, p, now) || !slices.ContainsFunc(toUphold(e, *e.Objection), func(r narthex.Role) bool {
		return p.Has(r) && (r != narthex.AssetOwner || owns)
	}) {
		return "", time.Time{}
	}
	return ToDecide, e.Objection.DecideBy
}

// waitsBeside lists for whom an objection or a mediation may wait.
func waitsBeside(e narthex.Engagement) []Wait {
	var waits []Wait
	if o := e.Objection; o != nil && o.DecidedAt.IsZero() && may(e.State, []Part{Reviewer}, Uphold) && !said(e, ObjectionLapse) {
		for _, rule := range e.Application.Reviews {
			waits = append(waits, Wait{Role: rule.Role, Due: o.DecideBy})
		}
	}
	if m := MediationOf(e); m != nil && !m.Until.IsZero() && m.Stand(time.Time{}).Open() && !said(e, MediationEnd) {
		waits = append(waits, Wait{Person: e.Application.Applicant, Due: m.Until}, Wait{Role: narthex.Programme, Due: m.Until})
	}
	if e.State == narthex.Active && upheldNow(e) != nil {
		waits = append(waits, Wait{Person: e.Application.Applicant})
	}
	return waits
}

// ticksBeside lists what clocks say of an objection and of a mediation.
func ticksBeside(e narthex.Engagement) []tick {
	var list []tick
	if o := e.Objection; o != nil && o.DecidedAt.IsZero() && may(e.State, []Part{Reviewer}, Uphold) {
		list = append(list, tick{command: Remind, mark: ObjectionHalf, at: o.At.Add(o.DecideBy.Sub(o.At) / 2), instead: ObjectionLapse}, tick{command: Remind, mark: ObjectionLapse, at: o.DecideBy})
	}
	if m := MediationOf(e); m != nil && !m.Until.IsZero() && m.Stand(time.Time{}).Open() {
		list = append(list, tick{command: Remind, mark: MediationEnd, at: m.Until})
	}
	return list
}
