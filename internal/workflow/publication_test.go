package workflow_test

import (
	"narthex"
	"narthex/internal/workflow"
	"testing"
)

// signedClause is what the agreement of these tests says of publication.
func signedClause() *narthex.PublicationClause {
	return &narthex.PublicationClause{Number: "7", ReviewDays: 10, ExtensionDays: 7, AnswerDays: 3, Grounds: []string{"confidential information", "personal data"}, Mediator: true}
}

// handIn is a text that its author hands in, in the place of another one where it names one.
func handIn(text byte, replaces int) *workflow.Submission {
	return &workflow.Submission{Title: "On probes", Digest: narthex.MakeDigest([32]byte{text}), Size: 1000, Where: "a link", Replaces: replaces, Clause: signedClause()}
}

// onManuscript is a command on the last manuscript by the one who gives it rightly, with what it needs.
func (l *life) onManuscript(command workflow.Command) workflow.Event {
	event := workflow.Event{Seq: l.e.Events + 1, By: ada.ID, Command: command, Text: "so", Due: l.now().AddDate(0, 0, 14), Publication: &workflow.Handling{Manuscript: len(l.e.Manuscripts), Redaction: 1}}
	fill(event.Publication)
	switch command {
	case workflow.ManuscriptSubmit:
		event.Publication = &workflow.Handling{Submitted: handIn(byte(10+len(l.e.Manuscripts)), 0)}
	case workflow.ManuscriptClear, workflow.ManuscriptRedact, workflow.ManuscriptExtend, workflow.ManuscriptPause, workflow.RedactionUphold, workflow.RedactionDrop:
		event.By, event.As = sec.ID, narthex.Security
	case workflow.ManuscriptPublish:
		if n := len(l.e.Manuscripts); n > 0 {
			event.Saw = l.e.Manuscripts[n-1].Digest
		}
	}
	if command == workflow.ManuscriptRedact {
		event.Text = ""
	}
	return event
}

// handles does one after another what is done rightly.
func (l *life) handles(commands ...workflow.Command) *life {
	l.t.Helper()
	for _, command := range commands {
		event := l.onManuscript(command)
		who := ada
		if event.By == sec.ID {
			who = sec
		}
		l.does(who, event)
	}
	return l
}

// before is a life in which nothing but the table stands against a command on a manuscript.
func (l *life) before(command workflow.Command) *life {
	l.t.Helper()
	if l.e.Grant == "" {
		return l
	}
	way := map[workflow.Command][]workflow.Command{
		workflow.ManuscriptSubmit: {}, workflow.ManuscriptResume: {workflow.ManuscriptPause}, workflow.ManuscriptPublish: {workflow.ManuscriptClear},
		workflow.RedactionAccept: {workflow.ManuscriptRedact}, workflow.RedactionContest: {workflow.ManuscriptRedact}, workflow.RedactionDrop: {workflow.ManuscriptRedact},
		workflow.RedactionUphold:  {workflow.ManuscriptRedact, workflow.RedactionContest},
		workflow.RedactionMediate: {workflow.ManuscriptRedact, workflow.RedactionContest, workflow.RedactionUphold},
		workflow.RedactionOutcome: {workflow.ManuscriptRedact, workflow.RedactionContest, workflow.RedactionUphold, workflow.RedactionMediate},
	}[command]
	if command != workflow.ManuscriptSubmit {
		l.handles(workflow.ManuscriptSubmit)
	}
	return l.handles(way...)
}

// TestWhoSponsorsItNowSeesItsManuscripts, and who did before sees them no more than anyone else.
func TestWhoSponsorsItNowSeesItsManuscripts(t *testing.T) {
	l := draft(t).active().handles(workflow.ManuscriptSubmit)
	if workflow.SightOf(l.e, sam) != workflow.SightWhole {
		t.Errorf("before the transfer the sponsor sees %q", workflow.SightOf(l.e, sam))
	}
	l.does(ada, workflow.Event{Command: workflow.Transfer, Person: heir.ID}).does(heir, workflow.Event{Command: workflow.Take})
	if workflow.SightOf(l.e, sam) != "" || workflow.SightOf(l.e, heir) != workflow.SightWhole {
		t.Errorf("after it the one of before sees %q, the sponsor %q", workflow.SightOf(l.e, sam), workflow.SightOf(l.e, heir))
	}
}
