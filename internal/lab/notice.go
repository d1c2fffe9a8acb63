package lab

import (
	"strings"

	"narthex"
)

// protected lists the notices that the law gives to whoever signs, and that no directory leaves out: what may always be told to
// an authority, and the three laws that protect who tells it.
func protected() []narthex.ClauseName {
	return []narthex.ClauseName{"whistleblower-notices", "notice-dtsa", "notice-sb-53", "notice-eu-2019-1937"}
}

// checkNotices holds a directory to those notices as they ship: a lab may add to their text, in its language for instance, and
// take nothing away.
func (l *loader) checkNotices() {
	for _, name := range protected() {
		file := "clauses/" + string(name) + ".md"
		clause, has := l.d.Clauses[name]
		if !has {
			if _, stands := l.files[file]; !stands {
				l.add(Problem{File: file, Line: 1, Column: 1, Message: "this notice stands in every agreement, and no lab directory leaves it out; `narthex init DIR` writes it"})
			}
			continue
		}
		shipped, err := template.ReadFile("template/" + file)
		_, text, found := strings.Cut(string(shipped), "\n---\n")
		switch {
		case err != nil || !found:
			l.at(file, nil, "the notice as it ships could not be read")
		case !clause.Notice || len(clause.Parameters) > 0:
			l.at(file, []string{"notice"}, "this clause is a notice without parameters: notice: true")
		case !strings.Contains(clause.Text, strings.TrimSpace(text)):
			l.at(file, nil, "the notice has not its whole text any more; add to it where you must, and take nothing away: `narthex init DIR` writes it as it was")
		}
	}
}
