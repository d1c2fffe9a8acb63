package narthex

import (
	"encoding/hex"
	"strings"
)

// Names given by a lab are exact: lower-case ASCII letters, digits, and ". _ -" inside, at most 64 bytes. None is a
// pattern, a prefix or a path, and none is folded or trimmed.
type (
	// AssetName names an asset, such as minim-1.
	AssetName string
	// VersionName names a version of an asset, such as the checkpoint final.
	VersionName string
	// PathwayName names a pathway.
	PathwayName string
	// AttributeName names one kind of access, such as model.logprobs.
	AttributeName string
	// LimitName names a bound on an attribute, such as top_k.
	LimitName string
	// ClauseName names a clause of the lab's library.
	ClauseName string
)

// CheckName says whether text is a canonical name; what names the thing in the error.
func CheckName(what, text string) error {
	if text == "" || len(text) > 64 || !letterOrDigit(text[0]) || !letterOrDigit(text[len(text)-1]) {
		return Invalidf("%s must be 1 to 64 lower-case letters, digits, dots, hyphens or underscores, beginning and ending with a letter or digit", what)
	}
	for i := range len(text) {
		if !letterOrDigit(text[i]) && !strings.ContainsRune("._-", rune(text[i])) {
			return Invalidf("%s may hold only lower-case letters, digits, dots, hyphens and underscores", what)
		}
	}
	return nil
}

func letterOrDigit(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }

// Digest is a SHA-256 in its text form, "sha256:" and 64 lower-case hexadecimal digits. The zero Digest equals no document's.
type Digest string

// MakeDigest gives the text form of a SHA-256.
func MakeDigest(sum [32]byte) Digest { return Digest("sha256:" + hex.EncodeToString(sum[:])) }

// ParseDigest reads a digest and refuses every text that is not its canonical form.
func ParseDigest(text string) (Digest, error) {
	digits, found := strings.CutPrefix(text, "sha256:")
	raw, err := hex.DecodeString(digits)
	if !found || err != nil || len(raw) != 32 || hex.EncodeToString(raw) != digits {
		return "", Invalidf("a digest is sha256: and 64 lower-case hexadecimal digits")
	}
	return Digest(text), nil
}

// Short gives the first 12 digits, for people to compare at a glance; a machine compares the whole.
func (d Digest) Short() string {
	digits := strings.TrimPrefix(string(d), "sha256:")
	return digits[:min(12, len(digits))]
}
