package workflow_test

import (
	"slices"
	"testing"
	"time"

	"narthex"
	"narthex/internal/workflow"
)

// TestAMediatorIsProposedByOneSideAndAcceptedByTheOther: in each state in which there is a mediation.
func TestAMediatorIsProposedByOneSideAndAcceptedByTheOther(t *testing.T) {
	pro2 := insider(19, "pro2", narthex.Programme)
	for _, state := range []narthex.State{narthex.Declined, narthex.Returned, narthex.Active} {
		for what, c := range map[string]struct {
			from workflow.Command
			by   narthex.Person
			give workflow.Command
			edit func(*workflow.Event)
			kind narthex.Kind
		}{
			"accepted by whoever proposed":         {workflow.AcceptMediator, pro, workflow.AcceptMediator, nil, narthex.Refused},
			"accepted by another of the same side": {workflow.AcceptMediator, pro2, workflow.AcceptMediator, nil, narthex.Refused},
			"another is accepted":                  {workflow.AcceptMediator, ada, workflow.AcceptMediator, func(e *workflow.Event) { e.Mediator.Name = "Vera Near" }, narthex.Conflict},
			"at another address":                   {workflow.AcceptMediator, ada, workflow.AcceptMediator, func(e *workflow.Event) { e.Mediator.Email = "vera@near.test" }, narthex.Conflict},
			"nobody is accepted":                   {workflow.AcceptMediator, ada, workflow.AcceptMediator, func(e *workflow.Event) { e.Mediator = nil }, narthex.Invalid},
			"where nobody is proposed":             {workflow.ProposeMediator, ada, workflow.AcceptMediator, nil, narthex.Conflict},
			"without a name":                       {workflow.ProposeMediator, ada, workflow.ProposeMediator, func(e *workflow.Event) { e.Mediator.Name = " " }, narthex.Invalid},
			"without an address":                   {workflow.ProposeMediator, ada, workflow.ProposeMediator, func(e *workflow.Event) { e.Mediator.Email = "" }, narthex.Invalid},
			"with who proposed it":                 {workflow.ProposeMediator, ada, workflow.ProposeMediator, func(e *workflow.Event) { e.Mediator.Said.By = pro.ID }, narthex.Invalid},
			"proposed when there is one":           {workflow.RecordMediation, ada, workflow.ProposeMediator, nil, narthex.Conflict},
			"the applicant, for the programme":     {workflow.ProposeMediator, ada, workflow.ProposeMediator, func(e *workflow.Event) { e.As = narthex.Programme }, narthex.Refused},
			"the programme, for nobody":            {workflow.ProposeMediator, pro, workflow.ProposeMediator, func(e *workflow.Event) { e.As = "" }, narthex.Refused},
			"a result out of the list":             {workflow.RecordMediation, ada, workflow.RecordMediation, func(e *workflow.Event) { e.Result = "granted" }, narthex.Invalid},
			"a result without words":               {workflow.RecordMediation, ada, workflow.RecordMediation, func(e *workflow.Event) { e.Text = " " }, narthex.Invalid},
			"agreed without a mediator":            {workflow.AcceptMediator, ada, workflow.RecordMediation, nil, narthex.Conflict},
			"not agreed without a mediator":        {workflow.AcceptMediator, pro, workflow.RecordMediation, func(e *workflow.Event) { e.Result = narthex.MediationNotAgreed }, narthex.Conflict},
			"recorded before it is asked for":      {workflow.Mediate, pro, workflow.RecordMediation, nil, narthex.Conflict},
		} {
			l := decided(t, state, c.from)
			event := l.side(c.by, c.give)
			if c.edit != nil {
				c.edit(&event)
			}
			if l.forged(c.by, event) == nil {
				t.Errorf("%s, %s: the fold takes it", state, what)
			}
			if err := l.try(c.by, event, workflow.Facts{Now: l.now()}); !narthex.IsKind(err, c.kind) {
				t.Errorf("%s, %s: %v", state, what, err)
			}
		}
		for name, p := range map[string]narthex.Person{"a member": ben, "the sponsor": sam, "an official": ora, "a reviewer": sec, "an auditor": aud} {
			for _, command := range []workflow.Command{workflow.Mediate, workflow.ProposeMediator, workflow.AcceptMediator, workflow.RecordMediation} {
				l := decided(t, state, command)
				if l.try(p, l.side(p, command), workflow.Facts{Now: l.now()}) == nil {
					t.Errorf("%s: %s may %s", state, name, command)
				}
			}
		}
		l := decided(t, state, workflow.AcceptMediator)
		l.does(ada, l.side(ada, workflow.ProposeMediator)).says(pro, workflow.AcceptMediator) // of the applicant's, which took the other's place
		m := mediationOf(l)
		if m.Began.IsZero() || m.Mediator.Name != "Vera Far" || m.Mediator.Said.By != ada.ID || m.Stand(l.now()) != narthex.MediationBegun {
			t.Errorf("%s: it is %+v", state, m)
		}
		l = decided(t, state, workflow.AcceptMediator)
		for range 19 {
			l.says(pro, workflow.ProposeMediator)
		}
		if l.try(ada, l.side(ada, workflow.ProposeMediator), workflow.Facts{Now: l.now()}) == nil {
			t.Errorf("%s: mediators are proposed without end", state)
		}
	}
}

