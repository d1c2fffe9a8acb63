package horizon_test

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"narthex"
	"narthex/internal/horizon"
	"narthex/internal/lab"
	"narthex/policy"
)

func taxonomy(t testing.TB) *narthex.Taxonomy {
	t.Helper()
	made, err := lab.Taxonomy()
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// weights is a model of 70 billion parameters, held by its size.
func weights() narthex.Asset {
	return narthex.Asset{Name: "m", Bytes: 140_000_000_000, Leak: []narthex.LeakClass{"behav", "bulk"}, Context: 8192}
}

type limits map[narthex.LimitName]float64

func term(attribute narthex.AttributeName, of limits) narthex.Term {
	made := narthex.Term{Attribute: attribute, Asset: "m", Limits: map[narthex.LimitName]narthex.Value{}}
	for name, n := range of {
		made.Limits[name] = narthex.NumberValue(n)
	}
	return made
}

func line(r horizon.Report, channel horizon.Channel) horizon.Line {
	return r.Lines[slices.IndexFunc(r.Lines, func(l horizon.Line) bool { return l.Channel == channel })]
}

// grouped writes a number as docs/horizon.md does.
func grouped(n uint64) string {
	text := strconv.FormatUint(n, 10)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// TestTheExampleOfTheDocumentIsRight computes docs/horizon.md's example again, figure by figure.
func TestTheExampleOfTheDocumentIsRight(t *testing.T) {
	document, err := os.ReadFile("../../docs/horizon.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(document), "## An example")
	says := func(format string, args ...any) {
		t.Helper()
		if want := fmt.Sprintf(format, args...); !strings.Contains(example, want) {
			t.Errorf("the example does not say %q", want)
		}
	}
	known, m := taxonomy(t), horizon.Standard()
	first := []narthex.Term{term("model.sample", limits{"tokens_per_day": 100_000}), term("model.logprobs", limits{"top_k": 5, "decimals": 2})}
	second := []narthex.Term{term("output.release", limits{"bytes_out": 1_000_000})}
	third := []narthex.Term{term("weights.compute", limits{"requests": 40, "bytes_out": 2000})}
	both := horizon.Of(weights(), m, known, first, second, third)
	scores, released, outcomes := line(both, horizon.Logprobs), line(both, horizon.Released), line(both, horizon.Outcomes)
	says("= %s bits, which are %s bytes", grouped(both.Needed), grouped(uint64(m.Lifetime(weights().Bytes))))
	says("%s bits a day: %.2f days.\n- Released", grouped(scores.PerDay), scores.Days)
	says("= %s bits: %.2f days.\n- Outcomes", grouped(released.PerDay), released.Days)
	says("= %s bits a day: %.2f days.\n- The sum: %s bits a day: %.2f days.", grouped(outcomes.PerDay), outcomes.Days, grouped(both.Sum.PerDay), both.Sum.Days)
	most := slices.Clone(third)
	most[0] = term("weights.compute", limits{"bytes_out": 2000})
	says("without `requests` %s bits a day", grouped(line(horizon.Of(weights(), m, known, most), horizon.Outcomes).PerDay))
	const allowed, used = 14_000_000, 3_500_000
	says("%.2f days, and %d%% is passed", horizon.Lasts(allowed-used, both.Sum.PerDay), horizon.Passed(used, allowed)[0])
	says("= %s bits a day: %.2f days.\n- For life", grouped(both.Text.PerDay), both.Text.Days)
	says("= %s bytes, and the second %s", grouped(horizon.Carries(weights(), known, first, 90, nil)), grouped(horizon.Carries(weights(), known, second, 90, nil)))
	bare := []narthex.Term{first[0], term("model.logprobs", limits{"top_k": 0, "decimals": 0})}
	says("alone %.2f days", horizon.Of(weights(), m, known, bare).Sum.Days)
	if both.Needed != 112_000_000 || scores.PerDay != 21_100_000 || both.Sum.PerDay != 29_106_400 || outcomes.PerDay != 6400 {
		t.Errorf("needed %d, scores %d, sum %d", both.Needed, scores.PerDay, both.Sum.PerDay)
	}
}

// TestThePublishedFigureFollows: ten million tokens of 17 bits a day carry the whole of a model of 140 GB, made a hundred times
// smaller, in 66 days.
func TestThePublishedFigureFollows(t *testing.T) {
	r := horizon.Of(weights(), horizon.Measure{Compression: 100, Theft: 1_000_000}, taxonomy(t), []narthex.Term{term("model.sample", limits{"tokens_per_day": 10_000_000})})
	if math.Round(r.Text.Days) != 66 || r.Sum.PerDay != 0 {
		t.Errorf("text: %v days; the sum: %d bits", r.Text.Days, r.Sum.PerDay)
	}
}

func TestWhatNothingBoundsIsOutAtOnce(t *testing.T) {
	known, m := taxonomy(t), horizon.Standard()
	for name, terms := range map[string][]narthex.Term{
		"released without a budget":       {term("output.release", nil)},
		"a copy of the weights":           {term("weights.read", limits{"bytes_out": 1, "hours": 1})},
		"a clone":                         {term("code.clone", limits{"bytes_out": 1})},
		"jobs without a rate":             {term("weights.compute", nil)},
		"tables without a budget":         {term("data.query", limits{"queries": 1})},
		"searched code without a budget":  {term("code.search", limits{"queries_per_day": 1})},
		"a limit of another form":         {{Attribute: "output.release", Asset: "m", Limits: map[narthex.LimitName]narthex.Value{"bytes_out": narthex.NamesValue("none")}}},
		"a limit without a value":         {{Attribute: "output.release", Asset: "m", Limits: map[narthex.LimitName]narthex.Value{"bytes_out": {}}}},
		"a budget below nothing":          {term("output.release", limits{"bytes_out": -1})},
		"a budget that is no number":      {term("output.release", limits{"bytes_out": math.NaN()})},
		"an attribute that nobody knows":  {term("weights.beam", limits{"bytes_out": math.Inf(1)})},
		"rows without a number of bytes":  {term("data.sample", limits{"rows": 1})},
		"scores with more than can count": {term("model.sample", limits{"tokens_per_day": 1 << 53, "max_tokens": 1 << 53}), term("model.logprobs", limits{"top_k": 1 << 53, "decimals": 1 << 53})},
	} {
		r := horizon.Of(weights(), m, known, terms)
		if r.Sum.PerDay != horizon.Unbounded || r.Sum.Days != 0 || r.Says() != "at once" || !r.Breaks(1) {
			t.Errorf("%s: %d bits a day, %v days, %s", name, r.Sum.PerDay, r.Sum.Days, r.Says())
		}
	}
	some := []narthex.Term{term("output.release", limits{"bytes_out": 1})}
	for name, r := range map[string]horizon.Report{"no measure": horizon.Of(weights(), horizon.Measure{}, known, some), "no size": horizon.Of(narthex.Asset{Name: "m", Leak: []narthex.LeakClass{"bulk"}}, m, known, some),
		"a fraction above one": horizon.Of(weights(), horizon.Measure{Compression: 1, Theft: 1_000_001}, known, some)} {
		if r.Sum.Days != 0 || r.Says() != "at once" {
			t.Errorf("%s: %v days", name, r.Sum.Days)
		}
	}
	if r := horizon.Of(weights(), m, known, some); !r.Breaks(0) || r.Breaks(1) {
		t.Errorf("a least horizon that is not stated holds, or %v days break one", r.Sum.Days)
	}
}

func TestWhatIsSmallIsNotHeldBySize(t *testing.T) {
	known := taxonomy(t)
	scores := []narthex.Term{term("model.sample", limits{"tokens": 1}), term("model.logprobs", nil)}
	for _, leak := range [][]narthex.LeakClass{nil, {"small"}, {"bulk", "small"}, {"behav", "stat", "pers", "haz", "write"}} {
		asset := weights()
		asset.Leak = leak
		r := horizon.Of(asset, horizon.Standard(), known, scores)
		if r.Held || r.Says() != "not held by size" || r.Sum.Says() != "not held by size" || r.Sum.Days != 0 || !r.Breaks(1) {
			t.Errorf("%v: %s, %v days", leak, r.Says(), r.Sum.Days)
		}
		if r := horizon.Of(asset, horizon.Standard(), known, scores[:1]); r.Says() != "not held by size" || r.Breaks(1) {
			t.Errorf("%v, text alone: %s, %v", leak, r.Says(), r.Breaks(1))
		}
	}
}

// TestEveryAttributeThatCarriesIsMeasured: an attribute of class bulk or stat opens a channel, or leaves by the airlock alone.
func TestEveryAttributeThatCarriesIsMeasured(t *testing.T) {
	known := taxonomy(t)
	for name, attribute := range known.Attributes {
		r := horizon.Of(weights(), horizon.Standard(), known, []narthex.Term{term(name, limits{"rate": 1, "bytes_out": 1})})
		carries := slices.Contains(attribute.Leak, "bulk") || slices.Contains(attribute.Leak, "stat")
		if carries && r.Sum.PerDay == 0 && !slices.Contains(attribute.Needs, "output.release") {
			t.Errorf("%s of class %v opens no channel", name, attribute.Leak)
		}
		if copies := name == "weights.read" || name == "code.clone"; r.Sum.PerDay == horizon.Unbounded && !copies {
			t.Errorf("%s opens a channel that its limits do not bound", name)
		}
	}
	strange := &narthex.Taxonomy{Attributes: map[narthex.AttributeName]narthex.Attribute{"data.new": {Leak: []narthex.LeakClass{"stat"}}}}
	if r := horizon.Of(weights(), horizon.Standard(), strange, []narthex.Term{term("data.new", nil)}); r.Sum.Days != 0 {
		t.Error("an attribute of class stat that nobody has measured has a horizon")
	}
}

func TestChannelsThatNothingOpensCarryNothing(t *testing.T) {
	other := term("output.release", nil)
	other.Asset = "another"
	r := horizon.Of(weights(), horizon.Standard(), taxonomy(t), []narthex.Term{term("model.seed", nil), term("model.logprobs", nil), other}, nil)
	if r.Sum.PerDay != 0 || !math.IsInf(r.Sum.Days, 1) || r.Says() != "nothing leaves by it" || r.Breaks(1e9) || len(r.Lines) != len(horizon.Channels()) {
		t.Errorf("%+v", r)
	}
}

// TestALifeIsChargedWhatItCanCarry holds the lifetime byte budget's sum, of grants that run and of those that have ended.
func TestALifeIsChargedWhatItCanCarry(t *testing.T) {
	known := taxonomy(t)
	sampled, scored := term("model.sample", limits{"tokens": 800, "tokens_per_day": 10}), term("model.logprobs", limits{"top_k": 0, "decimals": 2})
	used := func(n int64) horizon.Spent {
		return func(narthex.AttributeName, narthex.LimitName) int64 { return n }
	}
	small := weights()
	small.Leak = []narthex.LeakClass{"behav", "small"}
	for name, c := range map[string]struct {
		asset narthex.Asset
		terms []narthex.Term
		days  int64
		spent horizon.Spent
		want  uint64
	}{
		"text alone":                    {weights(), []narthex.Term{sampled}, 9, nil, 0},
		"by the day":                    {weights(), []narthex.Term{sampled, scored}, 9, nil, 263},            // 100 tokens of 21 bits
		"by the budget":                 {weights(), []narthex.Term{sampled, scored}, 1000, nil, 2100},        // 800 tokens
		"a life that is not stated":     {weights(), []narthex.Term{sampled, scored}, 0, nil, 2100},           // 800 tokens
		"ended":                         {weights(), []narthex.Term{sampled, scored}, 1000, used(8), 21},      // 8 tokens
		"ended, used more than allowed": {weights(), []narthex.Term{sampled, scored}, 1000, used(9000), 2100}, // what was allowed
		"ended, a count that is none":   {weights(), []narthex.Term{sampled, scored}, 1000, used(-1), 0},
		"not of class bulk":             {small, []narthex.Term{sampled, scored}, 9, nil, 0},
		"bulk of an asset that is none": {small, []narthex.Term{term("output.release", limits{"bytes_out": 7})}, 9, nil, 7},
		"through the airlock once":      {weights(), []narthex.Term{term("output.release", limits{"bytes_out": 7}), term("weights.compute", limits{"bytes_out": 5})}, 9, nil, 7},
		"without a budget":              {weights(), []narthex.Term{term("output.release", nil)}, 9, nil, horizon.Unbounded},
		"a copy":                        {weights(), []narthex.Term{term("weights.read", limits{"bytes_out": 7})}, 9, nil, horizon.Unbounded},
		"an unknown attribute":          {weights(), []narthex.Term{term("weights.beam", nil)}, 9, nil, horizon.Unbounded},
	} {
		if got := horizon.Carries(c.asset, known, c.terms, c.days, c.spent); got != c.want {
			t.Errorf("%s: %d bytes, want %d", name, got, c.want)
		}
	}
}

// TestATokenIsChargedByTheFormula: what a call is charged a token is what its grant was charged at its signing, or less where it asks
// less; of many layers the coarsest holds, and an asset that size does not hold is charged nothing.
func TestATokenIsChargedByTheFormula(t *testing.T) {
	known := taxonomy(t)
	fine, coarse := []narthex.Term{term("model.logprobs", limits{"decimals": 2, "top_k": 5})}, []narthex.Term{term("model.logprobs", limits{"decimals": 0, "top_k": 5})}
	small := weights()
	small.Leak = []narthex.LeakClass{"behav", "small"}
	for name, c := range map[string]struct {
		asset  narthex.Asset
		top    int64
		layers [][]narthex.Term
		want   int64
	}{
		"as granted":            {weights(), 5, [][]narthex.Term{fine}, 211},
		"fewer asked":           {weights(), 0, [][]narthex.Term{fine}, 21},
		"a coarser key":         {weights(), 0, [][]narthex.Term{fine, coarse}, 15},
		"no term":               {weights(), 0, [][]narthex.Term{nil}, 21}, // the taxonomy's decimals
		"no layer":              {weights(), 0, nil, 64},
		"top below none":        {weights(), -1, [][]narthex.Term{coarse}, 15},
		"not of the class bulk": {small, 5, [][]narthex.Term{fine}, 0},
	} {
		if got := horizon.TokenBits(c.asset, known, c.top, c.layers...); got != c.want {
			t.Errorf("%s: %d bits, want %d", name, got, c.want)
		}
	}
	whole := append(fine, term("model.sample", limits{"tokens": 800}))
	if carried, charged := horizon.Carries(weights(), known, whole, 0, nil), policy.InBytes(800, 211); carried != uint64(charged) {
		t.Errorf("a grant carries %d bytes, and its one call is charged %d", carried, charged)
	}
}
