package server_test

import (
	"strings"
	"testing"

	"narthex"
	"narthex/client"
	"narthex/internal/testenv"
)

// TestWhatTakesMoreApprovalsIsHeldAtSubmissionAtSigningAndAtEachCall: no attribute that has a door asks more than two people
// today, so the test makes one that does, under a running node.
func TestWhatTakesMoreApprovalsIsHeldAtSubmissionAtSigningAndAtEachCall(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	e.Tampered = true // it decides by another taxonomy for a while, which a replay finds
	_, key := e.Grant(t, "", testenv.Tokens(1000, nil))
	ada := e.People["ada"]
	view, err := ada.Draft(t.Context(), client.Draft{Pathway: "test", Title: "offered", Answers: map[string]string{"why": "x"}, Terms: []narthex.Term{testenv.Tokens(10, nil)}})
	if err != nil {
		t.Fatal(err)
	}
	offered := view.Engagement.ID
	if view, err = ada.Command(t.Context(), offered, "submit", client.Command{}); err != nil {
		t.Fatal(err)
	}
	for name, role := range map[string]narthex.Role{"olga": narthex.AssetOwner, "sam": narthex.Security} {
		if view, err = e.People[name].Command(t.Context(), offered, "approve", client.Command{As: role, Saw: view.Engagement.Digest}); err != nil {
			t.Fatal(err)
		}
	}
	agreed, err := ada.Agreement(t.Context(), offered)
	if err != nil || agreed.Agreement.Approvals != 2 || !strings.Contains(agreed.Markdown, "| approved | by 2 people |") {
		t.Errorf("the agreement says that %d people approved: %v", agreed.Agreement.Approvals, err)
	}
	for name, party := range map[string]narthex.PartyRole{"ada": narthex.PartyResearcher, "otto": narthex.PartyInstitution} {
		if _, err := e.People[name].Sign(t, offered, party); err != nil {
			t.Fatal(err)
		}
	}
	rules, err := e.Node.Rules().Get()
	if err != nil {
		t.Fatal(err)
	}
	asks := func(more int) {
		attribute := rules.Directory.Taxonomy.Attributes["model.sample"]
		attribute.Approvals = more
		rules.Directory.Taxonomy.Attributes["model.sample"] = attribute
	}
	asks(1)
	if status, body, err := e.Chat(t.Context(), key, testenv.Hello); err != nil || status != 403 || !strings.Contains(body, `"code":"approvals"`) || !strings.Contains(body, `"allowed":"3","asked":"2"`) {
		t.Errorf("a call on the word of two where three are asked: %d %s %v", status, body, err)
	}
	if _, err := e.People["dan"].Sign(t, offered, narthex.PartyLab); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("the last signature on the word of two where three are asked: %v", err)
	}
	draft := client.Draft{Pathway: "test", Title: "another", Answers: map[string]string{"why": "x"}, Terms: []narthex.Term{testenv.Tokens(10, nil)}}
	if view, err = ada.Draft(t.Context(), draft); err != nil {
		t.Fatal(err)
	}
	if view, err = ada.Command(t.Context(), view.Engagement.ID, "submit", client.Command{}); err != nil {
		t.Fatal(err)
	}
	seats := 0
	for _, rule := range view.Engagement.Application.Reviews {
		seats += rule.Quorum
	}
	if seats != 3 {
		t.Errorf("what is submitted waits for %d people, and three are asked", seats)
	}
	asks(0)
	if status, body, err := e.Chat(t.Context(), key, testenv.Hello); err != nil || status != 200 {
		t.Errorf("a call on the word of two where two are asked: %d %s %v", status, body, err)
	}
	if _, err := e.People["dan"].Sign(t, offered, narthex.PartyLab); err != nil {
		t.Errorf("the last signature where two are asked: %v", err)
	}
}
