package model

import (
	"fmt"

	"narthex"
)

// Uses gives the attributes that the call needs on its asset with the facts that their limits bound, model.sample first. An
// asset that the call does not name is Withheld; texts that hold a mark of its template are Invalid.
func (c *Call) Uses(asset narthex.Asset) ([]narthex.Use, error) {
	if err := c.about(asset); err != nil {
		return nil, err
	}
	if len(asset.Marks) > 0 {
		if err := c.checkMarks(asset.Marks); err != nil {
			return nil, err
		}
	}
	uses := make([]narthex.Use, 0, 4)
	add := func(attribute narthex.AttributeName, facts ...narthex.Fact) {
		uses = append(uses, narthex.Use{Attribute: attribute, Facts: facts})
	}
	sampled := []narthex.Fact{number("n", c.n), {Limit: "temperature", Value: narthex.NumberValue(c.temperature)}}
	var length []narthex.Fact
	if c.answer > 0 {
		length = []narthex.Fact{number("max_tokens", c.answer)}
	}
	add(sample, append(sampled, length...)...)
	if c.surface == Completions {
		add(base, length...)
	}
	if c.version != "" && c.version != asset.Default {
		add(checkpoints, narthex.Fact{Limit: "checkpoints", Value: narthex.NamesValue(string(c.version))})
	}
	if c.system.there {
		add(systemText, number("max_chars", c.system.count))
	}
	if len(c.toolNames) > 0 {
		add(declare, narthex.Fact{Limit: "tools", Value: narthex.NamesValue(c.toolNames...)})
	}
	if c.prefilled.there {
		add(prefill, number("max_chars", c.prefilled.count))
	}
	if c.logprobs {
		add(logprobs, number("top_k", int64(c.topK)))
	}
	if len(c.bias) > 0 {
		add(logitBias, number("entries", int64(len(c.bias))))
	}
	if c.seed != nil {
		add(fixSeed)
	}
	return uses, nil
}

func number(limit narthex.LimitName, n int64) narthex.Fact {
	return narthex.Fact{Limit: limit, Value: narthex.NumberValue(float64(n))}
}

// Tokens that a template may add to each text, for the marks and the role's name around it, and once to the whole, for the
// marks that begin an answer.
const (
	pieceTokens = 8
	callTokens  = 8
)

// Demands gives what the call would take of budgets: one call, and tokens of prompt and answers, each of an answer carrying so many
// bits of the asset where log-probabilities are asked. The prompt counts at its worst case. Where the caller asked a number of tokens that is demanded whole; else at least one token an answer, and at
// most granted, which is the smallest number of tokens that any term allows an answer. The error for a prompt that the
// model's context does not hold tells the context, so ask for assets only that the caller may know of.
func (c *Call) Demands(asset narthex.Asset, granted, bits int64) ([]narthex.Demand, error) {
	prompt, err := c.promptTokens(asset)
	if err != nil {
		return nil, err
	}
	tokens := narthex.Demand{Unit: narthex.Tokens, Step: c.n, Fixed: prompt, Each: "max_tokens"}
	if c.logprobs {
		tokens.Bits = bits
	}
	switch {
	case c.answer > 0:
		tokens.Least = prompt + c.n*min(c.answer, asset.Context)
		tokens.Most = tokens.Least
	case granted < 1:
		return nil, narthex.Refusedf("The terms allow no token of an answer; ask for an amendment that sets max_tokens.").For("max_tokens")
	default:
		tokens.Least = prompt + c.n
		tokens.Most = prompt + c.n*max(1, min(granted, asset.Context-prompt))
	}
	return []narthex.Demand{{Unit: narthex.Calls, Least: 1, Most: 1}, tokens}, nil
}

// AnswerTokens gives the tokens that each answer may have when amount was reserved of the tokens demanded; 0 where the
// amount does not hold one.
func (c *Call) AnswerTokens(asset narthex.Asset, amount int64) int64 {
	prompt, err := c.promptTokens(asset)
	if err != nil || amount < prompt+c.n {
		return 0
	}
	answer := min((amount-prompt)/c.n, asset.Context)
	if c.answer > 0 {
		return min(answer, c.answer)
	}
	return answer
}

// promptTokens bounds the tokens of the prompt. Marks of a template cannot make it exceed the context, or nothing is served.
func (c *Call) promptTokens(asset narthex.Asset) (int64, error) {
	if err := c.about(asset); err != nil {
		return 0, err
	}
	if asset.Context < 1 {
		return 0, fmt.Errorf("bound a prompt: the model states no context")
	}
	each := max(1, asset.TokenBytes)
	text := (c.text + each - 1) / each
	if text > asset.Context {
		err := narthex.Invalidf("The model's context is %d tokens and the prompt could take %d; send a shorter one.", asset.Context, text)
		err.Code = "context_length_exceeded"
		if c.surface == Completions {
			return 0, err.For("prompt")
		}
		return 0, err.For("messages")
	}
	return min(asset.Context, text+pieceTokens*c.pieces+callTokens), nil
}