func mediationOf(l *life) *narthex.DecisionMediation {
	if l.e.State == narthex.Declined {
		return l.e.Refusal.Mediation
	}
	return l.e.Objection.Mediation
}

// TestAnAgreementTakesBothSidesAndAnEndTakesOne: and neither gives anything.
func TestAnAgreementTakesBothSidesAndAnEndTakesOne(t *testing.T) {
	for _, state := range []narthex.State{narthex.Declined, narthex.Returned, narthex.Active} {
		for _, first := range []narthex.Person{ada, pro} {
			second := map[narthex.PersonID]narthex.Person{ada.ID: pro, pro.ID: ada}[first.ID]
			for _, result := range narthex.MediationResults() {
				l := decided(t, state, workflow.RecordMediation).says(first, workflow.RecordMediation)
				again := l.side(first, workflow.RecordMediation)
				again.Result = narthex.MediationWithdrawn
				if l.try(first, again, workflow.Facts{Now: l.now()}) == nil {
					t.Errorf("%s: a side says two things", state)
				}
				if mediationOf(l).Stand(l.now()) != narthex.MediationBegun || workflow.Agreed(l.e, l.now()) || l.trySystem(workflow.Event{Command: workflow.Reopen}) == nil {
					t.Errorf("%s: one side's word makes it %s", state, mediationOf(l).Stand(l.now()))
				}
				event := l.side(second, workflow.RecordMediation)
				event.Result = result
				l.does(second, event)
				if got := mediationOf(l).Stand(l.now()); got != narthex.MediationState(result) {
					t.Errorf("%s: agreed and %s is %s", state, result, got)
				}
				if l.e.State != state || workflow.Agreed(l.e, l.now()) != (state == narthex.Declined && result == narthex.MediationAgreed) {
					t.Errorf("%s: it is %s after %s", state, l.e.State, result)
				}
			}
			for _, result := range []narthex.MediationResult{narthex.MediationNotAgreed, narthex.MediationWithdrawn} {
				l := decided(t, state, workflow.RecordMediation)
				event := l.side(first, workflow.RecordMediation)
				event.Result = result
				l.does(first, event)
				if got := mediationOf(l).Stand(l.now()); got != narthex.MediationState(result) {
					t.Errorf("%s: %s by one side is %s", state, result, got)
				}
				if l.forged(second, l.side(second, workflow.RecordMediation)) == nil || l.try(second, l.side(second, workflow.RecordMediation), workflow.Facts{Now: l.now()}) == nil {
					t.Errorf("%s: agreed is recorded after %s", state, result)
				}
			}
			l := decided(t, state, workflow.AcceptMediator)
			event := l.side(first, workflow.RecordMediation)
			event.Result = narthex.MediationWithdrawn
			if l.does(first, event); mediationOf(l).Stand(l.now()).Open() {
				t.Errorf("%s: nobody can leave before there is a mediator", state)
			}
		}
	}
	l := decided(t, narthex.Declined, workflow.Reopen).system(workflow.Event{Command: workflow.Reopen})
	if l.e.State != narthex.Returned || len(l.e.Votes) > 0 || l.e.Reason != "" || !l.e.DecidedAt.IsZero() || workflow.Approved(l.e) || l.e.Refusal == nil {
		t.Errorf("what was agreed on is %+v", l.e)
	}
	l.does(ada, workflow.Event{Command: workflow.Revise, Application: objectable()}).system(workflow.Event{Command: workflow.Assign, Due: l.now().AddDate(0, 0, 10)})
	if err := l.trySystem(workflow.Event{Command: workflow.Offer, Agreement: deal}); err == nil {
		t.Error("what was agreed on in a mediation is offered without a vote")
	}
	text := declining("secret", "Ask for less.")
	text.Saw = l.e.Digest
	if l.does(leg, workflow.Event{Command: workflow.Decline, As: narthex.Legal, Saw: text.Saw, Text: "No.", Refusal: text.Refusal}); !workflow.MayOn(l.e, workflow.Mediate, ada, l.now()) || l.trySystem(workflow.Event{Command: workflow.Reopen}) == nil {
		t.Error("a second refusal has the mediation of the first")
	}
}

