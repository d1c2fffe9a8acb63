package inspect_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"slices"
	"strings"
	"testing"

	"narthex/internal/disclosure"
	"narthex/internal/inspect"
)

// places gives every place that the rig hides in: those of carriers, and those that kinds of files have by how a text is broken and what
// stands beside its parts. No two differ by a number alone: each is broken, framed or spread otherwise.
func places() []carrier {
	all := slices.Clone(carriers)
	of := func(kind disclosure.Kind, name string, write func(h honest, text string) string) {
		all = append(all, carrier{string(kind) + ", " + name, func(h honest, b []byte) []inspect.File {
			return []inspect.File{named(kind, write(h, armour(h, b)))}
		}})
	}
	// Lines of a text, by what stands before and behind each part.
	for _, frame := range []struct{ name, format string }{
		{"quoted lines", "> %s"}, {"indented lines", "        %s"}, {"dashed lines", "- %s"}, {"starred lines", "* %s"}, {"numbered lines", "%[2]d. %[1]s"},
		{"lines of comments", "# %s"}, {"lines of comments of C", "// %s"}, {"lines of comments of SQL", "-- %s"}, {"lines in brackets", "[%s]"}, {"lines in parentheses", "(%s)"},
		{"lines in quotes", `"%s"`}, {"lines in single quotes", "'%s'"}, {"lines that end in a backslash", `%s \`}, {"lines that end in a comma", "%s,"}, {"assignments", "x%[2]d = %[1]s"},
		{"logs of steps", "step %[2]d: %[1]s"}, {"logs of times", "12:%02[2]d:07 INFO %[1]s"}, {"lines with offsets", "%08[2]x  %[1]s"}, {"tokens and counts", "%[1]s  %[2]d"}, {"arrows", "head %[2]d -> %[1]s"},
		{"names of layers", "blocks.%[2]d.mlp %[1]s"}, {"lines after a sentence", "This agrees with earlier work. %s"}, {"lines before a sentence", "%s is what we saw."}, {"empty lines between", "%s\n"},
		{"lines in braces", "{%s}"}, {"lines in angles", "<%s>"}, {"lines behind shares", "12%% %s"}, {"lines behind names", "note: %s"}, {"lines between numbers", "0.25 %s 0.75"}, {"lines behind a dollar", "$ %s"}, {"lines with an end", "%s <|end|>"}, {"lines behind paths", "runs/a/b.txt:%s"},
	} {
		for _, n := range []int{16, 48} {
			if frame.name == "names of layers" || frame.name == "lines after a sentence" {
				n += 16
			}
			of(disclosure.Text, fmt.Sprintf("%s, %d letters", frame.name, n), func(h honest, text string) string {
				out := h.prose(2) + "\n"
				for i, part := range broken(text, n) {
					format := frame.format
					if strings.Contains(format, "[2]") {
						out += fmt.Sprintf(format, part, i%60) + "\n"
					} else {
						out += fmt.Sprintf(format, part) + "\n"
					}
				}
				return out + h.prose(2) + "\n"
			})
		}
	}
	// Parts between other things of one line.
	for _, between := range []string{" ", "  ", " - ", "/", " | ", "; ", " and ", "..", " layer ", ", then "} {
		of(disclosure.Text, fmt.Sprintf("parts of a line between %q", between), func(h honest, text string) string {
			return h.prose(2) + "\n" + strings.Join(broken(strings.ReplaceAll(text, "\n", " "), 24), between) + "\n" + h.prose(1) + "\n"
		})
	}
	// Markdown's own places.
	for _, place := range []struct{ name, format string }{
		{"a heading", "# %s\n\n"}, {"inline code", "The value `%s` was seen.\n\n"}, {"bold", "The value **%s** was seen.\n\n"}, {"a link's text", "See [%s](appendix).\n\n"}, {"a link's place", "See [the appendix](%s).\n\n"},
		{"a picture's text", "![%s](plot.png)\n\n"}, {"a comment", "<!-- %s -->\n\n"}, {"a footnote", "It holds[^1].\n\n[^1]: %s\n\n"}, {"a reference", "[a]: %s\n\n"}, {"a task", "- [ ] %s\n\n"}, {"a block of mathematics", "$$\n%s\n$$\n\n"},
		{"front matter", "---\ntitle: %s\n---\n\n"}, {"an attribute", `<span title="%s">x</span>` + "\n\n"}, {"struck out", "~~%s~~\n\n"}, {"a quotation", "> %s\n\n"}, {"a definition", "term\n: %s\n\n"}, {"a fence's name", "```%s\nx\n```\n\n"},
	} {
		of(disclosure.Markdown, place.name, func(h honest, text string) string {
			text = strings.ReplaceAll(text, "\n", " ")
			return "# Results\n\n" + h.prose(2) + "\n\n" + fmt.Sprintf(place.format, text) + h.prose(2) + "\n"
		})
		of(disclosure.Markdown, place.name+", of each section", func(h honest, text string) string {
			out := "# Results\n\n"
			for _, part := range broken(strings.ReplaceAll(text, "\n", " "), 40) {
				out += fmt.Sprintf(place.format, part) + h.sentence() + "\n\n"
			}
			return out
		})
	}
	// Tables: which column, how wide, how it is framed.
	for _, n := range []int{4, 6, 8, 14, 32, 64} {
		of(disclosure.CSV, fmt.Sprintf("a column of %d", n), func(h honest, text string) string {
			out := "step,token,loss\n"
			for i, part := range broken(strings.ReplaceAll(text, "\n", " "), n) {
				out += fmt.Sprintf("%d,%s,%s\n", i, celled(part), h.float())
			}
			return out
		})
	}
	for _, frame := range []struct{ name, format string }{
		{"cells behind a name", "id-%s"}, {"cells in brackets", "[%s]"}, {"cells with a unit", "%s ms"}, {"cells behind a sign", "x=%s"}, {"cells of sentences", "the token %s was seen"}, {"cells of paths", "runs/%s/out"},
	} {
		of(disclosure.CSV, frame.name, func(h honest, text string) string {
			out := "step,token,loss\n"
			for i, part := range broken(strings.ReplaceAll(text, "\n", " "), 24) {
				out += fmt.Sprintf("%d,%s,%s\n", i, celled(fmt.Sprintf(frame.format, part)), h.float())
			}
			return out
		})
	}
	of(disclosure.CSV, "two columns", func(h honest, text string) string {
		out := "step,a,b\n"
		for i, pair := range broken(strings.ReplaceAll(text, "\n", " "), 24) {
			both := broken(pair+strings.Repeat(" ", 24-len(pair)), 12)
			out += fmt.Sprintf("%d,%s,%s\n", i, celled("u"+both[0]), celled("v"+both[1]))
		}
		return out
	})
	of(disclosure.CSV, "names of columns", func(h honest, text string) string {
		names, row := []string{"step"}, []string{"1"}
		for i, part := range broken(strings.ReplaceAll(text, "\n", " "), 40) {
			names, row = append(names, celled(fmt.Sprintf("c%d %s", i, part))), append(row, h.float())
		}
		return strings.Join(names, ",") + "\n" + strings.Join(row, ",") + "\n"
	})
	of(disclosure.CSV, "a row", func(h honest, text string) string {
		var names, row []string
		for i, part := range broken(strings.ReplaceAll(text, "\n", " "), 40) {
			names, row = append(names, fmt.Sprintf("c%d", i)), append(row, celled(part))
		}
		return strings.Join(names, ",") + "\n" + strings.Join(row, ",") + "\n"
	})
	// Numbers that are bytes: in rows, columns, digits and fractions.
	numbers := func(kind disclosure.Kind, name string, write func(h honest, b []byte) string) {
		all = append(all, carrier{string(kind) + ", " + name, func(h honest, b []byte) []inspect.File {
			return []inspect.File{named(kind, write(h, b))}
		}})
	}
	for _, way := range []struct {
		name string
		of   func(c byte) string
	}{
		{"bytes", func(c byte) string { return fmt.Sprint(c) }},
	} {
		numbers(disclosure.CSV, "a column of "+way.name, func(h honest, b []byte) string {
			out := "step,value\n"
			for i, c := range b {
				out += fmt.Sprintf("%d,%s\n", i, way.of(c))
			}
			return out
		})
		numbers(disclosure.JSON, "a list of "+way.name, func(h honest, b []byte) string {
			return `{"bins":[` + string(each(b, ",", way.of)) + `],"n":12}`
		})
		numbers(disclosure.JSON, "rows of "+way.name, func(h honest, b []byte) string {
			var rows []string
			for row := range slices.Chunk(b, 8) {
				rows = append(rows, "["+string(each(row, ",", way.of))+"]")
			}
			return `{"map":[` + strings.Join(rows, ",") + `]}`
		})
		numbers(disclosure.Text, "lines of "+way.name, func(h honest, b []byte) string {
			return h.prose(2) + "\n" + string(each(b, "\n", way.of)) + "\n"
		})
		numbers(disclosure.Markdown, "a table of "+way.name, func(h honest, b []byte) string {
			out := h.prose(1) + "\n\n| a | b | c | d |\n|---|---|---|---|\n"
			for row := range slices.Chunk(b, 4) {
				out += "| " + string(each(row, " | ", way.of)) + strings.Repeat(" | 0", 4-len(row)) + " |\n"
			}
			return out
		})
	}
	// JSON: names, values, depth.
	for _, n := range []int{8, 40} {
		of(disclosure.JSON, fmt.Sprintf("objects in one another, names of %d", n), func(h honest, text string) string {
			parts := broken(strings.ReplaceAll(text, "\n", " "), max(n, (len(text)+39)/40))
			out := "1"
			for i := len(parts) - 1; i >= 0; i-- {
				out = "{" + quoted(parts[i]) + ":" + out + "}"
			}
			return out
		})
		of(disclosure.JSON, fmt.Sprintf("values of %d under names", n), func(h honest, text string) string {
			var all []string
			for i, part := range broken(text, n) {
				all = append(all, fmt.Sprintf(`"k%05d":%s`, i, quoted(part)))
			}
			return "{" + strings.Join(all, ",") + "}"
		})
		of(disclosure.JSON, fmt.Sprintf("records with a field of %d", n), func(h honest, text string) string {
			var all []string
			for i, part := range broken(text, n) {
				all = append(all, fmt.Sprintf(`{"loss":%s,"step":%d,"token":%s}`, h.float(), i, quoted(part)))
			}
			return "[" + strings.Join(all, ",") + "]"
		})
	}
	of(disclosure.JSON, "a document of one string", func(h honest, text string) string { return quoted(text) })
	// Over several files, and files of several kinds.
	for _, n := range []int{2} {
		all = append(all, carrier{fmt.Sprintf("text, over %d files", n), func(h honest, b []byte) (files []inspect.File) {
			text := armour(h, b)
			for i, part := range broken(text, (len(text)+n-1)/n) {
				files = append(files, inspect.File{Name: fmt.Sprintf("part-%d.txt", i), Kind: disclosure.Text, Bytes: []byte(h.prose(2) + "\n" + part + "\n")})
			}
			return files
		}})
	}
	all = append(all, carrier{"text and json, over two files", func(h honest, b []byte) []inspect.File {
		text := armour(h, b)
		half := len(text) / 2
		return []inspect.File{named(disclosure.Text, h.prose(2)+"\n"+text[:half]+"\n"), named(disclosure.JSON, `{"note":`+quoted(text[half:])+`}`)}
	}})
	// Pixels.
	for _, bits := range []int{1, 2, 6} {
		for _, down := range []bool{false, true} {
			for _, wide := range []int{48, 128, 260} {
				all = append(all, carrier{fmt.Sprintf("png, %d bits, %d wide, downward %v", bits, wide, down), func(h honest, b []byte) []inspect.File {
					return painted(b, bits, wide, down)
				}})
			}
		}
	}
	return all
}

// painted hides bytes in a rectangle of a plot that is as wide as stated.
func painted(b []byte, bits, wide int, down bool) []inspect.File {
	for len(b) < 200 {
		b = append(b[:len(b):len(b)], b...)
	}
	pixels := (len(b)*8 + bits - 1) / bits
	long := pixels/wide + 1
	if long > 900 {
		return nil
	}
	across, height := wide+60, long+60
	if down {
		across, height = height, across
	}
	m := image.NewPaletted(image.Rect(0, 0, across, height), nil)
	for i := range 1 << bits {
		m.Palette = append(m.Palette, color.RGBA{uint8(i * 4), uint8(i * 4), uint8(i * 4), 255})
	}
	for i := range pixels {
		v := 0
		for k := range bits {
			at := i*bits + k
			v <<= 1
			if at/8 < len(b) && b[at/8]>>(7-at%8)&1 == 1 {
				v |= 1
			}
		}
		x, y := 24+i%wide, 24+i/wide
		if down {
			x, y = y, x
		}
		m.SetColorIndex(x, y, uint8(v))
	}
	var out bytes.Buffer
	if png.Encode(&out, m) != nil {
		return nil
	}
	return []inspect.File{{Name: "plot.png", Kind: disclosure.PNG, Bytes: out.Bytes()}}
}

// taken are the places that a form takes away: each writes eight bits, and nothing of them may be left.
var taken = []struct {
	name  string
	kind  disclosure.Kind
	write func(bits []bool) string
}{
	{"a character of no width", disclosure.Text, choose("\u200b", "", "a")}, {"a joiner", disclosure.Text, choose("\u200d", "\u200c", "a")}, {"a mark of direction", disclosure.Text, choose("\u200e", "\u200f", "a")},
	{"an override of direction", disclosure.Markdown, choose("\u202e", "\u202d", "a")}, {"a tag", disclosure.Text, choose("\U000e0041", "\U000e0042", "a")}, {"a variation", disclosure.Text, choose("\ufe0f", "\ufe0e", "a")},
	{"a soft hyphen", disclosure.Text, choose("\u00ad", "", "a")}, {"a hard space", disclosure.Text, choose("\u00a0", " ", "a")}, {"a thin space", disclosure.Text, choose("\u2009", " ", "a")}, {"a wide space", disclosure.Markdown, choose("\u3000", " ", "a")},
	{"a mark that combines", disclosure.Text, choose("e\u0301", "\u00e9", "")}, {"a Cyrillic letter", disclosure.Text, choose("\u0430", "a", "")}, {"a Greek letter that looks like another", disclosure.Text, choose("\u0391", "A", "")},
	{"a letter of full width", disclosure.Text, choose("\uff21", "A", "")}, {"a private character", disclosure.Text, choose("\ue000", "\ue001", "")}, {"a control", disclosure.Text, choose("\x01", "\x02", "a")}, {"a mark of bytes", disclosure.Text, choose("\ufeff", "", "a")},
	{"spaces at ends of lines", disclosure.Text, choose(" \n", "\n", "a")}, {"tabs at ends of lines", disclosure.Text, choose("\t\n", "\n", "a")}, {"tabs and spaces", disclosure.Text, choose("\n\tb", "\n    b", "a")}, {"ends of lines", disclosure.Text, choose("\r\n", "\n", "a")},
	{"more than two empty lines", disclosure.Text, choose("\n\n\n\n\n", "\n\n\n", "a")}, {"digits beyond the fourth", disclosure.Text, choose("0.12341 ", "0.12342 ", "")}, {"noughts behind a number", disclosure.Text, choose("1.50 ", "1.5 ", "")},
	{"how a number is written", disclosure.JSON, list("1e2", "100")}, {"digits of JSON", disclosure.JSON, list("0.12341", "0.12342")}, {"the sign of nothing", disclosure.JSON, list("-0.0", "0")}, {"escapes of JSON", disclosure.JSON, list(`"\u0061"`, `"a"`)}, {"spaces of JSON", disclosure.JSON, list(" 1", "1")},
	{"spaces around cells", disclosure.CSV, rows(" x", "x")}, {"quotes around cells", disclosure.CSV, rows(`"x"`, "x")}, {"noughts before numbers", disclosure.CSV, rows("007", "7")}, {"a plus sign", disclosure.CSV, rows("+7", "7")}, {"digits of cells", disclosure.CSV, rows("0.12341", "0.12342")},
	{"the order of rows", disclosure.CSV, func(bits []bool) string {
		var head, tail []string
		for i, bit := range bits {
			if bit {
				head = append(head, fmt.Sprint(i))
			} else {
				tail = append(tail, fmt.Sprint(i))
			}
		}
		return "a\n" + strings.Join(append(head, tail...), "\n") + "\n"
	}},
	{"the order of names", disclosure.JSON, func(bits []bool) string {
		var head, tail []string
		for i, bit := range bits {
			if name := fmt.Sprintf(`"k%d":1`, i); bit {
				head = append(head, name)
			} else {
				tail = append(tail, name)
			}
		}
		return "{" + strings.Join(append(head, tail...), ",") + "}"
	}},
}

// choose writes one of two things for each bit, each behind a letter or nothing.
func choose(yes, no, behind string) func([]bool) string {
	return func(bits []bool) string {
		var out strings.Builder
		for _, bit := range bits {
			out.WriteString(behind + map[bool]string{true: yes, false: no}[bit])
		}
		return out.String() + "b"
	}
}

func list(yes, no string) func([]bool) string {
	return func(bits []bool) string {
		var all []string
		for _, bit := range bits {
			all = append(all, map[bool]string{true: yes, false: no}[bit])
		}
		return "[" + strings.Join(all, ",") + "]"
	}
}

func rows(yes, no string) func([]bool) string {
	return func(bits []bool) string {
		out := "n,v\n"
		for i, bit := range bits {
			out += fmt.Sprintf("%d,%s\n", i, map[bool]string{true: yes, false: no}[bit])
		}
		return out
	}
}

// TestWhatAFormTakesAwayCarriesNothing writes every eight bits in each such place: whatever has a form has the same.
func TestWhatAFormTakesAwayCarriesNothing(t *testing.T) {
	for _, place := range taken {
		forms := map[string]bool{}
		for n := range 256 {
			bits := make([]bool, 8)
			for i := range bits {
				bits[i] = n>>i&1 == 1
			}
			if form, err := disclosure.Canonical(place.kind, []byte(place.write(bits)), disclosure.Standard()); err == nil {
				forms[string(form)] = true
			}
		}
		if len(forms) > 1 {
			t.Errorf("%s carries: %d forms", place.name, len(forms))
		}
	}
	names := map[string]bool{}
	for _, place := range places() {
		names[place.name] = true
	}
	if len(names) != len(places()) || len(names)+len(taken) < 200 {
		t.Errorf("%d places of %d names that are looked into, and %d that the form takes away", len(places()), len(names), len(taken))
	}
}
