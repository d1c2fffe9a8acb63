package workflow

import (
	"errors"
	"slices"

	"narthex"
)

// TriageFacts is what a pathway's rules look at. The zero value is the careful one: nothing is standard, known or held.
type TriageFacts struct {
	Standard, Authorised, KnownOrg, HorizonHeld bool
	Days                                        int
	Answers                                     map[string]string
	Amendment                                   narthex.Amendment
}

// TriageOf gives the rules that hold, in their order.
func TriageOf(rules []narthex.TriageRule, f TriageFacts) []narthex.TriageRule {
	var holding []narthex.TriageRule
	for _, rule := range rules {
		if holds(rule.When, f) && (rule.Then.Approve == "" || rule.Approves()) {
			holding = append(holding, rule)
		}
	}
	return holding
}

func holds(w narthex.TriageWhen, f TriageFacts) bool {
	stated, all := 0, true
	take := func(is, ok bool) {
		if is {
			stated, all = stated+1, all && ok
		}
	}
	for _, c := range []struct {
		want *bool
		is   bool
	}{{w.Standard, f.Standard}, {w.Authorised, f.Authorised}, {w.KnownOrg, f.KnownOrg}, {w.HorizonHeld, f.HorizonHeld}} {
		take(c.want != nil, c.want != nil && *c.want == c.is)
	}
	take(w.DaysAtMost > 0, f.Days <= w.DaysAtMost)
	take(w.DaysAbove > 0, f.Days > w.DaysAbove)
	take(len(w.Answers) > 0, answered(w.Answers, f.Answers))
	take(len(w.NoAnswers) > 0, !answered(w.NoAnswers, f.Answers))
	take(w.Amendment != "", w.Amendment == f.Amendment)
	return stated > 0 && all
}

func answered(any map[string][]string, answers map[string]string) bool {
	for question, list := range any {
		if slices.Contains(list, answers[question]) {
			return true
		}
	}
	return false
}

// triage takes in what a rule did: it flags, cites the role that it added, gives the review to someone, or stands in for one role's
// approval of this very text. It casts no vote.
func triage(e *narthex.Engagement, event Event) error {
	t := event.Triaged
	if t == nil || t.Rule == "" || t.Directory == "" || t.Directory != e.Application.Directory || !t.At.Equal(event.At) ||
		slices.ContainsFunc(e.Triage, func(other narthex.Triaged) bool { return other.Rule == t.Rule }) {
		return errors.New("it cites no rule of the application's directory, or one that was applied already")
	}
	did := 0
	for _, is := range []bool{t.Flag != "", t.Route != "", t.Assign != "", t.Approve != ""} {
		if is {
			did++
		}
	}
	if did != 1 || (t.As != "") != (t.Assign != "") || t.Route != "" && !asks(e.Application, t.Route) {
		return errors.New("it does nothing, more than one thing, or adds a role that is not asked")
	}
	if (t.Approve != "") != (t.Saw != "") || t.Approve != "" && (t.Saw != e.Digest || !RuleMayApprove(*e, t.Approve)) {
		return errors.New("it approves another text, for a role that a rule cannot stand in for, or leaves fewer than two people")
	}
	if t.Assign != "" {
		if !mayHold(e, t.Assign, t.As) {
			return errors.New("it gives the review to someone who cannot have it")
		}
		e.Claims = append(slices.Clone(e.Claims), narthex.Claim{By: t.Assign, As: t.As, At: event.At})
	}
	e.Triage = append(slices.Clone(e.Triage), *t)
	return nil
}

// mayHold says whether a claim of that person in that role can be added, as far as the engagement tells.
func mayHold(e *narthex.Engagement, id narthex.PersonID, as narthex.Role) bool {
	return id != "" && !slices.Contains(e.Authors, id) && asks(e.Application, as) && claimOf(*e, id) == nil && !full(*e, as)
}

// MayBeGiven says whether a review can be given to a person in a role now; owns says that they own an asset among the terms.
func MayBeGiven(e narthex.Engagement, p narthex.Person, as narthex.Role, owns bool) bool {
	return p.State == narthex.PersonActive && mayReview(e, p) && p.Has(as) && (as != narthex.AssetOwner || owns) && mayHold(&e, p.ID, as)
}

// RuleMayApprove says whether a rule may stand in for a role's approval: it must approve and no rule stands in for it yet, an owner
// decides on what is theirs themselves, and two people at least of other roles still approve.
func RuleMayApprove(e narthex.Engagement, as narthex.Role) bool {
	if as == narthex.AssetOwner || !asks(e.Application, as) || ruled(e, as) {
		return false
	}
	people := 0
	for role, needed := range seats(e) {
		if role != as && !ruled(e, role) {
			people += needed
		}
	}
	return people >= leastPeople
}

// leastPeople is how many people approve anything at all, whatever rules do.
const leastPeople = 2

// ruled says whether a rule stands in for a role's approval of the text as it stands.
func ruled(e narthex.Engagement, as narthex.Role) bool {
	return as != "" && slices.ContainsFunc(e.Triage, func(t narthex.Triaged) bool { return t.Approve == as && t.Saw == e.Digest })
}
