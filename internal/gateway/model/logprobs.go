package model

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"strconv"
)

// logScores is what an upstream tells of log-probabilities: content and refusal in chat, the other names in completions.
type logScores struct {
	Content []scored `json:"content"`
	Refusal []scored `json:"refusal"`

	Tokens        []string              `json:"tokens"`
	TokenLogprobs []*float64            `json:"token_logprobs"`
	TopLogprobs   []map[string]*float64 `json:"top_logprobs"`
	TextOffset    []int64               `json:"text_offset"`
}

type scored struct {
	Token   string   `json:"token"`
	Logprob *float64 `json:"logprob"`
	Bytes   []int    `json:"bytes"`
	Top     []scored `json:"top_logprobs"`
}

const (
	mostDecimals = 15
	lowest       = 9999 // the least log-probability shown is -9999, which stands for never
)

// appendLogprobs writes the log-probabilities of a piece whose text is shown. They are null where they were not asked or
// granted, beside calls of tools, whose text no token spells as it is shown, and from the moment on that they tell of other
// text than is shown: they would spell out what is hidden.
func (c *Cutter) appendLogprobs(out []byte, at *progress, scores *logScores, shown bool) ([]byte, error) {
	if scores == nil || !c.limits.Logprobs {
		return append(out, "null"...), nil
	}
	count := len(scores.Content) + len(scores.Refusal)
	if c.call.surface == Completions {
		count = len(scores.Tokens)
	}
	if at.tokens += int64(count); at.tokens > c.limits.MaxTokens {
		return nil, errTooMany
	}
	if !shown {
		return append(out, "null"...), nil
	}
	if !c.tells(at, scores) {
		return append(out, "null"...), nil
	}
	if c.call.surface == Completions {
		return c.appendLegacy(out, scores)
	}
	out, err := c.appendScored(append(out, `{"content":`...), scores.Content)
	if err != nil {
		return nil, err
	}
	if out, err = c.appendScored(append(out, `,"refusal":`...), scores.Refusal); err != nil {
		return nil, err
	}
	return append(out, '}'), nil
}

// follow adds shown text to what log-probabilities may tell of.
func (c *Cutter) follow(at *progress, content, refusal *string) {
	if c.limits.Logprobs {
		at.content.show(either(content, ""))
		at.refusal.show(either(refusal, ""))
	}
}

// tells says whether every token spells text that is shown, or what may come after it.
func (c *Cutter) tells(at *progress, scores *logScores) bool {
	var content, refusal []byte
	if c.call.surface == Completions {
		for _, token := range scores.Tokens {
			content = spell(content, token, nil)
		}
		return at.content.tell(content)
	}
	for i := range scores.Content {
		content = spell(content, scores.Content[i].Token, scores.Content[i].Bytes)
	}
	for i := range scores.Refusal {
		refusal = spell(refusal, scores.Refusal[i].Token, scores.Refusal[i].Bytes)
	}
	return at.content.tell(content) && at.refusal.tell(refusal)
}

func (c *Cutter) appendScored(out []byte, entries []scored) ([]byte, error) {
	if entries == nil {
		return append(out, "null"...), nil
	}
	out = append(out, '[')
	for i := range entries {
		if i > 0 {
			out = append(out, ',')
		}
		var err error
		if out, err = c.appendEntry(append(out, '{'), &entries[i]); err != nil {
			return nil, err
		}
		out = append(out, `,"top_logprobs":[`...)
		top := entries[i].Top
		for k := range top[:min(len(top), c.limits.TopK)] {
			if k > 0 {
				out = append(out, ',')
			}
			if out, err = c.appendEntry(append(out, '{'), &top[k]); err != nil {
				return nil, err
			}
			out = append(out, '}')
		}
		out = append(out, "]}"...)
	}
	return append(out, ']'), nil
}

