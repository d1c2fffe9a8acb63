package model_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"narthex"
	"narthex/internal/gateway/model"
)

// told writes uses in a line: model.sample n=1 temperature=1; model.seed.
func told(uses []narthex.Use) string {
	var lines []string
	for _, use := range uses {
		line := string(use.Attribute)
		for _, fact := range use.Facts {
			line += fmt.Sprintf(" %s=%s", fact.Limit, fact.Value)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "; ")
}

func TestACallNeedsExactlyWhatItAsks(t *testing.T) {
	const plainly = "model.sample n=1 temperature=1"
	for fields, want := range map[string]string{
		``:                      plainly,
		`"n":2,"temperature":0`: "model.sample n=2 temperature=0",
		`"max_tokens":7`:        plainly + " max_tokens=7",
		`"max_completion_tokens":7,"max_tokens":7`:   plainly + " max_tokens=7",
		`"model":"minim-1@final"`:                    plainly,
		`"model":"minim-1@early"`:                    plainly + "; model.checkpoints checkpoints=early",
		`"model":"minim-1@hidden"`:                   plainly + "; model.checkpoints checkpoints=hidden",
		`"seed":0`:                                   plainly + "; model.seed",
		`"logprobs":true`:                            plainly + "; model.logprobs top_k=0",
		`"logprobs":true,"top_logprobs":20`:          plainly + "; model.logprobs top_k=20",
		`"logprobs":false`:                           plainly,
		`"logit_bias":{}`:                            plainly,
		`"logit_bias":{"1":1,"2":2},"logprobs":true`: plainly + "; model.logprobs top_k=0; model.logit_bias entries=2",
		`"messages":[{"role":"system","content":"äö"},{"role":"user","content":"a"},{"role":"developer","content":[{"type":"text","text":"€"}]}]`:                               plainly + "; model.system_prompt max_chars=3",
		`"messages":[{"role":"system","content":"","name":"abc"},{"role":"user","content":"a"}]`:                                                                                plainly + "; model.system_prompt max_chars=3",
		`"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"Sure"}]`:                                                                                      plainly + "; model.prefill max_chars=4",
		`"messages":[{"role":"user","content":"a"},{"role":"assistant","content":""}]`:                                                                                          plainly + "; model.prefill max_chars=0",
		`"messages":[{"role":"user","content":"a"},{"role":"assistant","refusal":"No"}]`:                                                                                        plainly + "; model.prefill max_chars=2",
		`"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"Sure"},{"role":"user","content":"b"}]`:                                                        plainly,
		`"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"Sure"},{"role":"user","content":" \n"}]`:                                                      plainly + "; model.prefill max_chars=4",
		`"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"Sure"},{"role":"user","content":[{"type":"text","text":""}]}]`:                                plainly + "; model.prefill max_chars=4",
		`"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"Sure"},{"role":"system","content":"b"}]`:                                                      plainly + "; model.system_prompt max_chars=1; model.prefill max_chars=4",
		`"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"Su"},{"role":"system","content":""},{"role":"assistant","content":"r"}]`:                      plainly + "; model.system_prompt max_chars=0; model.prefill max_chars=3",
		`"tools":[{"type":"function","function":{"name":"g"}},{"type":"function","function":{"name":"f"}}]`:                                                                     plainly + "; model.tools tools=g, f",
		`"messages":[{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"h","arguments":""}}]},{"role":"tool","tool_call_id":"1","content":"x"}]`: plainly + "; model.tools tools=h",
	} {
		uses, err := mustParse(t, model.Chat, plain(model.Chat, fields)).Uses(minim)
		if err != nil {
			t.Fatal(err)
		}
		if got := told(uses); got != want {
			t.Errorf("%s\n needs %s\n want  %s", fields, got, want)
		}
	}
}

func TestACompletionNeedsTheBaseToo(t *testing.T) {
	for fields, want := range map[string]string{
		``:               "model.sample n=1 temperature=1; model.base",
		`"max_tokens":7`: "model.sample n=1 temperature=1 max_tokens=7; model.base max_tokens=7",
		`"logprobs":3`:   "model.sample n=1 temperature=1; model.base; model.logprobs top_k=3",
	} {
		uses, err := mustParse(t, model.Completions, plain(model.Completions, fields)).Uses(minim)
		if err != nil {
			t.Fatal(err)
		}
		if got := told(uses); got != want {
			t.Errorf("%s needs %s, want %s", fields, got, want)
		}
	}
}

func TestNothingIsSaidOfAnAssetThatTheCallDoesNotName(t *testing.T) {
	call := mustParse(t, model.Chat, plain(model.Chat, ""))
	other, dataset := minim, minim
	other.Name, dataset.Kind = "maxim-1", "dataset"
	for _, asset := range []narthex.Asset{other, dataset, {}} {
		_, err := call.Uses(asset)
		wantError(t, err, narthex.Withheld, "")
		_, err = call.Demands(asset, 10, 0)
		wantError(t, err, narthex.Withheld, "")
		_, err = call.Version(asset)
		wantError(t, err, narthex.Withheld, "")
	}
	if _, err := new(model.Call).Uses(narthex.Asset{Kind: "model"}); !narthex.IsKind(err, narthex.Withheld) {
		t.Errorf("the zero call gives %v", err)
	}
}

func TestTheVersionIsTheOneNamedOrTheDefault(t *testing.T) {
	for name, want := range map[string]string{"minim-1": "minim-1-03122", "minim-1@final": "minim-1-03122", "minim-1@early": "minim-1-00282"} {
		version, err := mustParse(t, model.Chat, plain(model.Chat, `"model":"`+name+`"`)).Version(minim)
		if err != nil || version.Upstream != want {
			t.Errorf("%s means %q, %v", name, version.Upstream, err)
		}
	}
	_, err := mustParse(t, model.Chat, plain(model.Chat, `"model":"minim-1@hidden"`)).Version(minim)
	wantError(t, err, narthex.Withheld, "hidden")
}

func TestWhatACallDemands(t *testing.T) {
	// The prompt "hi" is 2 bytes, 8 tokens of marks around it and 8 around the whole: 18.
	for fields, want := range map[string]struct{ granted, least, most, step int64 }{
		`"max_tokens":5`:          {granted: 99, least: 23, most: 23, step: 1},
		`"max_tokens":5,"n":3`:    {granted: 99, least: 33, most: 33, step: 3},
		`"max_tokens":5000`:       {granted: 99, least: 274, most: 274, step: 1},
		``:                        {granted: 100, least: 19, most: 118, step: 1},
		`"n":2`:                   {granted: 100, least: 20, most: 218, step: 2},
		`"stream":true`:           {granted: 8192, least: 19, most: 256, step: 1},
		`"n":2,"temperature":0.0`: {granted: 1, least: 20, most: 20, step: 2},
	} {
		demands, err := mustParse(t, model.Chat, plain(model.Chat, fields)).Demands(minim, want.granted, 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(demands) != 2 || demands[0] != (narthex.Demand{Unit: narthex.Calls, Least: 1, Most: 1}) {
			t.Errorf("%s demands %v", fields, demands)
		}
		if d := demands[1]; d.Unit != narthex.Tokens || d.Least != want.least || d.Most != want.most || d.Step != want.step || d.Each != "max_tokens" || d.Fixed < 0 || d.Fixed+d.Step > d.Least {
			t.Errorf("%s demands %v", fields, demands[1])
		}
	}
}

// TestTokensCarryBitsWhereLogProbabilitiesAreAsked: of others nothing of the asset leaves that is counted.
func TestTokensCarryBitsWhereLogProbabilitiesAreAsked(t *testing.T) {
	for fields, want := range map[string]int64{`"max_tokens":5`: 0, `"logprobs":false`: 0, `"max_tokens":5,"logprobs":true`: 211, `"logprobs":true,"top_logprobs":2`: 211} {
		demands, err := mustParse(t, model.Chat, plain(model.Chat, fields)).Demands(minim, 9, 211)
		if err != nil || demands[0].Bits != 0 || demands[1].Bits != want {
			t.Errorf("%s demands %+v %v", fields, demands, err)
		}
	}
}

func TestAPromptThatTheContextDoesNotHoldIsRefused(t *testing.T) {
	for surface, param := range map[model.Surface]string{model.Chat: "messages", model.Completions: "prompt"} {
		body := func(n int) string {
			text := strings.Repeat("a", n)
			if surface == model.Chat {
				return plain(surface, `"messages":[{"role":"user","content":"`+text+`"}]`)
			}
			return plain(surface, `"prompt":"`+text+`"`)
		}
		if _, err := mustParse(t, surface, body(256)).Demands(minim, 10, 0); err != nil {
			t.Errorf("%s: a prompt of the whole context gives %v", surface, err)
		}
		_, err := mustParse(t, surface, body(257)).Demands(minim, 10, 0)
		if found := wantError(t, err, narthex.Invalid, ""); found.Code != "context_length_exceeded" || found.Param != param {
			t.Errorf("%s: refused as %q of %q", surface, found.Code, found.Param)
		}
	}
}

func TestNothingIsDemandedOfAModelThatCannotBeBounded(t *testing.T) {
	call := mustParse(t, model.Chat, plain(model.Chat, ""))
	unbounded := minim
	unbounded.Context = 0
	_, err := call.Demands(unbounded, 10, 0)
	if narthex.AsError(err).Kind != narthex.Internal {
		t.Errorf("a model without a context gives %v", err)
	}
	_, err = call.Demands(minim, 0, 0)
	wantError(t, err, narthex.Refused, "")
	if got := call.AnswerTokens(unbounded, 1000); got != 0 {
		t.Errorf("an answer of %d tokens is allowed", got)
	}
}

func TestAnAnswerIsNeverLongerThanAskedOrThanTheContext(t *testing.T) {
	for fields, want := range map[string]int64{`"max_tokens":5`: 5, `"max_tokens":5,"n":2`: 5, ``: 256, `"max_tokens":9999`: 256} {
		call := mustParse(t, model.Chat, plain(model.Chat, fields))
		if got := call.AnswerTokens(minim, 1<<40); got != want {
			t.Errorf("%s: answers of %d tokens, want %d", fields, got, want)
		}
		if got := call.AnswerTokens(minim, 18+call.N()-1); got != 0 {
			t.Errorf("%s: answers of %d tokens of too small an amount", fields, got)
		}
	}
}

// A byte-level model reads the system text, a blank line and the last message, and may count a mark that begins a document.
// Whatever is reserved, what such an upstream reports is within it.
func TestADemandBoundsWhatAByteLevelModelReports(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(0, 90, 200).Filter(func(text string) bool { // other control characters are refused
			return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && !strings.ContainsRune("\t\n\r", r) })
		})
		system, last := text.Draw(t, "system"), text.Draw(t, "last")
		n, asked := rapid.Int64Range(1, 4).Draw(t, "n"), rapid.Int64Range(0, 300).Draw(t, "asked")
		granted := rapid.Int64Range(1, 300).Draw(t, "granted")
		messages := `[{"role":"system","content":` + encodedText(system) + `},{"role":"user","content":"x"},{"role":"user","content":` + encodedText(last) + `}]`
		fields := fmt.Sprintf(`"messages":%s,"n":%d`, messages, n)
		if asked > 0 {
			fields += fmt.Sprintf(`,"max_tokens":%d`, asked)
		}
		call, err := parse(model.Chat, plain(model.Chat, fields))
		if err != nil {
			t.Fatal(err)
		}
		demands, err := call.Demands(minim, granted, 0)
		if err != nil {
			if len(system)+len(last)+1 <= int(minim.Context) {
				t.Fatalf("a prompt that fits is refused: %v", err)
			}
			return
		}
		tokens := demands[1]
		amount := tokens.Least
		if steps := (tokens.Most - tokens.Least) / tokens.Step; steps > 0 {
			amount += tokens.Step * rapid.Int64Range(0, steps).Draw(t, "steps")
		}
		answer := call.AnswerTokens(minim, amount)
		prompt := min(int64(len(system)+2+len(last)+1), minim.Context)
		if answer < 1 || prompt+n*answer > amount {
			t.Fatalf("prompt %d and %d answers of %d do not fit in %d", prompt, n, answer, amount)
		}
		if asked == 0 && answer > granted || asked > 0 && answer != min(asked, minim.Context) {
			t.Fatalf("answers of %d tokens, asked %d and granted %d", answer, asked, granted)
		}
	})
}

