package server_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/lab"
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
	e := testenv.New(t, testenv.Options{Files: func(files lab.Files) {
		files["pathways/test.yaml"] = bytes.Replace(files["pathways/test.yaml"], []byte("      n: {"), []byte("      recertify_days: {default: 180, least: 0, most: 180}\n      n: {"), 1)
	}})
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
	raw := func(most int) string { return fmt.Sprintf(`{"model":"model","prompt":"hello","max_tokens":%d}`, most) }
	e.Model.Handle(completing)
	driven := map[string]bool{}
	for name, c := range map[string]struct {
		terms    []narthex.Term
		admitted string
		refused  string
		says     string
	}{
		"model.sample max_tokens":       {[]narthex.Term{sample(limits{"max_tokens": number(10)})}, say(`"max_tokens":10`), say(`"max_tokens":11`), `"limit":"max_tokens"`},
		"model.sample n":                {[]narthex.Term{sample(limits{"n": number(2)})}, say(`"max_tokens":3,"n":2`), say(`"max_tokens":3,"n":3`), `"limit":"n"`},
		"model.sample temperature":      {[]narthex.Term{sample(nil)}, say(`"max_tokens":3,"temperature":2`), say(`"max_tokens":3,"temperature":2.1`), `temperature`},
		"model.system_prompt max_chars": {[]narthex.Term{sample(nil), testenv.Term("model.system_prompt", limits{"max_chars": number(4)})}, system("four"), system("fives"), `"limit":"max_chars"`},
		"model.prefill max_chars":       {[]narthex.Term{sample(nil), testenv.Term("model.prefill", limits{"max_chars": number(4)})}, prefill("four"), prefill("fives"), `"limit":"max_chars"`},
		"model.logit_bias entries":      {[]narthex.Term{sample(nil), testenv.Term("model.logit_bias", limits{"entries": number(1)})}, say(`"max_tokens":3,"logit_bias":{"1":1}`), say(`"max_tokens":3,"logit_bias":{"1":1,"2":1}`), `"limit":"entries"`},
		"model.tools tools":             {[]narthex.Term{sample(nil), testenv.Term("model.tools", limits{"tools": names("look")})}, tool("look"), tool("find"), `"limit":"tools"`},
		"model.checkpoints checkpoints": {[]narthex.Term{sample(nil), testenv.Term("model.checkpoints", limits{"checkpoints": names("early")})}, strings.Replace(say(`"max_tokens":3`), `"model":"model"`, `"model":"model@early"`, 1), strings.Replace(say(`"max_tokens":3`), `"model":"model"`, `"model":"model@middle"`, 1), `withheld`},
		"model.logprobs top_k":          {[]narthex.Term{sample(nil), testenv.Term("model.logprobs", limits{"top_k": number(2)})}, say(`"max_tokens":3,"logprobs":true,"top_logprobs":2`), say(`"max_tokens":3,"logprobs":true,"top_logprobs":3`), `"limit":"top_k"`},
		"model.base max_tokens":         {[]narthex.Term{sample(nil), testenv.Term("model.base", limits{"max_tokens": number(4)})}, raw(4), raw(5), `"limit":"max_tokens"`},
		"common tokens":                 {[]narthex.Term{testenv.Tokens(40, nil)}, say(`"max_tokens":5`), say(`"max_tokens":60`), `budget_exhausted`},
		"model.sample tokens_per_day":   {[]narthex.Term{sample(limits{"tokens_per_day": number(40)})}, say(`"max_tokens":5`), say(`"max_tokens":60`), `budget_exhausted`},
		"common requests":               {[]narthex.Term{sample(limits{"requests": number(1)})}, say(`"max_tokens":3`), say(`"max_tokens":3`), `budget_exhausted`},
		"common rate":                   {[]narthex.Term{sample(limits{"rate": number(1)})}, say(`"max_tokens":3`), say(`"max_tokens":3`), `rate_exceeded`},
		"guardrail":                     {[]narthex.Term{sample(nil)}, say(`"max_tokens":6`), say(`"max_tokens":7`), `no-seven`},
		"guardrail, left out":           {[]narthex.Term{sample(limits{"max_tokens": number(7)})}, say(`"max_tokens":6`), say(`"temperature":1`), `no-seven`},
	} {
		driven[name] = true
		t.Run(name, func(t *testing.T) {
			e.Outsiders(t, name, "Institute of "+name)
			_, key := e.Grant(t, name, c.terms...)
			path := "/v1/chat/completions"
			if strings.HasPrefix(name, "model.base") {
				path = "/v1/completions"
			}
			if status, body, err := e.Post(t.Context(), path, key, c.admitted); err != nil || status != 200 {
				t.Errorf("the call within the limit: %d %s %v", status, body, err)
			}
			if status, body, err := e.Post(t.Context(), path, key, c.refused); err != nil || status == 200 || !strings.Contains(body, c.says) {
				t.Errorf("the call beyond the limit: %d %s %v", status, body, err)
			} else if param, bounded := fieldOf[c.says]; bounded && (!strings.Contains(body, `"param":"`+param+`"`) || !strings.Contains(body, `"clause":"2.`) || !strings.Contains(body, `"allowed":"`) || !strings.Contains(body, `"asked":"`)) {
				t.Errorf("the refusal does not name the field %s, the clause, what is allowed and what was asked: %s", param, body)
			}
		})
	}
	for name, c := range map[string]struct {
		yes, no limits
		says    string
	}{
		"not_before":     {limits{"not_before": instant(-time.Hour)}, limits{"not_before": instant(time.Hour)}, "not_before"},
		"not_after":      {limits{"not_after": instant(time.Hour)}, limits{"not_after": instant(-time.Hour)}, "not_after"},
		"regions":        {limits{"regions": names("fr")}, limits{"regions": names("de")}, "regions"},
		"networks":       {limits{"networks": names("127.0.0.0/8")}, limits{"networks": names("10.0.0.0/8")}, "networks"},
		"networks bad":   {limits{"networks": names("127.0.0.1/32")}, limits{"networks": names("127.0.0.1/8")}, "networks"},
		"versions":       {limits{"versions": names("final")}, limits{"versions": names("early")}, "versions"},
		"concurrency":    {limits{"concurrency": number(1)}, limits{"concurrency": number(0)}, "concurrency"},
		"actor_kinds":    {limits{"actor_kinds": names("human")}, limits{"actor_kinds": names("agent")}, "actor_kinds"},
		"recertify_days": {limits{"recertify_days": number(1)}, limits{"recertify_days": number(0)}, "recertify_days"},
		"topics":         {limits{}, limits{"topics": names("biology")}, "topics"},
	} {
		driven["common "+name] = true
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
	everyLimit(t, driven)
}

