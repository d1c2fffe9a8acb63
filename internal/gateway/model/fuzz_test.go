package model_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strconv"
	"testing"

	"narthex"
	"narthex/internal/gateway/model"
)

// numbered reads JSON and keeps numbers as written.
func numbered(t testing.TB, data []byte) map[string]any {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var value map[string]any
	if err := decoder.Decode(&value); err != nil {
		t.Fatalf("decode %s: %v", data, err)
	}
	return value
}

func float(t testing.TB, number any) float64 {
	t.Helper()
	f, err := strconv.ParseFloat(string(number.(json.Number)), 64)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// expected tells, by another decoder and from the body alone, what an accepted request asks of the upstream.
func expected(t testing.TB, surface model.Surface, body []byte) map[string]any {
	sent, want := numbered(t, body), map[string]any{"model": "up", "max_tokens": json.Number("7")}
	keep := func(names ...string) {
		for _, name := range names {
			if sent[name] != nil {
				want[name] = sent[name]
			}
		}
	}
	keep("seed", "temperature", "top_p", "frequency_penalty", "presence_penalty", "tool_choice", "parallel_tool_calls")
	if want["temperature"] == nil {
		want["temperature"] = json.Number("1")
	}
	if sent["n"] != nil && sent["n"] != json.Number("1") {
		keep("n")
	}
	if bias, some := sent["logit_bias"].(map[string]any); some && len(bias) > 0 {
		keep("logit_bias")
	}
	if keep("stop"); reflect.TypeOf(sent["stop"]) == reflect.TypeFor[string]() {
		want["stop"] = []any{sent["stop"]}
	}
	if sent["stream"] == true {
		want["stream"], want["stream_options"] = true, map[string]any{"include_usage": true}
	}
	if surface == model.Completions {
		keep("prompt", "logprobs")
		if list, several := sent["prompt"].([]any); several {
			want["prompt"] = list[0]
		}
		if sent["echo"] == true {
			want["echo"] = true
		}
		if sent["logprobs"] != nil && float(t, sent["logprobs"]) > 2 {
			want["logprobs"] = json.Number("2")
		}
		return want
	}
	want["messages"] = expectedMessages(sent["messages"].([]any))
	if tools, some := sent["tools"].([]any); some {
		for _, tool := range tools {
			if f := tool.(map[string]any)["function"].(map[string]any); f["strict"] == nil {
				delete(f, "strict")
			}
		}
		want["tools"] = tools
	}
	if sent["logprobs"] == true {
		want["logprobs"] = true
		if top := sent["top_logprobs"]; top != nil && float(t, top) > 0 {
			want["top_logprobs"] = json.Number(strconv.FormatFloat(min(2, float(t, top)), 'f', -1, 64))
		}
	}
	return want
}

// expectedMessages leaves out what is null, and takes a list of one part for its text.
func expectedMessages(messages []any) []any {
	for _, m := range messages {
		fields := m.(map[string]any)
		for name, value := range fields {
			if value == nil {
				delete(fields, name)
			}
		}
		if parts, several := fields["content"].([]any); several && len(parts) == 1 {
			fields["content"] = parts[0].(map[string]any)["text"]
		}
	}
	return messages
}

func fuzzParse(f *testing.F, surface model.Surface) {
	for name, c := range sharedCases {
		f.Add([]byte(plain(surface, c.sent)), name)
	}
	for name, c := range fieldCases[surface] {
		f.Add([]byte(plain(surface, c.sent)), name)
		f.Add([]byte(plain(surface, `"`+name+`":`+c.wrong)), name)
	}
	f.Add([]byte(benchRequest), "")
	f.Add([]byte(plain(surface, `"messages":[{"role":"assistant","content":"a","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c","content":[{"type":"text","text":"\u00e4"}]}]`)), "")
	f.Fuzz(func(t *testing.T, body []byte, _ string) {
		call, err := parse(surface, string(body))
		if err != nil {
			if kind := narthex.AsError(err).Kind; call != nil || kind != narthex.Invalid && kind != narthex.Withheld {
				t.Fatalf("refused as %v with a call: %v", err, call)
			}
			return
		}
		built := call.Upstream(narthex.Version{Name: "v", Upstream: "up"}, 7, 2)
		got, want := numbered(t, built), expected(t, surface, body)
		for _, name := range []string{"temperature", "top_p", "frequency_penalty", "presence_penalty"} {
			if (got[name] == nil) != (want[name] == nil) || got[name] != nil && float(t, got[name]) != float(t, want[name]) {
				t.Fatalf("%s is built as %v, want %v", name, got[name], want[name])
			}
			delete(got, name)
			delete(want, name)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("built\n %s\nwant\n %s", encoded(t, got), encoded(t, want))
		}
	})
}

func FuzzParseChat(f *testing.F)       { fuzzParse(f, model.Chat) }
func FuzzParseCompletion(f *testing.F) { fuzzParse(f, model.Completions) }
