package inspect_test

import (
	"slices"
	"testing"

	"narthex/internal/inspect"
)

// TestWidePicturesCarryNothing hides a mark in a few long lines of pixels, across and down.
func TestWidePicturesCarryNothing(t *testing.T) {
	in := inspect.New(held())
	for _, c := range codings {
		if !slices.Contains([]string{"UTF-32", "binary", "deflate", "zlib"}, c.name) {
			continue
		}
		for _, bits := range []int{1, 2, 6} {
			for _, down := range []bool{false, true} {
				h := seeded(uint64(bits))
				for what, secret := range map[string][]byte{"canary": []byte("canary 7d1f-09ac-55e2-b3c8"), "weights": half(weights(h.Rand, 96))} {
					if what == "weights" && c.words {
						continue
					}
					files, ok := inForm(painted(coded(h, c, secret), bits, 260, down), 0)
					if found := in.Look(files); !ok || !carries(found, what, files) {
						t.Errorf("%s by %s, %d bits, downward %v: %v", what, c.name, bits, down, kindsOf(found))
					}
				}
			}
		}
	}
}
