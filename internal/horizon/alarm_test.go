package horizon_test

import (
	"math"
	"slices"
	"testing"

	"narthex"
	"narthex/internal/horizon"
)

func TestAlarmsAreAtAQuarterHalfAndThreeQuarters(t *testing.T) {
	for _, c := range []struct {
		used, allowed int64
		want          []int64
	}{
		{0, 100, nil}, {24, 100, nil}, {25, 100, []int64{25}}, {49, 100, []int64{25}}, {50, 100, []int64{25, 50}}, {74, 100, []int64{25, 50}}, {75, 100, []int64{25, 50, 75}}, {200, 100, []int64{25, 50, 75}},
		{1, 3, []int64{25}}, {0, 0, nil}, {5, 0, nil}, {5, -1, nil}, {-5, 10, nil}, {math.MaxInt64, math.MaxInt64, []int64{25, 50, 75}}, {math.MaxInt64 / 4, math.MaxInt64, nil}, {math.MaxInt64/4 + 1, math.MaxInt64, []int64{25}},
	} {
		if got := horizon.Passed(c.used, c.allowed); !slices.Equal(got, c.want) {
			t.Errorf("%d of %d passes %v, and not %v", c.used, c.allowed, got, c.want)
		}
	}
}

func TestADayIsUnusualBeyondThreeMedians(t *testing.T) {
	for _, c := range []struct {
		today  int64
		before []int64
		median int64
		is     bool
	}{
		{1000, nil, 0, false}, {1000, []int64{1, 1, 1, 1}, 0, false},
		{30, []int64{10, 10, 10, 10, 10}, 10, false}, {31, []int64{10, 10, 10, 10, 10}, 10, true},
		{31, []int64{900, 1, 10, 2, 900}, 10, true}, {30, []int64{900, 1, 10, 2, 900}, 10, false},
		{61, []int64{30, 1, 20, 2, 90, 80}, 20, true}, {60, []int64{30, 1, 20, 2, 90, 80}, 20, false},
		{math.MaxInt64, []int64{math.MaxInt64, math.MaxInt64, math.MaxInt64, math.MaxInt64, math.MaxInt64}, math.MaxInt64, false},
	} {
		before := slices.Clone(c.before)
		if median, is := horizon.Unusual(c.today, c.before); median != c.median || is != c.is || !slices.Equal(before, c.before) {
			t.Errorf("%d after %v: %d, %v", c.today, c.before, median, is)
		}
	}
}

func TestWhatIsLeftLasts(t *testing.T) {
	for _, c := range []struct {
		bytes  int64
		perDay uint64
		want   float64
	}{{100, 0, math.Inf(1)}, {0, 0, math.Inf(1)}, {100, horizon.Unbounded, 0}, {0, 8, 0}, {-5, 8, 0}, {100, 8, 100}, {100, 24, 33.33}} {
		if got := horizon.Lasts(c.bytes, c.perDay); got != c.want {
			t.Errorf("%d bytes at %d bits a day last %v days, and not %v", c.bytes, c.perDay, got, c.want)
		}
	}
}

// TestEveryLineOfAnAccountHasAChannel: of all that is shown, also what an attribute opens that nobody has thought of.
func TestEveryLineOfAnAccountHasAChannel(t *testing.T) {
	for attribute, want := range map[narthex.AttributeName]horizon.Channel{"": horizon.Logprobs, "weights.compute": horizon.Outcomes, "output.release": horizon.Released, "data.search": horizon.Answers, "code.search": horizon.Code, "weights.beam": horizon.Released} {
		if got := horizon.ChannelOf(attribute); got != want {
			t.Errorf("%q leaves by %s", attribute, got)
		}
	}
	for attribute := range taxonomy(t).Attributes {
		if !slices.Contains(horizon.Channels(), horizon.ChannelOf(attribute)) {
			t.Errorf("%s leaves by none that is shown", attribute)
		}
	}
}
