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
	noticed = 3  // how many patches of noise are a finding: letters and crossing curves make one or two
	still   = 24 // alike pixels in a row that carry nothing
)

// patches are those that noise is looked for in: how many pixels across and down, and how many guesses in a hundred fail in one that is
// noise: half of them do where two colours are drawn by lot, and nearly all of many colours, as in a line of a pixel.
var patches = []struct{ wide, tall, noisy int }{{16, 4, 32}, {64, 1, 75}}

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
	for _, b := range standing(flat, size) {
		all = append(all, pixelPieces(f.Name, "pixels of a block by "+b.way, b.pixels, pixels)...)
		spelt = spelt || b.spells()
	}
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
	if n := max(noise(flat, size.X, size.Y), noise(down, size.Y, size.X)); n >= noticed {
		l.find(whole, 0, Encoded, "picture: noise", strconv.Itoa(n)+" patches of some dozen pixels are noise, which can carry bytes and no eye reads")
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

// blocks gives the rectangles of a picture that stand apart: cut where many rows, and of those many columns, and again, are of the
// colour of the ground.
func blocks(flat []uint8, width int, ground uint8, in image.Rectangle, depth int) (all []image.Rectangle) {
	across := depth%2 == 1
	long, cut := in.Dy(), func(from, to int) image.Rectangle { return image.Rect(in.Min.X, in.Min.Y+from, in.Max.X, in.Min.Y+to) }
	if across {
		long, cut = in.Dx(), func(from, to int) image.Rectangle { return image.Rect(in.Min.X+from, in.Min.Y, in.Min.X+to, in.Max.Y) }
	}
	void := func(i int) bool {
		line := cut(i, i+1)
		for y := line.Min.Y; y < line.Max.Y; y++ {
			for _, c := range flat[y*width+line.Min.X : y*width+line.Max.X] {
				if c != ground {
					return false
				}
			}
		}
		return true
	}
	from, to := -1, -1 // the block that is read
	ends := func() {
		if from < 0 {
			return
		}
		block := cut(from, to)
		if depth == 2 {
			all = append(all, block)
		} else {
			all = append(all, blocks(flat, width, ground, block, depth+1)...)
		}
		from = -1
	}
	for i := range long {
		if void(i) {
			if from >= 0 && i-to >= still/2 {
				ends()
			}
			continue
		}
		if from < 0 {
			from = i
		}
		to = i + 1
	}
	ends()
	return all
}

// standing gives the pixels of the blocks that stand apart, the largest first, each by rows and by columns. Those that stand there alone are
// no plot, which is most of its picture, and no letter of a label.
func standing(flat []uint8, size image.Point) (all []block) {
	if len(flat) == 0 {
		return nil
	}
	var some []image.Rectangle
	ground := flat[0]
	for _, in := range blocks(flat, size.X, ground, image.Rectangle{Max: size}, 0) {
		if area := in.Dx() * in.Dy(); area >= 256 && area < len(flat)/2 {
			some = append(some, in)
		}
	}
	slices.SortStableFunc(some, func(a, b image.Rectangle) int { return b.Dx()*b.Dy() - a.Dx()*a.Dy() })
	for _, in := range some[:min(len(some), 4)] {
		rows, columns := block{way: "rows", wide: in.Dx(), ground: ground}, block{way: "columns", wide: in.Dy(), ground: ground}
		for y := in.Min.Y; y < in.Max.Y; y++ {
			rows.pixels = append(rows.pixels, flat[y*size.X+in.Min.X:y*size.X+in.Max.X]...)
		}
		for x := in.Min.X; x < in.Max.X; x++ {
			for y := in.Min.Y; y < in.Max.Y; y++ {
				columns.pixels = append(columns.pixels, flat[y*size.X+x])
			}
		}
		all = append(all, rows, columns)
	}
	return all
}

// block is a part of a picture, line by line.
type block struct {
	way    string
	wide   int // pixels of a line
	ground uint8
	pixels []uint8
}

// spells says whether the lowest bits of its pixels spell a text, also where up to three pixels of the ground at each end of its lines
// were part of it, as the zeros of letters of four bytes are.
func (b block) spells() bool {
	for before := range 4 {
		for behind := range 4 {
			var lines []uint8
			for line := range slices.Chunk(b.pixels, b.wide) {
				lines = append(append(lines, slices.Repeat([]uint8{b.ground}, before)...), line...)
				lines = append(lines, slices.Repeat([]uint8{b.ground}, behind)...)
			}
			for skip := range min(8, len(lines)) {
				if text := lively(readable(plain(packedLow(lines[skip:], 1)))); spells(text) {
					return true
				}
			}
		}
	}
	return false
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

// noise counts the patches of the kind that there are most of in whose pixels a guess fails too often: the guess of a reader who has
// learnt, from the picture so far, which colour follows those to the left, above, and on both sides of that.
func noise(flat []uint8, width, height int) (most int) {
	type guess struct {
		colour      uint8
		hits, fails uint16
	}
	guesses := make([]guess, 1<<16)
	fails := make([]int, (width+1)*(height+1)) // in the rectangle from the corner to here
	for y := range height {
		inRow := 0
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
			if at == g.colour {
				g.hits++
			} else {
				inRow++
				if g.fails++; g.fails > g.hits {
					g.colour, g.hits, g.fails = at, g.fails, g.hits
				}
			}
			if g.hits > 1000 {
				g.hits, g.fails = g.hits/2, g.fails/2
			}
			fails[(y+1)*(width+1)+x+1] = fails[y*(width+1)+x+1] + inRow
		}
	}
	for _, patch := range patches {
		n := 0
		for y := 0; y < height; y += patch.tall {
			for x := 0; x < width; x += patch.wide {
				right, low := min(x+patch.wide, width), min(y+patch.tall, height)
				pixels := (right - x) * (low - y)
				failed := fails[low*(width+1)+right] - fails[y*(width+1)+right] - fails[low*(width+1)+x] + fails[y*(width+1)+x]
				if pixels*2 >= patch.wide*patch.tall && failed*100 >= patch.noisy*pixels {
					n++
				}
			}
		}
		most = max(most, n)
	}
	return most
}
