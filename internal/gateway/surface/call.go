package surface

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"narthex"
	"narthex/internal/wire"
)

// MostBody bounds a request, in bytes.
const MostBody = 1 << 20

const (
	mostMessages = 1000
	mostN        = 128
	overhead     = 8 // bytes that a template may add for each message
)

// Call is a model call that was read. Nothing of the caller's bytes remains but what stands here.
type Call struct {
	Surface      Surface
	Asset        narthex.AssetName
	Version      narthex.VersionName // "" where none was named
	Stream       bool
	IncludeUsage bool
	N            int64

	messages    []message
	prompt      string
	asked       *int64 // tokens of an answer
	logprobs    bool
	topK        int64
	echo        bool
	seed        *int64
	stop        []string
	temperature *float64
	topP        *float64
	presence    *float64
	frequency   *float64
	bias        map[string]float64
	tools       []tool
	choice      *toolChoice
	parallel    *bool
}

// ResolveModel splits a model's name into asset and version. A name that is not canonical is Withheld: nothing is called so.
func ResolveModel(name string) (narthex.AssetName, narthex.VersionName, error) {
	asset, version, named := strings.Cut(name, "@")
	if narthex.CheckName("", asset) != nil || named && narthex.CheckName("", version) != nil {
		return "", "", narthex.WithheldError().For("model")
	}
	return narthex.AssetName(asset), narthex.VersionName(version), nil
}

var bodyLimits = wire.Limits{Bytes: MostBody, Depth: 32}

// ParseChat reads a chat request.
func ParseChat(body []byte) (*Call, error) {
	b, err := wire.Decode[chatBody](body, bodyLimits)
	if err != nil {
		return nil, err
	}
	if err := refuseFields(Chat, map[string]jsontext.Value{"audio": b.Audio, "function_call": b.FunctionCall, "functions": b.Functions,
		"moderation": b.Moderation, "prediction": b.Prediction, "prompt_cache_options": b.PromptCacheOptions, "prompt_cache_retention": b.PromptCacheRetain,
		"reasoning_effort": b.ReasoningEffort, "verbosity": b.Verbosity, "web_search_options": b.WebSearchOptions}); err != nil {
		return nil, err
	}
	if b.Modalities != nil && !slices.Equal(b.Modalities, []string{"text"}) {
		return nil, invalid("modalities", `may only be ["text"]`)
	}
	if b.ResponseFormat != nil && b.ResponseFormat.Type != "text" {
		return nil, invalid("response_format", `may only be {"type": "text"}`)
	}
	if b.MaxTokens != nil && b.MaxCompletionTokens != nil {
		return nil, invalid("max_tokens", "and max_completion_tokens mean the same; send one")
	}
	c := &Call{Surface: Chat, messages: b.Messages, asked: b.MaxTokens, logprobs: truth(b.Logprobs), seed: b.Seed, stop: b.Stop, temperature: b.Temperature,
		topP: b.TopP, presence: b.PresencePenalty, frequency: b.FrequencyPenalty, bias: b.LogitBias, tools: b.Tools, choice: b.ToolChoice, parallel: b.ParallelToolCalls}
	if b.MaxCompletionTokens != nil {
		c.asked = b.MaxCompletionTokens
	}
	if b.TopLogprobs != nil {
		if c.topK = *b.TopLogprobs; !c.logprobs || c.topK < 0 || c.topK > 20 {
			return nil, invalid("top_logprobs", "is a number from 0 to 20, and needs logprobs to be true")
		}
	}
	if err := c.checkMessages(); err != nil {
		return nil, err
	}
	if err := c.checkTools(); err != nil {
		return nil, err
	}
	return c, c.checkCommon(b.Model, b.N, b.Stream, b.StreamOptions)
}

