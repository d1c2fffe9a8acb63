package narthex_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"narthex"
)

// TestASecretIsNeverPrinted, alone, inside what holds it by an unexported field, or by a marshaller.
func TestASecretIsNeverPrinted(t *testing.T) {
	type holder struct {
		secret narthex.Secret
		Open   narthex.Secret
	}
	s := narthex.NewSecret("canary")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{s, &s, holder{s, s}, &holder{s, s}, []narthex.Secret{s}, map[string]holder{"a": {s, s}}} {
			if text := fmt.Sprintf(verb, v); strings.Contains(text, "canary") || strings.Contains(text, fmt.Sprintf("%x", "canary")) {
				t.Errorf("%s of %T prints it", verb, v)
			}
		}
	}
	if data, err := json.Marshal(holder{s, s}); err == nil {
		t.Errorf("it is marshalled as %s", data)
	}
	if s.Reveal() != "canary" || s.Empty() || !(narthex.Secret{}).Empty() || (narthex.Secret{}).Reveal() != "" {
		t.Error("it does not hold what it was given")
	}
}
