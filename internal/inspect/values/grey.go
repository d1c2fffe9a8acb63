package values

import (
	"bytes"
	"fmt"
	"image"
	"image/draw"
	"image/png"
)

const (
	mostPixels = 1 << 22
	noisy      = 3 // of so many pixels one differs from the one above and the one to the left
)

// picture looks at a picture: its sides in cells, where each pixel may stand as a square of several, and whether it is noise.
func (w *weighing) picture(at int, data []byte) {
	if !bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1a\n")) {
		return
	}
	config, err := png.DecodeConfig(bytes.NewReader(data))
	if err != nil || config.Width*config.Height > mostPixels || config.Width < 1 || config.Height < 1 {
		w.report("bound", at, 0, "It is a picture that was not looked at, because it is not readable or has too many pixels.")
		return
	}
	m, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		w.report("bound", at, 0, "It is a picture that was not looked at, because it is not readable.")
		return
	}
	pixels := flat(m)
	wide, high := config.Width, config.Height
	scale := scaled(pixels, wide, high)
	cells := make([]uint32, 0, wide/scale*(high/scale))
	for y := 0; y < high; y += scale {
		for x := 0; x < wide; x += scale {
			cells = append(cells, pixels[y*wide+x])
		}
	}
	for _, t := range w.tensors {
		a, b, is := plane(t)
		fits := func(a, b int) bool { return wide%a == 0 && high == b*(wide/a) && scale%(wide/a) == 0 }
		if is && (fits(a, b) || fits(b, a)) {
			w.report("sides", at, 0, fmt.Sprintf("It is a picture of %d by %d cells, the sides of %s.", a, b, t.Name))
		}
	}
	wide = wide / scale
	loud := 0
	for i := wide; i < len(cells); i++ {
		if i%wide > 0 && cells[i] != cells[i-1] && cells[i] != cells[i-wide] {
			loud++
		}
	}
	if len(cells) >= fewestTable && loud*noisy > len(cells) {
		w.report("noise", at, 0, "Most of its pixels differ from their neighbours: it shows numbers pixel by pixel, and no lines or areas.")
	}
}

// flat gives the colours of a picture, pixel by pixel.
func flat(m image.Image) []uint32 {
	size := m.Bounds().Size()
	out := make([]uint32, 0, size.X*size.Y)
	if p, is := m.(*image.Paletted); is {
		for y := range size.Y {
			for _, c := range p.Pix[y*p.Stride : y*p.Stride+size.X] {
				out = append(out, uint32(c))
			}
		}
		return out
	}
	all := image.NewNRGBA(image.Rect(0, 0, size.X, size.Y))
	draw.Draw(all, all.Rect, m, m.Bounds().Min, draw.Src)
	for i := 0; i < len(all.Pix); i += 4 {
		out = append(out, uint32(all.Pix[i])<<16|uint32(all.Pix[i+1])<<8|uint32(all.Pix[i+2]))
	}
	return out
}

// scaled gives the side of the largest squares that a picture is made of.
func scaled(pixels []uint32, wide, high int) int {
	for side := min(wide, high, 64); side > 1; side-- {
		if wide%side == 0 && high%side == 0 && squares(pixels, wide, side) {
			return side
		}
	}
	return 1
}

func squares(pixels []uint32, wide, side int) bool {
	for i, c := range pixels {
		x, y := i%wide, i/wide
		if c != pixels[(y-y%side)*wide+x-x%side] {
			return false
		}
	}
	return true
}