// fieldOf is the request's field that each limit bounds.
var fieldOf = map[string]string{`"limit":"max_tokens"`: "max_tokens", `"limit":"n"`: "n", `"limit":"max_chars"`: "messages", `"limit":"entries"`: "logit_bias", `"limit":"tools"`: "tools", `"limit":"top_k"`: "top_logprobs"}

// undriven is why a limit has no row: nothing that a call could ask of it is refused.
var undriven = map[string]string{
	"model.logprobs decimals": "it bounds the answer and no call asks for it: what is said is rounded",
	"common usd":              "no door counts cents, so it cannot be offered",
	"common bytes_out":        "no door to a model counts bytes, so it cannot be offered there; jobs and releases have their own",

	"weights.compute wall_minutes":    "TestEachLimitOfJobsAdmitsAndRefuses drives it",
	"weights.compute memory_mb":       "TestEachLimitOfJobsAdmitsAndRefuses drives it",
	"weights.compute cpu_hours":       "TestEachLimitOfJobsAdmitsAndRefuses drives it",
	"weights.compute bytes_out":       "TestEachLimitOfJobsAdmitsAndRefuses drives it",
	"weights.compute gpu_hours":       "TestAJobHasNoMoreDevicesThanItMay drives it",
	"data.job cpu_hours":              "TestEachLimitOfWhatRunsBesideOtherAssets drives it",
	"data.job bytes_out":              "TestEachLimitOfWhatRunsBesideOtherAssets drives it",
	"weights.diff statistics":         "TestEachLimitOfWhatRunsBesideOtherAssets drives it",
	"weights.diff digits":             "TestEachLimitOfWhatRunsBesideOtherAssets drives it",
	"output.release artefacts":        "TestEachLimitOfJobsAdmitsAndRefuses drives it",
	"output.release bytes_out":        "TestEachLimitOfJobsAdmitsAndRefuses drives it",
	"output.artefact.model bytes_out": "TestAnArtefactNeedsAnAttributeOfItsOwn drives it",
	"output.release reviewers":        "TestEachLimitOfJobsAdmitsAndRefuses drives it: it bounds who must say yes, and refuses no call",
}

// everyLimit holds that each limit of an attribute with a door, and each common one, has a row or a reason, and that kinds without a
// row have no limit that a door enforces.
func everyLimit(t *testing.T, driven map[string]bool) {
	t.Helper()
	taxonomy, err := lab.Taxonomy()
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[narthex.LimitKind]bool{}
	account := func(group string, specs map[narthex.LimitName]narthex.LimitSpec) {
		for name, spec := range specs {
			row := group + " " + string(name)
			if driven[row] == (undriven[row] != "") {
				t.Errorf("%s of kind %s is driven: %t; why not: %q", row, spec.Kind, driven[row], undriven[row])
			}
			kinds[spec.Kind] = kinds[spec.Kind] || driven[row]
		}
	}
	account("common", taxonomy.Common)
	for _, name := range doors(t) {
		attribute, known := taxonomy.Attribute(name)
		if !known {
			t.Errorf("there is a door for %s, which is no attribute", name)
		}
		account(string(name), attribute.Limits)
	}
	for _, kind := range []narthex.LimitKind{narthex.Max, narthex.Set, narthex.List, narthex.BudgetKind, narthex.Rate, narthex.Instant} {
		if !kinds[kind] {
			t.Errorf("no limit of kind %s is driven", kind)
		}
	}
}

