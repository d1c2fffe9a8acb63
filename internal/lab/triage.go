package lab

import (
	"slices"
	"strings"
	"unicode/utf8"

	"narthex"
)

// mostTriage bounds the rules of a pathway.
const mostTriage = 32

// checkTriage holds a pathway's rules to conditions that can be told, and to what a rule may do.
func (l *loader) checkTriage(file string, p narthex.Pathway) {
	if len(p.Triage) > mostTriage {
		l.at(file, []string{"triage"}, "a pathway has at most %d rules", mostTriage)
	}
	asked := []narthex.Role{}
	for _, rule := range p.Reviews {
		asked = append(asked, rule.Role)
	}
	for _, rule := range p.Triage {
		asked = append(asked, rule.Then.Route)
	}
	for i, rule := range p.Triage {
		path := []string{"triage", itoa(i)}
		twice := slices.ContainsFunc(p.Triage[:i], func(b narthex.TriageRule) bool { return b.Name == rule.Name })
		if narthex.CheckName("a rule", rule.Name) != nil || twice {
			l.at(file, append(slices.Clone(path), "name"), "a rule has a canonical name that stands once")
		}
		l.checkTriageWhen(file, append(slices.Clone(path), "when"), p, rule.When)
		l.checkTriageThen(file, append(slices.Clone(path), "then"), asked, rule.Then)
	}
}

func (l *loader) checkTriageWhen(file string, path []string, p narthex.Pathway, w narthex.TriageWhen) {
	if w.Standard == nil && w.Authorised == nil && w.KnownOrg == nil && w.HorizonHeld == nil && w.DaysAtMost == 0 && w.DaysAbove == 0 && len(w.Answers) == 0 && len(w.NoAnswers) == 0 && w.Amendment == "" {
		l.at(file, path, "a rule states a condition, or it would never hold")
	}
	if w.DaysAtMost < 0 || w.DaysAbove < 0 {
		l.at(file, path, "days_at_most and days_above are above zero")
	}
	if w.Amendment != "" && !slices.Contains(narthex.Amendments(), w.Amendment) {
		l.at(file, append(slices.Clone(path), "amendment"), "an amendment is one of %v", narthex.Amendments())
	}
	for field, answers := range map[string]map[string][]string{"answers": w.Answers, "no_answers": w.NoAnswers} {
		for question, list := range answers {
			at := slices.IndexFunc(p.Questions, func(q narthex.Question) bool { return q.Name == question })
			if at < 0 || len(list) == 0 || slices.ContainsFunc(list, func(is string) bool { return !slices.Contains(p.Questions[at].Choices, is) }) {
				l.at(file, append(slices.Clone(path), field, question), "a condition on answers names a question with choices, and choices of it")
			}
		}
	}
}

func (l *loader) checkTriageThen(file string, path []string, asked []narthex.Role, then narthex.TriageThen) {
	does := 0
	for _, is := range []bool{then.Flag != "", then.Route != "", then.Assign != ""} {
		if is {
			does++
		}
	}
	if does != 1 {
		l.at(file, path, "a rule does one of flag, route and assign; none approves, for only people give access")
	}
	if strings.Contains(then.Flag, "\n") || utf8.RuneCountInString(then.Flag) > 500 {
		l.at(file, append(slices.Clone(path), "flag"), "a flag is one line of at most 500 characters")
	}
	holds := func(role narthex.Role, handle string) bool {
		for _, p := range l.d.People {
			if slices.Contains(p.Roles, role) && (handle == "" || p.Handle == handle) {
				return true
			}
		}
		return false
	}
	if then.Route != "" && !holds(then.Route, "") {
		l.at(file, append(slices.Clone(path), "route"), "nobody of lab.yaml has the role %q, so it could never approve", then.Route)
	}
	if then.Assign != "" && (!holds(then.As, then.Assign) || !slices.Contains(asked, then.As)) {
		l.at(file, append(slices.Clone(path), "assign"), "a review is given to a handle of lab.yaml, as a role that they hold and that the pathway asks")
	}
	if then.As != "" && then.Assign == "" {
		l.at(file, append(slices.Clone(path), "as"), "as goes with assign")
	}
}
