package narthex

import (
	"errors"
	"fmt"
	"io"
)

// Secret holds a credential. It prints as [secret] in every format and refuses to marshal; Reveal is the one way out.
type Secret struct{ value string }

// NewSecret keeps value out of logs and encodings.
func NewSecret(value string) Secret { return Secret{value} }

// Reveal gives the credential, to be sent to the one place that needs it.
func (s Secret) Reveal() string { return s.value }

// Empty says whether there is no credential.
func (s Secret) Empty() bool { return s.value == "" }

// String hides the credential.
func (Secret) String() string { return "[secret]" }

// Format hides the credential under every verb.
func (s Secret) Format(state fmt.State, _ rune) { io.WriteString(state, s.String()) }

// MarshalText always fails.
func (Secret) MarshalText() ([]byte, error) {
	return nil, errors.New("marshal secret: secrets are not written")
}
