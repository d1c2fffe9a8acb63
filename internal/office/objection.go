package office

import (
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/book"
	"narthex/internal/journal"
	"narthex/internal/workflow"
)

// disputing completes a command about an objection to what was granted, or about the mediation of what was decided: with the ends of their
// times by the lab's calendar, and whose side speaks. A mediator has no tie to either side, as far as their address tells.
func disputing(tx *journal.Tx, rules *book.Rules, e narthex.Engagement, p narthex.Person, in client.Command, draft *workflow.Event) error {
	rule := e.Application.Refusals
	after := func(days int) time.Time { return rules.Directory.Calendar.Add(tx.Now(), days) }
	switch draft.Command {
	case workflow.Object:
		draft.Refusal = &narthex.Refusal{Ground: in.Ground, Alternative: in.Alternative}
		return nil
	case workflow.Uphold:
		if rule != nil {
			draft.Due = after(rule.MediationDays)
		}
		return nil
	case workflow.Mediate:
		if rule != nil && rule.MediationLasts > 0 {
			draft.Due = after(rule.MediationLasts)
		}
		return nil
	case workflow.ProposeMediator, workflow.AcceptMediator, workflow.RecordMediation:
		if draft.As = ""; p.ID != e.Application.Applicant {
			draft.As = narthex.Programme
		}
		draft.Result = in.Result
	default:
		return nil
	}
	if draft.Command == workflow.RecordMediation {
		return nil
	}
	draft.Mediator = &narthex.Mediator{Name: in.Name, Email: in.Email}
	if err := checkContact(in.Name, in.Email); err != nil {
		return err
	}
	if err := unconnected(tx, e, in.Name, in.Email); err != nil {
		return err
	}
	staff, err := book.PeopleOf(tx, "")
	if err != nil {
		return err
	}
	for _, person := range staff {
		if sameDomain(person.Email, in.Email) {
			return narthex.Refusedf("That address is at a domain of the lab's people. A mediator has no tie to either side, or an address that tells it apart.").For("email")
		}
	}
	return nil
}

// reopening sends back what an objection was upheld to, or what both sides agreed on in a mediation.
func (o *Office) reopening(tx *journal.Tx, e narthex.Engagement) error {
	if !workflow.ReopensBy(e) && !workflow.Agreed(e, tx.Now()) {
		return nil
	}
	_, err := o.bySystem(tx, e, workflow.Event{Command: workflow.Reopen})
	return err
}

// disputed says where the objection to an engagement stands, and the mediation of what was decided last; "" where there is none.
func disputed(e narthex.Engagement, now time.Time) (objection narthex.ObjectionState, mediation narthex.MediationState) {
	if e.Objection != nil {
		objection = e.Objection.Stand(now)
	}
	if m := workflow.MediationOf(e); m != nil {
		mediation = m.Stand(now)
	}
	return objection, mediation
}

// waitingBeside says whom an objection or a mediation waits for.
func waitingBeside(e narthex.Engagement, now time.Time) []string {
	var list []string
	objection, mediation := disputed(e, now)
	if objection == narthex.ObjectionOpen {
		list = append(list, "its reviewers to decide on an objection")
	}
	if mediation.Open() {
		list = append(list, "a mediation")
	}
	return list
}
