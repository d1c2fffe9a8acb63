package disclosure_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"narthex/internal/disclosure"
)

func form(t testing.TB, kind disclosure.Kind, text string) string {
	t.Helper()
	out, err := disclosure.Canonical(kind, []byte(text), disclosure.Standard())
	if err != nil {
		t.Fatalf("%.60q has no form: %v", text, err)
	}
	return string(out)
}

func refused(t testing.TB, kind disclosure.Kind, text string) *disclosure.Refusal {
	t.Helper()
	_, err := disclosure.Canonical(kind, []byte(text), disclosure.Standard())
	var refusal *disclosure.Refusal
	if !errors.As(err, &refusal) {
		t.Fatalf("%.60q has a form, or another error: %v", text, err)
	}
	return refusal
}

func TestFormsOfFiles(t *testing.T) {
	for _, c := range []struct {
		kind       disclosure.Kind
		text, want string
	}{
		{disclosure.Text, "", ""},
		{disclosure.Text, "\n\n  a \r\n\n\n\n\n\tb", "  a\n\n\n    b\n"},
		{disclosure.Text, "loss 0.1234567, then 12.34999e-20. And 3.14159.", "loss 0.1235, then 1.235e-19. And 3.142.\n"},
		{disclosure.Text, "version 1.26.8 of x_1.50 and 0x1.50 and 12345", "version 1.26.8 of x_1.50 and 0x1.50 and 12345\n"},
		{disclosure.Text, "-2.50000,+1.0E+3,1234567890123456789", "-2.5,+1000,1.235e+18\n"},
		{disclosure.Markdown, "# Größe “µ” ≤ 0.10\n", "# Größe “µ” ≤ 0.1\n"},
		{disclosure.CSV, "name, value\r\nb ,1.00000\r\n a,  +2.718281828\n", "name,value\na,2.718\nb,1\n"},
		{disclosure.CSV, "n\n10\n9\nx\n-1e3\n007\n", "n\n-1000\n7\n9\n10\nx\n"},
		{disclosure.CSV, "a,b\n\"x\",\"y, \"\"z\"\"\"\n", "a,b\nx,\"y, \"\"z\"\"\"\n"},
		{disclosure.CSV, "a\n \nx\n\n", "a\nx\n"},
		{disclosure.JSON, ` {"b" : [1.00, 2.718281828, -0.0, 1e2], "a":"x  \n 0.123456"} `, `{"a":"x\n 0.1235","b":[1,2.718,0,100]}` + "\n"},
		{disclosure.JSON, "12", "12\n"},
	} {
		if got := form(t, c.kind, c.text); got != c.want {
			t.Errorf("%s %q gives %q and not %q", c.kind, c.text, got, c.want)
		}
	}
}

func TestWhatHasNoForm(t *testing.T) {
	many := func(n int, s string) string { return strings.Repeat(s, n) }
	for _, c := range []struct {
		kind  disclosure.Kind
		text  string
		class disclosure.Class
		line  int
	}{
		{"", "a", disclosure.UnknownKind, 0},
		{"safetensors", "a", disclosure.UnknownKind, 0},
		{disclosure.Text, many(1_000_001, "a"), disclosure.TooLarge, 0},
		{disclosure.Text, many(300_000, "\ta"), disclosure.TooLarge, 0}, // its form is larger
		{disclosure.Text, "a\xff", disclosure.NotRead, 0},
		{disclosure.Text, "a\n\x00", disclosure.BadCharacter, 2},
		{disclosure.Text, "zero\u200bwidth", disclosure.BadCharacter, 1},
		{disclosure.Text, "e\u0301", disclosure.BadCharacter, 1},
		{disclosure.Text, "\ufeffmark", disclosure.BadCharacter, 1},
		{disclosure.Text, "tag \U000e0041", disclosure.BadCharacter, 1},
		{disclosure.Text, "turn \u202e", disclosure.BadCharacter, 1},
		{disclosure.Text, "pick \u2764\ufe0f", disclosure.BadCharacter, 1},
		{disclosure.Text, "\u0430 of another script", disclosure.BadCharacter, 1},
		{disclosure.Text, "\u0391 that looks like A", disclosure.BadCharacter, 1},
		{disclosure.Text, "full\uff21width", disclosure.BadCharacter, 1},
		{disclosure.Text, "hard\u00a0space and soft\u00adhyphen", disclosure.BadCharacter, 1},
		{disclosure.Text, "lone \r return", disclosure.BadCharacter, 1},
		{disclosure.CSV, "", disclosure.NotRead, 0},
		{disclosure.CSV, "a,a\n1,2\n", disclosure.NotRead, 1},
		{disclosure.CSV, "1,2\n1,2\n", disclosure.NotRead, 1},
		{disclosure.CSV, "a,b\n1\n", disclosure.NotRead, 2},
		{disclosure.CSV, "a\n\"x\ny\"\n", disclosure.BadCharacter, 2},
		{disclosure.CSV, "a\nx\"y\n", disclosure.NotRead, 2},
		{disclosure.CSV, "a\n" + many(5001, "1\n"), disclosure.TooLarge, 0},
		{disclosure.CSV, "c0" + many(200, ",c") + "\n", disclosure.TooLarge, 0},
		{disclosure.JSON, "", disclosure.NotRead, 0},
		{disclosure.JSON, "1 2", disclosure.NotRead, 0},
		{disclosure.JSON, `{"a":1,"a":2}`, disclosure.NotRead, 0},
		{disclosure.JSON, `{"0.12345":1,"0.123451":2}`, disclosure.NotRead, 0}, // the names are one in their form
		{disclosure.JSON, `{"a":1e999}`, disclosure.NotRead, 1},
		{disclosure.JSON, `["\u200b"]`, disclosure.BadCharacter, 1},
		{disclosure.JSON, many(65, "[") + many(65, "]"), disclosure.TooLarge, 0},
		{disclosure.PNG, "not a picture", disclosure.NotRead, 0},
	} {
		if got := refused(t, c.kind, c.text); got.Class != c.class || got.Line != c.line {
			t.Errorf("%s %.40q is refused as %s at line %d, not %s at %d: %s", c.kind, c.text, got.Class, got.Line, c.class, c.line, got.Says())
		}
	}
}

