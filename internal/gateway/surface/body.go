package surface

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"narthex"
)

// chatBody is a chat request as it is read: one Go field for each row of the table. Raw ones are refused or dropped unread.
type chatBody struct {
	Messages            []message          `json:"messages"`
	Model               string             `json:"model"`
	Audio               jsontext.Value     `json:"audio"`
	FrequencyPenalty    *float64           `json:"frequency_penalty"`
	FunctionCall        jsontext.Value     `json:"function_call"`
	Functions           jsontext.Value     `json:"functions"`
	LogitBias           map[string]float64 `json:"logit_bias"`
	Logprobs            *bool              `json:"logprobs"`
	MaxCompletionTokens *int64             `json:"max_completion_tokens"`
	MaxTokens           *int64             `json:"max_tokens"`
	Metadata            jsontext.Value     `json:"metadata"`
	Modalities          []string           `json:"modalities"`
	Moderation          jsontext.Value     `json:"moderation"`
	N                   *int64             `json:"n"`
	ParallelToolCalls   *bool              `json:"parallel_tool_calls"`
	Prediction          jsontext.Value     `json:"prediction"`
	PresencePenalty     *float64           `json:"presence_penalty"`
	PromptCacheKey      jsontext.Value     `json:"prompt_cache_key"`
	PromptCacheOptions  jsontext.Value     `json:"prompt_cache_options"`
	PromptCacheRetain   jsontext.Value     `json:"prompt_cache_retention"`
	ReasoningEffort     jsontext.Value     `json:"reasoning_effort"`
	ResponseFormat      *responseFormat    `json:"response_format"`
	SafetyIdentifier    jsontext.Value     `json:"safety_identifier"`
	Seed                *int64             `json:"seed"`
	ServiceTier         jsontext.Value     `json:"service_tier"`
	Stop                stops              `json:"stop"`
	Store               jsontext.Value     `json:"store"`
	Stream              *bool              `json:"stream"`
	StreamOptions       *streamOptions     `json:"stream_options"`
	Temperature         *float64           `json:"temperature"`
	ToolChoice          *toolChoice        `json:"tool_choice"`
	Tools               []tool             `json:"tools"`
	TopLogprobs         *int64             `json:"top_logprobs"`
	TopP                *float64           `json:"top_p"`
	User                jsontext.Value     `json:"user"`
	Verbosity           jsontext.Value     `json:"verbosity"`
	WebSearchOptions    jsontext.Value     `json:"web_search_options"`
}

// completionBody is a completions request as it is read.
type completionBody struct {
	Model            string             `json:"model"`
	Prompt           *string            `json:"prompt"`
	BestOf           jsontext.Value     `json:"best_of"`
	Echo             *bool              `json:"echo"`
	FrequencyPenalty *float64           `json:"frequency_penalty"`
	LogitBias        map[string]float64 `json:"logit_bias"`
	Logprobs         *int64             `json:"logprobs"`
	MaxTokens        *int64             `json:"max_tokens"`
	N                *int64             `json:"n"`
	PresencePenalty  *float64           `json:"presence_penalty"`
	Seed             *int64             `json:"seed"`
	Stop             stops              `json:"stop"`
	Stream           *bool              `json:"stream"`
	StreamOptions    *streamOptions     `json:"stream_options"`
	Suffix           jsontext.Value     `json:"suffix"`
	Temperature      *float64           `json:"temperature"`
	TopP             *float64           `json:"top_p"`
	User             jsontext.Value     `json:"user"`
}

type message struct {
	Role       string     `json:"role"`
	Content    *content   `json:"content,omitempty"`
	Name       string     `json:"name,omitempty"`
	ToolCalls  []toolCall `json:"tool_calls,omitempty"`
	ToolCallID string     `json:"tool_call_id,omitempty"`
	Refusal    *string    `json:"refusal,omitempty"`
}

type streamOptions struct {
	IncludeUsage *bool `json:"include_usage"`
}

type responseFormat struct {
	Type string `json:"type"`
}

type tool struct {
	Type     string   `json:"type"`
	Function function `json:"function"`
}

type function struct {
	Name        string         `json:"name"`
	Description string         `json:"description,omitempty"`
	Parameters  jsontext.Value `json:"parameters,omitempty"`
	Strict      *bool          `json:"strict,omitempty"`
}

type toolCall struct {
	ID       string       `json:"id"`
	Type     string       `json:"type"`
	Function calledMethod `json:"function"`
}

type calledMethod struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

// content is a text, or a list of parts that are texts.
type content struct{ Text string }

type part struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// UnmarshalJSONFrom reads either form of content.
func (c *content) UnmarshalJSONFrom(in *jsontext.Decoder) error {
	if in.PeekKind() != '[' {
		return json.UnmarshalDecode(in, &c.Text)
	}
	var parts []part
	if err := json.UnmarshalDecode(in, &parts); err != nil {
		return err
	}
	for _, p := range parts {
		if p.Type != "text" {
			return narthex.Invalidf("A message's part is of a type that is not offered here; send text.").For("messages")
		}
		c.Text += p.Text
	}
	return nil
}

// MarshalJSONTo writes content as one text.
func (c content) MarshalJSONTo(out *jsontext.Encoder) error {
	return out.WriteToken(jsontext.String(c.Text))
}

// stops is one text or a list of them.
type stops []string

// UnmarshalJSONFrom reads either form of stop.
func (s *stops) UnmarshalJSONFrom(in *jsontext.Decoder) error {
	if in.PeekKind() == '[' {
		return json.UnmarshalDecode(in, (*[]string)(s))
	}
	var one *string
	if err := json.UnmarshalDecode(in, &one); err != nil || one == nil {
		return err
	}
	*s = stops{*one}
	return nil
}

// toolChoice is a word or a tool by name.
type toolChoice struct {
	Word string
	Name string
}

type namedChoice struct {
	Type     string `json:"type"`
	Function struct {
		Name string `json:"name"`
	} `json:"function"`
}

// UnmarshalJSONFrom reads either form of tool_choice.
func (c *toolChoice) UnmarshalJSONFrom(in *jsontext.Decoder) error {
	if in.PeekKind() == '"' {
		return json.UnmarshalDecode(in, &c.Word)
	}
	var named namedChoice
	err := json.UnmarshalDecode(in, &named)
	c.Name = named.Function.Name
	return err
}

// MarshalJSONTo writes the form that was read.
func (c toolChoice) MarshalJSONTo(out *jsontext.Encoder) error {
	if c.Name == "" {
		return out.WriteToken(jsontext.String(c.Word))
	}
	named := namedChoice{Type: "function"}
	named.Function.Name = c.Name
	return json.MarshalEncode(out, named)
}
