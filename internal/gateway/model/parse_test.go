package model_test

import (
	"strings"
	"testing"

	"narthex"
	"narthex/internal/gateway/model"
)

// The bodies of the catalogue of attempts to get around the gateway, as far as a body alone can try.
func TestABodyHasOneReadingOrNone(t *testing.T) {
	user := `"messages":[{"role":"user","content":"hi"}]`
	for name, body := range map[string]string{
		"JSON-01 the model twice":              `{"model":"granted","model":"secret",` + user + `}`,
		"JSON-01 the model twice, turned":      `{"model":"secret","model":"granted",` + user + `}`,
		"JSON-02 Model in another case":        `{"model":"granted","Model":"secret",` + user + `}`,
		"JSON-02 MODEL":                        `{"MODEL":"secret",` + user + `}`,
		"JSON-02 mOdel":                        `{"model":"granted","mOdel":"secret",` + user + `}`,
		"JSON-04 an escaped key":               `{"\u006dodel":"secret","model":"granted",` + user + `}`,
		"JSON-05 a second document":            `{"model":"granted",` + user + `}{"model":"secret"}`,
		"JSON-05 text after it":                `{"model":"granted",` + user + `} secret`,
		"JSON-07 a lone surrogate":             `{"model":"granted","messages":[{"role":"user","content":"\ud800"}]}`,
		"JSON-07 invalid UTF-8":                `{"model":"granted","messages":[{"role":"user","content":"` + "\xff" + `"}]}`,
		"JSON-08 n 1.0":                        `{"model":"granted","n":1.0,` + user + `}`,
		"JSON-08 n 1e0":                        `{"model":"granted","n":1e0,` + user + `}`,
		"JSON-08 n -0":                         `{"model":"granted","n":-0,` + user + `}`,
		"JSON-08 max_tokens 1e400":             `{"model":"granted","max_tokens":1e400,` + user + `}`,
		"JSON-08 max_tokens above 2^53":        `{"model":"granted","max_tokens":9007199254740993,` + user + `}`,
		"JSON-08 temperature 1e400":            `{"model":"granted","temperature":1e400,` + user + `}`,
		"JSON-08 a seed of more than 64 bits":  `{"model":"granted","seed":9223372036854775808,` + user + `}`,
		"JSON-10 nested arrays":                `{"model":"granted","messages":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`,
		"JSON-10 nested tool parameters":       `{"model":"granted",` + user + `,"tools":[{"type":"function","function":{"name":"f","parameters":` + strings.Repeat(`{"a":`, 60) + `1` + strings.Repeat(`}`, 60) + `}}]}`,
		"JSON-10 a key of a megabyte":          `{"` + strings.Repeat("k", 1<<20) + `":1,"model":"granted",` + user + `}`,
		"JSON-10 100,000 messages":             `{"model":"granted","messages":[{}` + strings.Repeat(",{}", 99_999) + `]}`,
		"JSON-11 a comment":                    `{"model":"granted",/* */` + user + `}`,
		"JSON-11 a trailing comma":             `{"model":"granted",` + user + `,}`,
		"JSON-11 NaN":                          `{"model":"granted","temperature":NaN,` + user + `}`,
		"JSON-11 single quotes":                `{'model':'granted'}`,
		"JSON-14 __proto__":                    `{"model":"granted","__proto__":{"n":9},` + user + `}`,
		"JSON-14 constructor":                  `{"model":"granted","constructor":{},` + user + `}`,
		"JSON-14 $ref in a message":            `{"model":"granted","messages":[{"role":"user","content":"hi","$ref":"#"}]}`,
		"JSON-14 @type in a message":           `{"model":"granted","messages":[{"role":"user","content":"hi","@type":"x"}]}`,
		"MDL-13 a tool server's command":       `{"model":"granted",` + user + `,"tools":[{"type":"mcp","command":"sh","args":["-c","id"]}]}`,
		"MDL-13 a command in a function":       `{"model":"granted",` + user + `,"tools":[{"type":"function","command":"sh","function":{"name":"f"}}]}`,
		"MDL-14 a file's identifier":           `{"model":"granted","messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"file-1"}}]}]}`,
		"MDL-14 an answer's audio":             `{"model":"granted","messages":[{"role":"assistant","audio":{"id":"audio_1"}}]}`,
		"MDL-14 a conversation's identifier":   `{"model":"granted","previous_response_id":"resp_1",` + user + `}`,
		"an empty body":                        ``,
		"null":                                 `null`,
		"a list":                               `[]`,
		"no model":                             `{` + user + `}`,
		"two different lengths":                `{"model":"granted","max_tokens":1,"max_completion_tokens":2,` + user + `}`,
		"options of a stream without a stream": `{"model":"granted","stream_options":{"include_usage":true},` + user + `}`,
		"an option of a stream that is null":   `{"model":"granted","stream":true,"stream_options":{"include_usage":null},` + user + `}`,
		"alternatives without logprobs":        `{"model":"granted","top_logprobs":0,` + user + `}`,
		"21 alternatives":                      `{"model":"granted","logprobs":true,"top_logprobs":21,` + user + `}`,
		"a bias that is null":                  `{"model":"granted","logit_bias":{"5":null},` + user + `}`,
		"a bias of a negative token":           `{"model":"granted","logit_bias":{"-5":1},` + user + `}`,
		"a bias beyond 100":                    `{"model":"granted","logit_bias":{"5":101},` + user + `}`,
		"an empty stop":                        `{"model":"granted","stop":"",` + user + `}`,
		"no stop in a list":                    `{"model":"granted","stop":[],` + user + `}`,
		"a null stop in a list":                `{"model":"granted","stop":["a",null],` + user + `}`,
		"a schema for the answer":              `{"model":"granted","response_format":{"type":"text","json_schema":{}},` + user + `}`,
		"a choice of tools without tools":      `{"model":"granted","tool_choice":"none",` + user + `}`,
		"a choice of an undeclared tool":       `{"model":"granted",` + user + `,"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":{"type":"function","function":{"name":"g"}}}`,
		"a choice of several tools":            `{"model":"granted",` + user + `,"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":{"type":"allowed_tools","allowed_tools":{}}}`,
		"an unknown choice":                    `{"model":"granted",` + user + `,"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":""}`,
		"no tools":                             `{"model":"granted",` + user + `,"tools":[]}`,
		"a tool twice":                         `{"model":"granted",` + user + `,"tools":[{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"f"}}]}`,
		"a tool's name with a space":           `{"model":"granted",` + user + `,"tools":[{"type":"function","function":{"name":"a b"}}]}`,
		"parameters that are a list":           `{"model":"granted",` + user + `,"tools":[{"type":"function","function":{"name":"f","parameters":[]}}]}`,
		"parameters with a name twice":         `{"model":"granted",` + user + `,"tools":[{"type":"function","function":{"name":"f","parameters":{"a":1,"\u0061":2}}}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := model.ParseChat([]byte(body))
			wantError(t, err, narthex.Invalid, "secret")
		})
	}
}

func TestARequestOfOneMebibyteIsReadAndOneByteMoreIsNot(t *testing.T) {
	frame := plain(model.Completions, `"prompt":""`)
	fits := strings.Replace(frame, `"prompt":""`, `"prompt":"`+strings.Repeat("a", model.MaxBody-len(frame))+`"`, 1)
	mustParse(t, model.Completions, fits)
	_, err := parse(model.Completions, fits+" ")
	if found := wantError(t, err, narthex.Invalid, ""); found.Code != "body_too_large" {
		t.Errorf("the code is %q", found.Code)
	}
}

func TestANameThatCannotBeAModelsIsLikeOneThatIsNotThere(t *testing.T) {
	for _, name := range []string{
		"Minim-1", "minim-1 ", " minim-1", "minim-1@", "@early", "minim-1@early@final", "minim-1@Early", "minim–1", "mіnim-1",
		"min\u200dim-1", "min\u00adim-1", "ｍinim-1", "mínim-1", "mi\u0301nim-1", "../minim-1", "minim-1/x", "minim-1\x00", strings.Repeat("a", 65),
	} {
		_, err := parse(model.Chat, plain(model.Chat, `"model":`+encoded(t, name)))
		found := wantError(t, err, narthex.Withheld, "")
		if *found != *narthex.WithheldError() {
			t.Errorf("%q is told from a model that is not there: %+v", name, found)
		}
	}
}

func TestAModelIsAnAssetAndMaybeAVersion(t *testing.T) {
	asset, version, err := model.ResolveModel("minim-1@step.282_a")
	if err != nil || asset != "minim-1" || version != "step.282_a" {
		t.Errorf("it is %q, %q, %v", asset, version, err)
	}
	if asset, version, err = model.ResolveModel("minim-1"); err != nil || asset != "minim-1" || version != "" {
		t.Errorf("it is %q, %q, %v", asset, version, err)
	}
}

func TestMessagesAreHeldToTheirRoles(t *testing.T) {
	const call = `{"role":"assistant","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}]}`
	for name, messages := range map[string]string{
		"no role":                          `[{"content":"a"}]`,
		"an unknown role":                  `[{"role":"root","content":"a"}]`,
		"the old role function":            `[{"role":"function","name":"f","content":"a"}]`,
		"a user without content":           `[{"role":"user"}]`,
		"a user whose content is null":     `[{"role":"user","content":null}]`,
		"a system without content":         `[{"role":"system"}]`,
		"content of no part":               `[{"role":"user","content":[]}]`,
		"a part that is null":              `[{"role":"user","content":[null]}]`,
		"a part without text":              `[{"role":"user","content":[{"type":"text"}]}]`,
		"a part whose text is null":        `[{"role":"user","content":[{"type":"text","text":null}]}]`,
		"an image":                         `[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://example.org"}}]}]`,
		"an image beside text":             `[{"role":"user","content":[{"type":"text","text":"a","image_url":{"url":"x"}}]}]`,
		"audio":                            `[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"","format":"wav"}}]}]`,
		"a refusal as a part":              `[{"role":"assistant","content":[{"type":"refusal","refusal":"no"}]}]`,
		"a name with a space":              `[{"role":"user","content":"a","name":"a b"}]`,
		"a name that is null":              `[{"role":"user","content":"a","name":null}]`,
		"an empty name":                    `[{"role":"user","content":"a","name":""}]`,
		"a user who refuses":               `[{"role":"user","content":"a","refusal":"no"}]`,
		"a user who calls":                 `[{"role":"user","content":"a","tool_calls":[]}]`,
		"a user who answers a call":        `[{"role":"user","content":"a","tool_call_id":"c1"}]`,
		"an assistant without anything":    `[{"role":"assistant"}]`,
		"an assistant with null":           `[{"role":"assistant","content":null}]`,
		"an assistant with no calls":       `[{"role":"assistant","content":"a","tool_calls":[]}]`,
		"an assistant with null calls":     `[{"role":"assistant","content":"a","tool_calls":null}]`,
		"the old form of a call":           `[{"role":"assistant","function_call":{"name":"f","arguments":""}}]`,
		"a call that nobody answers":       `[` + call + `]`,
		"a call answered by a user":        `[` + call + `,{"role":"user","content":"a"}]`,
		"a user before the answer":         `[` + call + `,{"role":"user","content":"a"},{"role":"tool","tool_call_id":"c1","content":"a"}]`,
		"two calls of one, answered twice": `[{"role":"assistant","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":""}},{"id":"c1","type":"function","function":{"name":"f","arguments":""}}]},{"role":"tool","tool_call_id":"c1","content":"a"},{"role":"tool","tool_call_id":"c1","content":"a"}]`,
		"audio beside content":             `[{"role":"assistant","content":"a","audio":{"id":"a1"}}]`,
		"the old call beside content":      `[{"role":"assistant","content":"a","function_call":{"name":"f","arguments":""}}]`,
		"text of another type":             `[{"role":"user","content":[{"type":"input_text","text":"a"}]}]`,
		"an identifier too long":           `[{"role":"assistant","tool_calls":[{"id":"` + strings.Repeat("c", 257) + `","type":"function","function":{"name":"f","arguments":""}}]}]`,
		"an answer to another call":        `[` + call + `,{"role":"tool","tool_call_id":"c2","content":"a"}]`,
		"an answer twice":                  `[` + call + `,{"role":"tool","tool_call_id":"c1","content":"a"},{"role":"tool","tool_call_id":"c1","content":"a"}]`,
		"an answer to no call":             `[{"role":"tool","tool_call_id":"c1","content":"a"}]`,
		"an answer without an identifier":  `[` + call + `,{"role":"tool","content":"a"}]`,
		"an answer with a name":            `[` + call + `,{"role":"tool","name":"f","tool_call_id":"c1","content":"a"}]`,
		"a call without an identifier":     `[{"role":"assistant","tool_calls":[{"type":"function","function":{"name":"f","arguments":""}}]}]`,
		"a call of another type":           `[{"role":"assistant","tool_calls":[{"id":"c1","type":"custom","function":{"name":"f","arguments":""}}]}]`,
		"a call without arguments":         `[{"role":"assistant","tool_calls":[{"id":"c1","type":"function","function":{"name":"f"}}]}]`,
		"two calls of one identifier":      `[{"role":"assistant","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":""}},{"id":"c1","type":"function","function":{"name":"f","arguments":""}}]}]`,
		"an unknown field":                 `[{"role":"user","content":"a","cache_control":{}}]`,
		"reasoning that is handed back in": `[{"role":"assistant","content":"a","reasoning_content":"b"}]`,
		"1,001 messages":                   `[{"role":"user","content":"a"}` + strings.Repeat(`,{"role":"user","content":"a"}`, 1000) + `]`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse(model.Chat, plain(model.Chat, `"messages":`+messages))
			wantError(t, err, narthex.Invalid, "example.org")
		})
	}
}