// TestARefusalTellsItsAuthorAClass: a job that knows a secret chooses where it fails.
func TestARefusalTellsItsAuthorAClass(t *testing.T) {
	one, two := refused(t, disclosure.Text, "a\n\u200b"), refused(t, disclosure.Text, "a\n\n\n\u202e secret")
	if one.Error() != two.Error() || strings.Contains(two.Error(), "secret") || one.Says() == two.Says() {
		t.Errorf("%q and %q; %q and %q", one.Error(), two.Error(), one.Says(), two.Says())
	}
}

func TestKindsAreNamesEnds(t *testing.T) {
	for name, want := range map[string]disclosure.Kind{"a.csv": disclosure.CSV, "x/b.txt": disclosure.Text, "a.csv.gz": "", "csv": "", ".csv": "", "a.CSV": "", "a.png": disclosure.PNG, "a.md": disclosure.Markdown, "weights.safetensors": ""} {
		if got, is := disclosure.KindOf(name); got != want || is != (want != "") {
			t.Errorf("%s is of kind %q", name, got)
		}
	}
}

func encoded(t testing.TB, m image.Image, level png.CompressionLevel) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: level}).Encode(&out, m); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// noise is a picture of random pixels.
func noise(wide, high int, opaque bool) *image.NRGBA {
	r := rand.New(rand.NewPCG(1, uint64(wide)))
	m := image.NewNRGBA(image.Rect(0, 0, wide, high))
	for i := range m.Pix {
		m.Pix[i] = uint8(r.Uint32())
		if opaque && i%4 == 3 {
			m.Pix[i] = 0xff
		}
	}
	return m
}

func TestAPictureHasOneForm(t *testing.T) {
	for _, m := range []*image.NRGBA{noise(1, 1, true), noise(70, 30, false), noise(40, 2050, true), noise(1500, 9, false)} {
		first := form(t, disclosure.PNG, string(encoded(t, m, png.BestSpeed)))
		if again := form(t, disclosure.PNG, string(encoded(t, m, png.NoCompression))); again != first {
			t.Error("how a picture was compressed stands in its form")
		}
		if again := form(t, disclosure.PNG, first); again != first {
			t.Error("the form of a form is another")
		}
		got, err := png.Decode(strings.NewReader(first))
		if err != nil {
			t.Fatal(err)
		}
		palette, is := got.ColorModel().(color.Palette)
		size := got.Bounds().Size()
		if !is || len(palette) > 64 || size.X > 1024 || size.Y > 1024 || size.X < 1 || size.Y < 1 {
			t.Errorf("a form of %v has %d colours", size, len(palette))
		}
	}
}

