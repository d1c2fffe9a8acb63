package workflow_test

import (
	"flag"
	"testing"
	"time"

	"narthex"
	"narthex/internal/canon"
	"narthex/internal/workflow"
)

var update = flag.Bool("update", false, "write the golden files anew")

// start is when every life in these tests begins.
var start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func id[K ~string](n byte) K {
	made, err := narthex.NewID[K]([16]byte{n})
	if err != nil {
		panic(err)
	}
	return made
}

var (
	north = id[narthex.OrgID](1)
	south = id[narthex.OrgID](2)
	first = id[narthex.EngagementID](1)
	other = id[narthex.EngagementID](2)
	grant = id[narthex.GrantID](1)
	deal  = narthex.MakeDigest([32]byte{1})
	stale = narthex.MakeDigest([32]byte{2})
)

func outsider(n byte, org narthex.OrgID) narthex.Person {
	return narthex.Person{ID: id[narthex.PersonID](n), Org: org, State: narthex.PersonActive}
}

func official(n byte, org narthex.OrgID) narthex.Person {
	p := outsider(n, org)
	p.Official = true
	return p
}

func insider(n byte, handle string, roles ...narthex.Role) narthex.Person {
	return narthex.Person{ID: id[narthex.PersonID](n), Handle: handle, Roles: roles, State: narthex.PersonActive}
}

// The cast: people from outside, and people of the lab by their role.
var (
	ada  = outsider(1, north) // the applicant
	ben  = outsider(2, north) // a member
	cal  = outsider(3, north) // a colleague who is not named
	ora  = official(4, north)
	oleg = official(5, south)
	sam  = insider(10, "sam", narthex.Sponsor, narthex.Security, narthex.Legal, narthex.Programme, narthex.Signatory, narthex.Custodian)
	sec  = insider(11, "sec", narthex.Security)
	leg  = insider(12, "leg", narthex.Legal)
	own  = insider(13, "own", narthex.AssetOwner)
	pro  = insider(14, "pro", narthex.Programme)
	cus  = insider(15, "cus", narthex.Custodian)
	sig  = insider(16, "sig", narthex.Signatory)
	aud  = insider(17, "aud", narthex.Auditor)
	heir = insider(18, "heir", narthex.Sponsor, narthex.Security) // may take over from sam
)

var cast = map[string]narthex.Person{"ada": ada, "ben": ben, "cal": cal, "ora": ora, "oleg": oleg, "sam": sam, "sec": sec, "leg": leg, "own": own, "pro": pro, "cus": cus, "sig": sig, "aud": aud}

// application is ada's, with ben and sam, decided by one of security and one of legal.
func application() *narthex.Application {
	return &narthex.Application{
		Engagement: first, Pathway: "probing", Directory: stale, Title: "Probing", Applicant: ada.ID, Org: north,
		Members: []narthex.PersonID{ben.ID}, Sponsor: sam.ID, Answers: map[string]string{"aim": "to see"}, Days: 30,
		Terms:   []narthex.Term{{Attribute: "model.sample", Asset: "minim-1", Limits: map[narthex.LimitName]narthex.Value{"max_tokens": narthex.NumberValue(100)}}},
		Reviews: []narthex.ReviewRule{{Role: narthex.Security, Quorum: 1}, {Role: narthex.Legal, Quorum: 1}},
	}
}

