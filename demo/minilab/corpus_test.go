package minilab_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"testing"

	"narthex/demo/minilab"
)

// TestTheCorpusIsTheOneThatTheModelWasTrainedOn, whole and unchanged.
func TestTheCorpusIsTheOneThatTheModelWasTrainedOn(t *testing.T) {
	packed, err := minilab.Corpus()
	if err != nil {
		t.Fatal(err)
	}
	unpacked, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, unpacked); err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != "f7c34e7b326b59cc5f25df099eadc49b2be7a789af5c0d97398746155e3567a2" {
		t.Errorf("the corpus has the digest %s", got)
	}
}