// TestWhatAPictureHidesIsGone: chunks of text, bytes behind its end, what is transparent, and the least bits where there are many colours.
func TestWhatAPictureHidesIsGone(t *testing.T) {
	plain := image.NewNRGBA(image.Rect(0, 0, 90, 90))
	loud := image.NewNRGBA(plain.Rect)
	for i := range plain.Pix {
		plain.Pix[i], loud.Pix[i] = 0xff, 0xff
	}
	for i := 0; i < len(loud.Pix); i += 4 {
		loud.Pix[i], loud.Pix[i+3] = uint8(i), 0 // invisible
	}
	want := form(t, disclosure.PNG, string(encoded(t, plain, png.DefaultCompression)))
	if form(t, disclosure.PNG, string(encoded(t, loud, png.DefaultCompression))) != want {
		t.Error("what is transparent shows in the form")
	}
	data := encoded(t, plain, png.DefaultCompression)
	if got := refused(t, disclosure.PNG, string(data)+"PK\x03\x04"); got.Class != disclosure.NotRead {
		t.Errorf("bytes behind a picture: %s", got.Says())
	}
	chunk := append([]byte{0, 0, 0, 6}, "tEXta\x00leak"...)
	chunk = append(chunk, checksum(chunk[4:])...)
	with := append(append(bytes.Clone(data[:33]), chunk...), data[33:]...)
	if got := form(t, disclosure.PNG, string(with)); got != want || strings.Contains(got, "leak") {
		t.Error("a chunk of text shows in the form")
	}
	even := noise(64, 64, true)
	odd := image.NewNRGBA(even.Rect)
	for i, v := range even.Pix {
		even.Pix[i] = v &^ 1
		odd.Pix[i] = v | 1
	}
	count := 0
	a, b := form(t, disclosure.PNG, string(encoded(t, even, png.DefaultCompression))), form(t, disclosure.PNG, string(encoded(t, odd, png.DefaultCompression)))
	for _, text := range []string{a, b} {
		m, err := png.Decode(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		count = max(count, len(m.ColorModel().(color.Palette)))
	}
	if count > 64 {
		t.Errorf("%d colours are left", count)
	}
}

// checksum is the CRC of PNG, written out.
func checksum(data []byte) []byte {
	crc := ^uint32(0)
	for _, b := range data {
		crc ^= uint32(b)
		for range 8 {
			crc = crc>>1 ^ 0xedb88320&-(crc&1)
		}
	}
	crc = ^crc
	return []byte{byte(crc >> 24), byte(crc >> 16), byte(crc >> 8), byte(crc)}
}

func TestHugePicturesAreNotRead(t *testing.T) {
	data := encoded(t, image.NewNRGBA(image.Rect(0, 0, 1, 1)), png.DefaultCompression)
	for _, size := range [][2]uint32{{1 << 15, 1 << 15}, {1 << 22, 2}, {2049, 2048}} {
		head := binary.BigEndian.AppendUint32([]byte("IHDR"), size[0])
		head = append(binary.BigEndian.AppendUint32(head, size[1]), 8, 6, 0, 0, 0)
		copy(data[12:], head)
		copy(data[29:], checksum(head))
		if got := refused(t, disclosure.PNG, string(data)); got.Class != disclosure.TooLarge {
			t.Errorf("%v: %s", size, got.Says())
		}
	}
}

// TestAFormIsItsOwnForm draws files of every kind that is text.
func TestAFormIsItsOwnForm(t *testing.T) {
	alphabet := []rune("0123456789.eE+-, \n\"_axé“λ\t\r:/{}[]\\")
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]disclosure.Kind{disclosure.Text, disclosure.Markdown, disclosure.CSV, disclosure.JSON}).Draw(t, "kind")
		data := rapid.StringOfN(rapid.SampledFrom(alphabet), 0, 80, -1).Draw(t, "data")
		if kind == disclosure.CSV {
			data = "head\n" + strings.ReplaceAll(data, ",", "\n")
		}
		if kind == disclosure.JSON {
			data = strconv.Quote(data)
		}
		own(t, kind, []byte(data))
	})
}

// own holds the form of a file, where it has one, to be its own form.
func own(t interface{ Fatalf(string, ...any) }, kind disclosure.Kind, data []byte) {
	first, err := disclosure.Canonical(kind, data, disclosure.Standard())
	if err != nil {
		return
	}
	again, err := disclosure.Canonical(kind, first, disclosure.Standard())
	if err != nil || !bytes.Equal(first, again) {
		t.Fatalf("%s %q has the form %q, and that has the form %q: %v", kind, data, first, again, err)
	}
}

func FuzzCanonical(f *testing.F) {
	for _, text := range []string{"a 1.50 b\n", "a,b\n1,2\n", `{"a":[1.5,"x"]}`, string(encoded(f, noise(3, 2, false), png.DefaultCompression))} {
		for i := range disclosure.Kinds() {
			f.Add(i, []byte(text))
		}
	}
	f.Fuzz(func(t *testing.T, kind int, data []byte) {
		if kind >= 0 && kind < len(disclosure.Kinds()) {
			own(t, disclosure.Kinds()[kind], data)
		}
	})
}

