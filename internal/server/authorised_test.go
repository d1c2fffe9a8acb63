package server_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/agreement"
	"narthex/internal/canon"
	"narthex/internal/lab"
	"narthex/internal/testenv"
)

// agreed is ada's application with both its votes: an agreement that nobody has signed.
func agreed(t *testing.T, e *testenv.Env) narthex.EngagementID {
	t.Helper()
	view := submitted(t, e)
	approve(t, e, "olga", narthex.AssetOwner, view)
	approve(t, e, "sam", narthex.Security, view)
	return view.Engagement.ID
}

// TestWhoIsAuthorisedBeforehandNeedsNoSignatureOfTheInstitution counts the human acts to the first call: apply, two votes, two
// signatures, a key.
func TestWhoIsAuthorisedBeforehandNeedsNoSignatureOfTheInstitution(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	e.Outsiders(t, "2", "Second")
	word := e.Authorise(t, "otto", "ada", 30)
	id, acts := agreed(t, e), 3 // apply, two votes
	ada := e.People["ada"]
	made := must(ada.Client.Agreement(t.Context(), id))
	cover := made.Agreement.Parties[1].Authorised
	if len(made.Missing) != 2 || cover == nil || cover.Digest != word.Signature.Digest || cover.Person != e.People["otto"].ID || cover.Name != "Otto" || !strings.Contains(made.Markdown, "authorised beforehand by Otto") {
		t.Fatalf("the agreement waits for %v and its cover says %+v", made.Missing, cover)
	}
	if _, err := e.People["otto"].Sign(t, id, narthex.PartyInstitution); err == nil {
		t.Error("the institution signs all the same")
	}
	for _, s := range []struct {
		name  string
		party narthex.PartyRole
	}{{"ada", narthex.PartyResearcher}, {"dan", narthex.PartyLab}} {
		must(e.People[s.name].Sign(t, id, s.party))
		acts++
	}
	grant := must(ada.Engagement(t.Context(), id)).Engagement.Grant
	minted := must(ada.Mint(t.Context(), grant, client.Mint{Label: "x"}))
	if acts++; acts > 6 {
		t.Errorf("%d acts", acts)
	}
	if status, body, err := e.Chat(t.Context(), minted.Token, testenv.Hello); err != nil || status != 200 {
		t.Fatalf("%d %s %v", status, body, err)
	}
	made = must(ada.Client.Agreement(t.Context(), id))
	data := must(canon.JSON(agreement.Bundle{Agreement: made.Agreement, Digest: made.Digest, Signatures: made.Signatures, Authorised: made.Authorised}))
	if report, err := agreement.VerifyBundle(data, nil); err != nil || report.Authorised == nil || report.Authorised.By != e.People["otto"].ID {
		t.Errorf("the file that is kept: %+v %v", report, err)
	}
	for name, sees := range map[string]int{"ada": 1, "otto": 1, "sam": 1, "ada2": 0, "otto2": 0} {
		if list := must(e.People[name].People(t.Context(), client.Page{})); len(list.Authorised) != sees {
			t.Errorf("%s sees %d authorisations", name, len(list.Authorised))
		}
	}
	if told := must(ada.WhoAmI(t.Context())).Told; len(told) < 2 || !strings.Contains(told[1], string(word.Signature.Digest)) {
		t.Errorf("ada is told %v", told)
	}
}

// TestWhatRestsOnAnAuthorisationStopsWithIt: a grant stops at the next call when the authorisation is taken back or over, or its official
// may not act, and goes on when there is one again.
func TestWhatRestsOnAnAuthorisationStopsWithIt(t *testing.T) {
	e := testenv.New(t, testenv.Options{Files: func(files lab.Files) {
		files["pathways/other.yaml"] = bytes.Replace(files["pathways/test.yaml"], []byte("name: test"), []byte("name: other"), 1)
	}})
	e.Outsiders(t, "2", "Second")
	e.Authorise(t, "otto", "ada", 30)
	_, key := e.Grant(t, "", testenv.Tokens(1e6, nil))
	_, signed := e.Grant(t, "2", testenv.Tokens(1e6, nil)) // whose institution signed
	otto, ada := e.People["otto"], e.People["ada"]
	holds := func(when string, want bool) {
		t.Helper()
		status, body, err := e.Chat(t.Context(), key, testenv.Hello)
		if err != nil || (status == 200) != want || !want && (status != 403 || !strings.Contains(body, "unauthorised")) {
			t.Errorf("%s: %d %s %v", when, status, body, err)
		}
		if status, body, err := e.Chat(t.Context(), signed, testenv.Hello); err != nil || status != 200 {
			t.Errorf("%s, with a signature of the institution: %d %s %v", when, status, body, err)
		}
	}
	holds("in force", true)
	must(otto.Unauthorise(t.Context(), ada.ID))
	holds("taken back", false)
	must(otto.Client.Authorise(t.Context(), ada.ID, e.Word(t, "otto", "ada", 30, "other")))
	holds("for another pathway", false)
	e.Authorise(t, "otto", "ada", 2)
	holds("renewed", true)
	locked := must(e.People["carol"].Lock(t.Context(), client.LockRequest{Subject: "person", Target: string(otto.ID), Reason: "safety"}))
	holds("with its official locked", false)
	must(e.People["dan"].Unlock(t.Context(), locked.Lock.ID))
	holds("unlocked", true)
	e.Clock.Move(3 * 24 * time.Hour)
	holds("over", false)
	for _, p := range []*testenv.Person{otto, e.People["carol"]} {
		p.Client = e.Client.With(must(e.Client.Login(t.Context(), p.Login)).Token)
	}
	e.Authorise(t, "otto", "ada", 30)
	holds("renewed after its end", true)
	must(e.People["carol"].Suspend(t.Context(), otto.ID, "left"))
	holds("with its official suspended", false)
}