func TestMoreBytesATokenAreFewerTokens(t *testing.T) {
	coarse := minim
	coarse.TokenBytes = 4
	call := mustParse(t, model.Completions, plain(model.Completions, `"prompt":"`+strings.Repeat("a", 9)+`","max_tokens":1`))
	demands, err := call.Demands(coarse, 1, 0)
	if err != nil || demands[1].Least != 3+16+1 {
		t.Errorf("9 bytes of 4 a token demand %v, %v", demands, err)
	}
}

// TestABlankTurnDoesNotEndThePrefill: templates leave out what they take for blank, and do not agree on what that is.
func TestABlankTurnDoesNotEndThePrefill(t *testing.T) {
	for text, ends := range map[string]bool{
		"": false, " \\n\\t\\r": false, "\u00a0\u2003\u3000": false, "\u200b": false, "\ufeff": false, "\u2060": false, "\u00ad": false, "\ufe0f": false,
		"\u3164": false, "\u115f": false, "\u2800": false, "\u0301": false, "\u0085": false, "\ue000": false, "\u2028": false, "\U000e0041": false,
		"a": true, ".": true, "字": true, "😀": true, "é": true, " a\u200b": true,
	} {
		for _, content := range []string{`"` + text + `"`, `[{"type":"text","text":"` + text + `"},{"type":"text","text":" "}]`} {
			call := mustParse(t, model.Chat, `{"model":"minim-1","messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"Sure, here is"},{"role":"user","content":`+content+`}]}`)
			uses, err := call.Uses(minim)
			if err != nil || strings.Contains(told(uses), "model.prefill") == ends {
				t.Errorf("%q: %s, %v", text, told(uses), err)
			}
		}
	}
}

