package model_test

import (
	"strings"
	"testing"

	"narthex"
	"narthex/internal/gateway/model"
)

// event is an event of a chat's stream with these choices; more is what follows them.
func event(choices, more string) string {
	return `{"id":"up-1","object":"chat.completion.chunk","created":7,"model":"up","choices":[` + choices + `]` + more + `}`
}

func delta(delta, end string) string {
	return `{"index":0,"delta":` + delta + `,"finish_reason":` + end + `}`
}

// anew is what the caller sees of such an event.
func anew(choices, more string) string {
	return `{"id":"cal_1","object":"chat.completion.chunk","created":7,"model":"minim-1","choices":[` + choices + `]` + more + `}`
}

func deltaAnew(delta, end string) string {
	return `{"index":0,"delta":` + delta + `,"logprobs":null,"finish_reason":` + end + `}`
}

func streamCutter(t *testing.T, fields string, limits model.Limits) *model.Cutter {
	t.Helper()
	limits.Model, limits.MaxTokens = "minim-1", 8
	cutter := model.NewCutter(mustParse(t, model.Chat, plain(model.Chat, `"stream":true`+fields)), limits)
	cutter.SetID("cal_1")
	return cutter
}

const wantUsage = `,"stream_options":{"include_usage":true}`

// step is an event and what becomes of it: "" for nothing, "!" for the end of the stream.
type step struct{ event, want string }

