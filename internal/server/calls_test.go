package server_test

import (
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/testenv"
)

type limits = map[narthex.LimitName]narthex.Value

// number, names and instant make values.
func number(n float64) narthex.Value     { return narthex.NumberValue(n) }
func names(list ...string) narthex.Value { return narthex.NamesValue(list...) }
func instant(after time.Duration) narthex.Value {
	return narthex.TimeValue(time.Now().Add(after))
}

// say makes a chat call with more fields.
func say(more string) string {
	if more != "" {
		more = "," + more
	}
	return `{"model":"model","messages":[{"role":"user","content":"hello"}]` + more + `}`
}

// TestEachLimitAdmitsAndRefuses drives every kind of limit and every common limit through one admitted and one refused call.
func TestEachLimitAdmitsAndRefuses(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	sample := func(more limits) narthex.Term { return testenv.Tokens(100_000, more) }
	system := func(text string) string {
		return `{"model":"model","max_tokens":3,"messages":[{"role":"system","content":"` + text + `"},{"role":"user","content":"hello"}]}`
	}
	prefill := func(text string) string {
		return `{"model":"model","max_tokens":3,"messages":[{"role":"user","content":"hello"},{"role":"assistant","content":"` + text + `"}]}`
	}
	tool := func(name string) string {
		return say(`"max_tokens":3,"tools":[{"type":"function","function":{"name":"` + name + `"}}]`)
	}
	for name, c := range map[string]struct {
		terms    []narthex.Term
		admitted string
		refused  string
		says     string
	}{
		"max: max_tokens":         {[]narthex.Term{sample(limits{"max_tokens": number(10)})}, say(`"max_tokens":10`), say(`"max_tokens":11`), `"limit":"max_tokens"`},
		"max: n":                  {[]narthex.Term{sample(limits{"n": number(2)})}, say(`"max_tokens":3,"n":2`), say(`"max_tokens":3,"n":3`), `"limit":"n"`},
		"max: temperature":        {[]narthex.Term{sample(nil)}, say(`"max_tokens":3,"temperature":2`), say(`"max_tokens":3,"temperature":2.1`), `temperature`},
		"max: system max_chars":   {[]narthex.Term{sample(nil), testenv.Term("model.system_prompt", limits{"max_chars": number(4)})}, system("four"), system("fives"), `"limit":"max_chars"`},
		"max: prefill max_chars":  {[]narthex.Term{sample(nil), testenv.Term("model.prefill", limits{"max_chars": number(4)})}, prefill("four"), prefill("fives"), `"limit":"max_chars"`},
		"max: logit_bias entries": {[]narthex.Term{sample(nil), testenv.Term("model.logit_bias", limits{"entries": number(1)})}, say(`"max_tokens":3,"logit_bias":{"1":1}`), say(`"max_tokens":3,"logit_bias":{"1":1,"2":1}`), `"limit":"entries"`},
		"list: tools":             {[]narthex.Term{sample(nil), testenv.Term("model.tools", limits{"tools": names("look")})}, tool("look"), tool("find"), `"limit":"tools"`},
		"list: checkpoints":       {[]narthex.Term{sample(nil), testenv.Term("model.checkpoints", limits{"checkpoints": names("early")})}, strings.Replace(say(`"max_tokens":3`), `"model":"model"`, `"model":"model@early"`, 1), strings.Replace(say(`"max_tokens":3`), `"model":"model"`, `"model":"model@middle"`, 1), `withheld`},
		"attribute: seed":         {[]narthex.Term{sample(nil), testenv.Term("model.seed", nil)}, say(`"max_tokens":3,"seed":1`), say(`"max_tokens":3,"logprobs":true`), `not_granted`},
		"budget: tokens":          {[]narthex.Term{testenv.Tokens(40, nil)}, say(`"max_tokens":5`), say(`"max_tokens":60`), `budget_exhausted`},
		"budget: tokens_per_day":  {[]narthex.Term{sample(limits{"tokens_per_day": number(40)})}, say(`"max_tokens":5`), say(`"max_tokens":60`), `budget_exhausted`},
		"budget: requests":        {[]narthex.Term{sample(limits{"requests": number(1)})}, say(`"max_tokens":3`), say(`"max_tokens":3`), `budget_exhausted`},
		"rate":                    {[]narthex.Term{sample(limits{"rate": number(1)})}, say(`"max_tokens":3`), say(`"max_tokens":3`), `rate_exceeded`},
		"guardrail":               {[]narthex.Term{sample(nil)}, say(`"max_tokens":6`), say(`"max_tokens":7`), `no-seven`},
		"guardrail, left out":     {[]narthex.Term{sample(limits{"max_tokens": number(7)})}, say(`"max_tokens":6`), say(`"temperature":1`), `no-seven`},
	} {
		t.Run(name, func(t *testing.T) {
			e.Outsiders(t, name, "Institute of "+name)
			_, key := e.Grant(t, name, c.terms...)
			if status, body, err := e.Chat(t.Context(), key, c.admitted); err != nil || status != 200 {
				t.Errorf("the call within the limit: %d %s %v", status, body, err)
			}
			if status, body, err := e.Chat(t.Context(), key, c.refused); err != nil || status == 200 || !strings.Contains(body, c.says) {
				t.Errorf("the call beyond the limit: %d %s %v", status, body, err)
			}
		})
	}
	for name, c := range map[string]struct {
		yes, no limits
		says    string
	}{
		"not_before":   {limits{"not_before": instant(-time.Hour)}, limits{"not_before": instant(time.Hour)}, "not_before"},
		"not_after":    {limits{"not_after": instant(time.Hour)}, limits{"not_after": instant(-time.Hour)}, "not_after"},
		"regions":      {limits{"regions": names("fr")}, limits{"regions": names("de")}, "regions"},
		"networks":     {limits{"networks": names("127.0.0.0/8")}, limits{"networks": names("10.0.0.0/8")}, "networks"},
		"networks bad": {limits{"networks": names("127.0.0.1/32")}, limits{"networks": names("127.0.0.1/8")}, "networks"},
		"versions":     {limits{"versions": names("final")}, limits{"versions": names("early")}, "versions"},
		"concurrency":  {limits{"concurrency": number(1)}, limits{"concurrency": number(0)}, "concurrency"},
		"actor_kinds":  {limits{"actor_kinds": names("human")}, limits{"actor_kinds": names("agent")}, "actor_kinds"},
		"topics":       {limits{}, limits{"topics": names("biology")}, "topics"},
	} {
		t.Run("common: "+name, func(t *testing.T) {
			for want, more := range map[bool]limits{true: c.yes, false: c.no} {
				suffix := name + map[bool]string{true: "yes", false: "no"}[want]
				e.Outsiders(t, suffix, "Institute of "+suffix)
				_, key := e.Grant(t, suffix, sample(more))
				status, body, err := e.Chat(t.Context(), key, say(`"max_tokens":3`))
				if err != nil || (status == 200) != want || !want && !strings.Contains(body, c.says) {
					t.Errorf("with %v: %d %s %v", more, status, body, err)
				}
			}
		})
	}
}

