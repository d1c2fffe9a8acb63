package workflow_test

import (
	"fmt"
	"testing"
	"time"

	"narthex"
	"narthex/internal/workflow"
)

// plain is a calendar without weekends.
type plain struct{}

func (plain) Add(t time.Time, n int) time.Time { return t.AddDate(0, 0, n) }

// sweep lets the clock say what it says now, and gives the marks.
func (l *life) sweep() string {
	said := ""
	for _, event := range workflow.Ticks(l.e, plain{}, l.now()) {
		if err := l.trySystem(event); err != nil {
			l.t.Fatal(err)
		}
		said += fmt.Sprintf("%s %s;", event.Command, event.Mark)
	}
	return said
}

func TestAClockSaysEachThingOnceAndOnlyInItsTime(t *testing.T) {
	day := 24 * time.Hour
	review := func() *life { return at(t, narthex.InReview) }
	for name, row := range map[string]struct {
		of   *life
		at   []time.Duration
		says []string
	}{
		"a review":                              {review(), []time.Duration{0, 4 * day, 5 * day, 6 * day, 10 * day, 11 * day, 900 * day}, []string{"", "", "remind half;", "", "escalate late;", "", ""}},
		"a review that a stopped node slept by": {review(), []time.Duration{0, 40 * day, 41 * day}, []string{"", "escalate late;", ""}},
		"a return":                              {at(t, narthex.Returned), []time.Duration{0, 6 * day, 7 * day, 8 * day, 900 * day}, []string{"", "", "remind question;", "", ""}},
		"an offer":                              {at(t, narthex.Offered), []time.Duration{0, 6 * day, 7 * day, 900 * day}, []string{"", "", "remind sign;", ""}},
		"a manuscript":                          {at(t, narthex.Closed).handles(workflow.ManuscriptSubmit), []time.Duration{0, 6 * day, 7 * day, 13 * day, 14 * day, 900 * day}, []string{"", "", "remind examine:1;", "", "remind silence:1;", ""}},
		"a manuscript that a stopped node slept by": {at(t, narthex.Closed).handles(workflow.ManuscriptSubmit), []time.Duration{20 * day, 900 * day}, []string{"remind silence:1;", ""}},
		"a manuscript that is clear":                {at(t, narthex.Closed).handles(workflow.ManuscriptSubmit, workflow.ManuscriptClear), []time.Duration{900 * day}, []string{""}},
		"a manuscript whose clock stands":           {at(t, narthex.Closed).handles(workflow.ManuscriptSubmit, workflow.ManuscriptPause), []time.Duration{900 * day}, []string{""}},
		"a contested redaction": {at(t, narthex.Closed).handles(workflow.ManuscriptSubmit, workflow.ManuscriptRedact, workflow.RedactionContest, workflow.ManuscriptClear),
			[]time.Duration{13 * day, 14 * day, 900 * day}, []string{"", "remind lapse:1:1;", ""}},
		"one that is answered": {at(t, narthex.Closed).handles(workflow.ManuscriptSubmit, workflow.ManuscriptRedact, workflow.RedactionContest, workflow.RedactionUphold, workflow.ManuscriptClear),
			[]time.Duration{900 * day}, []string{""}},
		"a declined one": {at(t, narthex.Declined), []time.Duration{900 * day}, []string{""}},
		"a report that is owed": {owing(t, narthex.Active), []time.Duration{0, 15 * day, 16 * day, 17 * day, 46 * day, 60 * day, 61 * day},
			[]string{"", "", "remind ends;", "", "remind soon:final_report;", "remind over:final_report;", ""}},
		"a grant that nothing is owed under": {at(t, narthex.Active), []time.Duration{900 * day}, []string{""}},
	} {
		for i, wait := range row.at {
			row.of.waited = wait
			before := row.of.e
			if said := row.of.sweep(); said != row.says[i] {
				t.Errorf("%s after %v: it says %q, and should %q", name, wait, said, row.says[i])
			}
			if again := row.of.sweep(); again != "" {
				t.Errorf("%s after %v: asked again at once it says %q", name, wait, again)
			}
			if !onlyReminded(before, row.of.e) {
				t.Errorf("%s after %v: a clock did more than to speak", name, wait)
			}
		}
	}
}

func TestANewRoundHasAClockOfItsOwn(t *testing.T) {
	l := at(t, narthex.InReview)
	l.waited = 11 * 24 * time.Hour
	if said := l.sweep(); said != "escalate late;" {
		t.Fatal(said)
	}
	l.does(sec, workflow.Event{Command: workflow.Return, As: narthex.Security, Text: "Why?"}).does(ada, workflow.Event{Command: workflow.Revise, Application: application(), Text: "So."})
	l.system(workflow.Event{Command: workflow.Assign, Due: l.now().AddDate(0, 0, 10)})
	if said := l.sweep(); said != "" {
		t.Errorf("at its beginning it says %q", said)
	}
	l.waited = 17 * 24 * time.Hour
	if said := l.sweep(); said != "remind half;" {
		t.Errorf("when half has passed it says %q", said)
	}
}

