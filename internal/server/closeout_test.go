package server_test

import (
	"bytes"
	"crypto/ed25519"
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

// owing is a lab whose agreements ask for everything that can be owed.
func owing(files lab.Files) {
	files["pathways/test.yaml"] = bytes.Replace(files["pathways/test.yaml"], []byte("clauses:\n"), []byte(`clauses:
  - {clause: termination-and-return, values: {return_days: "10", report: "yes", report_days: "60"}}
  - {clause: data-protection, values: {basis: consent, retention_days: "7"}}
  - {clause: insurance, values: {cover: 250000 EUR, proof_days: "30"}}
  - {clause: results-and-ip, values: {patent_days: "45"}}
`), 1)
	files["pathways/test.yaml"] = bytes.Replace(files["pathways/test.yaml"], []byte("questions:\n"), []byte("questions:\n  - {name: insurance, ask: Which policy?, required: true, max_chars: 100}\n"), 1)
}

// reporting is a lab whose agreements ask for a final report alone.
func reporting(files lab.Files) {
	files["pathways/test.yaml"] = bytes.Replace(files["pathways/test.yaml"], []byte("clauses:\n"), []byte("clauses:\n  - {clause: termination-and-return, values: {certificate: \"no\", report: \"yes\"}}\n"), 1)
}

// certifying is a lab whose agreements ask for a certificate of destruction alone.
func certifying(backups string) func(lab.Files) {
	return func(files lab.Files) {
		files["pathways/test.yaml"] = bytes.Replace(files["pathways/test.yaml"], []byte("clauses:\n"), []byte("clauses:\n  - {clause: termination-and-return, values: {backups: "+backups+"}}\n"), 1)
	}
}

// afterwards moves the clock and lets everyone log in anew.
func afterwards(t *testing.T, e *testenv.Env, by time.Duration) {
	t.Helper()
	e.Clock.Move(by)
	for _, p := range e.People {
		p.Client = e.Client.With(must(e.Client.Login(t.Context(), p.Login)).Token)
	}
}

// certificate is what a person would say of what they received under an engagement, at a time.
func certificate(e *testenv.Env, id narthex.EngagementID, deal narthex.Digest, who string, at time.Time) narthex.Certificate {
	return narthex.Certificate{Format: narthex.CertificateFormat, Origin: "ledger.test-lab.test", Engagement: id, Agreement: deal, Person: e.People[who].ID,
		Received: []narthex.Received{{Name: "answers.jsonl", Digest: narthex.MakeDigest([32]byte{7})}}, Method: "deleted", At: at.UTC().Truncate(time.Second)}
}

// certified signs a certificate with the key of one, in the name of another.
func certified(t *testing.T, e *testenv.Env, c narthex.Certificate, key, by string, party narthex.PartyRole) client.CloseOut {
	t.Helper()
	signer := e.People[key].Signer
	envelope := must(agreement.Sign(signer, agreement.NewStatement(must(canon.Digest(c)), party, e.People[by].ID, c.Origin)))
	return client.CloseOut{Obligation: narthex.DestructionCertificate, Certify: &client.Certify{Certificate: c, Party: party,
		Signer: agreement.Fingerprint(signer.Public().(ed25519.PublicKey)), Envelope: envelope}}
}

func obligation(t *testing.T, list client.ObligationList, name narthex.ObligationName) client.ObligationView {
	t.Helper()
	for _, o := range list.Obligations {
		if o.Obligation == name {
			return o
		}
	}
	t.Fatalf("%s is not among %+v", name, list.Obligations)
	return client.ObligationView{}
}

// TestWhatIsOwedIsDueToTheDay: each date follows from the signed values, business days over weekends.
func TestWhatIsOwedIsDueToTheDay(t *testing.T) {
	e := testenv.New(t, testenv.Options{Files: owing})
	view := must(e.People["ada"].Draft(t.Context(), client.Draft{Pathway: "test", Title: "a test", Answers: map[string]string{"why": "to see", "insurance": "a policy"}, Terms: []narthex.Term{testenv.Tokens(1000, nil)}}))
	id := view.Engagement.ID
	view = must(e.People["ada"].Command(t.Context(), id, "submit", client.Command{}))
	if err := approveBoth(t, e, view); err != nil {
		t.Fatal(err)
	}
	for _, s := range []struct {
		name  string
		party narthex.PartyRole
	}{{"ada", narthex.PartyResearcher}, {"otto", narthex.PartyInstitution}, {"dan", narthex.PartyLab}} {
		must(e.People[s.name].Sign(t, id, s.party))
	}
	grant := must(e.People["ada"].Client.Grant(t.Context(), must(e.People["ada"].Engagement(t.Context(), id)).Engagement.Grant)).Grant
	dates := func(when string, end time.Time) {
		t.Helper()
		list := must(e.People["ada"].Obligations(t.Context(), id))
		business, left := end, 10
		for left > 0 {
			business = business.AddDate(0, 0, 1)
			if d := business.Weekday(); d != time.Saturday && d != time.Sunday {
				left--
			}
		}
		for name, due := range map[narthex.ObligationName]time.Time{narthex.DestructionCertificate: business, narthex.PersonalDataDeleted: end.AddDate(0, 0, 7),
			narthex.FinalReport: end.AddDate(0, 0, 60), narthex.InsuranceProof: grant.NotBefore.AddDate(0, 0, 30), narthex.PatentWindow: end.AddDate(0, 0, 45)} {
			if o := obligation(t, list, name); !o.Due.Equal(due) || o.State != narthex.ObligationOpen {
				t.Errorf("%s: %s is %s and due %s, should be open until %s", when, name, o.State, o.Due, due)
			}
		}
		if len(list.Obligations) != 5 || !list.Ends.Equal(end) {
			t.Errorf("%s: %d obligations, the end is %s", when, len(list.Obligations), list.Ends)
		}
	}
	dates("in force", grant.NotAfter)
	if o := obligation(t, must(e.People["sam"].Obligations(t.Context(), id)), narthex.InsuranceProof); o.By != narthex.PartyInstitution || !strings.Contains(o.Says, "250000 EUR") || !strings.Contains(o.Clause, ". Insurance") {
		t.Errorf("%+v", o)
	}
	must(e.People["ada"].Command(t.Context(), id, "end", client.Command{Text: "done"}))
	ended := must(e.People["ada"].Engagement(t.Context(), id)).Engagement.EndedAt
	dates("ended before its date", ended)
	afterwards(t, e, ended.AddDate(0, 0, 7).Sub(e.Clock.Now())-time.Minute)
	if o := obligation(t, must(e.People["ada"].Obligations(t.Context(), id)), narthex.PersonalDataDeleted); o.State != narthex.ObligationOpen {
		t.Errorf("a minute before its time it is %s", o.State)
	}
	afterwards(t, e, time.Minute+time.Second)
	if o := obligation(t, must(e.People["ada"].Obligations(t.Context(), id)), narthex.PersonalDataDeleted); o.State != narthex.ObligationLate {
		t.Errorf("a second after its time it is %s", o.State)
	}
	afterwards(t, e, 45*24*time.Hour)
	if o := obligation(t, must(e.People["ada"].Obligations(t.Context(), id)), narthex.PatentWindow); o.State != narthex.ObligationOver {
		t.Errorf("the window is %s", o.State)
	}
	for name, does := range map[string]string{"ada": "meet", "otto": "meet", "carol": "remind", "sam": "", "lea": ""} {
		items := must(e.People[name].Work(t.Context(), client.Page{})).Work
		if does == "" && len(items) > 0 || does != "" && (len(items) != 1 || items[0].Do != does || !items[0].Late || items[0].Engagement != id) {
			t.Errorf("the work of %s is %+v, should be to %q", name, items, does)
		}
	}
	if _, err := e.People["carol"].Command(t.Context(), id, "close", client.Command{}); !narthex.IsKind(err, narthex.Conflict) ||
		!strings.Contains(err.Error(), "certificate that what was received is destroyed") || !strings.Contains(err.Error(), ". Insurance") || !strings.Contains(err.Error(), "narthex engagements certify "+string(id)) || strings.Contains(err.Error(), "patent") {
		t.Errorf("closing with four obligations open: %v", err)
	}
}

// TestAnEngagementClosesWhenWhatItOwesIsMet goes from the end to the close, with a rejection on the way.
func TestAnEngagementClosesWhenWhatItOwesIsMet(t *testing.T) {
	e := testenv.New(t, testenv.Options{Files: certifying(`"yes"`)})
	grant, _ := e.Grant(t, "", testenv.Tokens(1000, nil))
	ada, carol, id := e.People["ada"], e.People["carol"], grant.Engagement
	made := func() narthex.Certificate { return certificate(e, id, grant.Agreement, "ada", e.Clock.Now()) }
	if _, err := ada.Meet(t.Context(), id, certified(t, e, made(), "ada", "ada", narthex.PartyResearcher)); !narthex.IsKind(err, narthex.Conflict) || !strings.Contains(err.Error(), "Access lasts until") {
		t.Errorf("a certificate while access lasts: %v", err)
	}
	must(ada.Command(t.Context(), id, "end", client.Command{Text: "done"}))
	first := certified(t, e, made(), "ada", "ada", narthex.PartyResearcher)
	if o := obligation(t, must(ada.Meet(t.Context(), id, first)), narthex.DestructionCertificate); o.State != narthex.ObligationMet || len(o.Done) != 1 || o.Done[0].Certificate == nil || o.Done[0].Certificate.Signature.Envelope == "" {
		t.Errorf("%+v", o)
	}
	if _, err := ada.Meet(t.Context(), id, first); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("the same certificate twice: %v", err)
	}
	for _, name := range []string{"ada", "otto", "sam", "lea"} {
		if _, err := e.People[name].Reject(t.Context(), id, client.CloseOut{Obligation: narthex.DestructionCertificate, Text: "no"}); err == nil {
			t.Errorf("%s rejects a certificate", name)
		}
	}
	if _, err := carol.Reject(t.Context(), id, client.CloseOut{Obligation: narthex.DestructionCertificate}); !narthex.IsKind(err, narthex.Invalid) {
		t.Errorf("a rejection without a reason: %v", err)
	}
	o := obligation(t, must(carol.Reject(t.Context(), id, client.CloseOut{Obligation: narthex.DestructionCertificate, Text: "the notes are not in it"})), narthex.DestructionCertificate)
	if o.State != narthex.ObligationOpen || o.Done[0].Rejected == nil || o.Done[0].Rejected.Text != "the notes are not in it" {
		t.Errorf("after its rejection %+v", o)
	}
	if _, err := ada.Meet(t.Context(), id, first); !narthex.IsKind(err, narthex.Conflict) || !strings.Contains(err.Error(), "handed in before") {
		t.Errorf("the rejected certificate again: %v", err)
	}
	second := made()
	second.Received = append(second.Received, narthex.Received{Name: "notes"})
	second.BackupsUntil = second.At.AddDate(0, 1, 0)
	must(ada.Meet(t.Context(), id, certified(t, e, second, "ada", "ada", narthex.PartyResearcher)))
	if _, err := carol.Reject(t.Context(), id, client.CloseOut{Obligation: narthex.DestructionCertificate, Text: "still not"}); !narthex.IsKind(err, narthex.Conflict) || !strings.Contains(err.Error(), "once") {
		t.Errorf("a second rejection: %v", err)
	}
	if work := must(carol.Work(t.Context(), client.Page{})).Work; len(work) != 1 || work[0].Do != "close" {
		t.Errorf("carol is to do %+v", work)
	}
	if view := must(carol.Command(t.Context(), id, "close", client.Command{})); view.Engagement.State != narthex.Closed {
		t.Errorf("it is %s", view.Engagement.State)
	}
}

