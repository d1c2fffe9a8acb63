package ledger_test

import (
	"strings"
	"testing"
	"time"

	"narthex/ledger"
)

// named gives a witness of that name whose key is drawn from the letter.
func named(t *testing.T, name, letter string) (*ledger.Cosigner, string) {
	t.Helper()
	secret, key, err := ledger.NewWitnessKey(strings.NewReader(strings.Repeat(letter, 32)), name)
	if err != nil {
		t.Fatal(err)
	}
	cosigner, err := ledger.NewCosigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	return cosigner, key
}

// TestAWitnessCountsOnce: what is counted is keys, whatever they are called and however often they are listed.
func TestAWitnessCountsOnce(t *testing.T) {
	one, oneKey := named(t, "one.example", "a")
	alias, aliasKey := named(t, "alias.example", "a")
	other, otherKey := named(t, "other.example", "b")
	signer, _ := newKey(t, "r")
	checkpoint, err := ledger.SignCheckpoint(signer, 12, ledger.Hash{1})
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []*ledger.Cosigner{one, alias, other} {
		line, err := w.Sign(checkpoint, time.Unix(1_900_000_000, 0))
		if err != nil {
			t.Fatal(err)
		}
		checkpoint += line
	}
	for name, c := range map[string]struct {
		keys []string
		want int
	}{
		"a key listed twice":             {[]string{oneKey, oneKey}, 1},
		"two names of one key":           {[]string{oneKey, aliasKey}, 1},
		"two names of one key, in turn":  {[]string{aliasKey, oneKey, aliasKey}, 1},
		"two keys":                       {[]string{oneKey, otherKey}, 2},
		"two keys, one by two names":     {[]string{oneKey, aliasKey, otherKey}, 2},
		"a key that is not the others'":  {[]string{otherKey}, 1},
		"a name that signed, by another": {[]string{strings.Replace(otherKey, "other", "third", 1)}, -1},
		"a key with a line end in it":    {[]string{oneKey, oneKey[:len(oneKey)-4] + "\n" + oneKey[len(oneKey)-4:]}, -1},
	} {
		found, err := ledger.Cosignatures(checkpoint, c.keys...)
		if len(found) != max(0, c.want) || (err != nil) != (c.want < 0) {
			t.Errorf("%s: %d were counted, %v", name, len(found), err)
		}
	}
}
