package workflow_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/internal/workflow"
)

// goldenTable is where the printed table stands.
var goldenTable = filepath.Join("..", "..", "docs", "permissions.md")

func TestThePrintedTableIsTheOneInForce(t *testing.T) {
	if *update {
		if err := os.WriteFile(goldenTable, []byte(workflow.Permissions()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(goldenTable)
	if err != nil {
		t.Fatal(err)
	}
	if workflow.Permissions() != string(want) {
		t.Errorf("docs/permissions.md is not the table in force; run this test with -update:\n%s", workflow.Permissions())
	}
}

// What each side does with manuscripts, wherever there can be any.
const (
	writers   = "manuscript_submit manuscript_pause manuscript_resume redaction_accept redaction_contest redaction_mediate redaction_outcome manuscript_publish"
	mediators = "propose_mediator accept_mediator record_mediation" // what both sides do in a mediation
	examiners = "manuscript_clear manuscript_redact manuscript_extend manuscript_pause manuscript_resume redaction_uphold redaction_drop redaction_outcome"
)

// What may be done, written out a second time: state, part, commands.
var rows = map[narthex.State]map[workflow.Part]string{
	"":                {workflow.Applicant: "draft"},
	narthex.Draft:     {workflow.Applicant: "edit submit withdraw", workflow.Author: "edit"},
	narthex.Submitted: {workflow.Applicant: "withdraw", workflow.Member: "join", workflow.Programme: "assign", workflow.System: "assign"},
	narthex.InReview:  {workflow.Applicant: "withdraw nudge comment", workflow.Author: "comment", workflow.Member: "join", workflow.Reviewer: "approve decline return counter comment claim unclaim invite uninvite", workflow.Programme: "comment unclaim entrust invite uninvite", workflow.System: "offer remind escalate triage", workflow.Voter: "recuse", workflow.Specialist: "redeem declare opine"},
	narthex.Returned:  {workflow.Applicant: "revise accept withdraw mediate " + mediators, workflow.Author: "revise", workflow.Member: "join", workflow.Reviewer: "comment", workflow.Programme: "comment " + mediators, workflow.System: "remind"},
	narthex.Offered:   {workflow.Applicant: "withdraw", workflow.Member: "join", workflow.Reviewer: "bind object uphold dismiss", workflow.Signer: "sign", workflow.Programme: "object", workflow.System: "activate remind reopen", workflow.Guard: "lock unlock", workflow.Voter: "recuse"},
	narthex.Active: {workflow.Applicant: "end meet issue transfer open_incident mediate " + mediators, workflow.Author: "issue", workflow.Member: "join meet leave open_incident", workflow.Sponsor: "transfer", workflow.Successor: "take", workflow.Reviewer: "object uphold dismiss", workflow.Programme: "end reject waive issue open_incident resolve_incident object " + mediators, workflow.System: "end remind", workflow.Guard: "lock unlock waive open_incident resolve_incident",
		workflow.Institution: "meet open_incident", workflow.Auditor: "issue", workflow.Writer: writers, workflow.Examiner: examiners},
	narthex.Ending: {workflow.Applicant: "meet issue open_incident", workflow.Author: "issue", workflow.Member: "meet open_incident", workflow.Programme: "close reject waive issue open_incident resolve_incident", workflow.System: "remind", workflow.Guard: "lock unlock waive open_incident resolve_incident",
		workflow.Institution: "meet open_incident", workflow.Auditor: "issue", workflow.Writer: writers, workflow.Examiner: examiners},
	narthex.Declined: {workflow.Applicant: "mediate " + mediators, workflow.Programme: mediators, workflow.System: "remind reopen"}, narthex.Withdrawn: {},
	narthex.Closed: {workflow.Applicant: "issue", workflow.Author: "issue", workflow.Programme: "issue", workflow.Auditor: "issue", workflow.System: "remind", workflow.Writer: writers, workflow.Examiner: examiners},
}

func words(list []workflow.Command) string {
	var all []string
	for _, c := range list {
		all = append(all, string(c))
	}
	return strings.Join(all, " ")
}

func TestEveryStateAndPartMayDoExactlyThis(t *testing.T) {
	if len(rows) != len(states()) {
		t.Fatalf("%d states are written out, there are %d", len(rows), len(states()))
	}
	for _, state := range states() {
		for _, part := range workflow.Parts() {
			if got, want := words(workflow.Allowed(state, []workflow.Part{part})), rows[state][part]; got != want {
				t.Errorf("%q as %s: may %q, should be %q", state, part, got, want)
			}
		}
	}
}

func TestWhatIsInNoTableMayDoNothing(t *testing.T) {
	for _, state := range append(states(), "approved", "Active", "active ") {
		for _, part := range []workflow.Part{"", "admin", "Reviewer", "reviewer "} {
			if got := workflow.Allowed(state, []workflow.Part{part}); len(got) > 0 {
				t.Errorf("%q as %q: may %v", state, part, got)
			}
		}
		if !slices.Contains(states(), state) {
			if got := workflow.Allowed(state, workflow.Parts()); len(got) > 0 {
				t.Errorf("state %q is unknown and lets %v", state, got)
			}
		}
		if got := workflow.Allowed(state, nil); got == nil || len(got) > 0 {
			t.Errorf("%q without a part: may %v", state, got)
		}
	}
}

// The sides never share a command: those who ask do not decide, and what only Narthex does nobody else can.
func TestThoseWhoAskAndThoseWhoDecideShareNoCommand(t *testing.T) {
	asking := []workflow.Part{workflow.Applicant, workflow.Author, workflow.Member, workflow.Institution, workflow.Writer}
	deciding := []workflow.Part{workflow.Reviewer, workflow.Signer, workflow.Programme, workflow.Guard, workflow.Auditor, workflow.Examiner}
	// Words, statements and the opening of an incident decide nothing; a clock stops and runs for either side; of a mediator's decision each side says what it read,
	// and so it does of a mediation, whose mediator is the one whom both name.
	common := []workflow.Command{workflow.End, workflow.Comment, workflow.Issue, workflow.OpenIncident, workflow.ManuscriptPause, workflow.ManuscriptResume, workflow.RedactionOutcome,
		workflow.ProposeMediator, workflow.AcceptMediator, workflow.RecordMediation}
	for _, state := range states() {
		theirs := workflow.Allowed(state, asking)
		for _, command := range workflow.Allowed(state, deciding) {
			if slices.Contains(theirs, command) && !slices.Contains(common, command) {
				t.Errorf("%q: both sides may %s", state, command)
			}
		}
		for _, command := range []workflow.Command{workflow.Offer, workflow.Activate, workflow.Remind, workflow.Escalate, workflow.Triage, workflow.Redeem, workflow.Declare, workflow.Opine, workflow.Reopen} {
			if slices.Contains(workflow.Allowed(state, append(asking, deciding...)), command) {
				t.Errorf("%q: a person may %s", state, command)
			}
		}
	}
}

// event is a command by the one who gives it rightly, with what it needs.
func (l *life) event(command workflow.Command) workflow.Event {
	if workflow.OnManuscripts(command) {
		return l.onManuscript(command)
	}
	event := workflow.Event{Seq: l.e.Events + 1, By: ada.ID, Command: command}
	switch command {
	case workflow.Draft, workflow.Edit, workflow.Revise:
		event.Application = application()
	case workflow.Return, workflow.Approve, workflow.Decline:
		event.By, event.As, event.Saw, event.Text = sec.ID, narthex.Security, l.e.Digest, "so"
	case workflow.Claim, workflow.Unclaim:
		event.By, event.As = leg.ID, narthex.Legal
	case workflow.Triage:
		event.By, event.Triaged = "", l.ruled()
	case workflow.Invite, workflow.Uninvite:
		event.By, event.Due = sec.ID, l.now().AddDate(0, 0, 7)
		inviting(&event, l.e)
	case workflow.Redeem, workflow.Declare, workflow.Opine:
		event.By, event.Due, event.Saw, event.Text, event.Opinion = "", l.now().Add(time.Hour), l.e.Digest, "so", &narthex.Opinion{ID: asked, Login: "login"}
	case workflow.Entrust:
		event.By, event.As, event.Person = pro.ID, narthex.Legal, leg.ID
	case workflow.Counter:
		event.By, event.As, event.Saw, event.Text, event.Application = sec.ID, narthex.Security, l.e.Digest, "so", narrower(&l.e.Application)
	case workflow.Accept:
		if l.e.Counter != nil {
			event.Saw = l.e.Counter.Digest
		}
	case workflow.Transfer:
		event.Person = heir.ID
	case workflow.Take:
		event.By = heir.ID
	case workflow.Leave:
		event.By = ben.ID
	case workflow.Join:
		event.By, event.Saw = ben.ID, workflow.ToAccept(l.e)
	case workflow.Recuse:
		if event.By = heir.ID; l.e.State == narthex.Offered {
			event.By = sec.ID
		}
	case workflow.Comment:
		event.By, event.Text = pro.ID, "so"
	case workflow.Assign, workflow.Close:
		event.By, event.Due = pro.ID, start
	case workflow.Lock, workflow.Unlock:
		event.By = sec.ID
	case workflow.Meet:
		event.Obligation, event.Evidence = narthex.FinalReport, stale
	case workflow.Reject, workflow.Waive:
		event.By, event.Obligation, event.Text = pro.ID, narthex.FinalReport, "so"
	case workflow.OpenIncident:
		event.Incident = &narthex.Incident{Kind: "misuse", Severity: "low", At: start.Add(-1), Text: "so"}
	case workflow.ResolveIncident:
		event.By, event.Number, event.Outcome, event.Text = pro.ID, 1, "contained", "so"
	case workflow.Issue:
		event.By, event.Saw = aud.ID, stale
	case workflow.Offer:
		event.By, event.Agreement = "", deal
	case workflow.Remind:
		event.By, event.Mark = "", workflow.HalfPassed
		switch l.e.State {
		case narthex.Declined:
			event.Mark = workflow.MediationEnd
		case narthex.Returned:
			event.Mark = workflow.QuestionWaits
		case narthex.Offered:
			event.Mark = workflow.SignatureWaits
		case narthex.Active, narthex.Ending:
			event.Mark, event.Obligation = workflow.OverDue(narthex.FinalReport), narthex.FinalReport
		case narthex.Closed:
			event.Mark, event.Number = workflow.Silence(1), 1
		}
	case workflow.Escalate:
		event.By, event.Mark = "", workflow.ReviewLate
	case workflow.Activate:
		event.By, event.Grant = "", grant
	case workflow.Object, workflow.Uphold, workflow.Dismiss, workflow.Reopen, workflow.Mediate, workflow.ProposeMediator, workflow.AcceptMediator, workflow.RecordMediation:
		l.onDecision(&event)
	case workflow.Bind:
		event.By, event.Saw, event.Outside = leg.ID, l.e.Agreement, paper
	case workflow.Sign:
		event.Signature = signature(ada, narthex.PartyResearcher, l.e.Agreement).Signature
	}
	return event
}

// ready is a life in a state in which nothing but the table stands against the command.
func ready(t *testing.T, state narthex.State, command workflow.Command) *life {
	t.Helper()
	if workflow.OnManuscripts(command) {
		return at(t, state).before(command)
	}
	switch command {
	case workflow.Offer:
		if state == narthex.InReview {
			return at(t, state).approve(sec, narthex.Security).approve(leg, narthex.Legal)
		}
	case workflow.Object, workflow.Uphold, workflow.Dismiss, workflow.Reopen, workflow.Mediate, workflow.ProposeMediator, workflow.AcceptMediator, workflow.RecordMediation:
		if slices.Contains(workflow.Allowed(state, workflow.Parts()), command) {
			return decided(t, state, command)
		}
	case workflow.Bind:
		if state == narthex.Offered {
			return draft(t).offeredAs(narthex.Signing{Outside: narthex.OutsideAccepted})
		}
	case workflow.Recuse:
		if state == narthex.InReview {
			return at(t, state).approve(heir, narthex.Security)
		}
	case workflow.Uninvite, workflow.Redeem, workflow.Declare, workflow.Opine:
		if state == narthex.InReview {
			return askedUntil(t, command)
		}
	case workflow.Unclaim:
		if state == narthex.InReview {
			return claimed(t)
		}
	case workflow.Accept:
		if state == narthex.Returned {
			return draft(t).inReview().countered()
		}
	case workflow.Take:
		if state == narthex.Active {
			return at(t, state).does(ada, workflow.Event{Command: workflow.Transfer, Person: heir.ID})
		}
	case workflow.Activate:
		if state == narthex.Offered {
			return draft(t).signed()
		}
	case workflow.Remind, workflow.Escalate:
		l := at(t, state)
		if state == narthex.Active || state == narthex.Ending {
			l = owing(t, state)
		}
		if state == narthex.Closed {
			l.handles(workflow.ManuscriptSubmit)
		}
		if state == narthex.Declined {
			l = decided(t, state, workflow.ProposeMediator)
		}
		l.waited = 100 * 24 * time.Hour
		return l
	case workflow.Meet, workflow.Waive:
		if state == narthex.Active || state == narthex.Ending {
			return owing(t, state)
		}
	case workflow.ResolveIncident:
		if state == narthex.Active || state == narthex.Ending {
			return at(t, state).does(ada, workflow.Event{Command: workflow.OpenIncident, Incident: &narthex.Incident{Kind: "misuse", Severity: "low", At: start.Add(-1), Text: "so"}})
		}
	case workflow.Reject:
		if state == narthex.Active || state == narthex.Ending {
			return owing(t, state).does(ada, meeting())
		}
	case workflow.Unlock:
		if slices.Contains([]narthex.State{narthex.Offered, narthex.Active, narthex.Ending}, state) {
			return at(t, state).does(cus, workflow.Event{Command: workflow.Lock})
		}
	}
	return at(t, state)
}

var leads = map[workflow.Command]narthex.State{workflow.Draft: narthex.Draft, workflow.Submit: narthex.Submitted, workflow.Assign: narthex.InReview,
	workflow.Return: narthex.Returned, workflow.Counter: narthex.Returned, workflow.Accept: narthex.Submitted, workflow.Revise: narthex.Submitted, workflow.Decline: narthex.Declined, workflow.Withdraw: narthex.Withdrawn,
	workflow.Offer: narthex.Offered, workflow.Recuse: narthex.InReview, workflow.Activate: narthex.Active, workflow.End: narthex.Ending, workflow.Close: narthex.Closed, workflow.Reopen: narthex.Returned}

func TestACommandFoldsWhereTheTableHasItAndLeadsWhereItSays(t *testing.T) {
	for _, state := range states() {
		allowed := workflow.Allowed(state, workflow.Parts())
		for _, command := range append(slices.Clone(commands), "", "approved") {
			l := ready(t, state, command)
			before := fmt.Sprintf("%+v", l.e)
			err := l.happen(l.event(command))
			want, moves := leads[command]
			if !moves {
				want = state
			}
			switch has := slices.Contains(allowed, command); {
			case has && (err != nil || l.e.State != want):
				t.Errorf("%s in %q: %v; led to %q, should to %q", command, state, err, l.e.State, want)
			case !has && (err == nil || fmt.Sprintf("%+v", l.e) != before):
				t.Errorf("%s in %q happened, which the table has not", command, state)
			}
		}
	}
}