// TestACertificateIsOnePersonsWordOnOneAgreement: none by another key, for another person, engagement, agreement or party counts, nor
// one that was made for something else; nothing of it is kept.
func TestACertificateIsOnePersonsWordOnOneAgreement(t *testing.T) {
	e := testenv.New(t, testenv.Options{Files: certifying(`"no"`)})
	e.Outsiders(t, "2", "Second")
	grant, _ := e.Grant(t, "", testenv.Tokens(1000, nil))
	other, _ := e.Grant(t, "2", testenv.Tokens(1000, nil))
	ada, id := e.People["ada"], grant.Engagement
	must(ada.Command(t.Context(), id, "end", client.Command{Text: "done"}))
	must(e.People["ada2"].Command(t.Context(), other.Engagement, "end", client.Command{Text: "done"}))
	good := certificate(e, id, grant.Agreement, "ada", e.Clock.Now())
	changed := func(change func(*narthex.Certificate)) client.CloseOut {
		c := good
		change(&c)
		return certified(t, e, c, "ada", "ada", narthex.PartyResearcher)
	}
	signed := must(ada.Client.Agreement(t.Context(), id)).Signatures[0]
	anAgreements := certified(t, e, good, "ada", "ada", narthex.PartyResearcher)
	anAgreements.Certify.Envelope = signed.Envelope
	swapped := certified(t, e, good, "ada", "ada", narthex.PartyResearcher)
	swapped.Certify.Certificate.Received = []narthex.Received{{Name: "something else"}}
	for name, in := range map[string]client.CloseOut{
		"another's key":                   certified(t, e, good, "ada2", "ada", narthex.PartyResearcher),
		"a statement in another's name":   certified(t, e, good, "ada", "ada2", narthex.PartyResearcher),
		"another person":                  changed(func(c *narthex.Certificate) { c.Person = e.People["ada2"].ID }),
		"another engagement":              changed(func(c *narthex.Certificate) { c.Engagement = other.Engagement }),
		"another agreement":               changed(func(c *narthex.Certificate) { c.Agreement = other.Agreement }),
		"another ledger":                  changed(func(c *narthex.Certificate) { c.Origin = "elsewhere.test" }),
		"another format":                  changed(func(c *narthex.Certificate) { c.Format = narthex.AuthorisationFormat }),
		"another party":                   certified(t, e, good, "ada", "ada", narthex.PartyInstitution),
		"the lab's name":                  certified(t, e, good, "ada", "ada", narthex.PartyLab),
		"no method":                       changed(func(c *narthex.Certificate) { c.Method = "" }),
		"a method of its own":             changed(func(c *narthex.Certificate) { c.Method = "burnt" }),
		"a time to come":                  changed(func(c *narthex.Certificate) { c.At = c.At.AddDate(0, 0, 1) }),
		"no list":                         changed(func(c *narthex.Certificate) { c.Received = nil }),
		"nothing, destroyed":              changed(func(c *narthex.Certificate) { c.Received = []narthex.Received{} }),
		"backups where none may be left":  changed(func(c *narthex.Certificate) { c.BackupsUntil = c.At.AddDate(0, 0, 1) }),
		"a signature on the agreement":    anAgreements,
		"a list that was changed since":   swapped,
		"evidence and no certificate":     {Obligation: narthex.DestructionCertificate, Evidence: narthex.MakeDigest([32]byte{9})},
		"an obligation that there is not": {Obligation: narthex.FinalReport, Evidence: narthex.MakeDigest([32]byte{9})},
		"no obligation":                   {Evidence: narthex.MakeDigest([32]byte{9})},
	} {
		if _, err := ada.Meet(t.Context(), id, in); !narthex.IsKind(err, narthex.Invalid) && !narthex.IsKind(err, narthex.Refused) && !narthex.IsKind(err, narthex.Conflict) {
			t.Errorf("a certificate with %s: %v", name, err)
		}
	}
	theirs := certificate(e, id, grant.Agreement, "ada2", e.Clock.Now())
	if _, err := e.People["ada2"].Meet(t.Context(), id, certified(t, e, theirs, "ada2", "ada2", narthex.PartyResearcher)); !narthex.IsKind(err, narthex.Withheld) {
		t.Errorf("someone who has no part in it: %v", err)
	}
	labs := certificate(e, id, grant.Agreement, "dan", e.Clock.Now())
	if _, err := e.People["dan"].Meet(t.Context(), id, certified(t, e, labs, "dan", "dan", narthex.PartyResearcher)); !narthex.IsKind(err, narthex.Refused) {
		t.Errorf("someone of the lab: %v", err)
	}
	list := must(ada.Obligations(t.Context(), id))
	if o := obligation(t, list, narthex.DestructionCertificate); o.State != narthex.ObligationOpen || len(o.Done) != 0 {
		t.Fatalf("after all those it is %+v", o)
	}
	nothing := certificate(e, id, grant.Agreement, "otto", e.Clock.Now())
	nothing.Received, nothing.Method = []narthex.Received{}, ""
	if o := obligation(t, must(e.People["otto"].Meet(t.Context(), id, certified(t, e, nothing, "otto", "otto", narthex.PartyInstitution))), narthex.DestructionCertificate); o.State != narthex.ObligationMet {
		t.Errorf("that nothing was received, by the official: %+v", o)
	}
}

