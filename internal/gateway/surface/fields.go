// Package surface is the model channel's pure half: it reads an OpenAI-compatible call once, says which attributes it needs,
// builds the request to the upstream, and cuts the answer to what was granted.
//
// It promises that every field of the two endpoints is in one table, each passed, fixed, dropped by a stated rule or refused;
// that an unknown field is refused; that the upstream's request holds nothing that was not read and decided on; and that no
// answer holds more log-probabilities, decimals, choices or fields than were granted, in streams too.
//
// It trusts neither the caller nor the upstream. It does no I/O and reads no clock. Read next: call.go for reading and
// building, cut.go for answers, gateway for the door around it.
package surface

import (
	"fmt"
	"strings"
)

// Surface is one endpoint.
type Surface string

const (
	// Chat is POST /v1/chat/completions.
	Chat Surface = "chat"
	// Completions is POST /v1/completions.
	Completions Surface = "completions"
)

// Field is what is done with one field of an endpoint: passed, fixed, dropped or refused, by a rule, with the attribute and
// the limit that it needs.
type Field struct{ Name, Does, Rule, Needs string }

const (
	unbuilt  = "not offered here; leave it out"
	unTold   = "the lab's upstream is told nothing of the caller"
	cutToFit = "left out, it is cut to what the terms and the budget hold"
	twoWays  = "from -2 to 2"
)

// Fields lists every field of the surface, in the order of OpenAI's reference.
func Fields(surface Surface) []Field {
	if surface == Chat {
		return chatFields()
	}
	return completionFields()
}

func chatFields() []Field {
	return []Field{
		{"messages", "passed", "roles system, developer, user, assistant, tool; text only", "model.sample; with a system message model.system_prompt (max_chars); with a last message of the assistant model.prefill (max_chars)"},
		{"model", "fixed", "the asset's name, optionally @ and a version; sent as the upstream's own name", "model.checkpoints (checkpoints) for a version that is not the default"},
		{"audio", "refused", unbuilt, ""},
		{"frequency_penalty", "passed", twoWays, ""},
		{"function_call", "refused", "use tools", ""},
		{"functions", "refused", "use tools", ""},
		{"logit_bias", "passed", "at most the granted number of entries, each from -100 to 100", "model.logit_bias (entries)"},
		{"logprobs", "passed", "answers are cut to what is granted", "model.logprobs"},
		{"max_completion_tokens", "fixed", "as max_tokens; not both", "model.sample (max_tokens)"},
		{"max_tokens", "fixed", cutToFit, "model.sample (max_tokens)"},
		{"metadata", "dropped", unTold, ""},
		{"modalities", "fixed", `only ["text"]`, ""},
		{"moderation", "refused", unbuilt, ""},
		{"n", "passed", "", "model.sample (n)"},
		{"parallel_tool_calls", "passed", "with tools only", "model.tools"},
		{"prediction", "refused", unbuilt, ""},
		{"presence_penalty", "passed", twoWays, ""},
		{"prompt_cache_key", "dropped", unTold, ""},
		{"prompt_cache_options", "refused", unbuilt, ""},
		{"prompt_cache_retention", "refused", unbuilt, ""},
		{"reasoning_effort", "refused", unbuilt, ""},
		{"response_format", "fixed", `only {"type": "text"}`, ""},
		{"safety_identifier", "dropped", unTold, ""},
		{"seed", "passed", "", "model.seed"},
		{"service_tier", "dropped", "the lab decides it", ""},
		{"stop", "passed", "at most four texts of at most 256 characters", ""},
		{"store", "dropped", "nothing is stored", ""},
		{"stream", "passed", "", ""},
		{"stream_options", "passed", "include_usage only", ""},
		{"temperature", "passed", "", "model.sample (temperature)"},
		{"tool_choice", "passed", "none, auto or required, or a tool by name, with tools only", "model.tools"},
		{"tools", "passed", "functions only, by granted names", "model.tools (tools)"},
		{"top_logprobs", "passed", "with logprobs only", "model.logprobs (top_k)"},
		{"top_p", "passed", "above 0, at most 1", ""},
		{"user", "dropped", unTold, ""},
		{"verbosity", "refused", unbuilt, ""},
		{"web_search_options", "refused", unbuilt, ""},
	}
}

func completionFields() []Field {
	return []Field{
		{"model", "fixed", "the asset's name, optionally @ and a version; sent as the upstream's own name", "model.sample and model.base; model.checkpoints (checkpoints) for a version that is not the default"},
		{"prompt", "passed", "one text", "model.base"},
		{"best_of", "refused", "ask for n answers and choose", ""},
		{"echo", "passed", "never together with logprobs", "model.base"},
		{"frequency_penalty", "passed", twoWays, ""},
		{"logit_bias", "passed", "at most the granted number of entries, each from -100 to 100", "model.logit_bias (entries)"},
		{"logprobs", "passed", "answers are cut to what is granted", "model.logprobs (top_k)"},
		{"max_tokens", "fixed", cutToFit, "model.sample and model.base (max_tokens)"},
		{"n", "passed", "", "model.sample (n)"},
		{"presence_penalty", "passed", twoWays, ""},
		{"seed", "passed", "", "model.seed"},
		{"stop", "passed", "at most four texts of at most 256 characters", ""},
		{"stream", "passed", "", ""},
		{"stream_options", "passed", "include_usage only", ""},
		{"suffix", "refused", unbuilt, ""},
		{"temperature", "passed", "", "model.sample (temperature)"},
		{"top_p", "passed", "above 0, at most 1", ""},
		{"user", "dropped", unTold, ""},
	}
}

// Table prints the fields of both surfaces as Markdown.
func Table() string {
	var out strings.Builder
	out.WriteString("# What is done with each field of a model call\n\nPrinted from the tables in the model channel; a test holds it. A field that stands nowhere here is refused.\n")
	for _, surface := range []Surface{Chat, Completions} {
		path := map[Surface]string{Chat: "/v1/chat/completions", Completions: "/v1/completions"}[surface]
		fmt.Fprintf(&out, "\n## POST %s\n\n| field | is | rule | needs |\n|---|---|---|---|\n", path)
		for _, f := range Fields(surface) {
			fmt.Fprintf(&out, "| `%s` | %s | %s | %s |\n", f.Name, f.Does, f.Rule, f.Needs)
		}
	}
	return out.String()
}
