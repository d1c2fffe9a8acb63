package ledger_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"

	"golang.org/x/mod/sumdb/note"

	"narthex/ledger"
)

func signedText(t testing.TB, signer note.Signer, text string) string {
	t.Helper()
	signed, err := note.Sign(&note.Note{Text: text}, signer)
	if err != nil {
		t.Fatal(err)
	}
	return string(signed)
}

func TestACheckpointSaysWhatWasSigned(t *testing.T) {
	signer, key := newKey(t, "r")
	for _, size := range []uint64{0, 1, 600, 1<<62 - 1} {
		text, err := ledger.SignCheckpoint(signer, size, ledger.Hash{1, 2})
		if err != nil {
			t.Fatal(err)
		}
		want := ledger.Checkpoint{Origin: origin, Size: size, Root: ledger.Hash{1, 2}}
		if got, err := ledger.OpenCheckpoint(text, key); err != nil || got != want {
			t.Errorf("a checkpoint of %d opens as %+v: %v", size, got, err)
		}
		if got, err := ledger.ParseCheckpoint(text); err != nil || got != want {
			t.Errorf("a checkpoint of %d reads as %+v: %v", size, got, err)
		}
		if !strings.HasPrefix(text, fmt.Sprintf("%s\n%d\n%s\n\n— %s ", origin, size, base64.StdEncoding.EncodeToString(want.Root[:]), origin)) {
			t.Errorf("it is no C2SP checkpoint: %q", text)
		}
	}
}

func TestEveryFlippedBitOfACheckpointIsFound(t *testing.T) {
	signer, key := newKey(t, "r")
	text, err := ledger.SignCheckpoint(signer, 12, ledger.Hash{1})
	if err != nil {
		t.Fatal(err)
	}
	for at := range len(text) {
		for bit := range 8 {
			flipped := []byte(text)
			flipped[at] ^= 1 << bit
			if _, err := ledger.OpenCheckpoint(string(flipped), key); err == nil {
				t.Errorf("bit %d of byte %d was not found: %q", bit, at, flipped)
			}
		}
		if _, err := ledger.OpenCheckpoint(text[:at], key); err == nil {
			t.Errorf("a checkpoint cut at %d was opened", at)
		}
	}
}

// TestNotesOfAnotherFormAreNoCheckpoints signs, with the right key, texts that only look like a checkpoint.
func TestNotesOfAnotherFormAreNoCheckpoints(t *testing.T) {
	signer, key := newKey(t, "r")
	root := base64.StdEncoding.EncodeToString(make([]byte, 32))
	for what, text := range map[string]string{
		"a line too few":        origin + "\n1\n",
		"a line too many":       origin + "\n1\n" + root + "\nmore\n",
		"an empty line":         origin + "\n1\n" + root + "\n\n",
		"another origin":        "lab.example/other\n1\n" + root + "\n",
		"an origin with spaces": " " + origin + "\n1\n" + root + "\n",
		"no origin":             "\n1\n" + root + "\n",
		"no size":               origin + "\n\n" + root + "\n",
		"a negative size":       origin + "\n-1\n" + root + "\n",
		"a size with a sign":    origin + "\n+1\n" + root + "\n",
		"a size with a zero":    origin + "\n01\n" + root + "\n",
		"a size in hexadecimal": origin + "\n0x1\n" + root + "\n",
		"a size of 2^62":        origin + "\n4611686018427387904\n" + root + "\n",
		"a size of 2^63":        origin + "\n9223372036854775808\n" + root + "\n",
		"a size of 2^64":        origin + "\n18446744073709551616\n" + root + "\n",
		"a size with a space":   origin + "\n1 \n" + root + "\n",
		"a short root":          origin + "\n1\n" + base64.StdEncoding.EncodeToString(make([]byte, 31)) + "\n",
		"a long root":           origin + "\n1\n" + base64.StdEncoding.EncodeToString(make([]byte, 33)) + "\n",
		"a root of other bits":  origin + "\n1\n" + strings.TrimSuffix(root, "A=") + "B=\n",
		"a root for addresses":  origin + "\n1\n" + strings.Replace(root, "AA", "_-", 1) + "\n",
		"carriage returns":      origin + "\r\n1\r\n" + root + "\r\n",
	} {
		if _, err := ledger.OpenCheckpoint(signedText(t, signer, text), key); err == nil {
			t.Errorf("a note with %s was opened", what)
		}
	}
	if _, err := ledger.OpenCheckpoint(signedText(t, signer, origin+"\n1\n"+root+"\n"), key); err != nil {
		t.Errorf("the honest text was refused: %v", err)
	}
	for _, text := range []string{"", "\n\n", origin + "\n1\n" + root + "\n", "no note"} {
		if _, err := ledger.ParseCheckpoint(text); err == nil {
			t.Errorf("%q was read as a checkpoint", text)
		}
	}
}

func TestACheckpointOpensUnderItsKeyOnly(t *testing.T) {
	signer, key := newKey(t, "r")
	stranger, other := newKey(t, "q")
	text, err := ledger.SignCheckpoint(signer, 1, ledger.Hash{})
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{other, "", "x", origin, key + "x", strings.Replace(key, "lab", "lob", 1), " " + key} {
		if _, err := ledger.OpenCheckpoint(text, wrong); err == nil {
			t.Errorf("the key %q opened it", wrong)
		}
	}
	forged, err := ledger.SignCheckpoint(stranger, 1, ledger.Hash{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.OpenCheckpoint(forged, key); err == nil {
		t.Error("a stranger's checkpoint under the lab's name was opened")
	}
}

func TestNoKeyIsMadeWithoutRandomness(t *testing.T) {
	if _, _, err := ledger.NewKey(iotest.ErrReader(errors.New("no entropy")), origin); err == nil {
		t.Error("a key was made without randomness")
	}
	if _, _, err := ledger.NewKey(strings.NewReader("short"), origin); err == nil {
		t.Error("a key was made from too little randomness")
	}
}