// ParseCompletion reads a completions request.
func ParseCompletion(body []byte) (*Call, error) {
	b, err := wire.Decode[completionBody](body, bodyLimits)
	if err != nil {
		return nil, err
	}
	if err := refuseFields(Completions, map[string]jsontext.Value{"best_of": b.BestOf, "suffix": b.Suffix}); err != nil {
		return nil, err
	}
	if b.Prompt == nil || *b.Prompt == "" {
		return nil, invalid("prompt", "must be one text that is not empty")
	}
	c := &Call{Surface: Completions, prompt: *b.Prompt, asked: b.MaxTokens, echo: truth(b.Echo), seed: b.Seed, stop: b.Stop, temperature: b.Temperature,
		topP: b.TopP, presence: b.PresencePenalty, frequency: b.FrequencyPenalty, bias: b.LogitBias}
	if b.Logprobs != nil {
		if c.logprobs, c.topK = true, *b.Logprobs; c.topK < 0 || c.topK > 20 {
			return nil, invalid("logprobs", "is a number from 0 to 20")
		}
	}
	if c.echo && c.logprobs {
		return nil, invalid("echo", "with logprobs would give the prompt's own log-probabilities, which no attribute gives; send one of the two")
	}
	return c, c.checkCommon(b.Model, b.N, b.Stream, b.StreamOptions)
}

func invalid(param, rule string) *narthex.Error {
	return narthex.Invalidf("The field %s %s.", param, rule).For(param)
}

func truth(b *bool) bool { return b != nil && *b }

// refuseFields refuses the fields that are present and have no place here, by the rule of the table.
func refuseFields(surface Surface, present map[string]jsontext.Value) error {
	for _, f := range Fields(surface) {
		if value, raw := present[f.Name]; raw && len(value) > 0 && value.Kind() != 'n' {
			return invalid(f.Name, "is refused: "+f.Rule)
		}
	}
	return nil
}

func (c *Call) checkMessages() error {
	if len(c.messages) == 0 || len(c.messages) > mostMessages {
		return invalid("messages", "must hold from 1 to "+strconv.Itoa(mostMessages)+" messages")
	}
	for i := range c.messages {
		m := &c.messages[i]
		at := "messages." + strconv.Itoa(i)
		if !slices.Contains([]string{"system", "developer", "user", "assistant", "tool"}, m.Role) {
			return invalid(at+".role", "must be system, developer, user, assistant or tool")
		}
		if m.Content == nil && (m.Role != "assistant" || len(m.ToolCalls) == 0) {
			return invalid(at+".content", "is missing")
		}
		if (len(m.ToolCalls) > 0 || m.Refusal != nil) && m.Role != "assistant" || m.ToolCallID != "" && m.Role != "tool" {
			return invalid(at, "holds a field that its role has not")
		}
		m.Refusal = nil
		if len(m.Name) > 64 || strings.ContainsFunc(m.Name, notName) {
			return invalid(at+".name", "may hold letters, digits, hyphens and underscores, at most 64")
		}
	}
	return nil
}

func notName(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-')
}

func (c *Call) checkTools() error {
	if len(c.tools) == 0 && (c.choice != nil || c.parallel != nil) {
		return invalid("tools", "is missing, and another field is of use only with it")
	}
	if len(c.tools) > 128 {
		return invalid("tools", "holds more than 128 tools")
	}
	for i, t := range c.tools {
		if t.Type != "function" || t.Function.Name == "" || len(t.Function.Name) > 64 || strings.ContainsFunc(t.Function.Name, notName) {
			return invalid("tools."+strconv.Itoa(i), "must be a function with a name of letters, digits, hyphens and underscores")
		}
	}
	if c.choice != nil && c.choice.Name == "" && !slices.Contains([]string{"none", "auto", "required"}, c.choice.Word) {
		return invalid("tool_choice", "must be none, auto or required, or name a tool")
	}
	if c.choice != nil && c.choice.Name != "" && !slices.ContainsFunc(c.tools, func(t tool) bool { return t.Function.Name == c.choice.Name }) {
		return invalid("tool_choice", "names none of the tools")
	}
	return nil
}

