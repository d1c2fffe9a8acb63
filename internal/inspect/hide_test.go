package inspect_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/ascii85"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"narthex/internal/disclosure"
	"narthex/internal/inspect"
)

// coding is a way to write bytes otherwise.
type coding struct {
	name   string
	binary bool // what it gives is no text
	words  bool // it takes text alone
	write  func(h honest, b []byte) []byte
}

func each(b []byte, between string, one func(c byte) string) []byte {
	var out []string
	for _, c := range b {
		out = append(out, one(c))
	}
	return []byte(strings.Join(out, between))
}

func printfs(between, format string) func(honest, []byte) []byte {
	return func(_ honest, b []byte) []byte {
		return each(b, between, func(c byte) string { return fmt.Sprintf(format, c) })
	}
}

func text64(e *base64.Encoding) func(honest, []byte) []byte {
	return func(_ honest, b []byte) []byte { return []byte(e.EncodeToString(b)) }
}

func text32(letters string) func(honest, []byte) []byte {
	return func(_ honest, b []byte) []byte {
		return []byte(base32.NewEncoding(letters).WithPadding(base32.NoPadding).EncodeToString(b))
	}
}

func fives(letters string) func(honest, []byte) []byte {
	return func(_ honest, b []byte) (out []byte) {
		for group := range slices.Chunk(b, 4) {
			var four [4]byte
			copy(four[:], group)
			word := binary.BigEndian.Uint32(four[:])
			var five [5]byte
			for i := 4; i >= 0; i-- {
				five[i] = letters[word%85]
				word /= 85
			}
			out = append(out, five[:len(group)+1]...)
		}
		return out
	}
}

func squeezed(pack func(*bytes.Buffer, []byte)) func(honest, []byte) []byte {
	return func(_ honest, b []byte) []byte {
		var out bytes.Buffer
		pack(&out, b)
		return out.Bytes()
	}
}

const (
	upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	lower = "abcdefghijklmnopqrstuvwxyz"
	ten   = "0123456789"
)

// codings are the encodings that the rig hides by.
var codings = []coding{
	{name: "base64", write: text64(base64.StdEncoding)},
	{name: "base64 of addresses", write: text64(base64.RawURLEncoding)},
	{name: "base64 of crypt", write: text64(base64.NewEncoding("./" + ten + upper + lower).WithPadding(base64.NoPadding))},
	{name: "base32", write: text32(upper + "234567")},
	{name: "base32 in small letters", write: text32(lower + "234567")},
	{name: "base32hex", write: text32(ten + upper[:22])},
	{name: "z-base-32", write: text32("ybndrfg8ejkmcpqxot1uwisza345h769")},
	{name: "hex", write: func(_ honest, b []byte) []byte { return []byte(hex.EncodeToString(b)) }},
	{name: "hex in capitals", write: func(_ honest, b []byte) []byte { return bytes.ToUpper([]byte(hex.EncodeToString(b))) }},
	{name: "hex with colons", write: printfs(":", "%02x")},
	{name: "hex with x", write: printfs("", `\x%02x`)},
	{name: "list of 0x", write: printfs(", ", "0x%02x")},
	{name: "ascii85", write: func(_ honest, b []byte) []byte {
		out := make([]byte, ascii85.MaxEncodedLen(len(b)))
		return out[:ascii85.Encode(out, b)]
	}},
	{name: "base85", write: fives(ten + upper + lower + "!#$%&()*+-;<=>?@^_`{|}~")},
	{name: "z85", write: fives(ten + lower + upper + ".-:+=^!/*?&<>()[]{}@%$#")},
	{name: "decimal", write: printfs(" ", "%d")},
	{name: "decimal with commas", write: printfs(",", "%d")},
	{name: "octal", write: printfs(" ", "%03o")},
	{name: "binary", write: printfs(" ", "%08b")},
	{name: "URL", write: printfs("", "%%%02X")},
	{name: "quoted-printable", write: printfs("", "=%02X")},
	{name: "entities", write: printfs("", "&#%d;")},
	{name: "entities of base 16", write: printfs("", "&#x%x;")},
	{name: "escapes of Unicode", write: printfs("", `\u%04x`)},
	{name: "rot13", words: true, write: func(_ honest, b []byte) []byte {
		return bytes.Map(func(r rune) rune {
			switch {
			case r >= 'a' && r <= 'z':
				return 'a' + (r-'a'+13)%26
			case r >= 'A' && r <= 'Z':
				return 'A' + (r-'A'+13)%26
			}
			return r
		}, b)
	}},
	{name: "reversed", words: true, write: func(_ honest, b []byte) []byte {
		out := slices.Clone(b)
		slices.Reverse(out)
		return out
	}},
	{name: "rot47", words: true, write: func(_ honest, b []byte) []byte {
		out := slices.Clone(b)
		for i, c := range out {
			if c > ' ' && c < 0x7f {
				out[i] = '!' + (c-'!'+47)%94
			}
		}
		return out
	}},
	{name: "UTF-16", binary: true, words: true, write: func(_ honest, b []byte) (out []byte) {
		for _, c := range utf16.Encode([]rune(string(b))) {
			out = binary.LittleEndian.AppendUint16(out, c)
		}
		return out
	}},
	{name: "UTF-32", binary: true, words: true, write: func(_ honest, b []byte) (out []byte) {
		for _, c := range string(b) {
			out = binary.BigEndian.AppendUint32(out, uint32(c))
		}
		return out
	}},
	{name: "gzip", binary: true, write: squeezed(func(out *bytes.Buffer, b []byte) {
		w := gzip.NewWriter(out)
		w.Write(b)
		w.Close()
	})},
	{name: "zlib", binary: true, write: squeezed(func(out *bytes.Buffer, b []byte) {
		w := zlib.NewWriter(out)
		w.Write(b)
		w.Close()
	})},
	{name: "deflate", binary: true, write: squeezed(func(out *bytes.Buffer, b []byte) {
		w, _ := flate.NewWriter(out, 9)
		w.Write(b)
		w.Close()
	})},
	{name: "zip", binary: true, write: squeezed(func(out *bytes.Buffer, b []byte) {
		w := zip.NewWriter(out)
		f, _ := w.Create("a")
		f.Write(b)
		w.Close()
	})},
	{name: "tar", binary: true, write: squeezed(func(out *bytes.Buffer, b []byte) {
		w := tar.NewWriter(out)
		w.WriteHeader(&tar.Header{Name: "a", Mode: 0o600, Size: int64(len(b))})
		w.Write(b)
		w.Close()
	})},
	{name: "zstd", binary: true, write: func(_ honest, b []byte) []byte { // one raw block
		out := append([]byte{0x28, 0xb5, 0x2f, 0xfd, 0xa0}, binary.LittleEndian.AppendUint32(nil, uint32(len(b)))...)
		head := uint32(len(b))<<3 | 1
		return append(append(out, byte(head), byte(head>>8), byte(head>>16)), b...)
	}},
}

