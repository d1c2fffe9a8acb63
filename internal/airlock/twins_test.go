package airlock_test

import (
	"testing"

	"narthex/internal/airlock"
)

// TestTwinsAreHeldToWhatTheyMayBe: what made them read the weights, so names that lead elsewhere are not taken from it.
func TestTwinsAreHeldToWhatTheyMayBe(t *testing.T) {
	for said, good := range map[string]bool{
		`{"files":[{"name":"a.safetensors","data":""},{"name":"b/c.safetensors","data":""}],"others":2}`: true,
		`{"files":[{"name":"b.safetensors"},{"name":"a.safetensors"}]}`:                                  false,
		`{"files":[{"name":"a.safetensors"},{"name":"a.safetensors"}]}`:                                  false,
		`{"files":[{"name":"../a.safetensors"}]}`:                                                        false,
		`{"files":[{"name":"/a.safetensors"}]}`:                                                          false,
		`{"files":[{"name":"config.json"}]}`:                                                             false,
		`{"others":-1}`:                                                                                  false,
		`{`:                                                                                              false,
	} {
		if _, err := airlock.ReadTwins([]byte(said)); (err == nil) != good {
			t.Errorf("%s: %v", said, err)
		}
	}
}
