package workflow_test

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	jsonv2 "github.com/go-json-experiment/json"

	"narthex"
	"narthex/internal/testenv/rig"
	"narthex/internal/workflow"
)

// mostSteps bounds a random life.
const mostSteps = 48

// walk is one random life among people who come, go, and change roles while it lasts.
type walk struct {
	r      *rand.Rand
	people []narthex.Person
	node   node
	events []workflow.Event
}

func newWalk(r *rand.Rand) *walk {
	w := &walk{r: r}
	for i := range byte(8) {
		p := outsider(100+i, north)
		p.Official = i == 1
		if i >= 3 {
			p = insider(100+i, "lab", w.roles()...)
		}
		w.people = append(w.people, p)
	}
	return w
}

func (w *walk) roles() []narthex.Role {
	return slices.DeleteFunc(narthex.Roles(), func(narthex.Role) bool { return w.r.IntN(2) == 0 })
}

func (w *walk) anyone() int { return w.r.IntN(len(w.people)) }

// drift changes someone: hired by the lab, left it, suspended, back, given other roles.
func (w *walk) drift() {
	p := &w.people[w.anyone()]
	switch w.r.IntN(4) {
	case 0:
		*p = withID(insider(0, "lab", w.roles()...), p.ID)
	case 1:
		*p = withID(outsider(0, []narthex.OrgID{north, south}[w.r.IntN(2)]), p.ID)
		p.Official = w.r.IntN(2) == 0
	case 2:
		p.State = narthex.PersonSuspended
	default:
		p.State = narthex.PersonActive
	}
}

// text is an application by the applicant with others of the cast drawn into it.
func (w *walk) text(applicant narthex.PersonID) *narthex.Application {
	a := application()
	a.Applicant, a.Members, a.Sponsor, a.Days = applicant, nil, "", 30+w.r.IntN(3)
	if w.r.IntN(3) == 0 {
		a.Members = []narthex.PersonID{w.people[w.anyone()].ID}
	}
	if w.r.IntN(3) == 0 {
		a.Sponsor = w.people[w.anyone()].ID
	}
	if w.r.IntN(3) == 0 {
		a.Reviews = []narthex.ReviewRule{{Role: narthex.Security, Quorum: 2}, {Role: narthex.AssetOwner, Quorum: 1}}
	}
	if w.r.IntN(4) == 0 {
		a.Reviews = []narthex.ReviewRule{{Role: narthex.Security, Quorum: 1}, {Role: narthex.Legal, Quorum: 1}, {Role: narthex.Programme, Quorum: 1}}
	}
	if w.r.IntN(2) == 0 {
		a.Refusals = objectable().Refusals
	}
	return a
}

// ways are the commands that lead on; most lives take them, so that long ones are reached.
var ways = map[narthex.State][]workflow.Command{
	"": {workflow.Draft}, narthex.Draft: {workflow.Submit, workflow.Submit, workflow.Edit}, narthex.Submitted: {workflow.Assign, workflow.Assign, workflow.Join},
	narthex.InReview: {workflow.Approve, workflow.Approve, workflow.Approve, workflow.Approve, workflow.Approve, workflow.Approve, workflow.Approve, workflow.Approve, workflow.Approve, workflow.Approve, workflow.Offer, workflow.Offer, workflow.Offer, workflow.Offer, workflow.Counter, workflow.Claim, workflow.Unclaim, workflow.Entrust, workflow.Triage, workflow.Invite, workflow.Uninvite, workflow.Redeem, workflow.Declare, workflow.Opine}, narthex.Returned: {workflow.Revise, workflow.Revise, workflow.Accept, workflow.Accept, workflow.Mediate},
	narthex.Declined: {workflow.Mediate, workflow.Mediate, workflow.ProposeMediator, workflow.AcceptMediator, workflow.RecordMediation, workflow.RecordMediation, workflow.Reopen},
	narthex.Offered:  {workflow.Sign, workflow.Sign, workflow.Sign, workflow.Sign, workflow.Sign, workflow.Sign, workflow.Activate, workflow.Activate, workflow.Bind, workflow.Object, workflow.Uphold, workflow.Reopen}, narthex.Active: {workflow.Object, workflow.Uphold, workflow.Join, workflow.Lock, workflow.Unlock, workflow.End, workflow.End, workflow.End, workflow.Meet, workflow.Waive, workflow.ManuscriptSubmit, workflow.ManuscriptRedact, workflow.RedactionContest, workflow.RedactionAccept, workflow.RedactionDrop},
	narthex.Ending: {workflow.Close, workflow.Close, workflow.Meet, workflow.Meet, workflow.Reject, workflow.Waive, workflow.Issue, workflow.ManuscriptClear, workflow.ManuscriptPublish},
}