// checkCommon holds what both surfaces share.
func (c *Call) checkCommon(name string, n *int64, stream *bool, options *streamOptions) error {
	var err error
	if c.Asset, c.Version, err = ResolveModel(name); err != nil {
		return err
	}
	c.Stream, c.N = truth(stream), 1
	if options != nil {
		if !c.Stream {
			return invalid("stream_options", "is of use only with stream")
		}
		c.IncludeUsage = truth(options.IncludeUsage)
	}
	if n != nil {
		c.N = *n
	}
	switch {
	case c.N < 1 || c.N > mostN:
		return invalid("n", "is a number from 1 to "+strconv.Itoa(mostN))
	case c.asked != nil && (*c.asked < 1 || *c.asked > 1<<31):
		return invalid("max_tokens", "is a number above zero")
	case !inRange(c.temperature, 0, 2):
		return invalid("temperature", "is a number from 0 to 2")
	case c.topP != nil && (!inRange(c.topP, 0, 1) || *c.topP == 0):
		return invalid("top_p", "is a number above 0 and at most 1")
	case !inRange(c.presence, -2, 2):
		return invalid("presence_penalty", "is a number from -2 to 2")
	case !inRange(c.frequency, -2, 2):
		return invalid("frequency_penalty", "is a number from -2 to 2")
	case len(c.stop) > 4 || slices.ContainsFunc(c.stop, func(s string) bool { return s == "" || utf8.RuneCountInString(s) > 256 }):
		return invalid("stop", "is at most four texts of 1 to 256 characters")
	}
	for token, bias := range c.bias {
		if id, err := strconv.ParseUint(token, 10, 32); err != nil || strconv.FormatUint(id, 10) != token || !inRange(&bias, -100, 100) {
			return invalid("logit_bias", "maps tokens' numbers to values from -100 to 100")
		}
	}
	return nil
}

func inRange(v *float64, least, most float64) bool {
	return v == nil || !math.IsNaN(*v) && *v >= least && *v <= most
}

// Uses gives the attributes that the call needs on a version of the asset, with the facts that their limits bound.
func (c *Call) Uses(asset narthex.Asset, version narthex.VersionName) []narthex.Use {
	number := func(limit narthex.LimitName, n float64) narthex.Fact {
		return narthex.Fact{Limit: limit, Value: narthex.NumberValue(n)}
	}
	sample := narthex.Use{Attribute: "model.sample", Facts: []narthex.Fact{number("n", float64(c.N))}}
	base := narthex.Use{Attribute: "model.base"}
	if c.asked != nil {
		sample.Facts = append(sample.Facts, number("max_tokens", float64(*c.asked)))
		base.Facts = append(base.Facts, number("max_tokens", float64(*c.asked)))
	}
	if c.temperature != nil {
		sample.Facts = append(sample.Facts, number("temperature", *c.temperature))
	}
	uses := []narthex.Use{sample}
	if c.Surface == Completions {
		uses = append(uses, base)
	}
	if version != asset.Default {
		uses = append(uses, narthex.Use{Attribute: "model.checkpoints", Facts: []narthex.Fact{{Limit: "checkpoints", Value: narthex.NamesValue(string(version))}}})
	}
	if c.logprobs {
		uses = append(uses, narthex.Use{Attribute: "model.logprobs", Facts: []narthex.Fact{number("top_k", float64(c.topK))}})
	}
	if len(c.bias) > 0 {
		uses = append(uses, narthex.Use{Attribute: "model.logit_bias", Facts: []narthex.Fact{number("entries", float64(len(c.bias)))}})
	}
	if c.seed != nil {
		uses = append(uses, narthex.Use{Attribute: "model.seed"})
	}
	if names := c.toolNames(); len(names) > 0 {
		uses = append(uses, narthex.Use{Attribute: "model.tools", Facts: []narthex.Fact{{Limit: "tools", Value: narthex.NamesValue(names...)}}})
	}
	if chars := c.systemChars(); chars > 0 {
		uses = append(uses, narthex.Use{Attribute: "model.system_prompt", Facts: []narthex.Fact{number("max_chars", float64(chars))}})
	}
	if n := len(c.messages); n > 0 && c.messages[n-1].Role == "assistant" {
		uses = append(uses, narthex.Use{Attribute: "model.prefill", Facts: []narthex.Fact{number("max_chars", float64(chars(c.messages[n-1])))}})
	}
	return uses
}

func (c *Call) toolNames() []string {
	var names []string
	for _, t := range c.tools {
		if !slices.Contains(names, t.Function.Name) {
			names = append(names, t.Function.Name)
		}
	}
	return names
}

// systemChars counts the characters of system messages; one that is empty still counts as one, for it is there.
func (c *Call) systemChars() int {
	total := 0
	for _, m := range c.messages {
		if m.Role == "system" || m.Role == "developer" {
			total += max(1, chars(m))
		}
	}
	return total
}

func chars(m message) int {
	if m.Content == nil {
		return 0
	}
	return utf8.RuneCountInString(m.Content.Text)
}

