package model

import (
	"github.com/go-json-experiment/json/jsontext"

	"narthex"
	"narthex/internal/wire"
)

// Bounds of what is read of an upstream, in bytes and levels.
var (
	answerLimits = wire.Limits{Bytes: 16 << 20, Depth: 16}
	eventLimits  = wire.Limits{Bytes: 1 << 20, Depth: 16}
)

// reply is what is read of an upstream's answer, whole or in events, on either surface. Unknown names are passed over.
type reply struct {
	Object  string         `json:"object"`
	Created float64        `json:"created"`
	Choices []choice       `json:"choices"`
	Usage   jsontext.Value `json:"usage"`
	Error   *given         `json:"error"`
}

type choice struct {
	Index        int64      `json:"index"`
	Message      *turn      `json:"message"`
	Delta        *turn      `json:"delta"`
	Text         *string    `json:"text"`
	Logprobs     *logScores `json:"logprobs"`
	FinishReason *string    `json:"finish_reason"`
}

// turn is the assistant's message, or a piece of it. The thoughts are never shown.
type turn struct {
	Role      *string     `json:"role"`
	Content   *string     `json:"content"`
	Refusal   *string     `json:"refusal"`
	ToolCalls []toolPiece `json:"tool_calls"`

	ReasoningContent thoughts `json:"reasoning_content"`
	Reasoning        thoughts `json:"reasoning"`
	Thinking         thoughts `json:"thinking"`
}

type toolPiece struct {
	Index    *int64  `json:"index"`
	ID       *string `json:"id"`
	Type     *string `json:"type"`
	Function *struct {
		Name      *string `json:"name"`
		Arguments *string `json:"arguments"`
	} `json:"function"`
}

// thoughts says whether there is anything in a field that holds a chain of thought.
type thoughts bool

// UnmarshalJSONFrom reads over the value.
func (t *thoughts) UnmarshalJSONFrom(in *jsontext.Decoder) error {
	value, err := in.ReadValue()
	*t = string(value) != "null" && string(value) != `""` && string(value) != "[]"
	return err
}

// thought says whether the piece holds a chain of thought.
func (t *turn) thought() bool {
	return bool(t.ReasoningContent || t.Reasoning || t.Thinking)
}

// spoken counts the bytes of text in the piece.
func (t *turn) spoken() int { return len(either(t.Content, "")) + len(either(t.Refusal, "")) }

// shown counts the bytes of what the caller sees of the piece.
func (t *turn) shown(tools bool) int {
	count := t.spoken()
	if !tools {
		return count
	}
	for _, call := range t.ToolCalls {
		if call.Function != nil {
			count += len(either(call.Function.Name, "")) + len(either(call.Function.Arguments, ""))
		}
	}
	return count
}

// Usage is what an upstream says that a call took, in tokens. The zero Usage is unknown: the worst case stands.
type Usage struct {
	Prompt     int64
	Completion int64
	Known      bool
}

// Total is the tokens of prompt and answers.
func (u Usage) Total() int64 { return u.Prompt + u.Completion }

// readUsage reads a usage that is whole, adds up and holds no number that cannot be; any other is unknown.
func readUsage(raw jsontext.Value) Usage {
	type counts struct {
		Prompt     *int64 `json:"prompt_tokens"`
		Completion *int64 `json:"completion_tokens"`
		Total      *int64 `json:"total_tokens"`
	}
	read, err := wire.DecodeLenient[counts](raw, eventLimits)
	if err != nil || read.Prompt == nil || read.Completion == nil || read.Total == nil {
		return Usage{}
	}
	prompt, completion := *read.Prompt, *read.Completion
	const most = narthex.LargestNumber
	if min(prompt, completion) < 0 || max(prompt, completion) > most || *read.Total != prompt+completion {
		return Usage{}
	}
	return Usage{prompt, completion, true}
}

// outside makes the error for an answer that is not what was asked; cause is in our words and for operators.
func outside(cause error) error {
	err := narthex.Unavailablef("The model's server gave an answer that cannot be shown, so none of it is. Try again, and tell the lab the request's id if it happens again.")
	err.Code = "upstream_answer"
	return err.Because(cause)
}
