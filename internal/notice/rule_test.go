package notice_test

import (
	"slices"
	"strings"
	"testing"

	"narthex"
	"narthex/internal/airlock"
	"narthex/internal/notice"
)

// rulings is everything that is done with a standing rule and changes it, in each way.
func rulings() []notice.Ruling {
	open := narthex.Rule{ID: "rul_1", State: narthex.RuleInForce, Open: []narthex.SecondLook{{Release: "rel_1"}}}
	all := []notice.Ruling{{Rule: narthex.Rule{State: narthex.RuleProposed}}, {Act: airlock.Use, Before: narthex.Rule{State: narthex.RuleInForce}, Rule: open, Release: "rel_1"}}
	for _, act := range []airlock.RuleAct{airlock.Approve, airlock.Refuse, airlock.End, airlock.Use, airlock.Look, airlock.Late} {
		for _, state := range []narthex.RuleState{narthex.RuleProposed, narthex.RuleInForce, narthex.RuleEnded} {
			all = append(all, notice.Ruling{Act: act, Before: open, Rule: narthex.Rule{ID: "rul_1", State: state}, Release: "rel_1"})
		}
	}
	return all
}

// TestWhoIsToldOfARule: nobody what one person said of it, and of what was drawn nobody who has a part in what leaves.
func TestWhoIsToldOfARule(t *testing.T) {
	insider := func(name string, roles ...narthex.Role) narthex.Person {
		return narthex.Person{ID: narthex.PersonID(name), Handle: name, State: narthex.PersonActive, Roles: roles}
	}
	e := narthex.Engagement{ID: "eng_x", Round: 1, State: narthex.Active, Sponsor: "paul", Authors: []narthex.PersonID{"ada", "pat", "eve"}, Application: narthex.Application{Applicant: "ada", Members: []narthex.PersonID{"eve"}, Org: "x"}}
	people := []narthex.Person{{ID: "ada", Org: "x", State: narthex.PersonActive}, {ID: "eve", Org: "x", State: narthex.PersonActive}, insider("olga", narthex.AssetOwner), insider("oscar", narthex.AssetOwner), insider("sam", narthex.Security), insider("sue", narthex.Security),
		insider("paul", narthex.Sponsor, narthex.Security), insider("pat", narthex.Programme, narthex.Security), insider("carol", narthex.Programme), insider("lea", narthex.Auditor)}
	drawn := []narthex.SecondLook{{Release: "rel_1"}}
	for name, row := range map[string]struct {
		act    airlock.RuleAct
		by     narthex.PersonID
		before narthex.Rule
		after  narthex.Rule
		want   string
	}{
		"asked for":     {"", "ada", narthex.Rule{}, narthex.Rule{State: narthex.RuleProposed}, "olga rule_asked, sam rule_asked, sue rule_asked"},
		"approved once": {airlock.Approve, "olga", narthex.Rule{}, narthex.Rule{State: narthex.RuleProposed}, ""},
		"in force":      {airlock.Approve, "olga", narthex.Rule{}, narthex.Rule{State: narthex.RuleInForce}, "ada rule_decided"},
		"refused":       {airlock.Refuse, "olga", narthex.Rule{}, narthex.Rule{State: narthex.RuleRefused}, "ada rule_decided"},
		"used":          {airlock.Use, "", narthex.Rule{}, narthex.Rule{State: narthex.RuleInForce}, ""},
		"drawn":         {airlock.Use, "", narthex.Rule{}, narthex.Rule{State: narthex.RuleInForce, Open: drawn}, "sam look_asked, sue look_asked"},
		"fine":          {airlock.Look, "sam", narthex.Rule{State: narthex.RuleInForce, Open: drawn}, narthex.Rule{State: narthex.RuleInForce}, ""},
		"not fine":      {airlock.Look, "sam", narthex.Rule{State: narthex.RuleInForce, Open: drawn}, narthex.Rule{State: narthex.RuleEnded}, "ada rule_ended, carol look_unfit, olga look_unfit, sue look_unfit"},
		"late":          {airlock.Late, "", narthex.Rule{Open: drawn}, narthex.Rule{Open: drawn}, "carol look_late, sam look_late, sue look_late"},
		"ended":         {airlock.End, "", narthex.Rule{}, narthex.Rule{State: narthex.RuleEnded}, "ada rule_ended, carol rule_ended"},
	} {
		row.after.By, row.after.Looks, row.after.StandsIn = "ada", "sam", "sue"
		l := notice.Ruling{Act: row.act, By: row.by, Before: row.before, Rule: row.after, Engagement: e}
		var all []string
		for _, tell := range l.Tells() {
			for _, p := range people {
				if l.Concerns(tell.To, p, p.ID == "olga") {
					all = append(all, string(p.ID)+" "+string(tell.Kind))
				}
			}
		}
		slices.Sort(all)
		if got := strings.Join(all, ", "); got != row.want {
			t.Errorf("%s: is told %q, and should be %q", name, got, row.want)
		}
	}
}