// The list of clocks is read up to a time: what may speak by then stands in it.
func TestWhatAClockSaysIsNeverBeforeItsPlaceInTheList(t *testing.T) {
	for _, state := range []narthex.State{narthex.InReview, narthex.Active, narthex.Ending} {
		l := at(t, state)
		if state != narthex.InReview {
			l = owing(t, state)
		}
		for range 200 {
			next := workflow.NextTick(l.e)
			if ticks := workflow.Ticks(l.e, plain{}, l.now()); len(ticks) > 0 && (next.IsZero() || next.After(l.now())) {
				t.Fatalf("%s: the clock says %v at %v, and stands at %v", state, ticks, l.now(), next)
			}
			if l.sweep(); !workflow.NextTick(l.e).IsZero() && !workflow.NextTick(l.e).After(l.now()) {
				t.Fatalf("%s: after it spoke it still stands at %v, before %v", state, workflow.NextTick(l.e), l.now())
			}
			l.waited += 12 * time.Hour
		}
		if !workflow.NextTick(l.e).IsZero() {
			t.Errorf("%s: its clock never ends", state)
		}
	}
}

func TestAHistoryWhoseClockSpokeTooSoonOrTwiceIsRefused(t *testing.T) {
	l := at(t, narthex.InReview)
	for name, event := range map[string]workflow.Event{
		"half of no manuscript":  {Command: workflow.Remind, Mark: workflow.ExamineHalf(1), Number: 1},
		"half before its time":   {Command: workflow.Remind, Mark: workflow.HalfPassed},
		"late before its time":   {Command: workflow.Escalate, Mark: workflow.ReviewLate},
		"nothing":                {Command: workflow.Remind},
		"late as a reminder":     {Command: workflow.Remind, Mark: workflow.ReviewLate},
		"what is owed by nobody": {Command: workflow.Remind, Mark: workflow.OverDue(narthex.FinalReport), Obligation: narthex.FinalReport},
	} {
		if l.trySystem(event) == nil {
			t.Errorf("%s was folded", name)
		}
	}
	l.waited = 6 * 24 * time.Hour
	half := workflow.Event{Command: workflow.Remind, Mark: workflow.HalfPassed}
	if err := l.trySystem(half); err != nil {
		t.Fatal(err)
	}
	if l.trySystem(half) == nil {
		t.Error("half was said twice")
	}
	for _, p := range cast {
		if l.try(p, workflow.Event{Command: workflow.Escalate, Mark: workflow.ReviewLate}, workflow.Facts{}) == nil {
			t.Errorf("%s speaks for the clock", p.ID)
		}
	}
}

// A week is counted from what is waited for: a counter-offer or a question that the applicant can read, and an offer from when it was made.
func TestAReminderCountsFromWhatIsWaitedFor(t *testing.T) {
	day := 24 * time.Hour
	asked := at(t, narthex.InReview).does(sec, workflow.Event{Command: workflow.Comment, Text: "We are at it."})
	asked.waited = 8 * day
	noted := at(t, narthex.Returned)
	noted.waited = 6 * day
	noted.does(leg, workflow.Event{Command: workflow.Comment, Text: "Odd.", Private: true})
	approved := at(t, narthex.InReview).approve(sec, narthex.Security).approve(leg, narthex.Legal)
	approved.waited = 8 * day // until a party has a key
	for name, row := range map[string]struct {
		of           *life
		early, later time.Duration
		says         string
	}{
		"a counter-offer":                       {at(t, narthex.InReview).countered(), 6 * day, 8 * day, "remind question;"},
		"a counter-offer after older words":     {asked.countered(), 14 * day, 16 * day, "remind question;"},
		"a question beside a private comment":   {noted, 6 * day, 8 * day, "remind question;"},
		"an offer long after the last approval": {approved.system(workflow.Event{Command: workflow.Offer, Agreement: deal}), 14 * day, 16 * day, "remind sign;"},
	} {
		row.of.waited = row.early
		if said := row.of.sweep(); said != "" {
			t.Errorf("%s within a week: it says %q", name, said)
		}
		row.of.waited = row.later
		if said := row.of.sweep(); said != row.says {
			t.Errorf("%s after a week: it says %q, and should %q", name, said, row.says)
		}
	}
}
