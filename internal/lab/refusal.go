package lab

import (
	"strings"

	"narthex"
)

// objection is the clause on the grounds of a refusal or of an objection to what was granted, and on mediation.
const objection narthex.ClauseName = "objection-and-mediation"

// RefusalsOf gives what a pathway asks of a refusal, nil where it has no such clause. What does not read leaves no ground at all.
func (d *Directory) RefusalsOf(p narthex.Pathway) *narthex.RefusalRule {
	grounds, has := d.value(p, objection, "grounds")
	if !has {
		return nil
	}
	alternative, _ := d.value(p, objection, "alternative")
	days, _ := d.value(p, objection, "mediation_days")
	rule := &narthex.RefusalRule{Alternative: alternative != "no"}
	if n, ok := whole(days); ok && grounds != "" {
		rule.Grounds, rule.MediationDays = strings.Split(grounds, ", "), int(n)
		rule.ObjectionDays, rule.MediationLasts = d.daysOf(p, "objection_days"), d.daysOf(p, "mediation_lasts")
	}
	return rule
}

// daysOf gives the days of a parameter of the clause; 0, which is never, where it has none or it does not read.
func (d *Directory) daysOf(p narthex.Pathway, name string) int {
	value, _ := d.value(p, objection, name)
	if n, ok := whole(value); ok {
		return int(n)
	}
	return 0
}
