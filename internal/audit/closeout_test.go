package audit_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/agreement"
	"narthex/internal/canon"
	"narthex/internal/lab"
	"narthex/internal/store"
	"narthex/internal/testenv"
	"narthex/internal/workflow"
)

// closedHistory is an engagement that was closed out, with a certificate by a signing key that signed nothing else, and a statement.
func closedHistory(t *testing.T) (*testenv.Env, narthex.EngagementID) {
	t.Helper()
	e := testenv.New(t, testenv.Options{Files: func(files lab.Files) {
		files["pathways/test.yaml"] = bytes.Replace(files["pathways/test.yaml"], []byte("clauses:\n"), []byte("clauses:\n  - {clause: termination-and-return}\n"), 1)
	}})
	grant, _ := e.Grant(t, "", testenv.Tokens(1000, nil))
	ada, id := e.People["ada"], grant.Engagement
	_, err := ada.Command(t.Context(), id, "end", client.Command{Text: "done"})
	must(t, err)
	key, err := client.NewKey()
	must(t, err)
	signer, err := ada.EnrollSigner(t.Context(), key)
	must(t, err)
	made := narthex.Certificate{Format: narthex.CertificateFormat, Origin: "ledger.test-lab.test", Engagement: id, Agreement: grant.Agreement, Person: ada.ID, Received: []narthex.Received{}, At: e.Clock.Now().UTC().Truncate(time.Second)}
	digest, err := canon.Digest(made)
	must(t, err)
	envelope, err := agreement.Sign(key, agreement.NewStatement(digest, narthex.PartyResearcher, ada.ID, made.Origin))
	must(t, err)
	if signer.Fingerprint != agreement.Fingerprint(key.Public().(ed25519.PublicKey)) {
		t.Fatal(signer.Fingerprint)
	}
	_, err = ada.Meet(t.Context(), id, client.CloseOut{Obligation: narthex.DestructionCertificate, Certify: &client.Certify{Certificate: made, Party: narthex.PartyResearcher, Signer: signer.Fingerprint, Envelope: envelope}})
	must(t, err)
	_, err = e.People["carol"].Command(t.Context(), id, "close", client.Command{})
	must(t, err)
	_, err = e.People["lea"].Statement(t.Context(), id, client.StatementRequest{})
	must(t, err)
	return e, id
}

// TestACloseoutThatWasNotIsNamed: a certificate by a key that was not enrolled for that person, an engagement that owes less than its
// agreement asks, and one that was signed otherwise, are named, though the lab wrote its ledger and its tables to fit.
func TestACloseoutThatWasNotIsNamed(t *testing.T) {
	e, id := closedHistory(t)
	honest := takeHome(t, e)
	s, key := stopped(t, e)
	rows := freeze(t, s)
	if report := compared(t, rows, key); len(report.Differences) != 0 {
		show(t, report.Differences)
		t.Fatal("the honest tables have differences")
	}
	says := func(report client.Audit, found string) int {
		return len(slices.DeleteFunc(report.Differences, func(d client.Difference) bool { return !strings.Contains(d.Found, found) }))
	}
	forged := *honest
	forged.records, forged.openings = slices.Clone(honest.records), slices.Clone(honest.openings)
	last := 0
	for i, o := range forged.openings {
		if o.Type == narthex.EntrySignerEnrolled {
			last = i
		}
	}
	forged.set(t, last, "person", `"per_aaaaaaaaaaaaaaaaaaaaaaaaaa"`)
	if n := says(beside(t, rows, key, &forged), "a certificate of destruction that does not verify"); n != 1 {
		t.Errorf("the certificate is named %d times", n)
	}
	for _, c := range []struct {
		command workflow.Command
		change  func(*workflow.Event)
		says    string
	}{
		{workflow.Activate, func(event *workflow.Event) { event.Owed = nil }, "obligations or an end that are not the agreement's"},
		{workflow.Offer, func(event *workflow.Event) { event.Signing = &narthex.Signing{LabLast: true} }, "a way of signing that is not the agreement's"},
	} {
		altered, forged := asIf(t, rows, honest, id, c.command, c.change)
		if n := says(beside(t, altered, key, forged), c.says); n != 1 {
			t.Errorf("%s: named %d times", c.says, n)
		}
	}
}

// asIf gives the tables and the ledger as if the events of an engagement had been otherwise from the first.
func asIf(t *testing.T, rows frozen, honest *copyOf, id narthex.EngagementID, command workflow.Command, change func(*workflow.Event)) (frozen, *copyOf) {
	t.Helper()
	forged, altered := *honest, frozen{}
	forged.records, forged.openings = slices.Clone(honest.records), slices.Clone(honest.openings)
	for table, list := range rows {
		altered[table] = slices.Clone(list)
	}
	for i, row := range altered[store.Events] {
		var event workflow.Event
		must(t, json.Unmarshal(row.Value, &event))
		if event.Command != command || !strings.HasPrefix(row.Key, string(id)) {
			continue
		}
		before, err := canon.Digest(event)
		must(t, err)
		change(&event)
		after, err := canon.Digest(event)
		must(t, err)
		value, err := json.Marshal(event)
		must(t, err)
		altered[store.Events][i].Value = value
		forged.replaceAll(t, string(before), string(after))
	}
	return altered, &forged
}

// TestAnAgreementOfAnEarlierProgramWasSignedAsItWasThen: such a program offered agreements that asked to be signed in some way and kept
// that nowhere, and a node that starts on its tables finds no difference in that. Of one whose clause says more it does.
func TestAnAgreementOfAnEarlierProgramWasSignedAsItWasThen(t *testing.T) {
	for _, earlier := range []bool{true, false} {
		e := testenv.New(t, testenv.Options{Files: func(files lab.Files) {
			if earlier {
				files["clauses/signature.md"] = []byte("---\ntitle: Signature\nparameters:\n  order: {kind: choice, says: in which order, default: in any order, choices: [in any order, the lab signs last], held: agreement, by: signing}\n---\nEach party signs the digest on the cover, {{order}}.\n")
			}
			files["pathways/test.yaml"] = bytes.Replace(files["pathways/test.yaml"], []byte("clauses:\n"), []byte("clauses:\n  - {clause: signature, values: {order: the lab signs last}}\n"), 1)
		}})
		grant, _ := e.Grant(t, "", testenv.Tokens(1000, nil))
		honest := takeHome(t, e)
		s, key := stopped(t, e)
		altered, forged := asIf(t, freeze(t, s), honest, grant.Engagement, workflow.Offer, func(event *workflow.Event) {
			if event.Signing == nil || !event.Signing.LabLast {
				t.Fatal("it was not offered so")
			}
			event.Signing = nil
		})
		report := beside(t, altered, key, forged)
		named := slices.ContainsFunc(report.Differences, func(d client.Difference) bool { return strings.Contains(d.Found, "a way of signing") })
		if named == earlier {
			t.Errorf("of an earlier program %v: named %v", earlier, named)
		}
	}
}
