package server_test

import (
	"encoding/json"
	"strings"
	"testing"

	"narthex"
	"narthex/client"
	"narthex/internal/lab"
	"narthex/internal/testenv"
)

// TestAnExportHasOnesOwnCallsAndNobodyElses: with the clause or the reason of each, page by page; of others their number, and of a
// guardrail its name.
func TestAnExportHasOnesOwnCallsAndNobodyElses(t *testing.T) {
	e := testenv.New(t, testenv.Options{Files: func(files lab.Files) {
		files["guardrails/test.cedar"] = []byte("@id(\"canary-of-a-rule\")\nforbid (principal, action, resource) when { context.max_tokens == 13 };\n")
	}})
	invited := must(e.People["carol"].Invite(t.Context(), client.Invite{Name: "Ben", Email: "ben@x.test", Org: must(e.People["ada"].WhoAmI(t.Context())).Person.Org, Region: "fr"}))
	ben := e.Join(t, "ben", invited.Code)
	view := must(e.People["ada"].Draft(t.Context(), client.Draft{Pathway: "test", Title: "two", Answers: map[string]string{"why": "x"}, Members: []narthex.PersonID{ben.ID}, Terms: []narthex.Term{testenv.Tokens(1000, nil)}}))
	id := view.Engagement.ID
	view = must(e.People["ada"].Command(t.Context(), id, "submit", client.Command{}))
	for name, role := range map[string]narthex.Role{"sam": narthex.Security, "olga": narthex.AssetOwner} {
		must(e.People[name].Command(t.Context(), id, "approve", client.Command{As: role, Saw: view.Engagement.Digest}))
	}
	for name, party := range map[string]narthex.PartyRole{"ada": narthex.PartyResearcher, "otto": narthex.PartyInstitution, "dan": narthex.PartyLab} {
		must(e.People[name].Sign(t, id, party))
	}
	view = must(e.People["ada"].Engagement(t.Context(), id))
	grant := view.Engagement.Grant
	must(ben.Command(t.Context(), id, "join", client.Command{Saw: view.Engagement.Agreement}))
	key, other := must(e.People["ada"].Mint(t.Context(), grant, client.Mint{Label: "x"})).Token, must(ben.Mint(t.Context(), grant, client.Mint{Label: "y"})).Token
	chat(t, e, key, testenv.Hello)
	chat(t, e, other, testenv.Hello)
	for _, body := range []string{`"max_tokens":5,"seed":7`, `"max_tokens":13`} {
		if status, _, err := e.Chat(t.Context(), key, `{"model":"model","messages":[{"role":"user","content":"x"}],`+body+`}`); err != nil || status != 403 {
			t.Fatalf("%d %v", status, err)
		}
	}
	var lines []client.CallLine
	others, of, pages := 0, client.Page{Limit: 1}, 0
	for more := true; more; more = of.After != "" {
		page := must(e.People["ada"].Calls(t.Context(), grant, of))
		if len(page.Calls) > 1 {
			t.Errorf("a page of one has %d", len(page.Calls))
		}
		lines, others, of.After = append(lines, page.Calls...), others+page.Others, page.Next
		pages++
	}
	if len(lines) != 4 || pages < 4 || others != 2 {
		t.Fatalf("%d lines in %d pages, %d of others: %+v", len(lines), pages, others, lines)
	}
	in, out, seed, rule := lines[0], lines[1], lines[2], lines[3]
	if in.What != narthex.EntryCallIntent || in.Clauses == "" || out.What != narthex.EntryCallOutcome || out.Call != in.Call || out.Status == "" || out.Used == nil {
		t.Errorf("a call: %+v and %+v", in, out)
	}
	if seed.What != narthex.EntryCallDenied || len(seed.Reasons) == 0 || seed.Reasons[0].Code != "not_granted" || len(seed.Withheld) != 0 {
		t.Errorf("what was not granted: %+v", seed)
	}
	if len(rule.Reasons) == 0 || rule.Reasons[0].Code != "guardrail" || len(rule.Withheld) != 1 || strings.Contains(string(must(json.Marshal(rule))), "context") {
		t.Errorf("what a guardrail forbids: %+v", rule)
	}
	if page := must(ben.Calls(t.Context(), grant, client.Page{})); len(page.Calls) != 2 || page.Others != 4 {
		t.Errorf("the other member: %+v", page)
	}
	for name, kind := range map[string]narthex.Kind{"otto": narthex.Refused, "lea": narthex.Refused} {
		if _, err := e.People[name].Calls(t.Context(), grant, client.Page{}); !narthex.IsKind(err, kind) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