func TestTheLastSignatureHoldsTheAuthorisationOnceMore(t *testing.T) {
	for name, change := range map[string]func(*testenv.Env){
		"taken back": func(e *testenv.Env) { must(e.People["otto"].Unauthorise(t.Context(), e.People["ada"].ID)) },
		"replaced":   func(e *testenv.Env) { e.Authorise(t, "otto", "ada", 10) },
		"of someone suspended": func(e *testenv.Env) {
			must(e.People["carol"].Suspend(t.Context(), e.People["otto"].ID, "left"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := testenv.New(t, testenv.Options{})
			e.Authorise(t, "otto", "ada", 30)
			id := agreed(t, e)
			must(e.People["ada"].Sign(t, id, narthex.PartyResearcher))
			change(e)
			if _, err := e.People["dan"].Sign(t, id, narthex.PartyLab); !narthex.IsKind(err, narthex.Conflict) || !strings.Contains(err.Error(), "rests on an authorisation") {
				t.Errorf("the last signature on one that is %s: %v", name, err)
			}
			if view := must(e.People["ada"].Engagement(t.Context(), id)); view.Engagement.Grant != "" || view.Engagement.State != narthex.Offered {
				t.Errorf("it is %s with the grant %s", view.Engagement.State, view.Engagement.Grant)
			}
		})
	}
}

func TestAnAuthorisationIsRefusedThatIsNotTheOfficialsToGive(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	e.Outsiders(t, "2", "Second")
	otto, ada := e.People["otto"], e.People["ada"]
	good := e.Word(t, "otto", "ada", 30, "test").Authorisation
	changed := func(change func(*narthex.Authorisation)) client.Authorise {
		a := good
		change(&a)
		return otto.Word(t, a)
	}
	id := agreed(t, e)
	document := must(otto.Client.Agreement(t.Context(), id))
	swapped := otto.Word(t, good)
	swapped.Envelope = must(agreement.Sign(otto.Signer, agreement.NewStatement(document.Digest, narthex.PartyInstitution, otto.ID, good.Origin)))
	anothers := e.People["otto2"].Word(t, good)
	for name, in := range map[string]client.Authorise{
		"a pathway that there is not": changed(func(a *narthex.Authorisation) { a.Pathways = []narthex.PathwayName{"nowhere"} }),
		"no pathway":                  changed(func(a *narthex.Authorisation) { a.Pathways = []narthex.PathwayName{} }),
		"more than a year":            changed(func(a *narthex.Authorisation) { a.NotAfter = a.NotBefore.AddDate(0, 0, 367) }),
		"a year that begins in a year": changed(func(a *narthex.Authorisation) {
			a.NotBefore, a.NotAfter = a.NotAfter.AddDate(1, 0, 0), a.NotAfter.AddDate(2, 0, 0)
		}),
		"an end that is past": changed(func(a *narthex.Authorisation) {
			a.NotBefore, a.NotAfter = a.NotBefore.AddDate(0, 0, -2), a.NotBefore.AddDate(0, 0, -1)
		}),
		"another person":                 changed(func(a *narthex.Authorisation) { a.Person = e.People["ada2"].ID }),
		"another organisation":           changed(func(a *narthex.Authorisation) { a.Org = "org_aaaaaaaaaaaaaaaaaaaaaaaaaa" }),
		"another ledger":                 changed(func(a *narthex.Authorisation) { a.Origin = "b.test" }),
		"another format":                 changed(func(a *narthex.Authorisation) { a.Format = "narthex agreement v1" }),
		"a signature on an agreement":    swapped,
		"a signature with another's key": anothers,
	} {
		if _, err := otto.Client.Authorise(t.Context(), ada.ID, in); !narthex.IsKind(err, narthex.Invalid) && !narthex.IsKind(err, narthex.Refused) {
			t.Errorf("an authorisation with %s: %v", name, err)
		}
	}
	self := changed(func(a *narthex.Authorisation) { a.Person = otto.ID })
	if _, err := otto.Client.Authorise(t.Context(), otto.ID, self); !narthex.IsKind(err, narthex.Refused) {
		t.Errorf("an official for themselves: %v", err)
	}
	if _, err := e.People["otto2"].Client.Authorise(t.Context(), ada.ID, anothers); !narthex.IsKind(err, narthex.Withheld) {
		t.Errorf("another organisation's official: %v", err)
	}
	if _, err := otto.Unauthorise(t.Context(), ada.ID); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("what is not there is taken back: %v", err)
	}
	// An envelope of an authorisation signs no agreement, with the same key and for the same party.
	word := otto.Word(t, good)
	if _, err := otto.Client.Sign(t.Context(), id, client.Sign{Party: narthex.PartyInstitution, Digest: document.Digest, Signer: word.Signer, Envelope: word.Envelope}); !narthex.IsKind(err, narthex.Refused) {
		t.Errorf("an authorisation signs an agreement: %v", err)
	}
	must(otto.Client.Authorise(t.Context(), ada.ID, word))
	must(e.People["carol"].Remove(t.Context(), ada.ID, "left"))
	if _, err := otto.Client.Authorise(t.Context(), ada.ID, word); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("someone who was removed: %v", err)
	}
}

func TestAnErasureTakesTheAuthorisationToo(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	e.Authorise(t, "otto", "ada", 30)
	must(e.People["carol"].Remove(t.Context(), e.People["ada"].ID, "left"))
	must(e.People["carol"].Erase(t.Context(), e.People["ada"].ID, "asked"))
	if list := must(e.People["otto"].People(t.Context(), client.Page{})); len(list.Authorised) != 0 {
		t.Errorf("it stands still: %+v", list.Authorised)
	}
}
