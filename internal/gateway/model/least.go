package model

import (
	"encoding/json"
	"slices"
	"strings"

	"narthex"
)

// Attributes lists those that a call can use.
func Attributes() []narthex.AttributeName {
	return []narthex.AttributeName{sample, base, checkpoints, systemText, declare, prefill, logprobs, logitBias, fixSeed}
}

// Least gives the smallest call that uses an attribute on what the name says, an asset or asset@version: one token, and of everything
// else as little as there can be. An attribute that no call uses is Invalid.
func Least(attribute narthex.AttributeName, name string) (*Call, error) {
	if !slices.Contains(Attributes(), attribute) {
		return nil, narthex.Invalidf("No call to a model uses that attribute.").For("attribute")
	}
	if attribute == checkpoints && !strings.Contains(name, "@") {
		return nil, narthex.Invalidf("A checkpoint is asked for by its version: name the asset as asset@version.").For("asset")
	}
	said := []map[string]string{{"role": "user", "content": "x"}}
	body := map[string]any{"model": name, "max_tokens": 1}
	switch attribute {
	case base:
		body["prompt"] = "x"
	case systemText:
		said = slices.Insert(said, 0, map[string]string{"role": "system", "content": "x"})
	case prefill:
		said = append(said, map[string]string{"role": "assistant", "content": "x"})
	case declare:
		body["tools"] = []any{map[string]any{"type": "function", "function": map[string]any{"name": "x", "parameters": map[string]any{"type": "object"}}}}
	case logprobs:
		body["logprobs"], body["top_logprobs"] = true, 0
	case logitBias:
		body["logit_bias"] = map[string]int{"1": 1}
	case fixSeed:
		body["seed"] = 1
	}
	if attribute != base {
		body["messages"] = said
	}
	text, err := json.Marshal(body)
	if err != nil {
		return nil, narthex.Invalidf("The asset has no name that a call can say.").For("asset").Because(err)
	}
	if attribute == base {
		return ParseCompletion(text)
	}
	return ParseChat(text)
}
