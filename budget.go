package narthex

// Budget counts whole units of what a limit of kind budget allows. Used plus Reserved never exceeds Limit. The zero Budget is spent.
type Budget struct {
	Limit    int64  `json:"limit"`
	Used     int64  `json:"used"`
	Reserved int64  `json:"reserved"`
	Period   string `json:"period,omitempty"` // the UTC day that Used counts, such as 2026-11-24, for budgets per day
}

// Left is what can still be reserved; never negative.
func (b Budget) Left() int64 { return max(0, b.Limit-b.Used-b.Reserved) }

// Reserve takes n from what is left, or says that it cannot.
func (b Budget) Reserve(n int64) (Budget, error) {
	if n < 0 || n > b.Left() {
		return b, &Error{Kind: Exhausted, Code: "budget_exhausted", Public: "The budget does not hold what this would cost at most."}
	}
	b.Reserved += n
	return b, nil
}

// Settle ends a reservation of n of which used was spent; use that is negative or above n counts as n.
func (b Budget) Settle(n, used int64) Budget {
	if used < 0 || used > n {
		used = n
	}
	b.Reserved = max(0, b.Reserved-n)
	b.Used += used
	return b
}

// Void ends a reservation of n of which nothing was spent.
func (b Budget) Void(n int64) Budget { return b.Settle(n, 0) }

// Roll gives the budget as it stands in a period: a later one than its own starts with nothing used, and a period never goes back.
func (b Budget) Roll(period string) Budget {
	if b.Period == "" || period <= b.Period {
		return b
	}
	b.Period = period
	b.Used = 0
	return b
}
