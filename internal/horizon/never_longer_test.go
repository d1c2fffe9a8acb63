package horizon_test

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"narthex"
	"narthex/internal/horizon"
)

// raised are the limits of which more lets more through.
var raised = []narthex.LimitName{"bytes_out", "rate", "requests", "tokens", "tokens_per_day", "max_tokens", "n", "top_k", "decimals", "queries", "queries_per_day", "rows"}

func drawTerms(t *rapid.T, attributes []narthex.AttributeName) []narthex.Term {
	var terms []narthex.Term
	for _, a := range rapid.SliceOfNDistinct(rapid.SampledFrom(attributes), 0, 4, rapid.ID[narthex.AttributeName]).Draw(t, "attributes") {
		of := limits{}
		for _, name := range rapid.SliceOfDistinct(rapid.SampledFrom(raised), rapid.ID[narthex.LimitName]).Draw(t, "limits") {
			of[name] = drawAmount(t)
		}
		terms = append(terms, term(a, of))
	}
	return terms
}

func drawAmount(t *rapid.T) float64 {
	return float64(rapid.OneOf(rapid.Int64Range(0, 20), rapid.Int64Range(0, 1_000_000), rapid.Just(int64(narthex.LargestNumber))).Draw(t, "amount"))
}

// TestNothingButLessIsEverLonger: more terms, more grants, more budget, fewer bytes, a larger compression and a smaller fraction
// never lengthen a horizon or shrink what is carried for life, whatever overflows.
func TestNothingButLessIsEverLonger(t *testing.T) {
	known := taxonomy(t)
	var attributes []narthex.AttributeName
	for name := range known.Attributes {
		attributes = append(attributes, name)
	}
	slices.Sort(attributes)
	attributes = append(attributes, "model.sample", "model.logprobs", "output.release", "weights.beam") // those that matter, oftener
	rapid.Check(t, func(t *rapid.T) {
		asset := weights()
		asset.Bytes = rapid.OneOf(rapid.Int64Range(0, 1000), rapid.Int64Range(0, math.MaxInt64)).Draw(t, "bytes")
		m := horizon.Measure{Compression: rapid.Int64Range(1, math.MaxInt64).Draw(t, "compression"), Theft: rapid.Int64Range(1, 1_000_000).Draw(t, "theft")}
		grants := [][]narthex.Term{drawTerms(t, attributes), drawTerms(t, attributes)}
		days := rapid.Int64Range(1, 1000).Draw(t, "days")
		before, carried := horizon.Of(asset, m, known, grants...), horizon.Carries(asset, known, grants[0], days, nil)
		shorter := func(what string, asset narthex.Asset, m horizon.Measure, grants ...[]narthex.Term) {
			after := horizon.Of(asset, m, known, grants...)
			for i := range before.Lines {
				if !(after.Lines[i].Days <= before.Lines[i].Days) || after.Lines[i].Days < 0 {
					t.Fatalf("%s: %s was %v days and is %v", what, before.Lines[i].Channel, before.Lines[i].Days, after.Lines[i].Days)
				}
			}
			if !(after.Sum.Days <= before.Sum.Days) || !(after.Text.Days <= before.Text.Days) {
				t.Fatalf("%s: was %v days and is %v; text was %v and is %v", what, before.Sum.Days, after.Sum.Days, before.Text.Days, after.Text.Days)
			}
		}
		shorter("another grant", asset, m, append(slices.Clone(grants), drawTerms(t, attributes))...)
		more := slices.Clone(grants[0])
		for _, added := range drawTerms(t, attributes) {
			if _, has := narthex.FindTerm(more, added.Attribute, "m"); !has {
				more = append(more, added)
			}
		}
		shorter("another term", asset, m, more, grants[1])
		wider := slices.Clone(grants[0])
		for i, had := range wider {
			of := limits{}
			for name, value := range had.Limits {
				of[name] = min(narthex.LargestNumber, value.Number+drawAmount(t))
			}
			wider[i] = term(had.Attribute, of)
		}
		shorter("more budget", asset, m, wider, grants[1])
		for _, terms := range [][]narthex.Term{more, wider} {
			if after := horizon.Carries(asset, known, terms, days+1, nil); after < carried {
				t.Fatalf("for life it carried %d bytes and carries %d", carried, after)
			}
		}
		less := asset
		less.Bytes = rapid.Int64Range(0, asset.Bytes).Draw(t, "fewer")
		shorter("fewer bytes", less, m, grants...)
		shorter("more compression", asset, horizon.Measure{Compression: rapid.Int64Range(m.Compression, math.MaxInt64).Draw(t, "more"), Theft: m.Theft}, grants...)
		shorter("a smaller fraction", asset, horizon.Measure{Compression: m.Compression, Theft: rapid.Int64Range(1, m.Theft).Draw(t, "smaller")}, grants...)
	})
}

// FuzzNoNumberLengthensAHorizon gives numbers that no checked term has, too.
func FuzzNoNumberLengthensAHorizon(f *testing.F) {
	known := taxonomy(f)
	f.Add(int64(140_000_000_000), int64(100), int64(10_000), 5.0, 2.0, 1e6, 1.0)
	f.Add(int64(math.MaxInt64), int64(1), int64(1_000_000), math.Inf(1), math.NaN(), -1.0, 1e300)
	f.Add(int64(-1), int64(0), int64(0), 0.5, 1e18, 9007199254740992.0, 9007199254740992.0)
	f.Fuzz(func(t *testing.T, bytes, compression, theft int64, top, decimals, tokens, more float64) {
		asset, m := weights(), horizon.Measure{Compression: compression, Theft: theft}
		asset.Bytes = bytes
		terms := func(tokens float64) []narthex.Term {
			return []narthex.Term{term("model.sample", limits{"tokens_per_day": tokens}), term("model.logprobs", limits{"top_k": top, "decimals": decimals}), term("output.release", limits{"bytes_out": tokens})}
		}
		one := horizon.Of(asset, m, known, terms(tokens))
		two := horizon.Of(asset, m, known, terms(tokens), terms(more))
		if math.IsNaN(one.Sum.Days) || one.Sum.Days < 0 || one.Sum.PerDay == 0 && tokens != 0 || two.Sum.Days > one.Sum.Days || two.Sum.PerDay < one.Sum.PerDay {
			t.Fatalf("one grant: %+v; two: %+v", one.Sum, two.Sum)
		}
		if wider := horizon.Of(asset, m, known, terms(tokens+math.Abs(more))); tokens >= 0 && wider.Sum.Days > one.Sum.Days {
			t.Fatalf("%v: %+v; with %v more: %+v", tokens, one.Sum, more, wider.Sum)
		}
		if strange := !(tokens >= 0 && tokens <= narthex.LargestNumber); strange && one.Sum.Days != 0 {
			t.Fatalf("%v is no budget, and the horizon is %v", tokens, one.Sum.Days)
		}
	})
}
