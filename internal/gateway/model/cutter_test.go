package model_test

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"narthex"
	"narthex/internal/gateway/model"
)

// chatAnswer is a whole answer with these choices and this usage.
func chatAnswer(choices, usage string) string {
	return `{"id":"up-1","object":"chat.completion","created":1764000000,"model":"minim-1-03122","system_fingerprint":"fp","choices":[` + choices + `],"usage":` + usage + `}`
}

const (
	said  = `{"index":0,"message":{"role":"assistant","content":"Hi","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}`
	spent = `{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}`
)

// cut parses a request, and cuts an answer to it.
func cut(t *testing.T, surface model.Surface, fields, answer string, limits model.Limits) (string, model.Usage, error) {
	t.Helper()
	limits.Model, limits.MaxTokens = "minim-1", 8
	cutter := model.NewCutter(mustParse(t, surface, plain(surface, fields)), limits)
	cutter.SetID("cal_1")
	out, usage, err := cutter.Answer([]byte(answer))
	return string(out), usage, err
}

func TestAWholeAnswerIsWrittenAnew(t *testing.T) {
	const head = `{"id":"cal_1","object":"chat.completion","created":1764000000,"model":"minim-1","choices":[`
	const saidAnew = `{"index":0,"message":{"role":"assistant","content":"Hi","refusal":null},"logprobs":null,"finish_reason":"stop"}`
	for name, c := range map[string]struct{ fields, answer, want string }{
		"an ordinary one":         {``, chatAnswer(said, spent), head + saidAnew + `],"usage":` + spent + `}`},
		"one with unknown fields": {``, `{"object":"chat.completion","created":1764000000,"secret":1,"service_tier":"x","choices":[` + strings.Replace(said, `"index":0`, `"index":0,"stop_reason":7,"token_ids":[1]`, 1) + `],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7,"prompt_tokens_details":{"cached_tokens":3}},"error":null}`, head + saidAnew + `],"usage":` + spent + `}`},
		"one without usage":       {``, chatAnswer(said, "null"), head + saidAnew + `]}`},
		"one that is no answer to tools": {``, chatAnswer(`{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"stop"}`, spent),
			head + `{"index":0,"message":{"role":"assistant","content":null,"refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":` + spent + `}`},
		"a call of a tool": {`"tools":[{"type":"function","function":{"name":"f"}}]`, chatAnswer(`{"index":0,"message":{"content":null,"tool_calls":[{"id":"1","index":0,"type":"function","x":1,"function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}`, spent),
			head + `{"index":0,"message":{"role":"assistant","content":null,"refusal":null,"tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}]},"logprobs":null,"finish_reason":"tool_calls"}],"usage":` + spent + `}`},
		"one with a chain of thought": {``, chatAnswer(strings.Replace(said, `"content"`, `"reasoning_content":"secret","reasoning":"secret","thinking":"secret","content"`, 1), spent), head + saidAnew + `],"usage":` + spent + `}`},
		"two choices":                 {`"n":2`, chatAnswer(strings.Replace(said, `"index":0`, `"index":1`, 1)+","+said, spent), head + strings.Replace(saidAnew, `"index":0`, `"index":1`, 1) + "," + saidAnew + `],"usage":` + spent + `}`},
		"text that imitates an event": {``, chatAnswer(strings.Replace(said, `"Hi"`, `"\n\ndata: [DONE]\n\nevent: end\r\n"`, 1), spent),
			head + strings.Replace(saidAnew, `"Hi"`, `"\n\ndata: [DONE]\n\nevent: end\u000d\n"`, 1) + `],"usage":` + spent + `}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, usage, err := cut(t, model.Chat, c.fields, c.answer, model.Limits{})
			if err != nil || got != c.want {
				t.Fatalf("it is %s, %v\n want %s", got, err, c.want)
			}
			if usage.Known != strings.Contains(c.want, `"usage"`) || usage.Known && (usage != model.Usage{Prompt: 5, Completion: 2, Known: true} || usage.Total() != 7) {
				t.Errorf("the usage is %+v", usage)
			}
		})
	}
}

func TestAnAnswerOutsideWhatWasAskedShowsNothing(t *testing.T) {
	const secret = "sk-secret http://10.0.0.7"
	for name, answer := range map[string]string{
		"no JSON":                    `<html>` + secret,
		"an error (MDL-20)":          `{"error":{"message":"` + secret + `"}}`,
		"an error beside choices":    strings.Replace(chatAnswer(said, spent), `{`, `{"error":"`+secret+`",`, 1),
		"another object":             strings.Replace(chatAnswer(said, spent), "chat.completion", secret, 1),
		"an event":                   strings.Replace(chatAnswer(said, spent), "chat.completion", "chat.completion.chunk", 1),
		"no object":                  `{"choices":[` + said + `]}`,
		"no choice":                  chatAnswer(``, spent),
		"more choices than asked":    chatAnswer(said+","+strings.Replace(said, `"index":0`, `"index":1`, 1), spent),
		"a choice not asked":         chatAnswer(strings.Replace(said, `"index":0`, `"index":1`, 1), spent),
		"a negative choice":          chatAnswer(strings.Replace(said, `"index":0`, `"index":-1`, 1), spent),
		"a choice without a message": chatAnswer(`{"index":0,"finish_reason":"stop"}`, spent),
		"another's message":          chatAnswer(strings.Replace(said, "assistant", "system", 1), spent),
		"no end":                     chatAnswer(strings.Replace(said, `"stop"`, `null`, 1), spent),
		"an unknown end":             chatAnswer(strings.Replace(said, `"stop"`, `"`+secret+`"`, 1), spent),
		"an end by tools not asked":  chatAnswer(strings.Replace(said, `"stop"`, `"tool_calls"`, 1), spent),
		"more tokens than allowed":   chatAnswer(said, `{"prompt_tokens":5,"completion_tokens":9,"total_tokens":14}`),
		"content of another kind":    chatAnswer(strings.Replace(said, `"Hi"`, `["`+secret+`"]`, 1), spent),
		"a name twice":               chatAnswer(strings.Replace(said, `"content":"Hi"`, `"content":"Hi","content":"`+secret+`"`, 1), spent),
		"a second document":          chatAnswer(said, spent) + secret,
		"a time after time":          strings.Replace(chatAnswer(said, spent), "1764000000", "1e300", 1),
		"a time before time":         strings.Replace(chatAnswer(said, spent), "1764000000", "-1", 1),
		"nesting":                    chatAnswer(said, strings.Repeat("[", 50)+strings.Repeat("]", 50)),
	} {
		t.Run(name, func(t *testing.T) {
			got, usage, err := cut(t, model.Chat, ``, answer, model.Limits{Logprobs: true, TopK: 5})
			found := wantError(t, err, narthex.Unavailable, "secret")
			if got != "" || usage != (model.Usage{}) || found.Code != "upstream_answer" {
				t.Errorf("it shows %q, %+v, %q", got, usage, found.Code)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the cause holds what the upstream said: %v", err)
			}
		})
	}
	if _, _, err := cut(t, model.Chat, `"n":2`, chatAnswer(said+","+said, spent), model.Limits{}); err == nil {
		t.Error("one choice is shown twice")
	}
	long := `{"index":0,"message":{"tool_calls":[{"id":"` + strings.Repeat("c", 257) + `","type":"function","function":{"name":"f","arguments":""}}]},"finish_reason":"stop"}`
	if _, _, err := cut(t, model.Chat, `"tools":[{"type":"function","function":{"name":"f"}}]`, chatAnswer(long, spent), model.Limits{}); err == nil {
		t.Error("a call of a tool has an identifier without end")
	}
	big := chatAnswer(strings.Replace(said, "Hi", strings.Repeat("a", 16<<20), 1), spent)
	_, _, err := cut(t, model.Chat, ``, big, model.Limits{})
	wantError(t, err, narthex.Unavailable, "")
}

func TestAUsageThatCannotBeIsUnknown(t *testing.T) {
	for _, usage := range []string{
		`null`, `{}`, `5`, `"x"`, `{"prompt_tokens":5,"completion_tokens":2}`, `{"prompt_tokens":5,"completion_tokens":2,"total_tokens":8}`,
		`{"prompt_tokens":-5,"completion_tokens":2,"total_tokens":-3}`, `{"prompt_tokens":9,"completion_tokens":-2,"total_tokens":7}`,
		`{"prompt_tokens":5.0,"completion_tokens":2,"total_tokens":7}`, `{"prompt_tokens":"5","completion_tokens":2,"total_tokens":7}`,
		`{"prompt_tokens":9223372036854775807,"completion_tokens":2,"total_tokens":-9223372036854775807}`,
		`{"prompt_tokens":0,"completion_tokens":2,"total_tokens":2}`, `{"prompt_tokens":5,"completion_tokens":0,"total_tokens":5}`,
		`{"prompt_tokens":null,"completion_tokens":2,"total_tokens":2}`,
	} {
		got, read, err := cut(t, model.Chat, ``, chatAnswer(said, usage), model.Limits{})
		if err != nil || read != (model.Usage{}) || strings.Contains(got, "usage") {
			t.Errorf("%s is believed: %+v, %v: %s", usage, read, err, got)
		}
	}
	_, read, err := cut(t, model.Chat, `"logprobs":true`, chatAnswer(scoredMessage, `{"prompt_tokens":5,"completion_tokens":1,"total_tokens":6}`), model.Limits{Logprobs: true})
	if err != nil || read.Known {
		t.Errorf("fewer tokens than were told of are believed: %+v, %v", read, err)
	}
	_, read, err = cut(t, model.Completions, `"echo":true`, `{"object":"text_completion","choices":[{"text":"hi","index":0,"finish_reason":"stop"}],"usage":{"prompt_tokens":2,"completion_tokens":0,"total_tokens":2}}`, model.Limits{})
	if err != nil || !read.Known {
		t.Errorf("an echo of the prompt alone is %+v, %v", read, err)
	}
}

const scoredMessage = `{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop","logprobs":{"content":[
	{"token":"H","logprob":-0.125,"bytes":[72],"top_logprobs":[{"token":"H","logprob":-0.125,"bytes":[72]},{"token":"J","logprob":-2.345678,"bytes":null},{"token":"K","logprob":-99999}]},
	{"token":"i","logprob":-0.0,"top_logprobs":[{"token":"i","logprob":-0.004}]}],"refusal":null}}`

func TestLogProbabilitiesAreCutToWhatWasAskedAndGranted(t *testing.T) {
	const none = `"logprobs":null`
	entry := func(first, top1, top2 string) string {
		return `"logprobs":{"content":[{"token":"H","logprob":` + first + `,"bytes":[72],"top_logprobs":[` + top1 + `]},{"token":"i","logprob":0,"bytes":null,"top_logprobs":[` + top2 + `]}],"refusal":null}`
	}
	const h, j, k = `{"token":"H","logprob":-0.13,"bytes":[72]}`, `{"token":"J","logprob":-2.35,"bytes":null}`, `{"token":"K","logprob":-9999,"bytes":null}`
	for name, c := range map[string]struct {
		fields string
		limits model.Limits
		want   string
	}{
		"not asked":            {``, model.Limits{Logprobs: true, TopK: 5, Decimals: 2}, none},
		"not granted":          {`"logprobs":true,"top_logprobs":5`, model.Limits{TopK: 5, Decimals: 2}, none},
		"no alternative asked": {`"logprobs":true`, model.Limits{Logprobs: true, TopK: 5, Decimals: 2}, entry("-0.13", "", "")},
		"one granted":          {`"logprobs":true,"top_logprobs":5`, model.Limits{Logprobs: true, TopK: 1, Decimals: 2}, entry("-0.13", h, `{"token":"i","logprob":0,"bytes":null}`)},
		"two asked":            {`"logprobs":true,"top_logprobs":2`, model.Limits{Logprobs: true, TopK: 5, Decimals: 2}, entry("-0.13", h+","+j, `{"token":"i","logprob":0,"bytes":null}`)},
		"all":                  {`"logprobs":true,"top_logprobs":20`, model.Limits{Logprobs: true, TopK: 20, Decimals: 2}, entry("-0.13", h+","+j+","+k, `{"token":"i","logprob":0,"bytes":null}`)},
		"none granted":         {`"logprobs":true,"top_logprobs":5`, model.Limits{Logprobs: true, TopK: -3, Decimals: -2}, entry("0", "", "")},
		"three decimals":       {`"logprobs":true`, model.Limits{Logprobs: true, Decimals: 3}, entry("-0.125", "", "")},
		"more decimals":        {`"logprobs":true`, model.Limits{Logprobs: true, Decimals: 400}, entry("-0.125", "", "")},
	} {
		t.Run(name, func(t *testing.T) {
			got, _, err := cut(t, model.Chat, c.fields, chatAnswer(scoredMessage, spent), c.limits)
			if err != nil || !strings.Contains(got, c.want+`,"finish_reason"`) {
				t.Errorf("it is %s, %v\n want %s", got, err, c.want)
			}
		})
	}
}

func TestLogProbabilitiesNeverSpellOutWhatIsNotShown(t *testing.T) {
	const short = `{"token":"secret","logprob":-1,"top_logprobs":[]}`
	for name, c := range map[string]struct{ message, scores string }{
		"beside a known thought":  {`{"content":"Hi","reasoning_content":"secret"}`, short},
		"beside a list of them":   {`{"content":"Hi","reasoning":[{"text":"secret"}]}`, short},
		"beside another's":        {`{"content":"Hi","thinking":"secret"}`, short},
		"beside an unknown one":   {`{"content":"Hi","cogitation":"secret"}`, short + strings.Repeat(`,{"token":"hidden thought that nobody granted","logprob":-1}`, 3)},
		"where no text is shown":  {`{"content":null}`, short},
		"where a call is dropped": {`{"content":"","tool_calls":[{"id":"1","type":"function","function":{"name":"secret","arguments":"secret secret"}}]}`, short},
	} {
		answer := chatAnswer(`{"index":0,"message":`+c.message+`,"finish_reason":"stop","logprobs":{"content":[`+c.scores+`]}}`, `{"prompt_tokens":5,"completion_tokens":8,"total_tokens":13}`)
		got, _, err := cut(t, model.Chat, `"logprobs":true,"top_logprobs":5`, answer, model.Limits{Logprobs: true, TopK: 5})
		if err != nil || strings.Contains(got, "secret") || !strings.Contains(got, `"logprobs":null`) {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
}

func TestLogProbabilitiesTellNoTextThatTheCallerDidNotSee(t *testing.T) {
	hidden := strings.Repeat(`{"token":"hidden-thought ","logprob":-0.1},`, 200)
	for name, c := range map[string]struct{ fields, text, tokens string }{
		"after a long stop":             {`,"stop":["` + strings.Repeat("x", 256) + `"]`, "ok", hidden},
		"in one short token":            {``, "ok", `{"token":"hidden-th","logprob":-1},`},
		"in a token of sixty bytes":     {``, "ok", `{"token":"okhidden thought is exactly sixty bytes long, as it may be","logprob":-1},`},
		"of the text's length":          {``, "ok now", `{"token":"hidden","logprob":-1},`},
		"after the text":                {``, "ok", `{"token":"ok","logprob":-1},` + hidden},
		"after a stop that began":       {`,"stop":["xyhidden-th-and-more"]`, "ok", `{"token":"okxy","logprob":-1},{"token":"hidden-thought that is long","logprob":-1},`},
		"beside bytes that are shown":   {``, "ok", `{"token":"hidden-thought","bytes":[111,107],"logprob":-1},`},
		"beside a byte that is no text": {``, "é", `{"token":"hidden-thought","bytes":[195],"logprob":-1},`},
		"as parts of characters":        {``, "é", strings.Repeat(`{"token":"\ufffd","bytes":[240],"logprob":-1},`, 20)},
		"as many parts of characters":   {``, "éa", strings.Repeat(`{"token":"\ufffd","logprob":-1},`, 20)},
	} {
		call := mustParse(t, model.Chat, plain(model.Chat, `"logprobs":true`+c.fields))
		answer := chatAnswer(`{"index":0,"message":{"content":"`+c.text+`"},"finish_reason":"stop","logprobs":{"content":[`+strings.TrimSuffix(c.tokens, ",")+`]}}`, "null")
		out, _, err := model.NewCutter(call, model.Limits{MaxTokens: 1000, Logprobs: true}).Answer([]byte(answer))
		if err != nil || !strings.Contains(string(out), `"logprobs":null`) {
			t.Errorf("%s: %s, %v", name, out, err)
		}
	}
	if _, err := parse(model.Chat, plain(model.Chat, `"stop":["`+strings.Repeat("x", 257)+`"]`)); narthex.AsError(err).Param != "stop" {
		t.Errorf("a stop text of any length is taken: %v", err)
	}
}

func TestLogProbabilitiesOfShownTextStayWhateverTheTokensLookLike(t *testing.T) {
	smile, stop := "😀é", strings.Repeat("x", 200)
	for name, c := range map[string]struct{ content, tokens string }{
		"parts of characters":            {smile + "a", strings.Repeat(`{"token":"\ufffd","logprob":-1},`, 6) + `{"token":"a","logprob":-1},`},
		"a few parts of characters":      {smile + "a", strings.Repeat(`{"token":"\ufffd","logprob":-1},`, 2) + `{"token":"éa","logprob":-1},`},
		"parts of characters with bytes": {"é", `{"token":"bytes:\\xc3","bytes":[195],"logprob":-1},{"token":"\ufffd","bytes":[169],"logprob":-1},`},
		"a named byte":                   {`a\r`, `{"token":"a","logprob":-1},{"token":"bytes:\\x0d","bytes":[13],"logprob":-1},`},
		"a part that is no character":    {"\ufffda", `{"token":"\ufffd","bytes":[240],"logprob":-1},{"token":"\ufffd","bytes":[159],"logprob":-1},{"token":"a","bytes":[97],"logprob":-1},`},
		"a stop text that is cut off":    {"a", `{"token":"a` + stop[:10] + `","logprob":-1},` + strings.Repeat(`{"token":"`+stop[:10]+`","logprob":-1},`, 19)},
		"an end mark":                    {"a", `{"token":"a","logprob":-1},{"token":"<|endoftext|>","logprob":-1},`},
		"a space that is left out":       {"a b", `{"token":" a","logprob":-1},{"token":" b","logprob":-1},`},
		"the beginning of the text":      {"a b c", `{"token":"a","logprob":-1},`},
	} {
		call := mustParse(t, model.Chat, plain(model.Chat, `"logprobs":true,"stop":["`+stop+`","y"]`))
		answer := chatAnswer(`{"index":0,"message":{"content":"`+c.content+`"},"finish_reason":"stop","logprobs":{"content":[`+strings.TrimSuffix(c.tokens, ",")+`]}}`, "null")
		out, _, err := model.NewCutter(call, model.Limits{MaxTokens: 120, Logprobs: true}).Answer([]byte(answer))
		if err != nil || strings.Contains(string(out), `"logprobs":null`) {
			t.Errorf("%s: they are gone: %s, %v", name, out, err)
		}
	}
}

func TestLogProbabilitiesThatAreNoneShowNothing(t *testing.T) {
	for name, scores := range map[string]string{
		"a null score":             `{"content":[{"token":"H","logprob":null}]}`,
		"no score":                 `{"content":[{"token":"H"}]}`,
		"a score beyond numbers":   `{"content":[{"token":"H","logprob":-1e999}]}`,
		"a score in words":         `{"content":[{"token":"H","logprob":"-Infinity"}]}`,
		"an alternative unscored":  `{"content":[{"token":"H","logprob":-1,"top_logprobs":[{"token":"b"}]}]}`,
		"a byte that is none":      `{"content":[{"token":"H","logprob":-1,"bytes":[256]}]}`,
		"more tokens than allowed": `{"content":[` + strings.Repeat(`{"token":"H","logprob":-1},`, 8) + `{"token":"H","logprob":-1}]}`,
	} {
		answer := chatAnswer(strings.Replace(said, `"logprobs":null`, `"logprobs":`+scores, 1), spent)
		got, _, err := cut(t, model.Chat, `"logprobs":true,"top_logprobs":5`, answer, model.Limits{Logprobs: true, TopK: 5})
		if err == nil {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func textAnswer(scores string) string {
	return `{"id":"up","object":"text_completion","created":7,"model":"x","choices":[{"text":"ab","index":0,"finish_reason":"length","logprobs":` + scores + `}],"usage":` + spent + `}`
}

func TestCompletionsHaveAFormOfTheirOwn(t *testing.T) {
	const head, tail = `{"id":"cal_1","object":"text_completion","created":7,"model":"minim-1","choices":[{"index":0,"text":"ab","logprobs":`, `,"finish_reason":"length"}],"usage":` + spent + `}`
	const scores = `{"tokens":["a","b"],"token_logprobs":[-0.125,null],"top_logprobs":[{"c":-0.5,"a":-0.125,"d":-0.5,"e":-7},null],"text_offset":[2,3]}`
	for name, c := range map[string]struct {
		fields, scores, want string
		limits               model.Limits
	}{
		"not asked":     {``, scores, `null`, model.Limits{Logprobs: true, TopK: 5, Decimals: 2}},
		"not granted":   {`"logprobs":5`, scores, `null`, model.Limits{TopK: 5, Decimals: 2}},
		"three granted": {`"logprobs":5`, scores, `{"tokens":["a","b"],"token_logprobs":[-0.13,null],"top_logprobs":[{"a":-0.13,"c":-0.5,"d":-0.5},null],"text_offset":[2,3]}`, model.Limits{Logprobs: true, TopK: 3, Decimals: 2}},
		"one asked":     {`"logprobs":1`, scores, `{"tokens":["a","b"],"token_logprobs":[-0.1,null],"top_logprobs":[{"a":-0.1},null],"text_offset":[2,3]}`, model.Limits{Logprobs: true, TopK: 3, Decimals: 1}},
		"none asked":    {`"logprobs":0`, scores, `{"tokens":["a","b"],"token_logprobs":[-0.13,null],"top_logprobs":null,"text_offset":[2,3]}`, model.Limits{Logprobs: true, TopK: 3, Decimals: 2}},
		"no offsets":    {`"logprobs":1`, `{"tokens":["a"],"token_logprobs":[-1]}`, `{"tokens":["a"],"token_logprobs":[-1],"top_logprobs":null}`, model.Limits{Logprobs: true, TopK: 3, Decimals: 2}},
		"of more text":  {`"logprobs":1`, `{"tokens":["` + strings.Repeat("secret", 20) + `"],"token_logprobs":[-1]}`, `null`, model.Limits{Logprobs: true, TopK: 3, Decimals: 2}},
	} {
		got, usage, err := cut(t, model.Completions, c.fields, textAnswer(c.scores), c.limits)
		if err != nil || got != head+c.want+tail || !usage.Known {
			t.Errorf("%s: %s, %v\n want %s", name, got, err, head+c.want+tail)
		}
	}
	for name, scores := range map[string]string{
		"lists of two lengths":   `{"tokens":["a","b"],"token_logprobs":[-1]}`,
		"too few alternatives":   `{"tokens":["a","b"],"token_logprobs":[-1,-1],"top_logprobs":[{}]}`,
		"too many offsets":       `{"tokens":["a"],"token_logprobs":[-1],"text_offset":[0,1]}`,
		"a negative offset":      `{"tokens":["a"],"token_logprobs":[-1],"text_offset":[-1]}`,
		"an alternative of null": `{"tokens":["a"],"token_logprobs":[-1],"top_logprobs":[{"b":null}]}`,
	} {
		if got, _, err := cut(t, model.Completions, `"logprobs":1`, textAnswer(scores), model.Limits{Logprobs: true, TopK: 1}); err == nil {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestTheZeroLimitsShowNoToken(t *testing.T) {
	call := mustParse(t, model.Chat, plain(model.Chat, ""))
	if out, _, err := model.NewCutter(call, model.Limits{}).Answer([]byte(chatAnswer(said, spent))); err == nil {
		t.Errorf("it shows %s", out)
	}
	if out, err := model.NewCutter(call, model.Limits{}).Event([]byte(benchEvent)); err == nil {
		t.Errorf("it shows %s", out)
	}
}

func TestAScoreIsRoundedToTheNearestOfItsDecimals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		score, decimals := rapid.Float64Range(-9999, 0).Draw(t, "score"), rapid.IntRange(0, 15).Draw(t, "decimals")
		if score == 0 {
			score = 0 // a negative zero is written -0, which no document may hold
		}
		call, err := parse(model.Chat, plain(model.Chat, `"logprobs":true`))
		if err != nil {
			t.Fatal(err)
		}
		answer := chatAnswer(fmt.Sprintf(`{"index":0,"message":{"content":"a"},"finish_reason":"stop","logprobs":{"content":[{"token":"a","logprob":%v}]}}`, score), spent)
		out, _, err := model.NewCutter(call, model.Limits{MaxTokens: 8, Logprobs: true, Decimals: decimals}).Answer([]byte(answer))
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(out), `"logprob":`)
		text, _, _ := strings.Cut(rest, ",")
		rounded, err := strconv.ParseFloat(text, 64)
		if _, fraction, _ := strings.Cut(text, "."); err != nil || len(fraction) > decimals || text == "-0" {
			t.Fatalf("%v is shown as %s with %d decimals", score, text, decimals)
		}
		if off := math.Abs(rounded - score); off > 0.5*math.Pow10(-decimals)+1e-11 {
			t.Fatalf("%v is shown as %s, off by %v", score, text, off)
		}
	})
}
