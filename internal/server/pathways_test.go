package server_test

import (
	"slices"
	"strings"
	"testing"

	"narthex"
	"narthex/client"
	"narthex/internal/lab"
	"narthex/internal/testenv"
)

// bound is a pathway with everything that takes something from an application: a sponsor, least days, a condition, what is to
// come, and clauses that code reads.
func bound(f lab.Files) {
	text := string(f["pathways/test.yaml"])
	for _, change := range [][2]string{
		{"questions:\n", "codes: [NOAGENT, COL]\nsponsor: required\nleast_grant_days: 20\nlater:\n  - {attribute: model.cot, says: thoughts as they are}\nquestions:\n" +
			"  - {name: personal, ask: Personal data?, required: true, max_chars: 3, choices: [\"no\", \"yes\"]}\n" +
			"  - {name: basis, ask: On what basis?, required: true, max_chars: 100, when: {question: personal, is: [\"yes\"]}}\n"},
		{"  - {clause: purpose}\n", "  - {clause: purpose}\n  - {clause: agents}\n  - {clause: recipients, values: {people: \"1\"}}\n"},
		{"actor_kinds: {default: [human], names: [human, agent]}", "actor_kinds: {default: [human], names: [human]}"},
		{"    limits:\n      max_tokens", "    beyond: [programme]\n    limits:\n      max_tokens"},
	} {
		text = strings.Replace(text, change[0], change[1], 1)
	}
	f["pathways/test.yaml"] = []byte(text)
}

// TestAPathwayBindsItsApplications: what a pathway says of an application is held when it is written or handed in, and the
// refusal names the field and the rule.
func TestAPathwayBindsItsApplications(t *testing.T) {
	e := testenv.New(t, testenv.Options{Files: bound})
	ada, people := e.People["ada"], e.People
	term := narthex.Term{Attribute: "model.sample", Asset: "model"}
	good := client.Draft{Pathway: "test", Title: "x", Sponsor: people["paul"].ID, Answers: map[string]string{"why": "x", "personal": "yes", "basis": "consent"}, Terms: []narthex.Term{term}}
	for name, c := range map[string]struct {
		spoil       func(*client.Draft)
		field, says string
		submit      bool // it is a draft, and cannot be handed in
	}{
		"too few days": {func(d *client.Draft) { d.Days = 27 }, "days", "at least 20 business days, which can take 28 days", false},
		"an agent, beyond the range": {func(d *client.Draft) {
			d.Terms[0].Limits = map[narthex.LimitName]narthex.Value{"actor_kinds": narthex.NamesValue("human", "agent")}
		}, "terms", "clause agents", false},
		"one person too many":         {func(d *client.Draft) { d.Members = []narthex.PersonID{people["otto"].ID} }, "members", "clause recipients", false},
		"what is not asked then":      {func(d *client.Draft) { d.Answers["personal"] = "no" }, "answers.basis", "only when personal is: yes", false},
		"what is not asked before it": {func(d *client.Draft) { delete(d.Answers, "personal") }, "answers.basis", "only when personal is: yes", false},
		"what is asked then":          {func(d *client.Draft) { delete(d.Answers, "basis") }, "answers", "basis", true},
		"no sponsor":                  {func(d *client.Draft) { d.Sponsor = "" }, "sponsor", "takes no application without a sponsor", true},
		"what is to come":             {func(d *client.Draft) { d.Terms = append(d.Terms, narthex.Term{Attribute: "model.cot", Asset: "model"}) }, "terms", "is to come on the pathway test and cannot be applied for yet: thoughts as they are", true},
	} {
		draft := good
		draft.Answers = map[string]string{"why": "x", "personal": "yes", "basis": "consent"}
		draft.Terms = []narthex.Term{term}
		c.spoil(&draft)
		view, err := ada.Draft(t.Context(), draft)
		if c.submit {
			if err != nil {
				t.Errorf("%s cannot be drafted: %v", name, err)
				continue
			}
			_, err = ada.Command(t.Context(), view.Engagement.ID, "submit", client.Command{})
		}
		if !narthex.IsKind(err, narthex.Invalid) && !narthex.IsKind(err, narthex.Refused) || !strings.Contains(err.Error(), c.says) || c.field != "terms" && narthex.AsError(err).Param != c.field {
			t.Errorf("%s: %v (%s)", name, err, narthex.AsError(err).Param)
		}
	}
	for _, answers := range []map[string]string{good.Answers, {"why": "x", "personal": "no"}, {"why": "x", "personal": "no", "basis": ""}} {
		good.Answers, good.Days = answers, 28
		view, err := ada.Draft(t.Context(), good)
		if err == nil {
			_, err = ada.Command(t.Context(), view.Engagement.ID, "submit", client.Command{})
		}
		if err != nil {
			t.Errorf("what the pathway allows is refused with %v: %v", answers, err)
		}
	}
	showsAll(t, e)
}

// showsAll holds the public view of the pathway to what binds an applicant.
func showsAll(t *testing.T, e *testenv.Env) {
	t.Helper()
	view, err := e.Client.Pathway(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	value := func(clause narthex.ClauseName, name string) client.ClauseValue {
		for _, c := range view.Clauses {
			if at := slices.IndexFunc(c.Values, func(v client.ClauseValue) bool { return v.Name == name }); c.Clause == clause && at >= 0 {
				return c.Values[at]
			}
		}
		return client.ClauseValue{}
	}
	if v := value("agents", "kinds"); v.Value != "people only" || v.Held != narthex.HeldGateway || v.By != "actor_kinds" || !strings.Contains(v.Range, "people and agents") {
		t.Errorf("a held parameter is shown as %+v", v)
	}
	if v := value("safe-harbour", "appeal_days"); v.Value != "10" {
		t.Errorf("a notice's parameter is shown as %+v", v)
	}
	if view.LeastDays != 28 || view.Codes["NOAGENT"] == "" || view.Attributes["model.cot"].Says == "" || view.Pathway.ExpectedDays != 2 || view.Pathway.Sponsor != narthex.SponsorRequired ||
		view.Pathway.Later[0].Says != "thoughts as they are" || view.Pathway.Questions[1].When == nil {
		t.Errorf("the pathway is shown as %+v", view)
	}
}
