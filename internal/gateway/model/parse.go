package model

import (
	"cmp"
	"math"
	"slices"
	"strconv"

	"narthex"
	"narthex/internal/wire"
)

var requestLimits = wire.Limits{Bytes: MaxBody, Depth: 32}

// ParseChat reads a chat completion's request. Its errors are Invalid, or Withheld for a model's name that cannot be one.
func ParseChat(body []byte) (*Call, error) {
	request, err := wire.Decode[chatRequest](body, requestLimits)
	if err != nil {
		return nil, err
	}
	if err := request.refused(); err != nil {
		return nil, err
	}
	call := &Call{surface: Chat}
	if err := call.readSampling(&request.sampling, request.MaxCompletionTokens); err != nil {
		return nil, err
	}
	if err := call.readChatLogprobs(&request); err != nil {
		return nil, err
	}
	if err := call.checkPenalties(); err != nil {
		return nil, err
	}
	if err := call.readTools(&request); err != nil {
		return nil, err
	}
	if err := call.readMessages(request.Messages); err != nil {
		return nil, err
	}
	if err := call.checkMarks(nil); err != nil {
		return nil, err
	}
	return call, nil
}

// refused gives the refusal of the first field whose row refuses what was sent.
func (r *chatRequest) refused() error {
	for _, field := range []struct {
		name string
		bad  bool
	}{
		{"audio", r.Audio != nil},
		{"function_call", bool(r.FunctionCall)},
		{"functions", bool(r.Functions)},
		{"modalities", r.Modalities != nil && !slices.Equal(*r.Modalities, []string{"text"})},
		{"moderation", bool(r.Moderation)},
		{"prediction", r.Prediction != nil},
		{"reasoning_effort", r.ReasoningEffort != nil && *r.ReasoningEffort != "medium"},
		{"response_format", r.ResponseFormat.set && (r.ResponseFormat.value.Type != "text" || bool(r.ResponseFormat.value.JSONSchema))},
		{"verbosity", r.Verbosity != nil && *r.Verbosity != "medium"},
		{"web_search_options", bool(r.WebSearchOptions)},
	} {
		if field.bad {
			return Chat.refuse(field.name)
		}
	}
	return nil
}

// ParseCompletion reads a raw completion's request. Its errors are Invalid, or Withheld for a model's name that cannot be one.
func ParseCompletion(body []byte) (*Call, error) {
	request, err := wire.Decode[completionRequest](body, requestLimits)
	if err != nil {
		return nil, err
	}
	if request.Suffix != nil {
		return nil, Completions.refuse("suffix")
	}
	call := &Call{surface: Completions}
	if err := call.readSampling(&request.sampling, nil); err != nil {
		return nil, err
	}
	if request.BestOf != nil && *request.BestOf != call.n {
		return nil, Completions.refuse("best_of")
	}
	if request.Prompt == nil || len(*request.Prompt) != 1 {
		return nil, narthex.Invalidf("The field prompt must be one text, or a list of one; send one call for each prompt.").For("prompt")
	}
	if controls((*request.Prompt)[0]) {
		return nil, narthex.Invalidf("The field prompt may hold no control character but tab and line ends.").For("prompt")
	}
	call.prompt, call.echo = (*request.Prompt)[0], request.Echo != nil && *request.Echo
	call.text, call.pieces = int64(len(call.prompt)), 1
	if request.Logprobs == nil {
		return call, nil
	}
	if call.echo {
		return nil, Completions.refuse("echo")
	}
	if err := whole("logprobs", request.Logprobs, 0, 5); err != nil {
		return nil, err
	}
	call.logprobs, call.topK = true, int(*request.Logprobs)
	return call, call.checkPenalties()
}

