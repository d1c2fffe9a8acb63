package twin

// ToHalf rounds to a float16.
func ToHalf(v float64) uint16 { return toHalf(v) }
