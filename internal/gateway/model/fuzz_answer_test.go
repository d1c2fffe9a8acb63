package model_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"narthex/internal/gateway/model"
)

// The whole form of what a caller may see; a decoder that refuses unknown names holds answers to it.
type seen struct {
	ID      string       `json:"id"`
	Object  string       `json:"object"`
	Created int64        `json:"created"`
	Model   string       `json:"model"`
	Choices []seenChoice `json:"choices"`
	Usage   *struct {
		Prompt     int64 `json:"prompt_tokens"`
		Completion int64 `json:"completion_tokens"`
		Total      int64 `json:"total_tokens"`
	} `json:"usage"`
}

type seenChoice struct {
	Index        int             `json:"index"`
	Message      *seenTurn       `json:"message"`
	Delta        *seenTurn       `json:"delta"`
	Text         *string         `json:"text"`
	Logprobs     json.RawMessage `json:"logprobs"`
	FinishReason *string         `json:"finish_reason"`
}

type seenTurn struct {
	Role      string  `json:"role"`
	Content   *string `json:"content"`
	Refusal   *string `json:"refusal"`
	ToolCalls []struct {
		Index    int    `json:"index"`
		ID       string `json:"id"`
		Type     string `json:"type"`
		Function struct {
			Name      string `json:"name"`
			Arguments string `json:"arguments"`
		} `json:"function"`
	} `json:"tool_calls"`
}

type seenScore struct {
	Token   string      `json:"token"`
	Logprob json.Number `json:"logprob"`
	Bytes   []int       `json:"bytes"`
	Top     []seenScore `json:"top_logprobs"`
}

type seenScores struct {
	Content []seenScore `json:"content"`
	Refusal []seenScore `json:"refusal"`
}

type seenLegacy struct {
	Tokens     []string                 `json:"tokens"`
	Scores     []*json.Number           `json:"token_logprobs"`
	Top        []map[string]json.Number `json:"top_logprobs"`
	TextOffset []int64                  `json:"text_offset"`
}

func strictly(t *testing.T, data []byte, into any) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
}

// setting is a call and the limits of its answer, drawn from one number.
type setting struct {
	surface model.Surface
	call    *model.Call
	limits  model.Limits
	asked   int // alternatives
	tools   bool
}

func newSetting(t *testing.T, seed uint16, stream bool) setting {
	s := setting{surface: model.Chat, asked: int(seed >> 1 & 3), tools: seed>>9&1 == 1}
	s.limits = model.Limits{Model: "minim-1", MaxTokens: 6, Logprobs: seed>>3&1 == 0, TopK: int(seed >> 4 & 3), Decimals: int(seed >> 6 & 7)}
	fields := fmt.Sprintf(`"n":2,"stream":%v`, stream)
	if stream && seed>>10&1 == 1 {
		fields += `,"stream_options":{"include_usage":true}`
	}
	if seed&1 == 1 {
		s.surface, s.tools = model.Completions, false
		fields += fmt.Sprintf(`,"logprobs":%d`, s.asked)
	} else {
		fields += fmt.Sprintf(`,"logprobs":true,"top_logprobs":%d`, s.asked)
	}
	if s.tools {
		fields += `,"tools":[{"type":"function","function":{"name":"f"}}]`
	}
	s.call = mustParse(t, s.surface, plain(s.surface, fields))
	return s
}

// holds says that an answer shows nothing but what the setting allows.
func (s setting) holds(t *testing.T, out []byte) {
	t.Helper()
	if bytes.ContainsAny(out, "\r\n") {
		t.Fatalf("it has a line's end: %q", out)
	}
	var shown seen
	strictly(t, out, &shown)
	if shown.Model != "minim-1" || shown.ID != "cal_1" || len(shown.Choices) > 2 {
		t.Fatalf("it is another's: %s", out)
	}
	if u := shown.Usage; u != nil && (u.Total != u.Prompt+u.Completion || u.Completion > 12 || u.Prompt < 0 || u.Completion < 0) {
		t.Fatalf("a usage that cannot be: %s", out)
	}
	for _, choice := range shown.Choices {
		for _, turn := range []*seenTurn{choice.Message, choice.Delta} {
			if turn != nil && turn.ToolCalls != nil && !s.tools {
				t.Fatalf("calls of tools that were not asked: %s", out)
			}
		}
		if string(choice.Logprobs) == "null" {
			continue
		}
		if !s.limits.Logprobs {
			t.Fatalf("log-probabilities that were not granted: %s", out)
		}
		s.holdsScores(t, choice.Logprobs)
	}
}

