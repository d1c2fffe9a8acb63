package disclosure

import (
	"bytes"
	"cmp"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"slices"
)

// widest is how many pixels a picture has across and down at most, colours how many colours, and largest how many pixels may be read.
const (
	widest  = 1024
	colours = 64
	largest = 4 << 20
)

// rgb is an opaque colour.
type rgb [3]uint8

// picture gives the form of a PNG: on white, made smaller by a whole number where it is wider than may be, its colours in order.
func picture(data []byte) ([]byte, error) {
	wrong := &Refusal{Class: NotRead, Rule: "it is no PNG picture"}
	head, err := png.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return nil, wrong
	}
	if head.Width < 1 || head.Height < 1 || head.Width > largest/head.Height {
		return nil, &Refusal{Class: TooLarge, Rule: "it has more pixels than are read"}
	}
	rest := bytes.NewReader(data)
	read, err := png.Decode(rest)
	if err != nil || rest.Len() > 0 {
		return nil, wrong // what follows a picture is none of it
	}
	whole := image.NewRGBA(image.Rect(0, 0, head.Width, head.Height))
	draw.Draw(whole, whole.Bounds(), image.White, image.Point{}, draw.Src)
	draw.Draw(whole, whole.Bounds(), read, read.Bounds().Min, draw.Over)
	pixels, width := smaller(whole)
	palette := fewer(pixels)
	form := image.NewPaletted(image.Rect(0, 0, width, len(pixels)/width), nil)
	index := map[rgb]uint8{}
	for i, c := range palette {
		form.Palette = append(form.Palette, color.RGBA{c[0], c[1], c[2], 0xff})
		index[c] = uint8(i)
	}
	for i, c := range pixels {
		at, is := index[c]
		if !is {
			at = nearest(palette, c)
			index[c] = at
		}
		form.Pix[i] = at
	}
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, only(form)); err != nil {
		return nil, wrong
	}
	return out.Bytes(), nil
}

// smaller gives a picture's pixels, each the mean of a square of so many that what is left is not wider than may be.
func smaller(from *image.RGBA) (pixels []rgb, width int) {
	size := from.Bounds().Size()
	step := (max(size.X, size.Y) + widest - 1) / widest
	width = (size.X + step - 1) / step
	for y := 0; y < size.Y; y += step {
		for x := 0; x < size.X; x += step {
			var sum [3]int
			n := 0
			for dy := y; dy < min(y+step, size.Y); dy++ {
				for dx := x; dx < min(x+step, size.X); dx++ {
					p := from.Pix[from.PixOffset(dx, dy):]
					for c := range sum {
						sum[c] += int(p[c])
					}
					n++
				}
			}
			pixels = append(pixels, rgb{uint8(sum[0] / n), uint8(sum[1] / n), uint8(sum[2] / n)})
		}
	}
	return pixels, width
}

// box is colours that become one.
type box []counted

type counted struct {
	colour rgb
	count  int
}

// fewer gives the colours of a picture in order, at most so many as may be: those that it has, or by median cut.
func fewer(pixels []rgb) []rgb {
	counts := map[rgb]int{}
	for _, c := range pixels {
		counts[c]++
	}
	var all box
	for c, n := range counts {
		all = append(all, counted{c, n})
	}
	slices.SortFunc(all, func(a, b counted) int { return slices.Compare(a.colour[:], b.colour[:]) })
	boxes := []box{all}
	if len(all) <= colours {
		boxes = nil
		for i := range all {
			boxes = append(boxes, all[i:i+1])
		}
	}
	for len(all) > colours && len(boxes) < colours {
		widest := slices.IndexFunc(boxes, func(b box) bool { return len(b) > 1 })
		for i, b := range boxes {
			if len(b) > 1 && b.spread() > boxes[widest].spread() {
				widest = i
			}
		}
		low, high := boxes[widest].cut()
		boxes[widest] = low
		boxes = append(boxes, high)
	}
	var palette []rgb
	for _, b := range boxes {
		palette = append(palette, b.mean())
	}
	slices.SortFunc(palette, func(a, b rgb) int { return slices.Compare(a[:], b[:]) })
	return slices.Compact(palette)
}

// channel gives the channel in which a box is widest, and how wide it is.
func (b box) channel() (at, width int) {
	for c := range 3 {
		low, high := 255, 0
		for _, one := range b {
			low, high = min(low, int(one.colour[c])), max(high, int(one.colour[c]))
		}
		if high-low > width {
			at, width = c, high-low
		}
	}
	return at, width
}

// spread is how much a box would gain by a cut.
func (b box) spread() int {
	_, width := b.channel()
	n := 0
	for _, one := range b {
		n += one.count
	}
	return width * n
}

// cut parts a box at the middle of its pixels in its widest channel.
func (b box) cut() (low, high box) {
	c, _ := b.channel()
	slices.SortFunc(b, func(x, y counted) int {
		return cmp.Or(cmp.Compare(x.colour[c], y.colour[c]), slices.Compare(x.colour[:], y.colour[:]))
	})
	n := 0
	for _, one := range b {
		n += one.count
	}
	at, below := 1, b[0].count
	for at < len(b)-1 && below+b[at].count <= n/2 {
		below += b[at].count
		at++
	}
	return b[:at:at], b[at:]
}

func (b box) mean() rgb {
	var sum [3]int
	n := 0
	for _, one := range b {
		for c := range sum {
			sum[c] += int(one.colour[c]) * one.count
		}
		n += one.count
	}
	return rgb{uint8(sum[0] / n), uint8(sum[1] / n), uint8(sum[2] / n)}
}

// nearest gives the palette's first colour that no other is nearer than.
func nearest(palette []rgb, c rgb) uint8 {
	best, least := 0, 1<<30
	for i, p := range palette {
		d := 0
		for k := range c {
			by := int(c[k]) - int(p[k])
			d += by * by
		}
		if d < least {
			best, least = i, d
		}
	}
	return uint8(best)
}

// only leaves the colours of a palette that are used: nearness may pass one over.
func only(form *image.Paletted) *image.Paletted {
	used := make([]bool, len(form.Palette))
	for _, at := range form.Pix {
		used[at] = true
	}
	var to [colours]uint8
	out := &image.Paletted{Pix: form.Pix, Stride: form.Stride, Rect: form.Rect}
	for i, c := range form.Palette {
		if used[i] {
			to[i] = uint8(len(out.Palette))
			out.Palette = append(out.Palette, c)
		}
	}
	for i, at := range out.Pix {
		out.Pix[i] = to[at]
	}
	return out
}