// TestALateCertificateHoldsTheNextAgreementBack, of the same person and of their organisation, and of nobody else.
func TestALateCertificateHoldsTheNextAgreementBack(t *testing.T) {
	e := testenv.New(t, testenv.Options{Files: certifying(`"yes"`)})
	e.Outsiders(t, "2", "Second")
	bea := must(e.People["carol"].Invite(t.Context(), client.Invite{Name: "Bea", Email: "bea@x.test", Org: must(e.People["otto"].WhoAmI(t.Context())).Person.Org, Region: "fr"}))
	e.Join(t, "bea", bea.Code)
	grant, _ := e.Grant(t, "", testenv.Tokens(1000, nil))
	must(e.People["ada"].Command(t.Context(), grant.Engagement, "end", client.Command{Text: "done"}))
	afterwards(t, e, 11*24*time.Hour) // ten business days are twelve days at least
	next := agreed(t, e)
	must(e.People["ada"].Sign(t, next, narthex.PartyResearcher))
	afterwards(t, e, 8*24*time.Hour)
	blocked := func(who string, id narthex.EngagementID, party narthex.PartyRole, names bool) {
		t.Helper()
		_, err := e.People[who].Sign(t, id, party)
		if !narthex.IsKind(err, narthex.Conflict) || strings.Contains(err.Error(), string(grant.Engagement)) != names || names && !strings.Contains(err.Error(), ". End and return") {
			t.Errorf("%s signs: %v", who, err)
		}
	}
	blocked("otto", next, narthex.PartyInstitution, true)
	blocked("dan", next, narthex.PartyLab, true)
	// A colleague learns that there is one, and not which.
	theirs := must(e.People["bea"].Draft(t.Context(), client.Draft{Pathway: "test", Title: "another", Answers: map[string]string{"why": "to see"}, Terms: []narthex.Term{testenv.Tokens(1000, nil)}})).Engagement.ID
	view := must(e.People["bea"].Command(t.Context(), theirs, "submit", client.Command{}))
	if err := approveBoth(t, e, view); err != nil {
		t.Fatal(err)
	}
	blocked("bea", theirs, narthex.PartyResearcher, false)
	if other, _ := e.Grant(t, "2", testenv.Tokens(1000, nil)); other.ID == "" {
		t.Error("another organisation is held back")
	}
	made := certificate(e, grant.Engagement, grant.Agreement, "ada", e.Clock.Now())
	must(e.People["ada"].Meet(t.Context(), grant.Engagement, certified(t, e, made, "ada", "ada", narthex.PartyResearcher)))
	must(e.People["otto"].Sign(t, next, narthex.PartyInstitution))
	if view := must(e.People["dan"].Sign(t, next, narthex.PartyLab)); view.Engagement.State != narthex.Active {
		t.Errorf("when it is met it is %s", view.Engagement.State)
	}
}