func digest(t testing.TB, v any) narthex.Digest {
	t.Helper()
	d, err := canon.Digest(v)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// life is an engagement with the events that made it.
type life struct {
	t      testing.TB
	e      narthex.Engagement
	events []workflow.Event
	waited time.Duration
}

// try gives a person's command and folds it in where it is allowed.
func (l *life) try(p narthex.Person, draft workflow.Event, facts workflow.Facts) error {
	draft.At = l.now()
	event, refused := workflow.Decide(l.e, draft, p, facts)
	if refused != nil {
		return refused
	}
	return l.happen(event)
}

// now is when the next thing happens: a minute after the last.
func (l *life) now() time.Time { return start.Add(l.waited + time.Duration(l.e.Events+1)*time.Minute) }

func (l *life) happen(event workflow.Event) error {
	event.At = l.now()
	next, err := workflow.Apply(l.e, event)
	if err == nil {
		l.e, l.events = next, append(l.events, event)
	}
	return err
}

// does is try where it must be allowed.
func (l *life) does(p narthex.Person, draft workflow.Event) *life {
	l.t.Helper()
	if err := l.try(p, draft, workflow.Facts{Now: l.now()}); err != nil {
		l.t.Fatalf("%s in state %q: %v", draft.Command, l.e.State, err)
	}
	return l
}

func (l *life) trySystem(draft workflow.Event) error {
	event, refused := workflow.BySystem(l.e, draft)
	if refused != nil {
		return refused
	}
	return l.happen(event)
}

func (l *life) system(draft workflow.Event) *life {
	l.t.Helper()
	if err := l.trySystem(draft); err != nil {
		l.t.Fatalf("%s in state %q: %v", draft.Command, l.e.State, err)
	}
	return l
}

func (l *life) approve(p narthex.Person, as narthex.Role) *life {
	l.t.Helper()
	return l.does(p, workflow.Event{Command: workflow.Approve, As: as, Saw: l.e.Digest})
}

func signature(p narthex.Person, party narthex.PartyRole, on narthex.Digest) workflow.Event {
	return workflow.Event{Command: workflow.Sign, Saw: on, Signature: &narthex.SignedBy{Party: party, By: p.ID, Digest: on, Signer: "key", Envelope: "{}", At: start}}
}

// authorisation is a word of somebody's beforehand for a person of north who applies by the pathway.
func authorisation(by, person narthex.Person) *narthex.SignedAuthorisation {
	return signedBeforehand(by, narthex.Authorisation{Format: narthex.AuthorisationFormat, Origin: "ledger.test", Org: north, Person: person.ID, Pathways: []narthex.PathwayName{"tuning", "probing"},
		NotBefore: start, NotAfter: start.AddDate(1, 0, 0)})
}

func signedBeforehand(by narthex.Person, a narthex.Authorisation) *narthex.SignedAuthorisation {
	return &narthex.SignedAuthorisation{Authorisation: a, Signature: narthex.SignedBy{Party: narthex.PartyInstitution, By: by.ID, Digest: textOf(a), Signer: "key", Envelope: "{}", At: start}}
}

func (l *life) submitted() *life {
	return l.does(ada, workflow.Event{Command: workflow.Submit})
}

func (l *life) inReview() *life {
	return l.submitted().system(workflow.Event{Command: workflow.Assign, Due: start.AddDate(0, 0, 10)})
}

func (l *life) offered() *life {
	return l.inReview().approve(sec, narthex.Security).approve(leg, narthex.Legal).system(workflow.Event{Command: workflow.Offer, Agreement: deal})
}

// offeredAs is offered with an agreement that asks to be signed so.
func (l *life) offeredAs(signing narthex.Signing) *life {
	return l.inReview().approve(sec, narthex.Security).approve(leg, narthex.Legal).system(workflow.Event{Command: workflow.Offer, Agreement: deal, Signing: &signing})
}

// paper is an outside document.
var paper = &narthex.OutsideDocument{Digest: stale, Size: 1000}

// authorised is offered with the institution's word of before.
func (l *life) authorised() *life {
	return l.inReview().approve(sec, narthex.Security).approve(leg, narthex.Legal).system(workflow.Event{Command: workflow.Offer, Agreement: deal, Authorised: authorisation(ora, ada)})
}

func (l *life) signed() *life {
	return l.offered().does(ada, signature(ada, narthex.PartyResearcher, deal)).does(ora, signature(ora, narthex.PartyInstitution, deal)).does(sig, signature(sig, narthex.PartyLab, deal))
}

func (l *life) active() *life {
	return l.signed().system(workflow.Event{Command: workflow.Activate, Grant: grant})
}

// report is what the agreements of these tests ask for, where they ask for something.
var report = narthex.Owed{Obligation: narthex.FinalReport, By: narthex.PartyResearcher, Clause: "9. End and return", Days: 30}

// owing is an engagement whose agreement asks for a report, in a state from active on.
func owing(t testing.TB, state narthex.State) *life {
	t.Helper()
	l := draft(t).signed().system(workflow.Event{Command: workflow.Activate, Grant: grant, Until: start.AddDate(0, 0, 30), Owed: []narthex.Owed{report}})
	if state == narthex.Ending {
		l.does(ada, workflow.Event{Command: workflow.End})
	}
	return l
}

// meeting is how the report is handed in.
func meeting() workflow.Event {
	return workflow.Event{Command: workflow.Meet, Obligation: narthex.FinalReport, Evidence: stale}
}

func draft(t testing.TB) *life { return draftOf(t, application()) }

func draftOf(t testing.TB, a *narthex.Application) *life {
	t.Helper()
	return (&life{t: t}).does(ada, workflow.Event{Command: workflow.Draft, Application: a})
}

// countered is back with the applicant, with an offer of fewer days by security.
func (l *life) countered() *life {
	return l.does(sec, workflow.Event{Command: workflow.Counter, As: narthex.Security, Saw: l.e.Digest, Application: narrower(&l.e.Application), Text: "Fewer days will do."})
}

// narrower is the application for fewer days.
func narrower(a *narthex.Application) *narthex.Application {
	less := *a
	less.Days = 20
	return &less
}

// at walks the shortest way to a state.
func at(t testing.TB, state narthex.State) *life {
	t.Helper()
	switch state {
	case "":
		return &life{t: t}
	case narthex.Draft:
		return draft(t)
	case narthex.Submitted:
		return draft(t).submitted()
	case narthex.InReview:
		return draft(t).inReview()
	case narthex.Returned:
		return draft(t).inReview().does(sec, workflow.Event{Command: workflow.Return, As: narthex.Security, Text: "Why?"})
	case narthex.Offered:
		return draft(t).offered()
	case narthex.Active:
		return draft(t).active()
	case narthex.Declined:
		l := draft(t).inReview()
		return l.does(sec, workflow.Event{Command: workflow.Decline, As: narthex.Security, Saw: l.e.Digest, Text: "Not safe."})
	case narthex.Withdrawn:
		return draft(t).submitted().does(ada, workflow.Event{Command: workflow.Withdraw})
	case narthex.Ending:
		return draft(t).active().does(ada, workflow.Event{Command: workflow.End})
	case narthex.Closed:
		return draft(t).active().does(ada, workflow.Event{Command: workflow.End}).does(pro, workflow.Event{Command: workflow.Close})
	}
	t.Fatalf("no way is known to state %q", state)
	return nil
}

// states is every state, and none.
func states() []narthex.State { return append([]narthex.State{""}, narthex.States()...) }

// commands is the closed set, written out a second time.
var commands = []workflow.Command{workflow.Draft, workflow.Edit, workflow.Submit, workflow.Assign, workflow.Return, workflow.Revise, workflow.Approve, workflow.Decline,
	workflow.Withdraw, workflow.Offer, workflow.Sign, workflow.Activate, workflow.Lock, workflow.Unlock, workflow.End, workflow.Close,
	workflow.Counter, workflow.Accept, workflow.Nudge, workflow.Comment, workflow.Meet, workflow.Reject, workflow.Waive, workflow.Issue, workflow.Transfer, workflow.Take, workflow.Leave, workflow.Remind, workflow.Escalate, workflow.OpenIncident, workflow.ResolveIncident, workflow.Join, workflow.Recuse, workflow.Claim, workflow.Unclaim, workflow.Entrust, workflow.Triage, workflow.Invite, workflow.Uninvite, workflow.Redeem, workflow.Declare, workflow.Opine, workflow.Bind, workflow.Mediate, workflow.Object, workflow.Uphold, workflow.Dismiss, workflow.Reopen, workflow.ProposeMediator, workflow.AcceptMediator, workflow.RecordMediation,
	workflow.ManuscriptSubmit, workflow.ManuscriptClear, workflow.ManuscriptRedact, workflow.ManuscriptExtend, workflow.ManuscriptPause, workflow.ManuscriptResume, workflow.ManuscriptPublish,
	workflow.RedactionAccept, workflow.RedactionContest, workflow.RedactionUphold, workflow.RedactionDrop, workflow.RedactionMediate, workflow.RedactionOutcome}
