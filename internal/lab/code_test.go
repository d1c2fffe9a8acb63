package lab_test

import (
	"testing"

	"narthex"
	"narthex/internal/lab"
)

// TestAnApplicationOnlyNarrowsByCodes: what would widen, is unknown, stands already or has no evidence is refused.
func TestAnApplicationOnlyNarrowsByCodes(t *testing.T) {
	way := narthex.Pathway{Codes: []narthex.UseCode{"NTRAIN"}}
	for what, c := range map[string]struct {
		codes    []narthex.UseCode
		evidence bool
		field    string // "" where they are taken
	}{
		"none":                    {nil, false, ""},
		"two that narrow":         {[]narthex.UseCode{"NCU", "IRB"}, true, ""},
		"one that widens":         {[]narthex.UseCode{"GRU"}, true, "codes"},
		"one the lab alone gives": {[]narthex.UseCode{"NOAGENT"}, true, "codes"},
		"an unknown one":          {[]narthex.UseCode{"XYZ"}, true, "codes"},
		"the pathway's":           {[]narthex.UseCode{"NTRAIN"}, true, "codes"},
		"one twice":               {[]narthex.UseCode{"NCU", "NCU"}, true, "codes"},
		"ethics without approval": {[]narthex.UseCode{"IRB"}, false, "attachments"},
	} {
		err := lab.CheckAdded(way, c.codes, c.evidence)
		if (err == nil) != (c.field == "") || err != nil && (err.Kind != narthex.Invalid || err.Param != c.field) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
