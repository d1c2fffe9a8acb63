package workflow_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/internal/workflow"
)

// objectable is the application on a pathway in the shape of the regulation.
func objectable() *narthex.Application {
	a := application()
	a.Refusals = &narthex.RefusalRule{Grounds: []string{"not held", "secret"}, Alternative: true, MediationDays: 5, ObjectionDays: 15, MediationLasts: 30}
	return a
}

// second of legal, who may decide where the first objects.
var leg2 = insider(19, "leg2", narthex.Legal)

// objecting is an objection for the programme.
func objecting() workflow.Event {
	return workflow.Event{Command: workflow.Object, By: pro.ID, As: narthex.Programme, Text: "The early version is gone.", Refusal: &narthex.Refusal{Ground: "not held", Alternative: "Ask for the final version."}}
}

func (l *life) objected() *life { return l.does(pro, objecting()) }

// deciding is a vote on the objection that stands.
func (l *life) deciding(command workflow.Command, by narthex.Person, as narthex.Role) workflow.Event {
	event := workflow.Event{Command: command, By: by.ID, As: as, Text: "so", Due: l.now().AddDate(0, 0, 7)}
	if l.e.Objection != nil {
		event.Saw = l.e.Objection.Digest
	}
	return event
}

func (l *life) upheld() *life {
	return l.does(sec, l.deciding(workflow.Uphold, sec, narthex.Security)).does(leg, l.deciding(workflow.Uphold, leg, narthex.Legal))
}

// vera is who mediates in these tests.
func vera() *narthex.Mediator { return &narthex.Mediator{Name: "Vera Far", Email: "vera@far.test"} }

// onDecision completes a command about an objection or a mediation.
func (l *life) onDecision(event *workflow.Event) {
	switch event.Command {
	case workflow.Object:
		*event = objecting()
	case workflow.Uphold, workflow.Dismiss:
		*event = l.deciding(event.Command, sec, narthex.Security)
	case workflow.Reopen:
		event.By = ""
	case workflow.Mediate:
		event.Text, event.Due = "so", l.now().AddDate(0, 0, 30)
	case workflow.ProposeMediator, workflow.AcceptMediator:
		event.Mediator = vera()
	case workflow.RecordMediation:
		event.Text, event.Result = "so", narthex.MediationAgreed
	}
	event.Seq = l.e.Events + 1
}

// side is a side's command in a mediation.
func (l *life) side(p narthex.Person, command workflow.Command) workflow.Event {
	event := workflow.Event{Command: command}
	l.onDecision(&event)
	if p.ID != ada.ID {
		event.As = narthex.Programme
	}
	return event
}

func (l *life) says(p narthex.Person, command workflow.Command) *life {
	l.t.Helper()
	return l.does(p, l.side(p, command))
}

// decided is a life in a state in which nothing but the table stands against a command about an objection or a mediation.
func decided(t testing.TB, state narthex.State, command workflow.Command) *life {
	t.Helper()
	l := draftOf(t, objectable())
	switch state {
	case narthex.Declined:
		text := declining("not held", "Ask for less.")
		text.Saw = textOf(objectable())
		l.inReview().does(sec, text)
	case narthex.Offered:
		l.offered()
	case narthex.Returned:
		l.offered().objected().upheld().system(workflow.Event{Command: workflow.Reopen})
	case narthex.Active:
		l.active()
	}
	switch command {
	case workflow.Uphold, workflow.Dismiss:
		return l.objected()
	case workflow.Object:
		return l
	case workflow.Reopen:
		if state == narthex.Offered {
			return l.objected().upheld()
		}
	}
	if state == narthex.Active {
		l.objected().upheld()
	}
	if command == workflow.Mediate {
		return l
	}
	if l.says(ada, workflow.Mediate); command == workflow.ProposeMediator {
		return l
	}
	if l.says(pro, workflow.ProposeMediator); command == workflow.AcceptMediator {
		return l
	}
	if l.says(ada, workflow.AcceptMediator); command == workflow.RecordMediation {
		return l
	}
	return l.says(ada, workflow.RecordMediation).says(pro, workflow.RecordMediation)
}

