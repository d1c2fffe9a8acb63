package agreement

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
)

//go:generate go run ./fonts/cut DejaVuSans.ttf DejaVuSans-Bold.ttf

// The fonts within an agreement's PDF: DejaVu Sans and its bold face, cut to what documents show, under the licence beside them.
var (
	//go:embed fonts/narthex-sans.ttf.gz
	sans []byte
	//go:embed fonts/narthex-sans-bold.ttf.gz
	sansBold []byte
)

// unpack gives a font.
func unpack(packed []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("read font: %w", err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read font: %w", err)
	}
	return data, nil
}
