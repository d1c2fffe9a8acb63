package lab

import (
	"maps"
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
		l.checkTriageApprove(file, append(slices.Clone(path), "then", "approve"), p, rule)
	}
	l.checkPeopleLeft(file, p)
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
	for _, is := range []bool{then.Flag != "", then.Route != "", then.Assign != "", then.Approve != ""} {
		if is {
			does++
		}
	}
	if does != 1 {
		l.at(file, path, "a rule does one of flag, route, assign and approve")
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

// checkTriageApprove holds a rule that stands in for an approval to what is usual, and to a role that nothing of a size, an owner or money
// asks for.
func (l *loader) checkTriageApprove(file string, path []string, p narthex.Pathway, rule narthex.TriageRule) {
	as := rule.Then.Approve
	if as == "" {
		return
	}
	if !rule.Approves() {
		l.at(file, path, "a rule that approves states standard: true and horizon_held: true")
	}
	if !slices.ContainsFunc(p.Reviews, func(r narthex.ReviewRule) bool { return r.Role == as }) {
		l.at(file, path, "a rule stands in for a role of the pathway's own reviews, and %q is none", as)
	}
	if as == narthex.AssetOwner {
		l.at(file, path, "an asset's owner approves themselves")
	}
	if slices.ContainsFunc(p.Triage, func(r narthex.TriageRule) bool { return r.Then.Route == as }) {
		l.at(file, path, "another rule asks for the approval of %s, so none stands in for it", as)
	}
	if money := l.amounts(p); as == narthex.Legal && len(money) > 0 {
		l.at(file, path, "legal approves itself where the agreement states an amount of money: %s", strings.Join(money, ", "))
	}
}

// amounts lists the clauses of a pathway whose values are amounts of money, by name and parameter.
func (l *loader) amounts(p narthex.Pathway) []string {
	var found []string
	for _, use := range p.Clauses {
		parameters := l.d.Clauses[use.Clause].Parameters
		for _, name := range slices.Sorted(maps.Keys(parameters)) {
			if value, _ := l.d.value(p, use.Clause, name); parameters[name].Kind == "money" && !slices.Contains(parameters[name].Choices, value) {
				found = append(found, string(use.Clause)+" "+name)
			}
		}
	}
	return found
}

// checkPeopleLeft holds a pathway to the people whom all its rules together leave to approve: two, and more where an attribute asks it.
func (l *loader) checkPeopleLeft(file string, p narthex.Pathway) {
	approved := func(role narthex.Role) bool {
		return slices.ContainsFunc(p.Triage, func(r narthex.TriageRule) bool { return r.Then.Approve == role })
	}
	if !slices.ContainsFunc(p.Triage, func(r narthex.TriageRule) bool { return r.Then.Approve != "" }) {
		return
	}
	people, needed := 0, narthex.Attribute{}.Quorum()
	for _, rule := range p.Reviews {
		if !approved(rule.Role) {
			people += rule.Quorum
		}
	}
	for _, offer := range p.Offers {
		attribute, _ := l.d.Taxonomy.Attribute(offer.Attribute)
		needed = max(needed, attribute.Quorum())
	}
	if people < needed {
		l.at(file, []string{"triage"}, "its rules could leave the approvals of %d people, and it takes %d of roles that no rule stands in for", people, needed)
	}
}
