package airlock

import (
	"bytes"
	"errors"
	"strings"

	"narthex/internal/wire"
)

// Weights is how the name of a file ends that has a twin.
const Weights = ".safetensors"

// Twins is what a confined child makes of a folder with weights: their mock twins, and how many files have none. It reads and writes JSON.
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
		if !strings.HasSuffix(f.Name, Weights) || i > 0 && t.Files[i-1].Name >= f.Name {
			return Twins{}, errors.New("what made the twins gave files that are none")
		}
		if err := CheckPath(f.Name); err != nil {
			return Twins{}, err
		}
	}
	return t, nil
}
