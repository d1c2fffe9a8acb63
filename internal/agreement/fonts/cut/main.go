// Cut makes the fonts within PDFs from DejaVu Sans 2.37 and its bold face, as https://dejavu-fonts.github.io publishes them: without hints,
// kerning and other ways to place letters, of which a PDF takes nothing, and without the characters that no document of ours shows.
// What is left is named Narthex Sans, since a font that was changed must not be taken for the whole one. Beside the fonts it writes
// the table of the characters that both have. The same fonts give the same bytes.
//
// usage: cut DejaVuSans.ttf DejaVuSans-Bold.ttf, in internal/agreement
package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"go/format"
	"os"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: cut DejaVuSans.ttf DejaVuSans-Bold.ttf, in internal/agreement")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "cut:", err)
		os.Exit(1)
	}
}

func run(plain, heavy string) error {
	sans, err := open(plain, "7da195a74c55bef988d0d48f9508bd5d849425c1770dba5d7bfc6ce9ed848954")
	if err != nil {
		return err
	}
	bold, err := open(heavy, "e6476c1b80502924294eed40894c5b18e06c181444ca953e5334262df9c27724")
	if err != nil {
		return err
	}
	var both []rune
	for r := rune(1); r < 0xffff; r++ {
		if wanted(r) && sans.glyphs[r] != 0 && bold.glyphs[r] != 0 {
			both = append(both, r)
		}
	}
	for _, face := range []struct {
		of          *face
		style, file string
	}{{sans, "Regular", "fonts/narthex-sans.ttf.gz"}, {bold, "Bold", "fonts/narthex-sans-bold.ttf.gz"}} {
		made, err := face.of.cut(both, face.style)
		if err != nil {
			return err
		}
		if err := pack(face.file, made); err != nil {
			return err
		}
	}
	return tabulate("printable.go", both)
}

// wanted tells whether a document may show the character as it is: letters that stand one after the other from left to right, and
// the signs that go with them; of the little pictures from U+2600 to U+27BF marks alone.
func wanted(r rune) bool {
	picture := r >= 0x2600 && r <= 0x27bf && !strings.ContainsRune("☐☑☒✓✔✕✖✗✘", r)
	return !picture && unicode.IsGraphic(r) && unicode.In(r, unicode.Latin, unicode.Greek, unicode.Cyrillic, unicode.Armenian, unicode.Georgian, unicode.Common)
}

// face is a TrueType font: its tables by name, and the glyph of each character of the first plane.
type face struct {
	tables map[string][]byte
	glyphs [0x10000]int
}

// open reads the font that has the digest; so the rest trusts its bytes.
func open(name, digest string) (*face, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	if is := fmt.Sprintf("%x", sha256.Sum256(data)); is != digest {
		return nil, fmt.Errorf("%s is not the font of version 2.37: its SHA-256 is %s and not %s", name, is, digest)
	}
	f := &face{tables: map[string][]byte{}}
	for i := range u16(data, 4) {
		row := data[12+16*i:]
		f.tables[string(row[:4])] = data[u32(row, 8) : u32(row, 8)+u32(row, 12)]
	}
	all := f.tables["cmap"]
	for i := range u16(all, 2) {
		if m := all[u32(all, 8+8*i):]; u16(m, 0) == 4 {
			f.read(m)
			return f, nil
		}
	}
	return nil, errors.New(name + " has no map of the first plane")
}

// read takes the glyphs of a map of format 4.
func (f *face) read(m []byte) {
	n := u16(m, 6) // twice the number of segments
	for i := 0; i < n; i += 2 {
		last, first, delta, at := u16(m, 14+i), u16(m, 16+n+i), u16(m, 16+2*n+i), u16(m, 16+3*n+i)
		for r := first; r <= last; r++ {
			glyph := r
			if at != 0 {
				if glyph = u16(m, 16+3*n+i+at+2*(r-first)); glyph == 0 {
					continue
				}
			}
			f.glyphs[r] = (glyph + delta) & 0xffff
		}
	}
}

