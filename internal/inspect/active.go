package inspect

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"narthex/internal/disclosure"
)

// hidden looks for characters that are not seen, or that look like others.
func (l *look) hidden(p piece) {
	b := p.bytes
	latin, other := false, false
	for i := 0; i < len(b); {
		if b[i] < 0x80 {
			if s := sign[b[i]]; s == 0 {
				latin, other = false, false
			} else if s < digit {
				latin = true
			}
			i++
			continue
		}
		r, n := utf8.DecodeRune(b[i:])
		if unseen(r) {
			l.find(p, i, Hidden, "hidden: character that is not seen", "it holds a character that is not seen, or that changes how its neighbours are shown")
		}
		if unicode.IsLetter(r) {
			alien := !unicode.Is(unicode.Latin, r) && (!unicode.Is(unicode.Greek, r) || strings.ContainsRune("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧνο", r))
			latin, other = latin || !alien, other || alien
			if latin && other {
				l.find(p, i, Hidden, "hidden: word of two scripts", "a word has letters of two scripts that look alike")
				latin, other = false, false
			}
		}
		i += n
	}
}

// unseen says whether a character leaves no mark of its own, or turns or joins others.
func unseen(r rune) bool {
	switch {
	case r == utf8.RuneError:
		return false
	case unicode.Is(unicode.Cf, r), unicode.Is(unicode.Mn, r), unicode.Is(unicode.Co, r), unicode.Is(unicode.Cc, r):
		return true
	}
	return r == 0xa0 || r >= 0x2000 && r <= 0x200a || r == 0x2028 || r == 0x2029 || r == 0x202f || r == 0x205f || r == 0x3000 || r == 0x3164 || r == 0x115f || r == 0x1160 || r == 0xffa0 || r == 0x2800 || r == 0x34f
}

// active looks for what a reader's program would run, open or fetch.
func (l *look) active(p piece) {
	b := p.bytes
	for i := 0; ; {
		next := bytes.IndexByte(b[i:], '<')
		if next < 0 {
			break
		}
		i += next + 1
		for _, tag := range tags {
			if end := i + len(tag); end < len(b) && bytes.EqualFold(b[i:end], []byte(tag)) && folds[b[end]] == 0 {
				l.find(p, i, Active, "active: markup", "it holds markup that a reader's program may run or fetch ("+tag+")")
				break
			}
		}
	}
	for i := 0; ; {
		next := bytes.IndexByte(b[i:], ':')
		if next < 0 {
			break
		}
		i += next
		for _, scheme := range []string{"javascript", "vbscript", "data"} {
			if start := i - len(scheme); start >= 0 && bytes.EqualFold(b[start:i], []byte(scheme)) && (scheme != "data" || bytes.IndexByte(b[i:min(len(b), i+40)], '/') > 0 && bytes.IndexAny(b[i:min(len(b), i+40)], ",;") > 0 && bytes.IndexAny(b[i:min(len(b), i+8)], " \n\"") < 0) {
				l.find(p, i, Active, "active: link", "it holds a link that a reader's program may run ("+scheme+":)")
			}
		}
		if p.kind == disclosure.Markdown && bytes.HasPrefix(b[i:], []byte("://")) {
			l.find(p, i, Active, "active: link", "it links to another place, which a reader's program may fetch")
		}
		i++
	}
	if p.kind == disclosure.Markdown {
		for i := 0; ; {
			next := bytes.Index(b[i:], []byte("!["))
			if next < 0 {
				break
			}
			i += next
			l.find(p, i, Active, "active: picture", "it shows a picture of another place")
			i++
		}
	}
}

// tags are the elements of HTML that do something.
var tags = strings.Fields("script img svg iframe a object embed link style form input button meta base video audio body html image frame frameset applet foreignobject math template noscript !doctype ?xml")

// formulas looks for cells that a spreadsheet would count out.
func (l *look) formulas(p piece, rows [][]string) {
	at := 0
	for _, row := range rows {
		for _, cell := range row {
			if cell != "" && strings.ContainsRune("=+-@", rune(cell[0])) && !figures(cell[1:]) {
				l.find(p, at, Active, "active: formula", "a cell begins as a formula does, which a spreadsheet would count out")
			}
		}
		if next := bytes.IndexByte(p.bytes[at:], '\n'); next >= 0 {
			at += next + 1
		}
	}
}

// figures says whether what stands behind a sign is a number, a missing one, or nothing.
func figures(text string) bool {
	switch strings.ToLower(text) {
	case "", "inf", "nan", "infinity", "-", "--":
		return true
	}
	return strings.Trim(text, "0123456789.eE+-%") == "" && strings.ContainsAny(text, "0123456789") && !strings.ContainsAny(strings.ReplaceAll(strings.ReplaceAll(strings.ToLower(text), "e-", "e"), "e+", "e"), "+-")
}