func TestControlCharactersAreRefusedByField(t *testing.T) {
	const hello = `{"model":"minim-1","messages":[{"role":"user","content":"hi"},`
	for _, control := range []string{`\u0000`, `\u0008`, `\u001b`, `\u001c`, `\u001f`} {
		for body, param := range map[string]string{
			hello + `{"role":"user","content":"a` + control + `"}]}`:                          "messages.1.content",
			hello + `{"role":"user","content":[{"type":"text","text":"a` + control + `"}]}]}`: "messages.1.content",
			hello + `{"role":"assistant","refusal":"a` + control + `"}]}`:                     "messages.1.content",
			hello + `{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"` + control + `"}}]},{"role":"tool","tool_call_id":"1","content":"x"}]}`: "messages.1.tool_calls",
			hello + `{"role":"user","content":"hi"}],"tools":[{"type":"function","function":{"name":"f","description":"` + control + `"}}]}`:                                                    "tools.0",
		} {
			if _, err := parse(model.Chat, body); wantError(t, err, narthex.Invalid, "").Param != param {
				t.Errorf("%s: %v", body, err)
			}
		}
		if _, err := parse(model.Completions, `{"model":"minim-1","prompt":"a`+control+`"}`); wantError(t, err, narthex.Invalid, "").Param != "prompt" {
			t.Errorf("a prompt with %s: %v", control, err)
		}
	}
}
