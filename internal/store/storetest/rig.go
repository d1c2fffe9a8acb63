package storetest

import (
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Rig gives the chance that a rig draws from and whether its long form was asked for, and prints the one command that repeats
// it.
func Rig(t testing.TB) (draw *mathrand.Rand, long bool) {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("NARTHEX_SEED"); text != "" {
		given, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("NARTHEX_SEED is no whole number: %v", err)
		}
		seed = given
	}
	long = os.Getenv("NARTHEX_RIG") == "long"
	form := ""
	if long {
		form = "NARTHEX_RIG=long "
	}
	test, _, _ := strings.Cut(t.Name(), "/")
	t.Logf("again: %sNARTHEX_SEED=%d go test ./%s -run '^%s$' -v", form, seed, here(t), test)
	return mathrand.New(mathrand.NewPCG(seed, 0)), long
}

// here is the folder of the test's package below that of the module.
func here(t testing.TB) string {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for root := dir; root != filepath.Dir(root); root = filepath.Dir(root) {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			rel, _ := filepath.Rel(root, dir) // root is above dir
			return filepath.ToSlash(rel)
		}
	}
	return "."
}
