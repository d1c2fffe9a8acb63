package agreement

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
)

// The fonts within an agreement's PDF: DejaVu Sans and its bold face, under the licence beside them: every glyph, without hints, kerning and names of
// glyphs, which a PDF does not use (fonttools: the tables GPOS, GSUB, GDEF, kern, fpgm, prep, cvt, gasp, FFTM and MATH dropped, post of format 3).
var (
	//go:embed fonts/dejavu-sans.ttf.gz
	sans []byte
	//go:embed fonts/dejavu-sans-bold.ttf.gz
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
