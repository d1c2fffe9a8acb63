package airlock_test

import (
	"crypto/rand"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"narthex"
	"narthex/internal/airlock"
	"narthex/ledger"
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

// TestARecordHasOneReading: a name that stands twice, in another case or beside those that are known is no record, nor is what an answer of
// a confined child holds so.
func TestARecordHasOneReading(t *testing.T) {
	r := narthex.Release{ID: "rel_2", Job: "job_1", State: narthex.ReleaseReleased, Grant: narthex.GrantID("grt_" + strings.Repeat("a", 26))}
	signer, key := logKey(t)
	record, err := airlock.Record(r, narthex.Job{ID: "job_1"}, key, signer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := airlock.OpenRecord(append(record, '\n'), key); err != nil {
		t.Fatalf("a record does not open: %v", err)
	}
	for _, change := range [][2]string{{`{"payload"`, `{"payload":"","payload"`}, {`"payloadType"`, `"PayloadType"`}, {`{"payload"`, `{"more":1,"payload"`}} {
		if changed := strings.Replace(string(record), change[0], change[1], 1); changed == string(record) {
			t.Errorf("the record has no %s", change[0])
		} else if _, err := airlock.OpenRecord([]byte(changed), key); err == nil {
			t.Errorf("a record with %s opens", change[1])
		}
	}
	for _, answer := range []string{`{"formed":{"files":[]},"findings":[],"findings":[]}`, `{"Formed":{"files":[]},"findings":[]}`, `{"formed":{"files":[]},"findings":[],"more":1}`} {
		if _, err := airlock.ReadAnswer(airlock.Task{}, []byte(answer)); err == nil {
			t.Errorf("an answer has two readings and is taken: %s", answer)
		}
	}
	if _, err := airlock.ReadAnswer(airlock.Task{}, []byte(`{"formed":{"files":[]},"findings":[]}`+"\n")); err != nil {
		t.Errorf("an answer is not taken: %v", err)
	}
}

// logKey makes a ledger's key.
func logKey(t *testing.T) (sign func([]byte) ([]byte, error), key string) {
	t.Helper()
	secret, public, err := ledger.NewKey(rand.Reader, "a.test/ledger")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	return signer.Sign, public
}