// TestAnObjectionIsOnTheRegulationsTerms: once, in its time, on a ground of the list, with an alternative and a reason; by decision and by fold.
func TestAnObjectionIsOnTheRegulationsTerms(t *testing.T) {
	with := func(change func(*workflow.Event)) workflow.Event {
		event := objecting()
		refusal := *event.Refusal
		event.Refusal = &refusal
		change(&event)
		return event
	}
	offered := func() *life { return draftOf(t, objectable()).offered() }
	late := func(by time.Duration) *life {
		l := offered()
		l.waited = l.e.DecidedAt.AddDate(0, 0, 15).Sub(l.now()) + by
		return l
	}
	never := objectable()
	never.Refusals.ObjectionDays = 0
	for what, c := range map[string]struct {
		l     *life
		event workflow.Event
		kind  narthex.Kind
	}{
		"another ground":            {offered(), with(func(e *workflow.Event) { e.Refusal.Ground = "we would rather not" }), narthex.Refused},
		"no ground":                 {offered(), with(func(e *workflow.Event) { e.Refusal = nil }), narthex.Refused},
		"no alternative":            {offered(), with(func(e *workflow.Event) { e.Refusal.Alternative = " " }), narthex.Invalid},
		"an alternative too long":   {offered(), with(func(e *workflow.Event) { e.Refusal.Alternative = strings.Repeat("a", 4001) }), narthex.Invalid},
		"no reason":                 {offered(), with(func(e *workflow.Event) { e.Text = " " }), narthex.Invalid},
		"it mediates itself":        {offered(), with(func(e *workflow.Event) { e.Refusal.MediateBy = start }), narthex.Invalid},
		"at the end of its days":    {late(0), objecting(), narthex.Conflict},
		"long after":                {late(24 * time.Hour), objecting(), narthex.Conflict},
		"a second one":              {offered().objected(), objecting(), narthex.Conflict},
		"one after it was denied":   {offered().objected().does(sec, offered().objected().deciding(workflow.Dismiss, sec, narthex.Security)), objecting(), narthex.Conflict},
		"a pathway without a list":  {draft(t).offered(), objecting(), narthex.Conflict},
		"a pathway without its day": {draftOf(t, never).offered(), objecting(), narthex.Conflict},
	} {
		if c.l.forged(pro, c.event) == nil {
			t.Errorf("%s: the fold takes it", what)
		}
		if err := c.l.try(pro, c.event, workflow.Facts{Now: c.l.now()}); !narthex.IsKind(err, c.kind) {
			t.Errorf("%s: %v", what, err)
		}
	}
	l := late(-time.Second)
	before := l.e
	l.objected()
	o := l.e.Objection
	if l.e.State != narthex.Offered || l.e.Agreement != before.Agreement || before.Objection != nil || o.Ground != "not held" || !o.DecideBy.Equal(o.At.AddDate(0, 0, 15)) {
		t.Errorf("at the last second it is %s, with %+v", l.e.State, o)
	}
	if l := draftOf(t, objectable()).active().objected(); l.e.State != narthex.Active || l.e.Grant != grant {
		t.Errorf("in force it is %s after an objection", l.e.State)
	}
	for what, c := range map[string]struct {
		p  narthex.Person
		as narthex.Role
	}{"the applicant": {ada, narthex.Programme}, "the sponsor, who has every role": {sam, narthex.Programme}, "a signatory": {sig, narthex.Signatory}, "a guard": {cus, narthex.Custodian},
		"a reviewer, for the programme": {sec, narthex.Programme}, "in a role that is not asked": {pro, narthex.Security}, "in none": {sec, ""}} {
		ask := objecting()
		ask.As = c.as
		l := offered()
		if err := l.try(c.p, ask, workflow.Facts{Now: l.now()}); err == nil {
			t.Errorf("%s objected", what)
		}
	}
	for what, c := range map[string]struct {
		p  narthex.Person
		as narthex.Role
	}{"by the applicant": {ada, narthex.Programme}, "by the sponsor": {sam, narthex.Programme}, "in a role that is not asked": {cus, narthex.Custodian}, "in none": {sec, ""}} {
		ask := objecting()
		ask.As = c.as
		if offered().forged(c.p, ask) == nil {
			t.Errorf("the fold takes an objection %s", what)
		}
	}
	ask := objecting()
	ask.As = narthex.Legal
	l = offered().does(leg, ask)
	if task, _ := workflow.ObjectionTask(l.e, leg, true, l.now()); task != "" || workflow.MayOn(l.e, workflow.Uphold, leg, l.now()) {
		t.Errorf("whoever objected should %q", task)
	}
}

