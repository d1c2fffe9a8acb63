package horizon

import (
	"math"
	"slices"

	"narthex"
)

// Spent gives what was used and is reserved of a budget of a grant that has ended. A negative amount is none.
type Spent func(narthex.AttributeName, narthex.LimitName) int64

// Carries gives the bytes of an asset that one grant can carry out in its life of so many days, rounded up: what is charged to
// the asset's lifetime_bytes.
//
//	bytes     = bytes_out of each term of class bulk       those that leave by the airlock alone are counted as output.release
//	          + bytes_out of output.artefact.model         small things made of the asset, which have their own
//	          + tokens × bits of a token's log-probabilities ÷ 8, where the asset has the class bulk
//	tokens    = least of tokens, requests × n × max_tokens, tokens a day × (days + 1)
//
// The days are one more than the grant's, since budgets per day follow the calendar. Log-probabilities are charged although
// their own class is small: they are made of the weights, and are the one door by which a file of weights can leave today.
// With spent the grant has ended, and a budget for life counts as what was used of it; what is absent counts in full.
func Carries(asset narthex.Asset, t *narthex.Taxonomy, terms []narthex.Term, days int64, spent Spent) uint64 {
	h := holding{t, asset, terms, spent}
	var carried uint64
	for _, term := range terms {
		if term.Asset != asset.Name {
			continue
		}
		a := term.Attribute
		attribute, known := t.Attribute(a)
		switch {
		case a == "model.logprobs" && slices.Contains(asset.Leak, "bulk"):
			carried = plus(carried, roundedUp(times(h.scoredForLife(days), h.scoreBits())))
		case !known || a == artefacts || slices.Contains(attribute.Leak, "bulk") && !h.byAirlock(a):
			carried = plus(carried, h.bytesOut(a))
		}
	}
	return carried
}

// TokenBits gives the bits of an asset that the log-probabilities of one token carry at most, in a call that asks for those of top
// others and is held to the terms of every layer: what one such token is charged. An asset that has not the class bulk is charged
// nothing.
func TokenBits(asset narthex.Asset, t *narthex.Taxonomy, top int64, layers ...[]narthex.Term) int64 {
	if !slices.Contains(asset.Leak, "bulk") {
		return 0
	}
	decimals := uint64(Unbounded)
	for _, terms := range layers {
		decimals = min(decimals, holding{t, asset, terms, nil}.limit("model.logprobs", "decimals"))
	}
	return int64(min(bitsOf(uint64(max(0, top)), decimals), math.MaxInt64))
}

// artefacts is the attribute by which artefacts leave that no person can check: its class is small, and what leaves by it takes of the
// asset's account all the same.
const artefacts narthex.AttributeName = "output.artefact.model"

func (h holding) scoredForLife(days int64) uint64 {
	const sample, scores = "model.sample", "model.logprobs"
	day := holding{h.taxonomy, h.asset, h.terms, nil}
	calls := min(h.limit(sample, "requests"), h.limit(scores, "requests"))
	life := min(h.limit(sample, "tokens"), h.limit(scores, "tokens"), times(calls, h.tokensPerCall()))
	if days < 1 {
		return life // of a life that is not stated
	}
	return min(life, times(day.scoredPerDay(), uint64(days)+1))
}

func roundedUp(n uint64) uint64 {
	if n == Unbounded {
		return n
	}
	return n/8 + min(1, n%8)
}