// promptTokens bounds what the prompt can count: every token is at least TokenBytes of text.
func (c *Call) promptTokens(asset narthex.Asset) int64 {
	size := int64(len(c.prompt))
	for _, m := range c.messages {
		size += overhead + int64(len(m.Name)+len(m.ToolCallID))
		if m.Content != nil {
			size += int64(len(m.Content.Text))
		}
		for _, t := range m.ToolCalls {
			size += overhead + int64(len(t.ID)+len(t.Function.Name)+len(t.Function.Arguments))
		}
	}
	for _, t := range c.tools {
		size += overhead + int64(len(t.Function.Name)+len(t.Function.Description)+len(t.Function.Parameters))
	}
	return min((size+asset.TokenBytes-1)/asset.TokenBytes, asset.Context)
}

// Demands gives what the call would take at most: one call, and the prompt with n answers, each of what was asked or granted
// and never more than the context. Where nothing was asked it takes what there is, down to one token an answer.
func (c *Call) Demands(asset narthex.Asset, granted int64) []narthex.Demand {
	prompt, answer := c.promptTokens(asset), min(granted, asset.Context)
	tokens := narthex.Demand{Unit: narthex.Tokens, Least: prompt + c.N, Most: prompt + c.N*max(1, answer), Step: c.N}
	if c.asked != nil {
		tokens.Most = prompt + c.N*min(*c.asked, asset.Context)
		tokens.Least = tokens.Most
	}
	return []narthex.Demand{{Unit: narthex.Calls, Least: 1, Most: 1}, tokens}
}

// AnswerTokens gives how long each answer may be when so many tokens were granted for the whole call.
func (c *Call) AnswerTokens(asset narthex.Asset, granted int64) int64 {
	return max(0, (granted-c.promptTokens(asset))/c.N)
}

// request is what the upstream is asked: every field of it comes from a Call.
type request struct {
	Model         string             `json:"model"`
	Messages      []message          `json:"messages,omitempty"`
	Prompt        string             `json:"prompt,omitempty"`
	MaxTokens     int64              `json:"max_tokens"`
	N             int64              `json:"n,omitzero"`
	Stream        bool               `json:"stream,omitzero"`
	StreamOptions *upstreamOptions   `json:"stream_options,omitempty"`
	Logprobs      any                `json:"logprobs,omitempty"`
	TopLogprobs   *int64             `json:"top_logprobs,omitempty"`
	Echo          bool               `json:"echo,omitzero"`
	Seed          *int64             `json:"seed,omitempty"`
	Stop          []string           `json:"stop,omitempty"`
	Temperature   *float64           `json:"temperature,omitempty"`
	TopP          *float64           `json:"top_p,omitempty"`
	Presence      *float64           `json:"presence_penalty,omitempty"`
	Frequency     *float64           `json:"frequency_penalty,omitempty"`
	Bias          map[string]float64 `json:"logit_bias,omitempty"`
	Tools         []tool             `json:"tools,omitempty"`
	ToolChoice    *toolChoice        `json:"tool_choice,omitempty"`
	Parallel      *bool              `json:"parallel_tool_calls,omitempty"`
}

type upstreamOptions struct {
	IncludeUsage bool `json:"include_usage"`
}

// Upstream builds the path and body of the request to the upstream. Each answer has at most that many tokens.
func (c *Call) Upstream(version narthex.Version, tokens int64) (path string, body []byte, err error) {
	r := request{Model: version.Upstream, Messages: c.messages, Prompt: c.prompt, MaxTokens: tokens, Stream: c.Stream, Echo: c.echo, Seed: c.seed, Stop: c.stop,
		Temperature: c.temperature, TopP: c.topP, Presence: c.presence, Frequency: c.frequency, Bias: c.bias, Tools: c.tools, ToolChoice: c.choice, Parallel: c.parallel}
	if c.N > 1 {
		r.N = c.N
	}
	if c.Stream {
		r.StreamOptions = &upstreamOptions{IncludeUsage: true}
	}
	path = "/v1/chat/completions"
	switch {
	case c.Surface == Completions:
		path = "/v1/completions"
		if c.logprobs {
			r.Logprobs = c.topK
		}
	case c.logprobs:
		r.Logprobs, r.TopLogprobs = true, &c.topK
	}
	body, err = json.Marshal(r, json.Deterministic(true))
	return path, body, err
}
