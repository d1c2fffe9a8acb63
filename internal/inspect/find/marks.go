package find

// Marks finds short strings in bytes, all of them in one pass.
type Marks struct {
	marks                []string
	first, second, third [256]uint64 // a bit for each mark that has the byte there
}

// NewMarks takes at most 64 strings of two bytes or more; more, or shorter ones, are none of them.
func NewMarks(marks []string) *Marks {
	m := &Marks{marks: marks[:min(len(marks), 64)]}
	for i, mark := range m.marks {
		if len(mark) < 2 {
			continue
		}
		m.first[mark[0]] |= 1 << i
		m.second[mark[1]] |= 1 << i
		for c := range 256 {
			if len(mark) == 2 || mark[2] == byte(c) {
				m.third[c] |= 1 << i
			}
		}
	}
	return m
}

// Each visits each place where a mark stands, in order, until visit says that it is enough.
func (m *Marks) Each(b []byte, visit func(at, mark int) (enough bool)) {
	for at := 0; at+1 < len(b); at++ {
		some := m.first[b[at]] & m.second[b[at+1]]
		if some == 0 {
			continue
		}
		if at+2 < len(b) {
			some &= m.third[b[at+2]]
		}
		for mark := 0; some != 0; mark, some = mark+1, some>>1 {
			if end := at + len(m.marks[mark]); some&1 != 0 && end <= len(b) && string(b[at:end]) == m.marks[mark] && visit(at, mark) {
				return
			}
		}
	}
}