// TestTwoOfTheLabWaiveWhatNobodyCanMeet, and one alone does not, nor one who has a part in it.
func TestTwoOfTheLabWaiveWhatNobodyCanMeet(t *testing.T) {
	e := testenv.New(t, testenv.Options{Files: certifying(`"yes"`)})
	grant, _ := e.Grant(t, "", testenv.Tokens(1000, nil))
	id, waive := grant.Engagement, client.CloseOut{Obligation: narthex.DestructionCertificate, Text: "the institute is no more"}
	must(e.People["ada"].Command(t.Context(), id, "end", client.Command{Text: "done"}))
	for _, name := range []string{"ada", "otto", "lea", "olga"} {
		if _, err := e.People[name].Waive(t.Context(), id, waive); err == nil {
			t.Errorf("%s waives it", name)
		}
	}
	if o := obligation(t, must(e.People["carol"].Waive(t.Context(), id, waive)), narthex.DestructionCertificate); o.State != narthex.ObligationOpen {
		t.Errorf("one person waived it: %+v", o)
	}
	if _, err := e.People["carol"].Waive(t.Context(), id, waive); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("the same person twice: %v", err)
	}
	if _, err := e.People["carol"].Command(t.Context(), id, "close", client.Command{}); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("closed on one person's word: %v", err)
	}
	if o := obligation(t, must(e.People["sam"].Waive(t.Context(), id, waive)), narthex.DestructionCertificate); o.State != narthex.ObligationWaived || len(o.Waivers) != 2 {
		t.Errorf("two waived it: %+v", o)
	}
	must(e.People["carol"].Command(t.Context(), id, "close", client.Command{}))
}
