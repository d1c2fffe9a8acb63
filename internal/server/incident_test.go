package server_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/testenv"
)

// An incident is opened by either side, with a lock and a report in one commit where the lab opens it; it holds the end back until someone
// else says what became of it, and stands in the report.
func TestAnIncidentHoldsTheEndUntilSomeoneElseResolvesIt(t *testing.T) {
	e := testenv.New(t, testenv.Options{Files: reporting})
	grant, key := e.Grant(t, "", testenv.Tokens(1e6, nil))
	ada, sam, carol, paul := e.People["ada"], e.People["sam"], e.People["carol"], e.People["paul"]
	id, was := grant.Engagement, e.Clock.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	good := client.OpenIncident{Kind: "credential_exposed", Severity: "high", At: was, Assets: []narthex.AssetName{"model"}, Told: []string{"our security"}, Text: "a key stood in a notebook"}
	onGrant := &client.LockRequest{Subject: "grant", Target: string(grant.ID), Reason: narthex.CompromisedCredential}
	for what, change := range map[string]func(*client.OpenIncident){
		"another kind":             func(in *client.OpenIncident) { in.Kind = "boredom" },
		"another severity":         func(in *client.OpenIncident) { in.Severity = "huge" },
		"a time to come":           func(in *client.OpenIncident) { in.At = was.AddDate(1, 0, 0) },
		"another asset":            func(in *client.OpenIncident) { in.Assets = []narthex.AssetName{"hidden"} },
		"no word":                  func(in *client.OpenIncident) { in.Text = " " },
		"a lock by the researcher": func(in *client.OpenIncident) { in.Lock = onGrant },
		"a report by the researcher": func(in *client.OpenIncident) {
			in.ReportBy, in.ReportDays = narthex.PartyResearcher, 5
		},
	} {
		in := good
		change(&in)
		if _, err := ada.OpenIncident(t.Context(), id, in); err == nil {
			t.Errorf("an incident with %s was taken", what)
		}
	}
	if list := must(ada.OpenIncident(t.Context(), id, good)); len(list.Incidents) != 1 || !list.Incidents[0].Open() || list.Incidents[0].By != ada.ID {
		t.Fatalf("%+v", list)
	}
	in := good
	in.Kind, in.ReportBy, in.ReportDays = "misuse", narthex.PartyResearcher, 5
	in.Lock = &client.LockRequest{Subject: "asset", Target: "hidden", Reason: "incident"}
	if _, err := sam.OpenIncident(t.Context(), id, in); err == nil {
		t.Error("an incident locked what its engagement is not made of")
	}
	in.Lock = onGrant
	second := must(sam.OpenIncident(t.Context(), id, in))
	if status, _, _ := e.Chat(t.Context(), key, testenv.Hello); status != http.StatusForbidden || second.Incidents[1].Lock == "" {
		t.Errorf("the lock of an incident: %d %+v", status, second.Incidents[1])
	}
	if _, err := carol.Unlock(t.Context(), second.Incidents[1].Lock); err != nil {
		t.Fatal(err)
	}
	if _, err := ada.Command(t.Context(), id, "end", client.Command{Text: "done"}); err != nil {
		t.Fatal(err)
	}
	evidence := narthex.MakeDigest([32]byte{1})
	must(ada.Meet(t.Context(), id, client.CloseOut{Obligation: narthex.FinalReport, Evidence: evidence, Text: "x"}))
	closes := func() error {
		_, err := carol.Command(t.Context(), id, "close", client.Command{})
		return err
	}
	if err := closes(); err == nil || !strings.Contains(err.Error(), "while an incident is open") {
		t.Errorf("it closes while incidents are open: %v", err)
	}
	resolve := func(p *testenv.Person, number int) error {
		_, err := p.ResolveIncident(t.Context(), id, client.ResolveIncident{Number: number, Outcome: "contained", Text: "it was revoked"})
		return err
	}
	if resolve(ada, 2) == nil || resolve(sam, 2) == nil || resolve(paul, 3) == nil {
		t.Error("an incident was resolved by the side that it is about, by who opened it, or there is none")
	}
	for number, p := range map[int]*testenv.Person{1: paul, 2: carol} {
		if err := resolve(p, number); err != nil {
			t.Errorf("incident %d: %v", number, err)
		}
	}
	if err := closes(); err == nil || !strings.Contains(err.Error(), "a report on the incident") {
		t.Errorf("it closes while a report on an incident is owed: %v", err)
	}
	must(ada.Meet(t.Context(), id, client.CloseOut{Obligation: narthex.IncidentReport, Evidence: narthex.MakeDigest([32]byte{2}), Text: "x"}))
	if err := closes(); err != nil {
		t.Error(err)
	}
	if r := must(carol.Report(t.Context())).Incidents; r.Open != 0 || r.Resolved != 2 || r.Kinds["misuse"] != 1 {
		t.Errorf("the report counts %+v", r)
	}
}