func isText(b []byte) bool {
	for _, c := range b {
		if c >= 0x7f || c < ' ' && c != '\n' {
			return false
		}
	}
	return true
}

// coded writes bytes by a coding. What is no text is made one where the coding or the place wants text.
func coded(h honest, c coding, b []byte) []byte {
	if c.words && !isText(b) {
		b = codings[h.IntN(2)].write(h, b)
	}
	return c.write(h, b)
}

func broken(text string, n int) (all []string) {
	for len(text) > n {
		all = append(all, text[:n])
		text = text[n:]
	}
	return append(all, text)
}

// carrier puts bytes in files.
type carrier struct {
	name string
	put  func(h honest, b []byte) []inspect.File
}

func named(kind disclosure.Kind, text string) inspect.File {
	return inspect.File{Name: "results" + kind.Suffix(), Kind: kind, Bytes: []byte(text)}
}

func (h honest) prose(n int) string {
	var out []string
	for range n {
		out = append(out, h.sentence())
	}
	return strings.Join(out, " ")
}

func lined(n int) func(h honest, b []byte) []inspect.File {
	return func(h honest, b []byte) []inspect.File {
		return []inspect.File{named(disclosure.Text, h.prose(2+h.IntN(6))+"\n"+strings.Join(broken(armour(h, b), n), "\n")+"\n"+h.prose(1+h.IntN(6))+"\n")}
	}
}

// armour gives a text.
func armour(h honest, b []byte) string {
	if !isText(b) {
		b = codings[[]int{0, 1, 3, 7, 12, 13}[h.IntN(6)]].write(h, b)
	}
	return string(b)
}

func quoted(text string) string {
	out, _ := json.Marshal(text)
	return string(out)
}

func celled(text string) string { return `"` + strings.ReplaceAll(text, `"`, `""`) + `"` }

