package model

import (
	"fmt"
	"strings"

	"narthex"
	"narthex/policy"
)

// Surface is one endpoint of the upstream's API. The zero Surface has no fields.
type Surface string

const (
	// Chat is chat completions.
	Chat Surface = "chat"
	// Completions is the older, raw completions.
	Completions Surface = "completions"
)

// Treatment is what becomes of a field of a request. The zero Treatment is none and no row has it.
type Treatment string

const (
	// Passed fields are checked and written into the upstream's request with the caller's value.
	Passed Treatment = "passed"
	// Fixed fields are checked, and written with a value that the gateway decides.
	Fixed Treatment = "fixed"
	// Dropped fields are checked and never reach the upstream.
	Dropped Treatment = "dropped"
	// Refused fields end the call, but for a value that the rule names.
	Refused Treatment = "refused"
)

// Need is an attribute that a field needs, and the limit that bounds it; the limit may be empty.
type Need struct {
	Attribute narthex.AttributeName
	Limit     narthex.LimitName
}

// Field is one row: a field of an endpoint as OpenAI's reference names it, whether null means that it is left out, what is
// done with it, by which rule, and what it needs.
type Field struct {
	Name  string
	Null  bool
	Done  Treatment
	Rule  string
	Needs []Need
}

// The attributes of the channel.
const (
	sample      narthex.AttributeName = "model.sample"
	base        narthex.AttributeName = "model.base"
	checkpoints narthex.AttributeName = "model.checkpoints"
	systemText  narthex.AttributeName = "model.system_prompt"
	declare     narthex.AttributeName = "model.tools"
	prefill     narthex.AttributeName = "model.prefill"
	logprobs    narthex.AttributeName = "model.logprobs"
	logitBias   narthex.AttributeName = "model.logit_bias"
	fixSeed     narthex.AttributeName = "model.seed"
)

// Rules that both surfaces have.
var (
	ruleModel       = Field{"model", false, Fixed, "an asset's name, or asset@version; the upstream is told its own name for that version, and a version that is not the asset's default needs model.checkpoints", []Need{{checkpoints, "checkpoints"}}}
	ruleFrequency   = Field{"frequency_penalty", true, Passed, "-2 to 2; refused together with logprobs, but for 0", nil}
	rulePresence    = Field{"presence_penalty", true, Passed, "-2 to 2; refused together with logprobs, but for 0", nil}
	ruleLogitBias   = Field{"logit_bias", true, Passed, "token numbers to whole numbers from -100 to 100, at most 1,000 of them; an empty one is dropped", []Need{{logitBias, "entries"}}}
	ruleN           = Field{"n", true, Passed, "1 to 128; 1 where left out", []Need{{sample, "n"}}}
	ruleSeed        = Field{"seed", true, Passed, "any 64-bit whole number", []Need{{fixSeed, ""}}}
	ruleStop        = Field{"stop", true, Passed, "a text or a list of 1 to 4, each of 1 to 256 bytes", nil}
	ruleStream      = Field{"stream", true, Passed, "true or false", nil}
	ruleStreaming   = Field{"stream_options", true, Fixed, "include_usage says whether the caller sees the usage, include_obfuscation is dropped; the upstream is always asked for the usage of a stream; refused without stream", nil}
	ruleTemperature = Field{"temperature", true, Fixed, "0 to 2; where left out, 1 is decided on and sent", []Need{{sample, "temperature"}}}
	ruleTopP        = Field{"top_p", true, Passed, "0 to 1", nil}
	ruleUser        = Field{"user", false, Dropped, "the upstream sees no caller's words for people; the record holds the grant and its key", nil}
)

