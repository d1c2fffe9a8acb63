package narthex

import (
	"errors"
	"fmt"
	"io"
)

// Secret holds a credential. It prints as [secret] in every format and refuses to marshal; Reveal is the one way out. It is
// behind a pointer, because fmt prints the unexported fields of a struct around it without asking it.
type Secret struct{ value *string }

// NewSecret keeps value out of logs and encodings.
func NewSecret(value string) Secret { return Secret{&value} }

// Reveal gives the credential, to be sent to the one place that needs it.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// Empty says whether there is no credential.
func (s Secret) Empty() bool { return s.Reveal() == "" }

// String hides the credential.
func (Secret) String() string { return "[secret]" }

// Format hides the credential under every verb.
func (s Secret) Format(state fmt.State, _ rune) { io.WriteString(state, s.String()) }

// MarshalText always fails.
func (Secret) MarshalText() ([]byte, error) {
	return nil, errors.New("marshal secret: secrets are not written")
}