// cut gives the font with the characters alone: their glyphs in their order, and then the glyphs that these are put together of.
func (f *face) cut(runes []rune, style string) ([]byte, error) {
	order, place := []int{0}, map[int]int{0: 0} // the old number of each new glyph, and the other way round
	number := func(old int) int {
		if _, known := place[old]; !known {
			place[old] = len(order)
			order = append(order, old)
		}
		return place[old]
	}
	for _, r := range runes {
		number(f.glyphs[r])
	}
	var glyf, loca, hmtx []byte
	long := u16(f.tables["hhea"], 34) // how many glyphs have a width of their own; the others have the last one's
	for i := 0; i < len(order); i++ {
		old := order[i]
		loca = binary.BigEndian.AppendUint32(loca, uint32(len(glyf)))
		glyf = append(glyf, f.outline(old, number)...)
		glyf = append(glyf, make([]byte, -len(glyf)&3)...)
		width, side := 4*old, 4*old+2
		if old >= long {
			width, side = 4*(long-1), 4*long+2*(old-long)
		}
		hmtx = append(append(hmtx, f.tables["hmtx"][width:width+2]...), f.tables["hmtx"][side:side+2]...)
	}
	loca = binary.BigEndian.AppendUint32(loca, uint32(len(glyf)))

	edit := func(table string, at, value int) []byte {
		data := bytes.Clone(f.tables[table])
		binary.BigEndian.PutUint16(data[at:], uint16(value))
		return data
	}
	copyright, err := f.copyright()
	if err != nil {
		return nil, err
	}
	out := map[string][]byte{
		"glyf": glyf, "loca": loca, "hmtx": hmtx,
		"head": edit("head", 50, 1), // places of glyphs have four bytes each
		"hhea": edit("hhea", 34, len(order)),
		"maxp": edit("maxp", 4, len(order)),
		"post": append([]byte{0, 3, 0, 0}, f.tables["post"][4:32]...), // of the form that names no glyphs
		"OS/2": f.tables["OS/2"],
		"cmap": characters(runes, func(r rune) int { return place[f.glyphs[r]] }),
		"name": names(copyright, "Narthex Sans", style),
	}
	return assemble(out), nil
}

// outline gives a glyph without its instructions, and with the glyphs that it is put together of numbered anew.
func (f *face) outline(glyph int, number func(old int) int) []byte {
	loca := f.tables["loca"]
	data := bytes.Clone(f.tables["glyf"][u32(loca, 4*glyph):u32(loca, 4*glyph+4)])
	if len(data) == 0 {
		return nil
	}
	if contours := u16(data, 0); contours < 0x8000 {
		at := 10 + 2*contours
		n := u16(data, at)
		copy(data[at:], []byte{0, 0})
		return slices.Delete(data, at+2, at+2+n)
	}
	const words, scale, more, both, matrix, instructions = 1, 8, 32, 64, 128, 256
	for at := 10; ; {
		flags := u16(data, at)
		binary.BigEndian.PutUint16(data[at:], uint16(flags&^instructions))
		binary.BigEndian.PutUint16(data[at+2:], uint16(number(u16(data, at+2))))
		at += 6
		for _, size := range []struct{ flag, bytes int }{{words, 2}, {scale, 2}, {both, 4}, {matrix, 8}} {
			if flags&size.flag != 0 {
				at += size.bytes
			}
		}
		if flags&more == 0 {
			return data[:at]
		}
	}
}

// characters gives the table from characters to glyphs, of format 4: a segment is a run of both.
func characters(runes []rune, glyph func(rune) int) []byte {
	type segment struct{ first, last, glyph int }
	var segments []segment
	for _, r := range runes {
		if n := len(segments) - 1; n >= 0 && segments[n].last+1 == int(r) && segments[n].glyph+int(r)-segments[n].first == glyph(r) {
			segments[n].last = int(r)
			continue
		}
		segments = append(segments, segment{int(r), int(r), glyph(r)})
	}
	segments = append(segments, segment{0xffff, 0xffff, 0})
	n := len(segments)
	power, log := 1, 0
	for power*2 <= n {
		power, log = power*2, log+1
	}
	out := words(0, 1, 3, 1, 0, 12, 4, 16+8*n, 0, 2*n, 2*power, log, 2*(n-power))
	for _, s := range segments {
		out = append(out, words(s.last)...)
	}
	out = append(out, 0, 0)
	for _, s := range segments {
		out = append(out, words(s.first)...)
	}
	for _, s := range segments {
		out = append(out, words(s.glyph-s.first)...)
	}
	return append(out, make([]byte, 2*n)...)
}

