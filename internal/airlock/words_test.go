package airlock_test

import (
	"strings"
	"testing"

	"narthex"
	"narthex/internal/airlock"
)

// TestWordsAreNotTheDigestOfOthers: words that were the digest of others would bind a package to both.
func TestWordsAreNotTheDigestOfOthers(t *testing.T) {
	said := []narthex.ReleaseFile{{Context: "singular values of four layers"}}
	digest := airlock.RecordedFiles(said)[0].Context
	one, err := airlock.PackageDigest(said)
	if err != nil {
		t.Fatal(err)
	}
	two, err := airlock.PackageDigest([]narthex.ReleaseFile{{Context: digest}})
	if err != nil || one != two {
		t.Fatalf("the ledger's form of a package is another package: %v", err)
	}
	if airlock.CheckWords(digest) == nil {
		t.Error("a digest passes for words")
	}
	for _, seen := range []string{said[0].Context, "Zeile\nund Zeile", strings.ToUpper(digest)} {
		if err := airlock.CheckWords(seen); err != nil {
			t.Errorf("%q: %v", seen, err)
		}
	}
	for _, unseen := range []string{"a\u200bb", "a\u202eb", "a\x00", "a\ufffd"} {
		if airlock.CheckWords(unseen) == nil {
			t.Errorf("%q passes", unseen)
		}
	}
}