// draw is a command and who gives it, with no one for the system: mostly someone who may, sometimes anyone at all.
func (w *walk) draw() (workflow.Command, *narthex.Person) {
	e := w.node.e
	command, p := commands[w.r.IntN(len(commands))], &w.people[w.anyone()]
	if on := ways[e.State]; len(on) > 0 && w.r.IntN(10) > 0 {
		command = on[w.r.IntN(len(on))]
	}
	if w.r.IntN(5) == 0 {
		return command, p
	}
	if slices.Contains(workflow.Allowed(e.State, []workflow.Part{workflow.System, workflow.Specialist}), command) {
		return command, nil
	}
	for range 4 {
		if slices.Contains(workflow.Allowed(e.State, workflow.PartsOf(e, *p)), command) {
			break
		}
		p = &w.people[w.anyone()]
	}
	return command, p
}

// ask is a command with all that it could need.
func (w *walk) ask(command workflow.Command, p narthex.Person) workflow.Event {
	e := w.node.e
	ask := workflow.Event{Command: command, Text: "so", Saw: e.Digest, Agreement: deal, Grant: grant, Due: start, Obligation: narthex.FinalReport}
	if rules := e.Application.Reviews; len(rules) > 0 {
		ask.As = rules[w.r.IntN(len(rules))].Role
	}
	if w.r.IntN(8) == 0 {
		ask.Saw, ask.As = stale, narthex.Roles()[w.r.IntN(len(narthex.Roles()))]
	}
	if workflow.OnManuscripts(command) {
		return w.askManuscript(command, p)
	}
	if slices.Contains(disputing, command) {
		shapes := askDispute(w.node, command)
		return shapes[w.r.IntN(len(shapes))]
	}
	switch command {
	case workflow.Decline:
		if e.Application.Refusals != nil {
			ask.Refusal = &narthex.Refusal{Ground: []string{"secret", "other"}[w.r.IntN(2)], Alternative: "less", MediateBy: start.AddDate(0, 0, 7)}
		}
	case workflow.Draft:
		ask.Application = w.text(p.ID)
	case workflow.Edit, workflow.Revise:
		ask.Application = w.text(e.Application.Applicant)
	case workflow.Counter:
		ask.Application = narrower(&e.Application)
		if w.r.IntN(8) == 0 {
			ask.Application = w.text(e.Application.Applicant)
		}
	case workflow.Join:
		if w.r.IntN(8) > 0 {
			ask.Saw = workflow.ToAccept(e)
		}
	case workflow.Accept:
		if c := e.Counter; c != nil && w.r.IntN(8) > 0 {
			ask.Saw = c.Digest
		}
	case workflow.Offer:
		if applicant := slices.IndexFunc(w.people, func(p narthex.Person) bool { return p.ID == e.Application.Applicant }); applicant >= 0 && w.r.IntN(2) == 0 {
			words := beforehand(w.people, w.people[applicant])
			ask.Authorised = words[[]int{1, 1, w.r.IntN(len(words))}[w.r.IntN(3)]]
		}
		if w.r.IntN(3) == 0 {
			ask.Signing = &narthex.Signing{LabLast: w.r.IntN(2) == 0, Outside: []narthex.Acceptance{"", narthex.OutsideAccepted, narthex.OutsideRequired}[w.r.IntN(3)]}
		}
	case workflow.Bind:
		ask.Saw, ask.Outside = e.Agreement, &narthex.OutsideDocument{Digest: []narthex.Digest{deal, stale}[w.r.IntN(2)], Size: 10}
	case workflow.Triage:
		ask.Triaged = &narthex.Triaged{Rule: "r", Directory: stale, At: start, Assign: w.people[w.anyone()].ID, As: ask.As}
		if w.r.IntN(2) == 0 {
			ask.Triaged = &narthex.Triaged{Rule: []string{"r", "s"}[w.r.IntN(2)], Directory: stale, At: start, Approve: ask.As, Saw: ask.Saw}
		}
	case workflow.Invite:
		inviting(&ask, e)
		ask.Due, ask.Opinion.ID = start.AddDate(0, 0, 7), id[narthex.InviteID](byte(w.r.IntN(4)))
	case workflow.Uninvite, workflow.Redeem, workflow.Declare, workflow.Opine:
		ask.Due, ask.Opinion = start.Add(time.Hour), &narthex.Opinion{ID: id[narthex.InviteID](byte(w.r.IntN(4))), Login: "login"}
	case workflow.Entrust:
		ask.Person = w.people[w.anyone()].ID
	case workflow.Activate:
		if w.r.IntN(2) == 0 {
			ask.Owed = []narthex.Owed{report}
		}
	case workflow.Meet:
		ask.Evidence = []narthex.Digest{deal, stale, ""}[w.r.IntN(3)]
	case workflow.Sign:
		party := []narthex.PartyRole{narthex.PartyResearcher, narthex.PartyInstitution, narthex.PartyLab}[w.r.IntN(3)]
		ask = signature(p, party, []narthex.Digest{deal, deal, deal, stale}[w.r.IntN(4)])
	}
	return ask
}

