package model_test

import (
	"testing"

	"narthex"
	"narthex/internal/gateway/model"
)

const (
	benchRequest = `{"model":"minim-1","messages":[{"role":"system","content":"You answer in one short sentence."},{"role":"user","content":"What does a narthex have to do with a church?"}],"max_tokens":64,"temperature":0.7,"top_p":0.95}`
	benchAnswer  = `{"id":"chatcmpl-123","object":"chat.completion","created":1764000000,"model":"minim-1-03122","choices":[{"index":0,"message":{"role":"assistant","content":"It is the porch for those who belong, but not fully.","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":82,"completion_tokens":52,"total_tokens":134},"system_fingerprint":"fp_1"}`
	benchEvent   = `{"id":"chatcmpl-123","object":"chat.completion.chunk","created":1764000000,"model":"minim-1-03122","choices":[{"index":0,"delta":{"content":" porch"},"logprobs":null,"finish_reason":null}]}`
)

// BenchmarkCall is all that this package does for one small chat call.
func BenchmarkCall(b *testing.B) {
	request, answer := []byte(benchRequest), []byte(benchAnswer)
	b.ReportAllocs()
	for b.Loop() {
		call, err := model.ParseChat(request)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := call.Uses(minim); err != nil {
			b.Fatal(err)
		}
		if _, err := call.Demands(minim, 64, 0); err != nil {
			b.Fatal(err)
		}
		call.Upstream(narthex.Version{Name: "final"}, 64, -1)
		cutter := model.NewCutter(call, model.Limits{Model: "minim-1", MaxTokens: 64})
		if _, _, err := cutter.Answer(answer); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkParse is the reading of the request alone.
func BenchmarkParse(b *testing.B) {
	request := []byte(benchRequest)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := model.ParseChat(request); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkEvent is one event of a stream.
func BenchmarkEvent(b *testing.B) {
	call, err := model.ParseChat([]byte(benchRequest))
	if err != nil {
		b.Fatal(err)
	}
	cutter, event := model.NewCutter(call, model.Limits{Model: "minim-1", MaxTokens: 1 << 40}), []byte(benchEvent)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := cutter.Event(event); err != nil {
			b.Fatal(err)
		}
	}
}
