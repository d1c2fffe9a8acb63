package inspect

import (
	"bytes"
	"image"
	"image/png"
	"slices"
	"strconv"
	"strings"

	"narthex/internal/disclosure"
)

// What the noise of a picture is measured by.
const (
	wide    = 16 // pixels of a patch, across
	tall    = 4  // and down
	noisy   = 32 // guesses in a hundred that fail in a patch that is noise: half of them do where two colours are drawn by lot
	noticed = 3  // how many such patches are a finding: letters and crossing curves make one or two
	still   = 24 // alike pixels in a row that carry nothing
)

// picture looks at the pixels of a picture: at what they are as bytes, and at whether there are patches of them that nothing around
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
	all := slices.Concat(pixelPieces(f.Name, "pixels by rows", busy(flat), pixels), pixelPieces(f.Name, "pixels by columns", busy(down), pixels),
		linePieces(f.Name, "pixels of each row", flat, size.X, pixels), linePieces(f.Name, "pixels of each column", down, size.Y, pixels))
	var texts []piece
	spelt := false
	for _, p := range all {
		if !strings.HasSuffix(p.within[0], "bits each") {
			continue
		}
		text := lively(readable(plain(p.bytes)))
		if len(text) == 0 {
			continue
		}
		texts = append(texts, piece{file: f.Name, within: append(slices.Clone(p.within), "readable parts"), bytes: text, joined: true, drawn: true})
		spelt = spelt || spells(text)
	}
	if spelt {
		l.find(whole, 0, Encoded, "picture: text in pixels", "its pixels, read as bytes, spell a text")
	}
	l.file(f.Name, 2*len(flat), append(texts, all...)) // what is a text gets the whole look
	if n := noise(flat, size.X, size.Y); n >= noticed {
		l.find(whole, 0, Encoded, "picture: noise", strconv.Itoa(n)+" patches of "+strconv.Itoa(wide)+" by "+strconv.Itoa(tall)+" pixels are noise, which can carry bytes and no eye reads")
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
		all = append(all, piece{file: file, within: []string{way + ", " + name}, bytes: b, faint: true, drawn: true})
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
	if len(in.Palette) > 2 {
		var high [256]uint8
		for i, c := range in.Palette {
			r, _, _, _ := c.RGBA()
			high[i] = uint8(r >> 10)
		}
		sixes := make([]uint8, len(index))
		for i, at := range index {
			sixes[i] = high[at]
		}
		for skip := range min(4, len(sixes)) {
			also("six of red, 6 bits each", packedLow(sixes[skip:], 6))
		}
	}
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

// linePieces reads pixels as bytes that begin anew with each row.
func linePieces(file, way string, pixels []uint8, width int, in *image.Paletted) (all []piece) {
	for _, bits := range []int{1, 2, 4} {
		if len(in.Palette) > 1<<bits && bits < 4 || bits > 1 && len(in.Palette) <= 1<<(bits-1) {
			continue
		}
		for skip := range 8 / bits {
			var out []byte
			for line := range slices.Chunk(pixels, width) {
				if slices.Max(line) != slices.Min(line) && skip < len(line) {
					out = append(out, packedLow(line[skip:], bits)...)
				}
			}
			all = append(all, piece{file: file, within: []string{way + ", " + strconv.Itoa(bits) + " bits each"}, bytes: out, faint: true, drawn: true})
		}
	}
	return all
}

// plain leaves out zeros, as between letters of four bytes, and what is the same for long, and makes ends of lines spaces.
func plain(b []byte) (out []byte) {
	b = bytes.ReplaceAll(b, []byte{0}, nil)
	for from := 0; from < len(b); {
		to := from
		for to < len(b) && b[to] == b[from] {
			to++
		}
		switch {
		case to-from >= still/2:
			out = append(out, 0)
		default:
			for range to - from {
				if b[from] == '\n' {
					out = append(out, ' ')
				} else {
					out = append(out, b[from])
				}
			}
		}
		from = to
	}
	return out
}

// lively leaves out the runs of letters that are a pattern's: of a few letters or of the same ones in the same order, but for the digits of base 2.
func lively(runs []byte) (out []byte) {
	for run := range bytes.Lines(runs) {
		var set [4]uint64
		n, bits, sixteens := 0, 0, 0
		pairs := map[[2]byte]bool{}
		for i, c := range run {
			if i > 0 && len(pairs) < 64 {
				pairs[[2]byte{run[i-1], c}] = true
			}
			if set[c>>6]>>(c&63)&1 == 0 {
				set[c>>6] |= 1 << (c & 63)
				n++
			}
			if c == '0' || c == '1' || c == ' ' || c == '_' || c == '`' {
				bits++
			}
			if base16[c] {
				sixteens++
			}
		}
		if n > 6 && len(pairs)*8 >= min(len(run), 112) || n > 2 && bits*4 > len(run)*3 || n > 4 && len(run) >= 64 && len(pairs) >= 8 && (sixteens*8 > len(run)*7 || bytes.Count(run, []byte(`\x`)) >= 8) {
			out = append(out, run...)
		}
	}
	return out
}

// spells says whether letters in a row are those of a text or an encoding, and not the few that a pattern gives.
func spells(runs []byte) bool {
	for run := range bytes.Lines(runs) {
		var counts [256]int
		distinct, most, words := 0, 0, 0
		for _, c := range run {
			if counts[c]++; counts[c] == 1 {
				distinct++
			}
			most = max(most, counts[c])
			if folds[c] != 0 {
				words++
			}
		}
		if len(run) >= 24 && distinct >= 16 && most*4 <= len(run) && (words*3 >= len(run)*2 || distinct >= 24) {
			return true
		}
		// As lists of numbers are: without the most frequent letter, as nothing is written by, or of noughts and ones alone.
		if noughts, ones := counts['0']+counts['_'], counts['1']+counts['`']; len(run) >= 96 && min(noughts, ones)*16 >= len(run) && (noughts+ones+counts[' '])*4 >= len(run)*3 && fours(run) >= gram {
			return true
		}
		if most*2 > len(run) {
			run = slices.DeleteFunc(slices.Clone(run), func(c byte) bool { return counts[c] == most })
		}
		if len(run) >= 96 && fours(run) >= 40 && words*20 >= len(run)*9 {
			return true
		}
	}
	return false
}

// fours counts the different runs of four letters.
func fours(run []byte) int {
	seen := map[string]bool{}
	for i := 0; i+4 <= len(run) && len(seen) < 64; i++ {
		seen[string(run[i:i+4])] = true
	}
	return len(seen)
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

// noise counts the patches in whose pixels a guess fails a third of the time: the guess of a reader who has learnt, from the picture so
// far, which colour follows those to the left, above, and on both sides of that.
func noise(flat []uint8, width, height int) (patches int) {
	type guess struct {
		colour      uint8
		hits, fails uint16
	}
	guesses := make([]guess, 1<<16)
	across := (width + wide - 1) / wide
	failed, pixels := make([]int, across), make([]int, across)
	for y := range height {
		for x := range width {
			at := flat[y*width+x]
			var left, up, before, after uint8
			if x > 0 {
				left = flat[y*width+x-1]
			}
			if y > 0 {
				up = flat[(y-1)*width+x]
				if x > 0 {
					before = flat[(y-1)*width+x-1]
				}
				if x+1 < width {
					after = flat[(y-1)*width+x+1]
				}
			}
			context := (uint32(left)<<18 | uint32(up)<<12 | uint32(before)<<6 | uint32(after)) * 0x9e3779b1 >> 16
			g := &guesses[context]
			if g.hits == 0 && g.fails == 0 {
				g.colour = left
			}
			if pixels[x/wide]++; at == g.colour {
				g.hits++
			} else {
				failed[x/wide]++
				if g.fails++; g.fails > g.hits {
					g.colour, g.hits, g.fails = at, g.fails, g.hits
				}
			}
			if g.hits > 1000 {
				g.hits, g.fails = g.hits/2, g.fails/2
			}
		}
		if y%tall == tall-1 || y == height-1 {
			for i := range failed {
				if pixels[i]*2 >= wide*tall && failed[i]*100 >= noisy*pixels[i] {
					patches++
				}
				failed[i], pixels[i] = 0, 0
			}
		}
	}
	return patches
}