// next tries one command by someone, and says what broke.
func (w *walk) next() error {
	if w.r.IntN(16) == 0 {
		w.drift()
	}
	command, p := w.draw()
	someone := narthex.Person{}
	if p != nil {
		someone = *p
	}
	after, event, happened, broken := w.node.after(w.people, p, w.ask(command, someone))
	if happened {
		w.node, w.events = after, append(w.events, event)
	}
	return broken
}

// TestRigLongRandomLivesBreakNoPromise lives lives at random, among people who come, go and change roles: 100,000, and with
// NARTHEX_RIG=long 1,000,000.
func TestRigLongRandomLivesBreakNoPromise(t *testing.T) {
	seeded, runs := rig.Begin(t, "./internal/workflow", 100_000, 1_000_000)
	ended := map[narthex.State]int{}
	happened := 0
	for run := range uint64(runs) { // each has a place of its own in the seed's sequence
		w := newWalk(rand.New(rand.NewPCG(seeded, run)))
		for range mostSteps {
			if len(ways[w.node.e.State]) == 0 {
				break
			}
			if err := w.next(); err != nil {
				t.Fatalf("NARTHEX_SEED=%d, run %d, event %d: %v", seeded, run, len(w.events)+1, err)
			}
		}
		ended[w.node.e.State]++
		happened += len(w.events)
		if run%10 == 0 {
			sameAgain(t, w.events, w.node.e)
		}
	}
	t.Logf("%d events; lives ended as %v", happened, ended)
	for _, state := range []narthex.State{narthex.Offered, narthex.Active, narthex.Ending, narthex.Closed, narthex.Declined} {
		if ended[state] < runs/1000 {
			t.Errorf("only %d of %d lives ended as %s, which shows little of it", ended[state], runs, state)
		}
	}
}

// sameAgain holds that events, also as read back from strict JSON, fold to what they built one by one.
func sameAgain(t *testing.T, events []workflow.Event, want narthex.Engagement) {
	t.Helper()
	folded, err := workflow.Fold(events)
	if err != nil || !reflect.DeepEqual(folded, want) {
		t.Fatalf("the fold differs from one event after another (%v):\n%+v\n%+v", err, folded, want)
	}
	folded, err = workflow.Fold(again(t, events))
	if err != nil || !reflect.DeepEqual(folded, want) {
		t.Fatalf("the fold of events read from JSON differs (%v):\n%+v\n%+v", err, folded, want)
	}
}

// again writes a value as JSON and reads it strictly.
func again[T any](t *testing.T, v T) T {
	t.Helper()
	var back T
	written, err := json.Marshal(v)
	if err == nil {
		err = jsonv2.Unmarshal(written, &back, jsonv2.RejectUnknownMembers(true))
	}
	if err != nil {
		t.Fatalf("%s: %v", written, err)
	}
	return back
}

// withID is the person under another identifier.
func withID(p narthex.Person, id narthex.PersonID) narthex.Person {
	p.ID = id
	return p
}
