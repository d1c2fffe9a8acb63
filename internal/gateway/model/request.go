package model

import (
	"errors"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"narthex"
)

// The form of requests. A pointer or a map is a field that may be null, an opt or a list one that may not. Unknown names are
// refused by the decoder, and a test holds each name to its row in the table.

// sampling is what both surfaces have.
type sampling struct {
	Model            string                `json:"model"`
	FrequencyPenalty *float64              `json:"frequency_penalty"`
	LogitBias        map[string]opt[int64] `json:"logit_bias"`
	MaxTokens        *int64                `json:"max_tokens"`
	N                *int64                `json:"n"`
	PresencePenalty  *float64              `json:"presence_penalty"`
	Seed             *int64                `json:"seed"`
	Stop             *texts                `json:"stop"`
	Stream           *bool                 `json:"stream"`
	StreamOptions    *streamOptions        `json:"stream_options"`
	Temperature      *float64              `json:"temperature"`
	TopP             *float64              `json:"top_p"`
	User             opt[string]           `json:"user"`
}

type streamOptions struct {
	IncludeUsage       opt[bool] `json:"include_usage"`
	IncludeObfuscation opt[bool] `json:"include_obfuscation"`
}

type chatRequest struct {
	sampling
	Messages             list[message]          `json:"messages"`
	Audio                *given                 `json:"audio"`
	FunctionCall         given                  `json:"function_call"`
	Functions            given                  `json:"functions"`
	Logprobs             *bool                  `json:"logprobs"`
	MaxCompletionTokens  *int64                 `json:"max_completion_tokens"`
	Metadata             map[string]opt[string] `json:"metadata"`
	Modalities           *list[string]          `json:"modalities"`
	Moderation           given                  `json:"moderation"`
	ParallelToolCalls    opt[bool]              `json:"parallel_tool_calls"`
	Prediction           *given                 `json:"prediction"`
	PromptCacheKey       opt[string]            `json:"prompt_cache_key"`
	PromptCacheOptions   opt[given]             `json:"prompt_cache_options"`
	PromptCacheRetention *string                `json:"prompt_cache_retention"`
	ReasoningEffort      *string                `json:"reasoning_effort"`
	ResponseFormat       opt[format]            `json:"response_format"`
	SafetyIdentifier     opt[string]            `json:"safety_identifier"`
	ServiceTier          *string                `json:"service_tier"`
	Store                *bool                  `json:"store"`
	ToolChoice           opt[toolChoice]        `json:"tool_choice"`
	Tools                list[tool]             `json:"tools"`
	TopLogprobs          *int64                 `json:"top_logprobs"`
	Verbosity            *string                `json:"verbosity"`
	WebSearchOptions     given                  `json:"web_search_options"`
}

type completionRequest struct {
	sampling
	Prompt   *texts `json:"prompt"`
	BestOf   *int64 `json:"best_of"`
	Echo     *bool  `json:"echo"`
	Logprobs *int64 `json:"logprobs"`
	Suffix   *given `json:"suffix"`
}

type format struct {
	Type       string `json:"type"`
	JSONSchema given  `json:"json_schema"`
}

type message struct {
	Role         string         `json:"role"`
	Content      *content       `json:"content"`
	Name         opt[string]    `json:"name"`
	Refusal      *string        `json:"refusal"`
	ToolCalls    list[toolCall] `json:"tool_calls"`
	ToolCallID   opt[string]    `json:"tool_call_id"`
	Audio        *given         `json:"audio"`
	FunctionCall *given         `json:"function_call"`
}

type part struct {
	Type       string      `json:"type"`
	Text       opt[string] `json:"text"`
	ImageURL   given       `json:"image_url"`
	InputAudio given       `json:"input_audio"`
	File       given       `json:"file"`
	Refusal    given       `json:"refusal"`
}

type toolCall struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Function struct {
		Name      string      `json:"name"`
		Arguments opt[string] `json:"arguments"`
	} `json:"function"`
}

type tool struct {
	Type     string   `json:"type"`
	Function function `json:"function"`
}

type function struct {
	Name        string              `json:"name"`
	Description opt[string]         `json:"description"`
	Parameters  opt[jsontext.Value] `json:"parameters"`
	Strict      *bool               `json:"strict"`
}

var (
	errNull = errors.New("null stands where a value must")
	errKind = errors.New("the value is of another kind")
)

// opt is a value that may be left out, but not null.
type opt[T any] struct {
	value T
	set   bool
}

// UnmarshalJSONFrom reads the value and refuses null.
func (o *opt[T]) UnmarshalJSONFrom(in *jsontext.Decoder) error {
	if in.PeekKind() == 'n' {
		return errNull
	}
	o.set = true
	return json.UnmarshalDecode(in, &o.value)
}

// given says whether a field was there, whatever its value.
type given bool

// UnmarshalJSONFrom reads over the value.
func (g *given) UnmarshalJSONFrom(in *jsontext.Decoder) error {
	*g = true
	return in.SkipValue()
}

const mostItems = 1000

// list holds at most mostItems values, so that a small body cannot become a large one in memory. It is nil where left out.
type list[T any] []T

// UnmarshalJSONFrom reads an array, and stops at its bound.
func (l *list[T]) UnmarshalJSONFrom(in *jsontext.Decoder) error {
	if in.PeekKind() != '[' {
		return errKind
	}
	if _, err := in.ReadToken(); err != nil {
		return err
	}
	*l = list[T]{}
	for in.PeekKind() != ']' {
		if len(*l) == mostItems {
			return narthex.Invalidf("A list of the body has more than %d items; send fewer.", mostItems)
		}
		if in.PeekKind() == 'n' {
			return errNull
		}
		var item T
		if err := json.UnmarshalDecode(in, &item); err != nil {
			return err
		}
		*l = append(*l, item)
	}
	_, err := in.ReadToken()
	return err
}

// texts is one text or a list of texts.
type texts list[string]

// UnmarshalJSONFrom reads either form.
func (t *texts) UnmarshalJSONFrom(in *jsontext.Decoder) error {
	if in.PeekKind() != '"' {
		return (*list[string])(t).UnmarshalJSONFrom(in)
	}
	*t = texts{""}
	return json.UnmarshalDecode(in, &(*t)[0])
}

// content is a message's text, in one piece or in parts.
type content struct {
	text  string
	parts list[part] // nil where the content is one text
}

// UnmarshalJSONFrom reads either form.
func (c *content) UnmarshalJSONFrom(in *jsontext.Decoder) error {
	if in.PeekKind() == '"' {
		return json.UnmarshalDecode(in, &c.text)
	}
	return c.parts.UnmarshalJSONFrom(in)
}

// toolChoice is a mode, or the name of the one function to call.
type toolChoice struct {
	mode string
	name string
}

// UnmarshalJSONFrom reads either form.
func (t *toolChoice) UnmarshalJSONFrom(in *jsontext.Decoder) error {
	if in.PeekKind() == '"' {
		return json.UnmarshalDecode(in, &t.mode)
	}
	var named struct {
		Type     string `json:"type"`
		Function struct {
			Name string `json:"name"`
		} `json:"function"`
	}
	if err := json.UnmarshalDecode(in, &named); err != nil {
		return err
	}
	if named.Type != "function" || named.Function.Name == "" {
		return errKind
	}
	t.name = named.Function.Name
	return nil
}
