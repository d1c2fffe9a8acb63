// Package rig is what rigs have in common: a seed that is printed with the command that repeats the run, and a long form.
//
// It promises that the same seed and form draw the same. It is for tests only. Read next: docs/rigs.md.
package rig

import (
	"os"
	"strconv"
	"strings"
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

// Part gives the part of k that NARTHEX_SHARD names as i/k, which is the first of one where it is not set: so that several machines
// or nights together do a long form.
func Part(t testing.TB) (i, k int) {
	t.Helper()
	text := os.Getenv("NARTHEX_SHARD")
	if text == "" {
		return 1, 1
	}
	part, of, found := strings.Cut(text, "/")
	i, errPart := strconv.Atoi(part)
	k, errOf := strconv.Atoi(of)
	if !found || errPart != nil || errOf != nil || i < 1 || i > k {
		t.Fatalf("NARTHEX_SHARD is %q and must be i/k with i from 1 to k", text)
	}
	return i, k
}
