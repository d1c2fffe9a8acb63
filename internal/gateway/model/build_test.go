package model_test

import (
	"testing"

	"narthex"
	"narthex/internal/gateway/model"
)

func TestTheUpstreamsRequestIsBuiltFromTheCall(t *testing.T) {
	for name, c := range map[string]struct {
		surface model.Surface
		body    string
		topK    int
	}{
		"small":   {model.Chat, `{ "messages" : [ {"content":"h\u0069","role":"user"} ], "model":"minim-1" }`, -1},
		"dropped": {model.Chat, plain(model.Chat, `"user":"u","store":true,"metadata":{"a":"b"},"service_tier":"flex","prompt_cache_key":"k","prompt_cache_retention":"24h","prompt_cache_options":{"x":1},"safety_identifier":"s","response_format":{"type":"text"},"modalities":["text"],"reasoning_effort":"medium","verbosity":"medium","logprobs":false,"stream":false,"logit_bias":{}`), -1},
		"everything": {model.Chat, `{"model":"minim-1@early","stream":true,"stream_options":{"include_usage":false},"n":2,"seed":-9007199254740993,"temperature":1e-1,"top_p":0.50,"frequency_penalty":-0.0,"presence_penalty":0,
			"stop":["\u0041","\"\\\n\u0000\u2028"],"logit_bias":{"9":1,"10":-100},"logprobs":true,"top_logprobs":20,"max_completion_tokens":3,
			"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{ "\u0074ype":"object", "n":1.50, "z":1, "a":9007199254740993 },"strict":null}},{"type":"function","function":{"name":"g","strict":false}}],"tool_choice":"required","parallel_tool_calls":false,
			"messages":[{"role":"developer","content":"d","name":"n-1"},{"role":"user","content":[{"type":"text","text":"one"}]},{"role":"user","content":[{"type":"text","text":"one"},{"type":"text","text":"two"}]},
			{"role":"assistant","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\":\n1}"}}]},{"role":"tool","tool_call_id":"c1","content":"x"},{"role":"assistant","content":null,"refusal":"no"}]}`, 5},
		"one-tool":               {model.Chat, plain(model.Chat, `"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":{"type":"function","function":{"name":"f"}}`), -1},
		"scores-not-granted":     {model.Chat, plain(model.Chat, `"logprobs":true,"top_logprobs":3`), -1},
		"alternatives-not-asked": {model.Chat, plain(model.Chat, `"logprobs":true`), 5},
		"completion":             {model.Completions, `{"model":"minim-1","prompt":["// Package \t"],"echo":true,"best_of":1,"n":1,"suffix":null,"stop":"\n","stream":true}`, -1},
		"completion-scores":      {model.Completions, plain(model.Completions, `"logprobs":5`), 2},
	} {
		t.Run(name, func(t *testing.T) {
			call := mustParse(t, c.surface, c.body)
			version, err := call.Version(minim)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, "testdata/"+name+".json", append(call.Upstream(version, 64, c.topK), '\n'))
		})
	}
}

func TestAVersionWithoutAnUpstreamNameGoesByItsOwn(t *testing.T) {
	built := mustParse(t, model.Chat, plain(model.Chat, "")).Upstream(narthex.Version{Name: "final"}, 1, -1)
	if got := decoded(t, built)["model"]; got != "final" {
		t.Errorf("the upstream is asked for %v", got)
	}
}
