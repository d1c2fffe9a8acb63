package lab

import (
	"slices"
	"time"
)

// Calendar is which days are business days.
type Calendar struct{ Holidays []string }

// Add gives the instant n business days after t; Saturdays, Sundays and holidays do not count.
func (c Calendar) Add(t time.Time, n int) time.Time {
	for n > 0 {
		t = t.AddDate(0, 0, 1)
		if day := t.Weekday(); day != time.Saturday && day != time.Sunday && !slices.Contains(c.Holidays, t.Format(time.DateOnly)) {
			n--
		}
	}
	return t
}

// Touched gives how many business days the time from a to b takes, one that was begun counted whole.
func (c Calendar) Touched(a, b time.Time) int {
	n := 0
	for t := a; t.Before(b); t = c.Add(t, 1) {
		n++
	}
	return n
}

// Longest gives how many days n business days take at most, from whatever day they are counted: the span that a grant of so
// many business days needs.
func (c Calendar) Longest(n int) int {
	first, last := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
	for i, text := range c.Holidays {
		day, err := time.Parse(time.DateOnly, text)
		if err != nil {
			continue // a problem of its own
		}
		if i == 0 || day.Before(first) {
			first = day
		}
		if i == 0 || day.After(last) {
			last = day
		}
	}
	var days []int // that are business days, counted from a while before the first holiday
	first, last = first.AddDate(0, 0, -2*n-14), last.AddDate(0, 0, 2*n+14)
	for at := c.Add(first, 1); !at.After(last); at = c.Add(at, 1) {
		days = append(days, int(at.Sub(first)/(24*time.Hour)))
	}
	longest := 0
	for i := 0; i+n < len(days); i++ {
		longest = max(longest, days[i+n]-days[i])
	}
	return longest
}