// TestAnObjectionIsDecidedByTheReviewersAndNotByWhoeverObjects: by as many as must approve, in every role, on the digest of it, once each.
func TestAnObjectionIsDecidedByTheReviewersAndNotByWhoeverObjects(t *testing.T) {
	byLegal := func() *life {
		ask := objecting()
		ask.As = narthex.Legal
		return draftOf(t, objectable()).offered().does(leg, ask)
	}
	refused := func(what string, l *life, p narthex.Person, event workflow.Event, folds bool) {
		t.Helper()
		if !folds && l.forged(p, event) == nil {
			t.Errorf("%s: the fold takes it", what)
		}
		if err := l.try(p, event, workflow.Facts{Now: l.now()}); err == nil {
			t.Errorf("%s: it is taken", what)
		}
	}
	for _, command := range []workflow.Command{workflow.Uphold, workflow.Dismiss} {
		l := byLegal()
		refused("by whoever objected", l, leg, l.deciding(command, leg, narthex.Legal), false)
		refused("by an author with every role", l, sam, l.deciding(command, sam, narthex.Legal), false)
		refused("by the applicant", l, ada, l.deciding(command, ada, narthex.Legal), false)
		refused("in a role that is not asked", l, pro, l.deciding(command, pro, narthex.Programme), false)
		refused("in a role that is not held", l, sec, l.deciding(command, sec, narthex.Legal), true)
		stale := l.deciding(command, sec, narthex.Security)
		stale.Saw = l.e.Digest
		refused("on another text", l, sec, stale, false)
		silent := l.deciding(command, sec, narthex.Security)
		silent.Text = " "
		refused("without a reason", l, sec, silent, false)
		none := draftOf(t, objectable()).offered()
		refused("where there is none", none, sec, none.deciding(command, sec, narthex.Security), false)
		l.waited += l.e.Objection.DecideBy.Sub(l.now())
		refused("when its time is over", l, sec, l.deciding(command, sec, narthex.Security), false)
	}
	l := byLegal()
	undated := l.deciding(workflow.Uphold, sec, narthex.Security)
	undated.Due = time.Time{}
	refused("without the end of mediation", l, sec, undated, false)
	l.does(sec, l.deciding(workflow.Uphold, sec, narthex.Security))
	refused("a second time", l, sec, l.deciding(workflow.Dismiss, sec, narthex.Security), false)
	if o := l.e.Objection; o.Upheld || !o.DecidedAt.IsZero() || l.e.State != narthex.Offered || l.e.Agreement != deal {
		t.Errorf("with one of two roles it is %+v", o)
	}
	if l.trySystem(workflow.Event{Command: workflow.Reopen}) == nil {
		t.Error("with one of two roles it is reopened")
	}
	l.does(leg2, l.deciding(workflow.Uphold, leg2, narthex.Legal))
	if o := l.e.Objection; !o.Upheld || o.MediateBy.IsZero() {
		t.Errorf("with both roles it is %+v", o)
	}
	l = byLegal()
	if l.does(sec, l.deciding(workflow.Dismiss, sec, narthex.Security)); l.e.Objection.Stand(l.now()) != narthex.ObjectionDismissed || l.e.State != narthex.Offered {
		t.Errorf("after a dismissal it is %+v", l.e.Objection)
	}
	refused("once it is dismissed", l, leg2, l.deciding(workflow.Uphold, leg2, narthex.Legal), false)
	if l.trySystem(workflow.Event{Command: workflow.Reopen}) == nil {
		t.Error("a dismissed objection reopens")
	}
	owned := objectable()
	owned.Reviews = []narthex.ReviewRule{{Role: narthex.AssetOwner, Quorum: 1}, {Role: narthex.Legal, Quorum: 1}}
	l = draftOf(t, owned).inReview()
	for p, as := range map[*narthex.Person]narthex.Role{&own: narthex.AssetOwner, &leg: narthex.Legal} {
		if err := l.try(*p, workflow.Event{Command: workflow.Approve, As: as, Saw: l.e.Digest}, workflow.Facts{OwnsAsset: true}); err != nil {
			t.Fatal(err)
		}
	}
	l.system(workflow.Event{Command: workflow.Offer, Agreement: deal}).objected()
	if err := l.try(own, l.deciding(workflow.Uphold, own, narthex.AssetOwner), workflow.Facts{Now: l.now()}); err == nil {
		t.Error("the owner of another asset decides")
	}
}

