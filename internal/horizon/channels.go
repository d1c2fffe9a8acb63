package horizon

import (
	"math"
	"math/bits"
	"slices"

	"narthex"
)

const (
	nameBits    = 17   // of a token's name: a vocabulary of at most 2^17
	countBits   = 64   // of one number in an answer
	eventBits   = 16   // of one event that can be seen from outside
	outcomeBits = 160  // of the end of one job: 16 of the event, 3 of its class, 30 of when it ended, 22 of processor time, 25 of a place, 60 of outputs
	lastScore   = 9999 // the door shows log-probabilities from -9999 to 9999
	mostValue   = 64   // bits of a number as the door writes it
	dayMinutes  = 1440 + 1
)

// The attributes of the taxonomy that open a channel. One of class bulk or stat that is in none of these lists and leaves by no
// airlock is counted as released without a bound.
var (
	answering = []narthex.AttributeName{"data.query", "data.search", "users.stats", "users.clusters", "metrics.usage", "metrics.monitoring"}
	releasing = []narthex.AttributeName{"output.release", "output.artefact.model", "weights.read", "data.sample", "users.conversations"}
	reading   = []narthex.AttributeName{"code.read", "code.search", "code.docs", "code.clone"}
	running   = []narthex.AttributeName{"weights.compute", "weights.diff", "data.job", "code.run"}
	copying   = []narthex.AttributeName{"weights.read", "code.clone"} // of those above: what was read whole, no door bounds
)

// holding is the terms of one grant as they stand on one asset.
type holding struct {
	taxonomy *narthex.Taxonomy
	asset    narthex.Asset
	terms    []narthex.Term
	spent    Spent // of a grant that has ended; nil for one that may still be used
}

// perDay gives the bits a day through each channel that is open.
func (h holding) perDay() map[Channel]uint64 {
	open := map[Channel]uint64{}
	add := func(channel Channel, n uint64) { open[channel] = plus(open[channel], n) }
	for _, term := range h.terms {
		if term.Asset != h.asset.Name {
			continue
		}
		a := term.Attribute
		if a == "model.sample" {
			add(Text, times(h.tokensPerDay(), nameBits))
		}
		if a == "model.logprobs" {
			add(Logprobs, times(h.scoredPerDay(), h.scoreBits()))
		}
		if slices.Contains(answering, a) {
			add(Answers, h.answers(a))
		}
		if slices.Contains(releasing, a) || !h.measured(a) {
			add(Released, h.out(a))
		}
		if slices.Contains(reading, a) {
			add(Code, h.out(a))
		}
		if slices.Contains(running, a) {
			add(Outcomes, min(h.out(a), times(h.callsPerDay(a), outcomeBits)))
		}
	}
	return open
}

// measured says whether an attribute is known not to need the worst: it opens a channel above, leaves by the airlock alone, or
// is of no class that size holds.
func (h holding) measured(a narthex.AttributeName) bool {
	known, is := h.taxonomy.Attribute(a)
	if !is {
		return false
	}
	return slices.Contains(answering, a) || slices.Contains(reading, a) || h.byAirlock(a) ||
		!slices.Contains(known.Leak, "bulk") && !slices.Contains(known.Leak, "stat")
}

// byAirlock says whether what an attribute gives can leave by output.release alone, and is counted there.
func (h holding) byAirlock(a narthex.AttributeName) bool {
	known, _ := h.taxonomy.Attribute(a)
	return slices.Contains(known.Needs, "output.release")
}

// bytesOut gives what may leave under an attribute.
func (h holding) bytesOut(a narthex.AttributeName) uint64 {
	if slices.Contains(copying, a) {
		return Unbounded
	}
	return h.limit(a, "bytes_out")
}

// out gives the bits of it, all on one day.
func (h holding) out(a narthex.AttributeName) uint64 { return times(h.bytesOut(a), 8) }

func (h holding) answers(a narthex.AttributeName) uint64 {
	calls := min(h.callsPerDay(a), h.limit(a, "queries"), h.limit(a, "queries_per_day"))
	size := uint64(Unbounded)
	if a == "data.search" {
		size = countBits + eventBits
	}
	return min(h.out(a), times(calls, size))
}

// tokensPerDay bounds the tokens that a model says in a day under this grant.
func (h holding) tokensPerDay() uint64 {
	const sample = "model.sample"
	return min(h.limit(sample, "tokens_per_day"), h.limit(sample, "tokens"), times(h.callsPerDay(sample), h.tokensPerCall()))
}

// scoredPerDay bounds those of them that have log-probabilities. The door asks model.sample of every call, so without it there
// are none.
func (h holding) scoredPerDay() uint64 {
	if _, held := narthex.FindTerm(h.terms, "model.sample", h.asset.Name); !held {
		return 0
	}
	return min(h.tokensPerDay(), h.limit("model.logprobs", "tokens"), times(h.callsPerDay("model.logprobs"), h.tokensPerCall()))
}

func (h holding) tokensPerCall() uint64 {
	most := h.limit("model.sample", "max_tokens")
	if h.asset.Context > 0 {
		most = min(most, uint64(h.asset.Context))
	}
	return times(most, h.limit("model.sample", "n"))
}

// scoreBits is what the log-probabilities of one token carry: its own and those of top_k others, with their names.
func (h holding) scoreBits() uint64 {
	return bitsOf(h.limit("model.logprobs", "top_k"), h.limit("model.logprobs", "decimals"))
}

func bitsOf(top, decimals uint64) uint64 {
	return plus(times(plus(top, 1), valueBits(decimals)), times(top, nameBits))
}

// valueBits is the length in bits of a log-probability that is rounded to so many decimals.
func valueBits(decimals uint64) uint64 {
	values := uint64(2 * lastScore)
	for range min(decimals, 20) {
		values = times(values, 10)
	}
	return min(mostValue, uint64(bits.Len64(values)))
}

// callsPerDay bounds the calls under a term: a rate of calls a minute lets a minute's worth through at once.
func (h holding) callsPerDay(a narthex.AttributeName) uint64 {
	return min(h.limit(a, "requests"), times(h.limit(a, "rate"), dayMinutes))
}

// limit gives what a term sets, or the default that the door holds where it is silent, or Unbounded.
func (h holding) limit(a narthex.AttributeName, name narthex.LimitName) uint64 {
	term, _ := narthex.FindTerm(h.terms, a, h.asset.Name)
	value, set := term.Limits[name]
	if !set {
		attribute, _ := h.taxonomy.Attribute(a)
		if spec := attribute.Limits[name]; spec.Default != nil {
			value = *spec.Default
		}
	}
	n := value.Number
	if value.Form != narthex.FormNumber || !(n >= 0 && n <= narthex.LargestNumber) {
		return Unbounded
	}
	amount := uint64(math.Ceil(n))
	if h.spent != nil {
		if spec, known := h.taxonomy.Limit(a, name); known && spec.Kind == narthex.BudgetKind && spec.Per == "" && set {
			amount = min(amount, uint64(max(0, h.spent(a, name))))
		}
	}
	return amount
}

// plus and times saturate at Unbounded; no times of anything is none.
func plus(a, b uint64) uint64 {
	sum, over := bits.Add64(a, b, 0)
	if over > 0 {
		return Unbounded
	}
	return sum
}

func times(a, b uint64) uint64 {
	over, product := bits.Mul64(a, b)
	if over > 0 {
		return Unbounded
	}
	return product
}
