package workflow_test

import (
	"slices"
	"testing"
	"time"

	"narthex"
	"narthex/internal/workflow"
)

// An institution that authorised its person beforehand signs nothing: the researcher and the lab do, in whatever order is set.
func TestAnAuthorisationTakesThePlaceOfTheInstitutionsSignature(t *testing.T) {
	for _, set := range append(orders(), nil) {
		text := application()
		text.SigningOrder = set
		l := draftOf(t, text).authorised()
		if slices.Contains(workflow.Unsigned(l.e), narthex.PartyInstitution) || slices.Contains(workflow.Turn(l.e), narthex.PartyInstitution) {
			t.Errorf("order %v: the institution is still asked to sign", set)
		}
		if l.try(ora, signature(ora, narthex.PartyInstitution, deal), workflow.Facts{}) == nil || slices.Contains(workflow.PartsOf(l.e, ora), workflow.Signer) {
			t.Errorf("order %v: the institution signs all the same", set)
		}
		if l.trySystem(workflow.Event{Command: workflow.Activate, Grant: grant}) == nil {
			t.Errorf("order %v: it is active before the others signed", set)
		}
		first, second := signature(ada, narthex.PartyResearcher, deal), signature(sig, narthex.PartyLab, deal)
		if set == nil || slices.Index(set, narthex.PartyResearcher) < slices.Index(set, narthex.PartyLab) {
			l.does(ada, first).does(sig, second)
		} else {
			l.does(sig, second).does(ada, first)
		}
		if !workflow.Signed(l.e) {
			t.Errorf("order %v: it waits for %v", set, workflow.Unsigned(l.e))
		}
		l.system(workflow.Event{Command: workflow.Activate, Grant: grant})
	}
}

// Whoever authorised beforehand signs for no other party later, also where the lab has hired them since.
func TestWhoAuthorisedDoesNotSignForAnother(t *testing.T) {
	l := draft(t).authorised()
	hired := withID(insider(0, "ora", narthex.Signatory), ora.ID)
	if l.try(hired, signature(hired, narthex.PartyLab, deal), workflow.Facts{}) == nil {
		t.Error("one person stands for the institution and for the lab")
	}
}

func TestAnOfferRestsOnNoOtherAuthorisation(t *testing.T) {
	ready := draft(t).inReview().approve(sec, narthex.Security).approve(leg, narthex.Legal)
	offered := start.Add(time.Duration(ready.e.Events+1) * time.Minute)
	for name, spoil := range map[string]func(a *narthex.Authorisation, s *narthex.SignedBy){
		"of an agreement's format": func(a *narthex.Authorisation, _ *narthex.SignedBy) { a.Format = "narthex agreement v1" },
		"for a colleague":          func(a *narthex.Authorisation, _ *narthex.SignedBy) { a.Person = cal.ID },
		"of another organisation":  func(a *narthex.Authorisation, _ *narthex.SignedBy) { a.Org = south },
		"for another pathway":      func(a *narthex.Authorisation, _ *narthex.SignedBy) { a.Pathways = []narthex.PathwayName{"tuning"} },
		"still to begin":           func(a *narthex.Authorisation, _ *narthex.SignedBy) { a.NotBefore = offered.Add(time.Second) },
		"that has ended":           func(a *narthex.Authorisation, _ *narthex.SignedBy) { a.NotAfter = offered },
		"by the applicant":         func(_ *narthex.Authorisation, s *narthex.SignedBy) { s.By = ada.ID },
		"by a member":              func(_ *narthex.Authorisation, s *narthex.SignedBy) { s.By = ben.ID },
		"by nobody":                func(_ *narthex.Authorisation, s *narthex.SignedBy) { s.By = "" },
		"without an envelope":      func(_ *narthex.Authorisation, s *narthex.SignedBy) { s.Envelope = "" },
		"for the lab":              func(_ *narthex.Authorisation, s *narthex.SignedBy) { s.Party = narthex.PartyLab },
	} {
		word := authorisation(ora, ada)
		spoil(&word.Authorisation, &word.Signature)
		word.Signature.Digest = textOf(word.Authorisation)
		if err := ready.trySystem(workflow.Event{Command: workflow.Offer, Agreement: deal, Authorised: word}); err == nil {
			t.Fatalf("an offer rests on an authorisation %s", name)
		}
	}
	changed := authorisation(ora, ada)
	changed.Signature.Digest = stale
	if ready.trySystem(workflow.Event{Command: workflow.Offer, Agreement: deal, Authorised: changed}) == nil {
		t.Fatal("an offer rests on an authorisation whose digest is another's")
	}
	ready.system(workflow.Event{Command: workflow.Offer, Agreement: deal, Authorised: authorisation(ora, ada)})
}