// The numbers of names of a font, in the order in which its table has them.
const (
	copyrightName = iota
	familyName
	styleName
	uniqueName
	fullName
	versionName
	postscriptName
)

// copyright gives what the font says of its makers, which its licence wants kept.
func (f *face) copyright() (string, error) {
	table := f.tables["name"]
	for i := range u16(table, 2) {
		row := table[6+12*i:]
		if u16(row, 0) == 3 && u16(row, 2) == 1 && u16(row, 6) == copyrightName {
			raw := table[u16(table, 4)+u16(row, 10):][:u16(row, 8)]
			var units []uint16
			for at := 0; at < len(raw); at += 2 {
				units = append(units, uint16(u16(raw, at)))
			}
			return string(utf16.Decode(units)), nil
		}
	}
	return "", errors.New("the font does not say who made it")
}

func names(copyright, family, style string) []byte {
	joined := strings.ReplaceAll(family, " ", "") + "-" + style
	var rows, text []byte
	all := []string{copyrightName: copyright, familyName: family, styleName: style, uniqueName: joined, fullName: family + " " + style, versionName: "Version 2.37", postscriptName: joined}
	for i, name := range all {
		var raw []byte
		for _, unit := range utf16.Encode([]rune(name)) {
			raw = binary.BigEndian.AppendUint16(raw, unit)
		}
		rows = append(rows, words(3, 1, 0x409, i, len(raw), len(text))...)
		text = append(text, raw...)
	}
	return slices.Concat(words(0, len(all), 6+len(rows)), rows, text)
}

// assemble puts tables together to a font, in the order of their names.
func assemble(tables map[string][]byte) []byte {
	copy(tables["head"][8:], make([]byte, 4)) // the sum of the whole, which is known last
	var list []string
	for name := range tables {
		list = append(list, name)
	}
	slices.Sort(list)
	n := len(list)
	power, log := 1, 0
	for power*2 <= n {
		power, log = power*2, log+1
	}
	out := words(1, 0, n, 16*power, log, 16*(n-power))
	body, head := []byte(nil), 0
	for _, name := range list {
		data, at := tables[name], 12+16*n+len(body)
		if name == "head" {
			head = at
		}
		out = append(out, name...)
		out = binary.BigEndian.AppendUint32(out, sum(data))
		out = binary.BigEndian.AppendUint32(out, uint32(at))
		out = binary.BigEndian.AppendUint32(out, uint32(len(data)))
		body = append(body, data...)
		body = append(body, make([]byte, -len(body)&3)...)
	}
	out = append(out, body...)
	binary.BigEndian.PutUint32(out[head+8:], 0xb1b0afba-sum(out))
	return out
}

// sum adds the words of four bytes, the last one filled with zeros.
func sum(data []byte) uint32 {
	var total uint32
	for i, b := range data {
		total += uint32(b) << (24 - 8*(i&3))
	}
	return total
}

func pack(name string, data []byte) error {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := w.Write(data); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile(name, out.Bytes(), 0o644)
}

// tabulate writes the characters as a table of Go's package unicode.
func tabulate(name string, runes []rune) error {
	var out bytes.Buffer
	fmt.Fprint(&out, "// Code generated by fonts/cut; DO NOT EDIT.\n\npackage agreement\n\nimport \"unicode\"\n\n"+
		"// printable is the characters that both fonts within PDFs have.\nvar printable = &unicode.RangeTable{R16: []unicode.Range16{\n")
	latin := 0
	for i := 0; i < len(runes); {
		first := i
		for i++; i < len(runes) && runes[i] == runes[i-1]+1; i++ {
		}
		fmt.Fprintf(&out, "{Lo: %#04x, Hi: %#04x, Stride: 1},\n", runes[first], runes[i-1])
		if runes[i-1] <= unicode.MaxLatin1 {
			latin++
		}
	}
	fmt.Fprintf(&out, "}, LatinOffset: %d}\n", latin)
	text, err := format.Source(out.Bytes())
	if err != nil {
		return err
	}
	return os.WriteFile(name, text, 0o644)
}

func u16(data []byte, at int) int { return int(binary.BigEndian.Uint16(data[at:])) }
func u32(data []byte, at int) int { return int(binary.BigEndian.Uint32(data[at:])) }

func words(values ...int) []byte {
	var out []byte
	for _, v := range values {
		out = binary.BigEndian.AppendUint16(out, uint16(v))
	}
	return out
}
