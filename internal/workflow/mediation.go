package workflow

import (
	"slices"
	"time"

	"narthex"
)

// mostMediators bounds how often a mediator is proposed; mostName and mostAddress bound what they are called, in characters.
const (
	mostMediators = 20
	mostName      = 100
	mostAddress   = 200
)

// mayOnMediation holds what a side does in a mediation to the rules that the fold holds it to as well.
func mayOnMediation(e narthex.Engagement, draft Event, p narthex.Person, facts Facts) *narthex.Error {
	draft.By, draft.At = p.ID, facts.Now
	return onMediation(&e, draft)
}

// mediated gives the mediation of what was decided last, nil where it was not asked for, and until when it may be: of a refusal, or of an
// objection that was upheld and that the applicant has not answered by another text. It has none where it may not be mediated.
func mediated(e narthex.Engagement) (m *narthex.DecisionMediation, until time.Time, has bool) {
	if e.State == narthex.Declined && e.Refusal != nil {
		return e.Refusal.Mediation, e.Refusal.MediateBy, true
	}
	if o := upheldNow(e); o != nil && (e.State == narthex.Returned || e.State == narthex.Active) {
		return o.Mediation, o.MediateBy, true
	}
	return nil, time.Time{}, false
}

// MediationOf gives the mediation of what was decided last, nil where there is none.
func MediationOf(e narthex.Engagement) *narthex.DecisionMediation {
	m, _, _ := mediated(e)
	return m
}

// onMediation does in a mediation what an event says, where everything allows it. It changes only what it replaces whole.
func onMediation(e *narthex.Engagement, event Event) *narthex.Error {
	m, until, has := mediated(*e)
	lab := event.By != e.Application.Applicant
	switch {
	case !has:
		return narthex.Conflictf("There is nothing to mediate: neither a refusal on one of the pathway's grounds nor an objection that was upheld and is not answered.")
	case event.At.IsZero() || lab != (event.As == narthex.Programme) || !lab && event.As != "":
		return narthex.Refusedf("In a mediation the applicant speaks for their side, and the programme for the lab.").For("as")
	}
	next := narthex.DecisionMediation{}
	if event.Command == Mediate {
		lasts := e.Application.Refusals != nil && e.Application.Refusals.MediationLasts > 0
		switch {
		case lab:
			return narthex.Refusedf("The applicant asks for mediation.")
		case m != nil:
			return narthex.Conflictf("Mediation was asked for on %s.", m.At.UTC().Format("2 January 2006"))
		case !event.At.Before(until):
			return narthex.Conflictf("Mediation could be asked for until %s. Apply anew or revise, in the other way that was offered where there is one.", until.UTC().Format("2 January 2006, 15:04 UTC"))
		case !isText(event.Text, mostText):
			return narthex.Invalidf("Say in words what is to be mediated, in at most %d characters.", mostText).For("text")
		case lasts && !event.Due.After(event.At) || !lasts && !event.Due.IsZero():
			return narthex.Invalidf("A mediation ends when the pathway says.").For("due")
		}
		next = narthex.DecisionMediation{By: event.By, At: event.At, Text: event.Text, Until: event.Due}
	} else {
		if m == nil {
			return narthex.Conflictf("The applicant has not asked for mediation.")
		}
		if state := m.Stand(event.At); !state.Open() {
			return narthex.Conflictf("The mediation ended: %s.", MediationInWords(state))
		}
		next = *m
		if refused := inMediation(&next, event, lab); refused != nil {
			return refused
		}
	}
	if e.State == narthex.Declined {
		refusal := *e.Refusal
		refusal.Mediation, e.Refusal = &next, &refusal
	} else {
		objection := *e.Objection
		objection.Mediation, e.Objection = &next, &objection
	}
	return nil
}

