package agreement

import (
	"bytes"
	"fmt"
	"strings"
	"time"
	"unicode"

	"codeberg.org/go-pdf/fpdf"
)

const (
	margin = 20.0 // of a page, in millimetres
	font   = "Narthex"
	across = 72 // characters of a line of an exhibit: the widest of them fill a line, so that none is broken again
)

// imprint is what stands on every page of a PDF and in its head: its name, what it is known by, and its date.
type imprint struct {
	name, foot string
	at         time.Time
}

// asPDF sets the parts on pages, with the fonts within it, and the digest and number on each page. Nothing in it is of the
// clock or drawn: its dates are the document's own. It holds text alone, no links, scripts, forms or files.
func asPDF(parts []part, of imprint) ([]byte, error) {
	letters, err := newLetters()
	if err != nil {
		return nil, err
	}
	first, err := set(parts, of, letters, 0)
	if err != nil {
		return nil, err
	}
	pages := first.PageCount() // each page says how many there are, so it is set twice
	second, err := set(parts, of, letters, pages)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := second.Output(&out); err != nil {
		return nil, fmt.Errorf("write PDF: %w", err)
	}
	return out.Bytes(), nil
}

func set(parts []part, of imprint, letters *letters, pages int) (*fpdf.Fpdf, error) {
	f := fpdf.New("P", "mm", "A4", "")
	f.SetCatalogSort(true)
	f.SetCreationDate(of.at.UTC())
	f.SetModificationDate(of.at.UTC())
	f.SetProducer("Narthex", false)
	f.SetTitle(of.name, true)
	f.SetLang("en")
	f.SetMargins(margin, margin, margin)
	f.SetAutoPageBreak(true, margin+5)
	f.AddUTF8FontFromBytes(font, "", letters.plain)
	f.AddUTF8FontFromBytes(font, "B", letters.heavy)
	f.SetFooterFunc(func() {
		f.SetY(-margin)
		f.SetFont(font, "", 6.5)
		f.CellFormat(0, 4, shown(of.foot), "", 0, "L", false, 0, "")
		f.CellFormat(0, 4, fmt.Sprintf("page %d of %d", f.PageNo(), pages), "", 0, "R", false, 0, "")
	})
	f.AddPage()
	for _, p := range plain(parts) {
		if p.leaf {
			f.AddPage()
		}
		put(f, p)
	}
	if err := f.Error(); err != nil {
		return nil, fmt.Errorf("write PDF: %w", err)
	}
	return f, nil
}

// letters are the fonts.
type letters struct {
	plain, heavy []byte
}

func newLetters() (*letters, error) {
	plain, err := unpack(sans)
	if err != nil {
		return nil, err
	}
	heavy, err := unpack(sansBold)
	if err != nil {
		return nil, err
	}
	return &letters{plain, heavy}, nil
}

// put sets one part at the place where the last one ended.
func put(f *fpdf.Fpdf, p part) {
	width, height := f.GetPageSize()
	room := func(needed float64) {
		if f.GetY() > height-margin-5-needed {
			f.AddPage()
		}
	}
	set := func(style string, size, high, indent float64, text string) {
		f.SetFont(font, style, size)
		f.SetX(margin + indent)
		f.MultiCell(width-2*margin-indent, high, text, "", "L", false)
	}
	text, label := shown(p.text), shown(p.label)
	switch p.kind {
	case title:
		set("B", 17, 8, 0, text)
		f.Ln(3)
	case section:
		room(30) // a heading does not stand alone at the foot
		f.Ln(4)
		set("B", 11.5, 6, 0, text)
		f.Ln(1)
	case paragraph:
		set("", 9.5, 5, 0, text)
		f.Ln(2)
	case row:
		room(15)
		y := f.GetY()
		set("B", 8.5, 5, 0, label)
		f.SetY(y)
		set("", 8.5, 5, 34, text)
	case item:
		mark := "• "
		if label != "" {
			mark = label + "  "
		}
		set("", 9.5, 5, float64(p.level)*5, mark+text)
	case exhibit:
		for _, line := range folded(p.text) {
			set("", 6.5, 3.4, 0, line)
		}
	}
}

// shown gives text as the fonts can show it: what is hidden, and what they have no letter for or cannot set from left to right
// letter by letter, is shown as its code point.
func shown(text string) string {
	var out strings.Builder
	for _, r := range text {
		switch {
		case hidden(r) || !unicode.Is(printable, r):
			out.WriteString(codePoint(r))
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}

// folded breaks a long line of ASCII where neither side is a space, so that nothing is lost when the lines are joined.
func folded(text string) []string {
	var lines []string
	for len(text) > across {
		at := across
		for at > 1 && (text[at] == ' ' || text[at-1] == ' ') {
			at--
		}
		lines, text = append(lines, text[:at]), text[at:]
	}
	return append(lines, text)
}
