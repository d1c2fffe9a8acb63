package wire

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"narthex"
)

// TokenKind is the prefix of a kind of token.
type TokenKind string

const (
	// KeyToken is an API key.
	KeyToken TokenKind = "nx_"
	// SessionToken is a session's.
	SessionToken TokenKind = "ns_"
	// CodeToken is a one-time code.
	CodeToken TokenKind = "nc_"
	// OpinionCode is the one-time code of a specialist who is asked for an opinion.
	OpinionCode TokenKind = "no_"
	// OpinionToken is the log-in that it makes, for that opinion alone.
	OpinionToken TokenKind = "np_"
)

var tokenText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

const (
	tokenBody = 52 // letters of 32 random bytes
	tokenSum  = 6  // letters of the checksum
)

// NewToken draws a token: its kind, 52 letters of randomness, and 6 of a checksum, so that a mistyped or cut token is told
// from a wrong one without a look-up.
func NewToken(kind TokenKind, random io.Reader) (narthex.Secret, error) {
	var raw [32]byte
	if _, err := io.ReadFull(random, raw[:]); err != nil {
		return narthex.Secret{}, fmt.Errorf("draw a token: %w", err)
	}
	body := string(kind) + tokenText.EncodeToString(raw[:])
	return narthex.NewSecret(body + checksum(body)), nil
}

func checksum(body string) string {
	sum := sha256.Sum256([]byte(body))
	return tokenText.EncodeToString(sum[:])[:tokenSum]
}

// ParseToken gives the SHA-256 of a token, in hexadecimal, which is what a store keeps. Every text that is not a token of the
// kind, whole and canonical, is Unauthenticated.
func ParseToken(kind TokenKind, token narthex.Secret) (string, error) {
	text := token.Reveal()
	body, cut := text, len(kind)+tokenBody
	if len(text) != cut+tokenSum || !strings.HasPrefix(text, string(kind)) {
		return "", narthex.UnauthenticatedError()
	}
	body = text[:cut]
	raw, err := tokenText.DecodeString(body[len(kind):])
	if err != nil || tokenText.EncodeToString(raw) != body[len(kind):] || checksum(body) != text[cut:] {
		return "", narthex.UnauthenticatedError()
	}
	return HashToken(token), nil
}

// HashToken gives the digest under which a token is stored.
func HashToken(token narthex.Secret) string {
	sum := sha256.Sum256([]byte(token.Reveal()))
	return hex.EncodeToString(sum[:])
}