func TestAnAnswerOfOursCanBeSentBack(t *testing.T) {
	messages := `[{"role":"user","content":"a"},{"role":"assistant","content":"b","refusal":null},
		{"role":"assistant","content":null,"refusal":null,"audio":null,"function_call":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}},{"id":"c2","type":"function","function":{"name":"g","arguments":"{}"}}]},
		{"role":"tool","tool_call_id":"c2","content":""},{"role":"tool","tool_call_id":"c1","content":[{"type":"text","text":"1"}]},{"role":"user","content":"c","name":"Al_1-x"}]`
	mustParse(t, model.Chat, plain(model.Chat, `"messages":`+messages))
}

func TestAPromptIsOneText(t *testing.T) {
	for _, prompt := range []string{`null`, `[null]`, `[]`, `["a","b"]`, `[[1,2]]`, `5`, `[["a"]]`} {
		_, err := parse(model.Completions, plain(model.Completions, `"prompt":`+prompt))
		if found := wantError(t, err, narthex.Invalid, ""); found.Param != "prompt" && found.Param != "prompt.0" {
			t.Errorf("%s: the refusal names %q", prompt, found.Param)
		}
	}
	mustParse(t, model.Completions, plain(model.Completions, `"prompt":""`))
}

func TestEchoNeverScoresTheCallersText(t *testing.T) {
	for _, fields := range []string{`"echo":true,"logprobs":0`, `"echo":true,"logprobs":5,"max_tokens":1`} {
		_, err := parse(model.Completions, plain(model.Completions, fields))
		if found := wantError(t, err, narthex.Invalid, ""); found.Param != "echo" {
			t.Errorf("%s: the refusal names %q", fields, found.Param)
		}
	}
	mustParse(t, model.Completions, plain(model.Completions, `"echo":true,"logprobs":null`))
	mustParse(t, model.Completions, plain(model.Completions, `"echo":false,"logprobs":2`))
}

func TestACallTellsWhatWasAsked(t *testing.T) {
	call := mustParse(t, model.Chat, plain(model.Chat, `"model":"minim-1@early","n":2,"max_tokens":9,"stream":true,"stream_options":{"include_usage":true},"logprobs":true,"top_logprobs":3`))
	asset, version := call.Model()
	answer, asked := call.Asked()
	topK, scored := call.Logprobs()
	if asset != "minim-1" || version != "early" || call.Surface() != model.Chat || !call.Stream() || !call.IncludeUsage() || call.N() != 2 || answer != 9 || !asked || topK != 3 || !scored {
		t.Errorf("it is %q %q %v", asset, version, call)
	}
	quiet := mustParse(t, model.Completions, plain(model.Completions, `"stream":false`))
	if _, asked := quiet.Asked(); asked || quiet.Stream() || quiet.IncludeUsage() || quiet.N() != 1 || quiet.Surface() != model.Completions {
		t.Errorf("it is %v", quiet)
	}
}