func TestWhatMayNotBeHeldTogetherIsRefusedAtEveryStep(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	ada := e.People["ada"]
	both := client.Draft{Pathway: "test", Title: "both", Answers: map[string]string{"why": "x"}, Terms: []narthex.Term{testenv.Tokens(10, nil), testenv.Term("model.logprobs", nil), testenv.Term("model.logit_bias", nil)}}
	view, err := ada.Draft(t.Context(), both)
	if err != nil || len(view.Notices) == 0 {
		t.Fatalf("the exclusion is not told at once: %v %v", view.Notices, err)
	}
	if _, err := ada.Command(t.Context(), view.Engagement.ID, "submit", client.Command{}); !narthex.IsKind(err, narthex.Refused) {
		t.Errorf("both were submitted: %v", err)
	}
	_, key := e.Grant(t, "", testenv.Tokens(1000, nil), testenv.Term("model.logprobs", nil))
	both.Terms = []narthex.Term{testenv.Tokens(10, nil), testenv.Term("model.logit_bias", nil)}
	if view, err = ada.Draft(t.Context(), both); err != nil {
		t.Fatal(err)
	}
	if _, err := ada.Command(t.Context(), view.Engagement.ID, "submit", client.Command{}); !narthex.IsKind(err, narthex.Refused) {
		t.Errorf("the other half was submitted beside the first: %v", err)
	}
	if status, body, err := e.Chat(t.Context(), key, say(`"max_tokens":3,"logprobs":true`)); err != nil || status != 200 {
		t.Errorf("what is held alone: %d %s %v", status, body, err)
	}
}
