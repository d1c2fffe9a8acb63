package agreement

import "time"

// Sheet is a document of our words that is no agreement, to be read on a terminal or as a PDF. The same Sheet gives the same bytes.
// All its text may be anyone's: each form makes it inert.
type Sheet struct {
	Name string    // of the document, which begins it
	Foot string    // on every page
	At   time.Time // the document's own date

	parts []part
}

// Section adds a heading.
func (s *Sheet) Section(text string) { s.parts = append(s.parts, part{kind: section, text: text}) }

// Paragraph adds text.
func (s *Sheet) Paragraph(text string) { s.parts = append(s.parts, part{kind: paragraph, text: text}) }

// Row adds a label with a text, where there is one.
func (s *Sheet) Row(label, text string) {
	if text != "" {
		s.parts = append(s.parts, part{kind: row, label: label, text: text})
	}
}

// Item adds an item of a list, at a level from 1.
func (s *Sheet) Item(level int, label, text string) {
	s.parts = append(s.parts, part{kind: item, level: level, label: label, text: text})
}

func (s *Sheet) all() []part { return append([]part{{kind: title, text: s.Name}}, s.parts...) }

// Text gives it for a terminal.
func (s *Sheet) Text() (string, error) { return asText(s.all()) }

// PDF gives it on pages.
func (s *Sheet) PDF() ([]byte, error) { return asPDF(s.all(), imprint{s.Name, s.Foot, s.At}) }