// carriers are the places that the rig hides in.
var carriers = []carrier{
	{"text, one line", lined(1 << 20)}, {"text, lines of 76", lined(76)}, {"text, lines of 40", lined(40)}, {"text, lines of 16", lined(16)}, {"text, lines of 8", lined(8)},
	{"text, between words", func(h honest, b []byte) []inspect.File {
		words, out := strings.Fields(h.prose(200)), []string{}
		for i, part := range broken(armour(h, b), 12) {
			out = append(append(out, words[i*3%600:i*3%600+3]...), part)
		}
		return []inspect.File{named(disclosure.Text, strings.Join(out, " ")+"\n")}
	}},
	{"text, at the ends of lines", func(h honest, b []byte) []inspect.File {
		var out strings.Builder
		for _, part := range broken(armour(h, b), 16) {
			fmt.Fprintf(&out, "loss of layer %d is %s %s\n", h.IntN(24), h.float(), part)
		}
		return []inspect.File{named(disclosure.Text, out.String())}
	}},
	{"markdown, code", func(h honest, b []byte) []inspect.File {
		return []inspect.File{named(disclosure.Markdown, "# Results\n\n"+h.prose(4)+"\n\n```\n"+strings.Join(broken(armour(h, b), 60), "\n")+"\n```\n\n"+h.prose(3)+"\n")}
	}},
	{"markdown, list", func(h honest, b []byte) []inspect.File {
		return []inspect.File{named(disclosure.Markdown, "# Results\n\n- "+strings.Join(broken(armour(h, b), 24), "\n- ")+"\n\n"+h.prose(3)+"\n")}
	}},
	{"markdown, table", func(h honest, b []byte) []inspect.File {
		out := h.prose(3) + "\n\n| layer | s1 | note |\n|---|---|---|\n"
		for i, part := range broken(armour(h, b), 20) {
			out += fmt.Sprintf("| %d | %s | %s |\n", i, h.float(), part)
		}
		return []inspect.File{named(disclosure.Markdown, out)}
	}},
	{"csv, one cell", func(h honest, b []byte) []inspect.File {
		out := "layer,s1,note\n"
		for i := range 12 {
			note := ""
			if i == 7 {
				note = celled(armour(h, b))
			}
			out += fmt.Sprintf("%d,%s,%s\n", i, h.float(), note)
		}
		return []inspect.File{named(disclosure.CSV, out)}
	}},
	{"csv, a column of 10", func(h honest, b []byte) []inspect.File {
		out := "rank,token\n"
		for i, part := range broken(armour(h, b), 10) {
			out += fmt.Sprintf("%d,%s\n", i, celled(part))
		}
		return []inspect.File{named(disclosure.CSV, out)}
	}},
	{"csv, a column among numbers", func(h honest, b []byte) []inspect.File {
		out := "step,loss,token,accuracy\n"
		for i, part := range broken(armour(h, b), 20) {
			out += fmt.Sprintf("%d,%s,%s,%s\n", i, h.float(), celled(part), h.float())
		}
		return []inspect.File{named(disclosure.CSV, out)}
	}},
	{"csv, a name of a column", func(h honest, b []byte) []inspect.File {
		return []inspect.File{named(disclosure.CSV, "layer,"+celled(armour(h, b))+"\n1,"+h.float()+"\n2,"+h.float()+"\n")}
	}},
	{"json, a string", func(h honest, b []byte) []inspect.File {
		return []inspect.File{named(disclosure.JSON, `{"loss":`+h.float()+`,"note":`+quoted(armour(h, b))+`,"step":12}`)}
	}},
	{"json, strings of 16", func(h honest, b []byte) []inspect.File {
		var all []string
		for _, part := range broken(armour(h, b), 16) {
			all = append(all, quoted(part))
		}
		return []inspect.File{named(disclosure.JSON, `{"tokens":[`+strings.Join(all, ",")+`]}`)}
	}},
	{"json, names", func(h honest, b []byte) []inspect.File {
		var all []string
		for i, part := range broken(armour(h, b), 24) {
			all = append(all, quoted(strconv.Itoa(1000+i)+" "+part)+":"+h.float())
		}
		return []inspect.File{named(disclosure.JSON, `{"heads":{`+strings.Join(all, ",")+`}}`)}
	}},
	{"png, a bit a pixel", pixels(1, false)}, {"png, two bits a pixel, downward", pixels(2, true)}, {"png, six bits a pixel", pixels(6, false)},
}

// pixels hides bytes in a square of a plot, by the order of colours.
func pixels(bits int, down bool) func(h honest, b []byte) []inspect.File {
	return func(h honest, b []byte) []inspect.File {
		m := image.NewPaletted(image.Rect(0, 0, 300, 200), nil)
		for i := range 1 << bits {
			m.Palette = append(m.Palette, color.RGBA{uint8(i * 4), uint8(i * 4), uint8(i*4) | 3*uint8(i&1), 255})
		}
		for x := range 300 {
			m.SetColorIndex(x, 190, 1)
		}
		for len(b) < 160 { // a patch that is smaller is not claimed to be found
			b = append(b, b...)
		}
		side := 64
		for i := range (len(b)*8 + bits - 1) / bits {
			v := 0
			for k := range bits {
				at := i*bits + k
				v <<= 1
				if at/8 < len(b) && b[at/8]>>(7-at%8)&1 == 1 {
					v |= 1
				}
			}
			x, y := 20+i%side, 10+i/side
			if down {
				x, y = 20+i/side, 10+i%side
			}
			m.SetColorIndex(x, y, uint8(v))
		}
		var out bytes.Buffer
		if png.Encode(&out, m) != nil {
			return nil
		}
		return []inspect.File{{Name: "plot.png", Kind: disclosure.PNG, Bytes: out.Bytes()}}
	}
}

// noised puts characters between those of a text, so many in a hundred at most.
func noised(h honest, b []byte, percent int) []byte {
	const marks = "ABCxyz0123456789.-_ ~#"
	n := h.IntN(len(b)*percent/100 + 1)
	out := slices.Clone(b)
	for range n {
		out = slices.Insert(out, h.IntN(len(out)+1), marks[h.IntN(len(marks))])
	}
	return out
}

func seeded(seed uint64) honest { return honest{rand.New(rand.NewPCG(seed, 6))} }