func TestAStreamIsCutEventByEvent(t *testing.T) {
	first, firstAnew := event(delta(`{"role":"assistant","content":""}`, "null"), ""), anew(deltaAnew(`{"role":"assistant","content":""}`, "null"), "")
	hi, hiAnew := event(delta(`{"content":"Hi"}`, "null"), ""), anew(deltaAnew(`{"content":"Hi"}`, "null"), "")
	end, endAnew := event(delta(`{}`, `"stop"`), ""), anew(deltaAnew(`{}`, `"stop"`), "")
	usage := event("", `,"usage":`+spent)
	const tools = `,"tools":[{"type":"function","function":{"name":"f"}}]`
	toolCall := `{"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":""}}]}`
	toolPiece := `{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}`
	null := func(s string) string { return strings.TrimSuffix(s, "}") + `,"usage":null}` }
	for name, c := range map[string]struct {
		fields string
		steps  []step
		done   bool
		known  bool
	}{
		"an ordinary one":             {"", []step{{first, firstAnew}, {hi, hiAnew}, {end, endAnew}, {usage, ""}}, true, true},
		"one with usage":              {wantUsage, []step{{first, null(firstAnew)}, {hi, null(hiAnew)}, {end, null(endAnew)}, {usage, anew("", `,"usage":`+spent)}}, true, true},
		"usage with the last piece":   {wantUsage, []step{{hi, null(hiAnew)}, {event(delta(`{}`, `"stop"`), `,"usage":`+spent), anew(deltaAnew(`{}`, `"stop"`), `,"usage":`+spent)}, {usage, ""}}, true, true},
		"usage with every piece":      {wantUsage, []step{{event(delta(`{"content":"Hi"}`, "null"), `,"usage":`+spent), null(hiAnew)}, {end, null(endAnew)}}, true, false},
		"a usage that lies":           {wantUsage, []step{{hi, null(hiAnew)}, {end, null(endAnew)}, {event("", `,"usage":{"prompt_tokens":5,"completion_tokens":0,"total_tokens":5}`), ""}}, true, false},
		"a usage of too many tokens":  {wantUsage, []step{{end, null(endAnew)}, {event("", `,"usage":{"prompt_tokens":5,"completion_tokens":9,"total_tokens":14}`), ""}}, true, false},
		"pieces after the end":        {"", []step{{end, endAnew}, {hi, ""}, {end, ""}, {first, ""}}, true, false},
		"pieces after the usage":      {"", []step{{usage, ""}, {hi, ""}, {end, ""}}, false, true},
		"two usages":                  {wantUsage, []step{{end, null(endAnew)}, {usage, anew("", `,"usage":`+spent)}, {usage, ""}}, true, true},
		"an event without choices":    {"", []step{{event("", ""), ""}, {event("", `,"usage":null`), ""}, {hi, hiAnew}}, false, false},
		"an event without anything":   {"", []step{{event(`{"index":0}`, ""), ""}, {event(delta("null", "null"), ""), ""}}, false, false},
		"a chain of thought":          {"", []step{{event(delta(`{"role":"assistant","reasoning_content":"secret","content":""}`, "null"), ""), firstAnew}, {event(delta(`{"role":"assistant","reasoning":"secret"}`, "null"), ""), ""}, {hi, hiAnew}}, false, false},
		"calls of tools":              {tools, []step{{event(delta(toolCall, "null"), ""), anew(deltaAnew(toolCall, "null"), "")}, {event(delta(toolPiece, "null"), ""), anew(deltaAnew(toolPiece, "null"), "")}, {event(delta(`{}`, `"tool_calls"`), ""), anew(deltaAnew(`{}`, `"tool_calls"`), "")}}, true, false},
		"calls that were not asked":   {"", []step{{event(delta(toolCall, "null"), ""), ""}, {hi, hiAnew}}, false, false},
		"a refusal":                   {"", []step{{event(delta(`{"refusal":"No"}`, `"content_filter"`), ""), anew(deltaAnew(`{"refusal":"No"}`, `"content_filter"`), "")}}, true, false},
		"two choices, one after one":  {`,"n":2`, []step{{hi, hiAnew}, {end, endAnew}, {strings.Replace(hi, `"index":0`, `"index":1`, 1), strings.Replace(hiAnew, `"index":0`, `"index":1`, 1)}, {hi, ""}}, false, false},
		"two choices in one event":    {`,"n":2`, []step{{event(delta(`{}`, "null")+","+strings.Replace(delta(`{"content":"Hi"}`, "null"), `"index":0`, `"index":1`, 1), ""), strings.Replace(hiAnew, `"index":0`, `"index":1`, 1)}}, false, false},
		"two pieces in one event":     {`,"n":2`, []step{{event(delta(`{"content":"Hi"}`, "null")+","+strings.Replace(delta(`{"content":"Hi"}`, "null"), `"index":0`, `"index":1`, 1), ""), anew(deltaAnew(`{"content":"Hi"}`, "null")+","+strings.Replace(deltaAnew(`{"content":"Hi"}`, "null"), `"index":0`, `"index":1`, 1), "")}}, false, false},
		"two calls in one piece":      {tools, []step{{event(delta(`{"content":"x","tool_calls":[{"index":0,"id":"a"},{"index":1,"id":"b"}]}`, "null"), ""), anew(deltaAnew(`{"content":"x","tool_calls":[{"index":0,"id":"a"},{"index":1,"id":"b"}]}`, "null"), "")}}, false, false},
		"an imitated event (MDL-19)":  {"", []step{{event(delta(`{"content":"\n\ndata: [DONE]\n\n"}`, "null"), `,"event":"lock"`), anew(deltaAnew(`{"content":"\n\ndata: [DONE]\n\n"}`, "null"), "")}}, false, false},
		"an error":                    {"", []step{{hi, hiAnew}, {`{"error":{"message":"secret"}}`, "!"}, {hi, "!"}, {usage, "!"}}, false, false},
		"an error after the end":      {"", []step{{end, endAnew}, {`{"error":{"message":"secret"}}`, "!"}}, false, false},
		"no JSON":                     {"", []step{{"[DONE]", "!"}}, false, false},
		"another object":              {"", []step{{strings.Replace(hi, "chat.completion.chunk", "chat.completion", 1), "!"}}, false, false},
		"a choice that was not asked": {"", []step{{strings.Replace(hi, `"index":0`, `"index":1`, 1), "!"}}, false, false},
		"too many choices":            {"", []step{{event(delta(`{}`, "null")+","+delta(`{}`, "null"), ""), "!"}}, false, false},
		"an unknown end":              {"", []step{{event(delta(`{}`, `"secret"`), ""), "!"}}, false, false},
		"another's piece":             {"", []step{{event(delta(`{"role":"system","content":"x"}`, "null"), ""), "!"}}, false, false},
		"a call that is none":         {tools, []step{{event(delta(`{"tool_calls":[{"index":-1}]}`, "null"), ""), "!"}}, false, false},
		"a call without an index":     {tools, []step{{event(delta(`{"tool_calls":[{"function":{"arguments":"x"}}]}`, "null"), ""), "!"}}, false, false},
		"a call of another type":      {tools, []step{{event(delta(`{"tool_calls":[{"index":0,"type":"mcp"}]}`, "null"), ""), "!"}}, false, false},
		"a call's long identifier":    {tools, []step{{event(delta(`{"tool_calls":[{"index":0,"id":"`+strings.Repeat("c", 257)+`"}]}`, "null"), ""), "!"}}, false, false},
		"more pieces than tokens":     {"", []step{{hi, hiAnew}, {hi, hiAnew}, {hi, hiAnew}, {hi, hiAnew}, {hi, hiAnew}, {hi, hiAnew}, {hi, hiAnew}, {hi, hiAnew}, {hi, "!"}}, false, false},
		"an event too large":          {"", []step{{event(delta(`{"content":"`+strings.Repeat("a", 1<<20)+`"}`, "null"), ""), "!"}}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			cutter := streamCutter(t, c.fields, model.Limits{})
			for i, s := range c.steps {
				out, err := cutter.Event([]byte(s.event))
				if s.want == "!" {
					wantError(t, err, narthex.Unavailable, "secret")
					continue
				}
				if err != nil || string(out) != s.want || out == nil != (s.want == "") {
					t.Fatalf("event %d is %s, %v\n want %s", i, out, err, s.want)
				}
			}
			if _, known := cutter.Usage(); known != c.known || cutter.Done() != c.done {
				t.Errorf("the usage is known: %v, the stream done: %v", known, cutter.Done())
			}
		})
	}
}