func (c *Cutter) appendEntry(out []byte, entry *scored) ([]byte, error) {
	out, err := c.appendScore(append(appendText(append(out, `"token":`...), entry.Token), `,"logprob":`...), entry.Logprob)
	if err != nil {
		return nil, err
	}
	if entry.Bytes == nil {
		return append(out, `,"bytes":null`...), nil
	}
	out = append(out, `,"bytes":[`...)
	for i, b := range entry.Bytes {
		if b < 0 || b > 255 {
			return nil, errors.New("it has a byte that is none")
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = strconv.AppendInt(out, int64(b), 10)
	}
	return append(out, ']'), nil
}

var errScore = errors.New("it has log-probabilities that are none")

// appendScore rounds half away from zero.
func (c *Cutter) appendScore(out []byte, score *float64) ([]byte, error) {
	if score == nil || math.IsNaN(*score) || math.IsInf(*score, 0) {
		return nil, errScore
	}
	shift := math.Pow10(c.limits.Decimals)
	rounded := math.Round(max(-lowest, min(lowest, *score))*shift) / shift
	return strconv.AppendFloat(out, rounded+0, 'f', -1, 64), nil
}

// appendLegacy writes the form of completions: lists of one length.
func (c *Cutter) appendLegacy(out []byte, s *logScores) ([]byte, error) {
	n := len(s.Tokens)
	if len(s.TokenLogprobs) != n || s.TopLogprobs != nil && len(s.TopLogprobs) != n || s.TextOffset != nil && len(s.TextOffset) != n {
		return nil, errScore
	}
	out = appendList(append(out, `{"tokens":`...), s.Tokens, appendText)
	out = append(out, `,"token_logprobs":[`...)
	var err error
	for i, score := range s.TokenLogprobs {
		if i > 0 {
			out = append(out, ',')
		}
		if score == nil {
			out = append(out, "null"...)
			continue
		}
		if out, err = c.appendScore(out, score); err != nil {
			return nil, err
		}
	}
	out = append(out, `],"top_logprobs":`...)
	if out, err = c.appendTops(out, s.TopLogprobs); err != nil {
		return nil, err
	}
	if s.TextOffset == nil {
		return append(out, '}'), nil
	}
	if slices.ContainsFunc(s.TextOffset, func(at int64) bool { return at < 0 }) {
		return nil, errScore
	}
	out = appendList(append(out, `,"text_offset":`...), s.TextOffset, func(out []byte, at int64) []byte { return strconv.AppendInt(out, at, 10) })
	return append(out, '}'), nil
}

func (c *Cutter) appendTops(out []byte, tops []map[string]*float64) ([]byte, error) {
	if tops == nil || c.limits.TopK == 0 {
		return append(out, "null"...), nil
	}
	out = append(out, '[')
	for i, top := range tops {
		if i > 0 {
			out = append(out, ',')
		}
		var err error
		if out, err = c.appendTop(out, top); err != nil {
			return nil, err
		}
	}
	return append(out, ']'), nil
}

// appendTop writes the likeliest alternatives, the likeliest first.
func (c *Cutter) appendTop(out []byte, top map[string]*float64) ([]byte, error) {
	if top == nil {
		return append(out, "null"...), nil
	}
	ranked := make([]scored, 0, len(top))
	for token, score := range top {
		if score == nil {
			return nil, errScore
		}
		ranked = append(ranked, scored{Token: token, Logprob: score})
	}
	slices.SortFunc(ranked, func(a, b scored) int {
		return cmp.Or(cmp.Compare(*b.Logprob, *a.Logprob), cmp.Compare(a.Token, b.Token))
	})
	out = append(out, '{')
	for i, entry := range ranked[:min(len(ranked), c.limits.TopK)] {
		if i > 0 {
			out = append(out, ',')
		}
		var err error
		if out, err = c.appendScore(append(appendText(out, entry.Token), ':'), entry.Logprob); err != nil {
			return nil, err
		}
	}
	return append(out, '}'), nil
}
