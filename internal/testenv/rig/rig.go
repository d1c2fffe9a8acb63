// Package rig is what rigs have in common: a seed that is printed with the command that repeats the run, and a long form.
//
// It promises that the same seed and form draw the same. It is for tests only. Read next: docs/rigs.md.
package rig

import (
	"os"
	"strconv"
	"testing"
	"time"
)

// Begin gives the seed, fresh or that of NARTHEX_SEED, and how many things to try: short, or long where NARTHEX_RIG is long. It
// prints the command that repeats the run of the package's test.
func Begin(t testing.TB, folder string, short, long int) (seed uint64, many int) {
	t.Helper()
	seed, many = uint64(time.Now().UnixNano()), short
	if text := os.Getenv("NARTHEX_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("NARTHEX_SEED is no number: %v", err)
		}
	}
	form := os.Getenv("NARTHEX_RIG")
	if form == "long" {
		many = long
	}
	t.Logf("NARTHEX_SEED=%d NARTHEX_RIG=%s go test -run '^%s$' %s repeats this run", seed, form, t.Name(), folder)
	return seed, many
}
