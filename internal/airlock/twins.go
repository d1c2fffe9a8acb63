package airlock

import (
	"bytes"
	"errors"
	"strings"

	"narthex/internal/twin"
	"narthex/internal/wire"
)

// Weights is how the name of a file of weights ends.
const Weights = ".safetensors"

// HasTwin says whether a file has a twin, by its name: weights have, and JSON lines.
func HasTwin(name string) bool { return strings.HasSuffix(name, Weights) || twin.IsRecords(name) }

// Twins is what a confined child makes of a folder: the mock twins of its weights and records, and how many files have none. It reads and writes JSON.
type Twins struct {
	Files  []Raw `json:"files"` // by their names in the folder, sorted
	Others int   `json:"others"`
}

// ReadTwins reads what a child said. It read the asset's own bytes, so it is held to names that whoever writes the files out can take.
func ReadTwins(data []byte) (Twins, error) {
	t, err := wire.Decode[Twins](bytes.TrimSuffix(data, []byte("\n")), answerLimits)
	if err != nil || t.Others < 0 {
		return Twins{}, errors.New("what made the twins gave something that does not read")
	}
	for i, f := range t.Files {
		if !HasTwin(f.Name) || i > 0 && t.Files[i-1].Name >= f.Name {
			return Twins{}, errors.New("what made the twins gave files that are none")
		}
		if err := CheckPath(f.Name); err != nil {
			return Twins{}, err
		}
	}
	return t, nil
}
