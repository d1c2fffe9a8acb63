package inspect

import (
	"bytes"
	"encoding/csv"
	"slices"
	"strconv"
	"strings"

	"narthex/internal/disclosure"
)

// roots gives a file as it is and as it can be read otherwise: by columns, by the first letters of lines, and so on. The first is the
// file. A picture has none: its pixels are looked at, and not its bytes.
func roots(f File) (all []piece) {
	if f.Kind == disclosure.PNG {
		return nil
	}
	whole := piece{file: f.Name, line: 1, bytes: f.Bytes, kind: f.Kind}
	all = append(all, whole)
	also := func(name string, faint bool, b []byte) {
		if len(b) >= gram {
			all = append(all, piece{file: f.Name, within: []string{name}, bytes: b, faint: faint})
		}
	}
	var firsts [8][]byte // the letters of lines by their place
	var lasts, words, ends, large []byte
	first, lettered := byte(0), false // of the word that is read: a number alone is none
	for line := range bytes.Lines(f.Bytes) {
		if line = bytes.TrimRight(line, "\n"); len(line) == 0 {
			continue
		}
		for i := range min(len(firsts), len(line)) {
			firsts[i] = append(firsts[i], line[i])
		}
		lasts = append(lasts, line[len(line)-1])
	}
	for i, c := range f.Bytes {
		if s := sign[c]; s == 0 {
			if lettered {
				words, ends = append(words, first), append(ends, f.Bytes[i-1])
			}
			first, lettered = 0, false
		} else {
			if first == 0 {
				first = c
			}
			lettered = lettered || s != digit
		}
		if c >= 'A' && c <= 'Z' {
			large = append(large, c)
		}
	}
	for i, letters := range firsts {
		also("letter "+strconv.Itoa(i+1)+" of each line", true, letters)
	}
	also("last letter of each line", true, lasts)
	also("first letter of each word", true, words)
	also("last letter of each word", true, ends)
	also("capitals", true, large)
	together := func(name string, b []byte) {
		all = append(all, piece{file: f.Name, within: []string{name}, bytes: b, listed: true})
	}
	switch f.Kind {
	case disclosure.CSV:
		for i, column := range columns(rowsOf(f.Bytes)) {
			name := "column " + strconv.Itoa(i+1)
			also(name, false, bytes.Join(column, []byte("\n")))
			if !measured(column[1:]) {
				together(name+" together", bytes.Join(column[1:], nil))
			}
			var first, last []byte
			for _, cell := range column[1:] {
				if len(cell) > 0 {
					first, last = append(first, cell[0]), append(last, cell[len(cell)-1])
				}
			}
			also("first letters of "+name, true, first)
			also("last letters of "+name, true, last)
		}
	case disclosure.JSON:
		texts := stringsOf(f.Bytes)
		also("strings", false, bytes.Join(texts, []byte("\n")))
		together("strings together", bytes.Join(texts, nil))
		if len(f.Bytes) <= tailed {
			together("strings without their first words", tails(bytes.Join(texts, []byte("\n")), 1))
		}
	default:
		if bytes.Count(f.Bytes, []byte("\n")) > 1 {
			together("lines together", bytes.ReplaceAll(f.Bytes, []byte("\n"), nil))
		}
		if rest := wordless(f.Bytes); len(rest)*16 < len(f.Bytes)*15 && (len(rest)*4 >= len(f.Bytes) || len(f.Bytes) <= tailed) {
			all = append(all, piece{file: f.Name, within: []string{"without its words"}, bytes: rest, joined: true})
		}
		for i, column := range columns(pipes(f.Bytes)) {
			together("column "+strconv.Itoa(i+1)+" together", bytes.Join(column, nil))
		}
		if len(f.Bytes) <= tailed {
			for n := range 8 {
				all = append(all, piece{file: f.Name, within: []string{"lines without their first " + strconv.Itoa(n+1) + " words"}, bytes: tails(f.Bytes, n+1), listed: true})
			}
		}
		if gaps := gaps(f.Bytes); len(gaps) >= 8*gram {
			for shift := range 8 {
				also("spaces between words", true, packedBits(gaps[shift:], false))
				also("spaces between words", true, packedBits(gaps[shift:], true))
			}
		}
	}
	return all
}

