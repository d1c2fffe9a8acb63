// Package horizon says how long the open channels of a set of grants would need to carry an asset out, and how many bytes of it
// they can carry for life. It is arithmetic: it reads no clock, no store and no file. docs/horizon.md works an example by hand.
//
// The formulas. Every amount is a whole number of bits, tokens, calls or bytes, and saturates: what does not fit is [Unbounded].
//
//	needed    = 8 × bytes × theft ÷ compression            bits, rounded down; 0 where any of the three is not stated
//	calls     = least of requests, rate × 1441             a day: rate is calls a minute, and the door lets a minute's worth through at once
//	tokens    = least of tokens_per_day, tokens, calls × n × least of (max_tokens, context)
//	text      = tokens × 17                                a token names one of at most 2^17
//	logprobs  = tokens × ((top_k + 1) × value + top_k × 17)
//	value     = length in bits of 2 × 9999 × 10^decimals, at most 64: the door rounds to decimals and shows from -9999 to 9999
//	answers   = least of 8 × bytes_out, calls × 80         for a count: 64 bits and 16 for the event; any other answer has no size but bytes_out
//	released  = 8 × bytes_out                              of what leaves by the airlock; a plain copy is Unbounded
//	code      = 8 × bytes_out
//	outcomes  = least of 8 × bytes_out, calls × 64         of jobs: that one ended, when, how, where, and how often it was tried
//	days      = needed ÷ the bits a day of a channel, or of all but text, over all grants; rounded down to a hundredth
//
// Theft is the fraction whose loss counts as the asset's, 0.01 where the lab sets none, and compression is how much smaller the
// asset can be made before it is carried out, 100 where it sets none: the upper end of 16 to 100 times that arXiv 2601.01296 finds
// for weights, as is the time form (bits of the model over compression, by what leaves a day). That a release which costs n bits is
// one of at most 2^(n+1)-1 is the counting argument for lossless codes; it holds whatever encoding a sender picks. What the end of a
// job tells is charged as airlock.OutcomeBytes counts it, at most 64 bits, and 16 for an event anywhere else.
//
// A budget that is never refilled counts as what may be used of it on one day: a renewal fills it. A limit that is absent counts
// as the taxonomy's default, which the door holds too, and where there is none as no bound; so does a value that is no number of
// that kind. Then the horizon is 0: at once. Text stands apart and is never summed: with an honest door a caller cannot make a model
// spell its own file, so text teaches behaviour and does not carry the asset.
//
// What has the leak class small, or not the class bulk, is not held by size: the report says so and gives no days. Terms on it
// that carry anything at all break every least horizon.
//
// It promises that nothing makes a horizon longer but a larger asset, smaller limits or fewer grants: more terms, more budget and
// overflow never do. It trusts its caller for which grants are in force, and a lab for the leak classes and size of its assets.
// It does not bound what a holder of a copy does, nor a model server that answers with other than tokens of a vocabulary.
// Read next: channels.go for who opens what, lifetime.go for the byte budget, alarm.go for when the lab is told.
package horizon

import (
	"fmt"
	"math"
	"math/bits"
	"slices"

	"narthex"
)

// Measure is what a lab counts as its asset being out. The zero Measure makes every horizon 0.
type Measure struct {
	Compression int64 // how many times smaller the asset can be made; 1 or more
	Theft       int64 // millionths of the asset whose loss counts as the whole; 1 to 1,000,000
}

// Standard is the measure of a lab that states none: a hundredth of the size, over a compression of a hundred.
func Standard() Measure { return Measure{Compression: 100, Theft: 10_000} }

// Needed gives the bits that must leave for an asset of so many bytes to be out.
func (m Measure) Needed(bytes int64) uint64 {
	if bytes <= 0 || m.Compression < 1 || m.Theft < 1 || m.Theft > 1_000_000 {
		return 0
	}
	const million = 1_000_000
	high, low := bits.Mul64(uint64(bytes), 8*uint64(m.Theft))
	by := times(uint64(m.Compression), million)
	if high >= by {
		return math.MaxUint64 // less than it is
	}
	needed, _ := bits.Div64(high, low, by)
	return needed
}

// Lifetime gives the lifetime byte budget of an asset that states none: the bytes that must leave for it to be out.
func (m Measure) Lifetime(bytes int64) int64 { return int64(min(m.Needed(bytes)/8, math.MaxInt64)) }

