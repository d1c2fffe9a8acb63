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
	var lasts []byte
	few := len(f.Bytes)/8 + 1
	words, ends, large := make([]byte, 0, few), make([]byte, 0, few), make([]byte, 0, few)
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
		all[0].rows = rowsOf(f.Bytes)
		var wordy []int // columns
		for i, column := range columns(all[0].rows) {
			name := "column " + strconv.Itoa(i+1)
			also(name, false, joined(column, "\n"))
			if !measured(column[1:]) {
				together(name+" together", sewn(column[1:]))
				wordy = append(wordy, i)
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
		if cells := rowwise(all[0].rows, wordy); len(cells) >= gram {
			all = append(all, piece{file: f.Name, within: []string{"cells together"}, bytes: cells, joined: true})
			together("cells together", cells)
		}
	case disclosure.JSON:
		texts, values := stringsOf(f.Bytes)
		also("strings", false, joined(texts, "\n"))
		together("strings together", sewn(texts))
		if len(values) < len(texts) {
			also("values", false, joined(values, "\n"))
			together("values together", sewn(values))
		}
		if len(f.Bytes) <= tailed {
			together("strings without their first words", tails(joined(texts, "\n"), 1))
		}
	default:
		if bytes.Count(f.Bytes, []byte("\n")) > 1 {
			together("lines together", bytes.ReplaceAll(f.Bytes, []byte("\n"), nil))
		}
		if rest := wordless(f.Bytes); len(rest)*16 < len(f.Bytes)*15 && (len(rest)*4 >= len(f.Bytes) || len(f.Bytes) <= tailed) {
			all = append(all, piece{file: f.Name, within: []string{"without its words"}, bytes: rest, joined: true})
		}
		for i, column := range columns(pipes(f.Bytes)) {
			together("column "+strconv.Itoa(i+1)+" together", sewn(column))
		}
		if len(f.Bytes) <= tailed {
			together("lines without their frames", unframed(f.Bytes, false))
			together("lines without their frames and last words", unframed(f.Bytes, true))
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
func measured(cells []string) bool {
	n := 0
	for _, cell := range cells {
		if len(cell) < 16 && (len(cell) <= 7 || strings.ContainsAny(cell, ".e")) && figures(cell) {
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

// unframed puts together what lines hold within the signs with which they and their neighbours begin and end, and without their last
// words where those are left out.
func unframed(b []byte, last bool) []byte {
	var lines [][]byte
	for line := range bytes.Lines(b) {
		line = bytes.TrimRight(line, "\n")
		if at := bytes.LastIndexByte(line, ' '); last && at > 0 {
			line = bytes.TrimRight(line[:at], " ")
		}
		lines = append(lines, line)
	}
	shared := func(line, other []byte) (head, tail int) {
		most := min(len(line), len(other))
		for head < most && line[head] == other[head] && sign[line[head]] == 0 {
			head++
		}
		for tail < most-head && line[len(line)-1-tail] == other[len(other)-1-tail] && sign[line[len(line)-1-tail]] == 0 {
			tail++
		}
		return head, tail
	}
	inner := make([]string, len(lines))
	for i, line := range lines {
		head, tail := 0, 0
		for _, other := range []int{i - 2, i - 1, i + 1, i + 2} { // one of them may begin with the same by chance
			if other >= 0 && other < len(lines) {
				h, t := shared(line, lines[other])
				head, tail = max(head, h), max(tail, t)
			}
		}
		inner[i] = string(line[min(head, len(line)):max(min(head, len(line)), len(line)-tail)])
	}
	return sewn(inner)
}

// rowwise puts the cells of some columns together, row by row, each without the letters that all of its column begin with.
func rowwise(rows [][]string, columns []int) []byte {
	if len(columns) < 2 || len(rows) < 3 {
		return nil
	}
	heads := make([]int, len(columns))
	for i, column := range columns {
		first := ""
		for n, row := range rows[1:] {
			if column >= len(row) {
				continue
			}
			if cell := row[column]; n == 0 {
				first = cell
			} else {
				for !strings.HasPrefix(cell, first) {
					first = first[:len(first)-1]
				}
			}
		}
		heads[i] = len(first)
	}
	var cells []string
	for _, row := range rows[1:] {
		for i, column := range columns {
			if column < len(row) {
				cells = append(cells, row[column][heads[i]:])
			}
		}
	}
	return sewn(cells)
}

// sewn puts parts of a list of numbers together: where the digits at an end and at the next beginning are no byte together, what parted
// them was lost, as a space at the end of a cell is.
func sewn(parts []string) []byte {
	out := make([]byte, 0, len(parts))
	for _, part := range parts {
		tail, head := 0, 0
		for tail < 4 && tail < len(out) && sign[out[len(out)-1-tail]] == digit {
			tail++
		}
		for head < 4 && head < len(part) && sign[part[head]] == digit {
			head++
		}
		if tail > 0 && tail < 4 && head > 0 && head < 4 {
			if v, err := strconv.Atoi(string(out[len(out)-tail:]) + part[:head]); err == nil && v > 255 {
				out = append(out, ' ')
			}
		}
		out = append(out, part...)
	}
	return out
}

// stringsOf gives the strings of a JSON document without their escapes, and those of them that are no names.
func stringsOf(b []byte) (all, values []string) {
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
		all = append(all, string(text))
		if i+1 >= len(b) || b[i+1] != ':' {
			values = append(values, all[len(all)-1])
		}
	}
	return all, values
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
func columns(rows [][]string) (all [][]string) {
	for _, row := range rows {
		for i, cell := range row {
			if i == len(all) {
				all = append(all, nil)
			}
			all[i] = append(all[i], cell)
		}
	}
	return all
}

// joined puts cells together.
func joined(cells []string, between string) []byte {
	size := 0
	for _, cell := range cells {
		size += len(cell) + len(between)
	}
	out := make([]byte, 0, size)
	for i, cell := range cells {
		if i > 0 {
			out = append(out, between...)
		}
		out = append(out, cell...)
	}
	return out
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
