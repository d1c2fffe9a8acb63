package lab

import (
	"slices"
	"strings"
	"unicode/utf8"

	"narthex"
)

// checkTimes holds a pathway's own clocks to each other. What an applicant may count on is business days by the lab's calendar.
func (l *loader) checkTimes(file string, p narthex.Pathway) {
	if p.ExpectedDays < 1 || p.ExpectedDays > p.ReviewDays {
		l.at(file, []string{"expected_days"}, "expected_days, the business days that it usually takes, is from 1 to review_days, which is %d", p.ReviewDays)
	}
	if p.LeastDays < 0 || p.LeastDays > 250 {
		l.at(file, []string{"least_grant_days"}, "least_grant_days, in business days, is from 0 to 250")
		return
	}
	if longest := l.d.LeastDays(p); p.GrantDays < longest {
		l.at(file, []string{"grant_days"}, "grant_days is %d, and least_grant_days of %d business days can take %d days by this lab's calendar", p.GrantDays, p.LeastDays, longest)
	}
}

// checkEscalation holds a pathway to someone who can be told that a review is late and can do something about it.
func (l *loader) checkEscalation(file string, p narthex.Pathway) {
	if slices.Contains(narthex.Escalations(), narthex.Role(p.EscalateTo)) {
		return
	}
	named, known := l.d.Person(p.EscalateTo)
	if !known || !slices.ContainsFunc(named.Roles, func(r narthex.Role) bool { return slices.Contains(narthex.Escalations(), r) }) {
		l.at(file, []string{"escalate_to"}, "escalate_to is whom a late review is brought before: the handle of someone of lab.yaml with one of the roles %v, or one of these roles; left out it is programme", narthex.Escalations())
	}
}

// LeastDays gives the fewest days that a grant of the pathway may last: so many that its business days lie inside, whenever it
// begins. It is 0 where the pathway states none.
func (d *Directory) LeastDays(p narthex.Pathway) int {
	if p.LeastDays < 1 {
		return 0
	}
	return d.Calendar.Longest(p.LeastDays)
}

// checkQuestions holds a form to questions that can be asked: each once, and each condition on an earlier one.
func (l *loader) checkQuestions(file string, p narthex.Pathway) {
	for i, q := range p.Questions {
		path := []string{"questions", itoa(i)}
		before := p.Questions[:i]
		twice := slices.ContainsFunc(before, func(b narthex.Question) bool { return b.Name == q.Name })
		if narthex.CheckName("a question", q.Name) != nil || twice || q.Ask == "" || q.MaxChars < 1 || q.MaxChars > 20000 {
			l.at(file, path, "a question has a canonical name that stands once, its text, and max_chars from 1 to 20000")
		}
		for j, choice := range q.Choices {
			if choice == "" || slices.Contains(q.Choices[:j], choice) || utf8.RuneCountInString(choice) > q.MaxChars {
				l.at(file, append(slices.Clone(path), "choices", itoa(j)), "a choice of %s is a text that stands once and fits into max_chars", q.Name)
			}
		}
		if q.When != nil {
			l.checkWhen(file, append(path, "when"), before, q)
		}
	}
}

func (l *loader) checkWhen(file string, path []string, before []narthex.Question, q narthex.Question) {
	at := slices.IndexFunc(before, func(b narthex.Question) bool { return b.Name == q.When.Question })
	if at < 0 {
		l.at(file, append(slices.Clone(path), "question"), "%s is asked when an earlier question is answered so, and no question %q stands before it", q.Name, q.When.Question)
		return
	}
	if len(q.When.Is) == 0 {
		l.at(file, path, "the condition of %s names no answer, so it would never be asked", q.Name)
	}
	for i, is := range q.When.Is {
		if !slices.Contains(before[at].Choices, is) || slices.Contains(q.When.Is[:i], is) {
			l.at(file, append(slices.Clone(path), "is", itoa(i)), "%q is no choice of the question %s, or stands here twice", is, q.When.Question)
		}
	}
}

// checkLater holds what is to come to attributes that have no door yet: another is offered, or it is not.
func (l *loader) checkLater(file string, p narthex.Pathway) {
	for i, later := range p.Later {
		path := []string{"later", itoa(i)}
		_, known := l.d.Taxonomy.Attribute(later.Attribute)
		switch {
		case !known:
			l.at(file, append(path, "attribute"), "attribute %q is unknown", later.Attribute)
		case meters(later.Attribute) != nil:
			l.at(file, append(path, "attribute"), "a door enforces %s; offer it, or leave it out", later.Attribute)
		case slices.ContainsFunc(p.Later[:i], func(b narthex.Later) bool { return b.Attribute == later.Attribute }):
			l.at(file, append(path, "attribute"), "%s stands under later already", later.Attribute)
		}
		if strings.TrimSpace(later.Says) == "" || strings.Contains(later.Says, "\n") || utf8.RuneCountInString(later.Says) > 200 {
			l.at(file, append(path, "says"), "what is to come says in one line of at most 200 characters what it will be for, or what it waits for")
		}
	}
}