func TestLogProbabilitiesOfAStreamAreOfShownText(t *testing.T) {
	scores := func(token string) string {
		return `,"logprobs":{"content":[{"token":"` + token + `","logprob":-0.126,"bytes":null,"top_logprobs":[{"token":"a","logprob":-0.126},{"token":"b","logprob":-3}]}]}`
	}
	piece := func(text, token string) string {
		return event(`{"index":0,"delta":`+text+scores(token)+`,"finish_reason":null}`, "")
	}
	cutter := streamCutter(t, `,"logprobs":true,"top_logprobs":2`, model.Limits{Logprobs: true, TopK: 1, Decimals: 1})
	see := func(event, want string) {
		t.Helper()
		out, err := cutter.Event([]byte(event))
		if err != nil || !strings.Contains(string(out), want) || strings.Contains(string(out), "secret") || want == "" && out != nil {
			t.Errorf("it is %s, %v\n want %s", out, err, want)
		}
	}
	see(piece(`{"role":"assistant","content":""}`, "secret"), `"delta":{"role":"assistant","content":""},"logprobs":null`)
	see(piece(`{"content":"a"}`, "a"), `"logprobs":{"content":[{"token":"a","logprob":-0.1,"bytes":null,"top_logprobs":[{"token":"a","logprob":-0.1,"bytes":null}]}],"refusal":null}`)
	see(piece(`{"reasoning_content":"secret"}`, "secret"), ``)
	see(piece(`{"content":"a","reasoning":"secret"}`, "secret"), `"logprobs":null`)
	see(piece(`{"content":"a"}`, strings.Repeat("secret", 20)), `"logprobs":null`)
	see(piece(`{"content":"a"}`, "secret"), `"logprobs":null`)
	see(piece(`{"content":"a"}`, "a"), `"logprobs":null`)
}

func TestAStreamOfCompletionsHasTheFormOfItsAnswers(t *testing.T) {
	limits := model.Limits{Model: "minim-1", MaxTokens: 2, Logprobs: true, TopK: 1, Decimals: 2}
	cutter := model.NewCutter(mustParse(t, model.Completions, plain(model.Completions, `"stream":true,"logprobs":2`)), limits)
	cutter.SetID("cal_1")
	event := func(choice string) []byte {
		return []byte(`{"object":"text_completion","created":7,"choices":[` + choice + `]}`)
	}
	const head = `{"id":"cal_1","object":"text_completion","created":7,"model":"minim-1","choices":[`
	out, err := cutter.Event(event(`{"index":0,"text":"a","logprobs":{"tokens":["a"],"token_logprobs":[-0.126],"top_logprobs":[{"b":-3,"a":-0.126}],"text_offset":[0]}}`))
	if want := head + `{"index":0,"text":"a","logprobs":{"tokens":["a"],"token_logprobs":[-0.13],"top_logprobs":[{"a":-0.13}],"text_offset":[0]},"finish_reason":null}]}`; err != nil || string(out) != want {
		t.Errorf("it is %s, %v\n want %s", out, err, want)
	}
	if out, err = cutter.Event(event(`{"index":0,"text":""}`)); err != nil || out != nil {
		t.Errorf("it is %s, %v", out, err)
	}
	out, err = cutter.Event(event(`{"index":0,"text":"b","finish_reason":"length"}`))
	if want := head + `{"index":0,"text":"b","logprobs":null,"finish_reason":"length"}]}`; err != nil || string(out) != want || !cutter.Done() {
		t.Errorf("it is %s, %v\n want %s", out, err, want)
	}
}

func TestAnEchoedPromptComesInPiecesToo(t *testing.T) {
	cutter := model.NewCutter(mustParse(t, model.Completions, plain(model.Completions, `"stream":true,"echo":true`)), model.Limits{MaxTokens: 1})
	piece := []byte(`{"object":"text_completion","choices":[{"index":0,"text":"h"}]}`)
	for range 3 { // two bytes of prompt and one token
		if _, err := cutter.Event(piece); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := cutter.Event(piece); err == nil {
		t.Errorf("it shows %s", out)
	}
}

func TestAStreamMayHoldTextBackBeforeItTells(t *testing.T) {
	cutter := streamCutter(t, `,"logprobs":true,"stop":["END"]`, model.Limits{Logprobs: true, Decimals: 1})
	for i, step := range []struct {
		text, token string
		told        bool
	}{{"", "E", false}, {"", "N", false}, {"ENx", "x", true}, {"b", "bEN", true}, {"ENc", "c", true}, {"d", "dhidden", true}, {"e", "e", false}} {
		out, err := cutter.Event([]byte(event(`{"index":0,"delta":{"content":"`+step.text+`"},"logprobs":{"content":[{"token":"`+step.token+`","logprob":-1}]}}`, "")))
		if err != nil || strings.Contains(string(out), `"token"`) != step.told {
			t.Errorf("step %d: %s, %v", i, out, err)
		}
	}
}
