package server

import "runtime/debug"

// Tune sets the process for a node, which keeps little and makes much garbage: it is collected when it is four times what is
// in use, where the runtime's default is once. Calls cost about a quarter less processor so, and memory stays bounded by a
// multiple of what is in use. GOGC in the environment says otherwise; GOMEMLIMIT bounds the whole.
func Tune(getenv func(string) string) {
	if getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}
