package agreement_test

import (
	"bytes"
	"compress/zlib"
	"io"
	"regexp"
	"strings"
	"testing"
	"unicode/utf16"

	"narthex/internal/agreement"
)

// readPDF gives the text of a PDF's pages, a line each, from its content streams. It knows no more of PDF than that text here is
// UTF-16 in brackets before Tj.
func readPDF(t testing.TB, data []byte) string {
	t.Helper()
	var out strings.Builder
	for _, stream := range streams(t, data) {
		if !bytes.Contains(stream, []byte("BT ")) {
			continue
		}
		for at := bytes.Index(stream, []byte("Td (")); at >= 0; at = bytes.Index(stream, []byte("Td (")) {
			stream = stream[at+len("Td ("):]
			var raw []byte
			i := 0
			for ; stream[i] != ')'; i++ {
				if stream[i] == '\\' {
					i++
					if stream[i] == 'r' {
						raw = append(raw, '\r')
						continue
					}
				}
				raw = append(raw, stream[i])
			}
			units := make([]uint16, len(raw)/2)
			for j := range units {
				units[j] = uint16(raw[2*j])<<8 | uint16(raw[2*j+1])
			}
			out.WriteString(string(utf16.Decode(units)) + "\n")
			stream = stream[i:]
		}
	}
	return out.String()
}

func streams(t testing.TB, data []byte) [][]byte {
	t.Helper()
	var out [][]byte
	for {
		_, after, found := bytes.Cut(data, []byte("stream\n"))
		if !found {
			return out
		}
		raw, rest, _ := bytes.Cut(after, []byte("\nendstream"))
		data = rest
		if z, err := zlib.NewReader(bytes.NewReader(raw)); err == nil {
			if raw, err = io.ReadAll(z); err != nil {
				t.Fatal(err)
			}
		}
		out = append(out, raw)
	}
}

func TestThePDFHasItsFontsAndNothingThatActs(t *testing.T) {
	made := input(t)
	made.Engagement.Application.Title = "/JavaScript /URI /AA (x) https://x.test/ Ёлка 研究 ﷽ שלום e\u0301 \U0001f600"
	a, digest := render(t, made)
	data := []byte(in(t, agreement.Document{Taxonomy: made.Taxonomy, Agreement: a}, agreement.PDF))
	text := readPDF(t, data)
	for _, want := range []string{"Ёлка", "⟦U+7814⟧⟦U+7A76⟧", "⟦U+FDFD⟧", "⟦U+05E9⟧", "e⟦U+0301⟧", "⟦U+1F600⟧"} {
		if !strings.Contains(text, want) {
			t.Errorf("the text lacks %q: %.300s", want, text)
		}
	}
	for _, no := range []string{"/JS", "/JavaScript", "/URI", "/Annots", "/AA", "/OpenAction", "/Launch", "/Filespec", "/EmbeddedFile ", "/AcroForm", "/Encrypt"} {
		if bytes.Contains(data, []byte(no)) {
			t.Errorf("the file holds %s", no)
		}
	}
	if n := bytes.Count(data, []byte("/FontFile2")); n != 2 || bytes.Contains(data, []byte("/Subtype /Type1")) {
		t.Errorf("it holds %d fonts, or leans on the reader's", n)
	}
	if dates := regexp.MustCompile(`/(Creation|Mod)Date \(D:20260102030405\)`).FindAll(data, -1); len(dates) != 2 {
		t.Error("its dates are not the agreement's")
	}
	pages := bytes.Count(data, []byte("/Type /Page\n"))
	if footers := regexp.MustCompile(string(a.Engagement)+", "+string(digest)+"\npage \\d+ of \\d+\n").FindAllString(text, -1); len(footers) != pages || pages < 4 {
		t.Errorf("%d of %d pages state the digest and their number", len(footers), pages)
	}
}
