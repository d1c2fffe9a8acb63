package workflow_test

import (
	"strings"
	"testing"

	"narthex"
	"narthex/internal/workflow"
)

// forged applies an event as it is, without asking whether it may be given.
func (l *life) forged(by narthex.Person, event workflow.Event) error {
	event.Seq, event.By, event.At = l.e.Events+1, by.ID, l.now()
	_, err := workflow.Apply(l.e, event)
	return err
}

// on is a signature on an outside document as well.
func on(outside narthex.Digest, event workflow.Event) workflow.Event {
	s := *event.Signature
	s.Outside = outside
	event.Signature = &s
	return event
}

var signers = []struct {
	person narthex.Person
	party  narthex.PartyRole
}{{ada, narthex.PartyResearcher}, {ora, narthex.PartyInstitution}, {sig, narthex.PartyLab}}

// TestTheLabSignsLastWhereTheAgreementSaysSo tries every order: all in which the lab is last can be signed, and no other.
func TestTheLabSignsLastWhereTheAgreementSaysSo(t *testing.T) {
	byParty := map[narthex.PartyRole]narthex.Person{narthex.PartyResearcher: ada, narthex.PartyInstitution: ora, narthex.PartyLab: sig}
	for _, order := range orders() {
		l := draft(t).offeredAs(narthex.Signing{LabLast: true})
		for i, party := range order {
			event, turn := signature(byParty[party], party, deal), party != narthex.PartyLab || i == 2
			if err := l.forged(byParty[party], event); (err == nil) != turn {
				t.Errorf("%v: the fold on %s as number %d: %v", order, party, i+1, err)
			}
			err := l.try(byParty[party], event, workflow.Facts{})
			if (err == nil) != turn {
				t.Errorf("%v: %s as number %d: %v", order, party, i+1, err)
			}
			if !turn {
				if !narthex.IsKind(err, narthex.Conflict) || !strings.Contains(err.Error(), "it is the turn of the ") || strings.Contains(err.Error(), "turn of the lab") {
					t.Errorf("%v: the lab is not told whose turn it is: %v", order, err)
				}
				break
			}
		}
	}
}

func TestASignatureWithoutItsStampDoesNotCountWhereOneIsAsked(t *testing.T) {
	l := draft(t).offeredAs(narthex.Signing{Stamped: true})
	bare := signature(ada, narthex.PartyResearcher, deal)
	if err := l.try(ada, bare, workflow.Facts{}); !narthex.IsKind(err, narthex.Refused) || !strings.Contains(err.Error(), "time stamp") {
		t.Errorf("without a stamp: %v", err)
	}
	if l.forged(ada, bare) == nil {
		t.Error("the fold takes a signature without its stamp")
	}
	for _, s := range signers {
		stamped := signature(s.person, s.party, deal)
		stamped.Signature.Stamp = "stamp"
		l.does(s.person, stamped)
	}
	if !workflow.Signed(l.e) {
		t.Error("with stamps it is not signed")
	}
}

// TestEverySignatureIsOnTheOutsideDocumentThatIsBound: before it, on another, or on one where none is, none counts; and those that
// were there when it was bound or exchanged fall.
func TestEverySignatureIsOnTheOutsideDocumentThatIsBound(t *testing.T) {
	bind := workflow.Event{Command: workflow.Bind, Saw: deal, Outside: paper}
	l := draft(t).offeredAs(narthex.Signing{Outside: narthex.OutsideAccepted})
	for _, s := range signers[:2] {
		l.does(s.person, signature(s.person, s.party, deal))
	}
	if err := l.try(sig, on(stale, signature(sig, narthex.PartyLab, deal)), workflow.Facts{}); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("on a document where none is bound: %v", err)
	}
	l.does(leg, bind)
	if len(l.e.Signatures) != 0 {
		t.Errorf("signatures that are not on it stand: %+v", l.e.Signatures)
	}
	for _, other := range []narthex.Digest{"", deal} {
		event := on(other, signature(ada, narthex.PartyResearcher, deal))
		if err := l.try(ada, event, workflow.Facts{}); !narthex.IsKind(err, narthex.Conflict) {
			t.Errorf("on the document %q: %v", other, err)
		}
		if l.forged(ada, event) == nil {
			t.Errorf("the fold takes a signature on the document %q", other)
		}
	}
	l.does(ada, on(stale, signature(ada, narthex.PartyResearcher, deal)))
	exchanged := bind
	exchanged.Outside = &narthex.OutsideDocument{Digest: deal, Size: 1000}
	l.does(leg, exchanged)
	if len(l.e.Signatures) != 0 {
		t.Error("a signature outlasts the document that it is on")
	}
	for _, s := range signers {
		if workflow.Signed(l.e) || l.forged(ada, workflow.Event{Command: workflow.Activate, Grant: grant}) == nil {
			t.Fatal("it is in force without every signature on both")
		}
		l.does(s.person, on(deal, signature(s.person, s.party, deal)))
	}
	l.system(workflow.Event{Command: workflow.Activate, Grant: grant})
	if err := l.try(leg, bind, workflow.Facts{}); err == nil {
		t.Error("a document is bound to what is in force")
	}
}