func (s setting) holdsScores(t *testing.T, raw []byte) {
	t.Helper()
	most := min(s.asked, s.limits.TopK)
	score := func(number json.Number) {
		_, decimals, _ := strings.Cut(string(number), ".")
		if len(decimals) > s.limits.Decimals || strings.ContainsAny(string(number), "eE") || number == "-0" {
			t.Fatalf("a score of %s with %d decimals granted: %s", number, s.limits.Decimals, raw)
		}
	}
	if s.surface == model.Completions {
		var legacy seenLegacy
		strictly(t, raw, &legacy)
		for _, number := range legacy.Scores {
			if number != nil {
				score(*number)
			}
		}
		for _, top := range legacy.Top {
			if len(top) > most {
				t.Fatalf("%d alternatives of %d: %s", len(top), most, raw)
			}
			for _, number := range top {
				score(number)
			}
		}
		return
	}
	var scores seenScores
	strictly(t, raw, &scores)
	for _, entry := range append(scores.Content, scores.Refusal...) {
		score(entry.Logprob)
		if len(entry.Top) > most {
			t.Fatalf("%d alternatives of %d: %s", len(entry.Top), most, raw)
		}
		for _, top := range entry.Top {
			if score(top.Logprob); top.Top != nil {
				t.Fatalf("alternatives of alternatives: %s", raw)
			}
		}
	}
}

func FuzzCutterAnswer(f *testing.F) {
	for seed := range uint16(16) {
		f.Add([]byte(chatAnswer(scoredMessage, spent)), seed<<1)
		f.Add([]byte(chatAnswer(said, spent)), seed<<6)
		f.Add([]byte(textAnswer(`{"tokens":["a","b"],"token_logprobs":[-0.125,null],"top_logprobs":[{"c":-0.5,"a":-0.125,"d":-0.5,"e":-7e-7},null],"text_offset":[2,3]}`)), seed<<1|1)
	}
	f.Add([]byte(chatAnswer(`{"index":1,"message":{"content":null,"tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}`, spent)), uint16(1<<9))
	f.Fuzz(func(t *testing.T, body []byte, seed uint16) {
		s := newSetting(t, seed, false)
		cutter := model.NewCutter(s.call, s.limits)
		cutter.SetID("cal_1")
		out, usage, err := cutter.Answer(body)
		if err != nil {
			if out != nil || usage != (model.Usage{}) {
				t.Fatalf("an error with %s, %+v", out, usage)
			}
			return
		}
		s.holds(t, out)
	})
}

func FuzzCutterEvent(f *testing.F) {
	scored := `{"index":1,"delta":{"role":"assistant","content":"Hi"},` + scoredMessage[strings.Index(scoredMessage, `"logprobs"`):]
	text := `{"object":"text_completion","created":7,"choices":[{"index":0,"text":"ab","logprobs":{"tokens":["a"],"token_logprobs":[-0.126],"top_logprobs":[{"b":-3,"a":-0.126,"c":-4,"d":-5}],"text_offset":[0]}}]}`
	for seed := range uint16(16) {
		f.Add([]byte(event(strings.ReplaceAll(scored, "\n", ""), "")+"\n"+event(delta(`{"content":"x"}`, `"stop"`), `,"usage":`+spent)), seed<<1)
		f.Add([]byte(benchEvent+"\n"+event("", `,"usage":`+spent)), seed<<7)
		f.Add([]byte(text+"\n"+text), seed<<1|1)
	}
	f.Add([]byte(event(delta(`{"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":""}}]}`, `"tool_calls"`), "")), uint16(1<<9))
	f.Fuzz(func(t *testing.T, events []byte, seed uint16) {
		s := newSetting(t, seed, true)
		cutter := model.NewCutter(s.call, s.limits)
		cutter.SetID("cal_1")
		ended, failed := false, false
		for _, event := range bytes.Split(events, []byte("\n")) {
			out, err := cutter.Event(event)
			if err == nil && failed || err != nil && out != nil {
				t.Fatalf("after an error: %s, %v", out, err)
			}
			failed = err != nil
			if out == nil {
				continue
			}
			s.holds(t, out)
			var shown seen
			strictly(t, out, &shown)
			if ended && len(shown.Choices) > 0 {
				t.Fatalf("a piece after the end of every choice: %s", out)
			}
			if shown.Usage != nil && !s.call.IncludeUsage() {
				t.Fatalf("a usage that was not asked: %s", out)
			}
			ended = cutter.Done()
		}
		if _, known := cutter.Usage(); known && failed {
			t.Fatal("a usage is believed of a stream that failed")
		}
	})
}