// wordless leaves the words of a text out and puts together what stood between them.
func wordless(b []byte) []byte {
	out := make([]byte, 0, len(b))
	kept := false // whether the token before was
	for line := range bytes.Lines(b) {
		for token := range bytes.SplitSeq(bytes.TrimRight(line, "\n"), []byte(" ")) {
			plain := len(token) > 0
			for i, c := range token {
				s := sign[c]
				plain = plain && (s >= 1 && s < digit && (c&0x20 != 0 || i == 0) || s == beyond || i > 0 && i+2 >= len(token) && (c == '.' || c == ',' || c == ')' || c == ';' || c == ':') || i == 0 && c == '(')
			}
			if plain {
				kept = false
				continue
			}
			if kept {
				out = append(out, ' ')
			}
			out, kept = append(out, token...), true
		}
		if kept {
			out, kept = append(out, '\n'), false
		}
	}
	return out
}

// measured says whether nine in ten cells are numbers as results have them: with a point or an exponent, or short.
func measured(cells [][]byte) bool {
	n := 0
	for _, cell := range cells {
		if len(cell) < 16 && figures(string(cell)) && (len(cell) <= 7 || bytes.ContainsAny(cell, ".e")) {
			n++
		}
	}
	return n*10 >= len(cells)*9
}

// tailed is up to how many bytes a text is read without the first words of its lines.
const tailed = 64 << 10

// tails puts together what lines hold behind so many words.
func tails(b []byte, words int) (out []byte) {
	for line := range bytes.Lines(b) {
		for range words {
			_, line, _ = bytes.Cut(line, []byte(" "))
		}
		out = append(out, bytes.TrimRight(line, "\n")...)
	}
	return out
}

// stringsOf gives the strings of a JSON document, names among them, without their escapes.
func stringsOf(b []byte) (all [][]byte) {
	for i := 0; i < len(b); i++ {
		if b[i] != '"' {
			continue
		}
		from := i + 1
		for i = from; i < len(b) && b[i] != '"'; i++ {
			if b[i] == '\\' {
				i++
			}
		}
		text := b[from:min(i, len(b))]
		if out, _ := escaped(text, '\\', 0); out != nil {
			text = out
		}
		all = append(all, text)
	}
	return all
}

// rowsOf gives the rows of a table, as far as it is one.
func rowsOf(b []byte) [][]string {
	in := csv.NewReader(bytes.NewReader(b))
	in.FieldsPerRecord = -1
	rows, err := in.ReadAll()
	if err != nil {
		return nil
	}
	return rows
}

// pipes gives the rows of the tables that Markdown writes, with the spaces of their cells but one on each side.
func pipes(b []byte) (rows [][]string) {
	for line := range bytes.Lines(b) {
		if line = bytes.TrimRight(line, "\n"); len(line) > 1 && line[0] == '|' {
			row := strings.Split(strings.Trim(string(line), "|"), "|")
			for i, cell := range row {
				row[i] = strings.TrimSuffix(strings.TrimPrefix(cell, " "), " ")
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// columns gives the cells of each column, its name first.
func columns(rows [][]string) (all [][][]byte) {
	for _, row := range rows {
		for i, cell := range row {
			if i == len(all) {
				all = append(all, nil)
			}
			all[i] = append(all[i], []byte(cell))
		}
	}
	return all
}

// gaps gives for each space between words of a line whether it is a wide one; none where they are all alike.
func gaps(b []byte) (wide []bool) {
	some := 0
	for i := 1; i < len(b); {
		if b[i] != ' ' || b[i-1] == '\n' || b[i-1] == ' ' {
			i++
			continue
		}
		from := i
		for i < len(b) && b[i] == ' ' {
			i++
		}
		wide = append(wide, i-from > 1)
		if i-from > 1 {
			some++
		}
	}
	if some*10 < len(wide) {
		return nil
	}
	return wide
}

// packedBits makes bytes of bits, the highest or the lowest first.
func packedBits(bits []bool, lowFirst bool) []byte {
	out := make([]byte, 0, len(bits)/8)
	for group := range slices.Chunk(bits, 8) {
		if len(group) < 8 {
			break
		}
		var b byte
		for i, bit := range group {
			if bit && lowFirst {
				b |= 1 << i
			} else if bit {
				b |= 0x80 >> i
			}
		}
		out = append(out, b)
	}
	return out
}