var chatFields = []Field{
	{"messages", false, Passed, "1 to 1,000 messages of the roles system, developer, user, assistant and tool, whose content is text or a list of text parts; images, audio and files are refused. System and developer messages need model.system_prompt; an assistant's message which nothing but system, developer or blank messages follow needs model.prefill; calls of tools and their results need model.tools. No text may hold a mark of a template, of the form <|name|> or of the asset's own", []Need{{systemText, "max_chars"}, {prefill, "max_chars"}, {declare, "tools"}}},
	ruleModel,
	{"audio", true, Refused, "only text is served", nil},
	ruleFrequency,
	{"function_call", false, Refused, "the old form of tool_choice; send tools and tool_choice", nil},
	{"functions", false, Refused, "the old form of tools; send tools", nil},
	ruleLogitBias,
	{"logprobs", true, Fixed, "true or false; false is dropped, and true is sent while it is granted", []Need{{logprobs, "top_k"}}},
	{"max_completion_tokens", true, Fixed, "at least 1; sent as max_tokens, cut to the model's context; refused together with a different max_tokens", []Need{{sample, "max_tokens"}}},
	{"max_tokens", true, Fixed, "at least 1, cut to the model's context; where left out, what the terms and budgets allow is sent", []Need{{sample, "max_tokens"}}},
	{"metadata", true, Dropped, "nothing is stored by it", nil},
	{"modalities", true, Refused, `only text is served: the list ["text"] is dropped, any other is refused`, nil},
	{"moderation", false, Refused, "the lab's own checks apply, and no call chooses among them", nil},
	ruleN,
	{"parallel_tool_calls", false, Passed, "true or false; refused without tools", nil},
	{"prediction", true, Refused, "predicted outputs are not served", nil},
	rulePresence,
	{"prompt_cache_key", false, Dropped, "prompts of different grants share no cache by a caller's key", nil},
	{"prompt_cache_options", false, Dropped, "how prompts are kept is the lab's to say", nil},
	{"prompt_cache_retention", true, Dropped, "how long prompts are kept is the lab's to say", nil},
	{"reasoning_effort", true, Refused, "the model's own effort stands: medium, the default, is dropped, any other is refused", nil},
	{"response_format", false, Refused, `only text is served: {"type":"text"} is dropped, any other is refused`, nil},
	{"safety_identifier", false, Dropped, "the upstream sees no caller's words for people; the record holds the grant and its key", nil},
	ruleSeed,
	{"service_tier", true, Dropped, "there is one tier", nil},
	ruleStop,
	{"store", true, Dropped, "nothing is stored by it; what is kept of a call is what the agreement says", nil},
	ruleStream,
	ruleStreaming,
	ruleTemperature,
	{"tool_choice", false, Passed, "none, auto, required, or one declared function; refused without tools", nil},
	{"tools", false, Passed, "1 to 128 functions of distinct names; no field of a tool is ever run here", []Need{{declare, "tools"}}},
	{"top_logprobs", true, Fixed, "0 to 20, cut to what is granted; refused without logprobs", []Need{{logprobs, "top_k"}}},
	ruleTopP,
	ruleUser,
	{"verbosity", true, Refused, "the model's own verbosity stands: medium, the default, is dropped, any other is refused", nil},
	{"web_search_options", false, Refused, "a call reaches the model and nothing else", nil},
}

var completionFields = []Field{
	ruleModel,
	{"prompt", false, Passed, "one text, or a list of one; token numbers and lists of several are refused. Every completion needs model.base beside model.sample", []Need{{sample, ""}, {base, ""}}},
	{"best_of", true, Refused, "answers are not chosen among: the value of n is dropped, any other is refused", nil},
	{"echo", true, Passed, "true or false; refused together with logprobs, which would score a text of the caller's", nil},
	ruleFrequency,
	ruleLogitBias,
	{"logprobs", true, Fixed, "0 to 5, cut to what is granted", []Need{{logprobs, "top_k"}}},
	{"max_tokens", true, Fixed, "at least 1, cut to the model's context; where left out, what the terms and budgets allow is sent", []Need{{sample, "max_tokens"}, {base, "max_tokens"}}},
	ruleN,
	rulePresence,
	ruleSeed,
	ruleStop,
	ruleStream,
	ruleStreaming,
	{"suffix", true, Refused, "text is completed at its end only", nil},
	ruleTemperature,
	ruleTopP,
	ruleUser,
}

// Fields lists every field of a surface; the caller must not change it.
func Fields(surface Surface) []Field {
	switch surface {
	case Chat:
		return chatFields
	case Completions:
		return completionFields
	}
	return nil
}

// Param names the field of the request that a reason is about, or "" where it is about none: the one that the reason's limit
// bounds, or the one that took the attribute.
func (c *Call) Param(reason *narthex.Reason) string {
	if reason == nil || reason.Limit == "" && reason.Attribute == sample {
		return ""
	}
	if reason.Limit == policy.Lifetime && c.logprobs {
		return "logprobs"
	}
	found := ""
	for _, field := range Fields(c.surface) {
		for _, need := range field.Needs {
			if need.Attribute == reason.Attribute && (need.Limit == reason.Limit || reason.Limit == "" && found == "") {
				found = field.Name
			}
		}
	}
	if found == "max_tokens" {
		return c.answerField
	}
	return found
}

// refuse makes the refusal of a field from its row.
func (s Surface) refuse(name string) *narthex.Error {
	for _, field := range Fields(s) {
		if field.Name == name {
			err := narthex.Invalidf("The field %s is not taken as sent: %s. Change or remove it.", name, field.Rule).For(name)
			err.Code = "unsupported_parameter"
			return err
		}
	}
	return narthex.Invalidf("A field of the body is not taken here. Remove it.")
}

// Table renders a surface's fields as a table in Markdown.
func Table(surface Surface) string {
	var out strings.Builder
	out.WriteString("| field | what is done | null | rule | needs |\n|---|---|---|---|---|\n")
	for _, f := range Fields(surface) {
		null := "refused"
		if f.Null {
			null = "as left out"
		}
		needs := make([]string, 0, len(f.Needs))
		for _, need := range f.Needs {
			needs = append(needs, strings.TrimSuffix(fmt.Sprintf("`%s` %s", need.Attribute, need.Limit), " "))
		}
		fmt.Fprintf(&out, "| `%s` | %s | %s | %s | %s |\n", f.Name, f.Done, null, f.Rule, strings.Join(needs, ", "))
	}
	return out.String()
}