// A rule of the pathway stood in for a role when it was approved; it decides on no objection.
func TestNoRuleStandsInWhereAnObjectionIsDecided(t *testing.T) {
	text := objectable()
	text.Reviews = append(slices.Clone(text.Reviews), narthex.ReviewRule{Role: narthex.Programme, Quorum: 1})
	l := draftOf(t, text).inReview()
	l.system(workflow.Event{Command: workflow.Triage, Triaged: &narthex.Triaged{Rule: "r", Directory: text.Directory, At: l.now(), Approve: narthex.Programme, Saw: l.e.Digest}})
	l.approve(sec, narthex.Security).approve(leg, narthex.Legal).system(workflow.Event{Command: workflow.Offer, Agreement: deal})
	ask := objecting()
	ask.As = narthex.Legal
	l.does(leg2, ask).upheld()
	if l.e.Objection.Upheld {
		t.Error("an objection is upheld without a role for which a rule stands in")
	}
	if l.does(pro, l.deciding(workflow.Uphold, pro, narthex.Programme)); !l.e.Objection.Upheld {
		t.Error("and not with it")
	}
}

// TestWhatAnUpheldObjectionDoes: an offer goes back and falls, what is in force stays as it was signed.
func TestWhatAnUpheldObjectionDoes(t *testing.T) {
	l := draftOf(t, objectable()).offered().does(ada, signature(ada, narthex.PartyResearcher, deal)).objected().upheld()
	if !workflow.ReopensBy(l.e) {
		t.Fatal("it does not reopen")
	}
	l.system(workflow.Event{Command: workflow.Reopen})
	if e := l.e; e.State != narthex.Returned || e.Agreement != "" || len(e.Signatures) > 0 || len(e.Votes) > 0 || !e.DecidedAt.IsZero() {
		t.Errorf("after it: %+v", l.e)
	}
	if task := workflow.TaskOf(l.e, ada, false, false); task != workflow.ToAnswer {
		t.Errorf("the applicant should %q", task)
	}
	l.does(ada, workflow.Event{Command: workflow.Revise, Application: objectable()})
	if workflow.MayOn(l.e, workflow.Mediate, ada, l.now()) {
		t.Error("it is mediated after it was answered")
	}
	l.system(workflow.Event{Command: workflow.Assign, Due: l.now().AddDate(0, 0, 10)}).approve(sec, narthex.Security).approve(leg, narthex.Legal).system(workflow.Event{Command: workflow.Offer, Agreement: deal})
	if l.trySystem(workflow.Event{Command: workflow.Reopen}) == nil {
		t.Error("an objection of before takes the next offer back, which has the same agreement")
	}
	if err := l.try(pro, objecting(), workflow.Facts{Now: l.now()}); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("the lab objects to the next offer: %v", err)
	}

	l = draftOf(t, objectable()).active().objected().upheld()
	if l.e.State != narthex.Active || l.e.Grant != grant || l.e.Agreement != deal || len(l.e.Signatures) != 3 || workflow.ReopensBy(l.e) {
		t.Errorf("in force it is %+v", l.e)
	}
	if l.trySystem(workflow.Event{Command: workflow.Reopen}) == nil {
		t.Error("what is in force goes back")
	}
	if task, _ := workflow.MediationTask(l.e, ada, l.now()); task != workflow.ToAmend {
		t.Errorf("the applicant should %q", task)
	}
}