// inMediation is what either side does while a mediation goes on.
func inMediation(m *narthex.DecisionMediation, event Event, lab bool) *narthex.Error {
	said := narthex.Said{By: event.By, As: event.As, At: event.At, Text: event.Text}
	named := event.Mediator
	switch {
	case m.Until.IsZero():
		return narthex.Conflictf("This was asked under a pathway that names no mediator here. Agree on one elsewhere.")
	case event.Command == RecordMediation:
		return record(m, said, event.Result, lab)
	case !m.Began.IsZero():
		return narthex.Conflictf("A mediator is agreed since %s. A side that takes part no longer records that: withdrawn.", m.Began.UTC().Format("2 January 2006"))
	case named == nil || named.Said != (narthex.Said{}) || !isText(named.Name, mostName) || !isText(named.Email, mostAddress):
		return narthex.Invalidf("A mediator has a name of at most %d characters and an address.", mostName).For("mediator")
	case event.Command == ProposeMediator && m.Proposed >= mostMediators:
		return narthex.Conflictf("A mediator was proposed %d times; accept one of the other side's, or record that it was not to be had: withdrawn.", m.Proposed)
	case event.Command == ProposeMediator:
		m.Mediator, m.Proposed = &narthex.Mediator{Name: named.Name, Email: named.Email, Said: said}, m.Proposed+1
	case m.Mediator == nil:
		return narthex.Conflictf("Nobody is proposed yet; propose one.")
	case m.Mediator.Said.As != "" == lab:
		return narthex.Refusedf("Your own side proposed them; the other side accepts, or proposes somebody else.")
	case m.Mediator.Name != named.Name || m.Mediator.Email != named.Email:
		return narthex.Conflictf("Somebody else is proposed now. Look again, and accept whom you see.").For("mediator")
	default:
		m.Began = event.At
	}
	return nil
}

// record takes in what one side says came of it. The other's word is needed for nothing but an agreement.
func record(m *narthex.DecisionMediation, said narthex.Said, result narthex.MediationResult, lab bool) *narthex.Error {
	side := saidBy(m, lab)
	switch {
	case !slices.Contains(narthex.MediationResults(), result):
		return narthex.Invalidf("A mediation ends agreed, not_agreed or withdrawn.").For("result")
	case *side != nil:
		return narthex.Conflictf("Your side has said what came of it.")
	case m.Began.IsZero() && result != narthex.MediationWithdrawn:
		return narthex.Conflictf("No mediator is agreed yet. Accept or propose one, or record that your side takes part no longer: withdrawn.").For("result")
	case !isText(said.Text, mostText):
		return narthex.Invalidf("Say in words what came of it, in at most %d characters.", mostText).For("text")
	}
	*side = &narthex.MediationOutcome{Said: said, Result: result}
	return nil
}

// saidBy is where a side's word on what came of a mediation stands.
func saidBy(m *narthex.DecisionMediation, lab bool) **narthex.MediationOutcome {
	if lab {
		return &m.Lab
	}
	return &m.Authors
}

// MediationInWords says where a mediation stands.
func MediationInWords(s narthex.MediationState) string {
	switch s {
	case narthex.MediationAsked:
		return "asked for, without a mediator yet"
	case narthex.MediationBegun:
		return "it goes on"
	case narthex.MediationOver:
		return "not agreed, for its time was over"
	case narthex.MediationState(narthex.MediationAgreed):
		return "both sides agreed on other terms"
	case narthex.MediationState(narthex.MediationNotAgreed):
		return "not agreed, as a side says"
	}
	return "a side took part no longer"
}

// Agreed says whether both sides agreed in the mediation of a refusal, which is not reopened yet.
func Agreed(e narthex.Engagement, now time.Time) bool {
	m := MediationOf(e)
	return e.State == narthex.Declined && m != nil && m.Stand(now) == narthex.MediationState(narthex.MediationAgreed)
}

// MediationTask says what a mediation, or what an objection was upheld for, asks of a person now, and by when.
func MediationTask(e narthex.Engagement, p narthex.Person, now time.Time) (Task, time.Time) {
	m := MediationOf(e)
	for _, command := range []Command{AcceptMediator, ProposeMediator, RecordMediation} {
		switch {
		case !MayOn(e, command, p, now) || m.Until.IsZero():
		case command == ProposeMediator && m.Mediator != nil: // the other side's turn
		case command == RecordMediation && m.Began.IsZero():
		default:
			return ToMediate, m.Until
		}
	}
	if e.State == narthex.Active && upheldNow(e) != nil && p.ID == e.Application.Applicant && p.State == narthex.PersonActive {
		return ToAmend, time.Time{}
	}
	return "", time.Time{}
}
