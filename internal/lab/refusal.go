package lab

import (
	"strings"

	"narthex"
)

// objection is the clause on the grounds of a refusal and on its mediation.
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
	}
	return rule
}