// TestANumberKeepsFourDigits: no two numbers with the same four digits are told apart, in any kind and however they are written.
func TestANumberKeepsFourDigits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Float64Range(1e-300, 1e300).Draw(t, "v")
		short, err := strconv.ParseFloat(strconv.FormatFloat(v, 'e', 3, 64), 64)
		if err != nil {
			t.Fatal(err)
		}
		fixed := strconv.FormatFloat(v, 'e', -1, 64)
		if math.Abs(v) < 1e12 && math.Abs(v) > 1e-12 {
			fixed = strconv.FormatFloat(v, 'f', 17, 64)
		}
		for kind, frame := range map[disclosure.Kind][2]string{disclosure.Text: {"x ", "\n"}, disclosure.CSV: {"h\n", "\n"}, disclosure.JSON: {"[", "]"}} {
			out, err := disclosure.Canonical(kind, []byte(frame[0]+fixed+frame[1]), disclosure.Standard())
			if err != nil {
				t.Fatal(err)
			}
			number := strings.Trim(string(out), "xh[] \n")
			got, err := strconv.ParseFloat(number, 64)
			if err != nil || got != short {
				t.Fatalf("%s %s gives %s", kind, fixed, number)
			}
			if n := len(strings.Trim(strings.SplitN(strings.ReplaceAll(number, ".", ""), "e", 2)[0], "0")); n > 4 {
				t.Fatalf("%s keeps %d digits of %s: %s", kind, n, fixed, number)
			}
		}
	})
}

// TestWhereATableHidesIsGone: other spaces, quotes, line ends, trailing zeros and orders of rows give the same form.
func TestWhereATableHidesIsGone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		write := func(hide bool) string {
			rows := []string{}
			for i := range 12 {
				a, b := fmt.Sprintf("layer %d", i), strconv.FormatFloat(float64(i)/7, 'f', 4, 64)
				if hide {
					a = []string{a, "\"" + a + "\"", " " + a, strings.Replace(a, " ", "   ", 1)}[r.IntN(4)]
					b = []string{b, b + "00", "+" + b, " " + b, "0" + b}[r.IntN(5)]
				}
				rows = append(rows, a+","+b)
			}
			end := "\n"
			if hide {
				r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
				end = "\r\n"
			}
			return "name,value" + end + strings.Join(rows, end) + end
		}
		plain, _ := disclosure.Canonical(disclosure.CSV, []byte(write(false)), disclosure.Standard())
		hidden, err := disclosure.Canonical(disclosure.CSV, []byte(write(true)), disclosure.Standard())
		if err != nil || !bytes.Equal(plain, hidden) {
			t.Fatalf("%v\n%s\n%s", err, plain, hidden)
		}
	})
}

func TestAChargeIsNeverLessThanWhatItCanTell(t *testing.T) {
	if got := disclosure.Charge(nil); got != 16 {
		t.Errorf("nothing costs %d", got)
	}
	random := make([]byte, 4096)
	r := rand.New(rand.NewPCG(3, 4))
	for i := range random {
		random[i] = uint8(r.Uint32())
	}
	if got := disclosure.Charge([]disclosure.Form{{Kind: disclosure.PNG, Bytes: random}}); got < 8*4096 || got > 8*4096+8*16+17 {
		t.Errorf("4096 random bytes cost %d bits", got)
	}
	hex := fmt.Appendf(nil, "%x", random)
	if got := disclosure.Charge([]disclosure.Form{{Kind: disclosure.Text, Bytes: hex}}); got < 8*4096 || got > 8*6000 {
		t.Errorf("the same as 8192 digits costs %d bits", got)
	}
	// All files of so few bytes: as many as cost n bits are at most 2^(n+1).
	count := map[uint64]int{}
	for a := range 32 {
		for b := range 32 {
			count[disclosure.Charge([]disclosure.Form{{Kind: disclosure.Text, Bytes: []byte{byte(8 * a), byte(8*b + 1)}}})]++
		}
	}
	for bits, n := range count {
		if float64(n) > math.Pow(2, float64(bits+1)) {
			t.Errorf("%d files cost %d bits", n, bits)
		}
	}
	split := []disclosure.Form{{Kind: disclosure.Text, Bytes: hex[:100]}, {Kind: disclosure.Text, Bytes: hex[100:200]}}
	moved := []disclosure.Form{{Kind: disclosure.Text, Bytes: hex[:101]}, {Kind: disclosure.Text, Bytes: hex[101:200]}}
	if a, b := disclosure.Charge(split), disclosure.Charge(moved); a < 8*100 || b < 8*100 {
		t.Errorf("where files part is not counted: %d %d", a, b)
	}
}
