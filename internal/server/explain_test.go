package server_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"

	"narthex"
	"narthex/client"
	"narthex/internal/testenv"
)

// ledgerLines is how many lines an export has. Each export is an entry itself, which the next one holds.
func ledgerLines(t *testing.T, e *testenv.Env) int {
	t.Helper()
	var out bytes.Buffer
	if err := e.People["lea"].Client.Export(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	return bytes.Count(out.Bytes(), []byte("\n"))
}

// What is explained is what the door then does: the same clauses where it allows, the same word where it does not; and asking
// takes nothing and records nothing.
func TestAnExplanationIsWhatTheDoorDecides(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	e.Outsiders(t, "2", "Second")
	e.Model.Handle(testenv.Answer("hello", 7, 5))
	grant, key := e.Grant(t, "", testenv.Tokens(1e6, nil))
	ada := e.People["ada"].Client
	lines := ledgerLines(t, e)
	bodies := map[string]string{
		"a plain call":       testenv.Hello,
		"log-probabilities":  `{"model":"model","messages":[{"role":"user","content":"hi"}],"logprobs":true}`,
		"a hidden model":     `{"model":"hidden","messages":[{"role":"user","content":"hi"}]}`,
		"one that is absent": `{"model":"absent","messages":[{"role":"user","content":"hi"}]}`,
		"too long":           `{"model":"model","messages":[{"role":"user","content":"hi"}],"max_tokens":1000000}`,
	}
	said := map[string]client.Explanation{}
	for what, body := range bodies {
		out, err := ada.Explain(t.Context(), grant.ID, client.Explain{Surface: "chat", Request: body})
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		said[what] = out
	}
	if now := ledgerLines(t, e); now != lines+1 {
		t.Errorf("asking wrote %d entries", now-lines-1)
	}
	for what, body := range bodies {
		status, text, err := e.Post(t.Context(), chats, key, body)
		if err != nil {
			t.Fatal(err)
		}
		var answer client.Problem
		if err := json.Unmarshal([]byte(text), &answer); err != nil {
			t.Fatal(err)
		}
		allowed, told := status == http.StatusOK, said[what]
		if allowed != told.Allowed || allowed && len(told.Reasons) == 0 || !allowed && (told.Code != answer.Error.Code || told.Says != answer.Error.Message) {
			t.Errorf("%s: told %+v, and the door answered %d %s", what, told, status, text)
		}
	}
	if hidden, absent := said["a hidden model"], said["one that is absent"]; hidden.Says != absent.Says || hidden.Code != absent.Code || len(hidden.Reasons) != len(absent.Reasons) {
		t.Errorf("a hidden model is told from an absent one: %+v %+v", hidden, absent)
	}
	if _, err := e.People["sam"].Lock(t.Context(), client.LockRequest{Subject: "grant", Target: string(grant.ID), Reason: "safety"}); err != nil {
		t.Fatal(err)
	}
	if out, err := ada.Explain(t.Context(), grant.ID, client.Explain{Surface: "chat", Request: testenv.Hello}); err != nil || out.Allowed || out.Code != "locked" {
		t.Errorf("under a lock: %+v (%v)", out, err)
	}
	for what, c := range map[string]struct {
		who  string
		in   client.Explain
		kind narthex.Kind
	}{
		"an outsider about another": {"ada", client.Explain{Surface: "chat", Request: testenv.Hello, Person: e.People["ada2"].ID}, narthex.Withheld},
		"the lab about a stranger":  {"sam", client.Explain{Surface: "chat", Request: testenv.Hello, Person: e.People["ada2"].ID}, narthex.Withheld},
		"a stranger":                {"ada2", client.Explain{Surface: "chat", Request: "{"}, narthex.Withheld},
		"no such surface":           {"ada", client.Explain{Surface: "models", Request: testenv.Hello}, narthex.Invalid},
		"no such actor":             {"ada", client.Explain{Surface: "chat", Request: testenv.Hello, Actor: "robot"}, narthex.Invalid},
		"not a request":             {"ada", client.Explain{Surface: "chat", Request: "{"}, narthex.Invalid},
	} {
		if _, err := e.People[c.who].Client.Explain(t.Context(), grant.ID, c.in); !narthex.IsKind(err, c.kind) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestAnAttributeIsExplainedWithoutARequest, as the least request that uses it would be.
func TestAnAttributeIsExplainedWithoutARequest(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	grant, _ := e.Grant(t, "", testenv.Tokens(1e6, nil))
	ask := func(in client.Explain) (client.Explanation, error) {
		return e.People["ada"].Client.Explain(t.Context(), grant.ID, in)
	}
	for attribute, same := range map[narthex.AttributeName]string{"model.sample": `"max_tokens":1`, "model.logprobs": `"max_tokens":1,"logprobs":true`, "model.seed": `"max_tokens":1,"seed":1`} {
		bare := must(ask(client.Explain{Attribute: attribute, Asset: "model"}))
		whole := must(ask(client.Explain{Surface: "chat", Request: say(same)}))
		if bare.Allowed != whole.Allowed || bare.Code != whole.Code || bare.Allowed != (attribute == "model.sample") || len(bare.Reasons) == 0 {
			t.Errorf("%s: %+v, and of a request %+v", attribute, bare, whole)
		}
	}
	hidden, absent := must(ask(client.Explain{Attribute: "model.sample", Asset: "hidden"})), must(ask(client.Explain{Attribute: "model.sample", Asset: "absent"}))
	if hidden.Allowed || hidden.Says != absent.Says || hidden.Code != absent.Code {
		t.Errorf("a hidden model is told from an absent one: %+v %+v", hidden, absent)
	}
	for what, in := range map[string]client.Explain{"an attribute that no call uses": {Attribute: "weights.read", Asset: "model"}, "one that is none": {Attribute: "model.magic", Asset: "model"},
		"both": {Attribute: "model.sample", Asset: "model", Surface: "chat", Request: testenv.Hello}, "an asset alone": {Asset: "model"}, "nothing": {}} {
		if _, err := ask(in); !narthex.IsKind(err, narthex.Invalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