// readSampling reads what both surfaces have.
func (c *Call) readSampling(s *sampling, maxCompletion *int64) error {
	if s.Model == "" {
		return narthex.Invalidf("The field model is missing; name an asset, or asset@version.").For("model")
	}
	var err error
	if c.asset, c.version, err = ResolveModel(s.Model); err != nil {
		return err
	}
	if maxCompletion != nil && s.MaxTokens != nil && *maxCompletion != *s.MaxTokens {
		return narthex.Invalidf("The fields max_tokens and max_completion_tokens differ; send one of them.").For("max_completion_tokens")
	}
	const manyTokens = 1 << 31
	for _, err := range []error{
		within("frequency_penalty", s.FrequencyPenalty, -2, 2),
		within("presence_penalty", s.PresencePenalty, -2, 2),
		within("temperature", s.Temperature, 0, 2),
		within("top_p", s.TopP, 0, 1),
		whole("max_completion_tokens", maxCompletion, 1, manyTokens),
		whole("max_tokens", s.MaxTokens, 1, manyTokens),
		whole("n", s.N, 1, 128),
	} {
		if err != nil {
			return err
		}
	}
	c.n, c.temperature = either(s.N, 1), either(s.Temperature, 1)
	c.answer, c.answerField = either(s.MaxTokens, either(maxCompletion, 0)), "max_tokens"
	if s.MaxTokens == nil && maxCompletion != nil {
		c.answerField = "max_completion_tokens"
	}
	c.frequency, c.presence, c.topP, c.seed = s.FrequencyPenalty, s.PresencePenalty, s.TopP, s.Seed
	if err := c.readStop(s.Stop); err != nil {
		return err
	}
	if err := c.readBias(s.LogitBias); err != nil {
		return err
	}
	return c.readStream(s)
}

func (c *Call) readStream(s *sampling) error {
	c.stream = s.Stream != nil && *s.Stream
	if s.StreamOptions == nil {
		return nil
	}
	if !c.stream {
		return narthex.Invalidf("The field stream_options is for streams; set stream to true, or leave it out.").For("stream_options")
	}
	c.includeUsage = s.StreamOptions.IncludeUsage.value
	return nil
}

func (c *Call) readStop(stop *texts) error {
	if stop == nil {
		return nil
	}
	if len(*stop) == 0 || len(*stop) > 4 || slices.ContainsFunc(*stop, func(text string) bool { return text == "" || len(text) > mostStop }) {
		return narthex.Invalidf("The field stop must be a text or a list of 1 to 4, each of 1 to %d bytes.", mostStop).For("stop")
	}
	c.stop = *stop
	return nil
}

// readBias takes token numbers in their one spelling only.
func (c *Call) readBias(entries map[string]opt[int64]) error {
	for text, amount := range entries {
		token, err := strconv.ParseInt(text, 10, 32)
		if err != nil || token < 0 || strconv.FormatInt(token, 10) != text || amount.value < -100 || amount.value > 100 || len(entries) > mostItems {
			return narthex.Invalidf("The field logit_bias must map token numbers to whole numbers from -100 to 100, at most %d of them.", mostItems).For("logit_bias")
		}
		c.bias = append(c.bias, bias{token, amount.value})
	}
	slices.SortFunc(c.bias, func(a, b bias) int { return cmp.Compare(a.token, b.token) })
	return nil
}

func (c *Call) readChatLogprobs(r *chatRequest) error {
	c.logprobs = r.Logprobs != nil && *r.Logprobs
	if r.TopLogprobs == nil {
		return nil
	}
	if !c.logprobs {
		return narthex.Invalidf("The field top_logprobs needs logprobs; set logprobs to true, or leave it out.").For("top_logprobs")
	}
	c.topK = int(*r.TopLogprobs)
	return whole("top_logprobs", r.TopLogprobs, 0, 20)
}

// checkPenalties refuses penalties beside log-probabilities: each repeated token shifts by a chosen amount, as by a logit bias, and
// so brings others under those that are shown.
func (c *Call) checkPenalties() error {
	if !c.logprobs {
		return nil
	}
	for _, field := range []struct {
		name  string
		value *float64
	}{{"frequency_penalty", c.frequency}, {"presence_penalty", c.presence}} {
		if field.value != nil && *field.value != 0 {
			return narthex.Invalidf("The field %s is not taken together with logprobs, which it would shift; leave one of them out.", field.name).For(field.name)
		}
	}
	return nil
}

// within bounds a number that may be left out, and turns a negative zero into zero.
func within(name string, value *float64, least, most float64) error {
	if value == nil {
		return nil
	}
	if math.IsNaN(*value) || *value < least || *value > most {
		return narthex.Invalidf("The field %s must be a number from %v to %v.", name, least, most).For(name)
	}
	*value += 0
	return nil
}

// whole bounds a whole number that may be left out.
func whole(name string, value *int64, least, most int64) error {
	if value != nil && (*value < least || *value > most) {
		return narthex.Invalidf("The field %s must be a whole number from %d to %d.", name, least, most).For(name)
	}
	return nil
}

// either gives the value, or other where it was left out.
func either[T any](value *T, other T) T {
	if value == nil {
		return other
	}
	return *value
}