// TestAMediationEndsWithItsTime: not agreed, which its clock tells, and nothing else changes.
func TestAMediationEndsWithItsTime(t *testing.T) {
	for _, state := range []narthex.State{narthex.Declined, narthex.Returned, narthex.Active} {
		l := decided(t, state, workflow.RecordMediation).says(ada, workflow.RecordMediation)
		m := mediationOf(l)
		if m.Stand(m.Until.Add(-1)) != narthex.MediationBegun || m.Stand(m.Until) != narthex.MediationOver {
			t.Errorf("%s: at its end it is %s", state, m.Stand(m.Until))
		}
		has := func(at time.Time) bool {
			return slices.ContainsFunc(workflow.Ticks(l.e, nil, at), func(e workflow.Event) bool { return e.Mark == workflow.MediationEnd })
		}
		if has(m.Until.Add(-1)) || !has(m.Until) {
			t.Errorf("%s: its clock speaks out of time", state)
		}
		if task, due := workflow.MediationTask(l.e, pro, m.Until.Add(-1)); task != workflow.ToMediate || !due.Equal(m.Until) {
			t.Errorf("%s: the programme should %q by %s", state, task, due)
		}
		if task, _ := workflow.MediationTask(l.e, ada, m.Until.Add(-1)); task == workflow.ToMediate {
			t.Errorf("%s: who has said it should again", state)
		}
		if !slices.ContainsFunc(workflow.Waiting(l.e), func(w workflow.Wait) bool { return w.Role == narthex.Programme && w.Due.Equal(m.Until) }) {
			t.Errorf("%s: it stands on no list of work", state)
		}
		l.waited += m.Until.Sub(l.now())
		if task, _ := workflow.MediationTask(l.e, pro, l.now()); task != "" {
			t.Errorf("%s: when it is over the programme should %q", state, task)
		}
		if l.forged(pro, l.side(pro, workflow.RecordMediation)) == nil || l.try(pro, l.side(pro, workflow.RecordMediation), workflow.Facts{Now: l.now()}) == nil {
			t.Errorf("%s: it is agreed when it is over", state)
		}
		if l.system(workflow.Event{Command: workflow.Remind, Mark: workflow.MediationEnd}); l.e.State != state || has(l.now()) {
			t.Errorf("%s: its clock made it %s", state, l.e.State)
		}
		if state == narthex.Declined && l.trySystem(workflow.Event{Command: workflow.Reopen}) == nil {
			t.Error("a mediation that ended reopens")
		}
	}
}