// What stands while an objection is open is what stood before: it is signed, and in force.
func TestAnOpenObjectionHoldsNothingBack(t *testing.T) {
	l := draftOf(t, objectable()).offered().objected().does(ada, signature(ada, narthex.PartyResearcher, deal)).does(ora, signature(ora, narthex.PartyInstitution, deal)).does(sig, signature(sig, narthex.PartyLab, deal)).
		system(workflow.Event{Command: workflow.Activate, Grant: grant})
	if l.e.State != narthex.Active {
		t.Errorf("it is %s", l.e.State)
	}
	l.upheld()
	if l.trySystem(workflow.Event{Command: workflow.Reopen}) == nil || l.e.State != narthex.Active {
		t.Error("an objection of before the signatures takes the grant back")
	}
}

// TestAnObjectionFallsWithTheDecisionThatItIsTo: where a vote falls by an interest.
func TestAnObjectionFallsWithTheDecisionThatItIsTo(t *testing.T) {
	l := draftOf(t, objectable()).offered().objected().does(sec, workflow.Event{Command: workflow.Recuse})
	if l.e.State != narthex.InReview || l.e.Objection != nil {
		t.Errorf("it is %s with %+v", l.e.State, l.e.Objection)
	}
	l.approve(heir, narthex.Security).system(workflow.Event{Command: workflow.Offer, Agreement: deal}).objected()
}

// TestTheClockOfAnObjectionSpeaksAndDecidesNothing: half of its time, and that it fell.
func TestTheClockOfAnObjectionSpeaksAndDecidesNothing(t *testing.T) {
	l := draftOf(t, objectable()).active().objected()
	o := l.e.Objection
	marks := func(at time.Time) string {
		var all []string
		for _, event := range workflow.Ticks(l.e, nil, at) {
			all = append(all, string(event.Mark))
		}
		return strings.Join(all, " ")
	}
	half := o.At.Add(o.DecideBy.Sub(o.At) / 2)
	for at, want := range map[time.Time]string{half.Add(-1): "", half: "objection_half", o.DecideBy.Add(-1): "objection_half", o.DecideBy: "objection_fell"} {
		if got := marks(at); got != want {
			t.Errorf("%s after it the clock says %q, should %q", at.Sub(o.At), got, want)
		}
	}
	if !workflow.NextTick(l.e).Equal(half) {
		t.Errorf("the clock speaks next at %s", workflow.NextTick(l.e))
	}
	for at, want := range map[time.Time]workflow.Task{o.DecideBy.Add(-1): workflow.ToDecide, o.DecideBy: ""} {
		for _, p := range []narthex.Person{sec, leg} {
			if task, due := workflow.ObjectionTask(l.e, p, true, at); task != want || want != "" && !due.Equal(o.DecideBy) {
				t.Errorf("%s after it %s should %q by %s", at.Sub(o.At), p.Handle, task, due)
			}
		}
	}
	for _, p := range []narthex.Person{ada, ben, sam, pro, cus, own} {
		if task, _ := workflow.ObjectionTask(l.e, p, true, o.At); task != "" {
			t.Errorf("%s should %q", p.ID, task)
		}
	}
	waits := func() bool {
		return slices.ContainsFunc(workflow.Waiting(l.e), func(w workflow.Wait) bool { return w.Role == narthex.Legal && w.Due.Equal(o.DecideBy) })
	}
	if !waits() {
		t.Error("it stands on no list of work")
	}
	l.waited += o.DecideBy.Sub(l.now())
	before := l.e
	l.system(workflow.Event{Command: workflow.Remind, Mark: workflow.ObjectionLapse})
	if l.e.State != before.State || l.e.Objection.Stand(l.now()) != narthex.ObjectionFell || waits() || marks(o.DecideBy.AddDate(0, 1, 0)) != "" {
		t.Errorf("when it fell it is %s, %s", l.e.State, l.e.Objection.Stand(l.now()))
	}
	l = draftOf(t, objectable()).active().objected().upheld()
	if got := marks(l.e.Objection.DecideBy.AddDate(1, 0, 0)); got != "" {
		t.Errorf("of one that was decided it says %q", got)
	}
}
