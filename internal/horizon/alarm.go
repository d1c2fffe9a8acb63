package horizon

import (
	"math"
	"math/bits"
	"slices"

	"narthex"
)

const (
	leastDays = 5 // before which nobody has a usual day
	unusual   = 3 // times their median day
)

// Passed gives the percentages of lifetime_bytes at which the lab is told, and that what has left of an asset has reached: of 25, 50
// and 75, lowest first. Of a rule that lets nothing leave there are none.
func Passed(used, allowed int64) (percents []int64) {
	for _, percent := range []int64{25, 50, 75} {
		high, low := bits.Mul64(uint64(max(0, used)), 100)
		mostHigh, mostLow := bits.Mul64(uint64(max(0, allowed)), uint64(percent))
		if allowed > 0 && (high > mostHigh || high == mostHigh && low >= mostLow) {
			percents = append(percents, percent)
		}
	}
	return percents
}

// Unusual says whether the bytes of a person's day are more than three times those of their own median day, and gives that median; before
// is their earlier days with any, of which at least five make a median. Of an even number it is the lower of the two in the middle.
func Unusual(today int64, before []int64) (median int64, is bool) {
	if len(before) < leastDays {
		return 0, false
	}
	sorted := slices.Sorted(slices.Values(before))
	median = sorted[(len(sorted)-1)/2]
	return median, today/unusual > median || today/unusual == median && today%unusual > 0
}

// Lasts gives the days in which so many bytes can leave at so many bits a day, rounded down to a hundredth: 0 where nothing bounds
// those or nothing is left, and infinitely many where nothing leaves.
func Lasts(bytes int64, perDay uint64) float64 {
	switch {
	case perDay == 0:
		return math.Inf(1)
	case perDay == Unbounded:
		return 0
	}
	return math.Floor(float64(max(0, bytes))*8/float64(perDay)*100) / 100
}

// ChannelOf gives the channel of an asset's account by which what takes under an attribute leaves; the account's line without an attribute
// is that of log-probabilities.
func ChannelOf(a narthex.AttributeName) Channel {
	switch {
	case a == "":
		return Logprobs
	case slices.Contains(running, a):
		return Outcomes
	case slices.Contains(answering, a):
		return Answers
	case slices.Contains(reading, a):
		return Code
	}
	return Released
}