// Channel is one way by which an asset can leave.
type Channel string

const (
	// Text is what a model says; it is shown and not summed.
	Text Channel = "text"
	// Logprobs is the log-probabilities of sampled tokens.
	Logprobs Channel = "logprobs"
	// Answers is what queries of data are answered.
	Answers Channel = "query_answers"
	// Released is what leaves by the airlock, and copies of it.
	Released Channel = "released_bytes"
	// Code is code that is read.
	Code Channel = "code_bytes"
	// Outcomes is when, how and where jobs end.
	Outcomes Channel = "job_outcomes"
)

// Channels lists those that are summed, in the order in which they are shown.
func Channels() []Channel { return []Channel{Logprobs, Answers, Released, Code, Outcomes} }

// Unbounded is an amount that nothing bounds, or that does not fit.
const Unbounded = math.MaxUint64

// Line is one channel, or the sum of them.
type Line struct {
	Channel   Channel // empty for the sum
	PerDay    uint64  // bits; Unbounded where nothing bounds it
	Days      float64 // until the asset could be out; 0 is at once, +Inf never by this
	notBySize bool
}

// Says gives the horizon in words.
func (l Line) Says() string {
	switch {
	case l.PerDay == 0:
		return "nothing leaves by it"
	case l.notBySize:
		return "not held by size"
	case l.Days == 0:
		return "at once"
	case l.Days < 1:
		return "within a day"
	case l.Days < 730:
		return fmt.Sprintf("%.1f days", math.Floor(l.Days*10)/10)
	}
	return fmt.Sprintf("%.0f years", math.Floor(l.Days/365.25))
}

// Report is what grants open on one asset.
type Report struct {
	Asset  narthex.AssetName
	Held   bool   // whether the asset is held by its size; else no days are given
	Needed uint64 // bits that must leave for it to be out
	Lines  []Line // of Channels
	Sum    Line   // of Lines
	Text   Line   // apart
}

// Held says whether size holds an asset: what it can lose is large, and nothing of it is small and worth taking.
func Held(asset narthex.Asset) bool {
	return slices.Contains(asset.Leak, "bulk") && !slices.Contains(asset.Leak, "small")
}

// Group is grants that allow the same on an asset: the terms of one of them, and how many there are.
type Group struct {
	Terms []narthex.Term
	Count uint64
}

// Of gives what the terms on an asset open, over all the grants given; each is the terms of one grant, on whatever assets.
func Of(asset narthex.Asset, m Measure, t *narthex.Taxonomy, grants ...[]narthex.Term) Report {
	groups := make([]Group, len(grants))
	for i, terms := range grants {
		groups[i] = Group{terms, 1}
	}
	return Over(asset, m, t, groups...)
}

// Over is Of for many grants of which groups allow the same.
func Over(asset narthex.Asset, m Measure, t *narthex.Taxonomy, groups ...Group) Report {
	r := Report{Asset: asset.Name, Held: Held(asset), Needed: m.Needed(asset.Bytes)}
	total := map[Channel]uint64{}
	for _, g := range groups {
		for channel, n := range (holding{t, asset, g.Terms, nil}).perDay() {
			total[channel] = plus(total[channel], times(n, g.Count))
		}
	}
	var sum uint64
	for _, channel := range Channels() {
		r.Lines = append(r.Lines, r.line(channel, total[channel]))
		sum = plus(sum, total[channel])
	}
	r.Sum, r.Text = r.line("", sum), r.line(Text, total[Text])
	return r
}

func (r Report) line(channel Channel, perDay uint64) Line {
	l := Line{Channel: channel, PerDay: perDay, notBySize: !r.Held}
	switch {
	case perDay == 0:
		l.Days = math.Inf(1)
	case r.Held && perDay != Unbounded:
		l.Days = math.Floor(float64(r.Needed)/float64(perDay)*100) / 100
	}
	return l
}

// Breaks says whether the sum of all channels is shorter than so many days. What nothing carries breaks nothing; what is not
// held by size breaks every least horizon once anything carries it, and so does a least horizon that is not stated.
func (r Report) Breaks(least int64) bool {
	return r.Sum.PerDay > 0 && (!r.Held || least <= 0 || r.Sum.Days < float64(least))
}

// Says gives the horizon of the sum in words. An asset that size does not hold has none, whatever is open.
func (r Report) Says() string {
	if !r.Held {
		return "not held by size"
	}
	return r.Sum.Says()
}
