package disclosure

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
)

// EventBits is what a release costs besides its bytes: that there was one, when it ended, and how often it was tried.
const EventBits = 16

// Charge gives the bits that the forms of one release cost: eight for each byte of all of them in their order, each behind its kind and
// length, compressed where that is shorter, one that says which, and those of the event. Nothing costs the event.
func Charge(forms []Form) uint64 {
	var whole bytes.Buffer
	for _, form := range forms {
		whole.WriteString(string(form.Kind))
		whole.WriteByte(0)
		whole.Write(binary.AppendUvarint(nil, uint64(len(form.Bytes))))
		whole.Write(form.Bytes)
	}
	if whole.Len() == 0 {
		return EventBits
	}
	return 8*uint64(min(whole.Len(), compressed(whole.Bytes()))) + 1 + EventBits
}

// Form is one file in its form.
type Form struct {
	Kind  Kind
	Bytes []byte
}

func compressed(data []byte) int {
	var count counter
	w, err := flate.NewWriter(&count, flate.DefaultCompression)
	if err != nil {
		return len(data)
	}
	_, err = w.Write(data)
	if closed := w.Close(); err != nil || closed != nil {
		return len(data)
	}
	return int(count)
}

type counter int

func (c *counter) Write(data []byte) (int, error) {
	*c += counter(len(data))
	return len(data), nil
}