func TestNobodySignsBeforeTheOutsideDocumentThatIsRequired(t *testing.T) {
	l := draft(t).offeredAs(narthex.Signing{Outside: narthex.OutsideRequired})
	for _, s := range signers {
		event := signature(s.person, s.party, deal)
		if err := l.try(s.person, event, workflow.Facts{}); !narthex.IsKind(err, narthex.Conflict) || l.forged(s.person, event) == nil {
			t.Errorf("%s signs: %v", s.party, err)
		}
		if workflow.TaskOf(l.e, s.person, false, false) == workflow.ToSign {
			t.Errorf("%s is asked to sign", s.party)
		}
	}
	if workflow.TaskOf(l.e, leg, false, false) != workflow.ToBind {
		t.Error("nobody is asked for the document")
	}
	l.does(leg, workflow.Event{Command: workflow.Bind, Saw: deal, Outside: paper})
	if workflow.TaskOf(l.e, ada, false, false) != workflow.ToSign {
		t.Error("nobody is asked to sign")
	}
	for _, s := range signers {
		l.does(s.person, on(stale, signature(s.person, s.party, deal)))
	}
}

func TestWhoBindsAnOutsideDocumentAndWhatIsRefused(t *testing.T) {
	good := workflow.Event{Command: workflow.Bind, Saw: deal, Outside: paper}
	of := func(d *narthex.OutsideDocument) workflow.Event {
		return workflow.Event{Command: workflow.Bind, Saw: deal, Outside: d}
	}
	runs := leg
	runs.Roles = append([]narthex.Role{narthex.Programme}, leg.Roles...)
	accepts := narthex.Signing{Outside: narthex.OutsideAccepted}
	bound := draft(t).offeredAs(accepts).does(leg, good)
	for _, r := range []refusal{
		{"where the pathway accepts none", draft(t).offered(), leg, good, workflow.Facts{}, narthex.Refused, "", "accepts no document"},
		{"by another reviewer", draft(t).offeredAs(accepts), sec, good, workflow.Facts{}, narthex.Refused, "", "reviews this for legal"},
		{"by who runs the programme", draft(t).offeredAs(accepts), runs, good, workflow.Facts{}, narthex.Refused, "", "does not run the programme"},
		{"by the applicant", draft(t).offeredAs(accepts), ada, good, workflow.Facts{}, narthex.Refused, "", "another role"},
		{"to another agreement", draft(t).offeredAs(accepts), leg, workflow.Event{Command: workflow.Bind, Saw: stale, Outside: paper}, workflow.Facts{}, narthex.Conflict, "saw", "not for the agreement"},
		{"nothing", draft(t).offeredAs(accepts), leg, of(nil), workflow.Facts{}, narthex.Invalid, "outside", "Bring a PDF"},
		{"an empty one", draft(t).offeredAs(accepts), leg, of(&narthex.OutsideDocument{Digest: stale}), workflow.Facts{}, narthex.Invalid, "outside.size", "at least one byte"},
		{"one that is too large", draft(t).offeredAs(accepts), leg, of(&narthex.OutsideDocument{Digest: stale, Size: narthex.MostOutside + 1, Kept: true}), workflow.Facts{}, narthex.Invalid, "outside.size", "at most"},
		{"one that is too large to be kept elsewhere", draft(t).offeredAs(accepts), leg, of(&narthex.OutsideDocument{Digest: stale, Size: narthex.MostElsewhere + 1}), workflow.Facts{}, narthex.Invalid, "outside.size", "at most"},
		{"no digest", draft(t).offeredAs(accepts), leg, of(&narthex.OutsideDocument{Digest: "sha256:x", Size: 1}), workflow.Facts{}, narthex.Invalid, "outside.digest", "64 hexadecimal"},
		{"the same again", bound, leg, good, workflow.Facts{}, narthex.Conflict, "outside.digest", "bound to the agreement already"},
	} {
		r.check(t)
	}
	draft(t).offeredAs(accepts).does(leg, of(&narthex.OutsideDocument{Digest: stale, Size: narthex.MostElsewhere})) // as an earlier program bound it
}

// TestAWordOfBeforeIsNotOnAnOutsideDocument: an institution that authorised beforehand signs where more than its word is asked.
func TestAWordOfBeforeIsNotOnAnOutsideDocument(t *testing.T) {
	for _, signing := range []narthex.Signing{{Outside: narthex.OutsideAccepted}, {Outside: narthex.OutsideRequired}, {Stamped: true}} {
		l := draft(t).inReview().approve(sec, narthex.Security).approve(leg, narthex.Legal)
		if err := l.happen(workflow.Event{Seq: l.e.Events + 1, Command: workflow.Offer, Agreement: deal, Authorised: authorisation(ora, ada), Signing: &signing}); err == nil {
			t.Errorf("%+v: the institution's word of before stands for its signature", signing)
		}
	}
}

func TestAVoteThatFallsTakesTheOutsideDocumentWithIt(t *testing.T) {
	l := draft(t).offeredAs(narthex.Signing{Outside: narthex.OutsideAccepted}).does(leg, workflow.Event{Command: workflow.Bind, Saw: deal, Outside: paper})
	l.does(sec, workflow.Event{Command: workflow.Recuse})
	if l.e.Outside != nil || l.e.Signing != nil {
		t.Errorf("it stays: %+v %+v", l.e.Outside, l.e.Signing)
	}
}