// TestTheMediationOfAnObjectionIsAskedForOnceAndInItsTime, and ends by its pathway.
func TestTheMediationOfAnObjectionIsAskedForOnceAndInItsTime(t *testing.T) {
	for _, state := range []narthex.State{narthex.Declined, narthex.Returned, narthex.Active} {
		l := decided(t, state, workflow.Mediate)
		endless := l.side(ada, workflow.Mediate)
		endless.Due = time.Time{}
		if l.forged(ada, endless) == nil || l.try(ada, endless, workflow.Facts{Now: l.now()}) == nil {
			t.Errorf("%s: a mediation has no end", state)
		}
		until := start.AddDate(0, 0, 60)
		if state != narthex.Declined {
			until = l.e.Objection.MediateBy
		}
		l.waited += until.Sub(l.now())
		if l.forged(ada, l.side(ada, workflow.Mediate)) == nil || l.try(ada, l.side(ada, workflow.Mediate), workflow.Facts{Now: l.now()}) == nil {
			t.Errorf("%s: it is asked for when its time is over", state)
		}
		l.waited -= time.Minute
		l.says(ada, workflow.Mediate)
		if err := l.try(ada, l.side(ada, workflow.Mediate), workflow.Facts{Now: l.now()}); !narthex.IsKind(err, narthex.Conflict) {
			t.Errorf("%s: a second time: %v", state, err)
		}
	}
}

// A pathway of an earlier version says how long mediation may be asked for and nothing else: it is asked for, and is elsewhere.
func TestAMediationWithoutAnEndHasNoMediatorHere(t *testing.T) {
	l := refusable(t).does(sec, declining("secret", "Ask for less."))
	l.does(ada, workflow.Event{Command: workflow.Mediate, Text: "so"})
	for _, command := range []workflow.Command{workflow.ProposeMediator, workflow.AcceptMediator, workflow.RecordMediation} {
		if err := l.try(ada, l.side(ada, command), workflow.Facts{Now: l.now()}); !narthex.IsKind(err, narthex.Conflict) || workflow.MayOn(l.e, command, ada, l.now()) && command == workflow.ProposeMediator {
			t.Errorf("%s: %v", command, err)
		}
	}
	if task, _ := workflow.MediationTask(l.e, ada, l.now()); task != "" || len(workflow.Ticks(l.e, nil, l.now().AddDate(1, 0, 0))) > 0 {
		t.Errorf("the applicant should %q", task)
	}
}

// What is shown as possible is what is taken, of every person, in every state and at every step of a mediation.
func TestWhatIsShownOfAnObjectionIsWhatIsTaken(t *testing.T) {
	steps := []workflow.Command{workflow.Object, workflow.Uphold, workflow.Mediate, workflow.ProposeMediator, workflow.AcceptMediator, workflow.RecordMediation}
	for _, state := range []narthex.State{narthex.Declined, narthex.Returned, narthex.Offered, narthex.Active} {
		for _, step := range steps {
			if !slices.Contains(workflow.Allowed(state, workflow.Parts()), step) {
				continue
			}
			for name, p := range cast {
				for _, command := range append(steps, workflow.Dismiss) {
					l := decided(t, state, step)
					taken := false
					for _, as := range append([]narthex.Role{""}, narthex.Roles()...) {
						ask := workflow.Event{Command: command}
						l.onDecision(&ask)
						ask.As = as
						for _, result := range []narthex.MediationResult{narthex.MediationAgreed, narthex.MediationWithdrawn} {
							ask.Result = result
							taken = taken || l.try(p, ask, workflow.Facts{OwnsAsset: true, Now: l.now()}) == nil
						}
					}
					l = decided(t, state, step)
					if shown := workflow.MayOn(l.e, command, p, l.now()); shown != taken {
						t.Errorf("%s, ready to %s: %s is shown %s: %t, and it is taken: %t", state, step, name, command, shown, taken)
					}
				}
			}
		}
	}
}
