package audit_test

import (
	"testing"
	"time"

	"narthex"
	"narthex/internal/audit"
	"narthex/internal/lab"
	"narthex/ledger"
)

// nothing is documents of which none is at hand.
type nothing struct{}

func (nothing) Agreement(narthex.Digest) (*narthex.Agreement, error) { return nil, nil }
func (nothing) Directory(narthex.Digest) (lab.Files, error)          { return nil, nil }

// TestEveryTypeOfEntryIsFolded: there is no type that a fold does not know, also where its fields are nonsense.
func TestEveryTypeOfEntryIsFolded(t *testing.T) {
	for _, kind := range narthex.EntryTypes() {
		for _, value := range []string{`null`, `""`, `[]`, `[{}]`, `"x"`, `0`, `{}`} {
			replay, err := audit.NewReplay(nothing{})
			must(t, err)
			var fields []narthex.Field
			for _, name := range kind.Fields() {
				fields = append(fields, narthex.CanonicalField(name, value))
			}
			record, opening, err := ledger.Seal(narthex.Entry{Type: kind, At: time.Unix(1, 0), Fields: fields}, [32]byte{1})
			must(t, err)
			if err := replay.Entry(0, record, opening); err != nil {
				t.Errorf("%s of %s: %v", kind, value, err)
			}
		}
	}
}
