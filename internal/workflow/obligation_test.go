package workflow_test

import (
	"slices"
	"testing"
	"time"

	"narthex"
	"narthex/internal/workflow"
)

// weekdays is a calendar without holidays.
type weekdays struct{}

func (weekdays) Add(t time.Time, n int) time.Time {
	for n > 0 {
		t = t.AddDate(0, 0, 1)
		if t.Weekday() != time.Saturday && t.Weekday() != time.Sunday {
			n--
		}
	}
	return t
}

// TestWhoeverIsToDoSomethingAboutAnObligationIsListed: on each day of a long life, whoever OwedBy gives a task is one of those for whom
// Waiting says that it waits by then, and what is not due yet is on nobody's list but whose it is.
func TestWhoeverIsToDoSomethingAboutAnObligationIsListed(t *testing.T) {
	owed := []narthex.Owed{report, {Obligation: narthex.DestructionCertificate, By: narthex.PartyResearcher, Clause: "9", Days: 10, Business: true},
		{Obligation: narthex.InsuranceProof, By: narthex.PartyInstitution, Clause: "8", Days: 15, From: start}, {Obligation: narthex.PatentWindow, Clause: "7", Days: 5}}
	given := map[string]int{}
	for _, ended := range []bool{false, true} {
		l := draft(t).signed().system(workflow.Event{Command: workflow.Activate, Grant: grant, Until: start.AddDate(0, 0, 30), Owed: owed})
		if ended {
			l.does(ada, workflow.Event{Command: workflow.End})
		}
		for day := range 120 {
			now := start.AddDate(0, 0, day)
			list := workflow.Obligations(l.e, weekdays{}, now)
			for name, p := range cast {
				task, what := workflow.OwedBy(l.e, p, list)
				if task == "" {
					continue
				}
				given[name+" "+string(task)]++
				if what == nil || task == workflow.ToRemind && what.State != narthex.ObligationLate {
					t.Fatalf("on day %d %s is to %s %+v", day, name, task, what)
				}
				listed := slices.ContainsFunc(workflow.Waiting(l.e), func(w workflow.Wait) bool {
					return !now.Before(w.From) && (w.Person == p.ID || w.Official && p.Official && p.Org == l.e.Application.Org || w.Role != "" && p.Has(w.Role))
				})
				if !listed {
					t.Errorf("on day %d, ended %t, %s is to %s and on no list", day, ended, name, task)
				}
			}
		}
	}
	for _, want := range []string{"ada meet", "ben meet", "ora meet", "pro remind"} {
		if given[want] == 0 {
			t.Errorf("nobody ever was %s: %v", want, given)
		}
	}
	if len(given) != 4 {
		t.Errorf("others were given something: %v", given)
	}
}

// TestTheFoldTakesNoCertificateThatIsAnothers: neither the rule nor the fold takes a certificate for someone or something else.
func TestTheFoldTakesNoCertificateThatIsAnothers(t *testing.T) {
	owed := narthex.Owed{Obligation: narthex.DestructionCertificate, By: narthex.PartyResearcher, Clause: "9", Days: 10, Business: true}
	ending := func() *life {
		return draft(t).signed().system(workflow.Event{Command: workflow.Activate, Grant: grant, Until: start.AddDate(0, 0, 30), Owed: []narthex.Owed{owed}}).does(ada, workflow.Event{Command: workflow.End})
	}
	good := narthex.Certificate{Format: narthex.CertificateFormat, Origin: "ledger.test", Engagement: first, Agreement: deal, Person: ada.ID, Received: []narthex.Received{}, At: start}
	event := func(change func(*narthex.Certificate, *narthex.SignedBy)) workflow.Event {
		c, s := good, narthex.SignedBy{Party: narthex.PartyResearcher, By: ada.ID, Signer: "key", Envelope: "{}", At: start}
		change(&c, &s)
		if s.Digest == "" {
			s.Digest = textOf(c)
		}
		return workflow.Event{Command: workflow.Meet, Obligation: narthex.DestructionCertificate, Evidence: textOf(c), Certificate: &narthex.SignedCertificate{Certificate: c, Signature: s}}
	}
	for name, change := range map[string]func(*narthex.Certificate, *narthex.SignedBy){
		"another person":      func(c *narthex.Certificate, _ *narthex.SignedBy) { c.Person = ben.ID },
		"another's signature": func(_ *narthex.Certificate, s *narthex.SignedBy) { s.By = ben.ID },
		"another engagement":  func(c *narthex.Certificate, _ *narthex.SignedBy) { c.Engagement = other },
		"another agreement":   func(c *narthex.Certificate, _ *narthex.SignedBy) { c.Agreement = stale },
		"another text":        func(_ *narthex.Certificate, s *narthex.SignedBy) { s.Digest = stale },
		"another party":       func(_ *narthex.Certificate, s *narthex.SignedBy) { s.Party = narthex.PartyInstitution },
		"a time to come":      func(c *narthex.Certificate, _ *narthex.SignedBy) { c.At = start.AddDate(1, 0, 0) },
		"backups":             func(c *narthex.Certificate, _ *narthex.SignedBy) { c.BackupsUntil = start.AddDate(1, 0, 0) },
	} {
		l := ending()
		draft := event(change)
		if _, err := workflow.Decide(l.e, draft, ada, workflow.Facts{Now: start.Add(time.Hour)}); err == nil {
			t.Errorf("the rule takes a certificate with %s", name)
		}
		draft.Seq, draft.By = l.e.Events+1, ada.ID
		if err := l.happen(draft); err == nil {
			t.Errorf("the fold takes a certificate with %s", name)
		}
	}
	if err := ending().try(ada, event(func(*narthex.Certificate, *narthex.SignedBy) {}), workflow.Facts{Now: start.Add(time.Hour)}); err != nil {
		t.Errorf("a good one: %v", err)
	}
}
