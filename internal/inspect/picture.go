package inspect

import (
	"bytes"
	"image"
	"image/png"
	"math"
	"slices"
	"strconv"

	"narthex/internal/disclosure"
)

// What the noise of a picture is measured by.
const (
	tile  = 16   // pixels of a square, across and down
	noisy = 0.85 // bits a pixel: a square that costs more is noise, where one of noise of two colours alone costs 1
	still = 24   // alike pixels in a row that carry nothing
)

// picture looks at the pixels of a picture: at what they are as bytes, and at whether there are squares of them that nothing around
// foretells, as there are hardly any in a plot.
func (l *look) picture(f File) {
	whole := piece{file: f.Name, kind: disclosure.PNG}
	read, err := png.Decode(bytes.NewReader(f.Bytes))
	if err != nil {
		l.find(whole, 0, Encoded, "picture: does not read", "it is no picture that reads")
		return
	}
	pixels, is := read.(*image.Paletted)
	if !is || len(pixels.Palette) > 64 {
		l.find(whole, 0, Encoded, "picture: not in its form", "it is a picture of more colours than its form has")
		return
	}
	size := pixels.Bounds().Size()
	flat := make([]uint8, 0, size.X*size.Y)
	for y := range size.Y {
		flat = append(flat, pixels.Pix[y*pixels.Stride:y*pixels.Stride+size.X]...)
	}
	down := make([]uint8, 0, len(flat))
	for x := range size.X {
		for y := range size.Y {
			down = append(down, flat[y*size.X+x])
		}
	}
	l.file(f.Name, 2*len(flat), slices.Concat(pixelPieces(f.Name, "pixels by rows", busy(flat), pixels), pixelPieces(f.Name, "pixels by columns", busy(down), pixels)))
	if tiles, most := noise(flat, size.X, size.Y); tiles >= 3 {
		l.find(whole, 0, Encoded, "picture: noise", strconv.Itoa(tiles)+" squares of "+strconv.Itoa(tile)+" pixels are noise of up to "+strconv.FormatFloat(most, 'f', 1, 64)+" bits a pixel, which can carry bytes and no eye reads")
	}
}

// busy leaves out the pixels that are alike for long.
func busy(pixels []uint8) (out []uint8) {
	for from := 0; from < len(pixels); {
		to := from
		for to < len(pixels) && pixels[to] == pixels[from] {
			to++
		}
		if to-from < still {
			out = append(out, pixels[from:to]...)
		}
		from = to
	}
	return out
}

// pixelPieces reads pixels as bytes: by their colours, and by one, two, four or six bits of their places among them.
func pixelPieces(file, way string, index []uint8, in *image.Paletted) (all []piece) {
	also := func(name string, b []byte) {
		all = append(all, piece{file: file, within: []string{way + ", " + name}, bytes: b, faint: true})
	}
	for _, bits := range []int{1, 2, 4, 6} {
		if bits > 1 && len(in.Palette) <= 1<<(bits-1) && bits != 6 || bits == 6 && len(in.Palette) <= 16 {
			continue
		}
		for skip := range []int{0, 8, 4, 0, 2, 0, 4}[bits] {
			if skip < len(index) {
				also(strconv.Itoa(bits)+" bits each", packedLow(index[skip:], bits))
			}
		}
	}
	also("places", index)
	for channel, name := range []string{"red", "green", "blue"} {
		var of [256]byte
		for i, c := range in.Palette {
			r, g, b, _ := c.RGBA()
			of[i] = byte([]uint32{r, g, b}[channel] >> 8)
		}
		out := make([]byte, len(index))
		for i, at := range index {
			out[i] = of[at]
		}
		also(name, out)
	}
	return all
}

// packedLow makes bytes of the lowest bits of each pixel, the highest first.
func packedLow(index []uint8, bits int) []byte {
	out := make([]byte, 0, len(index)*bits/8)
	var word uint32
	n := 0
	for _, at := range index {
		word = word<<bits | uint32(at)&(1<<bits-1)
		if n += bits; n >= 8 {
			n -= 8
			out = append(out, byte(word>>n))
		}
	}
	return out
}

// noise counts the squares whose pixels those to the left and above do not foretell, and gives the bits of the worst. A pixel costs what
// a reader would need who has learnt, from the picture so far, how often each colour follows those two.
func noise(flat []uint8, width, height int) (tiles int, most float64) {
	counts := make([]uint16, 64*64*64)
	totals := make([]uint32, 64*64)
	var logs [4096]float64
	for i := range logs {
		logs[i] = math.Log2(float64(i) + 1)
	}
	log := func(n uint32) float64 {
		if n < uint32(len(logs)) {
			return logs[n]
		}
		return math.Log2(float64(n) + 1)
	}
	across := (width + tile - 1) / tile
	bits, pixels := make([]float64, across), make([]int, across)
	for y := range height {
		for x := range width {
			at, left, up := flat[y*width+x]&63, uint8(0), uint8(0)
			if x > 0 {
				left = flat[y*width+x-1] & 63
			}
			if y > 0 {
				up = flat[(y-1)*width+x] & 63
			}
			context := int(left)<<6 | int(up)
			seen, total := &counts[context<<6|int(at)], &totals[context]
			cost := 0.0
			if *seen == 0 {
				cost = log(*total) + 1
			} else {
				cost = log(*total) - log(uint32(*seen)-1)
			}
			bits[x/tile] += cost
			pixels[x/tile]++
			if *seen < math.MaxUint16 {
				*seen++
				*total++
			}
		}
		if y%tile == tile-1 || y == height-1 {
			for i := range bits {
				if rate := bits[i] / float64(max(pixels[i], 1)); pixels[i] >= 64 && rate >= noisy {
					tiles++
					most = max(most, rate)
				}
				bits[i], pixels[i] = 0, 0
			}
		}
	}
	return tiles, most
}