// doors gives the attributes that a door enforces: those that a pathway may offer.
func doors(t *testing.T) []narthex.AttributeName {
	t.Helper()
	taxonomy, err := lab.Taxonomy()
	if err != nil {
		t.Fatal(err)
	}
	var found []narthex.AttributeName
	for name := range taxonomy.Attributes {
		files, err := testenv.Files("http://127.0.0.1:1")
		if err != nil {
			t.Fatal(err)
		}
		files["pathways/test.yaml"] = bytes.Replace(files["pathways/test.yaml"], []byte("{attribute: model.seed, assets"), []byte("{attribute: "+name+", assets"), 1)
		_, problems := lab.Load(files)
		if !slices.ContainsFunc(problems, func(p lab.Problem) bool { return strings.Contains(p.Message, "no door") }) {
			found = append(found, name)
		}
	}
	if len(found) < 9 || len(found) == len(taxonomy.Attributes) {
		t.Errorf("the doors are %v", found)
	}
	return found
}

// completing answers raw completions beside chats.
func completing(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/v1/completions" {
		testenv.Answer("hello", 7, 5)(w, r)
		return
	}
	io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, `{"id":"x","object":"text_completion","created":1,"model":"m","choices":[{"index":0,"text":"hello","logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}`)
}

// TestAnAttributeIsHeldOrRefused: what a call needs beside sampling is served with the attribute and refused, by its name, without.
func TestAnAttributeIsHeldOrRefused(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	e.Model.Handle(completing)
	e.Outsiders(t, "bare", "Institute without")
	_, bare := e.Grant(t, "bare", testenv.Tokens(100_000, nil))
	message := func(role, more string) string {
		return `{"model":"model","max_tokens":3,"messages":[` + more + `{"role":"` + role + `","content":"hi"}]}`
	}
	const user = `{"role":"user","content":"hello"},`
	calls := map[narthex.AttributeName]string{
		"model.seed":          say(`"max_tokens":3,"seed":1`),
		"model.logprobs":      say(`"max_tokens":3,"logprobs":true`),
		"model.logit_bias":    say(`"max_tokens":3,"logit_bias":{"1":1}`),
		"model.system_prompt": message("user", `{"role":"system","content":"hi"},`),
		"model.prefill":       message("assistant", user),
		"model.tools":         say(`"max_tokens":3,"tools":[{"type":"function","function":{"name":"look"}}]`),
		"model.checkpoints":   strings.Replace(say(`"max_tokens":3`), `"model":"model"`, `"model":"model@early"`, 1),
		"model.base":          `{"model":"model","prompt":"hello","max_tokens":3}`,
	}
	for _, attribute := range doors(t) {
		call, has := calls[attribute]
		switch attribute { // TestEachLimitOfJobsAdmitsAndRefuses, TestAnArtefactNeedsAnAttributeOfItsOwn, TestEachLimitOfWhatRunsBesideOtherAssets
		case "model.sample", "weights.compute", "weights.diff", "data.job", "output.release", "output.artefact.model":
			continue
		}
		if !has {
			t.Errorf("%s has a door and no call here", attribute)
			continue
		}
		path := "/v1/chat/completions"
		if attribute == "model.base" {
			path = "/v1/completions"
		}
		suffix := string(attribute)
		e.Outsiders(t, suffix, "Institute with "+suffix)
		_, key := e.Grant(t, suffix, testenv.Tokens(100_000, nil), testenv.Term(attribute, nil))
		if status, body, err := e.Post(t.Context(), path, key, call); err != nil || status != 200 {
			t.Errorf("with %s: %d %s %v", attribute, status, body, err)
		}
		status, body, err := e.Post(t.Context(), path, bare, call)
		if refused := strings.Contains(body, "not_granted") && strings.Contains(body, string(attribute)); err != nil || status == 200 || !refused && attribute != "model.checkpoints" {
			t.Errorf("without %s: %d %s %v", attribute, status, body, err)
		}
		if attribute == "model.checkpoints" && (status != 404 || strings.Contains(body, "early")) {
			t.Errorf("a checkpoint that the grant does not show: %d %s", status, body)
		}
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

// TestAQueryIsRefusedWhereNoneIsKnown: a key in an address would stand in logs, whatever the parameter's name.
func TestAQueryIsRefusedWhereNoneIsKnown(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	_, key := e.Grant(t, "", testenv.Tokens(1e6, nil))
	for _, query := range []string{"foo=" + key, "auth=" + key, "x-api-key=" + key, "key[]=" + key, "limit=1", "%zz"} {
		for path, token := range map[string]string{"/v1/models": key, "/v1/grant": key, "/ledger/state": "", "/api/pathways": ""} {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, e.Client.Base()+path+"?"+query, nil)
			if err != nil {
				t.Fatal(err)
			}
			if token != "" {
				request.Header.Set("Authorization", "Bearer "+token)
			}
			answer, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(answer.Body)
			answer.Body.Close()
			if err != nil || answer.StatusCode != 400 || strings.Contains(string(body), key) {
				t.Errorf("%s?%.12s… answers %d %s %v", path, query, answer.StatusCode, body, err)
			}
		}
	}
}
